//! What a room's folder holds, read without touching it: the first half of an opening, and most of a check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tailchat_core::ids::RoomId;

use crate::block::{Block, BlockFault, BlockInfo};
use crate::change::StretchNumber;
use crate::disk::Disk;
use crate::error::{Damage, Finding, StoreError};
use crate::head::{FORMAT_MAJOR, HEAD_LEN, HeadFault};
use crate::tail::{Content, Name, block_path, kept_path, tail_path};

/// A room's folder as it was found.
pub(super) struct Survey {
    pub(super) room: RoomId,
    pub(super) tails: BTreeMap<StretchNumber, Content>,
    pub(super) blocks: BTreeMap<StretchNumber, BlockInfo>,
    /// Tails whose block is there and verified: the crash came before they were removed. With the name that
    /// they get instead, if they hold more than the block can.
    pub(super) superseded: Vec<(PathBuf, Option<PathBuf>)>,
    /// Tails that were never wholly created, and their bytes.
    pub(super) unfinished: Vec<(StretchNumber, Vec<u8>)>,
    /// Blocks that were never wholly written.
    pub(super) unsealed: Vec<PathBuf>,
    /// Copies of torn bytes, the oldest first.
    pub(super) torn: Vec<PathBuf>,
    /// The highest number that a file has.
    pub(super) last_number: u64,
    pub(super) findings: Vec<Finding>,
}

/// A survey while it is made.
struct Surveyor<'a, D> {
    disk: &'a D,
    dir: &'a Path,
    survey: Survey,
    /// The rooms of the files.
    block_rooms: BTreeMap<StretchNumber, RoomId>,
}

impl Survey {
    /// Reads a room's folder: all of each tail, and of each block what stands before its large sections.
    ///
    /// # Errors
    /// `Newer` if any file is, `NoLog` if none says which room it is, `Io` if the folder cannot be listed.
    pub(super) fn take<D: Disk>(disk: &D, dir: &Path) -> Result<Self, StoreError> {
        let failed = |cause| StoreError::Io {
            path: disk.shown(dir),
            doing: "list a room's folder",
            cause,
        };
        let names = disk.list(dir).map_err(failed)?;
        let mut surveyor = Surveyor {
            disk,
            dir,
            survey: Self::empty(),
            block_rooms: BTreeMap::new(),
        };
        // Blocks first: whether a tail counts depends on them.
        let mut tails = Vec::new();
        for name in &names {
            match Name::parse(name) {
                Name::Tail(number) => tails.push(number),
                Name::Block(number) => surveyor.block(number)?,
                Name::Unsealed => surveyor.survey.unsealed.push(dir.join(name)),
                Name::Torn => surveyor.survey.torn.push(dir.join(name)),
                Name::Other => {}
            }
        }
        for number in tails {
            surveyor.tail(number)?;
        }
        surveyor.finish()
    }

    /// The highest number of any tail or block in a folder, for a room that is created among leftovers.
    pub(super) fn last_number(names: &[String]) -> u64 {
        let numbers = names.iter().map(|name| match Name::parse(name) {
            Name::Tail(number) | Name::Block(number) => number.0,
            Name::Unsealed | Name::Torn | Name::Other => 0,
        });
        numbers.max().unwrap_or(0)
    }

    fn empty() -> Self {
        Self {
            room: RoomId([0; 16]),
            tails: BTreeMap::new(),
            blocks: BTreeMap::new(),
            superseded: vec![],
            unfinished: vec![],
            unsealed: vec![],
            torn: vec![],
            last_number: 0,
            findings: vec![],
        }
    }
}

impl<D: Disk> Surveyor<'_, D> {
    fn block(&mut self, number: StretchNumber) -> Result<(), StoreError> {
        self.survey.last_number = self.survey.last_number.max(number.0);
        let path = block_path(self.dir, number);
        match BlockInfo::load(self.disk, &path) {
            Ok((info, front)) if front.head.number == number.0 => {
                self.block_rooms.insert(number, front.head.room);
                self.survey.blocks.insert(number, info);
                match front.bad_copy {
                    Some(_) => self.damaged(&path, 0..HEAD_LEN as u64, Damage::HeadCopy),
                    None => Ok(()),
                }
            }
            Ok(_) => self.damaged(&path, 0..HEAD_LEN as u64, Damage::Misplaced),
            Err(BlockFault::Head(HeadFault::Unfinished)) => {
                // A block gets its name when it is whole, so this one was whole once.
                self.head_fault(&path, HeadFault::Damaged)
            }
            Err(BlockFault::Head(fault)) => self.head_fault(&path, fault),
            Err(BlockFault::Damaged(range, why)) => self.damaged(&path, range, why),
            Err(BlockFault::Io(_)) => self.damaged(&path, 0..self.length(&path), Damage::Unreadable),
        }
    }

    fn tail(&mut self, number: StretchNumber) -> Result<(), StoreError> {
        self.survey.last_number = self.survey.last_number.max(number.0);
        let path = tail_path(self.dir, number);
        let Ok(bytes) = self.disk.read(&path) else {
            return self.damaged(&path, 0..self.length(&path), Damage::Unreadable);
        };
        let content = Content::read(self.dir, &bytes);
        if !matches!(content, Err(HeadFault::Foreign | HeadFault::Newer(_))) && self.superseded(number) {
            let plain = content.is_ok_and(|content| !content.tail.keep && content.torn.is_none());
            let kept = (!plain).then(|| kept_path(self.dir, number, &bytes));
            self.survey.superseded.push((path, kept));
            return Ok(());
        }
        match content {
            Ok(content) if content.tail.number == number => {
                for (range, why) in content.damage.clone() {
                    self.damaged(&path, range, why)?;
                }
                self.survey.tails.insert(number, content);
                Ok(())
            }
            Ok(_) => self.damaged(&path, 0..HEAD_LEN as u64, Damage::Misplaced),
            Err(HeadFault::Unfinished) => {
                self.survey.unfinished.push((number, bytes));
                Ok(())
            }
            Err(fault) => self.head_fault(&path, fault),
        }
    }

    /// Whether the tail's block is there, whole and sound. Verifies all of it: the tail goes on its word.
    fn superseded(&mut self, number: StretchNumber) -> bool {
        if !self.survey.blocks.contains_key(&number) {
            return false;
        }
        let path = block_path(self.dir, number);
        let bytes = self.disk.read(&path).map_err(BlockFault::Io);
        let fault = match bytes.and_then(|bytes| Block::decode(&bytes)) {
            // With one bad copy of its head the block can be used, but the tail had better stay.
            Ok((_, front)) => return front.bad_copy.is_none(),
            Err(fault) => fault,
        };
        let info = self.survey.blocks.remove(&number);
        let len = info.map_or(0, |info| info.file_len);
        self.survey
            .findings
            .push(fault.finding(self.disk.shown(&path), len));
        false
    }

    fn length(&self, path: &Path) -> u64 {
        self.disk.length(path).ok().flatten().unwrap_or(0)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "every arm that looks at a file ends alike"
    )]
    fn damaged(&mut self, path: &Path, range: std::ops::Range<u64>, why: Damage) -> Result<(), StoreError> {
        let file = self.disk.shown(path);
        self.survey.findings.push(Finding::Damaged { file, range, why });
        Ok(())
    }

    fn head_fault(&mut self, path: &Path, fault: HeadFault) -> Result<(), StoreError> {
        let file = self.disk.shown(path);
        match fault {
            HeadFault::Newer(found) => Err(StoreError::Newer {
                path: file,
                found,
                known: FORMAT_MAJOR,
            }),
            HeadFault::Foreign => {
                self.survey.findings.push(Finding::Foreign { file });
                Ok(())
            }
            HeadFault::Damaged | HeadFault::Unfinished => {
                self.damaged(path, 0..self.length(path), Damage::FileHead)
            }
        }
    }

    /// Settles which room it is, and leaves out files of others.
    fn finish(mut self) -> Result<Survey, StoreError> {
        let tails = self.survey.tails.values().rev().map(|content| content.room);
        let rooms: Vec<RoomId> = tails.chain(self.block_rooms.values().rev().copied()).collect();
        let name = self.dir.file_name().unwrap_or_default();
        let by_name = rooms.iter().find(|room| *room.alias() == *name);
        let Some(room) = by_name.or(rooms.first()).copied() else {
            return Err(StoreError::NoLog {
                path: self.disk.shown(self.dir),
            });
        };
        self.survey.room = room;
        let mut strange = Vec::new();
        self.survey.tails.retain(|number, content| {
            strange.extend((content.room != room).then(|| tail_path(self.dir, *number)));
            content.room == room
        });
        for (number, _) in self.block_rooms.iter().filter(|(_, of)| **of != room) {
            self.survey.blocks.remove(number);
            strange.push(block_path(self.dir, *number));
        }
        for path in strange {
            self.damaged(&path, 0..HEAD_LEN as u64, Damage::Misplaced)?;
        }
        Ok(self.survey)
    }
}
