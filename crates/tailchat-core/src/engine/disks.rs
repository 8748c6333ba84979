//! On how many disks an entry is: what members say of their own, and what they pass on of others'. Only
//! counted; nothing is asked for because of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::link::raise;
use super::room::Room;
use super::{Effect, Engine, Turn};
use crate::ids::{ActorId, DeviceId, RoomId};
use crate::limits::{ACTORS_MAX, CLAIMS_MAX, DEVICES_MAX, DISKS_EVERY};
use crate::wire::{Claim, RoomFrame};

/// What a member's disk is known to hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) claims: BTreeMap<ActorId, Claim>,
    /// When it was last heard of, in milliseconds since 1970; 0 if only a bundle told of it.
    pub(super) seen_ms: i64,
    changed_at: Duration,
}

impl Engine {
    /// A peer passes on what another member's disk holds.
    pub(super) fn disk_heard(&mut self, room: RoomId, device: DeviceId, claims: &[Claim], t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let known = state.disks.contains_key(&device);
        if device == self.identity.device || !state.note_disk(device, claims, None, t) {
            return;
        }
        // How long ago it was first said nobody tells; what goes on while we are told is of now.
        if known && let Some(disk) = state.disks.get_mut(&device) {
            disk.seen_ms = t.now.wall_ms;
        }
        t.emit(Effect::Heard { room });
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
}

impl Room {
    /// `heard` is when that was said, if it is said now.
    pub(super) fn note_disk(
        &mut self,
        device: DeviceId,
        claims: &[Claim],
        heard: Option<i64>,
        t: &Turn<'_>,
    ) -> bool {
        if !self.disks.contains_key(&device) && self.disks.len() >= DEVICES_MAX {
            return false;
        }
        let others = self.disks.iter().filter(|(other, _)| **other != device);
        let kept: usize = others.map(|(_, disk)| disk.claims.len()).sum();
        let disk = self.disks.entry(device).or_default();
        disk.seen_ms = heard.unwrap_or(disk.seen_ms);
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
}
