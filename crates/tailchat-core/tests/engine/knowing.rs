//! Scripts of what a peer knows of others: of disks that it never met, of peers that have no such room, of who dialled
//! it, of a copy of itself.

use std::time::Duration;

use tailchat_core::engine::{ConnId, DiskStatus, Event, PeerState, Strangers};
use tailchat_core::handshake::Role;
use tailchat_core::ids::{DeviceId, MessageId, RoomId};
use tailchat_core::limits::{DISKS_EVERY, HANDSHAKE_TIME};

use super::rig::{Peer, ROOM, meet, part, talk};

const LEFT: ConnId = ConnId(1);
const RIGHT: ConnId = ConnId(2);

fn device(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

fn disk(peer: &Peer, n: u8) -> Option<DiskStatus> {
    peer.engine.disks(ROOM).find(|disk| disk.device == device(n))
}

/// Lets time pass for three who stand in a line, and what they say go over.
fn pass(ann: &mut Peer, bob: &mut Peer, carl: &mut Peer) {
    for peer in [&mut *ann, &mut *bob, &mut *carl] {
        peer.tick_for(DISKS_EVERY + Duration::from_secs(1));
    }
    for _ in 0..3 {
        talk(ann, bob, LEFT);
        talk(bob, carl, RIGHT);
    }
}

#[test]
fn a_disk_that_was_never_met_is_known_by_who_stands_between_and_stays_known_when_all_part() {
    let (mut ann, mut bob, mut carl) = (Peer::new(1), Peer::new(2), Peer::new(3));
    meet(&mut ann, &mut bob, LEFT);
    meet(&mut bob, &mut carl, RIGHT);
    ann.post("to everybody");
    // Carl hears of it, asks for it, and his disk is told of: each when the time comes.
    for _ in 0..3 {
        pass(&mut ann, &mut bob, &mut carl);
    }
    assert_eq!(carl.texts(), ["to everybody"]);
    let id = MessageId {
        actor: ann.status().actor.unwrap(),
        index: 0,
    };
    let holders = |ann: &Peer| ann.engine.holders(ROOM, id).collect::<Vec<_>>();
    assert_eq!(holders(&ann), [device(2), device(3)]);
    assert_eq!(ann.engine.present(ROOM).collect::<Vec<_>>(), [device(2)]);
    assert_eq!(disk(&ann, 3).unwrap().state, PeerState::Equal);

    part(&mut ann, &mut bob, LEFT);
    ann.post("one");
    ann.post("two");
    for n in [2, 3] {
        let disk = disk(&ann, n).unwrap();
        assert_eq!((disk.state, disk.ahead, disk.behind), (PeerState::Ahead, 2, 0));
    }
    assert_eq!(holders(&ann).len(), 2);
}

#[test]
fn whose_disk_is_only_told_of_was_not_seen_until_it_goes_on() {
    let (mut ann, mut bob, mut carl) = (Peer::new(1), Peer::new(2), Peer::new(3));
    carl.post("long ago");
    meet(&mut bob, &mut carl, RIGHT);
    part(&mut bob, &mut carl, RIGHT);
    meet(&mut ann, &mut bob, LEFT);
    pass(&mut ann, &mut bob, &mut carl);
    let seen = |ann: &Peer| {
        let mut seen = ann.engine.last_seen(ROOM);
        seen.find(|(of, _)| *of == device(3))
    };
    assert!(disk(&ann, 3).is_some());
    assert_eq!(seen(&ann), None, "nobody knows how long ago that was");

    meet(&mut bob, &mut carl, RIGHT);
    carl.post("now");
    pass(&mut ann, &mut bob, &mut carl);
    pass(&mut ann, &mut bob, &mut carl);
    assert!(seen(&ann).is_some());
}

#[test]
fn peers_that_answer_and_do_not_have_the_room_are_counted_and_named() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    let other = RoomId([8; 16]);
    bob.feed(Event::RoomClosed { room: ROOM });
    bob.open(other);
    let addr = "elsewhere:1".to_owned();
    ann.feed(Event::AddressAdded { addr: addr.clone() });
    meet(&mut ann, &mut bob, LEFT);
    assert_eq!(ann.engine.strangers(ROOM), Strangers::default());
    ann.tick_for(HANDSHAKE_TIME + Duration::from_secs(1));
    let strangers = Strangers {
        peers: 1,
        addrs: vec![addr.clone()],
    };
    assert_eq!(ann.engine.strangers(ROOM), strangers);

    // Another room may be one of theirs.
    ann.open(other);
    assert_eq!(ann.engine.strangers(ROOM), Strangers::default());
    bob.feed(Event::Disconnected {
        conn: LEFT,
        why: "cut".into(),
    });
    bob.sent.clear();
    ann.sent.clear();
    meet(&mut ann, &mut bob, RIGHT);
    assert_eq!(ann.engine.strangers(ROOM), strangers, "by the other room");
    assert_eq!(ann.engine.strangers(other), Strangers::default());
}

#[test]
fn an_address_where_nobody_answers_is_no_stranger() {
    let mut ann = Peer::new(1);
    let addr = "elsewhere:1".to_owned();
    ann.feed(Event::AddressAdded { addr: addr.clone() });
    ann.feed(Event::DialFailed {
        addr,
        why: "refused".into(),
    });
    ann.connect(LEFT, Role::Dialler);
    ann.tick_for(HANDSHAKE_TIME + Duration::from_secs(1));
    assert_eq!(ann.engine.strangers(ROOM), Strangers::default());
}

#[test]
fn who_was_dialled_knows_by_whom_and_a_copy_of_the_folder_is_found() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, LEFT);
    assert_eq!(ann.engine.dialled_by().count(), 0);
    assert_eq!(bob.engine.dialled_by().collect::<Vec<_>>(), ["127.0.0.1"]);
    assert!(ann.engine.copies().is_empty());

    let mut copy = Peer::new(1);
    copy.restart_as(7);
    meet(&mut copy, &mut ann, RIGHT);
    assert_eq!(ann.engine.copies(), ["127.0.0.1"]);
    assert_eq!(copy.engine.copies(), ["elsewhere:1"]);
}
