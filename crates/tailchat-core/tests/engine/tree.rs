//! Scripts of how news travels: who is asked for it, who sends it unasked, and by how many links it is said to come.

use std::time::Duration;

use tailchat_core::block::Block;
use tailchat_core::engine::{ConnId, Event};
use tailchat_core::ids::ActorId;
use tailchat_core::limits::{DOUBT_AFTER, NEWS_WAIT, TICK};
use tailchat_core::state::{Change, Row};
use tailchat_core::wire::{Claim, Pushed, RoomFrame, Told};

use super::rig::{Peer, Scripted, meet, talk, vector};

/// Somebody far away who wrote so much.
fn author(messages: usize) -> (Peer, ActorId) {
    let mut author = Peer::new(9);
    (0..messages).for_each(|n| author.post(&n.to_string()));
    let actor = author.status().actor.unwrap();
    (author, actor)
}

fn change(author: &Peer, at: usize) -> &Change {
    &author.disk.get(at).unwrap().change
}

fn push(author: &Peer, at: usize, steps: u8) -> RoomFrame {
    let row = Row::from(change(author, at));
    RoomFrame::Push(vec![Pushed { steps, row }])
}

fn claim(author: &Peer, at: usize) -> Claim {
    let change = change(author, at);
    Claim::of(change.parts.actor, &change.tip)
}

fn have(author: &Peer, at: usize, steps: u8) -> RoomFrame {
    let claim = claim(author, at);
    RoomFrame::Have(vec![Told { steps, claim }])
}

fn block(author: &Peer, at: usize) -> RoomFrame {
    let change = change(author, at);
    RoomFrame::Block(Block::of([(&change.parts, change.encoded.hash)]).encode())
}

fn told(heard: &[RoomFrame]) -> Vec<(u64, u8)> {
    let told = heard.iter().filter_map(|frame| match frame {
        RoomFrame::Have(told) => Some(told.iter().map(|told| (told.claim.seq, told.steps))),
        _ => None,
    });
    told.flatten().collect()
}

fn wants(heard: &[RoomFrame]) -> bool {
    heard.iter().any(|frame| matches!(frame, RoomFrame::Want(_)))
}

/// Bob, linked with one near the author who sends him its changes, and with two more who do not.
fn bob_near(author: &Peer, actor: ActorId) -> (Peer, Scripted, Scripted, Scripted) {
    let mut bob = Peer::new(2);
    let mut near = Scripted::meet_as(&mut bob, ConnId(1), 61);
    let mut other = Scripted::meet_as(&mut bob, ConnId(2), 62);
    let mut third = Scripted::meet_as(&mut bob, ConnId(3), 63);
    for peer in [&mut near, &mut other, &mut third] {
        peer.say(&mut bob, &vector(Vec::new()));
    }
    near.say(&mut bob, &push(author, 0, 1));
    for peer in [&mut near, &mut other, &mut third] {
        assert!(!peer.hears(&mut bob).contains(&RoomFrame::Prune(vec![actor])));
    }
    (bob, near, other, third)
}

#[test]
fn what_comes_by_one_link_is_not_sent_on_another_unless_that_was_asked_for() {
    let (mut ann, mut bob, mut cid) = (Peer::new(1), Peer::new(2), Peer::new(3));
    meet(&mut ann, &mut bob, ConnId(1));
    meet(&mut bob, &mut cid, ConnId(2));
    let step = |ann: &mut Peer, bob: &mut Peer, cid: &mut Peer| {
        talk(ann, bob, ConnId(1));
        talk(bob, cid, ConnId(2));
    };
    ann.post("first");
    step(&mut ann, &mut bob, &mut cid);
    assert!(
        cid.texts().is_empty(),
        "cid was told, and waits for who is nearer"
    );
    let due = cid.engine.due().unwrap();
    assert_eq!(due, cid.uptime + NEWS_WAIT);
    cid.tick_for(TICK);
    step(&mut ann, &mut bob, &mut cid);
    assert_eq!(cid.texts(), ["first"]);
    assert_eq!(cid.engine.due(), None);
    ann.post("second");
    step(&mut ann, &mut bob, &mut cid);
    assert_eq!(cid.texts(), ["first", "second"], "from then on it is sent");
    let wants = cid.did.iter().filter(|did| *did == "send").count();
    assert!(wants > 0);
}

#[test]
fn of_two_links_that_bring_the_same_the_later_one_is_asked_to_stop() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.post("hello");
    meet(&mut ann, &mut bob, ConnId(1));
    ann.post("news");
    talk(&mut ann, &mut bob, ConnId(1));
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    let change = &ann.disk.last().unwrap().change;
    let row = Row::from(change);
    let (actor, steps) = (change.parts.actor, 1);
    eve.hears(&mut bob);
    eve.say(&mut bob, &RoomFrame::Push(vec![Pushed { steps, row }]));
    let heard = eve.hears(&mut bob);
    assert!(heard.contains(&RoomFrame::Prune(vec![actor])), "{heard:?}");
}

#[test]
fn a_link_nearer_to_the_author_takes_over() {
    let (author, actor) = author(2);
    let mut bob = Peer::new(2);
    let mut far = Scripted::meet_as(&mut bob, ConnId(1), 61);
    let mut near = Scripted::meet_as(&mut bob, ConnId(2), 62);
    far.say(&mut bob, &push(&author, 0, 6));
    far.hears(&mut bob);
    near.hears(&mut bob);
    near.say(&mut bob, &have(&author, 0, 1));
    assert_eq!(far.hears(&mut bob), [RoomFrame::Prune(vec![actor])]);
    assert!(near.hears(&mut bob).contains(&RoomFrame::Graft(vec![actor])));
    near.say(&mut bob, &push(&author, 1, 1));
    assert_eq!(bob.texts(), ["0", "1"]);
}

#[test]
fn an_unknown_actor_in_a_prune_or_graft_costs_nothing() {
    let mut bob = Peer::new(2);
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    let actors: Vec<_> = (0..8000_u128).map(|n| ActorId(n.to_le_bytes())).collect();
    eve.say(&mut bob, &RoomFrame::Graft(actors.clone()));
    eve.say(&mut bob, &RoomFrame::Prune(actors));
    assert!(bob.closed.is_empty());
    eve.say(&mut bob, &RoomFrame::Graft(vec![ActorId([1; 16]); 9000]));
    assert_eq!(bob.closed, ["it named too many actors"]);
}

#[test]
fn news_that_cannot_be_or_is_of_very_many_is_not_waited_for() {
    let mut bob = Peer::new(2);
    let mut eve = Scripted::meet(&mut bob, ConnId(2));
    let told = |n: u128, seq| Told {
        steps: 0,
        claim: Claim {
            actor: ActorId(n.to_le_bytes()),
            seq,
            entries: seq,
            messages: seq,
            hash: [0; 8],
        },
    };
    eve.say(&mut bob, &RoomFrame::Have(vec![told(1, u64::MAX)]));
    assert_eq!(bob.engine.due(), None, "nobody writes that much");
    eve.say(&mut bob, &RoomFrame::Have(vec![told(1, 7)]));
    assert!(bob.engine.due().is_some());
    bob.feed(Event::Disconnected {
        conn: ConnId(2),
        why: "cut".into(),
    });
    assert_eq!(bob.engine.due(), None, "what only it told of goes with it");
}

#[test]
fn what_was_fetched_beside_its_way_is_not_said_to_be_near() {
    let (author, actor) = author(3);
    let (mut bob, mut near, mut other, mut third) = bob_near(&author, actor);
    // A vector does not say by how many links anything came: this may be the end of a long way.
    other.say(&mut bob, &vector(vec![claim(&author, 1)]));
    assert!(wants(&other.hears(&mut bob)));
    other.say(&mut bob, &block(&author, 1));
    assert_eq!(told(&third.hears(&mut bob)), [(2, u8::MAX)]);
    // The near one sends the same a moment later, and the next.
    near.say(&mut bob, &push(&author, 1, 1));
    near.say(&mut bob, &push(&author, 2, 1));
    assert_eq!(told(&third.hears(&mut bob)), [(3, 2)]);
    assert!(!near.hears(&mut bob).contains(&RoomFrame::Prune(vec![actor])));
}

#[test]
fn who_tells_from_nearer_while_another_is_asked_takes_over() {
    let (author, actor) = author(1);
    let mut bob = Peer::new(2);
    let mut far = Scripted::meet_as(&mut bob, ConnId(1), 61);
    let mut near = Scripted::meet_as(&mut bob, ConnId(2), 62);
    far.say(&mut bob, &have(&author, 0, 4));
    bob.tick_for(TICK);
    assert!(wants(&far.hears(&mut bob)));
    near.say(&mut bob, &have(&author, 0, 1));
    near.hears(&mut bob);
    far.say(&mut bob, &block(&author, 0));
    assert_eq!(bob.texts(), ["0"]);
    assert!(far.hears(&mut bob).contains(&RoomFrame::Prune(vec![actor])));
    assert!(near.hears(&mut bob).contains(&RoomFrame::Graft(vec![actor])));
}

#[test]
fn who_sends_the_same_later_but_from_nearer_takes_over() {
    let (author, actor) = author(1);
    let mut bob = Peer::new(2);
    let mut far = Scripted::meet_as(&mut bob, ConnId(1), 61);
    let mut near = Scripted::meet_as(&mut bob, ConnId(2), 62);
    far.say(&mut bob, &push(&author, 0, 4));
    near.hears(&mut bob);
    near.say(&mut bob, &push(&author, 0, 1));
    assert!(far.hears(&mut bob).contains(&RoomFrame::Prune(vec![actor])));
    assert!(!near.hears(&mut bob).contains(&RoomFrame::Prune(vec![actor])));
}

#[test]
fn a_link_that_may_be_dead_is_told_and_not_sent() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    meet(&mut ann, &mut bob, ConnId(1));
    let mut eve = Scripted::meet(&mut ann, ConnId(2));
    eve.say(&mut ann, &vector(Vec::new()));
    ann.post("first");
    let pushed = |heard: &[RoomFrame]| heard.iter().any(|frame| matches!(frame, RoomFrame::Push(_)));
    assert!(pushed(&eve.hears(&mut ann)));
    ann.tick_for(DOUBT_AFTER + Duration::from_secs(1));
    eve.hears(&mut ann);
    ann.post("second");
    let heard = eve.hears(&mut ann);
    assert!(!pushed(&heard));
    assert_eq!(told(&heard), [(2, 0)]);
}
