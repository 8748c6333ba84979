//! The end of a run: everything is healed, and after a while all peers must hold, show and say the same, and
//! then be quiet. Changes nothing but the time.

use std::collections::BTreeSet;

use tailchat_core::amend::Since;
use tailchat_core::engine::{PeerState, RoomStatus};
use tailchat_core::ids::{ActorId, RoomId};
use tailchat_core::timeline::{Line, Place, Says, Timeline};

use crate::network::PeerNo;
use crate::peer::Shelf;
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
    fn difference(&self) -> Option<String> {
        for room in &self.rooms {
            let members = self.members(*room);
            let unrest = members
                .iter()
                .find_map(|no| self.unrest(*no, *room, members.len()));
            let unlike = || {
                let mut pairs = members.iter().zip(members.iter().skip(1));
                pairs.find_map(|(one, other)| self.unlike(*one, *other, *room))
            };
            let lost = || {
                let shelves = members.iter().filter_map(|no| self.shelf(*no, *room));
                let mut checked = shelves.map(|shelf| self.check_accepted(*room, &shelf.shown));
                checked.find_map(Result::err)
            };
            if let Some(what) = unrest.or_else(unlike).or_else(lost) {
                return Some(what);
            }
        }
        None
    }

    fn status(&self, no: PeerNo, room: RoomId) -> Option<RoomStatus> {
        let running = self.peers.get(no)?.running.as_ref()?;
        running.engine.room_status(room)
    }

    fn shelf(&self, no: PeerNo, room: RoomId) -> Option<&Shelf> {
        self.peers.get(no)?.shelves.get(&room)
    }

    fn unrest(&self, no: PeerNo, room: RoomId, members: usize) -> Option<String> {
        let forked = !self.forked.is_empty();
        let Some(status) = self.status(no, room) else {
            return Some(format!("peer {no} has not opened the room"));
        };
        let running = self.peers.get(no).and_then(|peer| peer.running.as_ref());
        if running.is_some_and(|running| running.engine.is_writing()) {
            return Some(format!("peer {no} is writing"));
        }
        if status.peers.is_empty() && members > 1 {
            return Some(format!("peer {no} is alone"));
        }
        if !status.forks.is_empty() && !forked {
            return Some(format!("peer {no} sees a fork: {:?}", status.forks));
        }
        let mut open = running.and_then(|running| running.rooms.get(&room)).into_iter();
        if open.any(|open| open.preview.is_some()) && !forked {
            return Some(format!("peer {no} still shows a preview"));
        }
        let equal = |state| state == PeerState::Equal || forked && state == PeerState::Apart;
        let unequal = status.peers.iter().find(|peer| !equal(peer.state))?;
        Some(format!("to peer {no}, {} is {:?}", unequal.addr, unequal.state))
    }

    fn unlike(&self, one: PeerNo, other: PeerNo, room: RoomId) -> Option<String> {
        let tips = [one, other].map(|no| -> Vec<_> {
            let status = self.status(no, room).into_iter();
            let tips = status.flat_map(|status| status.durable.tips().collect::<Vec<_>>());
            tips.filter(|(actor, _)| !self.forked.contains(actor)).collect()
        });
        let [ours, theirs] = tips;
        if ours != theirs {
            return Some(format!("peers {one} and {other} hold different changes"));
        }
        let (ours, theirs) = (self.shelf(one, room)?, self.shelf(other, room)?);
        let places = |shelf: &'_ Shelf| -> BTreeSet<Place> { self.places(&shelf.shown).copied().collect() };
        let (ours, theirs) = (places(ours), places(theirs));
        let lacking = ours.symmetric_difference(&theirs).next()?;
        Some(format!(
            "peers {one} and {other} show {} and {} lines; one of them lacks {lacking:?}",
            ours.len(),
            theirs.len()
        ))
    }

    /// The places of lines that all peers must show. The branch that a machine wrote before it was put back has
    /// no owner any more, and nobody posts it again: its lines stay with those who had them.
    fn places<'a>(&'a self, shown: &'a Timeline) -> impl Iterator<Item = &'a Place> {
        let lines = shown.lines().map(|(place, _)| place);
        lines.filter(|place| !(self.put_back && self.forked.contains(&place.id.actor)))
    }

    /// Equal peers show the same, and everything that was ever accepted.
    pub(crate) fn compare(&self) -> Checked {
        for room in &self.rooms {
            let members = self.members(*room);
            let first = members.first().and_then(|first| self.shelf(*first, *room));
            for no in &members {
                let (Some(first), Some(shelf)) = (first, self.shelf(*no, *room)) else {
                    return Err(format!("peer {no} has no room"));
                };
                self.check_content(&first.shown, &shelf.shown)
                    .map_err(|what| format!("peer {no} {what}"))?;
                if self.status(*no, *room).map(|status| status.durable) != Some(shelf.disk.state.clone()) {
                    return Err(format!("peer {no} holds another state than its disk"));
                }
            }
        }
        Ok(())
    }

    fn check_content(&self, ours: &Timeline, theirs: &Timeline) -> Checked {
        let forked = !self.forked.is_empty();
        // Which branch is the actor's own depends on where one stands.
        let same = forked || content(ours) == content(theirs);
        if !same {
            return Err("shows lines with another content than the first peer".into());
        }
        if !forked
            && (ours.roster().name(), ours.roster().members())
                != (theirs.roster().name(), theirs.roster().members())
        {
            return Err("differs from the first peer in the room's name or its members".into());
        }
        Ok(())
    }

    fn check_accepted(&self, room: RoomId, shown: &Timeline) -> Checked {
        let lines = shown.lines().map(|(place, line)| (place.id, text(&line.says)));
        let lines: BTreeSet<_> = lines.collect();
        let other = |line: &Line| line.since.deleted || line.since.edited.is_some();
        let others = shown.lines().filter(|(_, line)| other(line));
        let others: BTreeSet<_> = others.map(|(place, _)| place.id).collect();
        let accepted = self.accepted.iter().filter(|accepted| accepted.room == room);
        let mut lost = accepted.filter(|accepted| {
            !lines.contains(&(accepted.id, &*accepted.text)) && !others.contains(&accepted.id)
        });
        lost.next().map_or(Ok(()), |lost| {
            let (id, peer) = (lost.id, lost.peer);
            Err(format!("not all show {id}, which peer {peer} had accepted"))
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
                    || after.shown.roster().members() != shelf.shown.roster().members()
                {
                    return Err(format!("peer {no} shows something else after a restart"));
                }
            }
        }
        let sums = self.peers.iter().flat_map(|peer| peer.shelves.values());
        let sums: Vec<u8> = sums.flat_map(|shelf| shelf.disk.state.digest()).collect();
        self.trace.add(&sums);
        Ok(())
    }
}

fn text(says: &Says) -> &str {
    match says {
        Says::Message { text, .. } | Says::Imported { text, .. } => text,
        Says::Unreadable { .. } => "",
    }
}

fn content(timeline: &Timeline) -> Vec<(&Says, &Since, i64, ActorId)> {
    timeline
        .lines()
        .map(|(_, line)| (&line.says, &line.since, line.sent_at_ms, line.author))
        .collect()
}
