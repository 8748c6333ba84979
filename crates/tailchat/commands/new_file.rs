//! A file that a command writes: there whole, or not at all. Knows nothing of what is in it.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use tailchat_node::control::{Code, Failure, hex};

use crate::private;

/// The bytes of a piece that a node sent.
///
/// # Errors
/// If it is no piece.
pub(crate) fn bytes(piece: &str) -> Result<Vec<u8>> {
    hex::decode(piece).context("the running tailchat sent a piece of the file that is not hexadecimal")
}

/// A file under another name until it is whole: what stood in its place is good until then.
pub(crate) struct NewFile {
    file: BufWriter<fs::File>,
    temporary: PathBuf,
    path: PathBuf,
    placed: bool,
}

impl NewFile {
    /// Begins a file that will stand at this path.
    pub(crate) fn beside(path: &Path) -> Result<Self> {
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            let why = format!(
                "{} is not a file; give a file's name, or `-` for standard output",
                path.display()
            );
            return Err(Failure::new(Code::Usage, why).into());
        }
        let name = path.file_name().context("-o needs a file's name")?;
        let temporary =
            path.with_file_name(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
        // A room's history is for its members: nobody else on this machine may read it.
        let file = private::file()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .with_context(|| format!("{} cannot be made", temporary.display()))?;
        Ok(Self {
            file: BufWriter::new(fs::File::from_parts(file, &temporary)),
            temporary,
            path: path.to_owned(),
            placed: false,
        })
    }

    /// Adds to it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes)?;
        Ok(())
    }

    /// Makes it durable, and puts it where it belongs.
    pub(crate) fn take_its_place(mut self) -> Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.placed {
            // What is left of a failed command is of no use; if it cannot be removed, its name tells what it is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("room.jsonl");
        std::fs::write(&path, "good").unwrap();

        let mut broken = NewFile::beside(&path).unwrap();
        broken.write(b"half").unwrap();
        drop(broken);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "good");

        let mut whole = NewFile::beside(&path).unwrap();
        whole.write(b"better").unwrap();
        whole.take_its_place().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "better");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
