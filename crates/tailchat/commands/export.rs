//! `export`: what all peers of a room share, as a file or in a pipe. What stands in it is for [`crate::export`] to say.

use std::path::Path;

use anyhow::Result;
use tailchat_node::control::{self, Code, Failure, Item, Request};

use super::new_file::{NewFile, bytes};
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
