//! Proving that both ends of a connection know a room, without telling it to anybody else. Knows keys and
//! nonces; knows no rooms but those it is given, and keeps nothing.
//!
//! Each side sends a [`Hello`] with fresh randomness, then tags: per room a keyed hash over both Hellos and
//! the sender's role, under a key derived from the room ID. Only who holds the ID can make or recognise a
//! tag; a recorded one is worth nothing under other nonces, and one sent back is of the wrong role.

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, Instance, RoomId};

/// The protocol's version. Peers of another one part with a clear word.
pub const PROTOCOL_VERSION: u16 = 2;
/// What every Hello begins with, in every version.
pub const MAGIC: [u8; 8] = *b"tailchat";

/// The first frame of each side. Its layout never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`PROTOCOL_VERSION`].
    pub version: u16,
    /// Random, new for each connection.
    pub nonce: [u8; 32],
    /// The sender's process.
    pub instance: Instance,
}

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The end that dialled.
    Dialler,
    /// The end that was dialled.
    Listener,
}

impl Role {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// What a side sends to show that it knows a room: 16 bytes that look random to everybody else.
pub type Tag = [u8; 16];

/// The places of a room's tag among all that each end has offered. A room that is left and offered again has
/// another pair, so nothing of its first opening fits the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Among the dialler's tags.
    pub dialler: u16,
    /// Among the listener's tags.
    pub listener: u16,
}

/// Both Hellos of a connection: what tags and session keys are bound to.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    transcript: [u8; 32],
}

impl Session {
    /// Binds a session to the Hello of each end.
    #[must_use]
    pub fn new(dialler: &Hello, listener: &Hello) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 transcript v1");
        for hello in [dialler, listener] {
            hasher
                .update(&hello.version.to_le_bytes())
                .update(&hello.nonce)
                .update(&hello.instance.0);
        }
        Self {
            transcript: *hasher.finalize().as_bytes(),
        }
    }

    /// The tag by which the end in this role shows that it knows the room.
    #[must_use]
    pub fn tag(&self, room: RoomId, role: Role) -> Tag {
        let mut tag = [0; 16];
        tag.copy_from_slice(&self.keyed("tailchat 2026 room tag v1", room, role, &[])[..16]);
        tag
    }

    /// The key under which the end in this role authenticates the room's frames.
    #[must_use]
    pub fn key(&self, room: RoomId, role: Role, slots: Slots) -> FrameKey {
        FrameKey {
            key: self.keyed("tailchat 2026 room frames v1", room, role, &slots.bytes()),
            next: 0,
        }
    }

    /// The key by which the end in this role greets in the room.
    #[must_use]
    pub fn greet_key(&self, room: RoomId, role: Role, slots: Slots) -> GreetKey {
        GreetKey(self.keyed("tailchat 2026 room greeting v1", room, role, &slots.bytes()))
    }

    fn keyed(&self, purpose: &str, room: RoomId, role: Role, slots: &[u8]) -> [u8; 32] {
        let key = blake3::derive_key(purpose, &room.0);
        let role: &[u8] = match role {
            Role::Dialler => b"dialler",
            Role::Listener => b"listener",
        };
        *blake3::Hasher::new_keyed(&key)
            .update(&self.transcript)
            .update(role)
            .update(slots)
            .finalize()
            .as_bytes()
    }
}

impl Slots {
    fn bytes(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.dialler.to_le_bytes(), self.listener.to_le_bytes());
        [a, b, c, d]
    }
}

/// Who greets, and how they stand in the world: the same in every room of a greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// The sender's data folder.
    pub device: DeviceId,
    /// The sender's name, for connections on which its profile has not arrived yet.
    pub name: String,
    /// Where the sender listens, 0 if it does not; the host is the connection's.
    pub listen_port: u16,
    /// The version of the sender's program, for people.
    pub program: String,
    /// What the sender's clock said, in milliseconds since 1970.
    pub clock_ms: i64,
}

/// Says in one room, in eight bytes each, who greets and what its disk holds. Only who knows the room can tell
/// or say either, and on no other connection do they mean anything.
#[derive(Clone)]
pub struct GreetKey([u8; 32]);

impl GreetKey {
    /// What a disk with this digest holds, in short: a keyed hash, so that two states which somebody chose to
    /// look alike look alike under no key that is still to be drawn.
    #[must_use]
    pub fn held(&self, digest: &[u8; 16]) -> [u8; 8] {
        short(blake3::Hasher::new_keyed(&self.0).update(b"held").update(digest))
    }

    /// The proof that who greets so knows the room, and that all of it is as it was sent. One guess ends the
    /// connection, and the next has other keys, so eight bytes are enough.
    #[must_use]
    pub fn proof(&self, held: [u8; 8], settled: bool, speaker: &Speaker) -> [u8; 8] {
        let speaker = postcard::to_allocvec(speaker).expect("writing to memory cannot fail");
        short(
            blake3::Hasher::new_keyed(&self.0)
                .update(b"greet")
                .update(&held)
                .update(&[u8::from(settled)])
                .update(&speaker),
        )
    }
}

impl std::fmt::Debug for GreetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GreetKey")
    }
}

fn short(hasher: &blake3::Hasher) -> [u8; 8] {
    let mut short = [0; 8];
    hasher.finalize_xof().fill(&mut short);
    short
}

/// Authenticates the frames of one room in one direction, in their order.
#[derive(Clone)]
pub struct FrameKey {
    key: [u8; 32],
    next: u64,
}

impl FrameKey {
    /// The code of the next frame: 16 bytes of a keyed hash over its number and its bytes, so that none can
    /// be altered, left out, sent twice or moved.
    pub fn code(&mut self, frame: &[u8]) -> [u8; 16] {
        let mut code = [0; 16];
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher
            .update(&self.next.to_le_bytes())
            .update(frame)
            .finalize_xof()
            .fill(&mut code);
        self.next += 1;
        code
    }
}

impl std::fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FrameKey(frame {})", self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(byte: u8) -> Hello {
        Hello {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            nonce: [byte; 32],
            instance: Instance([byte; 16]),
        }
    }

    const SLOTS: Slots = Slots {
        dialler: 3,
        listener: 5,
    };

    #[test]
    fn a_key_is_bound_to_the_slots_of_both_ends() {
        let session = Session::new(&hello(1), &hello(2));
        let codes = [(3, 5), (5, 3), (3, 6), (4, 5)].map(|(dialler, listener)| {
            let slots = Slots { dialler, listener };
            let mut key = session.key(RoomId([3; 16]), Role::Dialler, slots);
            let greet = session.greet_key(RoomId([3; 16]), Role::Dialler, slots);
            (key.code(b"frame"), greet.held(&[7; 16]))
        });
        let different: std::collections::BTreeSet<_> = codes.into();
        assert_eq!(different.len(), 4);
    }

    #[test]
    fn a_greeting_is_bound_to_all_that_it_says() {
        let session = Session::new(&hello(1), &hello(2));
        let key = session.greet_key(RoomId([3; 16]), Role::Dialler, SLOTS);
        let held = key.held(&[9; 16]);
        let ann = Speaker {
            device: DeviceId([2; 16]),
            name: "ann".into(),
            listen_port: 47100,
            program: "0.1.0".into(),
            clock_ms: 1000,
        };
        let proof = key.proof(held, true, &ann);
        assert_ne!(held, key.held(&[8; 16]));
        assert_ne!(proof, key.proof(key.held(&[8; 16]), true, &ann));
        assert_ne!(proof, key.proof(held, false, &ann));
        let alterations: [fn(&mut Speaker); 5] = [
            |ann| ann.device = DeviceId([3; 16]),
            |ann| ann.name.push('a'),
            |ann| ann.listen_port += 1,
            |ann| ann.program.clear(),
            |ann| ann.clock_ms += 1,
        ];
        for alter in alterations {
            let mut altered = ann.clone();
            alter(&mut altered);
            assert_ne!(proof, key.proof(held, true, &altered));
        }
        for (room, role) in [(3, Role::Listener), (4, Role::Dialler)] {
            let other = session.greet_key(RoomId([room; 16]), role, SLOTS);
            assert_ne!(proof, other.proof(held, true, &ann));
        }
    }

    #[test]
    fn a_tag_is_bound_to_room_role_and_both_hellos() {
        let session = Session::new(&hello(1), &hello(2));
        let tag = session.tag(RoomId([3; 16]), Role::Dialler);
        assert_eq!(
            tag,
            Session::new(&hello(1), &hello(2)).tag(RoomId([3; 16]), Role::Dialler)
        );
        assert_ne!(tag, session.tag(RoomId([3; 16]), Role::Listener));
        assert_ne!(tag, session.tag(RoomId([4; 16]), Role::Dialler));
        for (dialler, listener) in [(2, 1), (1, 3), (3, 2)] {
            let other = Session::new(&hello(dialler), &hello(listener));
            assert_ne!(tag, other.tag(RoomId([3; 16]), Role::Dialler));
        }
        let older = Session::new(
            &Hello {
                version: 0,
                ..hello(1)
            },
            &hello(2),
        );
        assert_ne!(tag, older.tag(RoomId([3; 16]), Role::Dialler));
    }

    #[test]
    fn the_tag_and_the_first_code_are_golden() {
        let session = Session::new(&hello(1), &hello(2));
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(&session.transcript),
            "97f3a188db76553cd137e738b9d4f4b2e0c50d7aabb11a8a096776a7813217da"
        );
        assert_eq!(
            hex(&session.tag(RoomId([3; 16]), Role::Listener)),
            "6bbd245360fc607e212f89b6963c26b7"
        );
        assert_eq!(
            hex(&session.tag(RoomId([3; 16]), Role::Dialler)),
            "f0607dee660c4a74d342a20dc0f3c214"
        );
        assert_eq!(
            hex(&session.key(RoomId([3; 16]), Role::Listener, SLOTS).code(b"frame")),
            "a6542173f1b592923b7ae1ef6c91be28"
        );
    }

    #[test]
    fn a_frame_sent_twice_has_another_code() {
        let mut key = Session::new(&hello(1), &hello(2)).key(RoomId([3; 16]), Role::Dialler, SLOTS);
        assert_ne!(key.code(b"frame"), key.code(b"frame"));
    }
}
