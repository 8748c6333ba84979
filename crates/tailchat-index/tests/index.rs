//! The index beside the timeline in memory, which says what it has to be; what was said of lines later; and the index
//! after damage.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use tailchat_core::change::Parts;
use tailchat_core::entry::{Body, Edit, Entry, Profile, Reaction, Repeat, Text};
use tailchat_core::ids::{ActorId, ChangeHash, DeviceId, MessageId, PersonId, RoomId};
use tailchat_core::order::OrderClock;
use tailchat_core::state::Tip;
use tailchat_core::timeline::{Says, Timeline};
use tailchat_index::{Asked, Folded, From, Index, Opening};

use rig::{ALL, HERE, ROOM, chains, change, entries, entry, expected, fold, lines, text};

/// The same changes, each actor's in their order.
fn in_chains(changes: Vec<Parts>) -> Vec<Parts> {
    let mut chains: BTreeMap<ActorId, Vec<Parts>> = BTreeMap::new();
    let actors: Vec<ActorId> = changes.iter().map(|change| change.actor).collect();
    for change in changes {
        chains.entry(change.actor).or_default().push(change);
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|change| std::cmp::Reverse(change.first_index));
    }
    let next = |actor: ActorId| chains.get_mut(&actor).and_then(Vec::pop);
    actors.into_iter().filter_map(next).collect()
}

/// A disk's index with a few lines in it, closed.
fn small(path: &Path) {
    let (mut index, _) = Index::open(path).unwrap();
    let changes = [change(1, 0, vec![text(10, "one"), text(11, "two")])];
    fold(&mut index, &changes, 1);
    let tip = Tip {
        seq: 1,
        entries: 2,
        messages: 2,
        hash: ChangeHash([3; 32]),
    };
    let folded = Folded {
        tips: &[(ActorId([1; 16]), tip)],
        ..Folded::default()
    };
    index.fold(ROOM, folded).unwrap();
    index.keep().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn built_in_any_order_and_any_portions_it_is_what_the_timeline_is(
        chains in proptest::collection::vec(chains(), 4),
        swaps in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..20),
        portion in 1..7_usize,
    ) {
        let mut changes: Vec<Parts> = (0..).zip(chains).flat_map(|(actor, chain)| {
            (0..).zip(chain).map(move |(index, entry)| change(actor, index, vec![entry]))
        }).collect();
        let mut timeline = Timeline::default();
        changes.iter().for_each(|change| timeline.fold(change, HERE));
        let mut clock = OrderClock::default();
        changes.extend(changes.clone());
        for (one, other) in swaps {
            let (one, other) = (one.index(changes.len()), other.index(changes.len()));
            changes.swap(one, other);
        }
        let changes = in_chains(changes);
        changes.iter().flat_map(|change| &change.entries).for_each(|entry| {
            clock.observe(&Entry::decode(entry), HERE.at_ms);
        });
        let mut index = Index::in_memory().unwrap();
        for some in changes.chunks(portion) {
            fold(&mut index, some, 1);
        }
        prop_assert_eq!(lines(&index, &ALL), expected(&timeline));
        let pinned: Vec<_> = expected(&timeline).into_iter().filter(|(_, line)| line.since.pinned).collect();
        prop_assert_eq!(index.pinned(ROOM, usize::MAX).unwrap(), pinned);
        let asked: BTreeSet<MessageId> = timeline.lines().filter_map(|(_, line)| line.reply_to()).collect();
        for of in asked {
            let answers: Vec<_> = expected(&timeline)
                .into_iter()
                .filter(|(_, line)| line.reply_to() == Some(of))
                .collect();
            prop_assert_eq!(&index.answers(ROOM, of, None, usize::MAX).unwrap(), &answers);
            for (at, (place, _)) in answers.iter().enumerate() {
                let behind = index.answers(ROOM, of, Some(*place), 1).unwrap();
                prop_assert_eq!(behind.first(), answers.get(at + 1));
            }
        }
        let checkpoint = index.checkpoint(ROOM).unwrap().unwrap();
        prop_assert_eq!(&checkpoint.roster, timeline.roster());
        prop_assert_eq!(checkpoint.clock, clock);
        for (place, line) in timeline.lines() {
            prop_assert!(index.has_message(ROOM, place.id).unwrap());
            if let Says::Imported { nick, text, action } = &line.says
                && !line.since.deleted
            {
                prop_assert!(index.has_imported(ROOM, place.order, nick, *action, text).unwrap());
                // Of one that was taken back nobody knows what it said.
                let gone = timeline.lines().any(|(_, line)| line.since.deleted);
                prop_assert!(gone || !index.has_imported(ROOM, place.order, nick, *action, "other").unwrap());
            }
        }
    }

    #[test]
    fn a_page_is_that_part_of_the_timeline(
        chain in proptest::collection::vec(entries(), 1..40),
        since in proptest::option::of(-5..9_i64),
        until in proptest::option::of(-5..9_i64),
        limit in 1..9_usize,
        newest in 0..12_u64,
    ) {
        let changes = [change(1, 0, chain)];
        let mut timeline = Timeline::default();
        timeline.fold(&changes[0], HERE);
        let mut index = Index::in_memory().unwrap();
        fold(&mut index, &changes, 1);
        let wanted = expected(&timeline).into_iter().filter(|(_, line)| {
            since.is_none_or(|since| line.sent_at_ms >= since) && until.is_none_or(|until| line.sent_at_ms < until)
        });
        let wanted: Vec<_> = wanted.collect();
        let asked = |from| Asked { from, since_ms: since, until_ms: until, known_ms: None, limit };
        let mut paged = lines(&index, &asked(From::Start));
        while let Some((last, _)) = paged.last() {
            let page = lines(&index, &asked(From::After(*last)));
            if page.is_empty() { break }
            paged.extend(page);
        }
        prop_assert_eq!(&paged, &wanted);
        let first = wanted.len().saturating_sub(usize::try_from(newest).unwrap());
        let tail = &wanted[first..];
        let page = lines(&index, &asked(From::Newest(newest)));
        prop_assert_eq!(&page[..], &tail[..limit.min(tail.len())]);
    }
}

#[test]
fn what_was_kept_is_there_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    small(&path);
    let (index, opening) = Index::open(&path).unwrap();
    assert_eq!(opening, Opening::Fine);
    let checkpoint = index.checkpoint(ROOM).unwrap().unwrap();
    assert_eq!(checkpoint.stretches, [(1, 1)].into());
    assert_eq!(checkpoint.state.tip(ActorId([1; 16])).entries, 2);
    assert_eq!(lines(&index, &ALL).len(), 2);
}

#[test]
fn what_was_not_kept_is_answered_with_and_not_there_after_a_kill() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    small(&path);
    let (mut index, _) = Index::open(&path).unwrap();
    let kept = index.checkpoint(ROOM).unwrap();
    fold(&mut index, &[change(1, 2, vec![text(20, "later")])], 2);
    assert_eq!(lines(&index, &ALL).len(), 3);
    assert_ne!(index.checkpoint(ROOM).unwrap(), kept);
    drop(index);
    let (index, opening) = Index::open(&path).unwrap();
    assert_eq!(opening, Opening::Fine);
    assert_eq!(lines(&index, &ALL).len(), 2);
    assert_eq!(index.checkpoint(ROOM).unwrap(), kept);
}

#[test]
fn an_index_cut_short_anywhere_or_of_another_kind_is_replaced_or_sound() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    small(&path);
    let whole = std::fs::read(&path).unwrap();
    let lengths = (0..whole.len()).step_by(1009).chain([1, 99, 100, 4095, 4096]);
    for len in lengths {
        std::fs::write(&path, &whole[..len]).unwrap();
        let (index, _) = Index::open(&path).unwrap();
        let usable = index
            .checkpoint(ROOM)
            .is_ok_and(|checkpoint| checkpoint.is_some())
            && index.lines(ROOM, &ALL).is_ok_and(|lines| lines.len() == 2);
        let empty = index
            .checkpoint(ROOM)
            .is_ok_and(|checkpoint| checkpoint.is_none());
        let failing = index.checkpoint(ROOM).is_err() || index.lines(ROOM, &ALL).is_err();
        assert!(
            usable || empty || failing,
            "cut to {len} bytes it tells something else"
        );
    }
    for other in [&b"something else altogether, longer than a header of SQLite, so that nothing of it fits, as long as needed"[..], &[0; 4096]] {
        std::fs::write(&path, other).unwrap();
        let (mut index, opening) = Index::open(&path).unwrap();
        assert!(matches!(opening, Opening::Replaced(_)), "{opening:?}");
        fold(&mut index, &[change(1, 0, vec![text(1, "again")])], 1);
        assert_eq!(lines(&index, &ALL).len(), 1);
        drop(index);
    }
}

#[test]
fn an_index_of_a_newer_version_is_built_again() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    small(&path);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(db);
    let (index, opening) = Index::open(&path).unwrap();
    assert!(matches!(opening, Opening::Replaced(why) if why.contains("version 99")));
    assert_eq!(index.checkpoint(ROOM).unwrap(), None);
}

#[test]
fn a_checkpoint_that_was_altered_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    for alteration in [
        "UPDATE tip SET seq = 2",
        "UPDATE tip SET hash = zeroblob(32)",
        "UPDATE stretch SET changes = 9",
        "UPDATE room SET roster = zeroblob(9)",
    ] {
        let _ = std::fs::remove_file(&path);
        small(&path);
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(alteration).unwrap();
        drop(db);
        let (index, _) = Index::open(&path).unwrap();
        assert!(index.checkpoint(ROOM).is_err(), "{alteration}");
    }
}

#[test]
fn where_nothing_can_be_kept_it_is_kept_in_memory() {
    let scratch = tempfile::tempdir().unwrap();
    let (mut index, opening) = Index::open(&scratch.path().join("nowhere/index.db")).unwrap();
    assert!(matches!(opening, Opening::InMemory(_)));
    assert!(index.is_in_memory());
    fold(&mut index, &[change(1, 0, vec![text(1, "here")])], 1);
    assert_eq!(lines(&index, &ALL).len(), 1);
}

#[test]
fn a_forgotten_room_is_gone_at_once_and_swept_to_the_last_line() {
    let mut index = Index::in_memory().unwrap();
    let many = (0..5_000).map(|order| text(order, "many")).collect();
    fold(&mut index, &[change(1, 0, many)], 1);
    index.forget(ROOM).unwrap();
    assert!(lines(&index, &ALL).is_empty());
    assert_eq!(index.checkpoint(ROOM).unwrap(), None);
    // The room comes back before it is swept, and keeps what it has now.
    fold(&mut index, &[change(1, 0, vec![text(1, "new")])], 1);
    let mut steps = 0;
    while index.sweep().unwrap() {
        steps += 1;
        assert!(steps < 100, "it never ends");
    }
    assert!(steps >= 3, "{steps} steps");
    assert_eq!(lines(&index, &ALL).len(), 1);
    assert_eq!(
        index.checkpoint(ROOM).unwrap().unwrap().stretches,
        [(1, 1)].into()
    );
}

#[test]
fn what_a_forgotten_room_left_behind_at_a_kill_is_no_other_rooms() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("index.db");
    let tip = Tip {
        seq: 1,
        entries: 1,
        messages: 0,
        hash: ChangeHash([3; 32]),
    };
    let (mut index, _) = Index::open(&path).unwrap();
    // A room without a line, which is forgotten and not swept any more.
    fold(&mut index, &[], 5);
    let folded = Folded {
        tips: &[(ActorId([1; 16]), tip)],
        ..Folded::default()
    };
    index.fold(ROOM, folded).unwrap();
    index.forget(ROOM).unwrap();
    index.keep().unwrap();
    drop(index);
    let (mut index, _) = Index::open(&path).unwrap();
    let other = RoomId([8; 16]);
    let folded = Folded {
        whole: true,
        ..Folded::default()
    };
    index.fold(other, folded).unwrap();
    let checkpoint = index.checkpoint(other).unwrap().unwrap();
    assert_eq!(checkpoint.stretches, [].into());
    assert_eq!(checkpoint.state.tips().count(), 0);
}

#[test]
fn messages_are_found_by_the_beginning_of_their_number() {
    let mut index = Index::in_memory().unwrap();
    let many = (0..120).map(|order| text(order, "many")).collect();
    fold(&mut index, &[change(1, 0, many)], 1);
    let actor = ActorId([1; 16]);
    let found = |digits: &str| -> Vec<u64> {
        let found = index.messages_of(ROOM, actor, digits, 4).unwrap();
        found.into_iter().map(|id| id.index).collect()
    };
    assert_eq!(found("11"), [11, 110, 111, 112]);
    assert_eq!(found("119"), [119]);
    assert_eq!(found(""), [0, 1, 2, 3]);
    assert!(found("x").is_empty());
}

const FIRST: MessageId = MessageId {
    actor: ActorId([1; 16]),
    index: 1,
};

fn profile(who: u8) -> Vec<u8> {
    let profile = Profile {
        person: PersonId([who; 32]),
        device: DeviceId([who; 16]),
        name: "ann".into(),
    };
    entry(1, 1, Body::Profile(profile))
}

fn edit(order: u64, text: &str) -> Vec<u8> {
    let text = text.into();
    entry(order, 1, Body::Edit(Edit { of: FIRST, text }))
}

fn said(index: &Index) -> Vec<String> {
    let texts = lines(index, &ALL).into_iter().map(|(_, line)| match line.says {
        Says::Message { text, .. } | Says::Imported { text, .. } => text.to_string(),
        Says::Unreadable { .. } => "?".into(),
    });
    texts.collect()
}

fn versions(index: &Index) -> Vec<String> {
    let versions = index.versions(ROOM, FIRST).unwrap();
    versions.into_iter().map(|version| version.text.into()).collect()
}

#[test]
fn every_text_that_a_message_had_is_kept_until_it_is_deleted() {
    let mut index = Index::in_memory().unwrap();
    fold(&mut index, &[change(1, 0, vec![profile(1), text(10, "one")])], 1);
    assert!(versions(&index).is_empty());
    fold(&mut index, &[change(1, 2, vec![edit(30, "three")])], 2);
    fold(&mut index, &[change(2, 0, vec![profile(1), edit(20, "two")])], 3);
    fold(
        &mut index,
        &[change(3, 0, vec![profile(3), edit(40, "not mine")])],
        4,
    );
    assert_eq!(said(&index), ["three"]);
    assert_eq!(versions(&index), ["one", "two", "three"]);
    fold(
        &mut index,
        &[change(1, 3, vec![entry(50, 1, Body::Delete(FIRST))])],
        5,
    );
    fold(&mut index, &[change(2, 2, vec![edit(60, "late")])], 6);
    assert_eq!(said(&index), [""]);
    assert_eq!(
        versions(&index),
        ["", "", "", ""],
        "what was written first, and three edits"
    );
}

#[test]
fn who_only_repeated_a_message_cannot_take_its_edits_away() {
    let repeated = text(10, "one");
    let repeat = Body::Repeat(Repeat {
        of: FIRST,
        entry: repeated.clone(),
    });
    // Somebody else repeats it and deletes that, before it comes itself; its author edited it on another device.
    let others = vec![
        profile(3),
        entry(11, 11, repeat),
        entry(12, 12, Body::Delete(FIRST)),
    ];
    let changes = [
        change(3, 0, others),
        change(2, 0, vec![profile(1), edit(20, "two")]),
        change(1, 0, vec![profile(1), repeated]),
    ];
    for order in [[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]] {
        let mut index = Index::in_memory().unwrap();
        let mut timeline = Timeline::default();
        for at in order {
            fold(&mut index, &[changes[at].clone()], 1);
            timeline.fold(&changes[at], HERE);
        }
        assert_eq!(lines(&index, &ALL), expected(&timeline), "{order:?}");
        assert_eq!(said(&index), ["two"], "{order:?}");
        assert_eq!(versions(&index), ["one", "two"], "{order:?}");
    }
}

#[test]
fn what_is_amended_before_it_comes_comes_amended_and_is_told() {
    let mut index = Index::in_memory().unwrap();
    fold(&mut index, &[change(2, 0, vec![profile(1), edit(20, "two")])], 1);
    let changes = [change(1, 0, vec![profile(1), text(10, "one")])];
    let changes: Vec<_> = changes.iter().map(|parts| (parts, HERE)).collect();
    let folded = Folded {
        changes: &changes,
        ..Default::default()
    };
    let told = index.fold(ROOM, folded).unwrap();
    assert_eq!(
        told.amended.into_iter().map(|place| place.id).collect::<Vec<_>>(),
        [FIRST]
    );
    assert!(told.answered.is_empty());
    assert_eq!(said(&index), ["two"]);
}

fn reply(order: u64) -> Vec<u8> {
    let (text, reply_to) = ("so".into(), Some(FIRST));
    entry(order, order.cast_signed(), Body::Text(Text { text, reply_to }))
}

/// Folds it in, and says which lines are answered more or less than before, and how often the first line is.
fn answered(index: &mut Index, change: &Parts) -> (Vec<u64>, u64) {
    let folded = Folded {
        changes: &[(change, HERE)],
        ..Folded::default()
    };
    let told = index.fold(ROOM, folded).unwrap();
    let told = told.answered.into_iter().map(|place| place.id.index).collect();
    let first = lines(index, &ALL)
        .into_iter()
        .find(|(place, _)| place.id == FIRST);
    (told, first.map_or(0, |(_, line)| line.since.answers))
}

#[test]
fn when_an_answer_comes_or_goes_the_line_that_it_answers_is_told() {
    let mut index = Index::in_memory().unwrap();
    let early = change(2, 0, vec![profile(2), reply(20), reply(21)]);
    assert_eq!(answered(&mut index, &early), (vec![], 0), "it is not here yet");
    let question = change(1, 0, vec![profile(1), text(10, "tea?")]);
    assert_eq!(answered(&mut index, &question), (vec![1], 2));
    assert_eq!(answered(&mut index, &change(2, 3, vec![reply(22)])), (vec![1], 3));
    let one = MessageId {
        actor: ActorId([2; 16]),
        index: 1,
    };
    let back = change(2, 4, vec![entry(30, 1, Body::Delete(one))]);
    assert_eq!(answered(&mut index, &back), (vec![1], 2));
    assert_eq!(answered(&mut index, &back), (vec![], 2), "it was here already");
    let plain = change(1, 2, vec![text(31, "milk?")]);
    assert_eq!(answered(&mut index, &plain), (vec![], 2));
}

#[test]
fn ten_thousand_answers_to_one_message_are_found_a_page_at_a_time() {
    let mut index = Index::in_memory().unwrap();
    let all = (0..10_000).map(|n| reply(20 + n / 100)).collect();
    fold(&mut index, &[change(2, 0, all)], 1);
    fold(&mut index, &[change(1, 0, vec![profile(1), text(10, "tea?")])], 2);
    assert_eq!(lines(&index, &ALL)[0].1.since.answers, 10_000);
    let mut found = index.answers(ROOM, FIRST, None, 300).unwrap();
    while let Some((last, _)) = found.last() {
        let page = index.answers(ROOM, FIRST, Some(*last), 300).unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, lines(&index, &ALL)[1..]);
}

#[test]
fn ten_thousand_reactions_to_one_message_are_one_line() {
    let mut index = Index::in_memory().unwrap();
    fold(&mut index, &[change(1, 0, vec![profile(1), text(10, "tea?")])], 1);
    let feel = |order| {
        let (with, on) = ("+1".into(), order % 2 == 0);
        entry(order, 1, Body::Reaction(Reaction { of: FIRST, with, on }))
    };
    let mut all = vec![profile(2)];
    all.extend((0..10_000).map(|n| feel(20 + n)));
    fold(&mut index, &[change(2, 0, all)], 2);
    let found = lines(&index, &ALL);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].1.since.reactions.is_empty(),
        "the last word was that it is taken back"
    );
    fold(&mut index, &[change(2, 10_001, vec![feel(20_000)])], 3);
    let found = lines(&index, &ALL);
    assert_eq!(found[0].1.since.reactions[0].by, [ActorId([2; 16])]);
}
