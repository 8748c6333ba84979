//! Where the changes of a tail stand in its file, by who wrote them. Refuses to read them.

use std::collections::HashMap;

use tailchat_core::ids::ActorId;

use crate::change::Span;

/// Where a change stands in a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) seq: u64,
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

/// All changes of a tail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    /// Each actor's, in the order of their numbers. A number that is there twice stands there twice.
    by_actor: HashMap<ActorId, Vec<Slot>>,
    len: usize,
}

impl Slots {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn add(&mut self, actor: ActorId, slot: Slot) {
        let slots = self.by_actor.entry(actor).or_default();
        // Nearly always the end: only what heals a hole comes late.
        let place = match slots.last() {
            Some(last) if last.seq > slot.seq => slots.partition_point(|other| other.seq <= slot.seq),
            _ => slots.len(),
        };
        slots.insert(place, slot);
        self.len += 1;
    }

    pub(crate) fn holds(&self, actor: ActorId, seq: u64) -> bool {
        let slots = self.by_actor.get(&actor);
        slots.is_some_and(|slots| slots.binary_search_by_key(&seq, |slot| slot.seq).is_ok())
    }

    /// The changes of a span, in the order of their numbers.
    pub(crate) fn within(&self, span: &Span) -> &[Slot] {
        let slots = self.by_actor.get(&span.actor).map_or(&[][..], Vec::as_slice);
        let from = slots.partition_point(|slot| slot.seq < span.first_seq);
        let to = slots.partition_point(|slot| slot.seq <= span.last_seq);
        slots.get(from..to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(seq: u64, offset: u64) -> Slot {
        Slot { seq, offset, len: 1 }
    }

    #[test]
    fn changes_are_found_whatever_the_order_in_which_they_came() {
        let (one, two) = (ActorId([1; 16]), ActorId([2; 16]));
        let mut slots = Slots::default();
        for (offset, seq) in [5, 6, 9, 2, 6, 3].into_iter().enumerate() {
            slots.add(one, slot(seq, offset as u64));
        }
        slots.add(two, slot(7, 6));
        let within = |actor, first_seq, last_seq| {
            let span = Span {
                actor,
                first_seq,
                last_seq,
            };
            let found = slots.within(&span).iter();
            found.map(|slot| (slot.seq, slot.offset)).collect::<Vec<_>>()
        };
        assert_eq!(within(one, 3, 6), [(3, 5), (5, 0), (6, 1), (6, 4)]);
        assert_eq!(within(one, 7, 8), []);
        assert_eq!(within(one, 9, u64::MAX), [(9, 2)]);
        assert_eq!(within(two, 0, u64::MAX), [(7, 6)]);
        assert_eq!(within(ActorId([3; 16]), 0, u64::MAX), []);
        assert_eq!(slots.len(), 7);
        assert!(slots.holds(one, 9) && !slots.holds(one, 7) && slots.holds(two, 7));
    }
}
