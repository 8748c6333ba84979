//! Who is in the open room, and who of them is there. Knows no messages.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use tailchat_core::text::columns;

use super::{fit, put};
use crate::model::Model;
use crate::model::open_room::Member;
use crate::time;

pub(super) fn draw(model: &Model, rect: Rect, buffer: &mut Buffer) {
    let theme = &model.taste.theme;
    for row in 0..rect.height {
        buffer.set_string(rect.x, rect.y + row, "│", theme.faint);
    }
    let inner = Rect {
        x: rect.x + 2,
        width: rect.width.saturating_sub(2),
        ..rect
    };
    let Some(room) = &model.open else { return };
    let here = room.members.iter().filter(|member| member.online).count();
    let title = format!("people: {here} of {} here", room.members.len());
    put(buffer, inner, 0, &Line::styled(title, theme.faint));
    for (row, member) in (1..inner.height).zip(&room.members) {
        put(
            buffer,
            inner,
            row,
            &entry(model, member, usize::from(inner.width)),
        );
    }
}

/// `● ann (you)`, `  bob     3 h ago`
pub(super) fn entry(model: &Model, member: &Member, width: usize) -> Line<'static> {
    let theme = &model.taste.theme;
    let seen = match (member.me, member.online, member.last_seen_ms) {
        _ if member.ignored => "ignored".to_owned(),
        (true, ..) => "you".to_owned(),
        (false, true, _) => String::new(),
        (false, false, Some(ms)) => time::ago(ms, model.now_ms),
        (false, false, None) => "offline".to_owned(),
    };
    let name = fit(&member.name, width.saturating_sub(columns(&seen) + 3));
    let gap = width.saturating_sub(2 + columns(&name) + columns(&seen));
    let style = if member.online && !member.ignored {
        theme.person(&member.person)
    } else {
        theme.faint
    };
    Line::from(vec![
        Span::styled(if member.online { "● " } else { "  " }, style),
        Span::styled(name, style),
        Span::raw(" ".repeat(gap)),
        Span::styled(seen, theme.faint),
    ])
}
