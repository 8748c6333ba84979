//! A line's text as rows of the screen. Knows no window and no position.

use ratatui::text::Line as Styled;

use crate::model::line::Line;
use crate::theme::Theme;

/// The text of a line, wrapped to so many columns.
pub(crate) fn dressed(line: &Line, columns: u16, _me: &str, _theme: &Theme) -> Vec<Styled<'static>> {
    let mut rows = Vec::new();
    for paragraph in line.text.lines() {
        let mut row = String::new();
        for c in paragraph.chars() {
            row.push(c);
            if tailchat_core::text::columns(&row) > usize::from(columns) {
                row.pop();
                rows.push(Styled::raw(std::mem::take(&mut row)));
                row.push(c);
            }
        }
        rows.push(Styled::raw(row));
    }
    rows
}

/// The links in a text.
pub(crate) fn links(_text: &str) -> Vec<String> {
    Vec::new()
}
