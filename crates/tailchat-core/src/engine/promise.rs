//! What an address is worth before it is tried. Knows where addresses come from; knows nothing of how they fare.

use core::net::{IpAddr, SocketAddr};

use crate::limits::{DIALS_TOLD_MAX, DIALS_UNSURE_MAX};

/// How much an address promises; the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    /// Somebody wrote it, or a peer was met there.
    Much,
    /// A source of discovery gives it, of which anybody may be the origin.
    Something,
    /// A peer's word alone speaks for it.
    Little,
}

impl Promise {
    /// How many are dialled at a time that promise no more than this, so that those that lead nowhere, each of which takes
    /// its time, leave the way free to those that promise more.
    pub(super) fn dials_max(self) -> usize {
        match self {
            Self::Much => usize::MAX,
            Self::Something => DIALS_UNSURE_MAX,
            Self::Little => DIALS_TOLD_MAX,
        }
    }
}

/// Whether a peer's word for an address is worth a try: no port, group or wildcard can be dialled, and what only one
/// machine or one cable knows means nothing elsewhere.
pub(super) fn is_dialable(at: SocketAddr, from_loopback: bool) -> bool {
    let ip = at.ip().to_canonical();
    let local = match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let nowhere = local || ip.is_unspecified() || ip.is_multicast();
    at.port() > 0 && !nowhere && (from_loopback || !ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_tells_is_dialled_only_where_it_may_mean_something() {
        let ok = |addr: &str, here| addr.parse().is_ok_and(|at| is_dialable(at, here));
        for good in ["10.0.0.7:24242", "100.64.0.7:1", "[fd7a::1]:24242", "8.8.8.8:53"] {
            assert!(ok(good, false), "{good}");
        }
        for bad in [
            "127.0.0.1:24242",
            "[::1]:24242",
            "[::ffff:127.0.0.1]:24242",
            "0.0.0.0:24242",
            "224.0.0.251:5353",
            "255.255.255.255:1",
            "169.254.1.1:24242",
            "[fe80::1]:24242",
            "10.0.0.7:0",
        ] {
            assert!(!ok(bad, false), "{bad}");
        }
        assert!(ok("127.0.0.1:24242", true));
    }
}
