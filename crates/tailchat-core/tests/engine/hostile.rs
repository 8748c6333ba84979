//! Scripts of members who mean harm: who claims much and gives nothing, who tells of addresses that lead nowhere, who
//! comes as somebody else.

use std::time::Duration;

use tailchat_core::block::Block;
use tailchat_core::engine::{ConnId, Event};
use tailchat_core::ids::ActorId;
use tailchat_core::limits::TICK;
use tailchat_core::wire::{Claim, RoomFrame, Told};

use super::rig::{Peer, Scripted, meet, talk, vector};

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
