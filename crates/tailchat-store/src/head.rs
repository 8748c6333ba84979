//! The head of a tail or block file, written twice. Knows its bytes; refuses to know what follows it.

use tailchat_core::ids::RoomId;

use crate::fields::{Fields, short};

/// The format's major version: a reader of another one must not touch the file.
pub const FORMAT_MAJOR: u16 = 1;
/// The format's minor version: a reader of an older one skips the records that it does not know.
pub const FORMAT_MINOR: u16 = 0;
/// The length of one copy of the head.
pub const HEAD_COPY_LEN: usize = 80;
/// The length of the head: two copies, so that one flipped bit cannot make a whole file unreadable.
pub const HEAD_LEN: usize = 2 * HEAD_COPY_LEN;

/// Which file it is. Its first eight bytes say so; the first of them is no ASCII, so that no text begins like
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A tail: records in the order in which they came.
    Tail,
    /// A block: a sealed tail.
    Block,
}

impl FileKind {
    /// The first bytes of such a file.
    #[must_use]
    pub fn magic(self) -> [u8; 8] {
        match self {
            Self::Tail => *b"\x89TCtail\n",
            Self::Block => *b"\x89TCblok\n",
        }
    }
}

/// Random bytes that name one file for ever. All sums in the file depend on them, so what an earlier file
/// left on the same sectors does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(pub [u8; 16]);

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHead {
    /// Tail or block.
    pub kind: FileKind,
    /// The minor version of its writer.
    pub minor: u16,
    /// The file's own ID.
    pub id: FileId,
    /// The room whose file it is.
    pub room: RoomId,
    /// Its number, which is also in its name.
    pub number: u64,
}

/// Why a head could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// Too short or all zeros: the file was never wholly created, so nothing in it was ever acknowledged.
    Unfinished,
    /// Begins like no file of ours.
    Foreign,
    /// Written by a newer major version.
    Newer(u16),
    /// Ours, but neither copy verifies.
    Damaged,
}

impl FileHead {
    /// Both copies, ready to be written at offset 0.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_LEN);
        for copy in 0..2 {
            let start = bytes.len();
            bytes.extend_from_slice(&self.kind.magic());
            bytes.extend_from_slice(&FORMAT_MAJOR.to_le_bytes());
            bytes.extend_from_slice(&self.minor.to_le_bytes());
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&self.id.0);
            bytes.extend_from_slice(&self.room.0);
            bytes.extend_from_slice(&self.number.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
            let sum = sum(copy, bytes.get(start..).unwrap_or_default());
            bytes.extend_from_slice(&sum);
        }
        bytes
    }

    /// Reads the head at the front of a file's bytes. Also says which copy (0 or 1) is damaged, if one is.
    ///
    /// # Errors
    /// See [`HeadFault`].
    pub fn decode(kind: FileKind, bytes: &[u8]) -> Result<(Self, Option<u8>), HeadFault> {
        let mut copies = bytes.chunks(HEAD_COPY_LEN);
        let first = copies.next().and_then(|copy| decode_copy(kind, 0, copy));
        let second = copies.next().and_then(|copy| decode_copy(kind, 1, copy));
        match (first, second) {
            // A file with one copy and no more was cut while it was created.
            _ if bytes.len() < HEAD_LEN => Err(fault(kind, bytes)),
            (Some(head), Some(_)) => Ok((head, None)),
            (Some(head), None) => Ok((head, Some(1))),
            (None, Some(head)) => Ok((head, Some(0))),
            (None, None) => Err(fault(kind, bytes)),
        }
    }
}

/// A sum over a copy, and over which copy it is.
fn sum(copy: u8, bytes: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 store file head v1");
    hasher.update(&[copy]).update(bytes);
    short(&hasher.finalize())
}

fn decode_copy(kind: FileKind, copy: u8, bytes: &[u8]) -> Option<FileHead> {
    let (summed, stored) = bytes.split_last_chunk::<16>()?;
    let mut fields = Fields(bytes);
    let sound =
        fields.array()? == kind.magic() && fields.u16()? == FORMAT_MAJOR && sum(copy, summed) == *stored;
    if bytes.len() != HEAD_COPY_LEN || !sound {
        return None;
    }
    let minor = fields.u16()?;
    fields.bytes(4)?;
    let (id, room) = (FileId(fields.array()?), RoomId(fields.array()?));
    Some(FileHead {
        kind,
        minor,
        id,
        room,
        number: fields.u64()?,
    })
}

/// Names what is wrong with a head of which no copy verifies. A newer major version keeps the first ten bytes
/// as they are here, and nothing else.
fn fault(kind: FileKind, bytes: &[u8]) -> HeadFault {
    let magic = kind.magic();
    let mut fields = Fields(bytes);
    if fields.array() == Some(magic) && fields.u16().is_some_and(|major| major > FORMAT_MAJOR) {
        return HeadFault::Newer(
            bytes
                .get(8..)
                .and_then(|rest| Fields(rest).u16())
                .unwrap_or(u16::MAX),
        );
    }
    let head = bytes.get(..HEAD_LEN).unwrap_or(bytes);
    if head.iter().all(|byte| *byte == 0) {
        return HeadFault::Unfinished;
    }
    if bytes.len() < HEAD_LEN {
        // Written bytes first, then perhaps zeros, is what a crash leaves of a head.
        let begun = magic
            .iter()
            .zip(bytes)
            .all(|(ours, found)| ours == found || *found == 0);
        return if begun {
            HeadFault::Unfinished
        } else {
            HeadFault::Foreign
        };
    }
    let second = bytes.get(HEAD_COPY_LEN..).unwrap_or_default();
    if bytes.starts_with(&magic) || second.starts_with(&magic) {
        HeadFault::Damaged
    } else {
        HeadFault::Foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> FileHead {
        let (id, room) = (FileId([0x11; 16]), RoomId([0x22; 16]));
        FileHead {
            kind: FileKind::Tail,
            minor: FORMAT_MINOR,
            id,
            room,
            number: 3,
        }
    }

    #[test]
    fn a_head_has_these_bytes_for_ever() {
        let hex: String = head().encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("golden/head.hex").trim());
    }

    #[test]
    fn every_flipped_bit_leaves_the_other_copy() {
        let bytes = head().encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let damaged = u8::from(bit / 8 >= HEAD_COPY_LEN);
            assert_eq!(
                FileHead::decode(FileKind::Tail, &flipped),
                Ok((head(), Some(damaged))),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn every_prefix_is_an_unfinished_file() {
        let bytes = head().encode();
        for len in 0..bytes.len() {
            assert_eq!(
                FileHead::decode(FileKind::Tail, &bytes[..len]),
                Err(HeadFault::Unfinished),
                "{len}"
            );
            let mut zeros = bytes[..len].to_vec();
            zeros.resize(HEAD_LEN - 1, 0);
            assert_eq!(
                FileHead::decode(FileKind::Tail, &zeros),
                Err(HeadFault::Unfinished),
                "{len} and zeros"
            );
        }
    }

    #[test]
    fn newer_foreign_and_damaged_heads_are_told_apart() {
        let decode = |bytes: &[u8]| FileHead::decode(FileKind::Tail, bytes);
        let mut newer = b"\x89TCtail\n\x02\x00 whatever it is".to_vec();
        assert_eq!(decode(&newer), Err(HeadFault::Newer(2)));
        newer.resize(4000, 7);
        assert_eq!(decode(&newer), Err(HeadFault::Newer(2)));
        assert_eq!(decode(b"Dear diary"), Err(HeadFault::Foreign));
        assert_eq!(decode(&[b'x'; 500]), Err(HeadFault::Foreign));
        assert_eq!(decode(&[0; 500]), Err(HeadFault::Unfinished));
        assert_eq!(decode(&[[0; 500], [7; 500]].concat()), Err(HeadFault::Unfinished));
        let mut damaged = head().encode();
        damaged[30] ^= 1;
        damaged[130] ^= 1;
        assert_eq!(decode(&damaged), Err(HeadFault::Damaged));
        assert_eq!(
            FileHead::decode(FileKind::Block, &head().encode()),
            Err(HeadFault::Foreign)
        );
    }
}
