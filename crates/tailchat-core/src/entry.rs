//! What stands in a room: the kinds of entries and their bytes. An entry is a kind byte and a postcard
//! body that begins with the entry's stamp. Kinds are only ever added, and a kind's fields never change.
//! Knows nothing of who may write what.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::devices::LinkProof;
use crate::ids::{DeviceId, MessageId, PersonId};
use crate::limits::{NAME_LEN_MAX, ORDER_MAX, REACTION_LEN_MAX, TEXT_LEN_MAX, TOPIC_LEN_MAX};

/// Where an entry stands in the timeline, and when its author's clock says that it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// The sort key, in milliseconds since 1970; see [`crate::order`].
    pub order: u64,
    /// The author's wall clock, in milliseconds since 1970.
    pub sent_at_ms: i64,
}

/// One entry of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub stamp: Stamp,
    /// What it says.
    pub body: Body,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Who writes with this actor; always an actor's first entry, later ones replace it.
    Profile(Profile),
    /// A message.
    Text(Text),
    /// A message in the third person, `/me`.
    Action(Text),
    /// The room's name for everybody; the last one in the timeline holds.
    RoomName(String),
    /// The person leaves the room with this device.
    Leave,
    /// A message from another system, carried in by this actor.
    Imported(Imported),
    /// An entry of a forked actor, posted again by its device under a fresh one.
    Repeat(Repeat),
    /// Another text for a message of the same person.
    Edit(Edit),
    /// A message of the same person is to be seen no longer.
    Delete(MessageId),
    /// What somebody feels about a message, or no longer.
    Reaction(Reaction),
    /// What the room is about, for everybody; the last one in the timeline holds.
    Topic(String),
    /// A message is to be found at once by everybody, or no longer.
    Pin(Pin),
    /// Another device is the same person's.
    Link(Link),
    /// A kind that this version does not know, or a body that does not decode.
    Unknown {
        /// The kind byte.
        kind: u8,
    },
}

/// Who writes with an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The human being.
    pub person: PersonId,
    /// The data folder.
    pub device: DeviceId,
    /// The name to show, at most [`NAME_LEN_MAX`] bytes.
    pub name: String,
}

/// A message's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// At most [`TEXT_LEN_MAX`] bytes.
    pub text: String,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
}

/// A message from another system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Who wrote it there; an author, not a member of the room.
    pub nick: String,
    /// Whether it was in the third person.
    pub action: bool,
    /// At most [`TEXT_LEN_MAX`] bytes.
    pub text: String,
}

/// An entry posted again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// The entry that it repeats.
    pub of: MessageId,
    /// The repeated entry's bytes; they tell it from the other branch's entry of the same ID.
    pub entry: Vec<u8>,
}

/// Another text for a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Which message.
    pub of: MessageId,
    /// At most [`TEXT_LEN_MAX`] bytes.
    pub text: String,
}

/// What somebody feels about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Which message.
    pub of: MessageId,
    /// An emoji or a word, at most [`REACTION_LEN_MAX`] bytes.
    pub with: String,
    /// False takes the same reaction back.
    pub on: bool,
}

/// Whether a message is pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Which message.
    pub of: MessageId,
    /// False takes it off again.
    pub on: bool,
}

/// Another device of the same person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which device.
    pub device: DeviceId,
    /// What shows that device that it was linked with its own code.
    pub proof: LinkProof,
}

const PROFILE: u8 = 1;
pub(crate) const TEXT: u8 = 2;
pub(crate) const ACTION: u8 = 3;
const ROOM_NAME: u8 = 4;
const LEAVE: u8 = 5;
pub(crate) const IMPORTED: u8 = 6;
const REPEAT: u8 = 7;
const EDIT: u8 = 8;
const DELETE: u8 = 9;
const REACTION: u8 = 10;
const TOPIC: u8 = 11;
const PIN: u8 = 12;
const LINK: u8 = 13;

#[derive(Serialize, Deserialize)]
struct Stamped<T> {
    order: u64,
    /// `order - sent_at_ms`: nought or small, so one byte where the time itself takes six.
    lag_ms: i64,
    body: T,
}

impl Entry {
    /// The entry's bytes, as they stand in the room document.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match &self.body {
            Body::Profile(profile) => self.stamped(PROFILE, profile),
            Body::Text(text) => self.stamped(TEXT, text),
            Body::Action(text) => self.stamped(ACTION, text),
            Body::RoomName(name) => self.stamped(ROOM_NAME, name),
            Body::Leave => self.stamped(LEAVE, &()),
            Body::Imported(imported) => self.stamped(IMPORTED, imported),
            Body::Repeat(repeat) => self.stamped(REPEAT, repeat),
            Body::Edit(edit) => self.stamped(EDIT, edit),
            Body::Delete(of) => self.stamped(DELETE, of),
            Body::Reaction(reaction) => self.stamped(REACTION, reaction),
            Body::Topic(topic) => self.stamped(TOPIC, topic),
            Body::Pin(pin) => self.stamped(PIN, pin),
            Body::Link(link) => self.stamped(LINK, link),
            Body::Unknown { kind } => vec![*kind],
        }
    }

    fn stamped<T: Serialize>(&self, kind: u8, body: &T) -> Vec<u8> {
        let order = self.stamp.order;
        let lag_ms = order.cast_signed().wrapping_sub(self.stamp.sent_at_ms);
        let bytes = vec![kind];
        postcard::to_extend(&Stamped { order, lag_ms, body }, bytes)
            .expect("writing these types to memory cannot fail")
    }

    /// Reads an entry. Never fails: what cannot be read is [`Body::Unknown`], in its place where at least
    /// the stamp can be read, else at the very beginning.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let Some((&kind, rest)) = bytes.split_first() else {
            return Self::unknown(0, rest_stamp(&[]));
        };
        let entry = match kind {
            PROFILE => read(rest, Body::Profile),
            TEXT => read(rest, Body::Text),
            ACTION => read(rest, Body::Action),
            ROOM_NAME => read(rest, Body::RoomName),
            LEAVE => read(rest, |()| Body::Leave),
            IMPORTED => read(rest, Body::Imported),
            REPEAT => read(rest, Body::Repeat),
            EDIT => read(rest, Body::Edit),
            DELETE => read(rest, Body::Delete),
            REACTION => read(rest, Body::Reaction),
            TOPIC => read(rest, Body::Topic),
            PIN => read(rest, Body::Pin),
            LINK => read(rest, Body::Link),
            _ => None,
        };
        entry
            .filter(Self::within_limits)
            .unwrap_or_else(|| Self::unknown(kind, rest_stamp(rest)))
    }

    fn unknown(kind: u8, stamp: Stamp) -> Self {
        Self {
            stamp,
            body: Body::Unknown { kind },
        }
    }

    fn within_limits(&self) -> bool {
        let name_fits = |name: &str| name.len() <= NAME_LEN_MAX;
        let text_fits = |text: &str| text.len() <= TEXT_LEN_MAX;
        self.stamp.order <= ORDER_MAX
            && self.stamp.sent_at_ms.unsigned_abs() <= ORDER_MAX
            && match &self.body {
                Body::Profile(profile) => name_fits(&profile.name),
                Body::Text(text) | Body::Action(text) => text_fits(&text.text),
                Body::RoomName(name) => name_fits(name),
                Body::Imported(imported) => name_fits(&imported.nick) && text_fits(&imported.text),
                Body::Edit(edit) => text_fits(&edit.text),
                Body::Reaction(reaction) => {
                    !reaction.with.is_empty() && reaction.with.len() <= REACTION_LEN_MAX
                }
                Body::Topic(topic) => topic.len() <= TOPIC_LEN_MAX,
                Body::Leave
                | Body::Repeat(_)
                | Body::Delete(_)
                | Body::Pin(_)
                | Body::Link(_)
                | Body::Unknown { .. } => true,
            }
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8], body: impl FnOnce(T) -> Body) -> Option<Entry> {
    let (stamped, rest) = postcard::take_from_bytes::<Stamped<T>>(bytes).ok()?;
    let stamp = stamp(stamped.order, stamped.lag_ms);
    rest.is_empty().then(|| Entry {
        stamp,
        body: body(stamped.body),
    })
}

/// Where an entry stands, as [`Entry::decode`] has it of an entry that it cannot read.
pub(crate) fn stamp_of(entry: &[u8]) -> Stamp {
    rest_stamp(entry.get(1..).unwrap_or_default())
}

/// The stamp that every kind's body begins with, of an entry whose rest cannot be read.
fn rest_stamp(bytes: &[u8]) -> Stamp {
    match postcard::take_from_bytes::<Stamped<()>>(bytes) {
        Ok((stamped, _)) if stamped.order <= ORDER_MAX => stamp(stamped.order, stamped.lag_ms),
        _ => Stamp {
            order: 0,
            sent_at_ms: 0,
        },
    }
}

fn stamp(order: u64, lag_ms: i64) -> Stamp {
    Stamp {
        order,
        sent_at_ms: order.cast_signed().wrapping_sub(lag_ms),
    }
}

/// Whether an entry is a message, by its kind alone: these are what `status` counts.
#[must_use]
pub fn is_message(entry: &[u8]) -> bool {
    matches!(entry.first(), Some(&(TEXT | ACTION | IMPORTED)))
}

/// Tells two entries of one ID apart, as forked actors have them: the first four bytes of the entry's
/// BLAKE3 hash, big endian.
#[must_use]
pub fn entry_sum(entry: &[u8]) -> u32 {
    blake3::hash(entry)
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u32::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ActorId;
    use proptest::prelude::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn at(order: u64, sent_at_ms: i64, body: Body) -> Entry {
        Entry {
            stamp: Stamp { order, sent_at_ms },
            body,
        }
    }

    #[test]
    fn the_bytes_of_every_kind_are_golden() {
        let id = MessageId {
            actor: ActorId([0xaa; 16]),
            index: 300,
        };
        let profile = Profile {
            person: PersonId([1; 32]),
            device: DeviceId([2; 16]),
            name: "ann".into(),
        };
        let repeat = Repeat {
            of: id,
            entry: vec![5, 1, 0],
        };
        let nick = Imported {
            nick: "bob".into(),
            action: true,
            text: "waves".into(),
        };
        let golden = [
            (
                at(1000, 1000, Body::Profile(profile)),
                format!("01e80700{}{}03616e6e", "01".repeat(32), "02".repeat(16)),
            ),
            (
                at(
                    1000,
                    999,
                    Body::Text(Text {
                        text: "hi".into(),
                        reply_to: None,
                    }),
                ),
                "02e8070202686900".into(),
            ),
            (
                at(
                    1000,
                    1002,
                    Body::Action(Text {
                        text: "hi".into(),
                        reply_to: Some(id),
                    }),
                ),
                format!("03e8070302686901{}ac02", "aa".repeat(16)),
            ),
            (
                at(0, 0, Body::RoomName("kitchen".into())),
                "040000076b69746368656e".into(),
            ),
            (at(1, 1, Body::Leave), "050100".into()),
            (
                at(1, 1, Body::Imported(nick)),
                "06010003626f6201057761766573".into(),
            ),
            (
                at(1, 1, Body::Repeat(repeat)),
                format!("070100{}ac0203050100", "aa".repeat(16)),
            ),
        ];
        are_golden(golden);
    }

    #[test]
    fn the_bytes_of_what_amends_are_golden() {
        let id = MessageId {
            actor: ActorId([0xaa; 16]),
            index: 300,
        };
        let edit = Edit {
            of: id,
            text: "ok".into(),
        };
        let reaction = Reaction {
            of: id,
            with: "+1".into(),
            on: true,
        };
        let link = Link {
            device: DeviceId([2; 16]),
            proof: LinkProof([3; 16]),
        };
        are_golden([
            (
                at(1, 1, Body::Edit(edit)),
                format!("080100{}ac02026f6b", "aa".repeat(16)),
            ),
            (
                at(1, 1, Body::Delete(id)),
                format!("090100{}ac02", "aa".repeat(16)),
            ),
            (
                at(1, 1, Body::Reaction(reaction)),
                format!("0a0100{}ac02022b3101", "aa".repeat(16)),
            ),
            (at(1, 1, Body::Topic("tea".into())), "0b010003746561".into()),
            (
                at(1, 1, Body::Pin(Pin { of: id, on: true })),
                format!("0c0100{}ac0201", "aa".repeat(16)),
            ),
            (
                at(1, 1, Body::Link(link)),
                format!("0d0100{}{}", "02".repeat(16), "03".repeat(16)),
            ),
        ]);
    }

    fn are_golden(golden: impl IntoIterator<Item = (Entry, String)>) {
        for (entry, bytes) in golden {
            assert_eq!(hex(&entry.encode()), bytes, "{entry:?}");
            assert_eq!(Entry::decode(&entry.encode()), entry);
        }
    }

    #[test]
    fn an_unknown_kind_keeps_its_place() {
        assert_eq!(
            Entry::decode(&[200, 5, 0, 1, 2, 3]),
            at(5, 5, Body::Unknown { kind: 200 })
        );
        assert_eq!(Entry::decode(&[200]), at(0, 0, Body::Unknown { kind: 200 }));
        assert_eq!(Entry::decode(&[]), at(0, 0, Body::Unknown { kind: 0 }));
        let mut long = at(7, 7, Body::Leave).encode();
        long.push(0);
        assert_eq!(Entry::decode(&long), at(7, 7, Body::Unknown { kind: LEAVE }));
    }

    #[test]
    fn what_is_beyond_a_limit_is_unreadable() {
        let name = Body::RoomName("x".repeat(NAME_LEN_MAX + 1));
        assert_eq!(
            Entry::decode(&at(7, 7, name).encode()).body,
            Body::Unknown { kind: ROOM_NAME }
        );
        let far = at(ORDER_MAX + 1, 0, Body::Leave).encode();
        assert_eq!(Entry::decode(&far), at(0, 0, Body::Unknown { kind: LEAVE }));
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let entry = Entry::decode(&bytes);
            prop_assert!(entry.stamp.order <= ORDER_MAX);
        }
    }
}
