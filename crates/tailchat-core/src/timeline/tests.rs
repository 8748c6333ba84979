//! The fold, in any order; places and how they are spelt.

use super::*;
use crate::devices::LinkProof;
use crate::entry::{Edit, Link, Pin, Profile, Reaction, Repeat};
use crate::ids::{DeviceId, PersonId};
use proptest::prelude::*;

const HERE: Arrival = Arrival {
    at_ms: 0,
    via: DeviceId::NONE,
};

fn entry(order: u64, body: Body) -> Vec<u8> {
    Entry {
        stamp: Stamp { order, sent_at_ms: 5 },
        body,
    }
    .encode()
}

fn text(order: u64, text: &str) -> Vec<u8> {
    entry(
        order,
        Body::Text(Text {
            text: text.into(),
            reply_to: None,
        }),
    )
}

fn message(actor: u8, index: u64) -> MessageId {
    MessageId {
        actor: ActorId([actor; 16]),
        index,
    }
}

fn reply(order: u64, to: MessageId) -> Vec<u8> {
    entry(
        order,
        Body::Text(Text {
            text: "so".into(),
            reply_to: Some(to),
        }),
    )
}

fn profile(order: u64, person: u8, device: u8, name: &str) -> Vec<u8> {
    let (person, device) = (PersonId([person; 32]), DeviceId([device; 16]));
    entry(
        order,
        Body::Profile(Profile {
            person,
            device,
            name: name.into(),
        }),
    )
}

fn change(actor: u8, first_index: u64, entries: Vec<Vec<u8>>) -> Parts {
    Parts {
        actor: ActorId([actor; 16]),
        seq: first_index + 1,
        first_index,
        previous: None,
        entries,
    }
}

fn fold(changes: &[Parts]) -> Timeline {
    let mut timeline = Timeline::default();
    changes.iter().for_each(|change| timeline.fold(change, HERE));
    timeline
}

fn texts(timeline: &Timeline) -> Vec<&str> {
    timeline
        .lines()
        .map(|(_, line)| match &line.says {
            Says::Message { text, .. } | Says::Imported { text, .. } => &**text,
            Says::Unreadable { .. } => "?",
        })
        .collect()
}

#[test]
fn lines_stand_by_order_then_actor_then_number() {
    let timeline = fold(&[
        change(2, 0, vec![text(10, "c"), text(9, "a")]),
        change(1, 0, vec![text(10, "b"), vec![250, 30, 0]]),
    ]);
    assert_eq!(texts(&timeline), ["a", "b", "c", "?"]);
}

#[test]
fn members_come_go_and_come_back_and_a_person_counts_once() {
    let mut changes = vec![
        change(1, 0, vec![profile(1, 1, 1, "ann")]),
        change(2, 0, vec![profile(2, 1, 2, "ann's laptop")]),
        change(3, 0, vec![profile(3, 2, 3, "bob"), entry(4, Body::Leave)]),
    ];
    let names = |changes: &[Parts]| -> Vec<_> {
        fold(changes)
            .roster()
            .members()
            .into_iter()
            .map(|member| (member.name, member.devices.len()))
            .collect()
    };
    // A device that only names a person is not theirs: the other one has to say so, too.
    let link = |order, device| {
        let device = DeviceId([device; 16]);
        let proof = LinkProof([0; 16]);
        entry(order, Body::Link(Link { device, proof }))
    };
    changes.push(change(2, 1, vec![link(5, 1)]));
    assert_eq!(
        names(&changes),
        [("ann".to_owned(), 1), ("ann's laptop".to_owned(), 1)]
    );
    changes.push(change(1, 1, vec![link(5, 2)]));
    assert_eq!(names(&changes), [("ann's laptop".to_owned(), 2)]);
    // Bob is back after a crash, with a fresh actor.
    changes.push(change(4, 0, vec![profile(6, 2, 3, "bob")]));
    assert_eq!(
        names(&changes),
        [("ann's laptop".to_owned(), 2), ("bob".to_owned(), 1)]
    );
}

#[test]
fn both_branches_of_a_fork_end_in_the_same_lines() {
    let (ours, theirs) = (text(10, "ours"), text(10, "theirs"));
    let of = MessageId {
        actor: ActorId([1; 16]),
        index: 0,
    };
    let repeat = |of_entry: &Vec<u8>| {
        entry(
            50,
            Body::Repeat(Repeat {
                of,
                entry: of_entry.clone(),
            }),
        )
    };
    let repeats = [
        change(2, 0, vec![repeat(&ours)]),
        change(3, 0, vec![repeat(&theirs), repeat(&theirs)]),
    ];
    let with = |entry: &Vec<u8>| {
        let mut changes = repeats.to_vec();
        changes.push(change(1, 0, vec![entry.clone()]));
        fold(&changes)
    };
    let places = |timeline: &Timeline| timeline.lines().map(|(place, _)| *place).collect::<Vec<_>>();
    assert_eq!(places(&with(&ours)), places(&with(&theirs)));
    assert_eq!(places(&with(&ours)).len(), 2);
}

#[test]
fn a_repeat_of_a_repeat_is_passed_over() {
    let of = MessageId {
        actor: ActorId([1; 16]),
        index: 0,
    };
    let mut nested = text(10, "deep");
    while nested.len() < 60_000 {
        nested = entry(50, Body::Repeat(Repeat { of, entry: nested }));
    }
    assert_eq!(fold(&[change(1, 0, vec![nested])]).lines().count(), 0);
}

#[test]
fn a_time_far_from_its_order_is_shown_near_it() {
    let stamp = |order, sent_at_ms| shown_time(Stamp { order, sent_at_ms });
    assert_eq!(stamp(1_000_000, 900_000), 900_000);
    assert_eq!(stamp(1_000_000, 2_000_000), 1_000_000);
    assert_eq!(stamp(1_000_000, i64::MIN), 1_000_000 - 300_001);
    assert_eq!(stamp(0, -5), -5);
    assert_eq!(stamp(0, 5), 0);
}

fn answers(timeline: &Timeline) -> Vec<u64> {
    timeline.lines().map(|(_, line)| line.since.answers).collect()
}

#[test]
fn a_message_knows_how_many_lines_answer_it_whenever_they_came() {
    let question = change(1, 0, vec![profile(1, 1, 1, "ann"), text(10, "tea?")]);
    let first = change(2, 0, vec![profile(2, 2, 2, "bob"), reply(11, message(1, 1))]);
    let second = change(3, 0, vec![reply(12, message(1, 1)), reply(13, message(3, 0))]);
    let all = [question, first, second];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let timeline = fold(&order.map(|at: usize| all[at].clone()));
        assert_eq!(answers(&timeline), [2, 0, 1, 0]);
    }
    let with = |more: Parts| {
        let mut all = all.to_vec();
        all.push(more);
        let timeline = fold(&all);
        all.reverse();
        assert_eq!(timeline, fold(&all));
        answers(&timeline)
    };
    // An answer that was taken back is none; what was taken back itself keeps its answers.
    let back = |actor, of| change(actor, 2, vec![entry(20, Body::Delete(of))]);
    assert_eq!(with(back(2, message(2, 1))), [1, 0, 1, 0]);
    assert_eq!(with(back(1, message(1, 1))), [2, 0, 1, 0]);
}

#[test]
fn messages_that_answer_each_other_or_themselves_are_counted_like_any() {
    let timeline = fold(&[change(
        1,
        0,
        vec![
            reply(10, message(1, 1)),
            reply(11, message(1, 0)),
            reply(12, message(1, 2)),
            reply(13, message(9, 9)),
        ],
    )]);
    assert_eq!(answers(&timeline), [1, 1, 1, 0]);
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let order = 0..6_u64;
    prop_oneof![
        (order.clone(), "[ab]").prop_map(|(order, name)| text(order, &name)),
        (order.clone(), 0..3_u8, 0..5_u64)
            .prop_map(|(order, actor, index)| reply(order, message(actor, index))),
        (order.clone(), 0..2_u8, 0..3_u8, "[ab]")
            .prop_map(|(order, person, device, name)| profile(order, person, device, &name)),
        order.clone().prop_map(|order| entry(order, Body::Leave)),
        (order.clone(), 0..3_u8, 0..4_u64, "[ab]", 0..6_u8).prop_map(|(order, actor, index, with, kind)| {
            let of = MessageId {
                actor: ActorId([actor; 16]),
                index,
            };
            entry(
                order,
                match kind {
                    0 => Body::Delete(of),
                    1 => Body::Edit(Edit { of, text: with }),
                    2 | 3 => Body::Pin(Pin { of, on: kind == 2 }),
                    _ => Body::Reaction(Reaction {
                        of,
                        with,
                        on: kind == 4,
                    }),
                },
            )
        }),
        (order.clone(), "[ab]").prop_map(|(order, name)| entry(order, Body::RoomName(name))),
        (order.clone(), "[ab]").prop_map(|(order, topic)| entry(order, Body::Topic(topic))),
        (order.clone(), 0..3_u8).prop_map(|(order, device)| {
            let (device, proof) = (DeviceId([device; 16]), LinkProof([0; 16]));
            entry(order, Body::Link(Link { device, proof }))
        }),
        (order, 0..3_u8, 0..3_u64, "[ab]").prop_map(|(order, actor, index, name)| {
            let of = MessageId {
                actor: ActorId([actor; 16]),
                index,
            };
            entry(
                order,
                Body::Repeat(Repeat {
                    of,
                    entry: text(order / 2, &name),
                }),
            )
        }),
    ]
}

proptest! {
    #[test]
    fn a_place_reads_as_it_is_spelt_and_spellings_compare_as_places_do(
        a in any::<(u64, [u8; 16], u64, u32)>(), b in any::<(u64, [u8; 16], u64, u32)>()
    ) {
        let place = |(order, actor, index, sum)| Place {
            order,
            id: MessageId { actor: ActorId(actor), index },
            sum,
        };
        let (a, b) = (place(a), place(b));
        prop_assert_eq!(a.to_string().parse(), Ok(a));
        prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
    }

    #[test]
    fn the_fold_is_the_same_in_any_order_and_any_number_of_times(
        chains in proptest::collection::vec(proptest::collection::vec(bodies(), 1..6), 3),
        swaps in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..20),
    ) {
        let mut changes: Vec<Parts> = (0..).zip(chains).flat_map(|(actor, chain)| {
            (0..).zip(chain).map(move |(index, entry)| change(actor, index, vec![entry]))
        }).collect();
        let expected = fold(&changes);
        changes.extend(changes.clone());
        for (one, other) in swaps {
            let (one, other) = (one.index(changes.len()), other.index(changes.len()));
            changes.swap(one, other);
        }
        prop_assert_eq!(fold(&changes), expected);
    }
}
