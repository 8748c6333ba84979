//! Words in a text, as the search's tokenizer sees them: which characters are letters and what they fold to is asked
//! of the tokenizer itself, once for each character, so that both are the same by construction. Knows no lines and no
//! questions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use rusqlite::{Connection, params};

use crate::error::{Doing, IndexError};
use crate::schema::TOKENIZER;

/// Characters that are remembered. A text that has more of them than that, all different, makes the others be asked
/// again.
const KNOWN_MAX: usize = 65_536;

/// What a character is to the tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    /// No part of any word.
    Gap,
    /// Within a word it is passed over: an accent.
    Silent,
    /// Part of a word, as this.
    As(char),
}

/// What is known of characters.
pub(crate) struct Letters {
    /// A search of its own, in memory, with nothing in it but the character that is asked about.
    tokenizer: Connection,
    known: RefCell<HashMap<char, Letter>>,
}

/// The words of a text.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// All of them, folded, one after the other.
    folded: String,
    /// Of each: where it stands in the text, and in `folded`.
    at: Vec<(Range<usize>, Range<usize>)>,
}

impl Words {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let folded = |(_, at): &(Range<usize>, Range<usize>)| self.folded.get(at.clone()).unwrap_or_default();
        self.at.iter().map(folded)
    }

    /// Where in the text the words from `first` on stand, `count` of them.
    pub(crate) fn span(&self, first: usize, count: usize) -> Option<Range<usize>> {
        let last = first.checked_add(count)?.checked_sub(1)?;
        Some(self.at.get(first)?.0.start..self.at.get(last)?.0.end)
    }

    fn clear(&mut self) {
        self.folded.clear();
        self.at.clear();
    }

    fn push(&mut self, text: Range<usize>, folded_from: usize) {
        self.at.push((text, folded_from..self.folded.len()));
    }
}

impl Letters {
    pub(crate) fn new() -> Result<Self, IndexError> {
        let tokenizer = Connection::open_in_memory().doing("ask its tokenizer")?;
        let tables = format!(
            "CREATE VIRTUAL TABLE word USING fts5 (text, content = '', tokenize = '{TOKENIZER}');
             CREATE VIRTUAL TABLE term USING fts5vocab (word, instance);"
        );
        tokenizer.execute_batch(&tables).doing("ask its tokenizer")?;
        Ok(Self {
            tokenizer,
            known: RefCell::default(),
        })
    }

    /// Finds the words of a text. `words` is overwritten.
    pub(crate) fn read(&self, text: &str, words: &mut Words) -> Result<(), IndexError> {
        words.clear();
        let mut open: Option<(usize, usize)> = None;
        for (at, c) in text.char_indices() {
            match self.letter(c)? {
                Letter::As(_) if stands_alone(c) => {
                    if let Some((from, folded)) = open.take() {
                        words.push(from..at, folded);
                    }
                    let folded = words.folded.len();
                    words.folded.push(c);
                    words.push(at..at + c.len_utf8(), folded);
                }
                Letter::As(folded) => {
                    open.get_or_insert((at, words.folded.len()));
                    words.folded.push(folded);
                }
                Letter::Silent if open.is_some() => {}
                Letter::Silent | Letter::Gap => {
                    if let Some((from, folded)) = open.take() {
                        words.push(from..at, folded);
                    }
                }
            }
        }
        if let Some((from, folded)) = open {
            words.push(from..text.len(), folded);
        }
        Ok(())
    }

    fn letter(&self, c: char) -> Result<Letter, IndexError> {
        if c.is_ascii() {
            return Ok(match c.is_ascii_alphanumeric() {
                true => Letter::As(c.to_ascii_lowercase()),
                false => Letter::Gap,
            });
        }
        if let Some(letter) = self.known.borrow().get(&c) {
            return Ok(*letter);
        }
        let letter = self.ask(c)?;
        let mut known = self.known.borrow_mut();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(c, letter);
        Ok(letter)
    }

    fn ask(&self, c: char) -> Result<Letter, IndexError> {
        let doing = "ask its tokenizer";
        let mut forget = self
            .tokenizer
            .prepare_cached("INSERT INTO word (word) VALUES ('delete-all')")
            .doing(doing)?;
        forget.execute([]).doing(doing)?;
        let order = "INSERT INTO word (rowid, text) VALUES (1, ?)";
        let mut tell = self.tokenizer.prepare_cached(order).doing(doing)?;
        tell.execute(params![format!("a{c}b")]).doing(doing)?;
        let query = "SELECT term FROM term ORDER BY offset";
        let mut ask = self.tokenizer.prepare_cached(query).doing(doing)?;
        let terms = ask.query_map([], |row| row.get::<_, String>(0)).doing(doing)?;
        let terms = terms.collect::<Result<Vec<_>, _>>().doing(doing)?;
        let [whole] = &terms[..] else {
            return Ok(Letter::Gap);
        };
        let between = whole.strip_prefix('a').and_then(|rest| rest.strip_suffix('b'));
        Ok(between
            .and_then(|folded| folded.chars().next())
            .map_or(Letter::Silent, Letter::As))
    }
}

/// Whether a character is a word of its own: in scripts that put no spaces between words, any piece of a run may be
/// one. Of other scripts nothing changes, so the search does not grow with them.
fn stands_alone(c: char) -> bool {
    matches!(c,
        // Thai, Lao
        '\u{e00}'..='\u{eff}'
        // Myanmar
        | '\u{1000}'..='\u{109f}'
        // Khmer
        | '\u{1780}'..='\u{17ff}'
        // Kana, Bopomofo
        | '\u{3040}'..='\u{312f}' | '\u{31a0}'..='\u{31ff}'
        // Han
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
        // Hangul syllables
        | '\u{ac00}'..='\u{d7a3}'
        // Kana of half width
        | '\u{ff66}'..='\u{ff9f}'
    )
}

/// The text as the tokenizer is given it, so that it splits where [`Letters::read`] does; none if that is the text
/// as it is.
pub(crate) fn spread(text: &str) -> Option<String> {
    if !text.chars().any(stands_alone) {
        return None;
    }
    let mut spread = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if stands_alone(c) {
            spread.extend([' ', c, ' ']);
        } else {
            spread.push(c);
        }
    }
    Some(spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(letters: &Letters, text: &str) -> Vec<String> {
        let mut words = Words::default();
        letters.read(text, &mut words).unwrap();
        words.iter().map(str::to_owned).collect()
    }

    /// What the tokenizer makes of a whole text.
    fn told(text: &str) -> Vec<String> {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(&format!(
            "CREATE VIRTUAL TABLE word USING fts5 (text, content = '', tokenize = '{TOKENIZER}');
             CREATE VIRTUAL TABLE term USING fts5vocab (word, instance);"
        ))
        .unwrap();
        let given = spread(text).unwrap_or_else(|| text.to_owned());
        db.execute("INSERT INTO word (rowid, text) VALUES (1, ?)", [given])
            .unwrap();
        let mut query = db.prepare("SELECT term FROM term ORDER BY offset").unwrap();
        let terms = query.query_map([], |row| row.get(0)).unwrap();
        terms.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_run_without_spaces_is_a_word_for_each_character() {
        let letters = Letters::new().unwrap();
        assert_eq!(
            read(&letters, "v2会議です ok"),
            ["v2", "会", "議", "で", "す", "ok"]
        );
        assert_eq!(read(&letters, "Ärger, naïve!"), ["arger", "naive"]);
        assert_eq!(read(&letters, "a\u{301}b \u{301} Ω"), ["ab", "ω"]);
    }

    #[test]
    fn a_word_is_told_where_it_stands() {
        let letters = Letters::new().unwrap();
        let mut words = Words::default();
        let text = "one, Zwölf 会議";
        letters.read(text, &mut words).unwrap();
        let at = |first, count| &text[words.span(first, count).unwrap()];
        assert_eq!((at(1, 1), at(2, 2), at(0, 2)), ("Zwölf", "会議", "one, Zwölf"));
        assert_eq!(words.span(3, 2), None);
        assert_eq!(words.span(0, 0), None);
    }

    proptest! {
        #[test]
        fn words_are_what_the_tokenizer_makes_of_them(
            text in "(\\PC|[a-cÄé ]|\u{301}|[会議はกา각]|\u{0}|\u{e000}){0,24}",
        ) {
            let letters = Letters::new().unwrap();
            prop_assert_eq!(read(&letters, &text), told(&text));
        }

        #[test]
        fn what_is_folded_stays_as_it_is(c in any::<char>()) {
            let letters = Letters::new().unwrap();
            for word in read(&letters, &c.to_string()) {
                prop_assert_eq!(read(&letters, &word), [word.clone()]);
            }
        }
    }
}
