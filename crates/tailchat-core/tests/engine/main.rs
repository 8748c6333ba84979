//! Scripts of events against the engine: what it does, and in which order.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod again;
mod catch_up;
mod forks;
mod greet;
mod hostile;
mod knowing;
mod merge;
mod preview;
mod rig;
mod swarm;
mod tree;

use std::collections::BTreeMap;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tailchat_core::engine::{ConnId, Draft, Engine, Event, Opened, PeerState, Ticket};
use tailchat_core::entry::{Body, Text};
use tailchat_core::handshake::{Hello, MAGIC, Role};
use tailchat_core::ids::{ActorId, Instance, RoomId};
use tailchat_core::limits::TICK;
use tailchat_core::wire::{ConnFrame, encode_conn};

use rig::{Peer, ROOM, meet, part, talk};

#[test]
fn a_post_is_durable_before_it_is_shown_and_shown_before_it_leaves() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    ann.did.clear();
    ann.post("hello");
    assert_eq!(ann.did, ["append", "show", "accepted", "send"]);
    bob.did.clear();
    talk(&mut ann, &mut bob, ConnId(1));
    assert_eq!(
        bob.did,
        ["append", "show", "send"],
        "the last is the acknowledgement"
    );
    assert_eq!(bob.texts(), ["hello"]);
    assert_eq!(
        (ann.standing(), bob.standing()),
        (vec![PeerState::Equal], vec![PeerState::Equal])
    );
}

#[test]
fn what_the_disk_refuses_is_neither_shown_nor_sent_and_its_actor_is_given_up() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    ann.post("before");
    let actor = ann.engine.room_status(ROOM).unwrap().actor;
    talk(&mut ann, &mut bob, ConnId(1));
    ann.disk_fails = true;
    ann.did.clear();
    ann.post("lost");
    assert_eq!(ann.did, ["append", "rejected: disk full"]);
    ann.disk_fails = false;
    ann.post("after");
    talk(&mut ann, &mut bob, ConnId(1));
    assert_eq!(bob.texts(), ["before", "after"]);
    assert_ne!(ann.engine.room_status(ROOM).unwrap().actor, actor);
}

#[test]
fn a_write_from_before_a_room_was_closed_confirms_nothing_in_the_room_opened_anew() {
    let mut ann = Peer::new(1);
    ann.writing = Some(Vec::new());
    ann.post("before");
    ann.feed(Event::RoomClosed { room: ROOM });
    ann.open(ROOM);
    let late = ann.writing.replace(Vec::new()).unwrap();
    ann.post("after");
    ann.did.clear();
    late.into_iter().for_each(|outcome| ann.feed(outcome));
    assert_eq!(ann.did, Vec::<String>::new());
    let written = ann.writing.take().unwrap();
    written.into_iter().for_each(|outcome| ann.feed(outcome));
    assert_eq!(ann.did, ["show", "accepted"]);
}

#[test]
fn peers_that_hold_the_same_find_out_with_little() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    (0..200).for_each(|n| ann.post(&format!("message {n}")));
    talk(&mut ann, &mut bob, ConnId(1));
    part(&mut ann, &mut bob, ConnId(1));
    let (frames, bytes) = meet(&mut ann, &mut bob, ConnId(2));
    assert_eq!(frames, 6, "two Hellos, two Offers, two Greets");
    assert!(bytes < 600, "{bytes} bytes");
    assert_eq!(ann.standing(), [PeerState::Equal]);
}

#[test]
fn what_was_written_apart_is_exchanged_when_they_meet() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    (0..30).for_each(|n| ann.post(&format!("ann {n}")));
    (0..20).for_each(|n| bob.post(&format!("bob {n}")));
    meet(&mut ann, &mut bob, ConnId(1));
    assert_eq!(ann.texts().len(), 50);
    assert_eq!(ann.texts(), bob.texts());
    let heads = |peer: &Peer| peer.engine.room_status(ROOM).unwrap().durable.heads();
    assert_eq!(heads(&ann), heads(&bob));
}

/// The whole machine is copied, so the copy goes on with the same actor.
fn twin(ann: &Peer) -> Peer {
    let mut copy = Peer::new(1);
    copy.disk.clone_from(&ann.disk);
    copy.timeline = ann.timeline.clone();
    copy.engine = Engine::new(ann.engine.identity().clone(), Instance([7; 16]));
    copy.rng = ChaCha8Rng::from_seed([77; 32]);
    let status = ann.engine.room_status(ROOM).unwrap();
    let actor = status.actor.unwrap();
    let opened = Opened {
        state: status.durable,
        actor: Some(actor),
        ours: [actor].into(),
        ..Opened::default()
    };
    copy.feed(Event::RoomOpened { room: ROOM, opened });
    copy
}

#[test]
fn both_branches_of_a_copied_device_end_on_every_screen() {
    let (mut ann, mut carol) = (Peer::new(1), Peer::new(3));
    (0..5).for_each(|n| ann.post(&format!("both {n}")));
    let mut copy = twin(&ann);
    (0..3).for_each(|n| ann.post(&format!("first {n}")));
    (0..4).for_each(|n| copy.post(&format!("second {n}")));
    meet(&mut ann, &mut carol, ConnId(1));
    assert_eq!(carol.texts().len(), 8);
    meet(&mut copy, &mut carol, ConnId(2));
    for _ in 0..6 {
        talk(&mut carol, &mut ann, ConnId(1));
        talk(&mut carol, &mut copy, ConnId(2));
        for peer in [&mut ann, &mut copy, &mut carol] {
            peer.tick_for(TICK);
        }
    }
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, peer) in [("ann", &ann), ("copy", &copy), ("carol", &carol)] {
        let mut texts = peer.texts();
        texts.sort();
        all.insert(name, texts);
    }
    assert_eq!(all["carol"].len(), 12, "{all:?}");
    assert_eq!(all["ann"], all["carol"]);
    assert_eq!(all["copy"], all["carol"]);
    assert!(carol.standing().contains(&PeerState::Apart));
}

#[test]
fn what_is_being_written_when_a_fork_shows_is_posted_again_too() {
    let mut ann = Peer::new(1);
    (0..5).for_each(|n| ann.post(&format!("both {n}")));
    let mut copy = twin(&ann);
    meet(&mut ann, &mut copy, ConnId(1));
    copy.writing = Some(Vec::new());
    copy.post("on a slow disk");
    ann.post("at the same moment");
    talk(&mut ann, &mut copy, ConnId(1));
    let written = copy.writing.take().unwrap();
    written.into_iter().for_each(|event| copy.feed(event));
    talk(&mut ann, &mut copy, ConnId(1));
    for peer in [&ann, &copy] {
        let mut texts = peer.texts();
        texts.retain(|text| !text.starts_with("both"));
        texts.sort();
        assert_eq!(texts, ["at the same moment", "on a slow disk"]);
    }
}

#[test]
fn a_fork_is_healed_though_the_connection_on_which_it_showed_fell_silent() {
    let mut ann = Peer::new(1);
    (0..5).for_each(|n| ann.post(&format!("both {n}")));
    let mut copy = twin(&ann);
    ann.post("ann's");
    copy.post("the copy's");
    ann.connect(ConnId(1), Role::Dialler);
    copy.connect(ConnId(1), Role::Listener);
    let conn = ConnId(1);
    while copy.engine.room_status(ROOM).unwrap().forks.is_empty() {
        if let Some(frame) = ann.says_on(conn) {
            copy.feed(Event::Received { conn, frame });
        }
        if let Some(frame) = copy.says_on(conn) {
            ann.feed(Event::Received { conn, frame });
        }
    }
    ann.sent.clear();
    copy.sent.clear();
    meet(&mut ann, &mut copy, ConnId(2));
    copy.feed(Event::Disconnected {
        conn,
        why: "silent for too long".into(),
    });
    copy.tick_for(Duration::from_secs(1));
    talk(&mut ann, &mut copy, ConnId(2));
    assert!(ann.texts().contains(&"the copy's".into()), "{:?}", ann.texts());
    assert!(copy.texts().contains(&"ann's".into()), "{:?}", copy.texts());
}

#[test]
fn a_peer_of_another_version_is_told_which_and_let_go() {
    let mut ann = Peer::new(1);
    ann.connect(ConnId(1), Role::Listener);
    let hello = Hello {
        magic: MAGIC,
        version: 1,
        nonce: [5; 32],
        instance: Instance([5; 16]),
    };
    let frame = encode_conn(&ConnFrame::Hello(hello));
    ann.feed(Event::Received {
        conn: ConnId(1),
        frame,
    });
    assert_eq!(
        ann.closed,
        ["the peer speaks protocol version 1, we speak 2; update the older one"]
    );
}

#[test]
fn rubbish_closes_its_connection() {
    for rubbish in [&b""[..], b"GET / HTTP/1.1\r\n", &[0; 40], &[1; 40], &[2, 3]] {
        let mut ann = Peer::new(1);
        ann.connect(ConnId(1), Role::Listener);
        ann.feed(Event::Received {
            conn: ConnId(1),
            frame: rubbish.to_vec(),
        });
        assert_eq!(ann.closed.len(), 1, "{rubbish:?}");
    }
}

#[test]
fn a_stranger_learns_nothing_and_is_let_go_in_time() {
    let (mut ann, mut eve) = (Peer::new(1), Peer::new(2));
    eve.feed(Event::RoomClosed { room: ROOM });
    eve.feed(Event::RoomOpened {
        room: RoomId([1; 16]),
        opened: Opened::default(),
    });
    let (frames, _) = meet(&mut ann, &mut eve, ConnId(1));
    assert_eq!(frames, 4, "two Hellos, two Offers, and nothing more");
    ann.tick_for(Duration::from_secs(6));
    assert_eq!(ann.closed, ["no room in common"]);
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    ann.sent.clear();
    ann.tick_for(Duration::from_secs(20));
    assert_eq!(ann.sent.len(), 1, "one ping");
    assert!(ann.closed.is_empty());
    ann.tick_for(Duration::from_secs(30));
    assert_eq!(ann.closed, ["silent for too long"]);
}

#[test]
fn an_address_is_dialled_for_ever_with_growing_pauses() {
    let mut ann = Peer::new(1);
    ann.feed(Event::AddressAdded { addr: "bob:1".into() });
    let mut times = Vec::new();
    for _ in 0..40 {
        ann.did.clear();
        while ann.did.is_empty() {
            ann.tick_for(Duration::from_millis(250));
        }
        times.push(ann.uptime);
        ann.feed(Event::DialFailed {
            addr: "bob:1".into(),
            why: "refused".into(),
        });
    }
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] <= Duration::from_millis(750), "{pauses:?}");
    assert!(
        pauses[10..]
            .iter()
            .all(|pause| *pause >= Duration::from_millis(1500)),
        "{pauses:?}"
    );
    assert!(
        pauses.iter().all(|pause| *pause <= Duration::from_millis(3500)),
        "{pauses:?}"
    );
}

#[test]
fn of_two_connections_between_the_same_peers_one_stays() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.connect(ConnId(1), Role::Dialler);
    bob.connect(ConnId(1), Role::Listener);
    ann.connect(ConnId(2), Role::Listener);
    bob.connect(ConnId(2), Role::Dialler);
    for conn in [ConnId(1), ConnId(2), ConnId(1)] {
        talk(&mut ann, &mut bob, conn);
    }
    for peer in [&mut ann, &mut bob] {
        assert_eq!(peer.closed.len(), 1, "{:?}", peer.closed);
        assert_eq!(peer.standing(), [PeerState::Equal]);
    }
}

#[test]
fn a_room_opened_later_is_found_on_the_open_connection() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    let later = RoomId([4; 16]);
    for peer in [&mut ann, &mut bob] {
        peer.feed(Event::RoomOpened {
            room: later,
            opened: Opened::default(),
        });
    }
    talk(&mut ann, &mut bob, ConnId(1));
    let states = |peer: &Peer| peer.engine.room_status(later).unwrap().peers.len();
    assert_eq!((states(&ann), states(&bob)), (1, 1));
}

#[test]
fn actors_are_random_and_a_clean_stop_goes_on_with_the_same() {
    let mut ann = Peer::new(1);
    let actor = ActorId([8; 16]);
    let opened = Opened {
        actor: Some(actor),
        ..Opened::default()
    };
    ann.feed(Event::RoomOpened {
        room: RoomId([4; 16]),
        opened,
    });
    let body = Body::Text(Text {
        text: "hi".into(),
        reply_to: None,
    });
    let drafts = vec![Draft { body, stamp: None }];
    ann.feed(Event::Posted {
        room: RoomId([4; 16]),
        ticket: Ticket(5),
        drafts,
    });
    assert_eq!(
        ann.engine.room_status(RoomId([4; 16])).unwrap().actor,
        Some(actor)
    );
    ann.post("elsewhere");
    assert_ne!(ann.engine.room_status(ROOM).unwrap().actor, Some(actor));
}

#[test]
fn who_left_a_room_unheard_and_came_back_is_found() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    let (closed, opened) = (
        || Event::RoomClosed { room: ROOM },
        || Event::RoomOpened {
            room: ROOM,
            opened: Opened::default(),
        },
    );
    bob.feed(closed());
    meet(&mut ann, &mut bob, ConnId(1));
    // Ann has nobody to say goodbye to; Bob opens the room while her second offer is under way.
    ann.feed(closed());
    ann.feed(opened());
    bob.feed(opened());
    talk(&mut ann, &mut bob, ConnId(1));
    assert_eq!(bob.closed, ["the peer left a room and came back while we met"]);
    part(&mut ann, &mut bob, ConnId(1));
    meet(&mut ann, &mut bob, ConnId(2));
    for peer in [&ann, &bob] {
        assert_eq!(peer.standing(), [PeerState::Equal]);
    }
}

#[test]
fn peers_that_become_equal_while_they_greet_know_it() {
    let (mut ann, mut bob, mut carol) = (Peer::new(1), Peer::new(2), Peer::new(3));
    ann.post("hello");
    meet(&mut ann, &mut carol, ConnId(1));
    part(&mut ann, &mut carol, ConnId(1));
    ann.connect(ConnId(2), Role::Dialler);
    bob.connect(ConnId(2), Role::Listener);
    for _ in ["hello", "offer"] {
        let (from_ann, from_bob) = (ann.says_on(ConnId(2)).unwrap(), bob.says_on(ConnId(2)).unwrap());
        for (peer, frame) in [(&mut ann, from_bob), (&mut bob, from_ann)] {
            peer.feed(Event::Received {
                conn: ConnId(2),
                frame,
            });
        }
    }
    // Both greetings are under way when Carol brings Bob what Ann has.
    meet(&mut bob, &mut carol, ConnId(3));
    assert_eq!(bob.texts(), ["hello"]);
    talk(&mut ann, &mut bob, ConnId(2));
    assert_eq!(ann.standing(), [PeerState::Equal]);
    assert_eq!(bob.standing(), [PeerState::Equal; 2]);
}

#[test]
fn where_both_ends_fall_silent_one_of_them_pings() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    let mut frames = 0;
    for _ in 0..4 * 60 {
        ann.tick_for(Duration::from_millis(250));
        bob.tick_for(Duration::from_millis(250));
        frames += talk(&mut ann, &mut bob, ConnId(1)).0;
    }
    assert_eq!(
        frames, 6,
        "in a minute, a ping and a pong in every quarter that is over"
    );
}
