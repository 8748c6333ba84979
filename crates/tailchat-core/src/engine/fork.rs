//! An actor with two chains: marked, left out of what the two branches' holders exchange, and, where it is
//! our own, given up for a fresh one that posts again what the other branch lacks.

use std::time::Duration;

use super::{ConnId, Draft, Effect, Engine, LoadFor, Ticket, Turn};
use crate::block::{Block, SeqRange};
use crate::entry::{Body, Entry, Repeat, entry_sum};
use crate::ids::{ActorId, ChangeHash, MessageId, RoomId};
use crate::limits::{FORK_HEALS_MAX, FORK_HEALS_TIME};
use crate::wire::RoomFrame;

/// Stands for a change that an answer does not hold.
const UNKNOWN: ChangeHash = ChangeHash([0; 32]);

/// The ticket of what is posted again: nobody waits for its outcome.
const REPEATED: Ticket = Ticket(u64::MAX);

/// The search for the last change that the two chains of one of our actors share, by bisection: a peer on
/// the other branch is asked for one change of it at a time, and our own past for the same one.
#[derive(Debug)]
pub(super) struct ForkSearch {
    /// Who is asked; nobody if the parting is told by what the other copy posts again.
    conn: Option<ConnId>,
    actor: ActorId,
    /// A change up to which both chains are known to be the same.
    same: u64,
    /// A change from which they are known to differ.
    differ: u64,
    theirs: Option<ChangeHash>,
    ours: Option<ChangeHash>,
    /// The parting is known; what follows it here is being posted again, from this change on.
    repeating: Option<u64>,
    /// Entries before this one are common to both chains, whatever their change.
    from_index: u64,
}

impl ForkSearch {
    fn new(conn: Option<ConnId>, actor: ActorId, differ: u64) -> Self {
        Self {
            conn,
            actor,
            same: 0,
            differ,
            theirs: None,
            ours: None,
            repeating: None,
            from_index: 0,
        }
    }

    fn middle(&self) -> u64 {
        self.same + (self.differ - self.same) / 2
    }
}

impl super::room::Room {
    /// Whether an actor's fork is ours to heal, and nothing stands against beginning now.
    fn may_search(&self, actor: ActorId, from_index: u64, now: Duration) -> bool {
        let known = self.durable.tip(actor).seq > 0;
        known && self.fork_search.is_none() && self.may_heal(actor, from_index, now)
    }

    /// Whether an actor is ours to give up for a fork, and that was not done too often of late. An actor that
    /// has to wait goes on, and what it writes until then is posted again with the rest.
    fn may_heal(&self, actor: ActorId, from_index: u64, now: Duration) -> bool {
        let since = |at: Duration| now.saturating_sub(at) < FORK_HEALS_TIME;
        let mut recent = self.healed.iter().filter(|(at, _)| since(*at));
        let begun = recent.clone().any(|(_, healed)| *healed == actor);
        self.ours.contains(&actor)
            && self
                .settled
                .get(&actor)
                .is_none_or(|settled| from_index < *settled)
            && (begun || recent.nth(FORK_HEALS_MAX - 1).is_none())
    }

    /// Never writes with a forked actor of ours again, and begins to heal if nothing else is being healed.
    fn heal(&mut self, search: ForkSearch, now: Duration) -> bool {
        let (actor, from_index) = (search.actor, search.from_index);
        if !self.may_heal(actor, from_index, now) {
            return false;
        }
        self.mine.take_if(|mine| *mine == actor);
        if self.healed.iter().all(|(_, healed)| *healed != actor) {
            self.healed.push_back((now, actor));
            if self.healed.len() > FORK_HEALS_MAX {
                self.healed.pop_front();
            }
        }
        let begins = self.may_search(actor, from_index, now);
        if begins {
            self.fork_search = Some(search);
        }
        begins
    }

    /// Whether all that is durable was posted again, and what was being written when the fork showed was not.
    pub(super) fn fork_waits(&self) -> bool {
        let search = self.fork_search.as_ref();
        search.is_some_and(|search| search.repeating > Some(self.durable.tip(search.actor).seq))
    }

    pub(super) fn forget_fork_search(&mut self, conn: ConnId) {
        self.fork_search
            .take_if(|search| search.conn == Some(conn) && search.repeating.is_none());
    }
}

impl Engine {
    /// The peer's chain of an actor is not ours.
    pub(super) fn fork_found(
        &mut self,
        id: ConnId,
        room: RoomId,
        actor: ActorId,
        seq: u64,
        t: &mut Turn<'_>,
    ) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let fresh = conn
            .links
            .get_mut(&room)
            .is_some_and(|link| link.forked.insert(actor));
        if fresh {
            conn.send_room(id, room, &RoomFrame::Forked { actor, seq }, t);
            self.fork_marked(id, room, actor, seq, t);
        }
    }

    /// The peer says that its chain of an actor is not ours.
    pub(super) fn fork_heard(
        &mut self,
        id: ConnId,
        room: RoomId,
        actor: ActorId,
        seq: u64,
        t: &mut Turn<'_>,
    ) {
        let known = self
            .rooms
            .get(&room)
            .is_some_and(|state| state.accepted.tip(actor).seq > 0);
        let fresh = known && self.link(id, room).is_some_and(|link| link.forked.insert(actor));
        if fresh {
            self.fork_marked(id, room, actor, seq, t);
        }
    }

    fn fork_marked(&mut self, id: ConnId, room: RoomId, actor: ActorId, seq: u64, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let first = state.forks.entry(actor).or_insert(seq);
        *first = seq.min(*first);
        let differ = seq.min(state.durable.tip(actor).seq).max(1);
        if state.heal(ForkSearch::new(Some(id), actor, differ), t.now.uptime) {
            self.fork_step(room, t);
        }
        t.emit(Effect::Heard { room });
    }

    /// Begins a search that could not begin when the fork showed, or that ended with its connection.
    pub(super) fn search_again(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get(&room).filter(|state| state.failing.is_none()) else {
            return;
        };
        let now = t.now.uptime;
        let found = self.conns.iter().find_map(|(id, conn)| {
            let forked = &conn.links.get(&room)?.forked;
            let actor = forked.iter().find(|actor| state.may_search(**actor, 0, now))?;
            Some((*id, *actor, state.durable.tip(*actor).seq))
        });
        if let Some((id, actor, seq)) = found {
            return self.fork_marked(id, room, actor, seq, t);
        }
        let told = state.told.iter().map(|(actor, index)| (*actor, *index));
        let further = told
            .into_iter()
            .find(|(actor, index)| state.may_search(*actor, *index, now));
        if let Some((actor, index)) = further {
            self.fork_told(room, MessageId { actor, index }, t);
        }
    }

    /// Another copy of this device posted an entry of our actor again: the chains part there, though every
    /// peer that we met may be on our branch. What follows on it is posted again here, too.
    pub(super) fn fork_told(&mut self, room: RoomId, first: MessageId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        // Another copy may leave out what a third one posted again before, so the first that is told of need not
        // be the parting: a lower one, or a peer on the other branch, makes this begin again.
        let told = state.told.entry(first.actor).or_insert(first.index);
        *told = first.index.min(*told);
        let search = ForkSearch {
            from_index: *told,
            ..ForkSearch::new(None, first.actor, 1)
        };
        if state.heal(search, t.now.uptime) {
            self.fork_step(room, t);
        }
    }

    /// Asks for the change in the middle, or, when the parting is known, for what follows it here.
    pub(super) fn fork_step(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let tip = |actor| state.durable.tip(actor).seq;
        let Some(search) = &mut state.fork_search else {
            return;
        };
        let (conn, actor) = (search.conn, search.actor);
        if search.differ == search.same + 1 {
            let from = *search.repeating.get_or_insert(search.differ);
            let to = tip(actor);
            if from > to {
                if state.accepted.tip(actor).seq == to {
                    state.settled.insert(actor, search.from_index);
                    state.fork_search = None;
                }
                return;
            }
            return self.load(
                room,
                LoadFor::Fork { room },
                vec![SeqRange { actor, from, to }],
                t,
            );
        }
        let middle = search.middle();
        if let Some(conn) = conn {
            self.ask_about_fork(conn, room, actor, middle, t);
        }
        self.load(
            room,
            LoadFor::Fork { room },
            vec![SeqRange {
                actor,
                from: middle,
                to: middle,
            }],
            t,
        );
    }

    /// The peer's change in the middle.
    pub(super) fn fork_answered(&mut self, id: ConnId, room: RoomId, block: &[u8], t: &mut Turn<'_>) {
        let Some(search) = self
            .rooms
            .get_mut(&room)
            .and_then(|state| state.fork_search.as_mut())
        else {
            return;
        };
        if search.conn == Some(id) {
            search.theirs = Some(last_hash(block));
            self.fork_compare(room, t);
        }
    }

    /// Our own change in the middle, or what is to be posted again.
    pub(super) fn fork_loaded(&mut self, room: RoomId, block: &[u8], t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let (Some(search), done) = (&mut state.fork_search, &state.repeated) else {
            return;
        };
        if search.repeating.is_none() {
            search.ours = Some(last_hash(block));
            return self.fork_compare(room, t);
        }
        let Some(block) = Block::decode(block).ok().filter(|block| !block.is_empty()) else {
            // The past cannot be read: it stays on this branch alone, and `check` names the damage.
            state.settled.insert(search.actor, 0);
            state.fork_search = None;
            return;
        };
        let mut drafts = Vec::new();
        for parts in block.parts() {
            search.repeating = Some(parts.seq + 1);
            if parts.first_index + parts.entries.len() as u64 <= search.from_index {
                continue;
            }
            let parting = state.forks.entry(parts.actor).or_insert(parts.seq);
            *parting = parts.seq.min(*parting);
            let ids = (parts.first_index..).map(|index| MessageId {
                actor: parts.actor,
                index,
            });
            let apart = |of: &MessageId| of.index >= search.from_index;
            let entries = ids.zip(parts.entries);
            let entries = entries.filter(|(of, entry)| apart(of) && !done.contains(&(*of, entry_sum(entry))));
            drafts.extend(entries.filter_map(|(of, entry)| repeated(of, entry)));
        }
        if !drafts.is_empty() {
            self.post(room, REPEATED, drafts, t);
        }
        self.fork_step(room, t);
    }

    fn fork_compare(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(search) = self
            .rooms
            .get_mut(&room)
            .and_then(|state| state.fork_search.as_mut())
        else {
            return;
        };
        if let (Some(theirs), Some(ours)) = (search.theirs, search.ours) {
            let middle = search.middle();
            // Two empty answers say nothing of what the chains share.
            if theirs == ours && theirs != UNKNOWN {
                search.same = middle;
            } else {
                search.differ = middle;
            }
            (search.theirs, search.ours) = (None, None);
            self.fork_step(room, t);
        }
    }
}

fn last_hash(block: &[u8]) -> ChangeHash {
    let last = Block::spans_of(block)
        .ok()
        .and_then(|spans| spans.first().map(|span| span.last));
    last.unwrap_or(UNKNOWN)
}

/// What to post again for an entry on our branch alone: everything but what introduces the actor itself.
fn repeated(of: MessageId, entry: Vec<u8>) -> Option<Draft> {
    let body = match Entry::decode(&entry).body {
        Body::Profile(_) | Body::Leave => return None,
        // What was itself a repeat keeps its first name.
        Body::Repeat(repeat) => Body::Repeat(repeat),
        _ => Body::Repeat(Repeat { of, entry }),
    };
    Some(Draft { body, stamp: None })
}
