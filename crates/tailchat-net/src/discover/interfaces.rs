//! The interfaces of this machine and their changes. Reads them and tells that they changed; opens nothing,
//! and refuses to know what a change is good for.
//!
//! They are read once a second instead of being listened to: netlink, routing sockets and their likes are
//! different on each system, need `unsafe` or one more crate, and save only a read that takes less than a
//! tenth of a millisecond.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use if_addrs::{IfAddr, Interface};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::dial::parse;
use crate::event::NetEvent;
use crate::limits::{INTERFACES_EVERY, SLEPT_MIN};
use crate::net::Wiring;

/// All addresses of this machine's interfaces at one moment.
#[derive(Debug)]
pub(crate) struct Interfaces(Vec<Interface>);

/// Reads the interfaces for ever, and tells when they changed or the machine has slept.
pub(super) async fn watch(wiring: Wiring, seen: watch::Sender<Interfaces>) {
    let mut clocks = Clocks::read();
    loop {
        sleep(INTERFACES_EVERY).await;
        let now = Interfaces::read();
        let slept = clocks.jumped();
        let changed = seen.send_if_modified(|before| {
            let changed = slept || before.print() != now.print();
            *before = now;
            changed
        });
        if changed {
            wiring.tell(NetEvent::NetworkChanged).await;
        }
    }
}

impl Interfaces {
    /// None if they cannot be read: that is no reason to stop anything.
    pub(super) fn read() -> Self {
        Self(if_addrs::get_if_addrs().unwrap_or_default())
    }

    /// What must be the same for the network to count as unchanged. Containers and virtual machines come and
    /// go with interfaces of their own, by which no other machine is reached.
    fn print(&self) -> BTreeSet<(&str, IpAddr, bool)> {
        self.0
            .iter()
            .filter(|interface| !interface.is_loopback() && !is_virtual(&interface.name))
            .map(|interface| (interface.name.as_str(), interface.ip(), interface.is_oper_up()))
            .collect()
    }

    fn has(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|interface| interface.ip() == ip)
    }

    /// Whether an address as [`crate::Net::dial`] takes it leads to one of our own listening sockets.
    pub(super) fn are_at(&self, addr: &str, listening: &[SocketAddr]) -> bool {
        let Ok((host, port)) = parse(addr) else {
            return false;
        };
        let host = host.split('%').next().unwrap_or(host);
        let Ok(ip) = host.parse::<IpAddr>() else {
            return false;
        };
        listening.iter().any(|own| {
            let here = || ip.is_loopback() || ip.is_unspecified() || self.has(ip);
            own.port() == port && (own.ip() == ip || own.ip().is_unspecified() && here())
        })
    }

    /// Whether another machine with this address would be a neighbour, reached without a router.
    pub(super) fn are_beside(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|interface| match (&interface.addr, ip) {
            (IfAddr::V4(own), IpAddr::V4(ip)) => {
                let mask = u32::from(own.netmask);
                mask != 0 && u32::from(own.ip) & mask == u32::from(ip) & mask
            }
            (IfAddr::V6(own), IpAddr::V6(ip)) => {
                let mask = u128::from(own.netmask);
                mask != 0 && u128::from(own.ip) & mask == u128::from(ip) & mask
            }
            _ => false,
        })
    }

    /// Whether any of them carries multicast to other machines.
    pub(super) fn reach_a_lan(&self) -> bool {
        self.0
            .iter()
            .any(|interface| interface.is_oper_up() && carries_multicast(interface))
    }
}

/// Whether neighbours may be on it: a tunnel has none, and the machine itself is found without.
pub(super) fn carries_multicast(interface: &Interface) -> bool {
    !interface.is_loopback() && !interface.is_p2p() && !interface.name.starts_with("veth")
}

/// What Docker, Kubernetes, libvirt and their likes make, by the names that they give.
fn is_virtual(name: &str) -> bool {
    const BEGINNINGS: [&str; 9] = [
        "veth", "docker", "br-", "virbr", "vnet", "cni", "cali", "flannel", "podman",
    ];
    BEGINNINGS.iter().any(|&beginning| name.starts_with(beginning))
}

/// The clock that stands still while the machine sleeps, and the one that does not.
struct Clocks {
    awake: Instant,
    wall: SystemTime,
}

impl Clocks {
    fn read() -> Self {
        Self {
            awake: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Whether the wall's clock went ahead of the other since the last call. That the machine slept is the
    /// usual reason; after any other, too, nothing is lost by looking around again.
    fn jumped(&mut self) -> bool {
        let before = std::mem::replace(self, Self::read());
        let awake = self.awake.duration_since(before.awake);
        let wall = self.wall.duration_since(before.wall).unwrap_or_default();
        wall.saturating_sub(awake) >= SLEPT_MIN
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    fn interface(name: &str, ip: &str) -> Interface {
        let addr = match ip.parse().expect("an address") {
            IpAddr::V4(ip) => IfAddr::V4(Ifv4Addr {
                ip,
                netmask: Ipv4Addr::new(255, 255, 255, 0),
                prefixlen: 24,
                broadcast: None,
            }),
            IpAddr::V6(ip) => IfAddr::V6(Ifv6Addr {
                ip,
                netmask: Ipv6Addr::from(u128::MAX << 64),
                prefixlen: 64,
                broadcast: None,
            }),
        };
        Interface {
            name: name.into(),
            addr,
            index: Some(1),
            oper_status: IfOperStatus::Up,
            is_p2p: false,
            #[cfg(windows)]
            adapter_name: String::new(),
        }
    }

    fn machine() -> Interfaces {
        Interfaces(vec![
            interface("lo", "127.0.0.1"),
            interface("eth0", "192.168.1.7"),
            interface("eth0", "fe80::7"),
        ])
    }

    #[test]
    fn our_own_sockets_are_known_by_address_and_port() {
        let listening = ["[::]:7000".parse().unwrap()];
        for own in [
            "192.168.1.7:7000",
            "127.0.0.1:7000",
            "[fe80::7%eth0]:7000",
            "[::1]:7000",
        ] {
            assert!(machine().are_at(own, &listening), "{own}");
        }
        for other in ["192.168.1.8:7000", "192.168.1.7:7001", "ana:7000", "rubbish:"] {
            assert!(!machine().are_at(other, &listening), "{other}");
        }
        let listening = ["127.0.0.1:7000".parse().unwrap()];
        assert!(machine().are_at("127.0.0.1:7000", &listening));
        assert!(!machine().are_at("127.0.0.2:7000", &listening));
    }

    #[test]
    fn a_neighbour_is_who_shares_a_net_with_us() {
        assert!(machine().are_beside("192.168.1.200".parse().unwrap()));
        assert!(machine().are_beside("fe80::99".parse().unwrap()));
        for far in ["192.168.2.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!machine().are_beside(far.parse().unwrap()), "{far}");
        }
    }

    #[test]
    fn containers_come_and_go_unnoticed_and_a_link_or_an_address_does_not() {
        let with = |more: Interface| {
            let mut machine = machine();
            machine.0.push(more);
            machine
        };
        let (before, down) = (machine(), machine());
        for container in ["veth1a2b3c", "docker0", "br-0123456789ab", "virbr0"] {
            let with = with(interface(container, "172.17.0.1"));
            assert_eq!(before.print(), with.print(), "{container}");
        }
        let with = with(interface("wlan0", "10.0.0.2"));
        assert_ne!(before.print(), with.print());
        let Interfaces(mut down) = down;
        down[1].oper_status = IfOperStatus::Down;
        assert_ne!(before.print(), Interfaces(down).print());
    }

    #[test]
    fn a_sleep_is_seen_by_the_clock_that_went_on() {
        let mut clocks = Clocks::read();
        assert!(!clocks.jumped());
        clocks.wall -= SLEPT_MIN + Duration::from_millis(1);
        assert!(clocks.jumped());
        assert!(!clocks.jumped(), "once");
    }

    #[test]
    fn reading_the_interfaces_is_cheap_enough_for_each_second() {
        let begun = Instant::now();
        for _ in 0..100 {
            Interfaces::read();
        }
        let each = begun.elapsed() / 100;
        println!("one read of the interfaces takes {each:?}");
        assert!(each < Duration::from_millis(10), "{each:?}");
    }
}
