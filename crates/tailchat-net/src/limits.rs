//! Every number that bounds this crate, in one place. Knows no sockets; says what each number is for,
//! the code that enforces it says how.

use std::time::Duration;

/// The TCP port of a peer whose address names none.
pub const DEFAULT_PORT: u16 = 24242;

/// The capacity that the channel of events should have. A frame has at most about 1 MiB, so this also
/// bounds what waits in memory for the engine.
pub const EVENTS_CAPACITY: usize = 32;

/// Connections that are open but not yet known to `Net`, which takes them in at each command.
pub(crate) const OPENED_CAPACITY: usize = 64;

/// Strangers at a time that were told to make place and have not gone yet. While there are so many, whoever comes
/// beyond the limit is closed at once: a flood of strangers takes no more of the seats.
pub(crate) const LEAVING_MAX: usize = 16;

/// As many of [`LEAVING_MAX`] may go for somebody from an address of which others have a place. The rest is for
/// those from elsewhere, whom a flood from one address would turn away with its own.
pub(crate) const LEAVING_FOR_MORE_MAX: usize = 8;

/// Frames in one outbox, whatever their length: an entry costs memory even if its frame is tiny.
pub(crate) const OUTBOX_FRAMES_MAX: usize = 16 * 1024;

/// Dials at a time; each may hold a thread of the runtime while a name is being resolved.
pub(crate) const DIALS_MAX: usize = 16;

/// Addresses tried of those that one name resolves to.
pub(crate) const DIAL_ADDRS_MAX: usize = 8;

/// What the kernel may hold of connections that we have not accepted yet.
pub(crate) const LISTEN_BACKLOG: u32 = 128;

/// Bytes of a frame that count as a piece of it. More than a frame before a room is proved, which has to be complete
/// in time as a whole.
pub(crate) const PIECE_LEN: usize = 16 * 1024;

/// Beyond this many bytes no further frame is added to one write, and the memory of a longer one is not
/// kept for the next.
pub(crate) const COALESCE_BYTES: usize = 64 * 1024;

/// The least space offered to one read.
pub(crate) const READ_BYTES_MIN: usize = 16 * 1024;

/// The first pause after an error of `accept` that is not the peer's doing, such as a full descriptor
/// table; it doubles up to [`ACCEPT_PAUSE_MAX`].
pub(crate) const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);

/// The longest pause between two attempts to accept.
pub(crate) const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What `shutdown` waits beyond [`Limits::flush_within`] for tasks to notice that they are over.
pub(crate) const SHUTDOWN_MARGIN: Duration = Duration::from_millis(250);

/// How often the interfaces of this machine are read; a change is told after at most this time.
pub(crate) const INTERFACES_EVERY: Duration = Duration::from_secs(1);

/// The machine counts as having slept if its wall's clock went ahead by this much between two looks; a clock
/// that is set goes by less, or looking around once too often does no harm.
pub(crate) const SLEPT_MIN: Duration = Duration::from_secs(5);

/// The time that one question to another program of this machine may take; then it is cut off.
pub(crate) const ASK_WITHIN: Duration = Duration::from_secs(2);

/// Of what another program complains about only this much is read; a program that has more to say may find
/// its pipe closed.
pub(crate) const STDERR_LEN_MAX: usize = 4 * 1024;

/// Of what other programs and files say a person is shown this much; the rest is left out.
pub(crate) const FOREIGN_TEXT_CHARS_MAX: usize = 160;

/// How often Tailscale is asked while it answers.
pub(crate) const TAILSCALE_EVERY: Duration = Duration::from_secs(5);

/// How often Tailscale is asked while it is not there, or does not answer as it should.
pub(crate) const TAILSCALE_RETRY: Duration = Duration::from_secs(30);

/// The longest answer of Tailscale; a longer one is not read to its end, and counts as none. A peer takes
/// about 1 KiB of it.
pub(crate) const TAILSCALE_LEN_MAX: usize = 8 * 1024 * 1024;

/// Peers of a tailnet that are given; more are left out and told.
pub(crate) const TAILSCALE_ADDRS_MAX: usize = 512;

/// How often `wg` is asked.
pub(crate) const WIREGUARD_EVERY: Duration = Duration::from_secs(30);

/// The longest answer of `wg`; a longer one counts as none.
pub(crate) const WIREGUARD_LEN_MAX: usize = 1024 * 1024;

/// Peers of WireGuard that are given; more are left out and told.
pub(crate) const WIREGUARD_ADDRS_MAX: usize = 512;

/// How often the hosts file is looked at.
pub(crate) const HOSTS_EVERY: Duration = Duration::from_secs(2);

/// Bytes of the hosts file that are read; the rest is left out and told.
pub(crate) const HOSTS_LEN_MAX: usize = 64 * 1024;

/// Lines of the hosts file that are read; the rest is left out and told.
pub(crate) const HOSTS_LINES_MAX: usize = 256;

/// A hosts file that was changed less than this ago may change again without a sign of it, and is read once
/// more: some file systems know the time to two seconds.
pub(crate) const HOSTS_SETTLED: Duration = Duration::from_secs(3);

/// Services on the LAN that are kept; more are left out and told.
pub(crate) const MDNS_SERVICES_MAX: usize = 256;

/// Addresses of one service that are kept, IPv4 first; more are left out.
pub(crate) const MDNS_ADDRS_MAX: usize = 8;

/// Addresses that all services give together, each its first ones before others give more; more are left out. Whoever
/// dials listens to no more of one source, so who claims many would take the places of others.
pub(crate) const MDNS_FOUND_MAX: usize = 512;

/// Events of mDNS that are read in one second. Beyond, its channel fills up, it drops us, and in the next
/// second we ask anew.
pub(crate) const MDNS_EVENTS_MAX: usize = 1024;

/// Records that mDNS may keep, whosever they are; beyond, it pauses for [`MDNS_PAUSE`] and begins with none.
/// One tailchat has about six.
pub(crate) const MDNS_RECORDS_MAX: i64 = 8 * 1024;

/// Expiries that mDNS may have noted, some for each record and each repetition of it; beyond, as with
/// [`MDNS_RECORDS_MAX`].
pub(crate) const MDNS_TIMERS_MAX: i64 = 64 * 1024;

/// How often it is looked at how much mDNS keeps.
pub(crate) const MDNS_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks in a row that mDNS may leave unanswered; then, too, it is ended, and pauses as soon as it has ended.
pub(crate) const MDNS_UNANSWERED_MAX: usize = 5;

/// How long mDNS rests after a flood or a failure.
pub(crate) const MDNS_PAUSE: Duration = Duration::from_secs(30);

/// What is heard within this time is told at once: one peer gives several events.
pub(crate) const MDNS_GATHER: Duration = Duration::from_millis(100);

/// How often in one second it is told what was heard on the LAN, however much that is; the rest waits for the
/// next second.
pub(crate) const MDNS_TELLINGS_MAX: usize = 4;

/// How often the LAN is asked who is there. Peers announce themselves; this is for announcements that a
/// wireless network lost.
pub(crate) const MDNS_AGAIN: Duration = Duration::from_secs(60);

/// Seconds between the looks that mDNS has itself at the interfaces.
pub(crate) const MDNS_INTERFACES_SECS: u32 = 2;

/// By this time we should be announced on some interface, or a person is told that we are not.
pub(crate) const MDNS_ANNOUNCED_WITHIN: Duration = Duration::from_secs(3);

/// What a shutdown waits for our goodbye on the LAN.
pub(crate) const MDNS_GOODBYE_WITHIN: Duration = Duration::from_millis(200);

/// The limits that a caller may set. The default is what peers expect of each other; tests take
/// shorter times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, dialed and accepted. 256.
    pub connections_max: usize,
    /// Accepted connections from other machines that [`Net::raise_limit`](crate::Net::raise_limit) has
    /// not named yet, so that strangers cannot take all seats. Of one more the oldest goes, of the address from which
    /// most come: who is silent keeps nobody out. 8.
    pub unproved_max: usize,
    /// As many of [`Limits::unproved_max`] may come from one IP address. 2.
    pub unproved_per_ip_max: usize,
    /// Unproved connections from this machine. They have a count of their own and no limit per address:
    /// peers on one machine all come from the same loopback address, and when one of them restarts, all
    /// the others return at once. 32.
    pub unproved_loopback_max: usize,
    /// The length in bytes of a connection's first frame, at most. 256.
    pub first_frame_len_max: usize,
    /// The length in bytes of every later frame, at most, until it is raised. 8 KiB.
    pub early_frame_len_max: usize,
    /// The time from the first byte of a frame to its last, or to its next piece: 16 KiB, the last bytes
    /// of a frame alone. A thin line takes longer for the longest frame than anybody may drip. 20 s.
    pub frame_complete_within: Duration,
    /// While a frame arrives it is told that pieces of it do, at most so often. 1 s.
    pub piece_told_after: Duration,
    /// The bytes that wait for one slow peer, four more for each frame. The longest frame must fit. 4 MiB.
    pub outbox_bytes_max: usize,
    /// The time without one byte of progress after which a write is given up. 45 s, as for a peer that
    /// answers no ping: one that is only busy may well not read for a while.
    pub write_stalled_after: Duration,
    /// The time that a connection closed by us gets for the rest of its outbox. 1 s.
    pub flush_within: Duration,
    /// The time to connect to one address. 3 s.
    pub connect_within: Duration,
    /// The time to resolve one name. 5 s, since a multicast lookup takes that long to find nothing.
    pub resolve_within: Duration,
    /// The head start of each resolved address before the next one is tried beside it. 250 ms, as
    /// RFC 8305 recommends.
    pub dial_stagger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            unproved_max: 8,
            unproved_per_ip_max: 2,
            unproved_loopback_max: 32,
            first_frame_len_max: 256,
            early_frame_len_max: 8 * 1024,
            frame_complete_within: Duration::from_secs(20),
            piece_told_after: Duration::from_secs(1),
            outbox_bytes_max: 4 * 1024 * 1024,
            write_stalled_after: Duration::from_secs(45),
            flush_within: Duration::from_secs(1),
            connect_within: Duration::from_secs(3),
            resolve_within: Duration::from_secs(5),
            dial_stagger: Duration::from_millis(250),
        }
    }
}
