//! Chat to run on: a folder of IRC logs if one is given, else a small made one. Knows no tailchat.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Lines of each of its days.
const LINES_A_DAY: u32 = 700;
const WORDS: [&str; 24] = [
    "the",
    "disk",
    "kernel",
    "reboot",
    "try",
    "again",
    "sudo",
    "works",
    "here",
    "grüße",
    "not",
    "sure",
    "paste",
    "it",
    "somewhere",
    "日本語",
    "which",
    "version",
    "thanks",
    "for",
    "your",
    "help",
    "☕",
    "today",
];

/// The IRC logs in a folder, sorted by name; without a folder, made ones of so many days, written to `scratch`.
pub(crate) fn files(corpus: Option<&Path>, days: u32, scratch: &Path) -> Result<Vec<PathBuf>> {
    let folder = match corpus {
        Some(folder) => folder.to_owned(),
        None => make(days, scratch)?,
    };
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be listed", folder.display()))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "txt"));
    files.sort();
    ensure!(
        files.len() >= 3,
        "{} holds fewer than three .txt files",
        folder.display()
    );
    Ok(files)
}

/// Writes days of chat with actions, joins, blank lines and letters of several scripts; the same every time.
fn make(days: u32, scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("corpus");
    fs::create_dir_all(&folder)?;
    let mut seed = 1;
    for day in 0..days {
        let mut text = String::new();
        for line in 0..LINES_A_DAY {
            let minute = line * 1440 / LINES_A_DAY;
            let (time, nick) = (
                format!("[{:02}:{:02}]", minute / 60, minute % 60),
                next(&mut seed, 40),
            );
            let words: Vec<_> = (0..=next(&mut seed, 14)).map(|_| word(&mut seed)).collect();
            let said = words.join(" ");
            match next(&mut seed, 30) {
                0 => writeln!(text, "{time}  * nick{nick} {said}")?,
                1 => writeln!(text, "=== nick{nick} [~n@example.org] has joined #made")?,
                2 => writeln!(text)?,
                _ => writeln!(text, "{time} <nick{nick}> {said}")?,
            }
        }
        fs::write(folder.join(day_file(2000, day)), text)?;
    }
    Ok(folder)
}

/// A log's name; months have 28 days, so that each is a date.
fn day_file(year: u32, day: u32) -> String {
    format!(
        "{}-{:02}-{:02}.txt",
        year + day / 336,
        day / 28 % 12 + 1,
        day % 28 + 1
    )
}

fn word(seed: &mut u64) -> &'static str {
    let at = next(seed, WORDS.len() as u64);
    usize::try_from(at)
        .ok()
        .and_then(|at| WORDS.get(at))
        .copied()
        .unwrap_or("so")
}

/// A number below `end`; Knuth's MMIX generator.
fn next(seed: &mut u64, end: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % end
}

/// A message of a corpus.
pub(crate) struct Said {
    pub(crate) nick: String,
    pub(crate) text: String,
}

/// The messages of a corpus, in order; what is no plain message is left out.
pub(crate) fn said(files: &[PathBuf]) -> Result<Vec<Said>> {
    let mut all = Vec::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let messages = text.lines().filter_map(|line| {
            let (front, text) = line.split_once("> ")?;
            let (_, nick) = front.split_once('<')?;
            let (nick, text) = (nick.to_owned(), text.trim().to_owned());
            (!text.is_empty()).then_some(Said { nick, text })
        });
        all.extend(messages);
    }
    ensure!(!all.is_empty(), "nobody says anything in the corpus");
    Ok(all)
}

/// Writes so many messages as IRC logs, beginning again at the first when all are written. They get days of their
/// own, since an import takes the same message at the same minute once.
pub(crate) fn write_irc(said: &[Said], count: usize, folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let mut said = said.iter().cycle().take(count).peekable();
    let mut files = Vec::new();
    for day in 0.. {
        if said.peek().is_none() {
            break;
        }
        let mut text = String::new();
        for (line, said) in (0..LINES_A_DAY).zip(&mut said) {
            let minute = line * 1440 / LINES_A_DAY;
            let (hour, minute) = (minute / 60, minute % 60);
            writeln!(text, "[{hour:02}:{minute:02}] <{}> {}", said.nick, said.text)?;
        }
        let file = folder.join(day_file(2010, day));
        fs::write(&file, text)?;
        files.push(file);
    }
    Ok(files)
}
