//! Which devices are one person's. A device names its person in its first entry; two devices of one person are one
//! writer only where each says so of the other, so nobody becomes somebody else by naming them. A function of the set of
//! entries, whatever their order. Knows no names to show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{ActorId, DeviceId, LinkToken, PersonId, RoomId};
use crate::limits::LINKS_MAX;
use crate::roster::Heard;
use crate::timeline::Place;

/// Who writes: a person, by the least of their devices that vouch for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Writer {
    /// The human being, as the device says.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
}

/// What one device gives another that is to write as the same person. Written as bech32m (BIP 350), `link1...`; `Debug`
/// does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkSecret {
    /// What both know from then on.
    pub token: LinkToken,
    /// Whose device it is.
    pub person: PersonId,
    /// The device that gives it.
    pub device: DeviceId,
}

const SECRET_HRP: &str = "link";

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkSecret(of {:?})", self.device)
    }
}

impl fmt::Display for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.token.0[..], &self.person.0, &self.device.0].concat();
        let hrp = bech32::Hrp::parse_unchecked(SECRET_HRP);
        bech32::encode_to_fmt::<bech32::Bech32m, _>(f, hrp, &bytes).map_err(|_| fmt::Error)
    }
}

/// What is no secret as [`LinkSecret`] spells it, or was spelt wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no secret of a device, or a letter of it is wrong")]
pub struct NotASecret;

impl FromStr for LinkSecret {
    type Err = NotASecret;

    fn from_str(text: &str) -> Result<Self, NotASecret> {
        let checked = bech32::primitives::decode::CheckedHrpstring::new::<bech32::Bech32m>(text)
            .map_err(|_| NotASecret)?;
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let read = || {
            let (token, rest) = bytes.split_first_chunk()?;
            let (person, rest) = rest.split_first_chunk()?;
            Some(Self {
                token: LinkToken(*token),
                person: PersonId(*person),
                device: DeviceId(rest.try_into().ok()?),
            })
        };
        let ours = checked.hrp().as_str() == SECRET_HRP;
        read().filter(|_| ours).ok_or(NotASecret)
    }
}

/// What shows a device that another one was linked with its own code: the first 16 bytes of a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkProof(pub [u8; 16]);

impl LinkProof {
    /// What a device says in a room of another one, with the token that both hold: BLAKE3 keyed with one derived from
    /// the token, over the room's ID, the device that says it and the one of which it is said.
    #[must_use]
    pub fn new(token: &LinkToken, room: RoomId, by: DeviceId, of: DeviceId) -> Self {
        let key = blake3::derive_key("tailchat 2026 device link v1", &token.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(&room.0).update(&by.0).update(&of.0);
        let mut proof = [0; 16];
        hasher.finalize_xof().fill(&mut proof);
        Self(proof)
    }
}

/// What the entries of a room say of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Devices {
    /// What each actor's first entry says: whose its messages are, whatever it says later.
    first: BTreeMap<ActorId, (Place, Writer)>,
    /// The devices that each actor calls its person's, what it shows for it, and its first entry that says so. The first
    /// [`LINKS_MAX`] count: whoever wrote them last would otherwise take back what was judged by them.
    links: BTreeMap<ActorId, BTreeMap<(DeviceId, LinkProof), u64>>,
    /// Of those that vouch for one another the least; kept, since it is asked for with every message.
    roots: BTreeMap<Writer, Writer>,
}

impl Devices {
    /// An actor's first entry says whose it is.
    pub(crate) fn begin(&mut self, actor: ActorId, place: Place, writer: Writer) -> Heard {
        let known = self.first.get(&actor).copied();
        let first = known.map_or((place, writer), |known| known.min((place, writer)));
        if known == Some(first) {
            return Heard::Plainly;
        }
        self.first.insert(actor, first);
        let regrouped = (self.links.contains_key(&actor) || known.is_some()) && self.regroup();
        match regrouped || known.is_some() {
            true => Heard::Regrouped,
            false => Heard::Begun,
        }
    }

    /// An actor calls a device its person's, with its entry of this number.
    pub(crate) fn link(&mut self, actor: ActorId, index: u64, device: DeviceId, proof: LinkProof) -> Heard {
        let links = self.links.entry(actor).or_default();
        let count = links.len();
        let said = links.entry((device, proof)).or_insert(index);
        *said = index.min(*said);
        if links.len() == count {
            return Heard::Plainly;
        }
        let last = links.iter().max_by_key(|(link, index)| (**index, **link));
        let last = last.map(|(link, _)| *link).filter(|_| count == LINKS_MAX);
        // That happens to the links of a fork alone: otherwise they come in their order.
        let let_go = last.filter(|last| links.remove(last).is_some());
        if let_go == Some((device, proof)) {
            return Heard::Plainly;
        }
        let regrouped = match (let_go, self.first.get(&actor)) {
            (Some(_), _) => self.regroup(),
            (None, Some((_, own))) if self.is_mutual(*own, device) => {
                let person = own.person;
                self.join(*own, Writer { person, device })
            }
            (None, _) => false,
        };
        match regrouped {
            true => Heard::Regrouped,
            false => Heard::Plainly,
        }
    }

    /// Whose the messages of an actor are.
    pub(crate) fn writer(&self, actor: ActorId) -> Option<Writer> {
        self.first.get(&actor).map(|(_, own)| self.root(*own))
    }

    /// Who a device is together with those that it vouches for and that vouch for it.
    pub(crate) fn root(&self, own: Writer) -> Writer {
        self.roots.get(&own).copied().unwrap_or(own)
    }

    /// Every device that calls this one its person's, with what it shows for it.
    pub(crate) fn links_to(&self, own: Writer) -> impl Iterator<Item = (DeviceId, LinkProof)> {
        let links = self.links.iter().filter_map(move |(actor, links)| {
            let (_, by) = self.first.get(actor)?;
            (by.person == own.person && by.device != own.device).then_some((by.device, links))
        });
        links.flat_map(move |(by, links)| {
            let proofs = links_with(links, own.device);
            proofs.map(move |proof| (by, proof))
        })
    }

    /// Whether a device calls another one its person's, and shows this for it.
    pub(crate) fn shows(&self, own: Writer, device: DeviceId, proof: LinkProof) -> bool {
        self.links_of(own)
            .any(|links| links.contains_key(&(device, proof)))
    }

    fn says(&self, own: Writer, device: DeviceId) -> bool {
        self.links_of(own)
            .any(|links| links_with(links, device).next().is_some())
    }

    fn links_of(&self, own: Writer) -> impl Iterator<Item = &BTreeMap<(DeviceId, LinkProof), u64>> {
        let actors = self.links.iter();
        let own = actors.filter(move |(actor, _)| self.first.get(actor).is_some_and(|(_, by)| *by == own));
        own.map(|(_, links)| links)
    }

    /// Whether a device calls another one its person's that does so of it.
    fn is_mutual(&self, own: Writer, device: DeviceId) -> bool {
        let person = own.person;
        self.says(Writer { person, device }, own.device)
    }

    /// Makes one of two writers; whether they were two.
    fn join(&mut self, one: Writer, other: Writer) -> bool {
        let (one, other) = (self.root(one), self.root(other));
        let (root, joined) = (one.min(other), one.max(other));
        if root == joined {
            return false;
        }
        let of_joined = self.roots.values_mut().filter(|of| **of == joined);
        of_joined.for_each(|of| *of = root);
        self.roots.insert(joined, root);
        true
    }

    /// Finds who belongs together from the beginning: seldom, since chains begin with who writes them and links are not
    /// taken back, but for forks. Whether anybody is another than before.
    fn regroup(&mut self) -> bool {
        let before = std::mem::take(&mut self.roots);
        let claims = self.links.iter().filter_map(|(actor, links)| {
            let (_, own) = self.first.get(actor)?;
            Some(links.keys().map(|(device, _)| (*own, *device)))
        });
        let claims: BTreeSet<(Writer, DeviceId)> = claims.flatten().collect();
        for (own, device) in &claims {
            let person = own.person;
            let other = Writer {
                person,
                device: *device,
            };
            if claims.contains(&(other, own.device)) {
                self.join(*own, other);
            }
        }
        before != self.roots
    }
}

/// What is shown for a device, of the links of one actor.
fn links_with(
    links: &BTreeMap<(DeviceId, LinkProof), u64>,
    device: DeviceId,
) -> impl Iterator<Item = LinkProof> {
    let (least, greatest) = (LinkProof([0; 16]), LinkProof([0xff; 16]));
    let range = links.range((device, least)..=(device, greatest));
    range.map(|((_, proof), _)| *proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use proptest::prelude::*;

    fn writer(person: u8, device: u8) -> Writer {
        Writer {
            person: PersonId([person; 32]),
            device: DeviceId([device; 16]),
        }
    }

    fn actor(number: u8) -> ActorId {
        ActorId([number; 16])
    }

    fn at(number: u8) -> Place {
        Place {
            order: 1,
            id: MessageId {
                actor: actor(number),
                index: 0,
            },
            sum: 0,
        }
    }

    const PROOF: LinkProof = LinkProof([0; 16]);

    #[test]
    fn devices_are_one_person_only_if_each_says_so() {
        let mut devices = Devices::default();
        for number in 1..=3 {
            devices.begin(actor(number), at(number), writer(9, number));
        }
        // Whoever only names somebody is not them.
        devices.link(actor(3), 1, DeviceId([1; 16]), PROOF);
        assert_ne!(devices.writer(actor(3)), devices.writer(actor(1)));
        assert_eq!(
            devices.links_to(writer(9, 1)).collect::<Vec<_>>(),
            [(DeviceId([3; 16]), PROOF)]
        );
        devices.link(actor(1), 1, DeviceId([2; 16]), PROOF);
        devices.link(actor(2), 1, DeviceId([1; 16]), PROOF);
        assert_eq!(devices.writer(actor(2)), Some(writer(9, 1)));
        // A fresh actor of a device that is known is the same.
        devices.begin(actor(7), at(7), writer(9, 2));
        assert_eq!(devices.writer(actor(7)), Some(writer(9, 1)));
        // A third device by way of the second.
        devices.link(actor(3), 1, DeviceId([2; 16]), PROOF);
        devices.link(actor(7), 1, DeviceId([3; 16]), PROOF);
        assert_eq!(devices.writer(actor(3)), Some(writer(9, 1)));
    }

    #[test]
    fn devices_of_two_people_are_never_one() {
        let mut devices = Devices::default();
        devices.begin(actor(1), at(1), writer(8, 1));
        devices.begin(actor(2), at(2), writer(9, 2));
        devices.link(actor(1), 1, DeviceId([2; 16]), PROOF);
        devices.link(actor(2), 1, DeviceId([1; 16]), PROOF);
        assert_ne!(devices.writer(actor(1)), devices.writer(actor(2)));
    }

    #[test]
    fn of_very_many_links_the_same_ones_count_in_any_order() {
        let device = |number: u16| {
            let mut device = [0; 16];
            device[..2].copy_from_slice(&number.to_be_bytes());
            DeviceId(device)
        };
        let many = 0..u16::try_from(LINKS_MAX * 2).unwrap();
        let (mut up, mut down) = (Devices::default(), Devices::default());
        for number in many.clone() {
            assert_eq!(
                up.link(actor(1), u64::from(number), device(number), PROOF),
                Heard::Plainly
            );
        }
        for number in many.rev() {
            assert_eq!(
                down.link(actor(1), u64::from(number), device(number), PROOF),
                Heard::Plainly
            );
        }
        assert_eq!(up, down);
        assert_eq!(up.links[&actor(1)].len(), LINKS_MAX);
    }

    #[test]
    fn a_proof_is_of_one_room_one_way_and_one_token() {
        let (token, room) = (LinkToken([1; 32]), RoomId([2; 16]));
        let (one, other) = (DeviceId([3; 16]), DeviceId([4; 16]));
        let proof = LinkProof::new(&token, room, one, other);
        assert_eq!(proof, LinkProof::new(&token, room, one, other));
        assert_ne!(proof, LinkProof::new(&token, room, other, one));
        assert_ne!(proof, LinkProof::new(&token, RoomId([9; 16]), one, other));
        assert_ne!(proof, LinkProof::new(&LinkToken([9; 32]), room, one, other));
    }

    proptest! {
        #[test]
        fn what_is_known_of_devices_is_the_same_in_any_order(
            said in proptest::collection::vec((0..5_u8, proptest::option::of(0..4_u8), 0..2_u8, 0..4_u8), 0..24),
            swaps in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..24),
        ) {
            let hear = |said: &[(u8, Option<u8>, u8, u8)]| {
                let mut devices = Devices::default();
                for (by, of, person, device) in said {
                    let _ = match of {
                        Some(of) => devices.link(actor(*by), u64::from(*person), DeviceId([*of; 16]), LinkProof([*device; 16])),
                        None => devices.begin(actor(*by), at(*person), writer(*person, *device)),
                    };
                }
                devices
            };
            let once = hear(&said);
            let mut again = said.clone();
            again.extend(said);
            for (one, other) in swaps {
                if !again.is_empty() {
                    let (one, other) = (one.index(again.len()), other.index(again.len()));
                    again.swap(one, other);
                }
            }
            prop_assert_eq!(hear(&again), once);
        }
    }
}
