//! `peers`: where others are. Knows addresses as people write them.

use anyhow::Result;
use tailchat_core::text;
use tailchat_node::control::{AddressItem, Item, Request};
use tailchat_tui::finding;

use crate::args::Everywhere;
use crate::print::Output;
use crate::reach::{Online, config, gather, with_node};
use crate::time::now_ms;

/// `tailchat peers`.
pub(crate) async fn list(everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        let items = gather(client, Request::Peers, Some).await?;
        let (mut addresses, mut sources) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Address(address) => addresses.push(address),
                Item::Source(source) => sources.push(source),
                _ => {}
            }
        }
        finding::sort(&mut addresses);
        if addresses.is_empty() {
            out.note("No address is known yet: `tailchat peers add HOST` adds one.");
        }
        if out.is_json() {
            addresses.iter().try_for_each(|address| out.object(address))?;
            return sources.iter().try_for_each(|source| out.object(source));
        }
        let now_ms = now_ms();
        let rows: Vec<_> = addresses.iter().map(|address| row(address, now_ms)).collect();
        out.table(&rows)?;
        out.flush()?;
        let fare = sources.iter().filter_map(finding::fares);
        fare.for_each(|words| out.note(&words));
        Ok(())
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

/// Address, peer, rooms, standing, and where the address comes from.
fn row(address: &AddressItem, now_ms: i64) -> Vec<String> {
    let rooms: Vec<_> = address.rooms.iter().map(|room| text::name(room)).collect();
    vec![
        address.addr.clone(),
        address.peer.as_deref().map(text::name).unwrap_or_default(),
        rooms.join(", "),
        standing(address, now_ms),
        finding::origin(address),
    ]
}

/// Whether a connection stands; or else when somebody was met there last, and what went wrong since.
fn standing(address: &AddressItem, now_ms: i64) -> String {
    if address.connected {
        return "connected".to_owned();
    }
    let met = address.worked_ms.map(|ms| finding::met(ms, now_ms));
    let met = met.map(|met| format!(", {met}")).unwrap_or_default();
    let why = finding::problem(address).map(|why| format!(": {why}"));
    format!("not connected{met}{}", why.unwrap_or_default())
}
