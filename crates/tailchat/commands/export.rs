//! `export`: what all peers of a room share, as a file. Knows how a file is replaced whole or not at all; what
//! stands in it is for [`crate::export`] to say.

use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use tailchat_node::control::{self, Code, Failure, Item, Request};

use crate::args::{Everywhere, ExportArgs, ExportFormat};
use crate::export::Writer;
use crate::print::Output;
use crate::reach::{Online, config, stream, with_node};

/// `tailchat export`.
pub(crate) async fn export(args: ExportArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let output = args.output.filter(|path| path != Path::new("-"));
    if output.is_none() && args.format == ExportFormat::Automerge && out.is_terminal() {
        let why =
            "an Automerge document is not for a terminal; say where it goes with -o FILE, or use a pipe";
        return Err(Failure::new(Code::Usage, why).into());
    }
    let mut writer = match args.format {
        ExportFormat::Md => Some(Writer::markdown()),
        ExportFormat::Jsonl => Some(Writer::Jsonl),
        ExportFormat::Html => Some(Writer::html()),
        ExportFormat::Automerge => None,
    };
    let request = Request::Export {
        room: args.room,
        format: match writer {
            Some(_) => control::ExportFormat::Messages,
            None => control::ExportFormat::Automerge,
        },
    };
    with_node(config(everywhere, Online::No)?, async |client| {
        let end = |writer: &Option<Writer>| writer.as_ref().map_or("", Writer::end);
        let Some(path) = output else {
            stream(client, request, out, |item, out| {
                out.raw(&written(item, writer.as_mut())?)
            })
            .await?;
            return out.raw(end(&writer).as_bytes());
        };
        let mut file = NewFile::beside(&path)?;
        stream(client, request, out, |item, _| {
            file.write(&written(item, writer.as_mut())?)
        })
        .await?;
        file.write(end(&writer).as_bytes())?;
        file.take_its_place()?;
        out.note(&format!("Written to {}.", path.display()));
        Ok(())
    })
    .await
}

/// The bytes that a part of the answer adds to the file.
fn written(item: Item, writer: Option<&mut Writer>) -> Result<Vec<u8>> {
    match (item, writer) {
        (Item::Room(room), Some(writer)) => Ok(writer.begin(&room).into_bytes()),
        (Item::Message(message), Some(writer)) => Ok(writer.message(&message)?.into_bytes()),
        (Item::Bytes(hex), _) => bytes(&hex),
        _ => Ok(Vec::new()),
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    bytes
        .collect::<Option<_>>()
        .context("the running tailchat sent a piece of the document that is not hexadecimal")
}

/// A file under another name until it is whole: what stood in its place is good until then.
struct NewFile {
    file: BufWriter<fs::File>,
    temporary: PathBuf,
    path: PathBuf,
    placed: bool,
}

impl NewFile {
    fn beside(path: &Path) -> Result<Self> {
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
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .with_context(|| format!("{} cannot be made", temporary.display()))?;
        Ok(Self {
            file: BufWriter::new(fs::File::from_parts(file, &temporary)),
            temporary,
            path: path.to_owned(),
            placed: false,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes)?;
        Ok(())
    }

    fn take_its_place(mut self) -> Result<()> {
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
            // What is left of a failed export is of no use; if it cannot be removed, its name tells what it is.
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

    #[test]
    fn hexadecimal_becomes_bytes() {
        assert_eq!(bytes("00ff10").unwrap(), [0, 255, 16]);
        assert!(bytes("0g").is_err());
        assert!(bytes("ä").is_err());
    }
}
