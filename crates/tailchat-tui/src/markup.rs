//! What people wrote, as rows of a screen: a small part of Markdown, links and names. Knows the text of one message,
//! already made visible (`tailchat_core::text::visible`), and no other.
//!
//! The text is shown as it was typed, but for the signs around what is surely bold, italic, struck or code, and the
//! fences of code blocks. So headings, tables, HTML, images, escapes and whatever else Markdown knows lose nothing.

mod marks;
mod rows;

use std::ops::Range;

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use crate::theme::Theme;
use marks::{Mark, Marks};
use rows::{Pieces, Row, Shape};

/// Rows that folding would save at least; a message that is longer by fewer is shown whole.
const FOLD_SAVES: usize = 3;
/// Bytes that a column may have: a character of four with its marks. What is more is looked at when unfolded.
const COLUMN_LEN_MAX: usize = 24;
/// Columns of the widest character: bars and bullets leave as much room.
const CLUSTER_COLUMNS: usize = 4;
/// Levels of quotes that are shown as such.
const QUOTES_MAX: usize = 4;

/// How a message is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The colours.
    pub theme: &'a Theme,
    /// The style of plain text.
    pub base: Style,
    /// Columns of the whole row, at least one more than `indent`.
    pub width: usize,
    /// Columns that are free at the beginning of each row. In the first one they are the caller's: it begins with
    /// the text.
    pub indent: usize,
    /// What the reader is called: `@name` stands out where [`tailchat_core::mention`] finds it.
    pub names: &'a [String],
    /// Further words that stand out.
    pub words: &'a [String],
    /// Rows of a folded message; none shows it whole.
    pub fold: Option<usize>,
}

/// A message as rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Laid {
    /// At least one; if it is folded, the last says what is left out.
    pub lines: Vec<Line<'static>>,
    /// Whether something is left out.
    pub folded: bool,
}

/// The links in a text that may be opened (the web's, gemini, gopher, ftp) and invites, each once.
#[must_use]
pub fn links(text: &str) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for link in marks::links(text).into_iter().filter_map(|range| text.get(range)) {
        if !links.iter().any(|known| known == link) {
            links.push(link.to_owned());
        }
    }
    links
}

/// Whether a text names the reader, as [`tailchat_core::mention`] has it, or has one of the words.
#[must_use]
pub fn mentions(text: &str, names: &[String], words: &[String]) -> bool {
    marks::mentions(text, names, words)
}

/// Lays a text out. What it costs follows from the rows, not from the text, if that is folded.
#[must_use]
pub fn lay_out(text: &str, look: &Look<'_>) -> Laid {
    let text = text.trim_end_matches('\n');
    let room = look.width.saturating_sub(look.indent).max(1);
    let rows_max = look
        .fold
        .map_or(usize::MAX, |fold| fold.max(1).saturating_add(FOLD_SAVES));
    let shown = text.get(..prefix(text, room, rows_max)).unwrap_or(text);
    let marks = Marks::of(shown, look.names, look.words);
    let mut page = Page {
        text: shown,
        marks,
        next: 0,
        open: [0; Mark::COUNT],
        look,
        room,
        rows: Vec::new(),
        rows_max,
    };
    page.fill();
    let folded = look
        .fold
        .filter(|_| shown.len() < text.len() || page.rows.len() >= rows_max);
    let mut rows = page.rows;
    if let Some(fold) = folded {
        rows.truncate(fold.max(1));
        let end = rows.last().map_or(0, |row| row.typed_end);
        rows.extend(note(
            &left_out(text.get(end..).unwrap_or_default()),
            look.theme.faint,
            room,
        ));
    }
    let mut lines: Vec<Line<'static>> = rows.into_iter().map(|row| row.line).collect();
    if lines.is_empty() {
        lines.push(Line::default());
    }
    if look.indent > 0 {
        for line in lines.iter_mut().skip(1) {
            line.spans.insert(0, Span::raw(" ".repeat(look.indent)));
        }
    }
    Laid {
        lines,
        folded: folded.is_some(),
    }
}

/// Bytes of the text that can matter for so many rows.
fn prefix(text: &str, room: usize, rows_max: usize) -> usize {
    let Some(columns_max) = rows_max.checked_mul(room) else {
        return text.len();
    };
    let (mut rows, mut column) = (0, 0);
    for (at, c) in text.char_indices() {
        if rows * room + column > columns_max
            || rows > rows_max
            || at > columns_max.saturating_mul(COLUMN_LEN_MAX)
        {
            return at;
        }
        if c == '\n' {
            rows += 1 + column / room;
            column = 0;
        } else {
            column += c.width().unwrap_or(0);
        }
    }
    text.len()
}

/// What is said of the part that is left out.
fn left_out(rest: &str) -> String {
    let rest = rest.trim_start_matches('\n');
    let lines = rest.bytes().filter(|byte| *byte == b'\n').count() + 1;
    match (lines, rest.len()) {
        (2.., _) => format!("… {lines} more lines"),
        (_, 2048..) => format!("… {} KiB more", rest.len() / 1024),
        _ => format!("… {} more characters", rest.chars().count()),
    }
}

/// A row of our own below the message.
fn note(note: &str, style: Style, room: usize) -> Option<Row> {
    let mut pieces = Pieces::default();
    pieces.push(note, style, 0);
    pieces
        .rows(
            &Shape {
                verbatim: true,
                ..Shape::default()
            },
            room,
            1,
        )
        .pop()
}

struct Page<'a> {
    text: &'a str,
    marks: Marks,
    /// The first border of a mark that was not passed yet.
    next: usize,
    /// How many marks of each kind are open.
    open: [usize; Mark::COUNT],
    look: &'a Look<'a>,
    /// Columns for text.
    room: usize,
    rows: Vec<Row>,
    rows_max: usize,
}

impl Page<'_> {
    fn fill(&mut self) {
        let mut start = 0;
        let mut fences = std::mem::take(&mut self.marks.fences).into_iter().peekable();
        for line in self.text.split('\n') {
            let range = start..start + line.len();
            start = range.end + 1;
            if self.rows.len() >= self.rows_max {
                return;
            }
            while fences.next_if(|fence| fence.range.end < range.start).is_some() {}
            match fences.peek().filter(|fence| fence.range.start <= range.start) {
                Some(fence) => {
                    let opens = fence.range.start == range.start;
                    let closes = fence.closed && range.end >= fence.range.end;
                    self.code_line(line, range, opens, closes);
                }
                None => self.text_line(line, range),
            }
        }
    }

    /// A line of a code block behind a bar. Of the fences only the language is shown, if one was named.
    fn code_line(&mut self, line: &str, range: Range<usize>, opens: bool, closes: bool) {
        let language = line.trim_start().trim_start_matches(['`', '~']);
        if (opens && language.is_empty()) || closes {
            return;
        }
        let mut pieces = Pieces::default();
        if opens {
            pieces.push(language, self.look.theme.faint, range.end - language.len());
        } else {
            pieces.push(line, self.look.base.patch(self.look.theme.code), range.start);
        }
        let shape = Shape {
            verbatim: true,
            ..self.barred(1)
        };
        self.push(&pieces, &shape, range.end);
    }

    fn text_line(&mut self, line: &str, range: Range<usize>) {
        let (quotes, begin) = quoted(line);
        let body = line.get(begin..).unwrap_or_default();
        let bullet = bullet(body).unwrap_or_default();
        let mut shape = self.barred(quotes);
        let mut begin = range.start + begin;
        if !bullet.is_empty() && shape.columns + bullet.len() + CLUSTER_COLUMNS <= self.room {
            // Further rows of a list's item stand below its text.
            shape
                .first
                .push(Span::styled(bullet.replace('*', "•"), self.look.theme.mark));
            shape.rest.push(Span::raw(" ".repeat(bullet.len())));
            shape.columns += bullet.len();
            begin += bullet.len();
        }
        let base = if quotes > 0 {
            self.look.base.patch(self.look.theme.quote)
        } else {
            self.look.base
        };
        let pieces = self.pieces(begin..range.end, base);
        self.push(&pieces, &shape, range.end);
    }

    /// What is shown of some bytes, with its styles.
    fn pieces(&mut self, range: Range<usize>, base: Style) -> Pieces {
        let mut pieces = Pieces::default();
        let mut start = range.start;
        while start < range.end {
            while let Some(border) = self
                .marks
                .borders
                .get(self.next)
                .filter(|border| border.at <= start)
            {
                if let Some(open) = self.open.get_mut(border.mark as usize) {
                    *open = if border.begins {
                        *open + 1
                    } else {
                        open.saturating_sub(1)
                    };
                }
                self.next += 1;
            }
            let end = self
                .marks
                .borders
                .get(self.next)
                .map_or(range.end, |border| border.at.min(range.end));
            if let Some(style) = self.style(base) {
                pieces.push(self.text.get(start..end).unwrap_or_default(), style, start);
            }
            start = end;
        }
        pieces
    }

    /// The style where the open marks are; none where nothing is shown.
    fn style(&self, base: Style) -> Option<Style> {
        let theme = self.look.theme;
        let is_open = |mark: Mark| self.open.get(mark as usize).is_some_and(|open| *open > 0);
        let mut style = base;
        for (mark, with) in [
            (Mark::Bold, Style::new().add_modifier(Modifier::BOLD)),
            (Mark::Italic, Style::new().add_modifier(Modifier::ITALIC)),
            (Mark::Struck, Style::new().add_modifier(Modifier::CROSSED_OUT)),
            (Mark::Code, theme.code),
            (Mark::Link, theme.link),
            (Mark::Mention, theme.mention),
        ] {
            if is_open(mark) {
                style = style.patch(with);
            }
        }
        (!is_open(Mark::Hidden)).then_some(style)
    }

    /// Rows behind so many bars, as far as there is room for them.
    fn barred(&self, bars: usize) -> Shape {
        let bars = bars.min(self.room.saturating_sub(CLUSTER_COLUMNS) / 2);
        let bar = match bars {
            0 => Vec::new(),
            _ => vec![Span::styled("│ ".repeat(bars), self.look.theme.mark)],
        };
        Shape {
            first: bar.clone(),
            rest: bar,
            columns: 2 * bars,
            verbatim: false,
        }
    }

    fn push(&mut self, pieces: &Pieces, shape: &Shape, typed_end: usize) {
        let left = self.rows_max.saturating_sub(self.rows.len());
        let rows = pieces.rows(shape, self.room, left);
        let whole = rows.len() < left;
        self.rows.extend(rows);
        if let Some(last) = self.rows.last_mut().filter(|_| whole) {
            last.typed_end = typed_end;
        }
    }
}

/// How many quotes a line is in, and at which byte what is quoted begins. `>_<` and `>text` are no quotes.
fn quoted(line: &str) -> (usize, usize) {
    let (mut quotes, mut begin) = (0, 0);
    let mut rest = line;
    while let Some(after) = rest.strip_prefix('>').filter(|_| quotes < QUOTES_MAX) {
        rest = after.strip_prefix(' ').unwrap_or(after);
        begin = line.len() - rest.len();
        quotes += 1;
        if !(after.is_empty() || after.starts_with([' ', '>'])) {
            return (0, 0);
        }
    }
    (quotes, begin)
}

/// The bullet or number with which a line of a list begins, with the space around it.
fn bullet(line: &str) -> Option<&str> {
    let sign = line.trim_start_matches(' ');
    let number = sign.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = sign.len() - number.len();
    let after = match digits {
        0 => sign.strip_prefix(['-', '*', '+'])?,
        1..=9 => number.strip_prefix(['.', ')'])?,
        _ => return None,
    };
    let text = after.trim_start_matches(' ');
    (text.len() < after.len())
        .then(|| line.get(..line.len() - text.len()))
        .flatten()
}

#[cfg(test)]
mod tests;
