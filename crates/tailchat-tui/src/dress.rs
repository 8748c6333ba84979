//! A line's text as rows of the screen. Knows no window and no position.

use ratatui::text::Line as Styled;

use crate::markup::{self, Look};
use crate::model::Taste;
use crate::model::line::Line;

/// The text of a line, wrapped to so many columns. `me` is what the reader is called.
pub(crate) fn dressed(line: &Line, columns: u16, me: &[String], taste: &Taste) -> Vec<Styled<'static>> {
    let theme = &taste.theme;
    let look = Look {
        theme,
        base: if line.is_action() { theme.quote } else { theme.text },
        width: usize::from(columns),
        indent: 0,
        names: me,
        words: &taste.words,
        fold: (!line.unfolded).then_some(taste.fold),
    };
    markup::lay_out(&line.text, &look).lines
}
