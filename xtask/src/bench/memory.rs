//! What a node holds in memory: idle with many rooms, busy with a large one. Knows what the system tells of a
//! process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};

use super::report::{Goal, Line, Reading, Unit};
use super::rooms::Form;
use super::{Bench, EQUAL_WITHIN, ROOMS, client, send, settle};
use crate::peers::Peer;

/// Between two messages of a busy peer.
const WRITE_EVERY: Duration = Duration::from_millis(10);

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for size in bench.sizes.clone() {
        idle(bench, size)?;
        busy(bench, size)?;
    }
    Ok(())
}

fn idle(bench: &mut Bench, size: usize) -> Result<()> {
    let made = bench.rooms(Form::Typed, ROOMS, size)?;
    let place = bench.place()?;
    let mut ann = bench.opened_peer(&place, "ann", &made)?;
    ann.serve()?;
    settle(&ann)?;
    let memory = ann.memory()?;
    let what = format!("memory of an idle node, all messages in {ROOMS} rooms");
    put(bench, &what, size, memory.resident, Some(60e6));
    put(bench, &format!("{what}, peak"), size, memory.peak, Some(60e6));
    Ok(())
}

/// One room; the node and its peer both write while it serves a newcomer.
fn busy(bench: &mut Bench, size: usize) -> Result<()> {
    let made = bench.rooms(Form::Typed, 1, size)?;
    let place = bench.place()?;
    let (ann, bob) = bench.pair(&place, &made)?;
    let newcomer = Peer::start(&bench.program, place.path().join("newcomer"))?;
    let room = made.first()?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers = [&ann, &bob].map(|peer| scope.spawn(|| write(peer, room, &done)));
        let joined = newcomer.run(&["join", room, "--peer", &ann.listening, "--wait", EQUAL_WITHIN]);
        done.store(true, Ordering::Relaxed);
        for writer in writers {
            match writer.join() {
                Ok(written) => written?,
                Err(_) => bail!("a writer panicked"),
            }
        }
        joined
    })?;
    let memory = ann.memory()?;
    let what = "memory of a busy node: one room, sending, receiving, serving a newcomer";
    put(bench, what, size, memory.resident, None);
    put(bench, &format!("{what}, peak"), size, memory.peak, Some(100e6));
    let newcomer = newcomer.memory()?.peak;
    put(bench, "memory of that newcomer, peak", size, newcomer, None);
    Ok(())
}

/// Writes until it is done.
fn write(peer: &Peer, room: &str, done: &AtomicBool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut writer = client(peer).await?;
        while !done.load(Ordering::Relaxed) {
            send(&mut writer, room, "written while a newcomer catches up".into()).await?;
            tokio::time::sleep(WRITE_EVERY).await;
        }
        Ok(())
    })
}

fn put(bench: &mut Bench, what: &str, size: usize, bytes: u64, most: Option<f64>) {
    let line = Line {
        what: what.to_owned(),
        unit: Unit::Bytes,
        goal: Goal {
            at_most: most,
            ..Goal::default()
        },
    };
    bench.table.put(&line, size, Reading::of(bytes as f64));
}
