//! What the node answered, and what the model makes of it.

use tailchat_node::control::{Amending, Failure, Item, MessageItem, PageItem};

use super::{
    amending, choosing, describing, detailing, ignoring, opening, pinning, scrolling, searching, sending,
    settling, watching,
};
use crate::command::{Command, Goal, PageQuestion, PageWant, Question};
use crate::finding;
use crate::layout::Position;
use crate::model::ids::{MessageKey, Place, RoomKey};
use crate::model::line::Line;
use crate::model::open_room::{Member, OpenRoom, Status};
use crate::model::overlay::{Address, Ask, Overlay, Prompt};
use crate::model::rooms::Room;
use crate::model::{Kept, Model, Writing};
use crate::window::{Arrival, Edge, Window};

/// Takes an answer in.
pub(super) fn answered(
    model: &mut Model,
    question: Question,
    answer: Result<Vec<Item>, Failure>,
) -> Vec<Command> {
    let mut commands = again(model, &question);
    commands.extend(match answer {
        Ok(items) => succeeded(model, question, items),
        Err(failure) => failed(model, &question, &failure),
    });
    commands
}

/// A question that was wanted again while it was under way is asked again.
fn again(model: &mut Model, question: &Question) -> Vec<Command> {
    if let Question::Pins(key) = question {
        return pinning::again(model, key);
    }
    let Some(room) = &mut model.open else {
        return Vec::new();
    };
    let (asked, key) = match question {
        Question::Members(key) => (&mut room.members_asked, key),
        Question::Status(key) => (&mut room.status_asked, key),
        Question::Disks { room: key, .. } => (&mut room.disks_asked, key),
        _ => return Vec::new(),
    };
    if *key != room.key || !asked.answered() {
        return Vec::new();
    }
    if !matches!(question, Question::Disks { .. }) {
        return vec![Command::Ask(question.clone())];
    }
    // Other messages may be waiting by now.
    room.disks_asked.answered();
    let mut commands = Vec::new();
    watching::ask_disks(room, &mut commands);
    commands
}

fn succeeded(model: &mut Model, question: Question, items: Vec<Item>) -> Vec<Command> {
    match question {
        Question::Hello => hello(model, items),
        Question::Rooms => return rooms(model, items),
        Question::Members(key) => members(model, &key, items),
        Question::Status(key) => status(model, &key, items),
        Question::Page(page) => return paged(model, page, items),
        Question::Peers => peers(model, items),
        Question::Versions { message, .. } => detailing::versions(model, &message, items),
        Question::Show { message, .. } => detailing::holders(model, &message, items),
        Question::Search { typed, .. } => searching::found(model, &typed, &items),
        Question::Disks { room, .. } => disks(model, &room, items),
        Question::Draft(key) => draft(model, &key, items),
        Question::New(_) => return entered(model, items, true),
        Question::Join { .. } => return entered(model, items, false),
        Question::Link(_) => return linked(model, items),
        Question::Leave { room, .. } => {
            model.overlay = None;
            let mut commands = opening::left(model, &room);
            commands.extend(welcome(model));
            return commands;
        }
        Question::Name(name) => {
            let name = tailchat_core::text::name(&name);
            model.say(format!("you are called {name} from now on"));
            model.name = Some(name);
            if let Some(room) = &mut model.open {
                // Where the new name is mentioned stands out now.
                room.window
                    .iter_mut()
                    .for_each(|line| line.laid = Default::default());
            }
            if matches!(&model.overlay, Some(Overlay::Prompt(prompt)) if prompt.what == Ask::Name) {
                model.overlay = None;
                return welcome(model);
            }
        }
        Question::AddPeer(addr) => model.say(format!("{addr} is dialled from now on")),
        Question::ForgetPeer(addr) => model.say(format!("{addr} is dialled no longer")),
        Question::Amend {
            what: Amending::Pin(on),
            ..
        } => pinning::done(model, on),
        Question::Amend { message, .. } => amending::done(model, &message),
        Question::Pins(room) => pinning::found(model, &room, &items),
        Question::Describe { what, .. } => describing::described(model, &what),
        Question::Alias { name, .. } => describing::aliased(model, &name),
        Question::Ignore { name, on, .. } => ignoring::ignored(model, &name, on),
        Question::Read { .. }
        | Question::Unread { .. }
        | Question::ReadAll(_)
        | Question::SetDraft { .. }
        | Question::Mute { .. }
        | Question::Typing(_)
        | Question::Send { .. } => {}
    }
    Vec::new()
}

fn failed(model: &mut Model, question: &Question, failure: &Failure) -> Vec<Command> {
    let why = tailchat_core::text::visible(&failure.why).into_owned();
    match question {
        Question::Send { .. } => return sending::failed(model, question, &why),
        Question::Amend { message, what, .. } if !amending::asks(model, message) => {
            amending::failed(model, question, what, &why);
        }
        Question::Amend { .. }
        | Question::New(_)
        | Question::Join { .. }
        | Question::Link(_)
        | Question::Leave { .. }
        | Question::Name(_)
            if matches!(model.overlay, Some(Overlay::Prompt(_))) =>
        {
            choosing::refuse(model, &why);
        }
        Question::Page(page) => {
            if let Some(room) = this_room(model, page) {
                match &page.want {
                    PageWant::More {
                        edge: Edge::Oldest, ..
                    } => room.pages.before = false,
                    PageWant::More {
                        edge: Edge::Newest, ..
                    } => room.pages.after = false,
                    PageWant::Jump(_) | PageWant::Again { .. } => room.pages.whole = None,
                }
                model.say(why);
            }
        }
        // What is asked again and again is said by the next answer, and a node of before knows nothing of typing.
        Question::Members(_) | Question::Status(_) | Question::Disks { .. } | Question::Typing(_) => {}
        Question::Search { typed, .. } => searching::failed(model, typed, &why),
        Question::Draft(key) => {
            if let Some(writing) = model.writing_in(key) {
                writing.kept = Kept::Unknown;
            }
        }
        Question::SetDraft { room, .. } => {
            if let Some(writing) = model.writing_in(room) {
                writing.kept = Kept::Unknown;
            }
            model.say(format!("your draft is not kept: {why}"));
        }
        _ => model.say(why),
    }
    Vec::new()
}

fn hello(model: &mut Model, items: Vec<Item>) {
    let node = items.into_iter().find_map(|item| match item {
        Item::Node(node) => Some(node),
        _ => None,
    });
    let Some(node) = node else { return };
    model.name = Some(tailchat_core::text::name(&node.name));
    let found = node.closed.iter().chain(&node.warnings);
    model.found = found
        .map(|found| tailchat_core::text::visible(found).into_owned())
        .collect();
    if let Some(found) = model.found.first().cloned() {
        model.say(found);
    }
}

/// All rooms there are; others were left while nobody told.
fn rooms(model: &mut Model, items: Vec<Item>) -> Vec<Command> {
    let first = !std::mem::replace(&mut model.rooms_known, true);
    let mut gone: Vec<RoomKey> = model.rooms.iter().map(|room| room.key.clone()).collect();
    for item in items {
        if let Item::Room(room) = item {
            let room = Room::new(&room);
            gone.retain(|key| *key != room.key);
            model.rooms.put(room);
        }
    }
    let mut commands: Vec<Command> = Vec::new();
    for key in gone {
        commands.extend(opening::left(model, &key));
    }
    if model.open.is_some() || !first {
        return commands;
    }
    if model.rooms.is_empty() {
        model.writing = Writing::default();
        let name = model.name.clone().unwrap_or_default();
        model.overlay = Some(Overlay::Prompt(Prompt::new(Ask::Name, &name)));
        return Vec::new();
    }
    opening::open_first(model)
}

/// Who is in no room chooses how to come into one.
pub(super) fn welcome(model: &mut Model) -> Vec<Command> {
    if model.rooms_known && model.rooms.is_empty() {
        model.overlay = Some(Overlay::Welcome { chosen: 0 });
    }
    Vec::new()
}

/// A room was made or joined: it opens, a new one with its invite.
fn entered(model: &mut Model, items: Vec<Item>, new: bool) -> Vec<Command> {
    let room = items.iter().find_map(|item| match item {
        Item::Room(room) => Some(Room::new(room)),
        _ => None,
    });
    let Some(room) = room else {
        return Vec::new();
    };
    let key = room.key.clone();
    model.rooms.put(room);
    model.overlay = new.then_some(Overlay::Invite);
    let commands = opening::open(model, key);
    model.say(match new {
        true => "this room is yours; others join with its invite",
        false => "you are in; you can write now",
    });
    commands
}

/// Another device's person writes here from now on, in their rooms.
fn linked(model: &mut Model, items: Vec<Item>) -> Vec<Command> {
    let linked = items.into_iter().find_map(|item| match item {
        Item::Linked { name, invites } => Some((name, invites)),
        _ => None,
    });
    let Some((name, invites)) = linked else {
        return Vec::new();
    };
    let name = tailchat_core::text::name(&name);
    if invites.is_empty() {
        model.overlay = Some(Overlay::Welcome { chosen: 0 });
        model.say(format!(
            "you write as {name} now; your other device is in no room yet"
        ));
    }
    let joins = invites.into_iter().map(|invite| {
        let peers = Vec::new();
        Command::Ask(Question::Join { invite, peers })
    });
    std::iter::once(Command::Ask(Question::Hello))
        .chain(joins)
        .collect()
}

fn members(model: &mut Model, key: &RoomKey, items: Vec<Item>) {
    let Some(room) = model.open.as_mut().filter(|room| room.key == *key) else {
        return;
    };
    let mut members: Vec<Member> = items
        .iter()
        .filter_map(|item| match item {
            Item::Member(member) => Some(Member::new(member)),
            _ => None,
        })
        .collect();
    members.sort_by_key(|member| (!member.online, member.name.to_lowercase()));
    room.members = members;
}

fn status(model: &mut Model, key: &RoomKey, items: Vec<Item>) {
    let status = items.iter().find_map(|item| match item {
        Item::Status(status) => Some(Status::new(status)),
        _ => None,
    });
    if let Some(room) = model.open.as_mut().filter(|room| room.key == *key) {
        room.status = status;
    }
}

fn peers(model: &mut Model, items: Vec<Item>) {
    let Some(Overlay::Connections {
        addresses, sources, ..
    }) = &mut model.overlay
    else {
        return;
    };
    sources.clear();
    let mut found = Vec::new();
    for item in items {
        match item {
            Item::Source(source) => sources.extend(finding::fares(&source)),
            Item::Address(address) => found.push(address),
            _ => {}
        }
    }
    finding::sort(&mut found);
    *addresses = found.iter().map(Address::new).collect();
}

fn disks(model: &mut Model, key: &RoomKey, items: Vec<Item>) {
    let Some(room) = model.open.as_mut().filter(|room| room.key == *key) else {
        return;
    };
    for item in items {
        let Item::Disks { id, on, of } = item else {
            continue;
        };
        let id = MessageKey::new(&id);
        for line in room.window.iter_mut().filter(|line| line.id == id) {
            (line.on, line.of) = (on, of);
        }
    }
}

/// The draft that waited comes into the input, before what was typed meanwhile.
fn draft(model: &mut Model, key: &RoomKey, items: Vec<Item>) {
    let kept = items.into_iter().find_map(|item| match item {
        Item::Draft(text) => Some(text),
        _ => None,
    });
    let Some(writing) = model.writing_in(key) else {
        return;
    };
    let kept = kept.unwrap_or_default();
    let typed = writing.composer.text();
    let whole = match typed.starts_with(kept.as_str()) {
        true => typed.to_owned(),
        false => format!("{kept}{typed}"),
    };
    let news = whole != kept;
    if whole != typed && writing.composer.set(&whole).is_err() {
        // Both are too much for one message.
        writing.composer.remember(&kept);
    }
    writing.kept = Kept::This(kept);
    if news {
        settling::typing(model);
    }
}

fn this_room<'a>(model: &'a mut Model, page: &PageQuestion) -> Option<&'a mut OpenRoom> {
    let room = model.open.as_mut()?;
    (room.key == page.room && room.pages.epoch == page.epoch).then_some(room)
}

fn paged(model: &mut Model, page: PageQuestion, items: Vec<Item>) -> Vec<Command> {
    model.epochs += 1;
    let epoch = model.epochs;
    let Some(room) = this_room(model, &page) else {
        return Vec::new();
    };
    let mut bounds = None;
    let mut lines = Vec::new();
    for item in items {
        match item {
            Item::Page(found) => bounds = Some(found),
            Item::Message(message) => lines.push(line(&message)),
            _ => {}
        }
    }
    let Some(bounds) = bounds else {
        return Vec::new();
    };
    match page.want {
        PageWant::More { edge, place } => {
            let (asked, more) = match edge {
                Edge::Oldest => (&mut room.pages.before, bounds.more_before),
                Edge::Newest => (&mut room.pages.after, bounds.more_after),
            };
            *asked = false;
            room.window.extend(edge, &place, lines, more);
        }
        PageWant::Again { .. } => {
            room.pages.whole = None;
            replace(room, lines, &bounds, epoch);
        }
        PageWant::Jump(goal) => {
            room.pages.whole = None;
            return jumped(model, goal, lines, &bounds, epoch);
        }
    }
    take_aside(room);
    Vec::new()
}

fn line(message: &MessageItem) -> Line {
    Line::new(message)
}

/// A new stretch of lines. Pages of the old one are of no use any more.
fn replace(room: &mut OpenRoom, lines: Vec<Line>, bounds: &PageItem, epoch: u64) {
    room.pages.before = false;
    room.pages.after = false;
    room.pages.epoch = epoch;
    // What was seen a moment ago may not have come to the node yet.
    let lines = lines.into_iter().map(|line| Line {
        unread: line.unread && !room.seen.contains(&line.id),
        ..line
    });
    room.window = Window::new(
        lines.collect(),
        (bounds.more_before, bounds.more_after),
        bounds.at.as_deref().map(Place::new).as_ref(),
        room.shows_ignored,
    );
    // Whom one ignores by now is no news any more.
    for line in room.window.iter().filter(|line| line.ignored) {
        for news in [&mut room.above, &mut room.below, &mut room.late] {
            news.remove(&line.place);
        }
    }
    let late = room.window.iter().filter(|line| line.late && line.unread);
    room.late.extend(late.map(|line| line.place.clone()));
}

/// Lines that were shown while the page was under way: it may not have them.
fn take_aside(room: &mut OpenRoom) {
    for line in room.pages.aside() {
        let let_go = room.far_edge();
        let index = room.window.index_of(&line.place);
        let here = room
            .window
            .get(index)
            .is_some_and(|here| here.place == line.place);
        if !here && matches!(room.window.arrive(line, let_go), Arrival::Again | Arrival::Within) {
            room.pages.stale = true;
        }
    }
}

fn jumped(model: &mut Model, goal: Goal, lines: Vec<Line>, bounds: &PageItem, epoch: u64) -> Vec<Command> {
    let at = bounds.at.as_deref().map(Place::new);
    let empty = model.open.as_ref().is_none_or(|room| room.window.is_empty());
    let instead = match (&goal, &at) {
        (Goal::Newest, _) | (_, Some(_)) => None,
        (Goal::NextUnread(Some(_)), None) => Some(Goal::NextUnread(None)),
        (Goal::NextMention(Some(_)), None) => Some(Goal::NextMention(None)),
        (Goal::Time(_), None) => Some(Goal::Newest),
        (Goal::FirstUnread, None) if empty => Some(Goal::Newest),
        (Goal::FirstUnread, None) => match model.open.as_ref().and_then(|room| room.new_from.clone()) {
            Some(place) => Some(Goal::Place(place)),
            None => return nothing(model, "everything here is read"),
        },
        (Goal::NextUnread(_), None) => return nothing(model, "nothing is unread here"),
        (Goal::NextMention(_), None) => return nothing(model, "no unread message names you here"),
        (Goal::Answer { after: None, .. }, None) => return nothing(model, "nobody answered it"),
        (Goal::Answer { .. }, None) => return nothing(model, "that was the last answer"),
        (Goal::Message(_) | Goal::Place(_) | Goal::Oldest, None) if empty => Some(Goal::Newest),
        (Goal::Message(_), None) => return nothing(model, "that message is not here"),
        (Goal::Place(_) | Goal::Oldest, None) => return nothing(model, "there is nothing to go to"),
    };
    if let Some(instead) = instead {
        return scrolling::jump(model, instead);
    }
    let Some(room) = &mut model.open else {
        return Vec::new();
    };
    replace(room, lines, bounds, epoch);
    take_aside(room);
    if goal == Goal::FirstUnread {
        room.new_from.clone_from(&at);
    }
    match at {
        Some(place) if goal != Goal::Newest => scrolling::hold(model, place, goal == Goal::Oldest),
        _ => {
            room.position = Position::Newest;
            room.reached = None;
        }
    }
    settling::lay_out(model);
    Vec::new()
}

fn nothing(model: &mut Model, words: &str) -> Vec<Command> {
    model.say(words);
    Vec::new()
}
