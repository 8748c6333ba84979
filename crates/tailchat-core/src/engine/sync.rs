//! Two peers in one room: their frames, what they claim, what is pushed and passed on. Knows the durable state
//! alone; what waits for the disk is nobody's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::link::{Link, raise};
use super::room::Room;
use super::{Arrival, ArrivedChange, ConnId, Effect, Engine, LoadFor, Turn};
use crate::ids::{ActorId, DeviceId, RoomId};
use crate::limits::{
    ACTORS_MAX, BLOCK_CHANGES_LEN, PENDING_LEN_MAX, PUSHED_LEN_MAX, STALLED_TIME, STEPS_SENT_MAX,
};
use crate::state::{Change, Refusal, Row, Vetted};
use crate::wire::{Bye, Claim, Pushed, RoomFrame, Told};

impl Engine {
    pub(super) fn room_frame_opened(&mut self, id: ConnId, room: RoomId, frame: RoomFrame, t: &mut Turn<'_>) {
        let greeted = self.link(id, room).is_some_and(|link| link.peer.is_some());
        let in_turn = match &frame {
            RoomFrame::Leave => true,
            _ => greeted,
        };
        if !in_turn {
            return self.drop_conn(id, Some(Bye::Protocol), "a frame out of turn in a room", t);
        }
        match frame {
            RoomFrame::Vector { claims, asks } => {
                self.claimed(id, room, &claims, t);
                self.tell_vector(id, room, false, t);
                if asks {
                    self.asked_for_all(id, room, t);
                }
            }
            RoomFrame::Have(told) => {
                self.heard_of(id, room, &told, t);
                let claims: Vec<_> = told.iter().map(|told| told.claim).collect();
                self.claimed(id, room, &claims, t);
            }
            RoomFrame::Want(wanted) => self.wanted(id, room, wanted, t),
            RoomFrame::Block(bytes) => self.block_arrived(id, room, &bytes, t),
            RoomFrame::Push(rows) => self.pushed(id, room, rows, t),
            RoomFrame::Disks(disks) => self.disks_heard(id, room, &disks, t),
            RoomFrame::Forked { actor, seq } => self.fork_heard(id, room, actor, seq, t),
            RoomFrame::WantPreview(lines) => self.preview_wanted(id, room, lines, t),
            RoomFrame::Preview(lines) => self.preview_arrived(id, room, lines, t),
            RoomFrame::Leave => {
                let device = self
                    .link(id, room)
                    .and_then(|link| link.peer.as_ref().map(|(device, _)| *device));
                if let Some(conn) = self.conns.get_mut(&id) {
                    conn.left(room);
                }
                self.link_closed(id, room, device, t);
            }
            RoomFrame::Part => self.parted(id, room, t),
            RoomFrame::Graft(actors) => self.set_wants(id, room, &actors, true, t),
            RoomFrame::Prune(actors) => self.set_wants(id, room, &actors, false, t),
            RoomFrame::Peers(peers) => self.peers_told(id, room, &peers, t),
            RoomFrame::Presence(signs) => self.presence_told(id, room, &signs, t),
        }
    }

    /// The peer says what its disk holds.
    pub(super) fn claimed(&mut self, id: ConnId, room: RoomId, claims: &[Claim], t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        raise(link.holds.get_or_insert_default(), claims, ACTORS_MAX);
        if let Some((device, _)) = link.peer {
            state.note_disk(device, claims, Some(id), true, t);
        }
        let differs = |claim: &&Claim| {
            let tip = state.durable.tip(claim.actor);
            claim.seq == tip.seq && claim.seq > 0 && claim.hash != tip.hash.short()
        };
        let forks: Vec<_> = claims
            .iter()
            .filter(differs)
            .map(|claim| (claim.actor, claim.seq))
            .collect();
        state.give_up_continued(claims);
        for (actor, seq) in forks {
            self.fork_found(id, room, actor, seq, t);
        }
        t.emit(Effect::Heard { room });
        self.ask_preview(room, t);
        self.catch_up(room, t);
    }

    /// New changes that the peer sent unasked, each its actor's next as far as it knew.
    fn pushed(&mut self, id: ConnId, room: RoomId, rows: Vec<Pushed>, t: &mut Turn<'_>) {
        let via = self.via(id, room);
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        let (mut news, mut refused, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        let (mut new, mut known) = (Vec::new(), Vec::new());
        for Pushed { steps, row } in rows {
            let (actor, seq, hash) = (row.actor, row.seq, row.hash.short());
            let steps = steps.saturating_add(1);
            if link.forked.contains(&actor) {
                continue;
            }
            match if state.is_crowded(via, actor) {
                Ok(Vetted::Gap)
            } else {
                state.accepted.vet(row)
            } {
                Ok(Vetted::New(change)) => {
                    news.push(*change);
                    new.push((actor, steps));
                }
                Ok(Vetted::Known) => known.push((actor, steps)),
                // What is missing before it is asked for at once.
                Ok(Vetted::Gap) => drop(state.awaited.remove(&actor)),
                Err(refusal) => refused.push(refusal),
            }
            let tip = state.accepted.tip(actor);
            claims.push(Claim {
                actor,
                seq,
                entries: tip.entries,
                messages: tip.messages,
                hash,
            });
        }
        state.take_in(news, via, t);
        self.came(id, room, &new, &known, t);
        self.refused(id, room, refused, t);
        self.flush(room, t);
        self.claimed(id, room, &claims, t);
    }

    pub(super) fn refused(&mut self, id: ConnId, room: RoomId, refused: Vec<Refusal>, t: &mut Turn<'_>) {
        for refusal in refused {
            match refusal {
                Refusal::Fork { actor, seq } => {
                    let known = self
                        .rooms
                        .get(&room)
                        .map_or(0, |state| state.accepted.tip(actor).seq);
                    if seq == 0 || known == 0 {
                        // Nothing that could be forked is here: the change does not even fit itself.
                        return self.drop_conn(id, Some(Bye::Protocol), "a change with a wrong hash", t);
                    }
                    self.fork_found(id, room, actor, seq, t);
                }
                Refusal::Limits { actor } | Refusal::TooManyActors { actor } => {
                    // Asking for it again would change nothing: this actor is left out of what we exchange.
                    if let Some(link) = self.link(id, room).filter(|link| link.forked.len() < ACTORS_MAX) {
                        link.forked.insert(actor);
                    }
                }
            }
        }
    }

    /// Tells every peer in the room of changes that are durable and shown: the change itself if it is the
    /// next one that the peer lacks, and this device wrote it or the peer asked for that actor's; else that we have it.
    pub(super) fn spread(&mut self, room: RoomId, changes: &Arc<[ArrivedChange]>, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get(&room) else {
            return;
        };
        for (id, conn) in &mut self.conns {
            let sound = !conn.is_doubtful(t.now.uptime);
            let Some(link) = conn.links.get_mut(&room).filter(|link| link.told) else {
                continue;
            };
            let (mut rows, mut haves, mut len) = (Vec::new(), BTreeMap::new(), 0);
            for ArrivedChange { change, .. } in changes.iter() {
                let (actor, seq) = (change.parts.actor, change.parts.seq);
                // A long stretch costs less when the peer asks for it: then it comes as a block.
                let short = len <= BLOCK_CHANGES_LEN / 2;
                let wanted = link.wants.get(&actor).copied();
                let wanted = wanted.unwrap_or_else(|| state.ours.contains(&actor));
                let near = state.steps(actor) < STEPS_SENT_MAX;
                if wanted && sound && near && link.holds.is_some() && short && link.next_is(actor, seq) {
                    len += change.encoded.bytes.len();
                    link.pushed.insert(actor, seq);
                    rows.push(Pushed {
                        steps: state.steps(actor),
                        row: Row::from(change),
                    });
                } else {
                    let claim = Claim::of(actor, &change.tip);
                    let steps = state.steps(actor);
                    haves.insert(actor, Told { steps, claim });
                }
            }
            if !rows.is_empty() {
                conn.send_room(*id, room, &RoomFrame::Push(rows), t);
            }
            if !haves.is_empty() {
                conn.send_room(*id, room, &RoomFrame::Have(haves.into_values().collect()), t);
            }
        }
    }

    /// A link is gone; with the device at its other end, if it did not go in good order.
    pub(super) fn link_closed(
        &mut self,
        id: ConnId,
        room: RoomId,
        device: Option<DeviceId>,
        t: &mut Turn<'_>,
    ) {
        if let Some(state) = self.rooms.get_mut(&room) {
            let others = self.conns.iter().filter(|(other, _)| **other != id);
            let others: Vec<_> = others.filter_map(|(_, conn)| conn.links.get(&room)).collect();
            state.forget_routes(id, &others);
            if state.asking.take_if(|(asked, _)| *asked == id).is_some() {
                state.cautious_until = t.now.uptime + STALLED_TIME;
            }
            state.forget_fork_search(id);
            t.emit(Effect::Heard { room });
        }
        // Who comes back at once has no more read than who stays.
        let asked = self.loads.values_mut().filter(|load| load.is_for(id, room));
        asked.for_each(|load| *load = LoadFor::Nobody { room });
        self.lose_preview(id, room, t);
        if let Some(device) = device {
            self.lost_device(room, device, t);
        }
        self.catch_up(room, t);
    }

    pub(super) fn tick_sync(&mut self, t: &mut Turn<'_>) {
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.age_preview(room, t);
            self.give_up_stalled(room, t);
            self.search_again(room, t);
            self.pass_on_disks(room, t);
        }
    }

    pub(super) fn link(&mut self, id: ConnId, room: RoomId) -> Option<&mut Link> {
        self.conns.get_mut(&id)?.links.get_mut(&room)
    }

    pub(super) fn via(&mut self, id: ConnId, room: RoomId) -> DeviceId {
        self.link(id, room)
            .and_then(|link| link.peer.as_ref())
            .map_or(DeviceId::NONE, |(device, _)| *device)
    }
}

impl Room {
    /// No longer writes with an actor with which somebody else has written: a copy of this folder, or we are a
    /// restored one ourselves.
    pub(super) fn give_up_continued(&mut self, claims: &[Claim]) {
        let accepted = &self.accepted;
        let given_up = self.mine.take_if(|mine| {
            let further = |claim: &Claim| claim.actor == *mine && claim.seq > accepted.tip(*mine).seq;
            claims.iter().any(further)
        });
        let last = given_up.map(|actor| (actor, accepted.tip(actor).seq));
        self.continued = last.or(self.continued);
    }

    /// The same of changes that came: whoever has more of our own chain than we had has a part of our past, or another
    /// copy of us wrote it, or somebody who pretends to be us.
    fn give_up_brought(&mut self, changes: &[Change]) {
        let ours = |change: &&Change| Some(change.parts.actor) == self.mine;
        if let Some(first) = changes.iter().find(ours) {
            self.continued = Some((first.parts.actor, first.parts.seq.saturating_sub(1)));
            self.mine = None;
        }
    }

    /// Whether nobody is being asked for changes, and there is room for them.
    pub(super) fn may_ask(&self) -> bool {
        self.asking.is_none() && self.has_place()
    }

    /// Whether the disk takes more of what is asked for. Half of the place is kept for what peers send unasked: who has
    /// much to give would otherwise keep the others' news from being taken in as it comes.
    pub(super) fn has_place(&self) -> bool {
        self.failing.is_none() && self.pending.len() <= PENDING_LEN_MAX / 2
    }

    /// Whether what a device sends unasked has to be asked for later. Of who writes much that is so sooner than of an
    /// actor of whom nothing waits.
    fn is_crowded(&self, via: DeviceId, actor: ActorId) -> bool {
        let most = if self.pending.holds(actor) {
            PUSHED_LEN_MAX
        } else {
            2 * PUSHED_LEN_MAX
        };
        self.pending.len() > PENDING_LEN_MAX || self.pending.len_of(via) > most || self.failing.is_some()
    }

    pub(super) fn take_in(&mut self, changes: Vec<Change>, via: DeviceId, t: &Turn<'_>) {
        let arrival = Arrival {
            at_ms: t.now.wall_ms,
            via,
        };
        self.give_up_brought(&changes);
        for change in changes {
            self.pending.push(ArrivedChange { change, arrival });
        }
    }
}
