//! Commands that were typed, `/join` and the like: each comes to what a key or a question does, too.

use tailchat_node::control::Describing;

use super::{amending, choosing, describing, ignoring, noticing, opening, pinning, scrolling, searching};
use crate::command::{Command, Goal, Question};
use crate::model::Model;
use crate::model::ids::{MessageKey, RoomKey};
use crate::model::overlay::{Ask, Overlay, Prompt};
use crate::slash::Slash;
use crate::time;

/// Carries out a command; what is to be sent is no command.
pub(super) fn command(model: &mut Model, slash: Slash) -> Vec<Command> {
    let ask = |question| vec![Command::Ask(question)];
    match slash {
        Slash::Text(_) | Slash::Me(_) => Vec::new(),
        Slash::Edit(None) => show(model, amending::edit),
        Slash::Edit(Some(text)) => amending::edit_to(model, text),
        Slash::Delete => show(model, amending::delete),
        Slash::React(with) => amending::feel(model, None, &with),
        Slash::Pin { on } => pinning::pin(model, on),
        Slash::Pins => pinning::list(model),
        Slash::Topic(topic) => describing::topic(model, topic),
        Slash::Rename(name) => describing::describe(model, Describing::Name(name)),
        Slash::Alias(name) => describing::alias(model, &name),
        Slash::Ignore { name, on } => ignoring::ignore(model, &name, on),
        Slash::Ignored => show(model, ignoring::toggle),
        Slash::Join { invite, peers } => ask(Question::Join { invite, peers }),
        Slash::New(name) => ask(Question::New(name)),
        Slash::Name(name) => ask(Question::Name(name)),
        Slash::AddPeer(addr) => ask(Question::AddPeer(addr)),
        Slash::ForgetPeer(addr) => ask(Question::ForgetPeer(addr)),
        Slash::Peers | Slash::Status => connections(model),
        Slash::Leave { room, forget } => leave(model, room.as_deref(), forget),
        Slash::Rooms { room: Some(name) } => {
            named(model, &name).map_or_else(Vec::new, |key| opening::open(model, key))
        }
        Slash::Read { all: true } => scrolling::all_rooms_read(model),
        Slash::Read { all: false } => scrolling::all_read(model),
        Slash::Goto(goal) => go_to(model, &goal),
        Slash::Quit => opening::quit(model),
        Slash::Search(words) => show(model, |model| searching::search_for(model, &words)),
        Slash::Rooms { room: None } => show(model, choosing::switch),
        Slash::Mute => noticing::mute(model),
        Slash::Members => over(model, Overlay::Members { scrolled: 0 }),
        Slash::Invite => over(model, Overlay::Invite),
        Slash::Help => over(model, Overlay::Help { scrolled: 0 }),
    }
}

fn show(model: &mut Model, show: impl FnOnce(&mut Model)) -> Vec<Command> {
    show(model);
    Vec::new()
}

fn over(model: &mut Model, overlay: Overlay) -> Vec<Command> {
    model.overlay = Some(overlay);
    Vec::new()
}

/// Shows who is connected and how the open room stands.
pub(super) fn connections(model: &mut Model) -> Vec<Command> {
    model.overlay = Some(Overlay::Connections {
        scrolled: 0,
        sources: Vec::new(),
        addresses: Vec::new(),
    });
    let mut commands = vec![Command::Ask(Question::Peers)];
    opening::ask_status(model, &mut commands);
    commands
}

/// The room of a name or of the beginning of one; says so if there is none, or more than one.
fn named(model: &mut Model, name: &str) -> Option<RoomKey> {
    let lower = name.to_lowercase();
    let whole = model.rooms.iter().find(|room| room.name.to_lowercase() == lower);
    let begins = |key: &str| key.to_lowercase().starts_with(&lower);
    let fitting: Vec<_> = model
        .rooms
        .iter()
        .filter(|room| begins(&room.name) || begins(&room.key.to_string()))
        .collect();
    let found = match (whole, fitting.as_slice()) {
        (Some(room), _) => Ok(room.key.clone()),
        (None, [room]) => Ok(room.key.clone()),
        (None, []) => Err(format!("you are in no room called \"{name}\"")),
        (None, [one, other, ..]) => Err(format!("\"{name}\" may be {} or {}", one.name, other.name)),
    };
    match found {
        Ok(key) => Some(key),
        Err(why) => {
            model.say(tailchat_core::text::visible(&why).into_owned());
            None
        }
    }
}

fn leave(model: &mut Model, room: Option<&str>, forget: bool) -> Vec<Command> {
    let key = match room {
        Some(name) => named(model, name),
        None => model.open.as_ref().map(|open| open.key.clone()),
    };
    let room = key.as_ref().and_then(|key| model.rooms.get(key));
    if let Some(room) = room {
        let ask = Ask::Leave {
            room: room.key.clone(),
            name: room.name.clone(),
            forget,
        };
        model.overlay = Some(Overlay::Prompt(Prompt::new(ask, "")));
    }
    Vec::new()
}

/// To a day or a message.
fn go_to(model: &mut Model, goal: &str) -> Vec<Command> {
    match time::parse(goal, model.now_ms, &model.taste.zone) {
        Some(ms) => scrolling::jump(model, Goal::Time(ms)),
        None => scrolling::jump(model, Goal::Message(MessageKey::new(goal))),
    }
}
