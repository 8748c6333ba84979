//! A message as a line of JSON, without what only one peer knows of it. Knows no other format.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use tailchat_node::control::{MessageItem, MessageKind};

use crate::commands::log::reactions;
use crate::print::json_line;
use crate::time;

/// The fields of `log --json` that are the same at every member's.
#[derive(Serialize)]
struct SharedObject<'a> {
    id: &'a str,
    author: &'a str,
    sent_at: String,
    kind: MessageKind,
    text: &'a str,
    reply_to: Option<&'a str>,
    edited: bool,
    deleted: bool,
    reactions: BTreeMap<&'a str, Vec<&'a str>>,
    pinned: bool,
    /// How many people more reacted than are named.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reactions_unnamed: BTreeMap<&'a str, u64>,
}

pub(super) fn line(message: &MessageItem) -> Result<String> {
    let unnamed = message.reactions.iter().filter_map(|felt| {
        let unnamed = felt.count.saturating_sub(felt.by.len() as u64);
        (unnamed > 0).then_some((felt.with.as_str(), unnamed))
    });
    json_line(&SharedObject {
        id: &message.id,
        author: &message.author,
        sent_at: time::utc(message.sent_at_ms),
        kind: message.kind,
        text: &message.text,
        reply_to: message.reply_to.as_deref(),
        edited: message.edited,
        deleted: message.deleted,
        reactions: reactions(message),
        pinned: message.pinned,
        reactions_unnamed: unnamed.collect(),
    })
}
