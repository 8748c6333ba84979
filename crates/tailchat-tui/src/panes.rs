//! Where things stand on the screen: from its size, and from what the person wants to see, to rectangles. Draws
//! nothing.

use ratatui::layout::Rect;

use crate::model::Model;
use crate::preferences::TimeFormat;
use crate::wrap;

/// From so many columns on the rooms have a pane.
const ROOMS_FROM: u16 = 64;
/// From so many columns on the members have one, too.
const MEMBERS_FROM: u16 = 100;
const ROOMS_COLUMNS: u16 = 20;
const MEMBERS_COLUMNS: u16 = 24;
/// What the input may take of the screen.
const INPUT_SHARE: u16 = 3;

/// Rows that a word to the person may take, and what share of the screen.
const SAID_ROWS_MAX: u16 = 4;
const SAID_SHARE: u16 = 4;

/// From so many rows on there is one for the room's topic.
const TOPIC_FROM: u16 = 12;

/// What is on the screen, and how much of it there is.
struct Wanted {
    columns: u16,
    rows: u16,
    rooms: bool,
    members: bool,
    topic: bool,
    bare: bool,
    said_rows: u16,
}

/// Where everything is. Panes that are not there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panes {
    pub(crate) rooms: Option<Rect>,
    pub(crate) topic: Option<Rect>,
    pub(crate) messages: Rect,
    pub(crate) members: Option<Rect>,
    pub(crate) status: Rect,
    pub(crate) input: Rect,
}

impl Panes {
    /// The panes of the screen as it is.
    pub(crate) fn of(model: &Model) -> Self {
        let wanted = Wanted {
            columns: model.columns,
            rows: model.rows,
            rooms: model.panes.rooms && !model.rooms.is_empty(),
            members: model.panes.members && model.open.is_some(),
            topic: model.room().is_some_and(|room| !room.topic.is_empty()),
            bare: model.panes.bare,
            said_rows: said_rows(model),
        };
        Self::new(&wanted, |columns, most| {
            let rows = model
                .writing
                .composer
                .row_count(usize::from(columns), usize::from(most));
            let above = model.writing.reply_to.is_some() || model.writing.editing.is_some();
            let reply = usize::from(above);
            u16::try_from(rows + reply).unwrap_or(u16::MAX)
        })
    }

    /// Whether there is room for all that is said to the person.
    pub(crate) fn says_all(model: &Model) -> bool {
        words_rows(model).is_none_or(|rows| rows <= usize::from(Self::of(model).status.height))
    }

    /// The panes of a screen; `input_rows` gives the rows of the input at a width, counted no further than a most.
    fn new(wanted: &Wanted, input_rows: impl Fn(u16, u16) -> u16) -> Self {
        let (columns, rows) = (wanted.columns, wanted.rows);
        let none = Rect::new(0, rows, columns, 0);
        if wanted.bare {
            let messages = Rect::new(0, 0, columns, rows);
            return Self {
                rooms: None,
                topic: None,
                messages,
                members: None,
                status: none,
                input: none,
            };
        }
        let most = (rows / INPUT_SHARE).max(1);
        let input_rows = input_rows(columns.saturating_sub(PROMPT_COLUMNS), most)
            .clamp(1, most)
            .min(rows);
        let status_rows = match rows.checked_sub(input_rows + 1) {
            None | Some(0) => 0,
            Some(rest) => wanted.said_rows.min((rest / SAID_SHARE).max(1)),
        };
        let above = rows - input_rows - status_rows;
        let left = if wanted.rooms && columns >= ROOMS_FROM {
            ROOMS_COLUMNS
        } else {
            0
        };
        let right = if wanted.members && columns >= MEMBERS_FROM {
            MEMBERS_COLUMNS
        } else {
            0
        };
        let topic_rows = u16::from(wanted.topic && rows >= TOPIC_FROM);
        let middle = columns - left - right;
        Self {
            topic: (topic_rows > 0).then(|| Rect::new(left, 0, middle, topic_rows)),
            rooms: (left > 0).then(|| Rect::new(0, 0, left, above)),
            messages: Rect::new(left, topic_rows, middle, above.saturating_sub(topic_rows)),
            members: (right > 0).then(|| Rect::new(columns - right, 0, right, above)),
            status: Rect::new(0, above, columns, status_rows),
            input: Rect::new(0, above + status_rows, columns, input_rows),
        }
    }
}

/// A long word to the person takes more than the one row of the status line.
fn said_rows(model: &Model) -> u16 {
    let rows = words_rows(model).unwrap_or(1);
    u16::try_from(rows)
        .unwrap_or(SAID_ROWS_MAX)
        .clamp(1, SAID_ROWS_MAX)
}

/// Rows that what is said to the person would take.
fn words_rows(model: &Model) -> Option<usize> {
    let said = model.said.as_ref()?;
    Some(wrap::words(&said.words, usize::from(model.columns).saturating_sub(2)).len())
}

/// `> ` before the input.
pub(crate) const PROMPT_COLUMNS: u16 = 2;

/// How a row of a message is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gutter {
    /// Columns of the time before the name, and a space; none where there is no room for it.
    pub(crate) time: u16,
    /// Columns of the name.
    pub(crate) name: u16,
    /// Columns of the text.
    pub(crate) text: u16,
}

impl Gutter {
    /// How the messages' rows are divided on the screen as it is.
    pub(crate) fn of(model: &Model, panes: &Panes) -> Self {
        let margin = u16::from(!model.panes.bare);
        let time = match model.taste.time {
            TimeFormat::Hours24 => 6,
            TimeFormat::Hours12 | TimeFormat::Seconds => 9,
        };
        Self::new(panes.messages.width.saturating_sub(margin), time)
    }

    fn new(columns: u16, time: u16) -> Self {
        let (time, name) = match columns {
            ..24 => (0, 0),
            24..50 => (0, 8),
            50..80 => (time, 10),
            _ => (time, 14),
        };
        let gutter = Self { time, name, text: 0 };
        Self {
            text: columns.saturating_sub(gutter.columns()).max(1),
            ..gutter
        }
    }

    /// Columns before the text.
    pub(crate) fn columns(&self) -> u16 {
        // One column between name and text, one at the left edge for the mark of the selection.
        self.time + self.name + u16::from(self.name > 0) + 1
    }
}
