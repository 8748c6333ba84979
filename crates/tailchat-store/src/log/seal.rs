//! Sealing: a full tail becomes a block. The tail goes only when its block was read back and its name is
//! durable. Refuses to know how changes become a block.

use std::path::PathBuf;

use tailchat_core::ids::RoomId;

use super::{Log, write_error};
use crate::block::{Block, BlockInfo};
use crate::change::{ChangeRecord, StretchNumber};
use crate::disk::Disk;
use crate::error::{Damage, StoreError};
use crate::head::FileId;
use crate::limits::RIPE_TAILS_MAX;
use crate::tail::{Content, block_path, kept_path, tail_path, unsealed_path};

/// The work of sealing one tail, with a disk of its own: it may run on another thread while the log is used.
/// At most one for a tail at a time.
pub struct Sealer<D> {
    disk: D,
    dir: PathBuf,
    room: RoomId,
    number: StretchNumber,
    id: FileId,
}

/// What of a log is not sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsealed {
    /// Tails that take no more changes and await sealing.
    pub ripe: usize,
    /// The bytes of all tails on disk, also of the one that takes changes.
    pub bytes: u64,
}

/// A block that is durable. The log learns of it by [`Log::sealed`].
#[derive(Debug)]
#[must_use = "the log uses the tail until `Log::sealed` is called"]
pub struct Sealed(BlockInfo);

impl Sealed {
    /// The new block.
    #[must_use]
    pub fn info(&self) -> &BlockInfo {
        &self.0
    }
}

impl<D: Disk> Log<D> {
    /// The oldest tail that takes no more changes and awaits sealing.
    #[must_use]
    pub fn ripe(&self) -> Option<StretchNumber> {
        let active = self.active?;
        self.tails.keys().copied().find(|number| *number < active)
    }

    /// What is not sealed.
    #[must_use]
    pub fn unsealed(&self) -> Unsealed {
        let ripe = self.tails.keys().filter(|number| Some(**number) != self.active);
        Unsealed {
            ripe: ripe.count(),
            bytes: self.tails.values().map(|tail| tail.end).sum(),
        }
    }

    /// Whether more than [`RIPE_TAILS_MAX`] tails await sealing. Then whoever has more to append than what
    /// people type right now lets a sealing come first. Nothing is refused if they do not, or if sealing fails:
    /// unsealed changes are as safe as sealed ones, they take more space.
    #[must_use]
    pub fn lags(&self) -> bool {
        self.unsealed().ripe > RIPE_TAILS_MAX
    }

    /// All tails, in the log's order.
    pub fn tails(&self) -> impl Iterator<Item = StretchNumber> {
        self.tails.keys().copied()
    }

    /// The changes of a tail, in the log's order; read again from disk, those that do not verify left out.
    ///
    /// # Errors
    /// `Io`, `Damaged` if nothing is readable.
    pub fn read_tail(&self, number: StretchNumber) -> Result<Vec<ChangeRecord>, StoreError> {
        read_changes(&self.disk, &self.dir, number)
    }

    /// What seals a tail that takes no more changes.
    ///
    /// # Errors
    /// `NoStretch` if there is no such tail or it still takes changes, `Poisoned` if the log takes no more.
    pub fn sealer(&mut self, number: StretchNumber) -> Result<Sealer<D>, StoreError> {
        let path = self.disk.shown(&self.dir);
        if let Some(why) = &self.poisoned {
            return Err(StoreError::Poisoned {
                path,
                why: why.clone(),
            });
        }
        let waits = self.active.is_some_and(|active| number < active) && self.tails.contains_key(&number);
        if !waits {
            return Err(StoreError::NoStretch {
                path,
                what: "tail that awaits sealing",
                number: number.0,
            });
        }
        let (disk, dir) = (self.disk.clone(), self.dir.clone());
        Ok(Sealer {
            disk,
            dir,
            room: self.room,
            number,
            id: self.draw_id(),
        })
    }

    /// Puts a new block in its tail's place.
    pub fn sealed(&mut self, sealed: Sealed) {
        let info = sealed.0;
        if let Some(tail) = self.tails.remove(&info.number) {
            let kept = kept_path(&self.dir, tail.number, &tail.id.0);
            // Best effort and not synced: block and tail being both there is a state that the next opening
            // mends.
            let _ = if tail.keep {
                self.disk.rename(&tail.path, &kept)
            } else {
                self.disk.remove(&tail.path)
            };
        }
        self.blocks.insert(info);
    }

    /// Seals a tail at once, on the caller's thread.
    ///
    /// # Errors
    /// As for [`sealer`](Self::sealer) and [`Sealer::seal`].
    pub fn seal(&mut self, number: StretchNumber, block: &Block) -> Result<(), StoreError> {
        let sealed = self.sealer(number)?.seal(block)?;
        self.sealed(sealed);
        Ok(())
    }
}

impl<D: Disk> Sealer<D> {
    /// The tail's number, which will be the block's.
    #[must_use]
    pub fn number(&self) -> StretchNumber {
        self.number
    }

    /// The tail's changes, as [`Log::read_tail`] has them. One may be there twice.
    ///
    /// # Errors
    /// `Io`, `Damaged` if nothing is readable.
    pub fn changes(&self) -> Result<Vec<ChangeRecord>, StoreError> {
        read_changes(&self.disk, &self.dir, self.number)
    }

    /// Writes the block, reads it back, and makes it durable under its name.
    ///
    /// # Errors
    /// The tail is as before; sealing may be tried again with a new sealer. `TooLarge`, `Full`, `Write`;
    /// `Damaged` if what was read back is not what was written.
    pub fn seal(mut self, block: &Block) -> Result<Sealed, StoreError> {
        let path = block_path(&self.dir, self.number);
        let too_large = |(what, len, max)| {
            let path = self.disk.shown(&path);
            StoreError::TooLarge { path, what, len, max }
        };
        let bytes = block.encode(self.number, self.room, self.id).map_err(too_large)?;
        let unsealed = unsealed_path(&self.dir, self.number);
        if let Err(error) = self.write(&unsealed, &bytes) {
            // Best effort: the next opening removes it.
            let _ = self.disk.remove(&unsealed);
            return Err(error);
        }
        let named = self
            .disk
            .rename(&unsealed, &path)
            .and_then(|()| self.disk.sync_dir(&self.dir));
        named.map_err(|cause| write_error(self.disk.shown(&path), cause))?;
        let (spans, summary) = (block.spans.clone(), block.summary.clone());
        Ok(Sealed(BlockInfo {
            number: self.number,
            spans,
            summary,
            file_len: bytes.len() as u64,
        }))
    }

    fn write(&mut self, path: &std::path::Path, bytes: &[u8]) -> Result<(), StoreError> {
        let shown = self.disk.shown(path);
        let failed = |cause| write_error(shown.clone(), cause);
        if self.disk.length(path).map_err(failed)?.is_some() {
            self.disk.remove(path).map_err(failed)?;
        }
        self.disk.create(path).map_err(failed)?;
        self.disk.append(path, bytes).map_err(failed)?;
        self.disk.sync(path).map_err(failed)?;
        if self.disk.read(path).map_err(failed)? != bytes {
            let range = 0..bytes.len() as u64;
            return Err(StoreError::Damaged {
                path: shown,
                range,
                why: Damage::BlockSection,
            });
        }
        Ok(())
    }
}

fn read_changes(
    disk: &impl Disk,
    dir: &std::path::Path,
    number: StretchNumber,
) -> Result<Vec<ChangeRecord>, StoreError> {
    let path = tail_path(dir, number);
    let shown = disk.shown(&path);
    let failed = |cause| StoreError::Io {
        path: shown.clone(),
        doing: "read a log",
        cause,
    };
    let bytes = disk.read(&path).map_err(failed)?;
    match Content::read(dir, &bytes) {
        Ok(content) => Ok(content.changes),
        Err(_) => {
            let range = 0..bytes.len() as u64;
            Err(StoreError::Damaged {
                path: shown,
                range,
                why: Damage::FileHead,
            })
        }
    }
}
