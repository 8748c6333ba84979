//! What a person keeps of a room for themselves: whether it was left, what was read, what is being written, how they
//! call it, whom they would rather not read. In the
//! room's log, never told to peers. Knows how it is spelt; decides nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tailchat_core::devices::Writer;
use tailchat_core::ids::{ActorId, DeviceId};
use tailchat_core::limits::DEVICES_MAX;
use tailchat_core::read::ReadState;
use tailchat_core::wire::Claim;

use crate::control::hex;

/// Of members' disks, so many chains' ends are kept, of those that were seen last before others. Of further disks only
/// when they were seen is kept: whether they have a message is then known again when somebody tells.
const HELD_MAX: usize = 4096;

/// What is known of other members' disks.
pub(crate) type Disks = BTreeMap<DeviceId, Remembered>;

/// What is known of another member's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// When it was last heard of, in milliseconds since 1970; none if only others told of it.
    pub(crate) seen_ms: Option<i64>,
    /// What it held then, as far as that is known.
    pub(crate) claims: Vec<Claim>,
}

/// What is known of this disk, to be changed; of more than [`DEVICES_MAX`] disks nothing is remembered.
pub(crate) fn disk_of(disks: &mut Disks, device: DeviceId) -> Option<&mut Remembered> {
    let fits = disks.len() < DEVICES_MAX || disks.contains_key(&device);
    fits.then(|| disks.entry(device).or_default())
}

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
    /// What is known of other members' disks.
    pub(crate) disks: Disks,
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
    #[serde(skip_serializing_if = "WrittenDisks::is_empty")]
    disks: WrittenDisks,
}

/// What is known of disks, each actor spelt once.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct WrittenDisks {
    /// In hexadecimal.
    actors: Vec<String>,
    disks: Vec<WrittenDisk>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct WrittenDisk {
    /// In hexadecimal.
    device: String,
    seen_ms: Option<i64>,
    /// An actor by its place, how many changes, entries and messages, and the last one's hash, in hexadecimal.
    ends: Vec<(usize, u64, u64, u64, String)>,
}

impl WrittenDisks {
    fn is_empty(&self) -> bool {
        self.disks.is_empty()
    }
}

impl From<&Disks> for WrittenDisks {
    fn from(disks: &Disks) -> Self {
        let mut written = Self::default();
        let mut places = BTreeMap::new();
        let mut left = HELD_MAX;
        let mut latest: Vec<_> = disks.iter().collect();
        latest.sort_by_key(|(_, disk)| Reverse(disk.seen_ms));
        for (device, disk) in latest {
            let fits = disk.claims.len() <= left;
            let kept = disk.claims.iter().filter(|_| fits);
            let ends = kept.map(|claim| {
                let place = *places.entry(claim.actor).or_insert_with(|| {
                    written.actors.push(claim.actor.to_string());
                    written.actors.len() - 1
                });
                let hash = hex::encode(&claim.hash);
                (place, claim.seq, claim.entries, claim.messages, hash)
            });
            let ends: Vec<_> = ends.collect();
            left -= ends.len();
            written.disks.push(WrittenDisk {
                device: device.to_string(),
                seen_ms: disk.seen_ms,
                ends,
            });
        }
        written
    }
}

impl From<WrittenDisks> for Disks {
    fn from(written: WrittenDisks) -> Self {
        let actor = |place: usize| written.actors.get(place)?.parse::<ActorId>().ok();
        let claim = |(place, seq, entries, messages, hash): (usize, u64, u64, u64, String)| {
            Some(Claim {
                actor: actor(place)?,
                seq,
                entries,
                messages,
                hash: hex::decode(&hash)?.try_into().ok()?,
            })
        };
        let disk = |disk: WrittenDisk| {
            let remembered = Remembered {
                seen_ms: disk.seen_ms,
                claims: disk.ends.into_iter().filter_map(claim).collect(),
            };
            Some((disk.device.parse().ok()?, remembered))
        };
        written.disks.into_iter().filter_map(disk).collect()
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
            disks: (&self.disks).into(),
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
            disks: written.disks.into(),
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

    fn claim(n: u8) -> Claim {
        Claim {
            actor: ActorId([n; 16]),
            seq: u64::from(n),
            entries: 20,
            messages: 19,
            hash: [n; 8],
        }
    }

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
        let disk = |seen_ms, ends: &[u8]| Remembered {
            seen_ms,
            claims: ends.iter().map(|n| claim(*n)).collect(),
        };
        facts.disks = [
            (DeviceId([1; 16]), disk(Some(1_795_359_600_000), &[7, 8])),
            (DeviceId([2; 16]), disk(None, &[8])),
            (DeviceId([3; 16]), disk(Some(5), &[])),
        ]
        .into();
        assert_eq!(RoomFacts::decode(Some(&facts.encode())), facts);
        let old = RoomFacts::decode(Some(br#"{"left":true}"#));
        assert!(old.left && old.draft.is_empty());
        assert_eq!(RoomFacts::decode(Some(b"rubbish")), RoomFacts::default());
        assert_eq!(RoomFacts::decode(None), RoomFacts::default());
    }

    #[test]
    fn of_more_disks_than_are_kept_those_seen_last_are_kept_whole_and_of_the_rest_the_time() {
        let held = |seen: u8| Remembered {
            seen_ms: Some(i64::from(seen)),
            claims: (0..1000)
                .map(|n: u128| Claim {
                    actor: ActorId(n.to_le_bytes()),
                    ..claim(9)
                })
                .collect(),
        };
        let facts = RoomFacts {
            disks: (0..6).map(|n| (DeviceId([n; 16]), held(n))).collect(),
            ..RoomFacts::default()
        };
        let kept = RoomFacts::decode(Some(&facts.encode())).disks;
        for n in 0..6 {
            let (kept, known) = (&kept[&DeviceId([n; 16])], &facts.disks[&DeviceId([n; 16])]);
            assert_eq!(kept.seen_ms, known.seen_ms);
            assert_eq!(kept.claims == known.claims, n >= 2, "{n}");
        }
    }
}
