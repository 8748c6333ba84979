//! On how many disks an entry is: what members say of their own, and what they pass on of others'. Only
//! counted; nothing is asked for because of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::link::raise;
use super::room::Room;
use super::{ConnId, Effect, Engine, Turn};
use crate::ids::{ActorId, DeviceId, RoomId};
use crate::limits::{ACTORS_MAX, CLAIMS_MAX, DEVICES_MAX, DISK_CLAIMS, DISKS_EVERY, DISKS_EVERY_LARGE};
use crate::wire::{self, Claim, RoomFrame};

/// What a member's disk is known to hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) claims: BTreeMap<ActorId, Claim>,
    /// When it was last heard of, in milliseconds since 1970; 0 if only a bundle told of it.
    pub(super) seen_ms: i64,
    /// When each claim was heard, and from whom; from nobody if a bundle told it.
    heard: BTreeMap<ActorId, (Duration, Option<ConnId>)>,
}

/// How far a peer was told of others' disks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DisksTold {
    /// When it was last told something.
    at: Duration,
    /// It knows what was heard before this.
    since: Duration,
    /// While it is being told, in portions, what was heard since: when that began, and which disk comes next.
    portion: Option<(Duration, DeviceId)>,
}

impl Engine {
    /// A peer passes on what other members' disks hold.
    pub(super) fn disks_heard(&mut self, id: ConnId, room: RoomId, disks: &[wire::Disk], t: &mut Turn<'_>) {
        let ours = self.identity.device;
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let mut news = false;
        for wire::Disk { device, claims } in disks.iter().filter(|disk| disk.device != ours) {
            // How long ago it was first said nobody tells; what goes on while we are told is of now.
            let known = state.disks.contains_key(device);
            let heard = state.note_disk(*device, claims, Some(id), false, t);
            if known
                && heard
                && let Some(disk) = state.disks.get_mut(device)
            {
                disk.seen_ms = t.now.wall_ms;
            }
            news |= heard;
        }
        if news {
            t.emit(Effect::Heard { room });
        }
    }

    /// What each other member's disk is known to hold.
    pub fn known_disks(
        &self,
        room: RoomId,
    ) -> impl Iterator<Item = (DeviceId, impl Iterator<Item = &Claim>)> {
        let disks = self.rooms.get(&room).into_iter().flat_map(|room| &room.disks);
        disks.map(|(device, disk)| (*device, disk.claims.values()))
    }

    pub(super) fn pass_on_disks(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get(&room) else {
            return;
        };
        let every = match state.large {
            true => DISKS_EVERY_LARGE,
            false => DISKS_EVERY,
        };
        for (id, conn) in &mut self.conns {
            let Some(link) = conn.links.get_mut(&room) else {
                continue;
            };
            let Some((peer, _)) = link.peer else { continue };
            if t.now.uptime.saturating_sub(link.disks_told.at) < every {
                continue;
            }
            let disks = state.disks_for(*id, peer, &mut link.disks_told, t.now.uptime);
            if !disks.is_empty() {
                conn.send_room(*id, room, &RoomFrame::Disks(disks), t);
            }
        }
    }
}

impl Room {
    /// The next portion of what a peer is to be told of others' disks: what was heard since, by somebody else.
    fn disks_for(&self, id: ConnId, peer: DeviceId, told: &mut DisksTold, now: Duration) -> Vec<wire::Disk> {
        let (began, next) = told.portion.take().unwrap_or((now, DeviceId::NONE));
        told.at = now;
        let (mut portion, mut len) = (Vec::new(), 0);
        for (device, disk) in self.disks.range(next..) {
            if *device == peer {
                continue;
            }
            if len >= DISK_CLAIMS {
                told.portion = Some((began, *device));
                return portion;
            }
            let news = |actor: &ActorId| {
                let (at, from) = disk.heard.get(actor).copied().unwrap_or_default();
                at >= told.since && from != Some(id)
            };
            let claims: Vec<_> = disk
                .claims
                .values()
                .filter(|claim| news(&claim.actor))
                .copied()
                .collect();
            len += claims.len();
            if !claims.is_empty() {
                portion.push(wire::Disk {
                    device: *device,
                    claims,
                });
            }
        }
        told.since = began;
        portion
    }

    /// Takes note of what a disk holds; whether that is news. `from` is who says so, nobody if a bundle tells it;
    /// `seen` whether the device itself was there to say so.
    pub(super) fn note_disk(
        &mut self,
        device: DeviceId,
        claims: &[Claim],
        from: Option<ConnId>,
        seen: bool,
        t: &Turn<'_>,
    ) -> bool {
        let full = !self.disks.contains_key(&device) && self.disks.len() >= DEVICES_MAX;
        if full && !(seen && self.forget_a_disk()) {
            return false;
        }
        let disk = self.disks.entry(device).or_default();
        let before = disk.claims.len();
        let most = (CLAIMS_MAX + before)
            .saturating_sub(self.disks_claims)
            .min(ACTORS_MAX);
        let news = raise(&mut disk.claims, claims, most);
        self.disks_claims += disk.claims.len() - before;
        if seen {
            disk.seen_ms = t.now.wall_ms;
        }
        disk.heard
            .extend(news.iter().map(|actor| (*actor, (t.now.uptime, from))));
        !news.is_empty()
    }

    /// Makes a place for who speaks for itself: of others anybody can tell any number. Whether there is one.
    fn forget_a_disk(&mut self) -> bool {
        let longest_ago = self.disks.iter().min_by_key(|(_, disk)| disk.seen_ms);
        let forgotten = longest_ago.map(|(device, _)| *device);
        let forgotten = forgotten.and_then(|device| self.disks.remove(&device));
        self.disks_claims -= forgotten.as_ref().map_or(0, |disk| disk.claims.len());
        forgotten.is_some()
    }
}
