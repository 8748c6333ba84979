//! A line of a room as the screen needs it. Everything that somebody else wrote is made safe to show here, once,
//! at the model's door. Knows no layout and asks no node.

use std::collections::VecDeque;

use ratatui::text::Line as Styled;
use tailchat_core::text;
use tailchat_node::control::{MessageItem, MessageKind, ReactionItem};

use super::ids::{MessageKey, Place};
use crate::window::Behind;

/// A line arrived late if one behind it had been here for so long.
const LATE_MS: i64 = 60_000;

/// Columns of a message that is named by how it begins.
const BEGINNING_COLUMNS: usize = 40;

/// A message, or an entry that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) place: Place,
    pub(crate) id: MessageKey,
    pub(crate) author: String,
    /// What the colour of the author follows: the person, or else the name.
    pub(crate) hue: String,
    pub(crate) mine: bool,
    pub(crate) sent_at_ms: i64,
    pub(crate) arrived_at_ms: i64,
    pub(crate) via: Option<String>,
    pub(crate) kind: MessageKind,
    /// Safe to show.
    pub(crate) text: String,
    /// As it was written, for editing; empty if it is not our own.
    pub(crate) source: String,
    pub(crate) reply_to: Option<MessageKey>,
    pub(crate) edited: bool,
    /// Its author took it back: there is no text.
    pub(crate) deleted: bool,
    /// Whether it is pinned, for everybody.
    pub(crate) pinned: bool,
    /// Whether its author is ignored.
    pub(crate) ignored: bool,
    pub(crate) reactions: Vec<Felt>,
    /// How many messages answer it.
    pub(crate) answers: u64,
    /// Members whose disks have it, ourselves included.
    pub(crate) on: u32,
    pub(crate) of: u32,
    pub(crate) unread: bool,
    /// Whether it came in above lines that were here before.
    pub(crate) late: bool,
    /// Whether a long text is shown whole.
    pub(crate) unfolded: bool,
    /// Lines behind it that were let go, since they are folded into one row with it.
    pub(crate) behind: Option<Box<Behind>>,
    /// Its rows at the width of the last layout; empty if it was not laid out.
    pub(crate) laid: Laid,
}

/// A reaction, safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Felt {
    pub(crate) with: String,
    pub(crate) count: u64,
    /// Who, as far as they are named.
    pub(crate) by: Vec<String>,
    /// Whether ourselves are among them.
    pub(crate) mine: bool,
}

impl Felt {
    fn new(item: &ReactionItem) -> Self {
        Self {
            with: text::name(&item.with),
            count: item.count,
            by: item.by.iter().map(|name| text::name(name)).collect(),
            mine: item.mine,
        }
    }
}

/// A text as rows of a width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Laid {
    pub(crate) width: u16,
    pub(crate) rows: Vec<Styled<'static>>,
}

impl Line {
    pub(crate) fn new(message: &MessageItem) -> Self {
        let text = match message.kind {
            MessageKind::Unreadable => "[an entry that this version of tailchat cannot read]".to_owned(),
            _ if message.deleted => "[deleted]".to_owned(),
            _ => text::visible(&message.text).into_owned(),
        };
        Self {
            place: Place::new(&message.place),
            id: MessageKey::new(&message.id),
            author: text::name(&message.author),
            hue: message.person.as_ref().unwrap_or(&message.author).clone(),
            mine: message.mine,
            sent_at_ms: message.sent_at_ms,
            arrived_at_ms: message.arrived_at_ms,
            via: message.via.as_deref().map(text::name),
            kind: message.kind,
            text,
            source: match message.mine {
                true => message.text.clone(),
                false => String::new(),
            },
            reply_to: message.reply_to.as_deref().map(MessageKey::new),
            edited: message.edited,
            deleted: message.deleted,
            pinned: message.pinned,
            ignored: message.ignored,
            reactions: message.reactions.iter().map(Felt::new).collect(),
            answers: message.answers,
            on: message.on,
            of: message.of,
            unread: message.unread,
            late: false,
            unfolded: false,
            behind: None,
            laid: Laid::default(),
        }
    }

    pub(crate) fn is_action(&self) -> bool {
        matches!(self.kind, MessageKind::Action | MessageKind::ImportedAction)
    }

    fn is_imported(&self) -> bool {
        matches!(self.kind, MessageKind::Imported | MessageKind::ImportedAction)
    }

    /// Whether we wrote it ourselves; what we brought in from elsewhere others said.
    pub(crate) fn is_own(&self) -> bool {
        self.mine && !self.is_imported()
    }

    /// Where its bytes are, in words; none for what others wrote.
    pub(crate) fn disks(&self) -> Option<String> {
        match (self.is_own(), self.on, self.of) {
            (false, ..) => None,
            (true, 0 | 1, _) => Some("here".to_owned()),
            (true, on, of) if on >= of => Some(format!("on all {of}")),
            (true, on, of) => Some(format!("on {on} of {of}")),
        }
    }

    /// How many messages answer it, in words; none if nobody did.
    pub(crate) fn answered(&self) -> Option<String> {
        match self.answers {
            0 => None,
            1 => Some("1 answer".to_owned()),
            answers => Some(format!("{answers} answers")),
        }
    }

    /// How late it came and by whom, in words; none if it came in time.
    pub(crate) fn lateness(&self) -> Option<String> {
        if !self.late {
            return None;
        }
        let late = duration(self.arrived_at_ms.saturating_sub(self.sent_at_ms));
        Some(match &self.via {
            Some(via) if *via != self.author => format!("{late} late, via {via}"),
            _ => format!("{late} late"),
        })
    }
}

/// Marks the lines that came in above ones that had been here before. What was brought in from elsewhere was never
/// awaited, and what we wrote ourselves came at once.
pub(crate) fn mark_late(lines: &mut VecDeque<Line>) {
    let mut earliest = i64::MAX;
    for line in lines.iter_mut().rev() {
        let behind = line.arrived_at_ms.saturating_sub(LATE_MS) >= earliest;
        line.late = behind && !line.mine && !line.is_imported();
        earliest = earliest.min(line.arrived_at_ms);
    }
}

/// A stretch of time, roughly.
pub(crate) fn duration(ms: i64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        ..1 => "a minute".to_owned(),
        1..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

/// The first words of a text, on one line.
pub(crate) fn beginning(words: &str) -> String {
    let mut out = String::new();
    for word in words.split_whitespace() {
        let gap = if out.is_empty() { "" } else { " " };
        if text::columns(&out) + text::columns(word) > BEGINNING_COLUMNS {
            out.push('…');
            break;
        }
        out.push_str(gap);
        out.push_str(word);
    }
    out
}
