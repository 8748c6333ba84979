//! Creating a log, and opening one after whatever happened to it. Decides nothing that could lose a sound
//! record: it cuts only behind the last one, and removes only what another verified file holds.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tailchat_core::ids::RoomId;

use super::blocks::Blocks;
use super::survey::Survey;
use super::{Log, Opened, ROOMS_DIR, room_dir, write_error};
use crate::change::{ChangeRecord, StretchNumber};
use crate::disk::Disk;
use crate::error::{Finding, StoreError, TornEnd};
use crate::limits::{QUARANTINE_FILES_MAX, QUARANTINE_LEN_MAX};
use crate::tail::{Content, Entry, Torn, kept_path, torn_path};

impl<D: Disk> Log<D> {
    /// Makes a room's folder and its first tail, durable when it returns. `seed` is 32 random bytes, other
    /// ones for every call: the IDs of the files that this log makes are drawn from it.
    ///
    /// # Errors
    /// `Exists` if a log is there, `Newer` if a newer version's is. After `Full` or `Write` the same call may
    /// be tried again; if it then says `Exists`, the first one came further than it knew: open the log.
    pub fn create(mut disk: D, room: RoomId, seed: [u8; 32]) -> Result<Self, StoreError> {
        let dir = room_dir(room);
        let failed = |path: PathBuf| move |cause| write_error(path, cause);
        make_dirs(&mut disk, &dir).map_err(failed(disk.shown(&dir)))?;
        let names = disk.list(&dir).map_err(failed(disk.shown(&dir)))?;
        match Survey::take(&disk, &dir) {
            Ok(_) => {
                return Err(StoreError::Exists {
                    path: disk.shown(&dir),
                });
            }
            // Leftovers of a creation that a crash ended, or a log of which nothing is readable: the new tail
            // gets a number of its own and leaves them alone.
            Err(StoreError::NoLog { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut log = Self::new(disk, dir, room, seed, BTreeSet::new());
        log.next_number = Survey::last_number(&names) + 1;
        log.start_tail(&[])
            .map_err(|(path, cause)| write_error(path, cause))?;
        Ok(log)
    }

    /// Opens a room's log and repairs what a crash left. All that [`Opened`] holds is durable, unless a
    /// finding says that the log is read-only. `seed` as for [`create`](Self::create).
    ///
    /// # Errors
    /// `Newer`: nothing was touched; of the blocks the last one alone is asked. `NoLog`: no file says which room it is. `Io`: the folder cannot be
    /// listed, or the system refuses a file. A damaged file is no error but a finding.
    pub fn open(disk: D, dir: &Path, seed: [u8; 32]) -> Result<(Self, Opened), StoreError> {
        let mut survey = Survey::take(&disk, dir)?;
        let blocks = std::mem::take(&mut survey.blocks);
        let mut log = Self::new(disk, dir.to_owned(), survey.room, seed, blocks);
        log.next_number = survey.last_number + 1;
        log.local = survey
            .tails
            .values()
            .rev()
            .find_map(|content| content.local.clone());
        let again = log.mend(&mut survey);
        let holed = survey.tails.iter().filter(|(_, content)| content.holed());
        let damaged = holed.map(|(number, _)| *number).collect();
        let found = survey.tails.into_iter();
        let tail = found
            .map(|(number, content)| (number, content.changes))
            .chain(again);
        let opened = Opened {
            room: log.room,
            local: log.local.clone(),
            blocks: log.blocks().collect(),
            tail: tail.filter(|(_, changes)| !changes.is_empty()).collect(),
            damaged,
            findings: survey.findings,
        };
        Ok((log, opened))
    }

    fn new(disk: D, dir: PathBuf, room: RoomId, seed: [u8; 32], blocks: BTreeSet<StretchNumber>) -> Self {
        Self {
            blocks: Blocks::named(disk.clone(), &dir, room, blocks),
            disk,
            dir,
            room,
            seed,
            drawn: 0,
            next_number: 1,
            tails: BTreeMap::new(),
            active: None,
            local: None,
            poisoned: None,
        }
    }

    /// Makes the folder as the survey says it is. Never fails: what cannot be mended is left as it is, and if
    /// that makes writing unsafe, the log is poisoned. Returns what had to be written again, and where.
    fn mend(&mut self, survey: &mut Survey) -> Option<(StretchNumber, Vec<ChangeRecord>)> {
        for content in survey.tails.values_mut() {
            if let Some(torn) = content.torn.take() {
                let finding = self.cut(content, &torn);
                survey.findings.push(finding);
            }
            self.tails.insert(content.tail.number, content.tail.clone());
        }
        self.pick_active(survey);
        let again = self.make_durable(survey);
        match self.disk.sync_dir(&self.dir) {
            Ok(()) => self.tidy(survey),
            // Names that are not durable: a tail removed for its block could take the block's name along.
            Err(cause) => drop(self.poison(format!("its folder could not be synced ({cause})"))),
        }
        if let Some(why) = &self.poisoned {
            let dir = self.disk.shown(&self.dir);
            survey.findings.push(Finding::ReadOnly {
                dir,
                why: why.clone(),
            });
        }
        again
    }

    /// Copies torn bytes aside and cuts them off. Without space for the copy they stay, and the tail is not
    /// written any more.
    fn cut(&mut self, content: &mut Content, torn: &Torn) -> Finding {
        let tail = &content.tail;
        let kept = self.set_aside(content, torn).and_then(|kept| {
            self.disk.set_len(&tail.path, tail.end)?;
            Ok(kept)
        });
        let (file, range) = (self.disk.shown(&tail.path), torn.range.clone());
        let end = kept.unwrap_or_else(|_| {
            content.tail.keep = true;
            content.uncut = true;
            TornEnd::Left
        });
        Finding::Torn { file, range, end }
    }

    fn set_aside(&mut self, content: &Content, torn: &Torn) -> io::Result<TornEnd> {
        if torn.bytes.is_empty() {
            return Ok(TornEnd::Zeros);
        }
        let path = torn_path(&self.dir, content.tail.number, torn.range.start, &torn.bytes);
        if self.disk.length(&path)?.is_some() {
            // An earlier opening stopped before the cut; its copy may not be whole.
            self.disk.remove(&path)?;
        }
        super::write_new(&mut self.disk, &self.dir, &path, &torn.bytes)?;
        Ok(TornEnd::MovedTo(self.disk.shown(&path)))
    }

    /// New changes go to the last tail if it ends where its last record does, carries the local facts along,
    /// and no file stands after it, not even an unreadable one: what is written stays in order. Otherwise the
    /// next write starts another. So it does behind a tail without a change: it may be what a failed start
    /// left behind, with a head that the page cache alone has, and no sync would say so twice.
    fn pick_active(&mut self, survey: &Survey) {
        let last = survey.tails.values().next_back().filter(|content| {
            let carries = content.tail.has_local || self.local.is_none();
            let holds = !content.tail.slots.is_empty();
            !content.uncut && holds && carries && content.tail.number.0 == survey.last_number
        });
        self.active = last.map(|content| content.tail.number);
    }

    /// Syncs all tails: after a kill their last bytes may be in the page cache alone. What cannot be synced
    /// is written again, to a new tail.
    fn make_durable(&mut self, survey: &Survey) -> Option<(StretchNumber, Vec<ChangeRecord>)> {
        let mut suspect: Vec<ChangeRecord> = Vec::new();
        let mut failed = None;
        for content in survey.tails.values() {
            if let Err(cause) = self.disk.sync(&content.tail.path) {
                suspect.extend_from_slice(&content.changes);
                failed = Some(cause);
            }
        }
        let first = failed?;
        let entries: Vec<_> = suspect.iter().map(Entry::Change).collect();
        if let Err((_, second)) = self.start_tail(&entries) {
            drop(self.poison(format!(
                "the disk did not store what it holds ({first}; {second})"
            )));
            return None;
        }
        self.active.map(|number| (number, suspect))
    }

    /// The oldest copies of torn bytes, as far as there are too many or they are too long together.
    fn surplus(&self, mut torn: Vec<PathBuf>) -> Vec<PathBuf> {
        let mut len = 0;
        let newest = torn.iter().rev().take(QUARANTINE_FILES_MAX);
        let fit = newest.take_while(|path| {
            len += self.disk.length(path).ok().flatten().unwrap_or(0);
            len <= QUARANTINE_LEN_MAX
        });
        let kept = fit.count();
        torn.truncate(torn.len() - kept);
        torn
    }

    /// Removes what a crash left behind. Best effort: whatever stays is found again at the next opening.
    fn tidy(&mut self, survey: &mut Survey) {
        let old = self.surplus(std::mem::take(&mut survey.torn));
        for path in survey.unsealed.drain(..).chain(old) {
            let _ = self.disk.remove(&path);
        }
        for (path, kept) in survey.superseded.drain(..) {
            let _ = match kept {
                Some(kept) => self.disk.rename(&path, &kept),
                None => self.disk.remove(&path),
            };
        }
        for (number, bytes) in survey.unfinished.drain(..) {
            let path = crate::tail::tail_path(&self.dir, number);
            let written = bytes.iter().any(|byte| *byte != 0);
            let kept = kept_path(&self.dir, number, &bytes);
            if !written {
                let _ = self.disk.remove(&path);
                continue;
            }
            let end = match self.disk.rename(&path, &kept) {
                Ok(()) => TornEnd::MovedTo(self.disk.shown(&kept)),
                Err(_) => TornEnd::Left,
            };
            let (file, range) = (self.disk.shown(&path), 0..bytes.len() as u64);
            survey.findings.push(Finding::Torn { file, range, end });
        }
        // Without an active tail the last one may be the only one that holds the local facts.
        if self.active.is_some() {
            for number in survey.tails.keys() {
                self.drop_empty(*number);
            }
        }
    }
}

/// Makes the room's folder, durable with the names that lead to it.
fn make_dirs(disk: &mut impl Disk, dir: &Path) -> io::Result<()> {
    let rooms = Path::new(ROOMS_DIR);
    disk.create_dir(rooms)?;
    disk.sync_dir(Path::new(""))?;
    disk.create_dir(dir)?;
    disk.sync_dir(rooms)
}
