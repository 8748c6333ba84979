//! The way of a change into a room: posted or vetted, then durable, then shown, then spread. Knows nothing
//! of how peers are asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::disks::Disk;
use super::fork::ForkSearch;
use super::greet::Standing;
use super::merge::Merging;
use super::pending::Pending;
use super::presence::Beings;
use super::preview::Preview;
use super::tree::{Awaited, Route};
use super::{Arrival, ArrivedChange, Batch, ConnId, Draft, Effect, Engine, Identity, Opened, Ticket, Turn};
use crate::entry::{Body, Entry, Profile, entry_sum};
use crate::ids::{ActorId, DeviceId, MessageId, RoomId};
use crate::limits::{
    ACTOR_ENTRIES_MAX, APPEND_LEN, CHANGE_ENTRIES_MAX, CHANGE_LEN_MAX, CHANGE_OVERHEAD_MAX, DISK_RETRY,
    DRAFTS_LEN_MAX, ENTRY_LEN_MAX, PENDING_LEN_MAX,
};
use crate::order::OrderClock;
use crate::state::RoomState;
use crate::wire::RoomFrame;

#[derive(Default)]
pub(super) struct Room {
    /// What is durable or on its way there.
    pub(super) accepted: RoomState,
    /// What peers may know.
    pub(super) durable: RoomState,
    /// How peers are told of `durable`, once somebody was told.
    pub(super) standing: Option<Standing>,
    /// The actor that we write with; none until the first post after an unclean stop.
    pub(super) mine: Option<ActorId>,
    /// Every actor that this device has written with.
    pub(super) ours: BTreeSet<ActorId>,
    clock: OrderClock,
    posts: VecDeque<Post>,
    posts_len: usize,
    /// Vetted and authored changes that wait for the disk.
    pub(super) pending: Pending,
    in_flight: Option<InFlight>,
    /// Posts that became entries which are not durable yet.
    authored: VecDeque<Authored>,
    /// What was brought in bundles and is not durable yet.
    pub(super) merging: Vec<Merging>,
    /// The disk failed: why, and when to try again.
    pub(super) failing: Option<(Duration, String)>,
    /// Whom we asked for what we lack, and when.
    pub(super) asking: Option<(ConnId, Duration)>,
    /// Until when peers that were never asked are asked after those that have answered.
    pub(super) cautious_until: Duration,
    /// Which link sends us each actor's changes, and by how many links they come that way.
    pub(super) routes: BTreeMap<ActorId, Route>,
    /// By how many links each actor's newest change came, whichever way.
    pub(super) came: BTreeMap<ActorId, u8>,
    /// What was heard of and may still come by itself.
    pub(super) awaited: BTreeMap<ActorId, Awaited>,
    /// Whether more devices are there than a room keeps links.
    pub(super) large: bool,
    /// When to look at one that is not linked, if it is large.
    pub(super) probe_at: Duration,
    /// Who is there.
    pub(super) beings: Beings,
    /// The newest lines of a peer far ahead.
    pub(super) preview: Option<Preview>,
    /// What other members' disks hold.
    pub(super) disks: BTreeMap<DeviceId, Disk>,
    /// How many claims they are, together.
    pub(super) disks_claims: usize,
    /// Actors with two chains, and the first change known to differ.
    pub(super) forks: BTreeMap<ActorId, u64>,
    pub(super) fork_search: Option<ForkSearch>,
    /// Forked actors of ours that were given up last, and when.
    pub(super) healed: VecDeque<(Duration, ActorId)>,
    /// Forked actors of ours that are dealt with, as far as the peers met so far go.
    pub(super) settled: BTreeMap<ActorId, u64>,
    /// An actor of ours with which somebody else went on, and our last change with it.
    pub(super) continued: Option<(ActorId, u64)>,
    /// Of forked actors of ours, the first entry that another copy posted again.
    pub(super) told: BTreeMap<ActorId, u64>,
    /// What was posted again, by ID and sum.
    pub(super) repeated: BTreeSet<(MessageId, u32)>,
}

struct Post {
    ticket: Ticket,
    drafts: Vec<Draft>,
    len: usize,
}

struct InFlight {
    batch: Batch,
    changes: Arc<[ArrivedChange]>,
}

/// A post that became entries and is told of once the change with the last of them is durable.
struct Authored {
    ticket: Ticket,
    ids: Vec<MessageId>,
    actor: ActorId,
    seq: u64,
}

impl Engine {
    pub(super) fn open_room(&mut self, id: RoomId, opened: Opened, t: &mut Turn<'_>) {
        let room = Room {
            accepted: opened.state.clone(),
            durable: opened.state,
            mine: opened.actor,
            ours: opened.ours,
            repeated: opened.repeated,
            clock: opened.clock,
            ..Room::default()
        };
        self.rooms.insert(id, room);
        let conns: Vec<_> = self.conns.keys().copied().collect();
        for conn in conns {
            self.offer_rooms(conn, &[id], t);
        }
        // An address that had no room in common with us may have this one.
        self.book.room_opened(t.now.uptime);
    }

    pub(super) fn close_room(&mut self, id: RoomId, t: &mut Turn<'_>) {
        self.say_goodbye(id, t);
        if let Some(mut room) = self.rooms.remove(&id) {
            room.reject_posts("the room was closed", t);
        }
        self.loads.retain(|_, load| load.room() != id);
        for (conn_id, conn) in &mut self.conns {
            conn.send_room(*conn_id, id, &RoomFrame::Leave, t);
            conn.withdraw(id);
        }
    }

    pub(super) fn post(&mut self, id: RoomId, ticket: Ticket, drafts: Vec<Draft>, t: &mut Turn<'_>) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return t.emit(Effect::Rejected {
                ticket,
                why: "no such room".into(),
            });
        };
        let len = drafts.iter().map(Draft::len).sum();
        if drafts.iter().any(|draft| draft.len() > ENTRY_LEN_MAX) {
            return t.emit(Effect::Rejected {
                ticket,
                why: "the text is too long".into(),
            });
        }
        if room.posts_len + len > DRAFTS_LEN_MAX {
            let why = "too much waits for the disk already; try again in a moment".into();
            return t.emit(Effect::Rejected { ticket, why });
        }
        room.posts_len += len;
        room.posts.push_back(Post { ticket, drafts, len });
        self.flush(id, t);
        self.typed_out(id, t);
    }

    /// Hands what waits to the disk, unless it is busy: then it shares the next write.
    pub(super) fn flush(&mut self, id: RoomId, t: &mut Turn<'_>) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        if room.in_flight.is_some() {
            return;
        }
        room.author_posts(&self.identity, t);
        let changes: Arc<[_]> = room.pending.take(APPEND_LEN).into();
        if changes.is_empty() {
            room.confirm_posts(t);
            return room.confirm_merged(t);
        }
        let batch = Batch(self.next_batch);
        self.next_batch += 1;
        room.in_flight = Some(InFlight {
            batch,
            changes: Arc::clone(&changes),
        });
        t.emit(Effect::Append {
            room: id,
            batch,
            changes,
        });
    }

    pub(super) fn appended(&mut self, id: RoomId, batch: Batch, t: &mut Turn<'_>) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        let Some(done) = room.in_flight.take_if(|in_flight| in_flight.batch == batch) else {
            return;
        };
        room.failing = None;
        room.standing = None;
        let fork_waits = room.fork_waits();
        let mut repeated = Vec::new();
        for arrived in done.changes.iter() {
            room.durable.set(arrived.change.parts.actor, arrived.change.tip);
            room.note_entries(arrived, self.identity.device, &mut repeated);
        }
        t.emit(Effect::Show {
            room: id,
            changes: Arc::clone(&done.changes),
        });
        room.confirm_posts(t);
        room.confirm_merged(t);
        self.spread(id, &done.changes, t);
        self.age_preview(id, t);
        t.emit(Effect::Heard { room: id });
        repeated
            .into_iter()
            .for_each(|first| self.fork_told(id, first, t));
        if fork_waits {
            self.fork_step(id, t);
        }
        self.flush(id, t);
        self.catch_up(id, t);
    }

    /// Nothing that was not durable counts: the room goes back to what is, and tries again later.
    pub(super) fn append_failed(&mut self, id: RoomId, batch: Batch, why: &str, t: &mut Turn<'_>) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        if room
            .in_flight
            .take_if(|in_flight| in_flight.batch == batch)
            .is_none()
        {
            return;
        }
        room.accepted = room.durable.clone();
        room.pending.clear();
        // A part of the write may have reached the disk: to go on with this actor could fork it.
        room.mine = None;
        room.settled.clear();
        room.fork_search = None;
        room.failing = Some((t.now.uptime + DISK_RETRY, why.to_owned()));
        room.reject_posts(why, t);
        t.emit(Effect::Heard { room: id });
    }

    pub(super) fn tick_rooms(&mut self, t: &mut Turn<'_>) {
        for room in self.rooms.values_mut() {
            room.failing.take_if(|(until, _)| *until <= t.now.uptime);
        }
    }
}

impl Draft {
    fn len(&self) -> usize {
        match &self.body {
            Body::Text(text) | Body::Action(text) => text.text.len(),
            Body::Imported(imported) => imported.nick.len() + imported.text.len(),
            Body::Repeat(repeat) => repeat.entry.len(),
            Body::Edit(edit) => edit.text.len(),
            Body::Reaction(reaction) => reaction.with.len(),
            Body::RoomName(name) => name.len(),
            Body::Topic(topic) => topic.len(),
            Body::Profile(profile) => profile.name.len(),
            Body::Leave | Body::Delete(_) | Body::Pin(_) | Body::Link(_) | Body::Unknown { .. } => 0,
        }
    }
}

impl Room {
    pub(super) fn is_writing(&self) -> bool {
        self.in_flight.is_some() || !self.posts.is_empty() || !self.pending.is_empty()
    }

    /// Keeps what the entries of a durable change say of clocks, of our device and of forks: into `repeated` go
    /// entries of actors of ours that another copy of this device posted again.
    fn note_entries(&mut self, arrived: &ArrivedChange, device: DeviceId, repeated: &mut Vec<MessageId>) {
        let author = arrived.change.parts.actor;
        for entry in &arrived.change.parts.entries {
            let entry = Entry::decode(entry);
            self.clock.observe(&entry, arrived.arrival.at_ms);
            match entry.body {
                Body::Profile(profile) if profile.device == device => {
                    self.ours.insert(author);
                }
                Body::Repeat(repeat) => {
                    self.repeated.insert((repeat.of, entry_sum(&repeat.entry)));
                    let copied = self.ours.contains(&author) && self.ours.contains(&repeat.of.actor);
                    if copied && arrived.arrival.via != DeviceId::NONE {
                        repeated.push(repeat.of);
                    }
                }
                _ => {}
            }
        }
    }

    /// Tells of the posts that are durable now.
    fn confirm_posts(&mut self, t: &mut Turn<'_>) {
        let is_durable = |post: &Authored| self.durable.tip(post.actor).seq >= post.seq;
        while self.authored.front().is_some_and(is_durable) {
            let Some(Authored { ticket, ids, .. }) = self.authored.pop_front() else {
                break;
            };
            t.emit(Effect::Accepted { ticket, ids });
        }
    }

    fn reject_posts(&mut self, why: &str, t: &mut Turn<'_>) {
        let authored = self.authored.drain(..).map(|post| post.ticket);
        let waiting = self.posts.drain(..).map(|post| post.ticket);
        let merging = self.merging.drain(..).map(Merging::ticket);
        for ticket in authored.chain(waiting).chain(merging) {
            t.emit(Effect::Rejected {
                ticket,
                why: why.to_owned(),
            });
        }
        self.posts_len = 0;
    }

    /// Turns the posts that wait into changes, as few as the limits allow.
    fn author_posts(&mut self, identity: &Identity, t: &mut Turn<'_>) {
        let mut entries = Vec::new();
        let mut len = 0;
        while self.pending.len() <= PENDING_LEN_MAX && !self.posts.is_empty() {
            let drafts = self.posts.front().map_or(0, |post| post.drafts.len());
            let actor = self.actor(identity, drafts, &mut entries, t);
            let Some(post) = self.posts.pop_front() else { break };
            self.posts_len -= post.len;
            let mut ids = Vec::with_capacity(post.drafts.len());
            for draft in post.drafts {
                let stamp = draft.stamp.unwrap_or_else(|| self.clock.stamp(t.now.wall_ms));
                let entry = Entry {
                    stamp,
                    body: draft.body,
                }
                .encode();
                if entries.len() == CHANGE_ENTRIES_MAX
                    || len + entry.len() > CHANGE_LEN_MAX - CHANGE_OVERHEAD_MAX
                {
                    self.author(actor, &mut entries, t);
                    len = 0;
                }
                len += entry.len();
                let index = self.accepted.tip(actor).entries + entries.len() as u64;
                ids.push(MessageId { actor, index });
                entries.push(entry);
            }
            let seq = self.accepted.tip(actor).seq + u64::from(!entries.is_empty());
            self.authored.push_back(Authored {
                ticket: post.ticket,
                ids,
                actor,
                seq,
            });
        }
        if let Some(actor) = self.mine {
            self.author(actor, &mut entries, t);
        }
    }

    /// The actor to write with: a fresh one, introduced by its profile, if there is none or it is full.
    fn actor(
        &mut self,
        identity: &Identity,
        more: usize,
        entries: &mut Vec<Vec<u8>>,
        t: &mut Turn<'_>,
    ) -> ActorId {
        let has_room =
            |actor: &ActorId| self.accepted.tip(*actor).entries + more as u64 + 1024 < ACTOR_ENTRIES_MAX;
        if let Some(actor) = self.mine.filter(has_room) {
            return actor;
        }
        if let Some(full) = self.mine {
            self.author(full, entries, t);
        }
        let actor = ActorId(t.random());
        self.mine = Some(actor);
        self.ours.insert(actor);
        let Identity { person, device, name } = identity.clone();
        let stamp = self.clock.stamp(t.now.wall_ms);
        entries.push(
            Entry {
                stamp,
                body: Body::Profile(Profile { person, device, name }),
            }
            .encode(),
        );
        actor
    }

    fn author(&mut self, actor: ActorId, entries: &mut Vec<Vec<u8>>, t: &Turn<'_>) {
        if !entries.is_empty() {
            let change = self.accepted.author(actor, std::mem::take(entries));
            let arrival = Arrival {
                at_ms: t.now.wall_ms,
                via: DeviceId::NONE,
            };
            self.pending.push(ArrivedChange { change, arrival });
        }
    }
}
