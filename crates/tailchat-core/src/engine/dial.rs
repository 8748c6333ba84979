//! The addresses at which peers may be: where each comes from, how it fares, when it is dialled next. Knows nothing
//! of what is said on a connection, nor how many links a room wants: it is told.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::conn::Verdict;
use super::promise::{Promise, is_dialable};
use super::{ConnId, Effect, Turn};
use crate::ids::{DeviceId, Instance, RoomId};
use crate::limits::{
    ADDRESS_LEN_MAX, ADDRESSES_MAX, DIAL_PAUSE_MAX, DIAL_PAUSE_MIN, DIAL_PAUSE_TOLD, DIAL_PAUSE_VPN,
    DIALS_PER_TICK, FOUND_MAX, FULL_PAUSE, HEARSAY_FAILURES_MAX, LOST_RETRY, USELESS_PAUSE,
    USELESS_PAUSE_MAX,
};

/// Where an address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Somebody wrote it: a command, an invite.
    Hand,
    /// The hosts file.
    Hosts,
    /// Peers that say so on the LAN.
    Mdns,
    /// The machines of the tailnet.
    Tailscale,
    /// The peers of a WireGuard interface.
    WireGuard,
    /// Other members of a room.
    Told,
    /// A peer was met there before.
    Before,
}

/// An address that is kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// `HOST:PORT`.
    pub addr: String,
    /// Whether somebody wrote it.
    pub by_hand: bool,
    /// When a peer with a room of ours was met there last, in milliseconds since 1970.
    pub worked_ms: Option<i64>,
}

/// An address and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressStatus {
    /// `HOST:PORT`.
    pub addr: String,
    /// Where it comes from.
    pub sources: Vec<Source>,
    /// How it fares.
    pub fares: Fares,
    /// When a peer with a room of ours was met there last, in milliseconds since 1970.
    pub worked_ms: Option<i64>,
    /// Whose device that was, if it was since the start.
    pub device: Option<DeviceId>,
}

/// How an address fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fares {
    /// It was not tried yet.
    #[default]
    Untried,
    /// A connection that we dialled stands.
    Connected,
    /// The peer there is connected by another address.
    Reached,
    /// Nobody answers there, or the connection broke.
    Failed(String),
    /// A peer answers, and has none of our rooms.
    NoSharedRoom,
    /// It is our own.
    Ourselves,
    /// The peer there has links enough.
    Full,
}

#[derive(Debug, Default)]
pub(super) struct AddressBook {
    addresses: BTreeMap<String, Address>,
    /// Until when some address is dialled because a connection broke.
    lost_until: Duration,
}

#[derive(Debug)]
struct Address {
    by_hand: bool,
    /// The discovery sources that give it now.
    found: BTreeSet<Source>,
    told: bool,
    worked_ms: Option<i64>,
    /// The rooms in which somebody was met there; none if nobody was.
    met: BTreeSet<RoomId>,
    /// The rooms that other members say are there.
    told_rooms: BTreeSet<RoomId>,
    device: Option<DeviceId>,
    state: State,
    failures: u32,
    useless: u32,
    /// The process that answered there last; it is not dialled while it is connected otherwise.
    instance: Option<Instance>,
    fares: Fares,
    /// Until when it is dialled because a connection broke.
    lost_until: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Duration },
    Dialling,
    Connected(ConnId),
}

/// How many more links each room wants.
pub(super) type Wants = BTreeMap<RoomId, usize>;
/// The processes that answer on some connection, and the rooms that they know.
pub(super) type Reached = BTreeMap<Instance, BTreeSet<RoomId>>;

impl AddressBook {
    pub(super) fn add(&mut self, addr: String, t: &mut Turn<'_>) {
        if let Some(known) = self.address(addr, t.now.uptime) {
            known.by_hand = true;
            // Whoever writes it may mean another room than that in which somebody was met there.
            known.met.clear();
            known.retry_at(t.now.uptime);
        }
        self.remember(t);
    }

    pub(super) fn remembered(&mut self, all: Vec<Remembered>, t: &Turn<'_>) {
        for Remembered {
            addr,
            by_hand,
            worked_ms,
        } in all
        {
            if let Some(known) = self.address(addr, t.now.uptime) {
                known.by_hand |= by_hand;
                known.worked_ms = known.worked_ms.max(worked_ms);
                known.told |= !known.is_kept();
            }
        }
    }

    /// A discovery source gives these addresses now, and no others.
    pub(super) fn found(&mut self, source: Source, addrs: BTreeSet<String>, t: &mut Turn<'_>) {
        for (addr, known) in &mut self.addresses {
            if !addrs.contains(addr) {
                known.found.remove(&source);
            }
        }
        for addr in addrs.into_iter().take(FOUND_MAX) {
            if let Some(known) = self.address(addr, t.now.uptime)
                && known.found.insert(source)
            {
                known.retry_at(t.now.uptime);
            }
        }
        self.addresses
            .retain(|_, known| known.is_kept() || known.state.is_busy());
    }

    /// A peer tells where another member's device can be dialled. It is an IP address, so that nobody makes us ask
    /// for names; one of the peer's own machine counts only if that is ours, too.
    pub(super) fn told(
        &mut self,
        addr: &str,
        device: DeviceId,
        room: RoomId,
        from_loopback: bool,
        t: &Turn<'_>,
    ) {
        let parsed = addr.parse::<SocketAddr>().ok();
        let Some(at) = parsed.filter(|at| addr.len() <= ADDRESS_LEN_MAX && is_dialable(*at, from_loopback))
        else {
            return;
        };
        if let Some(known) = self.address(at.to_string(), t.now.uptime) {
            known.told = true;
            known.told_rooms.insert(room);
            known.device.get_or_insert(device);
        }
    }

    /// A connected peer says that it listens there.
    pub(super) fn learn(&mut self, addr: &str, instance: Option<Instance>, device: DeviceId, t: &Turn<'_>) {
        if let Some(known) = self.address(addr.to_owned(), t.now.uptime + DIAL_PAUSE_MAX) {
            known.told |= !known.is_kept();
            // Behind one router many listen at the same port; who answers there tells a dial.
            if known.promises() != Promise::Much {
                known.instance = instance;
            }
            known.device = Some(device);
        }
    }

    /// A connected peer has the room; it was dialled there, or says that it listens there.
    pub(super) fn has_room(&mut self, addr: &str, room: RoomId, t: &mut Turn<'_>) {
        let Some(known) = self.addresses.get_mut(addr) else {
            return;
        };
        let news = !known.is_worth_keeping();
        known.met.insert(room);
        if news {
            self.remember(t);
        }
    }

    /// The known address, or a new one if there is a place for it.
    fn address(&mut self, addr: String, due: Duration) -> Option<&mut Address> {
        if !self.addresses.contains_key(&addr) && !self.make_place() {
            return None;
        }
        Some(self.addresses.entry(addr).or_insert_with(|| Address::new(due)))
    }

    fn make_place(&mut self) -> bool {
        if self.addresses.len() >= ADDRESSES_MAX {
            let idle = self.addresses.iter();
            let worst = idle
                .filter(|(_, a)| !a.is_written() && !a.state.is_busy())
                .max_by_key(|(_, a)| (a.worked_ms.is_none(), a.found.is_empty(), a.failures));
            let Some(worst) = worst.map(|(addr, _)| addr.clone()) else {
                return false;
            };
            self.addresses.remove(&worst);
        }
        true
    }

    pub(super) fn forget(&mut self, addr: &str, t: &mut Turn<'_>) {
        self.addresses.remove(addr);
        self.remember(t);
    }

    fn remember(&self, t: &mut Turn<'_>) {
        let worth = self.addresses.iter().filter(|(_, a)| a.is_worth_keeping());
        let remembered = |(addr, a): (&String, &Address)| Remembered {
            addr: addr.clone(),
            by_hand: a.by_hand,
            worked_ms: a.worked_ms,
        };
        t.emit(Effect::Remember {
            addrs: worth.map(remembered).collect(),
        });
    }

    pub(super) fn connected(&mut self, addr: &str, conn: ConnId) {
        if let Some(address) = self.addresses.get_mut(addr) {
            address.state = State::Connected(conn);
        }
    }

    /// The process that answers at the address by which this connection was dialled.
    pub(super) fn met(&mut self, conn: ConnId, instance: Instance) {
        if let Some((_, address)) = self.dialled_by(conn) {
            address.instance = Some(instance);
        }
    }

    /// A connection led to a shared room.
    pub(super) fn succeeded(&mut self, conn: ConnId, t: &mut Turn<'_>) {
        let Some((_, address)) = self.dialled_by(conn) else {
            return;
        };
        (address.failures, address.useless) = (0, 0);
        address.fares = Fares::Connected;
        // The day is enough to tell what is worth trying.
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        let news = address.worked_ms.is_none_or(|at| t.now.wall_ms - at > DAY_MS);
        if news {
            address.worked_ms = Some(t.now.wall_ms);
            self.remember(t);
        }
    }

    fn dialled_by(&mut self, conn: ConnId) -> Option<(&String, &mut Address)> {
        self.addresses
            .iter_mut()
            .find(|(_, address)| address.state == State::Connected(conn))
    }

    pub(super) fn failed(&mut self, addr: &str, why: String, t: &mut Turn<'_>) {
        let Some(address) = self.addresses.get_mut(addr) else {
            return;
        };
        address.fail(why, t);
        self.forget_hearsay(addr);
    }

    pub(super) fn disconnected(&mut self, conn: ConnId, why: &str, verdict: Verdict, t: &mut Turn<'_>) {
        let Some((addr, address)) = self.dialled_by(conn) else {
            return;
        };
        let addr = addr.clone();
        address.ended(why, verdict, t);
        self.forget_hearsay(&addr);
    }

    /// Forgets an address for which nothing but a peer's word speaks, if it came to nothing often enough.
    fn forget_hearsay(&mut self, addr: &str) {
        let vain =
            |a: &Address| !a.is_kept_without_word() && a.failures.max(a.useless) >= HEARSAY_FAILURES_MAX;
        if self.addresses.get(addr).is_some_and(vain) {
            self.addresses.remove(addr);
        }
    }

    /// The connection that was dialled there may be dead: it is dialled again beside it.
    pub(super) fn doubted(&mut self, conn: ConnId, now: Duration) {
        if let Some((_, address)) = self.dialled_by(conn) {
            address.state = State::Waiting { until: now };
            address.lost_until = now + LOST_RETRY;
            self.lost_until = now + LOST_RETRY;
        }
    }

    /// A connection to a peer that can be dialled there broke: it is looked for, whatever the rooms want.
    pub(super) fn lost(&mut self, addr: &str, now: Duration) {
        if let Some(address) = self.addresses.get_mut(addr) {
            address.lost_until = now + LOST_RETRY;
            address.retry_at(now + DIAL_PAUSE_MIN);
            self.lost_until = now + LOST_RETRY;
        }
    }

    /// Whoever was met elsewhere may have the new room, too.
    pub(super) fn room_opened(&mut self, now: Duration) {
        let met = self
            .addresses
            .values_mut()
            .filter(|address| address.is_kept_without_word());
        met.for_each(|address| address.met.clear());
        self.retry_all(now);
    }

    /// Something changed that makes every address worth a try now: a room was opened, the machine woke, the network
    /// changed.
    pub(super) fn retry_all(&mut self, now: Duration) {
        self.addresses
            .values_mut()
            .for_each(|address| address.retry_at(now));
    }

    /// Dials what is due, as far as rooms want links.
    pub(super) fn tick(&mut self, reached: &Reached, mut wants: Wants, t: &mut Turn<'_>) {
        let now = t.now.uptime;
        if now >= self.lost_until && wants.values().all(|more| *more == 0) {
            return;
        }
        let under_way = self.addresses.values().filter(|a| a.state == State::Dialling);
        under_way.for_each(|address| address.promise(&mut wants));
        let mut due: BTreeMap<Promise, Vec<String>> = BTreeMap::new();
        for (addr, address) in &self.addresses {
            let is_due = matches!(address.state, State::Waiting { until } if until <= now);
            if is_due
                && !address.is_reached(reached)
                && (address.is_wanted(&wants) || now < address.lost_until)
            {
                due.entry(address.promises()).or_default().push(addr.clone());
            }
        }
        let mut begun = 0;
        for (promise, mut due) in due {
            let most = promise.dials_max().saturating_sub(self.dialling(promise));
            let most = DIALS_PER_TICK.min(begun + most);
            while begun < most && !due.is_empty() {
                let addr = due.swap_remove(draw(due.len(), t));
                let Some(address) = self.addresses.get_mut(&addr) else {
                    continue;
                };
                if address.is_wanted(&wants) || now < address.lost_until {
                    address.promise(&mut wants);
                    address.state = State::Dialling;
                    begun += 1;
                    t.emit(Effect::Dial { addr });
                }
            }
        }
    }

    /// How many addresses are dialled that promise no more than this.
    fn dialling(&self, promise: Promise) -> usize {
        let dialling = self.addresses.values().filter(|a| a.state == State::Dialling);
        dialling.filter(|address| address.promises() >= promise).count()
    }

    /// Dials some member of a room that is not connected.
    pub(super) fn probe(&mut self, room: RoomId, reached: &Reached, t: &mut Turn<'_>) {
        let idle = self.addresses.iter().filter(|(_, address)| {
            let idle = !address.state.is_busy() && !address.is_reached(reached);
            idle && address.rooms().any(|known| *known == room)
        });
        let idle: Vec<String> = idle.map(|(addr, _)| addr.clone()).collect();
        let drawn = idle.get(draw(idle.len(), t)).cloned();
        if let Some((addr, address)) =
            drawn.and_then(|addr| Some((addr.clone(), self.addresses.get_mut(&addr)?)))
        {
            address.state = State::Dialling;
            t.emit(Effect::Dial { addr });
        }
    }

    /// Where members of a room were met, as IP addresses.
    pub(super) fn worked_in(&self, room: RoomId) -> impl Iterator<Item = (DeviceId, SocketAddr)> {
        let known = self.addresses.iter().filter(move |(_, a)| {
            let fares = matches!(a.fares, Fares::Connected | Fares::Full);
            a.met.contains(&room) && (fares || a.worked_ms.is_some() && a.failures == 0)
        });
        known.filter_map(|(addr, a)| Some((a.device?, addr.parse().ok()?)))
    }

    /// The addresses at which a peer answered that shares no room with us.
    pub(super) fn strangers(&self) -> impl Iterator<Item = (Option<Instance>, &str)> {
        let met = self.addresses.iter();
        let strangers = met.filter(|(_, address)| address.fares == Fares::NoSharedRoom);
        strangers.map(|(addr, address)| (address.instance, addr.as_str()))
    }

    pub(super) fn status(&self, reached: &Reached) -> Vec<AddressStatus> {
        let status = |(addr, address): (&String, &Address)| AddressStatus {
            addr: addr.clone(),
            sources: address.sources(),
            fares: match address.state {
                State::Connected(_) => Fares::Connected,
                _ if address.is_reached(reached) => Fares::Reached,
                _ => address.fares.clone(),
            },
            worked_ms: address.worked_ms,
            device: address.device.filter(|_| !address.met.is_empty()),
        };
        self.addresses.iter().map(status).collect()
    }
}

impl State {
    fn is_busy(self) -> bool {
        !matches!(self, Self::Waiting { .. })
    }
}

impl Address {
    fn new(due: Duration) -> Self {
        Self {
            by_hand: false,
            found: BTreeSet::new(),
            told: false,
            worked_ms: None,
            met: BTreeSet::new(),
            told_rooms: BTreeSet::new(),
            device: None,
            state: State::Waiting { until: due },
            failures: 0,
            useless: 0,
            instance: None,
            fares: Fares::Untried,
            lost_until: Duration::ZERO,
        }
    }

    /// The rooms that are or may be there.
    fn rooms(&self) -> impl Iterator<Item = &RoomId> {
        self.met.union(&self.told_rooms)
    }

    /// Whether who answers here is connected otherwise. Whoever says that it is that process, and knows none of the rooms
    /// in which somebody was met here, is another one.
    fn is_reached(&self, reached: &Reached) -> bool {
        let rooms = self.instance.and_then(|instance| reached.get(&instance));
        rooms.is_some_and(|rooms| self.met.is_empty() || !self.met.is_disjoint(rooms))
    }

    fn sources(&self) -> Vec<Source> {
        let hand = self.by_hand.then_some(Source::Hand);
        let told = (self.told || !self.is_kept_without_word()).then_some(Source::Told);
        let before = self.worked_ms.map(|_| Source::Before);
        let found = self.found.iter().copied();
        hand.into_iter().chain(found).chain(told).chain(before).collect()
    }

    /// Whether somebody wrote it, in a command or in the hosts file.
    fn is_written(&self) -> bool {
        self.by_hand || self.found.contains(&Source::Hosts)
    }

    /// Whether anything speaks for it.
    fn is_kept(&self) -> bool {
        self.told || !self.met.is_empty() || self.is_kept_without_word()
    }

    /// Whether it is worth a try after a restart.
    fn is_worth_keeping(&self) -> bool {
        self.by_hand || self.worked_ms.is_some() || !self.met.is_empty()
    }

    /// Whether anything but a peer's word speaks for it.
    fn is_kept_without_word(&self) -> bool {
        self.by_hand || self.worked_ms.is_some() || !self.found.is_empty()
    }

    /// Whether a dial may bring a link that some room wants.
    fn is_wanted(&self, wants: &Wants) -> bool {
        let wanted = |room: &RoomId| wants.get(room).is_some_and(|more| *more > 0);
        // What others say of an address is not all that is there, if anything else speaks for it.
        let unmet = self.met.is_empty() && (self.is_kept_without_word() || self.told_rooms.is_empty());
        match unmet {
            true => wants.values().any(|more| *more > 0),
            false => self.rooms().any(wanted),
        }
    }

    fn promises(&self) -> Promise {
        if self.is_written() || self.worked_ms.is_some() {
            Promise::Much
        } else if self.found.is_empty() {
            Promise::Little
        } else {
            Promise::Something
        }
    }

    /// A dial is under way that may bring a link in each of its rooms.
    fn promise(&self, wants: &mut Wants) {
        for room in self.rooms() {
            if let Some(more) = wants.get_mut(room) {
                *more = more.saturating_sub(1);
            }
        }
    }

    fn retry_at(&mut self, now: Duration) {
        if self.fares == Fares::NoSharedRoom {
            // It may share a room with us by now.
            self.fares = Fares::Untried;
        }
        if let State::Waiting { until } = &mut self.state {
            *until = now.min(*until);
        }
        (self.failures, self.useless) = (0, 0);
    }

    fn pause_max(&self) -> Duration {
        let vpn = |source: &Source| matches!(source, Source::Tailscale | Source::WireGuard);
        if self.by_hand || self.worked_ms.is_some() || self.found.iter().any(|source| !vpn(source)) {
            DIAL_PAUSE_MAX
        } else if self.found.is_empty() {
            DIAL_PAUSE_TOLD
        } else {
            DIAL_PAUSE_VPN
        }
    }

    /// A connection that was dialled here is over.
    fn ended(&mut self, why: &str, verdict: Verdict, t: &mut Turn<'_>) {
        self.fares = match verdict {
            Verdict::Over => return self.fail(why.to_owned(), t),
            Verdict::Useless => Fares::NoSharedRoom,
            Verdict::Ourselves => Fares::Ourselves,
            Verdict::Full => Fares::Full,
        };
        let pause = match verdict {
            Verdict::Full => FULL_PAUSE,
            Verdict::Ourselves => USELESS_PAUSE_MAX,
            _ => USELESS_PAUSE
                .saturating_mul(1 << self.useless.min(8))
                .min(USELESS_PAUSE_MAX),
        };
        self.useless += u32::from(verdict == Verdict::Useless);
        self.state = State::Waiting {
            until: t.now.uptime + jittered(pause, t),
        };
    }

    fn fail(&mut self, why: String, t: &mut Turn<'_>) {
        let pause = DIAL_PAUSE_MIN
            .saturating_mul(1 << self.failures.min(8))
            .min(self.pause_max());
        self.failures = self.failures.saturating_add(1);
        self.fares = Fares::Failed(why);
        self.state = State::Waiting {
            until: t.now.uptime + jittered(pause, t),
        };
    }
}

/// Between a half and the whole of a pause, so that peers that lost each other do not dial in step.
pub(super) fn jittered(pause: Duration, t: &mut Turn<'_>) -> Duration {
    pause / 2 + pause.mul_f64(f64::from(t.rng.next_u32()) / f64::from(u32::MAX) / 2.0)
}

/// One of so many, by chance.
pub(super) fn draw(len: usize, t: &mut Turn<'_>) -> usize {
    let drawn = (u64::from(t.rng.next_u32()) * len as u64) >> 32;
    usize::try_from(drawn).unwrap_or(0)
}
