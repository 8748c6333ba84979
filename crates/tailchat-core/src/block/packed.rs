//! Columns as they lie in a block: a table of lengths, then each column, deflated (RFC 1951) where that is
//! shorter. Knows nothing of what is in a column.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::BlockError;
use super::numbers::{Column, put};
use crate::limits::BLOCK_LEN_MAX;

/// Beyond it texts took longer and got hardly shorter (docs/decisions, 0012).
const LEVEL: u32 = 5;

/// Appends the columns.
pub(super) fn pack<const COUNT: usize>(columns: [&[u8]; COUNT], bytes: &mut Vec<u8>) {
    let mut deflater = Compress::new(Compression::new(LEVEL), false);
    let packed = columns.map(|column| {
        let shorter = deflate(column, &mut deflater);
        put(bytes, column.len() as u64);
        put(bytes, shorter.as_ref().map_or(column.len(), Vec::len) as u64);
        shorter
    });
    for (column, shorter) in columns.iter().zip(&packed) {
        bytes.extend_from_slice(shorter.as_deref().unwrap_or(column));
    }
}

fn deflate(column: &[u8], deflater: &mut Compress) -> Option<Vec<u8>> {
    // More than any stream of the column can take: not every deflater stops in good order when room runs out.
    let mut bytes = Vec::with_capacity(column.len() + column.len() / 8 + 64);
    deflater.reset();
    let status = deflater.compress_vec(column, &mut bytes, FlushCompress::Finish);
    let whole = matches!(status, Ok(Status::StreamEnd));
    (whole && bytes.len() < column.len()).then_some(bytes)
}

/// Reads columns, up to the end of the bytes. What they will take is announced, and nothing is allocated if it
/// is too much.
pub(super) fn unpack<const COUNT: usize>(bytes: &[u8]) -> Result<[Vec<u8>; COUNT], BlockError> {
    let mut rest = Column(bytes);
    let mut lengths = [(0, 0); COUNT];
    let mut total = 0_usize;
    for (plain, packed) in &mut lengths {
        *plain = rest.length().ok_or(BlockError::Malformed)?;
        *packed = rest.length().ok_or(BlockError::Malformed)?;
        total = total.saturating_add(*plain);
    }
    if total > BLOCK_LEN_MAX {
        return Err(BlockError::TooLong);
    }
    let mut inflater = Decompress::new(false);
    let mut columns = [const { Vec::new() }; COUNT];
    for (column, (plain, packed)) in columns.iter_mut().zip(lengths) {
        let bytes = rest.bytes(packed).ok_or(BlockError::Malformed)?;
        *column = if packed == plain {
            bytes.to_vec()
        } else {
            inflate(bytes, plain, &mut inflater)?
        };
    }
    if rest.is_empty() {
        Ok(columns)
    } else {
        Err(BlockError::Malformed)
    }
}

fn inflate(bytes: &[u8], len: usize, inflater: &mut Decompress) -> Result<Vec<u8>, BlockError> {
    // One byte more than announced, so that an end and a stream that goes on can be told apart.
    let mut plain = Vec::with_capacity(len + 1);
    inflater.reset(false);
    let status = inflater.decompress_vec(bytes, &mut plain, FlushDecompress::Finish);
    let whole = matches!(status, Ok(Status::StreamEnd)) && inflater.total_in() == bytes.len() as u64;
    if whole && plain.len() == len {
        Ok(plain)
    } else {
        Err(BlockError::Malformed)
    }
}
