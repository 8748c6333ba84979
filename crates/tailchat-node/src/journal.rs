//! A room's log as the engine needs it: opaque records there, changes and blocks here. Knows no tasks and no
//! sockets, and runs on any disk, so the simulator runs it too.

use std::collections::BTreeSet;
use std::path::Path;

use tailchat_core::block::{
    Arrival, Block, BlockError, SeqRange, Span, decode_arrivals, encode_arrivals, select,
};
use tailchat_core::change::{NotAChange, Parts, decode};
use tailchat_core::document::{Document, DocumentError};
use tailchat_core::engine::{ArrivedChange, Opened};
use tailchat_core::entry::Entry;
use tailchat_core::ids::{ActorId, ChangeHash, DeviceId, RoomId};
use tailchat_core::limits::BLOCK_CHANGES_LEN;
use tailchat_core::order::OrderClock;
use tailchat_core::state::{RoomState, Tip};
use tailchat_core::timeline::Timeline;
use tailchat_store::block::Block as StoredBlock;
use tailchat_store::change::{ChangeRecord, Position, Span as StoredSpan};
use tailchat_store::disk::Disk;
use tailchat_store::error::StoreError;
use tailchat_store::log::{DiskBytes, Log, Sealed, Sealer, Stored};

/// A room's log.
pub struct Journal<D> {
    log: Log<D>,
}

/// A room as its log has it.
pub struct Loaded<D> {
    /// The log, ready for more.
    pub journal: Journal<D>,
    /// For the engine; our actor is not decided here.
    pub opened: Opened,
    /// For the screen.
    pub timeline: Timeline,
    /// What a person should know of.
    pub findings: Vec<String>,
}

/// What a check of a whole log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files read.
    pub files: u64,
    /// Records that verify.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Changes that fit their chains.
    pub changes: u64,
    /// Whether Automerge, given these changes, has the same heads.
    pub heads_match: bool,
    /// What is wrong.
    pub findings: Vec<String>,
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
    Document(#[from] DocumentError),
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

    /// Opens a room's log and folds all of it. `device` is ours. `seed` is 32 random bytes.
    ///
    /// # Errors
    /// [`JournalError::Store`] if nothing of it can be used; damage to a part is a finding.
    pub fn open(disk: D, dir: &Path, seed: [u8; 32], device: DeviceId) -> Result<Loaded<D>, JournalError> {
        let (log, found) = Log::open(disk, dir, seed)?;
        let journal = Self { log };
        let mut load = Loading::default();
        let mut findings: Vec<String> = found.findings.iter().map(ToString::to_string).collect();
        for number in found.blocks {
            match journal.log.read_block(number) {
                Ok(stored) => journal.load_block(&stored, &mut load, &mut findings),
                Err(err) => findings.push(err.to_string()),
            }
        }
        for record in found.tail.iter().flat_map(|(_, records)| records) {
            match journal.decode(record) {
                Ok((parts, hash)) => load.add(&parts, hash, arrival(record)),
                Err(err) => findings.push(err.to_string()),
            }
        }
        load.connect();
        if !load.apart.is_empty() {
            let changes: u64 = load
                .apart
                .iter()
                .map(|piece| piece.last_seq - piece.first_seq + 1)
                .sum();
            findings.push(format!(
                "{changes} changes stand after a gap that peers will fill"
            ));
        }
        let ours: BTreeSet<ActorId> = load.timeline.roster().actors_of(device).collect();
        let repeated = load.timeline.roster().repeated().clone();
        let opened = Opened {
            state: load.state,
            actor: None,
            clock: load.clock,
            ours,
            repeated,
        };
        Ok(Loaded {
            journal,
            opened,
            timeline: load.timeline,
            findings,
        })
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
        let early: Vec<SeqRange> = match Block::decode(&block) {
            Ok(block) => wanted
                .iter()
                .filter_map(|range| before_first(*range, block.spans()))
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

    /// The room's document as Automerge saves it.
    ///
    /// # Errors
    /// [`JournalError`] if something of it is missing or damaged.
    pub fn document(&self) -> Result<Document, JournalError> {
        let mut bytes = Vec::new();
        let mut seen = BTreeSet::new();
        self.each_change(&mut |parts, _, change| {
            if seen.insert((parts.actor, parts.seq)) {
                bytes.extend_from_slice(change);
            }
        })?;
        Ok(Document::from_changes(&bytes)?)
    }

    /// Verifies every byte on disk, every change in its chain, and that Automerge has the same heads.
    ///
    /// # Errors
    /// [`JournalError::Store`] if the folder cannot be read at all.
    pub fn check(&self) -> Result<Checked, JournalError> {
        let report = self.log.check()?;
        let mut findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        let mut load = Loading::default();
        let arrival = Arrival {
            at_ms: 0,
            via: DeviceId::NONE,
        };
        let read = self.each_change(&mut |parts, hash, _| load.add(parts, hash, arrival));
        load.connect();
        let heads_match = match read.and_then(|()| self.document()) {
            Ok(document) => document.heads() == load.state.heads(),
            Err(err) => {
                findings.push(err.to_string());
                false
            }
        };
        Ok(Checked {
            files: report.files,
            records: report.records,
            bytes: report.bytes,
            changes: load.state.changes(),
            heads_match,
            findings,
        })
    }

    /// Sets blocks aside that no longer verify, so that after the next opening peers fill the gap. Returns how
    /// many.
    ///
    /// # Errors
    /// [`JournalError::Store`]
    pub fn retire_damaged(&mut self) -> Result<usize, JournalError> {
        let numbers: Vec<_> = self.log.blocks().collect();
        let mut retired = 0;
        for number in numbers {
            let sound = self.log.read_block(number).is_ok_and(|stored| {
                Block::decode(&stored.shared)
                    .and_then(|block| block.changes())
                    .is_ok()
            });
            if !sound {
                self.log.retire_block(number)?;
                retired += 1;
            }
        }
        Ok(retired)
    }

    /// Calls with every change on disk, blocks first.
    fn each_change(&self, take: &mut impl FnMut(&Parts, ChangeHash, &[u8])) -> Result<(), JournalError> {
        // Of what cannot be used, the check speaks.
        let usable = |number: &_| self.log.block_info(*number).is_ok();
        for number in self.log.blocks().filter(usable) {
            let stored = self.log.read_block(number)?;
            let changes = Block::decode(&stored.shared).and_then(|block| block.changes());
            for change in changes.map_err(|source| self.bad_block(source))? {
                take(&change.parts, change.encoded.hash, &change.encoded.bytes);
            }
        }
        for number in self.log.tails() {
            for record in self.log.read_tail(number)? {
                let (parts, hash) = self.decode(&record)?;
                take(&parts, hash, &record.change);
            }
        }
        Ok(())
    }

    fn load_block(&self, stored: &StoredBlock, load: &mut Loading, findings: &mut Vec<String>) {
        let block = match Block::decode(&stored.shared) {
            Ok(block) => block,
            Err(source) => return findings.push(self.bad_block(source).to_string()),
        };
        // Arrivals are ours alone: without them the messages still stand.
        let arrivals = decode_arrivals(&stored.local).unwrap_or_default();
        load.add_block(&block, &arrivals);
    }

    fn decode(&self, record: &ChangeRecord) -> Result<(Parts, ChangeHash), JournalError> {
        decode(&record.change).map_err(|source| JournalError::Change {
            dir: self.log.dir().to_owned(),
            source,
        })
    }

    fn bad_block(&self, source: BlockError) -> JournalError {
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
            local: encode_arrivals(&arrivals),
        };
        Ok(self.sealer.seal(&stored)?)
    }
}

fn arrival(record: &ChangeRecord) -> Arrival {
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

/// A log on its way into memory.
#[derive(Default)]
struct Loading {
    state: RoomState,
    timeline: Timeline,
    clock: OrderClock,
    /// Stretches whose predecessors were not found yet.
    apart: Vec<Piece>,
}

impl Loading {
    fn add(&mut self, parts: &Parts, hash: ChangeHash, arrival: Arrival) {
        self.show(parts, arrival);
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

    fn add_block(&mut self, block: &Block, arrivals: &[Arrival]) {
        let unknown = Arrival {
            at_ms: 0,
            via: DeviceId::NONE,
        };
        let overlaps = block
            .spans()
            .iter()
            .any(|span| self.state.tip(span.actor).seq >= span.first_seq);
        if overlaps && let Ok(changes) = block.changes() {
            // A part of it is known from elsewhere, so its spans do not connect as they are.
            for (at, change) in changes.iter().enumerate() {
                let arrival = arrivals.get(at).copied().unwrap_or(unknown);
                self.add(&change.parts, change.encoded.hash, arrival);
            }
            return;
        }
        for (at, parts) in block.parts().enumerate() {
            self.show(&parts, arrivals.get(at).copied().unwrap_or(unknown));
        }
        for span in block.spans() {
            self.place(Piece {
                actor: span.actor,
                first_seq: span.first_seq,
                last_seq: span.last_seq,
                first_index: span.first_index,
                entries: span.entries,
                messages: span.messages,
                previous: span.previous,
                last: span.last,
            });
        }
    }

    fn show(&mut self, parts: &Parts, arrival: Arrival) {
        for entry in &parts.entries {
            self.clock.observe(&Entry::decode(entry), arrival.at_ms);
        }
        self.timeline.fold(parts, arrival);
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
            let entries = tip.entries + piece.entries;
            let messages = tip.messages + piece.messages;
            self.state.set(
                piece.actor,
                Tip {
                    seq: piece.last_seq,
                    entries,
                    messages,
                    hash: piece.last,
                },
            );
        }
        follows
    }

    /// Joins what was found out of order, until nothing more joins.
    fn connect(&mut self) {
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
