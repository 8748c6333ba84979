//! Moving through a room: by rows and pages, by jumps, and from message to message with one selected.

use super::settling;
use crate::command::{Command, Goal, PageQuestion, PageWant, Question};
use crate::layout::Position;
use crate::model::Model;
use crate::model::ids::{MessageKey, Place};
use crate::model::open_room::{OpenRoom, Whole};
use crate::panes::Panes;
use crate::window::Edge;

/// Messages that are marked as unread at a time; each is a question of its own.
const UNREAD_MAX: usize = 200;
/// Rows of the last page that stay in sight.
const PAGE_OVERLAP: i32 = 2;

/// Scrolls by so many rows, up if negative.
pub(super) fn by_rows(model: &mut Model, rows: i32) {
    // The position that is held has to be of the screen as it is now.
    settling::lay_out(model);
    let Some(room) = &mut model.open else { return };
    room.reached = None;
    let topmost = |room: &OpenRoom| {
        let (line, row) = room.screen.topmost()?;
        Some((room.window.get(line)?.place.clone(), row))
    };
    let held = match &room.position {
        Position::At { place, row } => Some((place.clone(), *row)),
        Position::Newest => topmost(room),
    };
    if let Some((place, row)) = held {
        room.position = Position::At {
            place,
            row: row.saturating_sub(rows),
        };
    }
}

pub(super) fn by_pages(model: &mut Model, pages: i32) {
    let height = i32::from(Panes::of(model).messages.height);
    by_rows(model, pages * (height - PAGE_OVERLAP).max(1));
}

/// Goes to a line: at once if it is loaded, else when the node has answered.
pub(super) fn jump(model: &mut Model, goal: Goal) -> Vec<Command> {
    model.epochs += 1;
    let epoch = model.epochs;
    let Some(room) = &mut model.open else {
        return Vec::new();
    };
    let loaded = match &goal {
        Goal::Newest if !room.window.has_more(Edge::Newest) => {
            room.position = Position::Newest;
            room.reached = None;
            return Vec::new();
        }
        Goal::Oldest if !room.window.has_more(Edge::Oldest) => room.window.first(),
        Goal::Message(id) => room.window.find(id),
        Goal::Place(place) => {
            let index = room.window.index_of(place);
            room.window.get(index).filter(|line| line.place == *place)
        }
        _ => None,
    };
    if let Some(place) = loaded.map(|line| line.place.clone()) {
        hold(model, place, goal == Goal::Oldest);
        return Vec::new();
    }
    ask_for(room, goal, epoch)
}

/// Asks for a page around a goal, in an epoch of its own: what was asked before is of no use any more.
pub(super) fn ask_for(room: &mut OpenRoom, goal: Goal, epoch: u64) -> Vec<Command> {
    room.pages.before = false;
    room.pages.after = false;
    // The jump may lead nowhere, and then what is loaded is still not what there is.
    room.pages.stale |= room.pages.whole == Some(Whole::Again);
    room.pages.epoch = epoch;
    room.pages.whole = Some(Whole::Jump(goal.clone()));
    vec![Command::Ask(Question::Page(PageQuestion {
        room: room.key.clone(),
        want: PageWant::Jump(goal),
        epoch: room.pages.epoch,
    }))]
}

/// Holds the screen by a line that was jumped to: at the top, or in its upper third so that what led to it is seen.
pub(super) fn hold(model: &mut Model, place: Place, at_top: bool) {
    let height = i32::from(Panes::of(model).messages.height);
    if let Some(room) = &mut model.open {
        if room.selected.is_some() {
            room.selected = Some(place.clone());
        }
        room.reached = Some(place.clone());
        room.position = Position::At {
            place,
            // Whatever stands above the oldest line is seen, too.
            row: if at_top { height } else { height / 3 },
        };
    }
}

/// What was seen has to be known before the node looks for what was not.
fn seen_first(model: &mut Model, goal: Goal) -> Vec<Command> {
    let mut commands = settling::tell_seen(model);
    model.epochs += 1;
    if let Some(room) = &mut model.open {
        commands.extend(ask_for(room, goal, model.epochs));
    }
    commands
}

pub(super) fn first_unread(model: &mut Model) -> Vec<Command> {
    seen_first(model, Goal::FirstUnread)
}

pub(super) fn next_unread(model: &mut Model) -> Vec<Command> {
    let behind = reached(model);
    seen_first(model, Goal::NextUnread(behind))
}

pub(super) fn next_mention(model: &mut Model) -> Vec<Command> {
    let behind = reached(model);
    seen_first(model, Goal::NextMention(behind))
}

/// Where "next" counts from: the line that was jumped to, or else the last one on the screen.
fn reached(model: &Model) -> Option<Place> {
    let room = model.open.as_ref()?;
    let last = || room.on_screen().last().map(|line| line.place.clone());
    room.reached.clone().or_else(last)
}

/// Goes round those that came in late, the newest first: what came last was missed most likely.
pub(super) fn next_late(model: &mut Model) -> Vec<Command> {
    let Some(room) = &model.open else {
        return Vec::new();
    };
    let before = room.reached.clone().filter(|place| room.late.contains(place));
    let next = match &before {
        Some(place) => room.late.range(..place).next_back(),
        None => None,
    };
    match next.or_else(|| room.late.last()).cloned() {
        Some(place) => jump(model, Goal::Place(place)),
        None => {
            model.say("nothing came in late here");
            Vec::new()
        }
    }
}

/// All of the open room is read, and its newest message is shown.
pub(super) fn all_read(model: &mut Model) -> Vec<Command> {
    let Some(room) = &mut model.open else {
        return Vec::new();
    };
    let key = room.key.clone();
    room.window.iter_mut().for_each(|line| line.unread = false);
    room.seen.clear();
    room.new_from = None;
    room.above.clear();
    let unread = model.rooms.get_mut(&key).is_some_and(|room| {
        let unread = room.unread > 0;
        (room.unread, room.mentions) = (0, 0);
        unread
    });
    let mut commands = jump(model, Goal::Newest);
    if unread {
        commands.push(Command::Ask(Question::ReadAll(key)));
    }
    commands
}

pub(super) fn all_rooms_read(model: &mut Model) -> Vec<Command> {
    let unread = |model: &Model| {
        let rooms = model.rooms.iter().filter(|room| room.unread > 0);
        rooms.map(|room| room.key.clone()).collect::<Vec<_>>()
    };
    let keys = unread(model);
    model.say(match keys.len() {
        0 => "nothing was unread".to_owned(),
        1 => "1 room marked as read".to_owned(),
        rooms => format!("{rooms} rooms marked as read"),
    });
    for key in &keys {
        if let Some(room) = model.rooms.get_mut(key) {
            (room.unread, room.mentions) = (0, 0);
        }
    }
    let mut commands: Vec<Command> = keys
        .into_iter()
        .map(|key| Command::Ask(Question::ReadAll(key)))
        .collect();
    commands.extend(all_read(model));
    commands
}

/// Selects the newest message on the screen.
pub(super) fn select(model: &mut Model) {
    if let Some(room) = &mut model.open {
        room.selected = room.on_screen().last().map(|line| line.place.clone());
    }
}

pub(super) fn leave_selection(model: &mut Model) {
    if let Some(room) = &mut model.open {
        room.selected = None;
    }
}

/// Selects another message; the screen follows as far as it must.
pub(super) fn move_selection(model: &mut Model, by: i32) {
    let height = i32::from(Panes::of(model).messages.height);
    let Some(room) = &mut model.open else { return };
    let Some(selected) = &room.selected else { return };
    let run = room.window.run(room.window.index_of(selected));
    let to = match by < 0 {
        true => run.start.checked_sub(1).map(|above| room.window.run(above).start),
        false => Some(run.end),
    };
    let Some(line) = to.and_then(|to| room.window.get(to)) else {
        return;
    };
    let place = line.place.clone();
    let rows = match room.window.folds(line) {
        true => 1,
        false => line.laid.rows.len().max(1),
    };
    let whole = to.is_some_and(|to| room.screen.rows_of(to) == rows);
    room.selected = Some(place.clone());
    if !whole {
        let rows = i32::try_from(rows).unwrap_or(1);
        let row = if by < 0 { 1 } else { (height - rows - 1).max(0) };
        room.position = Position::At { place, row };
    }
}

pub(super) fn copy(model: &mut Model) -> Vec<Command> {
    let text = model
        .open
        .as_ref()
        .and_then(OpenRoom::selected_line)
        .map(|line| line.text.clone());
    let Some(text) = text else { return Vec::new() };
    leave_selection(model);
    model.say("copied");
    vec![Command::Copy(text)]
}

/// What a link leads to is nothing that a chat should start by itself: it goes to the clipboard.
pub(super) fn copy_link(model: &mut Model) -> Vec<Command> {
    let line = model.open.as_ref().and_then(OpenRoom::selected_line);
    let link = line.and_then(|line| crate::markup::links(&line.text).into_iter().next());
    match link {
        Some(link) => {
            model.say(format!("copied {link}"));
            vec![Command::Copy(link)]
        }
        None => {
            model.say("there is no link in it");
            Vec::new()
        }
    }
}

/// Marks the selected message and those below it as unread, as far as they are loaded; they stay so until they are
/// shown anew.
pub(super) fn mark_unread(model: &mut Model) -> Vec<Command> {
    let Some(room) = &mut model.open else {
        return Vec::new();
    };
    let Some(place) = room.selected.take() else {
        return Vec::new();
    };
    let below = room
        .window
        .iter()
        .filter(|line| line.place >= place && !line.mine && !line.ignored);
    let question = |message: &MessageKey| {
        Command::Ask(Question::Unread {
            room: room.key.clone(),
            message: message.clone(),
        })
    };
    let commands: Vec<Command> = below.take(UNREAD_MAX).map(|line| question(&line.id)).collect();
    room.new_from = Some(place);
    model.say(match commands.len() {
        0 => "your own messages are always read".to_owned(),
        1 => "1 message marked as unread".to_owned(),
        messages => format!("{messages} messages marked as unread"),
    });
    commands
}

pub(super) fn fold(model: &mut Model) {
    let Some(room) = &mut model.open else { return };
    let Some(place) = room.selected.clone() else {
        return;
    };
    let index = room.window.index_of(&place);
    if let Some(line) = room.window.get_mut(index) {
        line.unfolded = !line.unfolded;
        line.laid = Default::default();
    }
}

pub(super) fn to_answered(model: &mut Model) -> Vec<Command> {
    let line = model.open.as_ref().and_then(OpenRoom::selected_line);
    match line.and_then(|line| line.reply_to.clone()) {
        Some(id) => jump(model, Goal::Message(id)),
        None => {
            model.say("it answers no other message");
            Vec::new()
        }
    }
}

/// To the first message that answers the selected one; if nobody answered it, to the next one that answers the same.
pub(super) fn to_answer(model: &mut Model) -> Vec<Command> {
    let line = model.open.as_ref().and_then(OpenRoom::selected_line);
    match line {
        Some(line) if line.answers > 0 => {
            let of = line.id.clone();
            jump(model, Goal::Answer { of, after: None })
        }
        Some(line) if line.reply_to.is_some() => next_answer(model),
        _ => {
            model.say("nobody answered it");
            Vec::new()
        }
    }
}

/// To the next message that answers the same as the selected one.
pub(super) fn next_answer(model: &mut Model) -> Vec<Command> {
    let line = model.open.as_ref().and_then(OpenRoom::selected_line);
    let goal = line.and_then(|line| {
        let (of, after) = (line.reply_to.clone()?, Some(line.place.clone()));
        Some(Goal::Answer { of, after })
    });
    match goal {
        Some(goal) => jump(model, goal),
        None => {
            model.say("it answers no other message");
            Vec::new()
        }
    }
}
