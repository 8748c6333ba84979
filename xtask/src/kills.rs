//! `cargo xtask kills`: three real peers write to each other while one after the other is killed and started again.
//! What was acknowledged must be on all disks in the end, once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::peers::{self, Peer};
use crate::room::{Written, below, compare, equal, meet};

/// How soon all are equal again in all rounds but one in a hundred.
const CONVERGED_WITHIN: Duration = Duration::from_secs(5);

/// Options of `cargo xtask kills`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many kills
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Who is killed, and when, follows from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs the rounds, compares what is on the disks, and says how long it took to be equal again.
pub(crate) fn run(args: &Args) -> Result<()> {
    let program = peers::build()?;
    let scratch = tempfile::tempdir()?;
    let mut peers = (0..3)
        .map(|n| Peer::start(&program, scratch.path().join(format!("peer{n}"))))
        .collect::<Result<Vec<_>>>()?;
    let room = meet(&peers, "kills")?;
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let (mut written, mut took) = (Written::default(), Vec::new());
    for round in 0..args.rounds {
        let (texts, again) = one(&mut peers, &room, round, &mut rng)
            .with_context(|| format!("round {round} of seed {}", args.seed))?;
        written.add(texts);
        took.push(again);
    }
    compare(&peers, &room, &written)?;
    took.sort_unstable();
    let at = |share: usize| {
        took.get((took.len() * share).div_ceil(100).saturating_sub(1))
            .copied()
    };
    let (median, most) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
    println!(
        "kills: {} kills, {} messages acknowledged, {} cut off; none lost, none doubled; equal again after {:.2} s (median), \
         {:.2} s (99 of 100)",
        args.rounds,
        written.acknowledged.len(),
        written.unknown.len(),
        median.as_secs_f64(),
        most.as_secs_f64()
    );
    ensure!(most <= CONVERGED_WITHIN, "that is above {CONVERGED_WITHIN:?}");
    Ok(())
}

/// All write; one is killed and started again; then they are given the time to be equal.
fn one(peers: &mut [Peer], room: &str, round: u32, rng: &mut ChaCha8Rng) -> Result<(Written, Duration)> {
    let victim = usize::try_from(below(rng, peers.len() as u64))?;
    let before = Duration::from_millis(20 + below(rng, 300));
    let pause = Duration::from_millis(below(rng, 150));
    let over = AtomicBool::new(false);
    let mut killed = peers.get_mut(victim).context("no such peer")?.take_process()?;
    let written = thread::scope(|scope| {
        let writers: Vec<_> = peers
            .iter()
            .enumerate()
            .map(|(n, peer)| {
                let over = &over;
                scope.spawn(move || write(peer, room, &format!("{round}-{n}"), over))
            })
            .collect();
        thread::sleep(before);
        let ended = killed.kill().and_then(|()| killed.wait());
        over.store(true, Ordering::Relaxed);
        let mut written = Written::default();
        for writer in writers {
            let Ok(some) = writer.join() else {
                bail!("a writer ended")
            };
            written.add(some);
        }
        ended?;
        Ok(written)
    })?;
    thread::sleep(pause);
    peers.get_mut(victim).context("no such peer")?.serve()?;
    let began = Instant::now();
    equal(peers)?;
    Ok((written, began.elapsed()))
}

/// Writes one message after the other until told that it is enough, or until one is cut off.
fn write(peer: &Peer, room: &str, name: &str, over: &AtomicBool) -> Written {
    let mut written = Written::default();
    for n in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let text = format!("{name}-{n}");
        if peer.run(&["send", room, &text]).is_err() {
            written.unknown.push(text);
            break;
        }
        written.acknowledged.push(text);
    }
    written
}
