//! What was read and what was not: marks, counts, and when they go to disk. The index counts; nothing here scans.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::read::ReadState;
use tailchat_index::Reader;

use crate::answers::{ignored, us};
use crate::control::{Code, Failure, PAGE_MAX, Reading};
use crate::indexing::AskedIndex;
use crate::node::Node;
use crate::requests::no_message;
use crate::room::Job;
use crate::session::{AfterDisk, Pending, SessionId};

/// How long a mark may wait for the disk: what a crash takes of it is unread again.
const KEEP_WITHIN: Duration = Duration::from_secs(5);

/// Whose reading the index is asked about.
#[derive(Clone)]
pub(crate) struct ReaderOf {
    read: Arc<ReadState>,
    /// Whose messages never count: one's own, and those of whoever is ignored.
    own: Arc<BTreeSet<ActorId>>,
    name: Arc<str>,
}

impl ReaderOf {
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            read: &self.read,
            own: &self.own,
            name: &self.name,
        }
    }
}

/// How much of a room is unread, as counted last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) unread: u64,
    pub(crate) mentions: u64,
}

/// What is known of how much is unread.
pub(crate) struct Counted {
    pub(crate) counts: Counts,
    /// The count under way.
    asked: Option<AskedIndex>,
    /// Whether something came or was read since the last count was asked for.
    stale: bool,
    /// Counts up to this question are of a time before all was read.
    void: Option<AskedIndex>,
}

impl Counted {
    /// Nothing is counted yet.
    pub(crate) fn unknown() -> Self {
        Self {
            counts: Counts::default(),
            asked: None,
            stale: true,
            void: None,
        }
    }

    /// All was read: there is nothing to count but what comes from now on.
    fn none_left(&mut self) {
        self.counts = Counts::default();
        self.void = self.asked.or(self.void);
    }
}

impl Node {
    pub(crate) fn reader_of(&self, room: RoomId) -> Option<ReaderOf> {
        let open = self.rooms.get(&room)?;
        let identity = self.engine.identity();
        let mut silent: BTreeSet<_> = open.roster.actors_of_writer(us(identity, &open.roster)).collect();
        let ignored = ignored(open);
        if !ignored.is_empty() {
            let actors = open.roster.profiles().map(|(actor, _)| actor);
            let is_ignored = |writer| ignored.contains(&writer);
            silent.extend(actors.filter(|actor| open.roster.claimed(*actor).is_some_and(is_ignored)));
        }
        Some(ReaderOf {
            read: Arc::clone(&open.facts.read),
            own: Arc::new(silent),
            name: identity.name.as_str().into(),
        })
    }

    /// Something came, or was read.
    pub(crate) fn unread_changed(&mut self, room: RoomId) {
        if let Some(open) = self.rooms.get_mut(&room) {
            open.counted.stale = true;
        }
        self.room_changed(room);
    }

    /// Asks for a room's counts if they are not those of now; the question whose answer has them.
    pub(crate) fn count(&mut self, room: RoomId) -> Option<AskedIndex> {
        let open = self.rooms.get(&room)?;
        if !open.counted.stale {
            return open.counted.asked;
        }
        let reader = self.reader_of(room)?;
        let asked = self.count_with_index(room, reader);
        let open = self.rooms.get_mut(&room)?;
        if asked.is_some() {
            open.counted.asked = asked;
            open.counted.stale = false;
        }
        asked
    }

    /// The same, unless a count is under way: whoever watches is told often enough.
    pub(crate) fn count_at_leisure(&mut self, room: RoomId) {
        let idle = self
            .rooms
            .get(&room)
            .is_some_and(|open| open.counted.asked.is_none());
        if idle {
            self.count(room);
        }
    }

    /// The index has counted; nothing if it could not.
    pub(crate) fn counted(&mut self, room: RoomId, asked: AskedIndex, counts: Option<Counts>) {
        self.last_counted = asked;
        let Some(open) = self.rooms.get_mut(&room) else {
            return;
        };
        open.counted.asked.take_if(|of| *of == asked);
        match counts {
            Some(counts) if Some(asked) > open.counted.void => open.counted.counts = counts,
            Some(_) => {}
            None => open.counted.stale = true,
        }
        self.room_changed(room);
    }

    /// Who joins has missed nothing: what was written before counts as read, once it is all here for the first time.
    pub(crate) fn settle_in(&mut self, room: RoomId) {
        if self.has_caught_up(room) {
            self.count_as_read(room);
        }
    }

    /// All that is here counts as read, if it is the first that a newcomer has.
    pub(crate) fn count_as_read(&mut self, room: RoomId) {
        if !self.rooms.get(&room).is_some_and(|open| open.facts.newcomer) {
            return;
        }
        let status = self.engine.room_status(room);
        if let (Some(open), Some(status)) = (self.rooms.get_mut(&room), status) {
            open.facts.newcomer = false;
            open.counted.none_left();
            Arc::make_mut(&mut open.facts.read).mark_all(&status.durable);
            self.unread_changed(room);
            self.keep_facts(room, None);
        }
    }

    pub(crate) fn read(
        &mut self,
        session: SessionId,
        room: &str,
        what: &Reading,
    ) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        let refused = |why: tailchat_core::read::TooScattered| Failure::new(Code::Failed, why.to_string());
        let status = self.engine.room_status(room);
        let (Some(open), Some(status)) = (self.rooms.get_mut(&room), status) else {
            return Err(Failure::new(Code::NotFound, "the room was left"));
        };
        let read = Arc::make_mut(&mut open.facts.read);
        let marked = match what {
            Reading::All => {
                read.mark_all(&status.durable);
                open.counted.none_left();
                Ok(())
            }
            Reading::These(ids) => messages(ids)?
                .into_iter()
                .try_for_each(|id| read.mark(id.actor, id.index..id.index.saturating_add(1))),
            Reading::Not(id) => read.unmark(id.parse().map_err(|_| no_message(id))?),
        };
        // Some may be marked before one that cannot be.
        self.unread_changed(room);
        if *what == Reading::All {
            self.keep_facts(room, Some(session));
            return Ok(Pending::Disk(AfterDisk::Answer));
        }
        self.facts_changed(room);
        marked.map(|()| Pending::items([])).map_err(refused)
    }

    /// The facts are to be kept within [`KEEP_WITHIN`].
    pub(crate) fn facts_changed(&mut self, room: RoomId) {
        let now = self.now().uptime;
        if let Some(open) = self.rooms.get_mut(&room) {
            open.unkept_since.get_or_insert(now);
        }
    }

    /// Has a room's facts written as they are.
    pub(crate) fn keep_facts(&mut self, room: RoomId, session: Option<SessionId>) {
        if let Some(open) = self.rooms.get_mut(&room) {
            open.unkept_since = None;
            let facts = open.facts.encode();
            self.job(room, Job::SetFacts { facts, session });
        }
    }

    /// Has all facts written that have waited for [`KEEP_WITHIN`].
    pub(crate) fn tick_facts(&mut self) {
        let now = self.now().uptime;
        let waited = |since: Duration| now.saturating_sub(since) >= KEEP_WITHIN;
        let rooms: Vec<_> = self
            .rooms
            .iter()
            .filter(|(_, open)| open.unkept_since.is_some_and(waited))
            .map(|(id, _)| *id)
            .collect();
        rooms.into_iter().for_each(|room| self.keep_facts(room, None));
    }

    /// Facts were written for nobody in particular; what was not written is written later.
    pub(crate) fn facts_kept(&mut self, room: RoomId, result: Result<(), String>) {
        if let Err(why) = result {
            tracing::warn!("what was read is not kept yet: {why}");
            self.facts_changed(room);
        }
    }
}

/// The messages that a request names.
///
/// # Errors
/// [`Code::Usage`] if they are too many, [`Code::NotFound`] if one is none.
pub(crate) fn messages(ids: &[String]) -> Result<Vec<MessageId>, Failure> {
    if ids.len() > PAGE_MAX {
        let why = format!(
            "{} messages in one request, at most {PAGE_MAX} are taken",
            ids.len()
        );
        return Err(Failure::new(Code::Usage, why));
    }
    ids.iter()
        .map(|id| id.parse().map_err(|_| no_message(id)))
        .collect()
}
