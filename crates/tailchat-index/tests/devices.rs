//! Devices of one person, beside the timeline: what was judged by links stays so, and is not judged anew without need.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;

use tailchat_core::change::Parts;
use tailchat_core::devices::LinkProof;
use tailchat_core::entry::{Body, Edit, Link, Profile};
use tailchat_core::ids::{ActorId, DeviceId, MessageId, PersonId};
use tailchat_core::timeline::Timeline;
use tailchat_index::{Folded, Index};

use rig::{ALL, HERE, ROOM, change, entry, expected, fold, lines, text};

fn profile(device: u8) -> Vec<u8> {
    let (person, device) = (PersonId([1; 32]), DeviceId([device; 16]));
    let name = "ann".into();
    entry(0, 0, Body::Profile(Profile { person, device, name }))
}

fn link(device: DeviceId) -> Vec<u8> {
    let proof = LinkProof([0; 16]);
    entry(1, 1, Body::Link(Link { device, proof }))
}

/// Two devices that are one person's, and the second one edits what the first one wrote.
fn linked() -> Vec<Parts> {
    let of = MessageId {
        actor: ActorId([1; 16]),
        index: 2,
    };
    let edit = Edit {
        of,
        text: "tea".into(),
    };
    vec![
        change(
            1,
            0,
            vec![profile(0xf1), link(DeviceId([0xf2; 16])), text(5, "tee")],
        ),
        change(
            2,
            0,
            vec![
                profile(0xf2),
                link(DeviceId([0xf1; 16])),
                entry(6, 6, Body::Edit(edit)),
            ],
        ),
    ]
}

#[test]
fn links_beyond_those_that_count_take_nothing_back() {
    let mut changes = linked();
    let more = (0..100_u8).map(|device| link(DeviceId([device; 16])));
    changes.push(change(1, 3, more.collect()));
    let (mut timeline, mut index) = (Timeline::default(), Index::in_memory().unwrap());
    changes.iter().for_each(|parts| timeline.fold(parts, HERE));
    (1..)
        .zip(&changes)
        .for_each(|(at, parts)| fold(&mut index, std::slice::from_ref(parts), at));
    assert_eq!(lines(&index, &ALL), expected(&timeline));
    let (_, line) = &lines(&index, &ALL)[0];
    assert!(line.since.edited.is_some());
}

#[test]
fn a_link_that_says_nothing_new_has_nothing_judged_again() {
    let changes = linked();
    let mut timeline = Timeline::default();
    changes.iter().for_each(|parts| timeline.fold(parts, HERE));
    let mut index = Index::in_memory().unwrap();
    fold(&mut index, &changes, 2);
    let again = change(1, 3, vec![link(DeviceId([0xf2; 16])); 9]);
    let folded = Folded {
        changes: &[(&again, HERE)],
        ..Folded::default()
    };
    assert!(index.fold(ROOM, folded).unwrap().amended.is_empty());
}
