//! The node's own reading of a log beside the simulation's: in tests, wherever a log is opened, both must find the
//! same. Knows no peer.

use std::collections::BTreeSet;

use tailchat_core::block::SeqRange;
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::timeline::Timeline;
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
    let mut replay = Journal::open(disk.clone(), &room_dir(room), [9; 32])
        .map_err(|error| format!("the node cannot open its room: {error}"))?;
    let mut timeline = Timeline::default();
    while let Some(portion) = replay.portion() {
        for (parts, arrival) in &portion.changes {
            timeline.fold(parts, *arrival);
        }
    }
    let theirs = replay.finish();
    let ours = history.opened(device, None);
    let actors: BTreeSet<ActorId> = timeline.roster().actors_of(device).collect();
    if (&theirs.state, &actors) != (&ours.state, &ours.ours) {
        return Err("the node finds another state in its room".into());
    }
    // Behind a gap the node shows what the simulation takes for lost; it is in no peer's state.
    let gap = theirs
        .findings
        .iter()
        .any(|finding| finding.contains("after a gap"));
    if !gap && (timeline != history.timeline || *timeline.roster().repeated() != ours.repeated) {
        return Err("the node shows something else of its room".into());
    }
    let all = ours.state.tips().map(|(actor, tip)| SeqRange {
        actor,
        from: 1,
        to: tip.seq,
    });
    let all: Vec<_> = all.collect();
    let ours = answer(log, &all).map_err(|error| error.to_string())?;
    let theirs = theirs.journal.answer(&all).map_err(|error| error.to_string())?;
    if ours.is_empty() != theirs.is_empty() {
        return Err("the node answers something else".into());
    }
    Ok(())
}
