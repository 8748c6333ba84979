//! The newest page of a room from a peer far ahead, before the history arrives. Its lines are nobody's word but
//! the peer's: this file hands them over to be looked at and lets them into no room, count or claim.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ConnId, Effect, Engine, LoadFor, Turn};
use crate::entry::{Body, Entry};
use crate::ids::{ActorId, RoomId};
use crate::limits::{
    ACTOR_ENTRIES_MAX, NAME_LEN_MAX, PREVIEW_BEHIND_MIN, PREVIEW_LEN_MAX, PREVIEW_LINES_MAX, WANT_TIME,
};
use crate::state::RoomState;
use crate::wire::{Bye, PreviewLine, RoomFrame};

/// The one preview of a room.
#[derive(Debug)]
pub(super) struct Preview {
    /// Who was asked.
    conn: ConnId,
    since: Duration,
    /// Whether lines were handed over, which are to be dropped in the end.
    given: bool,
    /// What the peer claimed then and we still lack, by actor: how far.
    lacking: Vec<(ActorId, u64)>,
}

/// How a link stands to previews. A peer is asked once, and answered once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PreviewTurns {
    asked: bool,
    answered: bool,
    served: bool,
}

impl Engine {
    /// Asks a peer that is far ahead for its newest lines, if nobody gave any or is about to.
    pub(super) fn ask_preview(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room).filter(|state| state.preview.is_none()) else {
            return;
        };
        for (id, conn) in &mut self.conns {
            let Some(link) = conn.links.get_mut(&room).filter(|link| !link.preview.asked) else {
                continue;
            };
            if link.behind(&state.durable).messages <= PREVIEW_BEHIND_MIN {
                continue;
            }
            link.preview.asked = true;
            let wanted = link.lacking(&state.durable);
            state.preview = Some(Preview {
                conn: *id,
                since: t.now.uptime,
                given: false,
                lacking: wanted.iter().map(|range| (range.actor, range.to)).collect(),
            });
            let lines = u16::try_from(PREVIEW_LINES_MAX).unwrap_or(u16::MAX);
            return conn.send_room(*id, room, &RoomFrame::WantPreview(lines), t);
        }
    }

    /// A peer asks for our newest lines.
    pub(super) fn preview_wanted(&mut self, id: ConnId, room: RoomId, lines: u16, t: &mut Turn<'_>) {
        let Some(link) = self.link(id, room) else { return };
        if std::mem::replace(&mut link.preview.served, true) {
            return self.drop_conn(id, Some(Bye::Protocol), "it asked for a second preview", t);
        }
        let lines = usize::from(lines).min(PREVIEW_LINES_MAX);
        if self.reads_much(room) {
            return self.answer_preview(id, room, Vec::new(), lines, t);
        }
        let load = self.next_load(LoadFor::Preview {
            conn: id,
            room,
            lines,
        });
        t.emit(Effect::LoadPreview { room, load, lines });
    }

    pub(super) fn answer_preview(
        &mut self,
        id: ConnId,
        room: RoomId,
        lines: Vec<PreviewLine>,
        most: usize,
        t: &mut Turn<'_>,
    ) {
        if let Some(conn) = self.conns.get_mut(&id) {
            let lines = newest_that_fit(lines, most);
            conn.send_room(id, room, &RoomFrame::Preview(lines), t);
        }
    }

    /// The newest lines of a peer that was asked. What is no message, or is here already, is left out.
    pub(super) fn preview_arrived(
        &mut self,
        id: ConnId,
        room: RoomId,
        mut lines: Vec<PreviewLine>,
        t: &mut Turn<'_>,
    ) {
        let Some(link) = self.link(id, room) else { return };
        let in_turn = link.preview.asked && !std::mem::replace(&mut link.preview.answered, true);
        if !in_turn {
            return self.drop_conn(
                id,
                Some(Bye::Protocol),
                "it sent a preview that nobody asked for",
                t,
            );
        }
        let len: usize = lines.iter().map(PreviewLine::cost).sum();
        if lines.len() > PREVIEW_LINES_MAX || len > PREVIEW_LEN_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "a preview beyond its limits", t);
        }
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        // It came too late, or the history was faster.
        let Some(preview) = state.preview.as_mut().filter(|preview| preview.conn == id) else {
            return;
        };
        let mut ids = BTreeSet::new();
        lines.retain(|line| may_be_shown(line, &state.durable) && ids.insert(line.id));
        if lines.is_empty() {
            state.preview = None;
            return self.ask_preview(room, t);
        }
        preview.given = true;
        t.emit(Effect::Preview {
            room,
            conn: id,
            lines,
        });
    }

    /// Ends a room's preview when it has all that its giver claimed, or that one let it wait.
    pub(super) fn age_preview(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let Some(preview) = &mut state.preview else { return };
        let link = self
            .conns
            .get(&preview.conn)
            .and_then(|conn| conn.links.get(&room));
        let forked = |actor: &ActorId| link.is_none_or(|link| link.forked.contains(actor));
        let durable = &state.durable;
        preview
            .lacking
            .retain(|(actor, seq)| durable.tip(*actor).seq < *seq && !forked(actor));
        let late = !preview.given && t.now.uptime.saturating_sub(preview.since) > WANT_TIME;
        if late || preview.lacking.is_empty() {
            self.end_preview(room, t);
        }
    }

    /// Ends a room's preview with the connection that gave it.
    pub(super) fn lose_preview(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let state = self.rooms.get(&room);
        if state.is_some_and(|state| state.preview.as_ref().is_some_and(|preview| preview.conn == id)) {
            self.end_preview(room, t);
        }
    }

    fn end_preview(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let ended = self.rooms.get_mut(&room).and_then(|state| state.preview.take());
        if ended.is_some_and(|preview| preview.given) {
            t.emit(Effect::PreviewEnded { room });
        }
        self.ask_preview(room, t);
    }
}

/// The newest lines, as many as were asked for and as fit; they stay in order, the newest last.
fn newest_that_fit(mut lines: Vec<PreviewLine>, most: usize) -> Vec<PreviewLine> {
    let mut left = PREVIEW_LEN_MAX;
    let newest = lines.iter().rev().take(most);
    let fit = newest
        .take_while(|line| {
            let rest = left.checked_sub(line.cost());
            left = rest.unwrap_or(0);
            rest.is_some()
        })
        .count();
    lines.split_off(lines.len().saturating_sub(fit))
}

/// Whether a line is a message that we do not hold.
fn may_be_shown(line: &PreviewLine, durable: &RoomState) -> bool {
    let message = matches!(
        Entry::decode(&line.entry).body,
        Body::Text(_) | Body::Action(_) | Body::Imported(_)
    );
    let index = line.id.index;
    let lacking = index < ACTOR_ENTRIES_MAX && index >= durable.tip(line.id.actor).entries;
    message && lacking && line.author.len() <= NAME_LEN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;

    fn line(index: u64, len: usize) -> PreviewLine {
        PreviewLine {
            id: MessageId {
                actor: ActorId([1; 16]),
                index,
            },
            entry: vec![0; len],
            author: "ann".into(),
        }
    }

    #[test]
    fn what_does_not_fit_a_preview_is_left_out_from_the_oldest_end() {
        let lines = vec![
            line(0, 10),
            line(1, PREVIEW_LEN_MAX / 2),
            line(2, PREVIEW_LEN_MAX / 3),
            line(3, 10),
        ];
        let ids = |lines: Vec<PreviewLine>| lines.iter().map(|line| line.id.index).collect::<Vec<_>>();
        assert_eq!(ids(newest_that_fit(lines.clone(), 50)), [0, 1, 2, 3]);
        assert_eq!(ids(newest_that_fit(lines.clone(), 2)), [2, 3]);
        let longer = [lines, vec![line(4, PREVIEW_LEN_MAX / 4)]].concat();
        assert_eq!(ids(newest_that_fit(longer, 50)), [2, 3, 4]);
        assert!(newest_that_fit(vec![line(0, PREVIEW_LEN_MAX)], 50).is_empty());
        assert!(newest_that_fit(Vec::new(), 50).is_empty());
    }
}
