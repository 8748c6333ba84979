//! A disk in memory that loses power, fills up and fails on demand: what crash tests and the simulator run
//! on. Models which bytes and names are durable; refuses to know whose they are.
//!
//! The model is the worst that ext4, xfs and btrfs were seen to do, and a little more:
//!
//! - bytes are durable after [`sync`](crate::disk::Disk::sync) of their file; a crash keeps any part of what
//!   was
//!   appended since, torn at any byte, and may leave zeros where the rest would have been;
//! - names are durable after [`sync_dir`](crate::disk::Disk::sync_dir) of their folder; a crash keeps any
//!   subset
//!   of what was created, renamed and removed since (a rename within one folder as a whole);
//! - a failed sync loses the bytes: reads still show them, and later syncs succeed, but a crash leaves zeros.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;

mod crash;
mod machine;
mod node;

pub use crash::{Keep, Unsynced};
use machine::{Machine, Operation};

/// The disk. A clone is another handle to the same disk.
// Each log owns its own handle, as with real files, and the test owns one more: what they share is the
// machine below, and a real one has its lock in the kernel.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<Machine>>);

/// What a planted fault does to an operation that it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Input/output error. An append writes nothing, a sync loses what was not durable.
    Io,
    /// An append writes half of its bytes, then fails; any other operation fails and does nothing.
    Short,
    /// The disk is full: an append writes half of its bytes, a sync loses what was not durable, what needs no
    /// space works.
    Full,
    /// The power is off: nothing happens and the operation fails.
    Off,
    /// A sync reports success and does nothing; any other operation works. No honest disk does it: it is for
    /// tests of tests.
    Lie,
    /// An append writes one wrong bit, in its last byte, and reports success. Any other operation works.
    Rot,
}

/// How many operations a disk has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them, also those that failed.
    pub all: u64,
    /// Reads, lists and questions for a length.
    pub reads: u64,
    /// Appends.
    pub appends: u64,
    /// Bytes that were to be appended.
    pub append_bytes: u64,
    /// Syncs of files.
    pub syncs: u64,
    /// Syncs of folders.
    pub dir_syncs: u64,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another disk with the same content, the same unsynced operations and the same planted faults.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.machine().clone())))
    }

    /// Plants a fault: the operations with these numbers, counted from now, meet it. The first planted one
    /// counts where several overlap.
    pub fn fail(&self, operations: Range<u64>, fault: Fault) {
        let mut machine = self.machine();
        let now = machine.counts.all;
        let planted = now.saturating_add(operations.start)..now.saturating_add(operations.end);
        machine.faults.push((planted, fault));
    }

    /// Takes all planted faults away.
    pub fn heal(&self) {
        self.machine().faults.clear();
    }

    /// Lets files hold so many bytes altogether; an append beyond it is cut there and fails. `None`: no
    /// limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.machine().capacity = bytes;
    }

    /// How many bytes all files hold.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.machine().used()
    }

    /// How many operations there were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.machine().counts
    }

    /// All files and what they hold, as a running program sees them.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.machine().files()
    }

    /// Puts a file there, durable, whatever was there before: a test's own hand. Makes missing folders.
    pub fn plant(&self, path: &Path, bytes: &[u8]) {
        self.machine().plant(path, bytes);
    }

    /// Cuts the power and starts again: of what was not durable, `keep` says what stays. Planted faults go.
    pub fn crash_with(&self, mut keep: impl FnMut(Unsynced<'_>) -> Keep) {
        self.machine().crash(&mut keep);
    }

    /// Cuts the power and starts again, with what stays drawn from a seed.
    pub fn crash(&self, seed: u64) {
        let mut draw = crash::Draw(seed);
        self.machine().crash(&mut |unsynced| draw.keep(&unsynced));
    }

    /// Disks after a power cut now, one for each way in which it may end: of names and lengths any subset is kept, of the
    /// bytes of each write nothing, all, or a half in three ways. Of more than `most` ways, so many that are spread evenly.
    #[must_use]
    pub fn crashes(&self, most: u64) -> Vec<Self> {
        let mut all: u64 = 1;
        self.fork().crash_with(|unsynced| {
            all = all.saturating_mul(crash::ways(&unsynced));
            Keep::All
        });
        let step = usize::try_from(all.div_ceil(most.max(1))).unwrap_or(usize::MAX);
        let crashed = |mut way: u64| {
            let disk = self.fork();
            disk.crash_with(|unsynced| {
                let ways = crash::ways(&unsynced);
                let keep = crash::kept(way % ways, &unsynced);
                way /= ways;
                keep
            });
            disk
        };
        // An odd step, so that what is first is not the same in all.
        (0..all)
            .step_by(step | usize::from(step > 1))
            .map(crashed)
            .collect()
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // A test that panics while it holds the lock must not hide its own message behind a second one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run<T>(
        &self,
        operation: Operation<'_>,
        work: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut machine = self.machine();
        machine.begin(operation)?;
        work(&mut machine)
    }
}

impl Disk for SimDisk {
    fn shown(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn create_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.run(Operation::Names(dir), |machine| machine.create_dir(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.run(Operation::Read(dir), |machine| machine.list(dir))
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        self.run(Operation::Read(path), |machine| Ok(machine.length(path)))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.run(Operation::Read(path), |machine| machine.read(path, 0..usize::MAX))
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.run(Operation::Read(path), |machine| {
            machine.read(path, offset..offset.saturating_add(len))
        })?;
        if bytes.len() < len {
            return Err(machine::error(
                io::ErrorKind::UnexpectedEof,
                path,
                "the file ends too early",
            ));
        }
        Ok(bytes)
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        self.run(Operation::Names(path), |machine| machine.create(path))
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let rots = self.machine().meets(Fault::Rot);
        self.run(Operation::Append(path, bytes), |machine| {
            machine.append(path, bytes)?;
            if rots { machine.rot(path) } else { Ok(()) }
        })
    }

    fn set_len(&mut self, path: &Path, len: u64) -> io::Result<()> {
        self.run(Operation::SetLen(path), |machine| machine.set_len(path, len))
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        let lies = self.machine().meets(Fault::Lie);
        self.run(Operation::Sync(path), |machine| {
            if lies { Ok(()) } else { machine.sync(path) }
        })
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let lies = self.machine().meets(Fault::Lie);
        self.run(Operation::SyncDir(dir), |machine| {
            if lies { Ok(()) } else { machine.sync_dir(dir) }
        })
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Operation::Names(from), |machine| machine.rename(from, to))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.run(Operation::SetLen(path), |machine| machine.remove(path, false))
    }

    fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.run(Operation::SetLen(dir), |machine| machine.remove(dir, true))
    }
}

#[cfg(test)]
mod tests;
