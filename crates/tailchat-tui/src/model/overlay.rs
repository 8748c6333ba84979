//! What stands over the messages for a moment: lists to choose from, questions, screens to read. Knows no keys and
//! draws nothing.

use tailchat_core::text;
use tailchat_node::control::AddressItem;

use super::ids::{MessageKey, RoomKey};
use super::open_room::Repeated;
use super::searching::Hit;
use crate::composer::Composer;
use crate::finding;

/// What stands over the messages.
#[derive(Clone, Debug)]
pub(crate) enum Overlay {
    /// Keys and commands.
    Help { scrolled: usize },
    /// Rooms to choose from, narrowed by what is typed.
    Switcher { typed: Composer, chosen: usize },
    /// The search; what it found stands in the model.
    Search,
    /// What is pinned in the open room.
    Pins(Pins),
    /// A question that is answered by one line.
    Prompt(Prompt),
    /// Addresses and peers, and how the open room stands.
    Connections {
        scrolled: usize,
        /// How the ways of finding addresses fare, in words.
        sources: Vec<String>,
        addresses: Vec<Address>,
    },
    /// The open room's members, where there is no room for the pane.
    Members { scrolled: usize },
    /// How others get into the open room.
    Invite,
    /// Where a message is and how it came, or another thing to read; already in words.
    Details {
        /// The message, if it is about one.
        of: Option<MessageKey>,
        title: String,
        rows: Vec<String>,
        scrolled: usize,
    },
    /// Create or join: there is no room yet.
    Welcome { chosen: usize },
}

/// What is pinned in a room.
#[derive(Clone, Debug)]
pub(crate) struct Pins {
    pub(crate) room: RoomKey,
    /// The newest first; none before the node has answered.
    pub(crate) hits: Vec<Hit>,
    pub(crate) chosen: usize,
    /// Whether the list is here.
    pub(crate) known: bool,
    pub(crate) asked: Repeated,
}

impl Pins {
    pub(crate) fn new(room: RoomKey) -> Self {
        Self {
            room,
            hits: Vec::new(),
            chosen: 0,
            known: false,
            asked: Repeated::default(),
        }
    }

    /// Takes a list in. What was chosen stays so if it is still there.
    pub(crate) fn found(&mut self, hits: Vec<Hit>) {
        let before = self.hits.get(self.chosen).map(|hit| &hit.place);
        let again = hits.iter().position(|hit| Some(&hit.place) == before);
        self.chosen = again.unwrap_or_else(|| self.chosen.min(hits.len().saturating_sub(1)));
        self.hits = hits;
        self.known = true;
    }
}

/// A question to the person.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    pub(crate) what: Ask,
    pub(crate) typed: Composer,
    /// Why the last answer was none.
    pub(crate) problem: Option<String>,
    /// Whether the node has been asked and has not answered yet.
    pub(crate) waits: bool,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The person's name, at the first start.
    Name,
    /// The name of a room to make.
    Create,
    /// An ID or an invite.
    Join,
    /// A day to go to.
    Date,
    /// What one feels about a message.
    React { message: MessageKey },
    /// Whether to delete a message.
    Delete { message: MessageKey, named: String },
    /// Whether to leave a room, and to forget it.
    Leave {
        room: RoomKey,
        name: String,
        forget: bool,
    },
}

impl Prompt {
    pub(crate) fn new(what: Ask, typed: &str) -> Self {
        let mut field = Composer::default();
        // A name is no longer than a message.
        let _ = field.set(typed);
        Self {
            what,
            typed: field,
            problem: None,
            waits: false,
        }
    }
}

/// An address, or a peer that dialled us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) addr: String,
    pub(crate) connected: bool,
    pub(crate) peer: Option<String>,
    pub(crate) rooms: Vec<String>,
    pub(crate) problem: Option<String>,
    /// Where it comes from, in words; empty if that is not known.
    pub(crate) origin: String,
    /// When a peer was met there last, in milliseconds since 1970; none while one is connected.
    pub(crate) met_ms: Option<i64>,
}

impl Address {
    pub(crate) fn new(item: &AddressItem) -> Self {
        Self {
            addr: text::visible(&item.addr).into_owned(),
            connected: item.connected,
            peer: item.peer.as_deref().map(text::name),
            rooms: item.rooms.iter().map(|room| text::name(room)).collect(),
            problem: finding::problem(item),
            origin: finding::origin(item),
            met_ms: item.worked_ms.filter(|_| !item.connected),
        }
    }
}
