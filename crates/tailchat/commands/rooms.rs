//! `new`, `rooms`, `leave` and `members`. Knows what people call a room, not what it is made of.

use anyhow::Result;
use serde::Serialize;
use tailchat_core::text;
use tailchat_node::control::{Code, DiskItem, Item, MemberItem, Reading, Request, RoomItem};

use super::status::waits;
use crate::args::{Everywhere, LeaveArgs, NewArgs, RoomArgs};
use crate::print::{Output, Told, confirm, counted};
use crate::reach::{Online, config, gather, gather_one, with_node};
use crate::{qr, time};

#[derive(Serialize)]
struct NewObject<'a> {
    room: &'a str,
    name: &'a str,
    invite: &'a str,
}

#[derive(Serialize)]
struct MemberObject<'a> {
    name: &'a str,
    person: &'a str,
    devices: u64,
    online: bool,
    me: bool,
    ignored: bool,
    last_seen: Option<String>,
    disks: Vec<DiskObject<'a>>,
}

#[derive(Serialize)]
struct DiskObject<'a> {
    device: &'a str,
    here: bool,
    online: bool,
    last_seen: Option<String>,
}

/// `tailchat new`.
pub(crate) async fn new(args: NewArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        let request = Request::New { name: args.room };
        let room = gather_one(client, request, room_item).await?;
        if out.is_json() {
            return out.object(&NewObject {
                room: &room.room,
                name: &room.name,
                invite: &room.invite,
            });
        }
        out.line(&room.room)?;
        out.line(&room.invite)?;
        if out.is_terminal() {
            draw(&room, out)?;
        }
        out.flush()?;
        out.note(&next_steps(&room, client.is_remote()));
        Ok(())
    })
    .await
}

fn draw(room: &RoomItem, out: &mut Output) -> Result<()> {
    let bare = format!("tailchat:{}", room.room);
    let colours = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    for line in qr::picture(&[&room.invite, &bare], colours).unwrap_or_default() {
        out.raw(line.as_bytes())?;
        out.raw(b"\n")?;
    }
    Ok(())
}

fn next_steps(room: &RoomItem, node_runs: bool) -> String {
    let name = text::name(&room.name);
    // Two lines, so that a screen of 24 still shows the whole picture above them.
    let stay = if node_runs {
        ""
    } else {
        "; you stay online with: tailchat serve"
    };
    format!(
        "Room \"{name}\" is made; whoever has its ID can read and write it.\n\
         Others type: tailchat join 'INVITE'{stay}"
    )
}

/// `tailchat rooms`.
pub(crate) async fn rooms(everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        let whole = client.hello().await?.closed.is_empty();
        let rooms = gather(client, Request::Rooms, room_item).await?;
        if rooms.is_empty() && whole {
            out.note("You are in no room yet: `tailchat new NAME` makes one, `tailchat join ID` takes part in one.");
        }
        if out.is_json() {
            rooms.iter().try_for_each(|room| out.object(room))?;
        } else {
            let rows: Vec<_> = rooms.iter().map(room_row).collect();
            out.table(&rows)?;
        }
        // These are not all that the folder holds.
        if whole { Ok(()) } else { Err(Told(Code::Damaged).into()) }
    })
    .await
}

/// A room as `rooms` and `join` print it.
pub(crate) fn room_row(room: &RoomItem) -> Vec<String> {
    let behind = match room.behind {
        0 => String::new(),
        behind => format!("{behind} missing"),
    };
    vec![
        text::name(&room.name),
        room.room.clone(),
        counted(room.messages, "message"),
        counted(room.members, "member"),
        match &room.waiting {
            Some(waiting) => waits(waiting),
            None => format!("{} connected", room.connected),
        },
        unread(room),
        behind,
        room.known_as
            .as_ref()
            .map_or_else(String::new, |name| format!("known as {}", text::name(name))),
    ]
}

/// How much is unread, in words; nothing if nothing is.
fn unread(room: &RoomItem) -> String {
    match (room.unread, room.mentions) {
        (0, _) => String::new(),
        (unread, 0) => format!("{unread} unread"),
        (unread, mentions) => format!("{unread} unread, {mentions} to you"),
    }
}

pub(crate) fn room_item(item: Item) -> Option<RoomItem> {
    match item {
        Item::Room(room) => Some(room),
        _ => None,
    }
}

/// `tailchat leave`.
pub(crate) async fn leave(args: LeaveArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let LeaveArgs { room, forget, yes } = args;
    let question = if forget {
        format!("Leave \"{room}\" and delete its history from this disk? Others keep theirs.")
    } else {
        format!("Leave \"{room}\"?")
    };
    if !yes && !confirm(&question)? {
        out.note("Nothing was changed.");
        return Ok(());
    }
    with_node(config(everywhere, Online::No)?, async |client| {
        let request = Request::Leave {
            room: room.clone(),
            forget,
        };
        client.ask(request).await?;
        out.note(if forget {
            "Left; its history is gone from this disk. Members keep theirs."
        } else {
            "Left; its history stays on this disk, and joining again continues it."
        });
        Ok(())
    })
    .await
}

/// `tailchat read`.
pub(crate) async fn read(args: RoomArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        let what = Reading::All;
        client
            .ask(Request::Read {
                room: args.room,
                what,
            })
            .await?;
        out.note("All messages that are here are read.");
        Ok(())
    })
    .await
}

/// `tailchat members`.
pub(crate) async fn members(args: RoomArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        let request = Request::Members { room: args.room };
        let members = gather(client, request, |item| match item {
            Item::Member(member) => Some(member),
            _ => None,
        })
        .await?;
        if out.is_json() {
            return members.iter().try_for_each(|member| out.object(&object(member)));
        }
        let rows: Vec<_> = members.iter().map(row).collect();
        out.table(&rows)
    })
    .await
}

fn object(member: &MemberItem) -> MemberObject<'_> {
    MemberObject {
        name: &member.name,
        person: &member.person,
        devices: member.devices,
        online: member.online,
        me: member.me,
        ignored: member.ignored,
        last_seen: member.last_seen_ms.map(time::utc),
        disks: member.disks.iter().map(disk_object).collect(),
    }
}

fn disk_object(disk: &DiskItem) -> DiskObject<'_> {
    DiskObject {
        device: &disk.device,
        here: disk.here,
        online: disk.online,
        last_seen: disk.last_seen_ms.map(time::utc),
    }
}

fn row(member: &MemberItem) -> Vec<String> {
    let seen = |ms| format!("seen {}", time::ago(ms, time::now_ms()));
    let elsewhere = member.disks.iter().any(|disk| disk.online && !disk.here);
    let presence = match (member.me, member.online, member.last_seen_ms) {
        (true, ..) if member.devices < 2 => "you".to_owned(),
        (true, ..) if elsewhere => "you, here and on another device".to_owned(),
        (true, _, Some(ms)) => format!("you; on another device {}", seen(ms)),
        (true, ..) => "you; your other device is offline".to_owned(),
        (_, true, _) => "online".to_owned(),
        (_, _, Some(ms)) => seen(ms),
        (..) => "offline".to_owned(),
    };
    vec![
        text::name(&member.name),
        counted(member.devices, "device"),
        presence,
        if member.ignored { "ignored" } else { "" }.to_owned(),
    ]
}
