//! What a disk may hold when a room is opened.

use std::path::PathBuf;

use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_store::change::ChangeRecord;
use tailchat_store::log::{Log, check, room_dir};
use tailchat_store::sim_disk::SimDisk;

const ROOM: RoomId = RoomId([9; 16]);

fn change(actor: u8, seq: u64) -> ChangeRecord {
    ChangeRecord {
        actor: ActorId([actor; 16]),
        seq,
        arrived_at_ms: 1,
        via: DeviceId([3; 16]),
        change: vec![actor; 40],
    }
}

/// A small log, and where its tail is.
fn small() -> (SimDisk, PathBuf, Vec<u8>) {
    let disk = SimDisk::new();
    let mut log = Log::create(disk.clone(), ROOM, [1; 32]).expect("an empty disk takes a log");
    for seq in 1..4 {
        log.append(&[change(1, seq), change(2, seq)])
            .expect("an empty disk has room");
    }
    let mut files = disk.files().into_iter();
    let tail = files.find(|(_, bytes)| bytes.len() > 100);
    let (path, bytes) = tail.expect("a log has a tail");
    (disk, path, bytes)
}

/// Bytes as a log's tail: it opens, and what it gives is there at the next opening, too; or it says why not.
pub(crate) fn record(data: &[u8]) {
    let (disk, path, _) = small();
    disk.plant(&path, data);
    let dir = room_dir(ROOM);
    let Ok((mut log, first)) = Log::open(disk.clone(), &dir, [2; 32]) else {
        return;
    };
    let appended = log.append(&[change(3, 1)]).is_ok();
    drop(log);
    let _ = check(&disk, &dir);
    let (_, again) = Log::open(disk, &dir, [3; 32]).expect("a log that opened opens again");
    let count =
        |opened: &tailchat_store::log::Opened| opened.tail.iter().map(|(_, all)| all.len()).sum::<usize>();
    assert!(
        count(&again) >= count(&first) + usize::from(appended),
        "what was given is gone: {} and {}",
        count(&first),
        count(&again)
    );
}

pub(crate) fn record_seeds() -> Vec<Vec<u8>> {
    let (_, _, bytes) = small();
    let half = bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
    let zeros = [half.clone(), vec![0; 200]].concat();
    vec![bytes, half, zeros]
}
