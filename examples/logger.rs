//! Writes a room into an SQLite file, its history and then what comes, edits and deletions included. Started again it goes
//! over all of it, and adds nothing twice. Knows one table; what is asked of it is for other programs.
//!
//! `cargo run --example logger -- DATA ROOM FILE`
#![expect(clippy::print_stderr, reason = "a bot speaks to the person who started it")]

use std::time::Duration;

use anyhow::{Result, bail};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Item, MessageItem, MessageKind};
use tokio::time::{sleep, timeout};

/// How long what was read may wait for more before it is committed.
const COMMIT_AFTER: Duration = Duration::from_millis(100);
/// Rows in one transaction.
const ROWS_MAX: usize = 1000;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, room TEXT NOT NULL, author TEXT NOT NULL, \
    sent_at TEXT NOT NULL, text TEXT NOT NULL, edited INTEGER NOT NULL, deleted INTEGER NOT NULL)";
const UPSERT: &str = "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
    author = excluded.author, text = excluded.text, edited = excluded.edited, deleted = excluded.deleted";

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, room, file] = args.as_slice() else {
        bail!("usage: logger DATA ROOM FILE");
    };
    let sqlite = Connection::open(file)?;
    sqlite.execute_batch(TABLE)?;
    loop {
        let mut client = open(data).await;
        let ask = json!({"do": "log", "room": room, "follow": true});
        let _ = client.request(serde_json::from_value(ask)?).await;
        while let Ok(first) = client.next().await {
            write(&sqlite, &mut client, first).await?;
        }
    }
}

/// Writes what is there already, and waits a moment for more, in one transaction.
async fn write(sqlite: &Connection, client: &mut Client, first: Answer) -> Result<()> {
    let transaction = sqlite.unchecked_transaction()?;
    let (mut answer, mut rows) = (Some(first), 0);
    while let Some(next) = answer.take() {
        match next {
            Answer::Item(Item::Message(message)) => upsert(sqlite, &message)?,
            Answer::Failed(failure) => bail!(failure),
            _ => {}
        }
        rows += 1;
        if rows < ROWS_MAX {
            answer = timeout(COMMIT_AFTER, client.next())
                .await
                .ok()
                .and_then(Result::ok);
        }
    }
    Ok(transaction.commit()?)
}

fn upsert(sqlite: &Connection, m: &MessageItem) -> Result<()> {
    // Of an entry that this version cannot read there is nothing to tell.
    if m.kind != MessageKind::Unreadable {
        let sent_at = Timestamp::from_millisecond(m.sent_at_ms)?
            .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            .to_string();
        let row = params![m.id, m.room, m.author, sent_at, m.text, m.edited, m.deleted];
        sqlite.prepare_cached(UPSERT)?.execute(row)?;
    }
    Ok(())
}

/// The node that runs for the folder; or this process becomes it, as long as the client lives.
async fn open(data: &str) -> Client {
    let config = Config {
        data: data.into(),
        listen: std::env::var("TAILCHAT_LISTEN").ok(),
        name: None,
        default_name: "logger".into(),
        online: true,
        discovery: true,
    };
    loop {
        sleep(Duration::from_millis(100)).await;
        match Client::open(config.clone()).await {
            Ok(client) => return client,
            Err(failure) => eprintln!("logger: {failure}; trying again"),
        }
    }
}
