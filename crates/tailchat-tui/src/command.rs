//! Everything that the UI wants done, in the imperative, and every question it asks the node. Knows no terminal
//! and no connection: the loop carries out.

use tailchat_node::control::{Amending, At, Describing, Query, Reading, Request, SearchRequest, Wait};

use crate::model::ids::{MessageKey, Place, RoomKey};
use crate::model::searching::HITS_MAX;
use crate::window::{Edge, PAGE_LINES};

/// What the loop is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Ask the node; its answer comes as `Event::Answered`.
    Ask(Question),
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Tell a person who looks elsewhere.
    Notify { title: String, body: String },
    /// Name the terminal's window.
    Title(String),
    /// Run `$EDITOR` on a text; what comes of it is `Event::Edited`.
    Edit(String),
    /// Give the terminal back and stop, until the shell lets the program go on.
    Suspend,
    /// Draw everything anew: the screen may hold what is not ours.
    Redraw,
    /// Wait for the questions under way, then end.
    Quit,
}

/// A question to the node, with what is to be done with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Who are you?
    Hello,
    /// Which rooms are there?
    Rooms,
    /// Who is in this room?
    Members(RoomKey),
    /// A page of an open room.
    Page(PageQuestion),
    /// How does this room stand with its peers?
    Status(RoomKey),
    /// Which addresses are known?
    Peers,
    /// Which messages say this? As it was typed, and as that is meant.
    Search { typed: String, query: Query },
    /// On how many disks are these?
    Disks {
        room: RoomKey,
        messages: Vec<MessageKey>,
    },
    /// These were read.
    Read {
        room: RoomKey,
        messages: Vec<MessageKey>,
    },
    /// This one is to be unread again.
    Unread { room: RoomKey, message: MessageKey },
    /// Everything in the room was read.
    ReadAll(RoomKey),
    /// What was being written here?
    Draft(RoomKey),
    /// Keep what is being written here.
    SetDraft { room: RoomKey, text: String },
    /// What is pinned here?
    Pins(RoomKey),
    /// Let everybody see this of a room.
    Describe { room: RoomKey, what: Describing },
    /// Call a room so here; by everybody's name again if that is empty.
    Alias { room: RoomKey, name: String },
    /// Fold away what a member writes, or no longer: by ID or as typed, and what they are called.
    Ignore {
        room: RoomKey,
        member: String,
        name: String,
        on: bool,
    },
    /// Tell nobody of this room's messages any more, or again.
    Mute { room: RoomKey, on: bool },
    /// Post this.
    Send {
        room: RoomKey,
        text: String,
        action: bool,
        /// The message that it answers, and how that is named.
        reply_to: Option<(MessageKey, String)>,
    },
    /// Say this of a message.
    Amend {
        room: RoomKey,
        message: MessageKey,
        what: Amending,
    },
    /// Which texts has this message had?
    Versions { room: RoomKey, message: MessageKey },
    /// On whose disks is this message?
    Show { room: RoomKey, message: MessageKey },
    /// Somebody writes here.
    Typing(RoomKey),
    /// Make a room.
    New(String),
    /// Take part in a room: an ID or an invite, as it was typed.
    Join { invite: String, peers: Vec<String> },
    /// Write as the person whose device gave this code.
    Link(String),
    /// Leave a room.
    Leave { room: RoomKey, forget: bool },
    /// Take another name.
    Name(String),
    /// Dial an address from now on.
    AddPeer(String),
    /// Dial it no longer.
    ForgetPeer(String),
}

/// A page, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageQuestion {
    pub(crate) room: RoomKey,
    pub(crate) want: PageWant,
    /// The state of the window that asked; an answer for another one is of no use any more.
    pub(crate) epoch: u64,
}

/// Which page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PageWant {
    /// Lines beyond the window's end at this place.
    More { edge: Edge, place: Place },
    /// Lines around a goal, instead of those that are loaded.
    Jump(Goal),
    /// The same stretch again, around the line that the screen is held by, or else behind the newest: so many lines.
    Again {
        around: Option<Place>,
        before: u32,
        after: u32,
    },
}

/// Where a jump goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The newest line.
    Newest,
    /// The oldest.
    Oldest,
    /// The first unread one of all; the newest if there is none.
    FirstUnread,
    /// The next unread one behind this place, or else the first of all.
    NextUnread(Option<Place>),
    /// The next one that names us behind this place, or else the first of all.
    NextMention(Option<Place>),
    /// The first one sent then or later, in milliseconds since 1970.
    Time(i64),
    /// A message.
    Message(MessageKey),
    /// The first message behind this place, or of all, that answers one.
    Answer { of: MessageKey, after: Option<Place> },
    /// A line.
    Place(Place),
}

/// Lines above the line that a jump goes to.
const ABOVE_GOAL: u32 = 100;

impl Question {
    /// Whether it only looks, so that nothing a person writes has to wait behind it. What depends on which messages
    /// were read is no such question: it waits for the word that some were. Nor is the word that somebody writes: behind
    /// the message itself it would be wrong.
    pub(crate) fn only_reads(&self) -> bool {
        if let Self::Page(page) = self {
            return !matches!(
                page.want,
                PageWant::Jump(Goal::FirstUnread | Goal::NextUnread(_) | Goal::NextMention(_))
            );
        }
        matches!(
            self,
            Self::Hello
                | Self::Rooms
                | Self::Members(_)
                | Self::Status(_)
                | Self::Peers
                | Self::Search { .. }
                | Self::Disks { .. }
                | Self::Draft(_)
                | Self::Versions { .. }
                | Self::Show { .. }
                | Self::Pins(_)
        )
    }

    /// As the node is asked.
    pub(crate) fn request(&self) -> Request {
        match self.clone() {
            Self::Hello => Request::Hello,
            Self::Rooms => Request::Rooms,
            Self::Members(room) => Request::Members {
                room: room.to_string(),
            },
            Self::Page(page) => page.request(),
            Self::Status(room) => status(&room),
            Self::Peers => Request::Peers,
            Self::Search { query, .. } => search(query),
            Self::Disks { room, messages } => disks(&room, &messages),
            Self::Read { room, messages } => read(&room, Reading::These(spelled(&messages))),
            Self::Unread { room, message } => read(&room, Reading::Not(message.to_string())),
            Self::ReadAll(room) => read(&room, Reading::All),
            Self::Draft(room) => Request::Draft {
                room: room.to_string(),
            },
            Self::SetDraft { room, text } => Request::SetDraft {
                room: room.to_string(),
                text,
            },
            Self::Send {
                room,
                text,
                action,
                reply_to,
            } => send(&room, text, action, reply_to.map(|(id, _)| id)),
            Self::Amend { room, message, what } => Request::Amend {
                room: room.to_string(),
                message: message.to_string(),
                what,
            },
            Self::Versions { room, message } => Request::Versions {
                room: room.to_string(),
                message: message.to_string(),
            },
            Self::Show { room, message } => Request::Show {
                room: room.to_string(),
                message: message.to_string(),
            },
            Self::Pins(room) => Request::Pins {
                room: room.to_string(),
            },
            Self::Describe { room, what } => Request::Describe {
                room: room.to_string(),
                what,
            },
            Self::Alias { room, name } => Request::Alias {
                room: room.to_string(),
                name,
            },
            Self::Ignore { room, member, on, .. } => Request::Ignore {
                room: room.to_string(),
                member,
                on,
            },
            Self::Mute { room, on } => mute(&room, on),
            Self::Typing(room) => typing(&room),
            Self::New(name) => Request::New { name },
            Self::Join { invite, peers } => Request::Join {
                room: invite,
                peers,
                wait: Wait::No,
            },
            Self::Link(code) => Request::TakeLink { code },
            Self::Leave { room, forget } => leave(&room, forget),
            Self::Name(name) => Request::Name { name },
            Self::AddPeer(addr) => Request::AddPeer { addr },
            Self::ForgetPeer(addr) => Request::ForgetPeer { addr },
        }
    }
}

impl PageQuestion {
    fn request(self) -> Request {
        let (at, before, after) = match self.want {
            PageWant::More { edge, place } => {
                let at = At::Place(place.to_string());
                match edge {
                    Edge::Oldest => (at, PAGE_LINES, 0),
                    // The line at the place is counted, too.
                    Edge::Newest => (at, 0, PAGE_LINES + 1),
                }
            }
            PageWant::Again {
                around: Some(place),
                before,
                after,
            } => (At::Place(place.to_string()), before, after),
            PageWant::Again { before, .. } => (At::Newest, before, 0),
            PageWant::Jump(Goal::Newest) => (At::Newest, PAGE_LINES, 0),
            PageWant::Jump(goal) => (goal.at(), ABOVE_GOAL, PAGE_LINES),
        };
        Request::Page {
            room: self.room.to_string(),
            at,
            before,
            after,
        }
    }
}

impl Goal {
    fn at(self) -> At {
        let spelled = |place: Option<Place>| place.map(|place| place.to_string());
        match self {
            Self::Newest => At::Newest,
            Self::Oldest => At::Oldest,
            Self::FirstUnread => At::Unread(None),
            Self::NextUnread(behind) => At::Unread(spelled(behind)),
            Self::NextMention(behind) => At::Mention(spelled(behind)),
            Self::Time(ms) => At::Time(ms),
            Self::Message(id) => At::Message(id.to_string()),
            Self::Answer { of, after } => At::Answer {
                of: of.to_string(),
                after: spelled(after),
            },
            Self::Place(place) => At::Place(place.to_string()),
        }
    }
}

fn typing(room: &RoomKey) -> Request {
    let room = room.to_string();
    Request::Typing { room }
}

fn mute(room: &RoomKey, on: bool) -> Request {
    let room = room.to_string();
    Request::Mute { room, on }
}

fn leave(room: &RoomKey, forget: bool) -> Request {
    let room = room.to_string();
    Request::Leave { room, forget }
}

fn status(room: &RoomKey) -> Request {
    Request::Status {
        room: Some(room.to_string()),
        wait: Wait::No,
    }
}

fn search(query: Query) -> Request {
    Request::Search(SearchRequest {
        query,
        limit: HITS_MAX,
    })
}

fn disks(room: &RoomKey, messages: &[MessageKey]) -> Request {
    Request::Disks {
        room: room.to_string(),
        messages: spelled(messages),
    }
}

fn send(room: &RoomKey, text: String, action: bool, reply_to: Option<MessageKey>) -> Request {
    Request::Send {
        room: room.to_string(),
        texts: vec![text],
        action,
        reply_to: reply_to.map(|id| id.to_string()),
        on: 0,
        wait: Wait::No,
    }
}

fn read(room: &RoomKey, what: Reading) -> Request {
    Request::Read {
        room: room.to_string(),
        what,
    }
}

fn spelled(messages: &[MessageKey]) -> Vec<String> {
    messages.iter().map(ToString::to_string).collect()
}
