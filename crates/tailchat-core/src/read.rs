//! What a person has read of a room: of each actor the stretches of its entries, normally one. Not a position in the
//! timeline, so a message that arrives late, above what was read, is still unread. Local, and never told to peers;
//! knows nothing of lines, disks or screens.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::ids::{ActorId, MessageId};
use crate::limits::READ_STRETCHES_MAX;
use crate::state::RoomState;

/// The entries that were read, by actor: stretches of entry numbers, in order, none of them touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadState {
    actors: BTreeMap<ActorId, Vec<Range<u64>>>,
}

/// There are too many stretches for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was read of the room lies in more than {READ_STRETCHES_MAX} pieces; mark all of it as read")]
pub struct TooScattered;

impl ReadState {
    /// Whether the entry was read.
    #[must_use]
    pub fn contains(&self, entry: MessageId) -> bool {
        let stretches = self.stretches(entry.actor);
        let at = stretches.partition_point(|stretch| stretch.end <= entry.index);
        stretches
            .get(at)
            .is_some_and(|stretch| stretch.start <= entry.index)
    }

    /// What was read of an actor's entries: stretches in order, none of them touching the next.
    #[must_use]
    pub fn stretches(&self, actor: ActorId) -> &[Range<u64>] {
        self.actors.get(&actor).map_or(&[], Vec::as_slice)
    }

    /// All that was read, by actor.
    pub fn actors(&self) -> impl Iterator<Item = (ActorId, &[Range<u64>])> {
        self.actors
            .iter()
            .map(|(actor, stretches)| (*actor, stretches.as_slice()))
    }

    /// The parts of a stretch of an actor's entries that were not read, in order.
    pub fn gaps(&self, actor: ActorId, within: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let stretches = self.stretches(actor);
        let first = stretches.partition_point(|stretch| stretch.end <= within.start);
        let read = stretches.get(first..).unwrap_or_default();
        let read = read.iter().take_while({
            let end = within.end;
            move |stretch| stretch.start < end
        });
        let ends = read.clone().map(|stretch| stretch.end);
        let starts = read.map(|stretch| stretch.start);
        let begins = std::iter::once(within.start).chain(ends);
        let stops = starts.chain(std::iter::once(within.end));
        begins
            .zip(stops)
            .map(|(start, end)| start..end)
            .filter(|gap| !gap.is_empty())
    }

    /// Marks a stretch of an actor's entries as read.
    ///
    /// # Errors
    /// [`TooScattered`] if the room's stretches would be more than [`READ_STRETCHES_MAX`]; then nothing is marked.
    pub fn mark(&mut self, actor: ActorId, read: Range<u64>) -> Result<(), TooScattered> {
        if read.is_empty() {
            return Ok(());
        }
        let room = self.count() < READ_STRETCHES_MAX;
        let stretches = self.actors.entry(actor).or_default();
        let first = stretches.partition_point(|stretch| stretch.end < read.start);
        let end = stretches.partition_point(|stretch| stretch.start <= read.end);
        if first == end && !room {
            return Err(TooScattered);
        }
        let touched = stretches.get(first..end).unwrap_or_default();
        let start = touched
            .first()
            .map_or(read.start, |stretch| stretch.start.min(read.start));
        let stop = touched
            .last()
            .map_or(read.end, |stretch| stretch.end.max(read.end));
        stretches.splice(first..end, std::iter::once(start..stop));
        Ok(())
    }

    /// Marks an entry as not read.
    ///
    /// # Errors
    /// [`TooScattered`] as for [`ReadState::mark`].
    pub fn unmark(&mut self, entry: MessageId) -> Result<(), TooScattered> {
        let room = self.count() < READ_STRETCHES_MAX;
        let Some(stretches) = self.actors.get_mut(&entry.actor) else {
            return Ok(());
        };
        let at = stretches.partition_point(|stretch| stretch.end <= entry.index);
        let Some(Range { start, end }) = stretches
            .get(at)
            .filter(|stretch| stretch.start <= entry.index)
            .cloned()
        else {
            return Ok(());
        };
        let left: Vec<_> = [start..entry.index, entry.index + 1..end]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        if left.len() > 1 && !room {
            return Err(TooScattered);
        }
        stretches.splice(at..=at, left);
        Ok(())
    }

    /// Marks all that is in a room as read, and keeps nothing else.
    pub fn mark_all(&mut self, state: &RoomState) {
        self.actors = state
            .tips()
            .map(|(actor, tip)| (actor, std::iter::once(0..tip.entries).collect()))
            .collect();
    }

    fn count(&self) -> usize {
        self.actors.values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const ANN: ActorId = ActorId([1; 16]);

    fn id(index: u64) -> MessageId {
        MessageId { actor: ANN, index }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Mark(Range<u64>),
        Unmark(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            2 => (0..40_u64, 0..6_u64).prop_map(|(start, len)| Step::Mark(start..start + len)),
            1 => (0..40_u64).prop_map(Step::Unmark),
        ];
        proptest::collection::vec(step, 0..30)
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_entries(steps in steps(), within in (0..40_u64, 0..40_u64)) {
            let (mut read, mut model) = (ReadState::default(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Mark(range) => {
                        read.mark(ANN, range.clone()).unwrap();
                        model.extend(range);
                    }
                    Step::Unmark(index) => {
                        read.unmark(id(index)).unwrap();
                        model.remove(&index);
                    }
                }
                let stretches = read.stretches(ANN);
                prop_assert!(stretches.windows(2).all(|two| two[0].end < two[1].start), "{stretches:?}");
                prop_assert!(stretches.iter().all(|stretch| !stretch.is_empty()));
            }
            for index in 0..50 {
                prop_assert_eq!(read.contains(id(index)), model.contains(&index));
            }
            let within = within.0..within.1;
            let gaps: Vec<_> = read.gaps(ANN, within.clone()).flatten().collect();
            let expected: Vec<_> = within.filter(|index| !model.contains(index)).collect();
            prop_assert_eq!(gaps, expected);
        }
    }

    #[test]
    fn too_many_pieces_are_refused_and_what_joins_pieces_is_not() {
        let mut read = ReadState::default();
        for n in 0..READ_STRETCHES_MAX as u64 {
            read.mark(ANN, 2 * n..2 * n + 1).unwrap();
        }
        let before = read.clone();
        assert_eq!(read.mark(ActorId([2; 16]), 5..6), Err(TooScattered));
        assert_eq!(read.mark(ANN, u64::MAX - 1..u64::MAX), Err(TooScattered));
        assert_eq!(read.stretches(ANN), before.stretches(ANN));
        read.mark(ANN, 1..2).unwrap();
        read.mark(ANN, u64::MAX - 1..u64::MAX).unwrap();
        assert_eq!(read.unmark(id(1)), Err(TooScattered));
    }

    #[test]
    fn all_of_a_room_is_one_stretch_of_each_actor() {
        let mut read = ReadState::default();
        read.mark(ActorId([9; 16]), 4..5).unwrap();
        read.mark_all(&RoomState::default());
        assert_eq!(read, ReadState::default());
    }
}
