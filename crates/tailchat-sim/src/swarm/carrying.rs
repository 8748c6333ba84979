//! What goes over a swarm's links: dials, frames and ends, each later by the distance of the two peers. Reads along to
//! count what is received twice.

use tailchat_core::block::{Block, SeqRange};
use tailchat_core::engine::{ConnId, Event};
use tailchat_core::handshake::Role;
use tailchat_core::limits::BLOCK_CHANGES_LEN;
use tailchat_core::wire::RoomFrame;

use super::{ROOM, Swarm, host};
use crate::network::{Parcel, PeerNo, other};
use crate::witness::Read;

/// Accepted connections that have not proved a room; a further one is turned away, as `tailchat-net` does it.
const UNPROVED_MAX: usize = 8;

impl Swarm {
    /// How long a frame is under way between two peers, in microseconds: 5 to 50 ms, the same each time.
    pub(super) fn delay(&self, one: PeerNo, other: PeerNo) -> u64 {
        let (low, high) = (one.min(other) as u64, one.max(other) as u64);
        let mixed = (low << 32 | high).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        5_000 + mixed % 45_000
    }

    fn is_cut(&self, one: PeerNo, other: PeerNo) -> bool {
        let cut = self.cut.as_ref();
        cut.is_some_and(|half| half.contains(&one) != half.contains(&other))
    }

    pub(super) fn dialled(&mut self, no: PeerNo, addr: String) -> Result<(), String> {
        let target = self
            .addrs
            .get(&addr)
            .copied()
            .filter(|target| self.is_alive(*target));
        let target = target.filter(|target| !self.is_cut(no, *target));
        let strangers = |target: PeerNo| {
            let ends = self.net.ends.values().filter(|end| end.peer == target);
            ends.filter(|end| end.open && !end.trusted).count()
        };
        let Some(target) = target.filter(|target| strangers(*target) < UNPROVED_MAX) else {
            let why = "nobody answers".to_owned();
            return self.tell(no, Event::DialFailed { addr, why });
        };
        let id = self.net.connect((no, 0), (target, 0));
        let accepted = Event::Connected {
            conn: other(id),
            role: Role::Listener,
            host: host(no),
            dialled: None,
        };
        self.tell(target, accepted)?;
        let connected = Event::Connected {
            conn: id,
            role: Role::Dialler,
            host: host(target),
            dialled: Some(addr),
        };
        self.tell(no, connected)
    }

    pub(super) fn send(&mut self, conn: ConnId, frame: Vec<u8>) -> Result<(), String> {
        self.frames += 1;
        let read = self.witness.read(conn, &frame, &[ROOM])?;
        let to = self.net.ends.get(&other(conn)).map(|end| end.peer);
        // What is sent to somebody who is gone is received by nobody.
        if let Read::Room(_, said) = read
            && to.is_some_and(|to| self.is_alive(to))
        {
            self.count(&said)?;
        }
        self.ship(conn, Parcel::Frame(frame));
        Ok(())
    }

    fn count(&mut self, said: &RoomFrame) -> Result<(), String> {
        let mut sent = |actor, seq| {
            if let Some(times) = self.sent.get_mut(&(actor, seq)) {
                *times += 1;
            }
        };
        match said {
            RoomFrame::Push(rows) => rows
                .iter()
                .for_each(|pushed| sent(pushed.row.actor, pushed.row.seq)),
            RoomFrame::Block(bytes) if !bytes.is_empty() => {
                let block = Block::decode(bytes).map_err(|error| format!("sent a bad block: {error}"))?;
                for span in block.spans() {
                    (span.first_seq..=span.last_seq).for_each(|seq| sent(span.actor, seq));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn ship(&mut self, from: ConnId, parcel: Parcel) {
        let ends = self.net.ends.get(&from).zip(self.net.ends.get(&other(from)));
        let Some((one, two)) = ends.map(|(one, two)| (one.peer, two.peer)) else {
            return;
        };
        // What crosses a cut is lost, and nobody says so.
        if self.is_cut(one, two) {
            return;
        }
        let at_us = self.now_us + self.delay(one, two);
        if let Some(at_us) = self.net.post(other(from), parcel, at_us) {
            self.schedule(at_us - self.now_us, super::Due::Arrives(other(from)));
        }
    }

    pub(super) fn arrives(&mut self, at: ConnId) -> Result<(), String> {
        let Some(end) = self.net.ends.get_mut(&at) else {
            return Ok(());
        };
        let (to, open) = (end.peer, end.open);
        let Some(parcel) = end.inbox.pop_front().filter(|_| open) else {
            return Ok(());
        };
        if !self.is_alive(to) {
            return Ok(());
        }
        match parcel {
            Parcel::Frame(frame) => self.tell(to, Event::Received { conn: at, frame }),
            Parcel::End => {
                if let Some(end) = self.net.ends.get_mut(&at) {
                    end.open = false;
                }
                self.sweep(at);
                let why = "closed by the peer".to_owned();
                self.tell(to, Event::Disconnected { conn: at, why })
            }
        }
    }

    pub(super) fn close(&mut self, conn: ConnId) {
        if let Some(end) = self.net.ends.get_mut(&conn).filter(|end| end.open) {
            end.open = false;
            end.inbox.clear();
            self.ship(conn, Parcel::End);
        }
        self.sweep(conn);
    }

    fn sweep(&mut self, conn: ConnId) {
        self.net.sweep(conn);
        if !self.net.ends.contains_key(&conn) {
            self.witness.forget(conn);
        }
    }

    /// A peer is gone at once; the other ends hear of it, or do not if its machine lost power.
    pub(super) fn vanish(&mut self, no: PeerNo, silently: bool) {
        self.peer(no).alive = false;
        for id in self.net.ends_of(no) {
            if silently {
                if let Some(end) = self.net.ends.get_mut(&id) {
                    end.open = false;
                }
            } else {
                self.close(id);
            }
        }
    }

    /// The changes that are asked for, as a block.
    pub(super) fn past(&self, wanted: &[SeqRange]) -> Vec<u8> {
        let mut len = 0;
        let ranges = wanted.iter().flat_map(|range| {
            self.disk
                .range((range.actor, range.from)..=(range.actor, range.to))
                .map(|(_, change)| change)
        });
        let some = ranges.take_while(|change| {
            len += change.encoded.bytes.len();
            len <= BLOCK_CHANGES_LEN
        });
        Block::of(some.map(|change| (&change.parts, change.encoded.hash))).encode()
    }
}
