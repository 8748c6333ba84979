//! From changes and stretches of changes in whatever order a log has them to the state of a room. Knows no disk.

use tailchat_core::block::{Block, Span};
use tailchat_core::change::Parts;
use tailchat_core::ids::{ActorId, ChangeHash};
use tailchat_core::state::{RoomState, Tip};

/// A stretch of one actor's chain that was found.
struct Piece {
    actor: ActorId,
    first_seq: u64,
    last_seq: u64,
    first_index: u64,
    entries: u64,
    messages: u64,
    previous: ChangeHash,
    last: ChangeHash,
}

impl From<&Span> for Piece {
    fn from(span: &Span) -> Self {
        Self {
            actor: span.actor,
            first_seq: span.first_seq,
            last_seq: span.last_seq,
            first_index: span.first_index,
            entries: span.entries,
            messages: span.messages,
            previous: span.previous,
            last: span.last,
        }
    }
}

/// The chains of a room, as far as they are found without a gap.
#[derive(Default)]
pub(crate) struct Chains {
    state: RoomState,
    /// Stretches whose predecessors were not found yet.
    apart: Vec<Piece>,
}

impl Chains {
    /// Chains that are known this far.
    pub(crate) fn from(state: RoomState) -> Self {
        Self {
            state,
            apart: Vec::new(),
        }
    }

    /// The tips without a gap before them.
    pub(crate) fn state(&self) -> &RoomState {
        &self.state
    }

    /// Changes that stand after a gap.
    pub(crate) fn apart(&self) -> u64 {
        self.apart
            .iter()
            .map(|piece| piece.last_seq - piece.first_seq + 1)
            .sum()
    }

    pub(crate) fn add(&mut self, parts: &Parts, hash: ChangeHash) {
        let tip = Tip::START.after(&parts.entries, hash);
        self.place(Piece {
            actor: parts.actor,
            first_seq: parts.seq,
            last_seq: parts.seq,
            first_index: parts.first_index,
            entries: tip.entries,
            messages: tip.messages,
            previous: parts.previous.unwrap_or(Tip::START.hash),
            last: hash,
        });
    }

    pub(crate) fn add_block(&mut self, block: &Block) {
        let overlaps = block
            .spans()
            .iter()
            .any(|span| self.state.tip(span.actor).seq >= span.first_seq);
        // Where a part of it is known from elsewhere, its spans do not connect as they are.
        match overlaps.then(|| block.changes()) {
            Some(Ok(changes)) => {
                for change in changes {
                    self.add(&change.parts, change.encoded.hash);
                }
            }
            _ => block.spans().iter().for_each(|span| self.place(span.into())),
        }
    }

    fn place(&mut self, piece: Piece) {
        if !self.joins(&piece) {
            self.apart.push(piece);
        }
    }

    /// Moves the actor's tip to the end of the piece if it stands at its beginning.
    fn joins(&mut self, piece: &Piece) -> bool {
        let tip = self.state.tip(piece.actor);
        if piece.last_seq <= tip.seq {
            return true;
        }
        let follows =
            piece.first_seq == tip.seq + 1 && piece.previous == tip.hash && piece.first_index == tip.entries;
        if follows {
            let tip = Tip {
                seq: piece.last_seq,
                entries: tip.entries + piece.entries,
                messages: tip.messages + piece.messages,
                hash: piece.last,
            };
            self.state.set(piece.actor, tip);
        }
        follows
    }

    /// Joins what was found out of order, until nothing more joins.
    pub(crate) fn connect(&mut self) {
        loop {
            let before = self.apart.len();
            for piece in std::mem::take(&mut self.apart) {
                self.place(piece);
            }
            if self.apart.len() == before {
                return;
            }
        }
    }
}
