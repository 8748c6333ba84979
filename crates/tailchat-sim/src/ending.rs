//! The end of a run: everything is healed, and after a while all peers must hold, show and say the same, and
//! then be quiet. Changes nothing but the time.

use tailchat_core::engine::PeerState;
use tailchat_core::ids::RoomId;
use tailchat_core::timeline::{Place, Says, Timeline};

use crate::history::devices;
use crate::network::PeerNo;
use crate::world::{Checked, Due, World};

/// How long the peers have to become equal.
const SETTLE_US: u64 = 120_000_000;
/// How long they gossip on about who holds what.
const GOSSIP_US: u64 = 30_000_000;
/// How long they are listened to when they should be quiet.
const IDLE_US: u64 = 60_000_000;
/// Frames that a peer may send on a connection in that time: one ping or pong in 15 s, and one begun before.
const IDLE_FRAMES_MAX: u64 = 5;

impl World {
    /// All links, disks and peers are well from now on.
    pub(crate) fn heal(&mut self) -> Checked {
        self.trouble = false;
        self.net.blocked.clear();
        for no in 0..self.peers.len() {
            let peer = self.peer(no);
            peer.disk.sim.set_capacity(None);
            peer.disk.sim.heal();
            peer.disk_ails = false;
            let running = peer.running.as_ref();
            let poisoned = running.is_some_and(|running| {
                let mut logs = running.rooms.values().map(|open| &open.log);
                logs.any(|log| log.poisoned().is_some())
            });
            if running.is_none() || poisoned {
                self.schedule(0, Due::Start { peer: no });
            } else {
                let life = peer.life;
                let wanted: Vec<_> = peer.shelves.iter().filter(|(_, shelf)| shelf.wanted).collect();
                let rooms: Vec<_> = wanted.into_iter().map(|(room, _)| *room).collect();
                for room in rooms {
                    self.schedule(0, Due::Open { peer: no, life, room });
                }
            }
        }
        self.note(0, "heals", 0, format_args!("and everybody else"));
        Ok(())
    }

    /// Waits until all peers are equal.
    pub(crate) fn settle(&mut self) -> Checked {
        let until = self.now_us + SETTLE_US;
        loop {
            let next = self.now_us + 500_000;
            while self.now_us < next {
                self.step()?;
            }
            match self.difference() {
                None => return Ok(()),
                Some(what) if self.now_us > until => {
                    return Err(format!("120 s after all was healed, {what}"));
                }
                Some(_) => {}
            }
        }
    }

    /// The peers that have a room.
    fn members(&self, room: RoomId) -> Vec<PeerNo> {
        let peers = self.peers.iter().enumerate();
        let has = peers.filter(|(_, peer)| peer.shelves.get(&room).is_some_and(|shelf| shelf.wanted));
        has.map(|(no, _)| no).collect()
    }

    /// Why the peers are not equal and calm yet.
    fn difference(&mut self) -> Option<String> {
        for room in self.rooms.clone() {
            let members = self.members(room);
            let first = members.first().copied()?;
            for no in members {
                if let Some(what) = self.unrest(no, room).or_else(|| self.unlike(first, no, room)) {
                    return Some(what);
                }
            }
        }
        None
    }

    fn unrest(&mut self, no: PeerNo, room: RoomId) -> Option<String> {
        let forked = !self.forked.is_empty();
        let Some(running) = self.peers.get(no).and_then(|peer| peer.running.as_ref()) else {
            return Some(format!("peer {no} does not run"));
        };
        let Some(status) = running.engine.room_status(room) else {
            return Some(format!("peer {no} has not opened the room"));
        };
        if running.rooms.values().any(|open| !open.writing.is_empty()) {
            return Some(format!("peer {no} is writing"));
        }
        if status.peers.is_empty() && self.members(room).len() > 1 {
            return Some(format!("peer {no} is alone"));
        }
        if !status.forks.is_empty() && !forked {
            return Some(format!("peer {no} sees a fork: {:?}", status.forks));
        }
        let equal = |state| state == PeerState::Equal || forked && state == PeerState::Apart;
        let unequal = status.peers.iter().find(|peer| !equal(peer.state))?;
        Some(format!("to peer {no}, {} is {:?}", unequal.addr, unequal.state))
    }

    fn unlike(&mut self, first: PeerNo, no: PeerNo, room: RoomId) -> Option<String> {
        let forked = self.forked.clone();
        let mut tips = [first, no].map(|no| -> Vec<_> {
            let running = self.peer(no).running.as_ref();
            let status = running.and_then(|running| running.engine.room_status(room));
            let tips = status
                .into_iter()
                .flat_map(|status| status.durable.tips().collect::<Vec<_>>());
            tips.filter(|(actor, _)| !forked.contains(actor)).collect()
        });
        if !forked.is_empty() {
            // The messages that a peer counts are those of its own branch.
            tips.iter_mut().flatten().for_each(|(_, tip)| tip.messages = 0);
        }
        let [ours, theirs] = tips;
        if ours != theirs {
            return Some(format!("peers {first} and {no} hold different changes"));
        }
        let [ours, theirs] = [first, no].map(|no| places(&self.shown(no, room)));
        (ours != theirs).then(|| {
            format!(
                "peers {first} and {no} show different lines: {} and {}",
                ours.len(),
                theirs.len()
            )
        })
    }

    fn shown(&mut self, no: PeerNo, room: RoomId) -> Timeline {
        self.peer(no).shelves.entry(room).or_default().shown.clone()
    }

    /// Equal peers show the same, and everything that was ever accepted.
    pub(crate) fn compare(&mut self) -> Checked {
        let forked = !self.forked.is_empty();
        for room in self.rooms.clone() {
            let members = self.members(room);
            let Some(first) = members.first().copied() else {
                continue;
            };
            let shown = self.shown(first, room);
            for no in members {
                let theirs = self.shown(no, room);
                let same = if forked {
                    says(&shown) == says(&theirs)
                } else {
                    content(&shown) == content(&theirs)
                };
                if !same {
                    return Err(format!(
                        "peers {first} and {no} show lines with different content"
                    ));
                }
                if (shown.name(), devices(&shown)) != (theirs.name(), devices(&theirs)) && !forked {
                    return Err(format!(
                        "peers {first} and {no} differ in the room's name or its members"
                    ));
                }
                self.check_accepted(room, &theirs)
                    .map_err(|what| format!("peer {no} {what}"))?;
            }
        }
        Ok(())
    }

    fn check_accepted(&self, room: RoomId, shown: &Timeline) -> Checked {
        let lines: std::collections::BTreeSet<_> = shown
            .lines()
            .map(|(place, line)| (place.id, text(&line.says)))
            .collect();
        let accepted = self.accepted.iter().filter(|accepted| accepted.room == room);
        let mut lost = accepted.filter(|accepted| !lines.contains(&(accepted.id, &*accepted.text)));
        lost.next().map_or(Ok(()), |lost| {
            let (id, peer) = (lost.id, lost.peer);
            Err(format!("does not show {id}, which peer {peer} had accepted"))
        })
    }

    /// Peers that agree have little to say to each other.
    pub(crate) fn idle(&mut self) -> Checked {
        self.wait(GOSSIP_US)?;
        self.net.ends.values_mut().for_each(|end| end.sent = 0);
        let listened: Vec<_> = self.net.ends.keys().copied().collect();
        self.wait(IDLE_US)?;
        for id in listened.into_iter().filter(|id| self.net.stands(*id)) {
            let sent = self.net.ends.get(&id).map_or(0, |end| end.sent);
            if sent > IDLE_FRAMES_MAX {
                return Err(format!(
                    "{sent} frames in a minute on a connection that has nothing to say"
                ));
            }
        }
        Ok(())
    }

    fn wait(&mut self, us: u64) -> Checked {
        let until = self.now_us + us;
        while self.now_us < until {
            self.step()?;
        }
        Ok(())
    }

    /// What is on disk is what was shown.
    pub(crate) fn reopen(&mut self) -> Checked {
        for no in 0..self.peers.len() {
            self.peer(no)
                .check_worst_case(None)
                .map_err(|what| format!("peer {no} {what}"))?;
            self.stop(no)?;
            let before = self.peer(no).shelves.clone();
            self.start(no)?;
            for (room, shelf) in before {
                let after = self.peer(no).shelves.entry(room).or_default();
                if after.disk.state != shelf.disk.state {
                    return Err(format!("peer {no} reads another state from disk than it had"));
                }
                // A change that a failed write left on disk and a peer brought again may have two arrivals.
                if content(&after.shown) != content(&shelf.shown)
                    || after.shown.members() != shelf.shown.members()
                {
                    return Err(format!("peer {no} shows something else after a restart"));
                }
            }
        }
        let sum: Vec<u8> = self
            .rooms
            .clone()
            .into_iter()
            .flat_map(|room| {
                self.shown(0, room)
                    .lines()
                    .flat_map(|(place, _)| place.sum.to_le_bytes())
                    .collect::<Vec<_>>()
            })
            .collect();
        self.trace.add(&sum);
        Ok(())
    }
}

fn text(says: &Says) -> &str {
    match says {
        Says::Message { text, .. } | Says::Imported { text, .. } => text,
        Says::Unreadable { .. } => "",
    }
}

fn places(timeline: &Timeline) -> Vec<Place> {
    timeline.lines().map(|(place, _)| *place).collect()
}

fn says(timeline: &Timeline) -> Vec<(&Says, i64)> {
    timeline
        .lines()
        .map(|(_, line)| (&line.says, line.sent_at_ms))
        .collect()
}

fn content(timeline: &Timeline) -> Vec<(&Says, i64, tailchat_core::ids::ActorId)> {
    timeline
        .lines()
        .map(|(_, line)| (&line.says, line.sent_at_ms, line.author))
        .collect()
}
