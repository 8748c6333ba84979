//! A text, the cursor in it and every change that can be taken back. Knows grapheme clusters, not keys or rows.

use std::ops::Range;

use tailchat_core::limits::TEXT_LEN_MAX;
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::Full;

/// Bytes that changes to be taken back may hold; the oldest are forgotten at more.
const UNDO_LEN_MAX: usize = 1024 * 1024;
/// Changes that can be taken back; the oldest is forgotten at more.
const UNDO_MAX: usize = 1000;

/// One change: at a byte, what stood there and what stands there now, and the cursor before and after.
#[derive(Clone, Debug)]
struct Change {
    at: usize,
    removed: String,
    inserted: String,
    before: usize,
    after: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Writing {
    text: String,
    /// A byte of `text`, always between grapheme clusters.
    cursor: usize,
    past: Vec<Change>,
    past_len: usize,
    future: Vec<Change>,
}

impl Writing {
    /// A text with nothing to take back, the cursor at its end.
    pub(super) fn new(text: String) -> Self {
        Self {
            cursor: text.len(),
            text,
            ..Self::default()
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// What stands before the cursor, and what from it on.
    pub(super) fn halves(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Moves the cursor to a byte, or to the next end of a cluster after it. Whether it moved.
    pub(super) fn go(&mut self, to: usize) -> bool {
        let to = border(&self.text, to);
        let moved = to != self.cursor;
        self.cursor = to;
        moved
    }

    /// Puts `with` in the place of some bytes and the cursor behind it. Whether that changed the text.
    pub(super) fn splice(&mut self, bytes: Range<usize>, with: &str) -> Result<bool, Full> {
        let Some(removed) = self.text.get(bytes.clone()) else {
            return Ok(false);
        };
        if removed == with {
            return Ok(false);
        }
        let len = self.text.len() - removed.len() + with.len();
        if len > TEXT_LEN_MAX {
            return Err(Full { len });
        }
        let mut change = Change {
            at: bytes.start,
            removed: removed.to_owned(),
            inserted: with.to_owned(),
            before: self.cursor,
            after: 0,
        };
        self.text.replace_range(bytes, with);
        self.cursor = border(&self.text, change.at + with.len());
        change.after = self.cursor;
        self.future.clear();
        self.past_len += change.len();
        self.past.push(change);
        self.forget();
        Ok(true)
    }

    /// Makes the last two changes one, if they are insertions one behind the other.
    pub(super) fn join_last(&mut self) {
        let Some(last) = self.past.pop() else { return };
        match self.past.last_mut() {
            Some(first)
                if first.removed.is_empty()
                    && last.removed.is_empty()
                    && first.at + first.inserted.len() == last.at =>
            {
                first.inserted.push_str(&last.inserted);
                first.after = last.after;
            }
            _ => self.past.push(last),
        }
    }

    pub(super) fn undo(&mut self) -> bool {
        let Some(change) = self.past.pop() else {
            return false;
        };
        self.past_len -= change.len();
        let end = change.at + change.inserted.len();
        self.text.replace_range(change.at..end, &change.removed);
        self.cursor = change.before;
        self.future.push(change);
        true
    }

    pub(super) fn redo(&mut self) -> bool {
        let Some(change) = self.future.pop() else {
            return false;
        };
        let end = change.at + change.removed.len();
        self.text.replace_range(change.at..end, &change.inserted);
        self.cursor = change.after;
        self.past_len += change.len();
        self.past.push(change);
        true
    }

    fn forget(&mut self) {
        let mut count = 0;
        let mut left = self.past_len;
        for change in &self.past {
            if left <= UNDO_LEN_MAX && self.past.len() - count <= UNDO_MAX {
                break;
            }
            left -= change.len();
            count += 1;
        }
        self.past.drain(..count);
        self.past_len = left;
    }

    pub(super) fn left(&self) -> usize {
        let last = self.halves().0.graphemes(true).next_back();
        self.cursor - last.map_or(0, str::len)
    }

    pub(super) fn right(&self) -> usize {
        let next = self.halves().1.graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    pub(super) fn line_start(&self) -> usize {
        self.halves().0.rfind('\n').map_or(0, |at| at + 1)
    }

    pub(super) fn line_end(&self) -> usize {
        let after = self.halves().1;
        self.cursor + after.find('\n').unwrap_or(after.len())
    }

    /// The beginning of the word that ends before `from`, a word being letters and digits.
    pub(super) fn word_left(&self, from: usize) -> usize {
        back_over(self.text.get(..from).unwrap_or_default(), is_letter)
    }

    /// The end of the word that begins after `from`.
    pub(super) fn word_right(&self, from: usize) -> usize {
        let mut inside = false;
        for (at, grapheme) in self.text.get(from..).unwrap_or_default().grapheme_indices(true) {
            match is_letter(grapheme) {
                true => inside = true,
                false if inside => return from + at,
                false => {}
            }
        }
        self.text.len()
    }

    /// The end of the last white space before the word that ends before the cursor.
    pub(super) fn blank_left(&self) -> usize {
        back_over(self.halves().0, |grapheme| !is_blank(grapheme))
    }

    /// The two words around the cursor, at a line's end the last two.
    pub(super) fn two_words(&self) -> Option<(Range<usize>, Range<usize>)> {
        let second = self.word_left(self.word_right(self.cursor));
        let first = self.word_left(second);
        let (first, second) = (first..self.word_right(first), second..self.word_right(second));
        (first.start < first.end && first.end <= second.start).then_some((first, second))
    }
}

impl Change {
    fn len(&self) -> usize {
        self.removed.len() + self.inserted.len()
    }
}

/// `at`, or the next end of a cluster after it.
fn border(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    if cursor.is_boundary(text, 0) == Ok(true) {
        return at;
    }
    cursor.next_boundary(text, 0).ok().flatten().unwrap_or(text.len())
}

/// The beginning of the last run of clusters that are `inside`; what follows the run is passed over.
fn back_over(text: &str, inside: fn(&str) -> bool) -> usize {
    let mut begun = false;
    for (at, grapheme) in text.grapheme_indices(true).rev() {
        match inside(grapheme) {
            true => begun = true,
            false if begun => return at + grapheme.len(),
            false => {}
        }
    }
    0
}

fn is_letter(grapheme: &str) -> bool {
    grapheme.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn is_blank(grapheme: &str) -> bool {
    grapheme.starts_with(char::is_whitespace)
}
