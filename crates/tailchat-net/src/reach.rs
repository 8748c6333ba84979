//! Where others can reach this machine. Reads the interfaces; opens nothing and asks nobody.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::limits::DEFAULT_PORT;

/// The addresses at which others may dial us, the likeliest first, given where we listen; without a listener,
/// where one would be.
#[must_use]
pub fn reachable(listening: &[SocketAddr]) -> Vec<SocketAddr> {
    let port = listening.first().map_or(DEFAULT_PORT, SocketAddr::port);
    let named: Vec<_> = listening
        .iter()
        .filter(|addr| !addr.ip().is_unspecified())
        .copied()
        .collect();
    if !named.is_empty() {
        return named;
    }
    let own = if_addrs::get_if_addrs().unwrap_or_default();
    let ranked = own
        .iter()
        .filter_map(|interface| Some((rank(interface.ip())?, interface.ip())));
    let ranked: BTreeSet<_> = ranked.collect();
    ranked
        .into_iter()
        .map(|(_, ip)| SocketAddr::new(ip, port))
        .collect()
}

/// A mesh VPN's addresses before a LAN's; none that only this machine knows.
fn rank(ip: IpAddr) -> Option<u8> {
    match ip {
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() => None,
        // 100.64.0.0/10, which Tailscale and others hand out.
        IpAddr::V4(v4) if matches!(v4.octets(), [100, 64..=127, ..]) => Some(0),
        IpAddr::V4(_) => Some(1),
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified() => None,
        IpAddr::V6(_) => Some(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_vpn_comes_before_a_lan_and_loopback_never() {
        let rank = |ip: &str| rank(ip.parse().unwrap());
        assert!(rank("100.101.102.103") < rank("192.168.1.7"));
        assert!(rank("192.168.1.7") < rank("fd7a::1"));
        for here in ["127.0.0.1", "::1", "169.254.1.1", "fe80::1", "0.0.0.0"] {
            assert_eq!(rank(here), None, "{here}");
        }
    }

    #[test]
    fn where_we_were_told_to_listen_is_where_we_are() {
        let told = ["127.0.0.1:7".parse().unwrap()];
        assert_eq!(reachable(&told), told);
    }
}
