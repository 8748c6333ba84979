//! `import`: finds the files, hands their messages over in batches, and tells what became of every line. Knows no
//! format; those are in `tailchat-import`.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use tailchat_import::lines::Lines;
use tailchat_import::{Counts, Form, Message, Reader, date_of};
use tailchat_node::client::Client;
use tailchat_node::control::{Code, Failure, IMPORT_MAX, Import, Item, Request};

use crate::args::{Everywhere, ImportArgs, ImportFormat};
use crate::print::{Output, counted};
use crate::reach::{Online, config, gather_one, with_node};

/// Bytes of texts in one request: well below what a line of the local socket holds.
const BATCH_LEN_MAX: usize = 1024 * 1024;

/// How large a buffer files are read through.
const BUFFER_LEN: usize = 64 * 1024;

/// `tailchat import`.
pub(crate) async fn import(args: ImportArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let files = find(&args.files, args.format, out)?;
    let mut counts = Counts::default();
    let done = with_node(config(everywhere, Online::No)?, async |client| {
        let mut batch = Batch::new(args.room);
        let all = files.len();
        for (at, file) in files.into_iter().enumerate() {
            read(&file, args.format, &mut batch, client, &mut counts).await?;
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
    if counts.unparsable > 0 && counts.messages + counts.actions + counts.channel + counts.too_long == 0 {
        let why = "no line is of the form that --format names, so nothing was brought in; `--format irc` tells by itself \
                   which IRC program wrote a log";
        return Err(Failure::new(Code::Failed, why).into());
    }
    Ok(())
}

/// The files to read, all of them looked at before anything is brought in.
fn find(paths: &[PathBuf], format: ImportFormat, out: &mut Output) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            look_at(path, format)?;
            found.push(path.clone());
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
        inside.retain(|path| is_wanted(path, format));
        let passed_over = all - inside.len();
        if passed_over > 0 {
            out.note(&format!(
                "{}: {} passed over; their names are of another form.",
                path.display(),
                counted(passed_over as u64, "file")
            ));
        }
        for path in inside {
            match look_at(&path, format) {
                Ok(()) => found.push(path),
                Err(error) => out.note(&format!("Passed over: {error:#}.")),
            }
        }
    }
    Ok(found)
}

/// Whether a file in a folder is one of those meant.
fn is_wanted(path: &Path, format: ImportFormat) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match format {
        ImportFormat::Irc => matches!(extension, Some("txt" | "log" | "weechatlog")),
        ImportFormat::Weechat => matches!(extension, Some("weechatlog" | "log")),
        ImportFormat::Irssi => matches!(extension, Some("log")),
        ImportFormat::Jsonl => matches!(extension, Some("jsonl" | "ndjson" | "json")),
    }
}

/// What can be told before anything is brought in: whether it is there, a text, and of a form that we know. A pipe gives
/// its bytes once only, so its turn comes when it is read.
fn look_at(path: &Path, format: ImportFormat) -> Result<()> {
    if path != Path::new("-") && !fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        open(path, format)?;
    }
    Ok(())
}

/// The file's lines, and what reads them.
fn open(path: &Path, format: ImportFormat) -> Result<(Lines<Box<dyn BufRead>>, Reader)> {
    let refused = |why: String| Failure::new(Code::Usage, format!("{}: {why}", path.display()));
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::with_capacity(BUFFER_LEN, io::stdin()))
    } else {
        // Its own words name the file.
        let file = fs::File::open(path).map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
        Box::new(BufReader::with_capacity(BUFFER_LEN, file))
    };
    let lines = Lines::open(input).map_err(|error| refused(error.to_string()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let day = date_of(&name);
    let form = match format {
        ImportFormat::Jsonl => return Ok((lines, Reader::jsonl())),
        ImportFormat::Weechat => Form::Weechat,
        ImportFormat::Irssi => Form::Irssi,
        ImportFormat::Irc => {
            Form::told(&lines.first(), day.is_some()).map_err(|why| refused(why.to_owned()))?
        }
    };
    Ok((lines, Reader::irc(form, day)))
}

async fn read(
    path: &Path,
    format: ImportFormat,
    batch: &mut Batch,
    client: &mut Client,
    counts: &mut Counts,
) -> Result<()> {
    let (mut lines, mut reader) = open(path, format)?;
    let unreadable = || format!("{} cannot be read", path.display());
    while let Some(line) = lines.next().with_context(unreadable)? {
        if let Some(message) = reader.line(line, counts) {
            batch.push(imported(message), client, counts).await?;
        }
    }
    Ok(())
}

fn imported(message: Message) -> Import {
    Import {
        sent_at_ms: message.sent_at_ms,
        rank: message.rank,
        nick: message.nick,
        action: message.action,
        text: message.text,
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
        (
            counts.channel,
            "lines of the channel or a program left out, such as joins and notices",
        ),
        (counts.blank, "blank lines left out"),
        (counts.unparsable, "lines of another form left out"),
        (counts.too_long, "messages too long for a room left out"),
        (counts.latin1, "lines that are not UTF-8 read as Windows-1252"),
    ];
    let told = left_out.iter().filter(|(count, _)| *count > 0);
    parts.extend(told.map(|(count, what)| format!("{count} {what}")));
    parts.join("; ")
}
