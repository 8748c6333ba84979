//! Which block holds which changes, as far as blocks were read. Refuses to read one.

use std::collections::BTreeMap;

use tailchat_core::ids::ActorId;

use crate::change::{Span, StretchNumber};

/// The changes that blocks hold, each in one of them: a change that is in two is the same in both.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Runs by actor and first number. They do not overlap.
    runs: BTreeMap<(ActorId, u64), Run>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    last_seq: u64,
    block: StretchNumber,
}

impl Places {
    /// Learns what a block holds.
    pub(super) fn learn(&mut self, block: StretchNumber, spans: &[Span]) {
        for span in spans {
            self.add(block, span);
        }
    }

    /// Whether the first change of each span is in a block that is known.
    pub(super) fn hold_starts(&self, spans: &[Span]) -> bool {
        let held = |span: &Span| self.holder(span.actor, span.first_seq).is_some();
        spans.iter().all(held)
    }

    /// The block with the first change of the span that any block holds.
    pub(super) fn first_of(&self, span: &Span) -> Option<StretchNumber> {
        let holder = self.holder(span.actor, span.first_seq);
        let next = || self.next(span).map(|(_, run)| run);
        holder.or_else(next).map(|run| run.block)
    }

    fn holder(&self, actor: ActorId, seq: u64) -> Option<Run> {
        let ((of, _), run) = self.runs.range(..=(actor, seq)).next_back()?;
        (*of == actor && seq <= run.last_seq).then_some(*run)
    }

    /// The first run that begins within the span.
    fn next(&self, span: &Span) -> Option<(u64, Run)> {
        let within = (span.actor, span.first_seq)..=(span.actor, span.last_seq);
        let ((_, first_seq), run) = self.runs.range(within).next()?;
        Some((*first_seq, *run))
    }

    /// Adds what of the span is not known yet.
    fn add(&mut self, block: StretchNumber, span: &Span) {
        let mut rest = *span;
        while rest.first_seq <= rest.last_seq {
            let last_seq = match self.holder(rest.actor, rest.first_seq) {
                Some(run) => run.last_seq,
                None => {
                    let last_seq = self.next(&rest).map_or(rest.last_seq, |(first, _)| first - 1);
                    let run = Run { last_seq, block };
                    self.runs.insert((rest.actor, rest.first_seq), run);
                    last_seq
                }
            };
            let Some(next) = last_seq.checked_add(1) else {
                return;
            };
            rest.first_seq = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(actor: u8, first_seq: u64, last_seq: u64) -> Span {
        Span {
            actor: ActorId([actor; 16]),
            first_seq,
            last_seq,
        }
    }

    #[test]
    fn the_ends_of_numbers_are_held_too() {
        let mut places = Places::default();
        places.learn(
            StretchNumber(1),
            &[span(1, 0, 4), span(1, u64::MAX - 1, u64::MAX)],
        );
        places.learn(StretchNumber(2), &[span(1, 0, u64::MAX)]);
        let first_of = |first_seq| places.first_of(&span(1, first_seq, u64::MAX)).unwrap().0;
        assert_eq!([first_of(0), first_of(5), first_of(u64::MAX)], [1, 2, 1]);
    }

    proptest! {
        #[test]
        fn every_change_is_found_in_a_block_that_holds_it(
            blocks in proptest::collection::vec((1..3_u8, 0..30_u64, 0..9_u64), 0..20),
            (actor, first_seq, len) in (1..3_u8, 0..40_u64, 0..9_u64),
        ) {
            let blocks: Vec<Span> = blocks
                .into_iter()
                .map(|(actor, first, len)| span(actor, first, first + len))
                .collect();
            let mut places = Places::default();
            for (number, held) in blocks.iter().enumerate() {
                places.learn(StretchNumber(number as u64), &[*held]);
            }
            let wanted = span(actor, first_seq, first_seq + len);
            let holds = |seq| blocks.iter().any(|held| held.holds(wanted.actor, seq));
            let first = (wanted.first_seq..=wanted.last_seq).find(|seq| holds(*seq));
            let found = places.first_of(&wanted).map(|number| blocks[usize::try_from(number.0).unwrap()]);
            prop_assert_eq!(found.is_some(), first.is_some());
            if let (Some(found), Some(first)) = (found, first) {
                prop_assert!(found.holds(wanted.actor, first));
            }
            prop_assert_eq!(places.hold_starts(&[wanted]), first == Some(wanted.first_seq));
        }
    }
}
