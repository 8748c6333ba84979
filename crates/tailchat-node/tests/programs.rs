//! Programs at the local socket that come and go, ask nonsense, never read, or are of another version; and a node that
//! stops under them. Knows no peers.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::path::Path;
use std::time::Duration;

use tailchat_node::client::{Client, Config, socket_path};
use tailchat_node::control::{Answer, Code, Failure, Item, LogRequest, Request, Wait};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use rig::{config, new_room, serve};

const PATIENCE: Duration = Duration::from_secs(20);
/// More than may be connected at once.
const MANY: usize = 300;

/// A program that would not go online itself.
fn offline(data: &Path) -> Config {
    Config {
        online: false,
        listen: None,
        ..config(data, "ann")
    }
}

async fn beside(data: &Path) -> Client {
    let client = timeout(PATIENCE, Client::open(offline(data)))
        .await
        .unwrap()
        .unwrap();
    assert!(client.is_remote());
    client
}

async fn ask(client: &mut Client, request: Request) -> Result<Vec<Item>, Failure> {
    timeout(PATIENCE, client.ask(request)).await.unwrap()
}

fn send(room: &str, on: u32) -> Request {
    Request::Send {
        room: room.into(),
        texts: vec!["hi".into()],
        action: false,
        reply_to: None,
        on,
        wait: Wait::No,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_programs_than_fit_come_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = serve(folder.path(), "ann").await;
    for _ in 0..MANY {
        let mut client = beside(folder.path()).await;
        ask(&mut client, Request::Rooms).await.unwrap();
    }
    ask(&mut node, Request::Rooms).await.unwrap();
    node.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_and_the_next_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let node = serve(folder.path(), "ann").await;
    let stream = UnixStream::connect(socket_path(folder.path())).await.unwrap();
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    for nonsense in [
        "",
        "{}",
        "{\"do\":\"dance\"}",
        "\u{0}\u{1b}[2J",
        "{\"do\":\"send\"}",
        "[[[[[[",
    ] {
        lines.write_all(format!("{nonsense}\n").as_bytes()).await.unwrap();
        line.clear();
        timeout(PATIENCE, lines.read_line(&mut line))
            .await
            .unwrap()
            .unwrap();
        let answer: Answer = serde_json::from_str(&line).unwrap();
        assert!(
            matches!(&answer, Answer::Failed(why) if why.code == Code::Usage),
            "{line}"
        );
    }
    lines
        .write_all(b"{\"do\":\"hello\",\"more\":\"than is known\"}\n")
        .await
        .unwrap();
    line.clear();
    timeout(PATIENCE, lines.read_line(&mut line))
        .await
        .unwrap()
        .unwrap();
    assert!(line.contains("\"control\":1"), "{line}");
    node.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_version_is_named_and_not_talked_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = socket_path(folder.path());
    serve(folder.path(), "ann").await.close().await.unwrap();
    // Closing leaves the file, at which nobody listens.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let newer = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(stream);
        lines.read_line(&mut String::new()).await.unwrap();
        let hello = "{\"item\":{\"node\":{\"version\":\"9.0.0\",\"control\":2,\"name\":\"ann\",\"listening\":[],\"serving\":true}}}";
        lines
            .write_all(format!("{hello}\n\"done\"\n").as_bytes())
            .await
            .unwrap();
        lines.read_line(&mut String::new()).await.unwrap()
    });
    let Err(why) = timeout(PATIENCE, Client::open(offline(folder.path())))
        .await
        .unwrap()
    else {
        panic!("it talked to a node of another version");
    };
    assert!(
        why.why.contains("9.0.0") && why.why.contains("protocol 2"),
        "{}",
        why.why
    );
    assert_eq!(newer.await.unwrap(), 0, "nothing more was asked");
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_in_time_under_programs_that_never_read_and_tells_those_that_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = serve(folder.path(), "ann").await;
    let room = new_room(&mut node, "k").await.room;
    for _ in 0..64 {
        ask(&mut node, send(&room, 0)).await.unwrap();
    }
    let mut deaf = Vec::new();
    for _ in 0..8 {
        let mut stream = UnixStream::connect(socket_path(folder.path())).await.unwrap();
        let all = format!(
            "{{\"do\":\"log\",\"room\":\"{room}\",\"last\":null,\"since_ms\":null,\"until_ms\":null}}\n"
        );
        for _ in 0..64 {
            // It answers one request after the other, and may be full.
            let _ = timeout(Duration::from_millis(20), stream.write_all(all.as_bytes())).await;
        }
        deaf.push(stream);
    }
    let mut follower = beside(folder.path()).await;
    let log = LogRequest {
        room: room.clone(),
        last: Some(0),
        follow: true,
        ..LogRequest::default()
    };
    follower.request(Request::Log(log)).await.unwrap();
    let mut idle = UnixStream::connect(socket_path(folder.path())).await.unwrap();
    ask(&mut node, Request::Rooms).await.unwrap();
    timeout(Duration::from_secs(5), node.close())
        .await
        .expect("it stops")
        .unwrap();
    let why = timeout(PATIENCE, follower.next()).await.unwrap().unwrap_err();
    assert!(why.why.contains("was stopped"), "{}", why.why);
    let mut said = String::new();
    timeout(PATIENCE, idle.read_to_string(&mut said))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(said, "\"stopping\"\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_waited_for_where_no_wait_is_asked_and_nothing_told_of_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = serve(folder.path(), "ann").await;
    let room = new_room(&mut node, "k").await.room;
    let why = ask(&mut node, send(&room, 1)).await.unwrap_err();
    assert_eq!(why.code, Code::TimeUp);
    let id = format!("{}/7", "ab".repeat(16));
    let disks = Request::Disks {
        room,
        messages: vec![id],
    };
    assert_eq!(ask(&mut node, disks).await.unwrap(), []);
    node.close().await.unwrap();
}
