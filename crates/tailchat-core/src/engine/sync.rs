//! Two peers in one room: who holds what, asking for what is missing, answering, passing on. Knows the
//! durable state alone; what waits for the disk is nobody's business.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::{Arrival, ArrivedChange, ConnId, Effect, Engine, LoadFor, Turn};
use crate::block::{Block, SeqRange};
use crate::handshake::FrameKey;
use crate::ids::{ActorId, DeviceId, RoomId};
use crate::limits::{
    ACTOR_ENTRIES_MAX, ACTORS_MAX, BLOCK_CHANGES_LEN, CLAIMS_MAX, DEVICES_MAX, DISKS_EVERY, NAME_LEN_MAX,
    PENDING_LEN_MAX, STALLED_TIME, WANT_RANGES_MAX, WANT_TIME,
};
use crate::state::{Refusal, RoomState, Row, Vetted};
use crate::wire::{Bye, Claim, Greet, RoomFrame};

/// Unanswered `Want`s that a peer may have at us. One more closes the connection.
const WANTS_MAX: usize = 4;

/// What one connection knows of one room. It lives as long as the connection: nothing of it is carried over.
pub(super) struct Link {
    pub(super) our_slot: u16,
    pub(super) their_slot: u16,
    pub(super) send_key: FrameKey,
    pub(super) receive_key: FrameKey,
    /// The peer's data folder and name, once it greeted.
    pub(super) peer: Option<(DeviceId, String)>,
    /// Where the peer says that it can be dialled.
    pub(super) listens: Option<String>,
    /// What our disk held when we greeted, and its digest; the peer compares its own greeting with the same.
    greeted: ([u8; 16], Vec<Claim>),
    /// What the peer's disk holds; none until its vector arrived or its digest was ours.
    pub(super) holds: Option<BTreeMap<ActorId, Claim>>,
    /// Whether the peer knows what our disk holds, so that from now on it hears of what is new.
    told: bool,
    /// How far the peer was sent each actor's changes without having acknowledged them.
    pushed: BTreeMap<ActorId, u64>,
    /// Our questions that it has not answered, the oldest first.
    asked: VecDeque<Asked>,
    /// Its questions that we have not answered.
    answering: usize,
    /// It let a question stall; it is asked last until then.
    stalled_until: Duration,
    /// The changes a second that its last answer brought; more than any at first. Who claims much and hands it over
    /// by the piece keeps nobody from those who serve better.
    pace: u64,
    /// Actors whose chain is another one at the peer.
    pub(super) forked: BTreeSet<ActorId>,
    /// When the peer was last told what other members' disks hold.
    disks_told_at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    CatchUp,
    Fork,
}

/// What a member's disk is known to hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) claims: BTreeMap<ActorId, Claim>,
    pub(super) seen_ms: i64,
    changed_at: Duration,
}

impl Link {
    pub(super) fn new(our_slot: u16, their_slot: u16, keys: (FrameKey, FrameKey)) -> Self {
        Self {
            our_slot,
            their_slot,
            send_key: keys.0,
            receive_key: keys.1,
            peer: None,
            listens: None,
            greeted: Default::default(),
            holds: None,
            told: false,
            pushed: BTreeMap::new(),
            asked: VecDeque::new(),
            answering: 0,
            stalled_until: Duration::ZERO,
            pace: u64::MAX,
            forked: BTreeSet::new(),
            disks_told_at: Duration::ZERO,
        }
    }

    /// What the peer holds beyond `state`, without the actors on whose chains we differ.
    fn lacking(&self, state: &RoomState) -> Vec<SeqRange> {
        let claims = self.holds.iter().flat_map(BTreeMap::values);
        let ahead = claims
            .filter(|claim| !self.forked.contains(&claim.actor))
            .filter_map(|claim| {
                let have = state.tip(claim.actor).seq;
                (claim.seq > have).then_some(SeqRange {
                    actor: claim.actor,
                    from: have + 1,
                    to: claim.seq,
                })
            });
        ahead.take(WANT_RANGES_MAX).collect()
    }

    /// Whether the change is the next one that the peer lacks, as far as we know.
    fn next_is(&self, actor: ActorId, seq: u64) -> bool {
        let held = self
            .holds
            .as_ref()
            .and_then(|holds| holds.get(&actor))
            .map_or(0, |claim| claim.seq);
        let pushed = self.pushed.get(&actor).copied().unwrap_or(0);
        held.max(pushed) + 1 == seq && !self.forked.contains(&actor)
    }
}

fn vector(state: &RoomState) -> Vec<Claim> {
    state.tips().map(|(actor, tip)| Claim::of(actor, &tip)).collect()
}

/// Keeps the further claim of each actor, of at most so many; tells whether anything was news.
fn raise(holds: &mut BTreeMap<ActorId, Claim>, claims: &[Claim], actors_max: usize) -> bool {
    let mut news = false;
    for claim in claims {
        let known = holds.get(&claim.actor).map_or(0, |known| known.seq);
        // An actor writes less than that, so whoever claims more lies, and sums need not fear it.
        let possible = claim.seq.max(claim.entries).max(claim.messages) <= ACTOR_ENTRIES_MAX;
        if possible && claim.seq > known && (known > 0 || holds.len() < actors_max) {
            holds.insert(claim.actor, *claim);
            news = true;
        }
    }
    news
}

impl Engine {
    pub(super) fn greet(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let digest = state.durable.digest();
        if let Some(link) = conn.links.get_mut(&room) {
            link.greeted = (digest, vector(&state.durable));
        }
        let greet = Greet {
            device: self.identity.device,
            name: self.identity.name.clone(),
            listen_port: self.listen_port,
            digest,
        };
        conn.send_room(id, room, &RoomFrame::Greet(greet), t);
    }

    pub(super) fn room_frame_opened(&mut self, id: ConnId, room: RoomId, frame: RoomFrame, t: &mut Turn<'_>) {
        let greeted = self.link(id, room).is_some_and(|link| link.peer.is_some());
        let in_turn = match &frame {
            RoomFrame::Greet(greet) => !greeted && greet.name.len() <= NAME_LEN_MAX,
            RoomFrame::Leave => true,
            _ => greeted,
        };
        if !in_turn {
            return self.drop_conn(id, Some(Bye::Protocol), "a frame out of turn in a room", t);
        }
        match frame {
            RoomFrame::Greet(greet) => self.greeted(id, room, greet, t),
            RoomFrame::Vector(claims) => {
                self.claimed(id, room, &claims, t);
                self.tell_vector(id, room, t);
            }
            RoomFrame::Have(claims) => self.claimed(id, room, &claims, t),
            RoomFrame::Want(wanted) => self.wanted(id, room, wanted, t),
            RoomFrame::Block(bytes) => self.block_arrived(id, room, &bytes, t),
            RoomFrame::Push(rows) => self.pushed(id, room, rows, t),
            RoomFrame::Disk { device, claims } => self.disk_heard(room, device, &claims, t),
            RoomFrame::Forked { actor, seq } => self.fork_heard(id, room, actor, seq, t),
            RoomFrame::Leave => {
                if let Some(conn) = self.conns.get_mut(&id) {
                    conn.left(room);
                }
                self.link_closed(id, room, t);
            }
        }
    }

    fn greeted(&mut self, id: ConnId, room: RoomId, greet: Greet, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let instance = conn.instance();
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        link.peer = Some((greet.device, greet.name));
        let address = (greet.listen_port > 0).then(|| format!("{}:{}", conn.host, greet.listen_port));
        // Both ends compare the same two digests, whatever was written since they were sent.
        let (digest, held) = std::mem::take(&mut link.greeted);
        let equal = greet.digest == digest;
        let newer = vector(&state.durable) != held;
        link.told = equal && !newer;
        if let Some(address) = address {
            link.listens = Some(address.clone());
            self.book.learn(address, instance, t);
        }
        if equal {
            self.claimed(id, room, &held, t);
        }
        self.tell_vector(id, room, t);
    }

    fn tell_vector(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room).filter(|link| !link.told) else {
            return;
        };
        link.told = true;
        conn.send_room(id, room, &RoomFrame::Vector(vector(&state.durable)), t);
    }

    /// The peer says what its disk holds.
    fn claimed(&mut self, id: ConnId, room: RoomId, claims: &[Claim], t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        raise(link.holds.get_or_insert_default(), claims, ACTORS_MAX);
        if let Some((device, _)) = link.peer {
            state.note_disk(device, claims, t);
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
        if let Some(mine) = state.mine {
            // Somebody else has written as us: a copy of this folder, or we are a restored one ourselves.
            let further = claims
                .iter()
                .any(|claim| claim.actor == mine && claim.seq > state.accepted.tip(mine).seq);
            if further {
                state.mine = None;
            }
        }
        for (actor, seq) in forks {
            self.fork_found(id, room, actor, seq, t);
        }
        t.emit(Effect::Heard { room });
        self.catch_up(room, t);
    }

    /// Asks one peer for what it holds beyond us, if nobody is being asked and there is room for it.
    pub(super) fn catch_up(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        if state.asking.is_some() || state.failing.is_some() || state.pending_len > PENDING_LEN_MAX {
            return;
        }
        let candidates = self.conns.iter().filter_map(|(id, conn)| {
            let link = conn.links.get(&room)?;
            let wanted = link.lacking(&state.accepted);
            let changes: u64 = wanted.iter().map(|range| range.to - range.from + 1).sum();
            let fresh = link.stalled_until <= t.now.uptime;
            let rank = (fresh, link.pace, changes);
            (changes > 0 && link.asked.len() < WANTS_MAX).then_some((rank, *id, wanted))
        });
        let Some((_, id, wanted)) = candidates.max_by_key(|(rank, ..)| *rank) else {
            return;
        };
        state.asking = Some((id, t.now.uptime));
        self.ask(id, room, Asked::CatchUp, wanted, t);
    }

    fn ask(&mut self, id: ConnId, room: RoomId, asked: Asked, wanted: Vec<SeqRange>, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if let Some(link) = conn.links.get_mut(&room) {
            link.asked.push_back(asked);
        }
        conn.send_room(id, room, &RoomFrame::Want(wanted), t);
    }

    /// Asks a peer for one change of a forked chain; the answer goes to [`Engine::fork_answered`].
    pub(super) fn ask_about_fork(
        &mut self,
        id: ConnId,
        room: RoomId,
        actor: ActorId,
        seq: u64,
        t: &mut Turn<'_>,
    ) {
        self.ask(
            id,
            room,
            Asked::Fork,
            vec![SeqRange {
                actor,
                from: seq,
                to: seq,
            }],
            t,
        );
    }

    /// A peer asks for changes: as far as our disk holds them, the past is asked.
    fn wanted(&mut self, id: ConnId, room: RoomId, mut wanted: Vec<SeqRange>, t: &mut Turn<'_>) {
        let (Some(state), Some(conn)) = (self.rooms.get(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        if wanted.len() > WANT_RANGES_MAX || link.answering >= WANTS_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "it asked for too much at once", t);
        }
        wanted.retain_mut(|range| {
            range.to = range.to.min(state.durable.tip(range.actor).seq);
            range.from >= 1 && range.from <= range.to
        });
        link.answering += 1;
        if wanted.is_empty() {
            return self.answer_want(id, room, Vec::new(), t);
        }
        self.load(room, LoadFor::Peer { conn: id, room }, wanted, t);
    }

    pub(super) fn answer_want(&mut self, id: ConnId, room: RoomId, block: Vec<u8>, t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if let Some(link) = conn.links.get_mut(&room) {
            link.answering = link.answering.saturating_sub(1);
            conn.send_room(id, room, &RoomFrame::Block(block), t);
        }
    }

    fn block_arrived(&mut self, id: ConnId, room: RoomId, bytes: &[u8], t: &mut Turn<'_>) {
        let Some(link) = self.link(id, room) else { return };
        let Some(asked) = link.asked.pop_front() else {
            return self.drop_conn(
                id,
                Some(Bye::Protocol),
                "it sent history that nobody asked for",
                t,
            );
        };
        if asked == Asked::Fork {
            return self.fork_answered(id, room, bytes, t);
        }
        let taken = if bytes.is_empty() {
            Ok(crate::block::Taken::default())
        } else {
            let Some(state) = self.rooms.get_mut(&room) else {
                return;
            };
            Block::decode(bytes).and_then(|block| state.accepted.take(&block))
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(err) => return self.drop_conn(id, Some(Bye::Protocol), &err.to_string(), t),
        };
        let via = self.via(id, room);
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let answered = state.asking.take_if(|(asked, _)| *asked == id);
        let brought = taken.changes.len() as u64;
        state.take_in(taken.changes, via, t);
        if let Some(link) = self.link(id, room) {
            if let Some((_, since)) = answered {
                let took_ms = t.now.uptime.saturating_sub(since).as_millis().max(1);
                link.pace = brought * 1000 / u64::try_from(took_ms).unwrap_or(u64::MAX);
            }
            if brought == 0 {
                // Asking again at once would bring the same; another peer may do better.
                link.stalled_until = t.now.uptime + STALLED_TIME;
            }
        }
        self.refused(id, room, taken.refused, t);
        self.flush(room, t);
        self.catch_up(room, t);
    }

    /// New changes that the peer sent unasked, each its actor's next as far as it knew.
    fn pushed(&mut self, id: ConnId, room: RoomId, rows: Vec<Row>, t: &mut Turn<'_>) {
        let via = self.via(id, room);
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let Some(link) = conn.links.get_mut(&room) else {
            return;
        };
        let (mut news, mut refused, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let (actor, seq, hash) = (row.actor, row.seq, row.hash.short());
            if link.forked.contains(&actor) {
                continue;
            }
            let crowded = state.pending_len > PENDING_LEN_MAX || state.failing.is_some();
            match if crowded {
                Ok(Vetted::Gap)
            } else {
                state.accepted.vet(row)
            } {
                Ok(Vetted::New(change)) => news.push(*change),
                Ok(Vetted::Known | Vetted::Gap) => {}
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
        self.refused(id, room, refused, t);
        self.flush(room, t);
        self.claimed(id, room, &claims, t);
    }

    fn refused(&mut self, id: ConnId, room: RoomId, refused: Vec<Refusal>, t: &mut Turn<'_>) {
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
    /// next one that the peer lacks, else that we have it.
    pub(super) fn spread(&mut self, room: RoomId, changes: &Arc<[ArrivedChange]>, t: &mut Turn<'_>) {
        for (id, conn) in &mut self.conns {
            let Some(link) = conn.links.get_mut(&room).filter(|link| link.told) else {
                continue;
            };
            let (mut rows, mut haves, mut len) = (Vec::new(), BTreeMap::new(), 0);
            for ArrivedChange { change, .. } in changes.iter() {
                let (actor, seq) = (change.parts.actor, change.parts.seq);
                // A long stretch costs less when the peer asks for it: then it comes as a block.
                let short = len <= BLOCK_CHANGES_LEN / 2;
                if link.holds.is_some() && short && link.next_is(actor, seq) {
                    len += change.encoded.bytes.len();
                    link.pushed.insert(actor, seq);
                    rows.push(Row::from(change));
                } else {
                    haves.insert(actor, Claim::of(actor, &change.tip));
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

    /// A peer passes on what another member's disk holds.
    fn disk_heard(&mut self, room: RoomId, device: DeviceId, claims: &[Claim], t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        if device != self.identity.device && state.note_disk(device, claims, t) {
            t.emit(Effect::Heard { room });
        }
    }

    pub(super) fn link_closed(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        if let Some(state) = self.rooms.get_mut(&room) {
            if state.asking.is_some_and(|(asked, _)| asked == id) {
                state.asking = None;
            }
            state.forget_fork_search(id);
            t.emit(Effect::Heard { room });
        }
        self.catch_up(room, t);
    }

    pub(super) fn tick_sync(&mut self, t: &mut Turn<'_>) {
        let now = t.now.uptime;
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            let asking = self.rooms.get(&room).and_then(|state| state.asking);
            if let Some((id, _)) = asking.filter(|(_, since)| now.saturating_sub(*since) > WANT_TIME) {
                if let Some(link) = self.link(id, room) {
                    link.stalled_until = now + STALLED_TIME;
                }
                if let Some(state) = self.rooms.get_mut(&room) {
                    state.asking = None;
                }
            }
            self.catch_up(room, t);
            self.search_again(room, t);
            self.pass_on_disks(room, t);
        }
    }

    fn pass_on_disks(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get(&room) else {
            return;
        };
        for (id, conn) in &mut self.conns {
            let Some(link) = conn.links.get_mut(&room) else {
                continue;
            };
            let Some((peer, _)) = link.peer else { continue };
            if t.now.uptime.saturating_sub(link.disks_told_at) < DISKS_EVERY {
                continue;
            }
            let since = std::mem::replace(&mut link.disks_told_at, t.now.uptime);
            for (device, disk) in state.disks.iter().filter(|(device, _)| **device != peer) {
                if disk.changed_at >= since {
                    let claims = disk.claims.values().copied().collect();
                    conn.send_room(
                        *id,
                        room,
                        &RoomFrame::Disk {
                            device: *device,
                            claims,
                        },
                        t,
                    );
                }
            }
        }
    }

    pub(super) fn link(&mut self, id: ConnId, room: RoomId) -> Option<&mut Link> {
        self.conns.get_mut(&id)?.links.get_mut(&room)
    }

    fn via(&mut self, id: ConnId, room: RoomId) -> DeviceId {
        self.link(id, room)
            .and_then(|link| link.peer.as_ref())
            .map_or(DeviceId::NONE, |(device, _)| *device)
    }
}

impl super::room::Room {
    fn note_disk(&mut self, device: DeviceId, claims: &[Claim], t: &Turn<'_>) -> bool {
        if !self.disks.contains_key(&device) && self.disks.len() >= DEVICES_MAX {
            return false;
        }
        let others = self.disks.iter().filter(|(other, _)| **other != device);
        let kept: usize = others.map(|(_, disk)| disk.claims.len()).sum();
        let disk = self.disks.entry(device).or_default();
        disk.seen_ms = t.now.wall_ms;
        let news = raise(
            &mut disk.claims,
            claims,
            CLAIMS_MAX.saturating_sub(kept).min(ACTORS_MAX),
        );
        if news {
            disk.changed_at = t.now.uptime;
        }
        news
    }

    fn take_in(&mut self, changes: Vec<crate::state::Change>, via: DeviceId, t: &Turn<'_>) {
        let arrival = Arrival {
            at_ms: t.now.wall_ms,
            via,
        };
        for change in changes {
            self.pending_len += change.encoded.bytes.len();
            self.pending.push_back(ArrivedChange { change, arrival });
        }
    }
}
