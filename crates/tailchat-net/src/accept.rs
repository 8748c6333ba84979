//! Who may come in. Knows how many strangers there are and where they come from; refuses to know whether
//! they prove a room: the engine says so by raising their limit.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::connection::{Opened, serve};
use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN, Limits};
use crate::net::Wiring;

/// Accepts connections on all listeners until told to stop.
pub(crate) async fn accept_all(wiring: Wiring, listeners: Vec<TcpListener>) {
    let mut doorkeeper = Doorkeeper {
        limits: wiring.limits,
        unproved: Vec::new(),
    };
    let mut pause = Duration::ZERO;
    let stop = wiring.stop.clone();
    while let Some(accepted) = stop.run_until_cancelled(accept_any(&listeners)).await {
        match accepted {
            Ok((stream, remote)) => {
                pause = Duration::ZERO;
                admit(&wiring, &mut doorkeeper, stream, canonical(remote));
            }
            Err(e) => {
                pause = pause_after(&e, pause);
                tracing::warn!("could not accept a connection: {e}; next attempt in {pause:?}");
                stop.run_until_cancelled(sleep(pause)).await;
            }
        }
    }
}

/// Lets a connection in, or closes it at once by dropping it.
fn admit(wiring: &Wiring, doorkeeper: &mut Doorkeeper, stream: TcpStream, remote: SocketAddr) {
    let Ok(seat) = Arc::clone(&wiring.seats).try_acquire_owned() else {
        tracing::debug!("{remote} is turned away: all connections are in use");
        return;
    };
    let Some(raised) = doorkeeper.admit(remote.ip()) else {
        tracing::debug!("{remote} is turned away: too many that have not proved a room");
        return;
    };
    let opened = Opened {
        stream,
        remote,
        dialed: None,
        seat,
        raised,
    };
    wiring.spawn(serve(wiring.clone(), opened));
}

/// A socket that carries both families shows IPv4 peers as IPv6; to count them and to show them, they
/// have one spelling.
fn canonical(remote: SocketAddr) -> SocketAddr {
    match remote.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, remote.port()),
        IpAddr::V6(_) => remote,
    }
}

async fn accept_any(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|cx| {
        let mut ready = listeners.iter().map(|listener| listener.poll_accept(cx));
        ready.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// How long not to accept. A peer that vanished from the queue costs nothing; a full descriptor table
/// stays full for a while, and trying at once would only burn the processor.
fn pause_after(error: &io::Error, previous: Duration) -> Duration {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::Interrupted => Duration::ZERO,
        _ => (previous * 2).clamp(ACCEPT_PAUSE_MIN, ACCEPT_PAUSE_MAX),
    }
}

/// Counts the accepted connections that have not proved a room.
struct Doorkeeper {
    limits: Limits,
    /// Never longer than the two totals in `limits` together.
    unproved: Vec<(IpAddr, Weak<AtomicUsize>)>,
}

impl Doorkeeper {
    /// The place of a new connection, or `None` if it has to go.
    fn admit(&mut self, ip: IpAddr) -> Option<Arc<AtomicUsize>> {
        self.unproved.retain(|(_, raised)| {
            raised
                .upgrade()
                .is_some_and(|raised| raised.load(Ordering::Acquire) == 0)
        });
        let count = |is_alike: &dyn Fn(&IpAddr) -> bool| {
            self.unproved.iter().filter(|(other, _)| is_alike(other)).count()
        };
        let has_place = if ip.is_loopback() {
            count(&IpAddr::is_loopback) < self.limits.unproved_loopback_max
        } else {
            count(&|other| !other.is_loopback()) < self.limits.unproved_max
                && count(&|other| *other == ip) < self.limits.unproved_per_ip_max
        };
        if !has_place {
            return None;
        }
        let raised = Arc::new(AtomicUsize::new(0));
        self.unproved.push((ip, Arc::downgrade(&raised)));
        Some(raised)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
    }

    fn doorkeeper() -> Doorkeeper {
        Doorkeeper {
            limits: Limits::default(),
            unproved: Vec::new(),
        }
    }

    #[test]
    fn two_strangers_from_one_address_and_eight_in_all() {
        let mut door = doorkeeper();
        let first: Vec<_> = (0..3).map(|_| door.admit(ip(1))).collect();
        assert_eq!(first.iter().flatten().count(), 2);
        let others: Vec<_> = (2..20).map(|last| door.admit(ip(last))).collect();
        assert_eq!(others.iter().flatten().count(), 6);
    }

    #[test]
    fn strangers_take_no_place_from_this_machine_nor_it_from_them() {
        let mut door = doorkeeper();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let near: Vec<_> = (0..40).map(|_| door.admit(loopback)).collect();
        assert_eq!(near.iter().flatten().count(), 32);
        let far: Vec<_> = (1..20).map(|last| door.admit(ip(last))).collect();
        assert_eq!(far.iter().flatten().count(), 8);
    }

    #[test]
    fn who_proves_a_room_or_leaves_makes_place() {
        let mut door = doorkeeper();
        let proved = door.admit(ip(1));
        let leaving = door.admit(ip(1));
        assert!(door.admit(ip(1)).is_none());
        proved
            .iter()
            .for_each(|raised| raised.store(1, Ordering::Release));
        let third = door.admit(ip(1));
        assert!(third.is_some() && door.admit(ip(1)).is_none());
        drop(leaving);
        assert!(door.admit(ip(1)).is_some());
    }

    #[test]
    fn a_full_descriptor_table_is_waited_out_and_a_vanished_peer_is_not() {
        let full = io::Error::other("EMFILE");
        let pauses = std::iter::successors(Some(Duration::ZERO), |&p| Some(pause_after(&full, p)));
        let pauses: Vec<_> = pauses.skip(1).take(9).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        let vanished = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(pause_after(&vanished, ACCEPT_PAUSE_MAX), Duration::ZERO);
    }
}
