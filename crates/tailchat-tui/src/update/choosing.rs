//! Lists and questions: what is typed into them, what is chosen, and what follows.

use tailchat_core::text;
use tailchat_node::control::{Amending, LINK_SCHEME};

use super::{amending, opening, pinning, scrolling, searching};
use crate::command::{Command, Goal, Question};
use crate::composer::{Composer, Edit};
use crate::model::Model;
use crate::model::overlay::{Ask, Overlay, Prompt};
use crate::time;

/// Begins the choice of a room.
pub(super) fn switch(model: &mut Model) {
    model.overlay = match model.overlay {
        Some(Overlay::Switcher { .. }) => None,
        _ => Some(Overlay::Switcher {
            typed: Composer::default(),
            chosen: 0,
        }),
    };
}

pub(super) fn typed(model: &mut Model, text: &str) {
    if matches!(model.overlay, Some(Overlay::Search)) {
        model.search.field();
    }
    if let Some(field) = field(model) {
        // A field has one line.
        let text = text.trim_matches('\n').replace('\n', " ");
        // More than a message holds is no answer to anything.
        let _ = field.insert(&text);
    }
}

pub(super) fn edit(model: &mut Model, edit: Edit) {
    if let Some(field) = field(model) {
        // A field has one row, however wide the screen is.
        let _ = field.apply(edit, usize::MAX);
    }
}

/// What is being typed into; whatever was chosen or said before no longer holds.
fn field(model: &mut Model) -> Option<&mut Composer> {
    match &mut model.overlay {
        Some(Overlay::Search) => {
            model.search.kept = false;
            Some(&mut model.search.typed)
        }
        Some(Overlay::Switcher { typed, chosen }) => {
            *chosen = 0;
            Some(typed)
        }
        Some(Overlay::Prompt(prompt)) if !prompt.waits => {
            prompt.problem = None;
            Some(&mut prompt.typed)
        }
        _ => None,
    }
}

pub(super) fn step(model: &mut Model, by: i32) {
    let Model { overlay, rooms, .. } = model;
    let (chosen, count) = match overlay {
        Some(Overlay::Switcher { typed, chosen }) => (chosen, rooms.fitting(typed.text()).len()),
        Some(Overlay::Welcome { chosen }) => (chosen, 2),
        _ => return,
    };
    let to = if by < 0 {
        chosen.saturating_sub(1)
    } else {
        *chosen + 1
    };
    *chosen = to.min(count.saturating_sub(1));
}

/// Takes what is chosen or typed.
pub(super) fn choose(model: &mut Model) -> Vec<Command> {
    match &mut model.overlay {
        Some(Overlay::Search) => searching::choose(model),
        Some(Overlay::Pins(_)) => pinning::choose(model),
        Some(Overlay::Switcher { typed, chosen }) => {
            let found = model
                .rooms
                .fitting(typed.text())
                .get(*chosen)
                .map(|room| room.key.clone());
            model.overlay = None;
            found.map_or_else(Vec::new, |key| opening::open(model, key))
        }
        Some(Overlay::Welcome { chosen }) => {
            let ask = if *chosen == 0 { Ask::Create } else { Ask::Join };
            model.overlay = Some(Overlay::Prompt(Prompt::new(ask, "")));
            Vec::new()
        }
        Some(Overlay::Prompt(prompt)) if !prompt.waits => {
            let (what, typed) = (prompt.what.clone(), prompt.typed.text().trim().to_owned());
            answer(model, what, &typed)
        }
        _ => Vec::new(),
    }
}

fn answer(model: &mut Model, what: Ask, typed: &str) -> Vec<Command> {
    if typed.is_empty() {
        return match what {
            Ask::Name | Ask::Create => refused(model, "write a name; any will do"),
            Ask::Join => refused(
                model,
                "paste an invite or a room's ID; who is in the room has it. Or a code of `tailchat link` on your other device",
            ),
            Ask::Date | Ask::React { .. } | Ask::Delete { .. } | Ask::Leave { .. } => leave(model),
        };
    }
    let question = match what {
        Ask::Name => Question::Name(typed.to_owned()),
        Ask::Create => Question::New(typed.to_owned()),
        Ask::Join => match without_spaces(typed) {
            code if code.to_lowercase().starts_with(LINK_SCHEME) => Question::Link(code),
            invite => Question::Join {
                invite,
                peers: Vec::new(),
            },
        },
        Ask::Date => return go_to(model, typed),
        Ask::React { message } => {
            let commands = amending::feel(model, Some(message), typed);
            return waiting(model, commands);
        }
        Ask::Delete { message, .. } if matches!(typed, "y" | "Y" | "yes") => {
            let commands = amending::ask(model, message, Amending::Delete);
            return waiting(model, commands);
        }
        Ask::Delete { .. } => return leave(model),
        Ask::Leave { room, forget, .. } if matches!(typed, "y" | "Y" | "yes") => {
            Question::Leave { room, forget }
        }
        Ask::Leave { .. } => return leave(model),
    };
    waiting(model, vec![Command::Ask(question)])
}

/// The question stays until the node has answered.
fn waiting(model: &mut Model, commands: Vec<Command>) -> Vec<Command> {
    if let Some(Overlay::Prompt(prompt)) = &mut model.overlay {
        prompt.waits = true;
    }
    commands
}

/// An ID may come with breaks from a letter or a chat.
fn without_spaces(typed: &str) -> String {
    typed.split_whitespace().collect()
}

fn go_to(model: &mut Model, typed: &str) -> Vec<Command> {
    match time::parse(typed, model.now_ms, &model.taste.zone) {
        Some(ms) => {
            model.overlay = None;
            scrolling::jump(model, Goal::Time(ms))
        }
        None => refused(model, "write 2026-11-22, yesterday, 2 days ago or 3h"),
    }
}

fn refused(model: &mut Model, why: &str) -> Vec<Command> {
    refuse(model, why);
    Vec::new()
}

/// Says why an answer was none; the question stays.
pub(super) fn refuse(model: &mut Model, why: &str) {
    if let Some(Overlay::Prompt(prompt)) = &mut model.overlay {
        prompt.waits = false;
        prompt.problem = Some(text::visible(why).into_owned());
    }
}

/// Away from what stands over the messages. Who has no room yet comes back to the choice.
pub(super) fn leave(model: &mut Model) -> Vec<Command> {
    let first = model.rooms_known && model.rooms.is_empty();
    model.overlay = match model.overlay.take() {
        Some(Overlay::Prompt(_) | Overlay::Welcome { .. } | Overlay::Help { .. }) if first => {
            Some(Overlay::Welcome { chosen: 0 })
        }
        _ => None,
    };
    Vec::new()
}
