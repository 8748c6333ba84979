//! Where a block's changes came from and when: the section of a sealed block that never leaves this disk. Told
//! by what the block says already. Knows no files.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::DeflateDecoder;
use serde::{Deserialize, Serialize};

use super::columns::{put_split, take_split};
use super::numbers::{Column, at_distance, distance, put};
use super::packed::{pack, unpack};
use super::{Block, BlockError, FIRST, VERSION};
use crate::entry::stamp_of;
use crate::ids::DeviceId;
use crate::limits::BLOCK_LEN_MAX;

/// Where a change came from and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When it reached this disk, in milliseconds since 1970.
    pub at_ms: i64,
    /// The device that brought it, [`DeviceId::NONE`] if it was written here.
    pub via: DeviceId,
}

/// Times as distances from the arrival before: short where changes came in bulk.
const BY_ARRIVAL: u8 = 0;
/// Times as distances from the order of the change's first entry: short where they came as they were written.
const BY_ORDER: u8 = 1;

impl Block {
    /// Encodes the arrivals of the block's changes, in their order: one for each.
    #[must_use]
    pub fn encode_arrivals(&self, arrivals: &[Arrival]) -> Vec<u8> {
        let (mut vias, mut devices) = (Vec::new(), Vec::new());
        let mut known = BTreeMap::new();
        let mut before = vec![None; self.spans.len()];
        for (arrival, (span, _)) in arrivals.iter().zip(self.rows.iter()) {
            let Some(before) = before.get_mut(span) else {
                continue;
            };
            if before.replace(arrival.via) == Some(arrival.via) {
                put(&mut vias, 0);
                continue;
            }
            let new = known.len() as u64 + 1;
            let place = *known.entry(arrival.via).or_insert(new);
            put(&mut vias, place);
            if place == new {
                devices.extend_from_slice(&arrival.via.0);
            }
        }
        let shortest = [BY_ARRIVAL, BY_ORDER].into_iter().map(|mode| {
            let (low, high) = times(mode, self, arrivals);
            let mut bytes = vec![VERSION, mode];
            pack([&low, &high, &vias, &devices], &mut bytes);
            bytes
        });
        shortest.min_by_key(Vec::len).unwrap_or_default()
    }

    /// Reads what [`Block::encode_arrivals`] wrote for this block.
    ///
    /// # Errors
    /// [`BlockError`] if the bytes are something else.
    pub fn decode_arrivals(&self, bytes: &[u8]) -> Result<Vec<Arrival>, BlockError> {
        match bytes.split_first() {
            Some((&FIRST, rest)) => decode_first(rest),
            Some((&VERSION, rest)) => decode_columns(self, rest),
            Some((version, _)) => Err(BlockError::Version(*version)),
            None => Err(BlockError::Malformed),
        }
    }
}

fn times(mode: u8, block: &Block, arrivals: &[Arrival]) -> (Vec<u8>, Vec<u8>) {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let mut near = Near::new(mode);
    for (arrival, (_, entries)) in arrivals.iter().zip(block.rows.iter()) {
        let at_ms = arrival.at_ms.cast_unsigned();
        let from = near.of(entries.iter().next());
        put_split(&mut low, &mut high, distance(from, at_ms));
        near.arrived(at_ms);
    }
    (low, high)
}

/// The time that the next one is told by.
struct Near {
    mode: u8,
    time: u64,
}

impl Near {
    fn new(mode: u8) -> Self {
        Self { mode, time: 0 }
    }

    fn of(&self, entry: Option<&[u8]>) -> u64 {
        match entry {
            Some(entry) if self.mode == BY_ORDER => stamp_of(entry).order,
            _ => self.time,
        }
    }

    fn arrived(&mut self, at_ms: u64) {
        self.time = at_ms;
    }
}

fn decode_columns(block: &Block, bytes: &[u8]) -> Result<Vec<Arrival>, BlockError> {
    let (&mode, rest) = bytes.split_first().ok_or(BlockError::Malformed)?;
    if mode > BY_ORDER {
        return Err(BlockError::Malformed);
    }
    let columns: [Vec<u8>; 4] = unpack(rest)?;
    let [low, high, vias, devices] = &columns;
    let (mut low, mut high, mut vias) = (Column(low), Column(high), Column(vias));
    let (devices, odd) = devices.as_chunks::<16>();
    let mut near = Near::new(mode);
    let mut before = vec![None; block.spans.len()];
    let arrival = |(span, entries): (usize, super::entries::Entries<'_>)| {
        let from = near.of(entries.iter().next());
        let at_ms = at_distance(from, take_split(&mut low, &mut high)?);
        near.arrived(at_ms);
        let before = before.get_mut(span)?;
        let via = match vias.length()?.checked_sub(1) {
            None => (*before)?,
            Some(place) => DeviceId(*devices.get(place)?),
        };
        *before = Some(via);
        Some(Arrival {
            at_ms: at_ms.cast_signed(),
            via,
        })
    };
    let arrivals: Option<Vec<_>> = block.rows.iter().map(arrival).collect();
    let whole = odd.is_empty() && low.is_empty() && high.is_empty() && vias.is_empty();
    arrivals.filter(|_| whole).ok_or(BlockError::Malformed)
}

/// Version 1: postcard, deflated.
fn decode_first(bytes: &[u8]) -> Result<Vec<Arrival>, BlockError> {
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
        Ok((arrivals, [])) => Ok(arrivals),
        _ => Err(BlockError::Malformed),
    }
}
