//! `status`: proof of convergence, in words and in an exit code. Knows how standings are told, not how they are
//! found.

use anyhow::Result;
use serde::Serialize;
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Code, Failure, Item, PeerItem, Request, Standing, StatusItem, Wait};

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
}

#[derive(Serialize)]
struct PeerObject<'a> {
    peer: &'a str,
    addr: &'a str,
    state: Standing,
    ahead: u64,
    behind: u64,
    last_seen: Option<String>,
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
    let alone = if room.peers.is_empty() {
        ", nobody connected"
    } else {
        ""
    };
    out.line(&format!("{name}: {}{alone}", counted(room.messages, "message")))?;
    let rows: Vec<_> = room.peers.iter().map(row).collect();
    out.table(&rows)?;
    let troubles = room.failing.iter().chain(&room.forks).chain(&room.findings);
    for trouble in troubles {
        out.line(&format!("  ! {trouble}"))?;
    }
    Ok(())
}

fn row(peer: &PeerItem) -> Vec<String> {
    let counts = match (peer.ahead, peer.behind) {
        (0, 0) => String::new(),
        (ahead, 0) => format!("it lacks {ahead}"),
        (0, behind) => format!("we lack {behind}"),
        (ahead, behind) => format!("it lacks {ahead}, we lack {behind}"),
    };
    let state = match peer.state {
        Standing::Unknown => "has not said yet",
        Standing::Equal => "equal",
        Standing::Ahead => "we are ahead",
        Standing::Behind => "we are behind",
        Standing::Apart => "apart: one device wrote two histories",
    };
    let seen = peer.last_seen_ms.map(|seen| time::ago(seen, time::now_ms()));
    vec![
        format!("  {}", text::name(&peer.peer)),
        peer.addr.clone(),
        state.to_owned(),
        counts,
        seen.unwrap_or_default(),
    ]
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
    }
}
