//! A change of the room document as Automerge encodes it, made from entries alone. Within format 1 a
//! change is a function of its author's chain and the entries that it adds, so this is all that reads or
//! writes one; no document is in memory. Knows nothing of rooms, peers or disks.
//!
//! Format of a change: <https://automerge.org/automerge-binary-format-spec/#_change_chunks>.

use std::num::NonZeroU64;
use std::panic::catch_unwind;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{Change, ExpandedChange, ObjType, ScalarValue};

use crate::ids::{ActorId, ChangeHash};
use crate::limits::{CHANGE_LEN_MAX, LIST_LEN};

/// What determines a change, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Its author.
    pub actor: ActorId,
    /// Its number in the author's chain, from 1.
    pub seq: u64,
    /// The entries that the author wrote before it.
    pub first_index: u64,
    /// The author's previous change, on which alone it depends; none at `seq` 1.
    pub previous: Option<ChangeHash>,
    /// The entries that it adds, each as [`crate::entry::Entry::encode`] writes it.
    pub entries: Vec<Vec<u8>>,
}

/// A change in Automerge's encoding: an uncompressed change chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The SHA-256 hash that names it.
    pub hash: ChangeHash,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The greatest operation counter of a chain after so many entries: one operation an entry and one for
/// each list begun.
#[must_use]
pub fn max_op(entries: u64) -> u64 {
    entries + entries.div_ceil(LIST_LEN)
}

/// The root key of an actor's n-th list.
#[must_use]
pub fn list_key(actor: ActorId, list: u64) -> String {
    format!("{actor}/{list}")
}

/// Encodes a change exactly as Automerge's own transactions would on the author's chain.
#[must_use]
pub fn encode(parts: &Parts) -> Encoded {
    let actor = automerge::ActorId::from(parts.actor.0);
    let op_id = |counter| OpId(counter, actor.clone());
    let mut operations = Vec::with_capacity(parts.entries.len() + 1);
    for (index, entry) in (parts.first_index..).zip(&parts.entries) {
        let list = index / LIST_LEN;
        let list_op = list * (LIST_LEN + 1) + 1;
        let position = index % LIST_LEN;
        if position == 0 {
            operations.push(Op {
                action: OpType::Make(ObjType::List),
                obj: ObjectId::Root,
                key: Key::Map(list_key(parts.actor, list).into()),
                pred: Vec::new().into(),
                insert: false,
            });
        }
        let after = if position == 0 {
            ElementId::Head
        } else {
            ElementId::Id(op_id(list_op + position))
        };
        operations.push(Op {
            action: OpType::Put(ScalarValue::Bytes(entry.clone())),
            obj: ObjectId::Id(op_id(list_op)),
            key: Key::Seq(after),
            pred: Vec::new().into(),
            insert: true,
        });
    }
    let change = Change::from(ExpandedChange {
        operations,
        actor_id: actor,
        hash: None,
        seq: parts.seq,
        start_op: NonZeroU64::MIN.saturating_add(max_op(parts.first_index)),
        time: 0,
        message: None,
        deps: parts
            .previous
            .iter()
            .map(|hash| automerge::ChangeHash(hash.0))
            .collect(),
        extra_bytes: Vec::new(),
        author: None,
    });
    Encoded {
        hash: ChangeHash(change.hash().0),
        bytes: change.raw_bytes().to_vec(),
    }
}

/// Reads a change back from its bytes. It is accepted only if encoding what was read gives the same bytes
/// again, so nothing but a change of format 1 comes through. Meant for our own disk, whose records have
/// checksums; what peers send is never parsed at all (see [`crate::state::RoomState::vet`]).
///
/// # Errors
/// [`NotAChange`] if the bytes are anything else.
pub fn decode(bytes: &[u8]) -> Result<(Parts, ChangeHash), NotAChange> {
    if bytes.len() > CHANGE_LEN_MAX {
        return Err(NotAChange);
    }
    // Automerge's parser has panicked on bytes such as a failing disk may return; the second line of defence.
    let change = catch_unwind(|| Change::try_from(bytes).ok().map(|change| change.decode()))
        .unwrap_or(None)
        .ok_or(NotAChange)?;
    let parts = parts_of(change).ok_or(NotAChange)?;
    let encoded = encode(&parts);
    if encoded.bytes == bytes {
        Ok((parts, encoded.hash))
    } else {
        Err(NotAChange)
    }
}

fn parts_of(change: ExpandedChange) -> Option<Parts> {
    let actor = ActorId(change.actor_id.to_bytes().try_into().ok()?);
    let before = change.start_op.get() - 1;
    // The inverse of `max_op`: each full list takes 257 operations.
    let (lists, rest) = (before / (LIST_LEN + 1), before % (LIST_LEN + 1));
    let first_index = lists * LIST_LEN + rest.saturating_sub(1);
    let entries = change.operations.into_iter().filter_map(|op| match op.action {
        OpType::Put(ScalarValue::Bytes(entry)) => Some(entry),
        _ => None,
    });
    let entries: Vec<Vec<u8>> = entries.collect();
    let previous = change.deps.first().map(|hash| ChangeHash(hash.0));
    Some(Parts {
        actor,
        seq: change.seq,
        first_index,
        previous,
        entries,
    })
}

/// The bytes are no change of format 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no change of a room of format 1")]
pub struct NotAChange;
