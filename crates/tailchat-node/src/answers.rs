//! What a room looks like in the control protocol's items. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use tailchat_core::amend::{Amends, Felt};
use tailchat_core::devices::Writer;
use tailchat_core::engine::{Engine, Identity, PeerState, PeerStatus, Strangers};
use tailchat_core::fingerprint::Fingerprint;
use tailchat_core::ids::{ActorId, DeviceId, MessageId, RoomId};
use tailchat_core::roster::{Member, Roster};
use tailchat_core::text;
use tailchat_core::timeline::{Line, Place, Says};

use crate::control::{
    DiskItem, EXPORTED_MAX, MemberItem, MessageItem, MessageKind, PeerItem, REACTED_MAX, ReactionItem,
    RoomItem, Standing, StatusItem, TYPING_MAX, WAITING_ADDRS_MAX, WaitingItem,
};
use crate::invite::Invite;
use crate::node::OpenRoom;
use crate::unread::Counts;

/// Digits of an ID behind a name that others go by, too. One in 65,536 has the same ones by chance.
const NAMESAKE_DIGITS: usize = 4;

/// What a person calls a room: their own name for it, or else everybody's.
pub(crate) fn room_name(id: RoomId, room: &OpenRoom) -> String {
    match &room.facts.alias {
        alias if alias.is_empty() => known_as(id, &room.roster),
        alias => alias.clone(),
    }
}

/// A room's name for everybody, or the beginning of its ID as long as none has arrived.
pub(crate) fn known_as(id: RoomId, roster: &Roster) -> String {
    match roster.name() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => id.to_string().chars().take(13).collect(),
    }
}

/// Who we are in a room, on all our devices.
pub(crate) fn us(identity: &Identity, roster: &Roster) -> Writer {
    roster.whole(Writer {
        person: identity.person,
        device: identity.device,
    })
}

/// Whom the person ignores in a room, on all their devices.
pub(crate) fn ignored(room: &OpenRoom) -> BTreeSet<Writer> {
    let ignored = room.facts.ignored.iter();
    ignored.map(|writer| room.roster.whole(*writer)).collect()
}

/// What many items of one room need alike.
pub(crate) struct View<'a> {
    id: RoomId,
    room: &'a OpenRoom,
    engine: &'a Engine,
    members: Vec<Member>,
    people: BTreeMap<DeviceId, Writer>,
    /// Names that say too little: [`Roster::namesakes`].
    namesakes: BTreeSet<String>,
    /// Ourselves, on all our devices.
    me: Writer,
    ignored: BTreeSet<Writer>,
}

impl<'a> View<'a> {
    pub(crate) fn new(id: RoomId, room: &'a OpenRoom, engine: &'a Engine) -> Self {
        let members = room.roster.members();
        let people = members
            .iter()
            .flat_map(|m| m.devices.iter().map(|device| (*device, m.writer)))
            .collect();
        Self {
            id,
            room,
            engine,
            members,
            people,
            namesakes: room.roster.namesakes(),
            me: us(engine.identity(), &room.roster),
            ignored: ignored(room),
        }
    }

    pub(crate) fn members(&self) -> u64 {
        self.members.len() as u64
    }

    /// Members whose disks hold the entry, ourselves included if `own`.
    pub(crate) fn holders(&self, entry: MessageId, own: bool) -> u32 {
        u32::try_from(self.other_holders(entry).len())
            .unwrap_or(u32::MAX)
            .saturating_add(u32::from(own))
    }

    fn other_holders(&self, entry: MessageId) -> BTreeSet<Writer> {
        let devices = self.engine.holders(self.id, entry);
        let mut people: BTreeSet<Writer> = devices
            .filter_map(|device| self.people.get(&device).copied())
            .collect();
        people.remove(&self.me);
        people
    }

    /// The names of the members whose disks hold the entry, our own first.
    pub(crate) fn holders_by_name(&self, entry: MessageId) -> Vec<String> {
        let others = self.other_holders(entry);
        let (mine, theirs): (Vec<_>, Vec<_>) = self
            .members
            .iter()
            .filter(|member| member.writer == self.me || others.contains(&member.writer))
            .partition(|member| member.writer == self.me);
        let members = mine.into_iter().chain(theirs);
        members
            .map(|member| self.tell_apart(&member.name, member.writer))
            .collect()
    }

    /// The name of whoever wrote a line, or brought it in.
    pub(crate) fn writer(&self, line: &Line) -> String {
        self.name_of(line.author)
    }

    fn name_of(&self, actor: ActorId) -> String {
        match self.room.roster.profile(actor) {
            Some(profile) => self.called(actor, &profile.name),
            None => actor.to_string().chars().take(8).collect(),
        }
    }

    /// The name of whoever writes with a device.
    pub(crate) fn owner(&self, device: DeviceId) -> Option<String> {
        let writer = *self.people.get(&device)?;
        let member = self.members.iter().find(|member| member.writer == writer)?;
        Some(self.tell_apart(&member.name, writer))
    }

    /// What every actor is called whose profile has arrived.
    pub(crate) fn names(&self) -> impl Iterator<Item = (ActorId, String)> {
        let profiles = self.room.roster.profiles();
        profiles.map(|(actor, profile)| (actor, self.called(actor, &profile.name)))
    }

    /// What an actor is called that says it has a name. One that did not say so first is nobody's: it has its own mark.
    fn called(&self, actor: ActorId, name: &str) -> String {
        match self.room.roster.writer(actor) {
            Some(writer) => self.tell_apart(name, writer),
            None => marked(name, &actor.to_string()),
        }
    }

    /// A person's name, with the beginning of their least device's ID if others go by it, too: whoever only says they
    /// are that person has the person's ID.
    fn tell_apart(&self, name: &str, writer: Writer) -> String {
        let shared = !self.namesakes.is_empty() && self.namesakes.contains(&Roster::name_key(name));
        match shared || looks_marked(name) {
            true => marked(name, &writer.device.to_string()),
            false => name.to_owned(),
        }
    }

    pub(crate) fn message(&self, place: &Place, line: &Line) -> MessageItem {
        let (kind, text, nick, reply_to) = match &line.says {
            Says::Message {
                text,
                action,
                reply_to,
            } => (
                if *action {
                    MessageKind::Action
                } else {
                    MessageKind::Text
                },
                text.to_string(),
                None,
                *reply_to,
            ),
            Says::Imported { nick, text, action } => {
                let kind = if *action {
                    MessageKind::ImportedAction
                } else {
                    MessageKind::Imported
                };
                (kind, text.to_string(), Some(nick.to_string()), None)
            }
            Says::Unreadable { .. } => (MessageKind::Unreadable, String::new(), None, None),
        };
        let profile = self.room.roster.profile(line.author);
        let mine = self.is_us(line.author);
        let person = profile.filter(|_| nick.is_none());
        let ignored = self.room.roster.claimed(line.author);
        let ignored = ignored.is_some_and(|writer| self.ignored.contains(&writer));
        let person = person.map(|profile| profile.person.to_string());
        let author = nick.unwrap_or_else(|| self.writer(line));
        let via = line.arrival.via;
        MessageItem {
            room: self.id.to_string(),
            id: place.id.to_string(),
            author,
            person,
            mine,
            sent_at_ms: line.sent_at_ms,
            arrived_at_ms: line.arrival.at_ms,
            via: (via != DeviceId::NONE).then(|| self.device_name(via)),
            kind,
            text,
            reply_to: reply_to.map(|id| id.to_string()),
            edited: line.since.edited.is_some(),
            deleted: line.since.deleted,
            pinned: line.since.pinned,
            ignored,
            reactions: line
                .since
                .reactions
                .iter()
                .map(|felt| self.reaction(felt, REACTED_MAX))
                .collect(),
            answers: line.since.answers,
            on: self.holders(place.id, true),
            of: u32::try_from(self.members.len()).unwrap_or(u32::MAX),
            unread: !mine
                && !ignored
                && !self.room.facts.newcomer
                && !self.room.facts.read.contains(place.id),
            place: place.to_string(),
        }
    }

    /// Whether an amendment of ours has any effect on a line.
    pub(crate) fn may(&self, what: &Amends, line: &Line) -> bool {
        let anybodys = matches!(what, Amends::Reaction { .. } | Amends::Pin(_));
        // All our devices may do what the one that wrote it may.
        (anybodys || self.is_us(line.author)) && what.applies(line.author, line, &self.room.roster)
    }

    fn is_us(&self, actor: ActorId) -> bool {
        self.room.roster.writer(actor) == Some(self.me)
    }

    /// Whether we feel that about a line.
    pub(crate) fn feels(&self, line: &Line, with: &str) -> bool {
        let felt = line.since.reactions.iter().find(|felt| &*felt.with == with);
        felt.is_some_and(|felt| felt.by.iter().any(|by| self.is_us(*by)))
    }

    /// A message with the names that a file has room for.
    pub(crate) fn exported(&self, place: &Place, line: &Line) -> MessageItem {
        let felt = &line.since.reactions;
        let names = shares(felt.iter().map(|felt| felt.by.len()), EXPORTED_MAX);
        let named = felt.iter().zip(names);
        MessageItem {
            reactions: named.map(|(felt, names)| self.reaction(felt, names)).collect(),
            ..self.message(place, line)
        }
    }

    fn reaction(&self, felt: &Felt, names: usize) -> ReactionItem {
        let named = felt.by.iter().take(names);
        ReactionItem {
            with: felt.with.to_string(),
            count: felt.by.len() as u64,
            by: named.map(|by| self.name_of(*by)).collect(),
            mine: felt.by.iter().any(|by| self.is_us(*by)),
        }
    }

    fn device_name(&self, device: DeviceId) -> String {
        let member = self
            .members
            .iter()
            .find(|member| member.devices.contains(&device));
        member.map_or_else(
            || device.to_string().chars().take(8).collect(),
            |member| self.tell_apart(&member.name, member.writer),
        )
    }

    pub(crate) fn room(&self, invite_peers: &[String]) -> RoomItem {
        let status = self.engine.room_status(self.id);
        let peers = status.as_ref().map_or(&[][..], |status| &status.peers);
        let invite = Invite {
            room: self.id,
            peers: invite_peers.to_vec(),
        };
        // Who joins has missed nothing.
        let counts = match self.room.facts.newcomer {
            true => Counts::default(),
            false => self.room.counted.counts,
        };
        RoomItem {
            room: self.id.to_string(),
            name: room_name(self.id, self.room),
            here: self.here(false).len() as u64,
            typing: self.typing(),
            topic: self.room.roster.topic().unwrap_or_default().to_owned(),
            known_as: (!self.room.facts.alias.is_empty()).then(|| known_as(self.id, &self.room.roster)),
            invite: invite.to_string(),
            messages: status.as_ref().map_or(0, |status| status.durable.messages()),
            members: self.members(),
            connected: peers.len() as u64,
            behind: peers.iter().map(|peer| peer.behind).max().unwrap_or(0),
            met: self.members.iter().any(|member| member.writer != self.me),
            unread: counts.unread,
            mentions: counts.mentions,
            draft: !self.room.facts.draft.is_empty(),
            muted: self.room.facts.muted,
            waiting: self.waiting(),
        }
    }

    /// Who answered so far, if the room was joined and nobody who has it was met yet.
    fn waiting(&self) -> Option<Box<WaitingItem>> {
        let met = self.members.iter().any(|member| member.writer != self.me);
        if met || !self.room.facts.newcomer || self.engine.present(self.id).next().is_some() {
            return None;
        }
        let Strangers { peers, mut addrs } = self.engine.strangers(self.id);
        addrs.truncate(WAITING_ADDRS_MAX);
        let answered = peers;
        Some(Box::new(WaitingItem { answered, addrs }))
    }

    /// When each device was last heard of, in milliseconds since 1970.
    fn seen(&self) -> BTreeMap<DeviceId, i64> {
        let before = self.room.facts.disks.iter();
        let mut seen: BTreeMap<_, _> = before
            .filter_map(|(device, disk)| Some((*device, disk.seen_ms?)))
            .collect();
        for (device, ms) in self.engine.last_seen(self.id) {
            seen.entry(device)
                .and_modify(|seen| *seen = ms.max(*seen))
                .or_insert(ms);
        }
        seen
    }

    /// Other members who are there, or only those who write something.
    fn here(&self, typing: bool) -> BTreeSet<Writer> {
        let here = self.engine.here(self.id).filter(|here| here.typing || !typing);
        let mut people: BTreeSet<_> = here
            .filter_map(|here| self.people.get(&here.device).copied())
            .collect();
        people.remove(&self.me);
        people
    }

    fn typing(&self) -> Vec<String> {
        let typing = self.here(true);
        let members = self.members.iter();
        let names = members
            .filter(|member| typing.contains(&member.writer) && !self.ignored.contains(&member.writer));
        let names = names.map(|member| self.tell_apart(&member.name, member.writer));
        names.take(TYPING_MAX).collect()
    }

    pub(crate) fn member_items(&self) -> Vec<MemberItem> {
        let present: BTreeSet<_> = self.engine.here(self.id).map(|here| here.device).collect();
        let (own, seen) = (self.engine.identity().device, self.seen());
        let disk = |device: &DeviceId| DiskItem {
            device: device.to_string(),
            here: *device == own,
            online: *device == own || present.contains(device),
            last_seen_ms: seen.get(device).copied().filter(|_| *device != own),
        };
        let item = |member: &Member| {
            let disks: Vec<_> = member.devices.iter().map(disk).collect();
            MemberItem {
                name: self.tell_apart(&member.name, member.writer),
                ignored: self.ignored.contains(&member.writer),
                person: member.writer.person.to_string(),
                devices: member.devices.len() as u64,
                online: member.writer == self.me || disks.iter().any(|disk| disk.online),
                me: member.writer == self.me,
                last_seen_ms: disks.iter().filter_map(|disk| disk.last_seen_ms).max(),
                disks,
            }
        };
        self.members.iter().map(item).collect()
    }

    /// Whoever is or was a member, each with the name that is shown.
    pub(crate) fn everybody(&self) -> Vec<(String, Writer)> {
        let everybody = self.room.roster.members_ever().into_iter();
        let called = everybody.map(|member| (self.tell_apart(&member.name, member.writer), member.writer));
        called.collect()
    }

    pub(crate) fn status(&self) -> Option<StatusItem> {
        let status = self.engine.room_status(self.id)?;
        let seen = self.seen();
        let peer = |peer: &PeerStatus| PeerItem {
            peer: peer.name.clone(),
            addr: peer.addr.clone(),
            connected: true,
            state: standing(peer.state),
            ahead: peer.ahead,
            behind: peer.behind,
            last_seen_ms: peer.device.and_then(|device| seen.get(&device).copied()),
        };
        let fork = |(actor, seq): &(_, u64)| {
            format!(
                "actor {actor} has two chains, which part at change {seq}: its folder was copied or restored while in use"
            )
        };
        let continued = |(actor, seq): (_, u64)| {
            format!(
                "somebody else went on with this device's actor {actor} after change {seq}: this folder was restored or copied, \
                 or a member writes in your name; what you write now stands apart from it"
            )
        };
        let forks = status.forks.iter().map(fork);
        let forks = forks.chain(status.continued.map(continued)).collect();
        Some(StatusItem {
            room: self.id.to_string(),
            name: room_name(self.id, self.room),
            messages: status.durable.messages(),
            changes: status.durable.changes(),
            heads: status.durable.heads().iter().map(ToString::to_string).collect(),
            disk_bytes: self.room.disk_bytes,
            failing: status.failing.clone(),
            forks,
            findings: self.room.findings.clone(),
            peers: status.peers.iter().map(peer).chain(self.absent(&seen)).collect(),
            fingerprint: Fingerprint::of(self.id, &status.durable.digest()).to_string(),
            waiting: self.waiting(),
        })
    }

    /// Members' disks that are not connected, as they were last heard of.
    fn absent(&self, seen: &BTreeMap<DeviceId, i64>) -> Vec<PeerItem> {
        let here = self
            .engine
            .present(self.id)
            .chain([self.engine.identity().device]);
        let here: BTreeSet<_> = here.collect();
        let disks = self.engine.disks(self.id).map(|disk| (disk.device, disk));
        let disks: BTreeMap<_, _> = disks.collect();
        let devices = self.members.iter().flat_map(|member| {
            let devices = member.devices.iter().map(move |device| (member, device));
            devices.filter(|(_, device)| !here.contains(device))
        });
        let item = |(member, device): (&Member, &DeviceId)| {
            let disk = disks.get(device);
            PeerItem {
                peer: self.tell_apart(&member.name, member.writer),
                addr: String::new(),
                connected: false,
                state: disk.map_or(Standing::Unknown, |disk| standing(disk.state)),
                ahead: disk.map_or(0, |disk| disk.ahead),
                behind: disk.map_or(0, |disk| disk.behind),
                last_seen_ms: seen.get(device).copied(),
            }
        };
        devices.map(item).collect()
    }
}

/// A name with the beginning of an ID, short enough that no screen cuts that off.
fn marked(name: &str, id: &str) -> String {
    let name = text::name_within(name, text::NAME_COLUMNS_MAX - NAMESAKE_DIGITS - 1);
    format!("{name}~{}", id.get(..NAMESAKE_DIGITS).unwrap_or_default())
}

/// Whether a name is spelt as [`marked`] spells one: somebody else may be shown by it.
fn looks_marked(name: &str) -> bool {
    let key = Roster::name_key(name);
    let digits = key.rsplit_once('~').map(|(_, digits)| digits);
    digits.is_some_and(|digits| {
        digits.len() == NAMESAKE_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// How many of each of these there is room for, the first ones before the rest.
fn shares(of: impl Iterator<Item = usize>, mut left: usize) -> impl Iterator<Item = usize> {
    of.map(move |wanted| {
        let share = wanted.min(left);
        left -= share;
        share
    })
}

fn standing(state: PeerState) -> Standing {
    match state {
        PeerState::Unknown => Standing::Unknown,
        PeerState::Equal => Standing::Equal,
        PeerState::Ahead => Standing::Ahead,
        PeerState::Behind => Standing::Behind,
        PeerState::Apart => Standing::Apart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_message_names_all_who_reacted_as_far_as_there_is_room() {
        let names = |of: &[usize]| shares(of.iter().copied(), EXPORTED_MAX).collect::<Vec<_>>();
        assert_eq!(names(&[REACTED_MAX + 1, 3]), [REACTED_MAX + 1, 3]);
        assert_eq!(names(&[2, EXPORTED_MAX, 3]), [2, EXPORTED_MAX - 2, 0]);
    }
}
