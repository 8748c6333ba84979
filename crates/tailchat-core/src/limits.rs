//! Every limit of the format, the protocol and the engine, each with what happens at it. Knows only
//! numbers.

use std::time::Duration;

/// Entries in one list of the room document; the next entry opens the next list.
pub const LIST_LEN: u64 = 256;
/// Entries in one change. Authoring starts another change; the gate refuses more.
pub const CHANGE_ENTRIES_MAX: usize = 256;
/// Bytes of one change as Automerge encodes it. Authoring starts another change; the gate refuses more.
pub const CHANGE_LEN_MAX: usize = 256 * 1024;
/// Bytes that a change needs beside its entries (header, columns, one list creation).
pub const CHANGE_OVERHEAD_MAX: usize = 2 * 1024;
/// Bytes of one entry. The gate refuses more; [`TEXT_LEN_MAX`] keeps our own below.
pub const ENTRY_LEN_MAX: usize = 66 * 1024;
/// Bytes of a message's text, UTF-8. `send` refuses more, a received one is shown as unreadable.
pub const TEXT_LEN_MAX: usize = 64 * 1024;
/// Bytes of a person's, a nick's or a room's name. Setting more is refused, a received one is unreadable.
pub const NAME_LEN_MAX: usize = 64;
/// Bytes of a reaction: an emoji with its joiners, or a word. More is refused, a received one is unreadable.
pub const REACTION_LEN_MAX: usize = 64;
/// Bytes of a room's topic. Setting more is refused, a received one is unreadable.
pub const TOPIC_LEN_MAX: usize = 512;
/// Links of one actor that count: the first ones that it wrote, what is beyond has no effect.
pub const LINKS_MAX: usize = 64;
/// The greatest order and time an entry may carry: what a double holds exactly. Beyond it, unreadable.
pub const ORDER_MAX: u64 = 1 << 53;
/// How far ahead of our clock an entry's order may stand and still move ours, in milliseconds.
pub const ORDER_AHEAD_MAX_MS: u64 = 5 * 60 * 1000;
/// Orders ahead of our clock that are remembered until their time comes; the furthest is forgotten first.
pub const ORDERS_AHEAD_MAX: usize = 1024;
/// Actors of one room. The gate refuses changes of further ones, and `status` says so.
pub const ACTORS_MAX: usize = 8192;
/// Entries that one actor may write: Automerge's operation counters are 32 bits wide. A device then takes
/// a fresh actor; the gate refuses more.
pub const ACTOR_ENTRIES_MAX: u64 = 1 << 31;

/// Bytes of a block's columns after inflation, and of its entries. A reader refuses more before it makes room
/// for them.
pub const BLOCK_LEN_MAX: usize = 4 * 1024 * 1024;
/// Changes in a block. A reader refuses more by the spans alone. No writer comes near: the changes of a block
/// take at most [`BLOCK_CHANGES_LEN_MAX`], and the shortest of them 101 bytes.
pub const BLOCK_ROWS_MAX: usize = 12 * 1024;
/// Entries in a block. As [`BLOCK_ROWS_MAX`]: 256 entries of one byte make a change of at least 390.
pub const BLOCK_ENTRIES_MAX: usize = 704 * 1024;
/// Bytes of changes that a sender gathers into one block. The rest waits for the next `Want`.
pub const BLOCK_CHANGES_LEN: usize = 512 * 1024;
/// Bytes of changes that one block may come to: a tail that was just short of [`BLOCK_CHANGES_LEN`], and one
/// write more. Nothing checks it; it follows, and the limits above and [`FRAME_MAX`] are made for it.
pub const BLOCK_CHANGES_LEN_MAX: usize = BLOCK_CHANGES_LEN + APPEND_LEN + CHANGE_LEN_MAX;

/// Bytes of the first frame of a connection. The connection is closed at more.
pub const FRAME_HELLO_MAX: usize = 256;
/// Bytes of a frame before a room is proved. The connection is closed at more.
pub const FRAME_UNPROVED_MAX: usize = 8 * 1024;
/// Bytes of a frame once a room is proved. The connection is closed at more.
pub const FRAME_MAX: usize = 1024 * 1024 + 64 * 1024;
/// Bytes of one piece of a bundle: what fits a frame fits a piece. A reader refuses more before it makes room.
pub const BUNDLE_PIECE_LEN_MAX: usize = FRAME_MAX;
/// Tags that a peer may offer over a connection's life. The connection is closed at more.
pub const TAGS_MAX: usize = 4096;
/// Tags in one Offer frame; further rooms are offered in another.
pub const OFFER_TAGS_MAX: usize = 256;
/// Ranges in one `Want`; the rest is asked for next time.
pub const WANT_RANGES_MAX: usize = 4096;
/// Questions of peers that the disk is at in one room; a further one is answered with nothing. Eight links have half as many
/// at most; who leaves and comes back could have any number, and our own writes wait behind them.
pub const LOADS_MAX: usize = 64;
/// How often in [`FORK_HEALS_TIME`] a room gives up an actor of ours for a fork and posts its entries again. A
/// further fork waits: any member can claim one, and each would bring the whole chain anew.
pub const FORK_HEALS_MAX: usize = 3;
/// See [`FORK_HEALS_MAX`].
pub const FORK_HEALS_TIME: Duration = Duration::from_secs(60 * 60);
/// Messages that a room must lack of what a peer holds for that peer to be asked for its newest lines. With
/// fewer the history itself is there as soon.
pub const PREVIEW_BEHIND_MIN: u64 = 1000;
/// Lines of a preview. Of a question for more, these are answered; a peer that sends more is closed.
pub const PREVIEW_LINES_MAX: usize = 50;
/// Bytes of a preview's lines. Those that do not fit are left out from the oldest end; a peer that sends more is
/// closed.
pub const PREVIEW_LEN_MAX: usize = 64 * 1024 - 64;
/// Bytes of vetted changes that wait for the disk in one room. Pushed changes are left to a later `Want` until there
/// is room again; no `Want` is sent while more than half of it waits.
pub const PENDING_LEN_MAX: usize = 4 * 1024 * 1024;
/// Bytes of changes that one device pushed and that wait for the disk in one room. Further ones are left to a later
/// `Want`, so that nobody takes the place of the others' news; of actors of whom nothing waits yet, from twice as many
/// on: a device that passes on what somebody writes who writes much passes on the others' news, too.
pub const PUSHED_LEN_MAX: usize = 512 * 1024;
/// Bytes of changes after which one write to the log ends; the rest goes into the next. A log that starts
/// another file at 512 KiB of changes then seals into blocks that fit a frame.
pub const APPEND_LEN: usize = 256 * 1024;
/// Bytes of posts that wait for the disk in one room. A post beyond is refused as "busy".
pub const DRAFTS_LEN_MAX: usize = 32 * 1024 * 1024;
/// Devices of one room whose disks are counted; of further ones nothing is remembered.
pub const DEVICES_MAX: usize = 1024;
/// Claims of what other members' disks hold that are kept for one room; further ones are forgotten, and "on how
/// many disks" then says too little.
pub const CLAIMS_MAX: usize = 65_536;
/// Addresses that are known. One more takes the place of the least promising of those that nobody wrote by hand; if all
/// were, it is ignored.
pub const ADDRESSES_MAX: usize = 1024;
/// Addresses that a discovery source gives at a time. Of more, the first ones count.
pub const FOUND_MAX: usize = 512;
/// Bytes of an address that a peer tells. A longer one is ignored.
pub const ADDRESS_LEN_MAX: usize = 64;
/// Addresses in one `Peers`. A peer that sends more is closed.
pub const PEERS_TOLD_MAX: usize = 32;
/// Addresses that a peer may tell in a minute, over all its connections' rooms; those beyond are ignored.
pub const PEERS_HEARD_MAX: u32 = 256;
/// Failed dials after which an address that a peer told and that never worked is forgotten.
pub const HEARSAY_FAILURES_MAX: u32 = 8;
/// Dials that begin in one tick; further ones begin in the next.
pub const DIALS_PER_TICK: usize = 16;
/// Dials that are under way at a time to addresses that nobody wrote and at which nobody was met; further ones wait.
pub const DIALS_UNSURE_MAX: usize = 12;
/// Of these, to addresses that only peers told.
pub const DIALS_TOLD_MAX: usize = 8;

/// Live links in a room. Of one more the newcomer goes, or an older one if the newcomer has few or holds something else.
pub const ROOM_LINKS_MAX: usize = 8;
/// Live links that a room with more members than [`ROOM_LINKS_MAX`] looks for; smaller ones look for everybody.
pub const ROOM_LINKS_MIN: usize = 7;
/// Who has fewer links than this in a room is taken in there, also if somebody else has to go.
pub const ROOM_LINKS_NEEDY: usize = 3;
/// A room with more members than [`ROOM_LINKS_MAX`] looks at one that is not linked about so often.
pub const PROBE_EVERY: Duration = Duration::from_secs(60);
/// For so long an address is dialled whose connection broke, also if the room has links enough.
pub const LOST_RETRY: Duration = Duration::from_secs(120);
/// How long a peer with links enough in a room is left alone.
pub const FULL_PAUSE: Duration = Duration::from_secs(30);
/// A peer that was told of a change of an actor that nobody sends it asks for it after this long; by then most of
/// those who have it have said so.
pub const NEWS_WAIT: Duration = Duration::from_millis(50);
/// The same, of an actor whose changes another link sends, and no nearer one told of it: that one is late.
pub const REPAIR_WAIT: Duration = Duration::from_millis(500);

/// A change that came by so many links is not sent on, only told: who lacks it may find somebody nearer to its author.
pub const STEPS_SENT_MAX: u8 = 5;

/// How often a device says that it is there, in a room whose members are not all linked with it.
pub const PRESENCE_EVERY: Duration = Duration::from_secs(60);
/// In a large room the pause is this for each member who is there, so that all together say so once a second.
pub const PRESENCE_EACH: Duration = Duration::from_secs(1);
/// Signs of life in one `Presence`. A peer that sends more is closed.
pub const PRESENCE_MAX: usize = 256;
/// Signs of life that a link passes on in a second; those beyond are dropped.
pub const PRESENCE_RATE: u32 = 256;
/// A device with which a connection broke counts as gone after this long, unless it is heard of.
pub const LOST_FOR: Duration = Duration::from_secs(8);
/// Somebody who types has stopped after this long, unless it is said again.
pub const TYPING_FOR: Duration = Duration::from_secs(6);
/// How often it is said again, at most.
pub const TYPING_EVERY: Duration = Duration::from_secs(3);
/// Connections kept at once; a further one is closed.
pub const CONNECTIONS_MAX: usize = 256;

/// Pieces in which what a person has read of a room may lie; of one more the mark is refused.
pub const READ_STRETCHES_MAX: usize = 16_384;
/// Different names in one message that count as mentioned; of further ones nothing is known.
pub const MENTIONS_MAX: usize = 64;

/// A connection on which no room is proved by then is closed.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// A connection that was silent for this long is pinged.
pub const PING_AFTER: Duration = Duration::from_secs(15);
/// A connection that was silent for this long is closed: the kernel's own idea is a quarter of an hour.
pub const DEAD_AFTER: Duration = Duration::from_secs(45);
/// A `Want` without an answer for this long goes to another peer.
pub const WANT_TIME: Duration = Duration::from_secs(5);
/// A `Want` whose answer is seen to arrive keeps others from being asked for this long, and [`WANT_TIME`] more.
pub const ANSWER_TIME: Duration = Duration::from_secs(20);
/// A connection on which a peer owes a sign for this long may be dead: it is dialled again beside it.
pub const DOUBT_AFTER: Duration = Duration::from_secs(3);
/// A peer that has what we lack and is not asked for this long is no longer passed over for others' word that they are
/// nearer to an author; who takes longer to answer its first `Want` makes us cautious of others that were never asked.
pub const TURN_WAIT: Duration = Duration::from_secs(1);
/// How long a peer that let a `Want` stall is asked last, and how long others that were never asked are asked after those
/// that answered.
pub const STALLED_TIME: Duration = Duration::from_secs(30);
/// How often a peer passes on what other peers' disks hold, at most.
pub const DISKS_EVERY: Duration = Duration::from_secs(10);
/// Claims of other members' disks that a peer is told each time; the rest the next time.
pub const DISK_CLAIMS: usize = 4096;
/// [`DISKS_EVERY`] in a room with more devices than it keeps links, where each message changes what all of them hold.
pub const DISKS_EVERY_LARGE: Duration = Duration::from_secs(60);
/// A room whose disk failed tries again after this long.
pub const DISK_RETRY: Duration = Duration::from_secs(5);
/// The first pause before an address is dialled again; it doubles up to [`DIAL_PAUSE_MAX`].
pub const DIAL_PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest pause before an address is dialled again at which a peer was met, or is said to be by hand or by itself.
pub const DIAL_PAUSE_MAX: Duration = Duration::from_secs(3);
/// The same, of an address of a VPN at which nobody was met: most machines there run other things.
pub const DIAL_PAUSE_VPN: Duration = Duration::from_secs(30);
/// The same, of an address that only a peer told.
pub const DIAL_PAUSE_TOLD: Duration = Duration::from_secs(60);
/// How long an address is left alone at which no room is shared, the first time; it doubles up to [`USELESS_PAUSE_MAX`].
pub const USELESS_PAUSE: Duration = Duration::from_secs(10);
/// The longest of these pauses.
pub const USELESS_PAUSE_MAX: Duration = Duration::from_secs(300);
/// How often the engine wants to be told the time.
pub const TICK: Duration = Duration::from_millis(250);
