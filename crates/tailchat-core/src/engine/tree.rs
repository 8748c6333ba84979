//! How what is new travels: each link asks for the actors whose changes no other link sends it, so that for each of
//! them a tree grows of the ways by which news came first. Knows which link sends what; reads no change.
//!
//! After Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007), with a tree for each author that grows by questions where
//! Plumtree prunes one flood: a `Have` announces, a `Want` grafts, `Prune` prunes. What this device writes goes to
//! all of its links at once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::link::{Link, is_possible};
use super::room::Room;
use super::{ConnId, Engine, Turn};
use crate::block::SeqRange;
use crate::ids::{ActorId, RoomId};
use crate::limits::{ACTORS_MAX, NEWS_WAIT, REPAIR_WAIT, STEPS_SENT_MAX};
use crate::wire::{Bye, Claim, RoomFrame, Told};

/// The link that sends us an actor's changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    by: ConnId,
    /// Links between the author and us.
    steps: u8,
}

/// A change that was heard of and may still come by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    seq: u64,
    until: Duration,
    /// It did not, and is to be asked for.
    due: bool,
    /// Who told of it that is nearest to the author.
    nearest: Route,
}

impl Room {
    /// By how many links an actor's newest change came here; the most there are where that is not known.
    pub(super) fn steps(&self, actor: ActorId) -> u8 {
        match self.ours.contains(&actor) {
            true => 0,
            false => self.came.get(&actor).copied().unwrap_or(u8::MAX),
        }
    }

    /// By how many links changes come that this link was asked for.
    pub(super) fn steps_by(&self, actor: ActorId, id: ConnId) -> u8 {
        let route = self.routes.get(&actor).filter(|route| route.by == id);
        route.map_or(u8::MAX, |route| route.steps)
    }

    /// Takes note of a change that is not here. What is sent by another link is left to that one for a while, unless
    /// this one is much nearer to the author; what is sent by none, until others had the time to tell of it.
    fn await_news(&mut self, actor: ActorId, seq: u64, told: Route, now: Duration) {
        if self.awaited.len() >= ACTORS_MAX && !self.awaited.contains_key(&actor) {
            return;
        }
        let wait = match self.routes.get(&actor) {
            // It sends us these, and this one it does not: it is too long, or does not fit, or came from afar.
            Some(route) if route.by == told.by && told.steps <= STEPS_SENT_MAX => Duration::ZERO,
            Some(route) if route.by != told.by && told.steps >= route.steps => REPAIR_WAIT,
            // Of one who is far from the author it is asked later, so that a nearer one may tell of it first.
            _ if told.steps == u8::MAX => NEWS_WAIT,
            _ => {
                let beyond = told.steps.saturating_sub(STEPS_SENT_MAX);
                (NEWS_WAIT * (1 + u32::from(beyond))).min(REPAIR_WAIT)
            }
        };
        let due = wait.is_zero();
        let until = now + wait;
        let nearest = told;
        let heard = Awaited {
            seq,
            until,
            due,
            nearest,
        };
        let awaited = self.awaited.entry(actor).or_insert(heard);
        awaited.due |= due;
        awaited.until = awaited.until.min(until);
        if told.steps < awaited.nearest.steps {
            awaited.nearest = told;
        }
    }

    /// Whether an actor's changes are to be asked for.
    pub(super) fn is_due(&self, actor: ActorId) -> bool {
        self.awaited.get(&actor).is_none_or(|awaited| awaited.due)
    }

    /// Whether nobody nearer to the author told of what is to be asked for.
    pub(super) fn is_nearest(&self, actor: ActorId, id: ConnId) -> bool {
        self.awaited
            .get(&actor)
            .is_some_and(|awaited| awaited.nearest.by == id)
    }

    /// When something is to be asked for that did not come by itself.
    fn asks_at(&self) -> Option<Duration> {
        let waiting = self.awaited.values().filter(|awaited| !awaited.due);
        waiting.map(|awaited| awaited.until).min()
    }

    /// What is here is no longer waited for.
    fn forget_arrived(&mut self) {
        let accepted = &self.accepted;
        self.awaited
            .retain(|actor, awaited| awaited.seq > accepted.tip(*actor).seq);
    }

    /// A link is gone: what it sent comes no longer, and what nobody else claims is not waited for.
    pub(super) fn forget_routes(&mut self, id: ConnId, others: &[&Link]) {
        self.routes.retain(|_, route| route.by != id);
        let claimed = |actor: &ActorId, seq: u64| {
            let claims = others.iter().filter_map(|link| link.holds.as_ref()?.get(actor));
            claims.into_iter().any(|claim| claim.seq >= seq)
        };
        self.awaited
            .retain(|actor, awaited| awaited.nearest.by != id || claimed(actor, awaited.seq));
        let told = self
            .awaited
            .values_mut()
            .filter(|awaited| awaited.nearest.by == id);
        told.for_each(|awaited| awaited.nearest.steps = u8::MAX);
    }

    /// From now on this link sends us the actor's changes; gives the one that did before.
    fn route(&mut self, actor: ActorId, route: Route) -> Option<ConnId> {
        let before = self.routes.insert(actor, route)?.by;
        (before != route.by).then_some(before)
    }
}

/// Actors by the link on which something is to be said of them.
type ByLink = BTreeMap<ConnId, Vec<ActorId>>;

impl Engine {
    /// A peer tells that it has these. Who is nearer to an author than whoever sends us that one's changes is asked to
    /// do so instead.
    pub(super) fn heard_of(&mut self, id: ConnId, room: RoomId, told: &[Told], t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let (mut grafts, mut prunes) = (ByLink::new(), ByLink::new());
        let link = self.conns.get(&id).and_then(|conn| conn.links.get(&room));
        let Some(link) = link else { return };
        let possible = |claim: &Claim| is_possible(claim) && !link.forked.contains(&claim.actor);
        let told = told.iter().take(ACTORS_MAX).filter(|told| possible(&told.claim));
        for Told { steps, claim } in told {
            let (actor, steps) = (claim.actor, steps.saturating_add(1));
            let route = Route { by: id, steps };
            let here = state.accepted.tip(actor).seq;
            if claim.seq > here {
                state.await_news(actor, claim.seq, route, t.now.uptime);
            } else if claim.seq == here
                && let Some(now) = state.routes.get(&actor)
                && (now.by == id || steps < now.steps)
                && let Some(before) = state.route(actor, route)
            {
                grafts.entry(id).or_default().push(actor);
                prunes.entry(before).or_default().push(actor);
            }
        }
        self.say_of(room, grafts, RoomFrame::Graft, t);
        self.say_of(room, prunes, RoomFrame::Prune, t);
    }

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
        let (mut grafts, mut prunes) = (ByLink::new(), ByLink::new());
        for actor in wanted.iter().map(|range| range.actor) {
            let Some(awaited) = state.awaited.remove(&actor) else {
                continue;
            };
            let nearest = Some(awaited.nearest).filter(|nearest| nearest.by == id);
            let steps = nearest.map_or(u8::MAX, |nearest| nearest.steps);
            if let Some(before) = state.route(actor, Route { by: id, steps }) {
                prunes.entry(before).or_default().push(actor);
            }
            grafts.entry(id).or_default().push(actor);
        }
        self.say_of(room, grafts, RoomFrame::Graft, t);
        self.say_of(room, prunes, RoomFrame::Prune, t);
    }

    /// Changes came by a link, new ones and known ones, each with the links between its author and us. Where an actor's
    /// come by two, one of them is asked to stop: the one that is further from the author, or later.
    pub(super) fn came(
        &mut self,
        id: ConnId,
        room: RoomId,
        new: &[(ActorId, u8)],
        known: &[(ActorId, u8)],
        t: &mut Turn<'_>,
    ) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let (mut grafts, mut prunes) = (ByLink::new(), ByLink::new());
        for (actor, steps) in known {
            let Some(now) = state.routes.get(actor).filter(|route| route.by != id) else {
                continue;
            };
            let nearer = *steps < now.steps;
            let came = Route {
                by: id,
                steps: *steps,
            };
            let before = nearer.then(|| state.route(*actor, came)).flatten();
            prunes.entry(before.unwrap_or(id)).or_default().push(*actor);
        }
        for (actor, steps) in new {
            state.came.insert(*actor, *steps);
            let came = Route {
                by: id,
                steps: *steps,
            };
            let sends = state.routes.get(actor).is_some_and(|route| route.by == id);
            if *steps == u8::MAX && !sends {
                // It was asked for all that it has: that says nothing of the way that news takes.
                continue;
            }
            let nearest = state.awaited.get(actor).map(|awaited| awaited.nearest);
            let nearer = nearest.filter(|nearest| nearest.by != id && nearest.steps < came.steps);
            if let Some(nearer) = nearer {
                prunes.entry(id).or_default().push(*actor);
                grafts.entry(nearer.by).or_default().push(*actor);
            }
            let before = state.route(*actor, nearer.unwrap_or(came));
            if let Some(before) = before.filter(|before| *before != id) {
                prunes.entry(before).or_default().push(*actor);
            }
        }
        state.forget_arrived();
        self.say_of(room, grafts, RoomFrame::Graft, t);
        self.say_of(room, prunes, RoomFrame::Prune, t);
    }

    fn say_of(&mut self, room: RoomId, all: ByLink, what: fn(Vec<ActorId>) -> RoomFrame, t: &mut Turn<'_>) {
        for (id, mut actors) in all {
            actors.sort_unstable();
            actors.dedup();
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.send_room(id, room, &what(actors), t);
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
