//! Invites and addresses as people write them. Knows no network.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use tailchat_core::ids::RoomId;
use tailchat_net::DEFAULT_PORT;

use crate::control::{Code, Failure};

/// Addresses in an invite; more would not fit a line.
const INVITE_ADDRESSES_MAX: usize = 3;

/// What somebody who wants to join has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The room.
    pub room: RoomId,
    /// Where members may be, `HOST[:PORT]`.
    pub peers: Vec<String>,
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tailchat:{}", self.room)?;
        let marks = std::iter::once('?').chain(std::iter::repeat('&'));
        let mut peers = marks.zip(&self.peers);
        peers.try_for_each(|(mark, peer)| write!(f, "{mark}peer={peer}"))
    }
}

impl FromStr for Invite {
    type Err = Failure;

    /// Takes a bare ID, or `tailchat:ID?peer=HOST:PORT&peer=...`, in any case and with white space.
    fn from_str(text: &str) -> Result<Self, Failure> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.to_lowercase();
        let text = text.strip_prefix("tailchat:").unwrap_or(&text);
        let text = text.strip_prefix("//").unwrap_or(text);
        let (id, query) = text.split_once('?').unwrap_or((text, ""));
        let room = id
            .parse()
            .map_err(|err: tailchat_core::ids::IdError| Failure::new(Code::Usage, err.to_string()))?;
        let peers = query
            .split('&')
            .filter_map(|part| part.strip_prefix("peer="))
            .filter(|peer| !peer.is_empty());
        Ok(Self {
            room,
            peers: peers.map(ToOwned::to_owned).collect(),
        })
    }
}

/// An address with its port: the fixed one if none is given.
///
/// # Errors
/// [`Code::Usage`] if it is no address.
pub(crate) fn with_port(addr: &str) -> Result<String, Failure> {
    let addr = addr.trim();
    if let Ok(addr) = addr.parse::<SocketAddr>() {
        return Ok(addr.to_string());
    }
    if let Ok(ip) = addr.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, DEFAULT_PORT).to_string());
    }
    let (host, port) = addr.rsplit_once(':').unwrap_or((addr, ""));
    let port = if port.is_empty() {
        Some(DEFAULT_PORT)
    } else {
        port.parse().ok().filter(|port| *port > 0)
    };
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '%');
    match port {
        Some(port) if !host.is_empty() && host.chars().all(is_name) => Ok(format!("{host}:{port}")),
        _ => {
            let why = format!(
                "\"{addr}\" is no address; one looks like host, host:24242, 100.64.0.7 or [fd7a::1]:24242"
            );
            Err(Failure::new(Code::Usage, why))
        }
    }
}

/// Where others can dial us, the most reachable first, given where we listen.
pub(crate) fn addresses(listening: &[SocketAddr]) -> Vec<String> {
    let mut addresses = all_addresses(listening);
    addresses.truncate(INVITE_ADDRESSES_MAX);
    addresses
}

/// The same, more than fit an invite.
pub(crate) fn all_addresses(listening: &[SocketAddr]) -> Vec<String> {
    let reachable = tailchat_net::reachable(listening).into_iter();
    reachable.map(|addr| addr.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_is_read_in_any_case_and_spacing() {
        let room = RoomId([7; 16]);
        let text = format!("tailchat:{room}?peer=ann.example:24242&peer=100.64.0.7");
        let invite = Invite {
            room,
            peers: vec!["ann.example:24242".into(), "100.64.0.7".into()],
        };
        assert_eq!(text.parse::<Invite>(), Ok(invite.clone()));
        assert_eq!(
            format!(" {}\n", text.to_uppercase()).parse::<Invite>(),
            Ok(invite)
        );
        assert_eq!(
            room.to_string().parse::<Invite>(),
            Ok(Invite {
                room,
                peers: Vec::new()
            })
        );
        assert_eq!("tailchat:room1x".parse::<Invite>().unwrap_err().code, Code::Usage);
    }

    #[test]
    fn an_address_gets_the_fixed_port() {
        for (given, full) in [
            ("ann", "ann:24242"),
            ("ann:7", "ann:7"),
            ("100.64.0.7", "100.64.0.7:24242"),
            ("fd7a::1", "[fd7a::1]:24242"),
            ("[fd7a::1]:7", "[fd7a::1]:7"),
        ] {
            assert_eq!(with_port(given), Ok(full.to_owned()));
        }
        for wrong in ["", ":7", "ann:0", "ann:x", "a b", "ann:99999"] {
            assert!(with_port(wrong).is_err(), "{wrong}");
        }
    }
}
