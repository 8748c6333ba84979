//! Where this peer stands, for people: what each room holds, who is connected, how far they are. Changes
//! nothing.

use super::link::{Link, Missing};
use super::{AddressStatus, Conn, Engine};
use crate::ids::{ActorId, DeviceId, MessageId, RoomId};
use crate::state::RoomState;

/// A room, as it stands here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomStatus {
    /// What our disk holds.
    pub durable: RoomState,
    /// Our actor, if the next post goes on with it.
    pub actor: Option<ActorId>,
    /// Every connected peer that has the room.
    pub peers: Vec<PeerStatus>,
    /// What is still to come, if something is.
    pub catching_up: Option<CatchUp>,
    /// Why nothing can be written, if so.
    pub failing: Option<String>,
    /// Actors with two chains, and the first change known to differ.
    pub forks: Vec<(ActorId, u64)>,
}

/// How far a room has to go: `durable.messages()` of that and `missing.messages` together are here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// The data folder that is asked, or holds most of what is missing; none until it greeted.
    pub device: Option<DeviceId>,
    /// What it claims and our disk lacks.
    pub missing: Missing,
}

/// A connected peer in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its data folder; none until it greeted.
    pub device: Option<DeviceId>,
    /// Its name.
    pub name: String,
    /// The address by which we dialled it, else where it says that it listens, else its host.
    pub addr: String,
    /// How it stands to us.
    pub state: PeerState,
    /// Messages that we have and it has not.
    pub ahead: u64,
    /// Messages that it has and we have not.
    pub behind: u64,
    /// The version of its program; empty until it greeted.
    pub program: String,
    /// How far its clock is ahead of ours, in milliseconds, give or take the time a frame is under way; none until it
    /// greeted.
    pub clock_ahead_ms: Option<i64>,
}

/// How a peer stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// It has not said yet.
    Unknown,
    /// Both hold the same.
    Equal,
    /// We lack something that it has.
    Behind,
    /// It lacks something that we have, and we lack nothing.
    Ahead,
    /// An actor has two chains, one here and one there; the rest is exchanged.
    Apart,
}

impl Engine {
    /// The rooms that are open.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.rooms.keys().copied()
    }

    /// How a room stands.
    #[must_use]
    pub fn room_status(&self, id: RoomId) -> Option<RoomStatus> {
        let room = self.rooms.get(&id)?;
        let links = self
            .conns
            .values()
            .filter_map(|conn| Some((conn, conn.links.get(&id)?)));
        Some(RoomStatus {
            durable: room.durable.clone(),
            actor: room.mine,
            peers: links
                .map(|(conn, link)| peer_status(conn, link, &room.durable))
                .collect(),
            catching_up: self.catching_up(id),
            failing: room.failing.as_ref().map(|(_, why)| why.clone()),
            forks: room.forks.iter().map(|(actor, seq)| (*actor, *seq)).collect(),
        })
    }

    /// The peer that is asked, else the one that is furthest ahead.
    fn catching_up(&self, id: RoomId) -> Option<CatchUp> {
        let room = self.rooms.get(&id)?;
        let ahead = self.conns.iter().filter_map(|(conn, of)| {
            let link = of.links.get(&id)?;
            let missing = link.behind(&room.durable);
            let asked = room.asking.is_some_and(|(asked, _)| asked == *conn);
            (missing.changes > 0).then_some((asked, missing, link))
        });
        let (_, missing, link) = ahead.max_by_key(|(asked, missing, _)| (*asked, missing.changes))?;
        let device = link.peer.as_ref().map(|(device, _)| *device);
        Some(CatchUp { device, missing })
    }

    /// The devices, beside our own, whose disks hold this entry as far as we heard.
    pub fn holders(&self, id: RoomId, entry: MessageId) -> impl Iterator<Item = DeviceId> {
        let disks = self.rooms.get(&id).into_iter().flat_map(|room| &room.disks);
        disks.filter_map(move |(device, disk)| {
            let claim = disk.claims.get(&entry.actor)?;
            (claim.entries > entry.index).then_some(*device)
        })
    }

    /// When each other member's disk was last heard of, in milliseconds since 1970.
    pub fn last_seen(&self, id: RoomId) -> impl Iterator<Item = (DeviceId, i64)> {
        let disks = self.rooms.get(&id).into_iter().flat_map(|room| &room.disks);
        let heard = disks.filter(|(_, disk)| disk.seen_ms != 0);
        heard.map(|(device, disk)| (*device, disk.seen_ms))
    }

    /// The addresses that are dialled.
    #[must_use]
    pub fn addresses(&self) -> Vec<AddressStatus> {
        let now = self
            .last_tick
            .map_or(std::time::Duration::ZERO, |last| last.uptime);
        self.book.status(&self.reached(now))
    }

    /// Whether something that was posted or vetted is not durable yet.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.rooms.values().any(super::room::Room::is_writing)
    }
}

fn peer_status(conn: &Conn, link: &Link, durable: &RoomState) -> PeerStatus {
    let (mut ahead, mut behind, mut differs) = (0, 0, false);
    for (actor, tip) in durable.tips() {
        let claim = link.holds.as_ref().and_then(|holds| holds.get(&actor));
        ahead += tip
            .messages
            .saturating_sub(claim.map_or(0, |claim| claim.messages));
        differs |= tip.seq > claim.map_or(0, |claim| claim.seq);
    }
    let mut lacks = false;
    for claim in link.holds.iter().flat_map(|holds| holds.values()) {
        let tip = durable.tip(claim.actor);
        behind += claim.messages.saturating_sub(tip.messages);
        lacks |= claim.seq > tip.seq;
    }
    let state = match (&link.holds, lacks, differs) {
        (None, ..) => PeerState::Unknown,
        _ if !link.forked.is_empty() => PeerState::Apart,
        (_, true, _) => PeerState::Behind,
        (_, _, true) => PeerState::Ahead,
        _ => PeerState::Equal,
    };
    let (device, name) = link.peer.clone().unzip();
    let addr = conn
        .dialled
        .as_ref()
        .or(link.listens.as_ref())
        .unwrap_or(&conn.host)
        .clone();
    PeerStatus {
        device,
        name: name.unwrap_or_default(),
        addr,
        state,
        ahead,
        behind,
        program: conn
            .told_of
            .as_ref()
            .map(|(program, _)| program.clone())
            .unwrap_or_default(),
        clock_ahead_ms: conn.told_of.as_ref().map(|(_, ahead)| *ahead),
    }
}
