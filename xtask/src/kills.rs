//! `cargo xtask kills`: three real peers write to each other while one after the other is killed and started again.
//! What was acknowledged must be on all disks in the end, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use serde_json::Value;

use crate::peers::{self, Peer};

/// How soon all are equal again in all rounds but one in a hundred.
const CONVERGED_WITHIN: Duration = Duration::from_secs(5);
/// How long they may take at all.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

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

/// What was written in a round, by what became of it.
#[derive(Default)]
struct Written {
    acknowledged: Vec<String>,
    /// The command was cut off: it may be there or not.
    unknown: Vec<String>,
}

/// Runs the rounds, compares what is on the disks, and says how long it took to be equal again.
pub(crate) fn run(args: &Args) -> Result<()> {
    let program = peers::build()?;
    let scratch = tempfile::tempdir()?;
    let mut peers = (0..3)
        .map(|n| Peer::start(&program, scratch.path().join(format!("peer{n}"))))
        .collect::<Result<Vec<_>>>()?;
    let room = meet(&peers)?;
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let (mut written, mut took) = (Written::default(), Vec::new());
    for round in 0..args.rounds {
        let (texts, again) = one(&mut peers, &room, round, &mut rng)
            .with_context(|| format!("round {round} of seed {}", args.seed))?;
        written.acknowledged.extend(texts.acknowledged);
        written.unknown.extend(texts.unknown);
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

/// Three peers in one room, each of whom knows where the others are.
fn meet(peers: &[Peer]) -> Result<String> {
    let [first, others @ ..] = peers else {
        bail!("no peer")
    };
    let rooms = first.json(&["new", "kills"])?;
    let room = rooms.first().and_then(|room| room["room"].as_str());
    let room = room.context("no room was made")?.to_owned();
    for peer in others {
        peer.run(&["join", &room])?;
    }
    for peer in peers {
        for other in peers.iter().filter(|other| other.listening != peer.listening) {
            peer.run(&["peers", "add", &other.listening])?;
        }
    }
    equal(peers)?;
    Ok(room)
}

fn below(rng: &mut ChaCha8Rng, end: u64) -> u64 {
    rng.next_u64() % end
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
            written.acknowledged.extend(some.acknowledged);
            written.unknown.extend(some.unknown);
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

/// Waits until all have the same heads and are connected with both others.
fn equal(peers: &[Peer]) -> Result<()> {
    let began = Instant::now();
    loop {
        let standing = peers.iter().map(Peer::status).collect::<Result<Vec<_>>>()?;
        let heads: Vec<_> = standing.iter().map(|status| &status["heads"]).collect();
        let met = |status: &Value| {
            let all = status["peers"].as_array().map_or(&[][..], Vec::as_slice);
            all.iter().filter(|peer| peer["state"] == "equal").count() + 1 >= peers.len()
        };
        if heads.windows(2).all(|two| two.first() == two.last()) && standing.iter().all(met) {
            return Ok(());
        }
        if began.elapsed() > GIVEN_UP_AFTER {
            bail!("not equal after {GIVEN_UP_AFTER:?}: {standing:?}");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// On each disk is every message that was acknowledged, once, and none that nobody wrote.
fn compare(peers: &[Peer], room: &str, written: &Written) -> Result<()> {
    let known: BTreeSet<&str> = written
        .acknowledged
        .iter()
        .chain(&written.unknown)
        .map(String::as_str)
        .collect();
    for (n, peer) in peers.iter().enumerate() {
        let mut there = BTreeMap::<String, u32>::new();
        for line in peer.json(&["log", room])? {
            let text = line["text"].as_str().context("a message says nothing")?;
            *there.entry(text.to_owned()).or_default() += 1;
        }
        let lost = written
            .acknowledged
            .iter()
            .find(|text| !there.contains_key(*text));
        ensure!(lost.is_none(), "peer {n} lost {lost:?}, which was acknowledged");
        let wrong = there
            .iter()
            .find(|(text, times)| **times > 1 || !known.contains(text.as_str()));
        ensure!(wrong.is_none(), "peer {n} has {wrong:?}");
        peer.run(&["check", room])
            .with_context(|| format!("peer {n} is damaged"))?;
    }
    Ok(())
}
