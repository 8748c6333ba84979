//! The words of lines, for the search. They follow the lines in portions, since a line alone costs the search's
//! tree many times its share.

use rusqlite::{Row, params};

use crate::error::{Doing, IndexError};
use crate::index::Index;
use crate::letters::spread;
use crate::matching::has_link;

/// Before what is a word of no text: of a private use, and a letter to the tokenizer.
const MARK: char = '\u{e000}';

impl Index {
    /// Lines whose words are not in the search yet.
    #[must_use]
    pub fn unworded(&self) -> u64 {
        u64::try_from(self.next_line - 1 - self.worded).unwrap_or(0)
    }

    /// Takes the words of up to `limit` lines into the search.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn take_words(&mut self, limit: u32) -> Result<(), IndexError> {
        let last = (self.next_line - 1).min(self.worded + i64::from(limit));
        self.begin()?;
        self.word(self.worded + 1, last)?;
        self.worded = last;
        Ok(())
    }

    /// Another line stands under this number.
    pub(crate) fn reword(&self, line: i64) -> Result<(), IndexError> {
        if line <= self.worded {
            self.execute("DELETE FROM words WHERE rowid = ?", [line])?;
            self.word(line, line)?;
        }
        Ok(())
    }

    /// Puts the words of these lines in.
    fn word(&self, first: i64, last: i64) -> Result<(), IndexError> {
        let doing = "take words in";
        let query = "SELECT id, room, author, nick, text FROM line WHERE id >= ? AND id <= ?";
        let mut lines = self.db.prepare_cached(query).doing(doing)?;
        let order = "INSERT INTO words (rowid, text, who) VALUES (?, ?, ?)";
        let mut put = self.db.prepare_cached(order).doing(doing)?;
        let mut rows = lines.query([first, last]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let who = who(row).doing(doing)?;
            let text = row.get_ref(4).doing(doing)?.as_str().unwrap_or_default();
            let id: i64 = row.get(0).doing(doing)?;
            match spread(text) {
                Some(text) => put.execute(params![id, text, who]),
                None => put.execute(params![id, text, who]),
            }
            .doing(doing)?;
        }
        Ok(())
    }
}

/// Who wrote it, by the nick it came with or else by the actor's number; in which room; whether it has a link.
fn who(row: &Row<'_>) -> rusqlite::Result<String> {
    let nick = row.get_ref(3)?.as_str_or_null()?;
    let mut who = match nick {
        Some(nick) => spread(nick).unwrap_or_else(|| nick.to_owned()),
        None => actor_word(row.get(2)?),
    };
    who.push(' ');
    who.push_str(&room_word(row.get(1)?));
    if has_link(row.get_ref(4)?.as_str().unwrap_or_default()) {
        who.push(' ');
        who.push_str(&link_word());
    }
    Ok(who)
}

pub(crate) fn actor_word(party: i64) -> String {
    format!("{MARK}a{party}")
}

pub(crate) fn room_word(room: i64) -> String {
    format!("{MARK}r{room}")
}

pub(crate) fn link_word() -> String {
    format!("{MARK}l")
}
