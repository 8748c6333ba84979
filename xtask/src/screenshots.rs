//! `cargo xtask screenshots`: the README's pictures, drawn from the real program in a pseudo-terminal. With `--check`
//! they are drawn again and compared with those that are there, but for what differs from day to day and run to run:
//! digits, names of days and months, colours. Knows what a person does, not how the program draws.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::peers::{self, Peer};
use crate::pty::Pty;
use crate::workspace;

/// Where the pictures are.
const PICTURES: &str = "docs/pictures";
const SHOWN_WITHIN: Duration = Duration::from_secs(30);
/// Nothing more is drawn.
const QUIET: Duration = Duration::from_millis(700);
const QUIT: &[u8] = b"\x11";

/// What was said before the pictures begin.
const HISTORY: &str = r#"{"author":"dana","sent_at":"2026-11-20T18:02:00Z","text":"the engine is back from the yard, started at the first turn"}
{"author":"eli","sent_at":"2026-11-20T18:05:00Z","text":"**good.** who has the charts?"}
{"author":"dana","sent_at":"2026-11-20T18:06:00Z","text":"on the boat, and here: https://example.org/charts"}
{"author":"eli","sent_at":"2026-11-20T18:09:00Z","text":"then all that is missing is\n- bread\n- somebody who wakes us"}
"#;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only compare with the pictures that are there
    #[arg(long)]
    check: bool,
}

/// A picture: its file's name, and the screen.
struct Picture {
    name: &'static str,
    screen: vt100::Screen,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let program = peers::build()?;
    let folder = workspace::root()?.join(PICTURES);
    let mut pictures = vec![first_run(&program)?];
    pictures.extend(crew(&program)?);
    for picture in &pictures {
        let path = folder.join(format!("{}.svg", picture.name));
        if args.check {
            check(&path, &picture.screen)?;
            println!("screenshots: {} still holds", path.display());
        } else {
            fs::create_dir_all(&folder)?;
            fs::write(&path, svg(&picture.screen))?;
            println!("screenshots: {} is drawn", path.display());
        }
    }
    Ok(())
}

/// What somebody sees who starts the program for the first time.
fn first_run(program: &Path) -> Result<Picture> {
    let place = tempfile::tempdir()?;
    let peer = Peer::new(program, place.path().join("ann"));
    let mut ui = open(&peer, (80, 24), &["--name", "ann"])?;
    ui.until(SHOWN_WITHIN, |screen| screen.contents().contains("name: ann"))?;
    ui.press(b"\r")?;
    ui.until(SHOWN_WITHIN, |screen| screen.contents().contains("Join"))?;
    ui.settle(QUIET);
    let screen = ui.screen().clone();
    ui.end(QUIT)?;
    Ok(Picture {
        name: "first-run",
        screen,
    })
}

/// Three people in a room; one of them wrote while nobody was there, and comes back.
fn crew(program: &Path) -> Result<Vec<Picture>> {
    let place = tempfile::tempdir()?;
    let (ann, mut bob, cleo) = (
        peer(program, &place, "ann")?,
        peer(program, &place, "bob")?,
        peer(program, &place, "cleo")?,
    );
    let history = place.path().join("history.jsonl");
    fs::write(&history, HISTORY)?;
    ann.run(&["new", "crew", "--quiet"])?;
    let file = history
        .to_str()
        .context("the scratch folder has a strange name")?;
    ann.run(&["import", "crew", file, "--format", "jsonl", "--quiet"])?;
    let mut ui = open(&ann, (96, 26), &[])?;
    ui.until(SHOWN_WITHIN, |screen| screen.contents().contains("wakes us"))?;
    let invite = ann.json(&["rooms"])?;
    let invite = invite[0]["invite"].as_str().context("the room has no invite")?;
    for other in [&bob, &cleo] {
        other.run(&[
            "--listen",
            "127.0.0.1:0",
            "join",
            invite,
            "--wait",
            "20",
            "--quiet",
        ])?;
    }
    early_in_a_minute();
    bob.run(&["send", "crew", "filled the water tanks, both of them", "--quiet"])?;
    bob.run(&[
        "send",
        "crew",
        "the radio says `SW 5`, gusts of 6 after noon",
        "--quiet",
    ])?;
    for text in [
        "We sail at nine. @bob, you bring the bread?",
        "And who takes the first watch?",
    ] {
        // The times in the picture are those of its making; these come after bob's.
        thread::sleep(Duration::from_millis(20));
        ui.press(text.as_bytes())?;
        ui.press(b"\r")?;
    }
    ui.until(SHOWN_WITHIN, |screen| screen.contents().contains("first watch?"))?;
    ui.settle(QUIET);
    let offline = ui.screen().clone();
    bob.serve()?;
    ui.until(SHOWN_WITHIN, |screen| {
        let text = screen.contents();
        text.contains("water tanks") && text.contains("equal with bob")
    })?;
    ui.settle(QUIET);
    let back = ui.screen().clone();
    ui.press(b"\x1bOP")?;
    ui.until(SHOWN_WITHIN, |screen| screen.contents().contains("help"))?;
    ui.settle(QUIET);
    let help = ui.screen().clone();
    ui.end(QUIT)?;
    let pictures = [("offline", offline), ("back", back), ("help", help)];
    Ok(pictures
        .into_iter()
        .map(|(name, screen)| Picture { name, screen })
        .collect())
}

/// Waits until a minute begins, if it soon ends: a message of another minute has its time before it.
fn early_in_a_minute() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let second = now.unwrap_or_default().as_secs() % 60;
    if second > 40 {
        thread::sleep(Duration::from_secs(60 - second));
    }
}

fn peer(program: &Path, place: &TempDir, name: &str) -> Result<Peer> {
    let peer = Peer::new(program, place.path().join(name));
    peer.run(&["name", name, "--quiet"])?;
    Ok(peer)
}

fn open(peer: &Peer, size: (u16, u16), args: &[&str]) -> Result<Pty> {
    let home = peer.data.parent().unwrap_or(&peer.data);
    let mut command = peer.command(&[&["--listen", "127.0.0.1:0", "--no-discovery"], args].concat());
    command
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env_remove("NO_COLOR");
    Pty::run(&command, size)
}

/// Whether a picture shows what this screen does.
fn check(path: &PathBuf, screen: &vt100::Screen) -> Result<()> {
    let there = fs::read_to_string(path).with_context(|| {
        format!(
            "there is no picture {}; run `cargo xtask screenshots`",
            path.display()
        )
    })?;
    let (there, here) = (lasting(&words(&there)), lasting(&words(&svg(screen))));
    ensure!(
        there == here,
        "{} no longer shows what the program does; look at it and run `cargo xtask screenshots`\n\
         there:\n{there}\nhere:\n{here}",
        path.display()
    );
    Ok(())
}

/// The text of a picture without what differs from one run to the next.
fn lasting(text: &str) -> String {
    const NAMES: [&str; 19] = [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let mut lasting = String::new();
    for c in text.chars() {
        // A number is as good as another: the first of a month has one digit, the last has two.
        match c {
            '0'..='9' if lasting.ends_with('0') => {}
            '0'..='9' => lasting.push('0'),
            c => lasting.push(c),
        }
    }
    for name in NAMES {
        lasting = lasting.replace(name, "Day");
    }
    // A date in the middle of a line moves what stands beside it.
    let rows = lasting.lines().map(|row| row.replace(['─', ' '], ""));
    rows.collect::<Vec<_>>().join("\n")
}

/// What stands in a picture, without its tags and its styles: people's colours follow IDs that are random.
fn words(svg: &str) -> String {
    let drawn = svg.split_once("</style>").map_or(svg, |(_, drawn)| drawn);
    let mut text = String::new();
    let mut in_tag = false;
    for c in drawn.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    text
}

fn svg(screen: &vt100::Screen) -> String {
    anstyle_svg::Term::new()
        .palette(anstyle_svg::WIN10_CONSOLE)
        .render_svg(&ansi(screen))
}

/// The screen as text with the sequences that colour it.
fn ansi(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let mut text = String::new();
    for row in 0..rows {
        let last = (0..columns).rev().find(|column| {
            let cell = screen.cell(row, *column);
            cell.is_some_and(|cell| cell.has_contents() && cell.contents() != " " || cell.inverse())
        });
        for column in 0..last.map_or(0, |last| last + 1) {
            let Some(cell) = screen
                .cell(row, column)
                .filter(|cell| !cell.is_wide_continuation())
            else {
                continue;
            };
            text += &style(cell);
            text += if cell.has_contents() { cell.contents() } else { " " };
        }
        text += "\x1b[0m\n";
    }
    text
}

fn style(cell: &vt100::Cell) -> String {
    let mut codes = String::from("\x1b[0");
    let flags = [
        (cell.bold(), 1),
        (cell.dim(), 2),
        (cell.italic(), 3),
        (cell.underline(), 4),
        (cell.inverse(), 7),
    ];
    for (is_set, code) in flags {
        if is_set {
            let _ = write!(codes, ";{code}");
        }
    }
    for (colour, code) in [(cell.fgcolor(), 38), (cell.bgcolor(), 48)] {
        let _ = match colour {
            vt100::Color::Default => Ok(()),
            vt100::Color::Idx(index) => write!(codes, ";{code};5;{index}"),
            vt100::Color::Rgb(red, green, blue) => write!(codes, ";{code};2;{red};{green};{blue}"),
        };
    }
    codes + "m"
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn a_picture_lasts_over_the_end_of_a_month() {
        let november = "── Monday, 30 November 2026 ──\n23:59 ann  12 boats";
        let december = "── Tuesday, 1 December 2026 ──\n00:00 ann  9 boats";
        assert_eq!(lasting(november), lasting(december));
        assert_ne!(
            lasting(november),
            lasting("── Monday, 30 November 2026 ──\n23:59 ann  boats")
        );
    }
}
