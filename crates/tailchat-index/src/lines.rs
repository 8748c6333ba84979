//! Questions about lines: a page of them by place or time, one by its ID, whether one was imported before.

use rusqlite::{Row, params};
use tailchat_core::amend::Since;
use tailchat_core::block::Arrival;
use tailchat_core::ids::{ActorId, DeviceId, MessageId, RoomId};
use tailchat_core::limits::{ORDER_AHEAD_MAX_MS, ORDER_MAX};
use tailchat_core::timeline::{Line, Place, Says};

use crate::amended::{DELETED, PINNED};
use crate::error::{Doing, IndexError};
use crate::fold::{
    KIND_ACTION, KIND_IMPORTED, KIND_IMPORTED_ACTION, KIND_TEXT, KIND_UNREADABLE, place_bytes,
};
use crate::index::Index;

/// The columns that [`line_of`] reads, of `place p`, `line l`, and `party` for author `a` and device `v`.
pub(crate) const COLUMNS: &str =
    "p.place, a.bytes, l.sent_at_ms, l.arrived_at_ms, v.bytes, l.kind, l.nick, l.reply_to, l.text, l.number, l.amended,
     l.edited, l.answers";

/// A page of a room's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where it begins.
    pub from: From,
    /// Lines of this time and later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Lines of before this time.
    pub until_ms: Option<i64>,
    /// Lines as they were known here at this time, in milliseconds since 1970: what arrived later is left out. Of what
    /// was deleted since, no text comes back.
    pub known_ms: Option<i64>,
    /// Lines at most.
    pub limit: usize,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the beginning.
    Start,
    /// Behind this place.
    After(Place),
    /// So many lines before the end of what is asked for.
    Newest(u64),
}

impl Index {
    /// A page of a room's lines, in order; shorter than its limit only at the end.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn lines(&self, room: RoomId, asked: &Asked) -> Result<Vec<(Place, Line)>, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(Vec::new());
        };
        let mut range = Range::of(asked);
        match asked.from {
            From::Start => {}
            From::After(place) => range.first = range.first.max(behind(&place_bytes(&place))),
            From::Newest(count) if count <= asked.limit as u64 => {
                let mut lines = self.page((room, number), &range, "DESC", count)?;
                lines.reverse();
                return Ok(lines);
            }
            From::Newest(count) => {
                if let Some(place) = self.nth_newest(number, &range, count)? {
                    range.first = behind(&place);
                }
            }
        }
        self.page((room, number), &range, "ASC", asked.limit as u64)
    }

    pub(crate) fn page(
        &self,
        (room, number): (RoomId, i64),
        range: &Range,
        way: &str,
        limit: u64,
    ) -> Result<Vec<(Place, Line)>, IndexError> {
        let doing = "read lines";
        let query = format!(
            "SELECT {COLUMNS} FROM place p JOIN line l ON l.id = p.line
             JOIN party a ON a.id = l.author JOIN party v ON v.id = l.via
             WHERE p.room = ? AND p.place >= ? AND p.place < ? AND l.sent_at_ms >= ? AND l.sent_at_ms < ?
             AND l.arrived_at_ms <= ?
             ORDER BY p.place {way} LIMIT ?"
        );
        let mut statement = self.db.prepare_cached(&query).doing(doing)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = params![
            number,
            range.first,
            range.before,
            range.since_ms,
            range.until_ms,
            range.known_ms.unwrap_or(i64::MAX),
            limit
        ];
        let lines = statement.query_map(values, line_of).doing(doing)?;
        let lines = lines.collect::<Result<_, _>>().doing(doing)?;
        match range.known_ms {
            Some(known_ms) => self.as_known(room, lines, known_ms),
            None => self.feel(room, lines),
        }
    }

    /// The place behind which the newest `count` lines stand; none if there are not more.
    fn nth_newest(&self, room: i64, range: &Range, count: u64) -> Result<Option<Vec<u8>>, IndexError> {
        use rusqlite::OptionalExtension;
        let doing = "count lines";
        // Without times the lines themselves need not be looked at.
        let timed = range.since_ms > i64::MIN || range.until_ms < i64::MAX || range.known_ms.is_some();
        let filter = if timed {
            "JOIN line l ON l.id = p.line AND l.sent_at_ms >= ?5 AND l.sent_at_ms < ?6 AND l.arrived_at_ms <= ?7"
        } else {
            ""
        };
        let query = format!(
            "SELECT p.place FROM place p {filter} WHERE p.room = ?1 AND p.place >= ?2 AND p.place < ?3
             ORDER BY p.place DESC LIMIT 1 OFFSET ?4"
        );
        let mut statement = self.db.prepare_cached(&query).doing(doing)?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let read = |row: &Row<'_>| row.get(0);
        let found = if timed {
            let values = params![
                room,
                range.first,
                range.before,
                count,
                range.since_ms,
                range.until_ms,
                range.known_ms.unwrap_or(i64::MAX)
            ];
            statement.query_row(values, read)
        } else {
            statement.query_row(params![room, range.first, range.before, count], read)
        };
        found.optional().doing(doing)
    }

    /// Whether this imported message is in the room already, whoever imported it. One that was taken back has no text
    /// any more: whatever the same nick said at that moment counts as it.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn has_imported(
        &self,
        room: RoomId,
        order: u64,
        nick: &str,
        action: bool,
        text: &str,
    ) -> Result<bool, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(false);
        };
        let doing = "look for an imported message";
        let query = format!(
            "SELECT 1 FROM place p JOIN line l ON l.id = p.line
             WHERE p.room = ? AND p.place >= ? AND p.place < ? AND l.kind = ? AND l.nick = ?
             AND (l.text = ? OR l.amended & {DELETED})"
        );
        let mut statement = self.db.prepare_cached(&query).doing(doing)?;
        let kind = if action {
            KIND_IMPORTED_ACTION
        } else {
            KIND_IMPORTED
        };
        let (first, end) = (start_of(order), start_of(order.saturating_add(1)));
        statement
            .exists(params![number, first, end, kind, nick, text])
            .doing(doing)
    }

    /// The messages of an actor with numbers that are spelled beginning with `digits`, at most `limit`.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn messages_of(
        &self,
        room: RoomId,
        actor: ActorId,
        digits: &str,
        limit: usize,
    ) -> Result<Vec<MessageId>, IndexError> {
        let (Some(room), Some(party)) = (self.room_number(room)?, self.find_party(actor.0)?) else {
            return Ok(Vec::new());
        };
        let doing = "find a message";
        let query = "SELECT DISTINCT number FROM line WHERE room = ? AND actor = ?
                     AND substr(number, 1, length(?3)) = ?3 ORDER BY length(number), number LIMIT ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = |row: &Row<'_>| {
            let index = row.get(0)?;
            Ok(MessageId { actor, index })
        };
        let found = statement
            .query_map(params![room, party, digits, limit], read)
            .doing(doing)?;
        found.collect::<Result<_, _>>().doing(doing)
    }

    /// Whether the room has a line of this message.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn has_message(&self, room: RoomId, id: MessageId) -> Result<bool, IndexError> {
        let (Some(room), Some(party)) = (self.room_number(room)?, self.find_party(id.actor.0)?) else {
            return Ok(false);
        };
        let doing = "find a message";
        let query = "SELECT 1 FROM line WHERE room = ? AND actor = ? AND number = ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let number = crate::fold::number(id.index);
        statement.exists(params![room, party, number]).doing(doing)
    }
}

/// The places and times of a page.
pub(crate) struct Range {
    pub(crate) first: Vec<u8>,
    /// Exclusive.
    pub(crate) before: Vec<u8>,
    since_ms: i64,
    until_ms: i64,
    known_ms: Option<i64>,
}

impl Range {
    /// Of any time.
    pub(crate) fn between(first: &[u8], before: &[u8]) -> Self {
        Self {
            first: first.to_vec(),
            before: before.to_vec(),
            since_ms: i64::MIN,
            until_ms: i64::MAX,
            known_ms: None,
        }
    }

    /// A time that is shown lies at most [`ORDER_AHEAD_MAX_MS`] and one before its order and never behind it, so
    /// times bound places.
    pub(crate) fn of(asked: &Asked) -> Self {
        let since = asked
            .since_ms
            .map_or(0, |since| u64::try_from(since).unwrap_or(0));
        let before = match asked.until_ms {
            None => ORDER_MAX + 1,
            // Of order nought the time may be any before 1970.
            Some(until) => u64::try_from(until)
                .unwrap_or(0)
                .saturating_add(ORDER_AHEAD_MAX_MS + 2),
        };
        Self {
            first: start_of(since).to_vec(),
            before: start_of(before).to_vec(),
            since_ms: asked.since_ms.unwrap_or(i64::MIN),
            until_ms: asked.until_ms.unwrap_or(i64::MAX),
            known_ms: asked.known_ms,
        }
    }
}

/// The bytes next to these: before every other place behind them.
fn behind(place: &[u8]) -> Vec<u8> {
    let mut bytes = place.to_vec();
    bytes.push(0);
    bytes
}

/// Before every place of this order.
pub(crate) fn start_of(order: u64) -> [u8; 8] {
    order.to_be_bytes()
}

pub(crate) fn message_bytes(id: &MessageId) -> [u8; 24] {
    let mut bytes = [0; 24];
    let (actor, index) = bytes.split_at_mut(16);
    actor.copy_from_slice(&id.actor.0);
    index.copy_from_slice(&id.index.to_be_bytes());
    bytes
}

/// A line with the marks of what was said of it; what people feel about it is put in by [`Index::feel`].
pub(crate) fn line_of(row: &Row<'_>) -> rusqlite::Result<(Place, Line, i64)> {
    let amended: i64 = row.get(10)?;
    let place = place_of(&row.get::<_, [u8; 36]>(0)?);
    let kind: i64 = row.get(5)?;
    let text = || row.get::<_, Box<str>>(8);
    let nick = || Ok::<_, rusqlite::Error>(row.get::<_, Option<Box<str>>>(6)?.unwrap_or_default());
    let says = match kind {
        KIND_TEXT | KIND_ACTION => Says::Message {
            text: text()?,
            action: kind == KIND_ACTION,
            reply_to: row.get::<_, Option<[u8; 24]>>(7)?.map(|bytes| message_of(&bytes)),
        },
        KIND_IMPORTED | KIND_IMPORTED_ACTION => Says::Imported {
            nick: nick()?,
            text: text()?,
            action: kind == KIND_IMPORTED_ACTION,
        },
        other => Says::Unreadable {
            kind: u8::try_from(other - KIND_UNREADABLE).unwrap_or(0),
        },
    };
    let line = Line {
        author: ActorId(row.get(1)?),
        sent_at_ms: row.get(2)?,
        arrival: Arrival {
            at_ms: row.get(3)?,
            via: DeviceId(row.get(4)?),
        },
        says,
        since: Since {
            edited: row
                .get::<_, Option<[u8; 36]>>(11)?
                .map(|edited| place_of(&edited)),
            deleted: amended & DELETED != 0,
            pinned: amended & PINNED != 0,
            reactions: Vec::new(),
            answers: row.get(12)?,
        },
    };
    Ok((place, line, amended))
}

/// The place of a line, of its order, its actor's bytes, its number and its sum.
pub(crate) fn place_in(row: &Row<'_>) -> rusqlite::Result<Place> {
    let id = MessageId {
        actor: ActorId(row.get(1)?),
        index: row.get(2)?,
    };
    Ok(Place {
        order: row.get(0)?,
        id,
        sum: row.get(3)?,
    })
}

pub(crate) fn place_of(bytes: &[u8; 36]) -> Place {
    let (mut order, mut id, mut sum) = ([0; 8], [0; 24], [0; 4]);
    order.copy_from_slice(&bytes[..8]);
    id.copy_from_slice(&bytes[8..32]);
    sum.copy_from_slice(&bytes[32..]);
    Place {
        order: u64::from_be_bytes(order),
        id: message_of(&id),
        sum: u32::from_be_bytes(sum),
    }
}

fn message_of(bytes: &[u8; 24]) -> MessageId {
    let (mut actor, mut index) = ([0; 16], [0; 8]);
    actor.copy_from_slice(&bytes[..16]);
    index.copy_from_slice(&bytes[16..]);
    MessageId {
        actor: ActorId(actor),
        index: u64::from_be_bytes(index),
    }
}
