//! Completion of the word before the cursor, one offer after the other.

use std::collections::BTreeSet;

use super::{settling, typing};
use crate::command::Command;
use crate::complete::{Completion, Vocabulary};
use crate::composer::Edit;
use crate::model::Model;

/// Begins a completion, or takes the next or the previous offer.
pub(super) fn complete(model: &mut Model, forwards: bool) -> Vec<Command> {
    let completion = match model.writing.completion.take() {
        Some(mut completion) => {
            completion.turn(forwards);
            // The offer before makes room: the word is again as it was typed.
            let _ = model.writing.composer.apply(Edit::Undo, usize::MAX);
            Some(completion)
        }
        None => begin(model),
    };
    let Some(completion) = completion else {
        return Vec::new();
    };
    match model.writing.composer.replace_word(completion.word()) {
        Ok(()) => {
            settling::typing(model);
            // One offer needs no second key, and the next word may be completed at once.
            let only = completion.offers().len() < 2;
            model.writing.completion = (!only).then_some(completion);
            typing::tell(model)
        }
        Err(full) => {
            model.say(full.to_string());
            Vec::new()
        }
    }
}

fn begin(model: &Model) -> Option<Completion> {
    let composer = &model.writing.composer;
    let word = composer.word()?;
    let line = composer.text().get(..composer.cursor_byte())?;
    let names = people(model);
    let rooms: Vec<String> = model.rooms.iter().map(|room| room.name.clone()).collect();
    let (ignored, heard) = members(model);
    let vocabulary = Vocabulary {
        names: &names,
        heard: &heard,
        ignored: &ignored,
        rooms: &rooms,
    };
    Completion::of(line, &word, &vocabulary)
}

/// The members of the open room but the reader: those who are ignored, and the others.
fn members(model: &Model) -> (Vec<String>, Vec<String>) {
    let members = model.open.iter().flat_map(|room| &room.members);
    let others: Vec<_> = members.filter(|member| !member.me).collect();
    let names = |ignored| {
        let wanted = others.iter().filter(|member| member.ignored == ignored);
        wanted.map(|member| member.name.clone()).collect()
    };
    (names(true), names(false))
}

/// The people of the open room but the reader, those who wrote last first.
fn people(model: &Model) -> Vec<String> {
    let Some(room) = &model.open else {
        return Vec::new();
    };
    let wrote = room
        .window
        .iter()
        .rev()
        .filter(|line| !line.mine)
        .map(|line| &line.author);
    let others = room
        .members
        .iter()
        .filter(|member| !member.me)
        .map(|member| &member.name);
    let mut known = BTreeSet::new();
    wrote
        .chain(others)
        .filter(|name| known.insert(*name))
        .cloned()
        .collect()
}
