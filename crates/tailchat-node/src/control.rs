//! What programs say to a node and what it answers: JSON, one object a line, over the local socket or within
//! the process. A connection carries one request after the other; each is answered by any number of
//! [`Answer::Item`]s and then one [`Answer::Done`] or [`Answer::Failed`]. Closing the connection cancels.
//! Knows no socket and no terminal.

mod findings;
pub mod hex;
mod items;
mod query;

use serde::{Deserialize, Serialize};

pub use findings::{Area, FindingItem, Level};
pub use items::{
    AddressItem, Change, CheckItem, DiskItem, EXPORTED_MAX, FoundItem, Item, MemberItem, MergedItem,
    MessageItem, MessageKind, NodeItem, PageItem, PeerItem, REACTED_MAX, ReactionItem, Remaining, RoomItem,
    SHOWN_MAX, SearchedItem, ShownItem, SourceItem, SourceStanding, Standing, StatusItem, TYPING_MAX,
    WAITING_ADDRS_MAX, WaitingItem,
};
pub use query::{QUERY_PART_LEN_MAX, QUERY_PARTS_MAX, Query, QueryError, ReadTime, Sought};

/// The version of this protocol. What is added to it leaves the number as it is: programs pass over fields that they do
/// not know, and a node answers a request that it does not know with [`Code::Usage`]. What is changed or taken away
/// raises it.
pub const CONTROL_VERSION: u32 = 1;

/// What a node is asked to do. `room` is a name, a unique beginning of one, or an ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Who are you? Answered by [`Item::Node`].
    Hello,
    /// Makes a room. Answered by [`Item::Room`].
    New {
        /// The room's name for everybody.
        name: String,
    },
    /// Takes part in a room. Answered by [`Item::Room`] once that is durable, then, if `wait` says so, by
    /// [`Item::Room`] again whenever it changed, until somebody who has the room was met and nothing is missing.
    Join {
        /// A room ID or an invite.
        room: String,
        /// Addresses to dial beside those in the invite.
        peers: Vec<String>,
        /// Whether and how long to wait.
        wait: Wait,
    },
    /// Lists rooms as [`Item::Room`].
    Rooms,
    /// One room as [`Item::Room`]; its counts may be a moment old.
    Room {
        /// Which.
        room: String,
    },
    /// Leaves a room. With `forget` its history goes from this disk, too.
    Leave {
        /// Which.
        room: String,
        /// Whether to delete it here.
        forget: bool,
    },
    /// Lists members as [`Item::Member`].
    Members {
        /// Which room.
        room: String,
    },
    /// Posts messages, all or none; answered by one [`Item::Posted`] each when durable.
    Send {
        /// Whither.
        room: String,
        /// What.
        texts: Vec<String>,
        /// Whether they are actions (`/me`).
        action: bool,
        /// The message to answer: an ID or a unique beginning of one.
        reply_to: Option<String>,
        /// Wait until this many other members' disks have them; [`Code::TimeUp`] if that takes too long.
        on: u32,
        /// How long that may take.
        wait: Wait,
    },
    /// Says something of a message that is here; durable when it is done.
    Amend {
        /// In which room.
        room: String,
        /// Its ID, or the unique beginning of one.
        message: String,
        /// What.
        what: Amending,
    },
    /// What is known of one message: itself as [`Item::Message`], then on whose disks it is, as [`Item::Holders`].
    Show {
        /// In which room.
        room: String,
        /// Its ID, or the unique beginning of one.
        message: String,
    },
    /// The texts that a message has had, as [`Item::Version`], the first one first; none if it was never edited.
    Versions {
        /// In which room.
        room: String,
        /// Its ID, or the unique beginning of one.
        message: String,
    },
    /// A message and the messages that answer it, as [`Item::Message`]: itself first, then they, the oldest first. At
    /// most [`ANSWERS_MAX`] of them; [`MessageItem::answers`] of the first item tells how many there are.
    Answers {
        /// In which room.
        room: String,
        /// Its ID, or the unique beginning of one.
        message: String,
        /// Only answers behind this place.
        #[serde(default)]
        after: Option<String>,
    },
    /// A page of a room's lines: [`Item::Page`], then the lines as [`Item::Message`], the oldest first.
    Page {
        /// Which room.
        room: String,
        /// Around which line.
        at: At,
        /// Lines before that one, at most [`PAGE_MAX`].
        before: u32,
        /// Lines from that one on, at most [`PAGE_MAX`].
        after: u32,
    },
    /// Marks messages as read, or not. Durable within seconds; with [`Reading::All`] when it is done.
    Read {
        /// In which room.
        room: String,
        /// Which.
        what: Reading,
    },
    /// On how many disks these messages are, as [`Item::Disks`]; those that are not there are passed over.
    Disks {
        /// In which room.
        room: String,
        /// Their IDs, at most [`PAGE_MAX`].
        messages: Vec<String>,
    },
    /// The draft that waits in a room, as [`Item::Draft`].
    Draft {
        /// Which room.
        room: String,
    },
    /// Keeps what is being written; durable when it is done. An empty text removes it.
    SetDraft {
        /// In which room.
        room: String,
        /// What.
        text: String,
    },
    /// Nobody is to be told of a room's messages any more, or again; durable when it is done. They still count as unread.
    Mute {
        /// Which room.
        room: String,
        /// Whether it is muted from now on.
        on: bool,
    },
    /// What everybody is to see of a room; durable when it is done.
    Describe {
        /// Which room.
        room: String,
        /// What.
        what: Describing,
    },
    /// Lists the pinned messages of a room as [`Item::Message`], in the room's order; of very many the newest [`PINS_MAX`].
    Pins {
        /// Which room.
        room: String,
    },
    /// Calls a room by another name, here only; an empty one takes that back. Durable when it is done.
    Alias {
        /// Which room.
        room: String,
        /// The name.
        name: String,
    },
    /// Folds a member's messages away, here only, or no longer; durable when it is done. They never count as unread.
    Ignore {
        /// In which room.
        room: String,
        /// The member's name, or the beginning of their ID.
        member: String,
        /// Whether they are ignored from now on.
        on: bool,
    },
    /// Tells of all rooms what changes, until it is cancelled: every room as [`Item::Room`], now and whenever its item
    /// changes, and [`Item::Shown`], [`Item::Changed`] and [`Item::Preview`].
    Watch,
    /// Lists messages as [`Item::Message`], the oldest first.
    Log(LogRequest),
    /// Looks for messages by what they say, the newest first: each as [`Item::Found`], then one [`Item::Searched`].
    Search(SearchRequest),
    /// Posts messages from elsewhere, at most [`IMPORT_MAX`] a request; answered by one [`Item::Imported`] when
    /// durable.
    Import {
        /// Whither.
        room: String,
        /// What.
        messages: Vec<Import>,
    },
    /// Answers with everything that all peers share: the room as [`Item::Room`], then [`Item::Message`]s with the names of
    /// up to [`EXPORTED_MAX`] people who reacted to each; or, for [`ExportFormat::Automerge`], [`Item::Bytes`].
    Export {
        /// Which room.
        room: String,
        /// How.
        format: ExportFormat,
    },
    /// Writes changes of a room as a bundle: its bytes as [`Item::Bytes`], then one [`Item::Bundled`].
    Bundle {
        /// Which room.
        room: String,
        /// Which changes.
        what: Bundled,
    },
    /// Takes in a piece of a bundle; answered by one [`Item::Merged`] when what was new in it is durable.
    Merge(MergeRequest),
    /// Lists the ways in which addresses are found as [`Item::Source`], then addresses and connected peers as
    /// [`Item::Address`].
    Peers,
    /// Somebody is writing something in a room; said again every few seconds as long as they do.
    Typing {
        /// In which room.
        room: String,
    },
    /// Dials an address, now and for ever.
    AddPeer {
        /// `HOST[:PORT]`.
        addr: String,
    },
    /// No longer dials an address.
    ForgetPeer {
        /// As it was added; `HOST` stands for all its ports.
        addr: String,
    },
    /// How rooms stand, as [`Item::Status`].
    Status {
        /// Which room; all if none.
        room: Option<String>,
        /// Wait until every one is equal with all connected peers, of which there must be one.
        wait: Wait,
    },
    /// What is wrong with the node, its rooms and its peers, as [`Item::Finding`], without leaving the process.
    Doctor,
    /// Verifies every record on disk; answered by [`Item::Check`] for each room.
    Check {
        /// Which room; all if none.
        room: Option<String>,
        /// Whether to mend what can be mended here: damaged blocks are set aside, so that peers fill the gap.
        repair: bool,
    },
    /// Gives a code with which another device writes as the same person, as [`Item::LinkCode`]; one that was given before
    /// and not used is void.
    Link,
    /// Becomes the person whose device gave the code, with a folder that is in no room; answered by [`Item::Linked`].
    TakeLink {
        /// The code.
        code: String,
    },
    /// Takes another name, durably.
    Name {
        /// The name.
        name: String,
    },
}

/// What is said of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amending {
    /// It has another text; only for one's own.
    Edit(String),
    /// It is to be seen no longer; only for one's own, or what one brought in.
    Delete,
    /// What one feels about it.
    React {
        /// An emoji or a word.
        with: String,
        /// Or feels no longer.
        on: bool,
    },
    /// Whether it is pinned, for everybody.
    Pin(bool),
}

/// What a code begins with that [`Request::TakeLink`] takes.
pub const LINK_SCHEME: &str = "tailchat-link:";

/// What everybody sees of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Describing {
    /// Its name.
    Name(String),
    /// What it is about; nothing if empty.
    Topic(String),
}

/// Which messages [`Request::Log`] lists; all of the room if nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRequest {
    /// Which room.
    pub room: String,
    /// Only so many, the newest.
    pub last: Option<u64>,
    /// Only those sent at this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Only those sent before this time.
    pub until_ms: Option<i64>,
    /// As this peer knew the room at this time: what arrived later is left out. Of what was deleted since, no text comes
    /// back. Not with `unread`, `follow` or `preview`.
    #[serde(default)]
    pub known_ms: Option<i64>,
    /// Only those that were not read yet.
    #[serde(default)]
    pub unread: bool,
    /// Go on with what is shown from now on, as it comes.
    #[serde(default)]
    pub follow: bool,
    /// Behind what is here, also list what a peer that is far ahead tells of its newest page, as
    /// [`Item::Preview`].
    #[serde(default)]
    pub preview: bool,
}

/// What [`Request::Search`] looks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// For what.
    pub query: Query,
    /// So many at most, the newest; no more than [`SEARCH_MAX`].
    pub limit: u32,
}

/// Messages that one [`Request::Search`] may find; a node refuses to look for more.
pub const SEARCH_MAX: u32 = 4096;

/// Messages that one [`Request::Pins`] lists.
pub const PINS_MAX: usize = 256;

/// Answers in one answer to [`Request::Answers`]; the rest are asked for by the place of the last one.
pub const ANSWERS_MAX: usize = 512;

/// Messages in one [`Request::Import`]; a node refuses more.
pub const IMPORT_MAX: usize = 4096;

/// Lines either way in one [`Request::Page`], messages in one [`Request::Disks`] or [`Reading`]; a node refuses more.
pub const PAGE_MAX: usize = 1024;

/// A line of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Behind the newest.
    Newest,
    /// The oldest.
    Oldest,
    /// The one at this place, or else the next one behind it.
    Place(String),
    /// The message with this ID, or a unique beginning of one.
    Message(String),
    /// The first one in the room's order that was sent at this time or later, in milliseconds since 1970.
    Time(i64),
    /// The first one behind this place, or of all, that was not read yet.
    Unread(Option<String>),
    /// The same, that names us.
    Mention(Option<String>),
    /// The first one behind this place, or of all, that answers a message.
    Answer {
        /// The message's ID.
        of: String,
        /// Behind which place.
        after: Option<String>,
    },
}

/// Which messages are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// All that are here.
    All,
    /// These, by ID.
    These(Vec<String>),
    /// This one is not, by ID.
    Not(String),
}

/// Whether and how long to wait for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Not at all.
    No,
    /// As long as it takes.
    Forever,
    /// At most so many milliseconds, then [`Code::TimeUp`].
    Millis(u64),
}

/// A message from another system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// When it was sent there, in milliseconds since 1970.
    pub sent_at_ms: i64,
    /// How many messages of the same source had the same time before it: keeps their order.
    pub rank: u64,
    /// Who sent it there.
    pub nick: String,
    /// Whether it is an action.
    pub action: bool,
    /// What it says.
    pub text: String,
}

/// Which changes of a room a bundle has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bundled {
    /// All that are here.
    All,
    /// Those that this member's disks are not known to hold: a name, or the beginning of the ID that `members` prints.
    For(String),
    /// Of each author those from the first on that arrived here, or holds something sent, at this time or later, in
    /// milliseconds since 1970.
    Since(i64),
}

/// A piece of a bundle, as [`tailchat_core::bundle::Cutter`] cuts it off; bytes in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRequest {
    /// The head of its section.
    pub head: String,
    /// Its number in the section, from 0.
    pub number: u64,
    /// Its code.
    pub code: String,
    /// Its body; empty if it is the section's end.
    pub body: String,
}

/// What an export looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// The room's messages.
    Messages,
    /// The room's document as Automerge saves it.
    Automerge,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A part of it.
    Item(Item),
    /// The request is done.
    Done,
    /// The request is not done.
    Failed(Failure),
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{why}")]
pub struct Failure {
    /// What kind of failure.
    pub code: Code,
    /// For people: what happened, why, what to do.
    pub why: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(code: Code, why: impl Into<String>) -> Self {
        Self {
            code,
            why: why.into(),
        }
    }
}

/// Kinds of failure; the number is the program's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// It could not be done.
    Failed = 1,
    /// The request makes no sense.
    Usage = 2,
    /// No such room, peer or message.
    NotFound = 3,
    /// Time is up.
    TimeUp = 4,
    /// The data folder is damaged or not ours.
    Damaged = 5,
}
