//! Reading the past: by what is wanted, or block by block. Verifies again whatever it reads; refuses to guess
//! what an unreadable stretch held.

use super::{BlockReader, Log};
use crate::block::{Block, BlockInfo};
use crate::change::{ChangeRecord, Span, StretchNumber};
use crate::disk::Disk;
use crate::error::{Damage, Finding, StoreError};
use crate::record::{self, RecordKind};
use crate::tail::{Slot, Tail};

/// An answer to a question for changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nothing of what is wanted is here.
    Nothing,
    /// The first of it is in this block, which is given whole.
    Block(StretchNumber, Block),
    /// The first of it is in tails; as much as the budget allows, at least one.
    Changes(Vec<ChangeRecord>),
}

impl<D: Disk> Log<D> {
    /// All blocks, in the log's order. None of them is read for it, so some may turn out to be unreadable.
    pub fn blocks(&self) -> impl Iterator<Item = StretchNumber> {
        self.blocks.numbers()
    }

    /// What stands before a block's large sections; read at the first call.
    ///
    /// # Errors
    /// `Io`, `Damaged`, `Newer`; `NoStretch` if there is no such block.
    pub fn block_info(&self, number: StretchNumber) -> Result<&BlockInfo, StoreError> {
        self.blocks.info(number)
    }

    /// What was met of blocks since the opening, or since the last call, that a person may want to know.
    #[must_use]
    pub fn take_findings(&self) -> Vec<Finding> {
        self.blocks.take_findings()
    }

    /// What reads blocks without the log. A block that is there stays there.
    pub fn block_reader(&self) -> BlockReader<D> {
        self.blocks.reader()
    }

    /// All of a block, verified.
    ///
    /// # Errors
    /// `Io`, `Damaged`, `Newer`.
    pub fn read_block(&self, number: StretchNumber) -> Result<Block, StoreError> {
        self.blocks.read(number)
    }

    /// What stands first in the log of all that is wanted, and what follows it there: one block, or changes
    /// from tails until their bytes reach the budget or the next block comes. Asking again for what is still
    /// wanted goes through all of it in the log's order.
    ///
    /// # Errors
    /// `Io`; `Damaged` if the first of it does not verify any more. Then, if it is a block,
    /// [`retire_block`](Self::retire_block) makes the log forget it, so that what comes from a peer takes its
    /// place. `Newer` if a block is of a newer version. A block that does not say what it holds is passed over;
    /// see [`take_findings`](Self::take_findings).
    pub fn read(&self, wanted: &[Span], budget_bytes: usize) -> Result<Stored, StoreError> {
        let blocks = self.blocks.usable()?;
        let in_block = blocks
            .iter()
            .find(|block| block.spans.iter().any(|span| meets(wanted, span)));
        let last = in_block.map(|block| block.number);
        let mut changes = Vec::new();
        let mut budget = budget_bytes;
        let before = self
            .tails
            .iter()
            .take_while(|(number, _)| last.is_none_or(|last| **number < last));
        for (_, tail) in before {
            if budget == 0 && !changes.is_empty() {
                break;
            }
            let slots = pick(tail, wanted, &mut budget, changes.is_empty());
            if !self.read_slots(tail, &slots, &mut changes)? {
                break;
            }
        }
        match (changes.is_empty(), last) {
            (false, _) => Ok(Stored::Changes(changes)),
            (true, Some(number)) => Ok(Stored::Block(number, self.read_block(number)?)),
            (true, None) => Ok(Stored::Nothing),
        }
    }

    /// Takes a damaged block out of use: its file gets another name and is kept. What it held is no longer
    /// here.
    ///
    /// # Errors
    /// `NoStretch` if there is no such block, `Newer` if it is not ours to touch, `Io` if it could not be
    /// renamed; then it is still in use.
    pub fn retire_block(&mut self, number: StretchNumber) -> Result<(), StoreError> {
        self.blocks.retire(number)
    }

    /// Reads records that stand near each other with one read. `false` when it stopped at a bad one that is
    /// not the first of all: what comes before it is an answer.
    fn read_slots(
        &self,
        tail: &Tail,
        slots: &[Slot],
        to: &mut Vec<ChangeRecord>,
    ) -> Result<bool, StoreError> {
        let (Some(first), Some(last)) = (slots.first(), slots.last()) else {
            return Ok(true);
        };
        let len = usize::try_from(last.offset - first.offset)
            .unwrap_or(usize::MAX)
            .saturating_add(last.len);
        let shown = || self.disk.shown(&tail.path);
        let failed = |cause| StoreError::Io {
            path: shown(),
            doing: "read a log",
            cause,
        };
        let bytes = self.disk.read_at(&tail.path, first.offset, len).map_err(failed)?;
        for slot in slots {
            match verified(tail, slot, first.offset, &bytes) {
                Ok(change) => to.push(change),
                Err(_) if !to.is_empty() => return Ok(false),
                Err(why) => {
                    let range = slot.offset..slot.offset + slot.len as u64;
                    return Err(StoreError::Damaged {
                        path: shown(),
                        range,
                        why,
                    });
                }
            }
        }
        Ok(true)
    }
}

fn meets(wanted: &[Span], span: &Span) -> bool {
    wanted.iter().any(|wanted| wanted.meets(span))
}

/// The slots of a tail that are wanted, until the budget is used up.
fn pick(tail: &Tail, wanted: &[Span], budget: &mut usize, mut first: bool) -> Vec<Slot> {
    let mut picked = Vec::new();
    for slot in &tail.slots {
        if !wanted.iter().any(|span| span.holds(slot.actor, slot.seq)) {
            continue;
        }
        if slot.len > *budget && !first {
            *budget = 0;
            break;
        }
        *budget = budget.saturating_sub(slot.len);
        first = false;
        picked.push(*slot);
    }
    picked
}

fn verified(tail: &Tail, slot: &Slot, from: u64, bytes: &[u8]) -> Result<ChangeRecord, Damage> {
    let start = usize::try_from(slot.offset - from).unwrap_or(usize::MAX);
    let offset = usize::try_from(slot.offset).unwrap_or(usize::MAX);
    let found = record::verify(&tail.key, offset, bytes.get(start..).unwrap_or_default())?;
    let body = bytes
        .get(start + record::RECORD_HEAD_LEN..start + found.range.len())
        .unwrap_or_default();
    let change = (found.kind == RecordKind::CHANGE)
        .then(|| ChangeRecord::decode(body))
        .flatten();
    change.ok_or(Damage::Content)
}
