//! A part of a stored block for a peer that lacks it: as little is read and built as the part allows. Knows no
//! peers.

use super::taking::Chain;
use super::{Block, BlockError, Builder, Place, SeqRange, Span, is_within};

/// A wire block of the wanted changes, from a stored block's bytes: those bytes themselves where all of it
/// is wanted, and then only its front is read.
///
/// # Errors
/// [`BlockError`] if the stored bytes are damaged.
pub fn select(stored: Vec<u8>, wanted: &[SeqRange]) -> Result<Vec<u8>, BlockError> {
    if is_within(&Block::spans_of(&stored)?, wanted) {
        return Ok(stored);
    }
    let block = Block::decode(&stored)?;
    let wanted_of: Vec<Vec<SeqRange>> = block
        .spans
        .iter()
        .map(|span| wanted.iter().filter_map(|range| cut(*range, span)).collect())
        .collect();
    let mut chains: Vec<Chain> = block
        .spans
        .iter()
        .zip(&wanted_of)
        .map(|(span, wanted)| Chain::before(span, last_needed(span, wanted)))
        .collect();
    let mut part = Builder::default();
    for (place, entries) in block.rows.iter() {
        let (Some(span), Some(chain), Some(wanted)) = (
            block.spans.get(place),
            chains.get_mut(place),
            wanted_of.get(place),
        ) else {
            return Err(BlockError::Malformed);
        };
        if wanted.is_empty() {
            continue;
        }
        let before = chain.tip();
        let after = chain.advance(span, &entries);
        if wanted.iter().any(|range| range.holds(span.actor, after.seq)) {
            let place = Place {
                actor: span.actor,
                seq: after.seq,
                first_index: before.entries,
                previous: before.hash,
            };
            part.push(&place, after.hash, entries.iter());
        }
    }
    Ok(part.finish().encode())
}

/// What a range and a span have in common.
fn cut(range: SeqRange, span: &Span) -> Option<SeqRange> {
    let from = range.from.max(span.first_seq);
    let to = range.to.min(span.last_seq);
    (range.actor == span.actor && from <= to).then_some(SeqRange { from, to, ..range })
}

/// The last change whose hash a part needs: the one before its begin and its last, where the span does not name
/// them itself.
fn last_needed(span: &Span, wanted: &[SeqRange]) -> u64 {
    let needed = wanted.iter().map(|range| {
        if range.to < span.last_seq {
            range.to
        } else if range.from > span.first_seq {
            range.from - 1
        } else {
            0
        }
    });
    needed.max().unwrap_or(0)
}
