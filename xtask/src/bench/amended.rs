//! A room in which many messages were edited and reacted to, beside the same room as it was written, in turn. Knows
//! requests and answers; nothing of how amendments are kept.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tailchat_node::client::Client;
use tailchat_node::control::{Amending, Item, Query, Request, SearchRequest, Wait};
use tempfile::TempDir;

use super::live::one;
use super::meter::Meter;
use super::probe::Times;
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::{Form, NEWEST};
use super::{Bench, EQUAL_WITHIN, client, follow};
use crate::peers::Peer;

/// Edits, and as many reactions.
const AMENDMENTS: usize = 10_000;
/// Messages that they are about: the newest ones, which every screen shows.
const MESSAGES: usize = 1_000;
/// Times of each kind.
const TIMES: usize = 100;
/// What the amended room may take more.
const MORE_MAX: f64 = 1.1;

/// Two connected peers with a room, and what was measured of it.
struct Side {
    room: String,
    ann: Peer,
    bob: Peer,
    screens: Times,
    pages: Times,
    arrivals: Times,
    searches: Times,
    /// An empty peer's catch-up, divided by the entries that it takes.
    catch_up: Duration,
    resident: u64,
}

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for size in bench.sizes.clone() {
        let places = (bench.place()?, bench.place()?);
        let made = bench.rooms(Form::Typed, 1, size)?;
        let room = made.first()?.to_owned();
        let mut sides = Vec::new();
        for place in [&places.0, &places.1] {
            let (ann, bob) = bench.pair(place, &made)?;
            sides.push(Side {
                room: room.clone(),
                ann,
                bob,
                screens: Times::default(),
                pages: Times::default(),
                arrivals: Times::default(),
                searches: Times::default(),
                catch_up: Duration::ZERO,
                resident: 0,
            });
        }
        let [plain, amended] = sides.as_mut_slice() else {
            continue;
        };
        bench.runtime.block_on(write(plain, false))?;
        bench.runtime.block_on(write(amended, true))?;
        bench.runtime.block_on(measure([&mut *plain, &mut *amended]))?;
        meet_a_newcomer(bench, &places.0, plain, size)?;
        meet_a_newcomer(bench, &places.1, amended, size + 2 * AMENDMENTS)?;
        tell(bench, size, plain, amended);
    }
    Ok(())
}

/// Writes the same messages on both sides, and then amends them or not.
async fn write(side: &Side, amends: bool) -> Result<()> {
    let mut ann = client(&side.ann).await?;
    let texts = (0..MESSAGES - 1).map(|n| format!("written {n}"));
    let request = Request::Send {
        room: side.room.clone(),
        texts: texts.chain([NEWEST.to_owned()]).collect(),
        action: false,
        reply_to: None,
        on: 0,
        wait: Wait::No,
    };
    let posted = ann.ask(request).await?.into_iter();
    let ids: Vec<String> = posted
        .filter_map(|item| match item {
            Item::Posted { id, .. } => Some(id),
            _ => None,
        })
        .collect();
    ensure!(ids.len() == MESSAGES, "not all messages were posted");
    for (n, id) in (0..AMENDMENTS).zip(ids.iter().cycle()).filter(|_| amends) {
        let edit = Amending::Edit(format!("{NEWEST} {n}"));
        let with = format!("r{}", n / MESSAGES);
        for what in [edit, Amending::React { with, on: true }] {
            let request = Request::Amend {
                room: side.room.clone(),
                message: id.clone(),
                what,
            };
            ann.ask(request).await?;
        }
    }
    side.bob.run(&["status", "--wait", EQUAL_WITHIN])?;
    side.ann.run(&["status", "--wait", EQUAL_WITHIN])?;
    Ok(())
}

async fn measure(mut sides: [&mut Side; 2]) -> Result<()> {
    let mut clients = Vec::new();
    for side in &sides {
        let (mut ann, mut bob) = (client(&side.ann).await?, client(&side.bob).await?);
        follow(&mut bob, &side.room).await?;
        one(&mut ann, &mut bob, &side.room, "the first").await?;
        clients.push((ann, bob));
    }
    for n in 0..TIMES {
        for (side, (ann, bob)) in sides.iter_mut().zip(&mut clients) {
            let began = Instant::now();
            side.ann.run(&["log", &side.room, "--last", "50"])?;
            side.screens.push(began.elapsed());
            side.pages.push(page(ann, &side.room).await?);
            side.searches.push(search(ann).await?);
            let (_, arrival) = one(ann, bob, &side.room, &format!("measured {n}")).await?;
            side.arrivals.push(arrival);
        }
    }
    Ok(())
}

/// An empty peer catches up with the room, which has so many entries beside those written here.
fn meet_a_newcomer(bench: &Bench, place: &TempDir, side: &mut Side, entries: usize) -> Result<()> {
    let newcomer = Peer::start(&bench.program, place.path().join("newcomer"))?;
    let mut meter = Meter::to(&side.ann.listening, Duration::ZERO)?;
    newcomer.run(&[
        "join",
        &side.room,
        "--peer",
        &meter.address,
        "--wait",
        EQUAL_WITHIN,
    ])?;
    let done = Instant::now();
    let traffic = meter.traffic().context("the newcomer connects otherwise")?;
    let entries = u32::try_from(entries + MESSAGES + TIMES)?;
    side.catch_up = (done - traffic.since) / entries;
    side.resident = side.ann.memory()?.resident;
    Ok(())
}

/// The newest page, as the terminal UI asks for it.
async fn page(client: &mut Client, room: &str) -> Result<Duration> {
    let request = Request::Page {
        room: room.to_owned(),
        at: tailchat_node::control::At::Newest,
        before: 200,
        after: 0,
    };
    let began = Instant::now();
    let items = client.ask(request).await?;
    ensure!(items.len() > 100, "the page is short");
    Ok(began.elapsed())
}

async fn search(client: &mut Client) -> Result<Duration> {
    let word = NEWEST.split(' ').max_by_key(|word| word.len());
    let query = Query::parse(word.context("the newest message has no word")?, &|_| None)?;
    let began = Instant::now();
    let items = client
        .ask(Request::Search(SearchRequest { query, limit: 50 }))
        .await?;
    ensure!(
        matches!(items.first(), Some(Item::Found(_))),
        "what was written is not found"
    );
    Ok(began.elapsed())
}

fn tell(bench: &mut Bench, size: usize, plain: &Side, amended: &Side) {
    let wanted = Goal {
        ratio: Some(MORE_MAX),
        ..Goal::default()
    };
    // Lines with ten reactions each have more to tell.
    let richer = Goal::default();
    let figures = [
        (
            "first screen, a node running",
            &plain.screens,
            &amended.screens,
            wanted,
        ),
        ("one live message", &plain.arrivals, &amended.arrivals, wanted),
        (
            "a page of 200 lines with ten reactions each",
            &plain.pages,
            &amended.pages,
            richer,
        ),
        (
            "a search that finds 50 of these",
            &plain.searches,
            &amended.searches,
            richer,
        ),
    ];
    for (what, before, after, goal) in figures {
        let line = Line {
            what: format!("{what}, after {AMENDMENTS} edits and {AMENDMENTS} reactions"),
            unit: Unit::Millis,
            goal,
        };
        let reading = Reading::times(after).against(after.middle(), before.middle(), "the room without them");
        bench.table.put(&line, size, reading);
    }
    let line = |what: &str, unit, goal| Line {
        what: format!("{what}, after {AMENDMENTS} edits and {AMENDMENTS} reactions"),
        unit,
        goal,
    };
    let beside = "the room without them";
    let reading = Reading::of(1.0 / amended.catch_up.as_secs_f64().max(f64::MIN_POSITIVE));
    let reading = reading.against(amended.catch_up, plain.catch_up, beside);
    bench.table.put(
        &line("catch-up of an empty peer, entries", Unit::EachSecond, wanted),
        size,
        reading,
    );
    // That node has written the amendments itself. Compared as durations are, a byte a nanosecond.
    let (before, after) = (
        Duration::from_nanos(plain.resident),
        Duration::from_nanos(amended.resident),
    );
    let reading = Reading::of(amended.resident as f64).against(after, before, beside);
    bench.table.put(
        &line("memory of a node that serves it", Unit::Bytes, richer),
        size,
        reading,
    );
}
