//! What a person writes before it is sent: several lines, edited as Readline does, by what a reader takes for
//! characters. Knows text and edits; knows no screen, no key and no room.
//!
//! Our own, because `ratatui-textarea` moves and deletes by code point: it takes an emoji family apart and can put
//! the cursor between a letter and its accent.

mod edit;
mod history;
mod kills;
mod layout;
mod pasted;
mod writing;

use std::ops::Range;

use tailchat_core::limits::TEXT_LEN_MAX;

pub use edit::Edit;
pub use layout::Row;

use history::History;
use kills::{Kills, Side};
use writing::Writing;

/// The input: a text, a cursor, what was cut, what was sent before.
#[derive(Clone, Debug, Default)]
pub struct Composer {
    writing: Writing,
    kills: Kills,
    history: History,
    last: Last,
    /// The column that rows up and down keep to.
    column: Option<usize>,
}

/// The last edit, where the next one depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Typed,
    Killed,
    /// Bytes `start..end` were put back, the `back`-th cut.
    Yanked {
        start: usize,
        end: usize,
        back: usize,
    },
}

/// What an edit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The text is another one.
    Changed,
    /// Only the cursor moved.
    Moved,
    /// Nothing: there was nothing to move to, delete or put back.
    Nothing,
}

/// A message would be longer than one may be. The text is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "too long: that would make {} KiB, a message holds {}; nothing was inserted; send it in parts, or as lines with `tailchat send ROOM --lines -`",
    .len.div_ceil(1024),
    TEXT_LEN_MAX / 1024
)]
pub struct Full {
    /// Bytes that the text would have had.
    pub len: usize,
}

/// The word before the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// The word, without white space.
    pub text: &'a str,
    /// Whether nothing but white space stands before it in the whole text.
    pub first: bool,
}

impl Composer {
    /// What is written so far.
    #[must_use]
    pub fn text(&self) -> &str {
        self.writing.text()
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// The cursor as a byte of [`Self::text`], always between grapheme clusters.
    #[must_use]
    pub fn cursor_byte(&self) -> usize {
        self.writing.cursor()
    }

    /// Hands the text out for sending and keeps it in the history; begins anew.
    pub fn take(&mut self) -> String {
        let text = self.text().to_owned();
        self.history.keep(&text);
        self.begin(String::new());
        text
    }

    /// Keeps a text in the history, as if it had been sent.
    pub fn remember(&mut self, text: &str) {
        self.history.keep(text);
    }

    /// Begins anew with a draft; the cursor at its end, nothing to undo.
    ///
    /// # Errors
    /// [`Full`] if it is longer than a message may be.
    pub fn set(&mut self, draft: &str) -> Result<(), Full> {
        let draft = pasted::clean(draft, 0);
        if draft.len() > TEXT_LEN_MAX {
            return Err(Full { len: draft.len() });
        }
        self.history.leave();
        self.begin(draft.into_owned());
        Ok(())
    }

    fn begin(&mut self, text: String) {
        self.writing = Writing::new(text);
        self.last = Last::Other;
        self.column = None;
    }

    /// Puts another text in the place of this one, in a way that can be undone: what an editor made of it.
    ///
    /// # Errors
    /// [`Full`] if it is longer than a message may be.
    pub fn rewrite(&mut self, text: &str) -> Result<(), Full> {
        let text = pasted::clean(text, 0);
        self.settle();
        self.writing.splice(0..self.text().len(), &text).map(|_| ())
    }

    /// Inserts what was typed or pasted at the cursor, without what drives a terminal. Never sends: line breaks in
    /// it are line breaks.
    ///
    /// # Errors
    /// [`Full`]; then nothing was inserted.
    pub fn insert(&mut self, typed: &str) -> Result<(), Full> {
        let marks = pasted::marks_at_end(self.writing.halves().0);
        let typed = pasted::clean(typed, marks);
        let at = self.writing.cursor();
        // What is typed without a pause between words is one change.
        let joins = self.last == Last::Typed && !typed.starts_with([' ', '\n']);
        self.settle();
        if self.writing.splice(at..at, &typed)? {
            if joins {
                self.writing.join_last();
            }
            if typed.chars().count() == 1 {
                self.last = Last::Typed;
            }
        }
        Ok(())
    }

    /// The rows in which the text stands in `width` columns; at least one. Together they are the text.
    #[must_use]
    pub fn rows(&self, width: usize) -> Vec<Row<'_>> {
        layout::rows(self.text(), width, usize::MAX)
    }

    /// How many rows there are in `width` columns; `most` if there are more, without looking at those.
    #[must_use]
    pub fn row_count(&self, width: usize, most: usize) -> usize {
        layout::rows(self.text(), width, most).len().min(most)
    }

    /// The cursor's row and column among the [`Self::rows`] of a width.
    #[must_use]
    pub fn cursor(&self, rows: &[Row<'_>]) -> (usize, usize) {
        layout::place(rows, self.writing.cursor())
    }

    /// Moves the cursor to a row and column in `width` columns, or as near as there is text: a mouse's click.
    pub fn point(&mut self, row: usize, column: usize, width: usize) {
        let rows = self.rows(width);
        let row = row.min(rows.len().saturating_sub(1));
        let byte = layout::byte_at(&rows, row, column);
        self.settle();
        self.writing.go(byte.unwrap_or(0));
    }

    /// The word before the cursor, for completing it; none behind white space and at the beginning.
    #[must_use]
    pub fn word(&self) -> Option<Word<'_>> {
        let before = self.writing.halves().0;
        let start = before.rfind(char::is_whitespace).map_or(0, |at| {
            at + before
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or(1, char::len_utf8)
        });
        let (earlier, text) = before.split_at_checked(start)?;
        let first = earlier.trim().is_empty();
        (!text.is_empty()).then_some(Word {
            range: start..before.len(),
            text,
            first,
        })
    }

    /// Puts another word in the place of the one before the cursor.
    ///
    /// # Errors
    /// [`Full`]; then nothing was changed.
    pub fn replace_word(&mut self, with: &str) -> Result<(), Full> {
        let end = self.writing.cursor();
        let range = self.word().map_or(end..end, |word| word.range);
        self.settle();
        self.writing.splice(range, &pasted::clean(with, 0)).map(|_| ())
    }

    /// Carries out an edit; `width` is the one of the rows that the person sees.
    ///
    /// # Errors
    /// [`Full`] where the edit would insert too much; then nothing was changed.
    pub fn apply(&mut self, edit: Edit, width: usize) -> Result<Applied, Full> {
        let moved = |moved| Ok(if moved { Applied::Moved } else { Applied::Nothing });
        let changed = |changed| {
            Ok(if changed {
                Applied::Changed
            } else {
                Applied::Nothing
            })
        };
        let (last, column) = (self.last, self.column);
        self.settle();
        let writing = &mut self.writing;
        let cursor = writing.cursor();
        match edit {
            Edit::Left => moved(writing.go(writing.left())),
            Edit::Right => moved(writing.go(writing.right())),
            Edit::WordLeft => moved(writing.go(writing.word_left(cursor))),
            Edit::WordRight => moved(writing.go(writing.word_right(cursor))),
            Edit::LineStart => moved(writing.go(writing.line_start())),
            Edit::LineEnd => moved(writing.go(writing.line_end())),
            Edit::Up => self.step(-1, width, column),
            Edit::Down => self.step(1, width, column),
            Edit::HistoryOlder => self.older(),
            Edit::HistoryNewer => self.newer(),
            Edit::Newline => changed(writing.splice(cursor..cursor, "\n")?),
            Edit::DeleteLeft => changed(writing.splice(writing.left()..cursor, "")?),
            Edit::DeleteRight => changed(writing.splice(cursor..writing.right(), "")?),
            Edit::KillWordLeft => self.kill(self.writing.blank_left()..cursor, last),
            Edit::KillLettersLeft => self.kill(self.writing.word_left(cursor)..cursor, last),
            Edit::KillWordRight => self.kill(cursor..self.writing.word_right(cursor), last),
            Edit::KillToStart => {
                let start = writing.line_start();
                self.kill(
                    if start == cursor {
                        self.writing.left()..cursor
                    } else {
                        start..cursor
                    },
                    last,
                )
            }
            Edit::KillToEnd => {
                let end = writing.line_end();
                self.kill(
                    if end == cursor {
                        cursor..self.writing.right()
                    } else {
                        cursor..end
                    },
                    last,
                )
            }
            Edit::Yank => self.yank(cursor..cursor, 0),
            Edit::YankOlder => match last {
                Last::Yanked { start, end, back } => self.yank(start..end, back + 1),
                _ => Ok(Applied::Nothing),
            },
            Edit::Transpose => changed(self.transpose()?),
            Edit::TransposeWords => changed(self.transpose_words()?),
            Edit::Undo => changed(writing.undo()),
            Edit::Redo => changed(writing.redo()),
        }
    }

    /// Forgets what the next edit could have depended on.
    fn settle(&mut self) {
        self.last = Last::Other;
        self.column = None;
    }

    fn step(&mut self, by: isize, width: usize, column: Option<usize>) -> Result<Applied, Full> {
        let rows = layout::rows(self.writing.text(), width, usize::MAX);
        let (row, here) = layout::place(&rows, self.writing.cursor());
        let column = column.unwrap_or(here);
        let to = row
            .checked_add_signed(by)
            .and_then(|row| layout::byte_at(&rows, row, column));
        match to {
            Some(to) => {
                self.writing.go(to);
                self.column = Some(column);
                Ok(Applied::Moved)
            }
            None if by < 0 => self.older(),
            None => self.newer(),
        }
    }

    fn older(&mut self) -> Result<Applied, Full> {
        let recalled = self.history.older(self.writing.text()).map(str::to_owned);
        self.recall(recalled)
    }

    fn newer(&mut self) -> Result<Applied, Full> {
        let recalled = self.history.newer().map(str::to_owned);
        self.recall(recalled)
    }

    /// Shows a text of the history: a change as any other, so that what was there before can be had by undoing.
    fn recall(&mut self, recalled: Option<String>) -> Result<Applied, Full> {
        let Some(recalled) = recalled else {
            return Ok(Applied::Nothing);
        };
        self.writing.splice(0..self.writing.text().len(), &recalled)?;
        self.writing.go(recalled.len());
        Ok(Applied::Changed)
    }

    fn kill(&mut self, bytes: Range<usize>, last: Last) -> Result<Applied, Full> {
        let side = if bytes.start < self.writing.cursor() {
            Side::Before
        } else {
            Side::After
        };
        let cut = self
            .writing
            .text()
            .get(bytes.clone())
            .unwrap_or_default()
            .to_owned();
        // Also a cut that finds nothing goes on with the one before.
        self.last = if cut.is_empty() { last } else { Last::Killed };
        if !self.writing.splice(bytes, "")? {
            return Ok(Applied::Nothing);
        }
        self.kills.keep(&cut, side, last == Last::Killed);
        Ok(Applied::Changed)
    }

    fn yank(&mut self, bytes: Range<usize>, back: usize) -> Result<Applied, Full> {
        let Some(cut) = self.kills.get(back) else {
            return Ok(Applied::Nothing);
        };
        let (start, end) = (bytes.start, bytes.start + cut.len());
        let changed = self.writing.splice(bytes, cut)?;
        self.last = Last::Yanked { start, end, back };
        Ok(if changed {
            Applied::Changed
        } else {
            Applied::Nothing
        })
    }

    fn transpose(&mut self) -> Result<bool, Full> {
        let before = self.writing.cursor();
        if before == self.writing.line_end() {
            self.writing.go(self.writing.left());
        }
        let (start, cursor, end) = (self.writing.left(), self.writing.cursor(), self.writing.right());
        if cursor == self.writing.line_start() || cursor == self.writing.line_end() {
            self.writing.go(before);
            return Ok(false);
        }
        self.swap(start..cursor, cursor..end)
    }

    fn transpose_words(&mut self) -> Result<bool, Full> {
        match self.writing.two_words() {
            Some((first, second)) => self.swap(first, second),
            None => Ok(false),
        }
    }

    /// Swaps two parts of the text; the cursor goes behind the second.
    fn swap(&mut self, first: Range<usize>, second: Range<usize>) -> Result<bool, Full> {
        let part = |range| self.writing.text().get(range).unwrap_or_default();
        let swapped = [
            part(second.clone()),
            part(first.end..second.start),
            part(first.clone()),
        ]
        .concat();
        self.writing.splice(first.start..second.end, &swapped)
    }
}

#[cfg(test)]
mod tests;
