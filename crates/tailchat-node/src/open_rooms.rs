//! Which rooms are open: they are opened from what was read of them, closed, and opened anew after the index was lost
//! or the disk failed. Reads nothing itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tailchat_core::engine::Event;
use tailchat_core::ids::RoomId;
use tailchat_index::Position;
use tailchat_store::log::room_dir;
use tokio::sync::oneshot;

use crate::facts::RoomFacts;
use crate::heard::Hearing;
use crate::node::{Node, OpenRoom};
use crate::opening::{Later, Loaded};
use crate::room::{self, Job};
use crate::session::SessionId;
use crate::unread::Counted;

/// How long a room that could not be opened is left alone before it is tried again.
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a room stays read-only before its disk is given another chance: it is closed for a moment then.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(30);

impl Node {
    /// Opens a room that was loaded.
    pub(crate) fn open_room(&mut self, loaded: Loaded) {
        let Loaded {
            journal,
            opened,
            roster,
            findings,
            life: _,
        } = loaded;
        let id = journal.room();
        for finding in &findings {
            tracing::warn!("room {}: {finding}", id.alias());
        }
        let bytes = journal.disk_bytes();
        let read_only_since = journal.is_read_only().then(Instant::now);
        let facts = RoomFacts::decode(journal.facts());
        let jobs = match room::start(journal, self.outcomes.clone()) {
            Ok(jobs) => jobs,
            Err(err) => return tracing::error!("room {} cannot be opened: {err}", id.alias()),
        };
        let disk_bytes = bytes.tails + bytes.blocks;
        self.rooms.insert(
            id,
            OpenRoom {
                roster,
                findings,
                disk_bytes,
                jobs,
                facts,
                unkept_since: None,
                counted: Counted::unknown(),
                hearing: Hearing::default(),
                preview: Vec::new(),
                end: Position {
                    stretch: 0,
                    changes: 0,
                },
                failed: false,
                read_only_since,
            },
        );
        self.feed(Event::RoomOpened { room: id, opened });
        self.recall_disks(id);
        self.lines_changed(id);
        self.links_heard(id);
    }

    /// Closes a room and gives what tells when its disk is at rest.
    pub(crate) fn close_room(&mut self, id: RoomId) -> oneshot::Receiver<()> {
        self.keep_disks(id);
        self.feed(Event::RoomClosed { room: id });
        self.room_changed(id);
        if self
            .rooms
            .get(&id)
            .is_some_and(|open| open.unkept_since.is_some())
        {
            self.keep_facts(id, None);
        }
        let (sender, at_rest) = oneshot::channel();
        if let Some(open) = self.rooms.remove(&id) {
            let _ = open.jobs.try_send(Job::Close { done: sender });
        }
        at_rest
    }

    /// All rooms are read again for a new index, each on its own; meanwhile they are closed.
    pub(crate) fn index_lost(&mut self, why: &str) {
        tracing::warn!("the index is built again: {why}");
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.reopen_room(room, None));
    }

    /// Has a room read that the index does not know yet.
    pub(crate) fn read_room(&mut self, later: Later) {
        self.moving.insert(later.dir.clone());
        self.folder
            .read_room(later, self.engine.identity().device, self.done.clone());
    }

    /// Tries again to open what could not be opened, and opens anew what a failed disk made read-only: the disk may
    /// be there again, or what was wrong mended.
    pub(crate) fn tick_unopened(&mut self) {
        let waited = |since: Instant| since.elapsed() >= WRITE_AGAIN_AFTER;
        let due = self
            .rooms
            .iter()
            .filter(|(_, open)| open.read_only_since.is_some_and(waited));
        let due: Vec<_> = due.map(|(room, _)| *room).collect();
        for room in due {
            let at_rest = self.close_room(room);
            self.read_again(room_dir(room), Some(at_rest));
        }
        if self.closed.is_empty() || self.closed_tried.elapsed() < OPEN_AGAIN_AFTER {
            return;
        }
        self.closed_tried = Instant::now();
        let closed = self.closed.keys().filter(|dir| !self.moving.contains(*dir));
        for dir in closed.cloned().collect::<Vec<_>>() {
            self.read_again(dir, None);
        }
    }

    fn read_again(&mut self, dir: PathBuf, at_rest: Option<oneshot::Receiver<()>>) {
        let device = self.engine.identity().device;
        self.folder
            .read_again(dir.clone(), device, at_rest, self.done.clone());
        self.moving.insert(dir);
    }

    /// Closes a room, if it is open, and has it read anew.
    pub(crate) fn reopen_room(&mut self, room: RoomId, session: Option<SessionId>) {
        let at_rest = self.close_room(room);
        self.moving.insert(room_dir(room));
        let device = self.engine.identity().device;
        self.folder
            .reopen_room(room, device, session, at_rest, self.done.clone());
    }
}
