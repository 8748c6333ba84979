//! `cargo xtask faults`: a real peer of whom one file call fails, or all from then on; each call in turn, by strace.
//! It may refuse, and says why. What it acknowledged is there, what it says was not saved is not, and it goes on when
//! the disk does.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::peers::{self, Peer};

/// The calls that a file is read and written by, and what the system may answer.
const CALLS: [(&str, &[&str]); 12] = [
    ("openat", &["EIO", "EMFILE"]),
    ("read", &["EIO"]),
    ("pread64", &["EIO"]),
    ("write", &["EIO", "ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO"]),
    ("fsync", &["EIO"]),
    ("ftruncate", &["EIO"]),
    ("mkdir", &["EIO", "ENOSPC"]),
    ("rename", &["EIO", "ENOSPC"]),
    ("unlink", &["EIO"]),
    ("flock", &["EIO"]),
];
/// How long a peer may take until it goes on, once its disk does.
const GOES_ON_WITHIN: Duration = Duration::from_secs(40);
/// How long a peer may take to end when it is told to.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// Lines that are there before: more than what stays in a tail, so that there is a block, too.
const LINES_BEFORE: usize = 12_000;

/// Options of `cargo xtask faults`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only each so-manieth of all faults
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// The first of them; with --every 1000000 the only one
    #[arg(long, default_value_t = 0)]
    from: usize,
    /// Fail where strace cannot be used, instead of leaving it out
    #[arg(long)]
    must: bool,
}

/// A call that fails.
#[derive(Clone, Debug)]
struct Fault {
    call: &'static str,
    error: &'static str,
    /// Which one of each thread's calls, from 1 on.
    nth: usize,
    /// Whether all later ones fail as well.
    lasting: bool,
}

impl Fault {
    fn injection(&self) -> String {
        let Self {
            call,
            error,
            nth,
            lasting,
        } = self;
        let on = if *lasting { "+" } else { "" };
        format!("inject={call}:error={error}:when={nth}{on}")
    }
}

/// Where all happens: a folder as it is before, and the folder in which calls fail, which is always the same one.
struct Stage {
    program: PathBuf,
    before: PathBuf,
    data: PathBuf,
    scratch: PathBuf,
    room: String,
}

/// What runs of a kind amount to.
#[derive(Default)]
struct Counts {
    faults: usize,
    acknowledged: usize,
    refused: usize,
    not_started: usize,
}

/// What became of each text.
#[derive(Default)]
struct Said {
    acknowledged: BTreeSet<String>,
    /// With a word that it was not saved.
    not_saved: BTreeSet<String>,
    /// Why what was neither was not taken.
    refusals: Vec<String>,
}

/// Tries each fault.
pub(crate) fn run(args: &Args) -> Result<()> {
    if let Err(why) = traceable() {
        ensure!(!args.must, "calls cannot be made to fail here: {why:#}");
        println!("faults: left out, since calls cannot be made to fail here: {why:#}");
        return Ok(());
    }
    let scratch = tempfile::tempdir()?;
    let stage = Stage::new(scratch.path())?;
    let (files, calls) = stage.observe()?;
    let faults = all(&calls);
    let began = Instant::now();
    let mut counts = Counts::default();
    for (no, fault) in faults
        .iter()
        .enumerate()
        .skip(args.from)
        .step_by(usize::try_from(args.every)?)
    {
        one(&stage, &files, fault, &mut counts)
            .with_context(|| format!("fault {no}: {}", fault.injection()))?;
    }
    println!(
        "faults: {} of {} ways in which a file call fails, once or for good: {} messages acknowledged, none lost; {} refused; {} did \
         not start; in {:.0} s",
        counts.faults,
        faults.len(),
        counts.acknowledged,
        counts.refused,
        counts.not_started,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn traceable() -> Result<()> {
    let ran = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=fsync:error=EIO:when=1",
            "true",
        ])
        .output()
        .context("strace cannot be run")?;
    let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    ensure!(ran.status.success(), "{said}");
    Ok(())
}

/// The faults that these calls can have, where `calls` has how often a thread makes each of them at most.
fn all(calls: &BTreeMap<&'static str, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (call, errors) in CALLS {
        for nth in 1..=calls.get(call).copied().unwrap_or(0) {
            for error in errors {
                faults.extend([false, true].map(|lasting| Fault {
                    call,
                    error,
                    nth,
                    lasting,
                }));
            }
        }
    }
    faults
}

impl Stage {
    fn new(scratch: &Path) -> Result<Self> {
        let program = peers::build()?;
        let before = Peer::new(&program, scratch.join("before"));
        let rooms = before.json(&["new", "faults"])?;
        let room = rooms.first().and_then(|room| room["room"].as_str());
        let room = room.context("no room was made")?.to_owned();
        let lines = scratch.join("2026-11-30.txt");
        let text: String = (0..LINES_BEFORE)
            .map(|n| {
                format!(
                    "[12:{:02}] <ann> a line of many, the {n}th, {:x}\n",
                    n % 60,
                    n * n
                )
            })
            .collect();
        fs::write(&lines, text)?;
        let lines = lines.to_str().context("a temporary folder has a readable name")?;
        before.run(&["import", &room, "--format", "irc", lines])?;
        before.run(&["send", &room, "before"])?;
        Ok(Self {
            program,
            before: before.data.clone(),
            data: scratch.join("data"),
            scratch: scratch.to_owned(),
            room,
        })
    }

    /// The peer as it is before, in the folder where calls fail.
    fn peer(&self) -> Result<Peer> {
        if self.data.exists() {
            fs::remove_dir_all(&self.data)?;
        }
        copy(&self.before, &self.data)?;
        Ok(Peer::new(&self.program, self.data.clone()))
    }

    fn trace(&self) -> PathBuf {
        self.scratch.join("trace")
    }

    fn complaints(&self) -> PathBuf {
        self.scratch.join("complaints")
    }

    /// Serves below strace with these arguments. The peer is our own child, and strace its.
    fn serve(&self, peer: &mut Peer, strace: &[OsString]) -> Result<()> {
        let mut command = Command::new("strace");
        command
            .args(["-D", "-f", "-qq", "--seccomp-bpf", "-o"])
            .arg(self.trace())
            .args(strace)
            .arg(&self.program)
            .arg("--data")
            .arg(&self.data)
            .args([
                "serve",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--no-discovery",
                "--quiet",
            ])
            .stderr(Stdio::from(fs::File::create(self.complaints())?))
            .env_remove("TAILCHAT_LISTEN")
            .env_remove("TAILCHAT_DATA");
        peer.serve_by(command)
    }

    /// The files below the folder that are touched when nothing fails, and how often one thread makes each call on them
    /// at most.
    fn observe(&self) -> Result<(BTreeSet<String>, BTreeMap<&'static str, usize>)> {
        let names: Vec<_> = CALLS.iter().map(|(call, _)| *call).collect();
        let mut peer = self.peer()?;
        let watch = [
            "-y".into(),
            "-e".into(),
            format!("trace={}", names.join(",")).into(),
        ];
        self.serve(&mut peer, &watch)?;
        use_it(&peer, &self.room, &mut Said::default());
        peer.stop()?;
        let data = self
            .data
            .to_str()
            .context("a temporary folder has a readable name")?;
        let trace = fs::read_to_string(self.trace())?;
        let (mut files, mut calls) = (BTreeSet::new(), BTreeMap::<(&str, &str), usize>::new());
        for line in trace.lines() {
            let (Some((pid, call)), Some(at)) = (line.split_once(' '), line.find(data)) else {
                continue;
            };
            let (name, _) = call.trim_start().split_once('(').unwrap_or_default();
            let path = line.get(at..).unwrap_or_default();
            let path = path.split(['"', '>', ')']).next().unwrap_or_default();
            files.insert(path.to_owned());
            *calls.entry((name, pid)).or_default() += 1;
        }
        let most = names.into_iter().map(|call| {
            let times = calls.iter().filter(|((name, _), _)| *name == call);
            (call, times.map(|(_, times)| *times).max().unwrap_or(0))
        });
        Ok((files, most.collect()))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(copied.success(), "{} cannot be copied", from.display());
    Ok(())
}

/// A conversation that touches all kinds of files.
fn use_it(peer: &Peer, room: &str, said: &mut Said) {
    for text in ["one", "two"] {
        said.send(peer, room, text);
    }
    // They may fail; what counts is that nothing is lost by it.
    let _ = peer.run(&["name", "ann"]);
    let _ = peer.run(&["mute", room]);
    let _ = peer.run(&["topic", room, "faults"]);
    said.send(peer, room, "three");
}

impl Said {
    fn send(&mut self, peer: &Peer, room: &str, text: &str) -> bool {
        let sent = peer.run(&["send", room, text]);
        match &sent {
            Ok(_) => drop(self.acknowledged.insert(text.to_owned())),
            Err(why) => {
                let why = why.to_string();
                if why.contains("nothing was saved") {
                    self.not_saved.insert(text.to_owned());
                }
                self.refusals.push(why);
            }
        }
        sent.is_ok()
    }
}

fn one(stage: &Stage, files: &BTreeSet<String>, fault: &Fault, counts: &mut Counts) -> Result<()> {
    let mut peer = stage.peer()?;
    let mut strace: Vec<OsString> = files.iter().flat_map(|file| ["-P".into(), file.into()]).collect();
    strace.extend(["-e".into(), format!("trace={}", fault.call).into()]);
    strace.extend(["-e".into(), fault.injection().into()]);
    let mut said = Said::default();
    let started = stage.serve(&mut peer, &strace).is_ok();
    if started {
        use_it(&peer, &stage.room, &mut said);
        if !fault.lasting {
            goes_on(&peer, &stage.room, &mut said)?;
        }
        match texts(&peer, &stage.room).and_then(|shown| said.agrees(&shown)) {
            Err(why) if fault.lasting => says_so(&peer, &why)?,
            agrees => agrees?,
        }
    }
    ends(stage, &mut peer, started)?;
    // The disk works again.
    peer.serve_elsewhere().context("does not start again")?;
    said.agrees(&texts(&peer, &stage.room)?)?;
    ensure!(said.send(&peer, &stage.room, "after"), "takes nothing more");
    peer.stop()?;
    peer.run(&["check", &stage.room]).context("is damaged")?;
    said.agrees(&texts(&peer, &stage.room)?)?;
    counts.faults += 1;
    counts.acknowledged += said.acknowledged.len();
    counts.refused += said.refusals.len();
    counts.not_started += usize::from(!started);
    Ok(())
}

/// After a call that failed once, it takes messages again.
fn goes_on(peer: &Peer, room: &str, said: &mut Said) -> Result<()> {
    let began = Instant::now();
    for text in (0..).map(|n| format!("again {n}")) {
        if said.send(peer, room, &text) {
            break;
        }
        ensure!(
            began.elapsed() < GOES_ON_WITHIN,
            "does not go on: {:?}",
            said.refusals.last()
        );
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Where not all can be read that should be there, that is told.
fn says_so(peer: &Peer, why: &anyhow::Error) -> Result<()> {
    let doctor = peer.command(&["doctor"]).stdin(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&doctor.stdout);
    ensure!(!doctor.status.success(), "{why:#}, and all is well: {told}");
    Ok(())
}

fn texts(peer: &Peer, room: &str) -> Result<Vec<String>> {
    let last = (3 * CALLS.len()).to_string();
    let lines = peer.json(&["log", room, "--last", &last])?;
    let texts = lines.iter().filter_map(|line| line["text"].as_str());
    Ok(texts.map(ToOwned::to_owned).collect())
}

impl Said {
    /// What is there is what was said to be.
    fn agrees(&self, there: &[String]) -> Result<()> {
        for text in self.acknowledged.iter().map(String::as_str).chain(["before"]) {
            let times = there.iter().filter(|other| *other == text).count();
            ensure!(
                times == 1,
                "\"{text}\", which was acknowledged, is there {times} times"
            );
        }
        let wrong = self.not_saved.iter().find(|text| there.contains(*text));
        ensure!(
            wrong.is_none(),
            "{wrong:?} was said not to be saved, and is there"
        );
        Ok(())
    }
}

/// It ends when it is told to, by itself, without a panic, and with a reason if it did not start.
fn ends(stage: &Stage, peer: &mut Peer, started: bool) -> Result<()> {
    let mut process = peer.take_process()?;
    let told = Command::new("kill")
        .args(["-TERM", &process.id().to_string()])
        .status()?;
    ensure!(
        !started || told.success(),
        "it was gone before it was told to end"
    );
    let began = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if began.elapsed() > ENDS_WITHIN {
            process.kill()?;
            process.wait()?;
            anyhow::bail!("does not end");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let complaints = fs::read_to_string(stage.complaints())?;
    ensure!(
        !complaints.contains("panicked") && (status.signal().is_none() || status.signal() == Some(15)),
        "it ended with {status}: {complaints}"
    );
    ensure!(
        started || !complaints.trim().is_empty(),
        "it does not start, and does not say why"
    );
    Ok(())
}
