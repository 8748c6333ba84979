//! Programs that show rooms: told what changes, as far as they keep up. What they do not hear in time they ask for
//! again, so a slow one costs a bounded queue and nothing else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tailchat_core::ids::RoomId;
use tailchat_core::timeline::{Line, Place};

use crate::control::{Answer, Change, Item, RoomItem, SHOWN_MAX, ShownItem};
use crate::indexing::ChangedLines;
use crate::node::Node;
use crate::session::{PAGE_LEN, Page, Pending};

/// Things that wait to be told; of more, a program is told to look again.
const WATCH_MAX: usize = 1024;

/// What a watching program was told, and what it is to be told.
#[derive(Default)]
pub(crate) struct Watching {
    /// Every room as it was told last.
    said: BTreeMap<RoomId, RoomItem>,
    /// Rooms whose item may be another now.
    changed: BTreeSet<RoomId>,
    /// Rooms of whose messages others' disks hold more or less.
    disks: BTreeSet<RoomId>,
    queue: VecDeque<Item>,
}

impl Watching {
    fn push(&mut self, item: Item) {
        match (self.queue.back_mut(), item) {
            (Some(Item::Shown(last)), Item::Shown(shown)) if last.room == shown.room => join(last, shown),
            (_, item) => self.queue.push_back(item),
        }
        if self.queue.len() > WATCH_MAX {
            self.queue = self
                .said
                .values()
                .map(|room| changed(room, Change::Lines))
                .collect();
        }
    }
}

impl Node {
    /// Begins with every room.
    pub(crate) fn watch(&self) -> Pending {
        Pending::Watch(Box::new(Watching {
            changed: self.rooms.keys().copied().collect(),
            ..Watching::default()
        }))
    }

    /// A room's item may be another now.
    pub(crate) fn room_changed(&mut self, room: RoomId) {
        self.watchers().for_each(|watching| {
            watching.changed.insert(room);
        });
    }

    /// Others' disks may hold more or less of a room.
    pub(crate) fn disks_changed(&mut self, room: RoomId) {
        self.watchers().for_each(|watching| {
            watching.changed.insert(room);
            watching.disks.insert(room);
        });
    }

    /// Lines were shown.
    pub(crate) fn tell_watchers(&mut self, room: RoomId, shown: &[(Place, Line)]) {
        if shown.is_empty() || self.watchers().next().is_none() {
            return;
        }
        let mut messages = Vec::new();
        if shown.len() <= SHOWN_MAX
            && let Some(view) = self.view(room)
        {
            messages.extend(shown.iter().map(|(place, line)| view.message(place, line)));
        }
        let item = Item::Shown(ShownItem {
            room: room.to_string(),
            lines: shown.len() as u64,
            messages,
        });
        self.watchers().for_each(|watching| watching.push(item.clone()));
    }

    /// Lines are no longer what they were.
    pub(crate) fn amended(&mut self, room: RoomId, changed: &ChangedLines) {
        let ChangedLines {
            amended,
            answered,
            count,
        } = changed;
        if *count == 0 {
            return;
        }
        if answered.len() < *count {
            // A name may stand in the new text.
            self.unread_changed(room);
        }
        // Whoever follows gets the answer itself, which names what it answers.
        self.follow(room, amended);
        let whole = amended.len() + answered.len() == *count;
        if !whole || *count > SHOWN_MAX {
            return self.lines_changed(room);
        }
        if self.watchers().next().is_none() {
            return;
        }
        let Some(view) = self.view(room) else { return };
        let item = Item::Amended(ShownItem {
            room: room.to_string(),
            lines: *count as u64,
            messages: amended
                .iter()
                .chain(answered)
                .map(|(place, line)| view.message(place, line))
                .collect(),
        });
        self.watchers().for_each(|watching| watching.push(item.clone()));
    }

    /// A room's lines are to be asked for again.
    pub(crate) fn lines_changed(&mut self, room: RoomId) {
        self.watchers().for_each(|watching| {
            watching.changed.insert(room);
            if let Some(said) = watching.said.get(&room) {
                let item = changed(said, Change::Lines);
                watching.push(item);
            }
        });
    }

    /// A preview came.
    pub(crate) fn preview_changed(&mut self, room: RoomId) {
        if self.watchers().next().is_none() {
            return;
        }
        for answer in self.preview_page(room) {
            if let Answer::Item(item) = answer {
                self.watchers().for_each(|watching| watching.push(item.clone()));
            }
        }
    }

    fn watchers(&mut self) -> impl Iterator<Item = &mut Watching> {
        self.sessions
            .values_mut()
            .filter_map(|session| match &mut session.state {
                Pending::Watch(watching) => Some(&mut **watching),
                _ => None,
            })
    }

    pub(crate) fn watch_page(&mut self, watching: &mut Watching) -> Page {
        let mut page: Page = Page::new();
        for room in std::mem::take(&mut watching.changed) {
            if !self.rooms.contains_key(&room) {
                let left = watching.said.remove(&room);
                page.extend(left.map(|room| Answer::Item(changed(&room, Change::Left))));
                continue;
            }
            self.count_at_leisure(room);
            let item = self.room_item(room);
            if watching.said.get(&room) != Some(&item) {
                watching.said.insert(room, item.clone());
                page.push(Answer::Item(Item::Room(item)));
            }
        }
        let queued = watching.queue.len().min(PAGE_LEN);
        page.extend(watching.queue.drain(..queued).map(Answer::Item));
        for room in std::mem::take(&mut watching.disks) {
            let said = watching.said.get(&room);
            page.extend(said.map(|room| Answer::Item(changed(room, Change::Disks))));
        }
        page
    }
}

fn join(last: &mut ShownItem, shown: ShownItem) {
    let whole = last.messages.len() as u64 == last.lines && shown.messages.len() as u64 == shown.lines;
    last.lines += shown.lines;
    if whole && last.messages.len() + shown.messages.len() <= SHOWN_MAX {
        last.messages.extend(shown.messages);
    } else {
        last.messages.clear();
    }
}

fn changed(room: &RoomItem, what: Change) -> Item {
    Item::Changed {
        room: room.room.clone(),
        what,
    }
}
