//! What stands over the messages for a moment. Knows rectangles and words; what is chosen there stands in `update`.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use tailchat_core::text::columns;
use tailchat_node::control::Standing;

use super::{clear, fit, lists, members, put};
use crate::model::Model;
use crate::model::open_room::Peer;
use crate::model::overlay::{Address, Overlay};
use crate::theme::Theme;

/// Columns that a list takes where there is more room.
const LIST_COLUMNS: u16 = 64;

/// Draws what stands over the rest; gives where the cursor stands, if anything is typed there.
pub(super) fn draw(model: &Model, overlay: &Overlay, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let (title, rect) = match overlay {
        Overlay::Help { .. } => ("help", area),
        Overlay::Connections { .. } => ("connections", area),
        Overlay::Invite => ("invite", area),
        Overlay::Members { .. } => ("people", area),
        Overlay::Details { title, .. } => (title.as_str(), area),
        Overlay::Switcher { .. } => ("go to a room", narrow(area)),
        Overlay::Prompt(_) | Overlay::Welcome { .. } => ("tailchat", narrow(area)),
    };
    clear(buffer, area, Style::default());
    let inner = framed(model, title, rect, buffer);
    match overlay {
        Overlay::Switcher { typed, chosen } => {
            return Some(lists::switcher(model, (typed, *chosen), inner, buffer));
        }
        Overlay::Prompt(prompt) => return Some(lists::prompt(model, prompt, inner, buffer)),
        Overlay::Welcome { chosen } => lists::welcome(model, *chosen, inner, buffer),
        Overlay::Help { scrolled } => rows(&help(model), *scrolled, inner, buffer),
        Overlay::Connections { scrolled, addresses } => {
            rows(
                &connections(model, addresses, usize::from(inner.width)),
                *scrolled,
                inner,
                buffer,
            );
        }
        Overlay::Members { scrolled } => {
            let list = model.open.iter().flat_map(|room| &room.members);
            let list: Vec<Line> = list
                .map(|member| members::entry(model, member, usize::from(inner.width)))
                .collect();
            rows(&list, *scrolled, inner, buffer);
        }
        Overlay::Details {
            rows: words,
            scrolled,
            ..
        } => {
            let width = usize::from(inner.width);
            let list: Vec<Line> = words
                .iter()
                .flat_map(|row| lists::wrapped(row, width))
                .map(Line::raw)
                .collect();
            rows(&list, *scrolled, inner, buffer);
        }
        Overlay::Invite => invite(model, inner, buffer),
    }
    None
}

fn narrow(area: Rect) -> Rect {
    let width = area.width.min(LIST_COLUMNS);
    Rect {
        x: area.x + (area.width - width) / 2,
        width,
        ..area
    }
}

/// A title above; what is left is for the content.
fn framed(model: &Model, title: &str, rect: Rect, buffer: &mut Buffer) -> Rect {
    let rest = usize::from(rect.width).saturating_sub(columns(title) + 4);
    let line = format!("── {title} {}", "─".repeat(rest));
    put(buffer, rect, 0, &Line::styled(line, model.taste.theme.faint));
    let margin = u16::from(rect.width > 30);
    Rect {
        x: rect.x + margin,
        y: rect.y + 1,
        width: rect.width - 2 * margin,
        height: rect.height.saturating_sub(1),
    }
}

/// Rows that may be more than fit; scrolling stops at their end.
fn rows(lines: &[Line], scrolled: usize, rect: Rect, buffer: &mut Buffer) {
    let most = lines.len().saturating_sub(usize::from(rect.height));
    for (row, line) in (0..rect.height).zip(lines.iter().skip(scrolled.min(most))) {
        put(buffer, rect, row, line);
    }
}

fn help(model: &Model) -> Vec<Line<'static>> {
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
        let keys = row.keys.join(", ");
        lines.push(Line::raw(format!("  {keys:<22} {}", row.help)));
    }
    lines
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
            let words = lists::wrapped(problem, width.saturating_sub(4));
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

/// What to do with it, the invite itself, and its picture where it fits.
fn invite(model: &Model, rect: Rect, buffer: &mut Buffer) {
    let Some(room) = model.room() else { return };
    let theme = &model.taste.theme;
    let width = usize::from(rect.width);
    let command = format!("tailchat join {}", room.key);
    let mut lines = vec![Line::styled(fit(&room.name, width), theme.title)];
    lines.extend(chunks(&command, width).into_iter().map(Line::raw));
    lines.push(Line::styled(
        "Waiting for others; you can write now. Esc closes this.",
        theme.faint,
    ));
    let picture =
        (model.taste.picture)(&room.invite).or_else(|| (model.taste.picture)(&room.key.to_string()));
    let words = lines.len();
    for (row, line) in (0..rect.height).zip(&lines) {
        put(buffer, rect, row, line);
    }
    let Some(picture) = picture.filter(|_| model.taste.utf8) else {
        return;
    };
    let below = usize::from(rect.height).saturating_sub(words);
    let fits = picture.len() <= below && picture.iter().all(|row| columns(row) <= width);
    if !fits {
        return;
    }
    let top = u16::try_from(words).unwrap_or(0);
    for (row, line) in (top..rect.height).zip(picture) {
        put(buffer, rect, row, &Line::styled(line, scanned(theme)));
    }
}

/// What has no spaces, cut where the line ends: it is typed or copied, so nothing is left out.
fn chunks(text: &str, width: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(width.max(1))
        .map(|chunk| chunk.iter().collect())
        .collect()
}

/// Light on dark whatever the terminal's own colours are: phones want it so.
fn scanned(theme: &Theme) -> Style {
    match theme.name {
        "mono" => Style::new(),
        _ => Style::new().fg(Color::White).bg(Color::Black),
    }
}
