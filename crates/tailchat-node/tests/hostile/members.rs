//! Who knows the room and keeps no rule: lies, forged chains, greed, floods.

use std::time::{Duration, Instant};

use tailchat_core::block::{Block, SeqRange};
use tailchat_core::change::Parts;
use tailchat_core::ids::{ActorId, ChangeHash, DeviceId, MessageId};
use tailchat_core::limits::{ENTRY_LEN_MAX, ORDER_MAX, WANT_RANGES_MAX};
use tailchat_core::state::Row;
use tailchat_core::wire::{Bye, Claim, Disk, PreviewLine, RoomFrame, Told, encode_room};
use tailchat_node::control::{MessageKind, Request, Wait};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::rig::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_or_repeated_frame_of_a_room_ends_the_connection() {
    let mut ann = Ann::with_a_room().await;
    let leave = RoomFrame::Have(vec![]);
    for times in [1, 2] {
        let mut mallory = Mallory::member(&ann).await;
        let member = mallory.member.as_mut().unwrap();
        let mut bytes = encode_room(member.slot, &mut member.send_key, &leave);
        if times == 1 {
            *bytes.last_mut().unwrap() ^= 1;
        }
        for _ in 0..times {
            mallory.framed(&bytes).await;
        }
        assert_eq!(mallory.closed().await, Some(Bye::Protocol));
    }
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_claims_are_not_believed_and_keep_nobody_from_the_rest() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::member(&ann).await;
    let claim = |seq| Claim {
        actor: ActorId(random()),
        seq,
        entries: seq,
        messages: seq,
        hash: random(),
    };
    let mut claims: Vec<_> = (0..9000).map(|_| claim(1 << 30)).collect();
    claims.extend([claim(u64::MAX), claim(u64::MAX)]);
    mallory.room(&vector(claims.clone())).await;
    mallory
        .room(&RoomFrame::Have(
            claims.into_iter().map(|claim| Told { steps: 0, claim }).collect(),
        ))
        .await;
    assert!(mallory.stands().await);
    let status = ann.status().await;
    assert_eq!((status.peers.len(), status.messages), (1, 0));
    // She was asked and says nothing; who sends something is heard all the same.
    let mut bob = Mallory::member(&ann).await;
    let changes = chain(ActorId(random()), vec![vec![text(1, "from bob")]]);
    bob.room(&push(changes.iter().map(Row::from))).await;
    ann.has("from bob").await;
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_claims_much_and_serves_little_is_asked_last() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::member(&ann).await;
    let hers = chain(ActorId(random()), (0..50).map(|n| vec![text(n, "drip")]));
    mallory.claim(&hers).await;
    assert!(matches!(
        mallory.asked().await[..],
        [SeqRange { from: 1, to: 50, .. }]
    ));
    let mut bob = Mallory::member(&ann).await;
    let his = chain(ActorId(random()), (0..5).map(|n| vec![text(n, "bob's")]));
    bob.claim(&his).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    mallory.serve(&hers[..1]).await;
    assert!(matches!(bob.asked().await[..], [SeqRange { from: 1, to: 5, .. }]));
    bob.serve(&his).await;
    ann.has("bob's").await;
    assert!(matches!(
        mallory.asked().await[..],
        [SeqRange { from: 2, to: 50, .. }]
    ));
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_do_not_fit_are_refused_and_leave_nothing_behind() {
    let mut ann = Ann::with_a_room().await;
    for (what, row) in [
        ("a wrong hash", row(1, vec![text(5, "x")])),
        ("change 0", row(0, vec![text(5, "x")])),
    ] {
        let mut mallory = Mallory::member(&ann).await;
        mallory.room(&push([row])).await;
        assert_eq!(mallory.closed().await, Some(Bye::Protocol), "{what}");
    }
    let limits = [
        ("no entries", row(1, vec![])),
        ("an empty entry", row(1, vec![vec![]])),
        ("a long entry", row(1, vec![vec![2; ENTRY_LEN_MAX + 1]])),
        ("many entries", row(1, vec![vec![2]; 257])),
        ("a gap", row(7, vec![text(5, "x")])),
        ("a gap as wide as can be", row(u64::MAX, vec![text(5, "x")])),
    ];
    for (what, row) in limits {
        let mut mallory = Mallory::member(&ann).await;
        mallory.room(&push([row])).await;
        assert!(mallory.stands().await, "{what}");
    }
    let status = ann.status().await;
    assert_eq!((status.messages, status.forks.len()), (0, 0));
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_branch_of_another_member_is_marked_and_changes_nothing() {
    let mut ann = Ann::with_a_room().await;
    let actor = ActorId(random());
    let (bobs, forged) = (
        chain(actor, vec![vec![text(1, "bob's")]]),
        chain(actor, vec![vec![text(1, "forged")]]),
    );
    let mut bob = Mallory::member(&ann).await;
    bob.room(&push(bobs.iter().map(Row::from))).await;
    ann.has("bob's").await;
    let mut mallory = Mallory::member(&ann).await;
    for _ in 0..3 {
        mallory.room(&push(forged.iter().map(Row::from))).await;
    }
    assert!(mallory.stands().await && bob.stands().await);
    assert_eq!(ann.status().await.forks.len(), 1);
    let texts: Vec<_> = ann.log().await.into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["bob's"]);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_calls_our_own_chain_forked_costs_us_no_message() {
    let mut ann = Ann::with_a_room().await;
    let id = ann.send("mine").await;
    let actor: ActorId = id.split('/').next().unwrap().parse().unwrap();
    let mut mallory = Mallory::member(&ann).await;
    mallory.room(&RoomFrame::Forked { actor, seq: u64::MAX }).await;
    mallory.room(&RoomFrame::Forked { actor, seq: 0 }).await;
    mallory.asked().await;
    mallory.room(&RoomFrame::Block(random::<40>().to_vec())).await;
    assert!(mallory.stands().await);
    ann.send("mine, too").await;
    let texts: Vec<_> = ann.log().await.into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["mine", "mine, too"]);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_lies_ends_the_connection() {
    let mut ann = Ann::with_a_room().await;
    let actor = ActorId(random());
    let part = |seq, first_index| Parts {
        actor,
        seq,
        first_index,
        previous: None,
        entries: vec![text(1, "lie")],
    };
    let of = |parts: &[Parts]| Block::of(parts.iter().map(|parts| (parts, ChangeHash([7; 32])))).encode();
    let good = Block::of(
        chain(actor, vec![vec![text(1, "x")]])
            .iter()
            .map(|c| (&c.parts, c.encoded.hash)),
    )
    .encode();
    let cut = good.split_last().unwrap().1.to_vec();
    let newer = [vec![200], good].concat();
    let lies = [
        ("a wrong hash", of(&[part(1, 0)])),
        ("a chain from nowhere", of(&[part(1, 1 << 31)])),
        ("cut short", cut),
        ("another version", newer),
        ("rubbish", random::<100>().to_vec()),
    ];
    for (what, block) in lies {
        let mut mallory = Mallory::member(&ann).await;
        mallory
            .room(&vector(vec![Claim {
                actor,
                seq: 9,
                entries: 9,
                messages: 9,
                hash: random(),
            }]))
            .await;
        mallory.asked().await;
        mallory.room(&RoomFrame::Block(block)).await;
        assert_eq!(mallory.closed().await, Some(Bye::Protocol), "{what}");
    }
    assert_eq!(ann.status().await.messages, 0);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_too_much_is_cut_off() {
    let mut ann = Ann::with_a_room().await;
    let id = ann.send("one").await;
    let actor: ActorId = id.split('/').next().unwrap().parse().unwrap();
    let range = |from, to| SeqRange { actor, from, to };
    let mut mallory = Mallory::member(&ann).await;
    mallory.room(&RoomFrame::Want(vec![range(1, 1); 40_000])).await;
    assert_eq!(mallory.closed().await, Some(Bye::Protocol));

    let mut mallory = Mallory::member(&ann).await;
    for (from, to) in [(0, u64::MAX), (u64::MAX, 0), (1, u64::MAX)] {
        mallory
            .room(&RoomFrame::Want(vec![range(from, to); WANT_RANGES_MAX]))
            .await;
    }
    assert!(mallory.stands().await);
    for _ in 0..5000 {
        mallory.room(&RoomFrame::Want(vec![range(1, u64::MAX)])).await;
    }
    // She may be served as fast as she asks; what she does not read is not kept for her.
    mallory.stream.shutdown().await.unwrap();
    mallory.closed().await;
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_beyond_the_limit_ends_the_connection() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::proved(&ann).await;
    mallory.greet_as(&"\u{1b}]0;pwned\u{7}".repeat(10_000), 0).await;
    assert_eq!(mallory.closed().await, Some(Bye::Protocol));
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_from_another_time_stand_where_they_say_and_drag_nobody_along() {
    let mut ann = Ann::with_a_room().await;
    let now = ann.log_stamp().await;
    let entries = vec![
        vec![200, 5, 0, 1],
        vec![0],
        vec![255; ENTRY_LEN_MAX],
        text(ORDER_MAX, "at the end of time"),
        text(ORDER_MAX + 1, "beyond it"),
        text(u64::MAX, "far beyond it"),
    ];
    let mut mallory = Mallory::member(&ann).await;
    let changes = chain(ActorId(random()), vec![entries]);
    mallory.room(&push(changes.iter().map(Row::from))).await;
    ann.has("at the end of time").await;
    ann.send("after").await;
    let log = ann.log().await;
    let kinds: Vec<_> = log.iter().map(|message| message.kind).collect();
    let unreadable = kinds
        .iter()
        .filter(|kind| **kind == MessageKind::Unreadable)
        .count();
    assert_eq!((log.len(), unreadable), (8, 5));
    let after = log.iter().position(|message| message.text == "after").unwrap();
    assert_eq!(log[after + 1].text, "at the end of time");
    assert!(log[after].sent_at_ms - now < 60_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_other_disks_is_bounded() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::member(&ann).await;
    let mut bob = Mallory::member(&ann).await;
    for _ in 0..20 {
        let claim = |_| Claim {
            actor: ActorId(random()),
            seq: 1,
            entries: 1,
            messages: 1,
            hash: [0; 8],
        };
        mallory
            .room(&RoomFrame::Disks(vec![Disk {
                device: DeviceId(random()),
                claims: (0..8192).map(claim).collect(),
            }]))
            .await;
    }
    assert!(mallory.stands().await && bob.stands().await);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_keep_the_rules_notice_nothing_of_one_that_does_not() {
    let mut ann = Ann::with_a_room().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bob = serve(folder.path(), "bob").await;
    let join = Request::Join {
        room: ann.invite.clone(),
        peers: vec![],
        wait: Wait::Millis(10_000),
    };
    timeout(PATIENCE, bob.ask(join)).await.unwrap().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let (stopped, addr, room) = (stop.clone(), ann.addr.clone(), ann.room);
    let attack = tokio::spawn(async move {
        let mut at = 0_u64;
        while !stopped.is_cancelled() {
            at += 1;
            let Some(mut mallory) = Mallory::try_member(&addr, room).await else {
                continue;
            };
            let range = SeqRange {
                actor: ActorId([0; 16]),
                from: 1,
                to: 9,
            };
            let frame = match at % 4 {
                0 => push(vec![row(1, vec![text(at, "x")]); 500]),
                1 => push(vec![row(9, vec![text(at, "x")]); 500]),
                2 => RoomFrame::Want(vec![range; 9999]),
                _ => RoomFrame::Block(random::<4096>().to_vec()),
            };
            mallory.room(&frame).await;
        }
        at
    });
    for at in 0..20 {
        let id = ann.send(&format!("message {at}")).await;
        let began = Instant::now();
        while !messages(&mut bob).await.iter().any(|message| message.id == id) {
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "message {at} does not arrive"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    stop.cancel();
    assert!(timeout(PATIENCE, attack).await.unwrap().unwrap() > 3);
    bob.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_is_shown_to_who_asks_counted_by_nobody_and_gone_with_its_giver() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::member(&ann).await;
    let actor = ActorId(random());
    let claim = Claim {
        actor,
        seq: 5_000,
        entries: 5_000,
        messages: 5_000,
        hash: random(),
    };
    mallory.room(&vector(vec![claim])).await;
    loop {
        match mallory.heard_in_room().await {
            Some(RoomFrame::WantPreview(_)) => break,
            Some(_) => {}
            None => panic!("ann asks for no preview"),
        }
    }
    let line = PreviewLine {
        id: MessageId { actor, index: 4_999 },
        entry: text(1_700_000_000_000, "the newest"),
        author: "mallory".into(),
    };
    mallory.room(&RoomFrame::Preview(vec![line])).await;
    let began = Instant::now();
    let shown = loop {
        if let [shown] = &previews(&mut ann.client).await[..] {
            break shown.clone();
        }
        assert!(began.elapsed() < PATIENCE, "the preview is not shown");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(
        (shown.text.as_str(), shown.author.as_str(), shown.on),
        ("the newest", "mallory", 0)
    );
    assert_eq!(ann.status().await.messages, 0);
    assert!(ann.log().await.is_empty());
    drop(mallory);
    while !previews(&mut ann.client).await.is_empty() {
        assert!(began.elapsed() < PATIENCE, "the preview outlives its giver");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ann.is_well().await;
}
