//! From a room's folder to an open room: its log, and what the index does not reflect of it. Blocks; decides nothing
//! but what has to be read.

use std::path::{Path, PathBuf};

use tailchat_core::engine::Opened;
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::roster::Roster;
use tailchat_core::state::{RoomState, Tip};
use tailchat_store::disk::RealDisk;
use tailchat_store::error::StoreError;
use tailchat_store::folder::Folder;
use tailchat_store::log::room_dir;
use tailchat_store::marker::{CleanRoom, CleanStop};

use crate::facts::RoomFacts;
use crate::indexing::{IndexHandle, Known, Life};
use crate::journal::{Journal, JournalError};
use crate::node::random;
use crate::replay::{Replay, Replayed};

/// Readings of a room at one opening: the index may be lost twice, once for one on disk and once for one in memory.
const READINGS_MAX: usize = 3;

/// A room as its log has it.
pub(crate) struct Loaded {
    /// The log, ready for more.
    pub(crate) journal: Journal<RealDisk>,
    /// For the engine.
    pub(crate) opened: Opened,
    /// Who is in it.
    pub(crate) roster: Roster,
    /// What a person should know of.
    pub(crate) findings: Vec<String>,
    /// The index that it is in.
    pub(crate) life: Life,
}

/// A room that is to be read once the others are open.
pub(crate) struct Later {
    pub(crate) dir: PathBuf,
    /// Where our actor stood at the last clean stop.
    pub(crate) mark: Option<CleanRoom>,
}

/// A log at the beginning of its reading.
pub(crate) enum Begun {
    /// The index knows little of it, and there is much.
    Long,
    /// There is not much to read beyond what the index knows.
    Short(Box<(Replay<RealDisk>, Known)>),
}

fn read_log(folder: &Folder, dir: &Path) -> Result<Replay<RealDisk>, JournalError> {
    Journal::open(folder.disk(), dir, random())
}

/// Begins to read what is in a folder, if it is a room of ours.
pub(crate) fn begin(folder: &Folder, dir: &Path, index: &IndexHandle) -> Result<Begun, Unread> {
    let mut replay = read_log(folder, dir)?;
    if RoomFacts::decode(replay.facts()).left {
        return Err(Unread::Left);
    }
    let room = replay.room();
    if dir != room_dir(room) {
        // Otherwise what is done to this room would be done to another one's files.
        return Err(Unread::Foreign {
            dir: folder.path().join(dir),
            room,
        });
    }
    let known = index.resume(&mut replay);
    if replay.is_long() {
        return Ok(Begun::Long);
    }
    Ok(Begun::Short(Box::new((replay, known))))
}

/// Why a room was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// Its log cannot be used.
    #[error(transparent)]
    Log(#[from] JournalError),
    /// It was left, or its folder is gone.
    #[error("the room was left")]
    Left,
    /// What stands there is another room's.
    #[error(
        "{} holds the files of another room; give it the name {}, which is that room's, or restore it",
        dir.display(), room.alias()
    )]
    Foreign {
        /// The room's folder.
        dir: PathBuf,
        /// Whose files it has.
        room: RoomId,
    },
    /// The index was lost again and again.
    #[error("{} cannot be indexed; start tailchat again", dir.display())]
    Index {
        /// The room's folder.
        dir: PathBuf,
    },
}

/// Reads a room and opens it. If the index is lost in the middle, again for the next one.
pub(crate) fn read_room(
    folder: &Folder,
    dir: &Path,
    index: &IndexHandle,
    mark: Option<&CleanRoom>,
    device: DeviceId,
) -> Result<Loaded, Unread> {
    for _ in 0..READINGS_MAX {
        let mut replay = read_log(folder, dir)?;
        let known = index.resume(&mut replay);
        if let Some(loaded) = finish(replay, known, index, mark, device) {
            return Ok(loaded);
        }
    }
    let dir = folder.path().join(dir);
    Err(Unread::Index { dir })
}

/// Reads a room that could not be opened before.
pub(crate) fn read_again(
    folder: &Folder,
    dir: &Path,
    index: &IndexHandle,
    device: DeviceId,
) -> Result<Loaded, Unread> {
    let there = folder.path().join(dir);
    // Somebody removed it, unless all rooms are gone with their disk.
    if !there.is_dir() && there.parent().is_some_and(Path::is_dir) {
        return Err(Unread::Left);
    }
    begin(folder, dir, index)?;
    read_room(folder, dir, index, None, device)
}

/// Reads what the index does not know, and opens the room; nothing if the index was lost meanwhile.
pub(crate) fn finish(
    mut replay: Replay<RealDisk>,
    known: Known,
    index: &IndexHandle,
    mark: Option<&CleanRoom>,
    device: DeviceId,
) -> Option<Loaded> {
    let room = replay.room();
    let mut read = false;
    while let Some(portion) = replay.portion() {
        read = true;
        if !index.replay(&known, room, portion) {
            return None;
        }
    }
    let Replayed {
        journal,
        state,
        findings,
    } = replay.finish();
    let (clock, roster) = match &known.checkpoint {
        Some(checkpoint) if !read => (checkpoint.clock.clone(), checkpoint.roster.clone()),
        checkpoint => {
            let before = |actor| {
                checkpoint
                    .as_ref()
                    .map_or(Tip::START, |known| known.state.tip(actor))
            };
            let moved = state.tips().filter(|(actor, tip)| before(*actor) != *tip);
            index.settle(&known, room, moved.collect())?
        }
    };
    let mark = mark.filter(|_| findings.is_empty());
    let opened = Opened {
        actor: mark.and_then(|mark| continued(mark, &state)),
        clock,
        ours: roster.actors_of(device).collect(),
        repeated: roster.repeated().clone(),
        state,
    };
    Some(Loaded {
        journal,
        opened,
        roster,
        findings,
        life: known.life,
    })
}

pub(crate) fn mark_of(clean: Option<&CleanStop>, dir: &Path) -> Option<CleanRoom> {
    let name = dir.file_name()?.to_str()?;
    clean?.rooms.iter().find(|mark| mark.alias == name).cloned()
}

/// Our actor in a room, if the log ends where it ended at the last clean stop. A caller that found something torn
/// or damaged does not ask: the tips may not be where they were.
fn continued(mark: &CleanRoom, state: &RoomState) -> Option<ActorId> {
    let tip = state.tip(mark.actor);
    (tip.seq == mark.seq && tip.hash == mark.tip).then_some(mark.actor)
}

/// Opens a room that is on disk, or makes it.
pub(crate) fn open_room(
    folder: &mut Folder,
    index: &IndexHandle,
    room: RoomId,
    device: DeviceId,
) -> Result<Loaded, Unread> {
    let dir = room_dir(room);
    let is_there = folder.path().join(&dir).is_dir();
    let read = || read_room(folder, &dir, index, None, device);
    let make = || Journal::create(folder.disk(), room, random()).map(drop);
    let opened = match is_there.then(read) {
        None | Some(Err(Unread::Log(JournalError::Store(StoreError::NoLog { .. })))) => {
            make().map_err(Unread::from).and_then(|()| read())
        }
        Some(opened) => opened,
    };
    if opened.is_err() && !is_there {
        // A room half made would be told of as a damaged one at every start.
        let _ = folder.remove_room(&dir);
    }
    let mut loaded = opened?;
    let mut facts = RoomFacts::decode(loaded.journal.facts());
    if facts.left || loaded.journal.facts().is_none() {
        facts.left = false;
        loaded.journal.set_facts(facts.encode())?;
    }
    Ok(loaded)
}
