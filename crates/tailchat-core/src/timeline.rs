//! What a room looks like: the fold of its entries. A pure function of the set of entries, whatever the
//! order in which they came. Knows nothing of changes, disks or screens.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::block::Arrival;
use crate::change::Parts;
use crate::entry::{Body, Entry, Profile, entry_sum};
use crate::ids::{ActorId, DeviceId, MessageId, PersonId};

/// An entry's place: by order, then by author and number, the same on every peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// [`crate::entry::Stamp::order`].
    pub order: u64,
    /// Which entry.
    pub id: MessageId,
    /// [`entry_sum`], since the branches of a forked actor have different entries of one ID.
    pub sum: u32,
}

impl Place {
    /// Before every entry of this order.
    #[must_use]
    pub fn start_of(order: u64) -> Self {
        Self {
            order,
            id: MessageId {
                actor: ActorId([0; 16]),
                index: 0,
            },
            sum: 0,
        }
    }
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose profile names the author: the entry's own actor, or the one that repeated the entry.
    pub author: ActorId,
    /// When its author's clock says that it was written, in milliseconds since 1970.
    pub sent_at_ms: i64,
    /// When and by whom it came to this disk; not part of what peers share.
    pub arrival: Arrival,
    /// What it says.
    pub says: Says,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// A message of a member.
    Message {
        /// What was written.
        text: Box<str>,
        /// Whether it is in the third person.
        action: bool,
        /// The message that it answers.
        reply_to: Option<MessageId>,
    },
    /// A message from another system.
    Imported {
        /// Who wrote it there.
        nick: Box<str>,
        /// What was written.
        text: Box<str>,
        /// Whether it is in the third person.
        action: bool,
    },
    /// An entry that this version cannot read.
    Unreadable {
        /// The kind byte.
        kind: u8,
    },
}

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

/// The fold of a room's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    lines: BTreeMap<Place, Line>,
    /// The last profile of each actor.
    profiles: BTreeMap<ActorId, (Place, Profile)>,
    /// The last leave of each actor.
    leaves: BTreeMap<ActorId, Place>,
    /// The last name of the room.
    name: Option<(Place, String)>,
    /// The entries of forked actors that were posted again.
    repeated: BTreeSet<(MessageId, u32)>,
}

impl Timeline {
    /// Takes in a change's entries. The same change again does nothing.
    pub fn fold(&mut self, parts: &Parts, arrival: Arrival) {
        for (index, bytes) in (parts.first_index..).zip(&parts.entries) {
            let id = MessageId {
                actor: parts.actor,
                index,
            };
            self.fold_entry(id, bytes, arrival);
        }
    }

    fn fold_entry(&mut self, id: MessageId, bytes: &[u8], arrival: Arrival) {
        let by = id.actor;
        let Entry { stamp, body } = Entry::decode(bytes);
        let place = Place {
            order: stamp.order,
            id,
            sum: entry_sum(bytes),
        };
        match body {
            Body::Profile(profile) => {
                let mut last = self.profiles.remove(&by);
                keep_last(&mut last, place, profile);
                self.profiles.extend(last.map(|last| (by, last)));
            }
            Body::Leave => {
                let last = self.leaves.entry(by).or_insert(place);
                *last = place.max(*last);
            }
            // Shown under the ID and at the place of what it repeats: with the entry itself it is one line.
            Body::Repeat(repeat) => {
                self.repeated.insert((repeat.of, entry_sum(&repeat.entry)));
                self.fold_line(repeat.of, by, &repeat.entry, arrival);
            }
            _ => self.fold_line(id, by, bytes, arrival),
        }
    }

    /// Folds what may be repeated. What may not, a repeat above all, is passed over: a chain of repeats in one
    /// entry would go as deep as the entry is long.
    fn fold_line(&mut self, id: MessageId, by: ActorId, bytes: &[u8], arrival: Arrival) {
        let Entry { stamp, body } = Entry::decode(bytes);
        let place = Place {
            order: stamp.order,
            id,
            sum: entry_sum(bytes),
        };
        let says = match body {
            Body::Text(text) => Says::Message {
                text: text.text.into(),
                action: false,
                reply_to: text.reply_to,
            },
            Body::Action(text) => Says::Message {
                text: text.text.into(),
                action: true,
                reply_to: text.reply_to,
            },
            Body::Imported(import) => Says::Imported {
                nick: import.nick.into(),
                text: import.text.into(),
                action: import.action,
            },
            Body::Unknown { kind } => Says::Unreadable { kind },
            Body::RoomName(name) => return keep_last(&mut self.name, place, name),
            Body::Profile(_) | Body::Leave | Body::Repeat(_) => return,
        };
        let line = Line {
            author: by,
            sent_at_ms: stamp.sent_at_ms,
            arrival,
            says,
        };
        match self.lines.get_mut(&place) {
            None => {
                self.lines.insert(place, line);
            }
            Some(there) => {
                // The author itself before who repeated it, the least of these: in any order of arrival.
                let rank = |author: ActorId| (author != id.actor, author);
                if rank(line.author) < rank(there.author) {
                    *there = line;
                }
            }
        }
    }

    /// The lines in order.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = (&Place, &Line)> {
        self.lines.iter()
    }

    /// The lines above a place, it excluded, in order.
    pub fn lines_after(&self, place: &Place) -> impl DoubleEndedIterator<Item = (&Place, &Line)> {
        self.lines.range((Bound::Excluded(*place), Bound::Unbounded))
    }

    /// The line at a place.
    #[must_use]
    pub fn line(&self, place: &Place) -> Option<&Line> {
        self.lines.get(place)
    }

    /// The places at which a change's entries stand as lines.
    pub fn places_of(&self, parts: &Parts) -> Vec<Place> {
        let place_of = |(index, bytes): (u64, &Vec<u8>)| {
            let entry = Entry::decode(bytes);
            match entry.body {
                Body::Repeat(repeat) => {
                    let order = Entry::decode(&repeat.entry).stamp.order;
                    Place {
                        order,
                        id: repeat.of,
                        sum: entry_sum(&repeat.entry),
                    }
                }
                _ => {
                    let id = MessageId {
                        actor: parts.actor,
                        index,
                    };
                    Place {
                        order: entry.stamp.order,
                        id,
                        sum: entry_sum(bytes),
                    }
                }
            }
        };
        let places = (parts.first_index..).zip(&parts.entries).map(place_of);
        places.filter(|place| self.lines.contains_key(place)).collect()
    }

    /// Whether this imported message is in the room already, whoever imported it.
    #[must_use]
    pub fn has_imported(&self, order: u64, nick: &str, action: bool, text: &str) -> bool {
        let same_order = self
            .lines
            .range(Place::start_of(order)..Place::start_of(order + 1));
        let same = |line: &Line| {
            matches!(&line.says, Says::Imported { nick: n, text: t, action: a }
            if **n == *nick && **t == *text && *a == action)
        };
        same_order.into_iter().any(|(_, line)| same(line))
    }

    /// The room's name, if anybody gave it one that has arrived.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|(_, name)| name.as_str())
    }

    /// Who writes with an actor, if its profile has arrived.
    #[must_use]
    pub fn profile(&self, actor: ActorId) -> Option<&Profile> {
        self.profiles.get(&actor).map(|(_, profile)| profile)
    }

    /// Every actor with which a device has written.
    pub fn actors_of(&self, device: DeviceId) -> impl Iterator<Item = ActorId> {
        let by_device = self
            .profiles
            .iter()
            .filter(move |(_, (_, profile))| profile.device == device);
        by_device.map(|(actor, _)| *actor)
    }

    /// The entries of forked actors that were posted again, by ID and [`entry_sum`].
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Imported, Repeat, Stamp, Text};
    use proptest::prelude::*;

    const HERE: Arrival = Arrival {
        at_ms: 0,
        via: DeviceId::NONE,
    };

    fn entry(order: u64, body: Body) -> Vec<u8> {
        Entry {
            stamp: Stamp { order, sent_at_ms: 5 },
            body,
        }
        .encode()
    }

    fn text(order: u64, text: &str) -> Vec<u8> {
        entry(
            order,
            Body::Text(Text {
                text: text.into(),
                reply_to: None,
            }),
        )
    }

    fn profile(order: u64, person: u8, device: u8, name: &str) -> Vec<u8> {
        let (person, device) = (PersonId([person; 32]), DeviceId([device; 16]));
        entry(
            order,
            Body::Profile(Profile {
                person,
                device,
                name: name.into(),
            }),
        )
    }

    fn change(actor: u8, first_index: u64, entries: Vec<Vec<u8>>) -> Parts {
        Parts {
            actor: ActorId([actor; 16]),
            seq: first_index + 1,
            first_index,
            previous: None,
            entries,
        }
    }

    fn fold(changes: &[Parts]) -> Timeline {
        let mut timeline = Timeline::default();
        changes.iter().for_each(|change| timeline.fold(change, HERE));
        timeline
    }

    fn texts(timeline: &Timeline) -> Vec<&str> {
        timeline
            .lines()
            .map(|(_, line)| match &line.says {
                Says::Message { text, .. } | Says::Imported { text, .. } => &**text,
                Says::Unreadable { .. } => "?",
            })
            .collect()
    }

    #[test]
    fn lines_stand_by_order_then_actor_then_number() {
        let timeline = fold(&[
            change(2, 0, vec![text(10, "c"), text(9, "a")]),
            change(1, 0, vec![text(10, "b"), vec![250, 30, 0]]),
        ]);
        assert_eq!(texts(&timeline), ["a", "b", "c", "?"]);
    }

    #[test]
    fn members_come_go_and_come_back_and_a_person_counts_once() {
        let mut changes = vec![
            change(1, 0, vec![profile(1, 1, 1, "ann")]),
            change(2, 0, vec![profile(2, 1, 2, "ann's laptop")]),
            change(3, 0, vec![profile(3, 2, 3, "bob"), entry(4, Body::Leave)]),
        ];
        let names = |changes: &[Parts]| -> Vec<_> {
            fold(changes)
                .members()
                .into_iter()
                .map(|member| (member.name, member.devices.len()))
                .collect()
        };
        assert_eq!(names(&changes), [("ann's laptop".to_owned(), 2)]);
        // Bob is back after a crash, with a fresh actor.
        changes.push(change(4, 0, vec![profile(6, 2, 3, "bob")]));
        assert_eq!(
            names(&changes),
            [("ann's laptop".to_owned(), 2), ("bob".to_owned(), 1)]
        );
    }

    #[test]
    fn both_branches_of_a_fork_end_in_the_same_lines() {
        let (ours, theirs) = (text(10, "ours"), text(10, "theirs"));
        let of = MessageId {
            actor: ActorId([1; 16]),
            index: 0,
        };
        let repeat = |of_entry: &Vec<u8>| {
            entry(
                50,
                Body::Repeat(Repeat {
                    of,
                    entry: of_entry.clone(),
                }),
            )
        };
        let repeats = [
            change(2, 0, vec![repeat(&ours)]),
            change(3, 0, vec![repeat(&theirs), repeat(&theirs)]),
        ];
        let with = |entry: &Vec<u8>| {
            let mut changes = repeats.to_vec();
            changes.push(change(1, 0, vec![entry.clone()]));
            fold(&changes)
        };
        let places = |timeline: &Timeline| timeline.lines().map(|(place, _)| *place).collect::<Vec<_>>();
        assert_eq!(places(&with(&ours)), places(&with(&theirs)));
        assert_eq!(places(&with(&ours)).len(), 2);
    }

    #[test]
    fn a_repeat_of_a_repeat_is_passed_over() {
        let of = MessageId {
            actor: ActorId([1; 16]),
            index: 0,
        };
        let mut nested = text(10, "deep");
        while nested.len() < 60_000 {
            nested = entry(50, Body::Repeat(Repeat { of, entry: nested }));
        }
        assert_eq!(fold(&[change(1, 0, vec![nested])]).lines().count(), 0);
    }

    #[test]
    fn an_imported_message_is_known_again_whoever_imported_it() {
        let imported = Imported {
            nick: "n".into(),
            action: false,
            text: "t".into(),
        };
        let timeline = fold(&[change(1, 0, vec![entry(7, Body::Imported(imported))])]);
        assert!(timeline.has_imported(7, "n", false, "t"));
        assert!(!timeline.has_imported(8, "n", false, "t"));
        assert!(!timeline.has_imported(7, "n", true, "t"));
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let order = 0..6_u64;
        prop_oneof![
            (order.clone(), "[ab]").prop_map(|(order, name)| text(order, &name)),
            (order.clone(), 0..3_u8, "[ab]").prop_map(|(order, who, name)| profile(order, who, who, &name)),
            order.clone().prop_map(|order| entry(order, Body::Leave)),
            (order.clone(), "[ab]").prop_map(|(order, name)| entry(order, Body::RoomName(name))),
            (order, 0..3_u8, 0..3_u64, "[ab]").prop_map(|(order, actor, index, name)| {
                let of = MessageId {
                    actor: ActorId([actor; 16]),
                    index,
                };
                entry(
                    order,
                    Body::Repeat(Repeat {
                        of,
                        entry: text(order / 2, &name),
                    }),
                )
            }),
        ]
    }

    proptest! {
        #[test]
        fn the_fold_is_the_same_in_any_order_and_any_number_of_times(
            chains in proptest::collection::vec(proptest::collection::vec(bodies(), 1..6), 3),
            swaps in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..20),
        ) {
            let mut changes: Vec<Parts> = (0..).zip(chains).flat_map(|(actor, chain)| {
                (0..).zip(chain).map(move |(index, entry)| change(actor, index, vec![entry]))
            }).collect();
            let expected = fold(&changes);
            changes.extend(changes.clone());
            for (one, other) in swaps {
                let (one, other) = (one.index(changes.len()), other.index(changes.len()));
                changes.swap(one, other);
            }
            prop_assert_eq!(fold(&changes), expected);
        }
    }
}
