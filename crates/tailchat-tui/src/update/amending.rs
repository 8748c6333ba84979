//! What is said of messages that are there: another text, that one is gone, what one feels. Knows no disk: a message is
//! another one when the node tells so.

use tailchat_node::control::Amending;

use super::{scrolling, settling};
use crate::command::{Command, Question};
use crate::complete;
use crate::model::ids::MessageKey;
use crate::model::line::{Line, beginning};
use crate::model::open_room::OpenRoom;
use crate::model::overlay::{Ask, Overlay, Prompt};
use crate::model::{Editing, Model};

/// The selected message, else the newest one that is loaded and fits.
fn meant(model: &Model, fits: impl Fn(&Line) -> bool) -> Option<&Line> {
    let room = model.open.as_ref()?;
    match room.selected_line() {
        Some(line) => Some(line),
        None => room.window.iter().rev().find(|line| fits(line)),
    }
}

/// Begins to give a message another text: it stands in the input until it is sent.
pub(super) fn edit(model: &mut Model) {
    let Some(line) = meant(model, |line| line.is_own() && !line.deleted) else {
        return model.say("you wrote nothing here that is loaded");
    };
    if !line.is_own() || line.deleted {
        let why = match line.deleted {
            true => "it was deleted".to_owned(),
            false => format!("only {} can edit it", line.author),
        };
        return model.say(why);
    }
    let (message, text) = (line.id.clone(), line.source.clone());
    scrolling::leave_selection(model);
    end_edit(model);
    let writing = &mut model.writing;
    let draft = writing.draft().to_owned();
    // A message is no longer than one may be.
    if writing.composer.set(&text).is_ok() {
        writing.reply_to = None;
        writing.editing = Some(Editing { message, draft });
    }
}

/// Gives the message another text at once.
pub(super) fn edit_to(model: &mut Model, text: String) -> Vec<Command> {
    match meant(model, |line| line.is_own() && !line.deleted).map(|line| line.id.clone()) {
        Some(message) => ask(model, message, Amending::Edit(text)),
        None => {
            model.say("you wrote nothing here that is loaded");
            Vec::new()
        }
    }
}

/// Ends it; what was being written before is back in the input, and what the message was to say is in the history.
pub(super) fn end_edit(model: &mut Model) -> Option<Editing> {
    let editing = model.writing.editing.take()?;
    let given_up = model.writing.composer.text().to_owned();
    if !given_up.is_empty() {
        model.writing.composer.remember(&given_up);
    }
    // It was there before.
    let _ = model.writing.composer.set(&editing.draft);
    settling::typing(model);
    Some(editing)
}

/// Sends the new text.
pub(super) fn send_edit(model: &mut Model) -> Vec<Command> {
    let text = model.writing.composer.take();
    match end_edit(model) {
        Some(editing) => ask(model, editing.message, Amending::Edit(text)),
        None => Vec::new(),
    }
}

/// Asks whether to delete a message.
pub(super) fn delete(model: &mut Model) {
    let Some(line) = meant(model, |line| line.mine && !line.deleted) else {
        return model.say("you wrote nothing here that is loaded");
    };
    if !line.mine || line.deleted {
        let why = match line.deleted {
            true => "it was deleted".to_owned(),
            false => format!("only {} can delete it", line.author),
        };
        return model.say(why);
    }
    let ask = Ask::Delete {
        message: line.id.clone(),
        named: beginning(&line.text),
    };
    model.overlay = Some(Overlay::Prompt(Prompt::new(ask, "")));
}

/// Asks what one feels about a message.
pub(super) fn react(model: &mut Model) {
    let Some(line) = meant(model, |line| !line.deleted) else {
        return model.say("there is no message to react to");
    };
    let message = line.id.clone();
    model.overlay = Some(Overlay::Prompt(Prompt::new(Ask::React { message }, "")));
}

/// Feels that about a message, or no longer.
pub(super) fn feel(model: &mut Model, message: Option<MessageKey>, typed: &str) -> Vec<Command> {
    let with = complete::emoji_named(typed).unwrap_or(typed).to_owned();
    let line = match &message {
        Some(message) => model.open.as_ref().and_then(|room| room.window.find(message)),
        None => meant(model, |line| !line.deleted),
    };
    let Some(message) = message.or_else(|| line.map(|line| line.id.clone())) else {
        model.say("there is no message to react to");
        return Vec::new();
    };
    let felt = line.and_then(|line| line.reactions.iter().find(|felt| felt.with == with));
    let on = !felt.is_some_and(|felt| felt.mine);
    ask(model, message, Amending::React { with, on })
}

/// Whether the question about this message is on the screen.
pub(super) fn asks(model: &Model, message: &MessageKey) -> bool {
    let Some(Overlay::Prompt(prompt)) = &model.overlay else {
        return false;
    };
    matches!(&prompt.what, Ask::React { message: of } | Ask::Delete { message: of, .. } if of == message)
}

/// The node has done it.
pub(super) fn done(model: &mut Model, message: &MessageKey) {
    if asks(model, message) {
        model.overlay = None;
        scrolling::leave_selection(model);
    }
}

/// The node has not: a new text is in the input again, as it was sent.
pub(super) fn failed(model: &mut Model, question: &Question, what: &Amending, why: &str) {
    model.say(format!("not done: {why}"));
    let (Question::Amend { room, message, .. }, Amending::Edit(text)) = (question, what) else {
        return;
    };
    let here = model.open.as_ref().is_some_and(|open| open.key == *room);
    if !here || model.writing.editing.is_some() {
        return model.writing.composer.remember(text);
    }
    let draft = model.writing.draft().to_owned();
    if model.writing.composer.set(text).is_ok() {
        let message = message.clone();
        model.writing.editing = Some(Editing { message, draft });
    }
}

pub(super) fn ask(model: &mut Model, message: MessageKey, what: Amending) -> Vec<Command> {
    let Some(room) = model.open.as_ref().map(|open: &OpenRoom| open.key.clone()) else {
        return Vec::new();
    };
    vec![Command::Ask(Question::Amend { room, message, what })]
}
