//! The search: asks while something is typed, one question at a time, and goes to what is chosen.

use tailchat_core::text;
use tailchat_node::control::{Item, Query};

use super::{ignoring, opening};
use crate::command::{Command, Goal, Question};
use crate::model::Model;
use crate::model::overlay::Overlay;
use crate::model::searching::Hit;
use crate::time;

/// Begins the search, with what was typed the last time; or goes to the next hit.
pub(super) fn search(model: &mut Model) {
    if matches!(model.overlay, Some(Overlay::Search)) {
        step(model, 1);
        return;
    }
    model.overlay = Some(Overlay::Search);
    let search = &mut model.search;
    search.kept = !search.typed.text().is_empty();
    // More may have been said since.
    search.outdated();
}

/// Begins it with these words; with those of the last time if there are none.
pub(super) fn search_for(model: &mut Model, words: &str) {
    model.overlay = None;
    search(model);
    if !words.is_empty() {
        // A line of the input is no longer than a field.
        let _ = model.search.field().set(words);
    }
}

/// Chooses another one of what is listed: of the hits, or of what is pinned.
pub(super) fn step(model: &mut Model, by: i32) {
    let (chosen, hits) = match &mut model.overlay {
        Some(Overlay::Pins(pins)) => (&mut pins.chosen, &pins.hits),
        _ => (&mut model.search.chosen, &model.search.hits),
    };
    let far = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    let to = match by < 0 {
        true => chosen.saturating_sub(far),
        false => chosen.saturating_add(far),
    };
    *chosen = to.min(hits.len().saturating_sub(1));
}

/// Asks for what is typed, if that is another thing than what the list is for.
pub(super) fn want(model: &mut Model, commands: &mut Vec<Command>) {
    let on = matches!(model.overlay, Some(Overlay::Search));
    let search = &mut model.search;
    let typed = search.typed.text();
    if !on || search.asked.is_some() || search.answered.as_deref() == Some(typed) {
        return;
    }
    let typed = typed.to_owned();
    let moment = |text: &str| time::parse(text, model.now_ms, &model.taste.zone);
    match Query::parse_typed(&typed, &moment) {
        Ok(query) if query.is_empty() => search.refused(typed, String::new()),
        Ok(query) => {
            search.asked = Some(typed.clone());
            commands.push(Command::Ask(Question::Search { typed, query }));
        }
        Err(why) => search.refused(typed, text::visible(&why.to_string()).into_owned()),
    }
}

/// The node has searched.
pub(super) fn found(model: &mut Model, typed: &str, items: &[Item]) {
    let search = &mut model.search;
    if search.asked.as_deref() != Some(typed) {
        return;
    }
    let hits = items.iter().filter_map(|item| match item {
        Item::Found(found) => Some(Hit::new(found)),
        _ => None,
    });
    let end = items.iter().find_map(|item| match item {
        Item::Searched(end) => Some(end),
        _ => None,
    });
    search.found(hits.collect(), end);
}

/// The node could not search.
pub(super) fn failed(model: &mut Model, typed: &str, why: &str) {
    if model.search.asked.as_deref() == Some(typed) {
        model.search.refused(typed.to_owned(), why.to_owned());
    }
}

/// Whatever was asked is not answered any more.
pub(super) fn ask_anew(model: &mut Model) {
    let search = &mut model.search;
    (search.asked, search.again, search.answered) = (None, false, None);
}

/// Lines are no longer what they were: hits may have had the text that they no longer have. However often that is
/// told, one question is under way at a time, and its answer is shown.
pub(super) fn amended(model: &mut Model) {
    // Whoever comes back to the list asks anyway.
    if matches!(model.overlay, Some(Overlay::Search)) {
        model.search.outdated();
    }
}

/// Goes to the message that is chosen, in its room.
pub(super) fn choose(model: &mut Model) -> Vec<Command> {
    let hit = model.search.hits.get(model.search.chosen).cloned();
    hit.map_or_else(Vec::new, |hit| go_to(model, hit))
}

/// Goes to a message that is listed, in its room, and selects it.
pub(super) fn go_to(model: &mut Model, hit: Hit) -> Vec<Command> {
    let Hit {
        room, place, ignored, ..
    } = hit;
    model.overlay = None;
    let goal = Goal::Place(place.clone());
    let here = model.open.as_ref().is_some_and(|open| open.key == room);
    let mut commands = match here {
        true => Vec::new(),
        false => opening::open_at(model, room.clone(), goal.clone()),
    };
    match &mut model.open {
        Some(open) if open.key == room => open.selected = Some(place),
        _ => {
            model.say("that room was left");
            return commands;
        }
    }
    match (here, ignored) {
        (true, _) => commands.extend(ignoring::jump_to(model, goal, ignored)),
        // The page that is under way is laid out so.
        (false, true) => ignoring::show(model, true),
        (false, false) => {}
    }
    commands
}
