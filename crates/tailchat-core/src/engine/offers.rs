//! Which rooms two ends have in common: each offers its own by tags that only who knows a room can tell from noise, and
//! a tag of both opens a link. Knows tags and slots; knows nothing of what rooms hold.

use std::collections::BTreeMap;
use std::time::Duration;

use super::conn::Conn;
use super::link::Link;
use super::{ConnId, Effect, Engine, Turn};
use crate::handshake::{Role, Session, Tag};
use crate::ids::RoomId;
use crate::limits::{FULL_PAUSE, HANDSHAKE_TIME, OFFER_TAGS_MAX, TAGS_MAX};
use crate::wire::{Bye, ConnFrame};

/// The tags of both ends so far.
#[derive(Default)]
pub(super) struct Offers {
    /// Our tags: a room's slot is its place here. Padding has no room.
    ours: Vec<Option<RoomId>>,
    /// The tags by which the peer would offer rooms that we offered, and our slots of those.
    expected: BTreeMap<Tag, (RoomId, u16)>,
    /// The peer's tags, and its slots of those; of a tag offered twice, the last.
    theirs: BTreeMap<Tag, u16>,
    /// How many tags the peer has offered.
    theirs_len: usize,
    /// The rooms that have a link, by the peer's slots.
    by_slot: BTreeMap<u16, RoomId>,
    /// Rooms that both know, whose link was given up because one end had enough of them; when to offer them again.
    pub(super) parted: BTreeMap<RoomId, Duration>,
}

/// A room that both ends offered.
struct Common {
    room: RoomId,
    our_slot: u16,
    their_slot: u16,
}

impl Offers {
    /// Our tags of these rooms, hidden among random ones so that not even their number shows, and the peer's tags of
    /// the same rooms.
    fn offer(&mut self, rooms: &[RoomId], session: &Session, role: Role, t: &mut Turn<'_>) -> [Vec<Tag>; 2] {
        let padded = rooms.len().next_power_of_two().max(4);
        let mut tags: Vec<Tag> = rooms.iter().map(|room| session.tag(*room, role)).collect();
        tags.resize_with(padded, || t.random());
        let mut expected = Vec::with_capacity(rooms.len());
        for (room, slot) in rooms.iter().zip(self.ours.len()..) {
            let tag = session.tag(*room, role.other());
            // Beyond 65,536 slots nothing can be sent in a room.
            if let Ok(slot) = u16::try_from(slot) {
                self.expected.insert(tag, (*room, slot));
                expected.push(tag);
            }
        }
        let room_or_padding = rooms.iter().copied().map(Some).chain(std::iter::repeat(None));
        self.ours.extend(room_or_padding.take(padded));
        [tags, expected]
    }

    /// Takes the peer's tags in; whether there were some, and not too many.
    fn take(&mut self, tags: &[Tag]) -> bool {
        if tags.is_empty() || self.theirs_len + tags.len() > TAGS_MAX {
            return false;
        }
        for (tag, slot) in tags.iter().zip(self.theirs_len..) {
            // `TAGS_MAX` fits.
            self.theirs.insert(*tag, u16::try_from(slot).unwrap_or(u16::MAX));
        }
        self.theirs_len += tags.len();
        true
    }

    /// What a tag of the peer's says if both ends have offered that room.
    fn common(&self, tag: &Tag) -> Option<Common> {
        let (room, our_slot) = *self.expected.get(tag)?;
        let their_slot = *self.theirs.get(tag)?;
        Some(Common {
            room,
            our_slot,
            their_slot,
        })
    }

    /// Whether our offer of a room stands.
    fn stands(&self, room: RoomId) -> bool {
        self.ours.contains(&Some(room))
    }

    /// Whether a room was parted with, and is to be offered again by now.
    pub(super) fn is_ready(&self, room: RoomId, now: Duration) -> bool {
        !self.stands(room) && self.parted.get(&room).is_some_and(|at| *at <= now)
    }

    /// Whether the peer has offered this room.
    fn are_of(&self, room: RoomId, session: &Session, theirs: Role) -> bool {
        self.theirs.contains_key(&session.tag(room, theirs))
    }

    /// The rooms that were parted with among those that the peer offers by these tags.
    fn parted_in(&self, tags: &[Tag], session: &Session, theirs: Role) -> Vec<RoomId> {
        let parted = self.parted.keys().filter(|room| !self.stands(**room));
        parted
            .filter(|room| tags.contains(&session.tag(**room, theirs)))
            .copied()
            .collect()
    }
}

impl Conn {
    /// The rooms that both ends know, also those whose link was given up.
    pub(super) fn common_rooms(&self) -> impl Iterator<Item = &RoomId> {
        self.links.keys().chain(self.offers.parted.keys())
    }

    /// Whether the peer has shown that it knows a room which both ends of another connection know.
    pub(super) fn knows_a_room_of(&self, other: &Self) -> bool {
        let theirs = self.role.other();
        self.session().is_some_and(|session| {
            let mut rooms = other.common_rooms();
            rooms.any(|room| self.offers.are_of(*room, &session, theirs))
        })
    }

    /// The room in a slot of the peer's; none if we left it while what the peer sends was under way.
    pub(super) fn link_in(&mut self, slot: u16) -> Result<Option<(RoomId, &mut Link)>, &'static str> {
        let room = self.offers.by_slot.get(&slot).copied();
        match room.and_then(|room| Some((room, self.links.get_mut(&room)?))) {
            None if usize::from(slot) >= self.offers.theirs_len => {
                Err("a frame of a room that was not offered")
            }
            open => Ok(open),
        }
    }

    /// The peer left a room: its offer of it no longer counts.
    pub(super) fn left(&mut self, room: RoomId) {
        if let Some(link) = self.links.remove(&room) {
            self.offers.by_slot.remove(&link.their_slot);
            self.offers.theirs.retain(|_, slot| *slot != link.their_slot);
        }
    }

    /// Takes back the offer of a room that was left, so that a later one is offered anew.
    pub(super) fn withdraw(&mut self, room: RoomId) {
        if let Some(link) = self.links.remove(&room) {
            self.offers.by_slot.remove(&link.their_slot);
        }
        let ours = self.offers.ours.iter_mut().filter(|slot| **slot == Some(room));
        ours.for_each(|slot| *slot = None);
        self.offers.expected.retain(|_, (expected, _)| *expected != room);
        self.offers.parted.remove(&room);
    }

    /// Gives a room's link up while both go on with the room: the offers of both ends are void, whoever parts first or
    /// if both do. Not before `again` is it offered anew.
    pub(super) fn part(&mut self, room: RoomId, again: Duration) {
        self.left(room);
        self.withdraw(room);
        self.offers.parted.insert(room, again);
    }

    /// Takes back rooms in which the peer does not greet: both ends gave the link up at once, and each thinks that the
    /// other's offer stands.
    pub(super) fn take_back_unanswered(&mut self, now: Duration) {
        let late = self
            .links
            .iter()
            .filter(|(_, link)| link.peer.is_none() && now.saturating_sub(link.opened_at) > HANDSHAKE_TIME);
        let late: Vec<_> = late.map(|(room, _)| *room).collect();
        for room in late {
            self.part(room, now + FULL_PAUSE);
        }
    }
}

impl Engine {
    /// Offers rooms on a connection; if there are none, nothing but noise.
    pub(super) fn offer_rooms(&mut self, id: ConnId, rooms: &[RoomId], t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let Some(session) = conn.session() else { return };
        let mut matched = Vec::new();
        let nothing = rooms.is_empty().then_some(rooms);
        for some in rooms.chunks(OFFER_TAGS_MAX).chain(nothing) {
            let [tags, expected] = conn.offers.offer(some, &session, conn.role, t);
            matched.extend(expected);
            conn.send(id, &ConnFrame::Offer(tags), t);
        }
        self.match_tags(id, &matched, t);
    }

    pub(super) fn offer(&mut self, id: ConnId, tags: &[Tag], t: &mut Turn<'_>) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let Some(session) = conn.session() else { return };
        if !conn.offers.take(tags) {
            return self.drop_conn(id, Some(Bye::Protocol), "too many rooms were offered, or none", t);
        }
        let again = conn.offers.parted_in(tags, &session, conn.role.other());
        self.match_tags(id, tags, t);
        let again: Vec<_> = again
            .into_iter()
            .filter(|room| self.wants_links(*room, t))
            .collect();
        if !again.is_empty() {
            self.offer_rooms(id, &again, t);
        }
    }

    /// Opens a link for every room whose tag, one of these, both ends have offered, and greets in all of them.
    fn match_tags(&mut self, id: ConnId, tags: &[Tag], t: &mut Turn<'_>) {
        let mut opened = Vec::new();
        for tag in tags {
            let Some(conn) = self.conns.get_mut(&id) else {
                return;
            };
            let (Some(common), Some(session)) = (conn.offers.common(tag), conn.session()) else {
                continue;
            };
            match conn.links.get(&common.room) {
                // The peer had left before it heard of our offer, so without a word, and is back. Which frames
                // it has seen cannot be known; a new connection begins cleanly.
                Some(link) if link.their_slot != common.their_slot => {
                    let why = "the peer left a room and came back while we met";
                    return self.drop_conn(id, Some(Bye::Duplicate), why, t);
                }
                Some(_) => {}
                None => {
                    let slots = (common.our_slot, common.their_slot);
                    let link = Link::new(&session, common.room, conn.role, slots, t.now.uptime);
                    self.open_link(id, common.room, link, t);
                    opened.push(common.room);
                }
            }
        }
        for some in opened.chunks(OFFER_TAGS_MAX) {
            self.greet(id, some, t);
        }
    }

    fn open_link(&mut self, id: ConnId, room: RoomId, link: Link, t: &mut Turn<'_>) {
        let first = self.conns.get(&id).is_some_and(|conn| !conn.is_proved());
        if first && self.is_superfluous(id, t) {
            return;
        }
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if first {
            t.emit(Effect::Trust { conn: id });
            self.book.succeeded(id, t);
        }
        conn.offers.parted.remove(&room);
        conn.offers.by_slot.insert(link.their_slot, room);
        conn.links.insert(room, link);
    }
}
