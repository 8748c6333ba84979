//! Scripts of greetings: many rooms at once, and what strangers and members of other rooms can make of them.

use tailchat_core::engine::{ConnId, Event, PeerState};
use tailchat_core::handshake::Role;
use tailchat_core::ids::{DeviceId, RoomId};
use tailchat_core::wire::{Greet, RoomGreet};

use super::rig::{Peer, ROOM, Scripted, meet, part, talk, vector};

const CONN: ConnId = ConnId(1);

fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

/// Two peers who share rooms 100 to 199, connected once so that both hold the same.
fn with_a_hundred_rooms() -> (Peer, Peer) {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    for peer in [&mut ann, &mut bob] {
        peer.feed(Event::RoomClosed { room: ROOM });
        (100..200).for_each(|n| peer.open(room(n)));
    }
    (100..200).for_each(|n| ann.post_in(room(n), "hello"));
    meet(&mut ann, &mut bob, CONN);
    (100..200).for_each(|n| bob.post_in(room(n), "hello yourself"));
    talk(&mut ann, &mut bob, CONN);
    part(&mut ann, &mut bob, CONN);
    (ann, bob)
}

#[test]
fn a_hundred_equal_rooms_take_six_frames_and_eight_kilobytes() {
    let (mut ann, mut bob) = with_a_hundred_rooms();
    let (frames, bytes) = meet(&mut ann, &mut bob, ConnId(2));
    assert_eq!(frames, 6, "two Hellos, two Offers, two Greets");
    assert!(bytes + 4 * frames < 8_000, "{bytes} bytes");
    for n in 100..200 {
        for peer in [&ann, &bob] {
            let peers = peer.engine.room_status(room(n)).unwrap().peers;
            assert_eq!((peers.len(), peers[0].state), (1, PeerState::Equal));
        }
    }
}

#[test]
fn of_many_rooms_only_the_one_that_differs_says_more() {
    let (mut ann, mut bob) = with_a_hundred_rooms();
    ann.post_in(room(142), "news");
    let (frames, _) = meet(&mut ann, &mut bob, ConnId(2));
    assert_eq!(
        frames,
        6 + 5,
        "two Vectors, a Block with nothing and one with the news, a Have"
    );
    assert_eq!(ann.texts().len(), bob.texts().len());
}

#[test]
fn who_wrote_apart_has_it_all_one_round_trip_after_the_greetings() {
    let (mut ann, mut bob) = with_a_hundred_rooms();
    for n in 0..1_000 {
        ann.post_in(room(142), &format!("ann {n}"));
        bob.post_in(room(142), &format!("bob {n}"));
    }
    let (frames, _) = meet(&mut ann, &mut bob, ConnId(2));
    assert_eq!(frames, 6 + 6, "of each a Vector, a Block and a Have");
    assert!(ann.texts().len() >= 2_000);
    assert_eq!(ann.texts(), bob.texts());
}

#[test]
fn more_rooms_than_one_offer_holds_are_greeted_too() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    let rooms = || (0..600_u64).map(|n| RoomId([n.to_le_bytes(), [7; 8]].concat().try_into().unwrap()));
    for peer in [&mut ann, &mut bob] {
        rooms().for_each(|room| peer.open(room));
    }
    meet(&mut ann, &mut bob, CONN);
    for room in rooms() {
        let state = |peer: &Peer| peer.engine.room_status(room).unwrap().peers[0].state;
        assert_eq!((state(&ann), state(&bob)), (PeerState::Equal, PeerState::Equal));
    }
}

type Alter = fn(&mut Greet);

#[test]
fn a_greeting_that_was_altered_or_repeated_closes() {
    let altered = "a greeting that does not fit its room: it was altered or forged";
    let limits = "a greeting beyond its limits";
    let faults: [(Alter, &str); 11] = [
        (|greet| greet.speaker.device = DeviceId([7; 16]), altered),
        (|greet| greet.speaker.listen_port = 1, altered),
        (|greet| greet.speaker.name.push('x'), altered),
        (|greet| greet.speaker.program.clear(), altered),
        (|greet| greet.speaker.clock_ms += 1, altered),
        (|greet| greet.settled.push(3), altered),
        (|greet| greet.rooms[0].held[7] ^= 1, altered),
        (|greet| greet.rooms[0].proof[7] ^= 1, altered),
        (
            |greet| greet.rooms[0].slot = 9,
            "a frame of a room that was not offered",
        ),
        (|greet| greet.rooms.clear(), limits),
        (
            |greet| greet.rooms.push(greet.rooms[0]),
            "a second greeting in a room",
        ),
    ];
    for (alter, why) in faults {
        let mut bob = Peer::new(2);
        Scripted::prove(&mut bob, CONN).greet(&mut bob, "eve", alter);
        assert_eq!(bob.closed, [why]);
    }
    let mut bob = Peer::new(2);
    let eve = Scripted::meet(&mut bob, CONN);
    eve.greet(&mut bob, "by hand", |_| {});
    assert_eq!(bob.closed, ["a second greeting in a room"]);
}

#[test]
fn a_member_of_one_room_cannot_greet_in_another() {
    // Bob offers a second room, and eve, who does not know it, guesses its slot and tag.
    let mut bob = Peer::new(2);
    bob.open(room(200));
    let eve = Scripted::prove(&mut bob, CONN);
    eve.greet(&mut bob, "eve", |greet| {
        let proof = greet.rooms[0].proof;
        greet.rooms.push(RoomGreet {
            slot: 0,
            held: [6; 8],
            proof,
        });
    });
    let peers = |bob: &Peer, room| bob.engine.room_status(room).unwrap().peers.len();
    assert_eq!((peers(&bob, ROOM), peers(&bob, room(200))), (1, 0));
}

#[test]
fn nothing_of_a_room_left_and_offered_again_fits_its_second_opening() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, CONN);
    ann.post("hello");
    let push = ann.sent.front().cloned().unwrap().1;
    talk(&mut ann, &mut bob, CONN);
    let opened = |peer: &mut Peer| {
        peer.feed(Event::RoomClosed { room: ROOM });
        peer.open(ROOM);
    };
    opened(&mut bob);
    talk(&mut ann, &mut bob, CONN);
    assert_eq!(ann.standing(), bob.standing());
    bob.feed(Event::Received {
        conn: CONN,
        frame: push,
    });
    assert_eq!(
        bob.closed,
        ["a frame's code does not fit: it was altered, reordered or forged"]
    );
}

#[test]
fn a_frame_of_a_room_before_its_greeting_closes() {
    let mut bob = Peer::new(2);
    let mut eve = Scripted::prove(&mut bob, CONN);
    eve.say(&mut bob, &vector(Vec::new()));
    assert_eq!(bob.closed, ["a frame out of turn in a room"]);
    let mut bob = Peer::new(2);
    bob.connect(CONN, Role::Listener);
    assert!(bob.closed.is_empty());
}
