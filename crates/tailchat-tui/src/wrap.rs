//! Where a line of text breaks into rows of a screen, and how many columns it takes. Knows grapheme clusters and
//! columns, neither styles nor cursors.
//!
//! Columns are those that are drawn: the sum over grapheme clusters, each as wide as ratatui takes it to be.

use std::ops::Range;

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// Columns that a line takes when it is drawn.
pub(crate) fn columns(line: &str) -> usize {
    if line.is_ascii() {
        return line.len();
    }
    line.graphemes(true).map(wide).sum()
}

/// Columns that a grapheme cluster takes when it is drawn; a control character is not drawn.
pub(crate) fn wide(grapheme: &str) -> usize {
    match grapheme.as_bytes() {
        [byte] => usize::from(!byte.is_ascii_control()),
        _ => usize::from(grapheme.cell_width()),
    }
}

/// The rows of a line without line breaks, as byte ranges that together are the line. A row has room for `width`
/// columns; white space at a row's end may stand beyond that by `hang` columns, and
/// what stands further is on the next row. A row that has room for nothing takes one character all the same. Of more
/// than `most` rows at least so many are given, and the rest is not looked at.
pub(crate) fn rows(line: &str, width: usize, hang: usize, most: usize) -> Vec<Range<usize>> {
    if fits(line, width) {
        let whole = 0..line.len();
        return vec![whole];
    }
    let mut breaker = Breaker {
        rows: Vec::new(),
        start: 0,
        used: 0,
        room: width,
        chance: None,
        loose: false,
    };
    for (at, grapheme) in line.grapheme_indices(true) {
        breaker.take(at, grapheme, hang);
        if breaker.rows.len() >= most {
            return breaker.rows;
        }
    }
    breaker.rows.push(breaker.start..line.len());
    breaker.rows
}

/// The rows of a line that may break anywhere, as byte ranges that together are the line.
pub(crate) fn cells(line: &str, width: usize) -> Vec<Range<usize>> {
    if fits(line, width) {
        let whole = 0..line.len();
        return vec![whole];
    }
    let mut rows = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (at, grapheme) in line.grapheme_indices(true) {
        let wide = wide(grapheme);
        if used + wide > width && at > start {
            rows.push(start..at);
            (start, used) = (at, 0);
        }
        used += wide;
    }
    rows.push(start..line.len());
    rows
}

/// Whether a line is surely not too wide: cheap, and true for most lines.
fn fits(line: &str, width: usize) -> bool {
    line.len() <= width && line.is_ascii()
}

struct Breaker {
    rows: Vec<Range<usize>>,
    start: usize,
    /// Columns of the row so far.
    used: usize,
    /// Columns that a row has room for.
    room: usize,
    /// Where the row may break, and its columns up to there.
    chance: Option<(usize, usize)>,
    /// Whether a row may break after the last character: a space, or one of two columns (CJK, emoji).
    loose: bool,
}

impl Breaker {
    fn take(&mut self, at: usize, grapheme: &str, hang: usize) {
        let wide = wide(grapheme);
        let space = grapheme == " ";
        if !space && (self.loose || wide > 1) && at > self.start && !closes(grapheme) {
            self.chance = Some((at, self.used));
        }
        let room = if space {
            self.room.saturating_add(hang)
        } else {
            self.room
        };
        if self.used + wide > room && at > self.start {
            match self.chance.filter(|_| !space) {
                Some((chance, used)) => self.break_at(chance, self.used.saturating_sub(used)),
                None => self.break_at(at, 0),
            }
            // A word that is longer than a row breaks wherever the row ends.
            if self.used + wide > self.room && self.start < at {
                self.break_at(at, 0);
            }
        }
        self.used += wide;
        self.loose = space || wide > 1;
    }

    fn break_at(&mut self, at: usize, used: usize) {
        self.rows.push(self.start..at);
        self.start = at;
        self.used = used;
        self.chance = None;
    }
}

/// Punctuation of two columns that belongs to what stands before it.
fn closes(grapheme: &str) -> bool {
    grapheme.chars().next().is_some_and(|c| {
        c.width() == Some(2)
            && matches!(
                c,
                '、' | '。' | '，' | '．' | '！' | '？' | '：' | '；' | '）' | '」' | '』' | '】' | '》'
            )
    })
}

/// Words as lines of a width.
pub(crate) fn words(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(line: &str, width: usize) -> Vec<&str> {
        rows(line, width, 0, usize::MAX)
            .into_iter()
            .map(|row| &line[row])
            .collect()
    }

    #[test]
    fn a_line_breaks_after_spaces() {
        assert_eq!(shown("the quick brown fox", 10), ["the quick ", "brown fox"]);
        assert_eq!(shown("", 10), [""]);
        assert_eq!(shown("0123456789", 10), ["0123456789"]);
    }

    #[test]
    fn a_word_longer_than_a_row_breaks() {
        assert_eq!(shown("ab 0123456789", 5), ["ab ", "01234", "56789"]);
    }

    #[test]
    fn characters_of_two_columns_break_between_each_other() {
        assert_eq!(shown("日本語の文字", 5), ["日本", "語の", "文字"]);
        assert_eq!(shown("ab日本", 5), ["ab日", "本"]);
        assert_eq!(shown("日本。", 5), ["日", "本。"]);
        assert_eq!(
            shown("👩\u{200d}🚀👩\u{200d}🚀", 2),
            ["👩\u{200d}🚀", "👩\u{200d}🚀"]
        );
        assert_eq!(shown("日", 1), ["日"]);
    }

    #[test]
    fn verbatim_lines_break_anywhere() {
        let shown = |line: &'static str, width| -> Vec<&str> {
            cells(line, width).into_iter().map(|row| &line[row]).collect()
        };
        assert_eq!(shown("ab cd ef", 3), ["ab ", "cd ", "ef"]);
        assert_eq!(shown("日本語", 3), ["日", "本", "語"]);
        assert_eq!(shown("日", 1), ["日"]);
        assert_eq!(shown("", 3), [""]);
    }

    #[test]
    fn spaces_may_hang_over_the_edge() {
        let hanging = |line: &str| rows(line, 5, 1, usize::MAX).len();
        assert_eq!(hanging("12345 "), 1);
        assert_eq!(hanging("12345  "), 2);
        assert_eq!(shown("12345 6", 5), ["12345", " 6"]);
    }

    #[test]
    fn columns_are_those_that_are_drawn() {
        for (line, wide) in [
            ("abc", 3),
            ("日本", 4),
            ("e\u{301}", 1),
            ("👩\u{200d}🚀", 2),
            ("🇨🇭", 2),
            ("", 0),
        ] {
            assert_eq!(columns(line), wide, "{line}");
        }
    }

    proptest! {
        #[test]
        fn rows_are_the_line_and_none_is_too_wide(
            line in "([a-z]{0,9}| {0,3}|[日本語。]|e\u{301}|👩\u{200d}🚀|🇨🇭){0,20}", width in 1usize..12,
        ) {
            let whole = rows(&line, width, 1, usize::MAX);
            let most = whole.len() / 2;
            let cut = rows(&line, width, 1, most);
            prop_assert!(cut.len() >= most && whole.starts_with(&cut));
            let rows = whole;
            prop_assert_eq!(rows.iter().map(|row| &line[row.clone()]).collect::<String>(), line.clone());
            for row in &rows {
                let text = &line[row.clone()];
                let alone = text.graphemes(true).count() <= 1;
                prop_assert!(columns(text.strip_suffix(' ').unwrap_or(text)) <= width || alone, "{text:?} in {width}");
                prop_assert!(rows.len() == 1 || !text.is_empty());
            }
        }
    }
}
