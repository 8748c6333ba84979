//! A running peer's rooms: opened, written, shown and read, as any driver of an engine and a log does it, and
//! checked at each step. Knows no connections.

use std::collections::VecDeque;
use std::sync::Arc;

use tailchat_core::block::SeqRange;
use tailchat_core::engine::{ArrivedChange, Batch, Event, Load, Ticket};
use tailchat_core::ids::{MessageId, RoomId};
use tailchat_store::error::StoreError;

use crate::history::{answer, records};
use crate::network::PeerNo;
use crate::peer::{OpenRoom, Opening};
use crate::plant::Plant;
use crate::world::{Accepted, Checked, Due, World};

impl World {
    /// Opens a room on a running peer.
    pub(crate) fn open(&mut self, no: PeerNo, room: RoomId) -> Checked {
        let plant = self.plant;
        let peer = self.peer(no);
        if peer.room(room).is_some() || peer.suspect {
            return Ok(());
        }
        let (log, history) = match peer.open_log(room).map_err(|what| format!("peer {no} {what}"))? {
            Opening::Open(log, history) => (*log, *history),
            Opening::Later => {
                let life = peer.life;
                self.schedule(2_000_000, Due::Open { peer: no, life, room });
                return Ok(());
            }
        };
        let marked = peer.marker.remove(&room);
        let actor = marked.filter(|(actor, tip)| history.state.tip(*actor) == *tip);
        let mut actor = actor.map(|(actor, _)| actor);
        let device = peer.identity.device;
        let shelf = peer.shelves.entry(room).or_default();
        if plant == Some(Plant::SameActor) {
            actor = shelf.last_actor.filter(|actor| history.state.tip(*actor).seq > 0);
        }
        let opened = history.opened(device, actor);
        let mut held = Vec::new();
        for (actor, chain) in &history.chains {
            let chain = (1..).zip(chain);
            held.extend(chain.map(|(seq, hash)| (device, room, *actor, seq, hash.short())));
        }
        shelf.disk = history;
        shelf.shown = std::mem::take(&mut shelf.disk.timeline);
        let open = OpenRoom {
            log,
            writing: VecDeque::new(),
            sealed: None,
            preview: None,
        };
        if let Some(running) = &mut peer.running {
            running.rooms.insert(room, open);
        }
        self.ever.extend(held);
        self.tell(no, Event::RoomOpened { room, opened })
    }

    pub(crate) fn append(
        &mut self,
        no: PeerNo,
        room: RoomId,
        batch: Batch,
        changes: Arc<[ArrivedChange]>,
    ) -> Checked {
        let (life, plant) = (self.peer(no).life, self.plant);
        if plant == Some(Plant::ShowBeforeFsync) {
            self.show(no, room, &changes);
        }
        let Some(open) = self.peer(no).room(room) else {
            return Err("writes to a room that is not open".into());
        };
        open.writing.push_back((batch, changes));
        let early = plant == Some(Plant::AcknowledgeBeforeFsync);
        if open.writing.len() > 1 && !early {
            return Err("begins a second write before the first is done".into());
        }
        let delay = self.style.sync_delay(&mut self.dice);
        self.schedule(delay, Due::Written { peer: no, life, room });
        if early {
            return self.tell(no, Event::Appended { room, batch });
        }
        Ok(())
    }

    /// A write is done, well or badly.
    pub(crate) fn written(&mut self, no: PeerNo, room: RoomId) -> Checked {
        let plant = self.plant;
        let Some((batch, done)) = self.write(no, room)? else {
            return Ok(());
        };
        if plant == Some(Plant::AcknowledgeBeforeFsync) {
            return Ok(());
        }
        match done {
            Err(why) if plant != Some(Plant::AcknowledgeFailure) => {
                self.tell(no, Event::AppendFailed { room, batch, why })
            }
            _ => self.tell(no, Event::Appended { room, batch }),
        }
    }

    /// Does the write that waits the longest in a room.
    pub(crate) fn write(&mut self, no: PeerNo, room: RoomId) -> Checked<Option<(Batch, Result<(), String>)>> {
        let peer = self.peer(no);
        let Some(open) = peer
            .running
            .as_mut()
            .and_then(|running| running.rooms.get_mut(&room))
        else {
            return Ok(None);
        };
        let Some((batch, changes)) = open.writing.pop_front() else {
            return Ok(None);
        };
        let written = open.log.append(&records(&changes));
        let poisoned = open.log.poisoned().is_some();
        peer.suspect |= poisoned;
        let device = peer.identity.device;
        let done = match written {
            Ok(_) => {
                let shelf = peer.shelves.entry(room).or_default();
                for ArrivedChange { change, arrival } in changes.iter() {
                    shelf.disk.add(&change.parts, change.tip, arrival.at_ms);
                }
                let held = changes.iter().map(|ArrivedChange { change, .. }| {
                    (
                        device,
                        room,
                        change.parts.actor,
                        change.tip.seq,
                        change.tip.hash.short(),
                    )
                });
                self.ever.extend(held);
                Ok(())
            }
            Err(error @ StoreError::TooLarge { .. }) => {
                return Err(format!("peer {no} asks for a write that no log takes: {error}"));
            }
            Err(error) => Err(error.to_string()),
        };
        if poisoned {
            // The person reads the banner, sees to the disk and starts again.
            let delay = self.dice.between(1_000_000, 10_000_000);
            self.note(no, "is read-only", 0, format_args!(""));
            self.schedule(delay, Due::Start { peer: no });
        }
        self.note(
            no,
            "wrote",
            changes.len() as u64,
            format_args!("{} changes: {done:?}", changes.len()),
        );
        Ok(Some((batch, done)))
    }

    pub(crate) fn show(&mut self, no: PeerNo, room: RoomId, changes: &[ArrivedChange]) {
        if let Some(shelf) = self.peer(no).shelves.get_mut(&room) {
            for ArrivedChange { change, arrival } in changes {
                shelf.shown.fold(&change.parts, *arrival);
            }
        }
    }

    pub(crate) fn accept(&mut self, no: PeerNo, ticket: Ticket, ids: Vec<MessageId>) -> Checked {
        // What the engine itself posts again has a ticket of its own.
        let Some(posted) = self.posted.remove(&ticket) else {
            return Ok(());
        };
        self.counts.accepted += 1;
        self.counts.entries += ids.len() as u64;
        if ids.len() != posted.texts.len() {
            return Err(format!("accepted {} of {} drafts", ids.len(), posted.texts.len()));
        }
        let room = posted.room;
        for (id, text) in ids.into_iter().zip(posted.texts) {
            let shelf = self.peer(no).shelves.entry(room).or_default();
            if shelf.disk.state.tip(id.actor).entries <= id.index {
                return Err(format!("accepted {id} before it is durable"));
            }
            if let Some(text) = text {
                self.accepted.push(Accepted {
                    ticket,
                    peer: no,
                    room,
                    id,
                    text,
                });
            }
        }
        Ok(())
    }

    pub(crate) fn loaded(&mut self, no: PeerNo, room: RoomId, load: Load, wanted: &[SeqRange]) -> Checked {
        let Some(open) = self.peer(no).room(room) else {
            return Ok(());
        };
        let block = match answer(&open.log, wanted) {
            Ok(block) => block,
            Err(error) if !self.trouble => return Err(format!("peer {no} cannot read: {error}")),
            Err(_) => Vec::new(),
        };
        self.tell(no, Event::Loaded { load, block })
    }
}
