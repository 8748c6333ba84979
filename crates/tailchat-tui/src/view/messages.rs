//! The open room's lines, as they were laid out. Knows how a row looks, not where it stands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line as Styled, Span};
use tailchat_core::text::columns;

use super::{fit, put, put_right};
use crate::layout::{Row, marks, marks_fit};
use crate::model::Model;
use crate::model::line::{Line, beginning};
use crate::model::open_room::OpenRoom;
use crate::panes::Gutter;
use crate::time;
use crate::wrap;

/// Messages of one person within so long stand under one name.
const TOGETHER_MS: i64 = 300_000;

pub(super) fn draw(model: &Model, rect: Rect, gutter: &Gutter, buffer: &mut Buffer) {
    let Some(room) = &model.open else {
        return;
    };
    if room.window.is_empty() {
        empty(model, room, rect, buffer);
        return;
    }
    let rows = room.screen.rows.iter().zip(room.screen.empty..);
    for (row, at) in rows {
        let Ok(at) = u16::try_from(at) else { break };
        draw_row(model, room, *row, gutter, (buffer, rect, at));
    }
    arrivals(model, room, rect, buffer);
}

/// What a room looks like in which nothing was said yet.
fn empty(model: &Model, room: &OpenRoom, rect: Rect, buffer: &mut Buffer) {
    if !room.previews.is_empty() {
        previews(model, room, rect, buffer);
        return;
    }
    if room.pages.under_way() {
        return;
    }
    let met = model.rooms.get(&room.key).is_some_and(|room| room.met);
    let mut words = match met {
        true => vec!["Nothing was said here yet."],
        false => vec![
            "Waiting for others; you can write now.",
            "What you write is kept, and they get it when you meet.",
        ],
    };
    if room.is_long_alone(model.now_ms) {
        words.extend([
            "",
            "Nobody was found yet. Likely causes: no tailchat runs",
            "at anybody who has the room, or a firewall is between.",
            "F4 shows what was tried, /peers add HOST adds an address.",
        ]);
    }
    let words: Vec<String> = words
        .iter()
        .flat_map(|line| wrap::words(line, usize::from(rect.width)))
        .collect();
    let top = rect
        .height
        .saturating_sub(u16::try_from(words.len()).unwrap_or(0))
        / 2;
    for (line, at) in words.iter().map(String::as_str).zip(top..) {
        let left = usize::from(rect.width).saturating_sub(columns(line)) / 2;
        let text = format!("{}{line}", " ".repeat(left));
        put(buffer, rect, at, &Styled::styled(text, model.taste.theme.faint));
    }
}

/// What a peer tells of its newest lines, a row each, while the lines themselves are on their way.
fn previews(model: &Model, room: &OpenRoom, rect: Rect, buffer: &mut Buffer) {
    let theme = &model.taste.theme;
    let words = "not here yet; a peer tells that these are the newest";
    let height = usize::from(rect.height.saturating_sub(1));
    let skipped = room.previews.len().saturating_sub(height);
    let top = rect
        .height
        .saturating_sub(u16::try_from(room.previews.len() - skipped).unwrap_or(0) + 1);
    put(buffer, rect, top, &rule(words, rect.width, theme.faint));
    for (line, at) in room.previews.iter().skip(skipped).zip(top + 1..) {
        let said = fit(
            &format!(" {}: {}", line.author, beginning(&line.text)),
            usize::from(rect.width),
        );
        put(buffer, rect, at, &Styled::styled(said, theme.faint));
    }
}

fn draw_row(model: &Model, room: &OpenRoom, row: Row, gutter: &Gutter, to: (&mut Buffer, Rect, u16)) {
    let (buffer, rect, at) = to;
    let theme = &model.taste.theme;
    let line = row.line().and_then(|index| room.window.get(index));
    let Some(line) = line else {
        if row == Row::Beginning {
            put(
                buffer,
                rect,
                at,
                &rule("the room begins here", rect.width, theme.faint),
            );
        }
        return;
    };
    let left = usize::from(gutter.columns());
    match row {
        Row::Day { .. } => {
            let day = time::day_in_words(line.sent_at_ms, &model.taste.zone);
            put(buffer, rect, at, &rule(&day, rect.width, theme.faint));
        }
        Row::New { .. } => put(buffer, rect, at, &rule("new messages", rect.width, theme.unread)),
        Row::Reply { .. } => {
            let answered = line.reply_to.as_ref().and_then(|id| room.window.find(id));
            let named = match answered {
                Some(answered) if room.window.folds(answered) => format!("↳ {}, ignored", answered.author),
                Some(answered) => format!("↳ {}: {}", answered.author, beginning(&answered.text)),
                None => "↳ an earlier message".to_owned(),
            };
            let named = format!("{}{}", " ".repeat(left), fit(&named, usize::from(gutter.text)));
            put(buffer, rect, at, &Styled::styled(named, theme.faint));
        }
        Row::Marks { .. } => put_right(buffer, rect, at, &Styled::styled(marks(line), theme.faint)),
        Row::Text { line: index, row } => {
            let begins = row == 0;
            let head = if begins {
                head(model, room, index, line, gutter)
            } else {
                Vec::new()
            };
            put(buffer, rect, at, &Styled::from(head));
            let text = Rect {
                x: rect.x.saturating_add(gutter.columns()).min(rect.right()),
                width: gutter.text.min(rect.width.saturating_sub(gutter.columns())),
                ..rect
            };
            if let Some(words) = line.laid.rows.get(row) {
                put(buffer, text, at, words);
            }
            if row + 1 == line.laid.rows.len() && marks_fit(line) {
                put_right(buffer, text, at, &Styled::styled(marks(line), theme.faint));
            }
        }
        Row::Folded { line: index } => {
            let words = folded(room, index, usize::from(gutter.text));
            let words = format!("{}{words}", " ".repeat(left));
            put(buffer, rect, at, &Styled::styled(words, theme.faint));
        }
        Row::Beginning => {}
    }
    let selected = room.selected_run() == row.line();
    if selected && matches!(row, Row::Text { .. } | Row::Folded { .. } | Row::Marks { .. }) {
        put(buffer, rect, at, &Styled::styled("▌", theme.title));
    }
}

/// `3 messages of bob, ignored`: names give way before anything else does.
fn folded(room: &OpenRoom, index: usize, width: usize) -> String {
    let run = room.window.run(index);
    let messages = room.window.count(run.clone());
    let thing = if messages == 1 { "message" } else { "messages" };
    let (before, after) = (format!("{messages} {thing} of "), ", ignored");
    let names = fit(
        &room.window.authors(run),
        width.saturating_sub(columns(&before) + columns(after)),
    );
    fit(&format!("{before}{names}{after}"), width)
}

/// Minute and name before the first row of a message.
fn head(model: &Model, room: &OpenRoom, index: usize, line: &Line, gutter: &Gutter) -> Vec<Span<'static>> {
    let theme = &model.taste.theme;
    let before = index.checked_sub(1).and_then(|before| room.window.get(before));
    let together = before.is_some_and(|before| {
        before.author == line.author
            && !room.window.folds(before)
            && !line.is_action()
            && !before.is_action()
            && line.sent_at_ms.saturating_sub(before.sent_at_ms).abs() < TOGETHER_MS
            && time::day(before.sent_at_ms, &model.taste.zone)
                == time::day(line.sent_at_ms, &model.taste.zone)
    });
    let mut head = vec![Span::raw(" ")];
    if gutter.time > 0 {
        let pattern = model.taste.time.pattern();
        let minute = time::clock(line.sent_at_ms, &model.taste.zone, pattern);
        let same = together
            && before
                .is_some_and(|before| time::clock(before.sent_at_ms, &model.taste.zone, pattern) == minute);
        let minute = if same { String::new() } else { minute };
        let width = usize::from(gutter.time);
        head.push(Span::styled(format!("{minute:width$}"), theme.faint));
    }
    if gutter.name > 0 && !together {
        let width = usize::from(gutter.name);
        let name = match line.is_action() {
            true => fit(&format!("* {}", line.author), width),
            false => fit(&line.author, width),
        };
        let mut style = match line.ignored {
            true => theme.faint,
            false => theme.person(&line.hue),
        };
        if line.is_own() {
            style = style.add_modifier(Modifier::BOLD);
        }
        head.push(Span::styled(name, style));
    }
    head
}

/// Words in the middle of a line across the pane.
fn rule(words: &str, width: u16, style: Style) -> Styled<'static> {
    let width = usize::from(width);
    let words = fit(words, width.saturating_sub(4));
    let rest = width.saturating_sub(columns(&words) + 2);
    let (left, right) = (rest / 2, rest - rest / 2);
    Styled::styled(
        format!("{} {words} {}", "─".repeat(left), "─".repeat(right)),
        style,
    )
}

/// What came in above or below and was not seen yet.
fn arrivals(model: &Model, room: &OpenRoom, rect: Rect, buffer: &mut Buffer) {
    let style = model.taste.theme.unread;
    let says = |count: usize, way: &str, arrow: &str| {
        let messages = if count == 1 { "message" } else { "messages" };
        Styled::styled(format!(" {arrow} {count} {messages} arrived {way} "), style)
    };
    if !room.above.is_empty() {
        put_right(buffer, rect, 0, &says(room.above.len(), "above", "↑"));
    }
    if !room.below.is_empty() {
        let last = rect.height.saturating_sub(1);
        put_right(buffer, rect, last, &says(room.below.len(), "below", "↓"));
    }
}
