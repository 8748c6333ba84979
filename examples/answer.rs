//! A bot that answers `!ping`, `!time` and `!echo TEXT`, each by a reply to the message that asked. Knows the node's client
//! alone: no socket, no file, no rule of the protocol.
//!
//! `cargo run --example answer -- DATA ROOM`
#![expect(clippy::print_stderr, reason = "a bot speaks to the person who started it")]

use std::time::Duration;

use anyhow::{Result, bail};
use jiff::{Timestamp, Zoned};
use serde_json::json;
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Code, Failure, Item, MessageItem};

/// So far others' clocks may be behind ours: what was sent earlier before our start is history.
const CLOCKS_APART_MS: i64 = 5 * 60 * 1000;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, room] = args.as_slice() else {
        bail!("usage: answer DATA ROOM");
    };
    let started_ms = Timestamp::now().as_millisecond();
    loop {
        // The node that runs for the folder, or else this process becomes it: what follows is the same.
        let opened = Client::open(Config {
            data: data.into(),
            listen: std::env::var("TAILCHAT_LISTEN").ok(),
            name: None,
            default_name: "bot".into(),
            online: true,
            discovery: true,
        });
        let answered = match opened.await {
            Ok(mut client) => answer_all(&mut client, room, started_ms).await,
            Err(failure) => Err(failure.into()),
        };
        match answered.map_err(|error| error.downcast::<Failure>()) {
            Err(Ok(gone)) if gone.code == Code::Failed => eprintln!("answer: {gone}; trying again"),
            Err(Ok(failure)) => bail!(failure),
            Err(Err(error)) => return Err(error),
            Ok(()) => {}
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Answers what came since our start, also while we were away from the node, and what comes, until the node is gone.
async fn answer_all(client: &mut Client, room: &str, started_ms: i64) -> Result<()> {
    let mut beside = client.another().await?;
    let since_ms = started_ms - CLOCKS_APART_MS;
    let ask = json!({"do": "log", "room": room, "since_ms": since_ms, "follow": true});
    client.request(serde_json::from_value(ask)?).await?;
    loop {
        match client.next().await? {
            Answer::Item(Item::Message(asks)) if asks.arrived_at_ms >= started_ms => {
                answer(&mut beside, &asks).await?;
            }
            Answer::Failed(failure) => bail!(failure),
            _ => {}
        }
    }
}

async fn answer(beside: &mut Client, asks: &MessageItem) -> Result<()> {
    // An answer asks nothing: two bots would talk to each other.
    if asks.mine || asks.ignored || asks.reply_to.is_some() {
        return Ok(());
    }
    let (room, id) = (&asks.room, &asks.id);
    let Some(text) = reply_to(&asks.text) else {
        return Ok(());
    };
    // A message comes again when somebody reacts to it and when we come back; what we said to it is in the room itself.
    let ask = json!({"do": "answers", "room": room, "message": id});
    let answers = beside.ask(serde_json::from_value(ask)?).await?;
    if answers
        .iter()
        .any(|item| matches!(item, Item::Message(answer) if answer.mine))
    {
        return Ok(());
    }
    let ask = json!({"do": "send", "room": room, "texts": [text], "reply_to": id, "action": false, "on": 0, "wait": "no"});
    beside.ask(serde_json::from_value(ask)?).await?;
    Ok(())
}

fn reply_to(text: &str) -> Option<String> {
    let (command, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    match (command, rest.trim()) {
        ("!ping", "") => Some("pong".to_owned()),
        ("!time", "") => Some(Zoned::now().strftime("%Y-%m-%d %H:%M:%S %Z").to_string()),
        ("!echo", said) if !said.is_empty() => Some(said.to_owned()),
        _ => None,
    }
}
