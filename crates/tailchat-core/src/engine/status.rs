//! Where this peer stands, for people: what each room holds, who is connected, how far they are. Changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::link::{Link, Missing};
use super::{AddressStatus, Conn, ConnId, Engine};
use crate::handshake::Role;
use crate::ids::{ActorId, DeviceId, MessageId, RoomId};
use crate::state::RoomState;
use crate::wire::Claim;

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
    /// An actor of ours with which somebody else went on, and our last change with it: since then we write with another.
    pub continued: Option<(ActorId, u64)>,
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

/// A member's disk as it stands to ours by what was last heard of it, be it connected or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskStatus {
    /// Whose.
    pub device: DeviceId,
    /// How it stands to us.
    pub state: PeerState,
    /// Messages that we have and it had not.
    pub ahead: u64,
    /// Messages that it had and we have not.
    pub behind: u64,
}

/// Peers that answered and do not have a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// How many programs; one that answers at several addresses counts once.
    pub peers: u64,
    /// At which addresses that we dialled.
    pub addrs: Vec<String>,
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
        // A peer that came again is there once, also while nobody knows whether the connection of before is dead.
        let again = |of: ConnId, conn: &Conn| {
            let mut later = self.live(id).filter(|(other, _)| *other > of);
            conn.owes_a_sign()
                && later.any(|(other, _)| {
                    let other = self.conns.get(&other);
                    other.is_some_and(|other| other.instance() == conn.instance())
                })
        };
        let conns = self.conns.iter().filter(|(of, conn)| !again(**of, conn));
        let links = conns.filter_map(|(_, conn)| Some((conn, conn.links.get(&id)?)));
        Some(RoomStatus {
            durable: room.durable.clone(),
            actor: room.mine,
            peers: links
                .map(|(conn, link)| peer_status(conn, link, &room.durable))
                .collect(),
            catching_up: self.catching_up(id),
            failing: room.failing.as_ref().map(|(_, why)| why.clone()),
            forks: room.forks.iter().map(|(actor, seq)| (*actor, *seq)).collect(),
            continued: room.continued,
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

    /// Whether our own disk has an entry.
    #[must_use]
    pub fn has(&self, id: RoomId, entry: MessageId) -> bool {
        let room = self.rooms.get(&id);
        room.is_some_and(|room| room.durable.tip(entry.actor).entries > entry.index)
    }

    /// When each other member's disk was last heard of, in milliseconds since 1970.
    pub fn last_seen(&self, id: RoomId) -> impl Iterator<Item = (DeviceId, i64)> {
        let disks = self.rooms.get(&id).into_iter().flat_map(|room| &room.disks);
        let heard = disks.filter(|(_, disk)| disk.seen_ms != 0);
        heard.map(|(device, disk)| (*device, disk.seen_ms))
    }

    /// The devices that are connected in a room.
    pub fn present(&self, id: RoomId) -> impl Iterator<Item = DeviceId> {
        let links = self.conns.values().filter_map(move |conn| conn.links.get(&id));
        links.filter_map(|link| Some(link.peer.as_ref()?.0))
    }

    /// How every other member's disk stands to ours, as far as anything was heard of it.
    pub fn disks(&self, id: RoomId) -> impl Iterator<Item = DiskStatus> {
        let room = self.rooms.get(&id).into_iter();
        room.flat_map(|room| {
            room.disks.iter().map(|(device, disk)| {
                let compared = Compared::new(&disk.claims, &room.durable);
                let another_chain = |claim: &Claim| {
                    let tip = room.durable.tip(claim.actor);
                    claim.seq > 0 && claim.seq == tip.seq && claim.hash != tip.hash.short()
                };
                DiskStatus {
                    device: *device,
                    state: compared.state(disk.claims.values().any(another_chain)),
                    ahead: compared.ahead,
                    behind: compared.behind,
                }
            })
        })
    }

    /// Peers that speak with us, or did when they were dialled last, and do not have this room.
    #[must_use]
    pub fn strangers(&self, id: RoomId) -> Strangers {
        let mut strangers = Strangers::default();
        let mut answered = BTreeSet::new();
        let proved = self.conns.values().filter(|conn| conn.is_proved());
        let without = proved.filter(|conn| !conn.links.contains_key(&id));
        let dialled = without.map(|conn| (conn.instance(), conn.dialled.as_deref()));
        let refused = self
            .book
            .strangers()
            .map(|(instance, addr)| (instance, Some(addr)));
        for (instance, addr) in dialled.chain(refused) {
            answered.extend(instance);
            strangers.addrs.extend(addr.map(ToOwned::to_owned));
        }
        strangers.peers = answered.len() as u64;
        strangers
    }

    /// The hosts of peers that dialled us and share a room with us.
    pub fn dialled_by(&self) -> impl Iterator<Item = &str> {
        let accepted = self.conns.values().filter(|conn| conn.role == Role::Listener);
        accepted
            .filter(|conn| conn.is_proved())
            .map(|conn| conn.host.as_str())
    }

    /// The addresses of peers that say they are this very data folder: it was copied, and both are in use.
    #[must_use]
    pub fn copies(&self) -> Vec<String> {
        let is_ours = |link: &&Link| {
            let peer = link.peer.as_ref();
            peer.is_some_and(|(device, _)| *device == self.identity.device)
        };
        let copies = self.conns.values().filter_map(|conn| {
            let link = conn.links.values().find(is_ours)?;
            Some(addr_of(conn, link))
        });
        copies.collect()
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

/// What a disk holds, beside ours.
#[derive(Clone, Copy, Debug, Default)]
struct Compared {
    ahead: u64,
    behind: u64,
    /// Whether it holds changes that we lack.
    lacks: bool,
    /// Whether we hold changes that it lacks.
    differs: bool,
}

impl Compared {
    fn new(holds: &BTreeMap<ActorId, Claim>, durable: &RoomState) -> Self {
        let mut compared = Self::default();
        for (actor, tip) in durable.tips() {
            let claim = holds.get(&actor);
            compared.ahead += tip
                .messages
                .saturating_sub(claim.map_or(0, |claim| claim.messages));
            compared.differs |= tip.seq > claim.map_or(0, |claim| claim.seq);
        }
        for claim in holds.values() {
            let tip = durable.tip(claim.actor);
            compared.behind += claim.messages.saturating_sub(tip.messages);
            compared.lacks |= claim.seq > tip.seq;
        }
        compared
    }

    fn state(self, forked: bool) -> PeerState {
        match (self.lacks, self.differs) {
            _ if forked => PeerState::Apart,
            (true, _) => PeerState::Behind,
            (_, true) => PeerState::Ahead,
            _ => PeerState::Equal,
        }
    }
}

fn peer_status(conn: &Conn, link: &Link, durable: &RoomState) -> PeerStatus {
    let nothing = BTreeMap::new();
    let compared = Compared::new(link.holds.as_ref().unwrap_or(&nothing), durable);
    let (device, name) = link.peer.clone().unzip();
    PeerStatus {
        device,
        name: name.unwrap_or_default(),
        addr: addr_of(conn, link),
        state: match link.holds {
            Some(_) => compared.state(!link.forked.is_empty()),
            None => PeerState::Unknown,
        },
        ahead: compared.ahead,
        behind: compared.behind,
        program: conn
            .told_of
            .as_ref()
            .map(|(program, _)| program.clone())
            .unwrap_or_default(),
        clock_ahead_ms: conn.told_of.as_ref().map(|(_, ahead)| *ahead),
    }
}

fn addr_of(conn: &Conn, link: &Link) -> String {
    let addr = conn.dialled.as_ref().or(link.listens.as_ref());
    addr.unwrap_or(&conn.host).clone()
}
