//! Between the engine's changes and the log's bytes: what any driver of both has to do, and nothing that is
//! particular to a simulation. Pure, but for what the log reads and writes.

use std::collections::BTreeMap;
use std::fmt;

use tailchat_core::block::{Arrival, Block, BlockError, SeqRange, select};
use tailchat_core::change::{self, NotAChange, Parts};
use tailchat_core::engine::{ArrivedChange, Opened};
use tailchat_core::entry::Entry;
use tailchat_core::ids::{ActorId, ChangeHash, DeviceId};
use tailchat_core::limits::BLOCK_CHANGES_LEN;
use tailchat_core::order::OrderClock;
use tailchat_core::state::{RoomState, Tip};
use tailchat_core::timeline::Timeline;
use tailchat_store::change::{ChangeRecord, Span};
use tailchat_store::disk::Disk;
use tailchat_store::error::StoreError;
use tailchat_store::log::{self, Log, Sealed, Stored};

/// A room as its log tells it.
#[derive(Clone, Default)]
pub struct History {
    /// Each actor's tip, up to its first hole.
    pub state: RoomState,
    /// The hashes of each actor's changes, from seq 1.
    pub chains: BTreeMap<ActorId, Vec<ChangeHash>>,
    /// The orders seen.
    pub clock: OrderClock,
    /// What is shown.
    pub timeline: Timeline,
}

/// Why a log could not be read as a history, or a history not be put into a log.
#[derive(Debug)]
pub enum HistoryError {
    /// The log says so.
    Store(StoreError),
    /// What it holds is no block.
    Block(BlockError),
    /// What it holds is no change.
    Change(NotAChange),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Block(error) => error.fmt(f),
            Self::Change(error) => error.fmt(f),
        }
    }
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BlockError> for HistoryError {
    fn from(error: BlockError) -> Self {
        Self::Block(error)
    }
}

impl From<NotAChange> for HistoryError {
    fn from(error: NotAChange) -> Self {
        Self::Change(error)
    }
}

/// A change as it is read from a log.
type Found = (Parts, ChangeHash, Arrival);

impl History {
    /// Reads all of a log that was just opened.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub fn read<D: Disk>(log: &Log<D>, opened: &log::Opened) -> Result<Self, HistoryError> {
        let mut found = BTreeMap::<(ActorId, u64), Found>::new();
        for number in &opened.blocks {
            // What cannot be read counts as missing.
            let Ok(stored) = log.read_block(*number) else {
                continue;
            };
            let block = Block::decode(&stored.shared)?;
            let arrivals = block.decode_arrivals(&stored.local)?;
            for (change, arrival) in block.changes()?.into_iter().zip(arrivals) {
                let key = (change.parts.actor, change.parts.seq);
                found
                    .entry(key)
                    .or_insert((change.parts, change.encoded.hash, arrival));
            }
        }
        for record in opened.tail.iter().flat_map(|(_, records)| records) {
            let (parts, hash, arrival) = parse(record)?;
            found
                .entry((parts.actor, parts.seq))
                .or_insert((parts, hash, arrival));
        }
        let mut history = Self::default();
        found.into_values().for_each(|change| history.take(&change));
        Ok(history)
    }

    /// Takes a change that follows its actor's tip. What stands behind a hole waits for a peer to fill it.
    fn take(&mut self, (parts, hash, arrival): &Found) {
        let tip = self.state.tip(parts.actor);
        let previous = (tip.seq > 0).then_some(tip.hash);
        if (parts.seq, parts.first_index, parts.previous) == (tip.seq + 1, tip.entries, previous) {
            self.add(parts, tip.after(&parts.entries, *hash), arrival.at_ms);
            self.timeline.fold(parts, *arrival);
        }
    }

    /// Takes a change that is durable, without showing it.
    pub(crate) fn add(&mut self, parts: &Parts, tip: Tip, arrived_at_ms: i64) {
        self.state.set(parts.actor, tip);
        self.chains.entry(parts.actor).or_default().push(tip.hash);
        let entries = parts.entries.iter();
        entries.for_each(|entry| self.clock.observe(&Entry::decode(entry), arrived_at_ms));
    }

    /// Whether the actor's chain has this change at this place.
    pub(crate) fn has(&self, actor: ActorId, seq: u64, hash: [u8; 8]) -> bool {
        let chain = self.chains.get(&actor);
        let place = usize::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
        let found = chain.zip(place).and_then(|(chain, place)| chain.get(place));
        seq == 0 || found.is_some_and(|found| found.short() == hash)
    }

    /// What the engine is told of the room.
    #[must_use]
    pub fn opened(&self, device: DeviceId, actor: Option<ActorId>) -> Opened {
        Opened {
            state: self.state.clone(),
            actor,
            clock: self.clock.clone(),
            ours: self.timeline.roster().actors_of(device).collect(),
            repeated: self.timeline.roster().repeated().clone(),
        }
    }
}

fn parse(record: &ChangeRecord) -> Result<Found, HistoryError> {
    let (parts, hash) = change::decode(&record.change)?;
    let arrival = Arrival {
        at_ms: record.arrived_at_ms,
        via: record.via,
    };
    Ok((parts, hash, arrival))
}

/// What the log keeps of changes.
#[must_use]
pub fn records(changes: &[ArrivedChange]) -> Vec<ChangeRecord> {
    let record = |ArrivedChange { change, arrival }: &ArrivedChange| ChangeRecord {
        actor: change.parts.actor,
        seq: change.parts.seq,
        arrived_at_ms: arrival.at_ms,
        via: arrival.via,
        change: change.encoded.bytes.clone(),
    };
    changes.iter().map(record).collect()
}

/// Answers [`tailchat_core::engine::Effect::Load`]: a wire block, or nothing.
///
/// # Errors
/// See [`HistoryError`].
pub fn answer<D: Disk>(log: &Log<D>, wanted: &[SeqRange]) -> Result<Vec<u8>, HistoryError> {
    let span = |range: &SeqRange| Span {
        actor: range.actor,
        first_seq: range.from,
        last_seq: range.to,
    };
    let spans: Vec<_> = wanted.iter().map(span).collect();
    match log.read(&spans, BLOCK_CHANGES_LEN)? {
        Stored::Nothing => Ok(Vec::new()),
        Stored::Block(_, block) => Ok(select(block.shared, wanted)?),
        Stored::Changes(records) => {
            let found = in_chains(&records)?;
            Ok(Block::of(found.iter().map(|(parts, hash, _)| (parts, *hash))).encode())
        }
    }
}

/// The records' changes by actor and number, each once. A log may hold one twice, and one behind a hole before
/// the one that fills it, while a block is a run of each actor's changes.
fn in_chains(records: &[ChangeRecord]) -> Result<Vec<Found>, HistoryError> {
    let mut found = BTreeMap::new();
    for record in records {
        found.entry((record.actor, record.seq)).or_insert(parse(record)?);
    }
    Ok(found.into_values().collect())
}

/// Seals the oldest tail that awaits it, as far as a block on disk; [`Log::sealed`] puts it to use.
///
/// # Errors
/// See [`HistoryError`]; the tail is as before.
pub fn seal<D: Disk>(log: &mut Log<D>) -> Result<Option<Sealed>, HistoryError> {
    let Some(number) = log.ripe() else { return Ok(None) };
    let sealer = log.sealer(number)?;
    let mut found = in_chains(&sealer.changes()?)?;
    let mut next = BTreeMap::new();
    found.retain(|(parts, ..)| {
        let next = next.entry(parts.actor).or_insert(parts.seq);
        let follows = parts.seq == *next;
        *next += u64::from(follows);
        follows
    });
    let block = Block::of(found.iter().map(|(parts, hash, _)| (parts, *hash)));
    let shared = block.encode();
    // What cannot be read again must not take the tail's place.
    Block::decode(&shared)?;
    let arrivals: Vec<_> = found.iter().map(|(_, _, arrival)| *arrival).collect();
    let spans = block.spans().iter().map(|span| Span {
        actor: span.actor,
        first_seq: span.first_seq,
        last_seq: span.last_seq,
    });
    let stored = tailchat_store::block::Block {
        spans: spans.collect(),
        summary: Vec::new(),
        shared,
        local: block.encode_arrivals(&arrivals),
    };
    Ok(Some(sealer.seal(&stored)?))
}
