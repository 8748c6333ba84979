//! What there is to know of one message, on a screen of its own. Pure.

use tailchat_core::text;
use tailchat_node::control::Item;

use crate::command::{Command, Question};
use crate::model::Model;
use crate::model::ids::MessageKey;
use crate::model::overlay::Overlay;
use crate::time;

/// Where on that screen it says how many disks have the message.
const DISKS_ROW: usize = 2;

/// Where the selected message is and how it came, in words.
pub(super) fn details(model: &mut Model) -> Vec<Command> {
    let room = model.open.as_ref();
    let Some((room, line)) = room.and_then(|room| Some((room, room.selected_line()?))) else {
        return Vec::new();
    };
    let at = |ms| time::day_and_minute(ms, &model.taste.zone);
    let via = match (&line.via, line.mine) {
        (_, true) => "written here, or by another device of yours".to_owned(),
        (Some(via), false) => format!("brought by {via}"),
        (None, false) => "brought in on this machine".to_owned(),
    };
    let mut rows = vec![
        format!("written  {} by {}", at(line.sent_at_ms), line.author),
        format!("arrived  {}, {via}", at(line.arrived_at_ms)),
        format!("disks    {} of {} members have it", line.on, line.of),
        format!("id       {}", line.id),
    ];
    if line.answers > 0 {
        rows.push(format!("answers  {}", line.answers));
    }
    if line.pinned {
        rows.push("pinned   for everybody".to_owned());
    }
    if line.ignored {
        rows.push(format!("ignored  you fold away what {} writes", line.author));
    }
    rows.extend(line.reactions.iter().map(|felt| {
        let others = felt.count.saturating_sub(felt.by.len() as u64);
        let more = if others > 0 {
            format!(" and {others} more")
        } else {
            String::new()
        };
        format!("{}  {}{more}", felt.with, felt.by.join(", "))
    }));
    let (room, message) = (room.key.clone(), line.id.clone());
    let of = Some(message.clone());
    let edited = line.edited.then(|| Question::Versions {
        room: room.clone(),
        message: message.clone(),
    });
    let questions = [Some(Question::Show { room, message }), edited];
    model.overlay = Some(Overlay::Details {
        of,
        title: "This message".to_owned(),
        rows,
        scrolled: 0,
    });
    questions.into_iter().flatten().map(Command::Ask).collect()
}

/// The names of those on whose disks the message is, beside their number.
pub(super) fn holders(model: &mut Model, message: &MessageKey, items: Vec<Item>) {
    let Some(Overlay::Details { of, rows, .. }) = &mut model.overlay else {
        return;
    };
    let names = items.into_iter().find_map(|item| match item {
        Item::Holders(names) => Some(names),
        _ => None,
    });
    let (Some(names), Some(row)) = (names, rows.get_mut(DISKS_ROW)) else {
        return;
    };
    if of.as_ref() == Some(message) {
        // Our own is the first.
        let others = names.iter().skip(1).map(|name| text::name(name));
        let named: Vec<_> = std::iter::once("you".to_owned()).chain(others).collect();
        *row = format!("{row}: {}", named.join(", "));
    }
}

/// The texts that the message has had, below what else is told of it.
pub(super) fn versions(model: &mut Model, message: &MessageKey, items: Vec<Item>) {
    let zone = model.taste.zone.clone();
    let Some(Overlay::Details { of, rows, .. }) = &mut model.overlay else {
        return;
    };
    if of.as_ref() != Some(message) {
        return;
    }
    let told = items.into_iter().filter_map(|item| match item {
        Item::Version { at_ms, text } => Some((at_ms, text::visible(&text).into_owned())),
        _ => None,
    });
    for (at_ms, text) in told {
        rows.push(String::new());
        rows.push(format!("{}:", time::day_and_minute(at_ms, &zone)));
        rows.extend(text.lines().map(str::to_owned));
    }
}
