//! From an address that a person wrote to an open socket. Knows names and address families; refuses to
//! know when to try again: each dial is one attempt, resolved anew.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep_until, timeout};

use crate::connection::{Opened, serve};
use crate::event::NetEvent;
use crate::limits::{DEFAULT_PORT, DIAL_ADDRS_MAX, Limits};
use crate::net::Wiring;

/// One dial, up to the end of the connection that comes of it.
pub(crate) async fn dial(wiring: Wiring, addr: String) {
    let stop = wiring.stop.clone();
    match stop.run_until_cancelled(open(&wiring, &addr)).await {
        // The turn among the dials was given back with `open`.
        Some(Ok(opened)) => serve(wiring, opened).await,
        Some(Err(why)) => wiring.tell(NetEvent::DialFailed { addr, why }).await,
        None => (),
    }
}

async fn open(wiring: &Wiring, addr: &str) -> Result<Opened, String> {
    let (host, port) = parse(addr)?;
    let _turn = wiring.dials.acquire().await.map_err(|e| e.to_string())?;
    let seat = Arc::clone(&wiring.seats).try_acquire_owned().map_err(|_| {
        format!(
            "all {} places for connections are taken",
            wiring.limits.connections_max
        )
    })?;
    let addrs = resolve(host, port, &wiring.limits).await?;
    let (stream, remote) = connect_any(addrs, &wiring.limits).await?;
    let dialed = Some(addr.to_owned());
    Ok(Opened {
        stream,
        remote,
        dialed,
        seat,
        raised: Arc::new(AtomicUsize::new(0)),
        place: Arc::default(),
    })
}

/// Splits `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT` or `IPV6`.
pub(crate) fn parse(addr: &str) -> Result<(&str, u16), String> {
    let wrong = || format!("{addr:?} is no address; write HOST, HOST:PORT or [IPV6]:PORT");
    let addr = addr.trim();
    let (host, port) = if let Some(rest) = addr.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        let port = if rest.is_empty() {
            None
        } else {
            Some(rest.strip_prefix(':').ok_or_else(wrong)?)
        };
        (host, port)
    } else {
        match addr.split_once(':') {
            // Two colons without brackets: an IPv6 address, which leaves no room for a port.
            Some((_, rest)) if rest.contains(':') => (addr, None),
            Some((host, port)) => (host, Some(port)),
            None => (addr, None),
        }
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(digits) => digits.parse().ok().filter(|&port| port != 0).ok_or_else(wrong)?,
    };
    if host.is_empty() {
        Err(wrong())
    } else {
        Ok((host, port))
    }
}

async fn resolve(host: &str, port: u16, limits: &Limits) -> Result<Vec<SocketAddr>, String> {
    let unknown = |what: &dyn Display| format!("the name {host} was not found: {what}");
    let found = timeout(limits.resolve_within, lookup_host((host, port)))
        .await
        .map_err(|_| unknown(&format!("no answer in {:?}", limits.resolve_within)))?
        .map_err(|e| unknown(&e))?;
    let addrs: Vec<_> = found.take(DIAL_ADDRS_MAX).collect();
    if addrs.is_empty() {
        Err(unknown(&"it has no address"))
    } else {
        Ok(addrs)
    }
}

/// The first of `addrs` that answers. Each gets a head start before the next, which begins early if one
/// before it fails; whichever comes second is dropped.
async fn connect_any(addrs: Vec<SocketAddr>, limits: &Limits) -> Result<(TcpStream, SocketAddr), String> {
    let mut failures = Vec::new();
    let mut attempts = FuturesUnordered::new();
    let mut left = addrs.into_iter();
    let mut next_at = Instant::now();
    while !attempts.is_empty() || left.len() > 0 {
        tokio::select! {
            biased;
            Some((addr, attempt)) = attempts.next() => match attempt {
                Ok(stream) => return Ok((stream, addr)),
                Err(e) => {
                    failures.push(format!("{addr}: {e}"));
                    next_at = Instant::now();
                }
            },
            () = sleep_until(next_at), if left.len() > 0 => {
                attempts.extend(left.next().map(|addr| connect(addr, limits)));
                next_at = Instant::now() + limits.dial_stagger;
            }
        }
    }
    Err(failures.join("; "))
}

async fn connect(addr: SocketAddr, limits: &Limits) -> (SocketAddr, io::Result<TcpStream>) {
    let attempt = timeout(limits.connect_within, TcpStream::connect(addr)).await;
    let stream = attempt.unwrap_or_else(|_| {
        let text = format!("no answer in {:?}", limits.connect_within);
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    });
    (addr, stream.and_then(refuse_own_end))
}

/// A dial to a closed port of this machine can be given that very port as its own end, and then TCP
/// connects the socket to itself.
fn refuse_own_end(stream: TcpStream) -> io::Result<TcpStream> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (addr, host, port) in [
            ("ana.local", "ana.local", DEFAULT_PORT),
            ("ana:5000", "ana", 5000),
            (" 10.0.0.7:1 ", "10.0.0.7", 1),
            ("fe80::1", "fe80::1", DEFAULT_PORT),
            ("[fe80::1]", "fe80::1", DEFAULT_PORT),
            ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ] {
            assert_eq!(parse(addr), Ok((host, port)), "{addr}");
        }
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for addr in [
            "",
            ":80",
            "ana:",
            "ana:0",
            "ana:70000",
            "ana:x",
            "[::1",
            "[::1]80",
            "[]:80",
        ] {
            let why = parse(addr).expect_err("it is no address");
            assert!(why.contains("write HOST"), "{addr}: {why}");
        }
    }

    #[tokio::test]
    async fn the_next_address_is_tried_at_once_when_one_fails() {
        let vacated = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let closed = vacated.local_addr().expect("it is bound");
        drop(vacated);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let open = listener.local_addr().expect("it is bound");
        let limits = Limits {
            dial_stagger: Duration::from_secs(60),
            ..Limits::default()
        };
        let tried = timeout(Duration::from_secs(2), connect_any(vec![closed, open], &limits)).await;
        let (_, remote) = tried.expect("in time").expect("the second address answers");
        assert_eq!(remote, open);
    }

    #[tokio::test]
    async fn a_failure_names_each_address_that_was_tried() {
        let vacated = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let closed = vacated.local_addr().expect("it is bound");
        drop(vacated);
        let tried = connect_any(vec![closed, closed], &Limits::default()).await;
        let why = tried.expect_err("nobody listens");
        assert_eq!(why.matches(&closed.to_string()).count(), 2, "{why}");
    }
}
