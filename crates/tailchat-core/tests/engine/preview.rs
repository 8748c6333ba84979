//! Scripts of previews: the newest page before the history.

use std::time::Duration;

use tailchat_core::engine::{ConnId, Event};
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::handshake::Role;
use tailchat_core::ids::{ActorId, MessageId};
use tailchat_core::limits::{PREVIEW_BEHIND_MIN, PREVIEW_LEN_MAX, PREVIEW_LINES_MAX};
use tailchat_core::wire::{Claim, PreviewLine, RoomFrame};

use super::rig::{Peer, Scripted, meet, part, talk, vector};

const CONN: ConnId = ConnId(1);

fn with_messages(n: u8, messages: u64) -> Peer {
    let mut peer = Peer::new(n);
    peer.post_many((0..messages).map(|m| format!("message {m}")));
    peer
}

fn text_of(line: &PreviewLine) -> String {
    match Entry::decode(&line.entry).body {
        Body::Text(text) => text.text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_far_behind_sees_the_newest_page_before_the_history() {
    let (mut ann, mut bob) = (with_messages(1, 2 * PREVIEW_BEHIND_MIN), Peer::new(2));
    ann.connect(CONN, Role::Dialler);
    bob.connect(CONN, Role::Listener);
    while bob.previewed.is_empty() {
        assert!(bob.texts().is_empty(), "the history came first");
        if let Some(frame) = ann.says_on(CONN) {
            bob.feed(Event::Received { conn: CONN, frame });
        } else {
            let frame = bob.says_on(CONN).unwrap();
            ann.feed(Event::Received { conn: CONN, frame });
        }
    }
    let lines = bob.previewed.pop().unwrap();
    assert_eq!(lines.len(), PREVIEW_LINES_MAX);
    assert_eq!(
        text_of(lines.last().unwrap()),
        format!("message {}", 2 * PREVIEW_BEHIND_MIN - 1)
    );
    assert!(lines.iter().all(|line| line.author == "p1"));
    assert_eq!(
        (bob.status().durable.messages(), bob.texts().len()),
        (0, 0),
        "it counts nowhere"
    );
    talk(&mut ann, &mut bob, CONN);
    assert_eq!(bob.texts(), ann.texts());
    let ended = bob.did.iter().position(|did| did == "preview ended").unwrap();
    let shown = bob.did.iter().rposition(|did| did == "show").unwrap();
    assert!(shown < ended, "the history is shown before the preview goes");
    assert!(bob.previewed.is_empty(), "one preview");
}

#[test]
fn who_is_a_little_behind_asks_for_no_preview() {
    let (mut ann, mut bob) = (with_messages(1, PREVIEW_BEHIND_MIN), Peer::new(2));
    meet(&mut ann, &mut bob, CONN);
    assert_eq!(bob.texts().len() as u64, PREVIEW_BEHIND_MIN);
    assert!(bob.previewed.is_empty());
    assert!(!bob.did.contains(&"preview ended".into()));
}

#[test]
fn a_preview_goes_with_the_connection_that_gave_it() {
    let mut bob = Peer::new(2);
    let mut eve = far_ahead(&mut bob);
    eve.say(&mut bob, &RoomFrame::Preview(vec![line("hello")]));
    assert_eq!(bob.previewed.len(), 1);
    bob.did.clear();
    bob.feed(Event::Disconnected {
        conn: CONN,
        why: "cut".into(),
    });
    assert_eq!(bob.did, ["preview ended"]);
}

#[test]
fn a_peer_that_lets_its_preview_wait_is_not_waited_for() {
    let (mut ann, mut bob) = (with_messages(1, 2 * PREVIEW_BEHIND_MIN), Peer::new(2));
    let mut eve = far_ahead(&mut bob);
    bob.writing = Some(Vec::new());
    let other = ConnId(2);
    meet(&mut ann, &mut bob, other);
    assert!(bob.previewed.is_empty(), "one question at a time");
    bob.tick_for(Duration::from_secs(6));
    talk(&mut ann, &mut bob, other);
    assert_eq!(bob.previewed.len(), 1);
    eve.say(&mut bob, &RoomFrame::Preview(vec![line("late")]));
    assert_eq!(bob.previewed.len(), 1);
    assert!(bob.closed.is_empty(), "late is no fault");
    part(&mut ann, &mut bob, other);
}

#[test]
fn only_messages_that_are_not_here_are_previewed() {
    let mut bob = Peer::new(2);
    bob.post("mine");
    let mine = bob.status().actor.unwrap();
    let mut eve = far_ahead(&mut bob);
    let id = |actor, index| MessageId { actor, index };
    let long_name = PreviewLine {
        author: "x".repeat(65),
        ..line("of a long name")
    };
    let no_message = PreviewLine {
        entry: vec![5, 1, 0],
        ..line("")
    };
    let held = PreviewLine {
        id: id(mine, 1),
        ..line("not what I wrote")
    };
    let impossible = PreviewLine {
        id: id(ActorId([8; 16]), 1 << 40),
        ..line("too many")
    };
    let lines = vec![
        long_name,
        no_message,
        held,
        impossible,
        line("once"),
        line("twice"),
    ];
    eve.say(&mut bob, &RoomFrame::Preview(lines));
    let texts: Vec<_> = bob.previewed.concat().iter().map(text_of).collect();
    assert_eq!(texts, ["once"]);
    assert_eq!(bob.texts(), ["mine"]);
}

#[test]
fn a_preview_that_is_unasked_repeated_or_too_large_closes() {
    let mut bob = Peer::new(2);
    let mut eve = Scripted::meet(&mut bob, CONN);
    eve.say(&mut bob, &RoomFrame::Preview(Vec::new()));
    assert_eq!(bob.closed, ["it sent a preview that nobody asked for"]);

    let mut bob = Peer::new(2);
    let mut eve = far_ahead(&mut bob);
    eve.say(&mut bob, &RoomFrame::Preview(Vec::new()));
    assert!(bob.closed.is_empty() && bob.previewed.is_empty());
    eve.say(&mut bob, &RoomFrame::Preview(Vec::new()));
    assert_eq!(bob.closed, ["it sent a preview that nobody asked for"]);

    for lines in [
        vec![line("many"); PREVIEW_LINES_MAX + 1],
        vec![line(&"x".repeat(PREVIEW_LEN_MAX))],
    ] {
        let mut bob = Peer::new(2);
        let mut eve = far_ahead(&mut bob);
        eve.say(&mut bob, &RoomFrame::Preview(lines));
        assert_eq!(bob.closed, ["a preview beyond its limits"]);
    }
}

#[test]
fn a_peer_is_given_one_preview_of_bounded_length() {
    let mut bob = with_messages(2, 200);
    let mut eve = Scripted::meet(&mut bob, CONN);
    eve.hears(&mut bob);
    eve.say(&mut bob, &RoomFrame::WantPreview(u16::MAX));
    let heard = eve.hears(&mut bob);
    let [RoomFrame::Preview(lines)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(lines.len(), PREVIEW_LINES_MAX);
    eve.say(&mut bob, &RoomFrame::WantPreview(1));
    assert_eq!(bob.closed, ["it asked for a second preview"]);
}

/// A member that claims much and was asked for its newest lines.
fn far_ahead(bob: &mut Peer) -> Scripted {
    let mut eve = Scripted::meet(bob, CONN);
    let claim = Claim {
        actor: ActorId([8; 16]),
        seq: 5000,
        entries: 5000,
        messages: 5000,
        hash: [0; 8],
    };
    eve.say(bob, &vector(vec![claim]));
    let heard = eve.hears(bob);
    let asked = |frame: &RoomFrame| matches!(frame, RoomFrame::WantPreview(50));
    let wants = |frame: &RoomFrame| matches!(frame, RoomFrame::Want(_));
    let wants = heard.iter().position(wants).unwrap_or(heard.len());
    assert!(heard.iter().position(asked).is_some_and(|asked| asked < wants));
    assert_eq!(heard.iter().filter(|frame| asked(frame)).count(), 1, "{heard:?}");
    eve
}

fn line(text: &str) -> PreviewLine {
    let body = Body::Text(Text {
        text: text.into(),
        reply_to: None,
    });
    let stamp = Stamp {
        order: 1_000_000,
        sent_at_ms: 1_000_000,
    };
    PreviewLine {
        id: MessageId {
            actor: ActorId([8; 16]),
            index: 4999,
        },
        entry: Entry { stamp, body }.encode(),
        author: "eve".into(),
    }
}
