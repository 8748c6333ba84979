//! What the columns know of an entry: the fields of messages, as far as their bytes are exactly what writing the
//! fields again gives. Any other entry is kept as it is. Knows no columns, and judges nothing.

use super::numbers::{Column, put};
use crate::entry::{ACTION, IMPORTED, TEXT};
use crate::ids::{ActorId, MessageId};

/// A message's fields. From them follow its bytes, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) order: u64,
    /// As it is written: zigzag.
    pub(super) lag: u64,
    /// Without zero bytes.
    pub(super) text: &'a [u8],
    pub(super) form: Form<'a>,
}

/// What sets the kinds of messages apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    Written {
        action: bool,
        reply_to: Option<MessageId>,
    },
    Imported {
        action: bool,
        nick: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Takes an entry apart; none if it is not exactly a message.
    pub(super) fn read(entry: &'a [u8]) -> Option<Self> {
        let mut rest = Column(entry);
        let kind = rest.byte()?;
        if !matches!(kind, TEXT | ACTION | IMPORTED) {
            return None;
        }
        let (order, lag) = (rest.number()?, rest.number()?);
        let (text, form) = if kind == IMPORTED {
            let nick = string(&mut rest)?;
            let action = flag(&mut rest)?;
            (string(&mut rest)?, Form::Imported { action, nick })
        } else {
            let text = string(&mut rest)?;
            let reply_to = if flag(&mut rest)? {
                Some(MessageId {
                    actor: ActorId(rest.array()?),
                    index: rest.number()?,
                })
            } else {
                None
            };
            let action = kind == ACTION;
            (text, Form::Written { action, reply_to })
        };
        rest.is_empty().then_some(Self {
            order,
            lag,
            text,
            form,
        })
    }

    /// Appends the entry's bytes.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(match self.form {
            Form::Written { action: false, .. } => TEXT,
            Form::Written { action: true, .. } => ACTION,
            Form::Imported { .. } => IMPORTED,
        });
        put(bytes, self.order);
        put(bytes, self.lag);
        match self.form {
            Form::Written { reply_to, .. } => {
                put_string(bytes, self.text);
                bytes.push(u8::from(reply_to.is_some()));
                if let Some(id) = reply_to {
                    bytes.extend_from_slice(&id.actor.0);
                    put(bytes, id.index);
                }
            }
            Form::Imported { action, nick } => {
                put_string(bytes, nick);
                bytes.push(u8::from(action));
                put_string(bytes, self.text);
            }
        }
    }
}

fn string<'a>(rest: &mut Column<'a>) -> Option<&'a [u8]> {
    let len = rest.length()?;
    rest.bytes(len).filter(|string| !string.contains(&0))
}

fn flag(rest: &mut Column<'_>) -> Option<bool> {
    match rest.byte()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn put_string(bytes: &mut Vec<u8>, string: &[u8]) {
    put(bytes, string.len() as u64);
    bytes.extend_from_slice(string);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_near_a_message() -> impl Strategy<Value = Vec<u8>> {
        let head = (0..8_u8, 0..300_u16, 0..3_u8);
        (head, proptest::collection::vec(0..4_u8, 0..24)).prop_map(|((kind, order, lag), rest)| {
            let mut bytes = vec![kind];
            put(&mut bytes, order.into());
            bytes.push(lag);
            bytes.extend(rest);
            bytes
        })
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_put_together_bit_for_bit(
            near in bytes_near_a_message(),
            any in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            for entry in [near, any] {
                if let Some(message) = Message::read(&entry) {
                    let mut again = Vec::new();
                    message.write(&mut again);
                    prop_assert_eq!(again, entry);
                }
            }
        }
    }
}
