//! Scripts of catching up: cut off, resumed, and how far it is.

use std::time::Duration;

use tailchat_core::engine::{ConnId, Event, Missing};
use tailchat_core::handshake::Role;
use tailchat_core::ids::DeviceId;
use tailchat_core::limits::FRAME_MAX;

use super::rig::{Peer, part, talk};

#[test]
fn a_catch_up_that_was_cut_goes_on_where_it_stopped_and_tells_how_far_it_is() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    let messages = 6000;
    (0..messages).for_each(|n| ann.post(&format!("message {n}, {}", "x".repeat(200))));
    ann.connect(ConnId(1), Role::Dialler);
    bob.connect(ConnId(1), Role::Listener);
    while bob.texts().len() < 2000 {
        for (from, to) in [(&mut ann, &mut bob)] {
            if let Some(frame) = from.says_on(ConnId(1)) {
                assert!(frame.len() <= FRAME_MAX);
                to.feed(Event::Received {
                    conn: ConnId(1),
                    frame,
                });
            } else {
                let frame = to.says_on(ConnId(1)).unwrap();
                from.feed(Event::Received {
                    conn: ConnId(1),
                    frame,
                });
            }
        }
    }
    let here = bob.status().durable;
    let progress = bob.status().catching_up.unwrap();
    let missing = Missing {
        messages: messages - here.messages(),
        changes: messages - here.changes(),
    };
    assert_eq!(
        (progress.device, progress.missing),
        (Some(DeviceId([1; 16])), missing)
    );
    assert!(missing.changes > 1000, "it was cut in the middle");
    part(&mut ann, &mut bob, ConnId(1));
    assert_eq!(bob.status().catching_up, None);

    ann.loads.clear();
    ann.connect(ConnId(2), Role::Dialler);
    bob.connect(ConnId(2), Role::Listener);
    talk(&mut ann, &mut bob, ConnId(2));
    let first = ann.loads.first().unwrap();
    let ranges: Vec<_> = first.iter().map(|range| (range.from, range.to)).collect();
    assert_eq!(ranges, [(here.changes() + 1, messages)], "only what is missing");
    assert!(
        ann.loads.is_sorted_by(|one, next| one[0].from < next[0].from),
        "nothing twice"
    );
    assert_eq!(bob.texts(), ann.texts());
    assert_eq!(bob.status().catching_up, None);
}

#[test]
fn an_answer_that_a_thin_line_takes_long_for_is_waited_for_and_not_asked_for_again() {
    let (mut ann, mut bob) = (Peer::new(1), Peer::new(2));
    (0..3000).for_each(|n| ann.post(&format!("message {n}, {}", "x".repeat(200))));
    bob.post("hello");
    let conn = ConnId(1);
    ann.connect(conn, Role::Dialler);
    bob.connect(conn, Role::Listener);
    let mut under_way = vec![until_a_block(&mut ann, &mut bob, conn)];
    for _ in 0..120 {
        bob.feed(Event::Receiving { conn });
        bob.tick_for(Duration::from_secs(1));
        while let Some(frame) = bob.says_on(conn) {
            ann.feed(Event::Received { conn, frame });
        }
        under_way.extend(std::iter::from_fn(|| ann.says_on(conn)));
    }
    assert_eq!(ann.loads.len(), 1, "it is asked once");
    for frame in under_way {
        bob.feed(Event::Received { conn, frame });
    }
    talk(&mut ann, &mut bob, conn);
    assert_eq!(bob.texts(), ann.texts());
    assert_eq!(bob.texts().len(), 3001);
}

/// Lets two peers talk until the first one answers with history, which is on its way then.
fn until_a_block(from: &mut Peer, to: &mut Peer, conn: ConnId) -> Vec<u8> {
    loop {
        if let Some(frame) = from.says_on(conn) {
            if !from.loads.is_empty() {
                return frame;
            }
            to.feed(Event::Received { conn, frame });
        } else {
            let frame = to.says_on(conn).unwrap();
            from.feed(Event::Received { conn, frame });
        }
    }
}
