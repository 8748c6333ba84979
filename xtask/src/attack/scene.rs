//! A room of real processes: the victim, and two honest peers who reach each other only through it. Knows what the
//! system tells of them; knows no attack.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tailchat_core::ids::RoomId;
use tempfile::TempDir;

use crate::peers::Peer;

/// Seconds that peers may take to meet.
const MEETS_WITHIN: &str = "30";
/// How long the victim may take to let go of an attacker's sockets: longer than a stranger may stay.
const LET_GO_WITHIN: Duration = Duration::from_secs(10);

/// The peers, and where they are.
pub(super) struct Scene {
    pub(super) victim: Peer,
    pub(super) honest: [Peer; 2],
    pub(super) room: String,
    pub(super) id: RoomId,
    pub(super) place: TempDir,
}

impl Scene {
    /// Starts them, and waits until they have met.
    pub(super) fn start(program: &Path) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let victim = Peer::start(program, place.path().join("victim"))?;
        let made = victim.json(&["new", "kitchen"])?;
        let room = made.first().and_then(|room| room["room"].as_str());
        let room = room.context("no room was made")?.to_owned();
        let honest = [2, 3].map(|host| honest(program, place.path(), host));
        let [ann, bob] = honest;
        let honest = [ann?, bob?];
        for peer in &honest {
            peer.run(&["join", &room, "--peer", &victim.listening, "--wait", MEETS_WITHIN])?;
        }
        victim.run(&["status", "--wait", MEETS_WITHIN])?;
        let id = room
            .parse()
            .map_err(|_| anyhow::anyhow!("the room's ID is none"))?;
        Ok(Self {
            victim,
            honest,
            room,
            id,
            place,
        })
    }

    /// Where the victim listens.
    pub(super) fn addr(&self) -> Result<SocketAddr> {
        Ok(self.victim.listening.parse()?)
    }

    /// The connections that each honest peer has to the victim, by the numbers of their sockets.
    pub(super) fn links(&self) -> Result<[BTreeSet<String>; 2]> {
        let port = self.addr()?.port();
        let [ann, bob] = &self.honest;
        Ok([links(ann, port)?, links(bob, port)?])
    }

    /// Waits until the victim has as few files and sockets open as before; how many that are.
    pub(super) fn settled(&self, before: usize) -> Result<usize> {
        let began = Instant::now();
        loop {
            let now = self.victim.process()?.descriptors()?.len();
            if now <= before {
                return Ok(now);
            }
            if began.elapsed() > LET_GO_WITHIN {
                bail!(
                    "the victim has {now} descriptors open {LET_GO_WITHIN:?} after the attack, {before} before it"
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A peer that listens at a loopback address of its own. Connections to the victim come from 127.0.0.1, where nobody
/// listens at that port, so what the victim tells of it leads nowhere: all that honest peers say to each other goes
/// through the victim.
fn honest(program: &Path, place: &Path, host: u8) -> Result<Peer> {
    let mut peer = Peer::new(program, place.join(format!("honest{host}")));
    peer.listening = format!("127.0.0.{host}:0");
    peer.serve()?;
    Ok(peer)
}

fn links(peer: &Peer, port: u16) -> Result<BTreeSet<String>> {
    let pid = peer.pid().context("an honest peer does not run")?;
    let mut own = BTreeSet::new();
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))? {
        // It may have been closed since.
        let Ok(target) = fs::read_link(descriptor?.path()) else {
            continue;
        };
        let target = target.to_string_lossy().into_owned();
        let inode = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        own.extend(inode.map(str::to_owned));
    }
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
    let there = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(2);
        let (remote, state, inode) = (fields.next()?, fields.next()?, fields.nth(5)?);
        let ends = remote.ends_with(&format!(":{port:04X}"));
        // 01 is an established connection.
        (ends && state == "01").then(|| inode.to_owned())
    });
    Ok(there.filter(|inode| own.contains(inode)).collect())
}
