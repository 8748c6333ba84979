//! The others in a room are told that somebody writes there, while it goes on. Knows no text but whether it is one
//! to be posted; how long the word holds with the others is theirs.

use crate::command::{Command, Question};
use crate::model::Model;
use crate::slash::{self, Slash};

/// The node is told at most so often. With others the word holds for twice as long, so it does not flicker.
const TOLD_EVERY_MS: i64 = 3_000;

/// The text was changed by hand: tells the node, unless it knows, or what is written is for nobody else to know of.
pub(super) fn tell(model: &mut Model) -> Vec<Command> {
    let Some(room) = &model.open else {
        return Vec::new();
    };
    let told = model.typing_told.as_ref();
    let lately = told.is_some_and(|(told, at)| {
        let since = model.now_ms.saturating_sub(*at);
        *told == room.key && (0..TOLD_EVERY_MS).contains(&since)
    });
    if !model.taste.typing || model.orphaned || lately || !is_message(model) {
        return Vec::new();
    }
    let key = room.key.clone();
    model.typing_told = Some((key.clone(), model.now_ms));
    vec![Command::Ask(Question::Typing(key))]
}

/// Whether what stands in the input is on its way to be a message: no command, and no other text for an old one.
fn is_message(model: &Model) -> bool {
    let text = model.writing.composer.text();
    let posts = matches!(slash::parse(text), Ok(Slash::Text(_)));
    posts && model.writing.editing.is_none() && !text.trim().is_empty()
}
