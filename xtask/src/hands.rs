//! `cargo xtask hands`: many programs at one node. So many follow a room in which others write all the time, one of them
//! never reads; nobody may miss or see twice anything, and the node stays below half a processor. Also what `--help` takes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tailchat_node::control::{Answer, Item};
use tokio::task::JoinHandle;

use crate::peers::{self, Peer, client, follow, send};

/// Of one processor, the node's at most.
const CPU_MAX: f64 = 0.5;
/// What `tailchat --help` may take, in the middle.
const HELP_MAX: Duration = Duration::from_millis(10);
const HELPS: usize = 41;
/// Programs that write beside each other: one alone waits for the disk with each message.
const WRITERS: u64 = 8;
/// How long the last messages may take to be everywhere.
const ALL_WITHIN: Duration = Duration::from_secs(20);
/// Seconds that peers may take to meet.
const MEETS_WITHIN: &str = "30";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many follow
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=200))]
    clients: u64,
    /// How many messages a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(8..=2000))]
    rate: u64,
    /// For how long
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Judge what arrives alone, not what it costs: for a machine that has other work
    #[arg(long)]
    lenient: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let program = peers::build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let place = tempfile::tempdir()?;
    let ann = Peer::start(&program, place.path().join("ann"))?;
    let bob = Peer::start(&program, place.path().join("bob"))?;
    let made = ann.json(&["new", "kitchen"])?;
    let room = made.first().and_then(|room| room["room"].as_str());
    let room = room.context("no room was made")?;
    bob.run(&["join", room, "--peer", &ann.listening, "--wait", MEETS_WITHIN])?;
    let cpu = runtime.block_on(followed(args, (&ann, &bob), room))?;
    let help = help(&program)?;
    println!(
        "hands: `tailchat --help` takes {:.1} ms",
        help.as_secs_f64() * 1000.0
    );
    ensure!(
        args.lenient || cpu <= CPU_MAX,
        "the node takes {:.0} % of a processor, above {:.0} %",
        cpu * 100.0,
        CPU_MAX * 100.0
    );
    ensure!(
        args.lenient || help <= HELP_MAX,
        "--help takes {help:?}, above {HELP_MAX:?}"
    );
    Ok(())
}

/// Has all follow at ann what bob writes; what of a processor ann's node took.
async fn followed(args: &Args, (ann, bob): (&Peer, &Peer), room: &str) -> Result<f64> {
    let all = args.rate * args.seconds / WRITERS * WRITERS;
    let mut deaf = client(ann).await?;
    follow(&mut deaf, room).await?;
    let seen = Arc::new(AtomicU64::new(0));
    let mut followers = Vec::new();
    for _ in 0..args.clients {
        let mut client = client(ann).await?;
        follow(&mut client, room).await?;
        let seen = Arc::clone(&seen);
        followers.push(tokio::spawn(async move { read(&mut client, all, &seen).await }));
    }
    let (began, before) = (Instant::now(), ann.cpu()?);
    let mut writers = Vec::new();
    for who in 0..WRITERS {
        writers.push(writer(bob, room, who, all / WRITERS, args.rate).await?);
    }
    for writer in writers {
        writer.await??;
    }
    let wrote = began.elapsed();
    let mut delays = Vec::new();
    for follower in followers {
        let read = tokio::time::timeout(ALL_WITHIN, follower).await;
        delays.extend(read.with_context(|| {
            let seen = seen.load(Ordering::Relaxed);
            format!(
                "a follower lacks messages; all saw {seen} of {}",
                all * args.clients
            )
        })???);
    }
    let took = began.elapsed();
    let cpu = ann.cpu()?.since(&before).as_secs_f64() / took.as_secs_f64();
    delays.sort_unstable();
    let at = |share: usize| {
        delays
            .get(delays.len() * share / 100)
            .map_or(0.0, |ms| *ms as f64)
    };
    println!(
        "hands: {} programs followed {all} messages, {:.0} a second, and one that never reads: none missed, none twice; 50 of \
         100 within {:.0} ms, 99 within {:.0}; the node took {:.0} % of a processor, {:.0} MB",
        args.clients,
        all as f64 / wrote.as_secs_f64(),
        at(50),
        at(99),
        cpu * 100.0,
        ann.memory()?.peak as f64 / 1e6
    );
    drop(deaf);
    Ok(cpu)
}

/// Reads so many messages, each once, and gives what each took, in milliseconds.
async fn read(client: &mut tailchat_node::client::Client, all: u64, seen: &AtomicU64) -> Result<Vec<u128>> {
    let mut delays = Vec::new();
    let mut told = std::collections::BTreeSet::new();
    while (told.len() as u64) < all {
        match client.next().await? {
            Answer::Item(Item::Message(message)) => {
                let Some(sent) = message.text.strip_prefix("at ") else {
                    continue;
                };
                let (ms, _) = sent.split_once(' ').context("a message of nobody")?;
                delays.push(now_ms().saturating_sub(ms.parse()?));
                ensure!(told.insert(message.id), "{:?} was told twice", message.text);
                seen.fetch_add(1, Ordering::Relaxed);
            }
            Answer::Item(_) => {}
            other => bail!("a follower was told {other:?}"),
        }
    }
    Ok(delays)
}

async fn writer(
    bob: &Peer,
    room: &str,
    who: u64,
    messages: u64,
    rate: u64,
) -> Result<JoinHandle<Result<()>>> {
    let mut client = client(bob).await?;
    let room = room.to_owned();
    let mut every = tokio::time::interval(Duration::from_secs_f64(WRITERS as f64 / rate as f64));
    Ok(tokio::spawn(async move {
        for n in 0..messages {
            every.tick().await;
            send(&mut client, &room, format!("at {} {who} {n}", now_ms())).await?;
        }
        Ok(())
    }))
}

fn now_ms() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis())
}

/// What `--help` takes, in the middle.
fn help(program: &Path) -> Result<Duration> {
    let mut took = Vec::new();
    for _ in 0..HELPS {
        let began = Instant::now();
        let status = Command::new(program)
            .arg("--help")
            .stdout(Stdio::null())
            .status()?;
        took.push(began.elapsed());
        ensure!(status.success(), "--help ended with {status}");
    }
    took.sort_unstable();
    took.get(HELPS / 2).copied().context("nothing was measured")
}
