//! Tells a web server of each message that mentions the person, or of all with --all: a POST with a JSON body for each. Knows
//! as much of HTTP as that takes; who is told knows nothing of us.
//!
//! `cargo run --example notify -- DATA ROOM http://HOST:PORT/PATH [--all]`
#![expect(clippy::print_stderr, reason = "a bot speaks to the person who started it")]

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tailchat_core::mention::mentions;
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Item};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::{net::TcpStream, time};

/// How long a receiver may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Messages that wait for a slow receiver; of further ones it is not told.
const WAITING_MAX: usize = 256;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, room, url, all @ ..] = args.as_slice() else {
        bail!("usage: notify DATA ROOM http://HOST:PORT/PATH [--all]");
    };
    let host_path = url.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
    let (host, path) = host_path.context("the URL is not like http://HOST:PORT/PATH")?;
    let (told, waiting) = channel(WAITING_MAX);
    tokio::spawn(tell(host.to_owned(), path.to_owned(), waiting));
    let (started_ms, mut seen) = (jiff::Timestamp::now().as_millisecond(), BTreeSet::new());
    // What comes while we are away is in the past when we are back.
    for last in std::iter::once(Some(0)).chain(std::iter::repeat(None)) {
        let mut client = open(data).await;
        let Ok(node) = client.hello().await else { continue };
        let ask = json!({"do": "log", "room": room, "last": last, "follow": true});
        let _ = client.request(serde_json::from_value(ask)?).await;
        while let Ok(answer) = client.next().await {
            let m = match answer {
                Answer::Item(Item::Message(m)) => m,
                Answer::Failed(failure) => bail!(failure),
                _ => continue,
            };
            let theirs = !m.mine && !m.ignored && !m.deleted && m.arrived_at_ms >= started_ms;
            if theirs && (all == ["--all"] || mentions(&m.text, &node.name)) && seen.insert(m.id.clone()) {
                let body =
                    json!({"id": m.id, "author": m.author, "text": m.text, "sent_at_ms": m.sent_at_ms});
                if told.try_send(body.to_string()).is_err() {
                    eprintln!("notify: the receiver is too slow; it is not told of {}", m.id);
                }
            }
        }
    }
    Ok(())
}

/// The node that runs for the folder; or this process becomes it, as long as the client lives.
async fn open(data: &str) -> Client {
    let config = Config {
        data: data.into(),
        listen: std::env::var("TAILCHAT_LISTEN").ok(),
        name: None,
        default_name: "notify".into(),
        online: true,
        discovery: true,
    };
    loop {
        time::sleep(Duration::from_millis(100)).await;
        match Client::open(config.clone()).await {
            Ok(client) => return client,
            Err(failure) => eprintln!("notify: {failure}; trying again"),
        }
    }
}

async fn tell(host: String, path: String, mut waiting: Receiver<String>) {
    while let Some(body) = waiting.recv().await {
        let told = time::timeout(TIME_LIMIT, post(&host, &path, &body)).await;
        if let Err(error) = told.unwrap_or_else(|_| bail!("no answer within {TIME_LIMIT:?}")) {
            eprintln!("notify: {host} was not told: {error:#}");
        }
    }
}

async fn post(host: &str, path: &str, body: &str) -> Result<()> {
    let len = body.len();
    let head = format!("POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len}\r\nConnection: close");
    let request = format!("{head}\r\nContent-Type: application/json\r\n\r\n{body}");
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut status).await?;
    let status = String::from_utf8_lossy(&status);
    ensure!(status.contains(" 2"), "it answered {status}");
    Ok(())
}
