//! Several real peers in one room: how they meet, when they are equal, and what has to be on their disks in the end.
//! Knows nothing of what is done to them meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_core::RngCore;
use serde_json::Value;

use crate::peers::Peer;

/// How long peers may take until they are equal at all.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

/// What was written by what became of it.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) acknowledged: Vec<String>,
    /// The command was cut off: it may be there or not.
    pub(crate) unknown: Vec<String>,
}

impl Written {
    pub(crate) fn add(&mut self, more: Self) {
        self.acknowledged.extend(more.acknowledged);
        self.unknown.extend(more.unknown);
    }

    /// Among these lines of `log --json` is every message that was acknowledged, once, and none that nobody wrote.
    pub(crate) fn hold(&self, lines: &[Value]) -> Result<()> {
        let known: BTreeSet<&str> = self
            .acknowledged
            .iter()
            .chain(&self.unknown)
            .map(String::as_str)
            .collect();
        let mut there = BTreeMap::<&str, u32>::new();
        for line in lines {
            let text = line["text"].as_str().context("a message says nothing")?;
            *there.entry(text).or_default() += 1;
        }
        let lost = self
            .acknowledged
            .iter()
            .find(|text| !there.contains_key(text.as_str()));
        ensure!(lost.is_none(), "lost: {lost:?}, which was acknowledged");
        let wrong = there
            .iter()
            .find(|(text, times)| **times > 1 || !known.contains(*text));
        ensure!(wrong.is_none(), "nobody wrote that, or not so often: {wrong:?}");
        Ok(())
    }
}

/// Some peers in a new room, each of whom knows where the others are.
pub(crate) fn meet(peers: &[Peer], name: &str) -> Result<String> {
    let [first, others @ ..] = peers else {
        bail!("no peer")
    };
    let rooms = first.json(&["new", name])?;
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

/// A number below another one.
pub(crate) fn below(rng: &mut ChaCha8Rng, end: u64) -> u64 {
    rng.next_u64() % end
}

/// Waits until all have the same heads and are connected with all others.
pub(crate) fn equal(peers: &[Peer]) -> Result<()> {
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
pub(crate) fn compare(peers: &[Peer], room: &str, written: &Written) -> Result<()> {
    for (n, peer) in peers.iter().enumerate() {
        written
            .hold(&peer.json(&["log", room])?)
            .with_context(|| format!("what peer {n} has is not what was written"))?;
        peer.run(&["check", room])
            .with_context(|| format!("peer {n} is damaged"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_lost_doubled_or_of_nobody_is_found() {
        let written = Written {
            acknowledged: vec!["a".into(), "b".into()],
            unknown: vec!["c".into()],
        };
        let lines = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| json!({ "text": text }))
                .collect::<Vec<_>>()
        };
        assert!(written.hold(&lines(&["a", "b"])).is_ok());
        assert!(written.hold(&lines(&["a", "c", "b"])).is_ok());
        assert!(written.hold(&lines(&["a", "c"])).is_err(), "lost");
        assert!(written.hold(&lines(&["a", "b", "a"])).is_err(), "doubled");
        assert!(written.hold(&lines(&["a", "b", "d"])).is_err(), "of nobody");
    }
}
