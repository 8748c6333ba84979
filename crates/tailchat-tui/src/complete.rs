//! What a word may become: names, commands with their arguments, emoji, and the rooms of the quick switch. Knows
//! words; knows no key and no room but by its name.

use crate::composer::Word;
use crate::slash::{self, Names};

/// Candidates that are offered at most.
pub const OFFERS_MAX: usize = 50;

/// What the words of an input may become.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary<'a> {
    /// The people of the room, those who wrote last first.
    pub names: &'a [String],
    /// The room's members who are not ignored, but the reader.
    pub heard: &'a [String],
    /// Those who are.
    pub ignored: &'a [String],
    /// The names of the rooms.
    pub rooms: &'a [String],
}

/// A completion under way: the word as it was typed and what it may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    offers: Vec<Offer>,
    chosen: usize,
}

/// What a word may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What stands in the text then.
    pub word: String,
    /// What is shown beside it: an emoji, what a command does; may be empty.
    pub note: String,
}

impl Completion {
    /// What the word before the cursor may become; `line` is the text up to the cursor. None if nothing is known.
    #[must_use]
    pub fn of(line: &str, word: &Word<'_>, vocabulary: &Vocabulary<'_>) -> Option<Self> {
        let mut offers = match word.text.strip_prefix(':') {
            Some(code) if !code.is_empty() => emoji(code),
            _ if word.first && word.text.starts_with('/') => commands(word.text),
            _ if line.starts_with('/') && !line.starts_with("//") => arguments(line, word, vocabulary),
            _ => names(word, vocabulary.names),
        };
        offers.truncate(OFFERS_MAX);
        (!offers.is_empty()).then_some(Self { offers, chosen: 0 })
    }

    /// All that is offered.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// Which of them is chosen.
    #[must_use]
    pub fn chosen(&self) -> usize {
        self.chosen
    }

    /// The word that is to stand in the text now.
    #[must_use]
    pub fn word(&self) -> &str {
        self.offers.get(self.chosen).map_or("", |offer| &offer.word)
    }

    /// Goes to the next offer, or to the one before; round and round.
    pub fn turn(&mut self, forwards: bool) {
        let len = self.offers.len().max(1);
        let step = if forwards { 1 } else { len - 1 };
        self.chosen = (self.chosen + step) % len;
    }
}

/// The emoji of `:tea:`.
#[must_use]
pub fn emoji_named(typed: &str) -> Option<&'static str> {
    let code = typed.strip_prefix(':')?.strip_suffix(':')?;
    emojis::get_by_shortcode(&code.to_ascii_lowercase()).map(emojis::Emoji::as_str)
}

fn emoji(code: &str) -> Vec<Offer> {
    // `:tea:` typed whole is that one.
    let whole = code.strip_suffix(':').filter(|code| !code.is_empty());
    if let Some(whole) = whole {
        let found = emojis::get_by_shortcode(&whole.to_ascii_lowercase());
        return found
            .iter()
            .map(|emoji| offer(emoji.as_str(), emoji.name()))
            .collect();
    }
    let codes = emojis::iter().flat_map(|emoji| emoji.shortcodes().map(move |code| (code, emoji)));
    let mut found: Vec<(u32, &str, &emojis::Emoji)> = codes
        .filter_map(|(known, emoji)| Some((fuzzy(code, known)?, known, emoji)))
        .collect();
    found.sort_by_key(|(score, known, _)| (std::cmp::Reverse(*score), known.len()));
    found
        .into_iter()
        .map(|(_, known, emoji)| offer(emoji.as_str(), &format!(":{known}:")))
        .collect()
}

fn commands(word: &str) -> Vec<Offer> {
    let begun = word.trim_start_matches('/').to_lowercase();
    let known = slash::COMMANDS
        .iter()
        .filter(|command| command.name.starts_with(&begun));
    known
        .map(|command| {
            let space = if command.form.is_empty() { "" } else { " " };
            offer(&format!("/{}{space}", command.name), command.help)
        })
        .collect()
}

/// Arguments of a command: the rooms where one is wanted, the words that it knows, else names.
fn arguments(line: &str, word: &Word<'_>, vocabulary: &Vocabulary<'_>) -> Vec<Offer> {
    let command = line
        .trim_start_matches('/')
        .split_whitespace()
        .next()
        .and_then(slash::command);
    let Some(command) = command else { return Vec::new() };
    let begun = word.text.to_lowercase();
    let words = command
        .words
        .iter()
        .filter(|known| known.starts_with(&begun))
        .map(|known| offer(known, ""));
    let rooms = vocabulary
        .rooms
        .iter()
        .filter(|room| room.to_lowercase().starts_with(&begun))
        .map(|room| offer(room, ""));
    let named = match command.names {
        Names::Rooms => rooms.collect(),
        Names::People => names(word, vocabulary.names),
        Names::Heard => names(word, vocabulary.heard),
        Names::Ignored => names(word, vocabulary.ignored),
    };
    words.chain(named).collect()
}

/// Names that begin so, in any case. The first word of a text addresses, `@ann: `: only behind an `@` a name mentions.
fn names(word: &Word<'_>, known: &[String]) -> Vec<Offer> {
    let typed = word.text.strip_prefix('@');
    let begun = typed.unwrap_or(word.text).to_lowercase();
    let at = if word.first || typed.is_some() { "@" } else { "" };
    let end = if word.first { ": " } else { " " };
    let fitting = known
        .iter()
        .filter(|name| name.to_lowercase().starts_with(&begun));
    fitting
        .map(|name| offer(&format!("{at}{name}{end}"), ""))
        .collect()
}

fn offer(word: &str, note: &str) -> Offer {
    Offer {
        word: word.to_owned(),
        note: note.to_owned(),
    }
}

/// How well a few typed letters fit a text, in any case: they must all be there in their order. More for letters that
/// stand together, at the beginning and at the beginnings of words; none if they do not fit.
#[must_use]
pub fn fuzzy(typed: &str, text: &str) -> Option<u32> {
    let letters: Vec<char> = text.chars().collect();
    let lower: Vec<char> = letters
        .iter()
        .map(|c| c.to_lowercase().next().unwrap_or(*c))
        .collect();
    let typed: Vec<char> = typed
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let Some(first) = typed.first() else {
        return Some(1);
    };
    // Each place where the first letter stands is a beginning; the best of them counts.
    let begins = lower
        .iter()
        .enumerate()
        .filter(|(_, c)| *c == first)
        .map(|(at, _)| at)
        .take(BEGINNINGS_MAX);
    let best = begins
        .filter_map(|begin| fit(&typed, &letters, &lower, begin))
        .max()?;
    let rest = u32::try_from(lower.len())
        .unwrap_or(u32::MAX)
        .min(LENGTH_COUNTS_MAX);
    Some(best + LENGTH_COUNTS_MAX - rest)
}

/// Places at which a fit is tried to begin.
const BEGINNINGS_MAX: usize = 16;
/// Of two texts that fit as well the shorter one is better, up to this length.
const LENGTH_COUNTS_MAX: u32 = 64;

fn fit(typed: &[char], letters: &[char], lower: &[char], begin: usize) -> Option<u32> {
    let mut score = 0;
    let mut at = begin;
    let mut last = None;
    for wanted in typed {
        let found = at + lower.get(at..)?.iter().position(|c| c == wanted)?;
        let before = found.checked_sub(1).and_then(|before| letters.get(before));
        let begins_word = before.is_none_or(|before| {
            !before.is_alphanumeric()
                || before.is_lowercase() && letters.get(found).is_some_and(|c| c.is_uppercase())
        });
        score += match (last, found) {
            (_, 0) => 400,
            (Some(last), found) if found == last + 1 => 300,
            _ if begins_word => 250,
            _ => 100,
        };
        last = Some(found);
        at = found + 1;
    }
    Some(score)
}

/// The texts that fit what was typed, the best first, as their places in the list; all in their order if nothing was.
#[must_use]
pub fn ranked<'a>(typed: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let mut found: Vec<(usize, u32)> = texts
        .into_iter()
        .enumerate()
        .filter_map(|(at, text)| Some((at, fuzzy(typed, text)?)))
        .collect();
    if !typed.trim().is_empty() {
        found.sort_by_key(|(at, score)| (std::cmp::Reverse(*score), *at));
    }
    found.into_iter().map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composer::Composer;
    use proptest::prelude::*;

    fn offered(typed: &str) -> Vec<String> {
        let names = ["ann", "Anders", "bob", "Äänna"].map(str::to_owned);
        let rooms = ["kitchen", "kites", "builds"].map(str::to_owned);
        let vocabulary = Vocabulary {
            names: &names,
            heard: &names[..3],
            ignored: &names[2..3],
            rooms: &rooms,
        };
        let mut composer = Composer::default();
        composer.set(typed).unwrap();
        let word = composer.word();
        let completion = word.and_then(|word| Completion::of(composer.text(), &word, &vocabulary));
        completion
            .map(|found| found.offers().iter().map(|offer| offer.word.clone()).collect())
            .unwrap_or_default()
    }

    #[test]
    fn a_word_becomes_what_is_known() {
        for (typed, words) in [
            ("an", vec!["@ann: ", "@Anders: "]),
            ("@an", vec!["@ann: ", "@Anders: "]),
            ("hi an", vec!["ann ", "Anders "]),
            ("hi @AN", vec!["@ann ", "@Anders "]),
            ("ää", vec!["@Äänna: "]),
            ("/qu", vec!["/quit"]),
            ("/jo", vec!["/join "]),
            ("/leave ki", vec!["kitchen", "kites"]),
            ("/leave kitchen --f", vec!["--forget"]),
            ("/peers a", vec!["add", "ann ", "Anders "]),
            ("/me waves at b", vec!["bob "]),
            ("/ignore a", vec!["ann ", "Anders "]),
            ("/unignore ", vec![]),
            ("/unignore b", vec!["bob "]),
            ("//b", vec![]),
            (":teapot:", vec!["🫖"]),
            ("xyz", vec![]),
            ("hi ", vec![]),
            (":", vec![]),
            (":)", vec![]),
        ] {
            assert_eq!(offered(typed), words, "{typed}");
        }
        assert_eq!(offered(":rocke").first().map(String::as_str), Some("🚀"));
        assert_eq!(offered("so :tad").first().map(String::as_str), Some("🎉"));
    }

    #[test]
    fn tab_goes_round() {
        let offers = ["a", "b", "c"].map(|word| offer(word, "")).to_vec();
        let mut completion = Completion { offers, chosen: 0 };
        for (forwards, word) in [(true, "b"), (true, "c"), (true, "a"), (false, "c")] {
            completion.turn(forwards);
            assert_eq!(completion.word(), word);
        }
    }

    #[test]
    fn the_quick_switch_finds_what_was_meant() {
        let rooms = ["kitchen", "backend-tests", "Kite Surfing", "tea time", "tests"];
        for (typed, best) in [
            ("kit", 0),
            ("bt", 1),
            ("ks", 2),
            ("tt", 3),
            ("tests", 4),
            ("TEA", 3),
        ] {
            assert_eq!(ranked(typed, rooms).first(), Some(&best), "{typed}");
        }
        assert_eq!(ranked("", rooms), [0, 1, 2, 3, 4]);
        assert_eq!(ranked("zz", rooms), Vec::<usize>::new());
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_best(text in "[a-zé日][a-zé日 -]{0,20}", more in "[a-z]{1,5}") {
            let longer = format!("{more}{text}");
            prop_assert!(fuzzy(&text, &text) >= fuzzy(&text, &longer));
            prop_assert!(fuzzy(&text, &text).is_some());
        }
    }
}
