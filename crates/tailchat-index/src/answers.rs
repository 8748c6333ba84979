//! Which lines answer which. How many there are stands with the line that is answered, so that a page costs the same with
//! answers as without; they themselves are found by the message that they answer. An answer may come before what it
//! answers, and what it answers may never come. Knows nothing of how either is shown.

use std::collections::BTreeSet;

use rusqlite::params;
use tailchat_core::ids::{MessageId, RoomId};
use tailchat_core::timeline::{Line, Place};

use crate::error::{Doing, IndexError};
use crate::fold::number;
use crate::index::Index;
use crate::lines::{message_bytes, place_in};

/// Lines that are no longer what they were, beside those that were written anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Those that are another than they were, or than they were written, since something was said of them.
    pub amended: BTreeSet<Place>,
    /// Those that more or fewer lines answer than before.
    pub answered: BTreeSet<Place>,
}

impl Index {
    /// Counts a line as an answer to what it answers, or no longer; gives where that stands, if it is here.
    pub(crate) fn count_as_answer(
        &mut self,
        room: i64,
        line: &Line,
        by: i64,
        changed: &mut Changed,
    ) -> Result<(), IndexError> {
        let Some(of) = line.reply_to() else {
            return Ok(());
        };
        // Whose lines never came has no number.
        let Some(actor) = self.find_party(of.actor.0)? else {
            return Ok(());
        };
        let order = "UPDATE line SET answers = answers + ? WHERE room = ? AND actor = ? AND number = ?";
        if self.execute(order, params![by, room, actor, number(of.index)])? > 0 {
            changed.answered.extend(self.places_of_message(room, actor, of)?);
        }
        Ok(())
    }

    /// How many lines answer a message that is about to come.
    pub(crate) fn answers_before(&self, room: i64, of: MessageId) -> Result<i64, IndexError> {
        let doing = "count answers";
        let query = "SELECT count(*) FROM line WHERE room = ? AND reply_to = ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let count = statement.query_row(params![room, message_bytes(&of)], |row| row.get(0));
        count.doing(doing)
    }

    /// How many lines had come by then that answer a message.
    pub(crate) fn answers_known(&self, room: i64, of: MessageId, known_ms: i64) -> Result<u64, IndexError> {
        let doing = "count answers";
        let query = "SELECT count(*) FROM line WHERE room = ? AND reply_to = ? AND arrived_at_ms <= ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let values = params![room, message_bytes(&of), known_ms];
        statement.query_row(values, |row| row.get(0)).doing(doing)
    }

    /// The lines that answer a message, at most `limit`, in order; of those behind a place if there is one.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn answers(
        &self,
        room: RoomId,
        of: MessageId,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<(Place, Line)>, IndexError> {
        self.lines_at(room, &self.answer_places(room, of, after, limit)?)
    }

    /// Where they stand.
    pub(crate) fn answer_places(
        &self,
        room: RoomId,
        of: MessageId,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>, IndexError> {
        let Some(number_of_room) = self.room_number(room)? else {
            return Ok(Vec::new());
        };
        let doing = "find answers";
        let query = "SELECT l.ord, a.bytes, l.number, l.sum FROM line l JOIN party a ON a.id = l.actor
             WHERE l.room = ?1 AND l.reply_to = ?2 AND l.ord >= ?3
             AND (?7 OR (l.ord, a.bytes, l.number, l.sum) > (?3, ?4, ?5, ?6))
             ORDER BY l.ord, a.bytes, l.number, l.sum LIMIT ?8";
        let behind = after.unwrap_or_else(|| Place::start_of(0));
        let values = params![
            number_of_room,
            message_bytes(&of),
            number(behind.order),
            behind.id.actor.0,
            number(behind.id.index),
            behind.sum,
            after.is_none(),
            i64::try_from(limit).unwrap_or(i64::MAX)
        ];
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let places = statement.query_map(values, place_in).doing(doing)?;
        places.collect::<Result<_, _>>().doing(doing)
    }
}
