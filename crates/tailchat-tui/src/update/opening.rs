//! From room to room: opening one, keeping what was being written in the other, leaving, and the end.

use super::{answering, scrolling, settling};
use crate::command::{Command, Goal, Question};
use crate::model::ids::RoomKey;
use crate::model::open_room::OpenRoom;
use crate::model::{Kept, Model, Writing};

/// Opens a room: at the first message that was not read, else at the newest.
pub(super) fn open(model: &mut Model, key: RoomKey) -> Vec<Command> {
    if model.open.as_ref().is_some_and(|open| open.key == key) {
        return Vec::new();
    }
    let Some(room) = model.rooms.get(&key) else {
        return Vec::new();
    };
    let unread = room.unread > 0;
    open_at(model, key, if unread { Goal::FirstUnread } else { Goal::Newest })
}

/// Opens a room that is not open, at a goal.
pub(super) fn open_at(model: &mut Model, key: RoomKey, goal: Goal) -> Vec<Command> {
    if model.rooms.get(&key).is_none() {
        return Vec::new();
    }
    let mut commands = close(model);
    model.epochs += 1;
    let mut room = OpenRoom::new(key.clone(), model.epochs);
    commands.extend(scrolling::ask_for(&mut room, goal, model.epochs));
    model.open = Some(room);
    if let Some(parked) = model.parked.remove(&key) {
        model.writing = parked;
    }
    if model.writing.kept == Kept::Unasked {
        model.writing.kept = Kept::Asked;
        commands.push(Command::Ask(Question::Draft(key)));
    }
    ask_around(model, &mut commands);
    commands
}

/// Takes leave of the open room: what was seen and what was being written goes to the node.
pub(super) fn close(model: &mut Model) -> Vec<Command> {
    let mut commands = settling::tell_seen(model);
    commands.extend(settling::keep_draft(model));
    if let Some(room) = model.open.take() {
        let writing = std::mem::take(&mut model.writing);
        model.parked.insert(room.key, writing);
    }
    commands
}

/// Asks who is in the open room and how it stands.
pub(super) fn ask_around(model: &mut Model, commands: &mut Vec<Command>) {
    if let Some(room) = &mut model.open
        && room.members_asked.want()
    {
        commands.push(Command::Ask(Question::Members(room.key.clone())));
    }
    ask_status(model, commands);
}

pub(super) fn ask_status(model: &mut Model, commands: &mut Vec<Command>) {
    if let Some(room) = &mut model.open
        && room.status_asked.want()
    {
        commands.push(Command::Ask(Question::Status(room.key.clone())));
    }
}

/// Opens the room at this index of the list.
pub(super) fn open_nth(model: &mut Model, index: usize) -> Vec<Command> {
    match model.rooms.at(index).map(|room| room.key.clone()) {
        Some(key) => {
            model.overlay = None;
            open(model, key)
        }
        None => Vec::new(),
    }
}

/// Opens the room above or below in the list, from one end to the other.
pub(super) fn open_beside(model: &mut Model, by: isize) -> Vec<Command> {
    let here = model
        .open
        .as_ref()
        .and_then(|open| model.rooms.index_of(&open.key));
    let count = model.rooms.len();
    let index = match here {
        Some(here) if count > 0 => (here + count).saturating_add_signed(by) % count,
        _ => 0,
    };
    open_nth(model, index)
}

pub(super) fn open_next_unread(model: &mut Model) -> Vec<Command> {
    let here = model.open.as_ref().map(|open| &open.key);
    match model.rooms.next_unread(here).map(|room| room.key.clone()) {
        Some(key) => {
            model.overlay = None;
            open(model, key)
        }
        None => {
            model.say("no other room has anything unread");
            Vec::new()
        }
    }
}

/// The room to begin with: one with something unread, else the first.
pub(super) fn open_first(model: &mut Model) -> Vec<Command> {
    let first = model.rooms.next_unread(None).or_else(|| model.rooms.at(0));
    match first.map(|room| room.key.clone()) {
        Some(key) => open(model, key),
        None => Vec::new(),
    }
}

/// A room was left, here or by another program.
pub(super) fn left(model: &mut Model, key: &RoomKey) -> Vec<Command> {
    model.rooms.remove(key);
    model.parked.remove(key);
    if model.open.as_ref().is_none_or(|open| open.key != *key) {
        return Vec::new();
    }
    model.open = None;
    model.writing = Writing::default();
    if model.rooms.is_empty() {
        model.say("that was your last room; make one or join one");
        return answering::welcome(model);
    }
    open_first(model)
}

/// The end, unless that would lose what is written: then the person is told first.
pub(super) fn quit_by_key(model: &mut Model) -> Vec<Command> {
    let written = !model.writing.composer.is_empty();
    if model.orphaned && written && !std::mem::replace(&mut model.told_of_loss, true) {
        model.say("there is no node to keep what you wrote; the same again quits without it");
        return Vec::new();
    }
    quit(model)
}

/// The end: nothing that was written or seen is lost.
pub(super) fn quit(model: &mut Model) -> Vec<Command> {
    model.quitting = true;
    let mut commands = settling::tell_seen(model);
    commands.extend(settling::keep_draft(model));
    commands.push(Command::Quit);
    commands
}
