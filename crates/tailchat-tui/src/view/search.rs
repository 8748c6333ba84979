//! The search: a line to type into, what was found, and where in it the words are. Knows no keys.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tailchat_core::text::columns;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{fit, lists, put};
use crate::model::Model;
use crate::model::searching::Hit;
use crate::time;
use crate::wrap;

const LABEL: &str = "search: ";
/// Above the hits: the field, and what is said of the list.
const ABOVE: u16 = 2;
/// Rows of a hit: whence it is, and what it says.
const HIT_ROWS: u16 = 2;
/// Narrower screens get shorter names of rooms.
const WIDE_COLUMNS: u16 = 60;
const ROOM_COLUMNS: (usize, usize) = (10, 24);

const HELP: &str = "All words that are typed have to be there; case and accents do not matter. Also: \"words in a row\", \
                    beginnin*, -without, from:NAME, in:ROOM, before:2026-11-22, after:yesterday, has:link.";

pub(super) fn draw(model: &Model, rect: Rect, buffer: &mut Buffer) -> Position {
    let theme = &model.taste.theme;
    let search = &model.search;
    let cursor = lists::field(LABEL, &search.typed, rect, 0, buffer);
    if search.kept {
        let width = u16::try_from(columns(search.typed.text())).unwrap_or(u16::MAX);
        let label = u16::try_from(columns(LABEL)).unwrap_or(0);
        let typed = Rect {
            x: rect.x + label,
            width: width.min(rect.width.saturating_sub(label)),
            height: 1.min(rect.height),
            ..rect
        };
        buffer.set_style(typed, theme.selected);
    }
    let width = usize::from(rect.width);
    if search.typed.text().trim().is_empty() {
        for (row, line) in (ABOVE..rect.height).zip(wrap::words(HELP, width)) {
            put(buffer, rect, row, &Line::styled(line, theme.faint));
        }
        return cursor;
    }
    let said = match (&search.asked, search.said.as_str()) {
        (Some(_), "") => "searching …",
        (_, said) => said,
    };
    let hits = hits(model, width);
    // What is said instead of a list may take more than a row.
    if search.hits.is_empty() {
        for (row, line) in (1..rect.height).zip(wrap::words(said, width)) {
            put(buffer, rect, row, &Line::styled(line, theme.faint));
        }
        return cursor;
    }
    put(buffer, rect, 1, &Line::styled(fit(said, width), theme.faint));
    let shown = usize::from(shown(rect.height));
    let skipped = (search.chosen + 1).saturating_sub(shown) * usize::from(HIT_ROWS);
    for (row, line) in (ABOVE..rect.height).zip(hits.skip(skipped)) {
        put(buffer, rect, row, &line);
    }
    cursor
}

/// Hits that fit on a screen of so many rows.
pub(crate) fn shown(rows: u16) -> u16 {
    (rows.saturating_sub(ABOVE) / HIT_ROWS).max(1)
}

fn hits(model: &Model, width: usize) -> impl Iterator<Item = Line<'static>> {
    let hits = model.search.hits.iter().enumerate();
    hits.flat_map(move |(index, hit)| {
        [
            head(model, hit, index == model.search.chosen, width),
            text(model, hit, width),
        ]
    })
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
    let before = format!("{room}  {minute}  ");
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
