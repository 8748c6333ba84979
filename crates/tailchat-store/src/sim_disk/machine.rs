//! The simulated machine: folders, files, and what of them is durable. Refuses to draw lots: see `crash`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::node::{File, Folder, NameChange, Node, ROOT, Write};
use super::{Counts, Fault};

/// All that the machine is.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) files: BTreeMap<Node, File>,
    pub(super) folders: BTreeMap<Node, Folder>,
    next: Node,
    pub(super) counts: Counts,
    pub(super) faults: Vec<(Range<u64>, Fault)>,
    pub(super) capacity: Option<u64>,
}

/// What a fault looks at before an operation runs.
pub(super) enum Operation<'a> {
    Read(&'a Path),
    /// Needs space for a name.
    Names(&'a Path),
    Append(&'a Path, &'a [u8]),
    /// Frees space.
    SetLen(&'a Path),
    Sync(&'a Path),
    SyncDir(&'a Path),
}

impl Operation<'_> {
    fn path(&self) -> &Path {
        match self {
            Self::Read(path) | Self::Names(path) | Self::Append(path, _) | Self::SetLen(path) => path,
            Self::Sync(path) | Self::SyncDir(path) => path,
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        let folders = BTreeMap::from([(ROOT, Folder::default())]);
        let (files, faults, counts) = (BTreeMap::new(), vec![], Counts::default());
        Self {
            files,
            folders,
            next: ROOT + 1,
            counts,
            faults,
            capacity: None,
        }
    }
}

impl Machine {
    /// Counts an operation and lets a planted fault have its way with it.
    pub(super) fn begin(&mut self, operation: Operation<'_>) -> io::Result<()> {
        let fault = self.fault();
        self.counts.all += 1;
        match operation {
            Operation::Read(_) => self.counts.reads += 1,
            Operation::Append(_, bytes) => {
                self.counts.appends += 1;
                self.counts.append_bytes += bytes.len() as u64;
            }
            Operation::Sync(_) => self.counts.syncs += 1,
            Operation::SyncDir(_) => self.counts.dir_syncs += 1,
            Operation::Names(_) | Operation::SetLen(_) => {}
        }
        let path = operation.path();
        match fault {
            None | Some(Fault::Lie | Fault::Rot) => Ok(()),
            Some(Fault::Off) => Err(error(io::ErrorKind::Other, path, "the power is off")),
            Some(Fault::Io) => {
                self.lose(&operation);
                Err(error(io::ErrorKind::Other, path, "input/output error"))
            }
            Some(Fault::Short) => {
                self.half(&operation);
                Err(error(io::ErrorKind::Other, path, "input/output error"))
            }
            Some(Fault::Full) => match operation {
                Operation::Read(_) | Operation::SetLen(_) | Operation::SyncDir(_) => Ok(()),
                _ => {
                    self.lose(&operation);
                    self.half(&operation);
                    Err(error(io::ErrorKind::StorageFull, path, "no space left"))
                }
            },
        }
    }

    fn fault(&self) -> Option<Fault> {
        let now = self.counts.all;
        self.faults
            .iter()
            .find(|(operations, _)| operations.contains(&now))
            .map(|(_, fault)| *fault)
    }

    /// Whether the operation that comes now meets this fault.
    pub(super) fn meets(&self, fault: Fault) -> bool {
        self.fault() == Some(fault)
    }

    /// Flips a bit of what was appended last.
    pub(super) fn rot(&mut self, path: &Path) -> io::Result<()> {
        let file = self.file(path)?;
        let last = file.pending.last_mut().and_then(|write| match write {
            Write::Append(bytes) => bytes.last_mut(),
            Write::SetLen(_) => None,
        });
        for byte in last.into_iter().chain(file.live.last_mut()) {
            *byte ^= 1;
        }
        Ok(())
    }

    /// A failed sync: the bytes stay visible and will never be written.
    fn lose(&mut self, operation: &Operation<'_>) {
        let Operation::Sync(path) = operation else { return };
        let Ok(file) = self.file(path) else { return };
        for write in &mut file.pending {
            if let Write::Append(bytes) = write {
                bytes.fill(0);
            }
        }
    }

    fn half(&mut self, operation: &Operation<'_>) {
        if let Operation::Append(path, bytes) = operation {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            // The file may not exist; the fault is reported all the same.
            let _ = self.append(path, half);
        }
    }

    pub(super) fn used(&self) -> u64 {
        let named = self.paths();
        let used = self.files.iter().filter(|(node, _)| named.contains_key(node));
        used.map(|(_, file)| file.live.len() as u64).sum()
    }

    pub(super) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let named = self.paths().into_iter();
        named
            .filter_map(|(node, path)| Some((path, self.files.get(&node)?.live.clone())))
            .collect()
    }

    /// Where each file and folder is for a running program.
    pub(super) fn paths(&self) -> BTreeMap<Node, PathBuf> {
        let mut paths = BTreeMap::from([(ROOT, PathBuf::new())]);
        let mut open = vec![ROOT];
        while let Some(node) = open.pop() {
            let Some(folder) = self.folders.get(&node) else {
                continue;
            };
            let dir = paths.get(&node).cloned().unwrap_or_default();
            for (name, child) in &folder.live {
                paths.insert(*child, dir.join(name));
                open.push(*child);
            }
        }
        paths
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        let missing = || error(io::ErrorKind::NotFound, path, "no such file or folder");
        path.iter().try_fold(ROOT, |at, name| {
            let folder = self.folders.get(&at).ok_or_else(missing)?;
            folder
                .live
                .get(&*name.to_string_lossy())
                .copied()
                .ok_or_else(missing)
        })
    }

    fn file(&mut self, path: &Path) -> io::Result<&mut File> {
        let node = self.node(path)?;
        self.files
            .get_mut(&node)
            .ok_or_else(|| error(io::ErrorKind::IsADirectory, path, "is a folder"))
    }

    fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let node = self.node(path)?;
        self.folders
            .get_mut(&node)
            .ok_or_else(|| error(io::ErrorKind::NotADirectory, path, "is a file"))
    }

    fn change(&mut self, dir: &Path, change: NameChange) -> io::Result<()> {
        let folder = self.folder(dir)?;
        change.apply(&mut folder.live);
        folder.pending.push(change);
        Ok(())
    }

    fn link(&mut self, path: &Path) -> io::Result<Node> {
        let (dir, name) = split(path);
        self.folder(dir)?;
        let node = self.next;
        self.next += 1;
        self.change(
            dir,
            NameChange {
                gone: None,
                new: Some((name, node)),
            },
        )?;
        Ok(node)
    }

    pub(super) fn create_dir(&mut self, dir: &Path) -> io::Result<()> {
        match self.node(dir) {
            Ok(node) if self.folders.contains_key(&node) => Ok(()),
            Ok(_) => Err(error(io::ErrorKind::AlreadyExists, dir, "is a file")),
            Err(_) => {
                if let Some(parent) = dir.parent() {
                    self.create_dir(parent)?;
                }
                let node = self.link(dir)?;
                self.folders.insert(node, Folder::default());
                Ok(())
            }
        }
    }

    pub(super) fn list(&mut self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.folder(dir)?.live.keys().cloned().collect())
    }

    pub(super) fn length(&mut self, path: &Path) -> Option<u64> {
        self.file(path).ok().map(|file| file.live.len() as u64)
    }

    /// The bytes of the range that are there.
    pub(super) fn read(&mut self, path: &Path, range: Range<usize>) -> io::Result<Vec<u8>> {
        let live = &self.file(path)?.live;
        Ok(live
            .get(range.start..range.end.min(live.len()))
            .unwrap_or_default()
            .to_vec())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<()> {
        if self.node(path).is_ok() {
            return Err(error(io::ErrorKind::AlreadyExists, path, "exists"));
        }
        let node = self.link(path)?;
        self.files.insert(node, File::default());
        Ok(())
    }

    pub(super) fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let free = self
            .capacity
            .map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()));
        let fits = bytes.len().min(usize::try_from(free).unwrap_or(usize::MAX));
        let written = bytes.get(..fits).unwrap_or_default();
        let file = self.file(path)?;
        file.live.extend_from_slice(written);
        file.pending.push(Write::Append(written.to_vec()));
        if fits < bytes.len() {
            return Err(error(io::ErrorKind::StorageFull, path, "no space left"));
        }
        Ok(())
    }

    pub(super) fn set_len(&mut self, path: &Path, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| error(io::ErrorKind::FileTooLarge, path, "too large"))?;
        let file = self.file(path)?;
        file.live.resize(len, 0);
        file.pending.push(Write::SetLen(len));
        Ok(())
    }

    pub(super) fn sync(&mut self, path: &Path) -> io::Result<()> {
        let file = self.file(path)?;
        for write in std::mem::take(&mut file.pending) {
            write.apply(&mut file.durable);
        }
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let folder = self.folder(dir)?;
        folder.pending.clear();
        folder.durable = folder.live.clone();
        self.sweep();
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.node(from)?;
        let ((old_dir, old), (new_dir, new)) = (split(from), split(to));
        self.folder(new_dir)?;
        if old_dir == new_dir {
            return self.change(
                old_dir,
                NameChange {
                    gone: Some(old),
                    new: Some((new, node)),
                },
            );
        }
        self.change(
            new_dir,
            NameChange {
                gone: None,
                new: Some((new, node)),
            },
        )?;
        self.change(
            old_dir,
            NameChange {
                gone: Some(old),
                new: None,
            },
        )
    }

    pub(super) fn remove(&mut self, path: &Path, as_folder: bool) -> io::Result<()> {
        let node = self.node(path)?;
        match self.folders.get(&node) {
            Some(folder) if as_folder && !folder.live.is_empty() => {
                return Err(error(io::ErrorKind::DirectoryNotEmpty, path, "is not empty"));
            }
            Some(_) if !as_folder => return Err(error(io::ErrorKind::IsADirectory, path, "is a folder")),
            None if as_folder => return Err(error(io::ErrorKind::NotADirectory, path, "is a file")),
            _ => {}
        }
        let (dir, name) = split(path);
        self.change(
            dir,
            NameChange {
                gone: Some(name),
                new: None,
            },
        )
    }

    pub(super) fn plant(&mut self, path: &Path, bytes: &[u8]) {
        let (dir, name) = split(path);
        let mut at = ROOT;
        for part in dir.iter().map(|part| part.to_string_lossy().into_owned()) {
            at = self.plant_name(at, part);
            self.folders.entry(at).or_default();
        }
        let node = self.plant_name(at, name);
        let file = File {
            live: bytes.to_vec(),
            durable: bytes.to_vec(),
            pending: vec![],
        };
        self.files.insert(node, file);
    }

    fn plant_name(&mut self, folder: Node, name: String) -> Node {
        let fresh = self.next;
        self.next += 1;
        let folder = self.folders.entry(folder).or_default();
        let node = *folder.live.entry(name.clone()).or_insert(fresh);
        folder.durable.insert(name, node);
        node
    }

    /// Drops files and folders that no name leads to, neither now nor after any crash.
    pub(super) fn sweep(&mut self) {
        let mut reached = BTreeSet::from([ROOT]);
        let mut open = vec![ROOT];
        while let Some(folder) = open.pop().and_then(|node| self.folders.get(&node)) {
            let renamed = folder
                .pending
                .iter()
                .filter_map(|change| change.new.as_ref())
                .map(|(_, node)| node);
            let children = folder.live.values().chain(folder.durable.values()).chain(renamed);
            open.extend(children.filter(|child| reached.insert(**child) && self.folders.contains_key(child)));
        }
        self.files.retain(|node, _| reached.contains(node));
        self.folders.retain(|node, _| reached.contains(node));
    }
}

fn split(path: &Path) -> (&Path, String) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    (path.parent().unwrap_or(Path::new("")), name.unwrap_or_default())
}

pub(super) fn error(kind: io::ErrorKind, path: &Path, what: &str) -> io::Error {
    io::Error::new(kind, format!("`{}`: {what} (simulated)", path.display()))
}
