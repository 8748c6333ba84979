//! Reads along on every connection: it knows the rooms, so it can open each frame as it is sent, and holds
//! what is said of a disk against what is on it. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use tailchat_core::block::Block;
use tailchat_core::engine::ConnId;
use tailchat_core::handshake::{FrameKey, Hello, Role, Session, Slots, Tag};
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::limits::{FRAME_HELLO_MAX, FRAME_MAX, FRAME_UNPROVED_MAX};
use tailchat_core::wire::{Arrived, Claim, ConnFrame, Greet, RoomFrame, decode, open_room};

use crate::history::History;
use crate::network::{End, other, role};

/// What one end of a connection said that is needed to read it further.
#[derive(Default)]
struct Side {
    hello: Option<Hello>,
    tags: Vec<Tag>,
    /// By the slots of both ends, the dialler's first.
    keys: BTreeMap<(u16, u16), FrameKey>,
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
                    ConnFrame::Ping | ConnFrame::Pong | ConnFrame::Bye(_) | ConnFrame::Greet(_) => {}
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
        let session = self.session(from)?;
        let (ours, theirs) = (self.sides.get(&from)?, self.sides.get(&other(from))?);
        for (slots, room) in openings(&session, role(from), slot, ours, theirs, rooms) {
            let key = ours.keys.get(&(slots.dialler, slots.listener)).cloned();
            let mut key = key.unwrap_or_else(|| session.key(room, role(from), slots));
            if let Ok(frame) = open_room(sealed, &mut key) {
                self.sides
                    .get_mut(&from)?
                    .keys
                    .insert((slots.dialler, slots.listener), key);
                return Some((room, frame));
            }
        }
        None
    }

    /// Whether a greeting says in each of its rooms what the sender's disk holds, and can be believed.
    pub(crate) fn check_greet(
        &self,
        from: ConnId,
        greet: &Greet,
        rooms: &[RoomId],
        digest: impl Fn(RoomId) -> Option<[u8; 16]>,
    ) -> Result<(), String> {
        let session = self.session(from).ok_or("greets before the Hellos")?;
        let sides = self.sides.get(&from).zip(self.sides.get(&other(from)));
        let (ours, theirs) = sides.ok_or("greets before the Offers")?;
        for of in &greet.rooms {
            let mut openings = openings(&session, role(from), of.slot, ours, theirs, rooms).into_iter();
            let fits = |(slots, room): (Slots, RoomId)| {
                let key = session.greet_key(room, role(from), slots);
                let settled = greet.settled.contains(&of.slot);
                let proof = key.proof(of.held, settled, &greet.speaker);
                digest(room).is_some_and(|digest| key.held(&digest) == of.held) && proof == of.proof
            };
            if !openings.any(fits) {
                return Err(
                    "greets with something else than its disk holds, or so that nobody believes it".into(),
                );
            }
        }
        Ok(())
    }

    fn session(&self, from: ConnId) -> Option<Session> {
        let hello = |id| self.sides.get(&id).and_then(|side| side.hello);
        let (ours, theirs) = (hello(from)?, hello(other(from))?);
        Some(match role(from) {
            Role::Dialler => Session::new(&ours, &theirs),
            Role::Listener => Session::new(&theirs, &ours),
        })
    }

    pub(crate) fn forget(&mut self, id: ConnId) {
        self.sides.remove(&id);
        self.sides.remove(&other(id));
    }
}

/// The openings of a room that a frame in this slot may belong to: the other end may have left and offered the
/// room again, and the sender know of it or not yet.
fn openings(
    session: &Session,
    role: Role,
    slot: u16,
    ours: &Side,
    theirs: &Side,
    rooms: &[RoomId],
) -> Vec<(Slots, RoomId)> {
    let tag = ours.tags.get(usize::from(slot));
    let room = tag.and_then(|tag| rooms.iter().find(|room| session.tag(**room, role) == *tag));
    let Some(room) = room else { return Vec::new() };
    let expected = session.tag(*room, role.other());
    let offers = (0..).zip(&theirs.tags).filter(|(_, tag)| **tag == expected);
    let slots = offers.map(|(other, _)| match role {
        Role::Dialler => Slots {
            dialler: slot,
            listener: other,
        },
        Role::Listener => Slots {
            dialler: other,
            listener: slot,
        },
    });
    slots.map(|slots| (slots, *room)).collect()
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
        RoomFrame::Vector { claims, .. } => claimed(claims),
        RoomFrame::Have(told) => claimed(&told.iter().map(|told| told.claim).collect::<Vec<_>>()),
        RoomFrame::Push(rows) => {
            let bad = rows
                .iter()
                .map(|pushed| &pushed.row)
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
        RoomFrame::Disks(disks) => {
            let all = disks
                .iter()
                .flat_map(|disk| disk.claims.iter().map(|claim| (disk.device, claim)));
            let never = |(device, claim): &(DeviceId, &Claim)| {
                !ever.contains(&(*device, room, claim.actor, claim.seq, claim.hash))
            };
            all.into_iter().find(never).map_or(Ok(()), |(device, claim)| {
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
