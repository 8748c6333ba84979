//! An empty peer catches up with one that has everything. Knows commands and a proxy; knows no block.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::meter::Meter;
use super::probe;
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::{Form, Made, shows_newest};
use super::{Bench, EQUAL_WITHIN};
use crate::peers::Peer;

/// How long the newest page may take to come at all.
const PREVIEW_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at the newcomer's screen.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for form in Form::ALL {
        for size in bench.sizes.clone() {
            let made = bench.rooms(form, 1, size)?;
            let place = bench.place()?;
            let mut ann = bench.opened_peer(&place, "ann", &made)?;
            ann.serve()?;
            let newcomer = Peer::start(&bench.program, place.path().join("newcomer"))?;
            catch_up(bench, (form, size), &made, (&ann, &newcomer))?;
            drop(newcomer);
            let newcomer = Peer::start(&bench.program, place.path().join("reader"))?;
            preview(bench, (form, size), &made, (&ann, &newcomer))?;
        }
    }
    Ok(())
}

fn catch_up(
    bench: &mut Bench,
    (form, size): (Form, usize),
    made: &Made,
    (ann, newcomer): (&Peer, &Peer),
) -> Result<()> {
    let room = made.first()?;
    let mut meter = Meter::to(&ann.listening, Duration::ZERO)?;
    newcomer.run(&["join", room, "--peer", &meter.address, "--wait", EQUAL_WITHIN])?;
    let screen = newcomer.run(&["log", room, "--last", "50"])?;
    let done = Instant::now();
    ensure!(
        shows_newest(&screen),
        "the newcomer has everything and does not show it"
    );
    let traffic = meter.traffic().context("the newcomer connects otherwise")?;
    let status = newcomer.status()?;
    ensure!(
        status["messages"].as_u64() == Some(size as u64),
        "the newcomer has {} of {size} messages",
        status["messages"]
    );
    let took = done - traffic.since;
    let copied = Duration::from_secs_f64(made.text_len as f64 / probe::memcpy());
    let rate = Line {
        what: format!("catch-up of an empty peer, durable and ready to be read, {form}"),
        unit: Unit::EachSecond,
        goal: Goal {
            at_least: Some(50_000.0),
            ..Goal::default()
        },
    };
    let reading = Reading::of(size as f64 / took.as_secs_f64());
    bench.table.put(
        &rate,
        size,
        reading.against(took, copied, "a memcpy of the texts"),
    );
    let wire = Line {
        what: format!("the same on the wire, both directions, {form}"),
        unit: Unit::BytesEach,
        goal: Goal {
            at_most: Some(35.0),
            ..Goal::default()
        },
    };
    bench
        .table
        .put(&wire, size, Reading::of(traffic.bytes as f64 / size as f64));
    for (who, peer) in [("the peer that had it", ann), ("the newcomer", newcomer)] {
        let line = Line {
            what: format!("peak memory of {who}, {form}"),
            unit: Unit::Bytes,
            goal: Goal::default(),
        };
        let peak = peer.memory()?.peak as f64;
        bench.table.put(&line, size, Reading::of(peak));
    }
    Ok(())
}

/// When a newcomer who looks first sees the newest messages, as people do: while the rest still comes.
fn preview(
    bench: &mut Bench,
    (form, size): (Form, usize),
    made: &Made,
    (ann, newcomer): (&Peer, &Peer),
) -> Result<()> {
    let room = made.first()?;
    let mut meter = Meter::to(&ann.listening, Duration::ZERO)?;
    newcomer.run(&["join", room, "--peer", &meter.address])?;
    let began = Instant::now();
    loop {
        let look = newcomer
            .spawn(&["log", room, "--last", "50"])?
            .wait_with_output()?;
        // What a peer only tells of stands beside the data.
        if shows_newest(&look.stdout) || shows_newest(&look.stderr) {
            break;
        }
        ensure!(
            began.elapsed() < PREVIEW_WITHIN,
            "the newcomer never sees the newest messages"
        );
        std::thread::sleep(LOOK_EVERY);
    }
    let seen = Instant::now();
    let since = meter.traffic().context("the newcomer connects otherwise")?.since;
    let line = Line {
        what: format!("an empty peer connects until `log --last 50` shows the newest message, {form}"),
        unit: Unit::Millis,
        goal: Goal {
            at_most: Some(500.0),
            ..Goal::default()
        },
    };
    bench.table.put(&line, size, Reading::millis(seen - since));
    Ok(())
}
