//! A block file: a sealed stretch of the log. Knows its sections' places and sums; what is in them is opaque.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tailchat_core::ids::{ActorId, RoomId};

use crate::change::{Span, StretchNumber};
use crate::disk::Disk;
use crate::error::{Damage, Finding, StoreError};
use crate::fields::Fields;
use crate::head::{FORMAT_MAJOR, FORMAT_MINOR, FileHead, FileId, FileKind, HEAD_LEN, HeadFault};
use crate::limits::{BLOCK_SPANS_MAX, SECTION_LEN_MAX};
use crate::record::FileKey;

/// The length of a block file before its sections: head and table.
pub const BLOCK_FRONT_LEN: usize = HEAD_LEN + TABLE_LEN;
const TABLE_LEN: usize = 96;
const TABLE_SUMMED_LEN: usize = 80;
const SPAN_LEN: usize = 32;
const SECTIONS: usize = 4;

/// What a block holds. All but the spans is opaque here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Exactly the changes that it holds: a change is looked for here if, and only if, a span holds it.
    pub spans: Vec<Span>,
    /// What can be had of it without the large sections. Kept in memory once it was asked for, so it should be
    /// short.
    pub summary: Vec<u8>,
    /// What may be sent to peers.
    pub shared: Vec<u8>,
    /// What is never sent.
    pub local: Vec<u8>,
}

/// What is remembered of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Its number.
    pub number: StretchNumber,
    /// The changes in it.
    pub spans: Vec<Span>,
    /// Its summary.
    pub summary: Vec<u8>,
    /// The length of its file.
    pub file_len: u64,
}

/// The head of a block file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// What it says.
    pub head: FileHead,
    /// Which of its two copies (0 or 1) is damaged, if one is.
    pub bad_copy: Option<u8>,
}

/// Why a block file could not be read.
#[derive(Debug)]
pub enum BlockFault {
    /// Its head.
    Head(HeadFault),
    /// What follows it.
    Damaged(Range<u64>, Damage),
    /// The disk.
    Io(io::Error),
}

/// The table that stands after the head.
struct Table {
    lens: [usize; SECTIONS],
    sums: [[u8; 16]; SECTIONS],
}

impl Table {
    fn encode(&self, key: &FileKey) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TABLE_LEN);
        for len in self.lens {
            bytes.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        }
        self.sums.iter().for_each(|sum| bytes.extend_from_slice(sum));
        let sum: [u8; 16] = key.sum(b't', HEAD_LEN as u64, &bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    fn decode(key: &FileKey, bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let summed = fields.bytes(TABLE_SUMMED_LEN)?;
        let stored: [u8; 16] = fields.array()?;
        if key.sum(b't', HEAD_LEN as u64, summed) != stored {
            return None;
        }
        let mut fields = Fields(summed);
        let mut table = Self {
            lens: [0; SECTIONS],
            sums: [[0; 16]; SECTIONS],
        };
        for len in &mut table.lens {
            *len = fields.length().filter(|len| *len <= SECTION_LEN_MAX)?;
        }
        let [spans_len, ..] = table.lens;
        if spans_len % SPAN_LEN != 0 || spans_len / SPAN_LEN > BLOCK_SPANS_MAX {
            return None;
        }
        for sum in &mut table.sums {
            *sum = fields.array()?;
        }
        Some(table)
    }

    fn file_len(&self) -> u64 {
        (BLOCK_FRONT_LEN + self.lens.iter().sum::<usize>()) as u64
    }
}

impl Block {
    /// The whole file.
    ///
    /// # Errors
    /// What is over its limit: its name, length and limit.
    pub fn encode(
        &self,
        number: StretchNumber,
        room: RoomId,
        id: FileId,
    ) -> Result<Vec<u8>, (&'static str, usize, usize)> {
        if self.spans.len() > BLOCK_SPANS_MAX {
            return Err(("a list of spans", self.spans.len(), BLOCK_SPANS_MAX));
        }
        let spans = encode_spans(&self.spans);
        let sections: [&[u8]; SECTIONS] = [&spans, &self.summary, &self.shared, &self.local];
        if let Some(section) = sections.iter().find(|section| section.len() > SECTION_LEN_MAX) {
            return Err(("a section of a block", section.len(), SECTION_LEN_MAX));
        }
        let key = FileKey::new(id);
        let mut place = BLOCK_FRONT_LEN as u64;
        let sums = sections.map(|section| {
            let sum = key.sum(b's', place, section);
            place += section.len() as u64;
            sum
        });
        let table = Table {
            lens: sections.map(<[u8]>::len),
            sums,
        };
        let head = FileHead {
            kind: FileKind::Block,
            minor: FORMAT_MINOR,
            id,
            room,
            number: number.0,
        };
        let mut bytes = head.encode();
        bytes.extend(table.encode(&key));
        sections
            .iter()
            .for_each(|section| bytes.extend_from_slice(section));
        Ok(bytes)
    }

    /// Reads and verifies a whole file. One damaged copy of the head is said with the rest: the block can be
    /// used.
    ///
    /// # Errors
    /// What does not fit.
    pub fn decode(bytes: &[u8]) -> Result<(Self, BlockHead), BlockFault> {
        let (head, bad_copy) = FileHead::decode(FileKind::Block, bytes).map_err(BlockFault::Head)?;
        let front = bytes.get(..BLOCK_FRONT_LEN).unwrap_or(bytes);
        let (key, table) = decode_front(&head, front)?;
        if bytes.len() as u64 != table.file_len() {
            return Err(BlockFault::Damaged(0..bytes.len() as u64, Damage::BlockTable));
        }
        let mut rest = Fields(bytes.get(BLOCK_FRONT_LEN..).unwrap_or_default());
        let mut sections = Sections {
            key: &key,
            table: &table,
            next: 0,
            place: BLOCK_FRONT_LEN as u64,
        };
        let spans = decode_spans(sections.take(&mut rest)?);
        let summary = sections.take(&mut rest)?.to_vec();
        let shared = sections.take(&mut rest)?.to_vec();
        let local = sections.take(&mut rest)?.to_vec();
        Ok((
            Self {
                spans,
                summary,
                shared,
                local,
            },
            BlockHead { head, bad_copy },
        ))
    }
}

impl BlockHead {
    /// Whether the file belongs where it was found.
    ///
    /// # Errors
    /// `Damaged`, misplaced.
    pub fn belongs(&self, room: RoomId, number: StretchNumber) -> Result<(), BlockFault> {
        if self.head.room == room && self.head.number == number.0 {
            Ok(())
        } else {
            Err(BlockFault::Damaged(0..HEAD_LEN as u64, Damage::Misplaced))
        }
    }

    /// What a person may want to know of it.
    pub(crate) fn finding(&self, file: PathBuf) -> Option<Finding> {
        let (range, why) = (0..HEAD_LEN as u64, Damage::HeadCopy);
        self.bad_copy.map(|_| Finding::Damaged { file, range, why })
    }
}

impl BlockInfo {
    /// Reads and verifies what stands before a file's large sections.
    ///
    /// # Errors
    /// What does not fit.
    pub fn load(disk: &impl Disk, path: &Path) -> Result<(Self, BlockHead), BlockFault> {
        let len = disk.length(path).map_err(BlockFault::Io)?.unwrap_or(0);
        let front_len = usize::try_from(len).unwrap_or(usize::MAX).min(BLOCK_FRONT_LEN);
        let front = disk.read_at(path, 0, front_len).map_err(BlockFault::Io)?;
        let (head, bad_copy) = FileHead::decode(FileKind::Block, &front).map_err(BlockFault::Head)?;
        let (key, table) = decode_front(&head, &front)?;
        if len != table.file_len() {
            return Err(BlockFault::Damaged(0..len, Damage::BlockTable));
        }
        let [spans_len, summary_len, ..] = table.lens;
        let bytes = disk.read_at(path, BLOCK_FRONT_LEN as u64, spans_len + summary_len);
        let bytes = bytes.map_err(BlockFault::Io)?;
        let mut rest = Fields(&bytes);
        let mut sections = Sections {
            key: &key,
            table: &table,
            next: 0,
            place: BLOCK_FRONT_LEN as u64,
        };
        let spans = decode_spans(sections.take(&mut rest)?);
        let summary = sections.take(&mut rest)?.to_vec();
        Ok((
            Self {
                number: StretchNumber(head.number),
                spans,
                summary,
                file_len: len,
            },
            BlockHead { head, bad_copy },
        ))
    }
}

impl BlockFault {
    /// The bytes that are meant, and what is wrong with them.
    fn parts(&self, file_len: u64) -> (Range<u64>, Damage) {
        match self {
            Self::Damaged(range, why) => (range.clone(), *why),
            Self::Head(_) => (0..file_len, Damage::FileHead),
            Self::Io(_) => (0..file_len, Damage::Unreadable),
        }
    }

    /// The error for a caller who asked for this block.
    pub(crate) fn error(&self, path: PathBuf, file_len: u64) -> StoreError {
        let (range, why) = self.parts(file_len);
        match self {
            Self::Io(cause) => StoreError::Io {
                path,
                doing: "read a block",
                // The fault may be told more than once, and the system's error cannot be copied.
                cause: io::Error::new(cause.kind(), cause.to_string()),
            },
            Self::Head(HeadFault::Newer(found)) => StoreError::Newer {
                path,
                found: *found,
                known: FORMAT_MAJOR,
            },
            Self::Head(_) | Self::Damaged(..) => StoreError::Damaged { path, range, why },
        }
    }

    /// The finding for a caller who goes through all files.
    pub(crate) fn finding(&self, file: PathBuf, file_len: u64) -> Finding {
        if matches!(self, Self::Head(HeadFault::Foreign)) {
            return Finding::Foreign { file };
        }
        let (range, why) = self.parts(file_len);
        Finding::Damaged { file, range, why }
    }
}

fn decode_front(head: &FileHead, front: &[u8]) -> Result<(FileKey, Table), BlockFault> {
    let key = FileKey::new(head.id);
    let table = front
        .get(HEAD_LEN..BLOCK_FRONT_LEN)
        .and_then(|bytes| Table::decode(&key, bytes));
    let range = HEAD_LEN as u64..BLOCK_FRONT_LEN as u64;
    Ok((key, table.ok_or(BlockFault::Damaged(range, Damage::BlockTable))?))
}

/// Takes sections one after the other and verifies each.
struct Sections<'a> {
    key: &'a FileKey,
    table: &'a Table,
    next: usize,
    place: u64,
}

impl Sections<'_> {
    fn take<'b>(&mut self, rest: &mut Fields<'b>) -> Result<&'b [u8], BlockFault> {
        let len = self.table.lens.get(self.next).copied().unwrap_or(0);
        let range = self.place..self.place + len as u64;
        let sound = rest.bytes(len).filter(|section| {
            self.table.sums.get(self.next) == Some(&self.key.sum(b's', self.place, section))
        });
        (self.next, self.place) = (self.next + 1, range.end);
        sound.ok_or(BlockFault::Damaged(range, Damage::BlockSection))
    }
}

fn encode_spans(spans: &[Span]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(spans.len() * SPAN_LEN);
    for span in spans {
        bytes.extend_from_slice(&span.actor.0);
        bytes.extend_from_slice(&span.first_seq.to_le_bytes());
        bytes.extend_from_slice(&span.last_seq.to_le_bytes());
    }
    bytes
}

fn decode_spans(bytes: &[u8]) -> Vec<Span> {
    let span = |bytes| {
        let mut fields = Fields(bytes);
        let actor = ActorId(fields.array()?);
        Some(Span {
            actor,
            first_seq: fields.u64()?,
            last_seq: fields.u64()?,
        })
    };
    bytes.chunks_exact(SPAN_LEN).filter_map(span).collect()
}

#[cfg(test)]
mod tests;
