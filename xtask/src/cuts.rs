//! `cargo xtask cuts`: a real peer on a real file system that loses its power at any moment. What was acknowledged must
//! be there when the file system is mounted again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::peers::{self, Peer};

/// Bytes of an image: the least in which xfs can be made.
const IMAGE_LEN: u64 = 320 << 20;
/// Messages that are under way at a time.
const WRITERS: usize = 2;

/// Options of `cargo xtask cuts`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// File systems
    #[arg(default_values = ["ext4", "xfs"], value_parser = ["ext4", "xfs"])]
    on: Vec<String>,
    /// How many cuts on each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// When the power goes follows from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Fail where no file system can be made, instead of leaving it out
    #[arg(long)]
    must: bool,
    /// We are where mounts are nobody else's
    #[arg(long, hide = true)]
    inside: bool,
}

/// An image with a file system, mounted; its power can be cut. Unmounted when dropped.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

fn ran(program: &str, args: &[&str]) -> Result<()> {
    let ran = Command::new(program).args(args).output();
    let ran = ran.with_context(|| format!("{program} cannot be run"))?;
    let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    ensure!(
        ran.status.success(),
        "`{program} {}` failed: {said}",
        args.join(" ")
    );
    Ok(())
}

fn shown(path: &Path) -> Result<&str> {
    path.to_str().context("a temporary folder has a readable name")
}

impl Disk {
    fn make(on: &str, scratch: &Path) -> Result<Self> {
        let disk = Self {
            image: scratch.join(format!("{on}.img")),
            mounted: scratch.join(on),
        };
        std::fs::create_dir(&disk.mounted)?;
        std::fs::File::create(&disk.image)?.set_len(IMAGE_LEN)?;
        // What can cut the power has to be there, too.
        ran("xfs_io", &["-V"])?;
        ran(&format!("mkfs.{on}"), &["-q", shown(&disk.image)?])?;
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        ran(
            "mount",
            &["-o", "loop", shown(&self.image)?, shown(&self.mounted)?],
        )
    }

    fn unmount(&self) -> Result<()> {
        ran("umount", &[shown(&self.mounted)?])
    }

    /// From now on nothing reaches the image that has not reached it, not even the file system's journal.
    fn cut_power(&self) -> Result<()> {
        ran("xfs_io", &["-F", "-x", "-c", "shutdown", shown(&self.mounted)?])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may not be mounted.
        let _ = self.unmount();
    }
}

/// Mounts and processes of our own: when the first process inside ends, all others do, and with them the mounts.
const UNSHARE: [&str; 5] = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Cuts the power so many times on each file system, where nothing is left of a run that is killed.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.inside {
        return cut(args);
    }
    let mut inside = Command::new("unshare");
    inside.args(UNSHARE).arg(std::env::current_exe()?);
    inside.args(["cuts", "--inside", "--rounds", &args.rounds.to_string()]);
    inside.args(["--seed", &args.seed.to_string()]);
    if args.must {
        inside.arg("--must");
    }
    if let Err(why) = ran("unshare", &[UNSHARE.as_slice(), &["true"]].concat()) {
        ensure!(!args.must, "nothing can be mounted here: {why:#}");
        println!("cuts: left out, since nothing can be mounted here: {why:#}");
        return Ok(());
    }
    let status = inside.args(&args.on).status().context("unshare cannot be run")?;
    ensure!(status.success(), "`cargo xtask cuts` ended with {status}");
    Ok(())
}

fn cut(args: &Args) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    for on in &args.on {
        let disk = match Disk::make(on, scratch.path()) {
            Ok(disk) => disk,
            Err(why) => {
                ensure!(!args.must, "{on} cannot be made here: {why:#}");
                println!("cuts: {on}: left out, since it cannot be made here: {why:#}");
                continue;
            }
        };
        on_one(on, &disk, args)?;
    }
    Ok(())
}

fn on_one(on: &str, disk: &Disk, args: &Args) -> Result<()> {
    let program = peers::build()?;
    let began = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut acknowledged = BTreeSet::new();
    let (mut room, mut meanwhile) = (None, (0, 0));
    for round in 0..args.rounds {
        let mut peer = Peer::start(&program, disk.mounted.join("data"))?;
        let room = match &room {
            Some(room) => room,
            None => room.insert(new_room(&peer)?),
        };
        let after = Duration::from_millis(5 + rng.next_u64() % 120);
        let written = write_until(disk, &peer, room, round, after)?;
        acknowledged.extend(written.before);
        peer.kill()?;
        disk.unmount()?;
        disk.mount()?;
        let there = compare(&peer, room, &acknowledged)
            .with_context(|| format!("{on}, round {round} of seed {}", args.seed))?;
        meanwhile.0 += written.meanwhile.len();
        meanwhile.1 += written
            .meanwhile
            .iter()
            .filter(|text| !there.contains(*text))
            .count();
    }
    println!(
        "cuts: {on}: {} cuts, {} messages acknowledged before, none lost; {} while the power went, {} of them not there; \
         in {:.0} s",
        args.rounds,
        acknowledged.len(),
        meanwhile.0,
        meanwhile.1,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn new_room(peer: &Peer) -> Result<String> {
    let rooms = peer.json(&["new", "cuts"])?;
    let room = rooms.first().and_then(|room| room["room"].as_str());
    Ok(room.context("no room was made")?.to_owned())
}

/// What was acknowledged in a round.
#[derive(Default)]
struct Acknowledged {
    /// Before the power began to go.
    before: Vec<String>,
    /// While it went. A machine without power would have said nothing: the system may report a sync that its own cut has
    /// just made void.
    meanwhile: Vec<String>,
}

/// Writes until the power goes, after some time.
fn write_until(disk: &Disk, peer: &Peer, room: &str, round: u32, after: Duration) -> Result<Acknowledged> {
    let goes = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let goes = &goes;
                scope.spawn(move || {
                    let mut acknowledged = Acknowledged::default();
                    for text in (0..).map(|n| format!("{round}-{writer}-{n}")) {
                        let saved = peer.run(&["send", room, &text]).is_ok();
                        match (saved, goes.load(Ordering::SeqCst)) {
                            (true, false) => acknowledged.before.push(text),
                            (true, true) => acknowledged.meanwhile.push(text),
                            (false, _) => {}
                        }
                        if !saved || goes.load(Ordering::SeqCst) {
                            break;
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        thread::sleep(after);
        goes.store(true, Ordering::SeqCst);
        let cut = disk.cut_power();
        let mut acknowledged = Acknowledged::default();
        for writer in writers {
            let Ok(some) = writer.join() else {
                bail!("a writer ended")
            };
            acknowledged.before.extend(some.before);
            acknowledged.meanwhile.extend(some.meanwhile);
        }
        cut.map(|()| acknowledged)
    })
}

/// Everything that was acknowledged is there, and nothing is damaged; what is there.
fn compare(peer: &Peer, room: &str, acknowledged: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut there = BTreeSet::new();
    for line in peer.json(&["log", room])? {
        let text = line["text"]
            .as_str()
            .context("a message says nothing")?
            .to_owned();
        ensure!(there.insert(text), "a message is there twice: {line}");
    }
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    peer.run(&["check", room]).context("the room is damaged")?;
    Ok(there)
}
