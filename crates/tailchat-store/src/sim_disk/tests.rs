//! The simulated disk forgets and fails as real ones do.

use super::*;

fn path() -> &'static Path {
    Path::new("d/f")
}

/// A disk with a durable file `d/f` that holds "ab".
fn disk() -> SimDisk {
    let mut disk = SimDisk::new();
    disk.create_dir(Path::new("d")).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    disk.create(path()).unwrap();
    disk.append(path(), b"ab").unwrap();
    disk.sync(path()).unwrap();
    disk.sync_dir(Path::new("d")).unwrap();
    disk
}

fn content(disk: &SimDisk) -> Option<Vec<u8>> {
    disk.files().remove(path())
}

#[test]
fn synced_bytes_survive_and_others_are_torn_at_any_byte() {
    for (keep, left) in [
        (Keep::Nothing, b"ab".as_slice()),
        (Keep::First(1), b"abc"),
        (Keep::FirstThenZeros(1), b"abc\0"),
        (Keep::ZerosThenRest(1), b"ab\0d"),
        (Keep::All, b"abcd"),
    ] {
        let mut disk = disk();
        disk.append(path(), b"cd").unwrap();
        disk.crash_with(|_| keep);
        assert_eq!(content(&disk).unwrap(), left);
    }
}

#[test]
fn a_name_is_durable_only_after_its_folder_is_synced() {
    let mut disk = disk();
    disk.create(Path::new("d/g")).unwrap();
    disk.sync(Path::new("d/g")).unwrap();
    disk.rename(path(), Path::new("d/h")).unwrap();
    let lost = disk.fork();
    lost.crash_with(|_| Keep::Nothing);
    assert_eq!(lost.list(Path::new("d")).unwrap(), ["f"]);
    disk.crash_with(|unsynced| match unsynced {
        Unsynced::Name { new: Some("h"), .. } => Keep::All,
        _ => Keep::Nothing,
    });
    assert_eq!(disk.list(Path::new("d")).unwrap(), ["h"]);
    assert_eq!(disk.read(Path::new("d/h")).unwrap(), b"ab");
}

#[test]
fn a_failed_sync_loses_the_bytes_though_reads_show_them() {
    let mut disk = disk();
    disk.append(path(), b"cd").unwrap();
    disk.fail(0..1, Fault::Io);
    disk.sync(path()).unwrap_err();
    disk.sync(path()).unwrap();
    assert_eq!(content(&disk).unwrap(), b"abcd");
    disk.crash_with(|_| Keep::All);
    assert_eq!(content(&disk).unwrap(), b"ab\0\0");
}

#[test]
fn a_full_disk_takes_a_part_and_can_still_be_cut_back() {
    let mut disk = disk();
    disk.set_capacity(Some(3));
    assert_eq!(
        disk.append(path(), b"cd").unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_eq!(content(&disk).unwrap(), b"abc");
    disk.set_len(path(), 2).unwrap();
    disk.sync(path()).unwrap();
    disk.crash_with(|_| Keep::Nothing);
    assert_eq!(content(&disk).unwrap(), b"ab");
}

#[test]
fn faults_meet_the_operations_they_are_planted_for() {
    let mut disk = disk();
    disk.fail(1..2, Fault::Short);
    disk.append(path(), b"c").unwrap();
    disk.append(path(), b"defg").unwrap_err();
    disk.append(path(), b"!").unwrap();
    assert_eq!(content(&disk).unwrap(), b"abcde!");
    disk.fail(0..1, Fault::Lie);
    disk.sync(path()).unwrap();
    disk.crash_with(|_| Keep::Nothing);
    assert_eq!(content(&disk).unwrap(), b"ab");
}

#[test]
fn equal_seeds_crash_alike_and_forks_go_their_own_way() {
    let mut disk = disk();
    disk.append(path(), &[7; 1000]).unwrap();
    let forks: Vec<_> = [1, 1, 2, 3, 4, 5]
        .iter()
        .map(|seed| (*seed, disk.fork()))
        .collect();
    forks.iter().for_each(|(seed, fork)| fork.crash(*seed));
    assert_eq!(forks[0].1.files(), forks[1].1.files());
    assert!(forks.iter().any(|(_, fork)| fork.files() != forks[0].1.files()));
    assert_eq!(content(&disk).unwrap().len(), 1002);
}

#[test]
fn a_folder_moves_with_all_that_is_in_it() {
    let mut disk = disk();
    disk.rename(Path::new("d"), Path::new("e")).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    disk.remove_dir(Path::new("e")).unwrap_err();
    disk.remove(Path::new("e/f")).unwrap();
    disk.remove_dir(Path::new("e")).unwrap();
    assert_eq!(disk.list(Path::new("")).unwrap(), Vec::<String>::new());
}

#[test]
fn a_power_cut_ends_in_every_way() {
    let mut disk = SimDisk::new();
    disk.create_dir(Path::new("dir")).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    for name in ["one", "two"] {
        disk.create(&Path::new("dir").join(name)).unwrap();
    }
    disk.append(Path::new("dir/one"), b"four").unwrap();
    let left: std::collections::BTreeSet<_> = disk.crashes(u64::MAX).iter().map(SimDisk::files).collect();
    // The second file is there or not; the first is not there, or with nothing, all, and a half in three ways.
    assert_eq!(left.len(), 2 * (1 + 5));
    assert!(disk.crashes(5).len() <= 5);
}
