//! Blocks are read when they are needed, and what is wrong with one is said then.

use super::*;
use crate::block::BlockInfo;
use crate::error::Damage;
use crate::sim_disk::Fault;
use crate::tail::{block_path, tail_path};

/// A log with so many blocks of two changes each, and a tail with one change.
fn sealed(blocks: u64) -> (SimDisk, Log<SimDisk>) {
    let (disk, mut log) = created();
    for stretch in 0..blocks {
        log.append(&[change(1, stretch * 2 + 1, 10), change(1, stretch * 2 + 2, LARGE)])
            .unwrap();
    }
    log.append(&[change(1, blocks * 2 + 1, 10)]).unwrap();
    while let Some(number) = log.ripe() {
        let block = block_of(&log.read_tail(number).unwrap());
        log.seal(number, &block).unwrap();
    }
    (disk, log)
}

fn path_of(number: u64) -> PathBuf {
    block_path(&room_dir(ROOM), StretchNumber(number))
}

/// Flips a bit in the table of contents of a block.
fn damage(disk: &SimDisk, number: u64) -> Vec<u8> {
    let mut bytes = disk.read(&path_of(number)).unwrap();
    bytes[170] ^= 1;
    disk.plant(&path_of(number), &bytes);
    bytes
}

fn numbers(log: &Log<SimDisk>) -> Vec<u64> {
    log.blocks().map(|number| number.0).collect()
}

fn read_first(log: &Log<SimDisk>, wanted: Span) -> Result<Vec<u64>, StoreError> {
    Ok(match log.read(&[wanted], 0)? {
        Stored::Nothing => vec![],
        Stored::Block(_, block) => block.spans.iter().map(|span| span.first_seq).collect(),
        Stored::Changes(changes) => changes.iter().map(|change| change.seq).collect(),
    })
}

#[test]
fn opening_costs_the_same_whatever_is_sealed() {
    let cost = |blocks| {
        let (disk, _) = sealed(blocks);
        let before = disk.counts().all;
        let (_, opened) = open(&disk);
        assert_eq!((opened.blocks.len() as u64, opened.changes().len()), (blocks, 1));
        disk.counts().all - before
    };
    assert_eq!(cost(1), cost(40));
}

#[test]
fn what_is_known_of_a_block_is_read_once() {
    let (disk, _) = sealed(3);
    let (log, _) = open(&disk);
    let info = log.block_info(StretchNumber(2)).unwrap().clone();
    let before = disk.counts().all;
    assert_eq!(log.block_info(StretchNumber(2)).unwrap(), &info);
    assert_eq!(disk.counts().all, before);
    let BlockInfo {
        number,
        spans,
        summary,
        file_len,
    } = info;
    assert_eq!(
        (number, spans, summary),
        (
            StretchNumber(2),
            vec![span(1, 3, 3), span(1, 4, 4)],
            b"summary".to_vec()
        )
    );
    assert_eq!(file_len, disk.read(&path_of(2)).unwrap().len() as u64);
    let missing = log.block_info(StretchNumber(9));
    assert!(matches!(missing, Err(StoreError::NoStretch { .. })));
}

#[test]
fn a_block_that_does_not_say_what_it_holds_is_passed_over_and_told_once() {
    let (disk, _) = sealed(3);
    damage(&disk, 2);
    let (mut log, opened) = open(&disk);
    assert_eq!((opened.findings, numbers(&log)), (vec![], vec![1, 2, 3]));
    assert_eq!(read_first(&log, span(1, 3, 99)).unwrap(), [5, 6]);
    assert_eq!(read_first(&log, span(1, 4, 4)).unwrap(), Vec::<u64>::new());
    let findings = log.take_findings();
    let [Finding::Damaged { file, why, .. }] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!((file, *why), (&path_of(2), Damage::BlockTable));
    assert_eq!(log.take_findings(), vec![]);
    for result in [
        log.block_info(StretchNumber(2)).map(drop),
        log.read_block(StretchNumber(2)).map(drop),
    ] {
        assert!(matches!(result, Err(StoreError::Damaged { .. })));
    }
    assert_eq!(log.check().unwrap().findings.len(), 1);
    log.retire_block(StretchNumber(2)).unwrap();
    assert_eq!(numbers(&log), [1, 3]);
    assert_eq!(open(&disk).1.blocks, [StretchNumber(1), StretchNumber(3)]);
}

#[test]
fn a_block_that_the_disk_did_not_give_is_asked_for_again() {
    let (disk, _) = sealed(2);
    let (log, _) = open(&disk);
    disk.fail(0..4, Fault::Io);
    let info = log.block_info(StretchNumber(1)).map(|info| info.number);
    assert!(matches!(info, Err(StoreError::Io { .. })));
    disk.heal();
    assert_eq!(log.take_findings().len(), 1);
    assert_eq!(read_first(&log, span(1, 1, 1)).unwrap(), [1, 2]);
}

#[test]
fn a_block_of_a_newer_version_is_refused_where_it_is_met_and_never_touched() {
    let (disk, _) = sealed(3);
    let newer = [&b"\x89TCblok\n\x02\x00"[..], &[7; 300]].concat();
    // The last one is looked at when the room is opened.
    let last = disk.fork();
    last.plant(&path_of(3), &newer);
    let before = last.files();
    let opened = Log::open(last.clone(), &room_dir(ROOM), [1; 32]).map(|(_, opened)| opened);
    assert!(matches!(opened, Err(StoreError::Newer { found: 2, .. })));
    assert_eq!(last.files(), before);
    disk.plant(&path_of(2), &newer);
    let (mut log, _) = open(&disk);
    let refused = |result| matches!(result, Err(StoreError::Newer { found: 2, .. }));
    assert!(refused(log.block_info(StretchNumber(2)).map(drop)));
    assert!(refused(log.read_block(StretchNumber(2)).map(drop)));
    assert!(refused(log.read(&[span(1, 1, 1)], 0).map(drop)));
    assert!(refused(log.check().map(drop)));
    assert!(refused(log.retire_block(StretchNumber(2))));
    log.append(&[change(1, 8, 10)]).unwrap();
    assert_eq!(disk.read(&path_of(2)).unwrap(), newer);
    // Beside its tail it decides what goes, so it is read at the opening.
    disk.plant(&tail_path(&room_dir(ROOM), StretchNumber(2)), b"");
    let opened = Log::open(disk.clone(), &room_dir(ROOM), [1; 32]).map(|(_, opened)| opened);
    assert!(refused(opened.map(drop)));
}

/// The block of stretch 1 of another room.
fn foreign() -> Vec<u8> {
    let disk = SimDisk::new();
    let mut log = Log::create(disk.clone(), RoomId([9; 16]), [3; 32]).unwrap();
    for seq in 1..=2 {
        log.append(&[change(7, seq, LARGE)]).unwrap();
    }
    let block = block_of(&log.read_tail(StretchNumber(1)).unwrap());
    log.seal(StretchNumber(1), &block).unwrap();
    disk.read(&block_path(log.dir(), StretchNumber(1))).unwrap()
}

fn misplaced(findings: &[Finding], file: &Path) -> bool {
    let [Finding::Damaged { file: found, why, .. }] = findings else {
        return false;
    };
    found == file && *why == Damage::Misplaced
}

#[test]
fn a_block_of_another_room_or_place_is_not_used() {
    for strange in [foreign(), sealed(2).0.read(&path_of(2)).unwrap()] {
        let (disk, _) = sealed(2);
        disk.plant(&path_of(1), &strange);
        let (log, _) = open(&disk);
        assert_eq!(read_first(&log, span(7, 1, 9)).unwrap(), Vec::<u64>::new());
        assert_eq!(read_first(&log, span(1, 1, 9)).unwrap(), [3, 4]);
        assert!(misplaced(&log.take_findings(), &path_of(1)));
        assert!(matches!(
            log.read_block(StretchNumber(1)),
            Err(StoreError::Damaged { .. })
        ));
    }
}

#[test]
fn no_tail_goes_for_a_block_of_another_room_or_place() {
    for strange in [foreign(), sealed(2).0.read(&path_of(2)).unwrap()] {
        let (disk, mut log) = created();
        log.append(&[change(1, 1, LARGE)]).unwrap();
        log.append(&[change(1, 2, 10)]).unwrap();
        disk.plant(&path_of(1), &strange);
        let (log, opened) = open(&disk);
        assert_eq!((opened.changes().len(), log.ripe()), (2, Some(StretchNumber(1))));
        assert!(misplaced(&opened.findings, &path_of(1)));
    }
}

#[test]
fn a_room_of_blocks_alone_knows_which_room_it_is() {
    let (disk, _) = sealed(3);
    let mut only = disk.files();
    only.retain(|path, _| path.extension().is_some_and(|extension| extension == "blk"));
    let disk = SimDisk::new();
    only.iter().for_each(|(path, bytes)| disk.plant(path, bytes));
    // The last one cannot say it.
    let mut bytes = disk.read(&path_of(3)).unwrap();
    bytes[20] ^= 1;
    bytes[100] ^= 1;
    disk.plant(&path_of(3), &bytes);
    let (mut log, opened) = open(&disk);
    assert_eq!((opened.room, opened.blocks.len()), (ROOM, 3));
    assert_eq!(log.append(&[change(1, 7, 10)]).unwrap().stretch, StretchNumber(4));
    let created = Log::create(disk, ROOM, [1; 32]).map(|log| log.position());
    assert!(matches!(created, Err(StoreError::Exists { .. })));
}

#[test]
fn sizes_of_blocks_are_asked_for_when_somebody_wants_them() {
    let (disk, _) = sealed(5);
    let (log, _) = open(&disk);
    let before = disk.counts().all;
    let sizes = log.disk_bytes();
    assert_eq!(disk.counts().all - before, 5);
    assert_eq!(sizes.tails + sizes.blocks, disk.used());
    assert_eq!((log.disk_bytes(), disk.counts().all - before), (sizes, 5));
}
