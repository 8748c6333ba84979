//! Entries, changes and an index that takes them in, for the tests of the index.

use proptest::prelude::*;
use tailchat_core::block::Arrival;
use tailchat_core::change::Parts;
use tailchat_core::devices::LinkProof;
use tailchat_core::entry::{Body, Edit, Entry, Imported, Link, Pin, Profile, Reaction, Repeat, Stamp, Text};
use tailchat_core::ids::{ActorId, DeviceId, MessageId, PersonId, RoomId};
use tailchat_core::timeline::{Line, Place, Timeline};
use tailchat_index::{Asked, Folded, From, Index, Position};

pub(crate) const ROOM: RoomId = RoomId([7; 16]);
pub(crate) const HERE: Arrival = Arrival {
    at_ms: 1_000,
    via: DeviceId([9; 16]),
};
pub(crate) const ALL: Asked = Asked {
    from: From::Start,
    since_ms: None,
    until_ms: None,
    known_ms: None,
    limit: usize::MAX,
};

pub(crate) fn entry(order: u64, sent_at_ms: i64, body: Body) -> Vec<u8> {
    let stamp = Stamp { order, sent_at_ms };
    Entry { stamp, body }.encode()
}

pub(crate) fn text(order: u64, text: &str) -> Vec<u8> {
    let (text, reply_to) = (text.into(), None);
    entry(order, order.cast_signed(), Body::Text(Text { text, reply_to }))
}

pub(crate) fn change(actor: u8, first_index: u64, entries: Vec<Vec<u8>>) -> Parts {
    Parts {
        actor: ActorId([actor; 16]),
        seq: first_index + 1,
        first_index,
        previous: None,
        entries,
    }
}

pub(crate) fn id() -> impl Strategy<Value = MessageId> {
    (0..4_u8, 0..5_u64).prop_map(|(actor, index)| MessageId {
        actor: ActorId([actor; 16]),
        index,
    })
}

/// Entries that meet often: few orders, few texts, repeats of what may be there.
pub(crate) fn entries() -> impl Strategy<Value = Vec<u8>> {
    let order = 0..6_u64;
    let plain = prop_oneof![
        ("[ab]", proptest::option::of(id())).prop_map(|(text, reply_to)| Body::Text(Text { text, reply_to })),
        "[ab]".prop_map(|text| Body::Action(Text { text, reply_to: None })),
        ("[nm]", any::<bool>(), "[ab]").prop_map(|(nick, action, text)| Body::Imported(Imported {
            nick,
            action,
            text
        })),
        "[ab]".prop_map(Body::RoomName),
        "[ab]".prop_map(Body::Topic),
        (id(), any::<bool>()).prop_map(|(of, on)| Body::Pin(Pin { of, on })),
        (0..2_u8, 0..3_u8, "[ab]").prop_map(|(person, device, name)| Body::Profile(Profile {
            person: PersonId([person; 32]),
            device: DeviceId([device; 16]),
            name
        })),
        (0..3_u8).prop_map(|device| Body::Link(Link {
            device: DeviceId([device; 16]),
            proof: LinkProof([0; 16])
        })),
        Just(Body::Leave),
        (id(), "[ab]").prop_map(|(of, text)| Body::Edit(Edit { of, text })),
        id().prop_map(Body::Delete),
        (id(), "[ab]", any::<bool>()).prop_map(|(of, with, on)| Body::Reaction(Reaction { of, with, on })),
    ];
    let stamped = (order.clone(), -3..9_i64, plain).prop_map(|(order, sent, body)| entry(order, sent, body));
    let repeat = (order, id(), stamped.clone())
        .prop_map(|(order, of, repeated)| entry(order, 5, Body::Repeat(Repeat { of, entry: repeated })));
    let unknown = proptest::collection::vec(any::<u8>(), 1..6);
    prop_oneof![4 => stamped, 2 => repeat, 1 => unknown]
}

/// What one actor writes. Most begin by saying who they are, few people and few devices, so that those meet, too.
pub(crate) fn chains() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let profile = (0..2_u8, 0..3_u8).prop_map(|(person, device)| {
        let (person, device) = (PersonId([person; 32]), DeviceId([device; 16]));
        let name = "a".into();
        entry(0, 0, Body::Profile(Profile { person, device, name }))
    });
    let first = proptest::option::weighted(0.8, profile);
    (first, proptest::collection::vec(entries(), 1..6))
        .prop_map(|(first, rest)| first.into_iter().chain(rest).collect())
}

pub(crate) fn lines(index: &Index, asked: &Asked) -> Vec<(Place, Line)> {
    index.lines(ROOM, asked).unwrap()
}

pub(crate) fn expected(timeline: &Timeline) -> Vec<(Place, Line)> {
    timeline
        .lines()
        .map(|(place, line)| (*place, line.clone()))
        .collect()
}

pub(crate) fn fold(index: &mut Index, changes: &[Parts], position: u64) {
    let changes: Vec<_> = changes.iter().map(|parts| (parts, HERE)).collect();
    let folded = Folded {
        changes: &changes,
        tips: &[],
        position: Some(Position {
            stretch: 1,
            changes: position,
        }),
        whole: true,
    };
    index.fold(ROOM, folded).unwrap();
}
