//! `peers`: where others are. Knows addresses as people write them.

use anyhow::Result;
use tailchat_core::text;
use tailchat_node::control::{AddressItem, Item, Request};

use crate::args::Everywhere;
use crate::print::Output;
use crate::reach::{Online, config, gather, with_node};

/// `tailchat peers`.
pub(crate) async fn list(everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        let addresses = gather(client, Request::Peers, |item| match item {
            Item::Address(address) => Some(address),
            _ => None,
        })
        .await?;
        if addresses.is_empty() {
            out.note("No address is known yet: `tailchat peers add HOST` adds one.");
        }
        if out.is_json() {
            return addresses.iter().try_for_each(|address| out.object(address));
        }
        let rows: Vec<_> = addresses.iter().map(row).collect();
        out.table(&rows)
    })
    .await
}

/// `tailchat peers add` and `tailchat peers forget`.
pub(crate) async fn change(request: Request, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let note = match &request {
        Request::ForgetPeer { addr } => format!("{addr} is dialled no longer."),
        Request::AddPeer { addr } => format!("{addr} is dialled from now on, whenever tailchat is online."),
        _ => String::new(),
    };
    with_node(config(everywhere, Online::No)?, async |client| {
        client.ask(request).await?;
        out.note(&note);
        Ok(())
    })
    .await
}

fn row(address: &AddressItem) -> Vec<String> {
    let standing = if address.connected {
        "connected".to_owned()
    } else {
        match &address.problem {
            Some(problem) => format!("not connected: {problem}"),
            None => "not connected".to_owned(),
        }
    };
    let rooms: Vec<_> = address.rooms.iter().map(|room| text::name(room)).collect();
    vec![
        address.addr.clone(),
        address.peer.as_deref().map(text::name).unwrap_or_default(),
        rooms.join(", "),
        standing,
    ]
}
