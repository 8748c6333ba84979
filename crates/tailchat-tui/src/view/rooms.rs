//! The list of rooms with what is unread in them. Knows no messages.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use tailchat_core::text::columns;

use super::{fit, put};
use crate::model::Model;
use crate::model::rooms::Room;

pub(super) fn draw(model: &Model, rect: Rect, buffer: &mut Buffer) {
    let theme = &model.taste.theme;
    let width = usize::from(rect.width).saturating_sub(2);
    put(buffer, rect, 0, &Line::styled(" rooms", theme.faint));
    for row in 0..rect.height {
        buffer.set_string(rect.right().saturating_sub(1), rect.y + row, "│", theme.faint);
    }
    let height = usize::from(rect.height.saturating_sub(1));
    let open = model
        .open
        .as_ref()
        .and_then(|open| model.rooms.index_of(&open.key));
    let skipped = open.map_or(0, |open| (open + 1).saturating_sub(height));
    let list = Rect {
        y: rect.y + 1,
        height: rect.height.saturating_sub(1),
        width: rect.width.saturating_sub(1),
        ..rect
    };
    for (row, (index, room)) in (0..list.height).zip(model.rooms.iter().enumerate().skip(skipped)) {
        put(buffer, list, row, &entry(model, room, open == Some(index), width));
    }
}

/// `›kitchen      @2 ●5`
fn entry(model: &Model, room: &Room, open: bool, width: usize) -> Line<'static> {
    let theme = &model.taste.theme;
    let counts = counts(room);
    let name = fit(&room.name, width.saturating_sub(columns(&counts) + 1));
    let gap = width.saturating_sub(columns(&name) + columns(&counts));
    let style = match (open, room.unread > 0 && !room.muted) {
        (true, _) => theme.selected,
        (false, true) => theme.title,
        (false, false) => theme.text,
    };
    Line::from(vec![
        Span::styled(if open { "›" } else { " " }, style),
        Span::styled(name, style),
        Span::styled(" ".repeat(gap), style),
        Span::styled(
            counts,
            if room.unread > 0 && !room.muted {
                theme.unread
            } else {
                theme.faint
            },
        ),
    ])
}

/// What waits in a room: `@2` names us, `●5` is unread, `draft` waits, `muted` tells nobody, and for
/// whoever has it the room is still `waiting`.
pub(super) fn counts(room: &Room) -> String {
    let mut counts = Vec::new();
    if room.mentions > 0 {
        counts.push(format!("@{}", short(room.mentions)));
    }
    if room.unread > 0 {
        counts.push(format!("●{}", short(room.unread)));
    }
    if room.draft && room.unread == 0 {
        counts.push("draft".to_owned());
    }
    if room.muted && room.unread == 0 {
        counts.push("muted".to_owned());
    }
    if room.waiting.is_some() && counts.is_empty() {
        counts.push("waiting".to_owned());
    }
    counts.join(" ")
}

fn short(number: u64) -> String {
    match number {
        ..1000 => number.to_string(),
        1000..1_000_000 => format!("{}k", number / 1000),
        _ => format!("{}M", number / 1_000_000),
    }
}
