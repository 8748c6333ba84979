//! Scripts of forks that somebody made up.

use std::time::Duration;

use tailchat_core::engine::ConnId;
use tailchat_core::limits::{FORK_HEALS_MAX, FORK_HEALS_TIME};
use tailchat_core::wire::RoomFrame;

use super::rig::{Peer, Scripted};

/// A member says that our actor is forked, and answers every question with nothing.
fn claim_fork(bob: &mut Peer, conn: ConnId) {
    let Some(actor) = bob.status().actor else { return };
    let mut eve = Scripted::meet(bob, conn);
    eve.say(bob, &RoomFrame::Forked { actor, seq: 1 });
    for _ in 0..20 {
        let wants = eve.hears(bob);
        let wants = wants.iter().filter(|frame| matches!(frame, RoomFrame::Want(_)));
        wants.for_each(|_| eve.say(bob, &RoomFrame::Block(Vec::new())));
    }
    bob.feed(tailchat_core::engine::Event::Disconnected {
        conn,
        why: "cut".into(),
    });
    bob.sent.clear();
}

#[test]
fn who_makes_up_forks_costs_us_a_few_actors_and_no_more() {
    let mut bob = Peer::new(2);
    bob.post("mine");
    for n in 0..20 {
        claim_fork(&mut bob, ConnId(n));
        bob.post(&format!("post {n}"));
    }
    let actors = |bob: &Peer| bob.status().durable.tips().count();
    assert_eq!(actors(&bob), 1 + FORK_HEALS_MAX);
    assert_eq!(bob.texts().len(), 21, "nothing is lost or doubled");
    bob.uptime += FORK_HEALS_TIME + Duration::from_secs(1);
    claim_fork(&mut bob, ConnId(99));
    bob.post("later");
    assert_eq!(actors(&bob), 2 + FORK_HEALS_MAX);
}
