//! `import`: finds the files, hands their messages over in batches, and tells what became of every line. Knows no
//! format; those are in [`crate::import`].

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use tailchat_node::client::Client;
use tailchat_node::control::{Code, Failure, IMPORT_MAX, Import, Item, Request};

use crate::args::{Everywhere, ImportArgs, ImportFormat};
use crate::import::{Counts, Reader, Source, date_of};
use crate::print::{Output, counted};
use crate::reach::{Online, config, gather_one, with_node};

/// Bytes of texts in one request: well below what a line of the local socket holds.
const BATCH_LEN_MAX: usize = 1024 * 1024;

/// A file to read, checked as far as its name tells.
struct Found {
    path: PathBuf,
    source: Source,
}

/// `tailchat import`.
pub(crate) async fn import(args: ImportArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let files = find(&args.files, args.format, out)?;
    let mut counts = Counts::default();
    let done = with_node(config(everywhere, Online::No)?, async |client| {
        let mut batch = Batch::new(args.room);
        let all = files.len();
        for (at, file) in files.into_iter().enumerate() {
            read(file, &mut batch, client, &mut counts).await?;
            counts.files += 1;
            out.progress(&format!(
                "{} of {all} files, {} messages",
                at + 1,
                counts.messages + counts.actions
            ));
        }
        batch.send(client, &mut counts).await
    })
    .await;
    out.end_progress();
    if let Err(error) = done {
        out.note(&format!(
            "Not all was brought in: {} messages are new in the room. The same command again adds only the rest.",
            counts.added
        ));
        return Err(error);
    }
    out.note(&summary(&counts));
    if out.is_json() {
        out.object(&counts)?;
    }
    Ok(())
}

/// The files to read, all of them checked before anything is brought in.
fn find(paths: &[PathBuf], format: ImportFormat, out: &mut Output) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(named(path, format)?);
            continue;
        }
        let mut inside = Vec::new();
        for entry in fs::read_dir(path)? {
            let path = entry?.path();
            if path.is_file() {
                inside.push(path);
            }
        }
        inside.sort();
        let all = inside.len();
        let before = found.len();
        found.extend(
            inside
                .into_iter()
                .filter(|path| is_wanted(path, format))
                .filter_map(|path| named(&path, format).ok()),
        );
        let passed_over = all - (found.len() - before);
        if passed_over > 0 {
            out.note(&format!(
                "{}: {} passed over; their names are of another form.",
                path.display(),
                counted(passed_over as u64, "file")
            ));
        }
    }
    Ok(found)
}

/// Whether a file in a folder is one of those meant.
fn is_wanted(path: &Path, format: ImportFormat) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match format {
        ImportFormat::Irc => matches!(extension, Some("txt" | "log")),
        ImportFormat::Jsonl => matches!(extension, Some("jsonl" | "ndjson" | "json")),
    }
}

fn named(path: &Path, format: ImportFormat) -> Result<Found> {
    let source = match format {
        ImportFormat::Jsonl => Source::Jsonl,
        ImportFormat::Irc => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let date = date_of(&name).ok_or_else(|| {
                let why = format!(
                    "{}: a channel's log says the hour only, so its name has to begin with the date, YYYY-MM-DD; \
                     nothing was brought in",
                    path.display()
                );
                Failure::new(Code::Usage, why)
            })?;
            Source::Irc(date)
        }
    };
    Ok(Found {
        path: path.to_owned(),
        source,
    })
}

async fn read(file: Found, batch: &mut Batch, client: &mut Client, counts: &mut Counts) -> Result<()> {
    let mut reader = Reader::new(file.source);
    let mut lines: Box<dyn BufRead> = if file.path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(fs::File::open(&file.path)?))
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let len = lines
            .read_until(b'\n', &mut line)
            .with_context(|| format!("{} cannot be read", file.path.display()))?;
        if len == 0 {
            return Ok(());
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(message) = reader.line(line, counts) {
            batch.push(message, client, counts).await?;
        }
    }
}

/// Messages that go together.
struct Batch {
    room: String,
    messages: Vec<Import>,
    len: usize,
}

impl Batch {
    fn new(room: String) -> Self {
        Self {
            room,
            messages: Vec::new(),
            len: 0,
        }
    }

    async fn push(&mut self, message: Import, client: &mut Client, counts: &mut Counts) -> Result<()> {
        self.len += message.text.len();
        self.messages.push(message);
        if self.messages.len() >= IMPORT_MAX || self.len >= BATCH_LEN_MAX {
            self.send(client, counts).await?;
        }
        Ok(())
    }

    /// Sends what there is; also nothing, so that a room that is not there is told of an empty file, too.
    async fn send(&mut self, client: &mut Client, counts: &mut Counts) -> Result<()> {
        let request = Request::Import {
            room: self.room.clone(),
            messages: std::mem::take(&mut self.messages),
        };
        self.len = 0;
        let (added, known) = gather_one(client, request, |item| match item {
            Item::Imported { added, known } => Some((added, known)),
            _ => None,
        })
        .await?;
        counts.added += added;
        counts.known += known;
        Ok(())
    }
}

fn summary(counts: &Counts) -> String {
    let mut parts = vec![
        counted(counts.files, "file"),
        counted(counts.messages, "message"),
        counted(counts.actions, "action"),
        format!("{} new in the room", counts.added),
        format!("{} known already", counts.known),
    ];
    let left_out = [
        (counts.channel, "lines of the channel itself left out"),
        (counts.blank, "blank lines left out"),
        (counts.unparsable, "lines of another form left out"),
        (counts.too_long, "messages too long for a room left out"),
        (counts.latin1, "lines read as Latin-1"),
    ];
    let told = left_out.iter().filter(|(count, _)| *count > 0);
    parts.extend(told.map(|(count, what)| format!("{count} {what}")));
    parts.join("; ")
}
