//! The index's thread at work: each job done, its answer told, and what can wait done when nothing else is to do.
//! An index that fails is replaced by an empty one. Decides nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tailchat_core::block::Arrival;
use tailchat_core::change::Parts;
use tailchat_core::engine::ArrivedChange;
use tailchat_core::ids::{ActorId, DeviceId, MessageId, RoomId};
use tailchat_core::order::OrderClock;
use tailchat_core::roster::Roster;
use tailchat_core::state::Tip;
use tailchat_core::timeline::{Line, Place};
use tailchat_index::{Asked, Changed, Folded, From, Index, IndexError, Opening, Position, Search};
use tokio::sync::mpsc;

use crate::control::{ANSWERS_MAX, Import, SHOWN_MAX};
use crate::indexing::{AskedIndex, ChangedLines, Found, Job, Life, Question, Told, in_memory};
use crate::replay::Portion;
use crate::session::SessionId;
use crate::unread::{Counts, ReaderOf};

/// Lines whose words go into the search at a time, at the latest when so many wait.
const WORDS_PORTION: u32 = 2_000;
/// Lines that may stay without their words when there is nothing else to do.
const WORDS_IDLE: u64 = 256;
/// Changes that are brought into the index's file at once; fewer wait for [`crate::indexing::IndexHandle::keep`].
const KEEP_CHANGES: usize = 256;
/// Messages named where a beginning fits several.
const CANDIDATES_MAX: usize = 10;

/// The index, and who hears of it.
pub(crate) struct Worker {
    index: Index,
    path: PathBuf,
    /// Whose data folder it is.
    device: DeviceId,
    told: mpsc::Sender<Told>,
    life: Life,
    /// Whether anything was written since the start.
    written: bool,
}

impl Worker {
    pub(crate) fn new(index: Index, path: PathBuf, device: DeviceId, told: mpsc::Sender<Told>) -> Self {
        Self {
            index,
            path,
            device,
            told,
            life: Life::default(),
            written: false,
        }
    }

    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
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
                if let Err(err) = self.index.keep() {
                    tracing::warn!("{err}");
                }
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
        self.written |= !matches!(
            job,
            Job::Ask { .. }
                | Job::Search { .. }
                | Job::Newest { .. }
                | Job::Count { .. }
                | Job::Checkpoint { .. }
        );
        match job {
            Job::Fold {
                room,
                position,
                changes,
            } => self.take_in(room, position, &changes),
            Job::Ask {
                session,
                asked,
                room,
                question,
            } => self.tell_found(session, asked, self.answer(room, question)),
            Job::Search {
                session,
                asked,
                search,
            } => self.tell_found(session, asked, self.search(*search)),
            Job::Newest { room, load, lines } => {
                let (found, result) = or_else(self.newest(room, lines), Vec::new());
                self.tell(Told::Newest { room, load, found });
                result
            }
            Job::Count { room, asked, reader } => {
                let (counts, result) = or_else(self.count(room, &reader), None);
                self.tell(Told::Counted { room, asked, counts });
                result
            }
            Job::Forget { room } => self.index.forget(room).and_then(|()| self.index.keep()),
            Job::Keep => self.index.keep(),
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
                self.replay(room, &portion)?;
                let _ = done.send(());
                Ok(())
            }
            Job::Settle {
                room, tips, reply, ..
            } => {
                let _ = reply.send(self.settle(room, &tips)?);
                Ok(())
            }
            Job::Close { .. } => Ok(()),
        }
    }

    fn take_in(
        &mut self,
        room: RoomId,
        position: Position,
        changes: &[ArrivedChange],
    ) -> Result<(), IndexError> {
        let folded = self.fold(room, position, changes);
        let folded = folded.and_then(|changed| self.lines_of(room, &changed));
        // The loop counts what is folded, however that ended.
        let (changed, result) = or_else(folded, ChangedLines::default());
        self.tell(Told::Folded { room, changed });
        result?;
        if changes.len() >= KEEP_CHANGES {
            self.index.keep()?;
        }
        Ok(())
    }

    fn fold(
        &mut self,
        room: RoomId,
        position: Position,
        changes: &[ArrivedChange],
    ) -> Result<Changed, IndexError> {
        let tips: BTreeMap<ActorId, Tip> = changes
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

    fn lines_of(&self, room: RoomId, changed: &Changed) -> Result<ChangedLines, IndexError> {
        let answered: Vec<Place> = changed.answered.difference(&changed.amended).copied().collect();
        let amended: Vec<Place> = changed.amended.iter().copied().collect();
        let lines = |places: &[Place]| match places.len() > SHOWN_MAX {
            true => Ok(Vec::new()),
            false => self.index.lines_at(room, places),
        };
        Ok(ChangedLines {
            amended: lines(&amended)?,
            answered: lines(&answered)?,
            count: amended.len() + answered.len(),
        })
    }

    fn replay(&mut self, room: RoomId, portion: &Portion) -> Result<(), IndexError> {
        let changes: Vec<_> = portion.changes.iter().map(|(parts, at)| (parts, *at)).collect();
        let folded = Folded {
            changes: &changes,
            position: Some(portion.position),
            ..Folded::default()
        };
        self.index.fold(room, folded)?;
        self.index.keep()
    }

    fn settle(
        &mut self,
        room: RoomId,
        tips: &[(ActorId, Tip)],
    ) -> Result<Option<(OrderClock, Roster)>, IndexError> {
        let folded = Folded {
            tips,
            whole: true,
            ..Folded::default()
        };
        self.index.fold(room, folded)?;
        self.index.keep()?;
        let checkpoint = self.index.checkpoint(room)?;
        Ok(checkpoint.map(|checkpoint| (checkpoint.clock, checkpoint.roster)))
    }

    fn answer(&self, room: RoomId, question: Question) -> Result<Found, IndexError> {
        if !self.index.is_whole(room)? {
            return Ok(Found::NotYet);
        }
        match question {
            Question::Lines(asked) => Ok(Found::Lines(self.index.lines(room, &asked)?)),
            Question::Page(spot, lines, reader) => {
                let page = self.index.page_at(room, spot, lines, reader.reader())?;
                Ok(Found::Page(page))
            }
            Question::Unread(after, limit, reader) => {
                let places = self.index.unread_places(room, reader.reader(), after, limit)?;
                Ok(Found::Lines(self.index.lines_at(room, &places)?))
            }
            Question::Message {
                actors,
                digits,
                exact,
            } => self.messages(room, &actors, &digits, exact),
            Question::Versions(id) => Ok(Found::Versions(self.index.versions(room, id)?)),
            Question::Pins(limit) => Ok(Found::Listed(self.index.pinned(room, limit)?)),
            Question::Line(id) => Ok(Found::Line(self.index.message(room, id)?)),
            Question::Answers(of, after) => {
                let mut lines: Vec<_> = self.index.message(room, of)?.into_iter().collect();
                if !lines.is_empty() {
                    lines.extend(self.index.answers(room, of, after, ANSWERS_MAX)?);
                }
                Ok(Found::Listed(lines))
            }
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

    fn search(&self, mut search: Search) -> Result<Found, IndexError> {
        let mut unread = Vec::new();
        for room in std::mem::take(&mut search.rooms) {
            match self.index.is_whole(room)? {
                true => search.rooms.push(room),
                false => unread.push(room),
            }
        }
        Ok(Found::Hits(self.index.search(&search)?, unread))
    }

    fn count(&self, room: RoomId, reader: &ReaderOf) -> Result<Option<Counts>, IndexError> {
        if !self.index.is_whole(room)? {
            return Ok(None);
        }
        let reader = reader.reader();
        let mentions = self.index.unread_mentions(room, reader, None, usize::MAX)?;
        Ok(Some(Counts {
            unread: self.index.unread(room, reader)?,
            mentions: mentions.len() as u64,
        }))
    }

    fn newest(&self, room: RoomId, lines: usize) -> Result<Vec<(Place, Line)>, IndexError> {
        let asked = Asked {
            from: From::Newest(lines as u64),
            since_ms: None,
            until_ms: None,
            known_ms: None,
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
            self.index.keep()?;
            return Ok(true);
        }
        let more = self.index.sweep()?;
        if more {
            self.index.keep()?;
        }
        Ok(more)
    }

    /// Goes on with an empty index: on disk the first time, then in memory, since a disk that fails would fail again.
    fn lose(&mut self, err: &IndexError) {
        tracing::warn!("{err}; it is built again");
        let first = self.life == Life::default();
        self.life.0 += 1;
        let fresh = Index::in_memory().and_then(|memory| {
            // The file is let go of before another takes its place.
            drop(std::mem::replace(&mut self.index, memory));
            let (mut index, opening) = Index::replace(&self.path)?;
            index.own(self.device)?;
            Ok((index, opening))
        });
        let why = match fresh {
            Ok((index, Opening::Fine)) if first => {
                self.index = index;
                err.to_string()
            }
            Ok(_) => in_memory(&err.to_string()),
            Err(none) => none.to_string(),
        };
        let life = self.life;
        self.tell(Told::Lost { life, why });
    }

    /// Whoever asks hears of it either way.
    fn tell_found(
        &self,
        session: SessionId,
        asked: AskedIndex,
        answer: Result<Found, IndexError>,
    ) -> Result<(), IndexError> {
        let (found, result) = or_else(answer, Found::NotYet);
        self.tell(Told::Answer {
            session,
            asked,
            found,
        });
        result
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
