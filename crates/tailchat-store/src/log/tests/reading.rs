//! A question for thousands of changes gets what is wanted, each actor's in their order, at the price of that.

use proptest::prelude::*;

use super::*;
use crate::tail::block_path;

/// A log in which actors 1 to 3 wrote in turn: some stretches sealed, others not, and number 2 of actor 2
/// written last, as if it had been missing.
fn mixed(sealed: usize, stretches: u64) -> (SimDisk, Log<SimDisk>) {
    let (disk, mut log) = created();
    for stretch in 0..stretches {
        let few = (0..6).map(|n| change(1 + (n % 3) as u8, stretch * 2 + n / 3 + 1, 20));
        let mut few: Vec<_> = few
            .filter(|change| (change.actor.0[0], change.seq) != (2, 2))
            .collect();
        few.push(change(9, stretch + 1, LARGE));
        log.append(&few).unwrap();
    }
    log.append(&[change(2, 2, 20)]).unwrap();
    for _ in 0..sealed {
        let number = log.ripe().unwrap();
        let block = block_of(&log.read_tail(number).unwrap());
        log.seal(number, &block).unwrap();
    }
    (disk, log)
}

/// Asks until nothing comes any more, and takes what was wanted from each answer as a peer would.
fn ask_for_all(log: &Log<SimDisk>, wanted: &[Span], budget: usize) -> Vec<(u8, u64)> {
    let mut rest: Vec<(u8, u64)> = wanted
        .iter()
        .flat_map(|span| (span.first_seq..=span.last_seq).map(|seq| (span.actor.0[0], seq)))
        .collect();
    let mut got = Vec::new();
    for _ in 0..1000 {
        let spans: Vec<_> = rest.iter().map(|(actor, seq)| span(*actor, *seq, *seq)).collect();
        let came: Vec<(u8, u64)> = match log.read(&spans, budget).unwrap() {
            Stored::Nothing => return got,
            Stored::Block(_, block) => block
                .spans
                .iter()
                .map(|span| (span.actor.0[0], span.first_seq))
                .collect(),
            Stored::Changes(changes) => {
                let keys: Vec<_> = changes
                    .iter()
                    .map(|change| (change.actor.0[0], change.seq))
                    .collect();
                assert!(keys.iter().all(|key| rest.contains(key)), "not asked for");
                keys
            }
        };
        let before = rest.len();
        got.extend(came.iter().copied().filter(|key| rest.contains(key)));
        rest.retain(|key| !came.contains(key));
        assert!(rest.len() < before, "an answer without anything wanted");
    }
    panic!("no end")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn asking_again_brings_all_that_is_wanted_and_here(
        sealed in 0..5_usize,
        reopened: bool,
        budget in prop_oneof![Just(0), Just(300), Just(1 << 20)],
        wanted in proptest::collection::vec((1..5_u8, 1..14_u64, 0..6_u64), 0..6),
    ) {
        let (disk, log) = mixed(sealed, 6);
        let log = if reopened { open(&disk).0 } else { log };
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(actor, first, len)| span(actor, first, first + len))
            .collect();
        let mut got = ask_for_all(&log, &wanted, budget);
        got.sort_unstable();
        let here = |actor: u8, seq: u64| (1..=3).contains(&actor) && (1..=12).contains(&seq);
        let mut expected: Vec<_> = wanted
            .iter()
            .flat_map(|span| (span.first_seq..=span.last_seq).map(|seq| (span.actor.0[0], seq)))
            .filter(|(actor, seq)| here(*actor, *seq))
            .collect();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn what_begins_in_a_tail_is_answered_without_a_look_at_blocks() {
    let (disk, _) = mixed(4, 6);
    let (log, _) = open(&disk);
    let before = disk.counts().reads;
    let Stored::Changes(changes) = log.read(&[span(1, 11, 99), span(3, 12, 12)], 1 << 20).unwrap() else {
        panic!("not changes")
    };
    let keys: Vec<_> = changes
        .iter()
        .map(|change| (change.actor.0[0], change.seq))
        .collect();
    assert_eq!(keys, [(1, 11), (1, 12), (3, 12)]);
    assert_eq!(disk.counts().reads - before, 1);
}

#[test]
fn what_is_in_a_block_is_found_without_a_look_at_older_ones() {
    let (disk, _) = mixed(4, 6);
    let (log, _) = open(&disk);
    // The oldest cannot be read at all, and nobody notices.
    disk.plant(&block_path(&room_dir(ROOM), StretchNumber(1)), b"");
    let found = log.read(&[span(1, 7, 12)], 0).unwrap();
    assert!(matches!(found, Stored::Block(StretchNumber(4), _)));
    assert_eq!(log.take_findings(), vec![]);
    let found = log.read(&[span(1, 1, 12)], 0).unwrap();
    assert!(matches!(found, Stored::Block(StretchNumber(2), _)));
    assert_eq!(log.take_findings().len(), 1);
}

#[test]
fn ranges_may_overlap_and_come_in_any_order() {
    let (_, log) = mixed(0, 1);
    let wanted = [
        span(3, 2, 9),
        span(1, 2, 2),
        span(3, 1, 2),
        span(1, 5, 1),
        span(1, 1, 1),
    ];
    let Stored::Changes(changes) = log.read(&wanted, 1 << 20).unwrap() else {
        panic!("not changes")
    };
    let keys: Vec<_> = changes
        .iter()
        .map(|change| (change.actor.0[0], change.seq))
        .collect();
    assert_eq!(keys, [(1, 1), (3, 1), (1, 2), (3, 2)]);
}

#[test]
fn a_block_out_of_use_does_not_hide_another_that_holds_the_same() {
    let (disk, mut log) = created();
    for _ in 0..2 {
        log.append(&[change(1, 1, 10), change(1, 2, LARGE)]).unwrap();
    }
    log.append(&[change(1, 3, 10)]).unwrap();
    while let Some(number) = log.ripe() {
        let block = block_of(&log.read_tail(number).unwrap());
        log.seal(number, &block).unwrap();
    }
    let (mut log, _) = open(&disk);
    let Stored::Block(number, _) = log.read(&[span(1, 1, 1)], 0).unwrap() else {
        panic!("not a block")
    };
    log.retire_block(number).unwrap();
    let found = log.read(&[span(1, 1, 1)], 0).unwrap();
    assert!(matches!(found, Stored::Block(other, _) if other != number));
}
