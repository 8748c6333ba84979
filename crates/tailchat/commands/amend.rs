//! `edit`, `delete`, `react` and `pin`: what is said of a message that is there. Knows what people type, not who may.

use anyhow::Result;
use tailchat_node::control::{Amending, Request};

use super::typed_or_piped;
use crate::args::{DeleteArgs, EditArgs, Everywhere, PinArgs, ReactArgs};
use crate::reach::{Online, config, with_node};

/// `tailchat edit`.
pub(crate) async fn edit(args: EditArgs, everywhere: &Everywhere) -> Result<()> {
    let usage = "say what it is to say: tailchat edit ROOM MSG TEXT, or `-` to read standard input";
    let text = typed_or_piped(&args.text, usage)?;
    amend(args.room, args.message, Amending::Edit(text), everywhere).await
}

/// `tailchat delete`.
pub(crate) async fn delete(args: DeleteArgs, everywhere: &Everywhere) -> Result<()> {
    amend(args.room, args.message, Amending::Delete, everywhere).await
}

/// `tailchat react`.
pub(crate) async fn react(args: ReactArgs, everywhere: &Everywhere) -> Result<()> {
    let what = Amending::React {
        with: args.with,
        on: !args.remove,
    };
    amend(args.room, args.message, what, everywhere).await
}

/// `tailchat pin`.
pub(crate) async fn pin(args: PinArgs, everywhere: &Everywhere) -> Result<()> {
    amend(args.room, args.message, Amending::Pin(!args.remove), everywhere).await
}

async fn amend(room: String, message: String, what: Amending, everywhere: &Everywhere) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        let request = Request::Amend { room, message, what };
        client.ask(request).await?;
        Ok(())
    })
    .await
}
