//! What was not read, beside a plain count over the timeline in memory; and pages that go both ways from anywhere.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;

use std::collections::BTreeSet;

use proptest::prelude::*;
use tailchat_core::change::Parts;
use tailchat_core::ids::ActorId;
use tailchat_core::mention;
use tailchat_core::read::ReadState;
use tailchat_core::timeline::{Line, Place, Says, Timeline};
use tailchat_index::{Index, Page, Reader, Spot};

use rig::{HERE, ROOM, change, entries, expected, fold, lines, text};

/// Chains whose entries lie apart, so that they fill several rows of the tally.
fn changes(chains: Vec<Vec<(u64, Vec<u8>)>>) -> Vec<Parts> {
    let mut changes = Vec::new();
    for (actor, chain) in (0..).zip(chains) {
        let mut next = 0;
        for (apart, entry) in chain {
            changes.push(change(actor, next + apart, vec![entry]));
            next += apart + 1;
        }
    }
    changes
}

fn chains() -> impl Strategy<Value = Vec<Vec<(u64, Vec<u8>)>>> {
    let apart = prop_oneof![Just(0), 0..3_u64, 1_000..1_100_u64];
    let mention = (0..6_u64, "@(me|Me too|mean|you)!?").prop_map(|(order, words)| text(order, &words));
    let entry = prop_oneof![2 => entries(), 1 => mention];
    proptest::collection::vec(proptest::collection::vec((apart, entry), 1..12), 4)
}

fn text_of(line: &Line) -> &str {
    match &line.says {
        Says::Message { text, .. } | Says::Imported { text, .. } => text,
        Says::Unreadable { .. } => "",
    }
}

/// The timeline's lines, and an index of them.
fn both(changes: &[Parts]) -> (Vec<(Place, Line)>, Index) {
    let mut timeline = Timeline::default();
    changes.iter().for_each(|change| timeline.fold(change, HERE));
    let mut index = Index::in_memory().unwrap();
    for some in changes.chunks(3) {
        fold(&mut index, some, 1);
    }
    (expected(&timeline), index)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_unread_is_every_line_that_was_not_read_and_is_not_ones_own(
        chains in chains(),
        marks in proptest::collection::vec((0..4_u8, 0..4_000_u64, 0..1_500_u64), 0..8),
        own in proptest::collection::btree_set(0..4_u8, 0..2),
        after in proptest::option::of(any::<prop::sample::Index>()),
        limit in 1..6_usize,
    ) {
        let (all, index) = both(&changes(chains));
        let mut read = ReadState::default();
        for (actor, start, len) in marks {
            read.mark(ActorId([actor; 16]), start..start + len).unwrap();
        }
        let own: BTreeSet<_> = own.into_iter().map(|actor| ActorId([actor; 16])).collect();
        let reader = Reader { read: &read, own: &own, name: "me too" };
        let unread: Vec<_> = all
            .iter()
            .filter(|(place, _)| !own.contains(&place.id.actor) && !read.contains(place.id))
            .collect();
        prop_assert_eq!(index.unread(ROOM, reader).unwrap(), unread.len() as u64);
        let after = after.filter(|_| !all.is_empty()).map(|after| after.get(&all).0);
        let later = unread.iter().filter(|(place, _)| after.is_none_or(|after| *place > after));
        let places: Vec<_> = later.clone().map(|(place, _)| *place).take(limit).collect();
        prop_assert_eq!(&index.unread_places(ROOM, reader, after, limit).unwrap(), &places);
        let mine = later.filter(|(_, line)| mention::mentions(text_of(line), "me too"));
        let mine: Vec<_> = mine.map(|(place, _)| *place).take(limit).collect();
        prop_assert_eq!(index.unread_mentions(ROOM, reader, after, limit).unwrap(), mine);
        let found = index.lines_at(ROOM, &places).unwrap();
        prop_assert_eq!(found.into_iter().map(|(place, _)| place).collect::<Vec<_>>(), places);
    }

    #[test]
    fn a_page_goes_both_ways_from_any_line(
        chains in chains(),
        at in any::<prop::sample::Index>(),
        time in -3..9_i64,
        before in 0..6_usize,
        after in 0..6_usize,
    ) {
        let (all, index) = both(&changes(chains));
        let (read, own) = Default::default();
        let reader = Reader { read: &read, own: &own, name: "" };
        let page = |spot| index.page_at(ROOM, spot, (before, after), reader).unwrap();
        let expected = |at: Option<usize>| {
            let border = at.unwrap_or(all.len());
            let (first, end) = (border.saturating_sub(before), (border + after).min(all.len()));
            Page {
                at: at.and_then(|at| all.get(at)).map(|(place, _)| *place),
                lines: all[first..end].to_vec(),
                more_before: first > 0,
                more_after: end < all.len(),
            }
        };
        prop_assert_eq!(page(Spot::Newest), expected(None));
        prop_assert_eq!(page(Spot::Oldest), expected((!all.is_empty()).then_some(0)));
        let later = all.iter().position(|(_, line)| line.sent_at_ms >= time);
        prop_assert_eq!(page(Spot::Time(time)), expected(later));
        if !all.is_empty() {
            let at = at.index(all.len());
            let place = all[at].0;
            prop_assert_eq!(page(Spot::Place(place)), expected(Some(at)));
            let of_id = all.iter().position(|(other, _)| other.id == place.id);
            prop_assert_eq!(page(Spot::Message(place.id)), expected(of_id));
        }
    }
}

#[test]
fn what_a_forgotten_room_had_unread_does_not_come_back_with_it() {
    let mut index = Index::in_memory().unwrap();
    let (read, own) = Default::default();
    let reader = Reader {
        read: &read,
        own: &own,
        name: "me",
    };
    fold(
        &mut index,
        &[change(1, 0, vec![text(1, "@me"), text(2, "two")])],
        1,
    );
    assert_eq!(index.unread(ROOM, reader).unwrap(), 2);
    index.forget(ROOM).unwrap();
    assert_eq!(index.unread(ROOM, reader).unwrap(), 0);
    fold(&mut index, &[change(1, 0, vec![text(1, "new")])], 1);
    while index.sweep().unwrap() {}
    assert_eq!(index.unread(ROOM, reader).unwrap(), 1);
    assert_eq!(index.unread_mentions(ROOM, reader, None, 9).unwrap(), []);
    assert_eq!(lines(&index, &rig::ALL).len(), 1);
}
