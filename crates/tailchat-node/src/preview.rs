//! The newest page of a room before its history: given to a peer that is far behind, shown from one that is far
//! ahead. What peers gave is kept in memory and in no answer but the one that asks for it.

use tailchat_core::block::Arrival;
use tailchat_core::change::Parts;
use tailchat_core::engine::{Event, Load};
use tailchat_core::ids::{DeviceId, RoomId};
use tailchat_core::timeline::{Line, Place, Says, Told, told_by};
use tailchat_core::wire::PreviewLine;

use crate::control::{Answer, Item};
use crate::node::Node;
use crate::session::Page;

/// A line that a peer gave.
pub(crate) struct Previewed {
    place: Place,
    line: Line,
    author: String,
}

impl Node {
    /// A peer wants our newest lines.
    pub(crate) fn load_preview(&mut self, room: RoomId, load: Load, lines: usize) {
        if !self.index.newest(room, load, lines) {
            self.feed(Event::PreviewLoaded {
                load,
                lines: Vec::new(),
            });
        }
    }

    /// The index has them.
    pub(crate) fn newest_found(&mut self, room: RoomId, load: Load, found: &[(Place, Line)]) {
        let view = self.view(room);
        let lines = found.iter().filter_map(|(place, line)| {
            Some(PreviewLine {
                id: place.id,
                entry: line.entry(place)?.encode(),
                author: view.as_ref()?.writer(line),
            })
        });
        let lines = lines.collect();
        self.feed(Event::PreviewLoaded { load, lines });
    }

    pub(crate) fn show_preview(&mut self, room: RoomId, lines: Vec<PreviewLine>) {
        if let Some(open) = self.rooms.get_mut(&room) {
            open.preview = lines.into_iter().filter_map(previewed).collect();
        }
        self.preview_changed(room);
    }

    pub(crate) fn end_preview(&mut self, room: RoomId) {
        if let Some(open) = self.rooms.get_mut(&room) {
            open.preview.clear();
        }
    }

    /// The lines that peers gave and that are not here themselves yet.
    pub(crate) fn preview_page(&self, room: RoomId) -> Page {
        let Some(open) = self.rooms.get(&room).filter(|open| !open.preview.is_empty()) else {
            return Page::new();
        };
        let (Some(view), Some(status)) = (self.view(room), self.engine.room_status(room)) else {
            return Page::new();
        };
        let is_missing = |line: &&Previewed| {
            let id = line.place.id;
            status.durable.tip(id.actor).entries <= id.index
        };
        let item = |line: &Previewed| {
            let mut message = view.message(&line.place, &line.line);
            if matches!(line.line.says, Says::Message { .. }) {
                message.author.clone_from(&line.author);
            }
            message.on = 0;
            message.unread = false;
            message.place.clear();
            Answer::Item(Item::Preview(Box::new(message)))
        };
        open.preview.iter().filter(is_missing).map(item).collect()
    }
}

fn previewed(given: PreviewLine) -> Option<Previewed> {
    let parts = Parts {
        actor: given.id.actor,
        seq: 0,
        first_index: given.id.index,
        previous: None,
        entries: vec![given.entry],
    };
    let nowhere = Arrival {
        at_ms: 0,
        via: DeviceId::NONE,
    };
    match told_by(&parts, nowhere).pop()? {
        Told::Line(place, line) => Some(Previewed {
            place,
            line,
            author: given.author,
        }),
        Told::News(_) | Told::Amendment(_) => None,
    }
}
