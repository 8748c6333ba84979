//! The fold of entries into tables. The same as [`tailchat_core::timeline::Timeline`] in whatever order they
//! come and however often; the tests hold both side by side.

use rusqlite::{CachedStatement, OptionalExtension, params};
use tailchat_core::block::Arrival;
use tailchat_core::change::Parts;
use tailchat_core::entry::Entry;
use tailchat_core::ids::{ActorId, RoomId};
use tailchat_core::mention::mentioned;
use tailchat_core::roster::{Heard, News};
use tailchat_core::state::Tip;
use tailchat_core::timeline::{Line, Place, Says, Told, told_by};

use crate::answers::Changed;
use crate::checkpoint::{Position, RoomRow};
use crate::error::{Doing, IndexError};
use crate::index::Index;
use crate::unread::Tallies;

/// Changes that are durable in a room's log, and what follows from them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Folded<'a> {
    /// The changes.
    pub changes: &'a [(&'a Parts, Arrival)],
    /// The tips that moved. None while a whole log is read: then they are told at its end.
    pub tips: &'a [(ActorId, Tip)],
    /// How many changes of their stretch are reflected then.
    pub position: Option<Position>,
    /// Says that the log was read from its beginning, so that from now on an opening may go on from here.
    pub whole: bool,
}

pub(crate) const KIND_TEXT: i64 = 0;
pub(crate) const KIND_ACTION: i64 = 1;
pub(crate) const KIND_IMPORTED: i64 = 2;
pub(crate) const KIND_IMPORTED_ACTION: i64 = 3;
/// The kind byte of an unreadable entry is added.
pub(crate) const KIND_UNREADABLE: i64 = 0x100;

impl Index {
    /// Takes changes in: questions are answered with them at once, and the file has them with the next
    /// [`Index::keep`].
    ///
    /// Changes of an actor come in their order, those of different actors in any. Gives the places of lines that are
    /// no longer what they were.
    ///
    /// # Errors
    /// [`IndexError`]; then nothing is in that came since the last [`Index::keep`].
    pub fn fold(&mut self, room: RoomId, folded: Folded<'_>) -> Result<Changed, IndexError> {
        self.begin()?;
        match self.fold_in(room, folded) {
            Ok((row, changed)) => {
                self.rooms.insert(room, row);
                Ok(changed)
            }
            Err(err) => {
                self.undo()?;
                Err(err)
            }
        }
    }

    fn fold_in(&mut self, room: RoomId, folded: Folded<'_>) -> Result<(RoomRow, Changed), IndexError> {
        let mut changed = Changed::default();
        let mut row = self.room(room)?;
        let before = (row.clock.clone(), row.whole);
        let (mut heard, mut regrouped, mut ungrouped) = (false, false, None);
        let mut tallies = Tallies::default();
        for (parts, arrival) in folded.changes {
            for entry in &parts.entries {
                row.clock.observe(&Entry::decode(entry), arrival.at_ms);
            }
            for told in told_by(parts, *arrival) {
                match told {
                    Told::Line(place, line) => {
                        let put = self.put_line(row.id, &place, &line, &mut changed)?;
                        if put == Put::Fresh {
                            self.put_mentions(row.id, &place, text_of(&line))?;
                            tallies.count(self.party(place.id.actor.0)?, &place);
                        }
                        if put != Put::Nothing && row.amended {
                            self.amend_newcomer(&row, &place, &mut changed)?;
                        }
                    }
                    Told::Amendment(amendment) => {
                        self.put_amendment(&mut row, &amendment, &mut changed)?;
                    }
                    Told::News(news) => {
                        heard = true;
                        if matches!(news, News::Link { .. } | News::Profile { .. }) && ungrouped.is_none() {
                            ungrouped = Some(row.roster.clone());
                        }
                        // An actor's first entry comes before all that it says of others.
                        regrouped |= row.roster.hear(news) == Heard::Regrouped;
                    }
                }
            }
        }
        if let Some(before) = ungrouped.filter(|_| regrouped) {
            self.amend_again(&row, &before, &mut changed)?;
        }
        self.write_tallies(row.id, &tallies)?;
        for (actor, tip) in folded.tips {
            self.write_tip(row.id, *actor, tip)?;
        }
        if let Some(position) = folded.position {
            self.write_stretch(row.id, position)?;
        }
        row.whole |= folded.whole;
        if heard {
            self.write_roster(room, &row)?;
        }
        if before != (row.clock.clone(), row.whole) {
            self.write_reflected(&row)?;
        }
        Ok((row, changed))
    }

    fn put_line(
        &mut self,
        room: i64,
        place: &Place,
        line: &Line,
        changed: &mut Changed,
    ) -> Result<Put, IndexError> {
        let key = place_bytes(place);
        let id = self.next_line;
        let order = "INSERT OR IGNORE INTO place (room, place, line) VALUES (?, ?, ?)";
        let fresh = self.execute(order, params![room, key, id])? == 1;
        if fresh {
            self.next_line += 1;
            self.write_line(room, id, place, line, changed)?;
            return Ok(Put::Fresh);
        }
        let there = self.line_at(room, &key)?;
        match there {
            Some((id, there, _)) if line.outranks(&there, place) => {
                self.count_as_answer(room, &there, -1, changed)?;
                self.execute("DELETE FROM line WHERE id = ?", [id])?;
                self.write_line(room, id, place, line, changed)?;
                self.reword(id)?;
                Ok(Put::Instead)
            }
            Some(_) => Ok(Put::Nothing),
            None => Err(IndexError::Damaged("a place has no line")),
        }
    }

    pub(crate) fn put_mentions(&self, room: i64, place: &Place, text: &str) -> Result<(), IndexError> {
        for name in mentioned(text) {
            let order = "INSERT OR IGNORE INTO mention (room, name, place) VALUES (?, ?, ?)";
            self.execute(order, params![room, name, place_bytes(place)])?;
        }
        Ok(())
    }

    pub(crate) fn line_at(&self, room: i64, key: &[u8]) -> Result<Option<(i64, Line, i64)>, IndexError> {
        let doing = "find a line";
        let query = format!(
            "SELECT {}, l.id FROM place p JOIN line l ON l.id = p.line
             JOIN party a ON a.id = l.author JOIN party v ON v.id = l.via WHERE p.room = ? AND p.place = ?",
            crate::lines::COLUMNS
        );
        let mut statement = self.db.prepare_cached(&query).doing(doing)?;
        let found = statement
            .query_row(params![room, key], |row| {
                let (_, line, amended) = crate::lines::line_of(row)?;
                Ok((row.get(13)?, line, amended))
            })
            .optional();
        found.doing(doing)
    }

    fn write_line(
        &mut self,
        room: i64,
        id: i64,
        place: &Place,
        line: &Line,
        changed: &mut Changed,
    ) -> Result<(), IndexError> {
        let answers = self.answers_before(room, place.id)?;
        if answers > 0 {
            changed.answered.insert(*place);
        }
        let actor = self.party(place.id.actor.0)?;
        let author = self.party(line.author.0)?;
        let via = self.party(line.arrival.via.0)?;
        let (kind, nick, reply_to, text) = match &line.says {
            Says::Message {
                text,
                action,
                reply_to,
            } => {
                let kind = if *action { KIND_ACTION } else { KIND_TEXT };
                (
                    kind,
                    None,
                    reply_to.as_ref().map(crate::lines::message_bytes),
                    &**text,
                )
            }
            Says::Imported { nick, text, action } => {
                let kind = if *action {
                    KIND_IMPORTED_ACTION
                } else {
                    KIND_IMPORTED
                };
                (kind, Some(&**nick), None, &**text)
            }
            Says::Unreadable { kind } => (KIND_UNREADABLE + i64::from(*kind), None, None, ""),
        };
        let order =
            "INSERT INTO line (id, room, actor, number, ord, sum, author, sent_at_ms, arrived_at_ms, via, kind, nick,
                     reply_to, text, answers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (sent, arrived) = (line.sent_at_ms, line.arrival.at_ms);
        self.execute(
            order,
            params![
                id,
                room,
                actor,
                number(place.id.index),
                number(place.order),
                place.sum,
                author,
                sent,
                arrived,
                via,
                kind,
                nick,
                reply_to,
                text,
                answers
            ],
        )?;
        self.count_as_answer(room, line, 1, changed)
    }

    pub(crate) fn execute(&self, order: &str, values: impl rusqlite::Params) -> Result<usize, IndexError> {
        let mut statement: CachedStatement<'_> = self.db.prepare_cached(order).doing("keep a line")?;
        statement.execute(values).doing("keep a line")
    }
}

/// What became of a line that was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    Fresh,
    /// It stands in the place of one that it outranks.
    Instead,
    Nothing,
}

/// What a line says in words.
pub(crate) fn text_of(line: &Line) -> &str {
    match &line.says {
        Says::Message { text, .. } | Says::Imported { text, .. } => text,
        Says::Unreadable { .. } => "",
    }
}

/// An entry's number or order as SQLite keeps it: what does not fit is no entry's, and stands at the end.
pub(crate) fn number(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// A place as bytes that sort as places do.
pub(crate) fn place_bytes(place: &Place) -> [u8; 36] {
    let mut bytes = [0; 36];
    let (order, rest) = bytes.split_at_mut(8);
    order.copy_from_slice(&place.order.to_be_bytes());
    let (id, sum) = rest.split_at_mut(24);
    id.copy_from_slice(&crate::lines::message_bytes(&place.id));
    sum.copy_from_slice(&place.sum.to_be_bytes());
    bytes
}
