//! A peer's disk: the store's simulated one, with the faults that are planted in its syncs. Knows nothing of
//! what is written.

use std::io;
use std::path::{Path, PathBuf};

use tailchat_store::disk::Disk;
use tailchat_store::sim_disk::SimDisk;

use crate::plant::Plant;

#[derive(Clone)]
pub(crate) struct PeerDisk {
    pub(crate) sim: SimDisk,
    pub(crate) plant: Option<Plant>,
}

impl Disk for PeerDisk {
    fn shown(&self, path: &Path) -> PathBuf {
        self.sim.shown(path)
    }

    fn create_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.sim.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.sim.list(dir)
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        self.sim.length(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.sim.read(path)
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.sim.read_at(path, offset, len)
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        self.sim.create(path)
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.sim.append(path, bytes)
    }

    fn set_len(&mut self, path: &Path, len: u64) -> io::Result<()> {
        self.sim.set_len(path, len)
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        let unnamed = path.extension().is_some_and(|extension| extension == "tmp");
        match self.plant {
            Some(Plant::NoFsync) => Ok(()),
            Some(Plant::RenameBeforeFsync) if unnamed => Ok(()),
            _ => self.sim.sync(path),
        }
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        match self.plant {
            Some(Plant::NoFsync | Plant::NoDirFsync) => Ok(()),
            _ => self.sim.sync_dir(dir),
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.sim.rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.sim.remove(path)
    }

    fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.sim.remove_dir(dir)
    }
}
