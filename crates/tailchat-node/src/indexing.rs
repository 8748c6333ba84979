//! The way to the thread that owns the index: what was shown goes in, questions about the past come out, one after
//! the other, so that an answer reflects all that was shown before it was asked. Of an index that was lost the loop
//! hears, and has the rooms read again. Decides nothing.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tailchat_core::engine::{ArrivedChange, Load};
use tailchat_core::ids::{ActorId, DeviceId, MessageId, RoomId};
use tailchat_core::order::OrderClock;
use tailchat_core::roster::Roster;
use tailchat_core::state::Tip;
use tailchat_core::timeline::{Line, Place};
use tailchat_index::{Asked, Checkpoint, Hits, Index, Opening, Page, Position, Search, Spot, Version};
use tailchat_store::disk::Disk;
use tokio::sync::{mpsc, oneshot};

use crate::control::Import;
use crate::indexer::Worker;
use crate::replay::{Portion, Replay};
use crate::session::SessionId;
use crate::unread::{Counts, ReaderOf};

/// The index's file in the data folder.
const FILE: &str = "index.db";
/// Jobs that may wait for the index. A question more is refused; that changes fit, [`BACKLOG_MAX`] sees to.
const JOBS_MAX: usize = 1024;
/// Writes that may wait for the index. Beyond it the outcomes of further ones are held back from the engine, so that
/// a catch-up goes no faster than the index.
pub(crate) const BACKLOG_MAX: usize = 16;
/// Outcomes that may wait for the loop; then the index waits.
const FOUND_MAX: usize = 64;

/// One question of a session, never used twice: the answer to a request that was cancelled is not the next one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AskedIndex(pub(crate) u64);

/// What the index is asked by the loop.
pub(crate) enum Question {
    /// A page of lines.
    Lines(Asked),
    /// The message that a text names, by the actors that it may mean and the digits of its number.
    Message {
        actors: Vec<ActorId>,
        digits: String,
        exact: bool,
    },
    /// A message.
    Line(MessageId),
    /// Those that are pinned, the newest so many.
    Pins(usize),
    /// The texts that it has had.
    Versions(MessageId),
    /// It, and the first lines behind a place, or of all, that answer it.
    Answers(MessageId, Option<Place>),
    /// A page around a spot: so many lines before it and so many from it on.
    Page(Spot, (usize, usize), ReaderOf),
    /// The first lines behind a place that were not read.
    Unread(Option<Place>, usize, ReaderOf),
    /// Which of these are in the room already, by order.
    Known(Vec<(u64, Import)>),
}

/// The answer.
pub(crate) enum Found {
    Lines(Vec<(Place, Line)>),
    Page(Page),
    Messages(Vec<MessageId>),
    Line(Option<(Place, Line)>),
    /// Lines that are told as they are.
    Listed(Vec<(Place, Line)>),
    Versions(Vec<Version>),
    /// What a search found, and the rooms that could not be searched.
    Hits(Hits, Vec<RoomId>),
    /// Those that are not there yet, with their orders, and how many are.
    Unknown(Vec<(u64, Import)>, u64),
    /// The room is being read again.
    NotYet,
}

/// What the loop hears of the index.
pub(crate) enum Told {
    Answer {
        session: SessionId,
        asked: AskedIndex,
        found: Found,
    },
    /// The newest lines of a room, for a peer.
    Newest {
        room: RoomId,
        load: Load,
        found: Vec<(Place, Line)>,
    },
    /// How much of a room is unread; nothing if it is being read again.
    Counted {
        room: RoomId,
        asked: AskedIndex,
        counts: Option<Counts>,
    },
    /// Changes are in.
    Folded { room: RoomId, changed: ChangedLines },
    /// The index was replaced by an empty one: rooms have to be read again.
    Lost {
        /// The one that is there now.
        life: Life,
        why: String,
    },
}

/// Lines that are no longer what they were, none of a kind if there are more than [`crate::control::SHOWN_MAX`].
#[derive(Default)]
pub(crate) struct ChangedLines {
    /// Those that something was said of.
    pub(crate) amended: Vec<(Place, Line)>,
    /// Those that more or fewer lines answer than before, and nothing else.
    pub(crate) answered: Vec<(Place, Line)>,
    /// How many there are.
    pub(crate) count: usize,
}

/// What the index's thread is to do.
pub(crate) enum Job {
    Fold {
        room: RoomId,
        position: Position,
        changes: Arc<[ArrivedChange]>,
    },
    Ask {
        session: SessionId,
        asked: AskedIndex,
        room: RoomId,
        question: Question,
    },
    Search {
        session: SessionId,
        asked: AskedIndex,
        search: Box<Search>,
    },
    Newest {
        room: RoomId,
        load: Load,
        lines: usize,
    },
    Count {
        room: RoomId,
        asked: AskedIndex,
        reader: ReaderOf,
    },
    Forget {
        room: RoomId,
    },
    Keep,
    Checkpoint {
        room: RoomId,
        reply: oneshot::Sender<(Life, Option<Checkpoint>)>,
    },
    Replay {
        life: Life,
        room: RoomId,
        portion: Portion,
        done: oneshot::Sender<()>,
    },
    Settle {
        life: Life,
        room: RoomId,
        tips: Vec<(ActorId, Tip)>,
        reply: oneshot::Sender<Option<(OrderClock, Roster)>>,
    },
    Close {
        done: oneshot::Sender<()>,
    },
}

/// Which index since the start: what was read into one that was lost is not in the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life(pub(crate) u32);

/// What the index knows of a room that is being read.
pub(crate) struct Known {
    pub(crate) life: Life,
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// The way to the index.
#[derive(Clone)]
pub(crate) struct IndexHandle {
    jobs: mpsc::Sender<Job>,
}

/// An index that runs.
pub(crate) struct Started {
    pub(crate) handle: IndexHandle,
    pub(crate) told: mpsc::Receiver<Told>,
    /// What a person should know of.
    pub(crate) warning: Option<String>,
}

/// Opens the index of a data folder and starts its thread. Blocks.
///
/// # Errors
/// If there is neither memory nor a thread for it.
pub(crate) fn start(folder: &Path, device: DeviceId) -> io::Result<Started> {
    let path = folder.join(FILE);
    let (mut index, mut opening) = Index::open(&path).map_err(io::Error::other)?;
    if !index.own(device).unwrap_or(false) {
        drop(index);
        (index, opening) = Index::replace(&path).map_err(io::Error::other)?;
        index.own(device).map_err(io::Error::other)?;
    }
    let warning = match opening {
        Opening::Fine => None,
        Opening::Replaced(why) => {
            tracing::info!("the index is built again: {why}");
            None
        }
        Opening::InMemory(why) => Some(in_memory(&why)),
    };
    let (jobs, waiting) = mpsc::channel(JOBS_MAX);
    let (teller, told) = mpsc::channel(FOUND_MAX);
    let worker = Worker::new(index, path, device, teller);
    std::thread::Builder::new()
        .name("index".into())
        .spawn(move || worker.run(waiting))?;
    Ok(Started {
        handle: IndexHandle { jobs },
        told,
        warning,
    })
}

pub(crate) fn in_memory(why: &str) -> String {
    format!(
        "the index cannot be kept on disk ({why}); it is in memory until the next start, messages are safe in their logs"
    )
}

impl IndexHandle {
    /// Hands in what was shown. Whether there was space; the loop keeps it so.
    pub(crate) fn fold(&self, room: RoomId, position: Position, changes: Arc<[ArrivedChange]>) -> bool {
        let job = Job::Fold {
            room,
            position,
            changes,
        };
        self.jobs.try_send(job).is_ok()
    }

    /// Asks; [`Told::Answer`] follows. Whether it could be asked.
    pub(crate) fn ask(
        &self,
        session: SessionId,
        asked: AskedIndex,
        room: RoomId,
        question: Question,
    ) -> bool {
        let job = Job::Ask {
            session,
            asked,
            room,
            question,
        };
        self.jobs.try_send(job).is_ok()
    }

    /// Asks for lines of several rooms by what they say; [`Told::Answer`] follows. Whether it could be asked.
    pub(crate) fn search(&self, session: SessionId, asked: AskedIndex, search: Search) -> bool {
        let search = Box::new(search);
        let job = Job::Search {
            session,
            asked,
            search,
        };
        self.jobs.try_send(job).is_ok()
    }

    /// Asks how much of a room is unread; [`Told::Counted`] follows. Whether it could be asked.
    pub(crate) fn count(&self, asked: AskedIndex, room: RoomId, reader: ReaderOf) -> bool {
        self.jobs.try_send(Job::Count { room, asked, reader }).is_ok()
    }

    /// Asks for the newest lines; [`Told::Newest`] follows. Whether it could be asked.
    pub(crate) fn newest(&self, room: RoomId, load: Load, lines: usize) -> bool {
        self.jobs.try_send(Job::Newest { room, load, lines }).is_ok()
    }

    /// Brings what was handed in into the index's file. Whether it could be asked.
    pub(crate) fn keep(&self) -> bool {
        self.jobs.try_send(Job::Keep).is_ok()
    }

    /// Forgets a room. If it cannot be asked now, its lines stay where nobody asks for them.
    pub(crate) fn forget(&self, room: RoomId) {
        let _ = self.jobs.try_send(Job::Forget { room });
    }

    /// Closes the index; what was handed in is in it then.
    pub(crate) async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Job::Close { done }).await.is_ok() {
            let _ = closed.await;
        }
    }

    /// Leaves out of a reading what the index reflects, and gives what that is. Blocks.
    pub(crate) fn resume<D: Disk>(&self, replay: &mut Replay<D>) -> Known {
        let room = replay.room();
        let (reply, answer) = oneshot::channel();
        let asked = self.jobs.blocking_send(Job::Checkpoint { room, reply });
        let (life, checkpoint) = match asked {
            Ok(()) => answer.blocking_recv().unwrap_or_default(),
            Err(_) => Default::default(),
        };
        let is_behind = |checkpoint: &Checkpoint| {
            let behind = replay.resume(checkpoint);
            if !behind {
                tracing::info!(
                    "room {}: the index is of another past, and built again",
                    room.alias()
                );
            }
            behind
        };
        let checkpoint = checkpoint.filter(is_behind);
        if checkpoint.is_none() {
            let _ = self.jobs.blocking_send(Job::Forget { room });
        }
        Known { life, checkpoint }
    }

    /// Takes in what was read; whether it is in. Blocks.
    pub(crate) fn replay(&self, known: &Known, room: RoomId, portion: Portion) -> bool {
        let (done, finished) = oneshot::channel();
        let job = Job::Replay {
            life: known.life,
            room,
            portion,
            done,
        };
        self.jobs.blocking_send(job).is_ok() && finished.blocking_recv().is_ok()
    }

    /// Says that a room was read to its end, and gives what follows from all of its entries; nothing if the index
    /// was lost meanwhile. Blocks.
    pub(crate) fn settle(
        &self,
        known: &Known,
        room: RoomId,
        tips: Vec<(ActorId, Tip)>,
    ) -> Option<(OrderClock, Roster)> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Settle {
            life: known.life,
            room,
            tips,
            reply,
        };
        self.jobs.blocking_send(job).ok()?;
        answer.blocking_recv().ok()?
    }
}
