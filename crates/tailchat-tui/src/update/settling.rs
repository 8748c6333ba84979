//! What follows from any change of the model, whatever it was: the layout, what was seen by that, which lines are
//! wanted next, and what is due.

use tailchat_node::control::PAGE_MAX;

use super::{noticing, opening, searching};
use crate::command::{Command, PageQuestion, PageWant, Question};
use crate::dress;
use crate::layout::{self, Sheet};
use crate::model::ids::RoomKey;
use crate::model::line::Line;
use crate::model::open_room::{OpenRoom, Whole};
use crate::model::overlay::Overlay;
use crate::model::{Kept, Model, Writing};
use crate::panes::{Gutter, Panes};
use crate::window::{AHEAD_LINES, Edge, PAGE_LINES};

/// What was seen is told the node after so long: a page of messages is one word.
const SEEN_AFTER_MS: i64 = 400;
/// What is typed is kept so long after its first letter that is not, at most.
const DRAFT_AFTER_MS: i64 = 3_000;
/// Messages in one word.
const SEEN_MAX: usize = 512;
/// However often its lines change, a stretch is asked for again only so often.
const AGAIN_EVERY_MS: i64 = 250;
/// Ages on the screen change so often.
const AGES_EVERY_MS: i64 = 60_000;

/// Brings the rest of the model in line with what changed.
pub(super) fn settle(model: &mut Model, commands: &mut Vec<Command>) {
    // First, since what is said no longer leaves its rows to the messages.
    due(model, commands);
    lay_out(model);
    look(model);
    want_pages(model, commands);
    searching::want(model, commands);
    noticing::retitle(model, commands);
}

/// Lays out the open room's lines for the screen as it is.
pub(super) fn lay_out(model: &mut Model) {
    let panes = Panes::of(model);
    let gutter = Gutter::of(model, &panes);
    let Model {
        taste, name, open, ..
    } = model;
    let Some(room) = open else { return };
    let me: Vec<String> = name.iter().cloned().collect();
    let wrap = |line: &Line, columns: u16| dress::dressed(line, columns, &me, taste);
    // What stands above the messages comes and goes; they stay where they are.
    let down = i32::from(panes.messages.y) - i32::from(std::mem::replace(&mut room.top, panes.messages.y));
    if let layout::Position::At { row, .. } = &mut room.position {
        *row = row.saturating_sub(down);
    }
    let sheet = Sheet {
        text_columns: gutter.text,
        rows: panes.messages.height,
        zone: &taste.zone,
        new_from: room.new_from.as_ref(),
        wrap: &wrap,
    };
    room.screen = layout::lay(&mut room.window, &room.position, &sheet);
    room.position = room.screen.position.clone();
}

/// Lines on a screen that somebody looks at are read from now on.
fn look(model: &mut Model) {
    let looks = model.focused && model.overlay.is_none();
    let Some(room) = &mut model.open else { return };
    let (Some(first), Some(last)) = (room.screen.first(), room.screen.last()) else {
        return;
    };
    pass(room, first, last);
    if !looks {
        return;
    }
    let mut seen = 0;
    for index in first..=last {
        let folded = room.window.get(index).is_some_and(|line| room.window.folds(line));
        let Some(line) = room.window.get_mut(index).filter(|line| line.unread && !folded) else {
            continue;
        };
        line.unread = false;
        room.seen.push(line.id.clone());
        seen += 1;
    }
    if seen == 0 {
        return;
    }
    if let Some(listed) = model.rooms.get_mut(&room.key) {
        listed.unread = listed.unread.saturating_sub(seen);
        listed.mentions = listed.mentions.min(listed.unread);
    }
    let due = model.now_ms.saturating_add(SEEN_AFTER_MS);
    model.due.seen_ms.get_or_insert(due);
}

/// Lines that came in above or below and are on the screen now are no news any more.
fn pass(room: &mut OpenRoom, first: usize, last: usize) {
    let (Some(first), Some(last)) = (room.window.get(first), room.window.get(last)) else {
        return;
    };
    room.above.retain(|place| *place < first.place);
    room.below.retain(|place| *place > last.place);
}

/// Tells the node what was seen.
pub(super) fn tell_seen(model: &mut Model) -> Vec<Command> {
    model.due.seen_ms = None;
    let Some(room) = &mut model.open else {
        return Vec::new();
    };
    let mut commands = Vec::new();
    while !room.seen.is_empty() {
        let rest = room.seen.split_off(room.seen.len().min(SEEN_MAX));
        let messages = std::mem::replace(&mut room.seen, rest);
        commands.push(Command::Ask(Question::Read {
            room: room.key.clone(),
            messages,
        }));
    }
    commands
}

/// Lets the node keep what is being written, if that is news to it.
pub(super) fn keep_draft(model: &mut Model) -> Vec<Command> {
    model.due.draft_ms = None;
    let Some(room) = &model.open else {
        return Vec::new();
    };
    if matches!(model.writing.kept, Kept::Unasked | Kept::Asked) && !model.quitting {
        typing(model);
        return Vec::new();
    }
    keep(&room.key, &mut model.writing)
}

/// Lets the node keep what is being written in a room, if that is news to it.
pub(super) fn keep(room: &RoomKey, writing: &mut Writing) -> Vec<Command> {
    let text = writing.draft();
    let same = match &writing.kept {
        Kept::This(kept) => kept == text,
        Kept::Unasked | Kept::Asked => text.is_empty(),
        Kept::Unknown => false,
    };
    if same {
        return Vec::new();
    }
    let text = text.to_owned();
    writing.kept = Kept::This(text.clone());
    vec![Command::Ask(Question::SetDraft {
        room: room.clone(),
        text,
    })]
}

/// Something was typed; the draft goes to the node soon, also while the typing goes on.
pub(super) fn typing(model: &mut Model) {
    let due = model.now_ms.saturating_add(DRAFT_AFTER_MS);
    model.due.draft_ms.get_or_insert(due);
}

/// Asks for lines beyond the ends of the window before the screen gets there.
fn want_pages(model: &mut Model, commands: &mut Vec<Command>) {
    let Some(room) = &mut model.open else { return };
    if room.pages.whole.is_some() {
        return;
    }
    model.due.again_ms = None;
    if room.pages.stale && !room.pages.under_way() {
        if room.window.is_empty() || room.pages.again_from_ms <= model.now_ms {
            room.pages.again_from_ms = model.now_ms.saturating_add(AGAIN_EVERY_MS);
            again(room, commands);
            return;
        }
        model.due.again_ms = Some(room.pages.again_from_ms);
    }
    let first = room.screen.first().unwrap_or(0);
    let last = room.screen.last().unwrap_or(0);
    let before = room.window.runs_before(first);
    let behind = room.window.runs_behind(last);
    if before < AHEAD_LINES && !room.pages.before && room.window.has_more(Edge::Oldest) {
        room.pages.before = more(room, Edge::Oldest, commands);
    }
    if behind < AHEAD_LINES && !room.pages.after && room.window.has_more(Edge::Newest) {
        room.pages.after = more(room, Edge::Newest, commands);
    }
}

fn more(room: &OpenRoom, edge: Edge, commands: &mut Vec<Command>) -> bool {
    let end = match edge {
        Edge::Oldest => room.window.first().map(|line| &line.place),
        Edge::Newest => room.window.last().map(Line::until),
    };
    let Some(place) = end.cloned() else {
        return false;
    };
    commands.push(ask_page(room, PageWant::More { edge, place }));
    true
}

/// Asks for the loaded stretch again, around what is on the screen.
fn again(room: &mut OpenRoom, commands: &mut Vec<Command>) {
    room.pages.stale = false;
    room.pages.whole = Some(Whole::Again);
    let window = &room.window;
    let first = room.screen.first().unwrap_or(0);
    let end = room.screen.last().map_or(0, |last| window.run(last).end);
    let held = match &room.position {
        layout::Position::Newest => None,
        layout::Position::At { place, .. } => window.run_at(place).or(room.screen.first()),
    };
    // What is on the screen comes again, also where a row stands for more lines than a page has.
    let lines = |range| {
        let lines = u32::try_from(window.count(range).min(PAGE_MAX)).unwrap_or(PAGE_LINES);
        lines.max(PAGE_LINES)
    };
    let want = PageWant::Again {
        around: held
            .and_then(|held| window.get(held))
            .map(|line| line.place.clone()),
        before: lines(first..held.unwrap_or(end)),
        after: lines(held.unwrap_or(end)..end),
    };
    commands.push(ask_page(room, want));
}

fn ask_page(room: &OpenRoom, want: PageWant) -> Command {
    Command::Ask(Question::Page(PageQuestion {
        room: room.key.clone(),
        want,
        epoch: room.pages.epoch,
    }))
}

/// Does what is due and says when to come again.
fn due(model: &mut Model, commands: &mut Vec<Command>) {
    let now = model.now_ms;
    let is_due = |at: Option<i64>| at.is_some_and(|at| at <= now);
    if model.said.as_ref().is_some_and(|said| said.until_ms <= now) {
        model.said = None;
    }
    if is_due(model.due.draft_ms) {
        commands.extend(keep_draft(model));
    }
    if is_due(model.due.seen_ms) {
        commands.extend(tell_seen(model));
    }
    if is_due(model.due.away_ms) {
        commands.extend(noticing::sum_up(model));
    }
    if is_due(model.due.alone_ms) {
        model.due.alone_ms = None;
    }
    if is_due(model.due.ages_ms) {
        model.due.ages_ms = None;
        opening::ask_around(model, commands);
        if matches!(model.overlay, Some(Overlay::Connections { .. })) {
            commands.push(Command::Ask(Question::Peers));
        }
    }
    if !shows_ages(model) {
        model.due.ages_ms = None;
    } else if model.due.ages_ms.is_none() {
        model.due.ages_ms = Some(now.saturating_add(AGES_EVERY_MS));
    }
}

/// Whether something on the screen says how long ago anything was.
fn shows_ages(model: &Model) -> bool {
    let connections = matches!(model.overlay, Some(Overlay::Connections { .. }));
    let listed = matches!(model.overlay, Some(Overlay::Members { .. })) || Panes::of(model).members.is_some();
    let aged = |room: &OpenRoom| {
        room.members
            .iter()
            .any(|member| !member.online && member.last_seen_ms.is_some())
    };
    model.focused && (connections || listed && model.open.as_ref().is_some_and(aged))
}
