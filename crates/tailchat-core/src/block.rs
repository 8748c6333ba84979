//! A stretch of a room's changes as one piece: on disk when sealed, on the wire in catch-up. It holds
//! what determines each change and no change itself; the reader encodes them anew, and the hash of each
//! actor's last one proves them all. Knows nothing of files or connections.
//!
//! Layout, version 2: a version byte; the spans; the rows as columns. Version 1 is read, not written.

mod arrivals;
mod columns;
mod entries;
mod first;
mod numbers;
mod packed;
mod selecting;
mod shape;
mod spans;
mod taking;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::arrivals::Arrival;
use self::entries::Rows;
pub use self::selecting::select;
pub use self::taking::Taken;
use crate::change::Parts;
use crate::entry::is_message;
use crate::ids::{ActorId, ChangeHash};
use crate::limits::BLOCK_LEN_MAX;
use crate::state::Tip;

/// The version that is written.
const VERSION: u8 = 2;
/// The version before.
const FIRST: u8 = 1;

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
    /// The tip of the actor before the span, with its messages not counted.
    fn before(&self) -> Tip {
        Tip {
            seq: self.first_seq - 1,
            entries: self.first_index,
            messages: 0,
            hash: self.previous,
        }
    }
}

/// A stretch of changes, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    spans: Vec<Span>,
    rows: Rows,
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
        let mut builder = Builder::default();
        for (parts, hash) in changes {
            let place = Place {
                actor: parts.actor,
                seq: parts.seq,
                first_index: parts.first_index,
                previous: parts.previous.unwrap_or(Tip::START.hash),
            };
            builder.push(&place, hash, parts.entries.iter().map(Vec::as_slice));
        }
        builder.finish()
    }

    /// Each actor's stretch.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The block's bytes. A reader takes them if the changes come to no more than
    /// [`crate::limits::BLOCK_CHANGES_LEN_MAX`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        spans::encode(&self.spans, &mut bytes);
        columns::encode(&self.spans, &self.rows, &mut bytes);
        bytes
    }

    /// Reads a block. Memory is bounded by [`BLOCK_LEN_MAX`], whatever the bytes announce.
    ///
    /// # Errors
    /// [`BlockError`] if the bytes are no block of a known version or its parts contradict each other.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let (version, spans, rest) = front(bytes)?;
        let rows = if version == FIRST {
            first::decode_rows(&spans, rest)?
        } else {
            columns::decode(&spans, rest)?
        };
        Ok(Self { spans, rows })
    }

    /// The spans of a block's bytes, without reading what follows them.
    ///
    /// # Errors
    /// [`BlockError`] if the bytes do not begin as a block does.
    pub fn spans_of(bytes: &[u8]) -> Result<Vec<Span>, BlockError> {
        front(bytes).map(|(_, spans, _)| spans)
    }

    /// What determines each change, without encoding any, so with `previous` left out where it is not
    /// known: enough for showing entries, not for making changes.
    pub fn parts(&self) -> impl Iterator<Item = Parts> {
        let mut before: Vec<_> = self
            .spans
            .iter()
            .map(|span| (span.first_seq, span.first_index))
            .collect();
        self.rows.iter().filter_map(move |(place, entries)| {
            let (seq, first_index) = before.get_mut(place)?;
            let parts = Parts {
                actor: self.spans.get(place)?.actor,
                seq: *seq,
                first_index: *first_index,
                previous: None,
                entries: entries.to_vecs(),
            };
            (*seq, *first_index) = (*seq + 1, *first_index + entries.len() as u64);
            Some(parts)
        })
    }

    /// Whether everything in the block is wanted, so that it can be sent as it is.
    #[must_use]
    pub fn is_within(&self, wanted: &[SeqRange]) -> bool {
        is_within(&self.spans, wanted)
    }
}

fn is_within(spans: &[Span], wanted: &[SeqRange]) -> bool {
    spans.iter().all(|span| {
        wanted
            .iter()
            .any(|range| range.holds(span.actor, span.first_seq) && range.holds(span.actor, span.last_seq))
    })
}

/// The version, the spans, and what follows them.
fn front(bytes: &[u8]) -> Result<(u8, Vec<Span>, &[u8]), BlockError> {
    let (&version, rest) = bytes.split_first().ok_or(BlockError::Malformed)?;
    let (spans, rest) = match version {
        FIRST => first::decode_spans(rest)?,
        VERSION => spans::decode(rest)?,
        _ => return Err(BlockError::Version(version)),
    };
    Ok((version, spans, rest))
}

/// Where a change stands in its author's chain.
struct Place {
    actor: ActorId,
    seq: u64,
    first_index: u64,
    /// Zeros if there is none.
    previous: ChangeHash,
}

/// A block that is being put together.
#[derive(Default)]
struct Builder {
    spans: Vec<Span>,
    /// Each actor's latest span, by place.
    places: BTreeMap<ActorId, usize>,
    rows: Rows,
}

impl Builder {
    /// Adds a change. The hash counts for the last change of a span alone.
    fn push<'a>(&mut self, place: &Place, hash: ChangeHash, entries: impl Iterator<Item = &'a [u8]>) {
        let open = self.places.get(&place.actor).copied().filter(|at| {
            self.spans
                .get(*at)
                .is_some_and(|span| span.last_seq + 1 == place.seq)
        });
        let at = open.unwrap_or_else(|| self.open(place));
        let Some(span) = self.spans.get_mut(at) else {
            return;
        };
        for entry in entries {
            span.entries += 1;
            span.messages += u64::from(is_message(entry));
            self.rows.write(entry);
            self.rows.end_entry();
        }
        span.last_seq = place.seq;
        span.last = hash;
        self.rows.end_row(u32::try_from(at).unwrap_or(u32::MAX));
    }

    /// Begins a span before this change.
    fn open(&mut self, place: &Place) -> usize {
        let at = self.spans.len();
        self.places.insert(place.actor, at);
        self.spans.push(Span {
            actor: place.actor,
            first_seq: place.seq,
            last_seq: place.seq - 1,
            first_index: place.first_index,
            entries: 0,
            messages: 0,
            previous: if place.seq > 1 {
                place.previous
            } else {
                Tip::START.hash
            },
            last: Tip::START.hash,
        });
        at
    }

    fn finish(self) -> Block {
        Block {
            spans: self.spans,
            rows: self.rows,
        }
    }
}

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Written by a version of the program that this one does not know.
    #[error("the block has version {0}, this program reads up to {VERSION}; update tailchat")]
    Version(u8),
    /// Not a block, or cut short, or contradictory.
    #[error("these bytes are no block")]
    Malformed,
    /// More rows, entries or bytes than a block may hold.
    #[error("the block holds more than a block may: {BLOCK_LEN_MAX} bytes, or too many changes or entries")]
    TooLong,
    /// The changes do not lead to the hash that stands for them.
    #[error("the changes of actor {actor} in the block do not fit their hash")]
    Proof {
        /// The actor.
        actor: ActorId,
    },
}
