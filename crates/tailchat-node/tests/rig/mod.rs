//! Nodes in the test's own process, and what people ask of them.
#![expect(dead_code, reason = "every test file uses a part of it")]

use std::path::Path;
use std::time::Duration;

use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Item, LogRequest, MessageItem, Request, RoomItem, StatusItem, Wait};
use tokio::time::timeout;

pub(crate) const PATIENCE: Wait = Wait::Millis(20_000);

pub(crate) fn config(data: &Path, name: &str) -> Config {
    Config {
        data: data.to_owned(),
        listen: Some("127.0.0.1:0".into()),
        name: None,
        default_name: name.into(),
        online: true,
        discovery: false,
    }
}

pub(crate) async fn serve(data: &Path, name: &str) -> Client {
    Client::serve(config(data, name)).await.unwrap()
}

pub(crate) async fn new_room(client: &mut Client, name: &str) -> RoomItem {
    match client
        .ask(Request::New { name: name.into() })
        .await
        .unwrap()
        .pop()
    {
        Some(Item::Room(room)) => room,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn join(client: &mut Client, invite: &str, wait: Wait) -> Vec<Item> {
    client
        .ask(Request::Join {
            room: invite.into(),
            peers: vec![],
            wait,
        })
        .await
        .unwrap()
}

pub(crate) async fn send(client: &mut Client, texts: &[&str]) -> Vec<Item> {
    send_on(client, texts, 0, Wait::No).await.unwrap()
}

pub(crate) async fn send_on(
    client: &mut Client,
    texts: &[&str],
    on: u32,
    wait: Wait,
) -> Result<Vec<Item>, tailchat_node::control::Failure> {
    let texts = texts.iter().map(ToString::to_string).collect();
    client
        .ask(Request::Send {
            room: "kitchen".into(),
            texts,
            action: false,
            reply_to: None,
            on,
            wait,
        })
        .await
}

pub(crate) async fn messages(client: &mut Client) -> Vec<MessageItem> {
    let request = Request::Log(LogRequest {
        room: "kitchen".into(),
        ..LogRequest::default()
    });
    let items = client.ask(request).await.unwrap();
    items
        .into_iter()
        .map(|item| {
            if let Item::Message(message) = item {
                *message
            } else {
                panic!("{item:?}")
            }
        })
        .collect()
}

pub(crate) async fn texts(client: &mut Client) -> Vec<String> {
    messages(client)
        .await
        .into_iter()
        .map(|message| message.text)
        .collect()
}

pub(crate) async fn equal(client: &mut Client) -> Vec<StatusItem> {
    let items = client
        .ask(Request::Status {
            room: None,
            wait: PATIENCE,
        })
        .await
        .unwrap();
    items
        .into_iter()
        .map(|item| {
            if let Item::Status(status) = item {
                status
            } else {
                panic!("{item:?}")
            }
        })
        .collect()
}

/// A room as its list tells it.
pub(crate) async fn room(client: &mut Client) -> RoomItem {
    match client.ask(Request::Rooms).await.unwrap().pop() {
        Some(Item::Room(room)) => room,
        other => panic!("{other:?}"),
    }
}

/// Two programs at a node: one that watches all rooms, one that follows the kitchen from its first message on.
pub(crate) async fn looking(node: &Client) -> (Client, Client) {
    let mut watch = node.another().await.unwrap();
    watch.request(Request::Watch).await.unwrap();
    let mut follow = node.another().await.unwrap();
    let all = LogRequest {
        room: "kitchen".into(),
        follow: true,
        ..LogRequest::default()
    };
    follow.request(Request::Log(all)).await.unwrap();
    (watch, follow)
}

/// What is told next, by a request that goes on.
pub(crate) async fn next(client: &mut Client) -> Item {
    match timeout(Duration::from_secs(20), client.next())
        .await
        .unwrap()
        .unwrap()
    {
        Answer::Item(item) => item,
        other => panic!("{other:?}"),
    }
}
