//! An index of any moment beside the log of any other, whole, cut short, without its write-ahead log, or of another past:
//! what it answers is what the log says, or it is built again. The timeline in memory judges. Knows no node.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::path::Path;

use tailchat_core::block::Arrival;
use tailchat_core::engine::ArrivedChange;
use tailchat_core::entry::{Body, Edit, Entry, Pin, Profile, Reaction, Stamp, Text};
use tailchat_core::ids::{ActorId, DeviceId, MessageId, PersonId, RoomId};
use tailchat_core::state::RoomState;
use tailchat_core::timeline::{Line, Place, Timeline};
use tailchat_index::{Asked, Folded, From, Index, IndexError, Position};
use tailchat_node::journal::Journal;
use tailchat_store::log::room_dir;
use tailchat_store::sim_disk::{Fault, SimDisk};

const ROOM: RoomId = RoomId([7; 16]);
const DEVICE: DeviceId = DeviceId([9; 16]);
const ALL: Asked = Asked {
    from: From::Start,
    since_ms: None,
    until_ms: None,
    known_ms: None,
    limit: usize::MAX,
};
/// Changes in the room, and moments besides the first.
const MOMENTS: u64 = 30;

type Lines = Vec<(Place, Line)>;

/// What is on disk at a moment, and what it comes to.
struct Moment {
    log: SimDisk,
    index: Vec<u8>,
    /// SQLite's write-ahead log; empty where there is none.
    wal: Vec<u8>,
    lines: Lines,
}

/// The step from which on histories part.
const PARTING: u64 = 10;

/// Which history of the room it is. All are the same up to [`PARTING`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Past {
    First,
    /// The same actors go on and say something else: an image that was put back.
    SameActors,
    /// Fresh actors go on: a backup that was restored.
    FreshActors,
}

fn actor(step: u64, past: Past) -> ActorId {
    let fresh = past == Past::FreshActors && step >= PARTING;
    ActorId([u8::try_from(step % 3).unwrap() + if fresh { 3 } else { 0 }; 16])
}

/// What is said at a step: mostly lines, and things about earlier ones.
fn said(step: u64, past: Past) -> Body {
    let of = MessageId {
        actor: ActorId([u8::try_from(step % 3).unwrap(); 16]),
        index: 1 + step / 9,
    };
    let other = past != Past::First && step >= PARTING;
    let long = "said ".repeat(usize::try_from(step % 7).unwrap() * 40);
    let text = format!("{step} {other} {long}");
    match step % 9 {
        _ if step < 3 => Body::Profile(Profile {
            person: PersonId([u8::try_from(step).unwrap(); 32]),
            device: DeviceId([u8::try_from(step).unwrap(); 16]),
            name: "ann".into(),
        }),
        4 => Body::Edit(Edit { of, text }),
        6 => Body::Reaction(Reaction {
            of,
            with: "+".into(),
            on: true,
        }),
        7 => Body::Pin(Pin {
            of,
            on: step.is_multiple_of(2),
        }),
        8 => Body::Delete(of),
        _ => Body::Text(Text { text, reply_to: None }),
    }
}

fn change(state: &mut RoomState, step: u64, past: Past) -> ArrivedChange {
    let stamp = Stamp {
        order: 1_000 + step,
        sent_at_ms: 1_000 + step.cast_signed(),
    };
    let entry = Entry {
        stamp,
        body: said(step, past),
    };
    let arrival = Arrival {
        at_ms: 2_000 + step.cast_signed(),
        via: DEVICE,
    };
    ArrivedChange {
        change: state.author(actor(step, past), vec![entry.encode()]),
        arrival,
    }
}

/// A room as it grows, with tails that end and are sealed, and an index that is kept now and then and closed at times.
fn moments(path: &Path, past: Past) -> Vec<Moment> {
    let disk = SimDisk::new();
    let mut journal = Journal::create(disk.clone(), ROOM, [1; 32]).unwrap();
    let (mut index, _) = Index::open(path).unwrap();
    let whole = Folded {
        whole: true,
        ..Folded::default()
    };
    index.fold(ROOM, whole).unwrap();
    let (mut state, mut timeline) = (RoomState::default(), Timeline::default());
    let mut moments = vec![moment(&disk, path, &timeline)];
    for step in 0..MOMENTS {
        if step % 8 == 5 {
            // A sync that fails ends a tail.
            disk.fail(1..2, Fault::Io);
        }
        let arrived = [change(&mut state, step, past)];
        let position = journal.append(&arrived).unwrap();
        let [ArrivedChange { change, arrival }] = &arrived;
        timeline.fold(&change.parts, *arrival);
        let folded = Folded {
            changes: &[(&change.parts, *arrival)],
            tips: &[(change.parts.actor, change.tip)],
            position: Some(Position {
                stretch: position.stretch.0,
                changes: position.changes,
            }),
            whole: false,
        };
        index.fold(ROOM, folded).unwrap();
        if step % 3 != 1 {
            index.keep().unwrap();
        }
        if step % 8 == 7
            && let Some(sealing) = journal.sealing().unwrap()
        {
            let sealed = sealing.run().unwrap();
            journal.sealed(sealed);
        }
        moments.push(moment(&disk, path, &timeline));
        if step % 10 == 9 {
            index.keep().unwrap();
            drop(index);
            (index, _) = Index::open(path).unwrap();
        }
    }
    moments
}

fn wal(path: &Path) -> std::path::PathBuf {
    path.with_extension("db-wal")
}

fn moment(disk: &SimDisk, path: &Path, timeline: &Timeline) -> Moment {
    let lines = timeline.lines().map(|(place, line)| (*place, line.clone()));
    Moment {
        log: disk.fork(),
        index: std::fs::read(path).unwrap_or_default(),
        wal: std::fs::read(wal(path)).unwrap_or_default(),
        lines: lines.collect(),
    }
}

/// Opens the log beside what is in the index's file, as a node does: goes on from the index or builds it again.
fn opened(log: &SimDisk, path: &Path) -> Result<Lines, IndexError> {
    let (mut index, _) = Index::open(path)?;
    let mut replay = Journal::open(log.fork(), &room_dir(ROOM), [9; 32]).unwrap();
    let checkpoint = index.checkpoint(ROOM).ok().flatten();
    if !checkpoint.is_some_and(|checkpoint| replay.resume(&checkpoint)) {
        index.forget(ROOM)?;
    }
    while let Some(portion) = replay.portion() {
        let changes: Vec<_> = portion.changes.iter().map(|(parts, at)| (parts, *at)).collect();
        let folded = Folded {
            changes: &changes,
            position: Some(portion.position),
            ..Folded::default()
        };
        index.fold(ROOM, folded)?;
        index.keep()?;
    }
    let tips: Vec<_> = replay.finish().state.tips().collect();
    let folded = Folded {
        tips: &tips,
        whole: true,
        ..Folded::default()
    };
    index.fold(ROOM, folded)?;
    index.keep()?;
    index.lines(ROOM, &ALL)
}

/// What is answered in the end: an index that fails is replaced, and that one has to do.
fn answered(log: &SimDisk, path: &Path, index: &[u8], stale: &[u8]) -> Lines {
    let _ = std::fs::remove_file(path.with_extension("db-shm"));
    std::fs::write(path, index).unwrap();
    match stale.is_empty() {
        true => drop(std::fs::remove_file(wal(path))),
        false => std::fs::write(wal(path), stale).unwrap(),
    }
    opened(log, path).unwrap_or_else(|_| {
        Index::replace(path).unwrap();
        opened(log, path).unwrap()
    })
}

#[test]
fn an_index_of_any_moment_beside_a_log_of_any_other_is_caught_up_or_built_again() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    let moments = moments(&scratch.path().join("first.db"), Past::First);
    for (at, log) in moments.iter().enumerate() {
        for (of, index) in moments.iter().enumerate() {
            let found = answered(&log.log, &path, &index.index, &index.wal);
            assert!(found == log.lines, "the log of {at}, the index of {of}");
        }
    }
}

#[test]
fn an_index_that_is_cut_anywhere_is_built_again() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    let moments = moments(&scratch.path().join("first.db"), Past::First);
    let (last, earlier) = (moments.last().unwrap(), &moments[moments.len() / 2]);
    for log in [last, earlier] {
        for index in [last, earlier] {
            // Numbers without a common divisor with a page's length: cuts fall everywhere in a page.
            for cut in (0..index.index.len()).step_by(7_919) {
                let found = answered(&log.log, &path, &index.index[..cut], &index.wal);
                assert!(found == log.lines, "the index cut at {cut}");
            }
            for cut in (0..index.wal.len()).step_by(2_011) {
                let found = answered(&log.log, &path, &index.index, &index.wal[..cut]);
                assert!(found == log.lines, "the write-ahead log cut at {cut}");
            }
        }
    }
}

#[test]
fn a_write_ahead_log_that_is_gone_takes_what_was_in_it_and_no_more() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    let moments = moments(&scratch.path().join("first.db"), Past::First);
    for (of, index) in moments.iter().enumerate() {
        for at in [of, moments.len() - 1] {
            let found = answered(&moments[at].log, &path, &index.index, &[]);
            assert!(found == moments[at].lines, "the log of {at}, the index of {of}");
        }
    }
}

#[test]
fn an_index_of_a_log_that_went_on_otherwise_is_built_again() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    let first = moments(&scratch.path().join("first.db"), Past::First);
    for past in [Past::SameActors, Past::FreshActors] {
        let other = moments(&scratch.path().join("other.db"), past);
        std::fs::remove_file(scratch.path().join("other.db")).unwrap();
        for (at, log) in other.iter().enumerate() {
            for (of, index) in first.iter().enumerate() {
                let found = answered(&log.log, &path, &index.index, &index.wal);
                assert!(found == log.lines, "the other log of {at}, the index of {of}");
            }
        }
    }
}
