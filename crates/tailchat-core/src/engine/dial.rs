//! The addresses that are dialled, each for ever, with pauses that grow and jitter. Knows nothing of
//! what is said on a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{ConnId, Effect, Turn};
use crate::ids::Instance;
use crate::limits::{ADDRESSES_MAX, DIAL_PAUSE_MAX, DIAL_PAUSE_MIN};

/// Why a connection ends on which no room was proved: the other end is a peer, and none of ours.
pub(super) const NO_SHARED_ROOM: &str = "no room in common";

/// How long an address is left alone that turned out to be ourselves, or to share no room with us.
const USELESS_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct AddressBook {
    addresses: BTreeMap<String, Address>,
}

#[derive(Debug)]
struct Address {
    /// Whether it was only heard from a peer: such ones make room when the book is full.
    learned: bool,
    state: State,
    failures: u32,
    /// The process that answered there last; it is not dialled while it is connected otherwise.
    instance: Option<Instance>,
    problem: Option<String>,
    /// A peer answered there last, and shares no room with us.
    stranger: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Duration },
    Dialling,
    Connected(ConnId),
}

/// An address and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressStatus {
    /// `HOST:PORT`.
    pub addr: String,
    /// Whether a connection that we dialled stands.
    pub connected: bool,
    /// What went wrong last.
    pub problem: Option<String>,
}

impl AddressBook {
    pub(super) fn add(&mut self, addr: String, t: &mut Turn<'_>) {
        if let Some(known) = self.addresses.get_mut(&addr) {
            known.learned = false;
            known.retry_at(t.now.uptime);
        } else if self.has_room() {
            self.addresses.insert(addr, Address::new(false, t.now.uptime));
        }
        self.remember(t);
    }

    /// Takes note of where a connected peer says that it listens.
    pub(super) fn learn(&mut self, addr: String, instance: Option<Instance>, t: &mut Turn<'_>) {
        if let Some(known) = self.addresses.get_mut(&addr) {
            known.instance = instance;
        } else if self.has_room() {
            let address = Address {
                instance,
                ..Address::new(true, t.now.uptime + DIAL_PAUSE_MAX)
            };
            self.addresses.insert(addr, address);
            self.remember(t);
        }
    }

    fn has_room(&mut self) -> bool {
        if self.addresses.len() >= ADDRESSES_MAX {
            let worst = self
                .addresses
                .iter()
                .filter(|(_, a)| a.learned)
                .max_by_key(|(_, a)| a.failures);
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
        t.emit(Effect::Remember {
            addrs: self.addresses.keys().cloned().collect(),
        });
    }

    pub(super) fn connected(&mut self, addr: &str, conn: ConnId) {
        if let Some(address) = self.addresses.get_mut(addr) {
            address.state = State::Connected(conn);
        }
    }

    /// The process that answers at the address by which this connection was dialled.
    pub(super) fn met(&mut self, conn: ConnId, instance: Instance) {
        for address in self
            .addresses
            .values_mut()
            .filter(|a| a.state == State::Connected(conn))
        {
            address.instance = Some(instance);
        }
    }

    /// A connection led to a shared room.
    pub(super) fn succeeded(&mut self, conn: ConnId) {
        for address in self
            .addresses
            .values_mut()
            .filter(|a| a.state == State::Connected(conn))
        {
            address.failures = 0;
            address.problem = None;
            address.stranger = false;
        }
    }

    pub(super) fn failed(&mut self, addr: &str, why: String, t: &mut Turn<'_>) {
        if let Some(address) = self.addresses.get_mut(addr) {
            address.fail(why, t);
        }
    }

    pub(super) fn disconnected(&mut self, conn: ConnId, why: &str, useless: bool, t: &mut Turn<'_>) {
        for address in self
            .addresses
            .values_mut()
            .filter(|a| a.state == State::Connected(conn))
        {
            address.fail(why.to_owned(), t);
            address.stranger = useless && why == NO_SHARED_ROOM;
            if useless {
                address.state = State::Waiting {
                    until: t.now.uptime + USELESS_PAUSE,
                };
            }
        }
    }

    /// Something changed that makes every address worth a try now: a room was opened, the machine woke.
    pub(super) fn retry_all(&mut self, now: Duration) {
        self.addresses
            .values_mut()
            .for_each(|address| address.retry_at(now));
    }

    pub(super) fn tick(&mut self, reached: &BTreeSet<Instance>, t: &mut Turn<'_>) {
        for (addr, address) in &mut self.addresses {
            let due = matches!(address.state, State::Waiting { until } if until <= t.now.uptime);
            let connected_otherwise = address
                .instance
                .is_some_and(|instance| reached.contains(&instance));
            if due && !connected_otherwise {
                address.state = State::Dialling;
                t.emit(Effect::Dial { addr: addr.clone() });
            }
        }
    }

    /// The addresses at which a peer answered that shares no room with us.
    pub(super) fn strangers(&self) -> impl Iterator<Item = (Option<Instance>, &str)> {
        let strangers = self.addresses.iter().filter(|(_, address)| address.stranger);
        strangers.map(|(addr, address)| (address.instance, addr.as_str()))
    }

    pub(super) fn status(&self) -> Vec<AddressStatus> {
        let status = |(addr, address): (&String, &Address)| AddressStatus {
            addr: addr.clone(),
            connected: matches!(address.state, State::Connected(_)),
            problem: address.problem.clone(),
        };
        self.addresses.iter().map(status).collect()
    }
}

impl Address {
    fn new(learned: bool, until: Duration) -> Self {
        Self {
            learned,
            state: State::Waiting { until },
            failures: 0,
            instance: None,
            problem: None,
            stranger: false,
        }
    }

    fn retry_at(&mut self, now: Duration) {
        // It may share a room with us by now.
        self.stranger = false;
        if let State::Waiting { until } = &mut self.state {
            *until = now.min(*until);
        }
        self.failures = 0;
    }

    fn fail(&mut self, why: String, t: &mut Turn<'_>) {
        let pause = DIAL_PAUSE_MIN
            .saturating_mul(1 << self.failures.min(8))
            .min(DIAL_PAUSE_MAX);
        // Between a half and the whole of it, so that peers that lost each other do not dial in step.
        let jitter = pause.mul_f64(f64::from(t.rng.next_u32()) / f64::from(u32::MAX) / 2.0);
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(why);
        self.stranger = false;
        self.state = State::Waiting {
            until: t.now.uptime + pause / 2 + jitter,
        };
    }
}
