//! Scripts of forks that somebody made up.

use std::time::Duration;

use tailchat_core::engine::ConnId;
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::limits::{FORK_HEALS_MAX, FORK_HEALS_TIME};
use tailchat_core::state::Row;
use tailchat_core::wire::{Pushed, RoomFrame};

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

#[test]
fn whoever_goes_on_with_our_actor_is_named_and_takes_nothing_but_that_actor() {
    let mut bob = Peer::new(2);
    bob.post("mine");
    let actor = bob.status().actor.expect("it has written");
    let mut eve = Scripted::meet(&mut bob, ConnId(1));
    let stamp = Stamp {
        order: 1,
        sent_at_ms: 1,
    };
    let forged = Entry {
        stamp,
        body: Body::Text(Text {
            text: "forged".into(),
            reply_to: None,
        }),
    };
    let (_, forged) = bob
        .status()
        .durable
        .tip(actor)
        .extend(actor, vec![forged.encode()]);
    let (steps, row) = (0, Row::from(&forged));
    eve.say(&mut bob, &RoomFrame::Push(vec![Pushed { steps, row }]));
    bob.tick_for(Duration::from_secs(1));
    assert_eq!(bob.status().continued, Some((actor, 1)));
    bob.post("mine again");
    let status = bob.status();
    assert_ne!(status.actor, Some(actor));
    assert_eq!(status.forks, [], "one chain, of two writers");
    let texts = bob.texts();
    let whose = |text: &str| texts.iter().filter(|found| *found == text).count();
    assert_eq!([whose("mine"), whose("mine again"), whose("forged")], [1, 1, 1]);
}
