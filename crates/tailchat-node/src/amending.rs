//! What may be said of a message, checked before it is posted: the fold would pass over the rest without a word. Owns
//! no state.

use tailchat_core::amend::Amends;
use tailchat_core::engine::Draft;
use tailchat_core::entry::{Body, Edit, Pin, Reaction};
use tailchat_core::ids::{MessageId, RoomId};
use tailchat_core::limits::REACTION_LEN_MAX;
use tailchat_core::text;
use tailchat_core::timeline::{Line, Says};

use crate::control::{Amending, Code, Failure};
use crate::node::Node;
use crate::posting::checked_text;
use crate::requests::{left, no_message};
use crate::session::{AfterPost, Pending, SessionId};

impl Node {
    /// Posts what says so, if it may be said and is not so already.
    ///
    /// # Errors
    /// As [`Node::amendment`].
    pub(crate) fn amend(
        &mut self,
        session: SessionId,
        (room, of): (RoomId, MessageId),
        line: Option<&Line>,
        what: Amending,
    ) -> Result<Pending, Failure> {
        match self.amendment(room, of, line, what)? {
            Some(draft) => self.post(session, room, vec![draft], AfterPost::Told),
            None => Ok(Pending::items([])),
        }
    }

    /// The entry that says so; none if the message is so already.
    ///
    /// # Errors
    /// [`Code::NotFound`] without the message, [`Code::Usage`] if it may not be said of it, with who may.
    fn amendment(
        &self,
        room: RoomId,
        of: MessageId,
        line: Option<&Line>,
        what: Amending,
    ) -> Result<Option<Draft>, Failure> {
        let line = line.ok_or_else(|| no_message(&of.to_string()))?;
        let view = self.view(room).ok_or_else(left)?;
        let refused = |why: String| Err(Failure::new(Code::Usage, why));
        if line.since.deleted {
            return match what {
                Amending::Delete => Ok(None),
                _ => refused("the message was deleted".into()),
            };
        }
        let what = checked(what)?;
        if !view.may(&what, line) {
            return refused(match (&line.says, &what) {
                (Says::Unreadable { .. }, _) => {
                    "a message that cannot be read here cannot be changed here".into()
                }
                (Says::Imported { .. }, Amends::Edit(_)) => {
                    "what was brought in from elsewhere is not edited; delete it, and send another text"
                        .into()
                }
                _ => format!(
                    "only {} can do that: what somebody wrote is theirs",
                    view.writer(line)
                ),
            });
        }
        let body = match what {
            Amends::Edit(text) if matches!(&line.says, Says::Message { text: now, .. } if *now == text) => {
                return Ok(None);
            }
            Amends::Edit(text) => Body::Edit(Edit {
                of,
                text: text.into(),
            }),
            Amends::Delete => Body::Delete(of),
            Amends::Pin(on) if line.since.pinned == on => return Ok(None),
            Amends::Pin(on) => Body::Pin(Pin { of, on }),
            Amends::Reaction { with, on } if view.feels(line, &with) == on => return Ok(None),
            Amends::Reaction { with, on } => Body::Reaction(Reaction {
                of,
                with: with.into(),
                on,
            }),
        };
        Ok(Some(Draft { body, stamp: None }))
    }
}

fn checked(what: Amending) -> Result<Amends, Failure> {
    Ok(match what {
        Amending::Edit(text) => {
            checked_text(&text)?;
            Amends::Edit(text.into())
        }
        Amending::Delete => Amends::Delete,
        Amending::Pin(on) => Amends::Pin(on),
        Amending::React { with, on } => {
            let with = with.trim();
            let one_word = !with.is_empty() && !with.contains(char::is_whitespace);
            if !one_word || with.len() > REACTION_LEN_MAX || text::visible(with) != with {
                let why = format!("a reaction is an emoji or one word of up to {REACTION_LEN_MAX} bytes");
                return Err(Failure::new(Code::Usage, why));
            }
            let with = with.into();
            Amends::Reaction { with, on }
        }
    })
}
