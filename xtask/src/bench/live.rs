//! One live message from one peer to the other, at every size in turn, so that whatever else the machine does
//! falls on all of them. Knows requests and answers, nothing of what happens between the nodes.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Item};
use tempfile::TempDir;

use super::probe::{Probe, Times};
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::Form;
use super::{Bench, client, follow, send};
use crate::peers::Peer;

/// Messages timed one by one for each latency.
const SAMPLES: usize = 300;
/// Messages whose computing is divided among them.
const CPU_MESSAGES: u32 = 1_000;

/// Two connected peers, and what was measured between them.
struct Pair {
    size: usize,
    room: String,
    ann: Peer,
    bob: Peer,
    replies: Times,
    arrivals: Times,
    cpu: [Duration; 2],
}

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for form in Form::ALL {
        let mut places = Vec::new();
        let mut pairs = Vec::new();
        for size in bench.sizes.clone() {
            let place = bench.place()?;
            pairs.push(pair(bench, &place, form, size)?);
            places.push(place);
        }
        // What was made for this is on the disk before anything that syncs is timed.
        ensure!(Command::new("sync").status()?.success(), "sync(1) fails");
        let (mut syncs, mut trips) = (Times::default(), Times::default());
        let probes = (&mut bench.probe, &mut syncs, &mut trips);
        bench.runtime.block_on(measure(&mut pairs, probes))?;
        for pair in &pairs {
            tell(bench, form, pair, syncs.middle(), trips.middle());
        }
        // The processes end before their folders go.
        drop(pairs);
    }
    Ok(())
}

fn pair(bench: &Bench, place: &TempDir, form: Form, size: usize) -> Result<Pair> {
    let made = bench.rooms(form, 1, size)?;
    let (ann, bob) = bench.pair(place, &made)?;
    Ok(Pair {
        size,
        room: made.first()?.to_owned(),
        ann,
        bob,
        replies: Times::default(),
        arrivals: Times::default(),
        cpu: [Duration::ZERO; 2],
    })
}

async fn measure(
    pairs: &mut [Pair],
    (probe, syncs, trips): (&mut Probe, &mut Times, &mut Times),
) -> Result<()> {
    let mut clients = Vec::new();
    for pair in &*pairs {
        let (mut ann, mut bob) = (client(&pair.ann).await?, client(&pair.bob).await?);
        follow(&mut bob, &pair.room).await?;
        // The first one brings its author's profile along.
        one(&mut ann, &mut bob, &pair.room, "the first").await?;
        clients.push((ann, bob));
    }
    for n in 0..SAMPLES {
        for (pair, (ann, bob)) in pairs.iter_mut().zip(&mut clients) {
            syncs.push(probe.sync()?);
            trips.push(probe.round_trip()?);
            let (reply, arrival) = one(ann, bob, &pair.room, &format!("measured {n}")).await?;
            pair.replies.push(reply);
            pair.arrivals.push(arrival);
        }
    }
    for (pair, (ann, bob)) in pairs.iter_mut().zip(&mut clients) {
        let before = (pair.ann.cpu()?, pair.bob.cpu()?);
        for n in 0..CPU_MESSAGES {
            one(ann, bob, &pair.room, &format!("computed {n}")).await?;
        }
        let after = (pair.ann.cpu()?, pair.bob.cpu()?);
        pair.cpu = [after.0.since(&before.0), after.1.since(&before.1)].map(|cpu| cpu / CPU_MESSAGES);
    }
    Ok(())
}

/// From request to reply, and from request to the other peer's screen.
pub(super) async fn one(
    ann: &mut Client,
    bob: &mut Client,
    room: &str,
    text: &str,
) -> Result<(Duration, Duration)> {
    let began = Instant::now();
    send(ann, room, text.to_owned()).await?;
    let reply = began.elapsed();
    match bob.next().await? {
        Answer::Item(Item::Message(message)) if message.text == text => Ok((reply, began.elapsed())),
        other => bail!("expected \"{text}\", got {other:?}"),
    }
}

fn tell(bench: &mut Bench, form: Form, pair: &Pair, sync: Duration, trip: Duration) {
    let line = |what: &str, goal| Line {
        what: format!("{what}, {form}"),
        unit: Unit::Millis,
        goal,
    };
    let against = |times: &Times, limit, name| Reading::times(times).against(times.middle(), limit, name);
    let ratio = |ratio, growth| Goal {
        ratio: Some(ratio),
        growth: Some(growth),
        ..Goal::default()
    };
    let cpu = Goal {
        at_most: Some(0.5),
        ..Goal::default()
    };
    let figures = [
        (
            line("one `send`, control request to reply", ratio(3.0, 1.3)),
            against(&pair.replies, sync, "an fsync"),
        ),
        (
            line(
                "one live message, control request at A to shown at B, durable on both",
                ratio(2.5, 1.3),
            ),
            against(&pair.arrivals, sync * 2 + trip, "(2 fsyncs + a round trip)"),
        ),
        (
            line("CPU for one live message at its author", cpu),
            Reading::millis(pair.cpu[0]),
        ),
        (
            line("CPU for one live message at its reader", cpu),
            Reading::millis(pair.cpu[1]),
        ),
    ];
    for (line, reading) in figures {
        bench.table.put(&line, pair.size, reading);
    }
}
