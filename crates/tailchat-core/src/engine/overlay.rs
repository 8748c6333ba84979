//! Which links a room keeps: all of a small room, a few of a large one, chosen by chance, so that together they hold
//! whoever is left. Knows counts and addresses; knows nothing of what is said in a room.
//!
//! After HyParView (Leitão, Pereira, Rodrigues, DSN 2007): a small active view that is symmetric, a larger passive one
//! of addresses, newcomers taken in at somebody else's expense. Its shuffles are what peers tell each other when
//! they meet and part, and its walks are probes.

use std::time::Duration;

use super::dial::{Reached, Wants, draw, jittered};
use super::link::Link;
use super::{ConnId, Engine, Turn};
use crate::ids::{DeviceId, RoomId};
use crate::limits::{FULL_PAUSE, PEERS_TOLD_MAX, PROBE_EVERY, ROOM_LINKS_MAX, ROOM_LINKS_MIN};
use crate::wire::{Bye, PeerAt, RoomFrame};

/// Links that a small room looks for: whoever can be found.
const EVERYBODY: usize = 1 << 16;

impl Engine {
    /// The room's links on which the peer greeted.
    pub(super) fn live(&self, room: RoomId) -> impl Iterator<Item = (ConnId, &Link)> {
        self.conns.iter().filter_map(move |(id, conn)| {
            let link = conn.links.get(&room)?;
            link.peer.is_some().then_some((*id, link))
        })
    }

    /// The processes that answer on some connection.
    pub(super) fn reached(&self, now: Duration) -> Reached {
        let mut reached = Reached::new();
        let proved = self.conns.values();
        for conn in proved.filter(|conn| conn.is_proved() && !conn.is_doubtful(now)) {
            if let Some(instance) = conn.instance() {
                reached.entry(instance).or_default().extend(conn.common_rooms());
            }
        }
        reached
    }

    /// How many more links each room wants.
    fn wants(&self, now: Duration) -> Wants {
        let wanted = |room: &RoomId, large| {
            let sound = |id: &ConnId| self.conns.get(id).is_some_and(|conn| !conn.is_doubtful(now));
            let live = self.live(*room).filter(|(id, _)| sound(id)).count();
            match large {
                true => ROOM_LINKS_MIN.saturating_sub(live),
                false if live < ROOM_LINKS_MAX => EVERYBODY,
                false => 0,
            }
        };
        let rooms = self.rooms.iter();
        rooms.map(|(id, room)| (*id, wanted(id, room.large))).collect()
    }

    /// Whether a room wants more links.
    pub(super) fn wants_links(&self, room: RoomId, t: &Turn<'_>) -> bool {
        self.wants(t.now.uptime).get(&room).is_some_and(|more| *more > 0)
    }

    pub(super) fn tick_overlay(&mut self, t: &mut Turn<'_>) {
        let doubtful = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.is_doubtful(t.now.uptime));
        doubtful.for_each(|(id, _)| self.book.doubted(*id, t.now.uptime));
        let reached = self.reached(t.now.uptime);
        let mut wants = self.wants(t.now.uptime);
        for (room, more) in &mut wants {
            *more -= self.offer_again(*room, *more, t);
            self.probe(*room, &reached, t);
        }
        self.book.tick(&reached, wants, t);
    }

    /// Takes up rooms again with peers that are connected for the sake of another one; how many.
    fn offer_again(&mut self, room: RoomId, most: usize, t: &mut Turn<'_>) -> usize {
        let now = t.now.uptime;
        let conns = self.conns.iter();
        let conns = conns.filter(|(_, conn)| conn.is_proved() && conn.offers.is_ready(room, now));
        let conns: Vec<_> = conns.map(|(id, _)| *id).take(most).collect();
        for id in &conns {
            self.offer_rooms(*id, &[room], t);
        }
        conns.len()
    }

    /// Now and then a large room looks at somebody else. Two halves of it that have links enough each would otherwise
    /// never find out that there are two.
    fn probe(&mut self, room: RoomId, reached: &Reached, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room).filter(|state| state.large) else {
            return;
        };
        if state.probe_at > t.now.uptime {
            return;
        }
        let first = state.probe_at == Duration::ZERO;
        state.probe_at = t.now.uptime + jittered(PROBE_EVERY * 4 / 3, t);
        if !first {
            self.book.probe(room, reached, t);
        }
    }

    /// A peer greeted: tells it of others and others of it, and sees to it that the room has not too many links.
    pub(super) fn welcome(&mut self, id: ConnId, room: RoomId, equal: bool, t: &mut Turn<'_>) {
        self.tell_peers(id, room, t);
        self.tell_of(id, room, t);
        self.greeted_here(id, room, t);
        self.keep_few(id, room, equal, t);
    }

    /// Of one link too many the newcomer goes, unless it would be left with few, or holds something else than we do:
    /// then an older one goes, by chance, but rather one that has others.
    fn keep_few(&mut self, newcomer: ConnId, room: RoomId, equal: bool, t: &mut Turn<'_>) {
        let host = |id: &ConnId| self.conns.get(id).map(|conn| conn.host.as_str());
        let others: Vec<_> = self
            .live(room)
            .filter(|(id, _)| *id != newcomer)
            .map(|(id, link)| (id, link.settled, host(&id) == host(&newcomer)))
            .collect();
        if others.len() < ROOM_LINKS_MAX {
            return;
        }
        let beside = others.iter().filter(|(.., beside)| *beside).count();
        let crowded = beside >= ROOM_LINKS_MAX / 2;
        let link = self.conns.get(&newcomer).and_then(|conn| conn.links.get(&room));
        if equal && link.is_none_or(|link| link.settled) {
            return self.part(newcomer, room, t);
        }
        // Who comes many times from one place takes no more than half of the links.
        let may_go = |wanted: bool| {
            let may_go = others
                .iter()
                .filter(|(_, settled, beside)| *settled == wanted && (*beside || !crowded));
            may_go.map(|(id, ..)| *id).collect::<Vec<_>>()
        };
        let from = match may_go(true) {
            none if none.is_empty() => may_go(false),
            settled => settled,
        };
        if let Some(goes) = from.get(draw(from.len(), t)) {
            self.part(*goes, room, t);
        }
    }

    /// Gives up a room's link in good order: the peer is told where others are.
    fn part(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        self.tell_peers(id, room, t);
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.send_room(id, room, &RoomFrame::Part, t);
        conn.part(room, t.now.uptime);
        let over = !conn.is_proved();
        self.link_closed(id, room, None, t);
        if over {
            self.drop_full(id, t);
        }
    }

    fn drop_full(&mut self, id: ConnId, t: &mut Turn<'_>) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.verdict = super::conn::Verdict::Full;
        }
        self.drop_conn(id, Some(Bye::Full), "links enough in every room", t);
    }

    /// The peer has links enough in a room.
    pub(super) fn parted(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.part(room, t.now.uptime + FULL_PAUSE);
        }
        self.link_closed(id, room, None, t);
    }

    /// Tells a peer where some other members are.
    fn tell_peers(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let Some(to) = self.conns.get(&id).and_then(|conn| {
            let (device, _) = conn.links.get(&room)?.peer.as_ref()?;
            Some((*device, conn.is_loopback()))
        }) else {
            return;
        };
        let linked = self.live(room).filter(|(other, _)| *other != id);
        let linked = linked.filter_map(|(_, link)| {
            let (device, _) = link.peer.as_ref()?;
            Some((*device, link.listens.as_ref()?.parse().ok()?))
        });
        let mut known: Vec<_> = linked.chain(self.book.worked_in(room)).collect();
        known.sort_unstable();
        known.dedup();
        let (device, loopback) = to;
        known.retain(|(of, at): &(DeviceId, core::net::SocketAddr)| {
            *of != device && (loopback || !at.ip().to_canonical().is_loopback())
        });
        let mut peers = Vec::new();
        while peers.len() < PEERS_TOLD_MAX && !known.is_empty() {
            let (device, at) = known.swap_remove(draw(known.len(), t));
            let addr = at.to_string();
            peers.push(PeerAt { device, addr });
        }
        self.send_peers(id, room, peers, t);
    }

    /// Tells others where a peer is that was just met: everybody in a small room, somebody in a large one.
    fn tell_of(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get(&id) else { return };
        let Some((Some((device, _)), Some(addr))) = conn
            .links
            .get(&room)
            .map(|link| (link.peer.clone(), link.listens.clone()))
        else {
            return;
        };
        let loopback = conn.is_loopback();
        let to = self.live(room).filter(|(other, link)| {
            let same = link.peer.as_ref().is_some_and(|(of, _)| *of == device);
            let near = self.conns.get(other).is_some_and(super::Conn::is_loopback);
            *other != id && !same && (near || !loopback)
        });
        let mut to: Vec<_> = to.map(|(other, _)| other).collect();
        if self.rooms.get(&room).is_some_and(|state| state.large) && !to.is_empty() {
            to = vec![to.swap_remove(draw(to.len(), t))];
        }
        for other in to {
            let addr = addr.clone();
            self.send_peers(other, room, vec![PeerAt { device, addr }], t);
        }
    }

    fn send_peers(&mut self, id: ConnId, room: RoomId, peers: Vec<PeerAt>, t: &mut Turn<'_>) {
        if let Some(conn) = self.conns.get_mut(&id)
            && !peers.is_empty()
        {
            conn.send_room(id, room, &RoomFrame::Peers(peers), t);
        }
    }

    /// A peer tells where others are.
    pub(super) fn peers_told(&mut self, id: ConnId, room: RoomId, peers: &[PeerAt], t: &mut Turn<'_>) {
        if peers.len() > PEERS_TOLD_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "too many addresses at once", t);
        }
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let allowed = conn.allowance.addresses(peers.len(), t.now.uptime);
        let loopback = conn.is_loopback();
        let others = peers.iter().take(allowed);
        for peer in others.filter(|peer| peer.device != self.identity.device) {
            self.book.told(&peer.addr, peer.device, room, loopback, t);
        }
    }
}
