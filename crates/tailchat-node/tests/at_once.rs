//! Several programs at one node that want the same room at once: made, opened, left, removed. Knows no peers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::path::Path;
use std::time::Duration;

use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Code, Failure, Import, Item, LogRequest, Request, Wait};

const PATIENCE: Duration = Duration::from_secs(20);
const MESSAGES: usize = 20;

fn config(data: &Path, online: bool) -> Config {
    Config {
        data: data.to_owned(),
        listen: online.then(|| "127.0.0.1:0".into()),
        name: None,
        default_name: "ann".into(),
        online,
        discovery: false,
    }
}

async fn serve(data: &Path) -> Client {
    Client::serve(config(data, true)).await.unwrap()
}

async fn beside(data: &Path) -> Client {
    let client = Client::open(config(data, false)).await.unwrap();
    assert!(client.is_remote());
    client
}

/// Asks, and fails instead of waiting for ever.
async fn ask(client: &mut Client, request: Request) -> Result<Vec<Item>, Failure> {
    tokio::time::timeout(PATIENCE, client.ask(request)).await.unwrap()
}

async fn new_room(client: &mut Client) -> String {
    let mut items = ask(client, Request::New { name: "k".into() }).await.unwrap();
    match items.pop() {
        Some(Item::Room(room)) => room.room,
        other => panic!("{other:?}"),
    }
}

fn join(room: &str) -> Request {
    Request::Join {
        room: room.into(),
        peers: vec![],
        wait: Wait::No,
    }
}

fn leave(room: &str, forget: bool) -> Request {
    Request::Leave {
        room: room.into(),
        forget,
    }
}

fn send(room: &str, text: &str, on: u32) -> Request {
    Request::Send {
        room: room.into(),
        texts: vec![text.into()],
        action: false,
        reply_to: None,
        on,
        wait: Wait::Forever,
    }
}

async fn count(client: &mut Client, room: &str) -> usize {
    let request = Request::Log(LogRequest {
        room: room.into(),
        ..LogRequest::default()
    });
    ask(client, request).await.unwrap().len()
}

/// What a room holds for who opens its folder next: by its index, and by its log alone.
async fn counts_on_disk(data: &Path, room: &str) -> [usize; 2] {
    let mut counts = [0; 2];
    for count_here in &mut counts {
        let mut node = serve(data).await;
        *count_here = count(&mut node, room).await;
        node.close().await.unwrap();
        std::fs::remove_file(data.join("index.db")).unwrap();
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_several_join_at_once_is_opened_once_and_loses_nothing() {
    for _ in 0..15 {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut elsewhere = serve(dirs[0].path()).await;
        let room = new_room(&mut elsewhere).await;
        elsewhere.close().await.unwrap();
        let data = dirs[1].path();
        let node = serve(data).await;
        let mut joining = Vec::new();
        for _ in 0..5 {
            joining.push(beside(data).await);
        }
        for client in &mut joining {
            client.request(join(&room)).await.unwrap();
        }
        let mut writer = beside(data).await;
        ask(&mut writer, join(&room)).await.unwrap();
        for n in 0..MESSAGES {
            ask(&mut writer, send(&room, &n.to_string(), 0)).await.unwrap();
        }
        assert_eq!(count(&mut writer, &room).await, MESSAGES);
        node.close().await.unwrap();
        assert_eq!(counts_on_disk(data, &room).await, [MESSAGES; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_a_room_that_another_leaves_has_all_of_it_or_none() {
    for round in 0..24_u64 {
        let dir = tempfile::tempdir().unwrap();
        let mut node = serve(dir.path()).await;
        let room = new_room(&mut node).await;
        let mut leaver = beside(dir.path()).await;
        let mut joiner = beside(dir.path()).await;
        leaver.request(leave(&room, round % 2 == 0)).await.unwrap();
        tokio::time::sleep(Duration::from_micros(400 * (round / 2))).await;
        for _ in 0..6 {
            ask(&mut joiner, join(&room)).await.unwrap();
        }
        let ended = tokio::time::timeout(PATIENCE, leaver.next()).await.unwrap();
        assert!(matches!(ended, Ok(Answer::Done)), "{ended:?}");
        ask(&mut joiner, join(&room)).await.unwrap();
        for n in 0..MESSAGES {
            ask(&mut joiner, send(&room, &n.to_string(), 0)).await.unwrap();
        }
        assert_eq!(count(&mut joiner, &room).await, MESSAGES);
        node.close().await.unwrap();
        assert_eq!(counts_on_disk(dir.path(), &room).await, [MESSAGES; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_something_in_a_room_hears_that_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = serve(dir.path()).await;
    let room = new_room(&mut node).await;
    let waits = [
        send(&room, "for somebody else's disk", 1),
        Request::Join {
            room: room.clone(),
            peers: vec![],
            wait: Wait::Forever,
        },
        Request::Status {
            room: Some(room.clone()),
            wait: Wait::Forever,
        },
    ];
    let mut waiting = Vec::new();
    for wait in waits {
        let mut client = beside(dir.path()).await;
        client.request(wait).await.unwrap();
        waiting.push(client);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    ask(&mut node, leave(&room, true)).await.unwrap();
    for client in &mut waiting {
        let left = loop {
            match tokio::time::timeout(PATIENCE, client.next()).await.unwrap() {
                Ok(Answer::Item(_)) => {}
                Ok(Answer::Done) => panic!("the room is gone"),
                Ok(Answer::Failed(failure)) | Err(failure) => break failure,
            }
        };
        assert_eq!(left.code, Code::NotFound, "{left}");
    }
    node.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_import_at_once_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = serve(dir.path()).await;
    let room = new_room(&mut node).await;
    let message = |n: i64| Import {
        sent_at_ms: 1_000_000 + n,
        rank: 0,
        nick: "nick".into(),
        action: false,
        text: format!("message {n}"),
    };
    let request = Request::Import {
        room: room.clone(),
        messages: (0..2_000).map(message).collect(),
    };
    let mut importing = [beside(dir.path()).await, beside(dir.path()).await];
    for client in &mut importing {
        client.request(request.clone()).await.unwrap();
    }
    for client in &mut importing {
        while !matches!(client.next().await.unwrap(), Answer::Done) {}
    }
    assert_eq!(count(&mut node, &room).await, 2_000);
    node.close().await.unwrap();
}

/// Whether the fact on disk says so.
fn who_writes_says(data: &Path, words: &str) -> bool {
    let fact = std::fs::read(data.join("facts/identity.fact")).unwrap();
    fact.windows(words.len()).any(|at| at == words.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_and_a_link_code_at_once_are_both_kept_or_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = serve(folder.path()).await;
    let mut other = beside(folder.path()).await;
    for round in 0..20 {
        let name = format!("ann{round}");
        let named = ask(&mut one, Request::Name { name: name.clone() });
        let (named, linked) = tokio::join!(named, ask(&mut other, Request::Link));
        assert!(named.is_ok() || linked.is_ok());
        assert!(named.is_err() || who_writes_says(folder.path(), &name));
        assert!(linked.is_err() || who_writes_says(folder.path(), "\"taken\":false"));
        if linked.is_ok() {
            // Used by nobody, it goes with the next one.
            ask(&mut one, Request::Link).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_asked_for_that_is_gone_since_is_so_on_disk_and_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = serve(folder.path()).await;
    let room = new_room(&mut node).await;
    for round in 0..10 {
        let mut gone = beside(folder.path()).await;
        let name = format!("ann{round}");
        let _ = tokio::time::timeout(
            Duration::from_micros(100 * round),
            gone.ask(Request::Name { name }),
        )
        .await;
        drop(gone);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let room = room.clone();
        let members = ask(&mut node, Request::Members { room }).await.unwrap();
        let Some(Item::Member(own)) = members.first() else {
            panic!("{members:?}")
        };
        assert!(who_writes_says(
            folder.path(),
            &format!("\"name\":\"{}\"", own.name)
        ));
    }
}
