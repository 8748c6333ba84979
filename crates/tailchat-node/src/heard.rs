//! What was heard of other members' disks, kept over a restart: when each was last heard of, and what it held. Knows
//! nothing of how it is spelt, and compares nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use tailchat_core::engine::Event;
use tailchat_core::ids::{DeviceId, RoomId};

use crate::facts::{Disks, disk_of};
use crate::node::{Node, OpenRoom};

/// How long news of others' disks waits for our own; a crash takes so much of it, and the next meeting brings it back.
const KEEP_WITHIN: Duration = Duration::from_secs(10);
/// How often it is written who is still there, where nothing else is new; after a crash they were seen that much earlier.
const SEEN_EVERY: Duration = Duration::from_secs(5 * 60);

/// What was heard of the disks of one room since its facts were written.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    /// Who is connected.
    present: BTreeSet<DeviceId>,
    /// When the facts are to be written, if ever.
    keep_at: Option<Duration>,
}

impl Node {
    /// Tells the engine what is known from before of a room that was opened.
    pub(crate) fn recall_disks(&mut self, room: RoomId) {
        let disks = self.rooms.get(&room).map(|open| open.facts.disks.clone());
        for (device, disk) in disks.unwrap_or_default() {
            if !disk.claims.is_empty() {
                let claims = disk.claims;
                self.feed(Event::VectorBrought { room, device, claims });
            }
        }
    }

    /// Something was heard of others' disks, or somebody came or went.
    pub(crate) fn disks_heard(&mut self, room: RoomId) {
        let now = self.now();
        let present: BTreeSet<_> = self.engine.present(room).collect();
        let Some(open) = self.rooms.get_mut(&room) else {
            return;
        };
        let before = std::mem::replace(&mut open.hearing.present, present);
        for gone in before.difference(&open.hearing.present) {
            if let Some(disk) = disk_of(&mut open.facts.disks, *gone) {
                disk.seen_ms = Some(now.wall_ms);
            }
        }
        let soon = now.uptime + KEEP_WITHIN;
        let keep_at = &mut open.hearing.keep_at;
        *keep_at = Some(keep_at.map_or(soon, |at| at.min(soon)));
        if before != open.hearing.present {
            self.note_dialled();
        }
    }

    /// What is known of others' disks now.
    fn disks_now(&self, room: RoomId) -> Disks {
        let Some(open) = self.rooms.get(&room) else {
            return Disks::new();
        };
        let mut disks = open.facts.disks.clone();
        for (device, claims) in self.engine.known_disks(room) {
            if let Some(disk) = disk_of(&mut disks, device) {
                disk.claims = claims.copied().collect();
            }
        }
        let now = self.now().wall_ms;
        let present = open.hearing.present.iter().map(|device| (*device, now));
        for (device, seen_ms) in self.engine.last_seen(room).chain(present) {
            if let Some(disk) = disk_of(&mut disks, device) {
                disk.seen_ms = disk.seen_ms.max(Some(seen_ms));
            }
        }
        disks
    }

    /// Has what is known of others' disks kept over a stop, if there is news of it.
    pub(crate) fn keep_disks(&mut self, room: RoomId) {
        let disks = self.disks_now(room);
        let kept = self.rooms.get_mut(&room).map(|open| &mut open.facts.disks);
        if kept.is_some_and(|kept| std::mem::replace(kept, disks.clone()) != disks) {
            self.facts_changed(room);
        }
    }

    /// Has written what has waited long enough.
    pub(crate) fn tick_disks(&mut self) {
        let now = self.now().uptime;
        let due = self.rooms.iter().filter(|(_, open)| {
            let keep_at = open.hearing.keep_at;
            keep_at.is_some_and(|at| at <= now)
        });
        let due: Vec<_> = due.map(|(room, _)| *room).collect();
        // Who answered meanwhile and does not have the room, no event tells.
        let waits = |open: &OpenRoom| open.facts.newcomer && open.hearing.present.is_empty();
        let waiting = self.rooms.iter().filter(|(_, open)| waits(open));
        let waiting: Vec<_> = waiting.map(|(room, _)| *room).collect();
        waiting.into_iter().for_each(|room| self.room_changed(room));
        for room in due {
            self.keep_disks(room);
            if self
                .rooms
                .get(&room)
                .is_some_and(|open| open.unkept_since.is_some())
            {
                self.keep_facts(room, None);
            }
            if let Some(open) = self.rooms.get_mut(&room) {
                let again = !open.hearing.present.is_empty();
                open.hearing.keep_at = again.then_some(now + SEEN_EVERY);
            }
        }
    }
}
