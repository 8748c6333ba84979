//! What somebody has not read of a room: how much, and where. Counted by what differs, not by the room's length:
//! a tally says how many lines each [`BUCKET`] of an actor's entries has, and only buckets that were read in part
//! are looked into. Knows what was read as an argument; keeps nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rusqlite::{Row, params};
use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::mention;
use tailchat_core::read::ReadState;
use tailchat_core::timeline::{Line, Place};

use crate::error::{Doing, IndexError};
use crate::fold::{number, place_bytes, text_of};
use crate::index::Index;
use crate::lines::place_of;

/// Entries of an actor that share a row of the tally.
pub(crate) const BUCKET: u64 = 1024;

/// Who asks what they have not read.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// What they read.
    pub read: &'a ReadState,
    /// The actors with which they write: what is one's own is never unread.
    pub own: &'a BTreeSet<ActorId>,
    /// Their name, by which they are mentioned.
    pub name: &'a str,
}

impl Reader<'_> {
    fn has_not_read(&self, entry: MessageId) -> bool {
        !self.own.contains(&entry.actor) && !self.read.contains(entry)
    }
}

/// The lines of a part of an actor's entries.
struct Bucket {
    actor: ActorId,
    party: i64,
    lines: u64,
    /// The entries, up to the last that has a line.
    entries: Range<u64>,
    first_order: u64,
    last_order: u64,
}

impl Index {
    /// How many lines the reader has not read.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn unread(&self, room: RoomId, reader: Reader<'_>) -> Result<u64, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(0);
        };
        let mut unread = 0;
        for bucket in self.buckets(number, reader)? {
            for gap in reader.read.gaps(bucket.actor, bucket.entries.clone()) {
                unread += if gap == bucket.entries {
                    bucket.lines
                } else {
                    self.lines_in(number, bucket.party, &gap)?
                };
            }
        }
        Ok(unread)
    }

    /// The first lines behind a place, or of all, that the reader has not read, in order, at most `limit`.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn unread_places(
        &self,
        room: RoomId,
        reader: Reader<'_>,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(Vec::new());
        };
        let mut buckets = self.buckets(number, reader)?;
        buckets.retain(|bucket| after.is_none_or(|after| bucket.last_order >= after.order));
        buckets.sort_by_key(|bucket| bucket.first_order);
        let mut found = Vec::new();
        for bucket in buckets {
            found.sort_unstable();
            found.truncate(limit);
            let last: Option<&Place> = found.last();
            if found.len() == limit && last.is_none_or(|last| bucket.first_order > last.order) {
                break;
            }
            for gap in reader.read.gaps(bucket.actor, bucket.entries.clone()) {
                found.extend(self.places_in(number, &bucket, &gap, after, limit)?);
            }
        }
        found.sort_unstable();
        found.truncate(limit);
        Ok(found)
    }

    /// The same of the lines that mention the reader.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn unread_mentions(
        &self,
        room: RoomId,
        reader: Reader<'_>,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(Vec::new());
        };
        let doing = "look for mentions";
        let query = "SELECT place FROM mention WHERE room = ? AND name = ? AND place > ? ORDER BY place";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let after = after.map_or(Vec::new(), |after| place_bytes(&after).to_vec());
        let key = mention::key(reader.name);
        let read = |row: &Row<'_>| Ok(place_of(&row.get::<_, [u8; 36]>(0)?));
        let places = statement
            .query_map(params![number, key, after], read)
            .doing(doing)?;
        let mut found = Vec::new();
        for place in places {
            let place = place.doing(doing)?;
            if found.len() < limit
                && reader.has_not_read(place.id)
                && self.mentions(number, &place, reader)?
            {
                found.push(place);
            }
        }
        Ok(found)
    }

    /// The lines at these places, in their order; of places where nothing stands, none.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn lines_at(&self, room: RoomId, places: &[Place]) -> Result<Vec<(Place, Line)>, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(Vec::new());
        };
        let mut lines = Vec::with_capacity(places.len());
        for place in places {
            let line = self.line_at(number, &place_bytes(place))?;
            lines.extend(line.map(|(_, line, amended)| (*place, line, amended)));
        }
        self.feel(room, lines)
    }

    /// Whether the line has the reader's whole name: what is kept of mentions is its first word.
    fn mentions(&self, room: i64, place: &Place, reader: Reader<'_>) -> Result<bool, IndexError> {
        let line = self.line_at(room, &place_bytes(place))?;
        Ok(line.is_some_and(|(_, line, _)| mention::mentions(text_of(&line), reader.name)))
    }

    /// The buckets of others' lines.
    fn buckets(&self, room: i64, reader: Reader<'_>) -> Result<Vec<Bucket>, IndexError> {
        let doing = "count lines";
        let query = "SELECT p.bytes, t.actor, t.bucket, t.lines, t.last, t.first_ord, t.last_ord
                     FROM tally t JOIN party p ON p.id = t.actor WHERE t.room = ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let read = |row: &Row<'_>| {
            let (bucket, last): (u64, u64) = (row.get(2)?, row.get(4)?);
            Ok(Bucket {
                actor: ActorId(row.get(0)?),
                party: row.get(1)?,
                lines: row.get(3)?,
                entries: bucket * BUCKET..last + 1,
                first_order: row.get(5)?,
                last_order: row.get(6)?,
            })
        };
        let buckets = statement.query_map([room], read).doing(doing)?;
        let buckets = buckets.collect::<Result<Vec<_>, _>>().doing(doing)?;
        Ok(buckets
            .into_iter()
            .filter(|bucket| !reader.own.contains(&bucket.actor))
            .collect())
    }

    fn lines_in(&self, room: i64, party: i64, entries: &Range<u64>) -> Result<u64, IndexError> {
        let doing = "count lines";
        let query = "SELECT count(*) FROM line WHERE room = ? AND actor = ? AND number >= ? AND number < ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let values = params![room, party, number(entries.start), number(entries.end)];
        statement.query_row(values, |row| row.get(0)).doing(doing)
    }

    fn places_in(
        &self,
        room: i64,
        bucket: &Bucket,
        entries: &Range<u64>,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>, IndexError> {
        let doing = "look for lines";
        let query = "SELECT ord, number, sum FROM line
                     WHERE room = ?1 AND actor = ?2 AND number >= ?3 AND number < ?4
                     AND (ord, number, sum) > (?5, ?6, ?7) ORDER BY ord, number, sum LIMIT ?8";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        // Places of one order stand by actor, then by number.
        let (order, index, sum) = match after {
            None => (-1, -1, -1),
            Some(after) => match bucket.actor.cmp(&after.id.actor) {
                std::cmp::Ordering::Less => (number(after.order), i64::MAX, -1),
                std::cmp::Ordering::Equal => {
                    (number(after.order), number(after.id.index), i64::from(after.sum))
                }
                std::cmp::Ordering::Greater => (number(after.order), -1, -1),
            },
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (start, end) = (number(entries.start), number(entries.end));
        let values = params![room, bucket.party, start, end, order, index, sum, limit];
        let read = |row: &Row<'_>| {
            Ok(Place {
                order: row.get(0)?,
                id: MessageId {
                    actor: bucket.actor,
                    index: row.get(1)?,
                },
                sum: row.get(2)?,
            })
        };
        let places = statement.query_map(values, read).doing(doing)?;
        places.collect::<Result<_, _>>().doing(doing)
    }

    pub(crate) fn write_tallies(&self, room: i64, tallies: &Tallies) -> Result<(), IndexError> {
        let order = "INSERT INTO tally (room, actor, bucket, lines, last, first_ord, last_ord) VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET lines = lines + excluded.lines, last = max(last, excluded.last),
             first_ord = min(first_ord, excluded.first_ord), last_ord = max(last_ord, excluded.last_ord)";
        for ((party, bucket), tally) in &tallies.0 {
            let (first, last) = (number(tally.first_order), number(tally.last_order));
            let values = params![
                room,
                party,
                number(*bucket),
                number(tally.lines),
                number(tally.last),
                first,
                last
            ];
            self.execute(order, values)?;
        }
        Ok(())
    }
}

/// New lines, counted before they are added to the tally.
#[derive(Default)]
pub(crate) struct Tallies(BTreeMap<(i64, u64), Tally>);

struct Tally {
    lines: u64,
    last: u64,
    first_order: u64,
    last_order: u64,
}

impl Tallies {
    /// Counts a line of the actor that the party stands for.
    pub(crate) fn count(&mut self, party: i64, place: &Place) {
        let index = place.id.index;
        let tally = self.0.entry((party, index / BUCKET)).or_insert(Tally {
            lines: 0,
            last: 0,
            first_order: u64::MAX,
            last_order: 0,
        });
        tally.lines += 1;
        tally.last = tally.last.max(index);
        tally.first_order = tally.first_order.min(place.order);
        tally.last_order = tally.last_order.max(place.order);
    }
}
