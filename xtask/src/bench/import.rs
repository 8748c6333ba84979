//! Messages brought in from elsewhere, by the command and files that people use.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::report::{Goal, Line, Reading, Unit};
use super::{Bench, EQUAL_WITHIN, probe};
use crate::corpus;
use crate::peers::Peer;

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for size in bench.sizes.clone() {
        let place = bench.place()?;
        let files = corpus::write_irc(&bench.said, size, &place.path().join("irc"))?;
        let ann = Peer::start(&bench.program, place.path().join("ann"))?;
        ann.run(&["new", "bench", "--quiet"])?;
        let took = import(&ann, &files, size)?;
        tell(bench, "alone", size, took);
        let line = Line {
            what: "peak memory of the node that imported".into(),
            unit: Unit::Bytes,
            goal: Goal::default(),
        };
        let peak = ann.memory()?.peak as f64;
        bench.table.put(&line, size, Reading::of(peak));
        drop(ann);

        let ann = Peer::start(&bench.program, place.path().join("ann-too"))?;
        let bob = Peer::start(&bench.program, place.path().join("bob"))?;
        let made = ann.json(&["new", "bench"])?;
        let invite = made.first().and_then(|room| room["invite"].as_str());
        let invite = invite.context("no room was made")?;
        bob.run(&["join", invite, "--wait", "20"])?;
        let took = import(&ann, &files, size)?;
        tell(bench, "a connected peer catching up meanwhile", size, took);
        ann.run(&["status", "--wait", EQUAL_WITHIN])?;
    }
    Ok(())
}

fn import(peer: &Peer, files: &[PathBuf], size: usize) -> Result<Duration> {
    let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
    let mut args = vec!["import", "bench", "--format", "irc"];
    args.extend(files.iter().map(AsRef::as_ref));
    let began = Instant::now();
    let told = peer.json(&args)?;
    let took = began.elapsed();
    let added = told.first().and_then(|told| told["added"].as_u64());
    ensure!(
        added == Some(size as u64),
        "{added:?} of {size} messages were imported"
    );
    Ok(took)
}

fn tell(bench: &mut Bench, how: &str, size: usize, took: Duration) {
    let line = Line {
        what: format!("import, durable, {how}"),
        unit: Unit::EachSecond,
        goal: Goal {
            at_least: Some(40_000.0),
            ..Goal::default()
        },
    };
    let text_len: usize = bench
        .said
        .iter()
        .cycle()
        .take(size)
        .map(|said| said.text.len())
        .sum();
    let copied = Duration::from_secs_f64(text_len as f64 / probe::memcpy());
    let reading = Reading::of(size as f64 / took.as_secs_f64());
    bench.table.put(
        &line,
        size,
        reading.against(took, copied, "a memcpy of the texts"),
    );
}
