//! A room as a file, for people or for programs: from what all its members share to text. Pure: knows messages and
//! formats; no files, no node, no clock and no time zone, so that equal members write equal files.

mod blocks;
mod html;
mod jsonl;
mod links;
mod markdown;
mod written;

use anyhow::Result;
use tailchat_node::control::{MessageItem, RoomItem};

/// Writes one room: its beginning, then each message in order, then its end. Holds no history but the beginnings of
/// some recent messages, which answers quote.
pub(crate) enum Writer {
    /// One JSON object a line.
    Jsonl,
    /// A text for people.
    Markdown(markdown::Page),
    /// A page for browsers.
    Html(html::Page),
}

impl Writer {
    /// A text for people.
    pub(crate) fn markdown() -> Self {
        Self::Markdown(markdown::Page::default())
    }

    /// A page for browsers.
    pub(crate) fn html() -> Self {
        Self::Html(html::Page::default())
    }

    /// What stands before all messages of the room.
    pub(crate) fn begin(&self, room: &RoomItem) -> String {
        // One's own name for a room is nobody else's.
        let name = room.known_as.as_ref().unwrap_or(&room.name);
        match self {
            Self::Jsonl => String::new(),
            Self::Markdown(_) => markdown::Page::begin(name, &room.topic),
            Self::Html(_) => html::Page::begin(name, &room.topic),
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub(crate) fn message(&mut self, message: &MessageItem) -> Result<String> {
        match self {
            Self::Jsonl => jsonl::line(message),
            Self::Markdown(page) => Ok(page.message(message)),
            Self::Html(page) => Ok(page.message(message)),
        }
    }

    /// What stands behind all messages.
    pub(crate) fn end(&self) -> &'static str {
        match self {
            Self::Jsonl | Self::Markdown(_) => "",
            Self::Html(page) => page.end(),
        }
    }
}

#[cfg(test)]
mod tests;
