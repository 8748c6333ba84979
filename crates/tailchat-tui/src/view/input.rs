//! What is being written. Knows rows and the cursor, not what sending does.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use super::{fit, put};
use crate::model::Model;
use crate::panes::PROMPT_COLUMNS;

/// Draws the input; gives where the cursor stands.
pub(super) fn draw(model: &Model, rect: Rect, buffer: &mut Buffer) -> Option<Position> {
    if rect.height == 0 || !model.has_input() {
        return None;
    }
    let theme = &model.taste.theme;
    let width = rect.width.saturating_sub(PROMPT_COLUMNS);
    let mut rect = rect;
    let above = match (&model.writing.editing, &model.writing.reply_to) {
        (Some(_), _) => Some("✎ editing; Enter takes the new text, Esc leaves it as it was".to_owned()),
        (None, Some((_, named))) => Some(format!("↳ reply to {named}")),
        (None, None) => None,
    };
    if let Some(above) = above.filter(|_| rect.height > 1) {
        let named = fit(&above, usize::from(rect.width));
        put(buffer, rect, 0, &Line::styled(named, theme.faint));
        rect.y += 1;
        rect.height -= 1;
    }
    let rows = model.writing.composer.rows(usize::from(width));
    let (row, column) = model.writing.composer.cursor(&rows);
    // The row of the cursor is always to be seen.
    let skipped = (row + 1).saturating_sub(usize::from(rect.height));
    let text = Rect {
        x: rect.x + PROMPT_COLUMNS,
        width,
        ..rect
    };
    put(buffer, rect, 0, &Line::styled("> ", theme.faint));
    for (at, words) in (0..text.height).zip(rows.iter().skip(skipped)) {
        put(buffer, text, at, &Line::raw(words.text));
    }
    let row = u16::try_from(row - skipped).unwrap_or(0);
    let column = u16::try_from(column)
        .unwrap_or(u16::MAX)
        .min(width.saturating_sub(1));
    let selecting = model.open.as_ref().is_some_and(|room| room.selected.is_some());
    (!selecting).then(|| Position::new(text.x + column, text.y + row))
}
