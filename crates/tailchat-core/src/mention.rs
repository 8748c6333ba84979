//! Whom a message names: `@name`. Knows characters; knows nothing of who is in a room.

use std::ops::Range;

use crate::limits::MENTIONS_MAX;

/// The beginnings of the names that a text may mention, lower case and without doubles: the word behind each `@` that
/// begins a word, at most [`MENTIONS_MAX`]; of further ones nothing is known.
#[must_use]
pub fn mentioned(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (_, rest) in marks(text) {
        let key = key(rest);
        if !key.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
        if keys.len() == MENTIONS_MAX {
            break;
        }
    }
    keys
}

/// What [`mentioned`] has of a text that mentions this name: the name's first word in lower case.
#[must_use]
pub fn key(name: &str) -> String {
    let word = name.chars().take_while(|c| is_of_word(*c));
    word.flat_map(char::to_lowercase).collect()
}

/// Whether a text has `@` and this name, as words, in whatever case.
#[must_use]
pub fn mentions(text: &str, name: &str) -> bool {
    places(text, name).next().is_some()
}

/// Where a text has `@` and this name, as bytes of the text, the `@` included.
pub fn places<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let marks = marks(text).filter(|_| !name.is_empty());
    marks.filter_map(|(at, rest)| Some(at..at + 1 + begins_with(rest, name)?))
}

/// Every `@` that begins a word, with where it is and what follows it.
fn marks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('@').filter_map(|(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        let rest = text.get(at + 1..)?;
        (!before.is_some_and(is_of_word)).then_some((at, rest))
    })
}

/// How many bytes of the text are the name, if it begins with it.
fn begins_with(text: &str, name: &str) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in name.chars() {
        let c = rest.next()?;
        if !c.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    let mut behind = rest.as_str().chars();
    let ends = match behind.next() {
        // "@ann-marie" is not ann, "@ann-" and "@ann." are.
        Some('-' | '.') => !behind.next().is_some_and(is_of_word),
        Some(c) => !is_of_word(c),
        None => true,
    };
    ends.then_some(text.len() - rest.as_str().len())
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_a_word_in_any_case() {
        for text in [
            "@ann",
            "hi @Ann, there",
            "(@ann)",
            "@ann's",
            "@ann.",
            "@ann-",
            "@ann\n@bob",
        ] {
            assert!(mentions(text, "ann"), "{text}");
            assert!(mentioned(text).contains(&key("ann")), "{text}");
        }
        for text in ["ann", "@anna", "x@ann", "@ ann", "@ann-marie", "@ann.smith", "@"] {
            assert!(!mentions(text, "ann"), "{text}");
        }
        assert!(mentions("@Ann Marie!", "ann marie"));
        assert!(mentions("ask @ÉVA", "éva"));
        assert!(!mentions("@", ""));
    }

    #[test]
    fn where_a_name_stands_is_told_with_its_sign() {
        let text = "@Ann, @anna and @ÉVA @ann-x (@ann)";
        let found: Vec<&str> = places(text, "ann").map(|place| &text[place]).collect();
        assert_eq!(found, ["@Ann", "@ann"]);
        assert_eq!(
            places(text, "éva").map(|place| &text[place]).collect::<Vec<_>>(),
            ["@ÉVA"]
        );
    }

    #[test]
    fn whoever_is_mentioned_is_found_by_the_key_of_the_name() {
        for (text, name) in [
            ("@Ann-Marie", "ann-marie"),
            ("@ann marie", "Ann Marie"),
            ("@İo", "İo"),
        ] {
            assert!(mentions(text, name));
            assert!(mentioned(text).contains(&key(name)), "{text}");
        }
        assert_eq!(mentioned("@a @b @A mail@c @-"), ["a", "b"]);
        assert_eq!(mentioned(&"@x".repeat(9)), ["x"]);
    }

    #[test]
    fn a_text_full_of_names_gives_so_many_and_no_more() {
        let text: String = (0..10_000).map(|n| format!("@n{n} ")).collect();
        assert_eq!(mentioned(&text).len(), MENTIONS_MAX);
    }
}
