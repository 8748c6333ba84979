//! Lines as they were known here at a time: without what was said of them later. Knows what applies from
//! [`tailchat_core::amend`]; keeps nothing.

use tailchat_core::amend::Since;
use tailchat_core::ids::RoomId;
use tailchat_core::timeline::{Line, Place, Says};

use crate::error::IndexError;
use crate::index::Index;

impl Index {
    /// Puts lines back to what they were at a time. A line that was deleted stays so: its text is gone from here, and so is
    /// which line it answered.
    pub(crate) fn as_known(
        &self,
        room: RoomId,
        lines: Vec<(Place, Line, i64)>,
        known_ms: i64,
    ) -> Result<Vec<(Place, Line)>, IndexError> {
        let Some(row) = self.row_of(room)? else {
            return Ok(Vec::new());
        };
        let mut known = Vec::with_capacity(lines.len());
        for (place, mut line, amended) in lines {
            if amended != 0 && !line.since.deleted {
                if let (Some(first), Says::Message { text, .. }) =
                    (self.first_text(row.id, &place)?, &mut line.says)
                {
                    *text = first;
                }
                line.since = Since {
                    answers: line.since.answers,
                    ..Since::default()
                };
                let said = self.said_of(row.id, place.id, known_ms)?;
                line = line.after(said.iter().map(|(at, by, what)| (*at, *by, what)), &row.roster);
            }
            if line.since.answers > 0 {
                line.since.answers = self.answers_known(row.id, place.id, known_ms)?;
            }
            known.push((place, line));
        }
        Ok(known)
    }
}
