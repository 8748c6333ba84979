//! What programs say to a node and what it answers: JSON, one object a line, over the local socket or within
//! the process. A connection carries one request after the other; each is answered by any number of
//! [`Answer::Item`]s and then one [`Answer::Done`] or [`Answer::Failed`]. Closing the connection cancels.
//! Knows no socket and no terminal.

use serde::{Deserialize, Serialize};

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
    /// Lists messages as [`Item::Message`], the oldest first.
    Log {
        /// Which room.
        room: String,
        /// Only so many, the newest.
        last: Option<u64>,
        /// Only those sent at this time or later, in milliseconds since 1970.
        since_ms: Option<i64>,
        /// Only those sent before this time.
        until_ms: Option<i64>,
        /// Go on with what is shown from now on, as it comes.
        follow: bool,
        /// Behind what is here, also list what a peer that is far ahead tells of its newest page, as
        /// [`Item::Preview`].
        #[serde(default)]
        preview: bool,
    },
    /// Posts messages from elsewhere, at most [`IMPORT_MAX`] a request; answered by one [`Item::Imported`] when
    /// durable.
    Import {
        /// Whither.
        room: String,
        /// What.
        messages: Vec<Import>,
    },
    /// Answers with everything that all peers share: as [`Item::Message`]s or, for
    /// [`ExportFormat::Automerge`], as [`Item::Bytes`].
    Export {
        /// Which room.
        room: String,
        /// How.
        format: ExportFormat,
    },
    /// Lists addresses and connected peers as [`Item::Address`].
    Peers,
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
    /// Verifies every record on disk; answered by [`Item::Check`] for each room.
    Check {
        /// Which room; all if none.
        room: Option<String>,
        /// Whether to mend what can be mended here: damaged blocks are set aside, so that peers fill the gap.
        repair: bool,
    },
    /// Takes another name, durably.
    Name {
        /// The name.
        name: String,
    },
}

/// Messages in one [`Request::Import`]; a node refuses more.
pub const IMPORT_MAX: usize = 4096;

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

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The node.
    Node(NodeItem),
    /// A room.
    Room(RoomItem),
    /// A member.
    Member(MemberItem),
    /// A message, or an entry that this version cannot read.
    Message(Box<MessageItem>),
    /// A message that is not here yet and that nothing vouches for but the word of a peer.
    Preview(Box<MessageItem>),
    /// A message that was posted.
    Posted {
        /// Its ID.
        id: String,
        /// Other members' disks that have it.
        on: u32,
    },
    /// What an import added.
    Imported {
        /// Messages that are new in the room.
        added: u64,
        /// Messages that the room had already.
        known: u64,
    },
    /// A piece of a file, in hexadecimal.
    Bytes(String),
    /// An address or a connected peer.
    Address(AddressItem),
    /// How a room stands.
    Status(StatusItem),
    /// What a check found.
    Check(CheckItem),
}

/// The node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeItem {
    /// The program's version.
    pub version: String,
    /// The person's name.
    pub name: String,
    /// Where it listens.
    pub listening: Vec<String>,
    /// Whether other programs can reach it: false if it lives only as long as this command.
    pub serving: bool,
    /// Why rooms that are in the folder could not be opened.
    #[serde(default)]
    pub closed: Vec<String>,
    /// What else a person should know of what was found when the folder was opened.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomItem {
    /// Its ID, `room1...`.
    pub room: String,
    /// Its name, or the beginning of its ID as long as the name has not arrived.
    pub name: String,
    /// `tailchat:room1...?peer=host:port`.
    pub invite: String,
    /// Messages here.
    pub messages: u64,
    /// People in it.
    pub members: u64,
    /// Peers connected in it.
    pub connected: u64,
    /// Messages that connected peers have and we lack.
    pub behind: u64,
    /// Whether somebody else who has the room was ever met.
    pub met: bool,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberItem {
    /// The name.
    pub name: String,
    /// Hexadecimal, 64 digits.
    pub person: String,
    /// How many devices the person writes with.
    pub devices: u64,
    /// Whether one of them is connected, or it is ourselves.
    pub online: bool,
    /// Whether it is ourselves.
    pub me: bool,
    /// When a device of theirs was last heard of by this process, in milliseconds since 1970.
    pub last_seen_ms: Option<i64>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageItem {
    /// The room's ID.
    pub room: String,
    /// `<actor hex>/<index>`.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// Whether that was ourselves.
    pub mine: bool,
    /// By its author's clock, in milliseconds since 1970.
    pub sent_at_ms: i64,
    /// When it came here, in milliseconds since 1970.
    pub arrived_at_ms: i64,
    /// Who brought it, if it was not written here.
    pub via: Option<String>,
    /// What it is.
    pub kind: MessageKind,
    /// What it says.
    pub text: String,
    /// The ID of the message that it answers.
    pub reply_to: Option<String>,
    /// Members whose disks have it, ourselves included.
    pub on: u32,
    /// Members.
    pub of: u32,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A text.
    Text,
    /// In the third person.
    Action,
    /// A text from elsewhere; the author is a nick there.
    Imported,
    /// An action from elsewhere.
    ImportedAction,
    /// An entry that this version cannot read.
    Unreadable,
}

/// An address or a connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressItem {
    /// `HOST:PORT`, or a host alone for a peer that dialled us.
    pub addr: String,
    /// Whether a connection stands.
    pub connected: bool,
    /// The peer's name, once known.
    pub peer: Option<String>,
    /// The names of the rooms that we share on it.
    pub rooms: Vec<String>,
    /// What went wrong last.
    pub problem: Option<String>,
}

/// How a room stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusItem {
    /// The room's ID.
    pub room: String,
    /// The room's name.
    pub name: String,
    /// Text and action entries here, imported ones included.
    pub messages: u64,
    /// Changes here.
    pub changes: u64,
    /// The document's heads, hexadecimal, sorted.
    pub heads: Vec<String>,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Why nothing can be written, if so.
    pub failing: Option<String>,
    /// Actors with two chains, in words.
    pub forks: Vec<String>,
    /// What was found wrong when the room was opened, in words.
    pub findings: Vec<String>,
    /// Connected peers.
    pub peers: Vec<PeerItem>,
}

impl StatusItem {
    /// Whether there is a connected peer and all of them hold the same as we.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        !self.peers.is_empty() && self.peers.iter().all(|peer| peer.state == Standing::Equal)
    }
}

/// A connected peer in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerItem {
    /// Its name.
    pub peer: String,
    /// Its address.
    pub addr: String,
    /// How it stands to us.
    pub state: Standing,
    /// Messages that we have and it lacks.
    pub ahead: u64,
    /// Messages that it has and we lack.
    pub behind: u64,
    /// When it was last heard of, in milliseconds since 1970.
    pub last_seen_ms: Option<i64>,
}

/// How a peer stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has not said yet.
    Unknown,
    /// Both hold the same.
    Equal,
    /// We hold more.
    Ahead,
    /// It holds more.
    Behind,
    /// An actor has two chains.
    Apart,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckItem {
    /// The room's ID.
    pub room: String,
    /// The room's name.
    pub name: String,
    /// Files read.
    pub files: u64,
    /// Records that verify.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Changes that fit their chains.
    pub changes: u64,
    /// Whether Automerge, given these changes, has the same heads.
    pub heads_match: bool,
    /// What is wrong, by file and offset, in words.
    pub findings: Vec<String>,
}
