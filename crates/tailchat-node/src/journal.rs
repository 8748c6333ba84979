//! A room's log as the engine needs it: opaque records there, changes and blocks here. Knows no tasks and no
//! sockets, and runs on any disk, so the simulator runs it too.

use std::collections::BTreeSet;
use std::path::Path;

use tailchat_core::block::{Arrival, Block, BlockError, SeqRange, Span, select};
use tailchat_core::change::{NotAChange, Parts, decode};
use tailchat_core::document::DocumentError;
use tailchat_core::engine::ArrivedChange;
use tailchat_core::ids::{ChangeHash, RoomId};
use tailchat_core::limits::BLOCK_CHANGES_LEN;
use tailchat_store::block::Block as StoredBlock;
use tailchat_store::change::{ChangeRecord, Position, Span as StoredSpan};
use tailchat_store::disk::Disk;
use tailchat_store::error::StoreError;
use tailchat_store::log::{DiskBytes, Log, Sealed, Sealer, Stored};

use crate::replay::Replay;

/// A room's log.
pub struct Journal<D> {
    pub(crate) log: Log<D>,
}

/// Why a log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The log itself.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record that verifies, with something else in it than a change.
    #[error("{}: {source}; run `tailchat check`", dir.display())]
    Change {
        /// The room's folder.
        dir: std::path::PathBuf,
        /// What is wrong.
        source: NotAChange,
    },
    /// A block that verifies, with something else in it than a block.
    #[error("{}: {source}; run `tailchat check`", dir.display())]
    Block {
        /// The room's folder.
        dir: std::path::PathBuf,
        /// What is wrong.
        source: BlockError,
    },
    /// The changes make no document.
    #[error(transparent)]
    Unbuilt(#[from] DocumentError),
}

impl<D: Disk> Journal<D> {
    /// Makes a new room's log. `seed` is 32 random bytes.
    ///
    /// # Errors
    /// [`JournalError::Store`]
    pub fn create(disk: D, room: RoomId, seed: [u8; 32]) -> Result<Self, JournalError> {
        Ok(Self {
            log: Log::create(disk, room, seed)?,
        })
    }

    /// Opens a room's log, to be read from its beginning or from where an index ends. `seed` is 32 random bytes.
    ///
    /// # Errors
    /// [`JournalError::Store`] if nothing of it can be used; damage to a part is a finding.
    pub fn open(disk: D, dir: &Path, seed: [u8; 32]) -> Result<Replay<D>, JournalError> {
        let (log, found) = Log::open(disk, dir, seed)?;
        Ok(Replay::new(Self { log }, found))
    }

    /// Whether the disk failed so that nothing more is written until the log is opened again.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.log.poisoned().is_some()
    }

    /// Which room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.log.room()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn disk_bytes(&self) -> DiskBytes {
        self.log.disk_bytes()
    }

    /// The room's local facts.
    #[must_use]
    pub fn facts(&self) -> Option<&[u8]> {
        self.log.local()
    }

    /// Replaces the room's local facts, durably.
    ///
    /// # Errors
    /// [`JournalError::Store`]
    pub fn set_facts(&mut self, facts: Vec<u8>) -> Result<(), JournalError> {
        Ok(self.log.set_local(facts)?)
    }

    /// Whether so much waits to be sealed that whoever writes in bulk should wait for it.
    #[must_use]
    pub fn lags(&self) -> bool {
        self.log.lags()
    }

    /// What reading met of damage since the last call.
    pub fn take_findings(&self) -> Vec<String> {
        self.log.take_findings().iter().map(ToString::to_string).collect()
    }

    /// Makes changes durable. Says where the log ends then.
    ///
    /// # Errors
    /// [`JournalError::Store`]; then none of them counts.
    pub fn append(&mut self, changes: &[ArrivedChange]) -> Result<Position, JournalError> {
        let record = |arrived: &ArrivedChange| ChangeRecord {
            actor: arrived.change.parts.actor,
            seq: arrived.change.parts.seq,
            arrived_at_ms: arrived.arrival.at_ms,
            via: arrived.arrival.via,
            change: arrived.change.encoded.bytes.clone(),
        };
        let records: Vec<_> = changes.iter().map(record).collect();
        Ok(self.log.append(&records)?)
    }

    /// The wanted changes that come first, as a wire block; empty if there are none.
    ///
    /// # Errors
    /// [`JournalError`] if they cannot be read.
    pub fn answer(&self, wanted: &[SeqRange]) -> Result<Vec<u8>, JournalError> {
        let block = self.first_of(wanted)?;
        // After damage was healed, later changes of an actor may stand before earlier ones in the log. The
        // asker can only use them in their chain's order.
        let early: Vec<SeqRange> = match Block::spans_of(&block) {
            Ok(spans) => wanted
                .iter()
                .filter_map(|range| before_first(*range, &spans))
                .collect(),
            Err(_) => Vec::new(),
        };
        if early.is_empty() {
            return Ok(block);
        }
        let earlier = self.first_of(&early)?;
        Ok(if earlier.is_empty() { block } else { earlier })
    }

    fn first_of(&self, wanted: &[SeqRange]) -> Result<Vec<u8>, JournalError> {
        let span = |range: &SeqRange| StoredSpan {
            actor: range.actor,
            first_seq: range.from,
            last_seq: range.to,
        };
        let spans: Vec<_> = wanted.iter().map(span).collect();
        match self.log.read(&spans, BLOCK_CHANGES_LEN)? {
            Stored::Nothing => Ok(Vec::new()),
            Stored::Block(_, stored) => {
                select(stored.shared, wanted).map_err(|source| self.bad_block(source))
            }
            Stored::Changes(records) => {
                let changes = records
                    .iter()
                    .map(|record| self.decode(record))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Block::of(changes.iter().map(|(parts, hash)| (parts, *hash))).encode())
            }
        }
    }

    /// What is to be sealed next, if anything; [`Sealing::run`] may run on another thread.
    ///
    /// # Errors
    /// [`JournalError::Store`]
    pub fn sealing(&mut self) -> Result<Option<Sealing<D>>, JournalError> {
        match self.log.ripe() {
            Some(number) => Ok(Some(Sealing {
                sealer: self.log.sealer(number)?,
                dir: self.log.dir().to_owned(),
            })),
            None => Ok(None),
        }
    }

    /// Uses a block from now on instead of the tail that it was made of.
    pub fn sealed(&mut self, sealed: Sealed) {
        self.log.sealed(sealed);
    }

    pub(crate) fn decode(&self, record: &ChangeRecord) -> Result<(Parts, ChangeHash), JournalError> {
        decode(&record.change).map_err(|source| JournalError::Change {
            dir: self.log.dir().to_owned(),
            source,
        })
    }

    pub(crate) fn bad_block(&self, source: BlockError) -> JournalError {
        JournalError::Block {
            dir: self.log.dir().to_owned(),
            source,
        }
    }
}

/// The work of sealing one tail.
pub struct Sealing<D> {
    sealer: Sealer<D>,
    dir: std::path::PathBuf,
}

impl<D: Disk> Sealing<D> {
    /// Makes the block and writes it durably.
    ///
    /// # Errors
    /// [`JournalError`]; the tail stays in use.
    pub fn run(self) -> Result<Sealed, JournalError> {
        let (mut changes, mut arrivals, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for record in self.sealer.changes()? {
            let (parts, hash) = decode(&record.change).map_err(|source| JournalError::Change {
                dir: self.dir.clone(),
                source,
            })?;
            if seen.insert((parts.actor, parts.seq)) {
                arrivals.push(arrival(&record));
                changes.push((parts, hash));
            }
        }
        let block = Block::of(changes.iter().map(|(parts, hash)| (parts, *hash)));
        let span = |span: &Span| StoredSpan {
            actor: span.actor,
            first_seq: span.first_seq,
            last_seq: span.last_seq,
        };
        let stored = StoredBlock {
            spans: block.spans().iter().map(span).collect(),
            summary: Vec::new(),
            shared: block.encode(),
            local: block.encode_arrivals(&arrivals),
        };
        Ok(self.sealer.seal(&stored)?)
    }
}

pub(crate) fn arrival(record: &ChangeRecord) -> Arrival {
    Arrival {
        at_ms: record.arrived_at_ms,
        via: record.via,
    }
}

/// The part of a wanted range before the first of its changes that a block has.
fn before_first(range: SeqRange, spans: &[Span]) -> Option<SeqRange> {
    let of_actor = spans
        .iter()
        .filter(|span| span.actor == range.actor && span.last_seq >= range.from);
    let first = of_actor.map(|span| span.first_seq).min()?;
    (first > range.from).then(|| SeqRange {
        to: first - 1,
        ..range
    })
}
