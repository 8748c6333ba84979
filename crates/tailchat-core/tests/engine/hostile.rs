//! Scripts of members who mean harm: who claims much and gives nothing, who tells of addresses that lead nowhere, who
//! comes as somebody else.

use std::time::Duration;

use tailchat_core::block::{Block, SeqRange};
use tailchat_core::engine::{ConnId, Event, Fares, Source};
use tailchat_core::handshake::Role;
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::limits::{ANSWER_TIME, DEVICES_MAX, TICK, WANT_TIME};
use tailchat_core::wire::{Claim, Disk, PeerAt, RoomFrame, Told};

use super::rig::{Peer, ROOM, Scripted, meet, talk, vector};

const ANN: ConnId = ConnId(1);

/// An actor that nobody ever was, with as many changes as one may have.
fn much(n: u128) -> Claim {
    Claim {
        actor: ActorId(n.to_le_bytes()),
        seq: 1 << 31,
        entries: 1 << 31,
        messages: 1 << 31,
        hash: [0; 8],
    }
}

/// Bob, who has a message, and Ann, whose history takes several answers.
fn ann_with_a_history() -> (Peer, Peer) {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    (0..6000).for_each(|n| ann.post(&format!("message {n}, {}", "x".repeat(200))));
    bob.post("hello");
    (ann, bob)
}

#[test]
fn who_comes_again_and_again_to_let_questions_stall_keeps_nobody_from_the_others() {
    let (mut ann, mut bob) = ann_with_a_history();
    let mut next = 100;
    let mut come = |bob: &mut Peer| {
        next += 1;
        let conn = ConnId(next);
        let mut eve = Scripted::meet_as(bob, conn, u8::try_from(next % 100 + 100).unwrap());
        eve.say(bob, &vector(vec![much(u128::from(next))]));
        eve.hears(bob);
        (conn, eve)
    };
    let mut eves: Vec<_> = (0..2).map(|_| come(&mut bob)).collect();
    meet(&mut ann, &mut bob, ANN);
    for _ in 0..12 {
        bob.tick_for(Duration::from_secs(5) + TICK);
        talk(&mut ann, &mut bob, ANN);
        let (conn, _) = eves.remove(0);
        bob.feed(Event::Disconnected {
            conn,
            why: "gone".into(),
        });
        eves.push(come(&mut bob));
        talk(&mut ann, &mut bob, ANN);
    }
    assert_eq!(bob.texts().len(), 6001);
}

#[test]
fn whose_answer_never_ends_keeps_nobody_from_the_others_for_long() {
    let (mut ann, mut bob) = ann_with_a_history();
    let eve = ConnId(100);
    let mut scripted = Scripted::meet_as(&mut bob, eve, 100);
    scripted.say(&mut bob, &vector(vec![much(1)]));
    scripted.hears(&mut bob);
    meet(&mut ann, &mut bob, ANN);
    let began = bob.uptime;
    while bob.texts().len() < 6001 {
        bob.feed(Event::Receiving { conn: eve });
        bob.tick_for(TICK);
        talk(&mut ann, &mut bob, ANN);
        let waited = bob.uptime - began;
        assert!(waited <= ANSWER_TIME + WANT_TIME + 4 * TICK, "after {waited:?}");
    }
    assert!(bob.uptime - began > ANSWER_TIME, "she was asked first");
}

#[test]
fn who_is_near_to_many_and_hands_over_little_keeps_nobody_from_the_others() {
    let (mut ann, mut bob) = ann_with_a_history();
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    eve.say(&mut bob, &vector(Vec::new()));
    let (mut author, mut met) = (Peer::new(9), false);
    for n in 0..60_u64 {
        author.post(&n.to_string());
        let change = &author.disk.last().unwrap().change;
        let told = (0..100_u128).map(|k| Told {
            steps: 0,
            claim: Claim {
                seq: n + 1,
                ..much(k)
            },
        });
        eve.say(&mut bob, &RoomFrame::Have(told.collect()));
        for _ in 0..2 {
            bob.tick_for(TICK);
            talk(&mut ann, &mut bob, ANN);
        }
        let asked =
            |frame: &RoomFrame| matches!(frame, RoomFrame::Want(_) | RoomFrame::Vector { asks: true, .. });
        if eve.hears(&mut bob).iter().any(asked) {
            if !std::mem::replace(&mut met, true) {
                meet(&mut ann, &mut bob, ANN);
            }
            let block = Block::of([(&change.parts, change.encoded.hash)]).encode();
            eve.say(&mut bob, &RoomFrame::Block(block));
        }
    }
    let anns = bob
        .texts()
        .iter()
        .filter(|text| text.starts_with("message"))
        .count();
    assert_eq!(anns, 6000);
}

#[test]
fn addresses_that_others_tell_and_that_never_answer_leave_the_way_free_to_those_that_did() {
    let mut bob = Peer::new(2);
    bob.feed(Event::AddressAdded {
        addr: "10.1.0.1:1".into(),
    });
    bob.feed(Event::AddressesFound {
        source: Source::Hosts,
        addrs: ["10.1.0.2:1".to_owned()].into(),
    });
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    tell(&mut eve, &mut bob, 0);
    bob.tick_for(TICK);
    // Each waits for its turn among the sixteen at a time, and each takes three seconds to fail.
    let mut dials = dials(&mut bob);
    for _ in 0..8 {
        bob.tick_for(TICK);
        dials.extend(super::hostile::dials(&mut bob));
    }
    let at = |addr: &str| dials.iter().position(|dial| dial == addr);
    assert!(
        at("10.1.0.1:1") < Some(16) && at("10.1.0.2:1") < Some(16),
        "{dials:?}"
    );
    assert!(
        dials.len() <= 10,
        "{} wait in front of whoever is lost next",
        dials.len()
    );
}

/// Tells of as many addresses as are listened to in a minute.
fn tell(eve: &mut Scripted, bob: &mut Peer, net: u8) {
    for n in 0..8_u8 {
        let peers = (0..32_u8).map(|k| PeerAt {
            device: DeviceId([n; 16]),
            addr: format!("10.{net}.{n}.{k}:1"),
        });
        eve.say(bob, &RoomFrame::Peers(peers.collect()));
    }
}

fn dials(peer: &mut Peer) -> Vec<String> {
    let did = std::mem::take(&mut peer.did).into_iter();
    did.filter_map(|did| did.strip_prefix("dial ").map(ToOwned::to_owned))
        .collect()
}

#[test]
fn an_address_that_a_peer_told_and_at_which_something_else_answers_is_forgotten() {
    let mut bob = Peer::new(2);
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    let addr = "10.0.0.9:443".to_owned();
    let device = DeviceId([9; 16]);
    eve.say(
        &mut bob,
        &RoomFrame::Peers(vec![PeerAt {
            device,
            addr: addr.clone(),
        }]),
    );
    let mut conn = 10;
    for _ in 0..3000 {
        bob.tick_for(TICK);
        for addr in dials(&mut bob) {
            conn += 1;
            bob.feed(Event::Connected {
                conn: ConnId(conn),
                role: Role::Dialler,
                host: "10.0.0.9".into(),
                dialled: Some(addr),
            });
            bob.feed(Event::Disconnected {
                conn: ConnId(conn),
                why: "the other end closed it".into(),
            });
        }
        while bob.says_on(ConnId(2)).is_some() {}
        eve.say(&mut bob, &RoomFrame::Have(Vec::new()));
    }
    assert!(
        bob.engine.addresses().iter().all(|known| known.addr != addr),
        "{} dials",
        conn - 10
    );
}

#[test]
fn what_somebody_wrote_into_the_hosts_file_is_not_forgotten_for_what_anybody_announces() {
    let mut bob = Peer::new(2);
    let found = |bob: &mut Peer, source, addrs: Vec<String>| {
        bob.feed(Event::AddressesFound {
            source,
            addrs: addrs.into_iter().collect(),
        });
    };
    let many = |net: u8| {
        (0..512_u16)
            .map(move |n| format!("10.{net}.{}.{}:1", n >> 8, n & 255))
            .collect()
    };
    found(&mut bob, Source::Hosts, vec!["ann:1".into()]);
    found(&mut bob, Source::Mdns, many(1));
    found(&mut bob, Source::Tailscale, many(2));
    found(&mut bob, Source::WireGuard, many(3));
    assert!(bob.engine.addresses().iter().any(|known| known.addr == "ann:1"));
}

#[test]
fn who_does_not_greet_in_time_is_not_said_to_have_links_enough() {
    let mut bob = Peer::new(2);
    let addr = "elsewhere:1".to_owned();
    bob.feed(Event::AddressAdded { addr });
    bob.tick_for(TICK);
    dials(&mut bob);
    let mut ann = Peer::new(1);
    bob.connect(ANN, Role::Dialler);
    ann.connect(ANN, Role::Listener);
    // All but Ann's greeting arrives: then nothing does for a while.
    for _ in 0..2 {
        let frame = bob.says_on(ANN).unwrap();
        ann.feed(Event::Received { conn: ANN, frame });
        let frame = ann.says_on(ANN).unwrap();
        bob.feed(Event::Received { conn: ANN, frame });
    }
    assert_eq!(bob.status().peers.len(), 1);
    bob.tick_for(Duration::from_secs(6));
    let fares = bob.engine.addresses().remove(0).fares;
    assert!(!matches!(fares, Fares::Full), "{fares:?} {:?}", bob.closed);
    bob.tick_for(Duration::from_secs(2));
    assert_eq!(dials(&mut bob), ["elsewhere:1"]);
}

#[test]
fn who_comes_as_a_known_process_in_one_room_parts_nobody_in_another() {
    let other = RoomId([10; 16]);
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    for peer in [&mut ann, &mut bob] {
        peer.open(other);
        peer.feed(Event::RoomClosed { room: ROOM });
    }
    ann.open(ROOM);
    meet(&mut bob, &mut ann, ANN);
    ann.tick_for(Duration::from_secs(6));
    // Bob's instance is told to whoever connects to him. Eve shares a room with Ann alone.
    let _eve = Scripted::meet_as(&mut ann, ConnId(2), 2);
    let linked = ann.engine.room_status(other).unwrap().peers.len();
    assert_eq!((linked, &ann.closed[..]), (1, &[][..]));
}

#[test]
fn who_comes_as_a_known_process_in_one_room_keeps_it_not_from_being_dialled_for_another() {
    let other = RoomId([10; 16]);
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    bob.open(other);
    bob.feed(Event::RoomClosed { room: ROOM });
    ann.open(other);
    ann.feed(Event::AddressAdded {
        addr: "elsewhere:1".into(),
    });
    ann.tick_for(TICK);
    meet(&mut ann, &mut bob, ANN);
    let _eve = Scripted::meet_as(&mut ann, ConnId(2), 2);
    dials(&mut ann);
    ann.feed(Event::Disconnected {
        conn: ANN,
        why: "cut".into(),
    });
    let fares = ann.engine.addresses().remove(0).fares;
    assert!(matches!(fares, Fares::Failed(_)), "{fares:?}");
    ann.tick_for(Duration::from_secs(3));
    assert_eq!(dials(&mut ann), ["elsewhere:1"]);
}

#[test]
fn who_comes_many_times_from_one_place_takes_no_more_than_half_of_the_links() {
    let mut bob = Peer::new(2);
    for n in 0..8_u8 {
        bob.feed(Event::Connected {
            conn: ConnId(n.into()),
            role: Role::Listener,
            host: format!("10.0.0.{n}"),
            dialled: None,
        });
        Scripted::begin(&mut bob, ConnId(n.into()), 100 + n).greet_settled(&mut bob);
    }
    assert_eq!(bob.status().peers.len(), 8);
    for n in 0..100_u8 {
        Scripted::meet_as(&mut bob, ConnId(1000 + u64::from(n)), 110 + n);
    }
    let honest = bob.status().peers;
    let honest = honest.iter().filter(|peer| peer.addr != "127.0.0.1").count();
    assert_eq!(honest, 4);
}

#[test]
fn who_had_a_clock_far_ahead_is_heard_of_once_it_is_right() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    let far = |peer: &mut Peer, event| {
        let mut now = peer.now();
        now.wall_ms += 3 * 24 * 60 * 60 * 1000;
        peer.engine.handle(event, now, &mut peer.rng);
    };
    far(&mut bob, Event::Typed { room: ROOM });
    bob.tick_for(Duration::from_secs(4));
    meet(&mut bob, &mut ann, ANN);
    bob.feed(Event::Typed { room: ROOM });
    talk(&mut ann, &mut bob, ANN);
    ann.tick_for(TICK);
    assert!(ann.engine.here(ROOM).any(|here| here.typing));
}

#[test]
fn who_comes_as_a_known_process_does_not_end_its_connections() {
    for (n, ann_dials) in [(1, true), (1, false), (3, true), (3, false)] {
        let (mut ann, mut bob) = (Peer::new(n), Peer::new(2));
        match ann_dials {
            true => meet(&mut ann, &mut bob, ANN),
            false => meet(&mut bob, &mut ann, ANN),
        };
        for _ in 0..4 {
            [&mut ann, &mut bob]
                .into_iter()
                .for_each(|peer| peer.tick_for(Duration::from_secs(5)));
            talk(&mut ann, &mut bob, ANN);
        }
        let _eve = Scripted::meet_as(&mut ann, ConnId(2), 2);
        talk(&mut ann, &mut bob, ANN);
        let standing = ann.status().peers;
        let bobs = standing
            .iter()
            .filter(|peer| peer.device == Some(DeviceId([2; 16])));
        assert_eq!(
            (bobs.count(), bob.status().peers.len()),
            (1, 1),
            "{n} {ann_dials}"
        );
    }
}

#[test]
fn an_address_that_leads_to_a_connected_peer_by_a_detour_does_not_end_the_direct_connection() {
    for n in [1, 3] {
        let (mut ann, mut bob) = (Peer::new(n), Peer::new(2));
        meet(&mut ann, &mut bob, ANN);
        for peer in [&mut ann, &mut bob] {
            peer.tick_for(Duration::from_secs(6));
        }
        // Whoever stands between carries what is said to and fro until both know each other.
        let detour = ConnId(2);
        ann.feed(Event::Connected {
            conn: detour,
            role: Role::Dialler,
            host: "10.0.0.66".into(),
            dialled: Some("10.0.0.66:1".into()),
        });
        bob.connect(detour, Role::Listener);
        talk(&mut ann, &mut bob, detour);
        for _ in 0..8 {
            talk(&mut ann, &mut bob, ANN);
            [&mut ann, &mut bob]
                .into_iter()
                .for_each(|peer| peer.tick_for(Duration::from_secs(1)));
        }
        ann.post("hello");
        talk(&mut ann, &mut bob, ANN);
        assert_eq!(bob.texts(), ["hello"], "{n}");
    }
}

#[test]
fn a_connected_peer_that_is_dialled_at_two_more_addresses_later_keeps_one_connection() {
    for (n, lives) in [(1, true), (3, true), (1, false), (3, false)] {
        let (mut ann, mut bob) = (Peer::new(n), Peer::new(2));
        meet(&mut ann, &mut bob, ANN);
        for peer in [&mut ann, &mut bob] {
            peer.tick_for(Duration::from_secs(6));
        }
        let later = [ConnId(2), ConnId(3)];
        for conn in later {
            ann.connect(conn, Role::Dialler);
            bob.connect(conn, Role::Listener);
        }
        for _ in 0..8 {
            for conn in later.into_iter().chain(lives.then_some(ANN)) {
                talk(&mut ann, &mut bob, conn);
            }
            [&mut ann, &mut bob]
                .into_iter()
                .for_each(|peer| peer.tick_for(Duration::from_secs(1)));
        }
        assert_eq!(
            (ann.standing().len(), bob.standing().len()),
            (1, 1),
            "{n} {lives}"
        );
    }
}

#[test]
fn who_leaves_a_room_and_comes_back_for_more_questions_has_the_disk_read_no_more_for_it() {
    let mut bob = Peer::new(2);
    bob.post("hello");
    let actor = bob.status().actor.unwrap();
    bob.forgetful = true;
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    for _ in 0..1000 {
        for _ in 0..3 {
            let from = 1;
            eve.say(&mut bob, &RoomFrame::Want(vec![SeqRange { actor, from, to: 1 }]));
        }
        eve.come_again(&mut bob);
    }
    assert_eq!(bob.closed, [""; 0]);
    assert!(bob.loads.len() <= 64, "{}", bob.loads.len());
}

#[test]
fn who_says_that_it_listens_where_another_was_met_keeps_nobody_from_being_dialled_there() {
    let (mut ann, mut bob, mut carl) = (Peer::new(1), Peer::new(2), Peer::new(3));
    let addr = "127.0.0.1:7".to_owned();
    ann.feed(Event::AddressAdded { addr: addr.clone() });
    ann.tick_for(TICK);
    ann.feed(Event::Connected {
        conn: ANN,
        role: Role::Dialler,
        host: "127.0.0.1".into(),
        dialled: Some(addr.clone()),
    });
    bob.connect(ANN, Role::Listener);
    talk(&mut ann, &mut bob, ANN);
    // Carl is on the same host, or behind the same router, and listens at the same port there.
    carl.feed(Event::Listening { port: 7 });
    meet(&mut carl, &mut ann, ConnId(2));
    dials(&mut ann);
    ann.feed(Event::Disconnected {
        conn: ANN,
        why: "cut".into(),
    });
    ann.tick_for(Duration::from_secs(3));
    assert_eq!(dials(&mut ann), [addr]);
}

#[test]
fn who_tells_of_very_many_disks_keeps_nobody_who_is_there_from_being_counted() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    bob.post("hello");
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    let disks = (0..2000_u128).map(|n| Disk {
        device: DeviceId((n + 1000).to_be_bytes()),
        claims: vec![much(n)],
    });
    eve.say(&mut bob, &RoomFrame::Disks(disks.collect()));
    meet(&mut ann, &mut bob, ANN);
    let known = bob.engine.disks(ROOM).map(|disk| disk.device);
    let known: Vec<_> = known.collect();
    assert!(known.contains(&DeviceId([1; 16])));
    assert!(known.len() <= DEVICES_MAX);
}

#[test]
fn who_is_asked_in_vain_while_nobody_else_has_anything_delays_no_news() {
    let mut bob = Peer::new(2);
    bob.post("hello");
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    eve.say(&mut bob, &vector(vec![much(1)]));
    let mut carl = Scripted::meet_as(&mut bob, ConnId(3), 63);
    carl.say(&mut bob, &vector(Vec::new()));
    bob.tick_for(Duration::from_secs(6));
    eve.hears(&mut bob);
    eve.say(&mut bob, &RoomFrame::Block(Vec::new()));
    carl.hears(&mut bob);
    let mut author = Peer::new(9);
    author.post("news");
    let change = &author.disk[0].change;
    let claim = Claim::of(change.parts.actor, &change.tip);
    carl.say(&mut bob, &RoomFrame::Have(vec![Told { steps: 1, claim }]));
    bob.tick_for(TICK);
    let heard = carl.hears(&mut bob);
    assert!(
        heard.iter().any(|frame| matches!(frame, RoomFrame::Want(_))),
        "{heard:?}"
    );
}
