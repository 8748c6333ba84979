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
pub(super) fn meant(model: &Model, fits: impl Fn(&Line) -> bool) -> Option<&Line> {
    let room = model.open.as_ref()?;
    match room.selected_line() {
        Some(line) => Some(line),
        None => room
            .window
            .iter()
            .rev()
            .find(|line| !room.window.folds(line) && fits(line)),
    }
}

/// The message that is meant, if it is ours to do so with; else why it is not.
fn ours<'a>(model: &'a Model, is_ours: impl Fn(&Line) -> bool, what: &str) -> Result<&'a Line, String> {
    match meant(model, |line| is_ours(line) && !line.deleted) {
        None => Err("you wrote nothing here that is loaded".to_owned()),
        Some(line) if line.deleted => Err("it was deleted".to_owned()),
        Some(line) if !is_ours(line) => Err(format!("only {} can {what} it", line.author)),
        Some(line) => Ok(line),
    }
}

/// Begins to give a message another text: it stands in the input until it is sent.
pub(super) fn edit(model: &mut Model) {
    let line = match ours(model, Line::is_own, "edit") {
        Ok(line) => line,
        Err(why) => return model.say(why),
    };
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
    match ours(model, Line::is_own, "edit").map(|line| line.id.clone()) {
        Ok(message) => ask(model, message, Amending::Edit(text)),
        Err(why) => {
            model.say(why);
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
    let line = match ours(model, |line| line.mine, "delete") {
        Ok(line) => line,
        Err(why) => return model.say(why),
    };
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

/// The node has not: a new text is in its room's input again, as it was sent.
pub(super) fn failed(model: &mut Model, question: &Question, what: &Amending, why: &str) {
    model.say(format!("not done: {why}"));
    let (Question::Amend { room, message, .. }, Amending::Edit(text)) = (question, what) else {
        return;
    };
    // In a room that was left nobody writes any more.
    let Some(writing) = model.writing_in(room) else {
        return;
    };
    if writing.editing.is_some() {
        return writing.composer.remember(text);
    }
    let draft = writing.draft().to_owned();
    if writing.composer.set(text).is_ok() {
        let message = message.clone();
        writing.editing = Some(Editing { message, draft });
    }
}

pub(super) fn ask(model: &mut Model, message: MessageKey, what: Amending) -> Vec<Command> {
    let Some(room) = model.open.as_ref().map(|open: &OpenRoom| open.key.clone()) else {
        return Vec::new();
    };
    vec![Command::Ask(Question::Amend { room, message, what })]
}
