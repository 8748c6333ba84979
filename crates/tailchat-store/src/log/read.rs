//! Reading the past: by what is wanted, or block by block. Verifies again whatever it reads; refuses to guess
//! what an unreadable stretch held.

use super::{BlockReader, Log};
use crate::block::{Block, BlockInfo};
use crate::change::{ChangeRecord, Span, StretchNumber};
use crate::disk::Disk;
use crate::error::{Damage, Finding, StoreError};
use crate::record::{self, RecordKind};
use crate::slots::Slot;
use crate::tail::Tail;

/// Records that are at most so many bytes apart are read at once: an opening of the file costs as much as
/// reading over the gap.
const GAP_LEN_MAX: u64 = 32 << 10;

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
    /// wanted goes through all of it, each actor's changes in their order; what begins in a tail is taken from
    /// tails first. Costs what is wanted and found, whatever the log holds; the first question for something
    /// sealed reads what its block and the later ones say of themselves.
    ///
    /// # Errors
    /// `Io`; `Damaged` if the first of it does not verify any more. Then, if it is a block,
    /// [`retire_block`](Self::retire_block) makes the log forget it, so that what comes from a peer takes its
    /// place. `Newer` if a block is of a newer version. A block that does not say what it holds is passed over;
    /// see [`take_findings`](Self::take_findings).
    pub fn read(&self, wanted: &[Span], budget_bytes: usize) -> Result<Stored, StoreError> {
        let wanted = in_order(wanted);
        let block = self.first_block(&wanted)?;
        let mut changes = Vec::new();
        let mut budget = budget_bytes;
        let before = self
            .tails
            .iter()
            .take_while(|(number, _)| block.is_none_or(|block| **number < block));
        for (_, tail) in before {
            if budget == 0 && !changes.is_empty() {
                break;
            }
            let slots = pick(tail, &wanted, &mut budget, changes.is_empty());
            if !self.read_slots(tail, &slots, &mut changes)? {
                break;
            }
        }
        match (changes.is_empty(), block) {
            (false, _) => Ok(Stored::Changes(changes)),
            (true, Some(number)) => Ok(Stored::Block(number, self.read_block(number)?)),
            (true, None) => Ok(Stored::Nothing),
        }
    }

    /// The first block with something of what does not begin in a tail.
    fn first_block(&self, wanted: &[Span]) -> Result<Option<StretchNumber>, StoreError> {
        let unsealed = |span: &Span| {
            let mut tails = self.tails.values();
            tails.any(|tail| tail.slots.holds(span.actor, span.first_seq))
        };
        let sealed: Vec<_> = wanted.iter().filter(|span| !unsealed(span)).copied().collect();
        self.blocks.first_of(&sealed)
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

    /// Reads records. `false` when it stopped at a bad one that is not the first of all: what comes before it
    /// is an answer.
    fn read_slots(
        &self,
        tail: &Tail,
        slots: &[Slot],
        to: &mut Vec<ChangeRecord>,
    ) -> Result<bool, StoreError> {
        let near = |one: &Slot, next: &Slot| next.offset - (one.offset + one.len as u64) <= GAP_LEN_MAX;
        for run in slots.chunk_by(near) {
            if !self.read_run(tail, run, to)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads records that stand near each other with one read.
    fn read_run(&self, tail: &Tail, run: &[Slot], to: &mut Vec<ChangeRecord>) -> Result<bool, StoreError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
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
        for slot in run {
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

/// What is wanted by actor and number, each change once.
fn in_order(wanted: &[Span]) -> Vec<Span> {
    let mut spans: Vec<_> = wanted.to_vec();
    spans.retain(|span| span.first_seq <= span.last_seq);
    spans.sort_unstable_by_key(|span| (span.actor, span.first_seq));
    spans.dedup_by(|next, one| {
        let joins = next.actor == one.actor && next.first_seq <= one.last_seq.saturating_add(1);
        if joins {
            one.last_seq = one.last_seq.max(next.last_seq);
        }
        joins
    });
    spans
}

/// The slots of a tail that are wanted, in the file's order, until the budget is used up. The very first change
/// is over no budget.
fn pick(tail: &Tail, wanted: &[Span], budget: &mut usize, mut first: bool) -> Vec<Slot> {
    let found = wanted.iter().flat_map(|span| tail.slots.within(span));
    let mut slots: Vec<Slot> = found.copied().collect();
    slots.sort_unstable_by_key(|slot| slot.offset);
    let over = slots.iter().position(|slot| {
        let over = slot.len > *budget && !first;
        (first, *budget) = (false, if over { 0 } else { budget.saturating_sub(slot.len) });
        over
    });
    slots.truncate(over.unwrap_or(slots.len()));
    slots
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
