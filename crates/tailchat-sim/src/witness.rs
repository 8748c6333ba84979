//! Reads along on every connection: it knows the rooms, so it can open each frame as it is sent, and holds
//! what is said of a disk against what is on it. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use tailchat_core::block::Block;
use tailchat_core::engine::ConnId;
use tailchat_core::handshake::{FrameKey, Hello, Session, Tag};
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::limits::{FRAME_HELLO_MAX, FRAME_MAX, FRAME_UNPROVED_MAX};
use tailchat_core::wire::{Arrived, Claim, ConnFrame, RoomFrame, decode, open_room};

use crate::history::History;
use crate::network::{End, other, role};

/// What one end of a connection said that is needed to read it further.
#[derive(Default)]
struct Side {
    hello: Option<Hello>,
    tags: Vec<Tag>,
    keys: BTreeMap<u16, (RoomId, FrameKey)>,
}

/// All that was ever durable on any disk of a device; a claim that is passed on may be old.
pub(crate) type Ever = BTreeSet<(DeviceId, RoomId, ActorId, u64, [u8; 8])>;

#[derive(Default)]
pub(crate) struct Witness {
    sides: BTreeMap<ConnId, Side>,
}

/// A frame as far as it matters here.
pub(crate) enum Read {
    Conn(ConnFrame),
    Room(RoomId, RoomFrame),
}

impl Witness {
    /// Reads a frame at the moment it is sent.
    pub(crate) fn read(&mut self, from: ConnId, frame: &[u8], rooms: &[RoomId]) -> Result<Read, String> {
        match decode(frame).map_err(|error| format!("sent a frame that is none: {error}"))? {
            Arrived::Conn(frame) => {
                let side = self.sides.entry(from).or_default();
                match frame.clone() {
                    ConnFrame::Hello(hello) => side.hello = Some(hello),
                    ConnFrame::Offer(tags) => side.tags.extend(tags),
                    ConnFrame::Ping | ConnFrame::Pong | ConnFrame::Bye(_) => {}
                }
                Ok(Read::Conn(frame))
            }
            Arrived::Room { slot, sealed } => {
                let opened = self.open(from, slot, sealed, rooms);
                let (room, frame) = opened.ok_or("sent a room's frame that its peer cannot read")?;
                Ok(Read::Room(room, frame))
            }
        }
    }

    fn open(
        &mut self,
        from: ConnId,
        slot: u16,
        sealed: &[u8],
        rooms: &[RoomId],
    ) -> Option<(RoomId, RoomFrame)> {
        let hello = |id| self.sides.get(&id).and_then(|side| side.hello);
        let (ours, theirs) = (hello(from)?, hello(other(from))?);
        let session = match role(from) {
            tailchat_core::handshake::Role::Dialler => Session::new(&ours, &theirs),
            tailchat_core::handshake::Role::Listener => Session::new(&theirs, &ours),
        };
        let side = self.sides.get_mut(&from)?;
        if let Some((room, key)) = side.keys.get_mut(&slot) {
            let mut next = key.clone();
            if let Ok(frame) = open_room(sealed, &mut next) {
                *key = next;
                return Some((*room, frame));
            }
        }
        // The first frame in this slot, or the first since the room was left and offered again.
        let tag = side.tags.get(usize::from(slot))?;
        let is_tagged = |room: &&RoomId| session.tag(**room, role(from)) == *tag;
        let room = *rooms.iter().find(is_tagged)?;
        let mut key = session.key(room, role(from));
        let frame = open_room(sealed, &mut key).ok()?;
        side.keys.insert(slot, (room, key));
        Some((room, frame))
    }

    pub(crate) fn forget(&mut self, id: ConnId) {
        self.sides.remove(&id);
        self.sides.remove(&other(id));
    }
}

/// Whether everything that a frame says or carries is on its sender's disk.
pub(crate) fn check_frame(
    frame: &RoomFrame,
    room: RoomId,
    disk: &History,
    ever: &Ever,
) -> Result<(), String> {
    let claimed = |claims: &[Claim]| {
        let bad = claims
            .iter()
            .find(|claim| !disk.has(claim.actor, claim.seq, claim.hash));
        bad.map_or(Ok(()), |claim| {
            Err(format!(
                "claims change {} of {} before it is durable",
                claim.seq, claim.actor
            ))
        })
    };
    match frame {
        RoomFrame::Greet(greet) if greet.digest != disk.state.digest() => {
            Err("greets with the digest of something else than its disk holds".into())
        }
        RoomFrame::Vector(claims) | RoomFrame::Have(claims) => claimed(claims),
        RoomFrame::Push(rows) => {
            let bad = rows
                .iter()
                .find(|row| !disk.has(row.actor, row.seq, row.hash.short()));
            bad.map_or(Ok(()), |row| {
                Err(format!(
                    "pushes change {} of {} before it is durable",
                    row.seq, row.actor
                ))
            })
        }
        RoomFrame::Block(bytes) if !bytes.is_empty() => {
            let block =
                Block::decode(bytes).map_err(|error| format!("sends a block that is none: {error}"))?;
            let spans = block.spans().iter();
            let mut bad = spans.filter(|span| !disk.has(span.actor, span.last_seq, span.last.short()));
            bad.next().map_or(Ok(()), |span| {
                Err(format!(
                    "sends changes of {} that its disk does not hold",
                    span.actor
                ))
            })
        }
        RoomFrame::Disk { device, claims } => {
            let known = |claim: &&Claim| !ever.contains(&(*device, room, claim.actor, claim.seq, claim.hash));
            claims.iter().find(known).map_or(Ok(()), |claim| {
                Err(format!(
                    "says of {device} that it holds change {} of {}",
                    claim.seq, claim.actor
                ))
            })
        }
        _ => Ok(()),
    }
}

/// Whether the receiver lets a frame of this length in.
pub(crate) fn check_length(len: usize, end: &End) -> Result<(), String> {
    let max = match (end.received, end.trusted) {
        (0, _) => FRAME_HELLO_MAX,
        (_, false) => FRAME_UNPROVED_MAX,
        (_, true) => FRAME_MAX,
    };
    if len > max {
        return Err(format!("is sent a frame of {len} bytes when {max} are allowed"));
    }
    Ok(())
}
