//! A tail file: names of a room's files, what a new tail begins with, what an old one holds. Does no I/O.

use std::ops::Range;
use std::path::{Path, PathBuf};

use tailchat_core::ids::{ActorId, RoomId};

use crate::change::{ChangeRecord, StretchNumber};
use crate::error::Damage;
use crate::head::{FORMAT_MINOR, FileHead, FileId, FileKind, HEAD_COPY_LEN, HEAD_LEN, HeadFault};
use crate::record::{self, Chain, FileKey, RECORD_HEAD_LEN, RecordKind};
use crate::slots::{Slot, Slots};

/// What a name in a room's folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Tail(StretchNumber),
    Block(StretchNumber),
    /// A block that is being written, or was when the machine stopped.
    Unsealed,
    /// A copy of what a crash tore off a tail.
    Torn,
    Other,
}

impl Name {
    pub(crate) fn parse(name: &str) -> Self {
        let number = |prefix, suffix| {
            let digits: &str = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let sound = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| sound).map(StretchNumber)
        };
        if let Some(number) = number("tail-", ".log") {
            Self::Tail(number)
        } else if let Some(number) = number("block-", ".blk") {
            Self::Block(number)
        } else if number("block-", ".tmp").is_some() {
            Self::Unsealed
        } else if name.starts_with("torn-") {
            Self::Torn
        } else {
            Self::Other
        }
    }
}

pub(crate) fn tail_path(dir: &Path, number: StretchNumber) -> PathBuf {
    dir.join(format!("tail-{:08}.log", number.0))
}

pub(crate) fn block_path(dir: &Path, number: StretchNumber) -> PathBuf {
    dir.join(format!("block-{:08}.blk", number.0))
}

pub(crate) fn unsealed_path(dir: &Path, number: StretchNumber) -> PathBuf {
    dir.join(format!("block-{:08}.tmp", number.0))
}

/// Where a copy of torn bytes goes. The name depends on the bytes, so that a second crash while they are
/// being copied does not make a second copy, and another tear at the same place does not replace this one.
pub(crate) fn torn_path(dir: &Path, number: StretchNumber, offset: u64, bytes: &[u8]) -> PathBuf {
    dir.join(format!("torn-{:08}-{offset}-{}.bin", number.0, tag(bytes)))
}

/// The name that takes a whole tail out of use and keeps it.
pub(crate) fn kept_path(dir: &Path, number: StretchNumber, of: &[u8]) -> PathBuf {
    dir.join(format!("kept-{:08}-{}.log", number.0, tag(of)))
}

fn tag(bytes: &[u8]) -> String {
    blake3::hash(bytes)
        .as_bytes()
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What is written to a tail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    Change(&'a ChangeRecord),
    Local(&'a [u8]),
}

/// What is remembered of a tail file.
#[derive(Clone)]
pub(crate) struct Tail {
    pub(crate) number: StretchNumber,
    pub(crate) path: PathBuf,
    pub(crate) id: FileId,
    pub(crate) key: FileKey,
    pub(crate) chain: Chain,
    /// Where the next record goes. Everything before is durable.
    pub(crate) end: u64,
    pub(crate) change_bytes: u64,
    pub(crate) slots: Slots,
    pub(crate) has_local: bool,
    /// It holds more than is understood (damage, or kinds of a newer version): once it is sealed it gets
    /// another name instead of being removed.
    pub(crate) keep: bool,
}

/// Records ready to be written at a tail's end, and what is to be remembered once they are durable.
pub(crate) struct Staged {
    pub(crate) bytes: Vec<u8>,
    chain: Chain,
    slots: Vec<(ActorId, Slot)>,
    change_bytes: u64,
    has_local: bool,
}

impl Tail {
    /// A new tail and its head, which has to be written at offset 0.
    pub(crate) fn new(dir: &Path, number: StretchNumber, room: RoomId, id: FileId) -> (Self, Vec<u8>) {
        let head = FileHead {
            kind: FileKind::Tail,
            minor: FORMAT_MINOR,
            id,
            room,
            number: number.0,
        };
        (Self::empty(dir, &head), head.encode())
    }

    fn empty(dir: &Path, head: &FileHead) -> Self {
        let number = StretchNumber(head.number);
        Self {
            number,
            path: tail_path(dir, number),
            id: head.id,
            key: FileKey::new(head.id),
            chain: Chain::start(head.id),
            end: HEAD_LEN as u64,
            change_bytes: 0,
            slots: Slots::default(),
            has_local: false,
            keep: false,
        }
    }

    /// Encodes entries for the place where the tail ends.
    pub(crate) fn stage(&self, entries: &[Entry<'_>]) -> Staged {
        let (bytes, slots, chain) = (vec![], vec![], self.chain);
        let mut staged = Staged {
            bytes,
            chain,
            slots,
            change_bytes: 0,
            has_local: false,
        };
        for entry in entries {
            let offset = self.end + staged.bytes.len() as u64;
            match entry {
                Entry::Change(change) => {
                    let body = change.encode();
                    let len = RECORD_HEAD_LEN + body.len();
                    let seq = change.seq;
                    staged.slots.push((change.actor, Slot { seq, offset, len }));
                    staged.change_bytes += change.change.len() as u64;
                    staged.add(&self.key, offset, RecordKind::CHANGE, &body);
                }
                Entry::Local(local) => {
                    staged.has_local = true;
                    staged.add(&self.key, offset, RecordKind::LOCAL, local);
                }
            }
        }
        staged
    }

    /// Remembers that staged records are durable.
    pub(crate) fn commit(&mut self, staged: Staged) {
        self.end += staged.bytes.len() as u64;
        self.chain = staged.chain;
        self.change_bytes += staged.change_bytes;
        self.has_local |= staged.has_local;
        for (actor, slot) in staged.slots {
            self.slots.add(actor, slot);
        }
    }
}

impl Staged {
    fn add(&mut self, key: &FileKey, offset: u64, kind: RecordKind, body: &[u8]) {
        record::encode(&mut self.bytes, key, &mut self.chain, offset, kind, body);
    }
}

/// What a tail file holds.
pub(crate) struct Content {
    pub(crate) tail: Tail,
    pub(crate) room: RoomId,
    pub(crate) changes: Vec<ChangeRecord>,
    pub(crate) local: Option<Vec<u8>>,
    pub(crate) records: u64,
    pub(crate) damage: Vec<(Range<u64>, Damage)>,
    pub(crate) torn: Option<Torn>,
    /// The torn end could not be cut off, so nothing may be written behind it.
    pub(crate) uncut: bool,
}

/// The end of a file that holds no record.
pub(crate) struct Torn {
    pub(crate) range: Range<u64>,
    /// The bytes, without zeros at their end.
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    /// Reads a whole tail file.
    pub(crate) fn read(dir: &Path, bytes: &[u8]) -> Result<Self, HeadFault> {
        let (head, bad_copy) = FileHead::decode(FileKind::Tail, bytes)?;
        let scan = record::scan(head.id, bytes, HEAD_LEN);
        let mut content = Self {
            tail: Tail::empty(dir, &head),
            room: head.room,
            changes: vec![],
            local: None,
            records: scan.records.len() as u64,
            damage: vec![],
            torn: scan.torn.map(|range| torn(range, bytes)),
            uncut: false,
        };
        if let Some(copy) = bad_copy {
            let start = usize::from(copy) * HEAD_COPY_LEN;
            content
                .damage
                .push((wide(start..start + HEAD_COPY_LEN), Damage::HeadCopy));
        }
        content
            .damage
            .extend(scan.damage.into_iter().map(|(range, why)| (wide(range), why)));
        for found in &scan.records {
            content.take(found, bytes);
        }
        content.tail.chain = scan.chain;
        content.tail.end = scan.end as u64;
        content.tail.keep |= !content.damage.is_empty();
        Ok(content)
    }

    /// Whether a record that was here cannot be read: then the others cannot be counted either.
    pub(crate) fn holed(&self) -> bool {
        self.damage.iter().any(|(_, why)| *why != Damage::HeadCopy)
    }

    fn take(&mut self, found: &record::Found, bytes: &[u8]) {
        let body = found.body(bytes);
        match found.kind {
            RecordKind::CHANGE => match ChangeRecord::decode(body) {
                Some(change) => {
                    let (offset, len) = (found.range.start as u64, found.range.len());
                    let seq = change.seq;
                    self.tail.slots.add(change.actor, Slot { seq, offset, len });
                    self.tail.change_bytes += change.change.len() as u64;
                    self.changes.push(change);
                }
                None => self.damage.push((wide(found.range.clone()), Damage::Content)),
            },
            RecordKind::LOCAL => {
                self.tail.has_local = true;
                self.local = Some(body.to_vec());
            }
            // Of a newer minor version: what it means to that version must outlive the sealing.
            _ => self.tail.keep = true,
        }
    }
}

fn torn(range: Range<usize>, bytes: &[u8]) -> Torn {
    let all = bytes.get(range.clone()).unwrap_or_default();
    let written = all.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Torn {
        range: wide(range),
        bytes: all.get(..written).unwrap_or_default().to_vec(),
    }
}

fn wide(range: Range<usize>) -> Range<u64> {
    range.start as u64..range.end as u64
}
