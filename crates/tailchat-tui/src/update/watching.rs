//! What the node tells without being asked: rooms as they are now, and lines as they are shown.

use tailchat_node::control::{Change, Failure, Item, MessageItem, RoomItem, ShownItem};

use super::{noticing, opening, pinning, searching, settling};
use crate::command::{Command, Question};
use crate::layout::Position;
use crate::model::ids::{MessageKey, RoomKey};
use crate::model::line::Line;
use crate::model::open_room::{ALONE_MS, OpenRoom};
use crate::model::overlay::Overlay;
use crate::model::rooms::Room;
use crate::model::{Kept, Model};
use crate::window::{Arrival, Edge};

/// Own messages whose disks are asked for at a time, the newest ones.
const DISKS_MAX: usize = 200;
/// Lines of a preview that are kept.
const PREVIEWS_MAX: usize = 100;
/// Late lines that are kept for "what did I miss".
const LATE_MAX: usize = 1_000;

/// Takes in what the node told.
pub(super) fn watched(model: &mut Model, item: Item) -> Vec<Command> {
    match item {
        Item::Room(item) => room(model, &item),
        Item::Shown(shown) => lines(model, shown),
        Item::Amended(told) => amended(model, &told),
        Item::Preview(message) => preview(model, &message),
        Item::Changed { room, what } => changed(model, &RoomKey::new(&room), what),
        _ => Vec::new(),
    }
}

/// Whatever was told while nobody watched is asked for.
pub(super) fn anew(model: &mut Model) -> Vec<Command> {
    if let Some(open) = &mut model.open {
        open.pages.stale = true;
    }
    vec![Command::Ask(Question::Rooms)]
}

/// There is no node; what is written stays in the input until there is one.
pub(super) fn orphaned(model: &mut Model, why: Option<Failure>) -> Vec<Command> {
    model.orphaned = true;
    model.say_more(match why {
        None => "the node was stopped; looking for another one, else this terminal becomes it".to_owned(),
        Some(failure) => format!("no node yet: {}", tailchat_core::text::visible(&failure.why)),
    });
    Vec::new()
}

/// Another node: it is asked for everything, and given what the one before may not have kept.
pub(super) fn rejoined(model: &mut Model) -> Vec<Command> {
    (model.orphaned, model.told_of_loss) = (false, false);
    model.say_more("a node is there again".to_owned());
    for writing in model.parked.values_mut().chain([&mut model.writing]) {
        if matches!(writing.kept, Kept::This(_)) {
            writing.kept = Kept::Unknown;
        }
    }
    let mut commands = settling::keep_draft(model);
    for (room, writing) in &mut model.parked {
        commands.extend(settling::keep(room, writing));
    }
    commands.push(Command::Ask(Question::Hello));
    searching::ask_anew(model);
    commands.extend(anew(model));
    opening::ask_around(model, &mut commands);
    commands
}

fn room(model: &mut Model, item: &RoomItem) -> Vec<Command> {
    let mut room = Room::new(item);
    let open = model.open.as_ref().is_some_and(|open| open.key == room.key);
    if let Some(open) = model.open.as_ref().filter(|_| open) {
        // What was seen and not told yet is still unread to the node.
        let untold = u64::try_from(open.seen.len()).unwrap_or(0);
        room.unread = room.unread.saturating_sub(untold);
        room.mentions = room.mentions.min(room.unread);
    }
    let (connected, behind, met) = (room.connected, room.behind, room.met);
    let unread = room.unread;
    let key = room.key.clone();
    if model
        .rooms
        .get(&key)
        .is_some_and(|before| room.differs_in_typing_alone(before))
    {
        // That somebody writes comes often, and nothing else follows from it.
        model.rooms.put(room);
        return Vec::new();
    }
    let before = model.rooms.put(room);
    let mut commands = Vec::new();
    let unread_before = before.as_ref().map_or(unread, |before| before.unread);
    noticing::more_unread(model, &key, unread.saturating_sub(unread_before));
    if open {
        alone(model, connected, met);
        opening::ask_around(model, &mut commands);
    }
    if matches!(model.overlay, Some(Overlay::Connections { .. })) {
        commands.push(Command::Ask(Question::Peers));
    }
    if !model.rooms_known {
        return commands;
    }
    if before.is_some_and(|before| before.behind > 0) && behind == 0 {
        commands.extend(noticing::sum_up(model));
    }
    if model.open.is_none() && model.overlay.is_none() {
        commands.extend(opening::open_first(model));
    }
    commands
}

/// What a peer tells of lines that are not here yet; they leave when the first real ones come.
fn preview(model: &mut Model, message: &MessageItem) -> Vec<Command> {
    let key = RoomKey::new(&message.room);
    if let Some(open) = model
        .open
        .as_mut()
        .filter(|open| open.key == key && open.window.is_empty() && !message.ignored)
    {
        let line = Line::new(message);
        open.previews.retain(|known| known.id != line.id);
        open.previews.push_back(line);
        if open.previews.len() > PREVIEWS_MAX {
            open.previews.pop_front();
        }
    }
    Vec::new()
}

/// Since when nobody is there, in a room where nobody was met yet.
fn alone(model: &mut Model, connected: u64, met: bool) {
    let now = model.now_ms;
    let Some(open) = &mut model.open else { return };
    if connected > 0 || met {
        open.alone_since_ms = None;
        model.due.alone_ms = None;
    } else if open.alone_since_ms.is_none() {
        open.alone_since_ms = Some(now);
        model.due.alone_ms = Some(now.saturating_add(ALONE_MS));
    }
}

fn changed(model: &mut Model, key: &RoomKey, what: Change) -> Vec<Command> {
    let mut commands = Vec::new();
    if what == Change::Left {
        return opening::left(model, key);
    }
    let Some(open) = model.open.as_mut().filter(|open| open.key == *key) else {
        return commands;
    };
    match what {
        Change::Lines => {
            open.pages.stale = true;
            // Somebody may be ignored by now, or no longer.
            opening::ask_around(model, &mut commands);
            commands.extend(pinning::outdated(model, key));
        }
        Change::Disks => {
            ask_disks(open, &mut commands);
            opening::ask_status(model, &mut commands);
        }
        Change::Left => {}
    }
    commands
}

/// Asks on how many disks our own messages are by now, as far as they are loaded.
pub(super) fn ask_disks(open: &mut OpenRoom, commands: &mut Vec<Command>) {
    let waiting = open.window.iter().rev().filter(|line| line.is_own());
    let messages: Vec<_> = waiting.take(DISKS_MAX).map(|line| line.id.clone()).collect();
    if !messages.is_empty() && open.disks_asked.want() {
        commands.push(Command::Ask(Question::Disks {
            room: open.key.clone(),
            messages,
        }));
    }
}

fn lines(model: &mut Model, shown: ShownItem) -> Vec<Command> {
    let key = RoomKey::new(&shown.room);
    let commands = noticing::came(model, &key, &shown);
    let looked_at = model.focused;
    let Some(open) = model.open.as_mut().filter(|open| open.key == key) else {
        return commands;
    };
    if shown.messages.is_empty() && shown.lines > 0 {
        open.pages.stale = true;
        return commands;
    }
    for message in &shown.messages {
        line(open, message, looked_at);
    }
    commands
}

/// Lines are no longer what they were.
fn amended(model: &mut Model, told: &ShownItem) -> Vec<Command> {
    let key = RoomKey::new(&told.room);
    searching::amended(model);
    if let Some(open) = model.open.as_mut().filter(|open| open.key == key) {
        let gone = told.messages.iter().filter(|message| message.deleted);
        for message in gone.map(|message| MessageKey::new(&message.id)) {
            model
                .writing
                .reply_to
                .take_if(|(answered, _)| *answered == message);
            model.overlay.take_if(
                |overlay| matches!(overlay, Overlay::Details { of: Some(of), .. } if *of == message),
            );
        }
        for message in &told.messages {
            let line = Line::new(message);
            // A page that is under way may have it as it was.
            open.pages.put_aside(&line);
            open.window.amend(line);
        }
    }
    pinning::outdated(model, &key)
}

fn line(open: &mut OpenRoom, message: &MessageItem, looked_at: bool) {
    let line = Line::new(message);
    let (place, news, ignored) = (line.place.clone(), line.unread && !line.mine, line.ignored);
    open.pages.put_aside(&line);
    let (first, last) = (open.screen.first(), open.screen.last());
    let seen = |index: Option<usize>| {
        index
            .and_then(|index| open.window.get(index))
            .map(|line| line.place.clone())
    };
    let (top, bottom) = (seen(first), seen(last));
    let follows = open.position == Position::Newest;
    let arrival = open.window.arrive(line, open.far_edge());
    if arrival == Arrival::Within {
        open.pages.stale = true;
    }
    if arrival == Arrival::Again || ignored {
        return;
    }
    let late = match arrival {
        Arrival::At(index) => open.window.get(index).is_some_and(|line| line.late),
        Arrival::Beyond(edge) => edge == Edge::Oldest,
        Arrival::Again | Arrival::Within => false,
    };
    if late {
        open.late.insert(place.clone());
    }
    if open.late.len() > LATE_MAX {
        open.late.pop_first();
    }
    if news && !looked_at && open.new_from.as_ref().is_none_or(|new| *new > place) {
        open.new_from = Some(place.clone());
    }
    if top.is_some_and(|top| place < top) {
        open.above.insert(place);
    } else if !follows && bottom.is_some_and(|bottom| place > bottom) {
        open.below.insert(place);
    }
}
