//! Screens to read, as lines: keys and commands, connections, people, a message's story. Knows words, not where they
//! stand.

use ratatui::text::Line;
use tailchat_core::text::columns;
use tailchat_node::control::Standing;

use super::members;
use crate::model::Model;
use crate::model::open_room::Peer;
use crate::model::overlay::{Address, Overlay};
use crate::slash;
use crate::wrap;

/// Columns of keys and commands in the help.
const TYPED_COLUMNS: usize = 30;

/// The lines of a screen to read; of what is no such screen there are none.
pub(super) fn lines(model: &Model, overlay: &Overlay, width: usize) -> Vec<Line<'static>> {
    match overlay {
        Overlay::Help { .. } => help(model, width),
        Overlay::Connections { addresses, .. } => connections(model, addresses, width),
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
        Overlay::Switcher { .. } | Overlay::Prompt(_) | Overlay::Invite | Overlay::Welcome { .. } => {
            Vec::new()
        }
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

fn connections(model: &Model, addresses: &[Address], width: usize) -> Vec<Line<'static>> {
    let theme = &model.taste.theme;
    let mut lines = Vec::new();
    if let (Some(open), Some(room)) = (&model.open, model.room()) {
        lines.push(Line::styled(format!("In {}", room.name), theme.title));
        let status = open.status.as_ref();
        let peers = status.map_or(&[][..], |status| &status.peers);
        if peers.is_empty() {
            lines.push(Line::raw(
                "  nobody is connected; what you write waits here until somebody is",
            ));
        }
        lines.extend(peers.iter().map(|peer| Line::raw(format!("  {}", stands(peer)))));
        let problems = status.map_or(&[][..], |status| &status.problems);
        lines.extend(
            problems
                .iter()
                .map(|problem| Line::styled(format!("  {problem}"), theme.unread)),
        );
        lines.push(Line::default());
    }
    if !model.found.is_empty() {
        lines.push(Line::styled("This machine", theme.title));
        let found = model
            .found
            .iter()
            .flat_map(|found| wrap::words(found, width.saturating_sub(2)));
        lines.extend(found.map(|words| Line::raw(format!("  {words}"))));
        lines.push(Line::default());
    }
    lines.push(Line::styled("Addresses", theme.title));
    if addresses.is_empty() {
        lines.push(Line::raw("  none is known; `tailchat peers add HOST` adds one"));
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
        lines.push(Line::raw(format!("  {}: {who}, {state}{rooms}", address.addr)));
        if let Some(problem) = &address.problem {
            let words = wrap::words(problem, width.saturating_sub(4));
            lines.extend(
                words
                    .into_iter()
                    .map(|words| Line::styled(format!("    {words}"), theme.faint)),
            );
        }
    }
    lines
}

fn stands(peer: &Peer) -> String {
    let state = match (peer.state, peer.ahead, peer.behind) {
        (Standing::Unknown, ..) => "has not said yet what it has".to_owned(),
        (Standing::Equal, ..) => "has the same as you".to_owned(),
        (Standing::Ahead, ahead, _) => format!("lacks {ahead} messages that you have"),
        (Standing::Behind, _, behind) => format!("has {behind} messages that you lack"),
        (Standing::Apart, ..) => "has another past of one writer; `tailchat status` tells more".to_owned(),
    };
    format!("{} ({}) {state}", peer.name, peer.addr)
}
