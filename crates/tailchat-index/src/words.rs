//! The words of lines, for the search. They follow the lines in portions, since a line alone costs the search's
//! tree many times its share.

use rusqlite::params;

use crate::error::{Doing, IndexError};
use crate::index::Index;

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
        let doing = "take words in";
        let last = (self.next_line - 1).min(self.worded + i64::from(limit));
        let order = "INSERT INTO words (rowid, text) SELECT id, text FROM line WHERE id > ? AND id <= ?";
        self.begin()?;
        let mut statement = self.db.prepare_cached(order).doing(doing)?;
        statement.execute(params![self.worded, last]).doing(doing)?;
        drop(statement);
        self.worded = last;
        Ok(())
    }

    /// Another line stands under this number.
    pub(crate) fn reword(&self, line: i64) -> Result<(), IndexError> {
        if line <= self.worded {
            self.execute("DELETE FROM words WHERE rowid = ?", [line])?;
            self.execute(
                "INSERT INTO words (rowid, text) SELECT id, text FROM line WHERE id = ?",
                [line],
            )?;
        }
        Ok(())
    }
}
