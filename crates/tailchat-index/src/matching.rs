//! Whether a text has what is looked for, and where. The same as the search's tree says of it, for lines that are not
//! in it yet and for what stands out. Knows texts and words, no lines and no tables.

use std::ops::Range;

use crate::error::IndexError;
use crate::letters::{Letters, Words};

/// A word or several in a row, or what is no word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Folded.
    pub(crate) words: Vec<String>,
    /// Looked for as it is, where it has no words: signs, emoji.
    sign: String,
    /// Whether the last word may go on.
    pub(crate) prefix: bool,
    /// Whether it must not be there.
    pub(crate) not: bool,
}

impl Wanted {
    pub(crate) fn new(letters: &Letters, text: &str, prefix: bool, not: bool) -> Result<Self, IndexError> {
        let mut words = Words::default();
        letters.read(text, &mut words)?;
        let words: Vec<_> = words.iter().map(str::to_owned).collect();
        let sign = if words.is_empty() { text.trim() } else { "" };
        Ok(Self {
            prefix: prefix && !words.is_empty(),
            sign: sign.to_owned(),
            words,
            not,
        })
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.sign.is_empty()
    }

    /// Where it is in a text with these words.
    pub(crate) fn places(&self, text: &str, words: &Words) -> Vec<Range<usize>> {
        if self.words.is_empty() {
            let places = text.match_indices(&self.sign);
            return places.map(|(at, sign)| at..at + sign.len()).collect();
        }
        let count = self.words.len();
        let starts = 0..(words.iter().len() + 1).saturating_sub(count);
        let here = starts.filter(|first| self.is_at(*first, words));
        here.filter_map(|first| words.span(first, count)).collect()
    }

    /// Whether it is in a text with these words.
    pub(crate) fn is_in(&self, text: &str, words: &Words) -> bool {
        if self.words.is_empty() {
            return text.contains(&self.sign);
        }
        (0..(words.iter().len() + 1).saturating_sub(self.words.len())).any(|first| self.is_at(first, words))
    }

    /// Whether the words begin with it.
    pub(crate) fn leads(&self, words: &Words) -> bool {
        !self.words.is_empty() && self.is_at(0, words)
    }

    fn is_at(&self, first: usize, words: &Words) -> bool {
        let last = self.words.len() - 1;
        let mut there = words.iter().skip(first);
        self.words.iter().enumerate().all(|(at, wanted)| {
            there.next().is_some_and(|word| {
                word == wanted || at == last && self.prefix && word.starts_with(wanted.as_str())
            })
        })
    }

    /// As the search's tree is asked: every word in quotes, and a word has none in it.
    pub(crate) fn phrase(&self) -> String {
        let star = if self.prefix { " *" } else { "" };
        format!("\"{}\"{star}", self.words.join(" "))
    }
}

/// Whether a text has a link to somewhere.
pub(crate) fn has_link(text: &str) -> bool {
    let before = |at: usize, scheme: &str| {
        let bytes = text.as_bytes().get(..at).unwrap_or_default();
        bytes.to_ascii_lowercase().ends_with(scheme.as_bytes())
    };
    text.match_indices("://")
        .any(|(at, _)| before(at, "http") || before(at, "https"))
}

/// One after the other, none within another.
pub(crate) fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &str, prefix: bool, text: &str) -> Vec<String> {
        let letters = Letters::new().unwrap();
        let mut words = Words::default();
        letters.read(text, &mut words).unwrap();
        let wanted = Wanted::new(&letters, wanted, prefix, false).unwrap();
        let places = merged(wanted.places(text, &words));
        assert_eq!(wanted.is_in(text, &words), !places.is_empty());
        places.into_iter().map(|place| text[place].to_owned()).collect()
    }

    #[test]
    fn words_phrases_and_signs_are_found_where_they_stand() {
        assert_eq!(found("Kernel", false, "the KERNEL, kernels"), ["KERNEL"]);
        assert_eq!(found("kern", true, "the KERNEL, kernels"), ["KERNEL", "kernels"]);
        assert_eq!(found("don't", false, "I don’t, don t"), ["don’t", "don t"]);
        assert_eq!(found("a a", false, "a a a"), ["a a a"]);
        assert_eq!(found("🎉", false, "done 🎉🎉"), ["🎉🎉"]);
        assert_eq!(found("会議", false, "今日は会議です"), ["会議"]);
        assert_eq!(found("uber", false, "Über"), ["Über"]);
    }

    #[test]
    fn a_link_has_a_scheme() {
        assert!(has_link("see HTTPS://a.example"));
        assert!(has_link("(http://a)"));
        assert!(!has_link("https: nothing, é://"));
    }
}
