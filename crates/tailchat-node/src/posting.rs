//! From what a client writes to a post, and from a post's outcome to the client's answer. Owns no state but
//! the sessions.

use std::collections::VecDeque;

use tailchat_core::engine::{Draft, Event, Ticket};
use tailchat_core::entry::{Body, Imported, Stamp, Text};
use tailchat_core::ids::{MessageId, RoomId};
use tailchat_core::limits::{NAME_LEN_MAX, ORDER_MAX, TEXT_LEN_MAX};

use crate::control::{Answer, Code, Failure, IMPORT_MAX, Import, Item};
use crate::indexing::Question;
use crate::node::Node;
use crate::requests::{busy, left};
use crate::session::{AfterDisk, AfterIndex, AfterPost, Pending, Post, Session, SessionId};

impl Node {
    pub(crate) fn text_drafts(
        texts: Vec<String>,
        action: bool,
        reply_to: Option<MessageId>,
    ) -> Result<Vec<Draft>, Failure> {
        if texts.is_empty() {
            return Err(Failure::new(Code::Usage, "there is nothing to send"));
        }
        let draft = |text: String| {
            checked_text(&text)?;
            let text = Text { text, reply_to };
            Ok(Draft {
                body: if action {
                    Body::Action(text)
                } else {
                    Body::Text(text)
                },
                stamp: None,
            })
        };
        texts.into_iter().map(draft).collect()
    }

    pub(crate) fn post(
        &mut self,
        session: SessionId,
        room: RoomId,
        drafts: Vec<Draft>,
        then: AfterPost,
    ) -> Result<Pending, Failure> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.tickets.insert(ticket, session);
        if matches!(then, AfterPost::Imported { .. }) {
            self.imports.insert(ticket, room);
        }
        let state = Pending::Post(Post {
            room,
            ids: None,
            then,
        });
        if let Some(session) = self.sessions.get_mut(&session) {
            session.state = state;
        }
        self.feed(Event::Posted { room, ticket, drafts });
        // The outcome may have come at once.
        let state = self
            .sessions
            .get_mut(&session)
            .map(|session| std::mem::replace(&mut session.state, Pending::Disk(AfterDisk::Answer)));
        state.ok_or_else(|| Failure::new(Code::Failed, "the client is gone"))
    }

    pub(crate) fn posted(&mut self, ticket: Ticket, outcome: Result<Vec<MessageId>, String>) {
        self.imports.remove(&ticket);
        let Some(id) = self.tickets.remove(&ticket) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        match outcome {
            Ok(ids) => {
                if let Pending::Post(post) = &mut session.state {
                    post.ids = Some(ids);
                }
            }
            Err(why) => session.state = Pending::failed(Code::Failed, why),
        }
    }

    /// What follows a post, if it is durable and on enough disks.
    pub(crate) fn after_post(&mut self, id: SessionId, post: &Post) -> Option<Pending> {
        let ids = post.ids.as_ref()?;
        match post.then {
            AfterPost::Sent { on, deadline } => {
                let Some(view) = self.view(post.room) else {
                    return self.is_gone(post.room).then(|| Pending::from(left()));
                };
                let items: Vec<_> = ids.iter().map(|id| (id, view.holders(*id, false))).collect();
                let enough = items.iter().all(|(_, holders)| *holders >= on);
                let late = deadline.is_past(self.now().uptime);
                if !enough && !late {
                    return None;
                }
                let items = items.into_iter().map(|(id, on)| {
                    Answer::Item(Item::Posted {
                        id: id.to_string(),
                        on,
                    })
                });
                let mut answers: VecDeque<_> = items.collect();
                answers.push_back(if enough {
                    Answer::Done
                } else {
                    let why = format!(
                        "time is up: the message is safe here, but fewer than {on} other members have it on disk"
                    );
                    Answer::Failed(Failure::new(Code::TimeUp, why))
                });
                Some(Pending::Ready(answers))
            }
            AfterPost::Imported { added, known } => Some(Pending::items([Item::Imported { added, known }])),
            AfterPost::Told => Some(Pending::items([])),
            AfterPost::Made => Some(Pending::items([Item::Room(self.room_item(post.room))])),
            AfterPost::Joined { deadline: None } => {
                Some(Pending::items([Item::Room(self.room_item(post.room))]))
            }
            AfterPost::Joined {
                deadline: Some(deadline),
            } => Some(Pending::Join {
                room: post.room,
                deadline,
                said: None,
            }),
            AfterPost::Left { forget } => {
                let Some(open) = self.rooms.get_mut(&post.room) else {
                    return self.is_gone(post.room).then(|| Pending::from(left()));
                };
                open.facts.left = true;
                self.keep_facts(post.room, Some(id));
                Some(Pending::Disk(AfterDisk::Leave { forget }))
            }
        }
    }

    pub(crate) fn import(&mut self, room: &str, messages: Vec<Import>) -> Result<Pending, Failure> {
        let id = self.resolve(room)?;
        if messages.len() > IMPORT_MAX {
            let why = format!(
                "{} messages in one request, at most {IMPORT_MAX} are taken",
                messages.len()
            );
            return Err(Failure::new(Code::Usage, why));
        }
        let placed = messages.into_iter().map(placed).collect::<Result<_, _>>()?;
        Ok(Pending::Turn(id, placed))
    }

    /// Whether messages are on their way into a room of which the index cannot tell yet.
    pub(crate) fn is_importing(&self, room: RoomId) -> bool {
        let asks = |session: &Session| match &session.state {
            Pending::Index(_, AfterIndex::Import { room: into }) => *into == room,
            _ => false,
        };
        self.imports.values().any(|into| *into == room) || self.sessions.values().any(asks)
    }

    /// Asks which of the messages are there already. One import at a time, or what two bring would be there twice.
    pub(crate) fn import_next(
        &mut self,
        session: SessionId,
        room: RoomId,
        messages: Vec<(u64, Import)>,
    ) -> Pending {
        match self.ask_index(session, room, Question::Known(messages)) {
            Some(asked) => Pending::Index(asked, AfterIndex::Import { room }),
            None => Pending::from(busy()),
        }
    }

    /// Posts what the index does not know yet.
    pub(crate) fn import_unknown(
        &mut self,
        session: SessionId,
        room: RoomId,
        unknown: Vec<(u64, Import)>,
        known: u64,
    ) -> Pending {
        let added = unknown.len() as u64;
        if unknown.is_empty() {
            return Pending::items([Item::Imported { added, known }]);
        }
        let drafts = unknown.into_iter().map(import_draft).collect();
        self.post(session, room, drafts, AfterPost::Imported { added, known })
            .unwrap_or_else(Pending::from)
    }
}

/// # Errors
/// [`Code::Usage`] if the text is none that a message can have.
pub(crate) fn checked_text(text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::new(Code::Usage, "an empty message is not sent"));
    }
    if text.len() > TEXT_LEN_MAX {
        let why = format!(
            "the text has {} bytes, a message holds {TEXT_LEN_MAX}; send it in parts",
            text.len()
        );
        return Err(Failure::new(Code::Usage, why));
    }
    Ok(())
}

/// A message with the order that it takes.
fn placed(message: Import) -> Result<(u64, Import), Failure> {
    let sent_at_ms = message.sent_at_ms;
    // Before 1970 all orders are nought, and ranks would move the times.
    let since_1970 = u64::try_from(sent_at_ms).unwrap_or(u64::MAX);
    let order = since_1970.saturating_add(message.rank);
    if order > ORDER_MAX || message.nick.len() > NAME_LEN_MAX || message.text.len() > TEXT_LEN_MAX {
        let why = format!("a message of {sent_at_ms} ms is beyond the limits of time, nick or text");
        return Err(Failure::new(Code::Usage, why));
    }
    Ok((order, message))
}

fn import_draft((order, message): (u64, Import)) -> Draft {
    let Import {
        sent_at_ms,
        nick,
        action,
        text,
        ..
    } = message;
    Draft {
        body: Body::Imported(Imported { nick, action, text }),
        stamp: Some(Stamp { order, sent_at_ms }),
    }
}
