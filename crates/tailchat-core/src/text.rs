//! What peers wrote, made safe to show: every screen, pipe and notice takes its text from here. Knows
//! characters; knows no screen, and changes nothing of what is stored.
//!
//! Three things are kept from a reader's terminal: what drives it (control characters), what makes it show
//! another text than the one written (bidirectional controls), and what cannot be seen at all (zero width,
//! fillers, tags). Each becomes a mark in plain letters, `<U+202E>`. The invisible characters that ordinary
//! writing needs stay where they mean something: a joiner inside an emoji family of up to four, in Arabic
//! script between letters and after an Indic virama, a variation selector after what it can vary.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Combining marks on one character; of further ones only their number is shown.
pub const MARKS_MAX: usize = 8;
/// Columns of a name as it is shown; the rest is cut off.
pub const NAME_COLUMNS_MAX: usize = 32;
/// Joiners in one emoji: the longest that people use, a couple with two skin tones, has three.
const EMOJI_JOINERS_MAX: usize = 3;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';

/// The text with a visible mark for everything that could drive a terminal, reorder its line or hide. Keeps
/// line breaks; a tab is four spaces. The same again changes nothing.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    {
        return Cow::Borrowed(text);
    }
    let mut shown = Shown::default();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        shown.push(c, rest.peek().copied());
    }
    shown.count_excess();
    Cow::Owned(shown.out)
}

/// A person's, a nick's or a room's name on one line: [`visible`], white space made single spaces, at most
/// [`NAME_COLUMNS_MAX`] columns. Never empty.
#[must_use]
pub fn name(text: &str) -> String {
    name_within(text, NAME_COLUMNS_MAX)
}

/// The same in at most so many columns, as something is to stand behind it.
#[must_use]
pub fn name_within(text: &str, columns_max: usize) -> String {
    let shown = visible(text);
    let mut line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "?".to_owned();
    }
    if let Some(end) = cut_at(&line, columns_max) {
        line.truncate(end);
        let kept = line
            .trim_end_matches([ZERO_WIDTH_JOINER, ZERO_WIDTH_NON_JOINER])
            .trim_end();
        line = format!("{kept}…");
    }
    line
}

/// Columns that a line of visible text takes.
#[must_use]
pub fn columns(line: &str) -> usize {
    line.width()
}

/// JSON with every character that [`visible`] may mark escaped, so that it reads back as it was written and
/// no terminal is driven by it on the way.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether a character drives a terminal, reorders a line or cannot be seen. Beside the controls it is
/// Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), the separators and the annotations.
fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c != '\n' && c.is_ascii_control();
    }
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The byte at which a line is cut so that it and an ellipsis fit; none if it fits whole.
fn cut_at(line: &str, columns_max: usize) -> Option<usize> {
    let mut apart = 0;
    let mut end = 0;
    for (at, c) in line.char_indices() {
        let behind = at + c.len_utf8();
        // A terminal that does not join an emoji shows all its parts; one that does may show a character wider for the
        // selector behind it.
        apart += c.width().unwrap_or(0);
        let columns = apart.max(line.get(..behind).map_or(0, UnicodeWidthStr::width));
        if columns > columns_max {
            return Some(end);
        }
        if columns < columns_max {
            end = behind;
        }
    }
    None
}

/// Text that is safe so far. Every decision looks at `out` as it ends and at the next character alone: that
/// makes the same again change nothing.
#[derive(Default)]
struct Shown {
    out: String,
    /// The last character, whatever its width.
    last: Option<char>,
    /// The last character that takes a column.
    base: Option<char>,
    /// Characters without a column after it.
    marks: usize,
    /// Marks left out after those.
    excess: usize,
    /// Joiners in the emoji that ends here.
    joiners: usize,
}

impl Shown {
    fn push(&mut self, c: char, next: Option<char>) {
        match c {
            '\r' if next == Some('\n') => {}
            '\t' => self.plain("    "),
            _ if is_hidden(c) && !self.has_meaning(c, next) => {
                self.plain(&format!("<U+{:04X}>", u32::from(c)));
            }
            _ if c != '\n' && c.width().unwrap_or(0) == 0 => self.mark(c),
            _ => self.character(c),
        }
    }

    /// Whether an invisible character does its work here.
    fn has_meaning(&self, c: char, next: Option<char>) -> bool {
        let (Some(last), 0) = (self.last, self.excess) else {
            return false;
        };
        match c {
            ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER if is_virama(last) => true,
            ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER if joins(last) => {
                next.is_some_and(|next| joins(next) && next.width() > Some(0))
            }
            ZERO_WIDTH_JOINER => {
                let after = if last == '\u{fe0f}' { self.base } else { Some(last) };
                after.is_some_and(is_emoji)
                    && next.is_some_and(|next| is_emoji(next) && !is_skin_tone(next))
                    && self.joiners < EMOJI_JOINERS_MAX
            }
            '\u{fe0e}' | '\u{fe0f}' if matches!(last, '0'..='9' | '#' | '*') => next == Some(KEYCAP),
            '\u{fe00}'..='\u{fe0f}' => is_emoji(last) || is_ideograph(last),
            '\u{e0100}'..='\u{e01ef}' => is_ideograph(last),
            '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(last, '\u{1820}'..='\u{18aa}'),
            _ => false,
        }
    }

    fn character(&mut self, c: char) {
        self.count_excess();
        if self.last != Some(ZERO_WIDTH_JOINER) {
            self.joiners = 0;
        }
        self.out.push(c);
        self.last = Some(c);
        self.base = Some(c);
        self.marks = 0;
    }

    fn mark(&mut self, c: char) {
        if self.marks >= MARKS_MAX {
            self.excess += 1;
            return;
        }
        self.marks += 1;
        self.joiners += usize::from(c == ZERO_WIDTH_JOINER);
        self.out.push(c);
        self.last = Some(c);
    }

    fn plain(&mut self, ascii: &str) {
        ascii.chars().for_each(|c| self.character(c));
    }

    fn count_excess(&mut self) {
        if self.excess > 0 {
            let note = format!("<+{} marks>", self.excess);
            self.excess = 0;
            self.plain(&note);
        }
    }
}

/// Letters and marks of scripts whose letters join: Arabic, Syriac, N'Ko, Mandaic, Mongolian.
fn joins(c: char) -> bool {
    matches!(c,
        '\u{620}'..='\u{77f}' | '\u{7c0}'..='\u{7ff}' | '\u{840}'..='\u{8ff}' | '\u{1820}'..='\u{18aa}')
}

/// Signs that take a consonant's vowel away; a joiner after one chooses the shape (RFC 5892, appendix A).
fn is_virama(c: char) -> bool {
    matches!(
        c,
        '\u{94d}'
            | '\u{9cd}'
            | '\u{a4d}'
            | '\u{acd}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{ccd}'
            | '\u{d4d}'
            | '\u{dca}'
            | '\u{1039}'
            | '\u{17d2}'
            | '\u{1b44}'
            | '\u{a8c4}'
            | '\u{a9c0}'
    )
}

/// Symbols that have a coloured shape or are close to some that have one.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{2fdf}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_drives_a_terminal_becomes_a_mark() {
        for (written, shown) in [
            ("\u{1b}[2J", "<U+001B>[2J"),
            ("\u{1b}]52;c;AAAA\u{7}", "<U+001B>]52;c;AAAA<U+0007>"),
            ("a\u{9b}31m", "a<U+009B>31m"),
            ("over\rwrite", "over<U+000D>write"),
            ("two\r\nlines", "two\nlines"),
            ("del\u{7f}", "del<U+007F>"),
            ("a\tb", "a    b"),
            ("gnp\u{202e}exe", "gnp<U+202E>exe"),
            ("\u{2066}x\u{2069}", "<U+2066>x<U+2069>"),
            ("a\u{2028}b", "a<U+2028>b"),
            ("\u{feff}a\u{200b}n\u{ad}n", "<U+FEFF>a<U+200B>n<U+00AD>n"),
            ("\u{e0041}", "<U+E0041>"),
            ("\u{3164}", "<U+3164>"),
        ] {
            assert_eq!(visible(written), shown);
        }
    }

    #[test]
    fn ordinary_writing_stays_as_it_is() {
        for text in [
            "plain\nlines",
            "Grüße, señor",
            "e\u{301}te\u{301}",
            "日本語 中文 한국어",
            "葛\u{e0100}城",
            "שלום",
            "می\u{200c}خواهم",
            "क्\u{200d}ष ശ്രീ",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦 👩🏽\u{200d}🚀 ❤\u{fe0f}\u{200d}🔥",
            "👩🏽\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏿",
            "1\u{fe0f}\u{20e3} 🇨🇭 ☺\u{fe0f}",
        ] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn an_invisible_character_stays_only_where_it_means_something() {
        for (written, shown) in [
            ("an\u{200d}n", "an<U+200D>n"),
            ("ann\u{200c}", "ann<U+200C>"),
            ("ann\u{fe0f}", "ann<U+FE0F>"),
            ("😀\u{200d}", "😀<U+200D>"),
            ("😀\u{fe0f}\u{fe0f}", "😀\u{fe0f}<U+FE0F>"),
            (
                "😀\u{200d}😀\u{200d}😀\u{200d}😀\u{200d}😀",
                "😀\u{200d}😀\u{200d}😀\u{200d}😀<U+200D>😀",
            ),
        ] {
            assert_eq!(visible(written), shown);
        }
    }

    #[test]
    fn a_pile_of_marks_is_cut_and_counted() {
        let pile = format!("z{}algo", "\u{300}".repeat(30));
        assert_eq!(
            visible(&pile),
            format!("z{}<+22 marks>algo", "\u{300}".repeat(MARKS_MAX))
        );
    }

    #[test]
    fn a_name_is_one_short_trimmed_line() {
        assert_eq!(name("  ann\n\n<bob>\tx "), "ann <bob> x");
        assert_eq!(name(" \n"), "?");
        assert_eq!(name(&"漢".repeat(16)), "漢".repeat(16));
        assert_eq!(name(&"漢".repeat(17)), format!("{}…", "漢".repeat(15)));
        assert_eq!(columns(&name(&"x".repeat(64))), NAME_COLUMNS_MAX);
        // One column for each heart and two with the selector behind it, or the other way round for a family.
        for wide in ["❤\u{fe0f}", "👩\u{200d}👩\u{200d}👦"] {
            let cut = name(&wide.repeat(20));
            let apart: usize = cut.chars().map(|c| c.width().unwrap_or(0)).sum();
            assert!(apart.max(columns(&cut)) <= NAME_COLUMNS_MAX, "{cut}");
        }
    }

    #[test]
    fn escaped_json_reads_back_as_it_was_written() {
        let text = "a\u{202e}b\u{9b}c\u{e0041}d\u{200d}";
        assert_eq!(escape_json(text), "a\\u202eb\\u009bc\\udb40\\udc41d\\u200d");
        assert_eq!(escape_json("{\"a\":\"ä😀\"}"), "{\"a\":\"ä😀\"}");
    }

    /// Text with more of what hurts than chance would bring.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            "[ -~\n\t\r]",
            prop::sample::select(vec![
                "\u{1b}[",
                "\u{9b}",
                "\u{7f}",
                "\u{200d}",
                "\u{200c}",
                "\u{fe0f}",
                "\u{20e3}",
                "\u{202e}",
                "\u{300}",
                "\u{300}\u{300}\u{300}\u{300}\u{300}",
                "😀",
                "❤",
                "🏽",
                "1",
                "ع",
                "\u{64b}",
                "क",
                "\u{94d}",
                "漢",
                "\u{e0100}",
                "\u{180b}",
                "\u{1820}",
                "\u{1160}",
                "\u{e0041}",
            ])
            .prop_map(str::to_owned),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_that_drives_or_reorders_is_left(text in hostile()) {
            let shown = visible(&text);
            let driving = |c: char| c.is_control() && c != '\n'
                || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e00ff}');
            let left = shown.chars().find(|c| driving(*c));
            prop_assert_eq!(left, None);
            let mut marks = 0;
            for c in shown.chars() {
                marks = if c.width() == Some(0) { marks + 1 } else { 0 };
                prop_assert!(marks <= MARKS_MAX);
            }
        }

        #[test]
        fn the_same_again_changes_nothing(text in hostile()) {
            let once = visible(&text).into_owned();
            prop_assert_eq!(visible(&once), once.as_str());
            let named = name(&text);
            prop_assert_eq!(name(&named), named.as_str());
            prop_assert!(named.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() <= NAME_COLUMNS_MAX);
            prop_assert!(columns(&named) <= NAME_COLUMNS_MAX);
            prop_assert!(!named.contains('\n'));
        }

        #[test]
        fn letters_of_any_script_stay_as_they_are(text in r"[\p{L}\p{N} \n]{0,40}") {
            let has_column = |c: &char| *c == '\n' || c.width() > Some(0) && !is_hidden(*c);
            let text: String = text.chars().filter(has_column).collect();
            prop_assert_eq!(visible(&text), text.as_str());
        }
    }
}
