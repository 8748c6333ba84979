//! From an event to the next state and to what is to be done: the only place where the model changes. Pure: it
//! waits for nothing, asks nobody and draws nothing.

mod acting;
mod amending;
mod answering;
mod choosing;
mod commanding;
mod completing;
mod describing;
mod detailing;
mod ignoring;
mod noticing;
mod opening;
mod pinning;
mod scrolling;
mod searching;
mod sending;
mod settling;
mod typing;
mod watching;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};

use crate::command::{Command, Question};
use crate::event::Event;
use crate::keys::Mode;
use crate::model::Model;
use crate::model::overlay::Overlay;
use crate::panes::Panes;
use crate::view;

/// Rows that one turn of the wheel scrolls.
const WHEEL_ROWS: i32 = 3;

/// What the UI asks before anything happened.
pub(crate) fn first_questions() -> Vec<Command> {
    vec![Command::Ask(Question::Hello), Command::Ask(Question::Rooms)]
}

/// Takes an event in.
pub(crate) fn update(model: &mut Model, event: Event, now_ms: i64) -> Vec<Command> {
    model.now_ms = now_ms;
    let mut commands = match event {
        Event::Key(key) => key_pressed(model, key),
        Event::Pasted(text) => pasted(model, &text),
        Event::Mouse(mouse) => mouse_moved(model, mouse),
        Event::Resized { columns, rows } => {
            (model.columns, model.rows) = (columns, rows);
            Vec::new()
        }
        Event::Focused(focused) => noticing::focused(model, focused),
        Event::Watched(item) => watching::watched(model, item),
        Event::WatchedAnew => watching::anew(model),
        Event::Answered { question, answer } => answering::answered(model, question, answer),
        Event::NotCopied(why) => {
            model.say(why.to_string());
            Vec::new()
        }
        Event::Edited(text) => sending::edited(model, text),
        Event::Resumed => vec![Command::Redraw],
        Event::Ticked => Vec::new(),
        Event::Orphaned(why) => watching::orphaned(model, why),
        Event::Rejoined => watching::rejoined(model),
        Event::Parted(failure) => {
            model.parted = Some(failure);
            vec![Command::Quit]
        }
        Event::Told => opening::quit(model),
    };
    settling::settle(model, &mut commands);
    commands
}

fn key_pressed(model: &mut Model, key: KeyEvent) -> Vec<Command> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let mode = model.mode();
    if let Some(action) = model.taste.keys.lookup(mode, key) {
        return acting::act(model, action);
    }
    let typed = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    match key.code {
        KeyCode::Char(c) if typed => typed_text(model, mode, c.encode_utf8(&mut [0; 4])),
        _ => Vec::new(),
    }
}

/// Line breaks of a paste break lines and send nothing.
fn pasted(model: &mut Model, text: &str) -> Vec<Command> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    match model.mode() {
        Mode::Select => {
            scrolling::leave_selection(model);
            typed_text(model, Mode::Compose, &text)
        }
        mode => typed_text(model, mode, &text),
    }
}

fn typed_text(model: &mut Model, mode: Mode, text: &str) -> Vec<Command> {
    match mode {
        Mode::Compose | Mode::Empty => return sending::typed(model, text),
        Mode::List => choosing::typed(model, text),
        Mode::Select | Mode::Screen => {}
    }
    Vec::new()
}

fn mouse_moved(model: &mut Model, mouse: MouseEvent) -> Vec<Command> {
    let over = model.overlay.is_some();
    match (mouse.kind, over) {
        (MouseEventKind::ScrollUp, false) => scrolling::by_rows(model, -WHEEL_ROWS),
        (MouseEventKind::ScrollDown, false) => scrolling::by_rows(model, WHEEL_ROWS),
        (MouseEventKind::ScrollUp, true) => scroll_screen(model, -WHEEL_ROWS),
        (MouseEventKind::ScrollDown, true) => scroll_screen(model, WHEEL_ROWS),
        (MouseEventKind::Down(_), false) => return clicked(model, mouse),
        _ => {}
    }
    Vec::new()
}

/// A click on a room opens it.
fn clicked(model: &mut Model, mouse: MouseEvent) -> Vec<Command> {
    let panes = Panes::of(model);
    let hit = panes
        .rooms
        .is_some_and(|rooms| mouse.column < rooms.right() && mouse.row < rooms.bottom());
    let index = usize::from(mouse.row).saturating_sub(1);
    match model.rooms.at(index).map(|room| room.key.clone()) {
        Some(key) if hit => opening::open(model, key),
        _ => Vec::new(),
    }
}

/// Moves a screen to read by so many rows, as far as it goes.
fn scroll_screen(model: &mut Model, rows: i32) {
    let most = model
        .overlay
        .as_ref()
        .map_or(0, |overlay| view::beyond(model, overlay));
    if let Some(
        Overlay::Help { scrolled }
        | Overlay::Connections { scrolled, .. }
        | Overlay::Members { scrolled }
        | Overlay::Details { scrolled, .. },
    ) = &mut model.overlay
    {
        let by = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
        *scrolled = match rows < 0 {
            true => (*scrolled).min(most).saturating_sub(by),
            false => scrolled.saturating_add(by).min(most),
        };
    }
}

#[cfg(test)]
mod tests;
