//! `status`: proof of convergence, in words and in an exit code. Knows how standings are told, not how they are
//! found.

use anyhow::Result;
use serde::Serialize;
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{
    Answer, Code, Failure, Item, PeerItem, Request, Standing, StatusItem, Wait, WaitingItem,
};

use crate::args::{Everywhere, StatusArgs, at_most};
use crate::print::{Output, Told, counted};
use crate::reach::{Online, config, with_node};
use crate::time;

/// How a room stands, for programs; the fields are a contract, those after `peers` an addition.
#[derive(Serialize)]
struct StatusObject<'a> {
    room: &'a str,
    name: &'a str,
    messages: u64,
    peers: Vec<PeerObject<'a>>,
    changes: u64,
    heads: &'a [String],
    disk_bytes: u64,
    failing: Option<&'a str>,
    forks: &'a [String],
    findings: &'a [String],
    fingerprint: &'a str,
    waiting: Option<&'a WaitingItem>,
}

#[derive(Serialize)]
struct PeerObject<'a> {
    peer: &'a str,
    addr: &'a str,
    state: Standing,
    ahead: u64,
    behind: u64,
    last_seen: Option<String>,
    connected: bool,
}

/// `tailchat status`.
pub(crate) async fn status(args: StatusArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let online = if args.wait.is_some() {
        Online::Yes
    } else {
        Online::No
    };
    with_node(config(everywhere, online)?, async |client| {
        let whole = args.room.is_some() || client.hello().await?.closed.is_empty();
        let request = Request::Status {
            room: args.room,
            wait: args.wait.map_or(Wait::No, at_most),
        };
        let (rooms, failure) = standings(client, request).await?;
        for room in &rooms {
            show(room, out)?;
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        if !whole {
            // These are not all that the folder holds.
            return Err(Told(Code::Damaged).into());
        }
        if rooms.is_empty() {
            out.note("You are in no room yet: `tailchat new NAME` makes one, `tailchat join ID` takes part in one.");
        }
        if rooms.is_empty() || !rooms.iter().all(StatusItem::is_equal) {
            return Err(Told(Code::Failed).into());
        }
        Ok(())
    })
    .await
}

/// How the rooms stand, also when time is up.
async fn standings(client: &mut Client, request: Request) -> Result<(Vec<StatusItem>, Option<Failure>)> {
    client.request(request).await?;
    let mut rooms = Vec::new();
    loop {
        match client.next().await? {
            Answer::Item(Item::Status(room)) => rooms.push(room),
            Answer::Item(_) => {}
            Answer::Done => return Ok((rooms, None)),
            Answer::Failed(failure) => return Ok((rooms, Some(failure))),
        }
    }
}

fn show(room: &StatusItem, out: &mut Output) -> Result<()> {
    if out.is_json() {
        return out.object(&object(room));
    }
    let name = text::name(&room.name);
    let alone = match (&room.waiting, room.connected().next()) {
        (Some(waiting), _) => format!(", {}", waits(waiting)),
        (None, None) => ", nobody connected".to_owned(),
        (None, Some(_)) => String::new(),
    };
    out.line(&format!("{name}: {}{alone}", counted(room.messages, "message")))?;
    let rows: Vec<_> = room.peers.iter().map(row).collect();
    out.table(&rows)?;
    let troubles = room.failing.iter().chain(&room.forks).chain(&room.findings);
    for trouble in troubles {
        out.line(&format!("  ! {trouble}"))?;
    }
    out.line(&format!("  fingerprint: {}", room.fingerprint))
}

/// For whom a joined room waits, and who answered instead.
pub(super) fn waits(waiting: &WaitingItem) -> String {
    let waits = "waiting for somebody who has the room";
    match waiting.answered {
        0 => waits.to_owned(),
        1 => format!("{waits}; 1 tailchat peer answered and does not have it"),
        answered => format!("{waits}; {answered} tailchat peers answered and none of them has it"),
    }
}

fn row(peer: &PeerItem) -> Vec<String> {
    let seen = peer.last_seen_ms.map(|seen| time::ago(seen, time::now_ms()));
    let (state, counts) = match peer.connected {
        true => (now(peer.state), counts(peer, "lacks", "lack")),
        false => (then(peer.state), counts(peer, "lacked", "lack")),
    };
    // Who is connected has just been compared; of the others there is only what was heard.
    let when = match (peer.connected, peer.state, seen) {
        (true, Standing::Unknown, _) | (false, Standing::Unknown, None) => String::new(),
        (true, ..) => "compared now".to_owned(),
        (false, Standing::Unknown, Some(seen)) => format!("seen {seen}"),
        (false, _, Some(seen)) => format!("as of {seen}"),
        (false, _, None) => "as others told".to_owned(),
    };
    let addr = match peer.connected {
        true => peer.addr.clone(),
        false => "not connected".to_owned(),
    };
    vec![
        format!("  {}", text::name(&peer.peer)),
        addr,
        state.to_owned(),
        counts,
        when,
    ]
}

fn counts(peer: &PeerItem, lacks: &str, lack: &str) -> String {
    match (peer.ahead, peer.behind) {
        _ if peer.state == Standing::Unknown => String::new(),
        (0, 0) => String::new(),
        (ahead, 0) => format!("it {lacks} {ahead}"),
        (0, behind) => format!("we {lack} {behind}"),
        (ahead, behind) => format!("it {lacks} {ahead}, we {lack} {behind}"),
    }
}

/// How a connected peer stands.
fn now(state: Standing) -> &'static str {
    match state {
        Standing::Unknown => "has not said yet",
        Standing::Equal => "equal",
        Standing::Ahead => "we are ahead",
        Standing::Behind => "we are behind",
        Standing::Apart => "apart: one device wrote two histories",
    }
}

/// How a disk stood when it was last heard of.
fn then(state: Standing) -> &'static str {
    match state {
        Standing::Unknown => "nothing was heard of what it has",
        Standing::Equal => "had the same",
        Standing::Ahead => "had less than we have",
        Standing::Behind => "had more than we have",
        Standing::Apart => "was apart: one device wrote two histories",
    }
}

fn object(room: &StatusItem) -> StatusObject<'_> {
    StatusObject {
        room: &room.room,
        name: &room.name,
        messages: room.messages,
        peers: room.peers.iter().map(peer_object).collect(),
        changes: room.changes,
        heads: &room.heads,
        disk_bytes: room.disk_bytes,
        failing: room.failing.as_deref(),
        forks: &room.forks,
        findings: &room.findings,
        fingerprint: &room.fingerprint,
        waiting: room.waiting.as_deref(),
    }
}

fn peer_object(peer: &PeerItem) -> PeerObject<'_> {
    PeerObject {
        peer: &peer.peer,
        addr: &peer.addr,
        state: peer.state,
        ahead: peer.ahead,
        behind: peer.behind,
        last_seen: peer.last_seen_ms.map(time::utc),
        connected: peer.connected,
    }
}
