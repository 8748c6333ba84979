//! Flipped bits, cut files, foreign and newer files: detected, named, and never a wrong change.

use std::collections::BTreeMap;

use super::*;
use crate::error::{Damage, TornEnd};
use crate::sim_disk::Fault;
use crate::tail::{block_path, tail_path};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A small log with a block, a tail that awaits sealing and one that takes changes. What makes a tail full is
/// one change, which the flips spare: its body is long and one bit like another.
fn small() -> (Files, Vec<Key>) {
    let (disk, mut log) = created();
    log.set_local(b"facts".to_vec()).unwrap();
    log.append(&[change(1, 1, 10), change(2, 1, 12)]).unwrap();
    // A failed sync starts the next tail early, so that files stay small.
    for seq in 2..4 {
        disk.fail(1..2, Fault::Io);
        log.append(&[change(1, seq, 10), change(2, seq, 12)]).unwrap();
    }
    log.append(&[change(1, 4, 10)]).unwrap();
    let first = log.ripe().unwrap();
    let block = block_of(&log.read_tail(first).unwrap());
    log.seal(first, &block).unwrap();
    let (log, opened) = open(&disk);
    let written = all(&log, &opened);
    assert_eq!(
        (written.len(), opened.findings.len(), opened.blocks.len()),
        (7, 0, 1)
    );
    let files = disk.files();
    assert!(files.values().all(|bytes| bytes.len() < 1000));
    (files, written)
}

fn disk_of(files: &Files) -> SimDisk {
    let disk = SimDisk::new();
    files.iter().for_each(|(path, bytes)| disk.plant(path, bytes));
    disk
}

/// Every change that can be read, from blocks as far as they verify, and whether anything was reported.
fn look(disk: &SimDisk) -> Option<(Vec<Key>, bool)> {
    let checked = check(disk, &room_dir(ROOM));
    let (mut log, mut opened) = Log::open(disk.clone(), &room_dir(ROOM), [5; 32]).ok()?;
    let mut reported = !opened.findings.is_empty() || checked.is_ok_and(|report| !report.findings.is_empty());
    for number in log.blocks().collect::<Vec<_>>() {
        if log.read_block(number).is_err() {
            reported = true;
            log.retire_block(number).unwrap();
            opened.blocks.retain(|block| *block != number);
        }
    }
    let changes = all(&log, &opened);
    log.append(&[change(9, 1, 10)]).unwrap();
    let (_, again) = open(disk);
    assert_eq!(
        again.changes().last(),
        Some(&change(9, 1, 10)),
        "the log goes on after damage"
    );
    Some((changes, reported))
}

#[test]
fn every_flipped_bit_is_reported_and_costs_at_most_what_it_hit() {
    let (files, written) = small();
    for (path, bytes) in &files {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let disk = disk_of(&files);
            disk.plant(path, &flipped);
            let place = format!("{} bit {bit}", path.display());
            let (read, reported) = look(&disk).unwrap_or_else(|| panic!("{place}: the room does not open"));
            assert!(reported, "{place}: not reported");
            let mut rest = written.iter();
            assert!(
                read.iter().all(|change| rest.any(|there| there == change)),
                "{place}: wrong or out of order"
            );
            let lost = written.len() - read.len();
            let most = if path.extension().is_some_and(|extension| extension == "blk") {
                2
            } else {
                1
            };
            assert!(lost <= most, "{place}: {lost} changes lost");
        }
    }
}

#[test]
fn every_cut_file_is_read_as_far_as_it_goes() {
    let (files, written) = small();
    for (path, bytes) in &files {
        for len in 0..bytes.len() {
            let disk = disk_of(&files);
            disk.plant(path, &bytes[..len]);
            let (read, reported) = look(&disk).unwrap();
            let mut rest = written.iter();
            assert!(
                read.iter().all(|change| rest.any(|there| there == change)),
                "{} at {len}",
                path.display()
            );
            // A file cut to nothing, or between two records, cannot be told from one that ended there.
            let tail = crate::tail::Content::read(&room_dir(ROOM), &bytes[..len]);
            let whole = tail.is_ok_and(|tail| tail.torn.is_none());
            assert!(
                reported || whole || len == 0,
                "{} at {len}: not reported",
                path.display()
            );
        }
    }
}

#[test]
fn damage_in_the_middle_is_named_by_file_and_place_and_never_cut() {
    let (disk, mut log) = created();
    let changes: Vec<_> = (1..=5).map(|seq| change(1, seq, 10)).collect();
    log.append(&changes).unwrap();
    let path = tail_path(&room_dir(ROOM), StretchNumber(1));
    let mut bytes = disk.read(&path).unwrap();
    let record = (bytes.len() - crate::head::HEAD_LEN) / 5;
    let third = crate::head::HEAD_LEN + 2 * record;
    bytes[third + record - 1] ^= 1;
    disk.plant(&path, &bytes);
    let (mut log, opened) = open(&disk);
    let range = third as u64..(third + record) as u64;
    let why = Damage::RecordBody;
    assert_eq!(
        opened.findings,
        [Finding::Damaged {
            file: path.clone(),
            range: range.clone(),
            why
        }]
    );
    assert_eq!(opened.changes(), [&changes[..2], &changes[3..]].concat());
    assert_eq!(disk.read(&path).unwrap(), bytes);
    assert_eq!(log.read(&[span(1, 3, 3)], 0).unwrap(), Stored::Nothing);
    // A peer sends what is missing.
    log.append(&changes[2..3]).unwrap();
    assert_eq!(
        log.read(&[span(1, 3, 3)], 0).unwrap(),
        Stored::Changes(changes[2..3].to_vec())
    );
    // Sealed, the damaged file is kept under another name.
    log.append(&[change(1, 6, LARGE)]).unwrap();
    log.append(&[change(1, 7, 10)]).unwrap();
    let block = block_of(&log.read_tail(StretchNumber(1)).unwrap());
    log.seal(StretchNumber(1), &block).unwrap();
    assert!(!disk.files().contains_key(&path));
    assert!(disk.files().values().any(|kept| kept.starts_with(&bytes)));
    assert_eq!(open(&disk).1.findings, vec![]);
}

#[test]
fn damage_that_comes_while_the_log_is_open_is_noticed_when_it_is_read() {
    let (disk, mut log) = grown();
    let path = tail_path(&room_dir(ROOM), StretchNumber(4));
    let mut bytes = disk.read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    disk.plant(&path, &bytes);
    assert_eq!(
        log.read(&[span(1, 7, 8)], 1 << 20).unwrap(),
        Stored::Changes(vec![change(1, 7, 10)])
    );
    assert!(matches!(
        log.read(&[span(1, 8, 8)], 0),
        Err(StoreError::Damaged { .. })
    ));
    let path = block_path(&room_dir(ROOM), StretchNumber(2));
    let mut bytes = disk.read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    disk.plant(&path, &bytes);
    assert!(matches!(
        log.read(&[span(1, 3, 3)], 0),
        Err(StoreError::Damaged { .. })
    ));
    log.retire_block(StretchNumber(2)).unwrap();
    assert_eq!(log.read(&[span(1, 3, 3)], 0).unwrap(), Stored::Nothing);
    log.append(&[change(1, 3, 10)]).unwrap();
    assert_eq!(
        log.read(&[span(1, 3, 3)], 0).unwrap(),
        Stored::Changes(vec![change(1, 3, 10)])
    );
}

#[test]
fn a_newer_version_is_refused_and_no_byte_touched() {
    let (files, _) = small();
    for path in files.keys() {
        for name in [path.clone(), tail_path(&room_dir(ROOM), StretchNumber(9))] {
            let disk = disk_of(&files);
            // Something that an opening would mend otherwise.
            disk.plant(&room_dir(ROOM).join("block-00000077.tmp"), b"half a block");
            let kind = if name.extension().is_some_and(|extension| extension == "blk") {
                crate::head::FileKind::Block
            } else {
                crate::head::FileKind::Tail
            };
            disk.plant(&name, &[&kind.magic()[..], b"\x02\x00", &[7; 300]].concat());
            let before = disk.files();
            let opened = Log::open(disk.clone(), &room_dir(ROOM), [1; 32]).map(|(_, opened)| opened);
            assert!(
                matches!(opened, Err(StoreError::Newer { found: 2, .. })),
                "{opened:?}"
            );
            let created = Log::create(disk.clone(), ROOM, [1; 32]).map(|log| log.room());
            assert!(matches!(created, Err(StoreError::Newer { .. })));
            assert!(check(&disk, &room_dir(ROOM)).is_err());
            assert_eq!(disk.files(), before);
        }
    }
}

#[test]
fn files_of_others_and_of_other_rooms_are_left_alone() {
    let (files, written) = small();
    let disk = disk_of(&files);
    let foreign = tail_path(&room_dir(ROOM), StretchNumber(50));
    disk.plant(&foreign, b"Dear diary, today the log was long.");
    disk.plant(&room_dir(ROOM).join("notes.txt"), b"mine");
    let other = Log::create(SimDisk::new(), RoomId([9; 16]), [3; 32]).unwrap();
    let strange = other
        .disk
        .read(&tail_path(other.dir(), StretchNumber(1)))
        .unwrap();
    // Its head names number 1; under another number it is misplaced twice over.
    disk.plant(&tail_path(&room_dir(ROOM), StretchNumber(60)), &strange);
    let (mut log, opened) = open(&disk);
    assert!(opened.findings.contains(&Finding::Foreign {
        file: foreign.clone()
    }));
    assert_eq!((opened.findings.len(), all(&log, &opened)), (2, written));
    log.append(&[change(1, 5, 10)]).unwrap();
    assert!(
        disk.files()
            .contains_key(&tail_path(&room_dir(ROOM), StretchNumber(61)))
    );
    assert!(disk.files().contains_key(&foreign));
}

#[test]
fn a_record_kind_of_a_newer_version_outlives_sealing() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    let path = tail_path(&room_dir(ROOM), StretchNumber(1));
    let mut bytes = disk.read(&path).unwrap();
    let tail = crate::tail::Content::read(&room_dir(ROOM), &bytes)
        .ok()
        .unwrap()
        .tail;
    let (mut chain, offset) = (tail.chain, tail.end);
    let kind = crate::record::RecordKind(200);
    crate::record::encode(
        &mut bytes,
        &tail.key,
        &mut chain,
        offset,
        kind,
        b"from the future",
    );
    disk.plant(&path, &bytes);
    let (mut log, opened) = open(&disk);
    assert_eq!(
        (opened.changes(), opened.findings),
        (vec![change(1, 1, 10)], vec![])
    );
    log.append(&[change(1, 2, LARGE)]).unwrap();
    log.append(&[change(1, 3, 10)]).unwrap();
    let block = block_of(&log.read_tail(StretchNumber(1)).unwrap());
    log.seal(StretchNumber(1), &block).unwrap();
    let future = |bytes: &Vec<u8>| bytes.windows(15).any(|part| part == b"from the future");
    assert!(disk.files().values().any(future));
}

#[test]
fn findings_and_errors_tell_a_person_what_to_know() {
    let file = PathBuf::from("rooms/ab/tail-00000001.log");
    let torn = |end| {
        let (file, range) = (file.clone(), 200..230);
        Finding::Torn { file, range, end }.to_string()
    };
    let moved = torn(TornEnd::MovedTo(PathBuf::from("rooms/ab/torn-1.bin")));
    assert!(moved.contains("tail-00000001.log: the last 30 bytes are no whole record"));
    assert!(moved.contains("moved to rooms/ab/torn-1.bin"));
    assert!(torn(TornEnd::Zeros).contains("are zeros"));
    assert!(torn(TornEnd::Left).contains("left there"));
    for end in [TornEnd::Zeros, TornEnd::Left] {
        // What zeros stand for, nobody knows.
        assert!(!torn(end).contains("nothing"));
    }
    let newer = StoreError::Newer {
        path: file.clone(),
        found: 2,
        known: 1,
    }
    .to_string();
    assert!(newer.contains("use a newer tailchat") && newer.contains("nothing was changed"));
    let full = StoreError::Full {
        path: file,
        cause: io::ErrorKind::StorageFull.into(),
    }
    .to_string();
    assert!(full.contains("disk is full") && full.contains("free some space"));
}

#[test]
fn a_tail_stays_as_long_as_its_block_is_not_sound() {
    let (disk, mut log) = grown();
    let tail = tail_path(&room_dir(ROOM), StretchNumber(3));
    let before = disk.read(&tail).unwrap();
    let block = block_of(&log.read_tail(StretchNumber(3)).unwrap());
    log.seal(StretchNumber(3), &block).unwrap();
    disk.plant(&tail, &before);
    let path = block_path(&room_dir(ROOM), StretchNumber(3));
    let mut bytes = disk.read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    disk.plant(&path, &bytes);
    let (mut log, opened) = open(&disk);
    let why = Damage::BlockSection;
    let [Finding::Damaged { file, why: found, .. }] = opened.findings.as_slice() else {
        panic!("no damage")
    };
    assert_eq!((file, *found), (&path, why));
    assert_eq!((opened.changes().len(), log.ripe()), (4, Some(StretchNumber(3))));
    log.seal(StretchNumber(3), &block).unwrap();
    assert_eq!(log.read_block(StretchNumber(3)).unwrap(), block);
    assert!(!disk.files().contains_key(&tail));
}

#[test]
fn a_block_with_one_damaged_copy_of_its_head_is_used_and_reported() {
    let (disk, _) = grown();
    let path = block_path(&room_dir(ROOM), StretchNumber(1));
    let mut bytes = disk.read(&path).unwrap();
    bytes[20] ^= 1;
    disk.plant(&path, &bytes);
    let (log, opened) = open(&disk);
    assert_eq!(opened.findings, vec![]);
    assert!(matches!(
        log.read(&[span(1, 1, 1)], 0),
        Ok(Stored::Block(StretchNumber(1), _))
    ));
    assert!(matches!(
        log.take_findings().as_slice(),
        [Finding::Damaged {
            why: Damage::HeadCopy,
            ..
        }]
    ));
    assert!(matches!(
        log.check().unwrap().findings.as_slice(),
        [Finding::Damaged {
            why: Damage::HeadCopy,
            ..
        }]
    ));
}

#[test]
fn a_tail_that_holds_more_than_its_block_is_kept_after_a_crash_too() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10), change(1, 2, 10)]).unwrap();
    log.append(&[change(1, 3, LARGE)]).unwrap();
    log.append(&[change(1, 4, 10)]).unwrap();
    let path = tail_path(&room_dir(ROOM), StretchNumber(1));
    let mut bytes = disk.read(&path).unwrap();
    bytes[crate::head::HEAD_LEN + 60] ^= 1;
    disk.plant(&path, &bytes);
    let block = block_of(&log.read_tail(StretchNumber(1)).unwrap());
    let sealed = log.sealer(StretchNumber(1)).unwrap().seal(&block).unwrap();
    // The process ends before the log learns of the block.
    drop(sealed);
    let (_, opened) = open(&disk);
    assert_eq!(
        (opened.blocks.len(), opened.changes()),
        (1, vec![change(1, 4, 10)])
    );
    assert!(!disk.files().contains_key(&path));
    assert!(disk.files().values().any(|kept| *kept == bytes));
}
