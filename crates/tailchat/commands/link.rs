//! `link`: a second device that writes as the same person. Knows how the code gets from one to the other, not what it
//! means.

use anyhow::Result;
use serde::Serialize;
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{Item, Request, Wait};

use super::stdin_text;
use crate::args::{Everywhere, LinkArgs};
use crate::print::{Output, counted};
use crate::reach::{Online, config, gather_one, with_node};

#[derive(Serialize)]
struct CodeObject {
    link: String,
}

#[derive(Serialize)]
struct LinkedObject {
    name: String,
    rooms: usize,
}

/// `tailchat link`.
pub(crate) async fn link(args: LinkArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let code = match args.code {
        Some(dash) if dash == "-" => Some(stdin_text()?),
        code => code,
    };
    with_node(config(everywhere, Online::No)?, async |client| match code {
        None => give(client, out).await,
        Some(code) => take(client, code, out).await,
    })
    .await
}

async fn give(client: &mut Client, out: &mut Output) -> Result<()> {
    let code = gather_one(client, Request::Link, |item| match item {
        Item::LinkCode(code) => Some(code),
        _ => None,
    })
    .await?;
    if out.is_json() {
        return out.object(&CodeObject { link: code });
    }
    out.line(&code)?;
    out.flush()?;
    out.note(
        "Take it on your other device, in a fresh folder: tailchat link CODE\n\
         Whoever has it can be you, until it is used or another one is made.",
    );
    Ok(())
}

async fn take(client: &mut Client, code: String, out: &mut Output) -> Result<()> {
    let (name, invites) = gather_one(client, Request::TakeLink { code }, |item| match item {
        Item::Linked { name, invites } => Some((name, invites)),
        _ => None,
    })
    .await?;
    let rooms = invites.len();
    for room in invites {
        let (peers, wait) = (Vec::new(), Wait::No);
        client.ask(Request::Join { room, peers, wait }).await?;
    }
    if out.is_json() {
        return out.object(&LinkedObject { name, rooms });
    }
    out.note(&format!(
        "This device writes as \"{}\" now, in {}. Others count both devices as one person as soon as both have met in \
         a room: keep `tailchat` or `tailchat serve` running on both.",
        text::name(&name),
        counted(rooms as u64, "room"),
    ));
    Ok(())
}
