//! How what is new travels: each link asks for the actors whose changes no other link sends it, so that for each of
//! them a tree grows of the ways by which news came first. Knows which link sends what; reads no change.
//!
//! After Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007), with a tree for each author that grows by questions where
//! Plumtree prunes one flood: a `Have` announces, a `Want` grafts, `Prune` prunes. What this device writes goes to
//! all of its links at once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::room::Room;
use super::{ConnId, Engine, Turn};
use crate::block::SeqRange;
use crate::ids::{ActorId, RoomId};
use crate::limits::{ACTORS_MAX, NEWS_WAIT, REPAIR_WAIT};
use crate::wire::{Bye, Claim, RoomFrame};

/// A change that was heard of and may still come by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    seq: u64,
    until: Duration,
}

impl Room {
    /// A peer tells that it has these. What is sent by another link is left to that one for a while; what is sent by
    /// none, until others had the time to say that they have it, too: the first ones are the nearest.
    pub(super) fn heard_of(&mut self, from: ConnId, claims: &[Claim], now: Duration) {
        for claim in claims.iter().take(ACTORS_MAX) {
            if claim.seq <= self.accepted.tip(claim.actor).seq {
                continue;
            }
            let wait = match self.routes.get(&claim.actor) {
                // It sends us these, and this one it does not: it is too long, or does not fit.
                Some(route) if *route == from => Duration::ZERO,
                Some(_) => REPAIR_WAIT,
                None => NEWS_WAIT,
            };
            let until = now + wait;
            let seq = claim.seq;
            let awaited = self.awaited.entry(claim.actor).or_insert(Awaited { seq, until });
            awaited.until = awaited.until.min(until);
        }
    }

    /// Whether an actor's changes are to be asked for now.
    pub(super) fn is_due(&self, actor: ActorId, now: Duration) -> bool {
        self.awaited
            .get(&actor)
            .is_none_or(|awaited| awaited.until <= now)
    }

    /// An actor's changes came by this link; gives the one by which they came before.
    pub(super) fn came_by(&mut self, actor: ActorId, by: ConnId) -> Option<ConnId> {
        let have = self.accepted.tip(actor).seq;
        self.awaited
            .retain(|awaited, news| *awaited != actor || news.seq > have);
        self.routes.insert(actor, by).filter(|before| *before != by)
    }

    /// When something is to be asked for that did not come by itself.
    pub(super) fn asks_at(&self) -> Option<Duration> {
        self.awaited.values().map(|awaited| awaited.until).min()
    }
}

impl Engine {
    /// When [`super::Event::Ticked`] is wanted earlier than at the next [`crate::limits::TICK`], if it is.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.rooms.values().filter_map(Room::asks_at).min()
    }

    /// Asks for what did not come by itself.
    pub(super) fn tick_tree(&mut self, t: &mut Turn<'_>) {
        let now = t.now.uptime;
        let rooms = self.rooms.iter();
        let due = rooms.filter(|(_, state)| state.asks_at().is_some_and(|at| at <= now));
        let due: Vec<_> = due.map(|(room, _)| *room).collect();
        for room in due {
            self.catch_up(room, t);
            if let Some(state) = self.rooms.get_mut(&room) {
                state.awaited.retain(|_, awaited| awaited.until > now);
            }
        }
    }

    /// Changes came by a link, new ones and known ones. Where an actor's come by two, one of them is asked to stop.
    pub(super) fn prune(
        &mut self,
        id: ConnId,
        room: RoomId,
        new: &[ActorId],
        known: &[ActorId],
        t: &mut Turn<'_>,
    ) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let mut prunes: BTreeMap<ConnId, Vec<ActorId>> = BTreeMap::new();
        for actor in known {
            match state.routes.get(actor) {
                Some(route) if *route != id => prunes.entry(id).or_default().push(*actor),
                Some(_) => {}
                None => drop(state.routes.insert(*actor, id)),
            }
        }
        for actor in new {
            if let Some(before) = state.came_by(*actor, id) {
                prunes.entry(before).or_default().push(*actor);
            }
        }
        for (id, mut actors) in prunes {
            actors.sort_unstable();
            actors.dedup();
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.send_room(id, room, &RoomFrame::Prune(actors), t);
            }
        }
    }

    /// A peer gets these actors' changes by another link.
    pub(super) fn pruned(&mut self, id: ConnId, room: RoomId, actors: &[ActorId], t: &mut Turn<'_>) {
        if actors.len() > ACTORS_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "it named too many actors", t);
        }
        self.set_wants(id, room, actors.iter().copied(), false);
    }

    /// A peer asks for the newest of these, so it is sent what follows, too.
    pub(super) fn grafted(&mut self, id: ConnId, room: RoomId, wanted: &[SeqRange]) {
        let Some(state) = self.rooms.get(&room) else {
            return;
        };
        let newest = wanted
            .iter()
            .filter(|range| range.to == state.durable.tip(range.actor).seq);
        let actors: Vec<_> = newest.map(|range| range.actor).collect();
        self.set_wants(id, room, actors.into_iter(), true);
    }

    /// Only of actors that are known here, so that there are never more than the room may have.
    fn set_wants(&mut self, id: ConnId, room: RoomId, actors: impl Iterator<Item = ActorId>, wants: bool) {
        let Some(state) = self.rooms.get(&room) else {
            return;
        };
        let known: Vec<_> = actors.filter(|actor| state.durable.tip(*actor).seq > 0).collect();
        if let Some(link) = self.link(id, room) {
            link.wants.extend(known.into_iter().map(|actor| (actor, wants)));
        }
    }
}
