//! Who is in a room, what it is called and what it is about: the part of the fold that is small whatever the history. Knows
//! nothing of messages, disks or screens.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::devices::{Devices, LinkProof, Writer};
use crate::entry::Profile;
use crate::ids::{ActorId, DeviceId, MessageId};
use crate::timeline::Place;

/// A person in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub writer: Writer,
    /// The name given last.
    pub name: String,
    /// The data folders with which the person writes.
    pub devices: BTreeSet<DeviceId>,
}

/// What an entry says about a room and its people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Who writes with the place's actor.
    Profile {
        /// The entry's place.
        place: Place,
        /// Who.
        profile: Profile,
    },
    /// The device that writes with the place's actor leaves.
    Leave {
        /// The entry's place.
        place: Place,
    },
    /// The room's name.
    RoomName {
        /// The entry's place.
        place: Place,
        /// The name.
        name: String,
    },
    /// What the room is about.
    Topic {
        /// The entry's place.
        place: Place,
        /// What it says; empty if there is none any more.
        topic: String,
    },
    /// An actor calls another device its person's.
    Link {
        /// The actor's entry.
        by: MessageId,
        /// The other device.
        device: DeviceId,
        /// What it shows for it.
        proof: LinkProof,
    },
    /// An entry of a forked actor was posted again: its ID and [`crate::entry::entry_sum`].
    Repeated(MessageId, u32),
}

/// The people of a room and its name, as a fold: the same in whatever order the news come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// The last profile of each actor.
    profiles: BTreeMap<ActorId, (Place, Profile)>,
    /// The last leave of each actor.
    leaves: BTreeMap<ActorId, Place>,
    /// The last name of the room.
    name: Option<(Place, String)>,
    /// The last topic of the room.
    topic: Option<(Place, String)>,
    /// The entries of forked actors that were posted again.
    repeated: BTreeSet<(MessageId, u32)>,
    devices: Devices,
}

/// What news came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Messages are whose they were.
    Plainly,
    /// It is known now whose the messages of an actor are: those that came before it, if any did, have to be judged again.
    Begun,
    /// Devices turned out to be one person's, or no longer: who may amend what has to be judged again.
    Regrouped,
}

impl Roster {
    /// Takes in what an entry says.
    pub fn hear(&mut self, news: News) -> Heard {
        match news {
            News::Profile { place, profile } => {
                let by = place.id.actor;
                let writer = Writer {
                    person: profile.person,
                    device: profile.device,
                };
                let mut last = self.profiles.remove(&by);
                keep_last(&mut last, place, profile);
                self.profiles.extend(last.map(|last| (by, last)));
                if place.id.index == 0 {
                    return self.devices.begin(by, place, writer);
                }
            }
            News::Link { by, device, proof } => {
                return self.devices.link(by.actor, by.index, device, proof);
            }
            News::Leave { place } => {
                let last = self.leaves.entry(place.id.actor).or_insert(place);
                *last = place.max(*last);
            }
            News::RoomName { place, name } => keep_last(&mut self.name, place, name),
            News::Topic { place, topic } => keep_last(&mut self.topic, place, topic),
            News::Repeated(of, sum) => {
                self.repeated.insert((of, sum));
            }
        }
        Heard::Plainly
    }

    /// The room's name, if anybody gave it one that has arrived.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|(_, name)| name.as_str())
    }

    /// What the room is about, if anybody said so and it has arrived.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        let topic = self.topic.as_ref().map(|(_, topic)| topic.as_str());
        topic.filter(|topic| !topic.is_empty())
    }

    /// Who writes with an actor, if its profile has arrived.
    #[must_use]
    pub fn profile(&self, actor: ActorId) -> Option<&Profile> {
        self.profiles.get(&actor).map(|(_, profile)| profile)
    }

    /// Whose the messages of an actor are, if its first entry said so and has arrived.
    #[must_use]
    pub fn writer(&self, actor: ActorId) -> Option<Writer> {
        self.devices.writer(actor)
    }

    /// Who a device is, together with those that it vouches for and that vouch for it.
    #[must_use]
    pub fn whole(&self, own: Writer) -> Writer {
        self.devices.root(own)
    }

    /// Every device that calls this one its person's, with what it shows for it.
    pub fn links_to(&self, own: Writer) -> impl Iterator<Item = (DeviceId, LinkProof)> {
        self.devices.links_to(own)
    }

    /// Whether a device calls another one its person's, and shows this for it.
    #[must_use]
    pub fn shows_link(&self, own: Writer, device: DeviceId, proof: LinkProof) -> bool {
        self.devices.shows(own, device, proof)
    }

    /// Whether what both actors wrote is the same person's.
    #[must_use]
    pub fn is_one(&self, actor: ActorId, other: ActorId) -> bool {
        actor == other || (self.writer(actor).is_some() && self.writer(actor) == self.writer(other))
    }

    /// The names that more than one person goes by, as [`Roster::name_key`] has them: whoever shows such a name says who
    /// is meant.
    #[must_use]
    pub fn namesakes(&self) -> BTreeSet<String> {
        let mut people: BTreeMap<String, Writer> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (actor, (_, profile)) in &self.profiles {
            let Some(writer) = self.writer(*actor) else {
                continue;
            };
            let key = Self::name_key(&profile.name);
            if *people.entry(key.clone()).or_insert(writer) != writer {
                shared.insert(key);
            }
        }
        shared
    }

    /// What names have in common that a reader may take for one another.
    #[must_use]
    pub fn name_key(name: &str) -> String {
        crate::text::name(name).to_lowercase()
    }

    /// Every actor whose profile has arrived, with it.
    pub fn profiles(&self) -> impl Iterator<Item = (ActorId, &Profile)> {
        self.profiles
            .iter()
            .map(|(actor, (_, profile))| (*actor, profile))
    }

    /// Every actor with which a device has written.
    pub fn actors_of(&self, device: DeviceId) -> impl Iterator<Item = ActorId> {
        let by_device = self
            .profiles
            .iter()
            .filter(move |(_, (_, profile))| profile.device == device);
        by_device.map(|(actor, _)| *actor)
    }

    /// Who an actor says it is, be it not in its first entry: nothing is theirs by that but the wish not to read them.
    #[must_use]
    pub fn claimed(&self, actor: ActorId) -> Option<Writer> {
        let claimed = self.profile(actor).map(|profile| Writer {
            person: profile.person,
            device: profile.device,
        });
        self.writer(actor).or_else(|| claimed.map(|own| self.whole(own)))
    }

    /// Every actor of a writer, on whatever device.
    pub fn actors_of_writer(&self, writer: Writer) -> impl Iterator<Item = ActorId> {
        let actors = self.profiles.keys().copied();
        actors.filter(move |actor| self.writer(*actor) == Some(writer))
    }

    /// The entries of forked actors that were posted again, by ID and [`crate::entry::entry_sum`].
    #[must_use]
    pub fn repeated(&self) -> &BTreeSet<(MessageId, u32)> {
        &self.repeated
    }

    /// The people in the room: those with a device that has a profile and has not left since.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.people(false)
    }

    /// The members, and whoever was one, with the devices that left.
    #[must_use]
    pub fn members_ever(&self) -> Vec<Member> {
        self.people(true)
    }

    fn people(&self, also_gone: bool) -> Vec<Member> {
        // Of each device the last word over all its actors, then of each person the last name.
        let mut devices: BTreeMap<DeviceId, (Place, bool, &Profile)> = BTreeMap::new();
        for (actor, (place, profile)) in &self.profiles {
            let left = self.leaves.get(actor).filter(|left| *left > place);
            let word = (*left.unwrap_or(place), left.is_none(), profile);
            let last = devices.entry(profile.device).or_insert(word);
            if word.0 > last.0 {
                *last = word;
            }
        }
        let mut people: BTreeMap<Writer, (Place, Member)> = BTreeMap::new();
        for (device, (place, present, profile)) in devices {
            if !present && !also_gone {
                continue;
            }
            let person = profile.person;
            let writer = self.whole(Writer { person, device });
            let (last, member) = people.entry(writer).or_insert_with(|| {
                let member = Member {
                    writer,
                    name: String::new(),
                    devices: BTreeSet::new(),
                };
                (place, member)
            });
            member.devices.insert(device);
            if place >= *last {
                *last = place;
                member.name.clone_from(&profile.name);
            }
        }
        people.into_values().map(|(_, member)| member).collect()
    }
}

fn keep_last<T>(slot: &mut Option<(Place, T)>, place: Place, value: T) {
    if slot.as_ref().is_none_or(|(last, _)| place >= *last) {
        *slot = Some((place, value));
    }
}
