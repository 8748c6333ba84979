//! What goes over connections: frames and ends on their way, late, held up or lost, and read along. Knows nothing
//! of rooms but what the witness tells.

use tailchat_core::engine::{ConnId, Event};
use tailchat_core::handshake::Role;
use tailchat_core::wire::{ConnFrame, RoomFrame};

use crate::happenings::Happening;
use crate::network::{Parcel, PeerNo, other};
use crate::preview::check_preview;
use crate::witness::{Read, check_frame, check_length};
use crate::world::{Checked, Due, World};

impl World {
    pub(crate) fn dialled(&mut self, no: PeerNo, life: u64, addr: String) -> Checked {
        let target = self.peers.iter().position(|peer| peer.addr() == addr);
        let up = |target: &PeerNo| self.peers.get(*target).is_some_and(|peer| peer.running.is_some());
        let reached = target
            .filter(up)
            .filter(|target| !self.net.is_blocked(no, *target) && !self.net.is_blocked(*target, no));
        let Some(target) = reached else {
            let why = "nobody answers".to_owned();
            return self.tell(no, Event::DialFailed { addr, why });
        };
        let (dialler_host, host) = (self.peer(no).host.clone(), self.peer(target).host.clone());
        let listener = (target, self.peer(target).life);
        let id = self.net.connect((no, life), listener);
        self.note(
            no,
            "dials",
            target as u64,
            format_args!("peer {target} on {}", id.0),
        );
        let listener = Event::Connected {
            conn: other(id),
            role: Role::Listener,
            host: dialler_host,
            dialled: None,
        };
        self.tell(target, listener)?;
        let dialler = Event::Connected {
            conn: id,
            role: Role::Dialler,
            host,
            dialled: Some(addr),
        };
        self.tell(no, dialler)
    }

    pub(crate) fn send(&mut self, no: PeerNo, conn: ConnId, frame: Vec<u8>) -> Checked {
        self.counts.frames += 1;
        let read = self.witness.read(conn, &frame, &self.rooms)?;
        let mut gossip = false;
        if let Read::Room(room, said) = &read {
            let disk = self.peers.get(no).and_then(|peer| peer.shelves.get(room));
            let disk = disk.ok_or("speaks of a room that it has not joined")?;
            check_frame(said, *room, &disk.disk, &self.ever)?;
            check_preview(said, &disk.shown)?;
            gossip = matches!(said, RoomFrame::Disks(_) | RoomFrame::Presence(_));
        }
        if let Read::Conn(ConnFrame::Greet(greet)) = &read {
            let shelves = self.peers.get(no).map(|peer| &peer.shelves);
            let shelf = |room| shelves.and_then(|shelves| shelves.get(&room));
            let digest = |room| shelf(room).map(|shelf| shelf.disk.state.digest());
            self.witness.check_greet(conn, greet, &self.rooms, digest)?;
        }
        self.trace.add(&frame);
        match &read {
            Read::Conn(said) => self.note(no, "says", conn.0, format_args!("on {}: {said:?}", conn.0)),
            Read::Room(_, said) => self.note(no, "says", conn.0, format_args!("on {}: {said:?}", conn.0)),
        }
        if let Some(end) = self.net.ends.get_mut(&conn) {
            end.sent += u64::from(!gossip);
        }
        self.ship(conn, Parcel::Frame(frame));
        Ok(())
    }

    /// Puts something on its way from one end of a connection to the other.
    pub(crate) fn ship(&mut self, from: ConnId, parcel: Parcel) {
        let at_us = self.now_us + self.style.link_delay(&mut self.dice);
        if let Some(at_us) = self.net.post(other(from), parcel, at_us) {
            self.schedule(at_us - self.now_us, Due::Arrives { at: other(from) });
        }
    }

    pub(crate) fn arrives(&mut self, at: ConnId) -> Checked {
        let sender = self.net.ends.get(&other(at)).map(|end| end.peer);
        let Some(end) = self.net.ends.get(&at) else {
            return Ok(());
        };
        let (to, life) = (end.peer, end.life);
        if sender.is_some_and(|from| self.net.is_blocked(from, to)) {
            // The kernel sends it again until it gets through or the connection is given up.
            let again = self.dice.between(50_000, 400_000);
            self.schedule(again, Due::Arrives { at });
            return Ok(());
        }
        let alive = self.is_alive(to, life);
        let Some(end) = self.net.ends.get_mut(&at).filter(|end| !end.dead) else {
            return Ok(());
        };
        let Some(parcel) = end.inbox.pop_front() else {
            return Ok(());
        };
        if !end.open || !alive {
            // A machine that is up again knows nothing of the connection and says so.
            let up = self.peers.get(to).is_some_and(|peer| peer.running.is_some());
            if up && matches!(parcel, Parcel::Frame(_)) {
                self.ship(at, Parcel::End);
            }
            return Ok(());
        }
        match parcel {
            Parcel::Frame(frame) => {
                check_length(frame.len(), end).map_err(|what| format!("peer {to} {what}"))?;
                end.received += 1;
                self.note(
                    to,
                    "gets",
                    frame.len() as u64,
                    format_args!("{} bytes on {}", frame.len(), at.0),
                );
                self.tell(to, Event::Received { conn: at, frame })
            }
            Parcel::End => {
                end.open = false;
                self.note(to, "loses", at.0, format_args!("{}", at.0));
                self.sweep(at);
                self.tell(
                    to,
                    Event::Disconnected {
                        conn: at,
                        why: "closed by the peer".into(),
                    },
                )
            }
        }
    }

    /// This end closes: the other hears of it after all that was sent.
    pub(crate) fn close(&mut self, conn: ConnId) {
        if let Some(end) = self.net.ends.get_mut(&conn).filter(|end| end.open) {
            end.open = false;
            end.inbox.clear();
            self.ship(conn, Parcel::End);
        }
        self.sweep(conn);
    }

    pub(crate) fn sweep(&mut self, conn: ConnId) {
        self.net.sweep(conn);
        if !self.net.ends.contains_key(&conn) {
            self.witness.forget(conn);
        }
    }

    pub(crate) fn partition(&mut self, what: Happening) {
        self.counts.cuts += 1;
        let peers = 0..self.peers.len();
        let side: Vec<bool> = peers.clone().map(|_| self.dice.one_in(2)).collect();
        let on = |peer: PeerNo| side.get(peer).copied().unwrap_or_default();
        for (from, to) in peers
            .clone()
            .flat_map(|from| peers.clone().map(move |to| (from, to)))
        {
            if on(from) && !on(to) {
                self.net.blocked.insert((from, to));
                if what == Happening::Partition {
                    self.net.blocked.insert((to, from));
                }
            }
        }
        let lasts = 1 << self.dice.between(17, 25);
        self.schedule(lasts, Due::Unblock);
    }

    /// A connection breaks: what is under way is lost, and the ends hear of it sooner or later, or never.
    pub(crate) fn cut(&mut self, no: PeerNo, what: Happening) {
        let ends = self.net.ends_of(no);
        let Some(id) = self.dice.pick(&ends) else { return };
        self.counts.cuts += 1;
        for id in [id, other(id)] {
            if let Some(end) = self.net.ends.get_mut(&id) {
                end.inbox.clear();
                end.dead = what == Happening::HalfOpen;
            }
        }
        for id in [id, other(id)] {
            self.ship(other(id), Parcel::End);
        }
    }
}
