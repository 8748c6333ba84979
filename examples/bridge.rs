//! A bridge between a room and files: each line that is added to IN becomes a message, each message of others a line of OUT.
//! Either may be a FIFO. Knows lines alone.
//!
//! `cargo run --example bridge -- DATA ROOM IN OUT`
#![expect(clippy::print_stderr, reason = "a bot speaks to the person who started it")]

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::{collections::BTreeSet, thread, time::Duration};

use anyhow::{Result, bail, ensure};
use fs_err::{File, OpenOptions};
use serde_json::json;
use tailchat_core::{limits::TEXT_LEN_MAX, text};
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Code, Item};
use tokio::sync::mpsc::{Receiver, Sender, channel};

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, room, from, to] = args.as_slice() else {
        bail!("usage: bridge DATA ROOM IN OUT");
    };
    // A FIFO that is open both ways waits for no other end.
    let both_ways = |path| OpenOptions::new().read(true).append(true).create(true).open(path);
    let (mut file, out) = (both_ways(from)?, both_ways(to)?);
    let _fifo_without_end = file.seek(SeekFrom::End(0));
    let (sender, lines) = channel(64);
    thread::spawn(move || read(file, &sender));
    tokio::try_join!(write(data, room, out), post(data, room, lines)).map(|_| ())
}

/// The node that runs for the folder; or this process becomes it, as long as the client lives.
async fn open(data: &str) -> Client {
    let config = Config {
        data: data.into(),
        listen: std::env::var("TAILCHAT_LISTEN").ok(),
        name: None,
        default_name: "bridge".into(),
        online: true,
        discovery: true,
    };
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        match Client::open(config.clone()).await {
            Ok(client) => return client,
            Err(failure) => eprintln!("bridge: {failure}; trying again"),
        }
    }
}

fn read(file: File, sender: &Sender<String>) {
    let (mut file, mut line, most) = (BufReader::new(file), Vec::new(), TEXT_LEN_MAX / 2);
    while let Ok(len) = file.by_ref().take(most as u64).read_until(b'\n', &mut line) {
        if line.ends_with(b"\n") || line.len() >= most {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let _ = text.is_empty() || sender.blocking_send(text).is_err();
            line.clear();
        } else if len == 0 {
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Posts line after line. One of which the node did not say that it is durable is posted again: twice before not at all.
async fn post(data: &str, room: &str, mut lines: Receiver<String>) -> Result<()> {
    let mut client = open(data).await;
    while let Some(new) = lines.recv().await {
        let ask = json!({"do": "send", "room": room, "texts": [new], "action": false, "on": 0, "wait": "no"});
        while let Err(failure) = client.ask(serde_json::from_value(ask.clone())?).await {
            ensure!(failure.code == Code::Failed, failure);
            client = open(data).await;
        }
    }
    bail!("IN cannot be read any more")
}

/// Writes each message that comes from now on once, whatever becomes of the node meanwhile.
async fn write(data: &str, room: &str, mut out: File) -> Result<()> {
    let (since_ms, mut written) = (jiff::Timestamp::now().as_millisecond(), BTreeSet::new());
    // What comes while we are away is in the past when we are back.
    for last in std::iter::once(Some(0)).chain(std::iter::repeat(None)) {
        let mut client = open(data).await;
        let ask = json!({"do": "log", "room": room, "last": last, "follow": true});
        let _ = client.request(serde_json::from_value(ask)?).await;
        while let Ok(answer) = client.next().await {
            match answer {
                Answer::Item(Item::Message(m)) if !m.mine && !m.deleted && m.arrived_at_ms >= since_ms => {
                    let said = text::visible(&m.text).replace('\n', "⏎");
                    if written.insert(m.id) {
                        writeln!(out, "{}: {said}", text::name(&m.author))?;
                    }
                }
                Answer::Failed(failure) => bail!(failure),
                _ => {}
            }
        }
    }
    Ok(())
}
