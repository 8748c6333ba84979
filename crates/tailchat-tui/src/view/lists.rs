//! Lists to choose from and questions to answer: a line to type into, and what there is to choose. Knows no keys.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tailchat_core::text::columns;

use super::{fit, put, rooms};
use crate::composer::Composer;
use crate::model::Model;
use crate::model::overlay::{Ask, Prompt};
use crate::wrap;

pub(super) fn switcher(
    model: &Model,
    (typed, chosen): (&Composer, usize),
    rect: Rect,
    buffer: &mut Buffer,
) -> Position {
    let theme = &model.taste.theme;
    let cursor = field("room: ", typed, rect, 0, buffer);
    let found = model.rooms.fitting(typed.text());
    if found.is_empty() {
        put(
            buffer,
            rect,
            1,
            &Line::styled("no room is called like that", theme.faint),
        );
    }
    let height = usize::from(rect.height.saturating_sub(1));
    let skipped = (chosen + 1).saturating_sub(height);
    let width = usize::from(rect.width);
    for (row, (index, room)) in (1..rect.height).zip(found.iter().enumerate().skip(skipped)) {
        let counts = rooms::counts(room);
        let name = fit(&room.name, width.saturating_sub(columns(&counts) + 3));
        let gap = width.saturating_sub(columns(&name) + columns(&counts) + 2);
        let (mark, style) = match index == chosen {
            true => ("› ", theme.selected),
            false => ("  ", Style::default()),
        };
        let line = format!("{mark}{name}{}{counts}", " ".repeat(gap));
        put(buffer, rect, row, &Line::styled(line, style));
    }
    cursor
}

pub(super) fn prompt(model: &Model, prompt: &Prompt, rect: Rect, buffer: &mut Buffer) -> Position {
    let theme = &model.taste.theme;
    let (words, label) = asked(&prompt.what);
    let mut row = 0;
    for line in wrap::words(&words, usize::from(rect.width)) {
        put(buffer, rect, row, &Line::raw(line));
        row += 1;
    }
    row += 1;
    let cursor = field(label, &prompt.typed, rect, row, buffer);
    row += 2;
    let problem = match prompt.waits {
        true => "one moment …".to_owned(),
        false => prompt.problem.clone().unwrap_or_default(),
    };
    for line in wrap::words(&problem, usize::from(rect.width)) {
        put(buffer, rect, row, &Line::styled(line, theme.unread));
        row += 1;
    }
    cursor
}

fn asked(what: &Ask) -> (String, &'static str) {
    match what {
        Ask::Name => (
            "Welcome to tailchat. What shall the others call you? Enter takes the name.".to_owned(),
            "name: ",
        ),
        Ask::Create => ("What shall everybody call the new room?".to_owned(), "room: "),
        Ask::Join => (
            "Paste the room's ID (room1...) or an invite. Upper or lower case, spaces and breaks do not matter.".to_owned(),
            "join: ",
        ),
        Ask::Date => (
            "Go to which day or time? 2026-11-22, 2026-11-22 15:04, yesterday, 2 days ago, 3h".to_owned(),
            "when: ",
        ),
        Ask::React { .. } => (
            "What do you feel about it? An emoji, :name: or one word; the same again takes it back.".to_owned(),
            "with: ",
        ),
        Ask::Delete { named, .. } => (
            format!("Delete \"{named}\" for everybody? Its text is shown nowhere any more."),
            "y or n: ",
        ),
        Ask::Leave { name, forget: false, .. } => (
            format!("Leave \"{name}\"? Its history stays on this disk."),
            "y or n: ",
        ),
        Ask::Leave { name, forget: true, .. } => (
            format!("Leave \"{name}\" and delete its history from this disk?"),
            "y or n: ",
        ),
    }
}

pub(super) fn welcome(model: &Model, chosen: usize, rect: Rect, buffer: &mut Buffer) {
    let theme = &model.taste.theme;
    let name = model.name.as_deref().unwrap_or("there");
    put(
        buffer,
        rect,
        0,
        &Line::raw(fit(
            &format!("Hello {name}. You are in no room yet."),
            usize::from(rect.width),
        )),
    );
    let choices = [
        ("Create a room", "and get an invite for the others"),
        ("Join a room", "with an ID or an invite that somebody gave you"),
    ];
    for (index, (row, (what, why))) in (2..).zip(choices).enumerate() {
        let (mark, style) = match index == chosen {
            true => ("› ", theme.selected),
            false => ("  ", Style::default()),
        };
        let line = Line::from(vec![
            Span::styled(format!("{mark}{what}"), style),
            Span::styled(format!("  {why}"), theme.faint),
        ]);
        put(buffer, rect, row, &line);
    }
    put(
        buffer,
        rect,
        5,
        &Line::styled("Up and Down choose, Enter takes it.", theme.faint),
    );
}

/// A label and one line that is typed into; the cursor's part of a long one is shown.
pub(super) fn field(label: &str, typed: &Composer, rect: Rect, row: u16, buffer: &mut Buffer) -> Position {
    let label_columns = u16::try_from(columns(label)).unwrap_or(0);
    let width = rect.width.saturating_sub(label_columns).max(2);
    let rows = typed.rows(usize::from(width));
    let (cursor_row, column) = typed.cursor(&rows);
    let words = rows.get(cursor_row).map_or("", |row| row.text);
    put(buffer, rect, row, &Line::raw(format!("{label}{words}")));
    let column = u16::try_from(column).unwrap_or(0).min(width - 1);
    let bottom = rect.bottom().saturating_sub(1);
    Position::new(
        (rect.x + label_columns + column).min(rect.right().saturating_sub(1)),
        (rect.y + row).min(bottom),
    )
}
