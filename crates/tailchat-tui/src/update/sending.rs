//! What is typed in the open room, until it is on its way. Knows no disk: what was posted is shown when the node
//! shows it.

use super::{amending, commanding, scrolling, settling, typing};
use crate::command::{Command, Goal, Question};
use crate::composer::{Applied, Edit, Full};
use crate::model::line::beginning;
use crate::model::open_room::OpenRoom;
use crate::model::{Model, Writing};
use crate::panes::PROMPT_COLUMNS;
use crate::slash::{self, Slash};

/// Text goes where the cursor is.
pub(super) fn typed(model: &mut Model, text: &str) -> Vec<Command> {
    if !model.has_input() {
        return Vec::new();
    }
    let done = model.writing.composer.insert(text);
    wrote(model, done.map(|()| Applied::Changed))
}

pub(super) fn edit(model: &mut Model, edit: Edit) -> Vec<Command> {
    if !model.has_input() {
        return Vec::new();
    }
    let columns = model.columns.saturating_sub(PROMPT_COLUMNS);
    let done = model.writing.composer.apply(edit, usize::from(columns));
    wrote(model, done)
}

fn wrote(model: &mut Model, done: Result<Applied, Full>) -> Vec<Command> {
    model.writing.completion = None;
    match done {
        Ok(applied) => {
            settling::typing(model);
            match applied {
                Applied::Changed => typing::tell(model),
                Applied::Moved | Applied::Nothing => Vec::new(),
            }
        }
        Err(full) => {
            model.say(full.to_string());
            Vec::new()
        }
    }
}

/// Posts what is written, or does what it commands. What cannot be understood stays in the input.
pub(super) fn send(model: &mut Model) -> Vec<Command> {
    if model.open.is_none() || model.writing.composer.text().trim().is_empty() {
        return Vec::new();
    }
    model.writing.completion = None;
    if model.orphaned {
        model.say("there is no node to take it; what you wrote stays here until there is one");
        return Vec::new();
    }
    if model.writing.editing.is_some() {
        return amending::send_edit(model);
    }
    let slash = match slash::parse(model.writing.composer.text()) {
        Ok(slash) => slash,
        Err(why) => {
            model.say(why.to_string());
            return Vec::new();
        }
    };
    model.writing.composer.take();
    match slash {
        Slash::Text(text) => post(model, text, false),
        Slash::Me(text) => post(model, text, true),
        command => {
            let mut commands = settling::keep_draft(model);
            commands.extend(commanding::command(model, command));
            commands
        }
    }
}

fn post(model: &mut Model, text: String, action: bool) -> Vec<Command> {
    let Some(room) = &mut model.open else {
        return Vec::new();
    };
    // An own message ends what was new, and to others the typing: what comes next is told at once.
    room.new_from = None;
    model.typing_told = None;
    let question = Question::Send {
        room: room.key.clone(),
        text,
        action,
        reply_to: model.writing.reply_to.take(),
    };
    let mut commands = vec![Command::Ask(question)];
    commands.extend(settling::keep_draft(model));
    commands.extend(scrolling::jump(model, Goal::Newest));
    commands
}

/// A post failed: its text is back in the input, before what was typed since, and kept; the reason is said.
pub(super) fn failed(model: &mut Model, question: &Question, why: &str) -> Vec<Command> {
    let Question::Send {
        room,
        text,
        action,
        reply_to,
    } = question
    else {
        return Vec::new();
    };
    let text = match (action, text.starts_with('/')) {
        (true, _) => format!("/me {text}"),
        (false, true) => format!("/{text}"),
        (false, false) => text.clone(),
    };
    let mut commands = Vec::new();
    // In a room that was left nobody writes any more.
    if let Some(writing) = model.writing_in(room) {
        give_back(writing, &text);
        if writing.reply_to.is_none() {
            writing.reply_to.clone_from(reply_to);
        }
        commands.extend(settling::keep(room, writing));
    }
    model.say(format!("not sent: {why}"));
    commands
}

/// Puts a text before what was written since.
fn give_back(writing: &mut Writing, text: &str) {
    let since = writing.composer.text().to_owned();
    let gap = if since.is_empty() { "" } else { "\n" };
    if writing.composer.set(&format!("{text}{gap}{since}")).is_err() {
        // Both are too much for one message.
        writing.composer.remember(text);
    }
}

/// Answers the selected message.
pub(super) fn reply(model: &mut Model) {
    let line = model.open.as_ref().and_then(OpenRoom::selected_line);
    let Some(line) = line else { return };
    let named = format!("{}: {}", line.author, beginning(&line.text));
    let answered = (line.id.clone(), named);
    amending::end_edit(model);
    model.writing.reply_to = Some(answered);
    scrolling::leave_selection(model);
}

/// What came out of the person's editor goes into the input, and is sent by a key as anything else.
pub(super) fn edited(model: &mut Model, text: Result<String, String>) -> Vec<Command> {
    let mut commands = vec![Command::Redraw];
    match text {
        Ok(text) => {
            let done = model.writing.composer.rewrite(text.trim_end_matches('\n'));
            commands.extend(wrote(model, done.map(|()| Applied::Changed)));
        }
        Err(why) => model.say(why),
    }
    commands
}
