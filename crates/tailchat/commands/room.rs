//! `topic` and `rename`, which everybody sees; `alias`, `ignore` and `mute`, which nobody else hears of. Knows what people
//! type, not how it is kept.

use anyhow::Result;
use tailchat_core::text;
use tailchat_node::control::{Describing, Request};

use super::rooms::room_item;
use crate::args::{AliasArgs, Everywhere, IgnoreArgs, MuteArgs, RenameArgs, TopicArgs};
use crate::print::Output;
use crate::reach::{Online, config, gather_one, with_node};

/// `tailchat topic`.
pub(crate) async fn topic(args: TopicArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let TopicArgs { room, topic } = args;
    if !topic.is_empty() {
        let what = Describing::Topic(topic.join(" "));
        return ask(Request::Describe { room, what }, everywhere).await;
    }
    with_node(config(everywhere, Online::No)?, async |client| {
        let room = gather_one(client, Request::Room { room }, room_item).await?;
        if room.topic.is_empty() {
            out.note("The room has no topic; `tailchat topic ROOM TEXT` gives it one.");
            return Ok(());
        }
        out.line(&text::visible(&room.topic))
    })
    .await
}

/// `tailchat rename`.
pub(crate) async fn rename(args: RenameArgs, everywhere: &Everywhere) -> Result<()> {
    let (room, what) = (args.room, Describing::Name(args.new_name));
    ask(Request::Describe { room, what }, everywhere).await
}

/// `tailchat alias`.
pub(crate) async fn alias(args: AliasArgs, everywhere: &Everywhere) -> Result<()> {
    let (room, name) = (args.room, args.alias.unwrap_or_default());
    ask(Request::Alias { room, name }, everywhere).await
}

/// `tailchat ignore`.
pub(crate) async fn ignore(args: IgnoreArgs, everywhere: &Everywhere) -> Result<()> {
    let (room, member, on) = (args.room, args.member, !args.off);
    ask(Request::Ignore { room, member, on }, everywhere).await
}

/// `tailchat mute`.
pub(crate) async fn mute(args: MuteArgs, everywhere: &Everywhere) -> Result<()> {
    let (room, on) = (args.room, !args.off);
    ask(Request::Mute { room, on }, everywhere).await
}

async fn ask(request: Request, everywhere: &Everywhere) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        client.ask(request).await?;
        Ok(())
    })
    .await
}
