//! From a block's rows to changes: the gate for whole blocks, and the proof that a block fits itself. Trusts
//! nothing that a block says of its changes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Block, BlockError, Span};
use crate::ids::ActorId;
use crate::state::{Change, Refusal, RoomState, Tip};

/// What a block brought to a room.
#[derive(Debug, Default)]
pub struct Taken {
    /// The changes that are new, in the block's order.
    pub changes: Vec<Change>,
    /// Actors whose changes were refused, and why; the others' were taken.
    pub refused: Vec<Refusal>,
}

impl Block {
    /// Encodes every change of the block again and checks that they end where the spans say.
    ///
    /// # Errors
    /// [`BlockError::Proof`] if an actor's changes do not end in the hash that its span names.
    pub fn changes(&self) -> Result<Vec<Change>, BlockError> {
        self.changes_of(|_, _| true)
    }

    /// As [`Block::changes`], of the spans alone that are wanted, by place.
    fn changes_of(&self, wanted: impl Fn(usize, &Span) -> bool) -> Result<Vec<Change>, BlockError> {
        let mut chains: Vec<_> = (0..)
            .zip(&self.spans)
            .map(|(place, span)| wanted(place, span).then(|| span.before()))
            .collect();
        let mut changes = Vec::with_capacity(self.rows.len());
        for (place, entries) in self.rows.iter() {
            let (Some(span), Some(chain)) = (self.spans.get(place), chains.get_mut(place)) else {
                return Err(BlockError::Malformed);
            };
            let Some(tip) = chain else { continue };
            let (next, change) = tip.extend(span.actor, entries.to_vecs());
            *tip = next;
            changes.push(change);
        }
        for (span, tip) in self.spans.iter().zip(&chains) {
            let Some(tip) = tip else { continue };
            let added = tip.entries - span.first_index;
            if tip.hash != span.last || tip.messages != span.messages || added != span.entries {
                return Err(BlockError::Proof { actor: span.actor });
            }
        }
        Ok(changes)
    }
}

impl RoomState {
    /// The gate for a whole block: like [`RoomState::vet`], an actor's stretch at a time. Changes that are
    /// there already are passed over, stretches that leave a gap are left out.
    ///
    /// # Errors
    /// [`BlockError::Proof`] if the sender's own hashes do not fit what it sent: nothing is taken.
    pub fn take(&mut self, block: &Block) -> Result<Taken, BlockError> {
        let mut taken = Taken::default();
        let mut forked = BTreeSet::new();
        let useful = self.useful(block);
        for (span, _) in block.spans.iter().zip(&useful).filter(|(_, useful)| **useful) {
            let ours = self.tip(span.actor);
            if ours.seq + 1 == span.first_seq
                && (ours.hash != span.previous || ours.entries != span.first_index)
            {
                forked.insert(span.actor);
            }
        }
        for change in block.changes_of(|place, _| useful.get(place) == Some(&true))? {
            let actor = change.parts.actor;
            let ours = self.tip(actor);
            if change.parts.seq == ours.seq && change.encoded.hash != ours.hash {
                forked.insert(actor);
            }
            if change.parts.seq != ours.seq + 1 || forked.contains(&actor) {
                continue;
            }
            match self.admit(change) {
                Ok(change) => taken.changes.push(change),
                Err(refusal) => taken.refused.push(refusal),
            }
        }
        let forks = forked.into_iter().map(|actor| Refusal::Fork {
            actor,
            seq: self.tip(actor).seq,
        });
        taken.refused.extend(forks);
        Ok(taken)
    }

    /// For each span whether its changes could be new here, or tell that its actor forked. The others lie wholly
    /// below our tips or behind a gap; encoding them would teach nothing.
    fn useful(&self, block: &Block) -> Vec<bool> {
        let mut by_begin: Vec<_> = block.spans.iter().collect();
        by_begin.sort_by_key(|span| span.first_seq);
        // How far each actor's chain may reach with what the block brings: one span may follow another.
        let mut reach: BTreeMap<ActorId, u64> = BTreeMap::new();
        for span in by_begin {
            let reach = reach
                .entry(span.actor)
                .or_insert_with(|| self.tip(span.actor).seq);
            if span.first_seq <= *reach + 1 {
                *reach = span.last_seq.max(*reach);
            }
        }
        let useful = |span: &Span| {
            let reach = reach.get(&span.actor).copied().unwrap_or(0);
            span.last_seq >= self.tip(span.actor).seq && span.last_seq <= reach
        };
        block.spans.iter().map(useful).collect()
    }
}

/// How far a span's chain has to be built to know the hashes that a part of it needs, and the way there.
pub(super) struct Chain {
    tip: Tip,
    /// The last change whose hash is needed; none if the span's own hashes will do.
    until: u64,
}

impl Chain {
    /// A span's chain, of which nothing was built yet.
    pub(super) fn before(span: &Span, until: u64) -> Self {
        Self {
            tip: span.before(),
            until,
        }
    }

    /// The tip before the next change; its hash is right as far as it is needed.
    pub(super) fn tip(&self) -> Tip {
        self.tip
    }

    /// Goes on by one change. `last` stands for hashes that nobody needs.
    pub(super) fn advance(&mut self, span: &Span, entries: &super::entries::Entries<'_>) -> Tip {
        self.tip = if self.tip.seq < self.until {
            self.tip.extend(span.actor, entries.to_vecs()).0
        } else {
            Tip {
                seq: self.tip.seq + 1,
                entries: self.tip.entries + entries.len() as u64,
                messages: 0,
                hash: span.last,
            }
        };
        self.tip
    }
}
