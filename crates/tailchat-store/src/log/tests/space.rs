//! How much of a disk a log takes, and how much it writes.

use super::*;
use crate::error::TornEnd;
use crate::limits::{QUARANTINE_FILES_MAX, QUARANTINE_LEN_MAX, RIPE_TAILS_MAX};
use crate::tail::tail_path;

/// The length of a change with one short message, and of what real chat makes of one in a block.
const SHORT: usize = 200;
const SEALED: usize = 40;

/// A block of the size that real chat comes to.
fn dense(changes: &[ChangeRecord]) -> Block {
    let spans = vec![span(1, changes[0].seq, changes[changes.len() - 1].seq)];
    Block {
        spans,
        shared: vec![1; changes.len() * SEALED],
        ..Block::default()
    }
}

fn seal_one(log: &mut Log<SimDisk>) {
    let Some(number) = log.ripe() else { return };
    let block = dense(&log.read_tail(number).unwrap());
    log.seal(number, &block).unwrap();
}

fn short(from: u64, count: u64) -> Vec<ChangeRecord> {
    (from..from + count).map(|seq| change(1, seq, SHORT)).collect()
}

#[test]
fn a_catch_up_that_waits_for_sealing_takes_little_more_than_its_blocks() {
    let (disk, mut log) = created();
    // So much of a tail as its changes take with what surrounds them, and one append that filled it.
    let tail = (TAIL_CHANGE_BYTES + 1000 * SHORT as u64) * 3 / 2 + 1000;
    let slack = (RIPE_TAILS_MAX as u64 + 2) * tail;
    let (mut next, mut waited) = (1, 0);
    for _ in 0..100 {
        log.append(&short(next, 1000)).unwrap();
        next += 1000;
        assert!(
            disk.used() <= log.disk_bytes().blocks + slack,
            "{} {:?}",
            disk.used(),
            log.unsealed()
        );
        if log.lags() {
            waited += 1;
            seal_one(&mut log);
        }
    }
    assert!(waited > 20);
    assert_eq!(log.unsealed().ripe, RIPE_TAILS_MAX);
    while log.ripe().is_some() {
        seal_one(&mut log);
    }
    assert_eq!((log.unsealed().ripe, log.lags()), (0, false));
    assert_eq!(log.unsealed().bytes, log.disk_bytes().tails);
    assert!(disk.used() <= log.disk_bytes().blocks + tail);
}

#[test]
fn a_log_that_lags_refuses_nothing() {
    let (disk, mut log) = created();
    for seq in 1..20 {
        log.append(&[change(1, seq, LARGE)]).unwrap();
    }
    assert!(log.lags());
    assert_eq!(open(&disk).1.changes().len(), 19);
    assert!(open(&disk).0.lags());
}

#[test]
fn a_short_message_costs_little_writing() {
    let (disk, mut log) = created();
    let messages = 20_000;
    let before = disk.counts().append_bytes;
    for seq in 1..=messages {
        log.append(&short(seq, 1)).unwrap();
        seal_one(&mut log);
    }
    let each = (disk.counts().append_bytes - before) / messages;
    // The change, 96 bytes around it, its part of a block, and heads.
    let bare = (SHORT + 96 + SEALED) as u64;
    assert!((bare - SEALED as u64..bare + 2).contains(&each), "{each}");
}

#[test]
fn copies_of_torn_bytes_do_not_fill_the_disk() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    let path = tail_path(&room_dir(ROOM), StretchNumber(1));
    let whole = disk.read(&path).unwrap();
    let large = 3 << 20;
    for n in 0..QUARANTINE_FILES_MAX / 4 {
        let torn = vec![u8::try_from(n).unwrap() + 1; large];
        disk.plant(&path, &[whole.clone(), torn].concat());
        let (_, opened) = open(&disk);
        let [
            Finding::Torn {
                end: TornEnd::MovedTo(kept),
                ..
            },
        ] = opened.findings.as_slice()
        else {
            panic!("{:?}", opened.findings)
        };
        assert_eq!(disk.read(kept).unwrap().len(), large);
    }
    assert!(disk.used() <= QUARANTINE_LEN_MAX + (large + whole.len()) as u64);
}
