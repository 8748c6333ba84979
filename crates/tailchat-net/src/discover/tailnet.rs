//! What Tailscale says of a tailnet, as bytes of JSON. Knows the few fields that we read, each of which may be
//! absent; refuses to know where the bytes came from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use super::Standing;
use super::command::clipped;
use crate::limits::{DEFAULT_PORT, TAILSCALE_ADDRS_MAX};

/// `ipnstate.Status` in Tailscale's source.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Status {
    backend_state: Option<String>,
    #[serde(rename = "Self")]
    own: Option<Peer>,
    peer: Option<BTreeMap<String, Option<Peer>>>,
}

/// `ipnstate.PeerStatus`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Peer {
    #[serde(rename = "TailscaleIPs")]
    tailscale_ips: Option<Vec<String>>,
    online: Option<bool>,
    tags: Option<Vec<String>>,
}

/// The tag of the exit nodes that Tailscale rents out: hundreds of machines on which nobody chats.
const RENTED: &str = "tag:mullvad-exit-node";

/// Where online peers may listen, and how Tailscale fares; or why the bytes say neither.
pub(super) fn read(json: &[u8]) -> Result<(BTreeSet<String>, Standing), String> {
    let status: Status = serde_json::from_slice(json).map_err(|e| clipped(&e.to_string()))?;
    let standing = standing(status.backend_state.as_deref());
    if standing != Standing::Working {
        return Ok((BTreeSet::new(), standing));
    }
    let own: BTreeSet<IpAddr> = status.own.iter().flat_map(Peer::ips).collect();
    let peers = status.peer.iter().flat_map(BTreeMap::values).flatten();
    let mut online = peers
        .filter(|peer| peer.online == Some(true) && !peer.is_rented())
        .filter_map(Peer::ip)
        .filter(|ip| !own.contains(ip));
    let addrs: BTreeSet<String> = online
        .by_ref()
        .take(TAILSCALE_ADDRS_MAX)
        .map(|ip| SocketAddr::new(ip, DEFAULT_PORT).to_string())
        .collect();
    let left_out = online.count();
    let standing = if left_out == 0 {
        Standing::Working
    } else {
        Standing::Failing(format!(
            "more than {TAILSCALE_ADDRS_MAX} peers of the tailnet are online, {left_out} of them are not \
             tried; give the addresses of yours by hand"
        ))
    };
    Ok((addrs, standing))
}

impl Peer {
    fn ips(&self) -> impl Iterator<Item = IpAddr> {
        let texts = self.tailscale_ips.iter().flatten();
        texts.filter_map(|text| text.parse().ok())
    }

    /// One address is enough: a peer's addresses lead through the same tunnel to the same machine.
    fn ip(&self) -> Option<IpAddr> {
        self.ips().find(IpAddr::is_ipv4).or_else(|| self.ips().next())
    }

    fn is_rented(&self) -> bool {
        self.tags.iter().flatten().any(|tag| tag == RENTED)
    }
}

fn standing(state: Option<&str>) -> Standing {
    let failing = |text: &str| Standing::Failing(text.into());
    match state {
        Some("Running") => Standing::Working,
        Some("Stopped") => failing("tailscale is stopped; run `tailscale up`"),
        Some("NeedsLogin") => failing("tailscale is logged out; run `tailscale login`"),
        Some("NeedsMachineAuth") => {
            failing("this machine is not approved in its tailnet yet; ask whoever administers it")
        }
        Some("InUseOtherUser") => failing(
            "tailscale is in use by another user of this machine; peers in their tailnet are not found",
        ),
        Some("Starting" | "NoState") => Standing::Absent("tailscale is starting".into()),
        Some(other) => Standing::Failing(format!(
            "tailscale is in the state {:?}, which this version does not know; see `tailscale status`",
            clipped(other)
        )),
        None => failing("tailscale does not say in which state it is; see `tailscale status`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs(json: &str) -> Vec<String> {
        let (addrs, standing) = read(json.as_bytes()).expect("it is a status");
        assert_eq!(standing, Standing::Working, "{json}");
        addrs.into_iter().collect()
    }

    #[test]
    fn online_peers_are_found_at_their_first_ipv4_address_and_we_and_rented_nodes_are_not() {
        let json = r#"{
            "Version": "1.94.0", "BackendState": "Running", "Health": [],
            "Self": {"TailscaleIPs": ["100.64.0.1", "fd7a:115c:a1e0::1"], "Online": true},
            "Peer": {
                "nodekey:a": {"HostName": "ana", "TailscaleIPs": ["fd7a:115c:a1e0::2", "100.64.0.2"], "Online": true},
                "nodekey:b": {"TailscaleIPs": ["100.64.0.3"], "Online": false},
                "nodekey:c": {"TailscaleIPs": ["fd7a:115c:a1e0::4"], "Online": true},
                "nodekey:d": {"TailscaleIPs": ["100.64.0.5"], "Online": true, "Tags": ["tag:mullvad-exit-node"]},
                "nodekey:e": {"TailscaleIPs": ["100.64.0.1"], "Online": true}
            }
        }"#;
        assert_eq!(addrs(json), ["100.64.0.2:24242", "[fd7a:115c:a1e0::4]:24242"]);
    }

    #[test]
    fn every_field_may_be_absent_or_null() {
        for peers in [
            "",
            r#", "Peer": null"#,
            r#", "Peer": {}, "Self": null"#,
            r#", "Peer": {"a": null, "b": {}, "c": {"TailscaleIPs": null, "Online": true}}"#,
            r#", "Peer": {"a": {"TailscaleIPs": ["x", ""], "Online": true}}"#,
        ] {
            let json = format!(r#"{{"BackendState": "Running"{peers}}}"#);
            assert_eq!(addrs(&json), [""; 0], "{json}");
        }
    }

    #[test]
    fn a_tailscale_that_does_not_run_gives_nothing_and_says_what_to_do() {
        let state = |state: &str| {
            let json = format!(
                r#"{{"BackendState": {state}, "Peer": {{"a": {{"TailscaleIPs": ["100.64.0.2"], "Online": true}}}}}}"#
            );
            let (addrs, standing) = read(json.as_bytes()).expect("it is a status");
            assert!(addrs.is_empty(), "{state}");
            standing
        };
        let says = |standing: Standing, what: &str| match standing {
            Standing::Failing(text) => assert!(text.contains(what), "{text}"),
            other => unreachable!("{other:?}"),
        };
        says(state(r#""Stopped""#), "run `tailscale up`");
        says(state(r#""NeedsLogin""#), "run `tailscale login`");
        says(state(r#""New\u001b""#), "\"New \"");
        says(state("null"), "does not say");
        assert!(matches!(state(r#""Starting""#), Standing::Absent(_)));
    }

    #[test]
    fn what_is_no_status_is_an_error_and_not_the_end() {
        for rubbish in ["", "7", "{", r#"{"Peer": 7}"#, "\u{0}\u{1}"] {
            assert!(read(rubbish.as_bytes()).is_err(), "{rubbish:?}");
        }
        let deep = "[".repeat(1_000_000);
        assert!(read(format!(r#"{{"New": {deep}"#).as_bytes()).is_err());
    }

    #[test]
    fn of_a_large_tailnet_as_many_are_found_as_the_limit_allows() {
        let peer = |n: usize| {
            format!(
                r#""k{n:05}": {{"TailscaleIPs": ["100.64.{}.{}"], "Online": true}}"#,
                n / 256,
                n % 256
            )
        };
        let peers: Vec<_> = (0..TAILSCALE_ADDRS_MAX + 10).map(peer).collect();
        let json = format!(
            r#"{{"BackendState": "Running", "Peer": {{{}}}}}"#,
            peers.join(",")
        );
        let (addrs, standing) = read(json.as_bytes()).expect("it is a status");
        assert_eq!(addrs.len(), TAILSCALE_ADDRS_MAX);
        assert!(matches!(standing, Standing::Failing(text) if text.contains("10 of them")));
    }
}
