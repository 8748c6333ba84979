//! A line's text as rows of the screen. Knows no window and no position.

use ratatui::text::{Line as Styled, Span};

use crate::markup::{self, Look};
use crate::model::Taste;
use crate::model::line::Line;

/// Different reactions below a message; of more, how many.
const REACTIONS_SHOWN: usize = 12;

/// The text of a line, wrapped to so many columns. `me` is what the reader is called.
pub(crate) fn dressed(line: &Line, columns: u16, me: &[String], taste: &Taste) -> Vec<Styled<'static>> {
    let theme = &taste.theme;
    let look = Look {
        theme,
        base: match (line.ignored, line.is_action()) {
            (true, _) => theme.faint,
            (false, true) => theme.quote,
            (false, false) => theme.text,
        },
        width: usize::from(columns),
        indent: 0,
        // What an ignored person writes calls nobody.
        names: if line.ignored { &[] } else { me },
        words: if line.ignored { &[] } else { &taste.words },
        fold: (!line.unfolded).then_some(taste.fold),
    };
    if line.deleted {
        return vec![Styled::styled(line.text.clone(), theme.faint)];
    }
    let mut rows = markup::lay_out(&line.text, &look).lines;
    if line.edited {
        add(&mut rows, Span::styled("(edited)", theme.faint), look.width);
    }
    if !line.reactions.is_empty() {
        rows.push(Styled::default());
    }
    for felt in line.reactions.iter().take(REACTIONS_SHOWN) {
        let style = if felt.mine { theme.title } else { theme.faint };
        add(
            &mut rows,
            Span::styled(format!("{} {}", felt.with, felt.count), style),
            look.width,
        );
    }
    let more = line.reactions.len().saturating_sub(REACTIONS_SHOWN);
    if more > 0 {
        let words = format!("and {more} more");
        add(&mut rows, Span::styled(words, theme.faint), look.width);
    }
    rows
}

/// Puts words behind the last row, or below it if it has no room for them.
fn add(rows: &mut Vec<Styled<'static>>, words: Span<'static>, width: usize) {
    let used = rows.last().map_or(0, Styled::width);
    let gap = if used > 0 { 2 } else { 0 };
    match rows.last_mut() {
        Some(last) if used + gap + words.width() <= width => {
            last.spans.extend((gap > 0).then(|| Span::raw(" ".repeat(gap))));
            last.spans.push(words);
        }
        _ => rows.push(Styled::from(words)),
    }
}
