//! `peers`: where others are. Knows addresses as people write them.

use anyhow::Result;
use tailchat_core::text;
use tailchat_node::control::{AddressItem, Item, Request, SourceItem, SourceStanding};

use crate::args::Everywhere;
use crate::print::Output;
use crate::reach::{Online, config, gather, with_node};

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
        if addresses.is_empty() {
            out.note("No address is known yet: `tailchat peers add HOST` adds one.");
        }
        if out.is_json() {
            addresses.iter().try_for_each(|address| out.object(address))?;
            return sources.iter().try_for_each(|source| out.object(source));
        }
        let rows: Vec<_> = addresses.iter().map(row).collect();
        out.table(&rows)?;
        let told = sources
            .iter()
            .filter(|source| source.standing != SourceStanding::Absent);
        told.for_each(|source| out.note(&looks(source)));
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

/// What a way of finding addresses gives; those that are not there on this machine are passed over.
fn looks(source: &SourceItem) -> String {
    let gives = match source.addresses {
        1 => "1 address".to_owned(),
        many => format!("{many} addresses"),
    };
    match &source.why {
        Some(why) => format!("{}: {gives}; {}", source.source, text::visible(why)),
        None => format!("{}: {gives}", source.source),
    }
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
        address.sources.join(", "),
    ]
}
