//! What has happened on the network, as the engine is told of it. Knows no sockets; decides nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::discover::{Source, Standing};

/// One connection. Unique in this process, never used again, and no use outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

impl ConnId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Which side opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// We did.
    Dialed,
    /// The peer did.
    Accepted,
}

/// Everything that the network can tell the engine.
#[derive(Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// A connection was opened.
    Connected {
        /// Its name from now on.
        conn: ConnId,
        /// Who opened it.
        role: Role,
        /// The peer's end of it. IPv4 is written as IPv4 even on a socket that carries both.
        remote: SocketAddr,
        /// The text given to [`Net::dial`](crate::Net::dial), if we opened it.
        dialed: Option<String>,
    },
    /// A whole frame arrived.
    Frame {
        /// Where it arrived.
        conn: ConnId,
        /// The payload without its length; never empty.
        bytes: Vec<u8>,
    },
    /// Of a frame that takes its time, at least 16 KiB more arrived.
    Piece {
        /// Where.
        conn: ConnId,
    },
    /// A connection is over. Nothing more will be heard of it.
    Closed {
        /// Which one.
        conn: ConnId,
        /// What ended it.
        why: CloseReason,
    },
    /// No connection came of a [`Net::dial`](crate::Net::dial).
    DialFailed {
        /// The text given to it.
        addr: String,
        /// What happened, for a person: one reason for each address that was tried.
        why: String,
    },
    /// A source of addresses has news. Its first event comes soon after the start, whatever it says.
    Found {
        /// Which source.
        source: Source,
        /// All addresses that it gives now, each as [`Net::dial`](crate::Net::dial) takes it, always with a
        /// port. They replace those that it gave before. A peer may be there; nobody has looked.
        addrs: BTreeSet<String>,
        /// How it fares.
        standing: Standing,
    },
    /// The addresses of this machine's interfaces changed, a link came up or went down, or the machine has
    /// slept: what could not be reached may be reachable now, and the other way round.
    NetworkChanged,
}

/// Shows the length of a frame instead of its bytes: these are what people wrote to each other, and
/// events end up in logs.
impl fmt::Debug for NetEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected {
                conn,
                role,
                remote,
                dialed,
            } => f
                .debug_struct("Connected")
                .field("conn", conn)
                .field("role", role)
                .field("remote", remote)
                .field("dialed", dialed)
                .finish(),
            Self::Frame { conn, bytes } => f
                .debug_struct("Frame")
                .field("conn", conn)
                .field("len", &bytes.len())
                .finish(),
            Self::Piece { conn } => f.debug_struct("Piece").field("conn", conn).finish(),
            Self::Closed { conn, why } => f
                .debug_struct("Closed")
                .field("conn", conn)
                .field("why", why)
                .finish(),
            Self::DialFailed { addr, why } => f
                .debug_struct("DialFailed")
                .field("addr", addr)
                .field("why", why)
                .finish(),
            Self::Found {
                source,
                addrs,
                standing,
            } => f
                .debug_struct("Found")
                .field("source", source)
                .field("addrs", addrs)
                .field("standing", standing)
                .finish(),
            Self::NetworkChanged => f.write_str("NetworkChanged"),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// [`Net::close`](crate::Net::close) was called, or nobody listens to events any more.
    ClosedByUs,
    /// The peer closed it in an orderly way, perhaps in the middle of a frame.
    PeerClosed,
    /// The network or the peer broke it off.
    Reset(io::ErrorKind),
    /// The peer announced a frame without any payload.
    FrameEmpty,
    /// The peer announced a longer frame than it may send by now. None of its payload was kept.
    FrameTooLong {
        /// The announced length in bytes.
        len: usize,
        /// The limit in bytes at that moment.
        max: usize,
    },
    /// A frame was begun and not completed in time.
    FrameTooSlow,
    /// The peer took nothing of a write for too long.
    WriteStalled,
    /// It had not proved a room, and another connection needed its place.
    MadePlace,
    /// The peer reads more slowly than we send, and the outbox has no place for another frame.
    OutboxFull,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedByUs => f.write_str("closed by us"),
            Self::PeerClosed => f.write_str("closed by the peer"),
            Self::Reset(kind) => write!(f, "broken off: {kind}"),
            Self::FrameEmpty => f.write_str("the peer sent an empty frame"),
            Self::FrameTooLong { len, max } => {
                write!(
                    f,
                    "the peer announced a frame of {len} bytes, at most {max} are allowed"
                )
            }
            Self::FrameTooSlow => f.write_str("the peer did not complete a frame in time"),
            Self::WriteStalled => f.write_str("the peer stopped reading"),
            Self::MadePlace => f.write_str("it had not proved a room and made place for another"),
            Self::OutboxFull => f.write_str("the peer reads too slowly, its outbox is full"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_in_a_log_shows_its_length_and_not_what_people_wrote() {
        let event = NetEvent::Frame {
            conn: ConnId(7),
            bytes: b"secret".to_vec(),
        };
        assert_eq!(format!("{event:?}"), "Frame { conn: ConnId(7), len: 6 }");
    }
}
