//! What a room's folder holds, read without touching it: the first half of an opening, and most of a check.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tailchat_core::ids::RoomId;

use crate::block::{Block, BlockFault};
use crate::change::StretchNumber;
use crate::disk::{Disk, system_number};
use crate::error::{Damage, Finding, StoreError};
use crate::head::{FORMAT_MAJOR, FileHead, FileKind, HEAD_LEN, HeadFault};
use crate::tail::{Content, Name, block_path, kept_path, tail_path};

/// A room's folder as it was found.
pub(super) struct Survey {
    pub(super) room: RoomId,
    pub(super) tails: BTreeMap<StretchNumber, Content>,
    /// The blocks by name, without those that were read for a tail's sake and cannot be used.
    pub(super) blocks: BTreeSet<StretchNumber>,
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

/// The system's numbers for too many open files, of a process and of all, on every Unix.
const TOO_MANY_OPEN: [i32; 2] = [24, 23];

/// Whether a file was not read because of the system's state or its owner, and not because its bytes are lost: to go on
/// without them would be to say that they are.
fn is_of_the_system(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::OutOfMemory
    ) || system_number(cause).is_some_and(|number| TOO_MANY_OPEN.contains(&number))
}

/// A survey while it is made.
struct Surveyor<'a, D> {
    disk: &'a D,
    dir: &'a Path,
    survey: Survey,
}

impl Survey {
    /// Reads a room's folder: all of each tail; of the blocks their names, the head of the last one, and all of
    /// those whose tail is there too.
    ///
    /// # Errors
    /// `Newer` if anything that is read is, `NoLog` if none says which room it is, `Io` if the folder cannot be listed or the
    /// system refuses a file.
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
        };
        // Blocks first: whether a tail counts depends on them.
        let mut tails = Vec::new();
        for name in &names {
            match Name::parse(name) {
                Name::Tail(number) => tails.push(number),
                Name::Block(number) => surveyor.block(number),
                Name::Unsealed => surveyor.survey.unsealed.push(dir.join(name)),
                Name::Torn => surveyor.survey.torn.push(dir.join(name)),
                Name::Other => {}
            }
        }
        surveyor.refuse_newer()?;
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
            blocks: BTreeSet::new(),
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
    fn block(&mut self, number: StretchNumber) {
        self.survey.last_number = self.survey.last_number.max(number.0);
        self.survey.blocks.insert(number);
    }

    /// Looks at the last block's version. A newer one writes a folder of its own, so one block is as good as
    /// all of them; should they differ all the same, the others are refused when they are read.
    fn refuse_newer(&self) -> Result<(), StoreError> {
        let last = self.survey.blocks.last();
        last.map_or(Ok(()), |number| self.block_room(*number).map(drop))
    }

    /// The room that a block's head names, if it is readable.
    fn block_room(&self, number: StretchNumber) -> Result<Option<RoomId>, StoreError> {
        let path = block_path(self.dir, number);
        let len = usize::try_from(self.length(&path)).unwrap_or(usize::MAX);
        let Some(bytes) = self.read(&path, |disk| disk.read_at(&path, 0, len.min(HEAD_LEN)))? else {
            return Ok(None);
        };
        match FileHead::decode(FileKind::Block, &bytes) {
            Ok((head, _)) => Ok(Some(head.room)),
            Err(HeadFault::Newer(found)) => Err(self.newer(&path, found)),
            Err(_) => Ok(None),
        }
    }

    fn tail(&mut self, number: StretchNumber) -> Result<(), StoreError> {
        self.survey.last_number = self.survey.last_number.max(number.0);
        let path = tail_path(self.dir, number);
        let Some(bytes) = self.read(&path, |disk| disk.read(&path))? else {
            return self.damaged(&path, 0..self.length(&path), Damage::Unreadable);
        };
        let content = Content::read(self.dir, &bytes);
        let room = content.as_ref().ok().map(|content| content.room);
        let ours = !matches!(content, Err(HeadFault::Foreign | HeadFault::Newer(_)));
        if ours && self.superseded(number, room)? {
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

    /// Whether the tail's block is there, whole and sound, and of the same room. Verifies all of it: the tail
    /// goes on its word.
    fn superseded(&mut self, number: StretchNumber, room: Option<RoomId>) -> Result<bool, StoreError> {
        if !self.survey.blocks.contains(&number) {
            return Ok(false);
        }
        let path = block_path(self.dir, number);
        let bytes = self.read(&path, |disk| disk.read(&path))?;
        let found = bytes
            .ok_or_else(|| BlockFault::Io(io::ErrorKind::Other.into()))
            .and_then(|bytes| Block::decode(&bytes))
            .and_then(|(_, head)| {
                head.belongs(room.unwrap_or(head.head.room), number)?;
                Ok(head)
            });
        match found {
            // With one bad copy of its head the block can be used, but the tail had better stay.
            Ok(head) => Ok(head.bad_copy.is_none()),
            Err(BlockFault::Head(HeadFault::Newer(found))) => Err(self.newer(&path, found)),
            Err(fault) => {
                self.survey.blocks.remove(&number);
                let finding = fault.finding(self.disk.shown(&path), self.length(&path));
                self.survey.findings.push(finding);
                Ok(false)
            }
        }
    }

    /// What is read of a file, or nothing if the disk has lost it.
    fn read(
        &self,
        path: &Path,
        read: impl Fn(&D) -> io::Result<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        match read(self.disk).or_else(|_| read(self.disk)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(cause) if is_of_the_system(&cause) => Err(StoreError::Io {
                path: self.disk.shown(path),
                doing: "read a room's file",
                cause,
            }),
            Err(_) => Ok(None),
        }
    }

    fn newer(&self, path: &Path, found: u16) -> StoreError {
        StoreError::Newer {
            path: self.disk.shown(path),
            found,
            known: FORMAT_MAJOR,
        }
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
            HeadFault::Newer(found) => Err(self.newer(path, found)),
            HeadFault::Foreign => {
                self.survey.findings.push(Finding::Foreign { file });
                Ok(())
            }
            HeadFault::Damaged | HeadFault::Unfinished => {
                self.damaged(path, 0..self.length(path), Damage::FileHead)
            }
        }
    }

    /// Settles which room it is, and leaves out tails of others.
    fn finish(mut self) -> Result<Survey, StoreError> {
        let room = self.room()?;
        self.survey.room = room;
        let mut strange = Vec::new();
        self.survey.tails.retain(|number, content| {
            strange.extend((content.room != room).then(|| tail_path(self.dir, *number)));
            content.room == room
        });
        for path in strange {
            self.damaged(&path, 0..HEAD_LEN as u64, Damage::Misplaced)?;
        }
        Ok(self.survey)
    }

    /// The room of the files whose alias is the folder's name, else of the last tail, else of the last block.
    fn room(&self) -> Result<RoomId, StoreError> {
        let name = self.dir.file_name().unwrap_or_default();
        let named = |room: &RoomId| *room.alias() == *name;
        let mut rooms = self.survey.tails.values().rev().map(|content| content.room);
        if let Some(room) = rooms.clone().find(named) {
            return Ok(room);
        }
        let mut first = rooms.next();
        // Only a folder without tails, or one that was renamed, comes here.
        for number in self.survey.blocks.iter().rev() {
            let room = self.block_room(*number)?;
            if let Some(room) = room.filter(named) {
                return Ok(room);
            }
            first = first.or(room);
        }
        first.ok_or_else(|| StoreError::NoLog {
            path: self.disk.shown(self.dir),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_the_system_says_is_found_below_the_path() {
        let plain = io::Error::from_raw_os_error(24);
        assert!(is_of_the_system(&plain), "too many open files");
        let lost = io::Error::from_raw_os_error(5);
        assert!(!is_of_the_system(&lost), "the bytes cannot be read");
        let disk = crate::disk::RealDisk::new(Path::new("/"));
        let too_long = disk.read(Path::new(&"x".repeat(5000))).unwrap_err();
        assert_eq!(
            (too_long.raw_os_error(), system_number(&too_long)),
            (None, Some(36))
        );
        assert!(too_long.to_string().contains("xxx"), "and names the path");
    }
}
