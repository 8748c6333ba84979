//! Proving that both ends of a connection know a room, without telling it to anybody else. Knows keys and
//! nonces; knows no rooms but those it is given, and keeps nothing.
//!
//! Each side sends a [`Hello`] with fresh randomness, then tags: per room a keyed hash over both Hellos and
//! the sender's role, under a key derived from the room ID. Only who holds the ID can make or recognise a
//! tag; a recorded one is worth nothing under other nonces, and one sent back is of the wrong role.

use serde::{Deserialize, Serialize};

use crate::ids::{Instance, RoomId};

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
        tag.copy_from_slice(&self.keyed("tailchat 2026 room tag v1", room, role)[..16]);
        tag
    }

    /// The key under which the end in this role authenticates the room's frames.
    #[must_use]
    pub fn key(&self, room: RoomId, role: Role) -> FrameKey {
        FrameKey {
            key: self.keyed("tailchat 2026 room frames v1", room, role),
            next: 0,
        }
    }

    fn keyed(&self, purpose: &str, room: RoomId, role: Role) -> [u8; 32] {
        let key = blake3::derive_key(purpose, &room.0);
        let role: &[u8] = match role {
            Role::Dialler => b"dialler",
            Role::Listener => b"listener",
        };
        *blake3::Hasher::new_keyed(&key)
            .update(&self.transcript)
            .update(role)
            .finalize()
            .as_bytes()
    }
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
            hex(&session.key(RoomId([3; 16]), Role::Listener).code(b"frame")),
            "ace5bd52d4995fa814599f3b37bf099b"
        );
    }

    #[test]
    fn a_frame_sent_twice_has_another_code() {
        let mut key = Session::new(&hello(1), &hello(2)).key(RoomId([3; 16]), Role::Dialler);
        assert_ne!(key.code(b"frame"), key.code(b"frame"));
    }
}
