//! A page around a line, wherever in the room it is, so that a screen goes both ways from anywhere. Knows places; what
//! a person has read is an argument.

use tailchat_core::ids::{MessageId, RoomId};
use tailchat_core::timeline::{Line, Place};

use crate::error::IndexError;
use crate::fold::place_bytes;
use crate::index::Index;
use crate::lines::{Asked, From, Range};
use crate::unread::Reader;

/// A line of a room, by what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Behind the newest.
    Newest,
    /// The oldest.
    Oldest,
    /// The one at this place, or else the next one behind it.
    Place(Place),
    /// The message with this ID.
    Message(MessageId),
    /// The first one, in the room's order, of this time or later, in milliseconds since 1970.
    Time(i64),
    /// The first one behind this place, or of all, that the reader has not read.
    Unread(Option<Place>),
    /// The same, that mentions the reader.
    Mention(Option<Place>),
    /// The first one behind this place, or of all, that answers this message.
    Answer(MessageId, Option<Place>),
}

/// A page of a room's lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The place of the line that was asked for; none if there is no such line. Then the page is the newest one.
    pub at: Option<Place>,
    /// The lines, in order.
    pub lines: Vec<(Place, Line)>,
    /// Whether there are lines before them.
    pub more_before: bool,
    /// Whether there are lines behind them.
    pub more_after: bool,
}

impl Index {
    /// Up to `before` lines before a spot and up to `after` from it on.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn page_at(
        &self,
        room: RoomId,
        spot: Spot,
        (before, after): (usize, usize),
        reader: Reader<'_>,
    ) -> Result<Page, IndexError> {
        let Some(number) = self.room_number(room)? else {
            return Ok(Page::default());
        };
        let at = self.find(room, spot, reader)?;
        let everything = Range::of(&EVERYTHING);
        let border = at.map_or_else(|| everything.before.clone(), |at| place_bytes(&at).to_vec());
        let mut lines = self.page(
            (room, number),
            &Range::between(&everything.first, &border),
            "DESC",
            before as u64 + 1,
        )?;
        let more_before = lines.len() > before;
        lines.truncate(before);
        lines.reverse();
        let behind = self.page(
            (room, number),
            &Range::between(&border, &everything.before),
            "ASC",
            after as u64 + 1,
        )?;
        let more_after = behind.len() > after;
        lines.extend(behind.into_iter().take(after));
        Ok(Page {
            at,
            lines,
            more_before,
            more_after,
        })
    }

    fn find(&self, room: RoomId, spot: Spot, reader: Reader<'_>) -> Result<Option<Place>, IndexError> {
        let one = |asked: Asked| Ok(self.lines(room, &asked)?.first().map(|(place, _)| *place));
        let asked = Asked {
            limit: 1,
            ..EVERYTHING
        };
        match spot {
            Spot::Newest => Ok(None),
            Spot::Oldest => one(asked),
            // The border need not be a line's.
            Spot::Place(place) => Ok(Some(place)),
            Spot::Message(id) => self.place_of_message(room, id),
            Spot::Time(since) => one(Asked {
                since_ms: Some(since),
                ..asked
            }),
            Spot::Unread(after) => Ok(self.unread_places(room, reader, after, 1)?.first().copied()),
            Spot::Answer(of, after) => Ok(self.answer_places(room, of, after, 1)?.first().copied()),
            Spot::Mention(after) => Ok(self.unread_mentions(room, reader, after, 1)?.first().copied()),
        }
    }

    /// A message; of a forked actor's two by one ID, the first one.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn message(&self, room: RoomId, id: MessageId) -> Result<Option<(Place, Line)>, IndexError> {
        let place = self.place_of_message(room, id)?;
        let lines = self.lines_at(room, place.as_slice())?;
        Ok(lines.into_iter().next())
    }

    /// Where a message stands; of a forked actor's two by one ID, where the first does.
    fn place_of_message(&self, room: RoomId, id: MessageId) -> Result<Option<Place>, IndexError> {
        let (Some(room), Some(party)) = (self.room_number(room)?, self.find_party(id.actor.0)?) else {
            return Ok(None);
        };
        Ok(self.places_of_message(room, party, id)?.first().copied())
    }
}

/// All lines of a room, none at a time.
const EVERYTHING: Asked = Asked {
    from: From::Start,
    since_ms: None,
    until_ms: None,
    known_ms: None,
    limit: 0,
};
