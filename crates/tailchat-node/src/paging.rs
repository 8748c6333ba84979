//! Pages that a screen asks for, around a line or behind it, what answers a message, and on how many disks messages are.

use tailchat_core::ids::{MessageId, RoomId};
use tailchat_core::timeline::{Line, NotAPlace, Place};
use tailchat_index::{Page as Found, Spot};

use crate::answers::View;
use crate::control::{At, Code, Failure, Item, PAGE_MAX, PINS_MAX, PageItem};
use crate::indexing::Question;
use crate::node::Node;
use crate::requests::{busy, left, no_message};
use crate::session::{AfterIndex, Pending, SessionId};
use crate::unread;

impl Node {
    pub(crate) fn page_around(
        &mut self,
        session: SessionId,
        room: &str,
        at: At,
        (before, after): (u32, u32),
    ) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        if before as usize > PAGE_MAX || after as usize > PAGE_MAX {
            let why =
                format!("a page of {before} lines and {after} is too long, at most {PAGE_MAX} each way");
            return Err(Failure::new(Code::Usage, why));
        }
        let lines = (before as usize, after as usize);
        let spot = match at {
            At::Newest => Spot::Newest,
            At::Oldest => Spot::Oldest,
            At::Place(text) => Spot::Place(place(text)?),
            At::Time(since_ms) => Spot::Time(since_ms),
            At::Unread(after) => Spot::Unread(after.map(place).transpose()?),
            At::Mention(after) => Spot::Mention(after.map(place).transpose()?),
            At::Answer { of, after } => {
                let of = of.parse().map_err(|_| no_message(&of))?;
                Spot::Answer(of, after.map(place).transpose()?)
            }
            At::Message(text) => {
                let asked = self.ask_for_message(session, room, &text)?;
                return Ok(Pending::Index(asked, AfterIndex::Goto { room, text, lines }));
            }
        };
        self.ask_for_page(session, room, spot, lines)
    }

    fn ask_for_page(
        &mut self,
        session: SessionId,
        room: RoomId,
        spot: Spot,
        lines: (usize, usize),
    ) -> Result<Pending, Failure> {
        let reader = self.reader_of(room).ok_or_else(busy)?;
        let question = Question::Page(spot, lines, reader);
        let asked = self.ask_index(session, room, question).ok_or_else(busy)?;
        Ok(Pending::Index(asked, AfterIndex::Page { room }))
    }

    pub(crate) fn page_of_message(
        &mut self,
        session: SessionId,
        room: RoomId,
        message: MessageId,
        lines: (usize, usize),
    ) -> Result<Pending, Failure> {
        self.ask_for_page(session, room, Spot::Message(message), lines)
    }

    pub(crate) fn page_found(&self, room: RoomId, found: &Found) -> Pending {
        let Some(view) = self.view(room) else {
            return Pending::from(left());
        };
        let page = Item::Page(PageItem {
            room: room.to_string(),
            at: found.at.map(|at| at.to_string()),
            more_before: found.more_before,
            more_after: found.more_after,
        });
        Pending::items(std::iter::once(page).chain(messages(&view, &found.lines)))
    }

    pub(crate) fn pins(&mut self, session: SessionId, room: &str) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let asked = self.ask_index(session, room, Question::Pins(PINS_MAX));
        Ok(Pending::Index(asked.ok_or_else(busy)?, AfterIndex::List { room }))
    }

    /// Lines, as they were found.
    pub(crate) fn listed(&self, room: RoomId, lines: &[(Place, Line)]) -> Pending {
        match self.view(room) {
            Some(view) => Pending::items(messages(&view, lines)),
            None => Pending::from(left()),
        }
    }

    /// A message with all that is known of it.
    pub(crate) fn line_found(&self, room: RoomId, place: &Place, line: &Line) -> Pending {
        let Some(view) = self.view(room) else {
            return Pending::from(left());
        };
        let message = view.message(place, line);
        let holders = view.holders_by_name(place.id);
        Pending::items([Item::Message(Box::new(message)), Item::Holders(holders)])
    }

    /// Asks for a message and what answers it.
    pub(crate) fn answers_to(
        &mut self,
        session: SessionId,
        room: &str,
        message: String,
        after: Option<String>,
    ) -> Result<Pending, Failure> {
        let after = after.map(place).transpose()?;
        let then = |room, message| AfterIndex::Answers { room, message, after };
        self.look_for_message(session, room, message, then)
    }

    pub(crate) fn disks_of(&self, room: &str, ids: &[String]) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let Some(view) = self.view(room) else {
            return Err(left());
        };
        let item = |id: MessageId| Item::Disks {
            id: id.to_string(),
            on: view.holders(id, true),
            of: u32::try_from(view.members()).unwrap_or(u32::MAX),
        };
        let ids = unread::messages(ids)?.into_iter();
        let here = ids.filter(|id| self.engine.has(room, *id));
        Ok(Pending::items(here.map(item)))
    }
}

fn messages(view: &View<'_>, lines: &[(Place, Line)]) -> impl Iterator<Item = Item> {
    let items = lines.iter().map(|(place, line)| view.message(place, line));
    items.map(|message| Item::Message(Box::new(message)))
}

fn place(text: String) -> Result<Place, Failure> {
    text.parse()
        .map_err(|err: NotAPlace| Failure::new(Code::Usage, err.to_string()))
}
