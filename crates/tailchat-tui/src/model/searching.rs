//! The search: what is typed, what was found for it, and which of that is chosen. Stays while it is not on the screen, so
//! that one comes back to it. Knows no keys and asks nobody.

use tailchat_core::text;
use tailchat_node::control::{FoundItem, MessageItem, Remaining, SearchedItem};

use super::ids::{Place, RoomKey};
use crate::composer::Composer;

/// Messages that are asked for; who wants another one types a word more.
pub(crate) const HITS_MAX: u32 = 50;
/// Characters of a text that are kept before the first match and from it on: more than a row shows.
const BEFORE_MAX: usize = 200;
const FROM_MAX: usize = 600;

/// The search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Searching {
    pub(crate) typed: Composer,
    /// Whether it was typed the last time: what is typed next takes its place.
    pub(crate) kept: bool,
    pub(crate) chosen: usize,
    /// The newest first.
    pub(crate) hits: Vec<Hit>,
    /// What the list leaves out, or why there is none.
    pub(crate) said: String,
    /// What the node is being asked.
    pub(crate) asked: Option<String>,
    /// Whether lines changed since it was asked, so that it is asked once more.
    pub(crate) again: bool,
    /// What was typed when the list was made.
    pub(crate) answered: Option<String>,
}

/// A message that was found. Everything in it is safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) room: RoomKey,
    /// Empty in a list of one room.
    pub(crate) room_name: String,
    pub(crate) place: Place,
    pub(crate) author: String,
    pub(crate) hue: String,
    pub(crate) sent_at_ms: i64,
    /// Whether its author is ignored.
    pub(crate) ignored: bool,
    /// Its text on one row, and of each part whether it is what was looked for.
    pub(crate) parts: Vec<(String, bool)>,
}

impl Searching {
    /// The field, to be typed into.
    pub(crate) fn field(&mut self) -> &mut Composer {
        if std::mem::take(&mut self.kept) {
            // Nothing is never too long.
            let _ = self.typed.set("");
        }
        &mut self.typed
    }

    /// Takes a list in. What was chosen stays so if it is still there.
    pub(crate) fn found(&mut self, hits: Vec<Hit>, end: Option<&SearchedItem>) {
        let before = self.hits.get(self.chosen);
        let again = |hit: &Hit| before.is_some_and(|was| was.room == hit.room && was.place == hit.place);
        let same = self.answered.is_none();
        self.chosen = hits.iter().position(again).filter(|_| same).unwrap_or(0);
        self.said = end.map_or_else(String::new, |end| said(hits.len(), end));
        self.hits = hits;
        let asked = self.asked.take();
        self.answered = asked.filter(|_| !std::mem::take(&mut self.again));
    }

    /// Lines are no longer what they were when the list was made.
    pub(crate) fn outdated(&mut self) {
        match self.asked {
            Some(_) => self.again = true,
            None => self.answered = None,
        }
    }

    /// There is no list, for this reason.
    pub(crate) fn refused(&mut self, typed: String, why: String) {
        self.hits.clear();
        self.chosen = 0;
        self.said = why;
        (self.asked, self.again) = (None, false);
        self.answered = Some(typed);
    }
}

fn said(hits: usize, end: &SearchedItem) -> String {
    let mut said = match (hits, end.remaining) {
        (0, Remaining::Unseen) => {
            "nothing was found so far back; write a whole word more, or before:DATE".to_owned()
        }
        (0, _) => "nothing was found".to_owned(),
        (1, Remaining::None) => "1 message".to_owned(),
        (hits, Remaining::None) => format!("{hits} messages"),
        (hits, Remaining::More) => {
            format!("the newest {hits}; a word more, from:, in: or before: finds others")
        }
        (hits, Remaining::Unseen) => {
            format!("{hits} so far back; a whole word more, or before:DATE finds others")
        }
    };
    if !end.unread_rooms.is_empty() {
        let rooms: Vec<_> = end.unread_rooms.iter().map(|room| text::name(room)).collect();
        said = format!("{said}; not searched, being read again: {}", rooms.join(", "));
    }
    said
}

impl Hit {
    pub(crate) fn new(found: &FoundItem) -> Self {
        Self {
            room_name: text::name(&found.room_name),
            parts: parts(&found.message.text, &found.at),
            ..Self::of(&found.message)
        }
    }

    /// A pinned message; what an ignored person wrote is not told here.
    pub(crate) fn pinned(message: &MessageItem) -> Self {
        let text = if message.ignored { "ignored" } else { &message.text };
        Self {
            parts: parts(text, &[]),
            ..Self::of(message)
        }
    }

    fn of(message: &MessageItem) -> Self {
        Self {
            room: RoomKey::new(&message.room),
            room_name: String::new(),
            place: Place::new(&message.place),
            author: text::name(&message.author),
            hue: message.person.as_ref().unwrap_or(&message.author).clone(),
            sent_at_ms: message.sent_at_ms,
            ignored: message.ignored,
            parts: Vec::new(),
        }
    }
}

/// The text around the first match, cut into what was looked for and what stands between. What the node says of it is
/// taken as far as it makes sense.
fn parts(whole: &str, at: &[(u32, u32)]) -> Vec<(String, bool)> {
    let offset = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    let at = at.iter().map(|(from, to)| offset(*from)..offset(*to));
    let at: Vec<_> = at.filter(|at| whole.get(at.clone()).is_some()).collect();
    let first = at.first().map_or(0, |at| at.start);
    let (before, rest) = whole.split_at(first);
    let begin = before
        .char_indices()
        .rev()
        .nth(BEFORE_MAX)
        .map_or(0, |(at, _)| at);
    let end = first + rest.char_indices().nth(FROM_MAX).map_or(rest.len(), |(at, _)| at);
    let mut parts = Vec::new();
    let mut put = |part: Option<&str>, hit: bool| {
        let part = text::visible(part.unwrap_or_default()).replace('\n', " ");
        if !part.is_empty() {
            parts.push((part, hit));
        }
    };
    if begin > 0 {
        put(Some("…"), false);
    }
    let mut reached = begin;
    for at in at.into_iter().filter(|at| at.end <= end) {
        if at.start >= reached {
            put(whole.get(reached..at.start), false);
            put(whole.get(at.clone()), true);
            reached = at.end;
        }
    }
    put(whole.get(reached..end), false);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(whole: &str, at: &[(u32, u32)]) -> String {
        let told = parts(whole, at).into_iter();
        told.map(|(part, hit)| if hit { format!("[{part}]") } else { part })
            .collect()
    }

    #[test]
    fn what_was_looked_for_is_a_part_of_its_own_and_all_of_it_is_safe_to_show() {
        assert_eq!(told("a tea, b tea", &[(2, 5), (9, 12)]), "a [tea], b [tea]");
        assert_eq!(told("one\ntea\u{1b}", &[(4, 7)]), "one [tea]<U+001B>");
        assert_eq!(told("no match", &[]), "no match");
    }

    #[test]
    fn of_a_long_text_the_part_around_the_first_match_is_kept() {
        let long = format!("{}tea{}", "é".repeat(5_000), "é".repeat(5_000));
        let told = told(&long, &[(10_000, 10_003)]);
        assert!(told.starts_with('…') && told.contains("é[tea]é"));
        assert!(told.chars().count() < 1_000);
    }

    #[test]
    fn whatever_a_node_says_of_a_text_it_is_shown() {
        for at in [
            &[(1, 2)][..],
            &[(0, 99)],
            &[(9, 3)],
            &[(u32::MAX, u32::MAX)],
            &[(2, 4), (0, 2)],
        ] {
            assert!(!parts("éé tea", at).is_empty(), "{at:?}");
        }
    }
}
