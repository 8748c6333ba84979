//! People whose messages are folded away, here only: who they are, and what they wrote for whoever wants to see it all
//! the same. Knows no rows: which lines share one stands in the window.

use super::scrolling;
use crate::command::{Command, Goal, Question};
use crate::keys::{Action, Mode};
use crate::model::Model;
use crate::model::open_room::Member;

/// Folds away what somebody writes, or no longer.
pub(super) fn ignore(model: &mut Model, typed: &str, on: bool) -> Vec<Command> {
    let Some(room) = &model.open else {
        return Vec::new();
    };
    let named = typed.strip_prefix('@').unwrap_or(typed);
    let exact = |member: &&Member| member.name == named;
    let alike = |member: &&Member| member.name.to_lowercase() == named.to_lowercase();
    let members = || room.members.iter();
    let mut fitting = match members().any(|member| exact(&member)) {
        true => members().filter(exact).collect::<Vec<_>>(),
        false => members().filter(alike).collect(),
    };
    let (member, name) = match (fitting.pop(), fitting.as_slice()) {
        (Some(member), []) => (member.person.clone(), member.name.clone()),
        // The node knows who else may be meant, and says so.
        _ => (named.to_owned(), tailchat_core::text::name(named)),
    };
    vec![Command::Ask(Question::Ignore {
        room: room.key.clone(),
        member,
        name,
        on,
    })]
}

/// The node has done it.
pub(super) fn ignored(model: &mut Model, name: &str, on: bool) {
    model.say(match on {
        true => format!("what {name} writes is folded away here; /ignored shows it, /unignore ends it"),
        false => format!("what {name} writes is shown again"),
    });
}

/// Shows what ignored people wrote in the open room, or folds it away again.
pub(super) fn toggle(model: &mut Model) {
    let Some(room) = &model.open else { return };
    let some = room.members.iter().any(|member| member.ignored);
    if !some && !room.window.iter().any(|line| line.ignored) {
        return model.say("nobody is ignored here; /ignore NAME folds away what somebody writes");
    }
    let on = !room.shows_ignored;
    show(model, on);
    model.say(match on {
        true => "what ignored people wrote is shown as long as this room is open; the same again folds it",
        false => "what ignored people wrote is folded away again",
    });
}

/// Shows it from now on, or no longer; the screen stays where it is held.
pub(super) fn show(model: &mut Model, on: bool) {
    let Some(room) = &mut model.open else { return };
    room.shows_ignored = on;
    if room.window.show_ignored(on) {
        // Some of it was let go.
        room.pages.stale = true;
    }
}

/// What a key for a message does where the selected row stands for several that are folded: they are shown, or it is
/// said that they have to be. None if it is about one message.
pub(super) fn instead(model: &mut Model, shows: bool) -> Option<Vec<Command>> {
    let room = model.open.as_ref()?;
    if !room.has_selected_folded() {
        return None;
    }
    match shows {
        true => toggle(model),
        false => {
            let key = model.taste.keys.key(Mode::Select, Action::Fold);
            let key = key.unwrap_or_else(|| "/ignored".to_owned());
            model.say(format!("these messages are folded away; {key} shows them"));
        }
    }
    Some(Vec::new())
}

/// Goes to a message that was asked for by itself: it is shown, whoever wrote it.
pub(super) fn jump_to(model: &mut Model, goal: Goal, ignored: bool) -> Vec<Command> {
    if ignored {
        show(model, true);
    }
    scrolling::jump(model, goal)
}
