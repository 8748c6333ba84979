//! A stretch of a room's changes as one piece: on disk when sealed, on the wire in catch-up. It holds
//! what determines each change and no change itself; the reader encodes them anew, and the hash of each
//! actor's last one proves them all. Knows nothing of files or connections.
//!
//! Layout, version 1: a version byte; postcard of the spans; postcard of the rows, deflated (RFC 1951).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::change::Parts;
use crate::ids::{ActorId, ChangeHash, DeviceId};
use crate::limits::{ACTORS_MAX, BLOCK_LEN_MAX};
use crate::state::{Change, Refusal, RoomState, Tip, fits};

const VERSION: u8 = 1;

/// One actor's stretch of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The actor.
    pub actor: ActorId,
    /// The number of its first change in the block.
    pub first_seq: u64,
    /// The number of its last change in the block.
    pub last_seq: u64,
    /// The entries that the actor wrote before the block.
    pub first_index: u64,
    /// The entries in the span.
    pub entries: u64,
    /// The messages among them.
    pub messages: u64,
    /// The hash of the change before the first; zeros before `seq` 1.
    pub previous: ChangeHash,
    /// The hash of the last change.
    pub last: ChangeHash,
}

impl Span {
    /// A span that ends before this change.
    fn before_change(parts: &Parts) -> Self {
        Self {
            actor: parts.actor,
            first_seq: parts.seq,
            last_seq: parts.seq - 1,
            first_index: parts.first_index,
            entries: 0,
            messages: 0,
            previous: parts.previous.unwrap_or(Tip::START.hash),
            last: Tip::START.hash,
        }
    }

    fn before(&self) -> Tip {
        Tip {
            seq: self.first_seq - 1,
            entries: self.first_index,
            messages: 0,
            hash: self.previous,
        }
    }
}

/// One change of a block: its actor, by place among the spans, and its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BlockRow {
    span: u32,
    entries: Vec<Vec<u8>>,
}

/// A stretch of changes, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    spans: Vec<Span>,
    rows: Vec<BlockRow>,
}

/// A run of changes of one actor, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeqRange {
    /// The actor.
    pub actor: ActorId,
    /// The first change.
    pub from: u64,
    /// The last change.
    pub to: u64,
}

impl SeqRange {
    /// Whether the change lies in the run.
    #[must_use]
    pub fn holds(&self, actor: ActorId, seq: u64) -> bool {
        self.actor == actor && (self.from..=self.to).contains(&seq)
    }
}

impl Block {
    /// Makes a block of changes, in this order. An actor whose changes leave a gap has several spans.
    #[must_use]
    pub fn of<'a>(changes: impl IntoIterator<Item = (&'a Parts, ChangeHash)>) -> Self {
        let mut block = Self {
            spans: Vec::new(),
            rows: Vec::new(),
        };
        let mut places: BTreeMap<ActorId, usize> = BTreeMap::new();
        for (parts, hash) in changes {
            let place = places.get(&parts.actor).copied();
            let open = place.filter(|place| {
                block
                    .spans
                    .get(*place)
                    .is_some_and(|span| span.last_seq + 1 == parts.seq)
            });
            let place = open.unwrap_or_else(|| {
                block.spans.push(Span::before_change(parts));
                block.spans.len() - 1
            });
            places.insert(parts.actor, place);
            let added = Tip::START.after(&parts.entries, hash);
            if let Some(span) = block.spans.get_mut(place) {
                span.last_seq = parts.seq;
                span.last = hash;
                span.entries += added.entries;
                span.messages += added.messages;
            }
            let span = u32::try_from(place).unwrap_or(u32::MAX);
            block.rows.push(BlockRow {
                span,
                entries: parts.entries.clone(),
            });
        }
        block
    }

    /// Each actor's stretch.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The block's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bytes = postcard::to_extend(&self.spans, vec![VERSION]).expect("writing to memory cannot fail");
        deflate(&self.rows, bytes)
    }

    /// Reads a block. Memory is bounded by [`BLOCK_LEN_MAX`], whatever the bytes announce.
    ///
    /// # Errors
    /// [`BlockError`] if the bytes are no block of version 1 or its parts contradict each other.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let (&version, rest) = bytes.split_first().ok_or(BlockError::Malformed)?;
        if version != VERSION {
            return Err(BlockError::Version(version));
        }
        let (spans, rest) =
            postcard::take_from_bytes::<Vec<Span>>(rest).map_err(|_| BlockError::Malformed)?;
        let block = Self {
            spans,
            rows: inflate(rest)?,
        };
        if block.spans.len() <= ACTORS_MAX && block.is_consistent() {
            Ok(block)
        } else {
            Err(BlockError::Malformed)
        }
    }

    fn is_consistent(&self) -> bool {
        let mut missing: Vec<u64> = Vec::with_capacity(self.spans.len());
        for span in &self.spans {
            let ordered = span.first_seq >= 1 && span.last_seq >= span.first_seq && span.last_seq < 1 << 32;
            if !ordered || span.first_index >= 1 << 32 {
                return false;
            }
            missing.push(span.last_seq - span.first_seq + 1);
        }
        for row in &self.rows {
            match missing.get_mut(row.span as usize) {
                Some(left) if *left > 0 && fits(&row.entries) => *left -= 1,
                _ => return false,
            }
        }
        missing.iter().all(|left| *left == 0)
    }

    /// What determines each change, without encoding any, so with `previous` left out where it is not
    /// known: enough for showing entries, not for making changes.
    pub fn parts(&self) -> impl Iterator<Item = Parts> {
        let mut tips: Vec<Tip> = self.spans.iter().map(Span::before).collect();
        self.rows.iter().filter_map(move |row| {
            let span = self.spans.get(row.span as usize)?;
            let tip = tips.get_mut(row.span as usize)?;
            let parts = Parts {
                actor: span.actor,
                seq: tip.seq + 1,
                first_index: tip.entries,
                previous: None,
                entries: row.entries.clone(),
            };
            *tip = tip.after(&parts.entries, Tip::START.hash);
            Some(parts)
        })
    }

    /// Encodes every change of the block again and checks that they end where the spans say.
    ///
    /// # Errors
    /// [`BlockError::Proof`] if an actor's changes do not end in the hash that its span names.
    pub fn changes(&self) -> Result<Vec<Change>, BlockError> {
        let mut tips: Vec<Tip> = self.spans.iter().map(Span::before).collect();
        let mut changes = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let (Some(span), Some(tip)) =
                (self.spans.get(row.span as usize), tips.get_mut(row.span as usize))
            else {
                return Err(BlockError::Malformed);
            };
            let (next, change) = tip.extend(span.actor, row.entries.clone());
            *tip = next;
            changes.push(change);
        }
        for (span, tip) in self.spans.iter().zip(&tips) {
            let added = tip.entries - span.first_index;
            if tip.hash != span.last || tip.messages != span.messages || added != span.entries {
                return Err(BlockError::Proof { actor: span.actor });
            }
        }
        Ok(changes)
    }

    /// Whether everything in the block is wanted, so that it can be sent as it is.
    #[must_use]
    pub fn is_within(&self, wanted: &[SeqRange]) -> bool {
        self.spans.iter().all(|span| {
            wanted.iter().any(|range| {
                range.holds(span.actor, span.first_seq) && range.holds(span.actor, span.last_seq)
            })
        })
    }
}

/// What a block brought to a room.
#[derive(Debug, Default)]
pub struct Taken {
    /// The changes that are new, in the block's order.
    pub changes: Vec<Change>,
    /// Actors whose changes were refused, and why; the others' were taken.
    pub refused: Vec<Refusal>,
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
        for span in &block.spans {
            let ours = self.tip(span.actor);
            if ours.seq + 1 == span.first_seq
                && (ours.hash != span.previous || ours.entries != span.first_index)
            {
                forked.insert(span.actor);
            }
        }
        for change in block.changes()? {
            let ours = self.tip(change.parts.actor);
            if change.parts.seq == ours.seq && change.encoded.hash != ours.hash {
                forked.insert(change.parts.actor);
            }
            if change.parts.seq != ours.seq + 1 || forked.contains(&change.parts.actor) {
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
}

/// Where a change came from and when: the section of a sealed block that is never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When it reached this disk, in milliseconds since 1970.
    pub at_ms: i64,
    /// The device that brought it, [`DeviceId::NONE`] if it was written here.
    pub via: DeviceId,
}

/// Encodes the arrivals of a block's changes, in their order.
#[must_use]
pub fn encode_arrivals(arrivals: &[Arrival]) -> Vec<u8> {
    deflate(arrivals, vec![VERSION])
}

/// Reads what [`encode_arrivals`] wrote.
///
/// # Errors
/// [`BlockError`] if the bytes are something else.
pub fn decode_arrivals(bytes: &[u8]) -> Result<Vec<Arrival>, BlockError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => inflate(rest),
        Some((version, _)) => Err(BlockError::Version(*version)),
        None => Err(BlockError::Malformed),
    }
}

fn deflate<T: Serialize + ?Sized>(value: &T, head: Vec<u8>) -> Vec<u8> {
    let plain = postcard::to_allocvec(value).expect("writing to memory cannot fail");
    let mut encoder = DeflateEncoder::new(head, Compression::default());
    encoder
        .write_all(&plain)
        .and_then(|()| encoder.finish())
        .expect("writing to memory cannot fail")
}

fn inflate<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BlockError> {
    let mut plain = Vec::new();
    let limit = BLOCK_LEN_MAX as u64 + 1;
    DeflateDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(|_| BlockError::Malformed)?;
    if plain.len() > BLOCK_LEN_MAX {
        return Err(BlockError::TooLong);
    }
    match postcard::take_from_bytes(&plain) {
        Ok((value, [])) => Ok(value),
        _ => Err(BlockError::Malformed),
    }
}

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Written by a version of the program that this one does not know.
    #[error("the block has version {0}, this program reads version {VERSION}; update tailchat")]
    Version(u8),
    /// Not a block, or cut short, or contradictory.
    #[error("these bytes are no block")]
    Malformed,
    /// More than [`BLOCK_LEN_MAX`] bytes after inflation.
    #[error("the block is longer than {BLOCK_LEN_MAX} bytes")]
    TooLong,
    /// The changes do not lead to the hash that stands for them.
    #[error("the changes of actor {actor} in the block do not fit their hash")]
    Proof {
        /// The actor.
        actor: ActorId,
    },
}

/// A wire block of the wanted changes, from a stored block's bytes: those bytes themselves where all of it
/// is wanted.
///
/// # Errors
/// [`BlockError`] if the stored bytes are damaged.
pub fn select(stored: Vec<u8>, wanted: &[SeqRange]) -> Result<Vec<u8>, BlockError> {
    let block = Block::decode(&stored)?;
    if block.is_within(wanted) {
        return Ok(stored);
    }
    let changes = block.changes()?;
    let wanted_ones = changes
        .iter()
        .map(|change| (&change.parts, change.encoded.hash))
        .filter(|(parts, _)| wanted.iter().any(|range| range.holds(parts.actor, parts.seq)));
    Ok(Block::of(wanted_ones).encode())
}
