//! `cargo xtask cuts`: a real peer on a real file system that loses its power at any moment. What was acknowledged must
//! be there when the file system is mounted again.
//!
//! The file system is in an image, and the image in another file system that clones a file at one moment: a clone is
//! what a disk holds whose power went then. That is the same for all file systems, and says nothing to the one that is
//! cut, whose own ioctl for it (`shutdown`) may still report a sync that it has just made void.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::peers::{self, Peer};

/// Bytes of an image: the least in which xfs can be made.
const IMAGE_LEN: u64 = 320 << 20;
/// Bytes of what holds images and their clones. It is in memory, and takes what is written.
const HOLDER_LEN: u64 = 2 << 30;
/// What hides this machine's own `/mnt`, where mounts are ours alone: nothing is left of it, whatever ends the run.
const SCRATCH: &str = "/mnt";
/// Messages that are under way at a time.
const WRITERS: usize = 2;

/// Options of `cargo xtask cuts`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// File systems
    #[arg(default_values = ["ext4", "xfs", "btrfs"], value_parser = ["ext4", "xfs", "btrfs"])]
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

/// A file system in an image, mounted. Unmounted when dropped.
struct Mounted {
    image: PathBuf,
    at: PathBuf,
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

impl Mounted {
    fn make(on: &str, len: u64, within: &Path) -> Result<Self> {
        let mounted = Self {
            image: within.join(format!("{on}.img")),
            at: within.join(on),
        };
        std::fs::create_dir(&mounted.at)?;
        std::fs::File::create(&mounted.image)?.set_len(len)?;
        ran(&format!("mkfs.{on}"), &["-q", shown(&mounted.image)?])?;
        mounted.mount()?;
        Ok(mounted)
    }

    fn mount(&self) -> Result<()> {
        let (image, at) = (shown(&self.image)?, shown(&self.at)?);
        ran("mount", &["-o", "loop", image, at])
    }

    fn unmount(&self) -> Result<()> {
        ran("umount", &[shown(&self.at)?])
    }

    fn clone_path(&self) -> PathBuf {
        self.image.with_extension("clone")
    }

    /// Keeps what a disk would hold whose power goes now.
    fn cut_power(&self) -> Result<()> {
        let clone = self.clone_path();
        ran("cp", &["--reflink=always", shown(&self.image)?, shown(&clone)?])
    }

    /// Comes back with what was on the disk when the power went.
    fn come_back(&self) -> Result<()> {
        self.unmount()?;
        std::fs::rename(self.clone_path(), &self.image)?;
        self.mount()
    }
}

impl Drop for Mounted {
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
    let program = peers::build()?;
    ran("mount", &["-t", "tmpfs", "none", SCRATCH])?;
    let holder = Mounted::make("xfs", HOLDER_LEN, Path::new(SCRATCH));
    for on in &args.on {
        let made = holder.as_ref().map_err(|why| anyhow!("{why:#}"));
        let disk = match made.and_then(|holder| Mounted::make(on, IMAGE_LEN, &holder.at)) {
            Ok(disk) => disk,
            Err(why) => {
                ensure!(!args.must, "{on} cannot be made here: {why:#}");
                println!("cuts: {on}: left out, since it cannot be made here: {why:#}");
                continue;
            }
        };
        on_one(on, &disk, &program, args)?;
    }
    Ok(())
}

fn on_one(on: &str, disk: &Mounted, program: &Path, args: &Args) -> Result<()> {
    let began = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut acknowledged = BTreeSet::new();
    let mut room = None;
    for round in 0..args.rounds {
        let mut peer = Peer::start(program, disk.at.join("data"))?;
        let room = match &room {
            Some(room) => room,
            None => room.insert(new_room(&peer)?),
        };
        let after = Duration::from_millis(5 + rng.next_u64() % 120);
        acknowledged.extend(write_until(disk, &peer, room, round, after)?);
        peer.kill()?;
        disk.come_back()?;
        compare(&peer, room, &acknowledged)
            .with_context(|| format!("{on}, round {round} of seed {}", args.seed))?;
    }
    println!(
        "cuts: {on}: {} cuts, {} messages acknowledged before, none lost; in {:.0} s",
        args.rounds,
        acknowledged.len(),
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn new_room(peer: &Peer) -> Result<String> {
    let rooms = peer.json(&["new", "cuts"])?;
    let room = rooms.first().and_then(|room| room["room"].as_str());
    Ok(room.context("no room was made")?.to_owned())
}

/// Writes until the power goes, after some time; gives what was acknowledged before it began to go.
fn write_until(disk: &Mounted, peer: &Peer, room: &str, round: u32, after: Duration) -> Result<Vec<String>> {
    let goes = AtomicBool::new(false);
    let write = |writer| {
        let mut acknowledged = Vec::new();
        for text in (0..).map(|n| format!("{round}-{writer}-{n}")) {
            if peer.run(&["send", room, &text]).is_err() || goes.load(Ordering::SeqCst) {
                break;
            }
            acknowledged.push(text);
        }
        acknowledged
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(writer)))
            .collect();
        thread::sleep(after);
        goes.store(true, Ordering::SeqCst);
        let cut = disk.cut_power();
        let mut acknowledged = Vec::new();
        for writer in writers {
            let Ok(some) = writer.join() else {
                bail!("a writer ended")
            };
            acknowledged.extend(some);
        }
        cut.map(|()| acknowledged)
    })
}

/// Everything that was acknowledged is there, and nothing is damaged.
fn compare(peer: &Peer, room: &str, acknowledged: &BTreeSet<String>) -> Result<()> {
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
    Ok(())
}
