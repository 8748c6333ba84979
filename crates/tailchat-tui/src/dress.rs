//! A line's text as rows of the screen. Knows no window and no position.

use ratatui::text::Line as Styled;

use crate::markup::{self, Look};
use crate::model::line::Line;
use crate::theme::Theme;

/// Rows of a long text until somebody wants to see it whole.
const FOLD_ROWS: usize = 12;

/// The text of a line, wrapped to so many columns. `me` is what the reader is called.
pub(crate) fn dressed(line: &Line, columns: u16, me: &[String], theme: &Theme) -> Vec<Styled<'static>> {
    let look = Look {
        theme,
        base: if line.is_action() { theme.quote } else { theme.text },
        width: usize::from(columns),
        indent: 0,
        names: me,
        words: &[],
        fold: (!line.unfolded).then_some(FOLD_ROWS),
    };
    markup::lay_out(&line.text, &look).lines
}
