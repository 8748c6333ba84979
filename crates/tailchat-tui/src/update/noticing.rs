//! What a person who looks elsewhere is told: notices, one summary instead of a flood, the window's title.

use std::collections::BTreeSet;

use tailchat_core::text;
use tailchat_node::control::{MessageItem, ShownItem};

use crate::command::{Command, Question};
use crate::markup;
use crate::model::ids::RoomKey;
use crate::model::line::beginning;
use crate::model::{Away, Model};
use crate::preferences::Notify;

/// Messages that come at once and are still told one by one.
const SINGLY_MAX: usize = 2;
/// What comes within so long of a catch-up is summed up with it.
const AWAY_MS: i64 = 1_500;
/// People and places that a summary names.
const NAMED_MAX: usize = 3;

/// The person looks at the terminal, or away.
pub(super) fn focused(model: &mut Model, focused: bool) -> Vec<Command> {
    model.focused = focused;
    if !focused && let Some(open) = &mut model.open {
        // Whatever comes from now on is new.
        open.new_from = None;
    }
    Vec::new()
}

/// Lines were shown in a room: tells of them if the person looks elsewhere and none of it is a catch-up.
pub(super) fn came(model: &mut Model, key: &RoomKey, shown: &ShownItem) -> Vec<Command> {
    let Some(room) = model.rooms.get(key) else {
        return Vec::new();
    };
    if room.muted {
        return Vec::new();
    }
    let (name, behind) = (room.name.clone(), room.behind);
    let news: Vec<&MessageItem> = shown
        .messages
        .iter()
        .filter(|message| message.unread && !message.mine && !message.ignored)
        .collect();
    let bulk = shown.messages.is_empty() && shown.lines > 0;
    if behind > 0 || bulk || news.len() > SINGLY_MAX {
        gather(model, key, shown, &news);
        return Vec::new();
    }
    if model.focused {
        return Vec::new();
    }
    let me: Vec<String> = model.name.iter().cloned().collect();
    let wanted = |message: &&&MessageItem| match model.taste.notify {
        Notify::All => true,
        Notify::Mentions => markup::mentions(&text::visible(&message.text), &me, &model.taste.words),
        Notify::None => false,
    };
    let notice = |message: &&MessageItem| Command::Notify {
        title: format!("{} in {name}", text::name(&message.author)),
        body: beginning(&text::visible(&message.text)),
    };
    news.iter().filter(wanted).map(notice).collect()
}

fn gather(model: &mut Model, key: &RoomKey, shown: &ShownItem, news: &[&MessageItem]) {
    let away = &mut model.away;
    if shown.messages.is_empty() {
        away.bulk.insert(key.clone());
    }
    away.messages = away
        .messages
        .saturating_add(u64::try_from(news.len()).unwrap_or(0));
    let names = |away: &mut BTreeSet<String>, name: &str| {
        if away.len() <= NAMED_MAX * 10 {
            away.insert(text::name(name));
        }
    };
    for message in news {
        names(&mut away.people, &message.author);
        if let Some(via) = &message.via {
            names(&mut away.via, via);
        }
    }
    if away.messages > 0 {
        model.due.away_ms = Some(model.now_ms.saturating_add(AWAY_MS));
    }
}

/// A room has so many more unread messages than before: that counts where they were too many to be listed.
pub(super) fn more_unread(model: &mut Model, key: &RoomKey, more: u64) {
    if more > 0 && model.away.bulk.remove(key) {
        model.away.unlisted = model.away.unlisted.saturating_add(more);
        model.due.away_ms = Some(model.now_ms.saturating_add(AWAY_MS));
    }
}

/// One word for all that a catch-up brought, once no room catches up any more.
pub(super) fn sum_up(model: &mut Model) -> Vec<Command> {
    if model.rooms.iter().any(|room| room.behind > 0) {
        model.due.away_ms = Some(model.now_ms.saturating_add(AWAY_MS));
        return Vec::new();
    }
    model.due.away_ms = None;
    let mut away = std::mem::take(&mut model.away);
    // What was read elsewhere meanwhile is no news.
    let unlisted = away.unlisted.min(model.rooms.unread());
    away.messages = away.messages.saturating_add(unlisted);
    if away.messages == 0 {
        return Vec::new();
    }
    let words = in_words(&away);
    model.say(format!("while you were away: {words}"));
    if model.focused || model.taste.notify == Notify::None {
        return Vec::new();
    }
    vec![Command::Notify {
        title: "tailchat".to_owned(),
        body: words,
    }]
}

fn in_words(away: &Away) -> String {
    let messages = counted(away.messages, "message", "messages");
    let people = match away.people.len() {
        0 => String::new(),
        1 => format!(" from {}", some(&away.people)),
        people => format!(" from {people} people"),
    };
    let via = match away.via.len() {
        0 => String::new(),
        _ => format!(", merged from {}", some(&away.via)),
    };
    format!("{messages}{people}{via}")
}

/// A few names, and that there are more.
fn some(names: &BTreeSet<String>) -> String {
    let named: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = if names.len() > NAMED_MAX {
        " and others"
    } else {
        ""
    };
    format!("{}{more}", named.join(", "))
}

/// A number and what it counts.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    let thing = if number == 1 { one } else { many };
    format!("{number} {thing}")
}

/// No notices from the open room, or again.
pub(super) fn mute(model: &mut Model) -> Vec<Command> {
    let key = model.open.as_ref().map(|open| open.key.clone());
    let Some((room, listed)) = key.and_then(|key| Some((key.clone(), model.rooms.get_mut(&key)?))) else {
        return Vec::new();
    };
    let on = !listed.muted;
    listed.muted = on;
    model.say(match on {
        true => "no notices from this room any more",
        false => "notices from this room again",
    });
    vec![Command::Ask(Question::Mute { room, on })]
}

/// The window's title says what is unread.
pub(super) fn retitle(model: &mut Model, commands: &mut Vec<Command>) {
    let unread = model.rooms.unread();
    let room = model.room().map_or("tailchat", |room| room.name.as_str());
    let title = match unread {
        0 => format!("{room} · tailchat"),
        _ => format!("({unread}) {room} · tailchat"),
    };
    if title != model.title {
        model.title.clone_from(&title);
        commands.push(Command::Title(title));
    }
}
