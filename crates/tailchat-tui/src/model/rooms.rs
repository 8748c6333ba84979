//! The rooms that this person is in, in the order of their names, with what is unread in them. Knows no lines.

use tailchat_core::text;
use tailchat_node::control::RoomItem;

use super::ids::RoomKey;
use crate::complete;

/// A room as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) key: RoomKey,
    pub(crate) name: String,
    pub(crate) invite: String,
    pub(crate) messages: u64,
    pub(crate) members: u64,
    /// Peers that are connected in it.
    pub(crate) connected: u64,
    /// Other people who are there, connected with us or heard of through others.
    pub(crate) here: u64,
    /// Who writes something now.
    pub(crate) typing: Vec<String>,
    /// Messages that connected peers have and we lack.
    pub(crate) behind: u64,
    /// Whether somebody else who has it was ever met.
    pub(crate) met: bool,
    pub(crate) unread: u64,
    pub(crate) mentions: u64,
    /// Whether a draft waits in it.
    pub(crate) draft: bool,
    /// Its messages bring no notice, and are not in the window's title.
    pub(crate) muted: bool,
    /// What it is about, on one line; empty if nobody said so.
    pub(crate) topic: String,
    /// What everybody calls it, where its name here is one of our own.
    pub(crate) known_as: Option<String>,
    /// If it was joined and nobody who has it was met yet: how many peers answered and do not have it.
    pub(crate) waiting: Option<u64>,
}

impl Room {
    pub(crate) fn new(item: &RoomItem) -> Self {
        Self {
            key: RoomKey::new(&item.room),
            name: text::name(&item.name),
            invite: item.invite.clone(),
            messages: item.messages,
            members: item.members,
            connected: item.connected,
            here: item.here,
            typing: item.typing.iter().map(|name| text::name(name)).collect(),
            behind: item.behind,
            met: item.met,
            unread: item.unread,
            mentions: item.mentions,
            draft: item.draft,
            muted: item.muted,
            topic: one_line(&item.topic),
            known_as: item.known_as.as_deref().map(text::name),
            waiting: item.waiting.as_ref().map(|waiting| waiting.answered),
        }
    }

    /// Whether it is the same as before but for who writes something.
    pub(crate) fn differs_in_typing_alone(&self, before: &Self) -> bool {
        let typing = before.typing.clone();
        self.typing != typing
            && Self {
                typing,
                ..self.clone()
            } == *before
    }
}

/// A text that is meant to be one line, whatever a peer made of it.
fn one_line(words: &str) -> String {
    let shown = text::visible(words);
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rooms {
    rooms: Vec<Room>,
}

impl Rooms {
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Room> {
        self.rooms.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(crate) fn get(&self, key: &RoomKey) -> Option<&Room> {
        self.rooms.iter().find(|room| room.key == *key)
    }

    pub(crate) fn get_mut(&mut self, key: &RoomKey) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.key == *key)
    }

    /// The room at this index of the list.
    pub(crate) fn at(&self, index: usize) -> Option<&Room> {
        self.rooms.get(index)
    }

    pub(crate) fn index_of(&self, key: &RoomKey) -> Option<usize> {
        self.rooms.iter().position(|room| room.key == *key)
    }

    /// A room as it is now; gives what it was before.
    pub(crate) fn put(&mut self, room: Room) -> Option<Room> {
        let before = self.remove(&room.key);
        let key = |room: &Room| (room.name.to_lowercase(), room.key.clone());
        let index = self.rooms.partition_point(|other| key(other) < key(&room));
        self.rooms.insert(index, room);
        before
    }

    pub(crate) fn remove(&mut self, key: &RoomKey) -> Option<Room> {
        let index = self.index_of(key)?;
        Some(self.rooms.remove(index))
    }

    /// The rooms whose names have these letters in this order, the best first; without letters, those with something
    /// unread.
    pub(crate) fn fitting(&self, letters: &str) -> Vec<&Room> {
        let names = self.rooms.iter().map(|room| room.name.as_str());
        let ranked = complete::ranked(letters.trim(), names);
        let mut fitting: Vec<&Room> = ranked.into_iter().filter_map(|at| self.rooms.get(at)).collect();
        if letters.trim().is_empty() {
            fitting.sort_by_key(|room| (room.mentions == 0, room.unread == 0));
        }
        fitting
    }

    /// Unread messages of all rooms that are not muted.
    pub(crate) fn unread(&self) -> u64 {
        self.rooms
            .iter()
            .filter(|room| !room.muted)
            .map(|room| room.unread)
            .fold(0, u64::saturating_add)
    }

    /// The room to read next: behind this one in the list, one that names us before others.
    pub(crate) fn next_unread(&self, behind: Option<&RoomKey>) -> Option<&Room> {
        let start = behind
            .and_then(|key| self.index_of(key))
            .map_or(0, |index| index + 1);
        let (head, tail) = self.rooms.split_at(start.min(self.rooms.len()));
        let others = || tail.iter().chain(head).filter(|room| Some(&room.key) != behind);
        others()
            .find(|room| room.mentions > 0)
            .or_else(|| others().find(|room| room.unread > 0))
    }
}
