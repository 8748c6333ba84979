//! Who announced themselves on the LAN, as far as we keep it. Knows names and addresses and how many of them
//! there may be; refuses to know how they were heard.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::interfaces::Interfaces;
use crate::limits::{MDNS_ADDRS_MAX, MDNS_FOUND_MAX, MDNS_SERVICES_MAX};

/// Services by their full names.
#[derive(Debug, Default)]
pub(super) struct Services {
    known: BTreeMap<String, BTreeSet<String>>,
    /// Whether one was left out because there are too many.
    any_left_out: bool,
}

impl Services {
    /// Takes in all addresses that a service has now. Whether anything changed.
    pub(super) fn resolved(&mut self, name: &str, addrs: BTreeSet<String>) -> bool {
        if addrs.is_empty() {
            return self.removed(name);
        }
        if let Some(known) = self.known.get_mut(name) {
            return std::mem::replace(known, addrs.clone()) != addrs;
        }
        if self.known.len() == MDNS_SERVICES_MAX {
            return !std::mem::replace(&mut self.any_left_out, true);
        }
        self.known.insert(name.to_owned(), addrs);
        true
    }

    /// A service said goodbye, or was not heard of for too long. Whether anything changed.
    pub(super) fn removed(&mut self, name: &str) -> bool {
        self.known.remove(name).is_some()
    }

    /// Forgets everything, when all of it will be told again.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn any_left_out(&self) -> bool {
        self.any_left_out
    }

    /// The addresses of all, as many as are listened to: the first of each before the second of any.
    pub(super) fn addrs(&self) -> BTreeSet<String> {
        let ranks = (0..MDNS_ADDRS_MAX).flat_map(|rank| {
            let ranked = self.known.values().map(move |of| of.iter().nth(rank));
            ranked.flatten()
        });
        ranks.take(MDNS_FOUND_MAX).cloned().collect()
    }
}

/// Of the addresses that a service claims those that may be dialled, as `HOST:PORT`; each comes with its text,
/// which has the scope where one is needed.
///
/// Anybody on the LAN can claim anything. So only neighbours count, or strangers could have every tailchat
/// here knock at any door of the internet.
pub(super) fn dialable(
    claimed: impl Iterator<Item = (IpAddr, String)>,
    port: u16,
    interfaces: &Interfaces,
    loopback: bool,
) -> BTreeSet<String> {
    let may_lead_to_a_peer = |ip: IpAddr| match ip {
        _ if ip.is_unspecified() || ip.is_multicast() => false,
        _ if ip.is_loopback() => loopback,
        _ => interfaces.are_beside(ip),
    };
    let (mut simple, mut link_local) = (BTreeSet::new(), BTreeSet::new());
    for (ip, text) in claimed.filter(|_| port != 0) {
        if is_link_local(ip) {
            // Without a scope it leads nowhere.
            if text.contains('%') {
                link_local.insert((ip.is_ipv6(), text));
            }
        } else if may_lead_to_a_peer(ip) {
            simple.insert((ip.is_ipv6(), text));
        }
    }
    // Every peer has a link-local address beside its others, which leads to it a second time.
    let mut ranked = if simple.is_empty() { link_local } else { simple };
    let mut addrs = BTreeSet::new();
    while addrs.len() < MDNS_ADDRS_MAX
        && let Some((_, text)) = ranked.pop_first()
    {
        addrs.insert(if text.contains(':') {
            format!("[{text}]:{port}")
        } else {
            format!("{text}:{port}")
        });
    }
    addrs
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(addrs: &[&str]) -> BTreeSet<String> {
        addrs.iter().map(|&addr| addr.to_owned()).collect()
    }

    fn dialled(claimed: &[&str], loopback: bool) -> BTreeSet<String> {
        let claimed = claimed.iter().map(|&text| {
            let ip = text.split('%').next().unwrap_or_default();
            (ip.parse().expect("an address"), text.to_owned())
        });
        dialable(claimed, 7000, &Interfaces::read(), loopback)
    }

    #[test]
    fn a_service_counts_from_its_first_word_to_its_goodbye() {
        let mut services = Services::default();
        assert!(services.resolved("a", set(&["10.0.0.2:1"])));
        assert!(!services.resolved("a", set(&["10.0.0.2:1"])), "said again");
        assert!(services.resolved("a", set(&["10.0.0.3:1"])));
        assert!(services.resolved("b", set(&["10.0.0.4:1"])));
        assert_eq!(services.addrs(), set(&["10.0.0.3:1", "10.0.0.4:1"]));
        assert!(services.removed("a"));
        assert!(!services.removed("a"));
        assert!(services.resolved("b", set(&[])), "no address is left");
        assert_eq!(services.addrs(), set(&[]));
    }

    #[test]
    fn a_crowd_is_kept_up_to_the_limit_and_told_once() {
        let mut services = Services::default();
        for n in 0..MDNS_SERVICES_MAX {
            assert!(services.resolved(&n.to_string(), set(&[&n.to_string()])));
        }
        assert!(!services.any_left_out());
        assert!(
            services.resolved("one more", set(&["x"])),
            "that one is left out is news"
        );
        assert!(services.any_left_out());
        for n in 0..10_000 {
            assert!(!services.resolved(&format!("more {n}"), set(&["x"])));
        }
        assert_eq!(services.addrs().len(), MDNS_SERVICES_MAX);
        assert!(services.resolved("7", set(&["moved"])), "who is known may move");
    }

    #[test]
    fn of_very_many_addresses_each_service_keeps_its_first() {
        let mut services = Services::default();
        for n in 0..MDNS_SERVICES_MAX - 1 {
            let many: Vec<_> = (0..MDNS_ADDRS_MAX).map(|k| format!("10.0.0.1:{n}{k}")).collect();
            let many: Vec<_> = many.iter().map(String::as_str).collect();
            services.resolved(&format!("{n}"), set(&many));
        }
        services.resolved("ana", set(&["10.0.0.2:24242"]));
        let addrs = services.addrs();
        assert!(
            addrs.len() <= MDNS_FOUND_MAX && addrs.contains("10.0.0.2:24242"),
            "{}",
            addrs.len()
        );
    }

    #[test]
    fn what_leads_off_the_lan_or_nowhere_is_not_dialled() {
        let claimed = [
            "8.8.8.8",
            "0.0.0.0",
            "224.0.0.251",
            "2001:4860::8888",
            "fe80::1",
            "127.0.0.1",
        ];
        assert_eq!(dialled(&claimed, false), set(&[]));
    }

    #[test]
    fn a_link_local_address_counts_if_there_is_no_other() {
        assert_eq!(dialled(&["fe80::1%eth0"], false), set(&["[fe80::1%eth0]:7000"]));
        assert_eq!(
            dialled(&["127.0.0.1", "fe80::1%eth0"], true),
            set(&["127.0.0.1:7000"])
        );
    }

    #[test]
    fn of_too_many_addresses_some_are_kept_and_ipv4_first() {
        let many: Vec<_> = (0..100).map(|n| format!("127.0.0.{n}")).collect();
        let mut claimed: Vec<&str> = many.iter().map(String::as_str).collect();
        claimed.push("::1");
        let kept = dialled(&claimed, true);
        assert_eq!(kept.len(), MDNS_ADDRS_MAX);
        assert!(!kept.contains("[::1]:7000"));
    }
}
