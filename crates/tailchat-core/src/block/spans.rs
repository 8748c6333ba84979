//! The front of a block: which stretches of which actors' chains it holds. Knows no rows.

use super::numbers::{Column, at_distance, distance, put};
use super::{BlockError, Span};
use crate::ids::{ActorId, ChangeHash};
use crate::limits::{ACTORS_MAX, BLOCK_ENTRIES_MAX, BLOCK_ROWS_MAX, CHANGE_ENTRIES_MAX};
use crate::state::Tip;

/// Appends the spans: counts first, as differences that are mostly nought, then what cannot be said shorter.
pub(super) fn encode(spans: &[Span], bytes: &mut Vec<u8>) {
    put(bytes, spans.len() as u64);
    for span in spans {
        let changes = span.last_seq - span.first_seq + 1;
        bytes.extend_from_slice(&span.actor.0);
        put(bytes, span.first_seq);
        put(bytes, changes);
        put(bytes, distance(span.first_seq - 1, span.first_index));
        put(bytes, distance(changes, span.entries));
        put(bytes, distance(span.entries, span.messages));
        if span.first_seq > 1 {
            bytes.extend_from_slice(&span.previous.0);
        }
        bytes.extend_from_slice(&span.last.0);
    }
}

/// Reads the spans, and what follows them. They are within the limits of a block.
pub(super) fn decode(bytes: &[u8]) -> Result<(Vec<Span>, &[u8]), BlockError> {
    let mut rest = Column(bytes);
    let count = rest.length().ok_or(BlockError::Malformed)?;
    if count > ACTORS_MAX {
        return Err(BlockError::TooLong);
    }
    let spans = (0..count)
        .map(|_| decode_one(&mut rest))
        .collect::<Option<Vec<_>>>();
    let spans = spans.ok_or(BlockError::Malformed)?;
    check(&spans)?;
    Ok((spans, rest.0))
}

fn decode_one(rest: &mut Column<'_>) -> Option<Span> {
    let actor = ActorId(rest.array()?);
    let first_seq = rest.number()?;
    let changes = rest.number()?;
    let before = first_seq.checked_sub(1)?;
    let last_seq = before.checked_add(changes)?;
    let first_index = at_distance(before, rest.number()?);
    let entries = at_distance(changes, rest.number()?);
    let messages = at_distance(entries, rest.number()?);
    let previous = if first_seq > 1 {
        ChangeHash(rest.array()?)
    } else {
        Tip::START.hash
    };
    let last = ChangeHash(rest.array()?);
    Some(Span {
        actor,
        first_seq,
        last_seq,
        first_index,
        entries,
        messages,
        previous,
        last,
    })
}

/// Whether spans contradict themselves or announce more than a block may hold. The numbers of rows and entries
/// are theirs, so this bounds what reading the rest can take.
pub(super) fn check(spans: &[Span]) -> Result<(), BlockError> {
    let (mut rows, mut entries) = (0_u64, 0_u64);
    for span in spans {
        let ordered = span.first_seq >= 1 && span.last_seq >= span.first_seq && span.last_seq < 1 << 32;
        if !ordered || span.first_index >= 1 << 32 || span.messages > span.entries {
            return Err(BlockError::Malformed);
        }
        let changes = span.last_seq - span.first_seq + 1;
        if span.entries < changes || span.entries > changes * CHANGE_ENTRIES_MAX as u64 {
            return Err(BlockError::Malformed);
        }
        rows += changes;
        entries = entries.saturating_add(span.entries);
    }
    let most = |limit| u64::try_from(limit).unwrap_or(u64::MAX);
    if spans.len() > ACTORS_MAX || rows > most(BLOCK_ROWS_MAX) || entries > most(BLOCK_ENTRIES_MAX) {
        return Err(BlockError::TooLong);
    }
    Ok(())
}
