//! The data folder: whose it is, which version wrote it, who has it open. Refuses to know what the rooms
//! hold.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::disk::{Disk, RealDisk, create_private_dir, private, sync_dir};
use crate::error::StoreError;
use crate::facts::Facts;
use crate::head::FORMAT_MAJOR;
use crate::log::ROOMS_DIR;
use crate::marker::{self, CleanStop};

/// The file that says that a folder is ours, and the format's major version.
pub const VERSION_FILE: &str = "tailchat";
/// The file that is locked. It is never removed: a lock file that is removed and made again has two holders.
pub const LOCK_FILE: &str = "lock";
const VERSION_TEXT: &str = "tailchat data folder, format ";
const FRESH_VERSION_FILE: &str = "tailchat.tmp";
const PROBE_FILE: &str = "probe.tmp";
const TRASH: &str = "trash-";

/// A data folder that this process alone has open.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    disk: RealDisk,
    facts: Facts<RealDisk>,
    /// Held as long as the folder is open; the system lets go of it when the process ends, however it ends.
    _lock: fs::File,
}

/// Why a data folder could not be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There are files in it, and none says that it is ours.
    #[error(
        "{} is not empty and not a tailchat data folder (it has no file \"{VERSION_FILE}\" of ours); \
         choose another folder, or an empty one",
        path.display()
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// It is a file.
    #[error("{} is not a folder; choose a folder for tailchat's data", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// Written by a newer version.
    #[error(
        "{} was written by a newer tailchat (format {found}, this one knows {known}); \
         use that one, nothing was changed",
        path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format version.
        found: u64,
        /// The one known here.
        known: u16,
    },
    /// Another process has it open.
    #[error("{} is in use by another tailchat; close that one, or choose another folder", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// It may not be written.
    #[error(
        "{} may not be written ({cause}); make it writable for you, or choose another folder",
        path.display()
    )]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The system refused something else.
    #[error("could not {doing} ({cause}); check that the disk works and has space")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What was tried, as a verb.
        doing: &'static str,
        /// What the system said; it names the path.
        cause: io::Error,
    },
}

impl Folder {
    /// Opens a data folder, or makes one. An existing folder's permissions are left as they are; what is made
    /// is for the owner alone.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |doing| move |cause| refused(path, doing, cause);
        make(path).map_err(failed("make the data folder"))?;
        if !path.is_dir() {
            return Err(FolderError::NotAFolder {
                path: path.to_owned(),
            });
        }
        // Before the lock, so that a folder that is not ours or newer is not even given a lock file.
        version(path)?;
        let lock = take_lock(path)?;
        let disk = RealDisk::new(path);
        let mut folder = Self {
            path: path.to_owned(),
            facts: Facts::new(disk.clone()),
            disk,
            _lock: lock,
        };
        folder.probe().map_err(failed("write to the data folder"))?;
        // Again, because another process may have made it ours, or newer, meanwhile.
        if version(path)?.is_none() {
            folder
                .write_version()
                .map_err(failed("write the data folder's version"))?;
        }
        folder
            .disk
            .create_dir(Path::new(ROOMS_DIR))
            .map_err(failed("make the folder of the rooms"))?;
        folder
            .disk
            .sync_dir(Path::new(""))
            .map_err(failed("sync the data folder"))?;
        folder.empty_trash();
        Ok(folder)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A disk below the folder, for a room's log.
    #[must_use]
    pub fn disk(&self) -> RealDisk {
        self.disk.clone()
    }

    /// What was last written under the name, if anything ever was.
    ///
    /// # Errors
    /// As for [`Facts::read`].
    pub fn read_fact(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.facts.read(name)
    }

    /// Replaces what stands under the name; durable when it returns.
    ///
    /// # Errors
    /// As for [`Facts::write`].
    pub fn write_fact(&mut self, name: &str, fact: &[u8]) -> Result<(), StoreError> {
        self.facts.write(name, fact)
    }

    /// The rooms' folders, below the data folder, sorted. Names that no room has are left out.
    ///
    /// # Errors
    /// `Io`.
    pub fn room_dirs(&self) -> Result<Vec<PathBuf>, StoreError> {
        let rooms = Path::new(ROOMS_DIR);
        let failed = |cause| StoreError::Io {
            path: self.disk.shown(rooms),
            doing: "list the rooms",
            cause,
        };
        let names = self.disk.list(rooms).map_err(failed)?;
        let alias = |name: &String| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(names
            .into_iter()
            .filter(alias)
            .map(|name| rooms.join(name))
            .collect())
    }

    /// Deletes a room's folder and all in it. The room's log must not be in use.
    ///
    /// # Errors
    /// `Io`. If the room is gone all the same, the next opening of the folder deletes what is left of it.
    pub fn remove_room(&mut self, dir: &Path) -> Result<(), StoreError> {
        let rooms = Path::new(ROOMS_DIR);
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let (dir, trash) = (rooms.join(&*name), rooms.join(format!("{TRASH}{name}")));
        let shown = self.disk.shown(&dir);
        let failed = |doing| {
            let path = shown.clone();
            move |cause| StoreError::Io { path, doing, cause }
        };
        // Of a room that was removed, joined again and is removed again.
        self.delete(&trash).map_err(failed("delete a removed room"))?;
        self.disk.rename(&dir, &trash).map_err(failed("remove a room"))?;
        self.disk.sync_dir(rooms).map_err(failed("remove a room"))?;
        self.delete(&trash).map_err(failed("delete a removed room"))
    }

    /// Says that this process stopped in order, and where each room's own actor stood. Call it last, when
    /// nothing more will be written. `now_ms`: the wall clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// `TooLarge`, `Full`, `Write`: there is no marker then, and the next start takes fresh actors.
    pub fn write_marker(&mut self, stop: &CleanStop, now_ms: i64) -> Result<(), StoreError> {
        marker::write(&self.path, stop, now_ms, marker::machine())
    }

    /// Takes the marker of the last stop away, durably, and says what it says; `None` if there is none that
    /// counts. The caller still has to compare the tips with the logs.
    ///
    /// # Errors
    /// `Io`: it could not be taken away, so it must not count.
    pub fn take_marker(&mut self) -> Result<Option<CleanStop>, StoreError> {
        marker::take(&self.path, marker::machine())
    }

    /// Finds out whether files can be made here: a lock file can be opened in a folder that may not be
    /// written.
    fn probe(&mut self) -> io::Result<()> {
        let path = Path::new(PROBE_FILE);
        if self.disk.length(path)?.is_none() {
            self.disk.create(path)?;
        }
        self.disk.remove(path)
    }

    fn write_version(&mut self) -> io::Result<()> {
        let (fresh, path) = (Path::new(FRESH_VERSION_FILE), Path::new(VERSION_FILE));
        if self.disk.length(fresh)?.is_some() {
            self.disk.remove(fresh)?;
        }
        self.disk.create(fresh)?;
        self.disk
            .append(fresh, format!("{VERSION_TEXT}{FORMAT_MAJOR}\n").as_bytes())?;
        self.disk.sync(fresh)?;
        self.disk.rename(fresh, path)?;
        self.disk.sync_dir(Path::new(""))
    }

    /// Deletes what is left of removed rooms. Best effort: there is always a next time.
    fn empty_trash(&self) {
        let rooms = Path::new(ROOMS_DIR);
        for name in self
            .disk
            .list(rooms)
            .unwrap_or_default()
            .iter()
            .filter(|name| name.starts_with(TRASH))
        {
            let _ = self.delete(&rooms.join(name));
        }
    }

    fn delete(&self, dir: &Path) -> io::Result<()> {
        match fs::remove_dir_all(self.disk.shown(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// Makes the folder and its parents if they are missing, durable with their names.
fn make(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.exists()).collect();
    let missing = missing.into_iter().filter(|dir| !dir.as_os_str().is_empty());
    let parents: Vec<&Path> = missing.filter_map(Path::parent).collect();
    if parents.is_empty() {
        return Ok(());
    }
    create_private_dir(path)?;
    let named = |dir: &Path| {
        if dir.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            dir.to_owned()
        }
    };
    parents.into_iter().try_for_each(|dir| sync_dir(&named(dir)))
}

/// The format version of a folder of ours; `None` for an empty folder.
fn version(path: &Path) -> Result<Option<u64>, FolderError> {
    let failed = |cause| refused(path, "read the data folder", cause);
    let not_ours = || FolderError::NotOurs {
        path: path.to_owned(),
    };
    match fs::read(path.join(VERSION_FILE)) {
        Ok(bytes) => {
            let text = str::from_utf8(&bytes).ok();
            let number = text
                .and_then(|text| text.strip_prefix(VERSION_TEXT))
                .map(str::trim_end);
            let found = number
                .and_then(|number| number.parse().ok())
                .ok_or_else(not_ours)?;
            let known = FORMAT_MAJOR;
            if found > u64::from(known) {
                return Err(FolderError::Newer {
                    path: path.to_owned(),
                    found,
                    known,
                });
            }
            Ok(Some(found))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // What a crash during the very first opening leaves.
            let begun = [LOCK_FILE, FRESH_VERSION_FILE, PROBE_FILE];
            for entry in fs::read_dir(path).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                if !begun.iter().any(|ours| name == *ours) {
                    return Err(not_ours());
                }
            }
            Ok(None)
        }
        Err(error) => Err(failed(error)),
    }
}

fn take_lock(path: &Path) -> Result<fs::File, FolderError> {
    let failed = |cause| refused(path, "lock the data folder", cause);
    let file = private()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join(LOCK_FILE))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(FolderError::Locked {
            path: path.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

fn refused(path: &Path, doing: &'static str, cause: io::Error) -> FolderError {
    let path = path.to_owned();
    match cause.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            FolderError::ReadOnly { path, cause }
        }
        _ => FolderError::Io { path, doing, cause },
    }
}

#[cfg(test)]
mod tests;
