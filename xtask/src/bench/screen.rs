//! The first screen of a room: a whole process from start to end. Knows nothing of what the program does meanwhile.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::probe::Times;
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::{Form, shows_newest};
use super::{Bench, first_opening, settle};
use crate::peers::Peer;

/// Screens of each size, unless that takes too long.
const SCREENS: usize = 100;
const SCREENS_MIN: usize = 3;
const SCREENS_WITHIN: Duration = Duration::from_secs(5);

/// A peer with a room of one size.
struct Reader {
    size: usize,
    peer: Peer,
    room: String,
}

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for form in Form::ALL {
        let place = bench.place()?;
        let mut readers = readers(bench, form, &place)?;
        screens(bench, &readers, &format!("{form}, no node running"))?;
        for reader in &mut readers {
            reader.peer.serve()?;
            settle(&reader.peer)?;
        }
        screens(bench, &readers, &format!("{form}, a node running"))?;
    }
    Ok(())
}

fn readers(bench: &mut Bench, form: Form, place: &TempDir) -> Result<Vec<Reader>> {
    let mut readers = Vec::new();
    for size in bench.sizes.clone() {
        let made = bench.rooms(form, 1, size)?;
        let peer = bench.peer(place, &format!("reader-{size}"), &made)?;
        let took = first_opening(&peer, &made)?;
        let opening = Line {
            what: format!("a room's first opening, whatever is derived from its log made anew, {form}"),
            unit: Unit::Millis,
            goal: Goal::default(),
        };
        bench.table.put(&opening, size, Reading::millis(took));
        let beside = len(&peer.data)?.saturating_sub(len(&peer.data.join("rooms"))?);
        let derived = Line {
            what: format!("on disk beside the log, {form}"),
            unit: Unit::BytesEach,
            goal: Goal::default(),
        };
        bench
            .table
            .put(&derived, size, Reading::of(beside as f64 / size as f64));
        let room = made.first()?.to_owned();
        readers.push(Reader { size, peer, room });
    }
    Ok(readers)
}

/// Screens of all sizes, in turn.
fn screens(bench: &mut Bench, readers: &[Reader], how: &str) -> Result<()> {
    let mut starts = Times::default();
    let mut screens = vec![Times::default(); readers.len()];
    for _ in 0..SCREENS {
        starts.push(start(&bench.program)?);
        for (reader, times) in readers.iter().zip(&mut screens) {
            if times.len() >= SCREENS_MIN && times.total() > SCREENS_WITHIN {
                continue;
            }
            let began = Instant::now();
            let printed = reader.peer.run(&["log", &reader.room, "--last", "50"])?;
            times.push(began.elapsed());
            ensure!(shows_newest(&printed), "the newest message is not on the screen");
        }
    }
    let line = Line {
        what: format!("first screen of a room, process start to end, {how}"),
        unit: Unit::Millis,
        goal: Goal {
            at_most: Some(30.0),
            growth: Some(1.5),
            ..Goal::default()
        },
    };
    for (reader, times) in readers.iter().zip(&screens) {
        let reading =
            Reading::times(times).against(times.middle(), starts.middle(), "a process that does nothing");
        bench.table.put(&line, reader.size, reading);
    }
    Ok(())
}

/// The least that any command of the program takes.
fn start(program: &Path) -> Result<Duration> {
    let began = Instant::now();
    let ended = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status()?;
    ensure!(ended.success(), "the program does not start");
    Ok(began.elapsed())
}

/// Bytes of the files in a folder.
fn len(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => len(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}
