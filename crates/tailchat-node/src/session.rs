//! Who asks, and what they still wait for. A client asks for one page of its answer at a time, so a slow one
//! costs nothing but its own pages. Knows nothing of sockets.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tailchat_core::ids::{MessageId, RoomId};
use tailchat_core::timeline::Place;
use tailchat_index::From;
use tokio::sync::oneshot;

use crate::bundling::{Brought, Bundling};
use crate::control::{Amending, Answer, Code, Failure, Import, Item, Request, RoomItem, Wait};
use crate::following::{Following, Reading};
use crate::indexing::AskedIndex;
use crate::watching::Watching;

/// Answers in one page; the client asks for the next.
pub(crate) const PAGE_LEN: usize = 512;

/// One client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(pub(crate) u64);

/// Numbers for clients, none twice.
#[derive(Debug, Default)]
pub(crate) struct Sessions(AtomicU64);

impl Sessions {
    pub(crate) fn next(&self) -> SessionId {
        SessionId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// What clients say to the loop.
pub(crate) enum Ask {
    /// A new request; what was under way is cancelled.
    Start {
        session: SessionId,
        request: Request,
        page: oneshot::Sender<Page>,
    },
    /// The next page.
    More {
        session: SessionId,
        page: oneshot::Sender<Page>,
    },
    /// The client is gone.
    End { session: SessionId },
}

/// A piece of an answer; the last one ends with `Done` or `Failed`.
pub(crate) type Page = Vec<Answer>;

/// A client's request under way.
pub(crate) struct Session {
    pub(crate) state: Pending,
    /// Where the next page goes, if the client waits for one.
    pub(crate) page: Option<oneshot::Sender<Page>>,
}

/// What a session waits for.
pub(crate) enum Pending {
    /// Nothing: these are the answers.
    Ready(VecDeque<Answer>),
    /// Rooms that are being read, then this request.
    Opening(Box<Request>),
    /// The index.
    Index(AskedIndex, AfterIndex),
    /// Another import into the room, then these messages, with the orders that they take.
    Turn(RoomId, Vec<(u64, Import)>),
    /// A disk.
    Disk(AfterDisk),
    /// A post to be durable, then on so many other disks.
    Post(Post),
    /// Pieces of a bundle, one after the other.
    Bundle(Box<Bundling>),
    /// A room to have less to write, to take this in.
    Brought(Brought),
    /// What was brought to this room to be durable.
    Merging(RoomId),
    /// Messages, in order, then perhaps as they come.
    Lines(Lines),
    /// All rooms' items, once this count is answered.
    Rooms(Option<AskedIndex>),
    /// What changes, as it changes.
    Watch(Box<Watching>),
    /// Somebody who has the room, and nothing missing.
    Join {
        room: RoomId,
        deadline: Deadline,
        said: Option<RoomItem>,
    },
    /// All these rooms equal.
    Equal { rooms: Vec<RoomId>, deadline: Deadline },
}

/// What follows when the disk is done.
pub(crate) enum AfterDisk {
    /// A new room is to be named.
    Made { name: String },
    /// Somebody is known as this from then on, and is told so.
    Identified { answer: Option<Item> },
    /// A joined room is to be introduced to, and waited for.
    Joined { peers: Vec<String>, wait: Wait },
    /// The answer comes from the disk's outcome.
    Answer,
    /// Rooms to be checked yet, and what was found so far.
    Check {
        rooms: Vec<RoomId>,
        repair: bool,
        found: VecDeque<Answer>,
    },
    /// A bundle begins where the changes of this room begin that came at this time or later.
    Begins { room: RoomId, since_ms: i64 },
    /// A room was left and is to be forgotten.
    Leave { forget: bool },
}

/// What follows when the index has answered.
pub(crate) enum AfterIndex {
    /// Messages that answer another one are posted.
    Reply {
        room: RoomId,
        texts: Vec<String>,
        action: bool,
        reply_to: String,
        on: u32,
        deadline: Deadline,
    },
    /// Something is said of the message that this text names.
    Amend {
        room: RoomId,
        message: String,
        what: Amending,
    },
    /// The texts are told that the message has had that this text names.
    Versions { room: RoomId, message: String },
    /// Those of this message.
    VersionsOf,
    /// The message that this text names is told, with all that is known of it.
    Show { room: RoomId, message: String },
    /// This one.
    ShowLine { room: RoomId },
    /// What answers the message that this text names is told, from this place on.
    Answers {
        room: RoomId,
        message: String,
        after: Option<Place>,
    },
    /// Something is said of this message.
    AmendLine {
        room: RoomId,
        message: MessageId,
        what: Amending,
    },
    /// What is not there yet is imported.
    Import { room: RoomId },
    /// A page is put together.
    Page { room: RoomId },
    /// What was found is told.
    Search,
    /// Lines are told as they are found.
    List { room: RoomId },
    /// A page is asked for around the message that this text names.
    Goto {
        room: RoomId,
        text: String,
        lines: (usize, usize),
    },
}

pub(crate) struct Post {
    pub(crate) room: RoomId,
    /// The entries, once they are durable.
    pub(crate) ids: Option<Vec<MessageId>>,
    pub(crate) then: AfterPost,
}

pub(crate) enum AfterPost {
    /// Posted items, once on so many other members' disks.
    Sent {
        on: u32,
        deadline: Deadline,
    },
    Imported {
        added: u64,
        known: u64,
    },
    /// Nothing more: another name, something about a message.
    Told,
    Made,
    Joined {
        deadline: Option<Deadline>,
    },
    Left {
        forget: bool,
    },
}

pub(crate) struct Lines {
    pub(crate) room: RoomId,
    /// Where the next page begins.
    pub(crate) from: From,
    pub(crate) since_ms: Option<i64>,
    pub(crate) until_ms: Option<i64>,
    /// As of when; of now if none.
    pub(crate) known_ms: Option<i64>,
    /// Whether they go into a file.
    pub(crate) exported: bool,
    /// Whether only what was not read is told of the past.
    pub(crate) unread: bool,
    /// The question for the next page, if the index was asked.
    pub(crate) asked: Option<AskedIndex>,
    /// The page that it gave.
    pub(crate) ready: Page,
    /// How many lines of the preview are wanted, as long as none is told.
    pub(crate) preview: usize,
    /// Whether the past is told.
    pub(crate) caught_up: bool,
    /// What was shown since, if it is to be told.
    pub(crate) follow: Option<Following>,
}

impl Lines {
    /// All lines of a room, from `from` on.
    pub(crate) fn all(room: RoomId, from: From) -> Self {
        Self {
            room,
            from,
            since_ms: None,
            until_ms: None,
            known_ms: None,
            exported: false,
            unread: false,
            asked: None,
            ready: Page::new(),
            preview: 0,
            caught_up: false,
            follow: None,
        }
    }

    /// How far they were read.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            from: (!self.caught_up).then_some(self.from),
            asked: self.asked.is_some(),
        }
    }
}

/// When waiting ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(pub(crate) Option<Duration>);

impl Deadline {
    /// None if there is to be no waiting at all.
    pub(crate) fn of(wait: Wait, now: Duration) -> Option<Self> {
        match wait {
            Wait::No => None,
            Wait::Forever => Some(Self(None)),
            Wait::Millis(millis) => Some(Self(Some(now + Duration::from_millis(millis)))),
        }
    }

    pub(crate) fn is_past(self, now: Duration) -> bool {
        self.0.is_some_and(|at| now >= at)
    }
}

impl Session {
    /// Sends a page if one is wanted and there is something to say; tells whether it was the last.
    pub(crate) fn turn(&mut self, answers: Page) -> bool {
        let last = matches!(answers.last(), Some(Answer::Done | Answer::Failed(_)));
        if !answers.is_empty()
            && let Some(page) = self.page.take()
        {
            // A client that went away meanwhile needs no answer.
            let _ = page.send(answers);
        }
        last
    }
}

impl Pending {
    /// These items, then the end.
    pub(crate) fn items(items: impl IntoIterator<Item = Item>) -> Self {
        let mut answers: VecDeque<_> = items.into_iter().map(Answer::Item).collect();
        answers.push_back(Answer::Done);
        Self::Ready(answers)
    }

    pub(crate) fn failed(code: Code, why: impl Into<String>) -> Self {
        Self::from(Failure::new(code, why))
    }
}

impl std::convert::From<Failure> for Pending {
    fn from(failure: Failure) -> Self {
        Self::Ready(VecDeque::from([Answer::Failed(failure)]))
    }
}
