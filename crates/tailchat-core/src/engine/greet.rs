//! How two peers begin in the rooms that both know: one greeting for all rooms that open at once, with what the
//! disk holds of each in short, and, where that differs, all of it. Asks for nothing.

use std::sync::Arc;

use super::link::vector;
use super::room::Room;
use super::{ConnId, Engine, Turn};
use crate::handshake::Speaker;
use crate::ids::RoomId;
use crate::limits::{NAME_LEN_MAX, OFFER_TAGS_MAX, ROOM_LINKS_NEEDY};
use crate::wire::{Bye, Claim, Greet, RoomFrame, RoomGreet};

/// What our disk holds of a room, as peers are told: made once for all who meet while nothing changes.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    digest: [u8; 16],
    claims: Arc<[Claim]>,
}

impl Room {
    pub(super) fn standing(&mut self) -> &Standing {
        self.standing.get_or_insert_with(|| Standing {
            digest: self.durable.digest(),
            claims: vector(&self.durable).into(),
        })
    }
}

impl Engine {
    /// Greets in rooms that were just opened on a connection.
    pub(super) fn greet(&mut self, id: ConnId, rooms: &[RoomId], t: &mut Turn<'_>) {
        let others = |room| self.live(room).filter(|(other, _)| *other != id).count();
        let settled: Vec<_> = rooms
            .iter()
            .map(|room| others(*room) >= ROOM_LINKS_NEEDY)
            .collect();
        // Whoever hears the greeting passes its time on as our beat.
        self.our_beat = self.last_beat(t);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let Some(session) = conn.session() else { return };
        let role = conn.role;
        let mut greet = Greet {
            speaker: Speaker {
                device: self.identity.device,
                name: self.identity.name.clone(),
                listen_port: self.listen_port,
                program: env!("CARGO_PKG_VERSION").to_owned(),
                clock_ms: t.now.wall_ms,
            },
            rooms: Vec::with_capacity(rooms.len()),
            settled: Vec::new(),
        };
        for (room, settled) in rooms.iter().zip(settled) {
            let (Some(state), Some(link)) = (self.rooms.get_mut(room), conn.links.get_mut(room)) else {
                continue;
            };
            state.said_here(self.our_beat, t);
            let standing = state.standing().clone();
            let key = session.greet_key(*room, role, link.slots(role));
            let held = key.held(&standing.digest);
            link.greeted = Some(standing);
            greet.settled.extend(settled.then_some(link.our_slot));
            greet.rooms.push(RoomGreet {
                slot: link.our_slot,
                held,
                proof: key.proof(held, settled, &greet.speaker),
            });
        }
        conn.greet(id, greet, t);
    }

    /// A peer greets. Every room of the greeting stands for itself: what a member of one says of another is no
    /// greeting but a fault.
    pub(super) fn greeted(&mut self, id: ConnId, greet: Greet, t: &mut Turn<'_>) {
        let (rooms, speaker) = (greet.rooms.len(), &greet.speaker);
        let texts = speaker.name.len().max(speaker.program.len());
        if rooms == 0 || rooms.max(greet.settled.len()) > OFFER_TAGS_MAX || texts > NAME_LEN_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "a greeting beyond its limits", t);
        }
        let mut opened = Vec::with_capacity(rooms);
        for of in &greet.rooms {
            match self.room_greeted(id, of, &greet) {
                Ok(room) => opened.extend(room),
                Err(why) => return self.drop_conn(id, Some(Bye::Protocol), why, t),
            }
        }
        let Some(conn) = self.conns.get_mut(&id).filter(|_| !opened.is_empty()) else {
            return;
        };
        let ahead = speaker.clock_ms.saturating_sub(t.now.wall_ms);
        conn.told_of = Some((greet.speaker.program.clone(), ahead));
        let listens = conn.listens_at(speaker.listen_port);
        if let Some(address) = &listens {
            self.book.learn(address, conn.instance(), speaker.device, t);
        }
        for address in listens.iter().chain(&conn.dialled) {
            for (room, _) in &opened {
                self.book.has_room(address, *room, t);
            }
        }
        for (room, equal) in opened {
            self.compare(id, room, equal, t);
            self.welcome(id, room, equal, t);
        }
    }

    /// Whether the peer holds what we held when we greeted; nothing of a room that we left in the meantime.
    fn room_greeted(
        &mut self,
        id: ConnId,
        of: &RoomGreet,
        greet: &Greet,
    ) -> Result<Option<(RoomId, bool)>, &'static str> {
        let Some(conn) = self.conns.get_mut(&id) else {
            return Ok(None);
        };
        let (session, role, listens) = (
            conn.session(),
            conn.role,
            conn.listens_at(greet.speaker.listen_port),
        );
        let Some((room, link)) = conn.link_in(of.slot)? else {
            return Ok(None);
        };
        let key = session.map(|session| session.greet_key(room, role.other(), link.slots(role)));
        let settled = greet.settled.contains(&of.slot);
        let key = key.ok_or("a greeting out of turn")?;
        if of.proof != key.proof(of.held, settled, &greet.speaker) {
            return Err("a greeting that does not fit its room: it was altered or forged");
        }
        if link.peer.is_some() {
            return Err("a second greeting in a room");
        }
        link.peer = Some((greet.speaker.device, greet.speaker.name.clone()));
        link.settled = settled;
        link.listens = listens;
        let ours = link.greeted.as_ref();
        Ok(Some((
            room,
            ours.is_some_and(|ours| of.held == key.held(&ours.digest)),
        )))
    }

    /// Both ends compare the same two digests, whatever was written since they were sent.
    fn compare(&mut self, id: ConnId, room: RoomId, equal: bool, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        let Some(then) = link.greeted.take() else { return };
        let newer = !Arc::ptr_eq(&then.claims, &state.standing().claims);
        link.told = equal && !newer;
        if equal {
            self.claimed(id, room, &then.claims, t);
        }
        let asks = !equal && self.ask_for_all(id, room, t);
        self.tell_vector(id, room, asks, t);
    }

    /// Says what our disk holds, unless the peer knows; `asks` if that is a question too.
    pub(super) fn tell_vector(&mut self, id: ConnId, room: RoomId, asks: bool, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room).filter(|link| !link.told) else {
            return;
        };
        link.told = true;
        let claims = state.standing().claims.to_vec();
        conn.send_room(id, room, &RoomFrame::Vector { claims, asks }, t);
    }
}
