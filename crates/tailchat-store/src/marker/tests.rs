//! The mark of a clean stop counts where it was written, and nowhere else. Uses real folders.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

const HERE: Option<Machine> = Some(Machine([1; 16]));

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis()
        .try_into()
        .unwrap()
}

fn stop() -> CleanStop {
    let alias = "0011223344556677".to_owned();
    let room = CleanRoom {
        alias,
        actor: ActorId([2; 16]),
        seq: 7,
        tip: ChangeHash([3; 32]),
    };
    CleanStop {
        rooms: vec![room.clone(), CleanRoom { seq: 8, ..room }],
    }
}

/// A folder with a marker written just now.
fn stopped() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &stop(), now_ms(), HERE).unwrap();
    folder
}

#[test]
fn a_marker_counts_once() {
    let folder = stopped();
    assert_eq!(take(folder.path(), HERE).unwrap(), Some(stop()));
    assert_eq!(take(folder.path(), HERE).unwrap(), None);
}

#[test]
fn a_second_stop_replaces_the_marker_of_the_first() {
    let folder = stopped();
    write(folder.path(), &CleanStop::default(), now_ms(), HERE).unwrap();
    assert_eq!(take(folder.path(), HERE).unwrap(), Some(CleanStop::default()));
}

#[test]
fn a_copied_or_moved_folder_has_no_marker_that_counts() {
    let (folder, other) = (stopped(), tempfile::tempdir().unwrap());
    let copy = other.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(folder.path().join(MARKER_FILE), copy.join(MARKER_FILE)).unwrap();
    assert_eq!(take(&copy, HERE).unwrap(), None);
    assert!(!copy.join(MARKER_FILE).exists());
    let (old, new) = (other.path().join("old"), other.path().join("new"));
    fs::create_dir(&old).unwrap();
    write(&old, &stop(), now_ms(), HERE).unwrap();
    fs::rename(&old, &new).unwrap();
    assert_eq!(take(&new, HERE).unwrap(), None);
}

#[test]
fn another_machine_or_time_does_not_count() {
    assert_eq!(take(stopped().path(), Some(Machine([9; 16]))).unwrap(), None);
    assert_eq!(take(stopped().path(), None).unwrap(), None);
    for off in [-60_000, 60_000] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &stop(), now_ms() + off, HERE).unwrap();
        assert_eq!(take(folder.path(), HERE).unwrap(), None);
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &stop(), now_ms(), None).unwrap();
    assert!(!folder.path().join(MARKER_FILE).exists());
}

#[test]
fn a_damaged_or_torn_marker_does_not_count_and_goes() {
    let seat = Seat {
        inode: 1,
        written_at_ms: 2,
        machine: [3; 16],
        place: [4; 16],
    };
    let bytes = encode(&seat, &stop());
    assert_eq!(decode(&bytes), Some((seat, stop())));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&flipped), None, "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert_eq!(decode(&bytes[..len]), None, "length {len}");
    }
    let folder = stopped();
    let path = folder.path().join(MARKER_FILE);
    fs::write(&path, &bytes[..40]).unwrap();
    assert_eq!(take(folder.path(), HERE).unwrap(), None);
    assert!(!path.exists());
}

#[test]
fn a_marker_has_these_bytes_for_ever() {
    let seat = Seat {
        inode: 1,
        written_at_ms: 2,
        machine: [3; 16],
        place: [4; 16],
    };
    let hex: String = encode(&seat, &stop())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, include_str!("../golden/marker.hex").trim());
}
