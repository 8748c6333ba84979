//! `cargo xtask converge`: the main job on real input. Peers import different parts of a corpus into one room
//! while they cannot see each other; connected, they must end with the same room, byte for byte.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{corpus, peers};
use peers::Peer;

/// How long the peers may take to converge.
const CONVERGE_WITHIN: Duration = Duration::from_secs(300);
/// How long one peer may take to be seen in the middle of catching up.
const MIDDLE_WITHIN: Duration = Duration::from_secs(60);

/// How long the last messages may take from peer to peer.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
/// Days of the made corpus.
const DAYS: u32 = 6;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder of IRC logs named YYYY-MM-DD.txt; without one, a small made corpus
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// How many peers share the corpus
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=16))]
    peers: u8,
    /// Kill one peer in the middle of catching up, and start it again
    #[arg(long)]
    kill: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let program = peers::build()?;
    let scratch = tempfile::tempdir()?;
    let files = corpus::files(args.corpus.as_deref(), DAYS, scratch.path())?;
    let mut peers = (0..args.peers)
        .map(|n| Peer::start(&program, scratch.path().join(format!("peer{n}"))))
        .collect::<Result<Vec<_>>>()?;
    let rooms = peers.first().context("no peer")?.json(&["new", "corpus"])?;
    let room = rooms
        .first()
        .and_then(|room| room["room"].as_str())
        .context("no room was made")?
        .to_owned();
    for peer in peers.iter().skip(1) {
        peer.run(&["join", &room])?;
    }
    let messages = import(&peers, &room, &files)?;
    connect(&mut peers, args.kill)?;
    compare(&peers, &room, messages, scratch.path())
}

/// Every peer imports its own part, all at once; the messages in all.
fn import(peers: &[Peer], room: &str, files: &[PathBuf]) -> Result<u64> {
    let began = Instant::now();
    let mut imports = Vec::new();
    for (n, peer) in peers.iter().enumerate() {
        let part = files
            .iter()
            .skip(n)
            .step_by(peers.len())
            .map(|file| file.to_string_lossy().into_owned());
        let part: Vec<String> = part.collect();
        let mut args = vec!["import", room, "--format", "irc", "--json"];
        args.extend(part.iter().map(String::as_str));
        imports.push(peer.spawn(&args)?);
    }
    let mut total = 0;
    for (n, import) in imports.into_iter().enumerate() {
        let done = import.wait_with_output()?;
        ensure!(
            done.status.success(),
            "peer {n} cannot import: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let told: Value = serde_json::from_slice(&done.stdout)?;
        println!("converge: peer {n} imported {told}");
        total += told["added"]
            .as_u64()
            .context("the import does not say what it added")?;
    }
    println!(
        "converge: {total} messages imported in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    Ok(total)
}

/// Connects the peers in a line and waits until all are equal; on the way one is killed if that is wanted.
fn connect(peers: &mut [Peer], kill: bool) -> Result<()> {
    let began = Instant::now();
    let addresses: Vec<String> = peers.iter().map(|peer| peer.listening.clone()).collect();
    for (peer, address) in peers.iter().skip(1).zip(&addresses) {
        peer.run(&["peers", "add", address])?;
    }
    if kill {
        let victim = peers.get_mut(1).context("no second peer")?;
        let before = victim.status()?["messages"].as_u64().unwrap_or(0);
        let at = catch_in_the_middle(victim, before)?;
        victim.kill()?;
        println!("converge: peer 1 was killed with {at} messages, having begun with {before}");
        victim.serve()?;
    }
    for (n, peer) in peers.iter().enumerate() {
        let seconds = CONVERGE_WITHIN.as_secs().to_string();
        peer.run(&["status", "--wait", &seconds])
            .with_context(|| format!("peer {n} does not converge"))?;
    }
    println!(
        "converge: all equal {:.1} s after they met",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Waits until a peer has some of what it lacked.
fn catch_in_the_middle(peer: &Peer, before: u64) -> Result<u64> {
    let began = Instant::now();
    loop {
        let now = peer.status()?["messages"].as_u64().unwrap_or(0);
        if now > before {
            return Ok(now);
        }
        ensure!(began.elapsed() < MIDDLE_WITHIN, "peer 1 does not catch up");
    }
}

/// How a peer stands once it has everything: it may have been equal with those it had met before the rest came.
fn settled(peer: &Peer, messages: u64) -> Result<Value> {
    let began = Instant::now();
    loop {
        let status = peer.status()?;
        if status["messages"] == messages || began.elapsed() > SETTLED_WITHIN {
            return Ok(status);
        }
    }
}

/// The same total, heads and exported timeline everywhere, and every record sound.
fn compare(peers: &[Peer], room: &str, messages: u64, scratch: &Path) -> Result<()> {
    let mut first: Option<(Value, Vec<u8>)> = None;
    for (n, peer) in peers.iter().enumerate() {
        let status = settled(peer, messages)?;
        ensure!(
            status["messages"] == messages,
            "peer {n} has {}, {messages} were imported",
            status["messages"]
        );
        let file = scratch.join(format!("export{n}.jsonl"));
        peer.run(&["export", room, "--format", "jsonl", "-o", &file.to_string_lossy()])?;
        let export = std::fs::read(&file)?;
        let lines = export.iter().filter(|byte| **byte == b'\n').count() as u64;
        ensure!(
            lines == messages,
            "peer {n} exports {lines} messages of {messages}"
        );
        peer.run(&["check", room])
            .with_context(|| format!("peer {n} is damaged"))?;
        match &first {
            None => first = Some((status["heads"].clone(), export)),
            Some((heads, exported)) => {
                ensure!(*heads == status["heads"], "peer {n} has other heads than peer 0");
                ensure!(
                    *exported == export,
                    "peer {n} exports another timeline than peer 0"
                );
            }
        }
    }
    let (heads, export) = first.context("no peer")?;
    let count = heads.as_array().map_or(0, Vec::len);
    println!(
        "converge: {} peers, {messages} messages, the same {count} heads, the same {} bytes of timeline",
        peers.len(),
        export.len()
    );
    Ok(())
}
