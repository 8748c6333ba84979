//! The file operations that the store is made of, and the real disk. Refuses to know what is in the files.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;

/// File operations below one data folder; every path is relative to it. The real one is [`RealDisk`], the one
/// that crashes on demand is [`SimDisk`](crate::sim_disk::SimDisk). A clone is a handle of its own to the
/// same files, so that every owner of files owns a disk. Errors name the path, as fs-err's do.
pub trait Disk: Clone + Send + 'static {
    /// The path as a person would find it.
    fn shown(&self, path: &Path) -> PathBuf;

    /// Makes a folder; it may exist already. Not durable before its parent is synced.
    ///
    /// # Errors
    /// What the system says.
    fn create_dir(&mut self, dir: &Path) -> io::Result<()>;

    /// The names in a folder, sorted. Names that are not Unicode are not ours and are left out.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// The length of a file, or `None` if there is none.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self, path: &Path) -> io::Result<Option<u64>>;

    /// All of a file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Exactly `len` bytes from `offset` on. Beyond a mebibyte the buffer grows with what is read, never with
    /// `len` alone.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before, otherwise what the system says.
    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Makes an empty file that must not exist. Not durable before its folder is synced.
    ///
    /// # Errors
    /// `AlreadyExists`, or what the system says.
    fn create(&mut self, path: &Path) -> io::Result<()>;

    /// Writes all bytes at the end of a file. After an error, a part of them may be there.
    ///
    /// # Errors
    /// What the system says.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to a length. Works on a full disk.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&mut self, path: &Path, len: u64) -> io::Result<()>;

    /// Makes the content of a file durable, not its name. After an error the bytes are lost as far as anybody
    /// knows, and a second try that succeeds proves nothing.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_dir(&mut self, dir: &Path) -> io::Result<()>;

    /// Gives a file or folder another name; a file that has it is replaced.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&mut self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// What the system says.
    fn remove_dir(&mut self, dir: &Path) -> io::Result<()>;
}

/// What is set aside for a read before anything was read.
const READ_CAPACITY_MAX: usize = 1 << 20;

/// The real disk. Files are made with mode 0600, folders with 0700.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    /// The file that was written last. It stays open between a write and its sync, because only a descriptor
    /// that was open when the write failed is sure to hear of it. An owner writes one file at a time, so one
    /// descriptor is enough; it goes when the file is renamed or removed.
    writing: Option<(PathBuf, fs::File)>,
}

impl Clone for RealDisk {
    fn clone(&self) -> Self {
        Self::new(&self.root)
    }
}

impl RealDisk {
    /// The disk below this folder, which is not looked at before it is used.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            writing: None,
        }
    }

    fn place(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// The descriptor for writing to a file, opened if it is not the one that is open.
    fn file(&mut self, path: &Path) -> io::Result<&mut fs::File> {
        if self.writing.as_ref().is_none_or(|(open, _)| open != path) {
            let file = fs::OpenOptions::new().append(true).open(self.place(path))?;
            self.writing = Some((path.to_owned(), file));
        }
        let missing = || io::Error::other("the file just opened is gone");
        self.writing.as_mut().map(|(_, file)| file).ok_or_else(missing)
    }

    fn forget(&mut self, path: &Path) {
        self.writing
            .take_if(|(open, _)| open == path || open.starts_with(path));
    }
}

impl Disk for RealDisk {
    fn shown(&self, path: &Path) -> PathBuf {
        self.place(path)
    }

    fn create_dir(&mut self, dir: &Path) -> io::Result<()> {
        create_private_dir(&self.place(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.place(dir))? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(self.place(path)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path = self.place(path);
        std::fs::read(&path).map_err(|cause| named("read file", &path, cause))
    }

    fn read_at(&self, path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let path = self.place(path);
        let file = std::fs::File::open(&path).map_err(|cause| named("open file", &path, cause))?;
        let mut file = fs::File::from_parts(file, &path);
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(len.min(READ_CAPACITY_MAX));
        let read = file.take(len as u64).read_to_end(&mut bytes)?;
        if read < len {
            let short = format!("{} ends within the bytes to be read", path.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, short));
        }
        Ok(bytes)
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        let file = private().append(true).create_new(true).open(self.place(path))?;
        self.writing = Some((path.to_owned(), file));
        Ok(())
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.file(path)?.write_all(bytes)
    }

    fn set_len(&mut self, path: &Path, len: u64) -> io::Result<()> {
        self.file(path)?.set_len(len)
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?.sync_data()
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        sync_dir(&self.place(dir))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.forget(from);
        self.forget(to);
        fs::rename(self.place(from), self.place(to))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.forget(path);
        fs::remove_file(self.place(path))
    }

    fn remove_dir(&mut self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(self.place(dir))
    }
}

/// Options for files that only their owner may read.
pub(crate) fn private() -> fs::OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on Unix alone"))]
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    fs::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// What the system said of a path, with its own number below it: fs-err keeps that to itself.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} `{}`: {cause}", path.display())]
struct OfPath {
    what: &'static str,
    path: PathBuf,
    cause: io::Error,
}

fn named(what: &'static str, path: &Path, cause: io::Error) -> io::Error {
    let (kind, path) = (cause.kind(), path.to_owned());
    io::Error::new(kind, OfPath { what, path, cause })
}

/// The system's number for an error, also of one that names the path.
pub(crate) fn system_number(error: &io::Error) -> Option<i32> {
    let of_path = error.get_ref().and_then(|inner| inner.downcast_ref::<OfPath>());
    of_path.map_or(error, |of_path| &of_path.cause).raw_os_error()
}

/// Makes a folder that only its owner may enter, and its parents; it may exist already.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(dir)
        .map_err(|cause| named("create folder", dir, cause))
}

/// Makes the names in a folder durable. Only Unix lets a folder be opened for that; elsewhere the journal of
/// the file system is trusted.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(dir)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_disk(test: impl FnOnce(RealDisk)) {
        let folder = tempfile::tempdir().unwrap();
        test(RealDisk::new(folder.path()));
    }

    #[test]
    fn bytes_are_appended_cut_and_read() {
        on_disk(|mut disk| {
            let path = Path::new("a");
            disk.create(path).unwrap();
            assert_eq!(
                disk.create(path).unwrap_err().kind(),
                io::ErrorKind::AlreadyExists
            );
            disk.append(path, b"hello world").unwrap();
            disk.set_len(path, 5).unwrap();
            disk.append(path, b"!").unwrap();
            disk.sync(path).unwrap();
            assert_eq!(disk.read(path).unwrap(), b"hello!");
            assert_eq!(disk.read_at(path, 1, 3).unwrap(), b"ell");
            assert_eq!(
                disk.read_at(path, 4, 3).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof
            );
            assert_eq!(
                (disk.length(path).unwrap(), disk.length(Path::new("b")).unwrap()),
                (Some(6), None)
            );
        });
    }

    #[test]
    fn a_renamed_file_is_not_written_through_its_old_descriptor() {
        on_disk(|mut disk| {
            let (old, new) = (Path::new("a"), Path::new("b"));
            disk.create(old).unwrap();
            disk.append(old, b"1").unwrap();
            disk.rename(old, new).unwrap();
            assert_eq!(
                disk.append(old, b"2").unwrap_err().kind(),
                io::ErrorKind::NotFound
            );
            disk.create(old).unwrap();
            disk.append(old, b"3").unwrap();
            assert_eq!(
                (disk.read(old).unwrap(), disk.read(new).unwrap()),
                (b"3".to_vec(), b"1".to_vec())
            );
        });
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_look() {
        use std::os::unix::fs::PermissionsExt;
        on_disk(|mut disk| {
            disk.create_dir(Path::new("d")).unwrap();
            disk.create(Path::new("d/f")).unwrap();
            let mode = |path: &str| {
                let metadata = fs::metadata(disk.shown(Path::new(path))).unwrap();
                metadata.permissions().mode() & 0o777
            };
            assert_eq!((mode("d"), mode("d/f")), (0o700, 0o600));
        });
    }
}
