//! One room's append-only log. Durable before it returns; refuses to know what a change or a block means, and
//! never repairs by guessing: what is not sound is reported, and what it cannot take back ends the writing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tailchat_core::ids::RoomId;

use crate::change::{ChangeRecord, Position, StretchNumber};
use crate::disk::Disk;
use crate::error::{Finding, StoreError};
use crate::fields::short;
use crate::head::FileId;
use crate::limits::{BATCH_LEN_MAX, RECORD_BODY_LEN_MAX, TAIL_CHANGE_BYTES, TAIL_LEN_ROTATE};
use crate::tail::{Entry, Tail};

mod blocks;
mod check;
mod open;
mod places;
mod read;
mod seal;
mod survey;

pub use blocks::BlockReader;
use blocks::Blocks;
pub use check::{Report, check};
pub use read::Stored;
pub use seal::{Sealed, Sealer, Unsealed};

/// The folder of all rooms, in the data folder.
pub const ROOMS_DIR: &str = "rooms";

/// The log of one room: sealed blocks, then tails, the last of which takes new changes.
pub struct Log<D> {
    disk: D,
    dir: PathBuf,
    room: RoomId,
    /// File IDs are drawn from the seed: hash of how many were drawn before.
    seed: [u8; 32],
    drawn: u64,
    next_number: u64,
    /// All tails, also the one that takes new changes.
    tails: BTreeMap<StretchNumber, Tail>,
    /// The tail that takes new changes: the last one, or none if that one must not be written any more. Then
    /// the next write starts another.
    active: Option<StretchNumber>,
    blocks: Blocks<D>,
    local: Option<Vec<u8>>,
    poisoned: Option<String>,
}

/// What an opening found in a log.
#[derive(Debug)]
pub struct Opened {
    /// The room whose log it is.
    pub room: RoomId,
    /// The room's local facts, if any were ever set.
    pub local: Option<Vec<u8>>,
    /// The blocks, in the log's order. None of them was read: see [`Log::block_info`].
    pub blocks: Vec<StretchNumber>,
    /// All changes that are not sealed, in the log's order, each stretch that holds any with its own. One may
    /// be there twice, and in a block too.
    pub tail: Vec<(StretchNumber, Vec<ChangeRecord>)>,
    /// The stretches of `tail` with damage, which may hide changes: the n-th record there need not be the n-th
    /// that was appended, so who reflects a part of such a stretch has to reflect all of it anew.
    pub damaged: Vec<StretchNumber>,
    /// What a person may want to know.
    pub findings: Vec<Finding>,
}

/// The bytes that a log takes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskBytes {
    /// Tails.
    pub tails: u64,
    /// Blocks.
    pub blocks: u64,
}

/// The folder of a room, below the data folder.
#[must_use]
pub fn room_dir(room: RoomId) -> PathBuf {
    Path::new(ROOMS_DIR).join(room.alias())
}

impl<D: Disk> Log<D> {
    /// The room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// The room's folder, below the data folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The room's local facts, if any were ever set.
    #[must_use]
    pub fn local(&self) -> Option<&[u8]> {
        self.local.as_deref()
    }

    /// Why the log takes nothing more, if it does not.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        self.poisoned.as_deref()
    }

    /// Adds changes. When it returns `Ok` they are durable; one write and one sync pay for all of them. Says
    /// where the log ends now.
    ///
    /// # Errors
    /// `Full` and `Write`: nothing was added, the same call may be tried again. `Poisoned`: the log takes
    /// nothing more until it is opened anew, and it is not known whether a later opening finds these changes:
    /// the caller must not write others with the same numbers. `TooLarge`: nothing was added.
    pub fn append(&mut self, changes: &[ChangeRecord]) -> Result<Position, StoreError> {
        if changes.is_empty() {
            return Ok(self.position());
        }
        let bodies = changes.iter().map(ChangeRecord::body_len);
        self.within_limits("a change", bodies.clone().max().unwrap_or(0), RECORD_BODY_LEN_MAX)?;
        self.within_limits("an append", bodies.sum(), BATCH_LEN_MAX)?;
        let entries: Vec<_> = changes.iter().map(Entry::Change).collect();
        self.write(&entries)?;
        Ok(self.position())
    }

    /// Replaces the room's local facts, as durably as changes are added.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    pub fn set_local(&mut self, local: Vec<u8>) -> Result<(), StoreError> {
        self.within_limits("the room's local facts", local.len(), RECORD_BODY_LEN_MAX)?;
        self.write(&[Entry::Local(&local)])?;
        self.local = Some(local);
        Ok(())
    }

    /// Where the log ends: what it holds now is all before this.
    #[must_use]
    pub fn position(&self) -> Position {
        match self.active.and_then(|number| self.tails.get(&number)) {
            Some(tail) => Position {
                stretch: tail.number,
                changes: tail.slots.len() as u64,
            },
            // No tail takes changes: the next one starts another, with this number or a greater one.
            None => Position {
                stretch: StretchNumber(self.next_number),
                changes: 0,
            },
        }
    }

    /// The bytes that the log takes on disk. The first call asks the disk for the length of each block.
    #[must_use]
    pub fn disk_bytes(&self) -> DiskBytes {
        DiskBytes {
            tails: self.tails.values().map(|tail| tail.end).sum(),
            blocks: self.blocks.bytes(),
        }
    }

    fn within_limits(&self, what: &'static str, len: usize, max: usize) -> Result<(), StoreError> {
        if len > max {
            return Err(StoreError::TooLarge {
                path: self.disk.shown(&self.dir),
                what,
                len,
                max,
            });
        }
        Ok(())
    }

    fn write(&mut self, entries: &[Entry<'_>]) -> Result<(), StoreError> {
        if let Some(why) = &self.poisoned {
            return Err(StoreError::Poisoned {
                path: self.disk.shown(&self.dir),
                why: why.clone(),
            });
        }
        self.make_room()?;
        let Some(tail) = self.active.and_then(|number| self.tails.get_mut(&number)) else {
            return Err(self.poison("no file takes new messages".to_owned()));
        };
        let staged = tail.stage(entries);
        if let Err(cause) = self.disk.append(&tail.path, &staged.bytes) {
            let (path, end) = (tail.path.clone(), tail.end);
            return Err(self.take_back(&path, end, cause));
        }
        if let Err(cause) = self.disk.sync(&tail.path) {
            let (path, end) = (tail.path.clone(), tail.end);
            return self.write_elsewhere(&path, end, entries, &cause);
        }
        tail.commit(staged);
        Ok(())
    }

    /// Sees to it that there is a tail with room for more.
    fn make_room(&mut self) -> Result<(), StoreError> {
        let active = self.active.and_then(|number| self.tails.get(&number));
        let full = |tail: &Tail| tail.change_bytes >= TAIL_CHANGE_BYTES || tail.end >= TAIL_LEN_ROTATE;
        if active.is_some_and(|tail| !full(tail)) {
            return Ok(());
        }
        // Not only the active one: an opening goes on with no tail that holds no change.
        let old: Vec<_> = self.tails.keys().copied().collect();
        self.start_tail(&[])
            .map_err(|(path, cause)| write_error(path, cause))?;
        old.into_iter().for_each(|old| self.drop_empty(old));
        Ok(())
    }

    /// Starts a new tail with the local facts and these entries, durable when it returns. If that fails the
    /// log is as before; the file that was begun may be left behind, and holds the entries or not.
    fn start_tail(&mut self, entries: &[Entry<'_>]) -> Result<(), (PathBuf, io::Error)> {
        let number = StretchNumber(self.next_number);
        self.next_number += 1;
        let id = self.draw_id();
        let (mut tail, mut bytes) = Tail::new(&self.dir, number, self.room, id);
        let carried = self.local.as_deref().map(Entry::Local);
        let entries: Vec<_> = carried.into_iter().chain(entries.iter().copied()).collect();
        let staged = tail.stage(&entries);
        bytes.extend_from_slice(&staged.bytes);
        write_new(&mut self.disk, &self.dir, &tail.path, &bytes)
            .map_err(|cause| (self.disk.shown(&tail.path), cause))?;
        tail.commit(staged);
        self.tails.insert(number, tail);
        self.active = Some(number);
        Ok(())
    }

    /// A failed write: cuts off what was written of it. If that is not durable the records may come back
    /// after a crash, while the caller believes that they never were and gives their numbers to others.
    fn take_back(&mut self, path: &Path, end: u64, cause: io::Error) -> StoreError {
        match self.disk.set_len(path, end).and_then(|()| self.disk.sync(path)) {
            Ok(()) => write_error(self.disk.shown(path), cause),
            Err(second) => self.poison(format!(
                "a failed write ({cause}) could not be taken back ({second})"
            )),
        }
    }

    /// A failed sync: what was written since the last good one is lost as far as we know, and this descriptor
    /// will not say so twice. So the entries go to a new file, and the old one is not written any more.
    fn write_elsewhere(
        &mut self,
        path: &Path,
        end: u64,
        entries: &[Entry<'_>],
        cause: &io::Error,
    ) -> Result<(), StoreError> {
        let old = self.active;
        let result = self.start_tail(entries);
        // The page cache still shows the lost records, which an opening after a restart would take for
        // durable. Best effort: if this fails too, they are copies of what the new file holds, or the log is
        // poisoned.
        let _ = self.disk.set_len(path, end);
        if let Err((_, second)) = result {
            return Err(self.poison(format!(
                "the disk failed to store a message twice ({cause}; {second})"
            )));
        }
        if let Some(old) = old {
            self.drop_empty(old);
        }
        Ok(())
    }

    /// Removes a tail that takes no more changes and never had any: there is nothing to seal.
    fn drop_empty(&mut self, number: StretchNumber) {
        let empty = |tail: &Tail| tail.slots.is_empty() && !tail.keep;
        if self.active == Some(number) || !self.tails.get(&number).is_some_and(empty) {
            return;
        }
        if let Some(tail) = self.tails.remove(&number) {
            // A file that stays behind is harmless and goes at the next opening.
            let _ = self.disk.remove(&tail.path);
        }
    }

    fn poison(&mut self, why: String) -> StoreError {
        self.poisoned = Some(why.clone());
        StoreError::Poisoned {
            path: self.disk.shown(&self.dir),
            why,
        }
    }

    fn draw_id(&mut self) -> FileId {
        self.drawn += 1;
        FileId(short(&blake3::keyed_hash(&self.seed, &self.drawn.to_le_bytes())))
    }
}

/// Writes a new file, durable with its name when it returns.
fn write_new(disk: &mut impl Disk, dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    disk.create(path)?;
    let written = disk
        .append(path, bytes)
        .and_then(|()| disk.sync(path))
        .and_then(|()| disk.sync_dir(dir));
    if written.is_err() {
        // Best effort: what stays behind is recognised as unfinished, or is whole and not gone on with.
        let removed = disk.remove(path);
        if removed.is_err() {
            let _ = disk.set_len(path, 0);
        }
    }
    written
}

pub(crate) fn write_error(path: PathBuf, cause: io::Error) -> StoreError {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path, cause },
        _ => StoreError::Write { path, cause },
    }
}

#[cfg(test)]
mod tests;
