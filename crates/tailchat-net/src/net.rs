//! The network as its owner holds it: commands in, and the tasks they reach. Decides nothing about peers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::accept_all;
use crate::connection::Handle;
use crate::dial::dial;
use crate::discover::{self, Discovery};
use crate::error::NetError;
use crate::event::{CloseReason, ConnId, NetEvent};
use crate::limits::{DIALS_MAX, Limits, OPENED_CAPACITY, SHUTDOWN_MARGIN};
use crate::listen::Listen;

/// All connections of one peer. One task owns it; dropping it closes everything without flushing.
pub struct Net {
    wiring: Wiring,
    /// Connections arrive here before their `Connected` does, and are taken in at each command.
    opened: mpsc::Receiver<(ConnId, Handle)>,
    connections: HashMap<ConnId, Handle>,
    listening: Vec<SocketAddr>,
    discovering: bool,
}

impl Net {
    /// Listens as told and reports whatever happens to `events`, whose receiver must be read all the
    /// time: while it is full, all peers wait.
    ///
    /// Takes [`Limits::default`] but in tests.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on; then nothing was started.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(listen: &Listen, limits: Limits, events: mpsc::Sender<NetEvent>) -> Result<Self, NetError> {
        let listeners = listen.bind()?;
        let listening = listeners.iter().filter_map(|l| l.local_addr().ok()).collect();
        let (opened_sender, opened) = mpsc::channel(OPENED_CAPACITY);
        let wiring = Wiring {
            limits,
            events,
            opened: opened_sender,
            seats: Arc::new(Semaphore::new(limits.connections_max)),
            dials: Arc::new(Semaphore::new(DIALS_MAX)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
        };
        if !listeners.is_empty() {
            wiring.spawn(accept_all(wiring.clone(), listeners));
        }
        Ok(Self {
            wiring,
            opened,
            connections: HashMap::new(),
            listening,
            discovering: false,
        })
    }

    /// The addresses we listen on, with their real ports. An unspecified IPv6 address usually stands for
    /// IPv4 too.
    #[must_use]
    pub fn listening(&self) -> Vec<SocketAddr> {
        self.listening.clone()
    }

    /// Tries once to connect to `HOST`, `HOST:PORT`, an IP address or `[IPV6]:PORT`; without a port it is
    /// [`DEFAULT_PORT`](crate::DEFAULT_PORT). The name is resolved anew each time, and all its addresses
    /// are tried. Answered by `Connected` or `DialFailed`.
    pub fn dial(&mut self, addr: String) {
        self.take_in();
        self.wiring.spawn(dial(self.wiring.clone(), addr));
    }

    /// Looks for addresses at which peers may be, from now on: each source tells them as `Found`, and
    /// `NetworkChanged` tells when to try anew. Dials nothing. Done once; a further call changes nothing.
    pub fn discover(&mut self, how: Discovery) {
        self.take_in();
        if !std::mem::replace(&mut self.discovering, true) {
            discover::start(&self.wiring, &self.listening, how);
        }
    }

    /// Puts a frame into the outbox of `conn`; never waits. If the outbox has no place for it, the
    /// connection is closed with [`CloseReason::OutboxFull`], and what waited in it is lost. A frame
    /// without bytes cannot be carried and is left out.
    pub fn send(&mut self, conn: ConnId, frame: Vec<u8>) {
        self.take_in();
        if frame.is_empty() {
            tracing::warn!("an empty frame for {conn} is left out");
            return;
        }
        let Some(handle) = self.connections.get(&conn) else {
            return;
        };
        if handle.send(frame).is_err()
            && let Some(handle) = self.connections.remove(&conn)
        {
            handle.abort(CloseReason::OutboxFull);
        }
    }

    /// Lets the peer send frames of up to `frame_len_max` bytes from now on, and counts it as proved. A
    /// limit is never lowered.
    ///
    /// It holds for every frame whose header is read after this call. So raise before sending whatever
    /// permits the peer to send more: then no such frame can come too early. Until then its first frame
    /// may have [`Limits::first_frame_len_max`] bytes and the others [`Limits::early_frame_len_max`].
    pub fn raise_limit(&mut self, conn: ConnId, frame_len_max: usize) {
        self.take_in();
        if let Some(handle) = self.connections.get(&conn) {
            handle.raise_limit(frame_len_max);
        }
    }

    /// Writes what waits in the outbox of `conn`, for at most [`Limits::flush_within`], and closes it.
    /// What the peer sends meanwhile is not delivered.
    pub fn close(&mut self, conn: ConnId) {
        self.take_in();
        self.connections.remove(&conn);
    }

    /// Stops listening and dialing, closes all connections as [`Net::close`] does, and returns when all
    /// is over, after little more than [`Limits::flush_within`] at the latest. Events of this time that
    /// find the channel full are lost, so nobody has to read it.
    pub async fn shutdown(mut self) {
        self.wiring.stop.cancel();
        self.opened.close();
        self.take_in();
        self.connections.clear();
        self.wiring.tasks.close();
        let at_most = self.wiring.limits.flush_within + SHUTDOWN_MARGIN;
        if timeout(at_most, self.wiring.tasks.wait()).await.is_err() {
            tracing::debug!("{} connections had to be cut off", self.wiring.tasks.len());
        }
    }

    /// Learns of new connections and, at the same opportunity, forgets those that are over.
    fn take_in(&mut self) {
        let known = self.connections.len();
        while let Ok((conn, handle)) = self.opened.try_recv() {
            self.connections.insert(conn, handle);
        }
        if self.connections.len() > known {
            self.connections.retain(|_, handle| !handle.is_over());
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.wiring.kill.cancel();
    }
}

/// What every task needs to reach the others.
#[derive(Clone)]
pub(crate) struct Wiring {
    pub(crate) limits: Limits,
    pub(crate) events: mpsc::Sender<NetEvent>,
    pub(crate) opened: mpsc::Sender<(ConnId, Handle)>,
    /// One permit for each connection that may still be opened.
    pub(crate) seats: Arc<Semaphore>,
    /// One permit for each dial that may still run beside the others.
    pub(crate) dials: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Shutting down: no new connections, and nobody waits for the reader of events.
    pub(crate) stop: CancellationToken,
    /// `Net` is gone: every task ends where it is.
    kill: CancellationToken,
}

impl Wiring {
    /// Runs a task that ends with `Net` at the latest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let kill = self.kill.clone();
        self.tasks.spawn(async move {
            kill.run_until_cancelled(task).await;
        });
    }

    /// Reports an event; waits for its place unless we are shutting down.
    pub(crate) async fn tell(&self, event: NetEvent) {
        tokio::select! {
            biased;
            place = self.events.reserve() => {
                // An error says that nobody listens: the task will see to that itself.
                if let Ok(place) = place {
                    place.send(event);
                }
            }
            () = self.stop.cancelled() => (),
        }
    }
}
