//! Scripts of what bundles bring: the same way as from a peer, in whatever order and however often.

use tailchat_core::block::{Block, SeqRange};
use tailchat_core::engine::{ConnId, Event, Merged, Ticket};
use tailchat_core::ids::{ActorId, DeviceId};
use tailchat_core::limits::TICK;
use tailchat_core::wire::Claim;

use super::rig::{Peer, ROOM, meet, talk};

/// All that a peer holds, from this change of each actor on.
fn block(peer: &Peer, from: u64) -> Vec<u8> {
    let tips = peer.status().durable;
    let ranges = tips.tips().map(|(actor, tip)| SeqRange {
        actor,
        from,
        to: tip.seq,
    });
    peer.past(&ranges.collect::<Vec<_>>())
}

fn bring(peer: &mut Peer, block: Vec<u8>) {
    peer.feed(Event::BlockBrought {
        room: ROOM,
        ticket: Ticket(7),
        via: DeviceId([1; 16]),
        block,
    });
}

fn vector_of(peer: &Peer) -> Vec<Claim> {
    let durable = peer.status().durable;
    durable
        .tips()
        .map(|(actor, tip)| Claim::of(actor, &tip))
        .collect()
}

fn actor(peer: &Peer) -> ActorId {
    peer.status().actor.unwrap()
}

fn merged(added: u64, known: u64) -> Merged {
    Merged {
        added,
        known,
        ..Merged::default()
    }
}

#[test]
fn what_is_brought_is_durable_and_shown_before_it_is_told_and_then_passed_on() {
    let (mut ann, mut bob, mut cid) = (Peer::new(1), Peer::new(2), Peer::new(3));
    ann.post("one");
    ann.post("two");
    meet(&mut bob, &mut cid, ConnId(1));
    bob.did.clear();
    bring(&mut bob, block(&ann, 1));
    assert_eq!(bob.did, ["append", "show", "merged", "send"]);
    assert_eq!(bob.merged, [merged(2, 0)]);
    let via = bob.disk.first().unwrap().arrival.via;
    assert_eq!(via, DeviceId([1; 16]), "it came from who made the bundle");
    talk(&mut bob, &mut cid, ConnId(1));
    cid.tick_for(TICK);
    talk(&mut bob, &mut cid, ConnId(1));
    assert_eq!(cid.texts(), ["one", "two"], "it asked for what it was told of");
}

#[test]
fn what_is_brought_again_is_known_and_waits_for_the_disk_all_the_same() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.post("one");
    bob.writing = Some(Vec::new());
    bring(&mut bob, block(&ann, 1));
    bring(&mut bob, block(&ann, 1));
    assert_eq!(bob.merged, [], "nothing is durable yet");
    let written = bob.writing.take().unwrap();
    written.into_iter().for_each(|written| bob.feed(written));
    assert_eq!(bob.merged, [merged(1, 0), merged(0, 1)]);
    bring(&mut bob, block(&ann, 1));
    assert_eq!(bob.merged.last(), Some(&merged(0, 1)));
    assert_eq!(bob.texts(), ["one"]);
}

#[test]
fn what_begins_later_than_what_is_here_is_left_out_and_its_authors_are_named() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    (1..=4).for_each(|n| ann.post(&format!("message {n}")));
    bring(&mut bob, block(&ann, 3));
    let left_out = Merged {
        missing: vec![actor(&ann)],
        ..Merged::default()
    };
    assert_eq!(bob.merged, [left_out]);
    assert!(bob.texts().is_empty());
    bring(&mut bob, block(&ann, 1));
    bring(&mut bob, block(&ann, 3));
    assert_eq!(bob.texts(), ann.texts());
    assert_eq!(bob.merged.last(), Some(&merged(0, 2)));
}

#[test]
fn what_the_disk_refuses_of_it_is_told_and_counts_for_nothing() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.post("one");
    bob.disk_fails = true;
    bring(&mut bob, block(&ann, 1));
    assert_eq!(bob.did, ["append", "rejected: disk full"]);
    bring(&mut bob, block(&ann, 1));
    assert_eq!(
        bob.did.last().unwrap(),
        "rejected: disk full",
        "not tried again at once"
    );
    bob.disk_fails = false;
    bob.tick_for(std::time::Duration::from_secs(6));
    bring(&mut bob, block(&ann, 1));
    assert_eq!(bob.merged, [merged(1, 0)]);
}

#[test]
fn rubbish_that_was_brought_is_refused_in_words() {
    let mut bob = Peer::new(2);
    bring(&mut bob, b"rubbish".to_vec());
    assert!(bob.did.last().unwrap().starts_with("rejected: "), "{:?}", bob.did);
    bring(&mut bob, Block::of([]).encode());
    assert_eq!(bob.merged, [Merged::default()]);
}

#[test]
fn an_actor_with_another_chain_is_left_out_and_marked_and_not_written_with_again() {
    // A copy of bob's folder goes on with his actor, and so does he.
    let (mut bob, mut copy) = (Peer::new(2), Peer::new(2));
    bob.post("before");
    bring(&mut copy, block(&bob, 1));
    let shared = actor(&bob);
    bob.post("here");
    let mut other = copy.status().durable;
    let there = other.author(shared, vec![vec![5, 1, 0]]);
    let branch = Block::of([(&there.parts, there.encoded.hash)]).encode();
    bring(&mut bob, branch);
    let last = bob.merged.last().unwrap();
    assert_eq!((last.added, last.forked.as_slice()), (0, &[shared][..]));
    assert_eq!(bob.status().forks, [(shared, 2)]);
    bob.post("after");
    assert_ne!(actor(&bob), shared);
    assert_eq!(bob.texts(), ["before", "here", "after"]);
}

#[test]
fn a_makers_vector_counts_its_disk_and_shows_that_somebody_writes_as_us() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    ann.post("one");
    bring(&mut bob, block(&ann, 1));
    bob.post("two");
    let brought = |device, claims| Event::VectorBrought {
        room: ROOM,
        device: DeviceId([device; 16]),
        claims,
    };
    bob.feed(brought(1, vector_of(&ann)));
    let first = tailchat_core::ids::MessageId {
        actor: actor(&ann),
        index: 1,
    };
    let holders: Vec<_> = bob.engine.holders(ROOM, first).collect();
    assert_eq!(holders, [DeviceId([1; 16])]);
    assert_eq!(bob.engine.last_seen(ROOM).count(), 0, "nobody was seen");

    let mine = actor(&bob);
    let mut claims = vector_of(&bob);
    claims.iter_mut().for_each(|claim| claim.seq += 5);
    bob.feed(brought(3, claims));
    bob.post("three");
    assert_ne!(actor(&bob), mine);
}
