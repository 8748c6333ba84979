//! What stands over the messages for a moment. Knows rectangles and words; what is chosen there stands in `update`.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use tailchat_core::text::columns;

use super::{clear, fit, lists, pages, pins, put, search};
use crate::model::Model;
use crate::model::overlay::Overlay;
use crate::panes::Panes;
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
        Overlay::Search => ("search", area),
        Overlay::Pins(_) => ("pinned", area),
        Overlay::Switcher { .. } => ("go to a room", narrow(area)),
        Overlay::Prompt(_) | Overlay::Welcome { .. } => ("tailchat", narrow(area)),
    };
    clear(buffer, area, Style::default());
    let inner = framed(model, title, rect, buffer);
    match overlay {
        Overlay::Switcher { typed, chosen } => {
            return Some(lists::switcher(model, (typed, *chosen), inner, buffer));
        }
        Overlay::Search => return Some(search::draw(model, inner, buffer)),
        Overlay::Pins(listed) => pins::draw(model, listed, inner, buffer),
        Overlay::Prompt(prompt) => return Some(lists::prompt(model, prompt, inner, buffer)),
        Overlay::Welcome { chosen } => lists::welcome(model, *chosen, inner, buffer),
        Overlay::Invite => invite(model, inner, buffer),
        Overlay::Help { scrolled }
        | Overlay::Connections { scrolled, .. }
        | Overlay::Members { scrolled }
        | Overlay::Details { scrolled, .. } => {
            let lines = pages::lines(model, overlay, usize::from(inner.width));
            rows(&lines, *scrolled, inner, buffer);
        }
    }
    None
}

/// Rows of a screen to read that are beyond its lower end when it begins.
pub(crate) fn beyond(model: &Model, overlay: &Overlay) -> usize {
    let area = above_status(
        Rect::new(0, 0, model.columns, model.rows),
        Panes::of(model).status.height,
    );
    let inner = inside(area);
    let lines = pages::lines(model, overlay, usize::from(inner.width));
    lines.len().saturating_sub(usize::from(inner.height))
}

/// Hits of the search on a screen of so many rows.
pub(crate) fn hits_shown(rows: u16) -> u16 {
    // The title and the status line.
    search::shown(rows.saturating_sub(2))
}

/// All but the status line, which moves to the last row.
pub(super) fn above_status(area: Rect, status_rows: u16) -> Rect {
    Rect {
        height: area.height.saturating_sub(status_rows),
        ..area
    }
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
    inside(rect)
}

/// What a title leaves.
fn inside(rect: Rect) -> Rect {
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

/// What to do with it, the invite itself, and its picture where it fits.
fn invite(model: &Model, rect: Rect, buffer: &mut Buffer) {
    let Some(room) = model.room() else { return };
    let theme = &model.taste.theme;
    let width = usize::from(rect.width);
    let command = format!("tailchat join '{}'", room.invite);
    let mut lines = vec![Line::styled(fit(&room.name, width), theme.title)];
    let known_as = room.known_as.as_ref();
    lines.extend(known_as.map(|name| {
        let words = format!("the name is yours; everybody else calls it {name}");
        Line::styled(fit(&words, width), theme.faint)
    }));
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
