//! What is typed in the open room, until it is on its way. Knows no disk: what was posted is shown when the node
//! shows it.

use super::{scrolling, settling};
use crate::command::{Command, Goal, Question};
use crate::composer::{Edit, Full};
use crate::model::line::beginning;
use crate::model::open_room::OpenRoom;
use crate::model::{Model, Writing};
use crate::panes::PROMPT_COLUMNS;

/// Text goes where the cursor is.
pub(super) fn typed(model: &mut Model, text: &str) {
    if model.open.is_some() {
        let done = model.writing.composer.insert(text);
        wrote(model, done);
    }
}

pub(super) fn edit(model: &mut Model, edit: Edit) {
    if model.open.is_some() {
        let columns = model.columns.saturating_sub(PROMPT_COLUMNS);
        let done = model.writing.composer.apply(edit, usize::from(columns));
        wrote(model, done.map(|_| ()));
    }
}

fn wrote(model: &mut Model, done: Result<(), Full>) {
    match done {
        Ok(()) => settling::typing(model),
        Err(full) => model.say(full.to_string()),
    }
}

/// Posts what is written, or does what it commands.
pub(super) fn send(model: &mut Model) -> Vec<Command> {
    let Some(room) = &model.open else {
        return Vec::new();
    };
    if model.writing.composer.text().trim().is_empty() {
        return Vec::new();
    }
    let room = room.key.clone();
    let text = model.writing.composer.take();
    let reply_to = model.writing.reply_to.take().map(|(id, _)| id);
    let (action, text) = match text.strip_prefix("/me ") {
        Some(acts) => (true, acts.to_owned()),
        None => (false, text),
    };
    let mut commands = vec![Command::Ask(Question::Send {
        room,
        text,
        action,
        reply_to,
    })];
    // An own message ends what was new; the kept draft ends with it.
    if let Some(room) = &mut model.open {
        room.new_from = None;
    }
    commands.extend(settling::keep_draft(model));
    commands.extend(scrolling::jump(model, Goal::Newest));
    commands
}

/// A post failed: its text is back in the input, before what was typed since, and the reason is said.
pub(super) fn failed(model: &mut Model, question: &Question, why: &str) {
    let Question::Send {
        room, text, action, ..
    } = question
    else {
        return;
    };
    let text = if *action {
        format!("/me {text}")
    } else {
        text.clone()
    };
    let here = model.open.as_ref().is_some_and(|open| open.key == *room);
    let writing = match here {
        true => &mut model.writing,
        false => model.parked.entry(room.clone()).or_default(),
    };
    give_back(writing, &text);
    model.say(format!("not sent: {why}"));
}

/// Puts a text before what was written since; if both are too much for one message, it is in the history.
fn give_back(writing: &mut Writing, text: &str) {
    let since = writing.composer.text().to_owned();
    let gap = if since.is_empty() { "" } else { "\n" };
    let _ = writing.composer.set(&format!("{text}{gap}{since}"));
}

/// Answers the selected message.
pub(super) fn reply(model: &mut Model) {
    let line = model.open.as_ref().and_then(OpenRoom::selected_line);
    let Some(line) = line else { return };
    let named = format!("{}: {}", line.author, beginning(&line.text));
    model.writing.reply_to = Some((line.id.clone(), named));
    scrolling::leave_selection(model);
}

/// Completes the word before the cursor.
pub(super) fn complete(model: &mut Model, _forwards: bool) {
    let _ = model;
}

/// What came out of the person's editor goes into the input, and is sent by a key as anything else.
pub(super) fn edited(model: &mut Model, text: Result<String, String>) -> Vec<Command> {
    match text {
        Ok(text) => {
            let done = model.writing.composer.rewrite(text.trim_end_matches('\n'));
            wrote(model, done);
        }
        Err(why) => model.say(why),
    }
    vec![Command::Redraw]
}
