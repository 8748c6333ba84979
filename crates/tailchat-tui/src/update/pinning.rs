//! What is pinned in a room, for everybody: pinning and the list of it. Knows no disk: a message is pinned when the node
//! tells so.

use tailchat_node::control::{Amending, Item};

use super::{amending, scrolling, searching};
use crate::command::{Command, Question};
use crate::model::Model;
use crate::model::ids::RoomKey;
use crate::model::line::Line;
use crate::model::open_room::OpenRoom;
use crate::model::overlay::{Overlay, Pins};
use crate::model::searching::Hit;

/// Pins the selected message, or takes that back.
pub(super) fn toggle(model: &mut Model) -> Vec<Command> {
    let line = model.open.as_ref().and_then(OpenRoom::selected_line);
    let Some((message, pinned)) = line.map(|line| (line.id.clone(), line.pinned)) else {
        return Vec::new();
    };
    scrolling::leave_selection(model);
    amending::ask(model, message, Amending::Pin(!pinned))
}

/// Pins the newest message that is not, or takes the newest pin away.
pub(super) fn pin(model: &mut Model, on: bool) -> Vec<Command> {
    let fits = |line: &Line| !line.deleted && (on || line.pinned);
    let line = amending::meant(model, fits).map(|line| (line.id.clone(), line.pinned));
    match line {
        Some((message, pinned)) if pinned != on => amending::ask(model, message, Amending::Pin(on)),
        Some(_) => nothing(
            model,
            if on {
                "it is pinned already"
            } else {
                "it is not pinned"
            },
        ),
        None if on => nothing(model, "there is no message to pin"),
        None => nothing(
            model,
            "no message that is loaded is pinned; /pins lists all that are",
        ),
    }
}

fn nothing(model: &mut Model, words: &str) -> Vec<Command> {
    model.say(words);
    Vec::new()
}

/// The node has done it.
pub(super) fn done(model: &mut Model, on: bool) {
    model.say(match on {
        true => "pinned, for everybody; /pins lists what is",
        false => "no longer pinned",
    });
}

/// Lists what is pinned in the open room.
pub(super) fn list(model: &mut Model) -> Vec<Command> {
    if matches!(model.overlay, Some(Overlay::Pins(_))) {
        model.overlay = None;
        return Vec::new();
    }
    let Some(room) = model.open.as_ref().map(|open| open.key.clone()) else {
        return Vec::new();
    };
    model.overlay = Some(Overlay::Pins(Pins::new(room.clone())));
    outdated(model, &room)
}

/// Lines of a room are no longer what they were: its list on the screen is made anew.
pub(super) fn outdated(model: &mut Model, room: &RoomKey) -> Vec<Command> {
    let asks = listed(model, room).is_some_and(|pins| pins.asked.want());
    ask(room, asks)
}

fn ask(room: &RoomKey, asks: bool) -> Vec<Command> {
    let question = asks.then(|| Question::Pins(room.clone()));
    question.into_iter().map(Command::Ask).collect()
}

/// The node has listed them.
pub(super) fn found(model: &mut Model, room: &RoomKey, items: &[Item]) {
    let Some(pins) = listed(model, room) else { return };
    let hits = items.iter().rev().filter_map(|item| match item {
        Item::Message(message) => Some(Hit::pinned(message)),
        _ => None,
    });
    pins.found(hits.collect());
}

/// It is asked once more if lines changed meanwhile.
pub(super) fn again(model: &mut Model, room: &RoomKey) -> Vec<Command> {
    let asks = listed(model, room).is_some_and(|pins| pins.asked.answered());
    ask(room, asks)
}

fn listed<'a>(model: &'a mut Model, room: &RoomKey) -> Option<&'a mut Pins> {
    match &mut model.overlay {
        Some(Overlay::Pins(pins)) if pins.room == *room => Some(pins),
        _ => None,
    }
}

/// Goes to the one that is chosen.
pub(super) fn choose(model: &mut Model) -> Vec<Command> {
    let chosen = match &model.overlay {
        Some(Overlay::Pins(pins)) => pins.hits.get(pins.chosen).cloned(),
        _ => None,
    };
    chosen.map_or_else(Vec::new, |hit| searching::go_to(model, hit))
}
