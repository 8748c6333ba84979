//! The one door to the terminal and to pipes: data to stdout, talk to stderr, all of it made visible first. Knows
//! no rooms and no messages.

use std::error::Error;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tailchat_core::text;
use tailchat_node::control::Code;

/// How often progress is written to a stderr that is no terminal.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Whoever read our stdout has read enough: `tailchat log kitchen | head`. That is no failure.
#[derive(Debug)]
pub(crate) struct ReaderGone;

impl fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl Error for ReaderGone {}

/// The command ends with this code and has said what there was to say.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) Code);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.0 as u8)
    }
}

impl Error for Told {}

/// Where a command writes.
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    json: bool,
    quiet: bool,
    /// The progress that stands on stderr now, and since when.
    progress: Option<(String, Instant)>,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self {
            out: BufWriter::new(io::stdout()),
            json,
            quiet,
            progress: None,
        }
    }

    /// Whether data is to be JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person reads stdout.
    pub(crate) fn is_terminal(&self) -> bool {
        self.out.get_ref().is_terminal()
    }

    /// A line of data for people.
    pub(crate) fn line(&mut self, line: &str) -> Result<()> {
        self.raw(text::visible(line).as_bytes())?;
        self.raw(b"\n")
    }

    /// A line of data for programs.
    pub(crate) fn object(&mut self, object: &impl Serialize) -> Result<()> {
        let line = json_line(object)?;
        self.raw(line.as_bytes())
    }

    /// Rows for people, the columns one below the other.
    pub(crate) fn table(&mut self, rows: &[Vec<String>]) -> Result<()> {
        let widths = widths(rows);
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                let gap = width.saturating_sub(text::columns(cell)) + 2;
                line.extend(std::iter::repeat_n(' ', gap));
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Bytes as they are: files, and what this program itself draws.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(refused)
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(refused)
    }

    /// Talk.
    pub(crate) fn note(&mut self, note: &str) {
        self.end_progress();
        if !self.quiet {
            say(note);
        }
    }

    /// What went wrong; never quiet.
    pub(crate) fn problem(&self, problem: &str) {
        say(&format!("tailchat: {problem}"));
    }

    /// How far a long work is: one line that changes on a terminal, a line now and then elsewhere.
    pub(crate) fn progress(&mut self, now: &str) {
        let terminal = io::stderr().is_terminal();
        let stands = match &self.progress {
            Some((shown, at)) => shown == now || !terminal && at.elapsed() < PROGRESS_EVERY,
            None => false,
        };
        if self.quiet || stands {
            return;
        }
        self.progress = Some((now.to_owned(), Instant::now()));
        if terminal {
            let line = text::visible(now);
            // A stderr that is gone cannot be told so.
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        } else {
            say(now);
        }
    }

    /// Leaves the last progress standing and goes on below it.
    pub(crate) fn end_progress(&mut self) {
        if self.progress.take().is_some() && io::stderr().is_terminal() {
            let _ = writeln!(io::stderr());
        }
    }
}

/// A number and what it counts.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Asks a person; yes if there is no person to ask.
pub(crate) fn confirm(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(true);
    }
    let question = text::visible(question);
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .context("the answer cannot be read")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// An object as a line of JSON that drives no terminal.
pub(crate) fn json_line(object: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(object).context("the answer cannot be written as JSON")?;
    Ok(format!("{}\n", text::escape_json(&json)))
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let width = text::columns(cell);
            match widths.get_mut(at) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    widths
}

/// What a person should know, whatever the command is about; never quiet.
pub(crate) fn warn(warning: &str) {
    say(&format!("tailchat: warning: {warning}"));
}

fn say(line: &str) {
    // A stderr that is gone cannot be told so.
    let _ = writeln!(io::stderr(), "{}", text::visible(line));
}

fn refused(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        ReaderGone.into()
    } else {
        anyhow::Error::new(error).context("standard output cannot be written")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell_on_screen() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(widths(&[row(["漢字", "a"]), row(["abc", ""])]), [4, 1]);
    }

    #[test]
    fn json_reads_back_and_drives_no_terminal() {
        let line = json_line(&"a\u{9b}b\u{202e}\u{1b}").unwrap();
        assert_eq!(line, "\"a\\u009bb\\u202e\\u001b\"\n");
        assert_eq!(
            serde_json::from_str::<String>(&line).unwrap(),
            "a\u{9b}b\u{202e}\u{1b}"
        );
    }
}
