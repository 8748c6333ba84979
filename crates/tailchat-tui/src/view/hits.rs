//! Messages to choose from, two rows each: whence one is, and what it says. Knows no keys and not why they are listed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tailchat_core::text::columns;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{fit, put};
use crate::model::Model;
use crate::model::searching::Hit;
use crate::time;

/// Rows of a hit: whence it is, and what it says.
const HIT_ROWS: u16 = 2;
/// Narrower screens get shorter names of rooms.
const WIDE_COLUMNS: u16 = 60;
const ROOM_COLUMNS: (usize, usize) = (10, 24);

/// Hits that fit into so many rows.
pub(super) fn shown(rows: u16) -> u16 {
    (rows / HIT_ROWS).max(1)
}

/// Draws as many as fit, so that the chosen one is among them.
pub(super) fn draw(model: &Model, (hits, chosen): (&[Hit], usize), rect: Rect, buffer: &mut Buffer) {
    let width = usize::from(rect.width);
    let skipped = (chosen + 1).saturating_sub(usize::from(shown(rect.height)));
    let rows = hits
        .iter()
        .enumerate()
        .skip(skipped)
        .flat_map(|(index, hit)| [head(model, hit, index == chosen, width), text(model, hit, width)]);
    for (row, line) in (0..rect.height).zip(rows) {
        put(buffer, rect, row, &line);
    }
}

/// Whence a hit is.
fn head(model: &Model, hit: &Hit, chosen: bool, width: usize) -> Line<'static> {
    let theme = &model.taste.theme;
    let (narrow, wide) = ROOM_COLUMNS;
    let room = fit(
        &hit.room_name,
        if model.columns < WIDE_COLUMNS {
            narrow
        } else {
            wide
        },
    );
    let minute = time::day_and_minute(hit.sent_at_ms, &model.taste.zone);
    let gap = if room.is_empty() { "" } else { "  " };
    let before = format!("{room}{gap}{minute}  ");
    let author = fit(&hit.author, width.saturating_sub(columns(&before) + 2));
    match chosen {
        true => Line::styled(format!("› {before}{author}"), theme.selected),
        false => Line::from(vec![
            Span::styled(format!("  {before}"), theme.faint),
            Span::styled(author, theme.person(&hit.hue)),
        ]),
    }
}

/// What it says, as much as fits into a row, so that the first match is in sight.
fn text(model: &Model, hit: &Hit, width: usize) -> Line<'static> {
    let theme = &model.taste.theme;
    let width = width.saturating_sub(2);
    let clusters = || {
        let parts = hit.parts.iter();
        parts.flat_map(|(part, hit)| part.graphemes(true).map(move |cluster| (cluster, *hit)))
    };
    let wide = |cluster: &str| columns(cluster);
    let to_match: usize = clusters()
        .take_while(|(_, hit)| !hit)
        .map(|(cluster, _)| wide(cluster))
        .sum();
    let matched = hit
        .parts
        .iter()
        .find(|(_, hit)| *hit)
        .map_or(0, |(part, _)| columns(part));
    let skip = match to_match + matched < width {
        true => 0,
        false => to_match.saturating_sub(width / 3),
    };
    let mut spans = vec![Span::raw("  ")];
    let (mut passed, mut used) = (0, 0);
    if skip > 0 {
        spans.push(Span::styled("…", theme.faint));
        used = 1;
    }
    for (cluster, hit) in clusters() {
        passed += wide(cluster);
        if passed <= skip {
            continue;
        }
        if used + wide(cluster) > width {
            break;
        }
        used += wide(cluster);
        let style = if hit { theme.mention } else { Style::default() };
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(cluster),
            _ => spans.push(Span::styled(cluster.to_owned(), style)),
        }
    }
    Line::from(spans)
}
