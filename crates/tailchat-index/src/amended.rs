//! What was said of lines later: edits, deletions, reactions. A line's row has the text as it is now, so that pages and
//! the search need nothing else; what people feel is put together when a page is read. Knows what applies from
//! [`tailchat_core::amend`]; decides nothing itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, params};
use tailchat_core::amend::{Amendment, Amends, Reactions};
use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::roster::Roster;
use tailchat_core::timeline::{Line, Place, Says};

use crate::answers::Changed;
use crate::checkpoint::RoomRow;
use crate::error::{Doing, IndexError};
use crate::fold::{number, place_bytes};
use crate::index::Index;
use crate::lines::{place_in, place_of};

/// Marks in `line.amended`: a reaction was given, there is an edit, the line is gone, it is pinned.
pub(crate) const FELT: i64 = 1;
pub(crate) const EDITED: i64 = 2;
pub(crate) const DELETED: i64 = 4;
pub(crate) const PINNED: i64 = 8;

const KIND_EDIT: i64 = 0;
const KIND_DELETE: i64 = 1;
const KIND_FEEL: i64 = 2;
const KIND_FEEL_NO_LONGER: i64 = 3;
/// The text that was written first, kept when the first edit comes; nobody's.
const KIND_WRITTEN: i64 = 4;
const KIND_PIN: i64 = 5;
const KIND_UNPIN: i64 = 6;
const NOBODY: i64 = 0;

/// One text of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Where the message or the edit stands.
    pub place: Place,
    /// The text, empty if the message was deleted.
    pub text: Box<str>,
}

impl Index {
    /// Keeps an amendment and does what it says to lines that are here; gives their places.
    pub(crate) fn put_amendment(
        &mut self,
        row: &mut RoomRow,
        amendment: &Amendment,
        changed: &mut Changed,
    ) -> Result<(), IndexError> {
        let Amendment {
            of,
            place,
            by,
            arrival,
            what,
        } = amendment;
        let (kind, value) = match what {
            Amends::Edit(text) => (KIND_EDIT, &**text),
            Amends::Delete => (KIND_DELETE, ""),
            Amends::Reaction { with, on: true } => (KIND_FEEL, &**with),
            Amends::Reaction { with, on: false } => (KIND_FEEL_NO_LONGER, &**with),
            Amends::Pin(true) => (KIND_PIN, ""),
            Amends::Pin(false) => (KIND_UNPIN, ""),
        };
        let actor = self.party(of.actor.0)?;
        let by_party = self.party(by.0)?;
        let said = (by_party, kind, value, arrival.at_ms);
        if !self.put_said("IGNORE", row.id, (actor, of.index), place, said)? {
            return Ok(());
        }
        row.amended = true;
        for line in self.places_of_message(row.id, actor, *of)? {
            if self.amend(row, &line, (*place, *by, what), changed)? {
                changed.amended.insert(line);
            }
        }
        Ok(())
    }

    /// Keeps what was said of a message, at its place; whether that was done.
    fn put_said(
        &self,
        known: &str,
        room: i64,
        (actor, index): (i64, u64),
        place: &Place,
        (by, kind, value, arrived_at_ms): (i64, i64, &str, i64),
    ) -> Result<bool, IndexError> {
        let order = format!(
            "INSERT OR {known} INTO amend (room, actor, number, place, by, kind, value, arrived_at_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let place = place_bytes(place);
        let values = params![room, actor, number(index), place, by, kind, value, arrived_at_ms];
        Ok(self.execute(&order, values)? == 1)
    }

    /// Does to a line that has just come what was said of it before.
    pub(crate) fn amend_newcomer(
        &mut self,
        row: &RoomRow,
        at: &Place,
        changed: &mut Changed,
    ) -> Result<(), IndexError> {
        for (place, by, what) in self.said_of(row.id, at.id, i64::MAX)? {
            if self.amend(row, at, (place, by, &what), changed)? {
                changed.amended.insert(*at);
            }
        }
        Ok(())
    }

    /// Judges again what some say of others' lines, since devices turned out to be one person's that were not before: that
    /// alone, since a member can have many devices.
    pub(crate) fn amend_again(
        &mut self,
        row: &RoomRow,
        before: &Roster,
        changed: &mut Changed,
    ) -> Result<(), IndexError> {
        let doing = "read what was said of lines";
        let regrouped = self.regrouped(before, &row.roster)?;
        let query = "SELECT p.bytes, m.number, m.actor, m.by FROM amend m JOIN party p ON p.id = m.actor
                     WHERE m.room = ? AND m.kind IN (?, ?)";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let read = |found: &Row<'_>| {
            let id = MessageId {
                actor: ActorId(found.get(0)?),
                index: found.get(1)?,
            };
            let by: i64 = found.get(3)?;
            Ok((id, found.get(2)?, regrouped.get(&by).copied()))
        };
        let found = statement
            .query_map(params![row.id, KIND_EDIT, KIND_DELETE], read)
            .doing(doing)?;
        let said: BTreeSet<(MessageId, i64, Option<ActorId>)> =
            found.collect::<Result<_, _>>().doing(doing)?;
        drop(statement);
        let mut places = BTreeSet::new();
        for (message, actor, by) in said {
            let Some(by) = by else { continue };
            for place in self.places_of_message(row.id, actor, message)? {
                let line = self.line_at(row.id, &place_bytes(&place))?;
                let is_new =
                    |line: &Line| row.roster.is_one(by, line.author) && !before.is_one(by, line.author);
                if line.is_some_and(|(_, line, _)| is_new(&line)) {
                    places.insert(place);
                }
            }
        }
        for place in places {
            self.amend_newcomer(row, &place, changed)?;
        }
        Ok(())
    }

    /// The actors, by their parties, of writers who are not the ones that they were before.
    fn regrouped(&self, before: &Roster, now: &Roster) -> Result<BTreeMap<i64, ActorId>, IndexError> {
        let actors = || now.profiles().map(|(actor, _)| actor);
        let moved = actors().filter(|actor| before.writer(*actor) != now.writer(*actor));
        let writers: BTreeSet<_> = moved.filter_map(|actor| now.writer(actor)).collect();
        let mut regrouped = BTreeMap::new();
        for actor in actors().filter(|actor| now.writer(*actor).is_some_and(|by| writers.contains(&by))) {
            regrouped.extend(self.find_party(actor.0)?.map(|party| (party, actor)));
        }
        Ok(regrouped)
    }

    /// What was said of a message and had come by then, in order.
    pub(crate) fn said_of(
        &self,
        room: i64,
        of: MessageId,
        known_ms: i64,
    ) -> Result<Vec<(Place, ActorId, Amends)>, IndexError> {
        let doing = "read what was said of a line";
        let query = "SELECT m.place, b.bytes, m.kind, m.value FROM amend m JOIN party b ON b.id = m.by
                     JOIN party a ON a.id = m.actor
                     WHERE m.room = ? AND a.bytes = ? AND m.number = ? AND m.kind <> ? AND m.arrived_at_ms <= ?
                     ORDER BY m.place, b.bytes";
        let values = params![room, of.actor.0, number(of.index), KIND_WRITTEN, known_ms];
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let said = statement.query_map(values, amendment_of).doing(doing)?;
        said.collect::<Result<_, _>>().doing(doing)
    }

    /// The text of an edited line as it was written first.
    pub(crate) fn first_text(&self, room: i64, at: &Place) -> Result<Option<Box<str>>, IndexError> {
        let doing = "read the first text of a line";
        let query = "SELECT m.value FROM amend m JOIN party a ON a.id = m.actor
                     WHERE m.room = ? AND a.bytes = ? AND m.number = ? AND m.place = ? AND m.kind = ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let values = params![
            room,
            at.id.actor.0,
            number(at.id.index),
            place_bytes(at),
            KIND_WRITTEN
        ];
        let found = statement.query_row(values, |row| row.get(0)).optional();
        found.doing(doing)
    }

    /// Whether that changed the line.
    fn amend(
        &mut self,
        row: &RoomRow,
        at: &Place,
        (place, by, what): (Place, ActorId, &Amends),
        changed: &mut Changed,
    ) -> Result<bool, IndexError> {
        let Some((id, line, _)) = self.line_at(row.id, &place_bytes(at))? else {
            return Ok(false);
        };
        if !what.applies(by, &line, &row.roster) {
            return Ok(false);
        }
        match what {
            Amends::Edit(_) if line.since.deleted => {
                self.forget_text(row.id, at, &place)?;
                Ok(false)
            }
            _ if line.since.deleted => Ok(false),
            Amends::Reaction { .. } => {
                self.execute("UPDATE line SET amended = amended | ? WHERE id = ?", [FELT, id])?;
                Ok(true)
            }
            Amends::Pin(_) => self.pin(row.id, at, id),
            Amends::Edit(_) if line.since.edited.is_some_and(|edited| edited >= place) => Ok(false),
            Amends::Edit(text) => {
                self.keep_written(row.id, at, &line)?;
                let order = "UPDATE line SET text = ?, edited = ?, amended = amended | ? WHERE id = ?";
                self.execute(order, params![text, place_bytes(&place), EDITED, id])?;
                self.put_mentions(row.id, at, text)?;
                self.reword(id)?;
                Ok(true)
            }
            Amends::Delete => {
                let order =
                    "UPDATE line SET text = '', reply_to = NULL, edited = NULL, amended = ? WHERE id = ?";
                self.execute(order, params![DELETED, id])?;
                self.count_as_answer(row.id, &line, -1, changed)?;
                self.forget_texts(row, at, &line)?;
                self.reword(id)?;
                Ok(true)
            }
        }
    }

    /// Pins a line or takes it off, as the last word says. Whether that changed it.
    fn pin(&mut self, room: i64, at: &Place, id: i64) -> Result<bool, IndexError> {
        let actor = self.party(at.id.actor.0)?;
        let order = "UPDATE line SET amended = (amended & ~?1) | iif((
                         SELECT m.kind FROM amend m JOIN party b ON b.id = m.by
                         WHERE m.room = ?2 AND m.actor = ?3 AND m.number = ?4 AND m.kind IN (?5, ?6)
                         ORDER BY m.place DESC, b.bytes DESC LIMIT 1
                     ) = ?5, ?1, 0) WHERE id = ?7";
        let values = params![PINNED, room, actor, number(at.id.index), KIND_PIN, KIND_UNPIN, id];
        Ok(self.execute(order, values)? == 1)
    }

    fn keep_written(&mut self, room: i64, at: &Place, line: &Line) -> Result<(), IndexError> {
        let Says::Message { text, .. } = &line.says else {
            return Ok(());
        };
        if line.since.edited.is_some() {
            return Ok(());
        }
        let actor = self.party(at.id.actor.0)?;
        let written = (NOBODY, KIND_WRITTEN, &**text, line.arrival.at_ms);
        self.put_said("REPLACE", room, (actor, at.id.index), at, written)?;
        Ok(())
    }

    /// Of a line that is gone no text stays: neither the first one nor those that it was given.
    fn forget_texts(&mut self, row: &RoomRow, at: &Place, line: &Line) -> Result<(), IndexError> {
        self.forget_text(row.id, at, at)?;
        for (place, by, what) in self.said_of(row.id, at.id, i64::MAX)? {
            // What is none of this line's may be another's, as a fork has them.
            if matches!(what, Amends::Edit(_)) && what.applies(by, line, &row.roster) {
                self.forget_text(row.id, at, &place)?;
            }
        }
        Ok(())
    }

    fn forget_text(&mut self, room: i64, of: &Place, at: &Place) -> Result<(), IndexError> {
        let actor = self.party(of.id.actor.0)?;
        let order = "UPDATE amend SET value = '' WHERE room = ? AND actor = ? AND number = ? AND place = ?";
        self.execute(order, params![room, actor, number(of.id.index), place_bytes(at)])?;
        Ok(())
    }

    /// Where a message stands; of a forked actor's two by one ID, both.
    pub(crate) fn places_of_message(
        &self,
        room: i64,
        actor: i64,
        id: MessageId,
    ) -> Result<Vec<Place>, IndexError> {
        let doing = "find a message";
        let query = "SELECT ord, sum FROM line WHERE room = ? AND actor = ? AND number = ? ORDER BY ord, sum";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let read = |row: &Row<'_>| {
            Ok(Place {
                order: row.get(0)?,
                id,
                sum: row.get(1)?,
            })
        };
        let places = statement
            .query_map(params![room, actor, number(id.index)], read)
            .doing(doing)?;
        places.collect::<Result<_, _>>().doing(doing)
    }

    /// Puts together what people feel about lines, where anybody felt anything.
    pub(crate) fn feel(
        &self,
        room: RoomId,
        mut lines: Vec<(Place, Line, i64)>,
    ) -> Result<Vec<(Place, Line)>, IndexError> {
        let plain = |lines: Vec<(Place, Line, i64)>| {
            lines.into_iter().map(|(place, line, _)| (place, line)).collect()
        };
        if lines.iter().all(|(.., amended)| amended & FELT == 0) {
            return Ok(plain(lines));
        }
        let Some(row) = self.row_of(room)? else {
            return Ok(plain(lines));
        };
        for (place, line, amended) in &mut lines {
            if *amended & FELT != 0 {
                line.since.reactions = self.felt(row.id, place.id, &row.roster)?.felt();
            }
        }
        Ok(plain(lines))
    }

    /// The room's row as it is in memory, or else on disk.
    pub(crate) fn row_of(&self, room: RoomId) -> Result<Option<Cow<'_, RoomRow>>, IndexError> {
        match self.rooms.get(&room) {
            Some(row) => Ok(Some(Cow::Borrowed(row))),
            None => Ok(self.read_room(room)?.map(Cow::Owned)),
        }
    }

    fn felt(&self, room: i64, of: MessageId, roster: &Roster) -> Result<Reactions, IndexError> {
        let doing = "read reactions";
        let query = "SELECT m.place, b.bytes, m.kind, m.value FROM amend m JOIN party b ON b.id = m.by
                     JOIN party a ON a.id = m.actor
                     WHERE m.room = ? AND a.bytes = ? AND m.number = ? AND m.kind IN (?, ?) ORDER BY m.place, b.bytes";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let values = params![room, of.actor.0, number(of.index), KIND_FEEL, KIND_FEEL_NO_LONGER];
        let mut reactions = Reactions::default();
        for found in statement.query_map(values, amendment_of).doing(doing)? {
            if let (_, by, Amends::Reaction { with, on }) = found.doing(doing)? {
                reactions.take(roster.writer(by), by, &with, on);
            }
        }
        Ok(reactions)
    }

    /// The texts of a message that was edited, the first one first; none of one that was not. Of one that was deleted
    /// since they are empty.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn versions(&self, room: RoomId, of: MessageId) -> Result<Vec<Version>, IndexError> {
        let (Some(row), Some(actor)) = (self.read_room(room)?, self.find_party(of.actor.0)?) else {
            return Ok(Vec::new());
        };
        let doing = "read the texts of a message";
        let Some(at) = self.places_of_message(row.id, actor, of)?.first().copied() else {
            return Ok(Vec::new());
        };
        let Some((_, line, _)) = self.line_at(row.id, &place_bytes(&at))? else {
            return Ok(Vec::new());
        };
        if line.since.edited.is_none() && !line.since.deleted {
            // Edits that do not apply are not its history.
            return Ok(Vec::new());
        }
        let query = "SELECT m.place, b.bytes, m.kind, m.value FROM amend m LEFT JOIN party b ON b.id = m.by AND m.by <> 0
                     WHERE m.room = ? AND m.actor = ? AND m.number = ? AND m.kind IN (?, ?) ORDER BY m.place";
        let values = params![row.id, actor, number(of.index), KIND_EDIT, KIND_WRITTEN];
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let read = |found: &Row<'_>| {
            let by: Option<[u8; 16]> = found.get(1)?;
            let version = Version {
                place: place_of(&found.get::<_, [u8; 36]>(0)?),
                text: found.get(3)?,
            };
            Ok((by.map(ActorId), version))
        };
        let mut versions = Vec::new();
        for found in statement.query_map(values, read).doing(doing)? {
            let (by, version) = found.doing(doing)?;
            let fits = match by {
                Some(by) => Amends::Edit("".into()).applies(by, &line, &row.roster),
                None => version.place == at,
            };
            versions.extend(fits.then_some(version));
        }
        Ok(versions)
    }

    /// The pinned lines of a room, the newest `limit` of them, in order.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn pinned(&self, room: RoomId, limit: usize) -> Result<Vec<(Place, Line)>, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(Vec::new());
        };
        let doing = "find what is pinned";
        // As the index of them says it.
        let query = format!(
            "SELECT l.ord, a.bytes, l.number, l.sum FROM line l JOIN party a ON a.id = l.actor
             WHERE l.room = ? AND l.amended & {PINNED} <> 0 ORDER BY l.ord DESC LIMIT ?"
        );
        let mut statement = self.db.prepare_cached(&query).doing(doing)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let places = statement
            .query_map(params![number, limit], place_in)
            .doing(doing)?;
        let mut places = places.collect::<Result<Vec<_>, _>>().doing(doing)?;
        places.sort_unstable();
        self.lines_at(room, &places)
    }

    pub(crate) fn has_amendments(&self, room: i64) -> Result<bool, IndexError> {
        let query = "SELECT 1 FROM amend WHERE room = ? LIMIT 1";
        let mut statement = self.db.prepare_cached(query).doing("read a room")?;
        let found = statement.query_row([room], |_| Ok(())).optional();
        Ok(found.doing("read a room")?.is_some())
    }
}

fn amendment_of(row: &Row<'_>) -> rusqlite::Result<(Place, ActorId, Amends)> {
    let value = || row.get::<_, Box<str>>(3);
    let what = match row.get::<_, i64>(2)? {
        KIND_EDIT => Amends::Edit(value()?),
        KIND_FEEL => Amends::Reaction {
            with: value()?,
            on: true,
        },
        KIND_FEEL_NO_LONGER => Amends::Reaction {
            with: value()?,
            on: false,
        },
        KIND_PIN => Amends::Pin(true),
        KIND_UNPIN => Amends::Pin(false),
        _ => Amends::Delete,
    };
    Ok((place_of(&row.get::<_, [u8; 36]>(0)?), ActorId(row.get(1)?), what))
}
