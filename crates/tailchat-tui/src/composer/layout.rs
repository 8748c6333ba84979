//! The rows in which a text that is being written stands, and the cursor's place in them. Knows columns, not edits.
//!
//! A row is filled but for its last column, where a space or the cursor can stand: so the cursor is always inside
//! the width, also behind the last character of a full row.

use unicode_segmentation::UnicodeSegmentation;

use crate::wrap;

/// One row of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its first byte in the text.
    pub start: usize,
    /// What stands on it, without a line break.
    pub text: &'a str,
    /// Whether the text's own line break follows; else the row ends because it is full, or the text does.
    pub breaks: bool,
}

/// The rows; of more than `most` at least so many, and what comes after is not looked at.
pub(super) fn rows(text: &str, width: usize, most: usize) -> Vec<Row<'_>> {
    let room = width.saturating_sub(1).max(1);
    let hang = width.max(1) - room;
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        if rows.len() >= most {
            break;
        }
        let pieces = wrap::rows(line, room, hang, most - rows.len());
        rows.extend(pieces.into_iter().map(|piece| Row {
            start: start + piece.start,
            text: line.get(piece).unwrap_or_default(),
            breaks: false,
        }));
        let full = rows
            .last()
            .is_some_and(|row| wrap::columns(row.text) >= width.max(1));
        if full {
            // The cursor behind a full row stands at the beginning of the next.
            rows.push(Row {
                start: start + line.len(),
                text: "",
                breaks: false,
            });
        }
        if let Some(row) = rows.last_mut() {
            row.breaks = true;
        }
        start += line.len() + 1;
    }
    if let Some(row) = rows.last_mut() {
        row.breaks = false;
    }
    rows
}

/// The cursor's row and column.
pub(super) fn place(rows: &[Row<'_>], cursor: usize) -> (usize, usize) {
    let row = rows.partition_point(|row| row.start <= cursor).saturating_sub(1);
    let before = rows
        .get(row)
        .and_then(|row| row.text.get(..cursor.saturating_sub(row.start)));
    (row, before.map_or(0, wrap::columns))
}

/// The byte at a column of a row; the last one that is on this row, if the row is shorter.
pub(super) fn byte_at(rows: &[Row<'_>], row: usize, column: usize) -> Option<usize> {
    let this = rows.get(row)?;
    let mut used = 0;
    let mut last = 0;
    for (at, grapheme) in this.text.grapheme_indices(true) {
        last = at;
        used += wrap::wide(grapheme);
        if used > column {
            return Some(this.start + at);
        }
    }
    // The end of a row that is merely full is the beginning of the next one.
    let runs_on = rows
        .get(row + 1)
        .is_some_and(|next| next.start == this.start + this.text.len());
    Some(this.start + if runs_on { last } else { this.text.len() })
}
