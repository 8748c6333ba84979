//! Screens to read, as lines: keys and commands, connections, people, a message's story. Knows words, not where they
//! stand.

use ratatui::style::Style;
use ratatui::text::Line;
use tailchat_core::text::columns;
use tailchat_node::control::Standing;

use super::members;
use crate::model::Model;
use crate::model::open_room::Peer;
use crate::model::overlay::{Address, Overlay};
use crate::{finding, slash, time, wrap};

/// Columns of keys and commands in the help.
const TYPED_COLUMNS: usize = 30;

/// The lines of a screen to read; of what is no such screen there are none.
pub(super) fn lines(model: &Model, overlay: &Overlay, width: usize) -> Vec<Line<'static>> {
    match overlay {
        Overlay::Help { .. } => help(model, width),
        Overlay::Connections {
            sources, addresses, ..
        } => {
            let mut lines = connections(model, width);
            lines.extend(looked_for(model, sources, width));
            lines.extend(known(model, addresses, width));
            lines
        }
        Overlay::Members { .. } => {
            let people = model.open.iter().flat_map(|room| &room.members);
            people
                .map(|member| members::entry(model, member, width))
                .collect()
        }
        Overlay::Details { rows, .. } => {
            let rows = rows.iter().flat_map(|row| wrap::words(row, width));
            rows.map(Line::raw).collect()
        }
        Overlay::Switcher { .. }
        | Overlay::Search
        | Overlay::Pins(_)
        | Overlay::Prompt(_)
        | Overlay::Invite
        | Overlay::Welcome { .. } => Vec::new(),
    }
}

fn help(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = &model.taste.theme;
    let mut lines = Vec::new();
    let mut section = None;
    for row in model.taste.keys.rows() {
        if row.keys.is_empty() {
            continue;
        }
        if section != Some(row.section) {
            if section.is_some() {
                lines.push(Line::default());
            }
            lines.push(Line::styled(row.section.title(), theme.title));
            section = Some(row.section);
        }
        lines.extend(explained(&row.keys.join(", "), row.help, width));
    }
    lines.push(Line::default());
    lines.push(Line::styled("Commands", theme.title));
    for command in slash::COMMANDS {
        lines.extend(explained(&command.usage(), command.help, width));
    }
    lines
}

/// What is typed and what it does: beside each other, or one below the other where that is too much.
fn explained(typed: &str, help: &str, width: usize) -> Vec<Line<'static>> {
    let beside = width >= TYPED_COLUMNS * 2 && columns(typed) + 3 <= TYPED_COLUMNS;
    let indent = if width >= TYPED_COLUMNS * 2 {
        TYPED_COLUMNS
    } else {
        4
    };
    let mut rows = wrap::words(help, width.saturating_sub(indent)).into_iter();
    let mut first = format!("  {typed}");
    if beside {
        let gap = indent.saturating_sub(columns(&first));
        first = format!("{first}{}{}", " ".repeat(gap), rows.next().unwrap_or_default());
    }
    let rest = rows.map(|row| format!("{}{row}", " ".repeat(indent)));
    std::iter::once(first).chain(rest).map(Line::raw).collect()
}

/// How the open room stands with whom, and what is wrong with this machine.
fn connections(model: &Model, width: usize) -> Vec<Line<'static>> {
    let theme = &model.taste.theme;
    let plain = Style::new();
    let mut lines = Vec::new();
    if let (Some(open), Some(room)) = (&model.open, model.room()) {
        lines.push(Line::styled(format!("In {}", room.name), theme.title));
        let status = open.status.as_ref();
        let peers = status.map_or(&[][..], |status| &status.peers);
        if peers.is_empty() {
            let alone = "nobody is connected; what you write waits here until somebody is";
            lines.extend(under(2, alone, plain, width));
        }
        for peer in peers {
            lines.extend(under(2, &stands(peer), plain, width));
        }
        for peer in status.map_or(&[][..], |status| &status.absent) {
            lines.extend(under(2, &stood(peer, model.now_ms), theme.faint, width));
        }
        for problem in status.map_or(&[][..], |status| &status.problems) {
            lines.extend(under(2, problem, theme.unread, width));
        }
        if let Some(status) = status.filter(|status| !status.fingerprint.is_empty()) {
            let words = format!("fingerprint: {}", status.fingerprint);
            lines.extend(under(2, &words, plain, width));
        }
        lines.push(Line::default());
    }
    if !model.found.is_empty() {
        lines.push(Line::styled("This machine", theme.title));
        for found in &model.found {
            lines.extend(under(2, found, plain, width));
        }
        lines.push(Line::default());
    }
    lines
}

/// The ways in which addresses are found.
fn looked_for(model: &Model, sources: &[String], width: usize) -> Vec<Line<'static>> {
    if sources.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::styled("How others are found", model.taste.theme.title)];
    for source in sources {
        lines.extend(under(2, source, Style::new(), width));
    }
    lines.push(Line::default());
    lines
}

/// The addresses that are known: who is there or was, whence each comes, and what went wrong.
fn known(model: &Model, addresses: &[Address], width: usize) -> Vec<Line<'static>> {
    let (theme, plain) = (&model.taste.theme, Style::new());
    let mut lines = vec![Line::styled("Addresses", theme.title)];
    if addresses.is_empty() {
        let none = "none is known; /peers add HOST adds one";
        lines.extend(under(2, none, plain, width));
    }
    for address in addresses {
        let state = if address.connected {
            "connected"
        } else {
            "not connected"
        };
        let who = address.peer.as_deref().unwrap_or("somebody");
        let rooms = match address.rooms.is_empty() {
            true => String::new(),
            false => format!(", shares {}", address.rooms.join(", ")),
        };
        let words = format!("{}: {who}, {state}{rooms}", address.addr);
        lines.extend(under(2, &words, plain, width));
        let met = address.met_ms.map(|ms| finding::met(ms, model.now_ms));
        let origin = Some(address.origin.clone()).filter(|origin| !origin.is_empty());
        let story: Vec<String> = origin.into_iter().chain(met).collect();
        if !story.is_empty() {
            lines.extend(under(4, &story.join("; "), theme.faint, width));
        }
        if let Some(problem) = &address.problem {
            lines.extend(under(4, problem, theme.faint, width));
        }
    }
    lines
}

/// Words behind an indent, as many rows as they take.
fn under(indent: usize, words: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    wrap::words(words, width.saturating_sub(indent))
        .into_iter()
        .map(|words| Line::styled(format!("{}{words}", " ".repeat(indent)), style))
        .collect()
}

fn stands(peer: &Peer) -> String {
    let state = match (peer.state, peer.ahead, peer.behind) {
        (Standing::Unknown, ..) => "has not said yet what it has".to_owned(),
        (Standing::Equal, ..) => "has the same as you".to_owned(),
        (Standing::Ahead, ahead, _) => format!("lacks {} that you have", messages(ahead)),
        (Standing::Behind, _, behind) => format!("has {} that you lack", messages(behind)),
        (Standing::Apart, ..) => "has another past of one writer; `tailchat status` tells more".to_owned(),
    };
    format!("{} ({}) {state}", peer.name, peer.addr)
}

fn messages(number: u64) -> String {
    format!("{number} {}", if number == 1 { "message" } else { "messages" })
}

/// What was last heard of a disk that is not connected: memory, and so it is told.
fn stood(peer: &Peer, now_ms: i64) -> String {
    let state = match (peer.state, peer.ahead, peer.behind) {
        (Standing::Unknown, ..) => "nothing was heard of what it has".to_owned(),
        (Standing::Equal, ..) => "had the same as you".to_owned(),
        (Standing::Ahead, ahead, _) => format!("lacked {} that you have", messages(ahead)),
        (Standing::Behind, _, behind) => format!("had {} that you lack", messages(behind)),
        (Standing::Apart, ..) => "had another past of one writer".to_owned(),
    };
    match peer.last_seen_ms {
        Some(seen) => format!("{} (away) {state}, as of {}", peer.name, time::ago(seen, now_ms)),
        None if peer.state == Standing::Unknown => format!("{} (away) {state}", peer.name),
        None => format!("{} (away) {state}, as others told", peer.name),
    }
}
