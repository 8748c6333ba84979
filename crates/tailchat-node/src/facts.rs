//! What a person keeps of a room for themselves: whether it was left, what was read, what is being written, how they
//! call it, whom they would rather not read. In the
//! room's log, never told to peers. Knows how it is spelt; decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tailchat_core::devices::Writer;
use tailchat_core::ids::{ActorId, DeviceId};
use tailchat_core::read::ReadState;

/// Of members' disks, so many chains' ends are kept; what further disks hold is forgotten at a stop, and a bundle for
/// their members has more than it needs.
const HELD_MAX: usize = 4096;

/// How far disks hold each actor's changes.
pub(crate) type Held = BTreeMap<DeviceId, BTreeMap<ActorId, u64>>;

/// A room's local facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoomFacts {
    /// The room was left: it is on disk and not opened.
    pub(crate) left: bool,
    /// The room was joined, and its history is not all here yet.
    pub(crate) newcomer: bool,
    /// What was read.
    pub(crate) read: Arc<ReadState>,
    /// What is being written; empty if nothing is.
    pub(crate) draft: String,
    /// Nobody is to be told of its messages.
    pub(crate) muted: bool,
    /// What the person calls it; empty if what everybody does.
    pub(crate) alias: String,
    /// Whose messages are folded away and never count.
    pub(crate) ignored: BTreeSet<Writer>,
    /// What other members' disks are known to hold.
    pub(crate) held: Held,
}

/// As JSON; what a version before did not have yet is empty.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    left: bool,
    newcomer: bool,
    /// By actor, in hexadecimal, the first entry of each stretch and the one behind its last.
    read: Vec<(String, Vec<(u64, u64)>)>,
    draft: String,
    muted: bool,
    alias: String,
    /// People and one of their devices, in hexadecimal.
    ignored_writers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "WrittenHeld::is_empty")]
    held: WrittenHeld,
}

/// What disks hold, each actor spelt once.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct WrittenHeld {
    /// In hexadecimal.
    actors: Vec<String>,
    /// Each device, in hexadecimal, with actors by place and their last changes.
    disks: Vec<(String, Vec<(usize, u64)>)>,
}

impl WrittenHeld {
    fn is_empty(&self) -> bool {
        self.disks.is_empty()
    }
}

impl From<&Held> for WrittenHeld {
    fn from(held: &Held) -> Self {
        let mut written = Self::default();
        let (mut places, mut left) = (BTreeMap::new(), HELD_MAX);
        for (device, ends) in held {
            if ends.len() > left {
                continue;
            }
            left -= ends.len();
            let ends = ends.iter().map(|(actor, seq)| {
                let place = *places.entry(*actor).or_insert_with(|| {
                    written.actors.push(actor.to_string());
                    written.actors.len() - 1
                });
                (place, *seq)
            });
            let ends = ends.collect();
            written.disks.push((device.to_string(), ends));
        }
        written
    }
}

impl From<WrittenHeld> for Held {
    fn from(written: WrittenHeld) -> Self {
        let actor = |place: usize| written.actors.get(place)?.parse::<ActorId>().ok();
        let ends = |ends: Vec<(usize, u64)>| {
            let ends = ends.into_iter();
            ends.filter_map(|(place, seq)| Some((actor(place)?, seq)))
                .collect()
        };
        let disks = written.disks.into_iter();
        disks
            .filter_map(|(device, held)| Some((device.parse().ok()?, ends(held))))
            .collect()
    }
}

impl RoomFacts {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let pairs = |stretches: &[Range<u64>]| stretches.iter().map(|read| (read.start, read.end)).collect();
        let written = Written {
            left: self.left,
            newcomer: self.newcomer,
            read: self
                .read
                .actors()
                .map(|(actor, stretches)| (actor.to_string(), pairs(stretches)))
                .collect(),
            draft: self.draft.clone(),
            muted: self.muted,
            alias: self.alias.clone(),
            ignored_writers: self.ignored.iter().map(spelt).collect(),
            held: (&self.held).into(),
        };
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// What does not verify is as good as missing: the room is there, and unread.
    pub(crate) fn decode(bytes: Option<&[u8]>) -> Self {
        let written: Written = bytes
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default();
        let mut read = ReadState::default();
        for (actor, stretches) in &written.read {
            let Ok(actor) = actor.parse::<ActorId>() else {
                continue;
            };
            for (start, end) in stretches {
                // Beyond the limit there is nothing that we wrote.
                let _ = read.mark(actor, *start..*end);
            }
        }
        Self {
            left: written.left,
            newcomer: written.newcomer,
            read: Arc::new(read),
            draft: written.draft,
            muted: written.muted,
            alias: written.alias,
            ignored: written.ignored_writers.iter().filter_map(writer_of).collect(),
            held: written.held.into(),
        }
    }
}

fn spelt(writer: &Writer) -> (String, String) {
    (writer.person.to_string(), writer.device.to_string())
}

fn writer_of((person, device): &(String, String)) -> Option<Writer> {
    let (person, device) = (person.parse().ok()?, device.parse().ok()?);
    Some(Writer { person, device })
}

#[cfg(test)]
mod tests {
    use tailchat_core::ids::{DeviceId, PersonId};

    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_older_versions_wrote_is_read() {
        let mut facts = RoomFacts {
            newcomer: true,
            draft: "half a \"sentence\"\n".into(),
            muted: true,
            alias: "home".into(),
            ignored: [Writer {
                person: PersonId([9; 32]),
                device: DeviceId([8; 16]),
            }]
            .into(),
            ..RoomFacts::default()
        };
        let read = Arc::make_mut(&mut facts.read);
        read.mark(ActorId([7; 16]), 0..9).unwrap();
        read.mark(ActorId([7; 16]), 12..13).unwrap();
        read.mark(ActorId([8; 16]), 0..1).unwrap();
        assert_eq!(RoomFacts::decode(Some(&facts.encode())), facts);
        facts.held.insert(
            DeviceId([1; 16]),
            [(ActorId([7; 16]), 5), (ActorId([8; 16]), 1)].into(),
        );
        facts
            .held
            .insert(DeviceId([2; 16]), [(ActorId([8; 16]), 3)].into());
        facts.held.insert(DeviceId([3; 16]), BTreeMap::new());
        assert_eq!(RoomFacts::decode(Some(&facts.encode())), facts);
        let old = RoomFacts::decode(Some(br#"{"left":true}"#));
        assert!(old.left && old.draft.is_empty());
        assert_eq!(RoomFacts::decode(Some(b"rubbish")), RoomFacts::default());
        assert_eq!(RoomFacts::decode(None), RoomFacts::default());
    }

    #[test]
    fn of_more_disks_than_are_kept_some_are_forgotten_whole() {
        let ends = || (0..1000).map(|n: u128| (ActorId(n.to_le_bytes()), 9)).collect();
        let held: Held = (0..6).map(|n| (DeviceId([n; 16]), ends())).collect();
        let facts = RoomFacts {
            held,
            ..RoomFacts::default()
        };
        let kept = RoomFacts::decode(Some(&facts.encode())).held;
        assert_eq!(kept.len(), 4);
        assert!(
            kept.iter()
                .all(|(device, ends)| facts.held.get(device) == Some(ends))
        );
    }
}
