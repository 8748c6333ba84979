//! Newest lines, given before the history: read from what a peer shows, and seen to stay out of everything that
//! counts. Knows no frames but these.

use std::collections::BTreeSet;

use tailchat_core::engine::{ConnId, Event, Load};
use tailchat_core::entry::Entry;
use tailchat_core::ids::RoomId;
use tailchat_core::timeline::Timeline;
use tailchat_core::wire::{PreviewLine, RoomFrame};

use crate::network::PeerNo;
use crate::world::{Checked, World};

impl World {
    /// Answers from what the peer shows.
    pub(crate) fn preview_loaded(&mut self, no: PeerNo, room: RoomId, load: Load, lines: usize) -> Checked {
        let shown = self.peers.get(no).and_then(|peer| peer.shelves.get(&room));
        let shown = shown.into_iter().flat_map(|shelf| newest(&shelf.shown, lines));
        let mut lines: Vec<_> = shown.collect();
        lines.reverse();
        self.tell(no, Event::PreviewLoaded { load, lines })
    }

    /// A peer shows somebody's newest lines. None of them may be of what it holds.
    pub(crate) fn previewed(
        &mut self,
        no: PeerNo,
        room: RoomId,
        conn: ConnId,
        lines: Vec<PreviewLine>,
    ) -> Checked {
        self.counts.previews += 1;
        self.note(
            no,
            "previews",
            lines.len() as u64,
            format_args!("{} lines", lines.len()),
        );
        let shelf = self.peers.get(no).and_then(|peer| peer.shelves.get(&room));
        let shelf = shelf.ok_or("previews a room that it has not joined")?;
        let held = |line: &PreviewLine| line.id.index < shelf.disk.state.tip(line.id.actor).entries;
        if lines.is_empty() || lines.iter().any(held) {
            return Err("previews nothing, or what it holds already".into());
        }
        let open = self.peer(no).room(room).ok_or("previews a closed room")?;
        match open.preview.replace(conn) {
            None => Ok(()),
            Some(_) => Err("begins a second preview before the first has ended".into()),
        }
    }

    pub(crate) fn preview_ended(&mut self, no: PeerNo, room: RoomId) -> Checked {
        let open = self
            .peer(no)
            .room(room)
            .ok_or("ends the preview of a closed room")?;
        match open.preview.take() {
            Some(_) => Ok(()),
            None => Err("ends a preview that never began".into()),
        }
    }
}

/// The newest lines that can be previewed, the newest first.
fn newest(shown: &Timeline, most: usize) -> impl Iterator<Item = PreviewLine> {
    let lines = shown.lines().rev();
    let lines = lines.filter_map(|(place, line)| {
        let author = shown.roster().profile(line.author);
        Some(PreviewLine {
            id: place.id,
            entry: line.entry(place)?.encode(),
            author: author.map(|profile| profile.name.clone()).unwrap_or_default(),
        })
    });
    lines.take(most)
}

/// Whether every line of a preview stands on its sender's screen.
pub(crate) fn check_preview(frame: &RoomFrame, shown: &Timeline) -> Checked {
    let RoomFrame::Preview(lines) = frame else {
        return Ok(());
    };
    let shown: BTreeSet<_> = shown.lines().map(|(place, _)| (place.id, place.order)).collect();
    let order = |line: &PreviewLine| Entry::decode(&line.entry).stamp.order;
    match lines.iter().find(|line| !shown.contains(&(line.id, order(line)))) {
        None => Ok(()),
        Some(line) => Err(format!("gives a preview of {}, which it does not show", line.id)),
    }
}
