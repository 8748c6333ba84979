//! What a page that is being written remembers: the day that it has reached, and the beginnings of recent messages,
//! which answers quote. Knows no format.

use std::collections::{HashMap, VecDeque};

use jiff::tz::TimeZone;
use tailchat_core::text;
use tailchat_node::control::{MessageItem, MessageKind};

use crate::time;

/// Messages whose beginnings are remembered. An answer to an older one says only that it is one.
const REMEMBERED_MAX: usize = 4096;
/// Columns of a beginning.
const BEGINNING_COLUMNS_MAX: usize = 80;

/// How a message begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    /// Who wrote it, as a name is shown.
    pub(super) author: String,
    /// Part of a line, safe to show.
    pub(super) text: String,
}

#[derive(Default)]
pub(super) struct Written {
    day: String,
    beginnings: HashMap<String, Beginning>,
    order: VecDeque<String>,
}

impl Written {
    /// The message's day in words, if the message before was of another one.
    pub(super) fn new_day(&mut self, message: &MessageItem) -> Option<String> {
        let day = time::day_in_words(message.sent_at_ms, &TimeZone::UTC);
        if day == self.day {
            return None;
        }
        self.day.clone_from(&day);
        Some(day)
    }

    /// How the message with this ID begins, if it was not too long ago.
    pub(super) fn beginning(&self, id: &str) -> Option<&Beginning> {
        self.beginnings.get(id)
    }

    pub(super) fn remember(&mut self, message: &MessageItem) {
        if self.order.len() >= REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.beginnings.remove(&oldest);
        }
        let author = text::name(&message.author);
        let text = beginning(message);
        self.order.push_back(message.id.clone());
        self.beginnings
            .insert(message.id.clone(), Beginning { author, text });
    }
}

fn beginning(message: &MessageItem) -> String {
    if message.deleted {
        return "(deleted)".to_owned();
    }
    if message.kind == MessageKind::Unreadable {
        return String::new();
    }
    // Enough letters for the columns, whatever their width; the rest of a long text need not be looked at.
    let some: String = message
        .text
        .trim_start()
        .chars()
        .take(4 * BEGINNING_COLUMNS_MAX)
        .collect();
    let shown = text::visible(&some);
    let line = shown.split('\n').next().unwrap_or_default().trim_end();
    let mut cut = String::new();
    for c in line.chars() {
        if text::columns(&cut) >= BEGINNING_COLUMNS_MAX {
            cut.push('…');
            return cut;
        }
        cut.push(c);
    }
    if shown.len() > line.len() {
        cut.push_str(" …");
    }
    cut
}

/// The time of day, in UTC.
pub(super) fn clock(message: &MessageItem) -> String {
    time::moment(message.sent_at_ms).strftime("%H:%M").to_string()
}

/// Whether who wrote it was no member, but somebody elsewhere.
pub(super) fn is_from_elsewhere(message: &MessageItem) -> bool {
    matches!(message.kind, MessageKind::Imported | MessageKind::ImportedAction)
}

/// Whether it is said in the third person.
pub(super) fn is_action(message: &MessageItem) -> bool {
    matches!(message.kind, MessageKind::Action | MessageKind::ImportedAction)
}
