//! Requests that need the index before they can go on, and how they go on. Owns no state but the sessions.

use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_index::Version;

use crate::control::{Code, Failure, Item};
use crate::indexing::{AskedIndex, Found, Question};
use crate::node::Node;
use crate::requests::{busy, no_message};
use crate::session::{AfterDisk, AfterIndex, AfterPost, Pending, SessionId};

impl Node {
    /// Asks the index for the message that a request names, and says what follows.
    pub(crate) fn look_for_message(
        &mut self,
        session: SessionId,
        room: &str,
        message: String,
        after: impl FnOnce(RoomId, String) -> AfterIndex,
    ) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let asked = self.ask_for_message(session, room, &message)?;
        Ok(Pending::Index(asked, after(room, message)))
    }

    /// Asks the index for a message by ID or the unique beginning of one.
    pub(crate) fn ask_for_message(
        &mut self,
        session: SessionId,
        room: RoomId,
        text: &str,
    ) -> Result<AskedIndex, Failure> {
        let (actor, digits) = text.split_once('/').unwrap_or((text, ""));
        let status = self.engine.room_status(room);
        let tips = status.iter().flat_map(|status| status.durable.tips());
        let meant = |actor_id: &ActorId| {
            let spelt = actor_id.to_string();
            !text.is_empty()
                && spelt.starts_with(actor)
                && (spelt.len() == actor.len() || !text.contains('/'))
        };
        let question = Question::Message {
            actors: tips.map(|(actor, _)| actor).filter(meant).collect(),
            digits: digits.to_owned(),
            exact: text.parse::<MessageId>().is_ok(),
        };
        self.ask_index(session, room, question).ok_or_else(busy)
    }

    /// The index has answered.
    pub(crate) fn found(&mut self, id: SessionId, asked: AskedIndex, found: Found) {
        if let Found::Lines(lines) = &found {
            return self.lines_found(id, asked, lines);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let after = match std::mem::replace(&mut session.state, Pending::Disk(AfterDisk::Answer)) {
            Pending::Index(of, after) if of == asked => after,
            // Another request came meanwhile, or the room is being read again and will be asked anew.
            mut other => {
                if let Pending::Lines(lines) = &mut other {
                    lines.asked.take_if(|of| *of == asked);
                }
                session.state = other;
                return;
            }
        };
        let state = match (after, found) {
            (after, Found::Messages(messages)) => self.message_found(id, after, &messages),
            (AfterIndex::Page { room }, Found::Page(page)) => Ok(self.page_found(room, &page)),
            (AfterIndex::VersionsOf, Found::Versions(versions)) => {
                Ok(Pending::items(versions.into_iter().map(version)))
            }
            (AfterIndex::AmendLine { room, message, what }, Found::Line(line)) => {
                let line = line.as_ref().map(|(_, line)| line);
                self.amend(id, (room, message), line, what)
            }
            (AfterIndex::ShowLine { room }, Found::Line(Some((place, line)))) => {
                Ok(self.line_found(room, &place, &line))
            }
            (AfterIndex::List { room }, Found::Listed(lines)) => Ok(self.listed(room, &lines)),
            (AfterIndex::Search, Found::Hits(hits, unread)) => Ok(self.searched(&hits, &unread)),
            (AfterIndex::Import { room }, Found::Unknown(unknown, known)) => {
                Ok(self.import_unknown(id, room, unknown, known))
            }
            _ => Err(not_yet()),
        };
        self.put(id, state.unwrap_or_else(Pending::from));
    }

    /// The index has found the message that a request names.
    fn message_found(
        &mut self,
        id: SessionId,
        after: AfterIndex,
        messages: &[MessageId],
    ) -> Result<Pending, Failure> {
        match after {
            AfterIndex::Goto { room, text, lines } => {
                let message = the_message(messages, &text)?;
                self.page_of_message(id, room, message, lines)
            }
            AfterIndex::Reply {
                room,
                texts,
                action,
                reply_to,
                on,
                deadline,
            } => {
                let reply_to = the_message(messages, &reply_to)?;
                let drafts = Self::text_drafts(texts, action, Some(reply_to))?;
                self.post(id, room, drafts, AfterPost::Sent { on, deadline })
            }
            AfterIndex::Versions { room, message } => {
                let message = the_message(messages, &message)?;
                let asked = self.ask_index(id, room, Question::Versions(message));
                Ok(Pending::Index(asked.ok_or_else(busy)?, AfterIndex::VersionsOf))
            }
            AfterIndex::Show { room, message } => {
                let message = the_message(messages, &message)?;
                let asked = self.ask_index(id, room, Question::Line(message));
                Ok(Pending::Index(
                    asked.ok_or_else(busy)?,
                    AfterIndex::ShowLine { room },
                ))
            }
            AfterIndex::Answers { room, message, after } => {
                let message = the_message(messages, &message)?;
                let asked = self.ask_index(id, room, Question::Answers(message, after));
                Ok(Pending::Index(asked.ok_or_else(busy)?, AfterIndex::List { room }))
            }
            AfterIndex::Amend { room, message, what } => {
                let message = the_message(messages, &message)?;
                let asked = self.ask_index(id, room, Question::Line(message));
                let after = AfterIndex::AmendLine { room, message, what };
                Ok(Pending::Index(asked.ok_or_else(busy)?, after))
            }
            _ => Err(not_yet()),
        }
    }
}

fn not_yet() -> Failure {
    let why = "the room is being read again after its index was lost; try again in a moment";
    Failure::new(Code::Failed, why)
}

fn version(version: Version) -> Item {
    Item::Version {
        // An order is the time at which it was written, unless that was before what it follows.
        at_ms: i64::try_from(version.place.order).unwrap_or(i64::MAX),
        text: version.text.into(),
    }
}

/// The one message that was found by its beginning.
fn the_message(found: &[MessageId], text: &str) -> Result<MessageId, Failure> {
    match found {
        [id] => Ok(*id),
        [] => Err(no_message(text)),
        _ => {
            let ids: Vec<_> = found.iter().map(ToString::to_string).collect();
            Err(Failure::new(
                Code::Usage,
                format!("\"{text}\" may be any of: {}", ids.join(", ")),
            ))
        }
    }
}
