//! What an opening needs to know of a room without reading its log: how far the log is reflected, where its
//! chains stand, who is in it. Every part carries a sum; what does not verify is as good as missing.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, params};
use tailchat_core::ids::{ActorId, ChangeHash, RoomId};
use tailchat_core::order::OrderClock;
use tailchat_core::roster::Roster;
use tailchat_core::state::{RoomState, Tip};

use crate::error::{Doing, IndexError};
use crate::index::Index;

/// So many changes of a stretch of a room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The stretch's number.
    pub stretch: u64,
    /// Changes of it.
    pub changes: u64,
}

/// A room as the index reflects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many changes of which stretches of the log. If the log lacks one of them, the index is ahead of it.
    pub stretches: BTreeMap<u64, u64>,
    /// Where the chains stand.
    pub state: RoomState,
    /// The orders seen.
    pub clock: OrderClock,
    /// Who is in the room.
    pub roster: Roster,
}

/// A room's row.
#[derive(Clone)]
pub(crate) struct RoomRow {
    pub(crate) id: i64,
    /// Whether its log was read from the beginning.
    pub(crate) whole: bool,
    /// Whether anything was said of a line, here or not.
    pub(crate) amended: bool,
    pub(crate) clock: OrderClock,
    pub(crate) roster: Roster,
}

impl Index {
    /// What an opening of the room may go on from; none if the index has to be built from the whole log.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn checkpoint(&self, room: RoomId) -> Result<Option<Checkpoint>, IndexError> {
        let Some(row) = self.read_room(room)?.filter(|row| row.whole) else {
            return Ok(None);
        };
        Ok(Some(Checkpoint {
            stretches: self.read_stretches(row.id)?,
            state: self.read_tips(row.id)?,
            clock: row.clock,
            roster: row.roster,
        }))
    }

    pub(crate) fn read_room(&self, room: RoomId) -> Result<Option<RoomRow>, IndexError> {
        let doing = "read a room";
        let query = "SELECT r.id, r.roster, r.sum, f.whole, f.clock, f.sum
                     FROM room r JOIN reflected f ON f.room = r.id WHERE r.room = ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let read = |row: &Row<'_>| {
            let roster: (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
            let clock: (Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?);
            Ok((row.get::<_, i64>(0)?, roster, row.get(3)?, clock))
        };
        let found = statement.query_row([room.0], read).optional().doing(doing)?;
        let Some((id, roster, whole, clock)) = found else {
            return Ok(None);
        };
        if roster.1 != roster_sum(id, room, &roster.0) || clock.1 != reflected_sum(id, whole, &clock.0) {
            return Err(IndexError::Damaged("the sum of a room does not fit"));
        }
        let (Ok(clock), Ok(roster)) = (postcard::from_bytes(&clock.0), postcard::from_bytes(&roster.0))
        else {
            return Err(IndexError::Damaged("a room does not decode"));
        };
        Ok(Some(RoomRow {
            id,
            whole,
            amended: self.has_amendments(id)?,
            clock,
            roster,
        }))
    }

    fn read_stretches(&self, room: i64) -> Result<BTreeMap<u64, u64>, IndexError> {
        let doing = "read a room's stretches";
        let query = "SELECT number, changes, sum FROM stretch WHERE room = ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let read = |row: &Row<'_>| {
            let position = Position {
                stretch: row.get(0)?,
                changes: row.get(1)?,
            };
            Ok((position, row.get::<_, Vec<u8>>(2)?))
        };
        let mut stretches = BTreeMap::new();
        for found in statement.query_map([room], read).doing(doing)? {
            let (position, sum) = found.doing(doing)?;
            if sum != stretch_sum(room, position) {
                return Err(IndexError::Damaged("the sum of a stretch does not fit"));
            }
            stretches.insert(position.stretch, position.changes);
        }
        Ok(stretches)
    }

    fn read_tips(&self, room: i64) -> Result<RoomState, IndexError> {
        let doing = "read a room's tips";
        let query = "SELECT actor, seq, entries, messages, hash, sum FROM tip WHERE room = ?";
        let mut statement = self.db.prepare_cached(query).doing(doing)?;
        let read = |row: &Row<'_>| {
            let tip = Tip {
                seq: row.get(1)?,
                entries: row.get(2)?,
                messages: row.get(3)?,
                hash: ChangeHash(row.get(4)?),
            };
            Ok((ActorId(row.get(0)?), tip, row.get::<_, Vec<u8>>(5)?))
        };
        let mut state = RoomState::default();
        for found in statement.query_map([room], read).doing(doing)? {
            let (actor, tip, sum) = found.doing(doing)?;
            if sum != tip_sum(room, actor, &tip) {
                return Err(IndexError::Damaged("the sum of a tip does not fit"));
            }
            state.set(actor, tip);
        }
        Ok(state)
    }

    pub(crate) fn write_roster(&self, room: RoomId, row: &RoomRow) -> Result<(), IndexError> {
        let roster = encoded(&row.roster);
        let sum = roster_sum(row.id, room, &roster);
        let order = "INSERT INTO room (id, room, roster, sum) VALUES (?, ?, ?, ?)
                     ON CONFLICT (id) DO UPDATE SET roster = excluded.roster, sum = excluded.sum";
        let mut statement = self.db.prepare_cached(order).doing("keep a room")?;
        statement
            .execute(params![row.id, room.0, roster, sum])
            .doing("keep a room")?;
        Ok(())
    }

    pub(crate) fn write_reflected(&self, row: &RoomRow) -> Result<(), IndexError> {
        let clock = encoded(&row.clock);
        let sum = reflected_sum(row.id, row.whole, &clock);
        let order = "INSERT OR REPLACE INTO reflected (room, whole, clock, sum) VALUES (?, ?, ?, ?)";
        let mut statement = self.db.prepare_cached(order).doing("keep a position")?;
        statement
            .execute(params![row.id, row.whole, clock, sum])
            .doing("keep a position")?;
        Ok(())
    }

    pub(crate) fn write_stretch(&self, room: i64, position: Position) -> Result<(), IndexError> {
        let order = "INSERT OR REPLACE INTO stretch (room, number, changes, sum) VALUES (?, ?, ?, ?)";
        let sum = stretch_sum(room, position);
        let mut statement = self.db.prepare_cached(order).doing("keep a stretch")?;
        statement
            .execute(params![room, position.stretch, position.changes, sum])
            .doing("keep a stretch")?;
        Ok(())
    }

    pub(crate) fn write_tip(&self, room: i64, actor: ActorId, tip: &Tip) -> Result<(), IndexError> {
        let order = "INSERT OR REPLACE INTO tip (room, actor, seq, entries, messages, hash, sum)
                     VALUES (?, ?, ?, ?, ?, ?, ?)";
        let sum = tip_sum(room, actor, tip);
        let mut statement = self.db.prepare_cached(order).doing("keep a tip")?;
        statement
            .execute(params![
                room,
                actor.0,
                tip.seq,
                tip.entries,
                tip.messages,
                tip.hash.0,
                sum
            ])
            .doing("keep a tip")?;
        Ok(())
    }
}

fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("writing to memory cannot fail")
}

fn roster_sum(id: i64, room: RoomId, roster: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 index roster v1");
    hasher.update(&id.to_le_bytes()).update(&room.0).update(roster);
    short(&hasher)
}

fn reflected_sum(id: i64, whole: bool, clock: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 index clock v1");
    hasher
        .update(&id.to_le_bytes())
        .update(&[u8::from(whole)])
        .update(clock);
    short(&hasher)
}

fn stretch_sum(room: i64, position: Position) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 index stretch v1");
    for number in [room.cast_unsigned(), position.stretch, position.changes] {
        hasher.update(&number.to_le_bytes());
    }
    short(&hasher)
}

fn tip_sum(room: i64, actor: ActorId, tip: &Tip) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 index tip v1");
    hasher.update(&room.to_le_bytes()).update(&actor.0);
    for number in [tip.seq, tip.entries, tip.messages] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(&tip.hash.0);
    short(&hasher)
}

fn short(hasher: &blake3::Hasher) -> Vec<u8> {
    let mut sum = vec![0; 16];
    hasher.finalize_xof().fill(&mut sum);
    sum
}
