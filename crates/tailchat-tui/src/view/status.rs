//! The status line: how the open room stands, in words, and what a key would do. Being offline is normal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use tailchat_core::text::columns;
use tailchat_node::control::Standing;

use super::{clear, fit, put, put_right};
use crate::complete::Completion;
use crate::keys::{Action, Mode};
use crate::model::Model;
use crate::model::open_room::{OpenRoom, Peer};
use crate::model::rooms::Room;
use crate::panes::Panes;
use crate::wrap;

/// Narrower screens get fewer words.
const WORDY_COLUMNS: u16 = 60;
/// Offers of a completion that are shown.
const OFFERS_SHOWN: usize = 8;
/// Peers that are named.
const NAMED_MAX: usize = 2;

pub(super) fn draw(model: &Model, rect: Rect, buffer: &mut Buffer) {
    if rect.height == 0 {
        return;
    }
    let theme = &model.taste.theme;
    clear(buffer, rect, theme.bar);
    let width = usize::from(rect.width);
    let words = match (&model.writing.completion, &model.said) {
        (Some(completion), _) => offers(completion),
        (None, Some(said)) => return say(model, &said.words, rect, buffer),
        (None, None) => standing(model),
    };
    let words = fit(&format!(" {words}"), width);
    let hints = hints(model, width.saturating_sub(columns(&words) + 3));
    put(buffer, rect, 0, &Line::styled(words, theme.bar));
    put_right(buffer, rect, 0, &Line::styled(hints, theme.bar));
}

/// A word to the person, in as many rows as there are for it.
fn say(model: &Model, words: &str, rect: Rect, buffer: &mut Buffer) {
    let lines = wrap::words(words, usize::from(rect.width).saturating_sub(2));
    for (row, line) in (0..rect.height).zip(&lines) {
        let line = fit(&format!(" {line}"), usize::from(rect.width));
        put(buffer, rect, row, &Line::styled(line, model.taste.theme.bar));
    }
    if let [line] = lines.as_slice() {
        let hints = hints(model, usize::from(rect.width).saturating_sub(columns(line) + 4));
        put_right(buffer, rect, 0, &Line::styled(hints, model.taste.theme.bar));
    }
}

/// The chosen offer between marks, and those that come next.
fn offers(completion: &Completion) -> String {
    let shown = completion.offers().iter().skip(completion.chosen());
    let named = shown.enumerate().map(|(at, offer)| {
        let word = format!("{} {}", offer.word.trim_end(), offer.note);
        match at {
            0 => format!("[{}]", word.trim_end()),
            _ => word.trim_end().to_owned(),
        }
    });
    named.take(OFFERS_SHOWN).collect::<Vec<_>>().join("  ")
}

/// As many of the keys' hints as there is room for.
fn hints(model: &Model, width: usize) -> String {
    let mut out = String::new();
    let mut hints = model.taste.keys.hints(model.mode());
    // Nobody is sent to where there is nothing.
    hints.retain(|hint| hint.action != Action::SwitchRoom || !model.rooms.is_empty());
    let selected = model.open.as_ref().and_then(OpenRoom::selected_line);
    let answered = selected.is_some_and(|line| line.answers > 0);
    hints.retain(|hint| hint.action != Action::Answer || answered);
    for hint in hints {
        let more = format!("{} {}  ", hint.key, hint.word);
        if columns(&out) + columns(&more) > width + 1 {
            break;
        }
        out.push_str(&more);
    }
    out.trim_end().to_owned() + if out.is_empty() { "" } else { " " }
}

fn standing(model: &Model) -> String {
    let (Some(open), Some(room)) = (&model.open, model.room()) else {
        return match model.rooms_known {
            true => "tailchat".to_owned(),
            false => "opening …".to_owned(),
        };
    };
    if model.mode() == Mode::Select {
        return format!("{} · a message is selected", room.name);
    }
    let unread = elsewhere(model, room);
    let words = format!("{} · {}{unread}", room.name, in_words(model, open, room));
    let Some(typing) = typing(room) else {
        return words;
    };
    // That all is equal gives way to who types; anything else about how the room stands does not.
    let people = there(room, is_wordy(model));
    let short = format!("{} · {people}{unread} · {typing}", room.name);
    let short = is_all_equal(open, room).then_some(short);
    let whole = format!("{words} · {typing}");
    std::iter::once(whole)
        .chain(short)
        .find(|words| columns(words) < usize::from(model.columns))
        .unwrap_or(words)
}

fn is_wordy(model: &Model) -> bool {
    model.columns >= WORDY_COLUMNS
}

/// Whether nothing but good can be said of how the room stands.
fn is_all_equal(open: &OpenRoom, room: &Room) -> bool {
    let Some(status) = &open.status else {
        return false;
    };
    let mut peers = status.peers.iter();
    let equal = peers.all(|peer| peer.state == Standing::Equal);
    room.connected > 0 && room.behind == 0 && status.problems.is_empty() && equal
}

/// Who writes something now.
fn typing(room: &Room) -> Option<String> {
    match room.typing.as_slice() {
        [] => None,
        [one] => Some(format!("{one} is typing")),
        [one, other] => Some(format!("{one} and {other} are typing")),
        _ => Some("several people are typing".to_owned()),
    }
}

/// Unread messages in other rooms, where their list is folded away.
fn elsewhere(model: &Model, open: &Room) -> String {
    if Panes::of(model).rooms.is_some() {
        return String::new();
    }
    let others = || model.rooms.iter().filter(|room| room.key != open.key);
    let unread: u64 = others().map(|room| room.unread).sum();
    let mentions: u64 = others().map(|room| room.mentions).sum();
    match (unread, mentions) {
        (0, _) => String::new(),
        (_, 0) => format!(" · ●{unread} elsewhere"),
        _ => format!(" · @{mentions} ●{unread} elsewhere"),
    }
}

fn in_words(model: &Model, open: &OpenRoom, room: &Room) -> String {
    if let Some(problem) = open.status.as_ref().and_then(|status| status.problems.first()) {
        return problem.clone();
    }
    if room.connected == 0 {
        return offline(room, open.is_long_alone(model.now_ms));
    }
    format!("{} · {}", there(room, is_wordy(model)), sync(open, room))
}

/// Who is there, ourselves among them; and how many peers are connected, if others are there through them.
fn there(room: &Room, wordy: bool) -> String {
    let people = match (room.here, wordy) {
        (0, _) if room.connected == 1 => "1 peer here".to_owned(),
        (0, _) => format!("{} peers here", room.connected),
        (others, true) => format!("{} people here", others.saturating_add(1)),
        (others, false) => format!("{} here", others.saturating_add(1)),
    };
    match room.here > room.connected {
        true => format!("{people}, {} connected", room.connected),
        false => people,
    }
}

/// A room in which nobody is connected. A wrong ID cannot be told from an absent room, unless peers answer.
fn offline(room: &Room, long: bool) -> String {
    match (room.waiting, room.met, long) {
        (Some(1), ..) => "1 peer answered and does not have this room: is the ID right? · F4".to_owned(),
        (Some(answered), ..) if answered > 1 => {
            format!("{answered} peers answered, none has this room: is the ID right? · F4")
        }
        (_, true, _) => "offline · you can write now".to_owned(),
        (_, false, true) => "nobody found yet · F4: what was tried · `tailchat doctor`: why".to_owned(),
        (Some(_), false, false) => "waiting for somebody who has the room · you can write now".to_owned(),
        (None, false, false) => "waiting for others · you can write now".to_owned(),
    }
}

/// How the room stands with those who are connected.
fn sync(open: &OpenRoom, room: &Room) -> String {
    if room.behind > 0 {
        return format!("catching up, {} to go", room.behind);
    }
    let Some(status) = &open.status else {
        return "asking how it stands".to_owned();
    };
    let of = |states: &[Standing]| -> Vec<&Peer> {
        status
            .peers
            .iter()
            .filter(|peer| states.contains(&peer.state))
            .collect()
    };
    let (apart, behind) = (of(&[Standing::Apart]), of(&[Standing::Ahead]));
    let equal = of(&[Standing::Equal]);
    if let Some(peer) = apart.first() {
        return format!("apart from {}", peer.name);
    }
    if let Some(peer) = behind.first() {
        return match peer.ahead {
            0 => format!("{} is behind", peer.name),
            ahead => format!("{} is {ahead} behind", peer.name),
        };
    }
    match (equal.len(), status.peers.len()) {
        (0, _) => "comparing".to_owned(),
        (equals, all) if equals == all => format!("all equal with {}", named(&equal)),
        _ => format!("equal with {}", named(&equal)),
    }
}

fn named(peers: &[&Peer]) -> String {
    let mut names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
    names.dedup();
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    match (names.as_slice(), more) {
        (names, 0) => names.join(" and "),
        (names, more) => format!("{} and {more} more", names.join(", ")),
    }
}
