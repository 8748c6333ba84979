//! Peers for the tests: a whole `Net` with its events, and connected pairs of them. Proves nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tailchat_net::{CloseReason, ConnId, EVENTS_CAPACITY, Limits, Listen, Net, NetEvent};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// No test waits longer for one event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// A frame limit as after a proved room.
pub(crate) const RAISED: usize = 1024 * 1024 + 64;

pub(crate) struct Peer {
    pub(crate) net: Net,
    pub(crate) events: mpsc::Receiver<NetEvent>,
}

pub(crate) fn loopback() -> Listen {
    Listen::At(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
}

pub(crate) fn start(listen: &Listen, limits: Limits, capacity: usize) -> Peer {
    let (sender, events) = mpsc::channel(capacity);
    let net = Net::start(listen, limits, sender).expect("a free port of this machine");
    Peer { net, events }
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        start(&loopback(), limits, EVENTS_CAPACITY)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        *self.net.listening().first().expect("the peer listens")
    }

    /// A socket that follows no rule, connected to this peer.
    pub(crate) async fn raw(&self) -> TcpStream {
        TcpStream::connect(self.addr()).await.expect("the peer listens")
    }

    pub(crate) async fn next(&mut self) -> NetEvent {
        let event = timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("the network runs")
    }

    pub(crate) async fn connected(&mut self) -> ConnId {
        match self.next().await {
            NetEvent::Connected { conn, .. } => conn,
            other => unreachable!("expected Connected, got {other:?}"),
        }
    }

    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        match self.next().await {
            NetEvent::Frame { bytes, .. } => bytes,
            other => unreachable!("expected Frame, got {other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> (ConnId, CloseReason) {
        match self.next().await {
            NetEvent::Closed { conn, why } => (conn, why),
            other => unreachable!("expected Closed, got {other:?}"),
        }
    }
}

/// Connects `a` to `b`, and raises the limits of both ends.
pub(crate) async fn join(a: &mut Peer, b: &mut Peer) -> (ConnId, ConnId) {
    a.net.dial(b.addr().to_string());
    let (in_a, in_b) = (a.connected().await, b.connected().await);
    a.net.raise_limit(in_a, RAISED);
    b.net.raise_limit(in_b, RAISED);
    (in_a, in_b)
}
