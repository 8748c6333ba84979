//! Frames reach peers over TCP, and addresses at which peers may be are found. Knows sockets, names, byte
//! limits and where addresses come from; refuses to know what is in a frame, who the peer is, which room it
//! proves, whom to dial, when to dial again and when a silent peer is dead: the engine decides all of that,
//! and sees only [`NetEvent`]s and gives only commands.
//!
//! One task owns [`Net`] and calls it by `&mut`. It reads the events from the channel it gave to
//! [`Net::start`], which should have room for [`EVENTS_CAPACITY`]. No command waits and no command
//! fails: whatever comes of it arrives as an event.
//!
//! What a caller may rely on:
//! - each `dial` ends in exactly one `Connected` or `DialFailed`;
//! - each `Connected` is followed by that connection's frames in order, then by exactly one `Closed`
//!   (unless the whole of `Net` is shut down or dropped first);
//! - a command for a connection that is already over does nothing;
//! - after [`Net::discover`], the last `Found` of a source says all that it gives, and nothing was dialed.
//!
//! What this crate relies on: each `Connected` is sooner or later answered by a command, any command, for
//! then `Net` takes in what has been opened. A handshake or a `close` is one.
//!
//! Every queue, and its answer when full:
//!
//! | queue | capacity | when full |
//! |---|---|---|
//! | events, of all connections | [`EVENTS_CAPACITY`], the caller's | the reader of a connection waits with one frame in hand; TCP slows its peer; nothing is lost |
//! | outbox, of one connection | [`Limits::outbox_bytes_max`] and `OUTBOX_FRAMES_MAX` | that connection is closed ([`CloseReason::OutboxFull`]) |
//! | newly opened connections, on their way to [`Net`] | `OPENED_CAPACITY` | a further connection waits before it is announced |
//! | dials at a time | `DIALS_MAX` | a further dial waits its turn |
//! | connections | [`Limits::connections_max`] | accepted: closed at once; dialed: `DialFailed` |
//! | accepted connections not proved yet | [`Limits::unproved_max`] and its two companions | the oldest goes, of the address from which most come; while `LEAVING_MAX` are going the newcomer is closed at once |
//! | events of mDNS, on their way to its task | 1,000, mdns-sd's; `MDNS_EVENTS_MAX` of them are read in a second | mdns-sd drops us; we ask anew and hear again what holds |
//! | services on the LAN; addresses of one | `MDNS_SERVICES_MAX`, `MDNS_ADDRS_MAX` | more are left out; of services that is told |
//! | records, and their expiries, in mdns-sd | `MDNS_RECORDS_MAX`, `MDNS_TIMERS_MAX` | mDNS pauses for `MDNS_PAUSE` and begins with none |
//! | seconds in which mdns-sd has no time to say how much it keeps | `MDNS_UNANSWERED_MAX` | it is ended, and pauses when it has ended |
//! | an answer of Tailscale; of `wg` | `TAILSCALE_LEN_MAX`, `WIREGUARD_LEN_MAX`, each within `ASK_WITHIN` | cut off, told, and asked again later |
//! | addresses of Tailscale; of WireGuard | `TAILSCALE_ADDRS_MAX`, `WIREGUARD_ADDRS_MAX` | more are left out, which is told |
//! | the hosts file | `HOSTS_LEN_MAX`, `HOSTS_LINES_MAX` | the rest is left out, which is told |
//!
//! # Framing
//!
//! Four bytes of length, big-endian, then as many bytes of payload, at least one.

mod accept;
mod connection;
mod dial;
mod discover;
mod error;
mod event;
mod framing;
mod limits;
mod listen;
mod net;
mod outbox;
mod reach;

pub use discover::{Discovery, Mdns, Source, Standing, Tailscale};
pub use error::NetError;
pub use event::{CloseReason, ConnId, NetEvent, Role};
pub use limits::{DEFAULT_PORT, EVENTS_CAPACITY, Limits};
pub use listen::Listen;
pub use net::Net;
pub use reach::reachable;
