//! Changes that wait for the disk, in a queue for each device that brought them. Knows lengths and turns; knows nothing of
//! what changes say.
//!
//! Writes take from the queues in turn, by bytes, and of each queue from its actors in turn: whoever brings or writes
//! much waits behind itself, and a message of somebody else goes with the next write. An actor's changes stay in their
//! order, so they wait in one queue, whoever brings the further ones.

use std::collections::{BTreeMap, VecDeque};

use super::ArrivedChange;
use crate::ids::{ActorId, DeviceId};

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// None of them empty.
    queues: BTreeMap<DeviceId, Queue>,
    /// In whose queue an actor's changes wait.
    places: BTreeMap<ActorId, DeviceId>,
    len: usize,
}

#[derive(Debug, Default)]
struct Queue {
    /// None of them empty.
    chains: BTreeMap<ActorId, VecDeque<ArrivedChange>>,
    /// Whose turn it is.
    turns: VecDeque<ActorId>,
    len: usize,
}

impl Pending {
    /// The bytes of all.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of what this device brought.
    pub(super) fn len_of(&self, via: DeviceId) -> usize {
        self.queues.get(&via).map_or(0, |queue| queue.len)
    }

    /// Whether something of this actor waits.
    pub(super) fn holds(&self, actor: ActorId) -> bool {
        self.places.contains_key(&actor)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn push(&mut self, change: ArrivedChange) {
        let (via, actor) = (change.arrival.via, change.change.parts.actor);
        let place = *self.places.entry(actor).or_insert(via);
        let queue = self.queues.entry(place).or_default();
        self.len += length(&change);
        queue.len += length(&change);
        let chain = queue.chains.entry(actor).or_default();
        if chain.is_empty() {
            queue.turns.push_back(actor);
        }
        chain.push_back(change);
    }

    /// The changes of one write, which ends with the change that makes it as long as this.
    pub(super) fn take(&mut self, enough: usize) -> Vec<ArrivedChange> {
        let (mut taken, mut changes) = (BTreeMap::<DeviceId, usize>::new(), Vec::new());
        let mut len = 0;
        while len < enough {
            let of = |place: &DeviceId| taken.get(place).copied().unwrap_or(0);
            let Some(place) = self.queues.keys().copied().min_by_key(of) else {
                break;
            };
            let Some(change) = self.pop(place) else { break };
            let more = length(&change);
            *taken.entry(place).or_default() += more;
            len += more;
            changes.push(change);
        }
        self.len -= len;
        changes
    }

    fn pop(&mut self, place: DeviceId) -> Option<ArrivedChange> {
        let queue = self.queues.get_mut(&place)?;
        let actor = queue.turns.pop_front()?;
        let chain = queue.chains.get_mut(&actor)?;
        let change = chain.pop_front()?;
        queue.len -= length(&change);
        if chain.is_empty() {
            queue.chains.remove(&actor);
            self.places.remove(&actor);
        } else {
            queue.turns.push_back(actor);
        }
        if queue.chains.is_empty() {
            self.queues.remove(&place);
        }
        Some(change)
    }
}

fn length(change: &ArrivedChange) -> usize {
    change.change.encoded.bytes.len()
}

#[cfg(test)]
mod tests {
    use super::super::Arrival;
    use super::*;
    use crate::state::Tip;

    /// A chain of so many changes of one actor, brought by a device.
    fn bring(pending: &mut Pending, actor: u8, via: u8, changes: std::ops::Range<usize>) {
        let mut tip = Tip::START;
        for at in 0..changes.end {
            let (next, change) = tip.extend(ActorId([actor; 16]), vec![vec![9; 1000]]);
            tip = next;
            if at >= changes.start {
                let via = DeviceId([via; 16]);
                pending.push(ArrivedChange {
                    change,
                    arrival: Arrival { at_ms: 0, via },
                });
            }
        }
    }

    fn actors(changes: &[ArrivedChange]) -> Vec<u8> {
        changes
            .iter()
            .map(|change| change.change.parts.actor.0[0])
            .collect()
    }

    #[test]
    fn who_brings_much_waits_behind_itself() {
        let mut pending = Pending::default();
        bring(&mut pending, 1, 1, 0..1000);
        bring(&mut pending, 2, 2, 0..2);
        bring(&mut pending, 3, 0, 0..1);
        let of = |via: u8| pending.len_of(DeviceId([via; 16]));
        assert_eq!(of(0) + of(1) + of(2) + of(7), pending.len());
        let first = actors(&pending.take(8_000));
        let of = |actor| first.iter().filter(|other| **other == actor).count();
        assert_eq!((of(2), of(3)), (2, 1));
        assert!(of(1) > 0, "and does not wait for ever");
        assert!(actors(&pending.take(8_000)).iter().all(|actor| *actor == 1));
    }

    #[test]
    fn who_writes_much_waits_behind_itself_whoever_brings_it() {
        let mut pending = Pending::default();
        bring(&mut pending, 1, 1, 0..1000);
        bring(&mut pending, 2, 1, 0..2);
        assert!(pending.holds(ActorId([2; 16])) && !pending.holds(ActorId([3; 16])));
        let first = actors(&pending.take(8_000));
        assert_eq!(first.iter().filter(|actor| **actor == 2).count(), 2);
        assert!(!pending.holds(ActorId([2; 16])) && pending.holds(ActorId([1; 16])));
    }

    #[test]
    fn an_actors_changes_stay_in_order_whoever_brings_them() {
        let mut pending = Pending::default();
        bring(&mut pending, 1, 9, 0..20);
        bring(&mut pending, 1, 2, 20..22);
        bring(&mut pending, 5, 2, 0..3);
        let (mut seqs, mut len) = (Vec::new(), pending.len());
        while !pending.is_empty() {
            let taken = pending.take(3_000);
            len -= taken.iter().map(length).sum::<usize>();
            assert_eq!(pending.len(), len);
            let own = taken.iter().map(|change| &change.change.parts);
            seqs.extend(own.filter(|parts| parts.actor.0[0] == 1).map(|parts| parts.seq));
        }
        assert_eq!(seqs, (1..=22).collect::<Vec<_>>());
        assert!(pending.places.is_empty() && len == 0);
    }
}
