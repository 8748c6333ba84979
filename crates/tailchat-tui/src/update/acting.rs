//! What each action of the key map comes to; one line an action, the work stands in the file of its theme.

use super::{
    amending, choosing, commanding, completing, detailing, ignoring, noticing, opening, pinning,
    scroll_screen, scrolling, searching, sending,
};
use crate::command::{Command, Goal};
use crate::keys::{Action, Mode};
use crate::model::Model;
use crate::model::overlay::{Ask, Overlay, Prompt};
use crate::panes::Panes;
use crate::view;

/// Carries out an action.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Command> {
    match action {
        Action::Edit(edit) => match model.mode() {
            Mode::List => choosing::edit(model, edit),
            _ => return sending::edit(model, edit),
        },
        Action::Send => return sending::send(model),
        Action::Complete => return completing::complete(model, true),
        Action::CompleteBack => return completing::complete(model, false),
        Action::Editor => return vec![Command::Edit(model.writing.composer.text().to_owned())],
        Action::Choose => return choosing::choose(model),
        Action::Up => return step(model, -1),
        Action::Down => return step(model, 1),
        Action::PageUp => return page(model, -1),
        Action::PageDown => return page(model, 1),
        Action::ScrollUp => scrolling::by_rows(model, -1),
        Action::ScrollDown => scrolling::by_rows(model, 1),
        Action::Top => return end(model, Goal::Oldest),
        Action::Bottom => return end(model, Goal::Newest),
        Action::Quit => return opening::quit_by_key(model),
        Action::Suspend => return vec![Command::Suspend],
        Action::Redraw => return vec![Command::Redraw],
        Action::Interrupt => interrupt(model),
        Action::Back => return back(model),
        Action::Help => toggle(model, Overlay::Help { scrolled: 0 }),
        _ => return act_on_room(model, action),
    }
    Vec::new()
}

/// The actions that need a room, or that choose one.
fn act_on_room(model: &mut Model, action: Action) -> Vec<Command> {
    if let Some(commands) = about_message(model, action) {
        return commands;
    }
    match action {
        Action::FirstUnread => return scrolling::first_unread(model),
        Action::NextUnread => return scrolling::next_unread(model),
        Action::NextMention => return scrolling::next_mention(model),
        Action::NextLate => return scrolling::next_late(model),
        Action::GotoDate => model.overlay = Some(Overlay::Prompt(Prompt::new(Ask::Date, ""))),
        Action::MarkAllRead => return scrolling::all_rooms_read(model),
        Action::Pins => return pinning::list(model),
        Action::Ignored => ignoring::toggle(model),
        Action::Select => scrolling::select(model),
        Action::SwitchRoom => choosing::switch(model),
        Action::Search => searching::search(model),
        Action::Room(number) => return opening::open_nth(model, usize::from(number).saturating_sub(1)),
        Action::NextUnreadRoom => return opening::open_next_unread(model),
        Action::PreviousRoom => return opening::open_beside(model, -1),
        Action::NextRoom => return opening::open_beside(model, 1),
        Action::ToggleRooms => toggle_rooms(model),
        Action::ToggleMembers => toggle_members(model),
        Action::ToggleConnections => return toggle_connections(model),
        Action::Invite if model.open.is_some() => toggle(model, Overlay::Invite),
        Action::Mute => return noticing::mute(model),
        Action::Bare => model.panes.bare = !model.panes.bare,
        _ => {}
    }
    Vec::new()
}

/// The actions that are about the selected message; none of them is meant for several that are folded away.
fn about_message(model: &mut Model, action: Action) -> Option<Vec<Command>> {
    let about: fn(&mut Model) -> Vec<Command> = match action {
        Action::Reply => |model| done(model, sending::reply),
        Action::EditMessage => |model| done(model, amending::edit),
        Action::DeleteMessage => |model| done(model, amending::delete),
        Action::React => |model| done(model, amending::react),
        Action::Pin => pinning::toggle,
        Action::Copy => scrolling::copy,
        Action::OpenLink => scrolling::copy_link,
        Action::MarkUnread => scrolling::mark_unread,
        Action::Fold => |model| done(model, scrolling::fold),
        Action::Answered => scrolling::to_answered,
        Action::Answer => scrolling::to_answer,
        Action::NextAnswer => scrolling::next_answer,
        Action::Details => detailing::details,
        _ => return None,
    };
    let shows = matches!(action, Action::Reply | Action::Fold);
    Some(ignoring::instead(model, shows).unwrap_or_else(|| about(model)))
}

fn done(model: &mut Model, act: fn(&mut Model)) -> Vec<Command> {
    act(model);
    Vec::new()
}

fn step(model: &mut Model, by: i32) -> Vec<Command> {
    match (&model.overlay, model.panes.bare) {
        (Some(Overlay::Search | Overlay::Pins(_)), _) => searching::step(model, by),
        (Some(Overlay::Switcher { .. } | Overlay::Welcome { .. }), _) => choosing::step(model, by),
        (Some(_), _) => scroll_screen(model, by),
        (None, true) => scrolling::by_rows(model, by),
        (None, false) => scrolling::move_selection(model, by),
    }
    Vec::new()
}

fn page(model: &mut Model, by: i32) -> Vec<Command> {
    let rows = i32::from(model.rows.saturating_sub(4).max(1));
    match model.overlay {
        Some(Overlay::Search | Overlay::Pins(_)) => {
            searching::step(model, by * i32::from(view::hits_shown(model.rows)));
        }
        Some(_) => scroll_screen(model, by * rows),
        None => scrolling::by_pages(model, by),
    }
    Vec::new()
}

fn end(model: &mut Model, goal: Goal) -> Vec<Command> {
    let far = i32::from(i16::MAX);
    let by = if goal == Goal::Oldest { -far } else { far };
    match model.overlay {
        Some(Overlay::Search | Overlay::Pins(_)) => {
            searching::step(model, by);
            Vec::new()
        }
        Some(_) => {
            scroll_screen(model, by);
            Vec::new()
        }
        None => scrolling::jump(model, goal),
    }
}

/// Loses nothing: what was written leaves the input and comes back with the yank key.
fn interrupt(model: &mut Model) {
    let quit = model
        .taste
        .keys
        .key(Mode::Compose, Action::Quit)
        .unwrap_or_else(|| "/quit".to_owned());
    model.say(format!("{quit} quits; what you write stays as a draft"));
}

fn back(model: &mut Model) -> Vec<Command> {
    if model.overlay.is_some() {
        return choosing::leave(model);
    }
    if std::mem::take(&mut model.panes.bare) {
        return Vec::new();
    }
    if model.open.as_ref().is_some_and(|room| room.selected.is_some()) {
        scrolling::leave_selection(model);
        return Vec::new();
    }
    if amending::end_edit(model).is_some() || model.writing.reply_to.take().is_some() {
        return Vec::new();
    }
    scrolling::all_read(model)
}

fn toggle(model: &mut Model, overlay: Overlay) {
    let same = model
        .overlay
        .as_ref()
        .is_some_and(|now| std::mem::discriminant(now) == std::mem::discriminant(&overlay));
    model.overlay = if same { None } else { Some(overlay) };
}

/// Where there is no room for the pane, its key opens the list that has the same.
fn toggle_rooms(model: &mut Model) {
    let shown = Panes::of(model).rooms.is_some();
    if shown || !model.panes.rooms {
        model.panes.rooms = !shown;
    }
    if !shown && Panes::of(model).rooms.is_none() {
        choosing::switch(model);
    }
}

fn toggle_members(model: &mut Model) {
    if matches!(model.overlay, Some(Overlay::Members { .. })) {
        model.overlay = None;
        return;
    }
    let shown = Panes::of(model).members.is_some();
    if shown || !model.panes.members {
        model.panes.members = !shown;
    }
    if !shown && Panes::of(model).members.is_none() {
        model.overlay = Some(Overlay::Members { scrolled: 0 });
    }
}

fn toggle_connections(model: &mut Model) -> Vec<Command> {
    if matches!(model.overlay, Some(Overlay::Connections { .. })) {
        model.overlay = None;
        return Vec::new();
    }
    commanding::connections(model)
}
