//! `bundle` and `merge`: what others lack of a room, as a file that anything may carry. Knows files and pipes; what is
//! in a bundle is the node's affair.

use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use jiff::Zoned;
use serde_json::json;
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{Bundled, Code, Failure, Item, Request};
use tailchat_node::merge::{Merge, Section};
use tokio::sync::mpsc;

use super::new_file::{NewFile, bytes};
use crate::args::{BundleArgs, Everywhere, MergeArgs};
use crate::print::{Output, counted};
use crate::reach::{Online, config, stream, with_node};
use crate::time;

/// Bytes that are read of a bundle at once.
const PORTION: usize = 64 * 1024;
/// Portions that wait for the node; then reading waits.
const PORTIONS_MAX: usize = 4;

/// `tailchat bundle`.
pub(crate) async fn bundle(args: BundleArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let output = args.output.filter(|path| path != Path::new("-"));
    if output.is_none() && out.is_terminal() {
        let why = "a bundle is not for a terminal; say where it goes with -o FILE, or use a pipe";
        return Err(Failure::new(Code::Usage, why).into());
    }
    let what = match (args.member, args.since) {
        (Some(member), _) => Bundled::For(member),
        (None, Some(since)) => Bundled::Since(time::parse(&since, &Zoned::now())?),
        (None, None) => Bundled::All,
    };
    let room = args.room;
    let request = Request::Bundle { room, what };
    with_node(config(everywhere, Online::No)?, async |client| {
        let mut written = Written::default();
        let Some(path) = output else {
            let each = |item, out: &mut Output| match written.take(item)? {
                Some(bytes) => out.raw(&bytes),
                None => Ok(()),
            };
            stream(client, request, out, each).await?;
            // Whoever reads it has all of it before it is said to be so.
            out.flush()?;
            out.note(&written.note(None));
            return Ok(());
        };
        let mut file = NewFile::beside(&path)?;
        let each = |item, _: &mut Output| match written.take(item)? {
            Some(bytes) => file.write(&bytes),
            None => Ok(()),
        };
        stream(client, request, out, each).await?;
        file.take_its_place()?;
        out.note(&written.note(Some(&path)));
        if out.is_json() {
            let Written { messages, bytes, .. } = written;
            out.object(&json!({ "file": path, "messages": messages, "bytes": bytes }))?;
        }
        Ok(())
    })
    .await
}

/// What was written so far, and what is told of it at the end.
#[derive(Default)]
struct Written {
    bytes: u64,
    messages: u64,
    changes: u64,
    member: Option<String>,
    unheard: bool,
}

impl Written {
    /// The bytes that a part of the answer adds to the file.
    fn take(&mut self, item: Item) -> Result<Option<Vec<u8>>> {
        match item {
            Item::Bytes(piece) => {
                let bytes = bytes(&piece)?;
                self.bytes += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Item::Bundled {
                messages,
                changes,
                member,
                unheard,
            } => {
                (self.messages, self.changes) = (messages, changes);
                (self.member, self.unheard) = (member, unheard);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn note(&self, path: Option<&Path>) -> String {
        let member = self.member.as_deref().map(text::name);
        let messages = match self.messages {
            0 => format!("{}, no message among them", counted(self.changes, "change")),
            messages => counted(messages, "message"),
        };
        let what = match (&member, self.changes) {
            (Some(member), 0) => {
                format!("{member} is known to have all that is here, so the bundle is empty")
            }
            (None, 0) => "There is nothing to bring, so the bundle is empty".to_owned(),
            (Some(member), _) if self.unheard => {
                format!("{messages}: all that is here, since not every disk of {member} was heard of")
            }
            (Some(member), _) => format!("{messages} for {member}"),
            (None, _) => messages,
        };
        let place = path.map_or_else(String::new, |path| format!("; written to {}", path.display()));
        format!("{what} ({}){place}.", counted(self.bytes, "byte"))
    }
}

/// `tailchat merge`.
pub(crate) async fn merge(args: MergeArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let (name, portions) = open(args.file)?;
    let mut merge = Merge::default();
    let done = with_node(config(everywhere, Online::No)?, async |client| {
        take_in(&mut merge, client, portions, &name, out).await
    })
    .await;
    out.end_progress();
    for section in merge.sections() {
        tell(section, out)?;
    }
    if let Err(error) = done {
        if merge.sections().iter().any(|section| section.added > 0) {
            out.note("What was new until then is safe on disk; the rest is not here.");
        }
        return Err(error);
    }
    match merge.sections().iter().find_map(left_out) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

type Portions = mpsc::Receiver<io::Result<Vec<u8>>>;

/// Opens a bundle, and reads it on a thread of its own: a pipe may be silent for long, and the node has to go on.
fn open(file: PathBuf) -> Result<(String, Portions)> {
    let stdin = file == Path::new("-");
    if stdin && io::stdin().is_terminal() {
        let why = "a bundle is nothing to type; name its file, or use a pipe";
        return Err(Failure::new(Code::Usage, why).into());
    }
    let (name, mut reader): (_, Box<dyn Read + Send>) = if stdin {
        ("standard input".to_owned(), Box::new(io::stdin()))
    } else {
        (file.display().to_string(), Box::new(fs::File::open(&file)?))
    };
    let (sender, portions) = mpsc::channel(PORTIONS_MAX);
    let read = move || {
        loop {
            let mut portion = vec![0; PORTION];
            let read = match reader.read(&mut portion) {
                Ok(0) => return,
                Ok(len) => {
                    portion.truncate(len);
                    Ok(portion)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let last = read.is_err();
            if sender.blocking_send(read).is_err() || last {
                return;
            }
        }
    };
    let reading = std::thread::Builder::new().name("bundle".into()).spawn(read);
    reading.context("the bundle cannot be read beside the node")?;
    Ok((name, portions))
}

async fn take_in(
    merge: &mut Merge,
    client: &mut Client,
    mut portions: Portions,
    name: &str,
    out: &mut Output,
) -> Result<()> {
    let of = |failure: Failure| Failure::new(failure.code, format!("{name}: {failure}"));
    while let Some(portion) = portions.recv().await {
        let portion = portion.with_context(|| format!("{name} cannot be read"))?;
        merge.push(client, &portion).await.map_err(of)?;
        let messages = merge
            .sections()
            .iter()
            .map(|section| section.added + section.known);
        out.progress(&counted(messages.sum(), "message"));
    }
    Ok(merge.finish().map_err(of)?)
}

/// What came of a section of the bundle.
fn tell(section: &Section, out: &mut Output) -> Result<()> {
    if section.room.is_empty() {
        return Ok(());
    }
    let room = text::name(&section.name);
    let Section { added, known, .. } = section;
    out.note(&format!(
        "{room}: {} new, {known} known already.",
        counted(*added, "message")
    ));
    let authors = |authors: usize| counted(authors as u64, "author");
    if !section.forked.is_empty() {
        out.note(&format!(
            "{room}: of {} another history is here, so theirs was left out; `tailchat status` says more.",
            authors(section.forked.len())
        ));
    }
    if !section.refused.is_empty() {
        out.note(&format!(
            "{room}: what {} wrote is beyond the limits of a room, and was left out.",
            authors(section.refused.len())
        ));
    }
    if out.is_json() {
        out.object(&json!({
            "room": section.room, "name": section.name, "added": added, "known": known, "missing": section.missing,
            "forked": section.forked, "refused": section.refused, "whole": section.whole,
        }))?;
    }
    Ok(())
}

/// Why not all of a section was taken in, though another attempt may do it.
fn left_out(section: &Section) -> Option<Failure> {
    if let Some(failure) = &section.unknown {
        return Some(failure.clone());
    }
    let missing = section.missing.len() as u64;
    (missing > 0).then(|| {
        let why = format!(
            "{}: the messages of {} begin later than what is here, and were left out; merge an earlier bundle first, \
             one made without --for or --since, or meet somebody who has them; then merge this one again",
            text::name(&section.name),
            counted(missing, "author")
        );
        Failure::new(Code::Failed, why)
    })
}
