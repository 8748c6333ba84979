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
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::connection::{Opened, serve};
use crate::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN, LEAVING_FOR_MORE_MAX, LEAVING_MAX, Limits};
use crate::net::Wiring;

/// Accepts connections on all listeners until told to stop.
pub(crate) async fn accept_all(wiring: Wiring, listeners: Vec<TcpListener>) {
    let mut doorkeeper = Doorkeeper {
        limits: wiring.limits,
        unproved: Vec::new(),
        leaving: Vec::new(),
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
    let Some((raised, place)) = doorkeeper.admit(remote.ip()) else {
        tracing::debug!("{remote} is turned away: too many that have not proved a room");
        return;
    };
    let opened = Opened {
        stream,
        remote,
        dialed: None,
        seat,
        raised,
        place,
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
    /// The oldest first. Never longer than the two totals in `limits` together.
    unproved: Vec<Stranger>,
    /// Those that were told to go and hold a seat yet. Never longer than [`LEAVING_MAX`].
    leaving: Vec<Weak<Notify>>,
}

struct Stranger {
    ip: IpAddr,
    raised: Weak<AtomicUsize>,
    place: Weak<Notify>,
}

impl Stranger {
    fn is_one_still(&self) -> bool {
        let raised = self.raised.upgrade();
        raised.is_some_and(|raised| raised.load(Ordering::Acquire) == 0)
    }
}

impl Doorkeeper {
    /// The place of a new connection, or `None` if it has to go. An older one goes for it where one may: whoever knows
    /// a room proves it at once, so it is the silent who wait longest, and they could otherwise keep everybody out.
    fn admit(&mut self, ip: IpAddr) -> Option<(Arc<AtomicUsize>, Arc<Notify>)> {
        self.unproved.retain(Stranger::is_one_still);
        self.leaving.retain(|place| place.strong_count() > 0);
        if let Some(crowd) = self.crowd(ip) {
            self.make_place(crowd, ip)?;
        }
        let (raised, place) = (Arc::new(AtomicUsize::new(0)), Arc::<Notify>::default());
        self.unproved.push(Stranger {
            ip,
            raised: Arc::downgrade(&raised),
            place: Arc::downgrade(&place),
        });
        Some((raised, place))
    }

    /// Those of whom one has to go before somebody from this address can come; none if there is a place.
    fn crowd(&self, ip: IpAddr) -> Option<Crowd> {
        let count = |crowd: Crowd| {
            self.unproved
                .iter()
                .filter(|stranger| crowd.has(stranger.ip))
                .count()
        };
        let limits = if ip.is_loopback() {
            [(Crowd::Near, self.limits.unproved_loopback_max)].to_vec()
        } else {
            // Who comes many times makes place for themselves first.
            let own = (Crowd::At(ip), self.limits.unproved_per_ip_max);
            [own, (Crowd::Far, self.limits.unproved_max)].to_vec()
        };
        let full = limits.into_iter().find(|(crowd, most)| count(*crowd) >= *most);
        full.map(|(crowd, _)| crowd)
    }

    /// The oldest of those goes from the address from which most of them come. `None` if too many are going already for
    /// somebody from this address.
    fn make_place(&mut self, crowd: Crowd, ip: IpAddr) -> Option<()> {
        let from = |ip: IpAddr| self.unproved.iter().filter(|other| other.ip == ip).count();
        let going_max = match from(ip) {
            0 => LEAVING_MAX,
            _ => LEAVING_FOR_MORE_MAX,
        };
        if self.leaving.len() >= going_max {
            return None;
        }
        let members = self.unproved.iter().enumerate();
        let members = members.filter(|(_, stranger)| crowd.has(stranger.ip));
        // Of equals the first, which is the oldest.
        let goes = members.rev().max_by_key(|(_, stranger)| from(stranger.ip));
        let goes = goes.map(|(at, _)| at)?;
        let goes = self.unproved.remove(goes);
        if let Some(place) = goes.place.upgrade() {
            place.notify_one();
            self.leaving.push(goes.place);
        }
        Some(())
    }
}

/// Some of the strangers, by where they come from.
#[derive(Clone, Copy)]
enum Crowd {
    /// This machine.
    Near,
    /// Other machines.
    Far,
    /// One address.
    At(IpAddr),
}

impl Crowd {
    fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Near => ip.is_loopback(),
            Self::Far => !ip.is_loopback(),
            Self::At(own) => ip == own,
        }
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
            leaving: Vec::new(),
        }
    }

    type Place = (Arc<AtomicUsize>, Arc<Notify>);

    /// Whether somebody was told to go.
    fn goes((_, place): &Place) -> bool {
        // A notification that waits is there at once.
        let mut told = std::pin::pin!(place.notified());
        told.as_mut().enable()
    }

    fn those_that_go(places: &[Place]) -> Vec<usize> {
        let all = places.iter().enumerate();
        all.filter(|(_, place)| goes(place)).map(|(at, _)| at).collect()
    }

    #[test]
    fn of_three_strangers_from_one_address_and_of_nine_in_all_the_oldest_goes() {
        let mut door = doorkeeper();
        let near: Vec<_> = (0..3).filter_map(|_| door.admit(ip(1))).collect();
        assert_eq!(those_that_go(&near), [0]);
        let far: Vec<_> = (2..9).filter_map(|last| door.admit(ip(last))).collect();
        // Most come from the first address; then all are equal, and nobody else had to go for the eighth.
        assert_eq!((those_that_go(&near), those_that_go(&far)), (vec![1], vec![]));
        assert_eq!((near.len(), far.len(), door.unproved.len()), (3, 7, 8));
    }

    #[test]
    fn a_newcomer_stays_while_many_come_from_elsewhere() {
        let mut door = doorkeeper();
        let newcomer = door.admit(ip(1)).unwrap();
        let mut crowd = Vec::new();
        for n in 0..200 {
            crowd.extend(door.admit(ip(2 + n % 4)));
            // Who was told to go has gone by the time that the next one comes.
            crowd.retain(|place| !goes(place));
        }
        assert_eq!((door.unproved.len(), crowd.len()), (8, 7));
        assert!(!goes(&newcomer));
    }

    #[test]
    fn while_many_are_going_who_comes_is_turned_away() {
        let mut door = doorkeeper();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let all: Vec<_> = (0..100).map(|_| door.admit(loopback)).collect();
        assert_eq!(all.iter().flatten().count(), 32 + LEAVING_FOR_MORE_MAX);
        let first: Vec<_> = all.into_iter().flatten().collect();
        assert_eq!(
            those_that_go(&first),
            (0..LEAVING_FOR_MORE_MAX).collect::<Vec<_>>()
        );
        drop(first);
        assert!(door.admit(loopback).is_some());
    }

    #[test]
    fn who_comes_from_elsewhere_is_not_turned_away_with_a_flood() {
        let mut door = doorkeeper();
        let near = |last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        let held: Vec<_> = (0..100).map(|_| door.admit(near(1))).collect();
        assert!(door.admit(near(1)).is_none());
        let others: Vec<_> = (2..50).map(|last| door.admit(near(last))).collect();
        // However many addresses there are, the seats are bounded.
        let let_in = |places: &[Option<Place>]| places.iter().flatten().count();
        assert_eq!(let_in(&held) + let_in(&others), 32 + LEAVING_MAX);
        assert!(others.first().is_some_and(Option::is_some));
    }

    #[test]
    fn strangers_take_no_place_from_this_machine_nor_it_from_them() {
        let mut door = doorkeeper();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let near: Vec<_> = (0..32).filter_map(|_| door.admit(loopback)).collect();
        let far: Vec<_> = (1..9).filter_map(|last| door.admit(ip(last))).collect();
        assert_eq!((near.len(), far.len()), (32, 8));
        assert_eq!((those_that_go(&near), those_that_go(&far)), (vec![], vec![]));
    }

    #[test]
    fn who_proves_a_room_or_leaves_makes_place() {
        let mut door = doorkeeper();
        let (proved, leaving) = (door.admit(ip(1)).unwrap(), door.admit(ip(1)).unwrap());
        proved.0.store(1, Ordering::Release);
        let third = door.admit(ip(1)).unwrap();
        assert!(!goes(&leaving));
        drop(leaving);
        let fourth = door.admit(ip(1)).unwrap();
        assert!(those_that_go(&[proved, third, fourth]).is_empty());
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
