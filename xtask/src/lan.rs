//! `cargo xtask lan`: real peers on networks that nobody else is on, which are cut, healed and renumbered. Says how long
//! they take to meet, and fails where that is more than what is promised. Knows nothing of how peers find each other.

mod checks;
mod figures;
mod network;
mod poor;

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::peers;
use figures::Figures;

/// What hides this machine's own `/run`: the names of namespaces, the peers' folders and sockets. It is in memory
/// and of this run alone, so nothing is left of it, whatever ends the run.
const SCRATCH: &str = "/run";

/// Namespaces for mounts, networks and processes. When the first process inside ends, all others do, and with them
/// their networks.
const UNSHARE: [&str; 6] = [
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// How often two peers that know no addresses are to find each other
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    meetings: u32,
    /// How many cuts of each kind
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1000))]
    cuts: u32,
    /// How long a cut is
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    cut: u64,
    /// How often a peer changes its address, and how often three peers and many addresses are tried
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1000))]
    rounds: u32,
    /// How often two peers that lose a fifth of all packets are to be equal
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=1000))]
    losses: u32,
    /// How many newcomers catch up over a thin cable
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1000))]
    thin: u32,
    /// How many messages those lack
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    backlog: u32,
    /// Fail where networks cannot be made, instead of leaving it out
    #[arg(long)]
    must: bool,
    /// The program, once we are in namespaces of our own
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.inside {
        Some(program) => measure(program, args),
        None => enter(args),
    }
}

/// Starts this chore again in namespaces of its own, where those can be made.
fn enter(args: &Args) -> Result<()> {
    if let Err(why) = possible() {
        ensure!(!args.must, "networks cannot be made here: {why}");
        println!("lan: left out, since networks cannot be made here: {why}");
        return Ok(());
    }
    let program = peers::build()?;
    let mut inside = Command::new("unshare")
        .args(UNSHARE)
        .arg(std::env::current_exe()?)
        .args(["lan", "--meetings", &args.meetings.to_string()])
        .args(["--cuts", &args.cuts.to_string()])
        .args(["--cut", &args.cut.to_string()])
        .args(["--rounds", &args.rounds.to_string()])
        .args(["--losses", &args.losses.to_string()])
        .args(["--thin", &args.thin.to_string()])
        .args(["--backlog", &args.backlog.to_string()])
        .arg("--inside")
        .arg(program)
        .env_remove("TAILCHAT_LISTEN")
        .env_remove("TAILCHAT_DATA")
        .env("XDG_RUNTIME_DIR", SCRATCH)
        // Its end tells the inside that nobody waits for it any more.
        .stdin(Stdio::piped())
        .spawn()
        .context("unshare cannot be run")?;
    // Waiting would close it.
    let told = inside.stdin.take();
    let status = inside.wait()?;
    drop(told);
    ensure!(status.success(), "`cargo xtask lan` ended with {status}");
    Ok(())
}

/// Why networks cannot be made on this machine, if so.
fn possible() -> Result<()> {
    let uid = Command::new("id")
        .arg("-u")
        .output()
        .context("id cannot be run")?;
    if uid.stdout.trim_ascii() != b"0" {
        bail!("that needs root");
    }
    for (tool, package) in [("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables")] {
        let there = Command::new(tool).arg("-V").output();
        if !there.is_ok_and(|ran| ran.status.success()) {
            bail!("there is no `{tool}`; install {package}");
        }
    }
    let script = format!(
        "mount -t tmpfs none {SCRATCH} && ip netns add one && ip link add name switch type bridge && \
         ip link add name port type veth peer name eth0 netns one && nft add table netdev cable && \
         tc qdisc add dev port root tbf rate 64kbit burst 4096 latency 500ms"
    );
    let tried = Command::new("unshare")
        .args(UNSHARE)
        .args(["sh", "-c", &script])
        .stdin(Stdio::null())
        .output()
        .context("there is no `unshare`; install util-linux")?;
    ensure!(
        tried.status.success(),
        "the system refuses: {}",
        String::from_utf8_lossy(&tried.stderr).trim()
    );
    Ok(())
}

/// Everything, in namespaces of our own.
fn measure(program: &Path, args: &Args) -> Result<()> {
    end_with_whoever_started_us(args);
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "none", SCRATCH])
        .status()?;
    ensure!(mounted.success(), "{SCRATCH} cannot be hidden");
    let scratch = Path::new(SCRATCH).join("lan");
    fs::create_dir(&scratch)?;
    let _silent = silent_tailscale()?;
    let mut figures = Figures::default();
    let place = checks::Place {
        program: program.to_owned(),
        scratch,
    };
    let done = check(&place, args, &mut figures);
    // What was measured until something went wrong is worth knowing, too.
    let printed = figures.print();
    done.and(printed)
}

/// A Tailscale daemon that takes every question and answers none. It may cost nothing of all that is measured.
fn silent_tailscale() -> Result<UnixListener> {
    let folder = Path::new(SCRATCH).join("tailscale");
    fs::create_dir(&folder)?;
    Ok(UnixListener::bind(folder.join("tailscaled.sock"))?)
}

fn check(place: &checks::Place, args: &Args, figures: &mut Figures) -> Result<()> {
    checks::meetings(place, args.meetings, figures)?;
    for _ in 0..args.rounds {
        checks::address_changes(place, figures)?;
        checks::told_by_others(place, figures)?;
        checks::many_addresses(place, figures)?;
    }
    // On networks of their own, at the same time: a long cut is waiting most of all.
    thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut figures = Figures::default();
            let done = poor::losses(place, args.losses, &mut figures)
                .and_then(|()| poor::thin(place, args.thin, args.backlog, &mut figures));
            (figures, done)
        });
        let cut = checks::cuts(place, args.cuts, Duration::from_secs(args.cut), figures);
        let Ok((measured, done)) = beside.join() else {
            bail!("what was tried on poor cables panicked")
        };
        figures.join(measured);
        cut.and(done)
    })
}

/// Ends this process, and with it the networks and all peers, when the process that wants to know is gone, or when
/// something hangs.
fn end_with_whoever_started_us(args: &Args) {
    let each = 60 + args.cut;
    let most = 60 + 20 * u64::from(args.meetings) + 60 * u64::from(args.rounds) + each * u64::from(args.cuts);
    let thin = 120 + u64::from(args.backlog) / 20;
    let most = most + 50 * u64::from(args.losses) + thin * u64::from(args.thin);
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(most));
        eprintln!("lan: not done after {most} s");
        process::exit(1);
    });
    thread::spawn(|| {
        // Nothing is ever written there.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        process::exit(1);
    });
}
