//! The peers of this machine's WireGuard interfaces, as far as `wg` may say. Knows its command and what it
//! prints; refuses to see a key that is secret.
//!
//! The kernel is asked by `wg` because its own interface is netlink here, a device there and a socket of each
//! userspace implementation elsewhere, and `wg` knows them all. It is mostly root's alone, so this source is
//! absent for most people. `allowed-ips` is asked for rather than `dump`, which would hand us private keys.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::command::{self, Unanswered};
use super::{Answer, Standing};
use crate::limits::{ASK_WITHIN, DEFAULT_PORT, WIREGUARD_ADDRS_MAX, WIREGUARD_EVERY, WIREGUARD_LEN_MAX};

/// Asks once.
pub(super) async fn ask() -> Answer {
    let args = ["show", "all", "allowed-ips"];
    let asked = command::run(Path::new("wg"), &args, ASK_WITHIN, WIREGUARD_LEN_MAX).await;
    let (addrs, standing) = match asked {
        Ok(printed) => read(&String::from_utf8_lossy(&printed)),
        Err(Unanswered::NotThere) => absent("wg is not installed here"),
        Err(Unanswered::Failed(why)) => absent(&why),
        Err(Unanswered::CutOff(why)) => (
            BTreeSet::new(),
            Standing::Failing(format!(
                "{why}; see `wg show all allowed-ips`, and give addresses by hand until then"
            )),
        ),
    };
    Answer {
        addrs,
        standing,
        again: WIREGUARD_EVERY,
    }
}

fn absent(why: &str) -> (BTreeSet<String>, Standing) {
    (BTreeSet::new(), Standing::Absent(why.into()))
}

/// `INTERFACE \t PUBLIC-KEY \t IP/LEN IP/LEN ...` a line. A net of many hosts says nothing of where a peer
/// itself is, so only single hosts count.
fn read(printed: &str) -> (BTreeSet<String>, Standing) {
    if printed.trim().is_empty() {
        return absent("no WireGuard interface here");
    }
    let mut hosts = printed
        .lines()
        .filter_map(|line| line.split('\t').nth(2))
        .flat_map(|nets| nets.split([' ', ',']))
        .filter_map(single_host);
    let mut addrs = BTreeSet::new();
    while addrs.len() < WIREGUARD_ADDRS_MAX
        && let Some(ip) = hosts.next()
    {
        addrs.insert(SocketAddr::new(ip, DEFAULT_PORT).to_string());
    }
    let standing = if hosts.next().is_none() {
        Standing::Working
    } else {
        Standing::Failing(format!(
            "WireGuard has more than {WIREGUARD_ADDRS_MAX} peers, the rest is not tried; give the addresses \
             of yours by hand"
        ))
    };
    (addrs, standing)
}

fn single_host(net: &str) -> Option<IpAddr> {
    let (ip, len) = net.trim().split_once('/')?;
    match (ip.parse().ok()?, len) {
        (IpAddr::V4(ip), "32") => Some(ip.into()),
        (IpAddr::V6(ip), "128") => Some(ip.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_hosts_are_where_peers_are_and_nets_are_not() {
        let printed = "wg0\tKEY=\t10.0.0.2/32 fd00::2/128\nwg0\tKEY2=\t10.0.0.0/24 0.0.0.0/0\n\
                       wg1\tKEY3=\t(none)\nwg1\tKEY4=\t10.1.0.3/32\n";
        let (addrs, standing) = read(printed);
        let addrs: Vec<_> = addrs.into_iter().collect();
        assert_eq!(addrs, ["10.0.0.2:24242", "10.1.0.3:24242", "[fd00::2]:24242"]);
        assert_eq!(standing, Standing::Working);
    }

    #[test]
    fn what_is_not_of_this_form_is_left_out() {
        for printed in [
            "rubbish",
            "a\tb",
            "a\tb\tc",
            "a\tb\t1.2.3.4/33 ::1/32 1.2.3.4 /32 x/32\n\n",
        ] {
            assert_eq!(read(printed), (BTreeSet::new(), Standing::Working), "{printed:?}");
        }
    }

    #[test]
    fn without_an_interface_it_is_absent() {
        assert!(matches!(read("\n"), (none, Standing::Absent(_)) if none.is_empty()));
    }

    #[test]
    fn of_very_many_peers_as_many_are_found_as_the_limit_allows() {
        let line = |n: usize| format!("wg0\tKEY\t10.0.{}.{}/32\n", n / 256, n % 256);
        let printed: String = (0..WIREGUARD_ADDRS_MAX).map(line).collect();
        let (addrs, standing) = read(&printed);
        assert_eq!((addrs.len(), standing), (WIREGUARD_ADDRS_MAX, Standing::Working));
        let (addrs, standing) = read(&(printed + &line(WIREGUARD_ADDRS_MAX)));
        assert_eq!(addrs.len(), WIREGUARD_ADDRS_MAX);
        assert!(matches!(standing, Standing::Failing(_)));
    }
}
