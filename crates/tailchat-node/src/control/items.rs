//! The parts of answers, as programs get them.

use serde::{Deserialize, Serialize};

use super::findings::FindingItem;

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
    /// Where a page of lines begins and ends; its lines follow as [`Item::Message`].
    Page(PageItem),
    /// A message that fits a search.
    Found(Box<FoundItem>),
    /// A search is done; what it found came as [`Item::Found`].
    Searched(SearchedItem),
    /// Lines were shown.
    Shown(ShownItem),
    /// Lines are no longer what they were: they were edited, deleted, reacted to or answered.
    Amended(ShownItem),
    /// A room changed in a way that only asking again tells: its index was lost and is being built again, or it was
    /// opened, or what others' disks hold of it changed.
    Changed {
        /// The room's ID.
        room: String,
        /// What of it.
        what: Change,
    },
    /// A text that a message has had.
    Version {
        /// Since when, in milliseconds since 1970.
        at_ms: i64,
        /// The text; empty if the message was deleted.
        text: String,
    },
    /// On how many members' disks a message is.
    Disks {
        /// The message's ID.
        id: String,
        /// Members whose disks have it, ourselves included.
        on: u32,
        /// Members.
        of: u32,
    },
    /// The names of the members on whose disks a message is, as far as this peer has heard; our own is the first.
    Holders(Vec<String>),
    /// What another device takes to write as the same person.
    LinkCode(String),
    /// This device writes as somebody from now on.
    Linked {
        /// Their name.
        name: String,
        /// Invites to their rooms.
        invites: Vec<String>,
    },
    /// What is being written in a room and was not sent yet.
    Draft(String),
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
    /// A bundle is written.
    Bundled {
        /// Messages in it.
        messages: u64,
        /// Changes in it.
        changes: u64,
        /// The member whom it is for.
        member: Option<String>,
        /// Whether what that member's disks hold is not known, so that all is in it.
        unheard: bool,
    },
    /// A piece of a bundle is taken in.
    Merged(MergedItem),
    /// An address or a connected peer.
    Address(AddressItem),
    /// A way in which addresses of peers are found.
    Source(SourceItem),
    /// How a room stands.
    Status(StatusItem),
    /// What a check found.
    Check(CheckItem),
    /// What is wrong, or as it should be.
    Finding(FindingItem),
}

/// The node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeItem {
    /// The program's version.
    pub version: String,
    /// The version of this protocol, [`super::CONTROL_VERSION`]; none where it had no number yet.
    #[serde(default)]
    pub control: u32,
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
    /// Where others can dial it, the likeliest first.
    #[serde(default)]
    pub reachable: Vec<String>,
    /// The host of a peer that dialled it from elsewhere since it runs, which proves an open port.
    #[serde(default)]
    pub dialled_by: Option<String>,
}

/// What a piece of a bundle brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedItem {
    /// The room's ID.
    pub room: String,
    /// Its name, as far as it has arrived.
    pub name: String,
    /// Whether this was the section's end.
    pub end: bool,
    /// Messages that are new in the room.
    pub added: u64,
    /// Messages that the room had already.
    pub known: u64,
    /// Authors, by actor, of whom earlier changes are missing here, so that these could not be taken.
    pub missing: Vec<String>,
    /// Authors, by actor, whose chain here is another one.
    pub forked: Vec<String>,
    /// Authors, by actor, whose changes are outside the limits of a room.
    pub refused: Vec<String>,
}

/// A room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Messages of others that were not read yet.
    #[serde(default)]
    pub unread: u64,
    /// Those of them that name us.
    #[serde(default)]
    pub mentions: u64,
    /// Whether a draft waits in it.
    #[serde(default)]
    pub draft: bool,
    /// Whether nobody is to be told of its messages.
    #[serde(default)]
    pub muted: bool,
    /// Other members who are there now, connected with us or not.
    #[serde(default)]
    pub here: u64,
    /// The names of those who write something just now, at most [`TYPING_MAX`].
    #[serde(default)]
    pub typing: Vec<String>,
    /// What it is about; empty if nobody said so.
    #[serde(default)]
    pub topic: String,
    /// The name that everybody sees, where `name` is one of our own.
    #[serde(default)]
    pub known_as: Option<String>,
    /// If the room was joined and nobody who has it was met yet: who answered instead.
    #[serde(default)]
    pub waiting: Option<Box<WaitingItem>>,
}

/// Names in [`RoomItem::typing`]; of more people nothing is said.
pub const TYPING_MAX: usize = 8;

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberItem {
    /// The name.
    pub name: String,
    /// Hexadecimal, 64 digits.
    pub person: String,
    /// How many devices the person writes with.
    pub devices: u64,
    /// Whether one of them is there now, connected with us or not, or it is ourselves.
    pub online: bool,
    /// Whether it is ourselves.
    pub me: bool,
    /// Whether their messages are folded away.
    #[serde(default)]
    pub ignored: bool,
    /// When a device of theirs, other than this one, was last heard of, in milliseconds since 1970.
    pub last_seen_ms: Option<i64>,
    /// The disks that their devices have.
    #[serde(default)]
    pub disks: Vec<DiskItem>,
}

/// A member's device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskItem {
    /// Hexadecimal, 32 digits.
    pub device: String,
    /// Whether it is this one.
    pub here: bool,
    /// Whether it is connected, or this one.
    pub online: bool,
    /// When it was last heard of, in milliseconds since 1970.
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
    /// Whose ID that is, in hexadecimal; none for who wrote it elsewhere or whose profile has not arrived.
    #[serde(default)]
    pub person: Option<String>,
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
    /// Whether the text is not the first one.
    #[serde(default)]
    pub edited: bool,
    /// Whether it was deleted: then there is no text.
    #[serde(default)]
    pub deleted: bool,
    /// Whether it is pinned.
    #[serde(default)]
    pub pinned: bool,
    /// Whether its author is ignored: it is folded away.
    #[serde(default)]
    pub ignored: bool,
    /// What people feel about it, what was felt first before the rest.
    #[serde(default)]
    pub reactions: Vec<ReactionItem>,
    /// How many messages that are here answer it.
    #[serde(default)]
    pub answers: u64,
    /// Members whose disks have it, ourselves included.
    pub on: u32,
    /// Members.
    pub of: u32,
    /// Whether it is somebody else's and was not read yet.
    #[serde(default)]
    pub unread: bool,
    /// Where it stands in the room: compares as the lines do. Empty for a preview, which stands nowhere yet.
    #[serde(default)]
    pub place: String,
}

/// A reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionItem {
    /// An emoji or a word.
    pub with: String,
    /// How many people.
    pub count: u64,
    /// Who, by name; the first [`REACTED_MAX`] of them. In an export as many as [`EXPORTED_MAX`] leaves.
    pub by: Vec<String>,
    /// Whether ourselves are among them.
    pub mine: bool,
}

/// Names that one [`ReactionItem`] holds; of more it tells only how many.
pub const REACTED_MAX: usize = 64;
/// Names that all reactions to one exported message hold together; of more it tells only how many.
pub const EXPORTED_MAX: usize = 1024;

/// Where a page of a room's lines begins and ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageItem {
    /// The room's ID.
    pub room: String,
    /// The place of the line that was asked for; none if there is no such line.
    pub at: Option<String>,
    /// Whether there are lines before the page.
    pub more_before: bool,
    /// Whether there are lines behind it.
    pub more_after: bool,
}

/// A message that fits a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundItem {
    /// The message.
    pub message: MessageItem,
    /// Its room's name.
    pub room_name: String,
    /// Where its text has what was looked for: from which byte to which, in order, none within another.
    pub at: Vec<(u32, u32)>,
}

/// What else there is beside what a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchedItem {
    /// Messages that were not listed.
    pub remaining: Remaining,
    /// The names of rooms that cannot be searched now, since they are being read again.
    pub unread_rooms: Vec<String>,
}

/// Messages beside those that a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remaining {
    /// No other fits.
    None,
    /// More fit, older ones.
    More,
    /// Not all were looked at: others may fit, too.
    Unseen,
}

/// Lines that were shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownItem {
    /// The room's ID.
    pub room: String,
    /// How many.
    pub lines: u64,
    /// The lines, in no order; none of them if there are more than [`SHOWN_MAX`].
    pub messages: Vec<MessageItem>,
}

/// Lines that one [`ShownItem`] holds; of more it tells only how many.
pub const SHOWN_MAX: usize = 64;

/// What changed in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Its lines: whoever shows some asks for them again.
    Lines,
    /// On whose disks its messages are.
    Disks,
    /// It was left.
    Left,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Where the address comes from: "hand", "hosts", "mdns", "tailscale", "wireguard", "told" by another member, "before"
    /// if a peer was met there; none for a peer that dialled us.
    #[serde(default)]
    pub sources: Vec<String>,
    /// When a peer with a room of ours was met there last, in milliseconds since 1970.
    #[serde(default)]
    pub worked_ms: Option<i64>,
}

/// A way in which addresses of peers are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceItem {
    /// "mdns", "tailscale", "wireguard" or "hosts".
    pub source: String,
    /// Addresses that it gives now.
    pub addresses: u64,
    /// How it fares.
    pub standing: SourceStanding,
    /// Why it gives nothing, or not all: what happened and what to do.
    pub why: Option<String>,
}

/// How a way of finding addresses fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceStanding {
    /// It is not there on this machine.
    Absent,
    /// It gives what there is.
    Working,
    /// It should work and does not.
    Failing,
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
    /// Actors with two chains, and one of ours with which somebody else went on, in words.
    pub forks: Vec<String>,
    /// What was found wrong when the room was opened, in words.
    pub findings: Vec<String>,
    /// Connected peers, then members' disks that are not connected.
    pub peers: Vec<PeerItem>,
    /// What our disk holds, in words that are equal where the changes are: [`tailchat_core::fingerprint`].
    #[serde(default)]
    pub fingerprint: String,
    /// If the room was joined and nobody who has it was met yet: who answered instead.
    #[serde(default)]
    pub waiting: Option<Box<WaitingItem>>,
}

impl StatusItem {
    /// Whether there is a connected peer and all of them hold the same as we. What others held once proves nothing.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        let mut connected = self.connected().peekable();
        connected.peek().is_some() && connected.all(|peer| peer.state == Standing::Equal)
    }

    /// The peers that are connected.
    pub fn connected(&self) -> impl Iterator<Item = &PeerItem> {
        self.peers.iter().filter(|peer| peer.connected)
    }
}

/// A joined room in which nobody was met yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingItem {
    /// How many tailchat peers answered and do not have the room.
    pub answered: u64,
    /// At which of the addresses that are dialled; at most [`WAITING_ADDRS_MAX`].
    pub addrs: Vec<String>,
}

/// Addresses that one [`WaitingItem`] names.
pub const WAITING_ADDRS_MAX: usize = 8;

/// A peer in a room, or a member's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerItem {
    /// Its name.
    pub peer: String,
    /// Its address; empty if it is not connected.
    pub addr: String,
    /// Whether it is connected, so that what follows was compared now. Otherwise it is of when it was last heard of.
    #[serde(default = "connected")]
    pub connected: bool,
    /// How it stands to us.
    pub state: Standing,
    /// Messages that we have and it lacks.
    pub ahead: u64,
    /// Messages that it has and we lack.
    pub behind: u64,
    /// When it was last heard of, in milliseconds since 1970; none if only others told of it.
    pub last_seen_ms: Option<i64>,
}

/// What a node that does not say so tells of: connected peers alone.
fn connected() -> bool {
    true
}

/// How a peer stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has not said yet, or nothing was heard of it.
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
