//! How two peers begin in a room: a greeting with a digest of what the disk holds, and, where the digests
//! differ, all of it. Asks for nothing.

use super::link::vector;
use super::{ConnId, Engine, Turn};
use crate::ids::RoomId;
use crate::wire::{Greet, RoomFrame};

impl Engine {
    pub(super) fn greet(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let digest = state.durable.digest();
        if let Some(link) = conn.links.get_mut(&room) {
            link.greeted = (digest, vector(&state.durable));
        }
        let greet = Greet {
            device: self.identity.device,
            name: self.identity.name.clone(),
            listen_port: self.listen_port,
            digest,
        };
        conn.send_room(id, room, &RoomFrame::Greet(greet), t);
    }

    pub(super) fn greeted(&mut self, id: ConnId, room: RoomId, greet: Greet, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let instance = conn.instance();
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        link.peer = Some((greet.device, greet.name));
        let address = (greet.listen_port > 0).then(|| format!("{}:{}", conn.host, greet.listen_port));
        // Both ends compare the same two digests, whatever was written since they were sent.
        let (digest, held) = std::mem::take(&mut link.greeted);
        let equal = greet.digest == digest;
        let newer = vector(&state.durable) != held;
        link.told = equal && !newer;
        if let Some(address) = address {
            link.listens = Some(address.clone());
            self.book.learn(address, instance, t);
        }
        if equal {
            self.claimed(id, room, &held, t);
        }
        self.tell_vector(id, room, t);
    }

    pub(super) fn tell_vector(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room).filter(|link| !link.told) else {
            return;
        };
        link.told = true;
        conn.send_room(id, room, &RoomFrame::Vector(vector(&state.durable)), t);
    }
}
