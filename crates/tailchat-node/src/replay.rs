//! A room's log read at its opening, a stretch at a time: all of it, or what an index does not reflect yet. Knows no
//! tasks, and runs on any disk, so the simulator runs it too.

use std::collections::{BTreeSet, VecDeque};

use tailchat_core::block::{Arrival, Block};
use tailchat_core::change::Parts;
use tailchat_core::ids::{DeviceId, RoomId};
use tailchat_core::state::{Change, RoomState};
use tailchat_index::{Checkpoint, Position};
use tailchat_store::change::{ChangeRecord, StretchNumber};
use tailchat_store::disk::Disk;
use tailchat_store::log::Opened;

use crate::chains::Chains;
use crate::journal::{Journal, arrival};

/// More changes than any stretch has, for one that may hold more than could be read: whoever reflects so many is ahead
/// of every log, and reads it anew.
const NEVER: u64 = 1 << 62;

/// A log that is being read.
pub struct Replay<D> {
    journal: Journal<D>,
    chains: Chains,
    left: VecDeque<Stretch>,
    /// Tails in which changes may be hidden, so that their numbers are not what they were.
    damaged: BTreeSet<StretchNumber>,
    findings: Vec<String>,
}

/// The changes of one stretch that are to be read.
enum Stretch {
    Block(StretchNumber),
    /// So many of its changes are reflected already; these are the rest.
    Tail(StretchNumber, u64, Vec<ChangeRecord>),
}

/// Changes of one stretch of the log, in its order.
pub struct Portion {
    /// The stretch, and how many of its changes are read then.
    pub position: Position,
    /// The changes.
    pub changes: Vec<(Parts, Arrival)>,
}

/// A log that was read.
pub struct Replayed<D> {
    /// The log, ready for more.
    pub journal: Journal<D>,
    /// What it holds without a gap.
    pub state: RoomState,
    /// What a person should know of.
    pub findings: Vec<String>,
}

impl<D: Disk> Replay<D> {
    pub(crate) fn new(journal: Journal<D>, opened: Opened) -> Self {
        let blocks = opened
            .blocks
            .into_iter()
            .map(|number| (number, Stretch::Block(number)));
        let tails = opened
            .tail
            .into_iter()
            .map(|(number, records)| (number, Stretch::Tail(number, 0, records)));
        let mut left: Vec<_> = blocks.chain(tails).collect();
        left.sort_by_key(|(number, _)| *number);
        Self {
            journal,
            chains: Chains::default(),
            left: left.into_iter().map(|(_, stretch)| stretch).collect(),
            damaged: opened.damaged.into_iter().collect(),
            findings: opened.findings.iter().map(ToString::to_string).collect(),
        }
    }

    /// Which room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.journal.room()
    }

    /// The room's local facts.
    #[must_use]
    pub fn facts(&self) -> Option<&[u8]> {
        self.journal.facts()
    }

    /// Whether sealed stretches are left to be read: with any, it may take long.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.left
            .iter()
            .any(|stretch| matches!(stretch, Stretch::Block(_)))
    }

    /// Leaves out what an index reflects. Returns false, and leaves out nothing, if the index reflects what this log
    /// does not hold, or something else in its place: then it is one of another past.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> bool {
        let here: BTreeSet<u64> = self.left.iter().map(|stretch| stretch.number().0).collect();
        let lacks = |number: &u64| !here.contains(number);
        if checkpoint.stretches.keys().any(lacks) {
            return false;
        }
        let last = checkpoint.stretches.keys().next_back().copied().unwrap_or(0);
        let known = |stretch: &Stretch| checkpoint.stretches.get(&stretch.number().0).copied();
        let ahead = |stretch: &Stretch| match (stretch, known(stretch)) {
            (Stretch::Tail(number, _, records), Some(known)) => {
                (records.len() as u64) < known
                    || self.damaged.contains(number)
                    || self.went_on_otherwise(records, known, &checkpoint.state)
            }
            (Stretch::Block(number), Some(NEVER)) => self.journal.log.read_block(*number).is_ok(),
            (Stretch::Block(number), Some(known)) if number.0 == last => {
                self.was_sealed_otherwise(*number, known, &checkpoint.state)
            }
            _ => false,
        };
        if self.left.iter().any(ahead) {
            return false;
        }
        for mut stretch in std::mem::take(&mut self.left) {
            let known = checkpoint.stretches.get(&stretch.number().0);
            let reflected = match (&mut stretch, known) {
                (_, None) => false,
                (Stretch::Tail(_, before, records), Some(known)) => {
                    *before = *known;
                    records.drain(..usize::try_from(*known).unwrap_or(0).min(records.len()));
                    records.is_empty()
                }
                // What comes before others was reflected whole. Of the last one, sealed since, its length tells.
                (Stretch::Block(number), Some(known)) => number.0 < last || self.len_of(*number) <= *known,
            };
            if !reflected {
                self.left.push_back(stretch);
            }
        }
        self.chains = Chains::from(checkpoint.state.clone());
        true
    }

    /// Whether the last change that an index reflects of a tail is another one there: a log that was put back from a copy
    /// and went on may be as long as the one that the index is of.
    fn went_on_otherwise(&self, records: &[ChangeRecord], known: u64, state: &RoomState) -> bool {
        let last = usize::try_from(known).ok().and_then(|known| known.checked_sub(1));
        let decoded = last.and_then(|last| self.journal.decode(records.get(last)?).ok());
        let Some((parts, hash)) = decoded else {
            return false;
        };
        let tip = state.tip(parts.actor);
        // One behind a gap is in no state either; the log is read anew for it until others follow.
        parts.seq > tip.seq || parts.seq == tip.seq && hash != tip.hash
    }

    /// The same for the last stretch that an index reflects, where that was sealed since. Few openings read a block for it.
    fn was_sealed_otherwise(&self, number: StretchNumber, known: u64, state: &RoomState) -> bool {
        let stored = self.journal.log.read_block(number).ok();
        let block = stored.and_then(|stored| Block::decode(&stored.shared).ok());
        let Some(changes) = block.and_then(|block| block.changes().ok()) else {
            return false;
        };
        let tip = |change: &Change| state.tip(change.parts.actor);
        let reflected = changes
            .iter()
            .filter(|change| change.parts.seq <= tip(change).seq);
        let mut others = changes
            .iter()
            .filter(|change| change.parts.seq == tip(change).seq);
        (reflected.count() as u64) < known || others.any(|change| change.encoded.hash != tip(change).hash)
    }

    /// Changes of a block; as many as can be if it cannot be read.
    fn len_of(&self, number: StretchNumber) -> u64 {
        let spans = |info: &tailchat_store::block::BlockInfo| {
            let len = info.spans.iter().map(|span| span.last_seq - span.first_seq + 1);
            len.sum()
        };
        self.journal.log.block_info(number).map_or(u64::MAX, spans)
    }

    /// The next stretch that is left; none at the end.
    pub fn portion(&mut self) -> Option<Portion> {
        let stretch = self.left.pop_front()?;
        let number = stretch.number();
        let (changes, read): (Vec<_>, _) = match stretch {
            Stretch::Tail(_, before, records) => {
                let read = before + records.len() as u64;
                (
                    records
                        .iter()
                        .filter_map(|record| self.read_record(record))
                        .collect(),
                    read,
                )
            }
            Stretch::Block(number) => {
                let changes = self.read_block(number);
                let read = changes.as_ref().map_or(NEVER, |changes| changes.len() as u64);
                (changes.unwrap_or_default(), read)
            }
        };
        // What is hidden now may be back at the next opening, and numbers would mean others.
        let counts = !self.damaged.contains(&number);
        let position = Position {
            stretch: number.0,
            changes: if counts { read } else { NEVER },
        };
        Some(Portion { position, changes })
    }

    fn read_record(&mut self, record: &ChangeRecord) -> Option<(Parts, Arrival)> {
        match self.journal.decode(record) {
            Ok((parts, hash)) => {
                self.chains.add(&parts, hash);
                Some((parts, arrival(record)))
            }
            Err(err) => {
                self.findings.push(err.to_string());
                None
            }
        }
    }

    fn read_block(&mut self, number: StretchNumber) -> Option<Vec<(Parts, Arrival)>> {
        let stored = match self.journal.log.read_block(number) {
            Ok(stored) => stored,
            Err(err) => {
                self.findings.push(err.to_string());
                return None;
            }
        };
        let block = match Block::decode(&stored.shared) {
            Ok(block) => block,
            Err(source) => {
                self.findings.push(self.journal.bad_block(source).to_string());
                return None;
            }
        };
        self.chains.add_block(&block);
        // Arrivals are ours alone: without them the messages still stand.
        let arrivals = block.decode_arrivals(&stored.local).unwrap_or_default();
        let unknown = Arrival {
            at_ms: 0,
            via: DeviceId::NONE,
        };
        let arrivals = arrivals.into_iter().chain(std::iter::repeat(unknown));
        Some(block.parts().zip(arrivals).collect())
    }

    /// Ends the reading.
    #[must_use]
    pub fn finish(mut self) -> Replayed<D> {
        self.chains.connect();
        let apart = self.chains.apart();
        if apart > 0 {
            self.findings
                .push(format!("{apart} changes stand after a gap that peers will fill"));
        }
        Replayed {
            state: self.chains.state().clone(),
            journal: self.journal,
            findings: self.findings,
        }
    }
}

impl Stretch {
    fn number(&self) -> StretchNumber {
        match self {
            Self::Block(number) | Self::Tail(number, ..) => *number,
        }
    }
}
