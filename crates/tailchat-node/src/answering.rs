//! Requests that need the index before they can go on, and how they go on. Owns no state but the sessions.

use tailchat_core::ids::{ActorId, MessageId, RoomId};

use crate::control::{Code, Failure};
use crate::indexing::{AskedIndex, Found, Question};
use crate::node::Node;
use crate::requests::{busy, no_message};
use crate::session::{AfterDisk, AfterIndex, AfterPost, Pending, SessionId};

impl Node {
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
            spelt.starts_with(actor) && (spelt.len() == actor.len() || !text.contains('/'))
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
            (AfterIndex::Page { room }, Found::Page(page)) => self.page_found(room, &page),
            (AfterIndex::Goto { room, text, lines }, Found::Messages(messages)) => {
                the_message(&messages, &text)
                    .and_then(|message| self.page_of_message(id, room, message, lines))
                    .unwrap_or_else(Pending::from)
            }
            (AfterIndex::Amend { room, message, what }, Found::Messages(messages)) => {
                the_message(&messages, &message)
                    .and_then(|message| {
                        let asked = self
                            .ask_index(id, room, Question::Line(message))
                            .ok_or_else(busy)?;
                        Ok(Pending::Index(
                            asked,
                            AfterIndex::AmendLine { room, message, what },
                        ))
                    })
                    .unwrap_or_else(Pending::from)
            }
            (AfterIndex::AmendLine { room, message, what }, Found::Line(line)) => {
                let draft = self.amendment(room, message, line.as_ref(), what);
                draft
                    .and_then(|draft| match draft {
                        Some(draft) => self.post(id, room, vec![draft], AfterPost::Amended),
                        None => Ok(Pending::items([])),
                    })
                    .unwrap_or_else(Pending::from)
            }
            (AfterIndex::Import { room }, Found::Unknown(unknown, known)) => {
                self.import_unknown(id, room, unknown, known)
            }
            (
                AfterIndex::Reply {
                    room,
                    texts,
                    action,
                    reply_to,
                    on,
                    deadline,
                },
                Found::Messages(messages),
            ) => the_message(&messages, &reply_to)
                .and_then(|reply_to| Self::text_drafts(texts, action, Some(reply_to)))
                .and_then(|drafts| self.post(id, room, drafts, AfterPost::Sent { on, deadline }))
                .unwrap_or_else(Pending::from),
            _ => {
                let why = "the room is being read again after its index was lost; try again in a moment";
                Pending::failed(Code::Failed, why)
            }
        };
        self.put(id, state);
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
