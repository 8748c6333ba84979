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
        fs::write(
            folder.join(format!(
                "{}-{:02}-{:02}.txt",
                2000 + day / 336,
                day / 28 % 12 + 1,
                day % 28 + 1
            )),
            text,
        )?;
    }
    Ok(folder)
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

/// The texts of a corpus, as they might be typed.
pub(crate) fn texts(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for file in files {
        let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let said = text
            .lines()
            .filter_map(|line| line.split_once("> "))
            .map(|(_, said)| said.trim().to_owned());
        texts.extend(said.filter(|said| !said.is_empty()));
    }
    Ok(texts)
}
