//! Who is in a room, what it is called and what it is about: the part of the fold that is small whatever the history. Knows
//! nothing of messages, disks or screens.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::entry::Profile;
use crate::ids::{ActorId, DeviceId, MessageId, PersonId};
use crate::timeline::Place;

/// A person in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub person: PersonId,
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
    /// The person of each actor's first entry: whose its messages are, whatever it says later.
    writers: BTreeMap<ActorId, (Place, PersonId)>,
}

impl Roster {
    /// Takes in what an entry says.
    pub fn hear(&mut self, news: News) {
        match news {
            News::Profile { place, profile } => {
                let by = place.id.actor;
                if place.id.index == 0 {
                    let first = self.writers.entry(by).or_insert((place, profile.person));
                    *first = (*first).min((place, profile.person));
                }
                let mut last = self.profiles.remove(&by);
                keep_last(&mut last, place, profile);
                self.profiles.extend(last.map(|last| (by, last)));
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

    /// Whose the messages of an actor are, if its first entry said so and has arrived. Nothing that comes later changes
    /// that, so what follows from it is the same in whatever order entries come.
    #[must_use]
    pub fn writer(&self, actor: ActorId) -> Option<PersonId> {
        self.writers.get(&actor).map(|(_, person)| *person)
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
        let mut people: BTreeMap<String, PersonId> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (_, profile) in self.profiles.values() {
            let key = Self::name_key(&profile.name);
            if *people.entry(key.clone()).or_insert(profile.person) != profile.person {
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

    /// Every actor with which a person has written, on whatever device.
    pub fn actors_of_person(&self, person: PersonId) -> impl Iterator<Item = ActorId> {
        let of_person = self
            .profiles
            .iter()
            .filter(move |(_, (_, profile))| profile.person == person);
        of_person.map(|(actor, _)| *actor)
    }

    /// The entries of forked actors that were posted again, by ID and [`crate::entry::entry_sum`].
    #[must_use]
    pub fn repeated(&self) -> &BTreeSet<(MessageId, u32)> {
        &self.repeated
    }

    /// The people in the room, by ID: those with a device that has a profile and has not left since.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
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
        let mut people: BTreeMap<PersonId, (Place, Member)> = BTreeMap::new();
        for (device, (place, present, profile)) in devices {
            if !present {
                continue;
            }
            let (last, member) = people.entry(profile.person).or_insert_with(|| {
                let member = Member {
                    person: profile.person,
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
