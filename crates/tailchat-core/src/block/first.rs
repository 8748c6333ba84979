//! Version 1 of the block, as older logs have it: postcard of the spans, then of the rows, deflated. Read only.

use std::io::{BufReader, Read};

use flate2::read::DeflateDecoder;

use super::entries::Rows;
use super::{BlockError, Span, spans};
use crate::limits::{BLOCK_LEN_MAX, CHANGE_ENTRIES_MAX, ENTRY_LEN_MAX};

/// Reads the spans, and what follows them.
pub(super) fn decode_spans(bytes: &[u8]) -> Result<(Vec<Span>, &[u8]), BlockError> {
    let (found, rest) = postcard::take_from_bytes::<Vec<Span>>(bytes).map_err(|_| BlockError::Malformed)?;
    spans::check(&found)?;
    Ok((found, rest))
}

/// Reads the rows of these spans as they come out of the inflater, and stops at the first that does not fit: not
/// even their number is known before.
pub(super) fn decode_rows(spans: &[Span], bytes: &[u8]) -> Result<Rows, BlockError> {
    let mut left: Vec<_> = spans
        .iter()
        .map(|span| (span.last_seq - span.first_seq + 1, span.entries))
        .collect();
    let mut reader = Reader(BufReader::new(
        DeflateDecoder::new(bytes).take(BLOCK_LEN_MAX as u64),
    ));
    let mut rows = Rows::default();
    for _ in 0..reader.number()? {
        let span = u32::try_from(reader.number()?).map_err(|_| BlockError::Malformed)?;
        let count = reader.number()?;
        let (changes, entries) = left.get_mut(span as usize).ok_or(BlockError::Malformed)?;
        *changes = changes.checked_sub(1).ok_or(BlockError::Malformed)?;
        *entries = entries.checked_sub(count).ok_or(BlockError::Malformed)?;
        if count > CHANGE_ENTRIES_MAX as u64 {
            return Err(BlockError::Malformed);
        }
        for _ in 0..count {
            let len = reader.number()?;
            reader.bytes(len, rows.buffer())?;
            rows.end_entry();
        }
        rows.end_checked_row(span)?;
    }
    if reader.is_at_end() && left.iter().all(|left| *left == (0, 0)) {
        Ok(rows)
    } else {
        Err(BlockError::Malformed)
    }
}

struct Reader<R>(R);

impl<R: Read> Reader<R> {
    fn byte(&mut self) -> Result<u8, BlockError> {
        let mut byte = [0];
        self.0.read_exact(&mut byte).map_err(|_| BlockError::Malformed)?;
        let [byte] = byte;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u64, BlockError> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BlockError::Malformed)
    }

    fn bytes(&mut self, len: u64, buffer: &mut Vec<u8>) -> Result<(), BlockError> {
        if len > ENTRY_LEN_MAX as u64 {
            return Err(BlockError::Malformed);
        }
        match self.0.by_ref().take(len).read_to_end(buffer) {
            Ok(read) if read as u64 == len => Ok(()),
            _ => Err(BlockError::Malformed),
        }
    }

    fn is_at_end(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0))
    }
}
