//! The sealed stretches of a log: known by their names, and read when they are first needed, so that opening a
//! log does not cost more the more of it is sealed. Refuses to guess what an unreadable one held.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tailchat_core::ids::RoomId;

use super::places::Places;
use crate::block::{Block, BlockFault, BlockHead, BlockInfo};
use crate::change::{Span, StretchNumber};
use crate::disk::Disk;
use crate::error::{Finding, StoreError};
use crate::head::HeadFault;
use crate::tail::block_path;

/// Reads blocks with a disk of its own, so that a long reading may run on another thread.
pub struct BlockReader<D> {
    disk: D,
    dir: PathBuf,
    room: RoomId,
}

/// The blocks of one log. What was learned of one stays learned, which is all that changes behind `&self`.
pub(super) struct Blocks<D> {
    reader: BlockReader<D>,
    files: BTreeMap<StretchNumber, BlockFile>,
    /// Which of those that were read holds what.
    places: RefCell<Places>,
    /// Those that `places` does not reflect.
    unread: RefCell<BTreeSet<StretchNumber>>,
    /// What was met since somebody asked.
    findings: RefCell<Vec<Finding>>,
}

#[derive(Default)]
struct BlockFile {
    len: Cell<Option<u64>>,
    /// What stands before its large sections, or why it cannot be used; never `BlockFault::Io`.
    info: OnceCell<Result<BlockInfo, BlockFault>>,
}

impl<D: Disk> BlockReader<D> {
    pub(super) fn new(disk: D, dir: &Path, room: RoomId) -> Self {
        let dir = dir.to_owned();
        Self { disk, dir, room }
    }

    /// All of a block, verified.
    ///
    /// # Errors
    /// `Io`, `Damaged`, `Newer`.
    pub fn read(&self, number: StretchNumber) -> Result<Block, StoreError> {
        let (block, _, _) = self
            .whole(number)
            .map_err(|fault| fault.error(self.shown(number), self.length(number)))?;
        Ok(block)
    }

    /// All of a block, its head, and the length of its file.
    pub(super) fn whole(&self, number: StretchNumber) -> Result<(Block, BlockHead, u64), BlockFault> {
        let bytes = self.disk.read(&self.path(number)).map_err(BlockFault::Io)?;
        let (block, head) = Block::decode(&bytes)?;
        head.belongs(self.room, number)?;
        Ok((block, head, bytes.len() as u64))
    }

    /// What stands before the large sections.
    fn front(&self, number: StretchNumber) -> Result<(BlockInfo, BlockHead), BlockFault> {
        let (info, head) = BlockInfo::load(&self.disk, &self.path(number))?;
        head.belongs(self.room, number)?;
        Ok((info, head))
    }

    pub(super) fn shown(&self, number: StretchNumber) -> PathBuf {
        self.disk.shown(&self.path(number))
    }

    /// The length of a block's file, 0 if it cannot be asked for.
    pub(super) fn length(&self, number: StretchNumber) -> u64 {
        let length = self.disk.length(&self.path(number));
        length.ok().flatten().unwrap_or(0)
    }

    fn path(&self, number: StretchNumber) -> PathBuf {
        block_path(&self.dir, number)
    }
}

impl<D: Disk> Blocks<D> {
    /// Blocks of which only the names are known.
    pub(super) fn named(disk: D, dir: &Path, room: RoomId, numbers: BTreeSet<StretchNumber>) -> Self {
        let files = numbers.iter().map(|number| (*number, BlockFile::default()));
        Self {
            reader: BlockReader::new(disk, dir, room),
            files: files.collect(),
            places: RefCell::default(),
            unread: RefCell::new(numbers),
            findings: RefCell::default(),
        }
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = StretchNumber> {
        self.files.keys().copied()
    }

    pub(super) fn reader(&self) -> BlockReader<D> {
        let reader = &self.reader;
        BlockReader::new(reader.disk.clone(), &reader.dir, reader.room)
    }

    /// All of a block, verified.
    pub(super) fn read(&self, number: StretchNumber) -> Result<Block, StoreError> {
        self.reader.read(number)
    }

    /// What an opening leaves unread of a block: read now, or remembered.
    pub(super) fn info(&self, number: StretchNumber) -> Result<&BlockInfo, StoreError> {
        let file = self.files.get(&number).ok_or_else(|| self.missing(number))?;
        let known = match file.info.get() {
            Some(known) => known,
            None => {
                let found = self.load(number)?;
                file.info.get_or_init(|| found)
            }
        };
        let damaged =
            |fault: &BlockFault| fault.error(self.reader.shown(number), self.file_len(number, file));
        known.as_ref().map_err(damaged)
    }

    /// The first block that holds the first of any of these spans that is in a block. Reads what it has to know
    /// of blocks, the last one first, until the first change of each span is found: what is older holds nothing
    /// of a span that does not come after that. A block that cannot be used is passed over, and said among the
    /// findings.
    ///
    /// # Errors
    /// `Newer`: what is not understood may hold anything.
    pub(super) fn first_of(&self, spans: &[Span]) -> Result<Option<StretchNumber>, StoreError> {
        let unread: Vec<_> = self.unread.borrow().iter().rev().copied().collect();
        let (mut later, mut count) = (unread.as_slice(), 1);
        while !later.is_empty() && !self.places.borrow().hold_starts(spans) {
            let (now, rest) = later.split_at(count.min(later.len()));
            for number in now {
                self.learn(*number)?;
            }
            // Twice as many each time, so that thousands of spans are not looked for after each block.
            (later, count) = (rest, count * 2);
        }
        let places = self.places.borrow();
        Ok(spans.iter().filter_map(|span| places.first_of(span)).min())
    }

    fn learn(&self, number: StretchNumber) -> Result<(), StoreError> {
        match self.info(number) {
            Ok(info) => self.places.borrow_mut().learn(number, &info.spans),
            Err(newer @ StoreError::Newer { .. }) => return Err(newer),
            // Asked for again with the next question.
            Err(StoreError::Io { .. }) => return Ok(()),
            Err(_) => {}
        }
        self.unread.borrow_mut().remove(&number);
        Ok(())
    }

    pub(super) fn take_findings(&self) -> Vec<Finding> {
        self.findings.take()
    }

    /// The bytes of all blocks. Asks for the length of a file once.
    pub(super) fn bytes(&self) -> u64 {
        let files = self.files.iter();
        files.map(|(number, file)| self.file_len(*number, file)).sum()
    }

    pub(super) fn insert(&mut self, info: BlockInfo) {
        let (number, len) = (info.number, info.file_len);
        self.places.get_mut().learn(number, &info.spans);
        self.unread.get_mut().remove(&number);
        let file = BlockFile {
            len: Cell::new(Some(len)),
            info: OnceCell::from(Ok(info)),
        };
        self.files.insert(number, file);
    }

    /// Gives a block's file another name and forgets it.
    pub(super) fn retire(&mut self, number: StretchNumber) -> Result<(), StoreError> {
        if let Err(error @ (StoreError::Newer { .. } | StoreError::NoStretch { .. })) = self.info(number) {
            return Err(error);
        }
        let path = self.reader.path(number);
        let kept = path.with_extension("blk.damaged");
        let shown = self.reader.shown(number);
        let failed = |cause| StoreError::Io {
            path: shown,
            doing: "rename a block",
            cause,
        };
        let reader = &mut self.reader;
        reader
            .disk
            .rename(&path, &kept)
            .and_then(|()| reader.disk.sync_dir(&reader.dir))
            .map_err(failed)?;
        self.files.remove(&number);
        // Another block may hold some of its changes too.
        *self.places.get_mut() = Places::default();
        *self.unread.get_mut() = self.files.keys().copied().collect();
        Ok(())
    }

    /// Reads a block's front, and says what a person should know of it. What the disk does not give today it
    /// may give tomorrow, so that is an error and not remembered.
    fn load(&self, number: StretchNumber) -> Result<Result<BlockInfo, BlockFault>, StoreError> {
        let (shown, len) = (self.reader.shown(number), || self.reader.length(number));
        match self.reader.front(number) {
            Ok((info, head)) => {
                self.report(head.finding(shown));
                Ok(Ok(info))
            }
            Err(fault @ BlockFault::Io(_)) => {
                let len = len();
                self.report(Some(fault.finding(shown.clone(), len)));
                Err(fault.error(shown, len))
            }
            // Whoever asks is refused.
            Err(fault @ BlockFault::Head(HeadFault::Newer(_))) => Ok(Err(fault)),
            Err(fault) => {
                self.report(Some(fault.finding(shown, len())));
                Ok(Err(fault))
            }
        }
    }

    /// Remembers a finding, once.
    fn report(&self, finding: Option<Finding>) {
        let mut findings = self.findings.borrow_mut();
        if let Some(finding) = finding
            && !findings.contains(&finding)
        {
            findings.push(finding);
        }
    }

    fn file_len(&self, number: StretchNumber, file: &BlockFile) -> u64 {
        let len = file.len.get().unwrap_or_else(|| self.reader.length(number));
        file.len.set(Some(len));
        len
    }

    fn missing(&self, number: StretchNumber) -> StoreError {
        StoreError::NoStretch {
            path: self.reader.disk.shown(&self.reader.dir),
            what: "block",
            number: number.0,
        }
    }
}
