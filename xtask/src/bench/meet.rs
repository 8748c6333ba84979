//! Peers that meet again: with nothing new, and after both wrote apart. Measured by a proxy between them and by
//! what their programs are shown; knows no frame.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Item};

use super::meter::{Meter, Traffic};
use super::probe::Times;
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::Form;
use super::{Bench, EQUAL_WITHIN, ROOMS, client, follow, send};
use crate::corpus::Said;
use crate::peers::Peer;

/// Times that peers meet with nothing new.
const MEETINGS: usize = 5;
/// Nothing moves for so long: it is over.
const QUIET: Duration = Duration::from_millis(400);
const QUIET_WITHIN: Duration = Duration::from_secs(20);
/// Messages that each side writes apart.
const APART: usize = 1_000;
/// The way from one peer to the other when round trips are counted: far more than what is computed meanwhile.
const LONG_WAY: Duration = Duration::from_millis(100);
const SHOWN_WITHIN: Duration = Duration::from_secs(120);

/// Many rooms, nothing new in any.
pub(super) fn reconnect(bench: &mut Bench) -> Result<()> {
    for size in bench.sizes.clone() {
        let made = bench.rooms(Form::Typed, ROOMS, size)?;
        let place = bench.place()?;
        let (mut ann, mut bob) = bench.two(&place, &made)?;
        let mut meter = Meter::to(&ann.listening, Duration::ZERO)?;
        bob.run(&["peers", "add", &meter.address])?;
        bob.run(&["status", "--wait", EQUAL_WITHIN])?;
        let (mut times, mut trips, mut bytes) = (Times::default(), Times::default(), 0);
        for _ in 0..MEETINGS {
            (0..20).try_for_each(|_| bench.probe.round_trip().map(|trip| trips.push(trip)))?;
            let met = meet_again(&mut ann, &mut bob, &mut meter, QUIET)?;
            times.push(met.until - met.since);
            bytes = met.bytes.max(bytes);
        }
        let line = |what: &str, unit, most| Line {
            what: format!("{what} of two peers with {ROOMS} rooms and nothing new"),
            unit,
            goal: Goal {
                at_most: Some(most),
                ..Goal::default()
            },
        };
        let time = Reading::times(&times).against(times.middle(), trips.middle(), "a round trip");
        bench.table.put(
            &line("reconnect, first to last byte,", Unit::Millis, 20.0),
            size,
            time,
        );
        let wire = Reading::of(bytes as f64);
        bench
            .table
            .put(&line("on the wire, reconnect", Unit::Bytes, 10_000.0), size, wire);
    }
    Ok(())
}

/// Both start at new addresses, so that they find each other by the meter alone.
fn meet_again(ann: &mut Peer, bob: &mut Peer, meter: &mut Meter, gap: Duration) -> Result<Traffic> {
    bob.stop()?;
    ann.stop()?;
    ann.serve_elsewhere()?;
    meter.turn_to(&ann.listening)?;
    bob.serve_elsewhere()?;
    let met = meter.quiet(gap, QUIET_WITHIN)?;
    bob.run(&["status", "--wait", "10"])
        .context("the wire is quiet, and the peers are not equal")?;
    Ok(met)
}

/// Both wrote while they could not see each other.
pub(super) fn apart(bench: &mut Bench) -> Result<()> {
    for size in bench.sizes.clone() {
        let made = bench.rooms(Form::Typed, 1, size)?;
        let place = bench.place()?;
        let (mut ann, mut bob) = bench.two(&place, &made)?;
        let mut meter = Meter::to(&ann.listening, LONG_WAY)?;
        let joined = bench
            .runtime
            .block_on(join((&ann, &bob), &mut meter, made.first()?, &bench.said))?;
        let wire = meter.quiet(LONG_WAY * 4, QUIET_WITHIN)?;
        let nothing_new = meet_again(&mut ann, &mut bob, &mut meter, LONG_WAY * 4)?;
        let trip = (LONG_WAY * 2).as_secs_f64();
        let trips = (joined.shown - wire.since).as_secs_f64() / trip;
        let beside = trips - (nothing_new.until - nothing_new.since).as_secs_f64() / trip;
        let line = |what: &str, unit, most| Line {
            what: format!("1,000 + 1,000 typed messages written apart, joined: {what}"),
            unit,
            goal: Goal {
                at_most: most,
                ..Goal::default()
            },
        };
        let each = wire.bytes as f64 / (APART * 2) as f64;
        let figures = [
            (
                line("CPU of one side", Unit::Millis, Some(60.0)),
                Reading::millis(joined.cpu[0]),
            ),
            (
                line("CPU of the other", Unit::Millis, Some(60.0)),
                Reading::millis(joined.cpu[1]),
            ),
            (
                line("on the wire", Unit::BytesEach, Some(60.0)),
                Reading::of(each),
            ),
            (
                line(
                    "round trips until all is shown, from the connection on",
                    Unit::RoundTrips,
                    None,
                ),
                Reading::of(trips),
            ),
            // What is computed meanwhile counts too; a frame that has to wait for another's answer takes a half more.
            (
                line(
                    "of these beyond a reconnect with nothing new",
                    Unit::RoundTrips,
                    Some(1.25),
                ),
                Reading::of(beside),
            ),
        ];
        for (line, reading) in figures {
            bench.table.put(&line, size, reading);
        }
    }
    Ok(())
}

/// What it took to join what was written apart.
struct Joined {
    /// When both sides had shown everything.
    shown: Instant,
    cpu: [Duration; 2],
}

async fn join((ann, bob): (&Peer, &Peer), meter: &mut Meter, room: &str, said: &[Said]) -> Result<Joined> {
    let mut readers = Vec::new();
    let mut said = said.iter().cycle();
    for peer in [ann, bob] {
        let mut writer = client(peer).await?;
        for said in said.by_ref().take(APART) {
            send(&mut writer, room, said.text.clone()).await?;
        }
        let mut reader = client(peer).await?;
        follow(&mut reader, room).await?;
        readers.push(reader);
    }
    let before = (ann.cpu()?, bob.cpu()?);
    bob.run(&["peers", "add", &meter.address])?;
    for reader in &mut readers {
        tokio::time::timeout(SHOWN_WITHIN, see(reader, APART))
            .await
            .context("what was written apart is not shown")??;
    }
    let shown = Instant::now();
    meter.quiet(LONG_WAY * 4, QUIET_WITHIN)?;
    let after = (ann.cpu()?, bob.cpu()?);
    Ok(Joined {
        shown,
        cpu: [after.0.since(&before.0), after.1.since(&before.1)],
    })
}

/// Until so many messages were shown.
async fn see(reader: &mut Client, count: usize) -> Result<()> {
    for _ in 0..count {
        match reader.next().await? {
            Answer::Item(Item::Message(_)) => {}
            other => bail!("expected a message, got {other:?}"),
        }
    }
    Ok(())
}
