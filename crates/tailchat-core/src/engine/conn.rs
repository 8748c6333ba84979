//! A connection's life: Hello, twins, silence, the end. Knows nothing of what rooms hold.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::link::Link;
use super::offers::Offers;
use super::{ConnId, Effect, Engine, Turn};
use crate::handshake::{Hello, MAGIC, PROTOCOL_VERSION, Role, Session};
use crate::ids::{Instance, RoomId};
use crate::limits::{
    CONNECTIONS_MAX, DEAD_AFTER, DOUBT_AFTER, HANDSHAKE_TIME, PEERS_HEARD_MAX, PING_AFTER, PRESENCE_RATE,
    TICK, WANT_TIME,
};
use crate::wire::{Arrived, Bye, ConnFrame, Greet, RoomFrame, decode, encode_conn, encode_room, open_room};

/// Why one of two connections goes.
const TWIN: &str = "another connection to the same peer stands";

/// How a connection ended, for those who may dial again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It broke, or ended in good order.
    #[default]
    Over,
    /// The other end can be of no use: another version, or no room in common.
    Useless,
    /// Both ends are one process.
    Ourselves,
    /// The peer has links enough.
    Full,
}

/// How much a peer may still tell in the present second or minute of what costs us more than it costs the peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    addresses: (u32, Duration),
    signs: (u32, Duration),
}

impl Allowance {
    /// How many of these addresses may be listened to.
    pub(super) fn addresses(&mut self, told: usize, now: Duration) -> usize {
        allowed(
            &mut self.addresses,
            told,
            PEERS_HEARD_MAX,
            (now, Duration::from_secs(60)),
        )
    }

    /// How many of these signs of life may be listened to.
    pub(super) fn signs(&mut self, told: usize, now: Duration) -> usize {
        allowed(
            &mut self.signs,
            told,
            PRESENCE_RATE,
            (now, Duration::from_secs(1)),
        )
    }
}

fn allowed(used: &mut (u32, Duration), told: usize, most: u32, (now, each): (Duration, Duration)) -> usize {
    if now.saturating_sub(used.1) >= each {
        *used = (0, now);
    }
    let told = u32::try_from(told).unwrap_or(u32::MAX).min(most - used.0);
    used.0 += told;
    told as usize
}

pub(super) struct Conn {
    pub(super) role: Role,
    pub(super) host: String,
    pub(super) dialled: Option<String>,
    ours: Hello,
    /// The peer's Hello and what follows from both; none until it arrives.
    met: Option<(Hello, Session)>,
    /// The rooms in common, and those that are no longer.
    pub(super) offers: Offers,
    pub(super) links: BTreeMap<RoomId, Link>,
    /// The version of the peer's program, and its clock less ours, once it greeted.
    pub(super) told_of: Option<(String, i64)>,
    /// What the peer may still tell of addresses and signs of life.
    pub(super) allowance: Allowance,
    opened_at: Duration,
    heard_at: Duration,
    /// When a part of a long frame last arrived.
    pub(super) receiving_at: Duration,
    pinged: bool,
    /// Since when the peer owes us a sign: for a ping, or for what is new.
    owes_since: Option<Duration>,
    /// When the connection counts as dead unless something is heard, if that is sooner than usual.
    prove_alive_by: Option<Duration>,
    /// Later connections to the same process, dialled by us, which go if this one lives.
    rivals: BTreeSet<ConnId>,
    /// How it ended, for whoever may dial again.
    pub(super) verdict: Verdict,
}

impl Conn {
    pub(super) fn instance(&self) -> Option<Instance> {
        self.met.as_ref().map(|(hello, _)| hello.instance)
    }

    /// Whether the peer has shown that it knows a room of ours.
    pub(super) fn is_proved(&self) -> bool {
        !self.links.is_empty()
    }

    /// Whether the peer was asked for a sign and has not given it yet.
    pub(super) fn owes_a_sign(&self) -> bool {
        self.owes_since.is_some()
    }

    fn gave_a_sign(&mut self, now: Duration) {
        self.heard_at = now;
        self.pinged = false;
        self.owes_since = None;
        self.prove_alive_by = None;
    }

    /// Whether nothing is heard where something should be: the connection may be dead and not know it.
    pub(super) fn is_doubtful(&self, now: Duration) -> bool {
        let owes = self
            .owes_since
            .is_some_and(|since| now.saturating_sub(since) > DOUBT_AFTER);
        owes || now.saturating_sub(self.heard_at) > PING_AFTER + DOUBT_AFTER
    }

    pub(super) fn send(&mut self, id: ConnId, frame: &ConnFrame, t: &mut Turn<'_>) {
        t.emit(Effect::Send {
            conn: id,
            frame: encode_conn(frame),
        });
    }

    /// The connection may be dead: it counts as that unless something is heard soon.
    fn ask_for_a_sign(&mut self, id: ConnId, t: &mut Turn<'_>) {
        self.pinged = true;
        self.owes_since.get_or_insert(t.now.uptime);
        self.prove_alive_by.get_or_insert(t.now.uptime + WANT_TIME);
        self.send(id, &ConnFrame::Ping, t);
    }

    /// The host's address, if it is one without the name of a network.
    fn ip(&self) -> Option<IpAddr> {
        let ip = self.host.trim_matches(['[', ']']).parse::<IpAddr>().ok()?;
        Some(ip.to_canonical())
    }

    /// Whether the other end is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_loopback())
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.met.as_ref().map(|(_, session)| *session)
    }

    pub(super) fn greet(&mut self, id: ConnId, greet: Greet, t: &mut Turn<'_>) {
        self.send(id, &ConnFrame::Greet(greet), t);
    }

    /// The address by which a peer can be dialled that listens on this port of its host; none if it does not, or if nobody
    /// knows on which of our networks that host is.
    pub(super) fn listens_at(&self, port: u16) -> Option<String> {
        let unscoped = matches!(self.ip(), Some(IpAddr::V6(ip)) if ip.is_unicast_link_local());
        (port > 0 && !unscoped).then(|| format!("{}:{port}", self.host))
    }

    /// Sends a frame in a room; nothing if the room is not shared on this connection.
    pub(super) fn send_room(&mut self, id: ConnId, room: RoomId, frame: &RoomFrame, t: &mut Turn<'_>) {
        if let Some(link) = self.links.get_mut(&room) {
            // Who sends us much may not come to say that it has what we sent.
            if matches!(frame, RoomFrame::Push(_)) && link.asked.is_empty() {
                self.owes_since.get_or_insert(t.now.uptime);
            }
            let frame = encode_room(link.our_slot, &mut link.send_key, frame);
            t.emit(Effect::Send { conn: id, frame });
        }
    }
}

impl Engine {
    pub(super) fn connected(
        &mut self,
        id: ConnId,
        role: Role,
        host: String,
        dialled: Option<String>,
        t: &mut Turn<'_>,
    ) {
        if self.conns.len() >= CONNECTIONS_MAX {
            let why = format!("{CONNECTIONS_MAX} connections are open already");
            if let Some(addr) = &dialled {
                self.book.failed(addr, why.clone(), t);
            }
            t.emit(Effect::Close { conn: id, why });
            return;
        }
        if let Some(addr) = &dialled {
            self.book.connected(addr, id);
        }
        let ours = Hello {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            nonce: t.random(),
            instance: self.instance,
        };
        let mut conn = Conn {
            role,
            host,
            dialled,
            ours,
            met: None,
            offers: Offers::default(),
            links: BTreeMap::new(),
            told_of: None,
            allowance: Allowance::default(),
            opened_at: t.now.uptime,
            heard_at: t.now.uptime,
            receiving_at: Duration::ZERO,
            pinged: false,
            owes_since: None,
            prove_alive_by: None,
            rivals: BTreeSet::new(),
            verdict: Verdict::Over,
        };
        conn.send(id, &ConnFrame::Hello(ours), t);
        self.conns.insert(id, conn);
    }

    /// What a peer sends is under way: it lives, and what was asked of it may be what comes.
    pub(super) fn receiving(&mut self, id: ConnId, t: &Turn<'_>) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.gave_a_sign(t.now.uptime);
            conn.receiving_at = t.now.uptime;
        }
    }

    pub(super) fn received(&mut self, id: ConnId, frame: &[u8], t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        conn.gave_a_sign(t.now.uptime);
        match decode(frame) {
            Ok(Arrived::Conn(frame)) => self.conn_frame(id, frame, t),
            Ok(Arrived::Room { slot, sealed }) => self.room_frame(id, slot, sealed, t),
            Err(err) => self.drop_conn(id, Some(Bye::Protocol), &err.to_string(), t),
        }
    }

    fn conn_frame(&mut self, id: ConnId, frame: ConnFrame, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        match frame {
            ConnFrame::Hello(hello) if conn.met.is_none() => self.hello(id, hello, t),
            ConnFrame::Offer(tags) if conn.met.is_some() => self.offer(id, &tags, t),
            ConnFrame::Greet(greet) if conn.met.is_some() => self.greeted(id, greet, t),
            ConnFrame::Ping if conn.met.is_some() => conn.send(id, &ConnFrame::Pong, t),
            ConnFrame::Pong if conn.met.is_some() => self.outlives(id, t),
            ConnFrame::Bye(bye) => {
                conn.verdict = match bye {
                    Bye::Version(_) | Bye::NoSharedRoom => Verdict::Useless,
                    Bye::Ourselves => Verdict::Ourselves,
                    Bye::Full => Verdict::Full,
                    Bye::Duplicate | Bye::Stopping | Bye::Protocol => Verdict::Over,
                };
                self.drop_conn(id, None, &said(bye), t);
            }
            _ => self.drop_conn(id, Some(Bye::Protocol), "a frame out of turn", t),
        }
    }

    fn hello(&mut self, id: ConnId, hello: Hello, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if hello.magic != MAGIC {
            return self.drop_conn(id, None, "the other end is no tailchat peer", t);
        }
        if hello.version != PROTOCOL_VERSION {
            conn.verdict = Verdict::Useless;
            let why = format!(
                "the peer speaks protocol version {}, we speak {PROTOCOL_VERSION}; update the older one",
                hello.version
            );
            return self.drop_conn(id, Some(Bye::Version(PROTOCOL_VERSION)), &why, t);
        }
        if hello.instance == self.instance {
            conn.verdict = Verdict::Ourselves;
            return self.drop_conn(id, Some(Bye::Ourselves), "that address is our own", t);
        }
        let session = match conn.role {
            Role::Dialler => Session::new(&conn.ours, &hello),
            Role::Listener => Session::new(&hello, &conn.ours),
        };
        conn.met = Some((hello, session));
        self.book.met(id, hello.instance);
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        self.offer_rooms(id, &rooms, t);
    }

    /// Of two connections between the same processes one goes: the end with the lesser instance closes the
    /// one that it did not dial, or the older of two alike. Only what proved a room of the other one counts: an instance
    /// is no secret, and whoever heard it could otherwise part two peers, or a member of one room two peers in another.
    ///
    /// That a peer comes again later may mean that the older connection is dead, and where nothing was to be said on
    /// it neither end can know: it is asked for a sign, or the dead one would go on being kept. If it lives, whoever
    /// dialled the later one closes that: who only comes as somebody else, or stands in between, ends nothing.
    pub(super) fn is_superfluous(&mut self, id: ConnId, t: &mut Turn<'_>) -> bool {
        let Some((new, peer)) = self.conns.get(&id).and_then(|new| Some((new, new.instance()?))) else {
            return false;
        };
        let (role, decides) = (new.role, self.instance < peer);
        let is_twin =
            |old: &Conn| old.instance() == Some(peer) && old.is_proved() && new.knows_a_room_of(old);
        let twins = self
            .conns
            .iter()
            .filter(|(twin, old)| **twin != id && is_twin(old));
        let twins: Vec<_> = twins.map(|(twin, _)| *twin).collect();
        for twin in twins {
            let Some(old) = self.conns.get_mut(&twin) else {
                continue;
            };
            let silent =
                t.now.uptime.saturating_sub(old.heard_at) > PING_AFTER || old.is_doubtful(t.now.uptime);
            // Nobody dials a process that answers elsewhere, but at the start: the peer has given the older one up, or
            // does not know that it is the same, or it is somebody else.
            let again = silent || t.now.uptime.saturating_sub(old.opened_at) > HANDSHAKE_TIME;
            let old_goes = old.role == role || role == Role::Dialler;
            if again || !decides || !old_goes {
                old.rivals
                    .extend(Some(id).filter(|_| again && role == Role::Dialler));
                old.ask_for_a_sign(twin, t);
            }
            if decides && !again {
                let goes = if old_goes { twin } else { id };
                self.drop_conn(goes, Some(Bye::Duplicate), TWIN, t);
                if goes == id {
                    return true;
                }
            }
        }
        false
    }

    /// A connection has shown that it lives: those that we dialled later to the same process go.
    fn outlives(&mut self, id: ConnId, t: &mut Turn<'_>) {
        let rivals = self
            .conns
            .get_mut(&id)
            .map(|conn| std::mem::take(&mut conn.rivals));
        for rival in rivals.unwrap_or_default() {
            if self.conns.contains_key(&rival) {
                self.drop_conn(rival, Some(Bye::Duplicate), TWIN, t);
            }
        }
    }

    fn room_frame(&mut self, id: ConnId, slot: u16, sealed: &[u8], t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let opened = match conn.link_in(slot) {
            Ok(None) => return,
            Ok(Some((room, link))) => {
                let frame = open_room(sealed, &mut link.receive_key);
                frame.map(|frame| (room, frame)).map_err(|err| err.to_string())
            }
            Err(why) => Err(why.to_owned()),
        };
        match opened {
            Ok((room, frame)) => self.room_frame_opened(id, room, frame, t),
            Err(why) => self.drop_conn(id, Some(Bye::Protocol), &why, t),
        }
    }

    /// Ends a connection, with a last word if one can be said.
    pub(super) fn drop_conn(&mut self, id: ConnId, bye: Option<Bye>, why: &str, t: &mut Turn<'_>) {
        if let (Some(conn), Some(bye)) = (self.conns.get_mut(&id), bye) {
            conn.send(id, &ConnFrame::Bye(bye), t);
        }
        t.emit(Effect::Close {
            conn: id,
            why: why.to_owned(),
        });
        self.disconnected(id, why, t);
    }

    pub(super) fn disconnected(&mut self, id: ConnId, why: &str, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.remove(&id) else {
            return;
        };
        self.book.disconnected(id, why, conn.verdict, t);
        for (room, link) in &conn.links {
            if conn.verdict == Verdict::Over
                && let Some(addr) = &link.listens
            {
                self.book.lost(addr, t.now.uptime);
            }
            let device = link.peer.as_ref().map(|(device, _)| *device);
            self.link_closed(id, *room, device.filter(|_| conn.verdict == Verdict::Over), t);
        }
    }

    pub(super) fn tick_conns(&mut self, t: &mut Turn<'_>) {
        let woke = self.woke(t);
        if woke {
            self.book.retry_all(t.now.uptime);
        }
        let now = t.now.uptime;
        let mut ends = Vec::new();
        for (id, conn) in &mut self.conns {
            let silent = now.saturating_sub(conn.heard_at);
            let proved = conn.is_proved();
            conn.take_back_unanswered(now);
            if proved && !conn.is_proved() {
                // Whatever became of the greeting, nobody said that there are links enough.
                ends.push((*id, None, "no greeting in time"));
            } else if conn.links.is_empty() && now.saturating_sub(conn.opened_at) > HANDSHAKE_TIME {
                let (verdict, bye, why) = match (&conn.met, conn.offers.parted.is_empty()) {
                    (_, false) => (Verdict::Full, Bye::Full, "links enough in every room"),
                    (Some(_), _) => (Verdict::Useless, Bye::NoSharedRoom, "no room in common"),
                    (None, _) => (Verdict::Over, Bye::NoSharedRoom, "no handshake in time"),
                };
                conn.verdict = verdict;
                ends.push((*id, Some(bye), why));
            } else if silent > DEAD_AFTER || conn.prove_alive_by.is_some_and(|by| now > by) {
                ends.push((*id, None, "silent for too long"));
            } else if woke || silent > ping_after(conn.role) && !conn.pinged {
                conn.pinged = true;
                conn.owes_since.get_or_insert(now);
                conn.prove_alive_by = woke.then_some(now + WANT_TIME);
                conn.send(*id, &ConnFrame::Ping, t);
            }
        }
        for (id, bye, why) in ends {
            self.drop_conn(id, bye, why, t);
        }
    }

    /// The network of this machine is another one: addresses may work now that did not, and connections may be dead.
    pub(super) fn network_changed(&mut self, t: &mut Turn<'_>) {
        self.book.retry_all(t.now.uptime);
        for (id, conn) in &mut self.conns {
            conn.ask_for_a_sign(*id, t);
        }
    }

    /// Whether the machine slept: then the wall clock ran on while the other stood, or no tick came.
    fn woke(&self, t: &Turn<'_>) -> bool {
        let Some(last) = self.last_tick else { return false };
        let passed = t.now.uptime.saturating_sub(last.uptime);
        let wall = Duration::from_millis(u64::try_from(t.now.wall_ms - last.wall_ms).unwrap_or(0));
        passed.max(wall) > TICK + WANT_TIME
    }

    pub(super) fn stop(&mut self, t: &mut Turn<'_>) {
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.say_goodbye(room, t));
        let all: Vec<_> = self.conns.keys().copied().collect();
        for id in all {
            self.drop_conn(id, Some(Bye::Stopping), "we stop", t);
        }
    }
}

/// The listener waits a little longer: where both ends fell silent at once, one ping and one pong are enough.
fn ping_after(role: Role) -> Duration {
    match role {
        Role::Dialler => PING_AFTER,
        Role::Listener => PING_AFTER + WANT_TIME / 4,
    }
}

fn said(bye: Bye) -> String {
    match bye {
        Bye::Version(theirs) => {
            format!(
                "the peer speaks protocol version {theirs}, we speak {PROTOCOL_VERSION}; update the older one"
            )
        }
        Bye::NoSharedRoom => "no room in common".into(),
        Bye::Duplicate => "the peer keeps another connection to us".into(),
        Bye::Ourselves => "that address is our own".into(),
        Bye::Stopping => "the peer stopped".into(),
        Bye::Protocol => "the peer found a fault in what we sent".into(),
        Bye::Full => "the peer has links enough".into(),
    }
}
