//! The names of things: rooms, actors, people, devices, changes, messages. Knows bytes and their
//! spelling; knows nothing of what the things do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Makes a newtype over fixed bytes that prints as lower-case hexadecimal.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $len];
                decode_hex(text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }
    };
}

hex_id! {
    /// The author of one chain of changes: one device in one room, until a crash or a fork. It is the
    /// Automerge actor ID.
    ActorId, 16
}
hex_id! {
    /// One data folder. Counted in "on 3 of 5 disks".
    DeviceId, 16
}
hex_id! {
    /// One human being, whatever the number of their devices.
    PersonId, 32
}
hex_id! {
    /// One running process, random at its start and never stored: it tells a cloned folder from ourselves.
    Instance, 16
}
hex_id! {
    /// The SHA-256 hash that Automerge gives a change.
    ChangeHash, 32
}

/// What two devices share since one was linked by the other's code; never sent, and `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkToken(pub [u8; 32]);

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(..)")
    }
}

impl DeviceId {
    /// The `via` of what was written here or read from a file: no peer brought it.
    pub const NONE: Self = Self([0; 16]);
}

impl ChangeHash {
    /// The first eight bytes, which version vectors carry.
    #[must_use]
    pub fn short(&self) -> [u8; 8] {
        let mut short = [0; 8];
        short.copy_from_slice(&self.0[..8]);
        short
    }
}

/// An entry's name: who wrote it, and how many entries of any kind that actor had written before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The actor that wrote the entry.
    pub actor: ActorId,
    /// The number of entries that the actor wrote before, from 0.
    pub index: u64,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.actor, self.index)
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (actor, index) = text.split_once('/').ok_or(IdError::NoSlash)?;
        Ok(Self {
            actor: actor.parse()?,
            index: index.parse().map_err(|_| IdError::Index)?,
        })
    }
}

/// The secret that makes a member: who holds it can find, read and write the room. Written as bech32m
/// (BIP 350), `room1...`. It is never sent, and neither `Debug` nor a folder's name shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId(pub [u8; 16]);

impl RoomId {
    /// A name for the room that tells nothing of its ID: the folder, logs and panics use it.
    #[must_use]
    pub fn alias(&self) -> String {
        let hash = blake3::derive_key("tailchat 2026 room folder v1", &self.0);
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId(..{})", self.alias())
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hrp = bech32::Hrp::parse_unchecked(ROOM_HRP);
        bech32::encode_to_fmt::<bech32::Bech32m, _>(f, hrp, &self.0).map_err(|_| fmt::Error)
    }
}

const ROOM_HRP: &str = "room";
/// Letters that a room ID has: `room1`, 26 for 128 bits, 6 for the checksum.
const ROOM_LEN: usize = 37;
const BECH32_LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

impl FromStr for RoomId {
    type Err = IdError;

    /// Takes upper and lower case and white space anywhere (an ID broken over two lines).
    fn from_str(text: &str) -> Result<Self, IdError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let lower = text.to_lowercase();
        let Some(data) = lower.strip_prefix("room1") else {
            return Err(IdError::NotARoom);
        };
        if let Some((at, letter)) = data
            .chars()
            .enumerate()
            .find(|(_, c)| !BECH32_LETTERS.contains(*c))
        {
            return Err(IdError::Letter { letter, at: at + 6 });
        }
        if lower.len() != ROOM_LEN {
            return Err(IdError::RoomLength { found: lower.len() });
        }
        match decode_room(&lower) {
            Some(id) => Ok(id),
            None => Err(near_miss(&lower)),
        }
    }
}

fn decode_room(text: &str) -> Option<RoomId> {
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<bech32::Bech32m>(text).ok()?;
    let bytes: Vec<u8> = checked.byte_iter().collect();
    bytes.try_into().ok().map(RoomId)
}

/// Bech32m finds any single wrong letter; trying all of them names it.
fn near_miss(text: &str) -> IdError {
    for at in 5..text.len() {
        for letter in BECH32_LETTERS.chars() {
            let mut candidate = text.to_owned();
            candidate.replace_range(at..=at, letter.encode_utf8(&mut [0; 4]));
            if decode_room(&candidate).is_some() {
                let found = text.chars().nth(at).unwrap_or(' ');
                return IdError::Typo {
                    found,
                    at: at + 1,
                    meant: letter,
                };
            }
        }
    }
    IdError::Checksum
}

fn decode_hex(text: &str, bytes: &mut [u8]) -> Result<(), IdError> {
    if text.len() != bytes.len() * 2 || !text.is_ascii() {
        return Err(IdError::HexLength {
            wanted: bytes.len() * 2,
            found: text.chars().count(),
        });
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = str::from_utf8(pair).map_err(|_| IdError::Hex)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| IdError::Hex)?;
    }
    Ok(())
}

/// Why a text is not an ID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No `room1` in front.
    #[error(
        "this is not a room ID: one starts with \"room1\"; ask a member for it (`tailchat rooms` prints it)"
    )]
    NotARoom,
    /// A letter that room IDs never have.
    #[error("'{letter}' at place {at} cannot stand in a room ID; check that letter")]
    Letter {
        /// The letter.
        letter: char,
        /// Its place, from 1.
        at: usize,
    },
    /// Too short or too long.
    #[error("a room ID has 37 letters, this one has {found}; copy it again, whole")]
    RoomLength {
        /// How many letters there are.
        found: usize,
    },
    /// One letter is wrong and can be named.
    #[error("'{found}' at place {at} looks wrong; did you mean '{meant}'?")]
    Typo {
        /// What stands there.
        found: char,
        /// Its place, from 1.
        at: usize,
        /// What would make the ID valid.
        meant: char,
    },
    /// More than one letter is wrong.
    #[error("the room ID's checksum does not fit: more than one letter is wrong; copy it again")]
    Checksum,
    /// A message ID without its slash.
    #[error("a message ID looks like <32 hex digits>/<number>")]
    NoSlash,
    /// A message ID whose index is no number.
    #[error("what follows the slash of a message ID is a number")]
    Index,
    /// Not hexadecimal.
    #[error("not hexadecimal")]
    Hex,
    /// Hexadecimal of another length.
    #[error("{wanted} hexadecimal digits are needed, found {found}")]
    HexLength {
        /// Digits needed.
        wanted: usize,
        /// Letters found.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([7; 16]);

    #[test]
    fn a_room_id_survives_its_spelling_in_any_case_and_spacing() {
        let text = ROOM.to_string();
        assert_eq!(text.len(), ROOM_LEN);
        assert_eq!(text.parse(), Ok(ROOM));
        assert_eq!(text.to_uppercase().parse(), Ok(ROOM));
        assert_eq!(format!("  {}\n {} ", &text[..9], &text[9..]).parse(), Ok(ROOM));
    }

    #[test]
    fn a_wrong_letter_is_named_with_what_was_meant() {
        let text = ROOM.to_string();
        for at in 5..text.len() {
            let mut wrong = text.clone();
            let meant = text.chars().nth(at).unwrap();
            let found = if meant == 'q' { 'p' } else { 'q' };
            wrong.replace_range(at..=at, &found.to_string());
            assert_eq!(
                wrong.parse::<RoomId>(),
                Err(IdError::Typo {
                    found,
                    at: at + 1,
                    meant
                })
            );
        }
        assert_eq!(
            "room1b".parse::<RoomId>(),
            Err(IdError::Letter { letter: 'b', at: 6 })
        );
        assert_eq!("house1".parse::<RoomId>(), Err(IdError::NotARoom));
        assert_eq!("room1qq".parse::<RoomId>(), Err(IdError::RoomLength { found: 7 }));
    }

    #[test]
    fn neither_debug_nor_alias_shows_the_room_id() {
        let shown = format!("{ROOM:?} {}", ROOM.alias());
        assert!(!shown.contains(&ROOM.to_string()));
        assert!(!shown.contains("0707"));
    }

    #[test]
    fn a_message_id_survives_its_spelling() {
        let id = MessageId {
            actor: ActorId([0xab; 16]),
            index: 12,
        };
        assert_eq!(id.to_string(), format!("{}/12", "ab".repeat(16)));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(
            "ab/1".parse::<MessageId>(),
            Err(IdError::HexLength { wanted: 32, found: 2 })
        );
    }
}
