//! One connection from its socket to its `Closed`. Knows the order in which things end; refuses to know
//! what frames mean and which other connections there are.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;

use crate::event::{CloseReason, ConnId, NetEvent, Role};
use crate::framing::{Arrived, FrameReader};
use crate::limits::Limits;
use crate::net::Wiring;
use crate::outbox::{FrameWriter, Full, Outbox, outbox};

/// A socket that has just been opened, and its place among all connections.
pub(crate) struct Opened {
    pub(crate) stream: TcpStream,
    pub(crate) remote: SocketAddr,
    /// The text that was dialed; `None` if the peer dialed us.
    pub(crate) dialed: Option<String>,
    /// Given back when `Closed` has been told, so that ended connections, too, are bounded.
    pub(crate) seat: OwnedSemaphorePermit,
    /// The frame limit that the engine sets when a room is proved, 0 until then. The connection's task
    /// holds the only lasting reference: whoever else knows it can see that the connection ended.
    pub(crate) raised: Arc<AtomicUsize>,
    /// Told when the place is needed for somebody else: who has not proved a room by then goes. As with the seat, it
    /// is held until `Closed` has been told.
    pub(crate) place: Arc<Notify>,
}

/// What commands reach a connection by. Dropping it closes the connection in an orderly way.
pub(crate) struct Handle {
    outbox: Outbox,
    raised: Weak<AtomicUsize>,
    abort: oneshot::Sender<CloseReason>,
}

impl Handle {
    pub(crate) fn send(&self, frame: Vec<u8>) -> Result<(), Full> {
        self.outbox.put(frame)
    }

    /// Ends the connection without flushing it.
    pub(crate) fn abort(self, why: CloseReason) {
        // An error says that it has ended of itself, which is as good.
        let _ = self.abort.send(why);
    }

    pub(crate) fn raise_limit(&self, frame_len_max: usize) {
        if let Some(raised) = self.raised.upgrade() {
            raised.fetch_max(frame_len_max, Ordering::Release);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.abort.is_closed()
    }
}

/// Announces a connection, carries its frames, tells its end.
pub(crate) async fn serve(wiring: Wiring, opened: Opened) {
    let Opened {
        stream,
        remote,
        dialed,
        seat,
        raised,
        place,
    } = opened;
    // Frames are coalesced here already; the kernel should not wait for more.
    if let Err(e) = stream.set_nodelay(true) {
        tracing::debug!("{remote} keeps Nagle's delay: {e}");
    }
    let conn = ConnId::next();
    let role = if dialed.is_some() {
        Role::Dialed
    } else {
        Role::Accepted
    };
    let (handle, connection) = connect(conn, stream, raised, wiring.limits);
    // The handle goes first: who hears of a connection can send on it.
    if wiring.opened.send((conn, handle)).await.is_err() {
        return;
    }
    wiring
        .tell(NetEvent::Connected {
            conn,
            role,
            remote,
            dialed,
        })
        .await;
    let why = connection.run(&wiring.events, &place).await;
    tracing::debug!("{conn} with {remote} is over: {why}");
    wiring.tell(NetEvent::Closed { conn, why }).await;
    drop((seat, place));
}

fn connect(
    conn: ConnId,
    stream: TcpStream,
    raised: Arc<AtomicUsize>,
    limits: Limits,
) -> (Handle, Connection) {
    let (read, write) = stream.into_split();
    let (abort, aborted) = oneshot::channel();
    let (outbox, writer) = outbox(write, &limits);
    let handle = Handle {
        outbox,
        raised: Arc::downgrade(&raised),
        abort,
    };
    let proved = Arc::clone(&raised);
    let reader = FrameReader::new(read, limits, raised);
    (
        handle,
        Connection {
            conn,
            proved,
            reader,
            writer,
            aborted,
            limits,
        },
    )
}

struct Connection {
    conn: ConnId,
    /// The frame limit that was set, 0 until a room is proved.
    proved: Arc<AtomicUsize>,
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    aborted: oneshot::Receiver<CloseReason>,
    limits: Limits,
}

impl Connection {
    /// Carries frames both ways until one side ends it. The socket is closed on return.
    async fn run(mut self, events: &mpsc::Sender<NetEvent>, place: &Notify) -> CloseReason {
        // Our own decision comes first, so that its reason is the one that is told.
        tokio::select! {
            biased;
            aborted = &mut self.aborted => {
                if let Ok(why) = aborted {
                    return why;
                }
            }
            () = is_needed(place, &self.proved) => return CloseReason::MadePlace,
            why = deliver(self.conn, &mut self.reader, events) => return why,
            written = self.writer.run() => {
                if let Err(why) = written {
                    return why;
                }
            }
        }
        // The handle is gone: nothing can be added to the outbox any more.
        let _ = timeout(self.limits.flush_within, self.take_leave()).await;
        CloseReason::ClosedByUs
    }

    /// Writes what is left and waits for the peer to have read it: a socket closed with unread bytes
    /// resets the connection, and a reset can take back what the peer has not read yet.
    async fn take_leave(&mut self) {
        let flush = async { self.writer.run().await.is_ok() && self.writer.finish().await.is_ok() };
        if flush.await {
            self.reader.discard().await;
        }
    }
}

/// Waits until the place of a connection is needed that has not proved a room by then.
async fn is_needed(place: &Notify, proved: &AtomicUsize) {
    loop {
        place.notified().await;
        if proved.load(Ordering::Acquire) == 0 {
            return;
        }
    }
}

/// One frame at a time: the next is not read before the engine's channel took this one. That slows the
/// peer through TCP, and since waiting senders are served in turn, it is fair to the others.
async fn deliver(
    conn: ConnId,
    reader: &mut FrameReader<OwnedReadHalf>,
    events: &mpsc::Sender<NetEvent>,
) -> CloseReason {
    loop {
        let event = match reader.next().await {
            Ok(Arrived::Frame(bytes)) => NetEvent::Frame { conn, bytes },
            Ok(Arrived::Piece) => NetEvent::Piece { conn },
            Err(why) => return why,
        };
        if events.send(event).await.is_err() {
            return CloseReason::ClosedByUs;
        }
    }
}
