//! The terminal UI as a person has it before them: how long until it shows a room, from a key to what it changes on the
//! screen while others write, from page to page through all of a room, and what it costs when nothing happens.
//! Knows keys and what is to be seen, not how it is drawn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::probe::Times;
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::{Form, NEWEST};
use super::{Bench, client, send, settle};
use crate::peers::{Peer, Process};
use crate::pty::Pty;

/// Starts of each size.
const STARTS: usize = 20;
/// A terminal as most people have it.
const USUAL: (u16, u16) = (120, 40);
/// One in which all of a million messages are a few thousand pages.
const TALL: (u16, u16) = (160, 200);
const SHOWN_WITHIN: Duration = Duration::from_secs(60);
/// Nothing more is drawn: it is over.
const QUIET: Duration = Duration::from_millis(500);
/// Keys typed while others write.
const KEYS: usize = 300;
/// Between two of them.
const KEY_EVERY: Duration = Duration::from_millis(37);
/// Between two messages of others: 20 a second.
const MESSAGE_EVERY: Duration = Duration::from_millis(50);
const IDLE_FOR: Duration = Duration::from_secs(5);

/// How the other's messages begin.
const FLOOD: &str = "meanwhile";
const QUIT: &[u8] = b"\x11";
const PAGE_UP: &[u8] = b"\x1b[5~";

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for size in bench.sizes.clone() {
        let place = bench.place()?;
        let made = bench.rooms(Form::Typed, 1, size)?;
        let (ann, mut bob) = bench.pair(&place, &made)?;
        let room = made.first()?.to_owned();
        bob.run(&["read", &room])?;
        attached(bench, &bob, size)?;
        bob.stop()?;
        starts(bench, &bob, size)?;
        typing(bench, (&ann, &bob), &room, size)?;
        scrolling(bench, &bob, size)?;
    }
    Ok(())
}

/// The UI, once it shows the newest message, and how long that took.
fn opened(peer: &Peer, size: (u16, u16), newest: &str) -> Result<(Pty, Duration)> {
    let mut command = peer.command(&["--listen", "127.0.0.1:0", "--no-discovery"]);
    command.env("LANG", "C.UTF-8").env("TZ", "UTC");
    let began = Instant::now();
    let mut ui = Pty::run(&command, size)?;
    let shown = ui.until(SHOWN_WITHIN, |screen| screen.contents().contains(newest))?;
    Ok((ui, shown - began))
}

fn line(what: &str, unit: Unit, at_most: f64) -> Line {
    Line {
        what: format!("terminal UI: {what}"),
        unit,
        goal: Goal {
            at_most: Some(at_most),
            ..Goal::default()
        },
    }
}

/// Beside a node that runs.
fn attached(bench: &mut Bench, peer: &Peer, size: usize) -> Result<()> {
    let (mut ui, _) = opened(peer, USUAL, NEWEST)?;
    ui.settle(QUIET);
    let memory = Process(ui.pid()?).memory()?;
    let what = line("memory beside a node", Unit::Bytes, 30e6);
    bench.table.put(&what, size, Reading::of(memory.peak as f64));
    ui.end(QUIT)
}

/// From the start of the process, which is the node too, to the room's newest message.
fn starts(bench: &mut Bench, peer: &Peer, size: usize) -> Result<()> {
    let mut times = Times::default();
    for _ in 0..STARTS {
        let (mut ui, took) = opened(peer, USUAL, NEWEST)?;
        times.push(took);
        ui.settle(QUIET / 5);
        ui.end(QUIT)?;
    }
    let what = line("start to first screen", Unit::Millis, 50.0);
    bench.table.put(&what, size, Reading::times(&times));
    Ok(())
}

/// A person types while another one's messages come in; then nobody does anything.
fn typing(bench: &mut Bench, (ann, bob): (&Peer, &Peer), room: &str, size: usize) -> Result<()> {
    let (mut ui, _) = opened(bob, USUAL, NEWEST)?;
    let flood_ends = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood(ann, room, &flood_ends));
        let typed = typed(&mut ui);
        flood_ends.store(true, Ordering::Relaxed);
        flood
            .join()
            .unwrap_or_else(|_| anyhow::bail!("the flood panicked"))?;
        typed
    })?;
    let what = line(
        "a key to the screen, p99, at 20 messages a second",
        Unit::Millis,
        10.0,
    );
    bench
        .table
        .put(&what, size, Reading::millis(times.percentile(99)));
    settle(ann)?;
    ui.settle(QUIET);
    std::thread::sleep(QUIET * 4);
    let process = Process(ui.pid()?);
    let before = process.cpu()?;
    std::thread::sleep(IDLE_FOR);
    let idle = process.cpu()?.since(&before).as_secs_f64() * 1e3 / IDLE_FOR.as_secs_f64();
    let what = line(
        "computing when nothing happens, the node with it, a second",
        Unit::Millis,
        10.0,
    );
    bench.table.put(&what, size, Reading::of(idle));
    ui.end(QUIT)
}

/// Messages of the other peer, 20 a second.
fn flood(ann: &Peer, room: &str, ends: &AtomicBool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut client = client(ann).await?;
        let mut every = tokio::time::interval(MESSAGE_EVERY);
        for n in 0.. {
            every.tick().await;
            if ends.load(Ordering::Relaxed) {
                break;
            }
            send(&mut client, room, format!("{FLOOD} {n}")).await?;
        }
        Ok(())
    })
}

fn typed(ui: &mut Pty) -> Result<Times> {
    let flooded = |screen: &vt100::Screen| screen.contents().contains(FLOOD);
    ui.until(SHOWN_WITHIN, flooded)
        .context("the other's messages do not come")?;
    let mut times = Times::default();
    let mut written = String::new();
    for n in 0..KEYS {
        // Lines of a word that nobody writes; each is taken away again before it wraps.
        if written.len() >= 40 {
            ui.press(&vec![0x7f; written.len()])?;
            written.clear();
        }
        let key = if n % 2 == 0 { 'z' } else { 'q' };
        written.push(key);
        ui.look(KEY_EVERY);
        let pressed = ui.press(&[key as u8])?;
        let input = format!("> {written}");
        let shown = ui.until(SHOWN_WITHIN, |screen| screen.contents().contains(&input))?;
        times.push(shown.saturating_duration_since(pressed));
    }
    ui.press(&vec![0x7f; written.len()])?;
    Ok(times)
}

/// From the newest message to the oldest, page by page.
fn scrolling(bench: &mut Bench, peer: &Peer, size: usize) -> Result<()> {
    let (mut ui, _) = opened(peer, TALL, FLOOD)?;
    ui.settle(QUIET);
    let (mut times, mut before) = (Times::default(), ui.text());
    loop {
        let pressed = ui.press(PAGE_UP)?;
        let Ok(moved) = ui.until(QUIET, |screen| screen.contents() != before) else {
            break;
        };
        times.push(moved.saturating_duration_since(pressed));
        ui.look(Duration::from_millis(1));
        before = ui.text();
    }
    let pages = size / usize::from(TALL.1);
    ensure!(
        times.len() >= pages,
        "after {} pages of {pages} it stands still:\n{}",
        times.len(),
        ui.text()
    );
    let what = line(
        "the longest pause from page to page, newest to oldest",
        Unit::Millis,
        30.0,
    );
    bench
        .table
        .put(&what, size, Reading::millis(times.percentile(100)));
    ui.end(QUIT)
}
