//! Scripts of peers that come again while the connection of before still seems to stand, which may be dead and not
//! know it: a cable was out, an address changed.

use std::time::Duration;

use tailchat_core::engine::ConnId;
use tailchat_core::handshake::Role;

use super::rig::{Peer, talk};

const DEAD: ConnId = ConnId(1);

fn connect(dialler: &mut Peer, listener: &mut Peer, conn: ConnId) {
    dialler.connect(conn, Role::Dialler);
    listener.connect(conn, Role::Listener);
    talk(dialler, listener, conn);
}

fn connect_either(ann_dials: bool, ann: &mut Peer, bob: &mut Peer, conn: ConnId) {
    match ann_dials {
        true => connect(ann, bob, conn),
        false => connect(bob, ann, conn),
    }
}

/// Two connected peers, either of which may have dialled. Nothing is under way.
fn connected(ann_dials: bool) -> (Peer, Peer) {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    connect_either(ann_dials, &mut ann, &mut bob, DEAD);
    for peer in [&mut ann, &mut bob] {
        peer.tick_for(Duration::from_secs(3));
    }
    (ann, bob)
}

/// Connections that are open.
fn links(peer: &Peer) -> usize {
    peer.connected - peer.closed.len()
}

/// Lets time pass; what is said on the dead connection is lost.
fn pass(ann: &mut Peer, bob: &mut Peer, conn: ConnId, seconds: u64) {
    for _ in 0..seconds {
        ann.tick_for(Duration::from_secs(1));
        bob.tick_for(Duration::from_secs(1));
        talk(ann, bob, conn);
    }
}

#[test]
fn who_comes_again_is_shown_once_though_the_connection_of_before_hears_of_no_end() {
    for (ann_dialled, ann_dials) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut ann, mut bob) = connected(ann_dialled);
        let again = ConnId(2);
        // In a calm room; the one that is dead stays until somebody asks.
        connect_either(ann_dials, &mut ann, &mut bob, again);
        for peer in [&ann, &bob] {
            let shown = peer.standing().len();
            assert!(shown == 1 || links(peer) == 0, "{shown} of {}", links(peer));
        }
        pass(&mut ann, &mut bob, again, 6);
        let left = (links(&ann), links(&bob));
        // Who decides may have kept the dead one; then it knows by now that it is dead, and the next try stands.
        assert!(
            left == (1, 1) || left.0 == 0,
            "{ann_dialled} {ann_dials}: {left:?}"
        );
        if left.0 == 0 {
            let once_more = ConnId(3);
            connect(&mut bob, &mut ann, once_more);
            pass(&mut ann, &mut bob, once_more, 6);
            assert_eq!((links(&ann), links(&bob)), (1, 1), "{ann_dialled} {ann_dials}");
        }
    }
}

#[test]
fn a_connection_that_lives_outlasts_the_question_whether_it_does() {
    for (ann_dialled, ann_dials) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut ann, mut bob) = connected(ann_dialled);
        let again = ConnId(2);
        connect_either(ann_dials, &mut ann, &mut bob, again);
        for _ in 0..24 {
            for peer in [&mut ann, &mut bob] {
                peer.tick_for(Duration::from_millis(250));
            }
            talk(&mut ann, &mut bob, DEAD);
            talk(&mut ann, &mut bob, again);
        }
        assert!(links(&ann) >= 1 && links(&bob) >= 1, "{ann_dialled} {ann_dials}");
    }
}
