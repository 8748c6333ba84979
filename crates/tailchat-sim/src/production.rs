//! The node's own reading of a log beside the simulation's: in tests, wherever a log is opened, both must find the
//! same. Knows no peer.

use tailchat_core::block::SeqRange;
use tailchat_core::ids::{DeviceId, RoomId};
use tailchat_node::journal::Journal;
use tailchat_store::disk::Disk;
use tailchat_store::log::{Log, room_dir};

use crate::history::{History, answer};

/// Opens the log as the node does, on a copy of the disk, and compares.
pub(crate) fn check<D: Disk>(
    disk: &D,
    log: &Log<D>,
    room: RoomId,
    device: DeviceId,
    history: &History,
) -> Result<(), String> {
    let loaded = Journal::open(disk.clone(), &room_dir(room), [9; 32], device)
        .map_err(|error| format!("the node cannot open its room: {error}"))?;
    let (theirs, ours) = (&loaded.opened, history.opened(device, None));
    if (&theirs.state, &theirs.ours) != (&ours.state, &ours.ours) {
        return Err("the node finds another state in its room".into());
    }
    // Behind a gap the node shows what the simulation takes for lost; it is in no peer's state.
    let gap = loaded
        .findings
        .iter()
        .any(|finding| finding.contains("after a gap"));
    if !gap && (loaded.timeline != history.timeline || theirs.repeated != ours.repeated) {
        return Err("the node shows something else of its room".into());
    }
    let all = ours.state.tips().map(|(actor, tip)| SeqRange {
        actor,
        from: 1,
        to: tip.seq,
    });
    let all: Vec<_> = all.collect();
    let ours = answer(log, &all).map_err(|error| error.to_string())?;
    let theirs = loaded.journal.answer(&all).map_err(|error| error.to_string())?;
    if ours.is_empty() != theirs.is_empty() {
        return Err("the node answers something else".into());
    }
    Ok(())
}
