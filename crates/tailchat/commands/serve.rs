//! `serve`: a peer without a screen. Knows when to begin and when to end, nothing of what happens in between.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{AddressItem, Code, Failure, Item, Request};

use super::hooks::Hooks;
use crate::args::Everywhere;
use crate::print::Output;
use crate::reach::{Online, Stopped, config, gather, with_client};

/// How often the node is asked whether it still lives, and with whom.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// `tailchat serve`.
pub(crate) async fn serve(everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let hooks = Hooks::read()?;
    let opening = Client::serve(config(everywhere, Online::Yes)?);
    let done = with_client(opening, async |client| {
        let node = client.hello().await?;
        let Some(listening) = node.listening.first() else {
            return Err(Failure::new(Code::Failed, "no address could be listened on").into());
        };
        if out.is_json() {
            out.object(&json!({ "listening": listening }))?;
            out.flush()?;
        }
        out.note(&format!(
            "Online as \"{}\" at {}. Ctrl-C stops.",
            node.name,
            node.listening.join(", ")
        ));
        tracing::info!("online as {:?} at {}", node.name, node.listening.join(", "));
        if hooks.is_empty() {
            return until_it_ends(client).await;
        }
        let (watching, asked) = (client.another().await?, client.another().await?);
        tokio::select! {
            ended = until_it_ends(client) => ended,
            ended = hooks.run(watching, asked) => Ok(ended?),
        }
    })
    .await;
    match done {
        Err(error) if error.downcast_ref().is_some_and(Stopped::is_first) => {
            tracing::info!("stopped");
            out.note("Stopped; everything is on disk.");
            Ok(())
        }
        done => done,
    }
}

/// Asks now and then whether the node still lives, and logs who came and went meanwhile.
async fn until_it_ends(client: &mut Client) -> Result<()> {
    let mut connected = BTreeSet::new();
    loop {
        let now = gather(client, Request::Peers, |item| match item {
            Item::Address(peer) if peer.connected => Some(shown(&peer)),
            _ => None,
        });
        let now: BTreeSet<_> = now.await?.into_iter().collect();
        for peer in now.difference(&connected) {
            tracing::info!("connected: {peer}");
        }
        for peer in connected.difference(&now) {
            tracing::info!("no longer connected: {peer}");
        }
        connected = now;
        tokio::time::sleep(ALIVE_EVERY).await;
    }
}

fn shown(peer: &AddressItem) -> String {
    let name = peer.peer.as_deref().map_or_else(|| "somebody".into(), text::name);
    format!("{name} at {}", peer.addr)
}
