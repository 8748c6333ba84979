//! Which rows of which lines stand on the messages' part of the screen, and how that part is held still while
//! lines come in above and below. Knows rows and their number; knows no colours but those that a text has, no
//! keys and no node.

use std::collections::VecDeque;
use std::ops::Range;

use jiff::tz::TimeZone;
use ratatui::text::Line as Styled;

use crate::model::ids::Place;
use crate::model::line::{Laid, Line};
use crate::time;
use crate::window::{Edge, Window};

/// What the screen is held by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The newest line stands at the bottom, also when more come.
    Newest,
    /// The first row of this line's text stands at this row of the screen, which may be above its top.
    At { place: Place, row: i32 },
}

/// What the layout needs to know of the screen.
pub(crate) struct Sheet<'a> {
    /// Columns of a message's text.
    pub(crate) text_columns: u16,
    /// Rows of all messages.
    pub(crate) rows: u16,
    pub(crate) zone: &'a TimeZone,
    /// The first line that was unread when the room was opened.
    pub(crate) new_from: Option<&'a Place>,
    /// A text as rows of a width.
    pub(crate) wrap: &'a dyn Fn(&Line, u16) -> Vec<Styled<'static>>,
}

/// A row of the screen; lines are named by their index in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// The room begins here.
    Beginning,
    /// Another day begins with this line.
    Day { line: usize },
    /// From here on nothing had been read.
    New { line: usize },
    /// What this line answers.
    Reply { line: usize },
    /// A row of a line's text, counted from 0.
    Text { line: usize, row: usize },
    /// The only row of a run of lines that is folded away, named by its first one.
    Folded { line: usize },
    /// What is to be said of a line, below it: it does not fit beside its last row.
    Marks { line: usize },
}

impl Row {
    /// Which line's text it shows, and which row of that.
    fn text(&self) -> Option<(usize, usize)> {
        match self {
            Self::Text { line, row } => Some((*line, *row)),
            Self::Folded { line } => Some((*line, 0)),
            _ => None,
        }
    }

    /// The line it belongs to.
    pub(crate) fn line(&self) -> Option<usize> {
        match self {
            Self::Beginning => None,
            Self::Day { line }
            | Self::New { line }
            | Self::Reply { line }
            | Self::Text { line, .. }
            | Self::Folded { line }
            | Self::Marks { line } => Some(*line),
        }
    }
}

/// The rows from top to bottom, and where they are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Rows above the first one that stay empty.
    pub(crate) empty: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) position: Position,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            empty: 0,
            rows: Vec::new(),
            position: Position::Newest,
        }
    }
}

impl Screen {
    /// The index of the first line of which something is to be seen.
    pub(crate) fn first(&self) -> Option<usize> {
        self.rows.iter().find_map(Row::line)
    }

    /// The index of the last one.
    pub(crate) fn last(&self) -> Option<usize> {
        self.rows.iter().rev().find_map(Row::line)
    }

    /// The topmost line whose text begins on the screen, and the row where it does.
    pub(crate) fn topmost(&self) -> Option<(usize, i32)> {
        let mut rows = self.rows.iter().enumerate();
        rows.find_map(|(at, row)| match row.text() {
            Some((line, 0)) => Some((line, count(at + self.empty))),
            _ => None,
        })
    }

    /// How many rows of a line's text are on the screen.
    pub(crate) fn rows_of(&self, wanted: usize) -> usize {
        let of_it = |row: &&Row| row.text().is_some_and(|(line, _)| line == wanted);
        self.rows.iter().filter(of_it).count()
    }
}

/// Lays out the lines around a position. If that leaves rows empty although there are lines for them, the position
/// gives way.
pub(crate) fn lay(window: &mut Window, position: &Position, sheet: &Sheet) -> Screen {
    if window.is_empty() || sheet.rows == 0 {
        return Screen::default();
    }
    let mut laying = Laying::begin(window, position, sheet);
    laying.fill_up();
    laying.close_gaps();
    laying.finish()
}

struct Laying<'a> {
    window: &'a mut Window,
    sheet: &'a Sheet<'a>,
    height: i32,
    rows: VecDeque<Row>,
    /// Where the first of `rows` stands on the screen.
    top: i32,
    /// The lines that are laid out: the first, and the one behind the last.
    first: usize,
    end: usize,
}

impl<'a> Laying<'a> {
    fn begin(window: &'a mut Window, position: &Position, sheet: &'a Sheet<'a>) -> Self {
        let height = i32::from(sheet.rows);
        let last = window.len().saturating_sub(1);
        let (line, at) = match position {
            Position::Newest => (last, None),
            Position::At { place, row } => (window.index_of(place).min(last), Some(*row)),
        };
        let lines = window.run(line);
        let block = block(window, &lines, sheet);
        let above_text = block.iter().position(|row| row.text().is_some()).map_or(0, count);
        let top = match at {
            Some(row) => row.saturating_sub(above_text),
            None => height - count(block.len()),
        };
        Self {
            window,
            sheet,
            height,
            rows: block.into(),
            top,
            first: lines.start,
            end: lines.end,
        }
    }

    fn bottom(&self) -> i32 {
        self.top.saturating_add(count(self.rows.len()))
    }

    fn fill_up(&mut self) {
        while self.top > 0 && self.first > 0 {
            let lines = self.window.run(self.first - 1);
            self.first = lines.start;
            let block = block(self.window, &lines, self.sheet);
            self.top -= count(block.len());
            block.into_iter().rev().for_each(|row| self.rows.push_front(row));
        }
    }

    fn fill_down(&mut self) {
        while self.bottom() < self.height && self.end < self.window.len() {
            let lines = self.window.run(self.end);
            self.rows.extend(block(self.window, &lines, self.sheet));
            self.end = lines.end;
        }
    }

    /// No row stays empty for which there is a line; too few rows stand at the bottom.
    fn close_gaps(&mut self) {
        self.top = self.top.min(0);
        self.fill_down();
        let below = self.height - self.bottom();
        if below > 0 {
            self.top += below;
            self.fill_up();
        }
    }

    fn finish(self) -> Screen {
        let skipped = usize::try_from(-self.top).unwrap_or(0);
        let empty = usize::try_from(self.top).unwrap_or(0);
        let height = usize::from(self.sheet.rows).saturating_sub(empty);
        let rows: Vec<Row> = self.rows.iter().skip(skipped).take(height).copied().collect();
        let at_end = self.end == self.window.len() && self.bottom() <= self.height;
        let position = if at_end && !self.window.has_more(Edge::Newest) {
            Position::Newest
        } else {
            held(self.window, &rows, empty)
        };
        Screen {
            empty,
            rows,
            position,
        }
    }
}

/// The position that gives these rows again: by the topmost line whose beginning is seen, else by the one that is
/// seen.
fn held(window: &Window, rows: &[Row], empty: usize) -> Position {
    let texts = || {
        let rows = rows.iter().enumerate();
        rows.filter_map(|(at, row)| row.text().map(|(line, row)| (line, row, count(at + empty))))
    };
    let whole = texts().find(|(_, row, _)| *row == 0);
    let found = whole.or_else(|| texts().next());
    match found.and_then(|(line, row, at)| Some((window.get(line)?, at - count(row)))) {
        Some((line, row)) => Position::At {
            place: line.place.clone(),
            row,
        },
        None => Position::Newest,
    }
}

/// All rows of a line, or of a run of lines that is folded away.
fn block(window: &mut Window, lines: &Range<usize>, sheet: &Sheet) -> Vec<Row> {
    let mut rows = Vec::new();
    let line = lines.start;
    // A folded run stands under the day of its first line.
    let before = line.checked_sub(1).map(|before| window.run(before).start);
    let before = before.and_then(|before| window.get(before));
    let Some(here) = window.get(line) else {
        return rows;
    };
    if before.is_none() && !window.has_more(Edge::Oldest) {
        rows.push(Row::Beginning);
    }
    let day = |line: &Line| time::day(line.sent_at_ms, sheet.zone);
    if before.is_none_or(|before| day(before) != day(here)) {
        rows.push(Row::Day { line });
    }
    let is_new = |from: &Place| match window.folds(here) {
        true => window.run_at(from) == Some(line),
        false => here.place == *from,
    };
    if sheet.new_from.is_some_and(is_new) {
        rows.push(Row::New { line });
    }
    if window.folds(here) {
        rows.push(Row::Folded { line });
        return rows;
    }
    if here.reply_to.is_some() {
        rows.push(Row::Reply { line });
    }
    let Some(here) = window.get_mut(line) else {
        return rows;
    };
    if here.laid.width != sheet.text_columns || here.laid.rows.is_empty() {
        let mut wrapped = (sheet.wrap)(here, sheet.text_columns);
        if wrapped.is_empty() {
            wrapped.push(Styled::default());
        }
        here.laid = Laid {
            width: sheet.text_columns,
            rows: wrapped,
        };
    }
    rows.extend((0..here.laid.rows.len()).map(|row| Row::Text { line, row }));
    if !marks_fit(here) {
        rows.push(Row::Marks { line });
    }
    rows
}

/// What is to be said of a line beside what it says; empty if nothing.
pub(crate) fn marks(line: &Line) -> String {
    let pinned = line.pinned.then(|| "pinned".to_owned());
    let ignored = line.ignored.then(|| "ignored".to_owned());
    let marks = [line.lateness(), pinned, ignored, line.answered(), line.disks()];
    marks.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Whether the marks stand beside the last row of the text, two columns from it.
pub(crate) fn marks_fit(line: &Line) -> bool {
    let marks = tailchat_core::text::columns(&marks(line));
    let last = line.laid.rows.last().map_or(0, Styled::width);
    marks == 0 || last + 2 + marks <= usize::from(line.laid.width)
}

/// A number of rows; no screen and no message has more than fit.
fn count(rows: usize) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
