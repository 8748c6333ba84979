//! What is tried on a network, and how long it may take. Knows peers by what their commands say.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::figures::Figures;
use super::network::{Cut, Host, Lan};
use crate::peers::Peer;

/// Whatever takes longer than this has failed, and is not waited for.
pub(super) const GIVE_UP: Duration = Duration::from_secs(40);
/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A peer that was started so long ago has done all that it does at the start.
pub(super) const STARTED: Duration = Duration::from_secs(3);
/// How long many ways to one peer are watched, longer than any of them may be tried again after.
const WATCHED: Duration = Duration::from_secs(6);
/// The length of a short cut. TCP by itself sends again only later.
const SHORT_CUT: Duration = Duration::from_secs(10);

const MEET: Duration = Duration::from_secs(2);
const HEAL: Duration = Duration::from_secs(3);
const HEAL_SHORT: Duration = Duration::from_secs(5);
const MOVE: Duration = Duration::from_secs(5);
const INTRODUCE: Duration = Duration::from_secs(5);

/// The program, and a folder for what it keeps.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) program: PathBuf,
    pub(super) scratch: PathBuf,
}

/// A peer on a host.
pub(super) struct Member {
    pub(super) peer: Peer,
    host: Host,
}

impl Place {
    /// A peer that has nothing yet and does not run.
    pub(super) fn member(&self, name: &str, host: &Host) -> Result<Member> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let folder = format!("{name}{}", MADE.fetch_add(1, Ordering::Relaxed));
        let peer = Peer::new(&self.program, self.scratch.join(folder));
        peer.run(&["name", name])?;
        Ok(Member {
            peer,
            host: host.clone(),
        })
    }

    /// A peer that serves a new room and knows no address, and one that has joined it by its ID and does not run.
    pub(super) fn two(&self, one: &Host, other: &Host) -> Result<(Member, Member)> {
        let mut ann = self.member("ann", one)?;
        let room = ann.new_room()?;
        ann.serve(&[])?;
        thread::sleep(STARTED);
        let bob = self.member("bob", other)?;
        bob.join(&room)?;
        Ok((ann, bob))
    }
}

impl Member {
    pub(super) fn new_room(&self) -> Result<String> {
        let made = self.peer.json(&["new", "lan"])?;
        let room = made.first().and_then(|room| room["room"].as_str());
        Ok(room.context("no room was made")?.to_owned())
    }

    pub(super) fn room(&self) -> Result<String> {
        let rooms = self.peer.json(&["rooms"])?;
        let room = rooms.first().and_then(|room| room["room"].as_str());
        Ok(room.context("no room")?.to_owned())
    }

    /// Joins a room where there is no network at all.
    pub(super) fn join(&self, room: &str) -> Result<()> {
        let args = ["join", room, "--wait", "0.05", "--no-discovery"];
        let ran = self.peer.command(&args).output()?;
        ensure!(
            ran.status.code() == Some(4),
            "a join with nobody there ended with {}",
            ran.status
        );
        Ok(())
    }

    pub(super) fn serve(&mut self, options: &[&str]) -> Result<()> {
        let args = [&["serve", "--json", "--quiet"], options].concat();
        let command = self.host.run(&self.peer.command(&args));
        self.peer.serve_by(command)
    }

    pub(super) fn send(&self, text: &str) -> Result<()> {
        self.peer.run(&["send", "lan", text]).map(|_| ())
    }

    /// The addresses of the peers that are connected.
    fn connected(&self) -> Result<Vec<String>> {
        let status = self.peer.status()?;
        let peers = status["peers"].as_array().into_iter().flatten();
        let connected = peers.filter(|peer| peer["connected"] == true);
        Ok(connected
            .filter_map(|peer| peer["addr"].as_str().map(ToOwned::to_owned))
            .collect())
    }

    pub(super) fn has(&self, messages: u64) -> Result<bool> {
        Ok(self.peer.status()?["messages"] == messages)
    }

    pub(super) fn heads(&self) -> Result<Value> {
        Ok(self.peer.status()?["heads"].clone())
    }
}

/// How long it takes from a moment on until something holds.
pub(super) fn until(began: Instant, what: &str, holds: impl Fn() -> Result<bool>) -> Result<Duration> {
    while !holds()? {
        ensure!(began.elapsed() < GIVE_UP, "{what}: not within {GIVE_UP:?}");
        thread::sleep(LOOK_EVERY);
    }
    Ok(began.elapsed())
}

pub(super) fn both_connected(one: &Member, other: &Member) -> Result<bool> {
    Ok(one.connected()?.len() == 1 && other.connected()?.len() == 1)
}

/// Two peers that have not met and know no addresses.
pub(super) fn meetings(place: &Place, times: u32, figures: &mut Figures) -> Result<()> {
    let lan = Lan::new()?;
    let (one, other) = (lan.host("a", &["10.0.0.1/24"])?, lan.host("b", &["10.0.0.2/24"])?);
    for _ in 0..times {
        let (ann, mut bob) = place.two(&one, &other)?;
        let began = Instant::now();
        bob.serve(&[])?;
        let took = until(began, "a meeting", || both_connected(&ann, &bob))?;
        figures.add(
            1,
            "two peers meet by mDNS, from the start of the second",
            MEET,
            took,
        );
        let known = bob.peer.json(&["peers"])?;
        let mdns = |known: &Value| {
            known["sources"]
                .as_array()
                .is_some_and(|all| all.contains(&"mdns".into()))
        };
        ensure!(known.iter().any(mdns), "mDNS gave no address: {known:?}");
    }
    Ok(())
}

/// Cuts of each kind, long ones and short ones, all at once on networks of their own.
pub(super) fn cuts(place: &Place, times: u32, long: Duration, figures: &mut Figures) -> Result<()> {
    const KINDS: [(Cut, &str, &str); 3] = [
        (
            Cut::Interface,
            "equal after a long cut, an interface down",
            "equal after 10 s, an interface down",
        ),
        (
            Cut::Port,
            "equal after a long cut, unseen",
            "equal after 10 s, unseen",
        ),
        (
            Cut::Deaf,
            "equal after a long cut in one direction",
            "equal after 10 s in one direction",
        ),
    ];
    for _ in 0..times {
        let took = thread::scope(|scope| {
            let cuts = KINDS.map(|(kind, _, _)| scope.spawn(move || cut(place, kind, long)));
            cuts.map(|cut| cut.join().map_err(|_| anyhow::anyhow!("a cut panicked")))
        });
        for (took, (_, long, short)) in took.into_iter().zip(KINDS) {
            let (after_long, after_short) = took??;
            figures.add(5, long, HEAL, after_long);
            figures.add(6, short, HEAL_SHORT, after_short);
        }
    }
    Ok(())
}

/// How soon two peers are equal after a short cut and after a long one.
fn cut(place: &Place, kind: Cut, long: Duration) -> Result<(Duration, Duration)> {
    let lan = Lan::new()?;
    let (one, other) = (lan.host("a", &["10.0.0.1/24"])?, lan.host("b", &["10.0.0.2/24"])?);
    let (ann, mut bob) = place.two(&one, &other)?;
    bob.serve(&[])?;
    until(Instant::now(), "a meeting", || both_connected(&ann, &bob))?;
    thread::sleep(STARTED);

    let mut took = [Duration::ZERO; 2];
    for (at, (length, took)) in (0..).zip([SHORT_CUT, long].into_iter().zip(&mut took)) {
        one.cut(kind)?;
        let began = Instant::now();
        // Under way when the connection breaks, and some time after.
        ann.send("into the void")?;
        bob.send("into the void")?;
        thread::sleep(length / 2);
        ann.send("alone")?;
        bob.send("alone")?;
        thread::sleep(length.saturating_sub(began.elapsed()));
        ensure!(!ann.has(4 * (at + 1))?, "{kind:?} cuts nobody off");
        let healed = Instant::now();
        one.heal(kind)?;
        let all = 4 * (at + 1);
        *took = until(healed, "equal after a cut", || Ok(ann.has(all)? && bob.has(all)?))?;
        until(healed, "connected after a cut", || both_connected(&ann, &bob))?;
        ensure!(
            ann.heads()? == bob.heads()?,
            "{kind:?}: the same number, and not the same"
        );
        thread::sleep(STARTED);
    }
    let [short, long] = took;
    Ok((long, short))
}

/// One of two connected peers gets another address in place of its own.
pub(super) fn address_changes(place: &Place, figures: &mut Figures) -> Result<()> {
    let lan = Lan::new()?;
    let (one, other) = (lan.host("a", &["10.0.0.1/24"])?, lan.host("b", &["10.0.0.2/24"])?);
    let (ann, mut bob) = place.two(&one, &other)?;
    bob.serve(&[])?;
    until(Instant::now(), "a meeting", || both_connected(&ann, &bob))?;
    thread::sleep(STARTED);
    let mut messages = 0;
    for (what, host, from, to) in [
        (
            "heard again after the first one's address changed",
            &one,
            "10.0.0.1/24",
            "10.0.0.71/24",
        ),
        (
            "heard again after the second one's address changed",
            &other,
            "10.0.0.2/24",
            "10.0.0.72/24",
        ),
    ] {
        let began = Instant::now();
        host.take(from)?;
        host.give(to)?;
        ann.send("moved")?;
        bob.send("moved")?;
        messages += 2;
        let took = until(began, what, || Ok(ann.has(messages)? && bob.has(messages)?))?;
        figures.add(2, what, MOVE, took);
        until(began, what, || both_connected(&ann, &bob))?;
        thread::sleep(STARTED);
    }
    Ok(())
}

/// Two peers know a third one's address, and not each other's.
pub(super) fn told_by_others(place: &Place, figures: &mut Figures) -> Result<()> {
    let lan = Lan::new()?;
    let mut members = Vec::new();
    for (name, addr) in [
        ("ann", "10.0.0.1/24"),
        ("bob", "10.0.0.2/24"),
        ("carl", "10.0.0.3/24"),
    ] {
        members.push(place.member(name, &lan.host(name, &[addr])?)?);
    }
    let (first, others) = members.split_first_mut().context("no member")?;
    let room = first.new_room()?;
    first.serve(&["--no-discovery"])?;
    let mut began = Instant::now();
    for other in others {
        other.join(&room)?;
        began = Instant::now();
        other.serve(&["--no-discovery"])?;
        other.peer.run(&["peers", "add", "10.0.0.1"])?;
    }
    let all = || {
        let mut all = true;
        for member in &members {
            all &= member.connected()?.len() == 2;
        }
        Ok(all)
    };
    let took = until(began, "an introduction", all)?;
    figures.add(
        3,
        "three peers, two introduced by the third, from its start",
        INTRODUCE,
        took,
    );
    Ok(())
}

/// A peer is told of another by three addresses, and finds it by mDNS besides.
pub(super) fn many_addresses(place: &Place, figures: &mut Figures) -> Result<()> {
    let lan = Lan::new()?;
    let one = lan.host("a", &["10.0.0.1/24", "10.0.0.101/24", "fd00:7a::1/64"])?;
    let other = lan.host("b", &["10.0.0.2/24", "fd00:7a::2/64"])?;
    let (ann, mut bob) = place.two(&one, &other)?;
    fs::write(bob.peer.data.join("hosts"), "10.0.0.1\n10.0.0.101\nfd00:7a::1\n")?;
    let began = Instant::now();
    bob.serve(&[])?;
    let took = until(began, "a meeting", || both_connected(&ann, &bob))?;
    figures.add(4, "two peers meet by three addresses at once", MEET, took);
    thread::sleep(STARTED);
    let sources = bob.peer.json(&["peers"])?;
    let silent = |source: &Value| source["source"] == "tailscale" && source["standing"] == "failing";
    ensure!(
        sources.iter().any(silent),
        "nobody is told of a Tailscale that does not answer: {sources:?}"
    );
    let watched = Instant::now();
    let mut ways = BTreeSet::new();
    while watched.elapsed() < WATCHED {
        for member in [&ann, &bob] {
            let connected = member.connected()?;
            ensure!(connected.len() == 1, "one peer is there {connected:?} at a time");
        }
        ways.extend(bob.connected()?);
    }
    ensure!(ways.len() == 1, "one connection does not stay: {ways:?}");
    Ok(())
}
