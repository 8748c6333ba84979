//! Two nodes in one process, over real sockets and real disks.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::path::Path;
use std::time::Duration;

use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Code, Import, Item, LogRequest, MessageItem, Request, Wait};

use rig::{PATIENCE, config, equal, join, messages, new_room, send, send_on, serve, texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_peers_write_apart_and_converge_when_they_meet() {
    let (dir_a, dir_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut ann = serve(dir_a.path(), "ann").await;
    let room = new_room(&mut ann, "kitchen").await;
    send(&mut ann, &["first"]).await;
    let mut bob = serve(dir_b.path(), "bob").await;
    join(&mut bob, &room.invite, PATIENCE).await;
    assert_eq!(texts(&mut bob).await, ["first"]);
    let posted = send_on(&mut bob, &["second"], 1, PATIENCE).await.unwrap();
    assert!(matches!(posted[..], [Item::Posted { on: 1, .. }]), "{posted:?}");
    equal(&mut ann).await;
    assert_eq!(texts(&mut ann).await, ["first", "second"]);
    // Apart.
    bob.close().await.unwrap();
    send(&mut ann, &["third", "fourth"]).await;
    let mut offline = Client::open(Config {
        online: false,
        ..config(dir_b.path(), "bob")
    })
    .await
    .unwrap();
    send(&mut offline, &["fifth"]).await;
    offline.close().await.unwrap();
    // Together again: the address is remembered, nobody has to be told.
    let mut bob = serve(dir_b.path(), "bob").await;
    let (at_ann, at_bob) = (equal(&mut ann).await, equal(&mut bob).await);
    assert_eq!(at_ann[0].heads, at_bob[0].heads);
    let (lines_a, lines_b) = (messages(&mut ann).await, messages(&mut bob).await);
    let shared = |lines: &[MessageItem]| -> Vec<_> {
        lines
            .iter()
            .map(|line| (line.id.clone(), line.author.clone(), line.text.clone()))
            .collect()
    };
    assert_eq!(shared(&lines_a), shared(&lines_b));
    assert_eq!(lines_a.len(), 5);
    assert!(lines_a.iter().all(|line| line.of == 2));
    let heads = at_ann[0].heads.len();
    assert_eq!(heads, 2, "a clean stop goes on with its actor");
    ann.close().await.unwrap();
    bob.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_beside_a_running_node_talks_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = serve(dir.path(), "ann").await;
    new_room(&mut node, "kitchen").await;
    let mut follower = Client::open(config_beside(dir.path())).await.unwrap();
    assert!(follower.is_remote());
    let follow = Request::Log(LogRequest {
        room: "kit".into(),
        last: Some(0),
        follow: true,
        ..LogRequest::default()
    });
    follower.request(follow).await.unwrap();
    let mut writer = Client::open(config_beside(dir.path())).await.unwrap();
    for n in 0..700 {
        send(&mut writer, &[&format!("message {n}")]).await;
    }
    for n in 0..700 {
        let answer = tokio::time::timeout(Duration::from_secs(10), follower.next())
            .await
            .unwrap()
            .unwrap();
        let tailchat_node::control::Answer::Item(Item::Message(message)) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(message.text, format!("message {n}"));
    }
    let second = Client::serve(config(dir.path(), "ann")).await;
    assert_eq!(second.err().unwrap().code, Code::Failed);
    node.close().await.unwrap();
}

fn config_beside(data: &Path) -> Config {
    Config {
        listen: None,
        online: false,
        ..config(data, "ann")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_is_told_of_and_the_same_again_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = serve(dir.path(), "ann").await;
    new_room(&mut node, "kitchen").await;
    let messages: Vec<_> = (0..1000)
        .map(|n| Import {
            sent_at_ms: n / 3 * 60_000,
            rank: n as u64 % 3,
            nick: format!("nick{}", n % 7),
            action: n % 10 == 0,
            text: format!("text {n}"),
        })
        .collect();
    for added in [1000, 0] {
        let items = node
            .ask(Request::Import {
                room: "kitchen".into(),
                messages: messages.clone(),
            })
            .await
            .unwrap();
        assert_eq!(
            items,
            [Item::Imported {
                added,
                known: 1000 - added
            }]
        );
    }
    let expected: Vec<_> = (0..1000).map(|n| format!("text {n}")).collect();
    assert_eq!(texts(&mut node).await, expected);
    let checked = node
        .ask(Request::Check {
            room: None,
            repair: false,
        })
        .await
        .unwrap();
    let [Item::Check(check)] = &checked[..] else {
        panic!("{checked:?}")
    };
    assert!(check.heads_match && check.findings.is_empty(), "{check:?}");
    node.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_with_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = serve(dir.path(), "ann").await;
    new_room(&mut node, "kitchen").await;
    new_room(&mut node, "kitten").await;
    for (room, code) in [("kit", Code::Usage), ("cellar", Code::NotFound)] {
        let failure = node
            .ask(Request::Members { room: room.into() })
            .await
            .unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
    }
    let failure = send_on(&mut node, &[" "], 0, Wait::No).await.unwrap_err();
    assert_eq!(failure.code, Code::Usage);
    let long = "x".repeat(64 * 1024 + 1);
    let failure = send_on(&mut node, &[&long], 0, Wait::No).await.unwrap_err();
    assert!(failure.why.contains("65537"), "{failure}");
    let failure = send_on(&mut node, &["alone"], 1, Wait::Millis(100))
        .await
        .unwrap_err();
    assert_eq!(failure.code, Code::TimeUp);
    let failure = node
        .ask(Request::Join {
            room: "room1qqq".into(),
            peers: vec![],
            wait: Wait::No,
        })
        .await
        .unwrap_err();
    assert_eq!(failure.code, Code::Usage);
    node.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_cancelled_request_is_not_the_next_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = serve(dir.path(), "ann").await;
    for room in ["kitchen", "cellar"] {
        new_room(&mut node, room).await;
        let text = format!("in the {room}");
        let said = Request::Send {
            room: room.into(),
            texts: vec![text],
            action: false,
            reply_to: None,
            on: 0,
            wait: Wait::No,
        };
        node.ask(said).await.unwrap();
    }
    let log = |room: &str| {
        Request::Log(LogRequest {
            room: room.into(),
            ..LogRequest::default()
        })
    };
    for _ in 0..100 {
        node.request(log("kitchen")).await.unwrap();
        let items = node.ask(log("cellar")).await.unwrap();
        let [Item::Message(message)] = &items[..] else {
            panic!("{items:?}")
        };
        assert_eq!(message.text, "in the cellar");
    }
    node.close().await.unwrap();
}
