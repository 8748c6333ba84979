//! `check`: whether what is on disk is what was written. Knows findings as words.

use anyhow::Result;
use tailchat_core::text;
use tailchat_node::control::{CheckItem, Code, Item, Request};

use crate::args::{CheckArgs, Everywhere};
use crate::print::{Output, Told, counted};
use crate::reach::{Online, config, stream, with_node};

/// `tailchat check`.
pub(crate) async fn check(args: CheckArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let (mut whole, mut damaged) = (true, false);
    with_node(config(everywhere, Online::No)?, async |client| {
        // A room that cannot even be opened is not whole.
        whole &= args.room.is_some() || client.hello().await?.closed.is_empty();
        let request = Request::Check {
            room: args.room,
            repair: args.repair,
        };
        stream(client, request, out, |item, out| {
            let Item::Check(room) = item else { return Ok(()) };
            damaged |= !is_whole(&room);
            show(&room, out)
        })
        .await
    })
    .await?;
    if whole && !damaged {
        return Ok(());
    }
    if damaged && !args.repair {
        out.note("`tailchat check --repair` sets damaged blocks aside; connected peers then fill the gap.");
    }
    Err(Told(Code::Damaged).into())
}

fn is_whole(room: &CheckItem) -> bool {
    room.heads_match && room.findings.is_empty()
}

fn show(room: &CheckItem, out: &mut Output) -> Result<()> {
    if out.is_json() {
        return out.object(room);
    }
    let verdict = if is_whole(room) { "whole" } else { "DAMAGED" };
    out.line(&format!(
        "{}: {verdict}; {}, {}, {}, {}",
        text::name(&room.name),
        counted(room.files, "file"),
        counted(room.records, "record"),
        counted(room.bytes, "byte"),
        counted(room.changes, "change")
    ))?;
    if !room.heads_match {
        out.line("  ! Automerge, given these changes, does not come to the same heads")?;
    }
    room.findings
        .iter()
        .try_for_each(|finding| out.line(&format!("  ! {finding}")))
}
