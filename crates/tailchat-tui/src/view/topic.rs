//! What the open room is about, above its messages. Knows no messages.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use tailchat_core::text::columns;

use super::{fit, put};
use crate::model::Model;

/// The name takes no more of the row than this part of it.
const NAME_SHARE: usize = 3;

/// `kitchen · who cooks what, and when`
pub(super) fn draw(model: &Model, rect: Rect, buffer: &mut Buffer) {
    let Some(room) = model.room() else { return };
    let theme = &model.taste.theme;
    let width = usize::from(rect.width).saturating_sub(1);
    let name = fit(&room.name, width / NAME_SHARE);
    let topic = fit(&room.topic, width.saturating_sub(columns(&name) + 3));
    let line = Line::from(vec![
        Span::styled(format!(" {name}"), theme.title),
        Span::styled(format!(" · {topic}"), theme.faint),
    ]);
    put(buffer, rect, 0, &line);
}
