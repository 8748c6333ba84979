//! Power cuts at any operation, with any part of what was not durable surviving.

use proptest::prelude::*;

use super::witness::Witness;
use super::*;
use crate::error::TornEnd;
use crate::sim_disk::{Fault, Keep, Unsynced};

/// Something that happens to a log.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many changes in one call.
    Append(u8),
    /// A change that fills a tail.
    AppendLarge,
    Local,
    Seal,
    Reopen,
    /// The power goes after so many operations of the step that follows.
    PowerCut(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..5_u8).prop_map(Step::Append),
        2 => Just(Step::AppendLarge),
        2 => Just(Step::Local),
        3 => Just(Step::Seal),
        1 => Just(Step::Reopen),
        4 => (0..9_u64, any::<u64>()).prop_map(|(operations, seed)| Step::PowerCut(operations, seed)),
    ]
}

fn run(steps: &[Step]) {
    let mut witness = Witness::new();
    let mut power = None;
    for step in steps {
        let cut = power.take();
        if let Some((operations, _)) = cut {
            witness.disk.fail(operations..u64::MAX, Fault::Off);
        }
        match *step {
            Step::Append(count) => witness.append(count, 10),
            Step::AppendLarge => witness.append(1, LARGE),
            Step::Local => witness.set_local(),
            Step::Seal => witness.seal(),
            Step::Reopen => witness.reopen_if_possible(),
            Step::PowerCut(operations, seed) => power = Some((operations, seed)),
        }
        if let Some((_, seed)) = cut {
            witness.disk.crash(seed);
            witness.reopen();
        }
    }
    witness.disk.crash(1);
    witness.reopen();
    // What an opening showed is durable, and what it mended stays mended.
    witness.disk.crash(2);
    witness.reopen();
    witness.append(1, 10);
    witness.reopen();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn acknowledged_changes_survive_any_history_of_power_cuts(
        steps in proptest::collection::vec(step(), 1..24),
    ) {
        run(&steps);
    }
}

/// Ways in which a crash ends that are tried at an operation; few operations have more.
const WAYS_MAX: u64 = 600;

/// Runs some work with the power going at each of its operations, and crashes in every way at each.
fn at_every_operation(start: &Witness, work: impl Fn(&mut Witness)) {
    for operation in 0.. {
        let mut witness = start.fork();
        let before = witness.disk.counts().all;
        witness.disk.fail(operation..u64::MAX, Fault::Off);
        work(&mut witness);
        let finished = witness.disk.counts().all <= before + operation;
        let ways = (0..).zip(witness.crashes(WAYS_MAX));
        let drawn = (0..12).map(|seed| {
            let crashed = witness.fork();
            crashed.disk.crash(seed);
            (seed, crashed)
        });
        for (seed, mut crashed) in ways.chain(drawn) {
            crashed.reopen();
            crashed.append(1, 10);
            crashed.seal();
            crashed.disk.crash(seed);
            crashed.reopen();
        }
        if finished {
            return;
        }
    }
}

#[test]
fn sealing_survives_a_power_cut_at_every_operation() {
    let mut witness = Witness::new();
    witness.set_local();
    witness.append(2, 10);
    witness.append(1, LARGE);
    witness.append(1, 10);
    at_every_operation(&witness, Witness::seal);
}

#[test]
fn starting_a_tail_survives_a_power_cut_at_every_operation() {
    let mut witness = Witness::new();
    witness.set_local();
    witness.append(1, LARGE);
    at_every_operation(&witness, |witness| witness.append(2, 10));
}

#[test]
fn appending_and_local_facts_survive_a_power_cut_at_every_operation() {
    let mut witness = Witness::new();
    witness.set_local();
    witness.append(2, 10);
    at_every_operation(&witness, |witness| {
        witness.append(3, 10);
        witness.set_local();
        witness.append(1, 10);
    });
}

#[test]
fn a_tail_that_begins_may_be_torn_at_every_byte() {
    let mut witness = Witness::new();
    witness.set_local();
    witness.append(1, 10);
    for operation in 2..8 {
        let mut begun = witness.fork();
        // A sync that fails ends a tail that is short.
        begun.disk.fail(1..2, Fault::Io);
        begun.disk.fail(operation..u64::MAX, Fault::Off);
        begun.append(2, 10);
        for len in 0..600 {
            for keep in [
                Keep::First(len),
                Keep::FirstThenZeros(len),
                Keep::ZerosThenRest(len),
            ] {
                let mut crashed = begun.fork();
                crashed.disk.crash_with(|unsynced| match unsynced {
                    Unsynced::Bytes { .. } => keep,
                    Unsynced::Length { .. } | Unsynced::Name { .. } => Keep::All,
                });
                crashed.reopen();
                crashed.append(1, 10);
                crashed.reopen();
            }
        }
    }
}

#[test]
fn opening_survives_a_power_cut_at_every_operation() {
    let mut witness = Witness::new();
    witness.set_local();
    witness.append(1, LARGE);
    witness.append(3, 10);
    // A block and its tail both there, half a block, and a torn tail.
    let tail = witness
        .disk
        .read(&crate::tail::tail_path(&room_dir(ROOM), StretchNumber(1)))
        .unwrap();
    witness.seal();
    witness
        .disk
        .plant(&crate::tail::tail_path(&room_dir(ROOM), StretchNumber(1)), &tail);
    witness.disk.plant(
        &crate::tail::unsealed_path(&room_dir(ROOM), StretchNumber(9)),
        b"half",
    );
    let last = crate::tail::tail_path(&room_dir(ROOM), StretchNumber(2));
    let torn = [
        witness.disk.read(&last).unwrap(),
        b"\xF6tcr half a record".to_vec(),
    ]
    .concat();
    witness.disk.plant(&last, &torn);
    at_every_operation(&witness, Witness::reopen_if_possible);
}

#[test]
fn a_batch_torn_at_every_byte_leaves_whole_changes_of_it_or_none() {
    let mut witness = Witness::new();
    witness.append(2, 10);
    witness.disk.fail(1..2, Fault::Off);
    // The write is done, its sync is not, and neither is anything after it.
    witness.disk.fail(1..u64::MAX, Fault::Off);
    witness.append(3, 10);
    for len in 0..500 {
        for keep in [Keep::First(len), Keep::FirstThenZeros(len)] {
            let mut crashed = witness.fork();
            crashed.disk.crash_with(|unsynced| match unsynced {
                Unsynced::Bytes { .. } => keep,
                Unsynced::Length { .. } | Unsynced::Name { .. } => Keep::Nothing,
            });
            crashed.reopen();
            let damage = crashed
                .findings
                .iter()
                .any(|finding| matches!(finding, Finding::Damaged { .. }));
            assert!(!damage, "a torn tail is no damage: {:?}", crashed.findings);
            crashed.reopen();
            assert_eq!(crashed.findings, vec![], "an opening mends what it finds torn");
        }
    }
}

#[test]
fn a_crash_while_a_room_is_created_leaves_a_room_or_none() {
    for operation in 0..20 {
        for seed in 0..20 {
            let disk = SimDisk::new();
            disk.fail(operation..u64::MAX, Fault::Off);
            let created = Log::create(disk.clone(), ROOM, [0; 32]).is_ok();
            disk.crash(seed);
            let opened = Log::open(disk.clone(), &room_dir(ROOM), [1; 32]);
            assert!(opened.is_ok() || !created, "operation {operation}, seed {seed}");
            if let Err(error) = opened {
                assert!(
                    matches!(error, StoreError::NoLog { .. } | StoreError::Io { .. }),
                    "{error}"
                );
                let mut log = Log::create(disk.clone(), ROOM, [2; 32]).unwrap();
                log.append(&[change(1, 1, 10)]).unwrap();
                let (_, opened) = open(&disk);
                assert_eq!(opened.changes(), [change(1, 1, 10)]);
            }
        }
    }
}

#[test]
fn torn_bytes_are_kept_aside_and_old_ones_go() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    let path = crate::tail::tail_path(&room_dir(ROOM), StretchNumber(1));
    let whole = disk.read(&path).unwrap();
    for n in 0..crate::limits::QUARANTINE_FILES_MAX + 10 {
        let torn = format!("torn {n}\0\0").into_bytes();
        disk.plant(&path, &[whole.clone(), torn.clone()].concat());
        let (_, opened) = open(&disk);
        let [
            Finding::Torn {
                range,
                end: TornEnd::MovedTo(kept),
                ..
            },
        ] = opened.findings.as_slice()
        else {
            panic!("{:?}", opened.findings)
        };
        let len = whole.len() as u64;
        assert_eq!(*range, len..len + torn.len() as u64);
        assert_eq!(disk.read(kept).unwrap(), torn[..torn.len() - 2]);
        assert_eq!(
            (opened.changes(), disk.read(&path).unwrap()),
            (vec![change(1, 1, 10)], whole.clone())
        );
    }
    assert!(disk.files().len() <= crate::limits::QUARANTINE_FILES_MAX + 2);
}

#[test]
fn what_an_opening_shows_after_a_kill_survives_the_next_power_cut() {
    let mut witness = Witness::new();
    // The process is killed between the write and its sync; the page cache lives on.
    witness.disk.fail(1..u64::MAX, Fault::Off);
    witness.append(3, 10);
    witness.disk.heal();
    witness.reopen();
    assert_eq!(witness.acknowledged(), 3);
    witness.disk.crash_with(|_| Keep::Nothing);
    witness.reopen();
    assert_eq!(witness.acknowledged(), 3);
}

#[test]
fn bytes_set_aside_are_durable_before_the_cut() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    let path = crate::tail::tail_path(&room_dir(ROOM), StretchNumber(1));
    disk.plant(&path, &[disk.read(&path).unwrap(), b"torn".to_vec()].concat());
    let (_, opened) = open(&disk);
    let [
        Finding::Torn {
            end: TornEnd::MovedTo(kept),
            ..
        },
    ] = opened.findings.as_slice()
    else {
        panic!("not torn")
    };
    disk.crash_with(|_| Keep::Nothing);
    assert_eq!(disk.read(kept).unwrap(), b"torn");
}
