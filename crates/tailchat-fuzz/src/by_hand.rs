//! A peer made by hand: its frames, its place in a room and its changes, as bytes. It says what it is told to, true or
//! not. Knows no sockets: whoever attacks a process carries the bytes.

use tailchat_core::block::Block;
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::handshake::{
    FrameKey, GreetKey, Hello, MAGIC, PROTOCOL_VERSION, Role, Session, Slots, Speaker,
};
use tailchat_core::ids::{ActorId, DeviceId, Instance, RoomId};
use tailchat_core::state::{Change, Row, Tip};
use tailchat_core::wire::{
    Arrived, Claim, ConnFrame, Greet, Pushed, RoomFrame, RoomGreet, WireError, decode, encode_room, open_room,
};

mod bomb;

pub use bomb::{bombs, modest};

/// A Hello as it should be.
#[must_use]
pub fn hello(nonce: [u8; 32], instance: [u8; 16]) -> Hello {
    Hello {
        magic: MAGIC,
        version: PROTOCOL_VERSION,
        nonce,
        instance: Instance(instance),
    }
}

/// The Hello in a frame, if it is one.
#[must_use]
pub fn hello_of(frame: &[u8]) -> Option<Hello> {
    match decode(frame) {
        Ok(Arrived::Conn(ConnFrame::Hello(hello))) => Some(hello),
        _ => None,
    }
}

/// A frame as it goes over the wire, behind its length.
#[must_use]
pub fn framed(frame: &[u8]) -> Vec<u8> {
    let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    [&len.to_be_bytes()[..], frame].concat()
}

/// A connection's frame with this body, whatever it is.
#[must_use]
pub fn conn_frame(body: &[u8]) -> Vec<u8> {
    let sum = blake3::hash(body);
    let (code, _) = sum.as_bytes().split_at(16);
    [&[0], code, body].concat()
}

/// A room's frame with this body, whatever it is.
#[must_use]
pub fn room_frame(slot: u16, key: &mut FrameKey, body: &[u8]) -> Vec<u8> {
    let code = key.code(body);
    [&[1][..], &slot.to_le_bytes(), &code, body].concat()
}

/// Who speaks.
#[must_use]
pub fn speaker(device: DeviceId, name: &str, listen_port: u16, clock_ms: i64) -> Speaker {
    Speaker {
        device,
        name: name.to_owned(),
        listen_port,
        program: "by hand".into(),
        clock_ms,
    }
}

/// What a peer is in a room by knowing the room's ID.
#[derive(Debug)]
pub struct Member {
    /// Its own slot.
    pub slot: u16,
    /// For what it says.
    pub send_key: FrameKey,
    /// For what is said to it.
    pub receive_key: FrameKey,
    /// For its greeting.
    pub greet_key: GreetKey,
}

impl Member {
    /// A member that dialled, in these slots.
    #[must_use]
    pub fn new(session: &Session, room: RoomId, slots: Slots) -> Self {
        Self {
            slot: slots.dialler,
            send_key: session.key(room, Role::Dialler, slots),
            receive_key: session.key(room, Role::Listener, slots),
            greet_key: session.greet_key(room, Role::Dialler, slots),
        }
    }

    /// Its greeting.
    #[must_use]
    pub fn greet(&self, speaker: Speaker, held: [u8; 8]) -> ConnFrame {
        let room = RoomGreet {
            slot: self.slot,
            held,
            proof: self.greet_key.proof(held, false, &speaker),
        };
        ConnFrame::Greet(Greet {
            speaker,
            rooms: vec![room],
            settled: Vec::new(),
        })
    }

    /// What it says next, authentic.
    pub fn seal(&mut self, frame: &RoomFrame) -> Vec<u8> {
        encode_room(self.slot, &mut self.send_key, frame)
    }

    /// What was said to it next.
    ///
    /// # Errors
    /// It is no such frame.
    pub fn open(&mut self, sealed: &[u8]) -> Result<RoomFrame, WireError> {
        open_room(sealed, &mut self.receive_key)
    }
}

/// An entry with a text, of this order and this time.
#[must_use]
pub fn text_at(order: u64, sent_at_ms: i64, words: &str) -> Vec<u8> {
    let body = Body::Text(Text {
        text: words.into(),
        reply_to: None,
    });
    let stamp = Stamp { order, sent_at_ms };
    Entry { stamp, body }.encode()
}

/// The same, sent when its order says.
#[must_use]
pub fn text(order: u64, words: &str) -> Vec<u8> {
    text_at(order, order.cast_signed(), words)
}

/// A chain of changes, one for each list of entries.
#[must_use]
pub fn chain(actor: ActorId, entries: impl IntoIterator<Item = Vec<Vec<u8>>>) -> Vec<Change> {
    let mut tip = Tip::START;
    let extend = |entries| {
        let (next, change) = tip.extend(actor, entries);
        tip = next;
        change
    };
    entries.into_iter().map(extend).collect()
}

/// These changes, sent as their author does.
#[must_use]
pub fn push(rows: impl IntoIterator<Item = Row>) -> RoomFrame {
    let pushed = rows.into_iter().map(|row| Pushed { steps: 0, row });
    RoomFrame::Push(pushed.collect())
}

/// A peer's word of what its disk holds, without a question.
#[must_use]
pub fn vector(claims: Vec<Claim>) -> RoomFrame {
    RoomFrame::Vector { claims, asks: false }
}

/// These changes, as the answer to a question.
#[must_use]
pub fn block(changes: &[Change]) -> RoomFrame {
    let block = Block::of(changes.iter().map(|change| (&change.parts, change.encoded.hash)));
    RoomFrame::Block(block.encode())
}
