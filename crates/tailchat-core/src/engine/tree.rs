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
    /// It did not, and is to be asked for.
    due: bool,
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
            let heard = Awaited {
                seq: claim.seq,
                until: now + wait,
                due: wait.is_zero(),
            };
            let awaited = self.awaited.entry(claim.actor).or_insert(heard);
            awaited.due |= heard.due;
        }
    }

    /// Whether an actor's changes are to be asked for.
    pub(super) fn is_due(&self, actor: ActorId) -> bool {
        self.awaited.get(&actor).is_none_or(|awaited| awaited.due)
    }

    /// When something is to be asked for that did not come by itself.
    fn asks_at(&self) -> Option<Duration> {
        let waiting = self.awaited.values().filter(|awaited| !awaited.due);
        waiting.map(|awaited| awaited.until).min()
    }

    /// What is here is no longer waited for.
    pub(super) fn forget_arrived(&mut self) {
        let accepted = &self.accepted;
        self.awaited
            .retain(|actor, awaited| awaited.seq > accepted.tip(*actor).seq);
    }

    /// From now on this link sends us the actor's changes; gives the one that did before.
    fn route(&mut self, actor: ActorId, by: ConnId) -> Option<ConnId> {
        self.routes.insert(actor, by).filter(|before| *before != by)
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
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            let Some(state) = self.rooms.get_mut(&room) else {
                continue;
            };
            if state.asks_at().is_none_or(|at| at > t.now.uptime) {
                continue;
            }
            for awaited in state.awaited.values_mut() {
                awaited.due |= awaited.until <= t.now.uptime;
            }
            self.catch_up(room, t);
        }
    }

    /// A peer is asked for changes: of those that were announced it is to send what follows, too. What a newcomer
    /// lacks was not, or all that it ever hears would come by whom it met first.
    pub(super) fn graft(&mut self, id: ConnId, room: RoomId, wanted: &[SeqRange], t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let news = wanted
            .iter()
            .filter(|range| state.awaited.contains_key(&range.actor));
        let news: Vec<_> = news.map(|range| range.actor).collect();
        let mut before: BTreeMap<ConnId, Vec<ActorId>> = BTreeMap::new();
        for actor in &news {
            state.awaited.remove(actor);
            if let Some(route) = state.route(*actor, id) {
                before.entry(route).or_default().push(*actor);
            }
        }
        self.send_prunes(room, before, t);
        if let Some(conn) = self.conns.get_mut(&id)
            && !news.is_empty()
        {
            conn.send_room(id, room, &RoomFrame::Graft(news), t);
        }
    }

    /// Changes were pushed by a link, new ones and known ones. Where an actor's come by two, one of them is asked to
    /// stop.
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
        state.forget_arrived();
        let mut prunes: BTreeMap<ConnId, Vec<ActorId>> = BTreeMap::new();
        for actor in known {
            match state.routes.get(actor) {
                Some(route) if *route != id => prunes.entry(id).or_default().push(*actor),
                _ => drop(state.route(*actor, id)),
            }
        }
        for actor in new {
            if let Some(before) = state.route(*actor, id) {
                prunes.entry(before).or_default().push(*actor);
            }
        }
        self.send_prunes(room, prunes, t);
    }

    fn send_prunes(&mut self, room: RoomId, prunes: BTreeMap<ConnId, Vec<ActorId>>, t: &mut Turn<'_>) {
        for (id, mut actors) in prunes {
            actors.sort_unstable();
            actors.dedup();
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.send_room(id, room, &RoomFrame::Prune(actors), t);
            }
        }
    }

    /// A peer wants to be sent what is new of these, or only told. Only of actors that are known here, so that there are
    /// never more than the room may have.
    pub(super) fn set_wants(
        &mut self,
        id: ConnId,
        room: RoomId,
        actors: &[ActorId],
        wants: bool,
        t: &mut Turn<'_>,
    ) {
        if actors.len() > ACTORS_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "it named too many actors", t);
        }
        let Some(state) = self.rooms.get(&room) else {
            return;
        };
        let known: Vec<_> = actors
            .iter()
            .filter(|actor| state.durable.tip(**actor).seq > 0)
            .copied()
            .collect();
        if let Some(link) = self.link(id, room) {
            link.wants.extend(known.into_iter().map(|actor| (actor, wants)));
        }
    }
}
