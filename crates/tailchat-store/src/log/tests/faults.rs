//! A disk that fails at the n-th operation, for every n.

use super::witness::Witness;
use super::*;
use crate::error::TornEnd;
use crate::sim_disk::{Fault, Keep, Unsynced};

/// Uses everything that a log can do.
fn script(witness: &mut Witness) {
    witness.append(1, 10);
    witness.set_local();
    witness.append(2, 10);
    witness.append(1, LARGE);
    witness.append(2, 10);
    witness.seal();
    witness.append(1, 10);
    witness.set_local();
    witness.append(1, 10);
}

/// Runs the script with a fault at `operation` and some that follow; whether any was met.
fn run(fault: Fault, operation: u64, faults: u64) -> Option<Witness> {
    let mut witness = Witness::new();
    let before = witness.disk.counts().all;
    witness
        .disk
        .fail(operation..operation.saturating_add(faults), fault);
    script(&mut witness);
    let met = witness.disk.counts().all - before > operation;
    witness.disk.heal();
    met.then_some(witness)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_refused_comes_back() {
    for fault in [Fault::Io, Fault::Short, Fault::Full] {
        for faults in [1, 2, 3, u64::MAX] {
            for operation in 0.. {
                let Some(witness) = run(fault, operation, faults) else {
                    break;
                };
                for seed in 0..4 {
                    let mut crashed = witness.fork();
                    crashed.disk.crash(seed);
                    crashed.reopen();
                    crashed.append(1, 10);
                    crashed.disk.crash(seed);
                    crashed.reopen();
                }
            }
        }
    }
}

#[test]
fn what_an_opening_shows_after_a_fault_and_no_crash_survives_the_next_crash() {
    for fault in [Fault::Io, Fault::Short, Fault::Full] {
        for operation in 0.. {
            let Some(mut witness) = run(fault, operation, 1) else {
                break;
            };
            witness.reopen();
            witness.disk.crash(operation);
            witness.reopen();
        }
    }
}

#[test]
fn opening_with_a_fault_at_any_operation_loses_nothing() {
    for fault in [Fault::Io, Fault::Short, Fault::Full] {
        for faults in [1, 2, u64::MAX] {
            for operation in 0..40 {
                let mut witness = Witness::new();
                script(&mut witness);
                witness
                    .disk
                    .fail(operation..operation.saturating_add(faults), fault);
                witness.reopen_if_possible();
                witness.disk.heal();
                witness.disk.crash(operation);
                witness.reopen();
            }
        }
    }
}

#[test]
fn one_failed_sync_is_survived_and_the_second_ends_the_writing() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    disk.fail(1..2, Fault::Io);
    log.append(&[change(1, 2, 10)]).unwrap();
    assert_eq!(log.ripe(), Some(StretchNumber(1)));
    disk.crash(0);
    let (mut log, opened) = open(&disk);
    assert_eq!(opened.changes(), [change(1, 1, 10), change(1, 2, 10)]);
    // Write, failed sync, then create, write and failed sync of the next tail.
    disk.fail(1..2, Fault::Io);
    disk.fail(4..5, Fault::Io);
    let error = log.append(&[change(1, 3, 10)]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned { .. }), "{error}");
    assert!(matches!(
        log.append(&[change(1, 4, 10)]),
        Err(StoreError::Poisoned { .. })
    ));
    assert!(matches!(log.set_local(vec![]), Err(StoreError::Poisoned { .. })));
    assert!(matches!(log.read(&[span(1, 2, 2)], 0), Ok(Stored::Changes(_))));
    let (mut log, _) = open(&disk);
    log.append(&[change(1, 3, 10)]).unwrap();
}

#[test]
fn a_write_that_cannot_be_taken_back_ends_the_writing() {
    let (disk, mut log) = created();
    disk.fail(0..2, Fault::Short);
    assert!(matches!(
        log.append(&[change(1, 1, 10)]),
        Err(StoreError::Poisoned { .. })
    ));
    assert!(log.poisoned().is_some());
    assert!(matches!(
        log.append(&[change(1, 2, 10)]),
        Err(StoreError::Poisoned { .. })
    ));
    let (_, opened) = open(&disk);
    assert_eq!(opened.changes(), vec![]);
    assert!(matches!(opened.findings.as_slice(), [Finding::Torn { .. }]));
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_space() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    for spare in 0..120 {
        disk.set_capacity(Some(disk.used() + spare));
        let error = log.append(&[change(1, 2, 100)]).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
    }
    let fork = disk.fork();
    fork.crash(0);
    assert_eq!(open(&fork).1.changes(), [change(1, 1, 10)]);
    disk.set_capacity(None);
    log.append(&[change(1, 2, 100)]).unwrap();
    disk.crash(0);
    assert_eq!(open(&disk).1.changes(), [change(1, 1, 10), change(1, 2, 100)]);
}

#[test]
fn a_torn_tail_on_a_full_disk_is_opened_and_cut_when_there_is_space() {
    let (disk, mut log) = created();
    log.set_local(b"facts".to_vec()).unwrap();
    log.append(&[change(1, 1, 10)]).unwrap();
    let path = crate::tail::tail_path(&room_dir(ROOM), StretchNumber(1));
    let torn = [disk.read(&path).unwrap(), b"torn".to_vec()].concat();
    disk.plant(&path, &torn);
    disk.set_capacity(Some(disk.used()));
    let (mut log, opened) = open(&disk);
    assert!(matches!(
        opened.findings.as_slice(),
        [Finding::Torn {
            end: TornEnd::Left,
            ..
        }]
    ));
    assert_eq!((opened.changes(), log.ripe()), (vec![change(1, 1, 10)], None));
    assert!(matches!(
        log.append(&[change(1, 2, 10)]),
        Err(StoreError::Full { .. })
    ));
    assert_eq!(disk.read(&path).unwrap(), torn);
    disk.set_capacity(None);
    log.append(&[change(1, 2, 10)]).unwrap();
    let (log, opened) = open(&disk);
    assert!(matches!(
        opened.findings.as_slice(),
        [Finding::Torn {
            end: TornEnd::MovedTo(_),
            ..
        }]
    ));
    assert_eq!(
        (opened.changes(), log.local()),
        (vec![change(1, 1, 10), change(1, 2, 10)], Some(&b"facts"[..]))
    );
}

#[test]
fn a_room_that_cannot_be_synced_at_opening_is_read_only() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    // List, read, then the sync and all that could help.
    disk.fail(2..u64::MAX, Fault::Io);
    let (mut log, opened) = open(&disk);
    assert_eq!(opened.changes(), [change(1, 1, 10)]);
    assert!(matches!(opened.findings.as_slice(), [Finding::ReadOnly { .. }]));
    assert!(matches!(
        log.append(&[change(1, 2, 10)]),
        Err(StoreError::Poisoned { .. })
    ));
}

#[test]
fn the_tests_notice_a_disk_that_lies() {
    let disk = SimDisk::new();
    disk.fail(0..u64::MAX, Fault::Lie);
    let mut log = Log::create(disk.clone(), ROOM, [0; 32]).unwrap();
    log.append(&[change(1, 1, 10)]).unwrap();
    disk.crash_with(|_| Keep::Nothing);
    Log::open(disk, &room_dir(ROOM), [1; 32])
        .map(|(_, opened)| opened)
        .unwrap_err();
}

#[test]
fn a_write_that_was_taken_back_stays_away_after_a_power_cut() {
    let (disk, mut log) = created();
    disk.fail(0..1, Fault::Short);
    let error = log
        .append(&[change(1, 1, 10), change(1, 2, 10), change(1, 3, 10)])
        .unwrap_err();
    assert!(matches!(error, StoreError::Write { .. }), "{error}");
    disk.crash_with(|unsynced| match unsynced {
        Unsynced::Length { .. } => Keep::Nothing,
        _ => Keep::All,
    });
    assert_eq!(open(&disk).1.changes(), vec![]);
}

#[test]
fn a_block_that_is_not_what_was_written_replaces_nothing() {
    let (disk, mut log) = grown();
    let before = disk.files();
    let sealer = log.sealer(StretchNumber(3)).unwrap();
    let block = block_of(&sealer.changes().unwrap());
    // A question for its length, its creation, then the write.
    disk.fail(2..3, Fault::Rot);
    assert!(matches!(sealer.seal(&block), Err(StoreError::Damaged { .. })));
    assert_eq!(disk.files(), before);
    log.seal(StretchNumber(3), &block).unwrap();
    assert_eq!(log.read_block(StretchNumber(3)).unwrap(), block);
}

#[test]
fn a_tail_does_not_go_before_the_name_of_its_block_is_durable() {
    let mut witness = Witness::new();
    witness.append(1, LARGE);
    witness.append(1, 10);
    let fork = witness.fork();
    // The process is killed between the rename and the sync of the folder; then that sync fails at the
    // opening.
    for operation in 0..40 {
        let mut killed = fork.fork();
        killed.disk.fail(operation..u64::MAX, Fault::Off);
        killed.seal();
        killed.disk.heal();
        for fault in 0..12 {
            let mut opened = killed.fork();
            opened.disk.fail(fault..fault + 1, Fault::Io);
            opened.reopen_if_possible();
            // Of the names only removals reach the disk.
            opened.disk.crash_with(|unsynced| match unsynced {
                Unsynced::Name { new: Some(_), .. } => Keep::Nothing,
                _ => Keep::All,
            });
            opened.reopen();
        }
    }
}

/// A header that only the page cache has is as good as a whole one until the power goes.
#[test]
fn a_tail_whose_header_was_never_durable_is_not_gone_on_with() {
    for operation in 0..6 {
        let (disk, mut log) = created();
        log.append(&[change(1, 1, LARGE)]).unwrap();
        disk.fail(operation..operation + 2, Fault::Io);
        let acknowledged = usize::from(log.append(&[change(1, 2, 10)]).is_ok());
        disk.heal();
        drop(log);
        let (mut log, _) = open(&disk);
        log.append(&[change(2, 1, 10)]).unwrap();
        drop(log);
        disk.crash_with(|_| Keep::Nothing);
        let (log, opened) = open(&disk);
        let there = all(&log, &opened).len();
        assert!(
            there >= 2 + acknowledged,
            "operation {operation}: {there} changes are left; {:?}",
            opened.findings
        );
    }
}
