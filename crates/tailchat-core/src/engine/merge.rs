//! What a bundle brings: through the gate, then the way of every change, and told once it is durable. Knows no
//! file; to what it takes in, a bundle is a peer that cannot be asked.

use std::collections::BTreeSet;

use super::room::Room;
use super::{Effect, Engine, Ticket, Turn};
use crate::block::{Block, Taken};
use crate::ids::{ActorId, DeviceId, RoomId};
use crate::limits::PENDING_LEN_MAX;
use crate::state::Refusal;
use crate::wire::Claim;

/// What came of changes that were brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Messages that are new in the room.
    pub added: u64,
    /// Messages that were there already.
    pub known: u64,
    /// Actors whose changes could not be taken, since earlier ones are missing.
    pub missing: Vec<ActorId>,
    /// Actors whose chain is another one here.
    pub forked: Vec<ActorId>,
    /// Actors whose changes are outside the limits of a room.
    pub refused: Vec<ActorId>,
}

/// What was brought and is not durable yet.
pub(super) struct Merging {
    ticket: Ticket,
    merged: Merged,
    /// How far each actor's chain has to be durable.
    until: Vec<(ActorId, u64)>,
}

impl Merging {
    pub(super) fn ticket(self) -> Ticket {
        self.ticket
    }
}

impl Engine {
    /// Whether a room has so much to write that what is brought to it should wait.
    #[must_use]
    pub fn is_crowded(&self, room: RoomId) -> bool {
        self.rooms
            .get(&room)
            .is_some_and(|room| room.pending.len() > PENDING_LEN_MAX)
    }

    /// The maker of a bundle says what its disk held: counted as if another member had passed it on.
    pub(super) fn vector_brought(
        &mut self,
        room: RoomId,
        device: DeviceId,
        claims: &[Claim],
        t: &mut Turn<'_>,
    ) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        state.give_up_continued(claims);
        let tip = |claim: &Claim| state.durable.tip(claim.actor);
        let differs = |claim: &&Claim| {
            claim.seq > 0 && claim.seq == tip(claim).seq && claim.hash != tip(claim).hash.short()
        };
        let forks: Vec<_> = claims.iter().filter(differs).map(|claim| claim.actor).collect();
        let ours = device == self.identity.device;
        // When it was said nobody knows, so nobody was seen.
        if !ours && state.note_disk(device, claims, None, false, t) {
            t.emit(Effect::Heard { room });
        }
        self.forks_brought(room, &forks, t);
    }

    pub(super) fn block_brought(
        &mut self,
        id: RoomId,
        ticket: Ticket,
        via: DeviceId,
        bytes: &[u8],
        t: &mut Turn<'_>,
    ) {
        let rejected = |why: String| Effect::Rejected { ticket, why };
        let Some(room) = self.rooms.get_mut(&id) else {
            return t.emit(rejected("no such room".into()));
        };
        if let Some((_, why)) = &room.failing {
            return t.emit(rejected(why.clone()));
        }
        let brought = Block::decode(bytes).and_then(|block| Ok((room.accepted.take(&block)?, block)));
        let (mut taken, block) = match brought {
            Ok(brought) => brought,
            Err(err) => return t.emit(rejected(err.to_string())),
        };
        let merging = room.merging(ticket, &block, &taken);
        room.take_in(std::mem::take(&mut taken.changes), via, t);
        let forked = merging.merged.forked.clone();
        room.merging.push(merging);
        self.forks_brought(id, &forked, t);
        self.flush(id, t);
        if let Some(room) = self.rooms.get_mut(&id) {
            room.confirm_merged(t);
        }
    }

    /// Marks actors that have another chain in a bundle. Nobody can be asked where the chains part, so what is to be
    /// done about an actor of ours, beyond not writing with it any more, waits for a peer.
    fn forks_brought(&mut self, room: RoomId, actors: &[ActorId], t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room).filter(|_| !actors.is_empty()) else {
            return;
        };
        for actor in actors {
            let seq = state.accepted.tip(*actor).seq;
            state.forks.entry(*actor).or_insert(seq);
            state.mine.take_if(|mine| mine == actor);
        }
        t.emit(Effect::Heard { room });
    }
}

impl Room {
    /// What will have come of a block once what was taken of it is durable.
    fn merging(&self, ticket: Ticket, block: &Block, taken: &Taken) -> Merging {
        let (mut missing, mut forked, mut refused) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for refusal in &taken.refused {
            match refusal {
                // Where nothing is here that could be forked, the change does not even fit itself.
                Refusal::Fork { actor, seq: 0 }
                | Refusal::Limits { actor }
                | Refusal::TooManyActors { actor } => refused.insert(*actor),
                Refusal::Fork { actor, .. } => forked.insert(*actor),
            };
        }
        let (mut here, mut until) = (0, Vec::new());
        for span in block.spans() {
            let tip = self.accepted.tip(span.actor).seq;
            if forked.contains(&span.actor) || refused.contains(&span.actor) {
                continue;
            }
            if tip + 1 < span.first_seq {
                missing.insert(span.actor);
                continue;
            }
            here += span.messages;
            until.push((span.actor, span.last_seq.min(tip)));
        }
        let new = taken.changes.iter().flat_map(|change| &change.parts.entries);
        let added = new.filter(|entry| crate::entry::is_message(entry)).count() as u64;
        let merged = Merged {
            added,
            known: here.saturating_sub(added),
            missing: missing.into_iter().collect(),
            forked: forked.into_iter().collect(),
            refused: refused.into_iter().collect(),
        };
        Merging {
            ticket,
            merged,
            until,
        }
    }

    /// Tells of what was brought and is durable now.
    pub(super) fn confirm_merged(&mut self, t: &mut Turn<'_>) {
        let durable = &self.durable;
        let is_durable = |merging: &mut Merging| {
            let mut until = merging.until.iter();
            until.all(|(actor, seq)| durable.tip(*actor).seq >= *seq)
        };
        for Merging { ticket, merged, .. } in self.merging.extract_if(.., is_durable) {
            t.emit(Effect::Merged { ticket, merged });
        }
    }
}
