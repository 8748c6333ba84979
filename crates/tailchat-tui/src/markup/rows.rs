//! Lines of a text with their styles, broken into rows. Knows styles and columns, nothing of Markdown.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::GraphemeCursor;
use unicode_width::UnicodeWidthChar;

use crate::wrap;

/// What is shown of a line, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    shown: String,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    /// Up to which byte of what is shown it goes.
    end: usize,
    style: Style,
    /// Where it ends in the message.
    typed_end: usize,
}

/// How the rows of a line begin, and where they may break.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Before the first row of the line.
    pub(super) first: Vec<Span<'static>>,
    /// Before its further rows.
    pub(super) rest: Vec<Span<'static>>,
    /// Columns that either takes.
    pub(super) columns: usize,
    /// Whether white space is kept as it is, and rows break anywhere.
    pub(super) verbatim: bool,
}

/// A row, and the byte of the message up to which it shows it.
pub(super) struct Row {
    pub(super) line: Line<'static>,
    pub(super) typed_end: usize,
}

impl Pieces {
    /// Adds a part of the message that begins at its byte `typed`. A character that goes on with the last one, as an
    /// accent behind a sign that is not shown, takes its style: drawn by itself it would be lost.
    pub(super) fn push(&mut self, part: &str, style: Style, typed: usize) {
        let alone = self.shown.is_empty() && part.chars().next().is_some_and(|c| c.width() == Some(0));
        if alone {
            // What Unicode has for showing a mark that stands on nothing.
            self.shown.push('◌');
        }
        let joint = self.shown.len();
        self.shown.push_str(part);
        let goes_on = if self.runs.is_empty() {
            0
        } else {
            continued(&self.shown, joint)
        };
        let typed_end = typed + part.len();
        match self.runs.last_mut() {
            Some(last) if goes_on > 0 => {
                last.end = joint + goes_on;
                last.typed_end = typed + goes_on;
            }
            _ => {}
        }
        if goes_on == part.len() {
            return;
        }
        let end = self.shown.len();
        match self.runs.last_mut() {
            Some(last) if last.style == style && last.typed_end == typed + goes_on => {
                (last.end, last.typed_end) = (end, typed_end);
            }
            _ => self.runs.push(Run {
                end,
                style,
                typed_end,
            }),
        }
    }

    /// At most `rows_max` rows of `width` columns.
    pub(super) fn rows(&self, shape: &Shape, width: usize, rows_max: usize) -> Vec<Row> {
        let room = width.saturating_sub(shape.columns).max(1);
        let ranges = if shape.verbatim {
            wrap::cells(&self.shown, room)
        } else {
            wrap::rows(&self.shown, room, usize::MAX, usize::MAX)
        };
        let mut rows = Vec::new();
        let mut runs = self.runs.as_slice();
        let count = ranges.len();
        for (at, range) in ranges.into_iter().enumerate().take(rows_max) {
            let mut spans = if at == 0 {
                shape.first.clone()
            } else {
                shape.rest.clone()
            };
            // Spaces where a row breaks are not shown, nor those that stand beyond the edge.
            let text = self.shown.get(range.clone()).unwrap_or_default();
            let breaks = !shape.verbatim && at + 1 < count;
            let cut = breaks || wrap::columns(text) > room;
            let kept = if cut { text.trim_end_matches(' ') } else { text };
            let typed_end = style(
                &mut runs,
                range.start..range.start + kept.len(),
                &self.shown,
                &mut spans,
            );
            rows.push(Row {
                line: Line::from(spans),
                typed_end,
            });
        }
        rows
    }
}

/// Bytes from `joint` on that belong to the grapheme cluster before it.
fn continued(text: &str, joint: usize) -> usize {
    if text.as_bytes().get(joint).is_none_or(u8::is_ascii) {
        return 0;
    }
    let mut cursor = GraphemeCursor::new(joint, text.len(), true);
    if cursor.is_boundary(text, 0) != Ok(false) {
        return 0;
    }
    cursor
        .next_boundary(text, 0)
        .ok()
        .flatten()
        .map_or(0, |next| next - joint)
}

/// Adds what is shown in a range as spans; passes over the runs that end there.
fn style(runs: &mut &[Run], range: Range<usize>, shown: &str, spans: &mut Vec<Span<'static>>) -> usize {
    let mut start = range.start;
    let mut typed_end = 0;
    while let Some((run, after)) = runs.split_first() {
        if run.end <= start {
            *runs = after;
            continue;
        }
        let end = run.end.min(range.end);
        if start < end {
            spans.extend(
                shown
                    .get(start..end)
                    .map(|part| Span::styled(part.to_owned(), run.style)),
            );
            typed_end = run.typed_end.saturating_sub(run.end - end);
            start = end;
        }
        if run.end > end || start >= range.end {
            break;
        }
    }
    typed_end
}
