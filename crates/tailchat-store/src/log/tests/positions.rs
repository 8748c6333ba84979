//! Who reflects a log is told how far it goes, and finds at the next opening what is new.

use super::*;
use crate::sim_disk::Fault;

/// What somebody who reflects a log up to a position still has to take from an opening.
fn new_since(at: Position, opened: &Opened) -> Vec<ChangeRecord> {
    let new = opened.tail.iter().flat_map(|(stretch, changes)| {
        let skip = match stretch.cmp(&at.stretch) {
            std::cmp::Ordering::Less => changes.len(),
            std::cmp::Ordering::Equal => usize::try_from(at.changes).unwrap(),
            std::cmp::Ordering::Greater => 0,
        };
        changes.iter().skip(skip)
    });
    new.cloned().collect()
}

fn at(stretch: u64, changes: u64) -> Position {
    Position {
        stretch: StretchNumber(stretch),
        changes,
    }
}

#[test]
fn an_append_says_where_the_log_ends() {
    let (disk, mut log) = created();
    assert_eq!((log.position(), log.append(&[]).unwrap()), (at(1, 0), at(1, 0)));
    log.set_local(b"facts".to_vec()).unwrap();
    let two = [change(1, 1, 10), change(1, 2, LARGE)];
    assert_eq!(log.append(&two).unwrap(), at(1, 2));
    assert_eq!(log.append(&[change(1, 3, 10)]).unwrap(), at(2, 1));
    // The sync fails: the same change stands in the next tail.
    disk.fail(1..2, Fault::Io);
    assert_eq!(log.append(&[change(1, 4, 10)]).unwrap(), at(3, 1));
    assert_eq!(log.append(&[change(1, 5, 10)]).unwrap(), at(3, 2));
    let (log, opened) = open(&disk);
    let found: Vec<_> = opened
        .tail
        .iter()
        .map(|(stretch, changes)| (stretch.0, changes.len()))
        .collect();
    assert_eq!((found, log.position()), (vec![(1, 2), (2, 1), (3, 2)], at(3, 2)));
}

#[test]
fn what_was_reflected_is_told_from_what_is_new() {
    let (disk, mut log) = created();
    let mut positions = vec![log.position()];
    for seq in 1..=9 {
        let len = if seq % 3 == 0 { LARGE } else { 10 };
        positions.push(log.append(&[change(1, seq, len)]).unwrap());
    }
    let (_, opened) = open(&disk);
    for (reflected, position) in positions.into_iter().enumerate() {
        let seqs: Vec<u64> = new_since(position, &opened).iter().map(|new| new.seq).collect();
        let expected: Vec<u64> = (reflected as u64 + 1..=9).collect();
        assert_eq!(seqs, expected, "{position:?}");
    }
}

#[test]
fn a_log_without_a_tail_to_write_ends_before_its_next_one() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10)]).unwrap();
    let first = crate::tail::tail_path(&room_dir(ROOM), StretchNumber(1));
    let foreign = crate::tail::tail_path(&room_dir(ROOM), StretchNumber(7));
    disk.plant(&foreign, b"Dear diary");
    let (mut log, opened) = open(&disk);
    assert_eq!(log.position(), at(8, 0));
    assert_eq!(new_since(log.position(), &opened), vec![]);
    assert_eq!(log.append(&[change(1, 2, 10)]).unwrap(), at(8, 1));
    assert!(disk.files().contains_key(&first));
}

#[test]
fn what_an_opening_had_to_write_again_is_told_with_its_new_place() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10), change(1, 2, 10)]).unwrap();
    // List, read, then the sync of the tail.
    disk.fail(2..3, Fault::Io);
    let (mut log, opened) = open(&disk);
    let both = vec![change(1, 1, 10), change(1, 2, 10)];
    let expected = vec![(StretchNumber(1), both.clone()), (StretchNumber(2), both)];
    assert_eq!((opened.tail, log.position()), (expected, at(2, 2)));
    assert_eq!(log.append(&[change(1, 3, 10)]).unwrap(), at(2, 3));
}

#[test]
fn a_stretch_whose_changes_cannot_be_counted_is_named() {
    let (disk, mut log) = created();
    log.append(&[change(1, 1, 10), change(1, 2, 10), change(1, 3, 10)])
        .unwrap();
    let path = crate::tail::tail_path(&room_dir(ROOM), StretchNumber(1));
    let whole = disk.read(&path).unwrap();
    assert_eq!(open(&disk).1.damaged, vec![]);
    // One copy of the head: nothing is hidden by it.
    let mut bytes = whole.clone();
    bytes[20] ^= 1;
    disk.plant(&path, &bytes);
    assert_eq!(open(&disk).1.damaged, vec![]);
    let mut bytes = whole;
    bytes[crate::head::HEAD_LEN + 60] ^= 1;
    disk.plant(&path, &bytes);
    let (_, opened) = open(&disk);
    assert_eq!(
        (opened.damaged.as_slice(), opened.changes().len()),
        ([StretchNumber(1)].as_slice(), 2)
    );
}
