//! Scripts of a room with more peers than links: who is taken in, who is parted with, who sends what.

use std::time::Duration;

use tailchat_core::engine::{ConnId, Event, Fares, Remembered, Source};
use tailchat_core::handshake::Role;
use tailchat_core::ids::{DeviceId, RoomId};
use tailchat_core::limits::{PEERS_TOLD_MAX, PRESENCE_MAX, ROOM_LINKS_MAX, TICK};
use tailchat_core::wire::{Bye, PeerAt, Presence, RoomFrame, Sign};

use super::rig::{Peer, ROOM, Scripted, meet, part, talk};

fn links(peer: &Peer) -> usize {
    peer.status().peers.len()
}

fn dials(peer: &mut Peer) -> Vec<String> {
    let did = std::mem::take(&mut peer.did);
    let dials = did.into_iter().filter(|did| did.starts_with("dial "));
    dials.collect()
}

/// Ann with as many peers as she keeps links, each dialled by it.
fn ann_with_all_links() -> (Peer, Vec<Peer>) {
    let mut ann = Peer::new(1);
    let mut others: Vec<_> = (2..).map(Peer::new).take(ROOM_LINKS_MAX).collect();
    for (n, other) in (1..).zip(&mut others) {
        meet(other, &mut ann, ConnId(n));
    }
    (ann, others)
}

#[test]
fn who_has_no_other_link_is_taken_in_at_somebody_elses_expense() {
    let (mut ann, mut others) = ann_with_all_links();
    assert_eq!(links(&ann), ROOM_LINKS_MAX);
    let mut late = Peer::new(99);
    meet(&mut late, &mut ann, ConnId(50));
    assert_eq!(links(&ann), ROOM_LINKS_MAX);
    assert_eq!(links(&late), 1, "the newcomer stays");
    for (n, other) in (1..).zip(&mut others) {
        talk(other, &mut ann, ConnId(n));
    }
    let parted: Vec<_> = others.iter().filter(|other| links(other) == 0).collect();
    assert_eq!(parted.len(), 1, "one went");
    assert_eq!(parted[0].closed, ["the peer has links enough"]);
}

#[test]
fn who_has_links_and_holds_the_same_is_sent_on_and_told_where_others_are() {
    let (mut ann, _others) = ann_with_all_links();
    let closed = ann.closed.len();
    let mut late = Scripted::prove(&mut ann, ConnId(50));
    late.greet_settled(&mut ann);
    assert_eq!(links(&ann), ROOM_LINKS_MAX);
    assert_eq!(ann.closed[closed..], ["links enough in every room"]);
    let heard = late.hears(&mut ann);
    assert!(heard.contains(&RoomFrame::Part), "{heard:?}");
}

#[test]
fn an_address_whose_peer_has_links_enough_is_left_alone_for_a_while() {
    let mut bob = Peer::new(2);
    bob.feed(Event::AddressAdded {
        addr: "10.0.0.1:7".into(),
    });
    bob.tick_for(TICK);
    assert_eq!(dials(&mut bob), ["dial 10.0.0.1:7"]);
    bob.feed(Event::Connected {
        conn: ConnId(1),
        role: Role::Dialler,
        host: "10.0.0.1".into(),
        dialled: Some("10.0.0.1:7".into()),
    });
    let bye = tailchat_core::wire::encode_conn(&tailchat_core::wire::ConnFrame::Bye(Bye::Full));
    bob.feed(Event::Received {
        conn: ConnId(1),
        frame: bye,
    });
    assert_eq!(bob.engine.addresses()[0].fares, Fares::Full);
    bob.tick_for(Duration::from_secs(14));
    assert!(dials(&mut bob).is_empty());
    bob.tick_for(Duration::from_secs(20));
    assert_eq!(dials(&mut bob), ["dial 10.0.0.1:7"]);
}

#[test]
fn an_address_is_dialled_once_while_its_peer_is_connected_otherwise() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    let addrs = ["10.0.0.2:1", "10.0.0.3:1", "[fd7a::2]:1"];
    ann.feed(Event::AddressesFound {
        source: Source::Mdns,
        addrs: addrs.map(Into::into).into(),
    });
    ann.tick_for(TICK);
    assert_eq!(dials(&mut ann).len(), 3);
    for (n, addr) in (1..).zip(addrs) {
        let conn = ConnId(n);
        ann.feed(Event::Connected {
            conn,
            role: Role::Dialler,
            host: "10.0.0.2".into(),
            dialled: Some(addr.into()),
        });
        bob.connect(conn, Role::Listener);
    }
    for _ in 0..4 {
        for n in 1..=3 {
            talk(&mut ann, &mut bob, ConnId(n));
        }
    }
    assert_eq!((links(&ann), links(&bob)), (1, 1), "one connection survives");
    let gone = |peer: &Peer| peer.closed.len();
    assert_eq!(gone(&ann).max(gone(&bob)), 2);
}

#[test]
fn what_a_source_gives_no_longer_is_forgotten_unless_somebody_was_met_there() {
    let mut ann = Peer::new(1);
    let found = |ann: &mut Peer, addrs: &[&str]| {
        ann.feed(Event::AddressesFound {
            source: Source::Tailscale,
            addrs: addrs.iter().map(|addr| (*addr).to_owned()).collect(),
        });
    };
    found(&mut ann, &["100.64.0.1:24242", "100.64.0.2:24242"]);
    found(&mut ann, &["100.64.0.2:24242"]);
    let known: Vec<_> = ann
        .engine
        .addresses()
        .into_iter()
        .map(|a| (a.addr, a.sources))
        .collect();
    assert_eq!(known, [("100.64.0.2:24242".to_owned(), vec![Source::Tailscale])]);
    ann.feed(Event::AddressAdded {
        addr: "100.64.0.2:24242".into(),
    });
    found(&mut ann, &[]);
    assert_eq!(ann.engine.addresses()[0].sources, [Source::Hand]);
}

#[test]
fn a_flood_of_addresses_is_bounded_and_keeps_what_somebody_wrote() {
    let mut bob = Peer::new(2);
    bob.feed(Event::AddressAdded { addr: "ann:1".into() });
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    for n in 0..1000_u32 {
        let peers = (0..32).map(|k| {
            let n = n * 32 + k;
            let addr = format!("10.{}.{}.{}:1", n >> 16, n >> 8 & 255, n & 255);
            let device = DeviceId([7; 16]);
            PeerAt { device, addr }
        });
        eve.say(&mut bob, &RoomFrame::Peers(peers.collect()));
    }
    let known = bob.engine.addresses();
    assert_eq!(known.len(), 1 + 256, "so many a minute");
    assert!(known.iter().any(|address| address.addr == "ann:1"));
    bob.did.clear();
    bob.tick_for(TICK);
    assert!(dials(&mut bob).len() <= 16, "so many at a time");
    eve.say(
        &mut bob,
        &RoomFrame::Peers(vec![
            PeerAt {
                device: DeviceId([7; 16]),
                addr: "10.0.0.1:1".into()
            };
            PEERS_TOLD_MAX + 1
        ]),
    );
    assert_eq!(bob.closed, ["too many addresses at once"]);
}

#[test]
fn who_is_linked_is_here_and_who_breaks_off_is_not_for_long() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    ann.tick_for(TICK);
    let here = |peer: &Peer| peer.engine.here(ROOM).map(|here| here.device).collect::<Vec<_>>();
    assert_eq!(here(&ann), [DeviceId([2; 16])]);
    part(&mut ann, &mut bob, ConnId(1));
    ann.tick_for(Duration::from_secs(2));
    assert_eq!(here(&ann).len(), 1, "perhaps it is back at once");
    ann.tick_for(Duration::from_secs(8));
    assert!(here(&ann).is_empty());
}

#[test]
fn who_is_not_linked_is_heard_of_until_it_goes() {
    let (mut ann, mut bob, mut cid) = (Peer::new(1), Peer::new(2), Peer::new(3));
    meet(&mut ann, &mut bob, ConnId(1));
    meet(&mut bob, &mut cid, ConnId(2));
    let settle = |peers: [&mut Peer; 3]| {
        let [ann, bob, cid] = peers;
        for _ in 0..3 {
            talk(ann, bob, ConnId(1));
            talk(bob, cid, ConnId(2));
            [&mut *ann, &mut *bob, &mut *cid]
                .into_iter()
                .for_each(|peer| peer.tick_for(TICK));
        }
    };
    settle([&mut ann, &mut bob, &mut cid]);
    let here = |peer: &Peer| {
        peer.engine
            .here(ROOM)
            .map(|here| here.device.0[0])
            .collect::<Vec<_>>()
    };
    assert_eq!((here(&ann), here(&cid)), (vec![2, 3], vec![1, 2]));
    cid.feed(Event::Typed { room: ROOM });
    settle([&mut ann, &mut bob, &mut cid]);
    let types = |peer: &Peer| peer.engine.here(ROOM).any(|here| here.typing);
    assert!(types(&ann) && types(&bob));
    cid.post("done");
    settle([&mut ann, &mut bob, &mut cid]);
    assert!(!types(&ann) && !types(&bob), "who has written types no longer");
    cid.feed(Event::Stopping);
    settle([&mut ann, &mut bob, &mut cid]);
    assert_eq!(here(&ann), [2]);
}

#[test]
fn who_is_called_lost_and_is_not_says_so() {
    let mut bob = Peer::new(2);
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    eve.hears(&mut bob);
    let said = |device: u8, beat, sign| {
        let device = DeviceId([device; 16]);
        RoomFrame::Presence(vec![Presence {
            device,
            beat,
            lasts_s: 100,
            sign,
        }])
    };
    let beat = u64::try_from(bob.now().wall_ms).unwrap() + 5000;
    eve.say(&mut bob, &said(2, beat, Sign::Lost));
    let heard = eve.hears(&mut bob);
    let [RoomFrame::Presence(signs)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert!(signs[0].beat > beat && signs[0].sign == Sign::Here && signs[0].device == DeviceId([2; 16]));
    // A beat that no clock can mean stops nobody from being heard again.
    eve.say(&mut bob, &said(2, u64::MAX, Sign::Gone));
    assert!(eve.hears(&mut bob).is_empty());
    eve.say(&mut bob, &said(5, u64::MAX, Sign::Here));
    bob.tick_for(TICK);
    assert!(bob.engine.here(ROOM).all(|here| here.device != DeviceId([5; 16])));
    eve.say(
        &mut bob,
        &RoomFrame::Presence(vec![
            Presence {
                device: DeviceId([5; 16]),
                beat: 1,
                lasts_s: 1,
                sign: Sign::Here
            };
            PRESENCE_MAX + 1
        ]),
    );
    assert_eq!(bob.closed, ["too many signs of life at once"]);
}

#[test]
fn who_is_called_lost_in_one_room_says_so_whatever_it_said_in_another() {
    let mut bob = Peer::new(2);
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    eve.hears(&mut bob);
    let beat = u64::try_from(bob.now().wall_ms).unwrap();
    let other = RoomId([8; 16]);
    bob.open(other);
    bob.tick_for(TICK);
    bob.feed(Event::Typed { room: other });
    let lost = Presence {
        device: DeviceId([2; 16]),
        beat,
        lasts_s: 0,
        sign: Sign::Lost,
    };
    eve.say(&mut bob, &RoomFrame::Presence(vec![lost]));
    let heard = eve.hears(&mut bob);
    let [RoomFrame::Presence(signs)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert!(signs[0].beat > beat && signs[0].sign == Sign::Here);
}

#[test]
fn a_peer_that_owes_a_sign_is_dialled_again_beside_the_connection() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.feed(Event::AddressAdded {
        addr: "elsewhere:1".into(),
    });
    meet(&mut ann, &mut bob, ConnId(1));
    ann.did.clear();
    ann.post("into the void");
    ann.tick_for(Duration::from_secs(2));
    assert!(dials(&mut ann).is_empty(), "a disk may take a while");
    ann.tick_for(Duration::from_secs(3));
    assert_eq!(dials(&mut ann), ["dial elsewhere:1"]);
    assert_eq!(links(&ann), 1, "the connection stands until it is sure");
}

#[test]
fn two_copies_of_a_device_do_not_tell_each_other_for_ever_that_it_is_lost() {
    let mut ann = Peer::new(1);
    ann.post("hello");
    let mut copy = super::twin(&ann);
    meet(&mut ann, &mut copy, ConnId(1));
    let mut eve = Scripted::meet(&mut ann, ConnId(3));
    let lost = Presence {
        device: DeviceId([1; 16]),
        beat: u64::try_from(ann.now().wall_ms).unwrap() + 5000,
        lasts_s: 0,
        sign: Sign::Lost,
    };
    eve.say(&mut ann, &RoomFrame::Presence(vec![lost]));
    let (frames, _) = talk(&mut ann, &mut copy, ConnId(1));
    assert!(frames < 4, "{frames} frames");
}

#[test]
fn an_address_that_found_no_place_among_the_connections_is_dialled_again() {
    let mut bob = Peer::new(2);
    for n in 0..256 {
        bob.connect(ConnId(n), Role::Listener);
    }
    bob.feed(Event::AddressAdded {
        addr: "elsewhere:1".into(),
    });
    bob.tick_for(TICK);
    assert_eq!(dials(&mut bob), ["dial elsewhere:1"]);
    bob.connect(ConnId(999), Role::Dialler);
    bob.feed(Event::Disconnected {
        conn: ConnId(999),
        why: "closed by us".into(),
    });
    assert!(matches!(bob.engine.addresses()[0].fares, Fares::Failed(_)));
    bob.tick_for(Duration::from_secs(6));
    assert!(!dials(&mut bob).is_empty());
}

#[test]
fn an_address_given_by_hand_is_dialled_for_any_room_whatever_others_say_of_it() {
    let (mut ann, _others) = ann_with_all_links();
    let mut eve = Scripted::meet(&mut ann, ConnId(60));
    let (device, addr) = (DeviceId([9; 16]), "10.0.0.9:24242".to_owned());
    eve.say(
        &mut ann,
        &RoomFrame::Peers(vec![PeerAt {
            device,
            addr: addr.clone(),
        }]),
    );
    ann.did.clear();
    ann.tick_for(TICK);
    assert!(dials(&mut ann).is_empty(), "the room has links enough");
    ann.open(RoomId([8; 16]));
    ann.feed(Event::AddressAdded { addr });
    ann.tick_for(TICK);
    assert_eq!(dials(&mut ann), ["dial 10.0.0.9:24242"]);
}

#[test]
fn a_member_who_names_an_address_does_not_learn_whether_it_works_elsewhere() {
    let other = RoomId([8; 16]);
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.open(other);
    bob.feed(Event::RoomClosed { room: ROOM });
    bob.open(other);
    let addr = "10.0.0.2:24242".to_owned();
    ann.feed(Event::AddressAdded { addr: addr.clone() });
    ann.tick_for(TICK);
    ann.feed(Event::Connected {
        conn: ConnId(1),
        role: Role::Dialler,
        host: "10.0.0.2".into(),
        dialled: Some(addr.clone()),
    });
    bob.connect(ConnId(1), Role::Listener);
    talk(&mut ann, &mut bob, ConnId(1));
    let mut eve = Scripted::meet(&mut ann, ConnId(2));
    let device = DeviceId([9; 16]);
    eve.say(
        &mut ann,
        &RoomFrame::Peers(vec![PeerAt {
            device,
            addr: addr.clone(),
        }]),
    );
    let mut again = Scripted::meet_as(&mut ann, ConnId(3), 67);
    let heard = again.hears(&mut ann);
    let tells = |frame: &RoomFrame| matches!(frame, RoomFrame::Peers(peers) if peers.iter().any(|peer| peer.addr == addr));
    assert!(!heard.iter().any(tells), "{heard:?}");
}

#[test]
fn two_that_parted_with_each_other_at_once_are_linked_again_when_both_want() {
    let shared = RoomId([8; 16]);
    let (mut ann, anns) = ann_with_all_links();
    let mut bob = Peer::new(50);
    let mut bobs: Vec<_> = (51..).map(Peer::new).take(ROOM_LINKS_MAX).collect();
    for (n, other) in (101..).zip(&mut bobs) {
        meet(other, &mut bob, ConnId(n));
    }
    [&mut ann, &mut bob]
        .into_iter()
        .for_each(|peer| peer.open(shared));
    meet(&mut ann, &mut bob, ConnId(200));
    let linked = |peer: &Peer, n| {
        peer.status()
            .peers
            .iter()
            .any(|peer| peer.device == Some(DeviceId([n; 16])))
    };
    assert!(!linked(&ann, 50) && !linked(&bob, 1), "both have links enough");
    let cut = |peer: &mut Peer, from: u64, count: usize| {
        for n in (from..).take(count) {
            peer.feed(Event::Disconnected {
                conn: ConnId(n),
                why: "cut".into(),
            });
        }
    };
    cut(&mut ann, 1, anns.len());
    cut(&mut bob, 101, bobs.len());
    for _ in 0..20 {
        [&mut ann, &mut bob]
            .into_iter()
            .for_each(|peer| peer.tick_for(Duration::from_secs(2)));
        talk(&mut ann, &mut bob, ConnId(200));
    }
    assert!(linked(&ann, 50) && linked(&bob, 1));
}

#[test]
fn where_somebody_who_dialled_us_listens_is_kept_over_a_restart_as_hearsay() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.feed(Event::Listening { port: 7 });
    meet(&mut ann, &mut bob, ConnId(1));
    let kept = Remembered {
        addr: "127.0.0.1:7".into(),
        by_hand: false,
        worked_ms: None,
    };
    assert_eq!(bob.remembered, std::slice::from_ref(&kept));

    let mut bob = Peer::new(2);
    bob.feed(Event::AddressesRemembered { addrs: vec![kept] });
    bob.tick_for(TICK);
    assert_eq!(dials(&mut bob), ["dial 127.0.0.1:7"]);
    assert_eq!(bob.engine.addresses()[0].sources, [Source::Told]);
}

#[test]
fn an_address_that_means_nothing_without_the_name_of_a_network_is_not_kept() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.feed(Event::Listening { port: 7 });
    ann.connect(ConnId(1), Role::Dialler);
    bob.feed(Event::Connected {
        conn: ConnId(1),
        role: Role::Listener,
        host: "[fe80::7]".into(),
        dialled: None,
    });
    talk(&mut ann, &mut bob, ConnId(1));
    assert_eq!(links(&bob), 1);
    assert!(bob.engine.addresses().is_empty(), "{:?}", bob.engine.addresses());
}
