//! Who is there, and who types: said by each device, passed on by whoever hears it first, kept by nobody. Writes
//! nothing and asks for nothing.
//!
//! A device whose connection breaks is called lost, and says that it is there if it hears of that (as in SWIM, Das,
//! Gupta, Motivala, DSN 2002), so that a calm room needs no heartbeat where everybody is linked with everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::dial::jittered;
use super::link::Link;
use super::room::Room;
use super::{ConnId, Effect, Engine, Turn};
use crate::ids::{DeviceId, RoomId};
use crate::limits::{
    DEVICES_MAX, LOST_FOR, PRESENCE_EACH, PRESENCE_EVERY, PRESENCE_MAX, ROOM_LINKS_MAX, TYPING_EVERY,
    TYPING_FOR,
};
use crate::wire::{Bye, Presence, RoomFrame, Sign};

/// A beat further ahead of our clock than this is no time that a device could mean, in milliseconds.
const BEAT_AHEAD_MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// What was heard of a device.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Being {
    beat: u64,
    here_until: Duration,
    typing_until: Duration,
}

/// A device that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Here {
    /// Which.
    pub device: DeviceId,
    /// Whether somebody types there.
    pub typing: bool,
}

/// What a room knows of who is there.
#[derive(Debug, Default)]
pub(super) struct Beings {
    all: BTreeMap<DeviceId, Being>,
    /// The greatest beat that anybody here may know of us; those of other rooms are further.
    ours: u64,
    announce_at: Duration,
    /// When we last said that somebody types here.
    typed_at: Option<Duration>,
    /// What the caller was told last.
    told: BTreeSet<Here>,
    /// When that may be another, if nothing is heard.
    stale_at: Duration,
    /// In a large room, what waits to be passed on with the next tick, and which link brought it.
    waiting: BTreeMap<DeviceId, (Presence, Option<ConnId>)>,
}

impl Room {
    /// We said that we are here, by this beat.
    pub(super) fn said_here(&mut self, beat: u64, t: &Turn<'_>) {
        self.beings.ours = believed(self.beings.ours, t).max(beat);
    }

    fn lasts_s(&self) -> u16 {
        u16::try_from(3 * self.announce_every().as_secs()).unwrap_or(u16::MAX)
    }

    fn announce_every(&self) -> Duration {
        let all = u32::try_from(self.beings.told.len()).unwrap_or(u32::MAX);
        PRESENCE_EVERY.max(PRESENCE_EACH.saturating_mul(all))
    }

    /// Takes in a sign of another device; whether it is news.
    fn hear_sign(&mut self, said: &Presence, linked: bool, t: &Turn<'_>) -> bool {
        let now = t.now.uptime;
        let known = self.beings.all.get(&said.device).copied();
        let place = known.is_some() || self.beings.all.len() < DEVICES_MAX;
        if !is_possible(said, t) || !place {
            return false;
        }
        let mut being = known.unwrap_or_default();
        let until = now + Duration::from_secs(said.lasts_s.into());
        let news = match said.sign {
            Sign::Lost => !linked && said.beat >= being.beat && being.here_until > now + LOST_FOR,
            _ => said.beat > being.beat,
        };
        if !news {
            return false;
        }
        let was = (being.here_until > now, being.typing_until > now);
        being.beat = said.beat;
        being.typing_until = Duration::ZERO;
        match said.sign {
            Sign::Here => being.here_until = being.here_until.max(until),
            Sign::Typing => {
                being.here_until = being.here_until.max(until);
                being.typing_until = now + TYPING_FOR;
            }
            Sign::Lost => being.here_until = now + LOST_FOR,
            Sign::Gone => being.here_until = now,
        }
        self.beings.all.insert(said.device, being);
        let changed = was != (being.here_until > now, being.typing_until > now);
        let soon = [being.here_until, being.typing_until]
            .into_iter()
            .filter(|at| *at > now)
            .min();
        let stale_at = if changed {
            now
        } else {
            soon.unwrap_or(Duration::MAX)
        };
        self.beings.stale_at = self.beings.stale_at.min(stale_at);
        if matches!(said.sign, Sign::Here | Sign::Typing)
            && let Some(disk) = self.disks.get_mut(&said.device)
        {
            disk.seen_ms = t.now.wall_ms;
        }
        true
    }
}

fn is_possible(said: &Presence, t: &Turn<'_>) -> bool {
    believed(said.beat, t) == said.beat
}

/// A beat of ours, if anybody whose clock is right takes it; from before ours was put right nobody does.
fn believed(beat: u64, t: &Turn<'_>) -> u64 {
    let wall = u64::try_from(t.now.wall_ms).unwrap_or(0);
    if beat > wall.saturating_add(BEAT_AHEAD_MAX_MS) {
        0
    } else {
        beat
    }
}

impl Engine {
    /// The devices that are there, ours left out.
    pub fn here(&self, room: RoomId) -> impl Iterator<Item = Here> {
        let beings = self.rooms.get(&room).map(|state| &state.beings);
        beings.into_iter().flat_map(|beings| beings.told.iter().copied())
    }

    /// Our beat at this moment: the clock, or more if that stood still or went back.
    pub(super) fn beat(&mut self, t: &Turn<'_>) -> u64 {
        self.our_beat = self
            .last_beat(t)
            .max(believed(self.our_beat, t).saturating_add(1));
        self.our_beat
    }

    /// The clock, or what we said last if that is more.
    pub(super) fn last_beat(&self, t: &Turn<'_>) -> u64 {
        let wall = u64::try_from(t.now.wall_ms).unwrap_or(0);
        wall.max(believed(self.our_beat, t))
    }

    fn linked_devices(&self, room: RoomId) -> BTreeSet<DeviceId> {
        let peers = self.live(room).filter_map(|(_, link)| link.peer.as_ref());
        peers.map(|(device, _)| *device).collect()
    }

    /// Sends signs of life on all links of a room but the one that brought them; in a large room at the next tick,
    /// together with others.
    fn pass_on(&mut self, room: RoomId, from: Option<ConnId>, signs: &[Presence], t: &mut Turn<'_>) {
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let waiting = signs.iter().map(|sign| (sign.device, (*sign, from)));
        state.beings.waiting.extend(waiting);
        if !state.large {
            self.pass_on_waiting(room, t);
        }
    }

    fn pass_on_waiting(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let Some(state) = self
            .rooms
            .get_mut(&room)
            .filter(|state| !state.beings.waiting.is_empty())
        else {
            return;
        };
        let waiting = std::mem::take(&mut state.beings.waiting);
        let to: Vec<_> = self.live(room).map(|(id, _)| id).collect();
        for id in to {
            let others = waiting.values().filter(|(_, from)| *from != Some(id));
            let signs: Vec<_> = others.map(|(sign, _)| *sign).collect();
            for some in signs.chunks(PRESENCE_MAX) {
                if let Some(conn) = self.conns.get_mut(&id) {
                    conn.send_room(id, room, &RoomFrame::Presence(some.to_vec()), t);
                }
            }
        }
    }

    /// Says to everybody how it is here.
    fn announce(&mut self, room: RoomId, sign: Sign, t: &mut Turn<'_>) {
        let (device, beat) = (self.identity.device, self.beat(t));
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let said = Presence {
            device,
            beat,
            lasts_s: state.lasts_s(),
            sign,
        };
        state.said_here(beat, t);
        state.beings.announce_at = t.now.uptime + jittered(state.announce_every(), t);
        self.pass_on(room, None, &[said], t);
    }

    /// A peer greeted, which is its sign of life: others hear of it, and it hears who else is there.
    pub(super) fn greeted_here(&mut self, id: ConnId, room: RoomId, t: &mut Turn<'_>) {
        let Some((device, ahead)) = self.conns.get(&id).and_then(|conn| {
            let (device, _) = conn.links.get(&room)?.peer.as_ref()?;
            Some((*device, conn.told_of.as_ref()?.1))
        }) else {
            return;
        };
        let now = t.now.uptime;
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let here = state
            .beings
            .all
            .iter()
            .filter(|(of, being)| **of != device && being.here_until > now);
        let signs: Vec<_> = here
            .take(PRESENCE_MAX)
            .map(|(device, being)| Presence {
                device: *device,
                beat: being.beat,
                lasts_s: u16::try_from((being.here_until - now).as_secs()).unwrap_or(u16::MAX),
                sign: Sign::Here,
            })
            .collect();
        let greeting = Presence {
            device,
            beat: u64::try_from(t.now.wall_ms.saturating_add(ahead)).unwrap_or(0),
            lasts_s: state.lasts_s(),
            sign: Sign::Here,
        };
        state.beings.stale_at = now;
        if device != self.identity.device && state.hear_sign(&greeting, true, t) {
            self.pass_on(room, Some(id), &[greeting], t);
        }
        if let Some(conn) = self.conns.get_mut(&id)
            && !signs.is_empty()
        {
            conn.send_room(id, room, &RoomFrame::Presence(signs), t);
        }
    }

    /// Somebody types here.
    pub(super) fn typed(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let now = t.now.uptime;
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let lately = |at: Duration| now.saturating_sub(at) < TYPING_EVERY;
        if !state.beings.typed_at.is_some_and(lately) {
            state.beings.typed_at = Some(now);
            self.announce(room, Sign::Typing, t);
        }
    }

    /// Nobody types here any more, if somebody did.
    pub(super) fn typed_out(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let typed = self
            .rooms
            .get_mut(&room)
            .and_then(|state| state.beings.typed_at.take());
        if typed.is_some() {
            self.announce(room, Sign::Here, t);
        }
    }

    /// We go, in good order.
    pub(super) fn say_goodbye(&mut self, room: RoomId, t: &mut Turn<'_>) {
        self.announce(room, Sign::Gone, t);
        self.pass_on_waiting(room, t);
    }

    /// A connection with a device broke: others are told, and it says so if it is there all the same.
    pub(super) fn lost_device(&mut self, room: RoomId, device: DeviceId, t: &mut Turn<'_>) {
        let linked = self.linked_devices(room).contains(&device);
        let Some(state) = self.rooms.get_mut(&room).filter(|_| !linked) else {
            return;
        };
        let said = Presence {
            device,
            beat: state.beings.all.get(&device).map_or(0, |being| being.beat),
            lasts_s: 0,
            sign: Sign::Lost,
        };
        state.beings.stale_at = t.now.uptime;
        if state.hear_sign(&said, false, t) {
            self.pass_on(room, None, &[said], t);
        }
    }

    /// A peer tells who is there.
    pub(super) fn presence_told(&mut self, id: ConnId, room: RoomId, signs: &[Presence], t: &mut Turn<'_>) {
        if signs.len() > PRESENCE_MAX {
            return self.drop_conn(id, Some(Bye::Protocol), "too many signs of life at once", t);
        }
        let linked = self.linked_devices(room);
        let device = self.identity.device;
        let (Some(state), Some(conn)) = (self.rooms.get_mut(&room), self.conns.get_mut(&id)) else {
            return;
        };
        let allowed = conn.allowance.signs(signs.len(), t.now.uptime);
        let (mut news, mut disputed) = (Vec::new(), false);
        for said in signs.iter().take(allowed) {
            if said.device != device {
                if state.hear_sign(said, linked.contains(&said.device), t) {
                    news.push(*said);
                }
            } else if said.beat >= believed(state.beings.ours, t) && is_possible(said, t) {
                // Who says that we are gone is told otherwise. Who says that it is us may be a copy: two that told each
                // other otherwise would never end.
                state.said_here(said.beat, t);
                self.our_beat = self.our_beat.max(said.beat);
                disputed |= matches!(said.sign, Sign::Lost | Sign::Gone);
            }
        }
        if !news.is_empty() {
            self.pass_on(room, Some(id), &news, t);
        }
        let lost = signs.iter().take(allowed).filter(|said| said.sign == Sign::Lost);
        let mut greatest: BTreeMap<DeviceId, Presence> = BTreeMap::new();
        for said in lost.filter(|said| said.device != device) {
            let known = greatest.entry(said.device).or_insert(*said);
            known.beat = known.beat.max(said.beat);
        }
        for said in greatest.into_values() {
            self.tell_the_lost(id, room, said, t);
        }
        if disputed {
            self.announce(room, Sign::Here, t);
        }
    }

    /// Whoever is linked with a device that is called lost knows better, and tells the device alone. A copy of our own
    /// folder is no such device: two copies would tell each other for ever.
    fn tell_the_lost(&mut self, from: ConnId, room: RoomId, said: Presence, t: &mut Turn<'_>) {
        let of = |link: &Link| link.peer.as_ref().is_some_and(|(of, _)| *of == said.device);
        let to = self.live(room).filter(|(id, link)| *id != from && of(link));
        let to: Vec<_> = to.map(|(id, _)| id).collect();
        for id in to {
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.send_room(id, room, &RoomFrame::Presence(vec![said]), t);
            }
        }
    }

    /// Sees who is there now, and says now and then that we are.
    pub(super) fn tick_presence(&mut self, t: &mut Turn<'_>) {
        let now = t.now.uptime;
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.pass_on_waiting(room, t);
            let stale = self
                .rooms
                .get(&room)
                .is_some_and(|state| state.beings.stale_at <= now);
            if stale {
                self.see_who_is_here(room, t);
            }
            let Some(state) = self.rooms.get(&room) else {
                continue;
            };
            let due = state.beings.announce_at <= now;
            if due
                && state
                    .beings
                    .told
                    .iter()
                    .any(|here| !self.is_linked(room, here.device))
            {
                self.announce(room, Sign::Here, t);
            }
        }
    }

    fn is_linked(&self, room: RoomId, device: DeviceId) -> bool {
        self.live(room)
            .any(|(_, link)| link.peer.as_ref().is_some_and(|(of, _)| *of == device))
    }

    fn see_who_is_here(&mut self, room: RoomId, t: &mut Turn<'_>) {
        let (now, linked, us) = (t.now.uptime, self.linked_devices(room), self.identity.device);
        let Some(state) = self.rooms.get_mut(&room) else {
            return;
        };
        let beings = &mut state.beings;
        let typing = |device: &DeviceId| {
            beings
                .all
                .get(device)
                .is_some_and(|being| being.typing_until > now)
        };
        let heard = beings.all.iter().filter(|(_, being)| being.here_until > now);
        let devices: BTreeSet<_> = heard
            .map(|(device, _)| *device)
            .chain(linked.iter().copied())
            .collect();
        let here: BTreeSet<_> = devices
            .into_iter()
            .filter(|device| *device != us)
            .map(|device| Here {
                device,
                typing: typing(&device),
            })
            .collect();
        let changes = beings
            .all
            .values()
            .flat_map(|being| [being.here_until, being.typing_until]);
        beings.stale_at = changes.filter(|at| *at > now).min().unwrap_or(Duration::MAX);
        beings
            .all
            .retain(|_, being| being.here_until + PRESENCE_EVERY > now);
        state.large = here.len() > ROOM_LINKS_MAX;
        if here != beings.told {
            beings.told = here;
            t.emit(Effect::Present { room });
        }
    }
}
