//! Records are found, torn ones told from damaged ones, at every byte and bit. Uses no disk.

use proptest::prelude::*;

use super::*;
use crate::head::HEAD_LEN;

const ID: FileId = FileId([0x11; 16]);

/// A file's bytes with these bodies as records, the head left zero, and where each record ends.
fn file(bodies: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut chain, key) = (vec![0; HEAD_LEN], Chain::start(ID), FileKey::new(ID));
    let ends = bodies.iter().map(|body| {
        let offset = bytes.len() as u64;
        encode(&mut bytes, &key, &mut chain, offset, RecordKind::CHANGE, body);
        bytes.len()
    });
    let ends = ends.collect();
    (bytes, ends)
}

fn bodies(scan: &Scan, bytes: &[u8]) -> Vec<Vec<u8>> {
    scan.records
        .iter()
        .map(|found| found.body(bytes).to_vec())
        .collect()
}

#[test]
fn a_record_has_these_bytes_for_ever() {
    let (bytes, _) = file(&[b"first".to_vec(), b"second".to_vec()]);
    let hex: String = bytes[HEAD_LEN..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, include_str!("../golden/record.hex").trim());
}

#[test]
fn every_prefix_keeps_the_whole_records_and_names_the_rest_torn() {
    let written = vec![b"one".to_vec(), vec![], vec![7; 100], b"four".to_vec()];
    let (bytes, ends) = file(&written);
    for len in HEAD_LEN..=bytes.len() {
        for tail in [0, 1, 500] {
            let mut cut = bytes[..len].to_vec();
            cut.resize(len + tail, 0);
            let scan = scan(ID, &cut, HEAD_LEN);
            let whole = ends.iter().filter(|end| **end <= len).count();
            let end = ends[..whole].last().copied().unwrap_or(HEAD_LEN);
            assert_eq!(
                (bodies(&scan, &cut), scan.end),
                (written[..whole].to_vec(), end),
                "{len}"
            );
            assert_eq!(scan.torn, (end < cut.len()).then_some(end..cut.len()), "{len}");
            assert_eq!(scan.damage, vec![]);
        }
    }
}

#[test]
fn every_flipped_bit_loses_one_record_and_is_reported() {
    let written = vec![b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
    let (bytes, ends) = file(&written);
    for bit in HEAD_LEN * 8..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let scan = scan(ID, &flipped, HEAD_LEN);
        let hit = ends.iter().position(|end| bit / 8 < *end).unwrap();
        let mut left = written.clone();
        left.remove(hit);
        assert_eq!(bodies(&scan, &flipped), left, "bit {bit}");
        let from = hit.checked_sub(1).map_or(HEAD_LEN, |before| ends[before]);
        if hit + 1 == written.len() {
            assert_eq!(
                (scan.torn, scan.damage),
                (Some(from..bytes.len()), vec![]),
                "bit {bit}"
            );
        } else {
            assert_eq!((scan.torn, scan.damage.len()), (None, 1), "bit {bit}");
            assert_eq!(scan.damage[0].0, from..ends[hit], "bit {bit}");
        }
    }
}

#[test]
fn a_record_at_another_place_or_in_another_file_does_not_verify() {
    let (bytes, ends) = file(&[b"same".to_vec(), b"same".to_vec()]);
    let mut moved = bytes[..HEAD_LEN].to_vec();
    moved.extend_from_slice(&bytes[ends[0]..]);
    assert_eq!(scan(ID, &moved, HEAD_LEN).records, vec![]);
    assert_eq!(scan(FileId([0x12; 16]), &bytes, HEAD_LEN).records, vec![]);
}

#[test]
fn a_record_that_does_not_follow_the_one_before_it_is_used_and_reported() {
    let (mut bytes, key) = (vec![0; HEAD_LEN], FileKey::new(ID));
    let mut chain = Chain {
        next_seq: 4,
        link: [9; 8],
    };
    encode(
        &mut bytes,
        &key,
        &mut chain,
        HEAD_LEN as u64,
        RecordKind::LOCAL,
        b"late",
    );
    let scan = scan(ID, &bytes, HEAD_LEN);
    assert_eq!(scan.records.len(), 1);
    assert_eq!(scan.damage, vec![(HEAD_LEN..HEAD_LEN, Damage::Chain)]);
    assert_eq!(scan.chain, chain);
}

#[test]
fn a_kind_of_a_newer_version_is_kept_and_skipped() {
    let (mut bytes, mut chain, key) = (vec![0; HEAD_LEN], Chain::start(ID), FileKey::new(ID));
    for (kind, body) in [(99, b"what?".as_slice()), (1, b"known")] {
        let offset = bytes.len() as u64;
        encode(&mut bytes, &key, &mut chain, offset, RecordKind(kind), body);
    }
    let scan = scan(ID, &bytes, HEAD_LEN);
    let kinds: Vec<_> = scan.records.iter().map(|found| found.kind.0).collect();
    assert_eq!((kinds, scan.damage, scan.torn), (vec![99, 1], vec![], None));
}

proptest! {
    #[test]
    fn any_bytes_are_scanned_without_a_panic_or_a_phantom(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        start in 0_usize..200,
    ) {
        prop_assert_eq!(scan(ID, &bytes, start).records, vec![]);
    }

    #[test]
    fn overwritten_bytes_never_make_a_record_that_was_not_written(
        written in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..8),
        at in any::<proptest::sample::Index>(),
        garbage in proptest::collection::vec(any::<u8>(), 1..120),
    ) {
        let (mut bytes, _) = file(&written);
        let at = at.index(bytes.len());
        let end = (at + garbage.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&garbage[..end - at]);
        let scan = scan(ID, &bytes, HEAD_LEN);
        for found in &scan.records {
            prop_assert_eq!(found.body(&bytes), written[found.seq as usize].as_slice());
        }
        let lost = scan.records.len() < written.len();
        prop_assert_eq!(lost, scan.torn.is_some() || !scan.damage.is_empty());
    }
}
