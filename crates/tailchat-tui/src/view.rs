//! The screen, drawn from the model alone. Changes nothing and decides nothing: what a key does stands in `update`.

mod ascii;
mod hits;
mod input;
mod lists;
mod members;
mod messages;
mod pages;
mod pins;
mod rooms;
mod screens;
mod search;
mod status;
mod topic;

pub(crate) use screens::{beyond, hits_shown};

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use tailchat_core::text::columns;

use crate::model::Model;
use crate::panes::{Gutter, Panes};

/// A screen that is smaller shows only that it is.
const COLUMNS_MIN: u16 = 16;
const ROWS_MIN: u16 = 3;

/// Draws the whole screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        put(frame.buffer_mut(), area, 0, &Line::raw("too small"));
        return;
    }
    let panes = Panes::of(model);
    let gutter = Gutter::of(model, &panes);
    let buffer = frame.buffer_mut();
    messages::draw(model, panes.messages.intersection(area), &gutter, buffer);
    if let Some(rect) = panes.topic {
        topic::draw(model, rect.intersection(area), buffer);
    }
    if let Some(rooms) = panes.rooms {
        rooms::draw(model, rooms.intersection(area), buffer);
    }
    if let Some(rect) = panes.members {
        members::draw(model, rect.intersection(area), buffer);
    }
    status::draw(model, panes.status.intersection(area), buffer);
    let mut cursor = input::draw(model, panes.input.intersection(area), buffer);
    if let Some(overlay) = &model.overlay {
        let above = screens::above_status(area, panes.status.height);
        cursor = screens::draw(model, overlay, above, buffer);
        let below = Rect::new(0, above.height, area.width, area.height - above.height);
        status::draw(model, below, buffer);
    }
    if !model.taste.utf8 {
        ascii::spell(buffer);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// A line in this row of a rectangle, as far as it fits.
fn put(buffer: &mut Buffer, rect: Rect, row: u16, line: &Line) {
    if row < rect.height {
        buffer.set_line(rect.x, rect.y + row, line, rect.width);
    }
}

/// A line at the right end of this row.
fn put_right(buffer: &mut Buffer, rect: Rect, row: u16, line: &Line) {
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(rect.width);
    let at = Rect {
        x: rect.right() - width,
        width,
        ..rect
    };
    put(buffer, at, row, line);
}

/// Fills a rectangle with nothing in a style.
fn clear(buffer: &mut Buffer, rect: Rect, style: Style) {
    for row in rect.rows() {
        buffer.set_string(row.x, row.y, " ".repeat(usize::from(row.width)), style);
    }
}

/// As much of a text as fits into so many columns, with a mark if that is not all of it.
fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for cluster in unicode_segmentation::UnicodeSegmentation::graphemes(text, true) {
        if columns(&out) + columns(cluster) >= width {
            break;
        }
        out.push_str(cluster);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests;
