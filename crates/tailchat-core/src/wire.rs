//! The frames that peers exchange, and their bytes. Knows nothing of when they are sent.
//!
//! A frame is a length (4 bytes, big endian, added by the transport), a class byte, a code of 16 bytes and
//! a postcard body. Class 0 belongs to the connection, its code is a plain BLAKE3 checksum; class 1 belongs
//! to a room, has the room's slot (2 bytes, little endian) before the code, and the code proves knowledge
//! of the room ([`FrameKey`]).

use serde::{Deserialize, Serialize};

use crate::block::SeqRange;
use crate::handshake::{FrameKey, Hello, Speaker, Tag};
use crate::ids::{ActorId, DeviceId, MessageId};
use crate::state::{Row, Tip};

/// A frame of the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnFrame {
    /// The first frame of each side.
    Hello(Hello),
    /// Rooms that the sender knows, among random tags. The n-th tag of a connection is the sender's slot n.
    Offer(Vec<Tag>),
    /// Asks for a [`ConnFrame::Pong`].
    Ping,
    /// The answer.
    Pong,
    /// The last frame: why the sender closes.
    Bye(Bye),
    /// Opens rooms that both have offered: who speaks, and what its disk holds of each.
    Greet(Greet),
}

/// Why a peer closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bye {
    /// The two protocol versions do not go together; the sender's is given.
    Version(u16),
    /// No room is known to both.
    NoSharedRoom,
    /// There is another connection between the same two processes.
    Duplicate,
    /// Both ends are the same process.
    Ourselves,
    /// The program stops.
    Stopping,
    /// The peer broke the protocol.
    Protocol,
    /// The sender has links enough in every room that both know.
    Full,
}

/// A frame of a room that both ends have proved to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomFrame {
    /// What the sender's disk holds.
    Vector {
        /// By actor.
        claims: Vec<Claim>,
        /// Whether this is a question too, for what the receiver's disk holds beyond: the answer is one
        /// [`RoomFrame::Block`].
        asks: bool,
    },
    /// Asks for changes; the answer is one [`RoomFrame::Block`].
    Want(Vec<SeqRange>),
    /// Some of the wanted changes, the oldest first: a [`crate::block::Block`]'s bytes, or none at all if the
    /// sender has nothing of what was asked for.
    Block(Vec<u8>),
    /// New changes, each the next one that the receiver lacks.
    Push(Vec<Pushed>),
    /// What the sender's disk holds more since it last said so.
    Have(Vec<Told>),
    /// What other members' disks hold, passed on.
    Disks(Vec<Disk>),
    /// The sender's chain of this actor is another one; it takes none of its changes from the receiver.
    Forked {
        /// The actor.
        actor: ActorId,
        /// The first change known to differ.
        seq: u64,
    },
    /// The sender no longer holds the room open.
    Leave,
    /// Asks for the newest lines, at most so many; the answer is one [`RoomFrame::Preview`].
    WantPreview(u16),
    /// The sender's newest lines, the newest last.
    Preview(Vec<PreviewLine>),
    /// As [`RoomFrame::Leave`], but the sender goes on with the room: it has links enough in it.
    Part,
    /// From now on the sender is to be sent on this link what is new of these actors, and not only told of it.
    Graft(Vec<ActorId>),
    /// What is new of these actors reaches the sender by another link: from now on it is to be told of it on this one,
    /// and not sent it.
    Prune(Vec<ActorId>),
    /// Where other members can be dialled.
    Peers(Vec<PeerAt>),
    /// Who is there. Passed on by whoever hears it first, kept by nobody for long.
    Presence(Vec<Presence>),
}

/// What a disk holds, as far as the sender heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Whose.
    pub device: DeviceId,
    /// What.
    pub claims: Vec<Claim>,
}

/// A new change, sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// By how many links it came to the sender: 0 to its author, 255 by more than 254 or nobody knows.
    pub steps: u8,
    /// The change.
    pub row: Row,
}

/// A new change, told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// As [`Pushed::steps`].
    pub steps: u8,
    /// Where its actor's chain stands.
    pub claim: Claim,
}

/// An address at which a member's device was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAt {
    /// The device.
    pub device: DeviceId,
    /// An IP address and a port, at most [`crate::limits::ADDRESS_LEN_MAX`] bytes.
    pub addr: String,
}

/// What a device says of itself, or others of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Whose.
    pub device: DeviceId,
    /// Greater than in all that the device said before: of two the greater holds.
    pub beat: u64,
    /// How long it holds, in seconds.
    pub lasts_s: u16,
    /// What.
    pub sign: Sign,
}

/// Signs of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sign {
    /// It is there.
    Here,
    /// It is there, and somebody types.
    Typing,
    /// Somebody lost the connection to it. If it is there all the same, it says so when it hears of this.
    Lost,
    /// It went, in good order.
    Gone,
}

/// One of a room's newest lines, to be read before the history is there. Nothing vouches for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewLine {
    /// Which entry it is.
    pub id: MessageId,
    /// The entry as [`crate::entry::Entry::encode`] writes it: a text, an action or an imported message.
    pub entry: Vec<u8>,
    /// The author's name, at most [`crate::limits::NAME_LEN_MAX`] bytes; of an imported message it is the name of
    /// who imported it.
    pub author: String,
}

impl PreviewLine {
    /// The bytes that count towards [`crate::limits::PREVIEW_LEN_MAX`]: entry, name, and 32 for the rest.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.entry.len() + self.author.len() + 32
    }
}

/// Who speaks in some rooms. Each room vouches for itself: to its members, by its own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greet {
    /// Who.
    pub speaker: Speaker,
    /// The rooms.
    pub rooms: Vec<RoomGreet>,
    /// The sender's slots of those of them in which it has other links, at least
    /// [`crate::limits::ROOM_LINKS_NEEDY`].
    pub settled: Vec<u16>,
}

/// What a greeting says in one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomGreet {
    /// The sender's slot of the room.
    pub slot: u16,
    /// What its disk holds, in short: [`crate::handshake::GreetKey::held`].
    pub held: [u8; 8],
    /// [`crate::handshake::GreetKey::proof`] of all this.
    pub proof: [u8; 8],
}

/// What a disk holds of one actor's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The actor.
    pub actor: ActorId,
    /// Its changes from 1 to this one.
    pub seq: u64,
    /// The entries in them.
    pub entries: u64,
    /// The messages among the entries.
    pub messages: u64,
    /// The first bytes of the last change's hash.
    pub hash: [u8; 8],
}

impl Claim {
    /// What a disk that ends at this tip claims.
    #[must_use]
    pub fn of(actor: ActorId, tip: &Tip) -> Self {
        Self {
            actor,
            seq: tip.seq,
            entries: tip.entries,
            messages: tip.messages,
            hash: tip.hash.short(),
        }
    }
}

const CONNECTION: u8 = 0;
const ROOM: u8 = 1;
const CODE_LEN: usize = 16;

/// Encodes a frame of the connection.
#[must_use]
pub fn encode_conn(frame: &ConnFrame) -> Vec<u8> {
    let body = postcard::to_allocvec(frame).expect("writing to memory cannot fail");
    let mut bytes = vec![CONNECTION];
    bytes.extend(checksum(&body));
    bytes.extend(body);
    bytes
}

/// Encodes a frame of the room in the sender's `slot`.
#[must_use]
pub fn encode_room(slot: u16, key: &mut FrameKey, frame: &RoomFrame) -> Vec<u8> {
    let body = postcard::to_allocvec(frame).expect("writing to memory cannot fail");
    let mut bytes = vec![ROOM];
    bytes.extend(slot.to_le_bytes());
    bytes.extend(key.code(&body));
    bytes.extend(body);
    bytes
}

/// A frame that arrived, as far as it can be read without knowing its room.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// A whole frame of the connection.
    Conn(ConnFrame),
    /// A frame of the room in the sender's slot, not yet authenticated.
    Room {
        /// The sender's slot.
        slot: u16,
        /// What [`open_room`] takes.
        sealed: &'a [u8],
    },
}

/// Reads a frame's class and checks the code of the connection's frames.
///
/// # Errors
/// [`WireError`] on anything else.
pub fn decode(bytes: &[u8]) -> Result<Arrived<'_>, WireError> {
    match bytes.split_first() {
        Some((&CONNECTION, rest)) => {
            let (code, body) = rest.split_at_checked(CODE_LEN).ok_or(WireError::Short)?;
            if code != checksum(body) {
                return Err(WireError::Code);
            }
            Ok(Arrived::Conn(body_of(body)?))
        }
        Some((&ROOM, rest)) => {
            let (slot, sealed) = rest.split_first_chunk::<2>().ok_or(WireError::Short)?;
            Ok(Arrived::Room {
                slot: u16::from_le_bytes(*slot),
                sealed,
            })
        }
        Some((class, _)) => Err(WireError::Class(*class)),
        None => Err(WireError::Short),
    }
}

/// Authenticates and reads a frame of a room.
///
/// # Errors
/// [`WireError::Code`] if the sender does not know the room or the frame is not the next one.
pub fn open_room(sealed: &[u8], key: &mut FrameKey) -> Result<RoomFrame, WireError> {
    let (code, body) = sealed.split_at_checked(CODE_LEN).ok_or(WireError::Short)?;
    if code != key.code(body) {
        return Err(WireError::Code);
    }
    body_of(body)
}

fn body_of<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    match postcard::take_from_bytes(body) {
        Ok((frame, [])) => Ok(frame),
        _ => Err(WireError::Body),
    }
}

fn checksum(body: &[u8]) -> [u8; CODE_LEN] {
    let mut code = [0; CODE_LEN];
    code.copy_from_slice(&blake3::hash(body).as_bytes()[..CODE_LEN]);
    code
}

/// Why bytes are no frame. Each closes the connection; a new one heals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Cut short.
    #[error("a frame was cut short")]
    Short,
    /// A class that this version does not know.
    #[error("a frame of unknown class {0}; is this a tailchat peer?")]
    Class(u8),
    /// The code does not fit.
    #[error("a frame's code does not fit: it was altered, reordered or forged")]
    Code,
    /// The body does not decode.
    #[error("a frame that does not decode; the peer may be of another version")]
    Body,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::{MAGIC, Role, Session, Slots};
    use crate::ids::{ChangeHash, Instance, RoomId};
    use crate::limits::FRAME_HELLO_MAX;
    use proptest::prelude::*;

    fn hello(byte: u8) -> Hello {
        Hello {
            magic: MAGIC,
            version: 2,
            nonce: [byte; 32],
            instance: Instance([byte; 16]),
        }
    }

    const SLOTS: Slots = Slots {
        dialler: 3,
        listener: 5,
    };

    fn session() -> Session {
        Session::new(&hello(1), &hello(2))
    }

    fn greet() -> Greet {
        let key = session().greet_key(RoomId([3; 16]), Role::Dialler, SLOTS);
        let held = key.held(&[9; 16]);
        let speaker = Speaker {
            device: DeviceId([2; 16]),
            name: "ann".into(),
            listen_port: 47100,
            program: "0.1.0".into(),
            clock_ms: 1000,
        };
        let room = RoomGreet {
            slot: 3,
            held,
            proof: key.proof(held, true, &speaker),
        };
        Greet {
            speaker,
            rooms: vec![room],
            settled: vec![3],
        }
    }

    fn key() -> FrameKey {
        session().key(RoomId([3; 16]), Role::Dialler, SLOTS)
    }

    fn room_frames() -> Vec<RoomFrame> {
        let actor = ActorId([0xaa; 16]);
        let claim = Claim {
            actor,
            seq: 5,
            entries: 300,
            messages: 200,
            hash: [7; 8],
        };
        let row = Row {
            actor,
            seq: 6,
            hash: ChangeHash([8; 32]),
            entries: vec![vec![5, 1, 0]],
        };
        vec![
            RoomFrame::Vector {
                claims: vec![claim],
                asks: true,
            },
            RoomFrame::Want(vec![SeqRange {
                actor,
                from: 6,
                to: 700,
            }]),
            RoomFrame::Block(vec![1, 2, 3]),
            RoomFrame::Push(vec![Pushed { steps: 1, row }]),
            RoomFrame::Have(vec![Told { steps: 1, claim }]),
            RoomFrame::Disks(vec![Disk {
                device: DeviceId([2; 16]),
                claims: vec![claim],
            }]),
            RoomFrame::Forked { actor, seq: 6 },
            RoomFrame::Leave,
            RoomFrame::WantPreview(50),
            RoomFrame::Preview(vec![PreviewLine {
                id: MessageId { actor, index: 300 },
                entry: vec![2, 0xe8, 7, 2, 2, 0x68, 0x69, 0],
                author: "ann".into(),
            }]),
            RoomFrame::Part,
            RoomFrame::Graft(vec![actor]),
            RoomFrame::Prune(vec![actor]),
            RoomFrame::Peers(vec![PeerAt {
                device: DeviceId([2; 16]),
                addr: "10.0.0.2:24242".into(),
            }]),
            RoomFrame::Presence(vec![Presence {
                device: DeviceId([2; 16]),
                beat: 1000,
                lasts_s: 180,
                sign: Sign::Here,
            }]),
        ]
    }

    #[test]
    fn the_bytes_of_every_frame_are_golden() {
        let conn = [
            ConnFrame::Hello(hello(1)),
            ConnFrame::Offer(vec![[5; 16]]),
            ConnFrame::Ping,
            ConnFrame::Pong,
            ConnFrame::Bye(Bye::Version(2)),
            ConnFrame::Greet(greet()),
        ];
        let mut all = Vec::new();
        for frame in &conn {
            let bytes = encode_conn(frame);
            assert_eq!(decode(&bytes), Ok(Arrived::Conn(frame.clone())));
            all.push(bytes);
        }
        assert!(all[0].len() <= FRAME_HELLO_MAX);
        let (mut sender, mut receiver) = (key(), key());
        for frame in room_frames() {
            let bytes = encode_room(3, &mut sender, &frame);
            let Ok(Arrived::Room { slot: 3, sealed }) = decode(&bytes) else {
                panic!("not a room's frame")
            };
            assert_eq!(open_room(sealed, &mut receiver), Ok(frame));
            all.push(bytes);
        }
        let golden = include_str!("../tests/golden/frames.hex");
        let hex: String = all
            .iter()
            .map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
            .collect();
        assert_eq!(hex, golden);
    }

    #[test]
    fn a_frame_altered_replayed_or_left_out_does_not_open() {
        let (mut sender, frame) = (key(), RoomFrame::Leave);
        let first = encode_room(3, &mut sender, &frame);
        let second = encode_room(3, &mut sender, &frame);
        let mut receiver = key();
        assert_eq!(
            open_room(&second[3..], &mut receiver.clone()),
            Err(WireError::Code)
        );
        assert_eq!(open_room(&first[3..], &mut receiver), Ok(frame));
        assert_eq!(
            open_room(&first[3..], &mut receiver.clone()),
            Err(WireError::Code)
        );
        for at in 3..second.len() {
            let mut bad = second.clone();
            bad[at] ^= 1;
            assert_eq!(open_room(&bad[3..], &mut receiver.clone()), Err(WireError::Code));
        }
    }

    proptest! {
        #[test]
        fn decoding_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Arrived::Room { sealed, .. }) = decode(&bytes) {
                prop_assert!(open_room(sealed, &mut key()).is_err());
            }
        }

        #[test]
        fn decoding_any_body_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = body_of::<RoomFrame>(&body);
            let _ = body_of::<ConnFrame>(&body);
            let _ = crate::block::Block::decode(&body);
        }
    }
}
