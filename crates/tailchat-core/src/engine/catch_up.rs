//! Catching up: one peer a room is asked for what it holds beyond us, and peers are answered from our past.
//! Knows nothing of what changes say.
//!
//! One question at a time: where an answer will end is known to who answers, so a second question sent before
//! it came would have to name other actors, and a sealed block that holds both would be cut apart twice
//! instead of being sent as it lies on disk. The write of one answer overlaps the question for the next.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use super::link::Asked;
use super::room::Room;
use super::{ConnId, Engine, LoadFor, Turn};
use crate::block::{Block, SeqRange, Taken};
use crate::ids::{ActorId, RoomId};
use crate::limits::{ANSWER_TIME, STALLED_TIME, TURN_WAIT, WANT_RANGES_MAX, WANT_TIME};
use crate::wire::{Bye, RoomFrame};

/// Changes a second below which a peer's word for being near to an author counts for less than another's pace.
const PACE_MIN: u64 = 1;

/// Unanswered `Want`s that a peer may have at us. One more closes the connection.
const WANTS_MAX: usize = 4;

impl Engine {
    /// Asks one peer for what it holds beyond us, if nobody is being asked and there is room for it.
    pub(super) fn catch_up(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let now = t.now.uptime;
        // Who let a question stall and is asked again keeps nobody waiting who did not.
        let asking = self.rooms.get(&room).and_then(|state| state.asking);
        let asking = asking.and_then(|(asked, _)| self.link(asked, room));
        let in_vain = asking.is_some_and(|link| link.stalled_until > now);
        let may_ask = |state: &&mut Room| match in_vain {
            true => state.has_place(),
            false => state.may_ask(),
        };
        let Some(state) = self.rooms.get_mut(&room).filter(may_ask) else {
            return;
        };
        let cautious = state.is_cautious(now);
        let (mut candidates, mut waited) = (Vec::new(), false);
        for (id, conn) in &mut self.conns {
            let Some(link) = conn.links.get_mut(&room) else {
                continue;
            };
            let mut wanted = link.lacking(&state.accepted);
            wanted.retain(|range| state.is_due(range.actor));
            if wanted.is_empty() || link.asked.len() >= WANTS_MAX {
                link.waits_since = None;
                continue;
            }
            waited |= now.saturating_sub(*link.waits_since.get_or_insert(now)) > TURN_WAIT;
            candidates.push((*id, &*link, wanted));
        }
        let chosen = candidates.into_iter().max_by_key(|(id, link, wanted)| {
            let changes: u64 = wanted.iter().map(|range| range.to - range.from + 1).sum();
            let fresh = link.stalled_until <= now;
            let nearest = wanted.iter().filter(|range| state.is_nearest(range.actor, *id));
            // To be near is a peer's word alone: it counts as long as nobody has to wait for it.
            let near = if waited { 0 } else { nearest.count() };
            let tried = !cautious || link.pace != u64::MAX;
            let older = cautious.then_some(Reverse(link.opened_at));
            // Who was never slow is asked first; who only says that it is near may be.
            (
                fresh,
                tried,
                link.pace >= PACE_MIN,
                near,
                link.pace,
                older,
                changes,
            )
        });
        let chosen = chosen.filter(|(_, link, _)| !in_vain || link.stalled_until <= now);
        let Some((id, _, wanted)) = chosen else { return };
        state.asking = Some((id, now));
        if let Some(link) = self.link(id, room) {
            link.waits_since = None;
        }
        self.graft(id, room, &wanted, t);
        self.ask(id, room, Asked::CatchUp, wanted, t);
    }

    /// Notes that a peer is asked for whatever it holds beyond us, if nobody is being asked; whether it is. Who has
    /// no message yet does not ask so, since the newest page is to come first.
    pub(super) fn ask_for_all(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) -> bool {
        let Some(state) = self.rooms.get_mut(&room) else {
            return false;
        };
        if !state.may_ask() || state.is_cautious(t.now.uptime) || state.durable.messages() == 0 {
            return false;
        }
        state.asking = Some((id, t.now.uptime));
        if let Some(link) = self.link(id, room) {
            link.asked.push_back(Asked::Beyond);
        }
        true
    }

    /// A peer asks for all that we hold beyond what it claims.
    pub(super) fn asked_for_all(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get(&room) else {
            return;
        };
        let link = self.conns.get(&id).and_then(|conn| conn.links.get(&room));
        if let Some(wanted) = link.map(|link| link.lacked(&state.durable)) {
            self.wanted(id, room, wanted, t);
        }
    }

    /// Turns from a peer that lets its question stall, and asks another.
    pub(super) fn give_up_stalled(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let now = t.now.uptime;
        let asking = self.rooms.get(&room).and_then(|state| state.asking);
        let stalls = |(id, since): &(ConnId, Duration)| {
            let moved = self.answer_moved(*id, room, *since);
            now.saturating_sub(moved) > WANT_TIME
        };
        if let Some((id, _)) = asking.filter(stalls) {
            if let Some(link) = self.link(id, room) {
                link.stalled_until = now + STALLED_TIME;
            }
            if let Some(state) = self.rooms.get_mut(&room) {
                state.asking = None;
                state.cautious_until = now + STALLED_TIME;
            }
        }
        self.catch_up(room, t);
    }

    /// When something was last seen of the answer to a question, at the latest when it was asked. Where others could be
    /// asked, a slow one does not keep them waiting for long; asking nobody else twice would only make its line thinner.
    fn answer_moved(&self, id: ConnId, room: RoomId, since: Duration) -> Duration {
        let receiving = self.conns.get(&id).map_or(since, |conn| conn.receiving_at);
        let mut others = self.conns.iter().filter(|(other, _)| **other != id);
        let most = if others.any(|(_, conn)| conn.links.contains_key(&room)) {
            since + ANSWER_TIME
        } else {
            Duration::MAX
        };
        since.max(receiving.min(most))
    }

    fn ask(&mut self, id: ConnId, room: RoomId, asked: Asked, wanted: Vec<SeqRange>, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if let Some(link) = conn.links.get_mut(&room) {
            link.asked.push_back(asked);
        }
        conn.send_room(id, room, &RoomFrame::Want(wanted), t);
    }

    /// Asks a peer for one change of a forked chain; the answer goes to [`Engine::fork_answered`].
    pub(super) fn ask_about_fork(
        &mut self,
        id: ConnId,
        room: RoomId,
        actor: ActorId,
        seq: u64,
        t: &mut Turn<'_>,
    ) {
        self.ask(
            id,
            room,
            Asked::Fork,
            vec![SeqRange {
                actor,
                from: seq,
                to: seq,
            }],
            t,
        );
    }

    /// A peer asks for changes: as far as our disk holds them, the past is asked.
    pub(super) fn wanted(&mut self, id: ConnId, room: RoomId, mut wanted: Vec<SeqRange>, t: &mut Turn<'_>) {
        let much = self.reads_much(room);
        let (Some(state), Some(conn)) = (self.rooms.get(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        if wanted.len() > WANT_RANGES_MAX || link.answering >= WANTS_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "it asked for too much at once", t);
        }
        wanted.retain_mut(|range| {
            range.to = range.to.min(state.durable.tip(range.actor).seq);
            range.from >= 1 && range.from <= range.to
        });
        link.answering += 1;
        if wanted.is_empty() || much {
            return self.answer_want(id, room, Vec::new(), t);
        }
        self.load(room, LoadFor::Peer { conn: id, room }, wanted, t);
    }

    pub(super) fn answer_want(&mut self, id: ConnId, room: RoomId, block: Vec<u8>, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if let Some(link) = conn.links.get_mut(&room) {
            link.answering = link.answering.saturating_sub(1);
            conn.send_room(id, room, &RoomFrame::Block(block), t);
        }
    }

    pub(super) fn block_arrived(&mut self, id: ConnId, room: RoomId, bytes: &[u8], t: &mut Turn<'_>) {
        let Some(link) = self.link(id, room) else { return };
        let Some(asked) = link.asked.pop_front() else {
            return self.drop_conn(
                id,
                Some(Bye::Protocol),
                "it sent history that nobody asked for",
                t,
            );
        };
        if asked == Asked::Fork {
            return self.fork_answered(id, room, bytes, t);
        }
        let taken = if bytes.is_empty() {
            Ok(Taken::default())
        } else {
            let Some(state) = self.rooms.get_mut(&room) else {
                return;
            };
            Block::decode(bytes).and_then(|block| state.accepted.take(&block))
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(err) => return self.drop_conn(id, Some(Bye::Protocol), &err.to_string(), t),
        };
        let via = self.via(id, room);
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let now = t.now.uptime;
        let answered = state.asking.take_if(|(asked, _)| *asked == id);
        let slow = answered.is_some_and(|(_, since)| now.saturating_sub(since) > TURN_WAIT);
        let brought = taken.changes.len() as u64;
        let actors: BTreeSet<_> = taken.changes.iter().map(|change| change.parts.actor).collect();
        let came = actors.into_iter().map(|actor| (actor, state.steps_by(actor, id)));
        let came: Vec<_> = came.collect();
        state.take_in(taken.changes, via, t);
        self.came(id, room, &came, &[], t);
        let mut first = false;
        if let Some(link) = self.link(id, room) {
            first = link.pace == u64::MAX;
            if let Some((_, since)) = answered.filter(|_| brought > 0 || asked == Asked::CatchUp) {
                let took_ms = now.saturating_sub(since).as_millis().max(1);
                link.pace = brought * 1000 / u64::try_from(took_ms).unwrap_or(u64::MAX);
            }
            if brought == 0 && asked == Asked::CatchUp {
                // Asking again at once would bring the same; another peer may do better.
                link.stalled_until = now + STALLED_TIME;
            }
        }
        if let Some(state) = self.rooms.get_mut(&room).filter(|_| first && slow) {
            state.cautious_until = now + STALLED_TIME;
        }
        self.refused(id, room, taken.refused, t);
        self.flush(room, t);
        self.catch_up(room, t);
    }
}

impl Room {
    /// Whether somebody who was never asked before cost us time lately. Whoever comes again and again is new each
    /// time, so those who are come after those who answered, the older ones first.
    fn is_cautious(&self, now: Duration) -> bool {
        now < self.cautious_until
    }
}
