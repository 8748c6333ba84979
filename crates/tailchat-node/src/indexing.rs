//! The thread that owns the index: what was shown goes in, questions about the past come out, one after the other,
//! so that an answer reflects all that was shown before it was asked. An index that fails is replaced by an empty
//! one, and the loop has the rooms read again. Decides nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tailchat_core::block::Arrival;
use tailchat_core::change::Parts;
use tailchat_core::engine::{ArrivedChange, Load};
use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::order::OrderClock;
use tailchat_core::roster::Roster;
use tailchat_core::state::Tip;
use tailchat_core::timeline::{Line, Place};
use tailchat_index::{Asked, Checkpoint, Folded, From, Index, IndexError, Opening, Position};
use tailchat_store::disk::Disk;
use tokio::sync::{mpsc, oneshot};

use crate::control::Import;
use crate::replay::{Portion, Replay};
use crate::session::SessionId;

/// The index's file in the data folder.
const FILE: &str = "index.db";
/// Jobs that may wait for the index. A question more is refused; that changes fit, [`BACKLOG_MAX`] sees to.
const JOBS_MAX: usize = 1024;
/// Writes that may wait for the index. Beyond it the outcomes of further ones are held back from the engine, so that
/// a catch-up goes no faster than the index.
pub(crate) const BACKLOG_MAX: usize = 16;
/// Outcomes that may wait for the loop; then the index waits.
const FOUND_MAX: usize = 64;
/// Lines whose words go into the search at a time, at the latest when so many wait.
const WORDS_PORTION: u32 = 2_000;
/// Lines that may stay without their words when there is nothing else to do.
const WORDS_IDLE: u64 = 256;
/// Messages named where a beginning fits several.
const CANDIDATES_MAX: usize = 10;

/// One question of a session, never used twice: the answer to a request that was cancelled is not the next one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Which of these are in the room already, by order.
    Known(Vec<(u64, Import)>),
}

/// The answer.
pub(crate) enum Found {
    Lines(Vec<(Place, Line)>),
    Messages(Vec<MessageId>),
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
    /// Changes are in.
    Folded,
    /// The index was replaced by an empty one, for this reason: rooms have to be read again.
    Lost(String),
}

enum Job {
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
    Newest {
        room: RoomId,
        load: Load,
        lines: usize,
    },
    Forget {
        room: RoomId,
    },
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life(u32);

/// What the index knows of a room that is being read.
pub(crate) struct Known {
    life: Life,
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
pub(crate) fn start(folder: &Path) -> io::Result<Started> {
    let path = folder.join(FILE);
    let (index, opening) = Index::open(&path).map_err(io::Error::other)?;
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
    let worker = Worker {
        index,
        path,
        told: teller,
        life: Life::default(),
        written: false,
    };
    std::thread::Builder::new()
        .name("index".into())
        .spawn(move || worker.run(waiting))?;
    Ok(Started {
        handle: IndexHandle { jobs },
        told,
        warning,
    })
}

fn in_memory(why: &str) -> String {
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

    /// Asks for the newest lines; [`Told::Newest`] follows. Whether it could be asked.
    pub(crate) fn newest(&self, room: RoomId, load: Load, lines: usize) -> bool {
        self.jobs.try_send(Job::Newest { room, load, lines }).is_ok()
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

struct Worker {
    index: Index,
    path: PathBuf,
    told: mpsc::Sender<Told>,
    life: Life,
    /// Whether anything was written since the start.
    written: bool,
}

impl Worker {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let job = match jobs.try_recv() {
                Ok(job) => job,
                Err(mpsc::error::TryRecvError::Disconnected) => return,
                Err(mpsc::error::TryRecvError::Empty) => match self.tidy() {
                    Ok(true) => continue,
                    Ok(false) => match jobs.blocking_recv() {
                        Some(job) => job,
                        None => return,
                    },
                    Err(err) => {
                        self.lose(&err);
                        continue;
                    }
                },
            };
            if let Job::Close { done } = job {
                drop(self.index);
                let _ = done.send(());
                return;
            }
            let worked = self.work(job).and_then(|()| self.keep_up());
            if let Err(err) = worked {
                self.lose(&err);
            }
        }
    }

    fn work(&mut self, job: Job) -> Result<(), IndexError> {
        self.written |= !matches!(job, Job::Ask { .. } | Job::Newest { .. } | Job::Checkpoint { .. });
        match job {
            Job::Fold {
                room,
                position,
                changes,
            } => {
                let folded = self.fold(room, position, &changes);
                self.tell(Told::Folded);
                folded
            }
            Job::Ask {
                session,
                asked,
                room,
                question,
            } => {
                // Whoever asks hears of it either way.
                let (found, result) = or_else(self.answer(room, question), Found::NotYet);
                self.tell(Told::Answer {
                    session,
                    asked,
                    found,
                });
                result
            }
            Job::Newest { room, load, lines } => {
                let (found, result) = or_else(self.newest(room, lines), Vec::new());
                self.tell(Told::Newest { room, load, found });
                result
            }
            Job::Forget { room } => self.index.forget(room),
            Job::Checkpoint { room, reply } => {
                // What cannot be read is built again, like what is missing.
                let checkpoint = self.index.checkpoint(room).unwrap_or_else(|err| {
                    tracing::warn!("{err}");
                    None
                });
                let _ = reply.send((self.life, checkpoint));
                Ok(())
            }
            // Whoever waits sees that the answer does not come.
            Job::Replay { life, .. } | Job::Settle { life, .. } if life != self.life => Ok(()),
            Job::Replay {
                room, portion, done, ..
            } => {
                let changes: Vec<_> = portion.changes.iter().map(|(parts, at)| (parts, *at)).collect();
                let folded = Folded {
                    changes: &changes,
                    position: Some(portion.position),
                    ..Folded::default()
                };
                self.index.fold(room, folded)?;
                let _ = done.send(());
                Ok(())
            }
            Job::Settle {
                room, tips, reply, ..
            } => {
                let folded = Folded {
                    tips: &tips,
                    whole: true,
                    ..Folded::default()
                };
                self.index.fold(room, folded)?;
                let checkpoint = self.index.checkpoint(room)?;
                let _ = reply.send(checkpoint.map(|checkpoint| (checkpoint.clock, checkpoint.roster)));
                Ok(())
            }
            Job::Close { .. } => Ok(()),
        }
    }

    fn fold(
        &mut self,
        room: RoomId,
        position: Position,
        changes: &[ArrivedChange],
    ) -> Result<(), IndexError> {
        let tips: std::collections::BTreeMap<ActorId, Tip> = changes
            .iter()
            .map(|arrived| (arrived.change.parts.actor, arrived.change.tip))
            .collect();
        let tips: Vec<_> = tips.into_iter().collect();
        let changes: Vec<(&Parts, Arrival)> = changes
            .iter()
            .map(|arrived| (&arrived.change.parts, arrived.arrival))
            .collect();
        let folded = Folded {
            changes: &changes,
            tips: &tips,
            position: Some(position),
            whole: false,
        };
        self.index.fold(room, folded)
    }

    fn answer(&self, room: RoomId, question: Question) -> Result<Found, IndexError> {
        if !self.index.is_whole(room)? {
            return Ok(Found::NotYet);
        }
        match question {
            Question::Lines(asked) => Ok(Found::Lines(self.index.lines(room, &asked)?)),
            Question::Message {
                actors,
                digits,
                exact,
            } => self.messages(room, &actors, &digits, exact),
            Question::Known(messages) => {
                let total = messages.len();
                let mut unknown = Vec::new();
                for (order, message) in messages {
                    let Import {
                        nick, action, text, ..
                    } = &message;
                    if !self.index.has_imported(room, order, nick, *action, text)? {
                        unknown.push((order, message));
                    }
                }
                let known = (total - unknown.len()) as u64;
                Ok(Found::Unknown(unknown, known))
            }
        }
    }

    fn newest(&self, room: RoomId, lines: usize) -> Result<Vec<(Place, Line)>, IndexError> {
        let asked = Asked {
            from: From::Newest(lines as u64),
            since_ms: None,
            until_ms: None,
            limit: lines,
        };
        self.index.lines(room, &asked)
    }

    fn messages(
        &self,
        room: RoomId,
        actors: &[ActorId],
        digits: &str,
        exact: bool,
    ) -> Result<Found, IndexError> {
        let mut found = Vec::new();
        for actor in actors {
            if exact && let Ok(index) = digits.parse() {
                let id = MessageId { actor: *actor, index };
                if self.index.has_message(room, id)? {
                    return Ok(Found::Messages(vec![id]));
                }
            }
            let limit = CANDIDATES_MAX - found.len();
            found.extend(self.index.messages_of(room, *actor, digits, limit)?);
        }
        Ok(Found::Messages(found))
    }

    /// What has to keep up even under load.
    fn keep_up(&mut self) -> Result<(), IndexError> {
        while self.index.unworded() >= u64::from(WORDS_PORTION) {
            self.index.take_words(WORDS_PORTION)?;
        }
        Ok(())
    }

    /// What can wait until there is nothing else to do; whether there is more of it. Who only reads does not pay for
    /// it: it waits for the next that writes.
    fn tidy(&mut self) -> Result<bool, IndexError> {
        if !self.written {
            return Ok(false);
        }
        if self.index.unworded() >= WORDS_IDLE {
            self.index.take_words(WORDS_PORTION)?;
            return Ok(true);
        }
        self.index.sweep()
    }

    /// Goes on with an empty index: on disk the first time, then in memory, since a disk that fails would fail again.
    fn lose(&mut self, err: &IndexError) {
        tracing::warn!("{err}; it is built again");
        let first = self.life == Life::default();
        self.life.0 += 1;
        let fresh = Index::in_memory().and_then(|memory| {
            // The file is let go of before another takes its place.
            drop(std::mem::replace(&mut self.index, memory));
            Index::replace(&self.path)
        });
        let why = match fresh {
            Ok((index, Opening::Fine)) if first => {
                self.index = index;
                err.to_string()
            }
            Ok(_) => in_memory(&err.to_string()),
            Err(none) => none.to_string(),
        };
        self.tell(Told::Lost(why));
    }

    fn tell(&self, told: Told) {
        // Without a loop nobody waits for it.
        let _ = self.told.blocking_send(told);
    }
}

/// An answer for whoever waits, and what became of it.
fn or_else<T>(result: Result<T, IndexError>, none: T) -> (T, Result<(), IndexError>) {
    match result {
        Ok(found) => (found, Ok(())),
        Err(err) => (none, Err(err)),
    }
}
