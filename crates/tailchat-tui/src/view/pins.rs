//! What is pinned in the open room, to choose from. Knows no keys but those that it names.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{fit, hits, put};
use crate::keys::{Action, Mode};
use crate::model::Model;
use crate::model::overlay::Pins;
use crate::wrap;

pub(super) fn draw(model: &Model, pins: &Pins, rect: Rect, buffer: &mut Buffer) {
    let theme = &model.taste.theme;
    let width = usize::from(rect.width);
    if pins.hits.is_empty() {
        let words = match pins.known {
            true => none(model),
            false => "looking …".to_owned(),
        };
        for (row, line) in (0..rect.height).zip(wrap::words(&words, width)) {
            put(buffer, rect, row, &Line::styled(line, theme.faint));
        }
        return;
    }
    let said = match pins.hits.len() {
        1 => "1 message".to_owned(),
        messages => format!("{messages} messages, the newest first"),
    };
    put(buffer, rect, 0, &Line::styled(fit(&said, width), theme.faint));
    let list = Rect {
        y: rect.y + 1.min(rect.height),
        height: rect.height.saturating_sub(1),
        ..rect
    };
    hits::draw(model, (&pins.hits, pins.chosen), list, buffer);
}

/// How to pin.
fn none(model: &Model) -> String {
    let keys = &model.taste.keys;
    let by_key = keys
        .key(Mode::Compose, Action::Select)
        .zip(keys.key(Mode::Select, Action::Pin));
    let by_key = by_key.map_or_else(String::new, |(select, pin)| {
        format!("{select} selects a message, {pin} pins it; ")
    });
    format!("Nothing is pinned here. {by_key}/pin takes the newest.")
}
