//! The search: a line to type into, what was found, and where in it the words are. Knows no keys.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use tailchat_core::text::columns;

use super::{fit, hits, lists, put};
use crate::model::Model;
use crate::wrap;

const LABEL: &str = "search: ";
/// Above the hits: the field, and what is said of the list.
const ABOVE: u16 = 2;

const HELP: &str = "All words that are typed have to be there; case and accents do not matter. Also: \"words in a row\", \
                    beginnin*, -without, from:NAME, in:ROOM, before:2026-11-22, after:yesterday, has:link.";

pub(super) fn draw(model: &Model, rect: Rect, buffer: &mut Buffer) -> Position {
    let theme = &model.taste.theme;
    let search = &model.search;
    let cursor = lists::field(LABEL, &search.typed, rect, 0, buffer);
    if search.kept {
        let width = u16::try_from(columns(search.typed.text())).unwrap_or(u16::MAX);
        let label = u16::try_from(columns(LABEL)).unwrap_or(0);
        let typed = Rect {
            x: rect.x + label,
            width: width.min(rect.width.saturating_sub(label)),
            height: 1.min(rect.height),
            ..rect
        };
        buffer.set_style(typed, theme.selected);
    }
    let width = usize::from(rect.width);
    if search.typed.text().trim().is_empty() {
        for (row, line) in (ABOVE..rect.height).zip(wrap::words(HELP, width)) {
            put(buffer, rect, row, &Line::styled(line, theme.faint));
        }
        return cursor;
    }
    let said = match (&search.asked, search.said.as_str()) {
        (Some(_), "") => "searching …",
        (_, said) => said,
    };
    // What is said instead of a list may take more than a row.
    if search.hits.is_empty() {
        for (row, line) in (1..rect.height).zip(wrap::words(said, width)) {
            put(buffer, rect, row, &Line::styled(line, theme.faint));
        }
        return cursor;
    }
    put(buffer, rect, 1, &Line::styled(fit(said, width), theme.faint));
    let list = Rect {
        y: rect.y + ABOVE.min(rect.height),
        height: rect.height.saturating_sub(ABOVE),
        ..rect
    };
    hits::draw(model, (&search.hits, search.chosen), list, buffer);
    cursor
}

/// Hits that fit on a screen of so many rows.
pub(crate) fn shown(rows: u16) -> u16 {
    hits::shown(rows.saturating_sub(ABOVE))
}
