//! A data folder has one owner, and is ours or left alone. Uses real folders.

use tailchat_core::ids::RoomId;

use super::*;
use crate::log::{Log, room_dir};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some/where");
    (dir, path)
}

#[test]
fn a_folder_is_made_and_opened_again() {
    let (_dir, path) = folder();
    let mut first = Folder::open(&path).unwrap();
    assert_eq!(first.read_fact("me").unwrap(), None);
    first.write_fact("me", b"fact").unwrap();
    drop(first);
    let again = Folder::open(&path).unwrap();
    assert_eq!(
        (again.path(), again.read_fact("me").unwrap()),
        (path.as_path(), Some(b"fact".to_vec()))
    );
}

#[test]
fn one_process_at_a_time() {
    let (_dir, path) = folder();
    let first = Folder::open(&path).unwrap();
    assert!(matches!(Folder::open(&path), Err(FolderError::Locked { .. })));
    drop(first);
    let again = Folder::open(&path).unwrap();
    assert!(path.join(LOCK_FILE).exists());
    drop(again);
    assert!(path.join(LOCK_FILE).exists());
}

#[test]
fn a_folder_of_others_is_refused_and_not_touched() {
    let (_dir, path) = folder();
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("thesis.txt"), "mine").unwrap();
    assert!(matches!(Folder::open(&path), Err(FolderError::NotOurs { .. })));
    fs::write(path.join(VERSION_FILE), "a cat with a tail").unwrap();
    assert!(matches!(Folder::open(&path), Err(FolderError::NotOurs { .. })));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
    let file = Folder::open(&path.join("thesis.txt"));
    assert!(matches!(file, Err(FolderError::NotAFolder { .. })), "{file:?}");
}

#[test]
fn a_newer_folder_is_refused_and_not_touched() {
    let (_dir, path) = folder();
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join(VERSION_FILE), format!("{VERSION_TEXT}2\n")).unwrap();
    assert!(matches!(
        Folder::open(&path),
        Err(FolderError::Newer { found: 2, .. })
    ));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
}

#[test]
fn what_the_very_first_opening_left_at_a_crash_is_no_obstacle() {
    let (_dir, path) = folder();
    fs::create_dir_all(&path).unwrap();
    for name in [LOCK_FILE, FRESH_VERSION_FILE, PROBE_FILE] {
        fs::write(path.join(name), "").unwrap();
    }
    Folder::open(&path).unwrap();
    assert!(!path.join(FRESH_VERSION_FILE).exists());
}

#[test]
fn a_folder_that_may_not_be_written_is_named_so() {
    for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
        let refused = refused(Path::new("x"), "write", kind.into());
        assert!(matches!(refused, FolderError::ReadOnly { .. }));
    }
}

#[test]
fn rooms_are_listed_and_removed() {
    let (_dir, path) = folder();
    let mut folder = Folder::open(&path).unwrap();
    let (one, two) = (RoomId([1; 16]), RoomId([2; 16]));
    for room in [one, two] {
        Log::create(folder.disk(), room, [0; 32]).unwrap();
    }
    fs::write(path.join("rooms/notes.txt"), "no room").unwrap();
    assert_eq!(folder.room_dirs().unwrap().len(), 2);
    folder.remove_room(&room_dir(one)).unwrap();
    assert_eq!(folder.room_dirs().unwrap(), [room_dir(two)]);
    assert_eq!(fs::read_dir(path.join(ROOMS_DIR)).unwrap().count(), 2);
    Log::create(folder.disk(), one, [0; 32]).unwrap();
    folder.remove_room(&room_dir(one)).unwrap();
    folder.remove_room(&room_dir(one)).unwrap_err();
}

#[test]
fn what_a_crash_left_of_a_removed_room_goes_at_the_next_opening() {
    let (_dir, path) = folder();
    drop(Folder::open(&path).unwrap());
    let trash = path.join(ROOMS_DIR).join("trash-0011223344556677");
    fs::create_dir_all(trash.join("deep")).unwrap();
    let folder = Folder::open(&path).unwrap();
    assert_eq!((folder.room_dirs().unwrap(), trash.exists()), (vec![], false));
}

#[cfg(unix)]
#[test]
fn a_clean_stop_is_remembered_and_only_the_owner_may_look() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, path) = folder();
    let mut first = Folder::open(&path).unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    first
        .write_marker(&CleanStop::default(), now.as_millis().try_into().unwrap())
        .unwrap();
    let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(""), mode(ROOMS_DIR), mode(LOCK_FILE), mode(VERSION_FILE)),
        (0o700, 0o700, 0o600, 0o600)
    );
    drop(first);
    let mut again = Folder::open(&path).unwrap();
    // Without an ID of the machine there is no continuity, and nothing to take.
    let expected = marker::machine().map(|_| CleanStop::default());
    assert_eq!(again.take_marker().unwrap(), expected);
    assert_eq!(again.take_marker().unwrap(), None);
}
