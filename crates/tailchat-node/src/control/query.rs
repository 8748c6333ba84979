//! What people type to search, read into what is meant. Pure: it knows no room, no person and no clock, and what a time
//! is, it is told.

use serde::{Deserialize, Serialize};

/// Words, names and rooms in one query; more are refused.
pub const QUERY_PARTS_MAX: usize = 64;
/// Bytes of each of them; a longer one is refused.
pub const QUERY_PART_LEN_MAX: usize = 1024;

/// What a search looks for: messages for which all of it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// With all of these, or without those that say so.
    pub words: Vec<Sought>,
    /// By any of these people, or under any of these nicks: a whole name or its first words.
    pub from: Vec<String>,
    /// In any of these rooms: a name, a unique beginning of one, or an ID. In all if there is none.
    pub rooms: Vec<String>,
    /// Sent at this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Sent before this time.
    pub until_ms: Option<i64>,
    /// With a link.
    pub links: bool,
}

/// A word, or several that stand one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sought {
    /// As typed; neither case nor accents count.
    pub text: String,
    /// Whether the last word may be the beginning of a longer one.
    #[serde(default)]
    pub prefix: bool,
    /// Whether it must not be there.
    #[serde(default)]
    pub not: bool,
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing stands behind the colon.
    #[error("behind \"{0}:\" nothing is written; write {example}", example = example(.0))]
    NothingBehind(&'static str),
    /// What stands there is no time.
    #[error(
        "\"{text}\" is not a time; write {filter}:2026-11-22, {filter}:yesterday or {filter}:\"2 days ago\""
    )]
    NoTime {
        /// Behind which word.
        filter: &'static str,
        /// What.
        text: String,
    },
    /// Only links can be asked for.
    #[error("\"has:{0}\" is unknown; write has:link for messages with a link")]
    UnknownThing(String),
    /// A filter with a minus.
    #[error("a minus goes before words only: -kernel; leave it out before \"{0}:\"")]
    NotWithout(&'static str),
    /// There is too much of it.
    #[error(
        "at most {QUERY_PARTS_MAX} words, names and rooms of {QUERY_PART_LEN_MAX} bytes each can be looked for; \
         write fewer or shorter ones"
    )]
    TooMuch,
    /// Nothing is looked for.
    #[error("nothing is looked for; write words, or from:NAME, in:ROOM, before:DATE, after:DATE, has:link")]
    Nothing,
}

/// What a word before a colon may be; the others are words like all words.
const FILTERS: [&str; 7] = ["from", "in", "has", "before", "until", "after", "since"];

fn example(filter: &str) -> &'static str {
    match filter {
        "from" => "from:ann or from:\"Ann Lee\"",
        "in" => "in:kitchen",
        "has" => "has:link",
        _ => "a day: before:2026-11-22, after:yesterday, after:\"2 days ago\"",
    }
}

/// Reads a time as its writer means it, in milliseconds since 1970.
pub type ReadTime<'a> = &'a dyn Fn(&str) -> Option<i64>;

impl Query {
    /// Reads a query: words, "words in a row", beginnin*, -without, from:NAME, in:ROOM, before:T, after:T, has:link.
    /// A quote that is not closed goes to the end.
    ///
    /// # Errors
    /// [`QueryError`]; what it says tells what to write.
    pub fn parse(text: &str, time: ReadTime<'_>) -> Result<Self, QueryError> {
        let mut query = Self::default();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (without, part) = match rest.strip_prefix('-') {
                Some(behind) if behind.starts_with(|c: char| c.is_alphanumeric() || c == '"') => {
                    (true, behind)
                }
                _ => (false, rest),
            };
            rest = match filter(part) {
                Some((filter, _)) if without => return Err(QueryError::NotWithout(filter)),
                Some((filter, value)) => {
                    let (value, behind) = piece(value);
                    query.narrow(filter, value, time)?;
                    behind
                }
                None => {
                    let phrase = first == '"' || without && part.starts_with('"');
                    let (text, behind) = piece(part);
                    query.want(text, without, phrase);
                    behind
                }
            }
            .trim_start();
        }
        query.check()?;
        Ok(query)
    }

    /// Reads a query that is still being typed: the word that it ends with may go on.
    ///
    /// # Errors
    /// As [`Query::parse`].
    pub fn parse_typed(text: &str, time: ReadTime<'_>) -> Result<Self, QueryError> {
        let mut query = Self::parse(text, time)?;
        let last = text.split_whitespace().next_back().unwrap_or_default();
        if let Some(word) = query.words.last_mut()
            && !text.ends_with(char::is_whitespace)
            && word.text == last
        {
            word.prefix = true;
        }
        Ok(query)
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it can be looked for, also if a program wrote it.
    ///
    /// # Errors
    /// [`QueryError::TooMuch`]
    pub fn check(&self) -> Result<(), QueryError> {
        let words = self.words.iter().map(|word| &word.text);
        let parts = || words.clone().chain(&self.from).chain(&self.rooms);
        if parts().count() > QUERY_PARTS_MAX || parts().any(|part| part.len() > QUERY_PART_LEN_MAX) {
            return Err(QueryError::TooMuch);
        }
        Ok(())
    }

    fn narrow(&mut self, filter: &'static str, value: &str, time: ReadTime<'_>) -> Result<(), QueryError> {
        if value.trim().is_empty() {
            return Err(QueryError::NothingBehind(filter));
        }
        let moment = || {
            let text = || value.to_owned();
            time(value).ok_or_else(|| QueryError::NoTime { filter, text: text() })
        };
        match filter {
            "from" => self.from.push(value.to_owned()),
            "in" => self.rooms.push(value.to_owned()),
            "has" if matches!(value.to_lowercase().as_str(), "link" | "links" | "url") => self.links = true,
            "has" => return Err(QueryError::UnknownThing(value.to_owned())),
            "before" | "until" => self.until_ms = Some(moment()?),
            _ => self.since_ms = Some(moment()?),
        }
        Ok(())
    }

    fn want(&mut self, text: &str, not: bool, phrase: bool) {
        let (text, prefix) = match text.strip_suffix('*') {
            Some(text) if !phrase => (text.trim_end_matches('*'), true),
            _ => (text, false),
        };
        // A sign that something is to follow which has not been typed yet.
        if text.trim().is_empty() || text == "-" {
            return;
        }
        let text = text.to_owned();
        self.words.push(Sought { text, prefix, not });
    }
}

/// The filter that a part begins with, and what stands behind the colon.
fn filter(part: &str) -> Option<(&'static str, &str)> {
    let (name, value) = part.split_once(':')?;
    let name = name.to_ascii_lowercase();
    let filter = FILTERS.into_iter().find(|filter| *filter == name)?;
    Some((filter, value))
}

/// Up to the closing quote, or else up to white space; and what stands behind it.
fn piece(text: &str) -> (&str, &str) {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
        None => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    }
}

#[cfg(test)]
mod tests;
