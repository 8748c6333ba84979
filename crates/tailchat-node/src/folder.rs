//! The data folder of a running node: opened once, then owned by a task of its own, since its writes may
//! block. Knows names of facts; decides nothing.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tailchat_core::engine::{Identity, Opened};
use tailchat_core::ids::{ActorId, DeviceId, PersonId, RoomId};
use tailchat_core::roster::Roster;
use tailchat_core::state::{RoomState, Tip};
use tailchat_store::disk::RealDisk;
use tailchat_store::error::StoreError;
use tailchat_store::folder::{Folder, FolderError};
use tailchat_store::log::room_dir;
use tailchat_store::marker::{CleanRoom, CleanStop};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::control::{Code, Failure};
use crate::indexing::{self, IndexHandle, Known, Told};
use crate::journal::{Journal, JournalError};
use crate::node::{Done, random};
use crate::replay::{Replay, Replayed};
use crate::session::SessionId;

/// Work for the folder that may wait. One more is refused: `Remember` comes again, a command is told.
const WORK_MAX: usize = 64;

/// Readings of a room at one opening: the index may be lost twice, once for one on disk and once for one in memory.
const READINGS_MAX: usize = 3;

/// The fact that says who writes here.
const IDENTITY: &str = "identity";
/// The fact that lists addresses.
const ADDRESSES: &str = "addresses";

#[derive(Serialize, Deserialize)]
struct IdentityFact {
    person: PersonId,
    device: DeviceId,
    name: String,
}

/// A room's local facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomFacts {
    /// The room was left: it is on disk and not opened.
    pub(crate) left: bool,
}

impl RoomFacts {
    pub(crate) fn encode(self) -> Vec<u8> {
        serde_json::to_vec(&self).unwrap_or_default()
    }

    fn decode(bytes: Option<&[u8]>) -> Self {
        bytes
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .unwrap_or_default()
    }
}

/// What a folder holds at the start.
pub(crate) struct Start {
    pub(crate) folder: FolderHandle,
    pub(crate) identity: Identity,
    pub(crate) rooms: Vec<Loaded>,
    /// Rooms that the index does not know, so that reading them takes a while.
    pub(crate) later: Vec<Later>,
    pub(crate) index: IndexHandle,
    pub(crate) told: mpsc::Receiver<Told>,
    pub(crate) addresses: Vec<String>,
    /// Why rooms that are here are not open.
    pub(crate) closed: Vec<String>,
    /// What else a person should know of.
    pub(crate) warnings: Vec<String>,
}

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
}

/// A room that is to be read once the others are open.
pub(crate) struct Later {
    dir: PathBuf,
    /// Where our actor stood at the last clean stop.
    mark: Option<CleanRoom>,
}

/// Why a folder was not opened.
pub(crate) struct Refused {
    /// Whether only another process is in the way.
    pub(crate) locked: bool,
    pub(crate) failure: Failure,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            locked: false,
            failure,
        }
    }
}

/// Work for the folder's task.
enum Work {
    Remember {
        addrs: Vec<String>,
    },
    SaveName {
        identity: IdentityFact,
        session: SessionId,
        done: mpsc::Sender<Done>,
    },
    OpenRoom {
        room: RoomId,
        device: DeviceId,
        session: Option<SessionId>,
        done: mpsc::Sender<Done>,
    },
    ReadRoom {
        later: Later,
        device: DeviceId,
        done: mpsc::Sender<Done>,
    },
    RemoveRoom {
        room: RoomId,
        session: SessionId,
        done: mpsc::Sender<Done>,
    },
    MarkCleanStop {
        stop: CleanStop,
        wall_ms: i64,
        done: oneshot::Sender<Result<(), String>>,
    },
}

/// The way to the folder's task.
pub(crate) struct FolderHandle {
    work: mpsc::Sender<Work>,
    remembered: Vec<String>,
}

/// Opens the folder and everything in it. Blocks.
pub(crate) fn open(path: &Path, name: Option<&str>, default_name: &str) -> Result<Start, Refused> {
    let mut folder = Folder::open(path).map_err(|err| Refused {
        locked: matches!(err, FolderError::Locked { .. }),
        failure: Failure::new(code_of(&err), err.to_string()),
    })?;
    let identity = identity(&mut folder, name, default_name)?;
    let damaged = |err: StoreError| Failure::new(Code::Damaged, err.to_string());
    let mut warnings = Vec::new();
    let addresses = match folder.read_fact(ADDRESSES) {
        Ok(fact) => fact
            .and_then(|fact| serde_json::from_slice(&fact).ok())
            .unwrap_or_default(),
        Err(err) => {
            warnings.push(format!("the remembered addresses of peers are lost: {err}"));
            Vec::new()
        }
    };
    let clean = folder.take_marker().unwrap_or_else(|err| {
        tracing::warn!("the mark of the last stop cannot be read: {err}");
        None
    });
    let index = indexing::start(folder.path())
        .map_err(|err| Failure::new(Code::Failed, format!("the index cannot be opened: {err}")))?;
    warnings.extend(index.warning);
    let (mut rooms, mut later, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for dir in folder.room_dirs().map_err(damaged)? {
        let mark = mark_of(clean.as_ref(), &dir);
        match read_log(&folder, &dir).map(|replay| begin(&folder, &dir, replay, &index.handle)) {
            Ok(Begun::Foreign(why)) => closed.push(why),
            Ok(Begun::Left) => {}
            Ok(Begun::Long) => later.push(Later { dir, mark }),
            Ok(Begun::Short(begun)) => {
                let (replay, known) = *begun;
                match finish(replay, known, &index.handle, mark.as_ref(), identity.device) {
                    Some(loaded) => {
                        warnings.extend(loaded.findings.iter().cloned());
                        rooms.push(loaded);
                    }
                    None => later.push(Later { dir, mark }),
                }
            }
            // One damaged room never keeps the others from opening.
            Err(err @ JournalError::Store(StoreError::NoLog { .. })) => {
                closed.push(format!("{err}, or remove the folder"));
            }
            Err(err) => closed.push(err.to_string()),
        }
    }
    Ok(Start {
        folder: FolderHandle::start(folder, index.handle.clone()),
        identity,
        rooms,
        later,
        index: index.handle,
        told: index.told,
        addresses,
        closed,
        warnings,
    })
}

/// A log at the beginning of its reading.
enum Begun {
    /// The room was left.
    Left,
    /// What stands there is not this room's, for this reason.
    Foreign(String),
    /// The index knows little of it, and there is much.
    Long,
    /// There is not much to read beyond what the index knows.
    Short(Box<(Replay<RealDisk>, Known)>),
}

fn read_log(folder: &Folder, dir: &Path) -> Result<Replay<RealDisk>, JournalError> {
    Journal::open(folder.disk(), dir, random())
}

fn begin(folder: &Folder, dir: &Path, mut replay: Replay<RealDisk>, index: &IndexHandle) -> Begun {
    if RoomFacts::decode(replay.facts()).left {
        return Begun::Left;
    }
    let room = replay.room();
    if dir != room_dir(room) {
        // Otherwise what is done to this room would be done to another one's files.
        return Begun::Foreign(format!(
            "{} holds the files of another room; give it the name {}, which is that room's, or restore it",
            folder.path().join(dir).display(),
            room.alias()
        ));
    }
    let known = index.resume(&mut replay);
    if replay.is_long() {
        return Begun::Long;
    }
    Begun::Short(Box::new((replay, known)))
}

/// Why a room was not read.
#[derive(Debug, thiserror::Error)]
enum Unread {
    /// Its log cannot be used.
    #[error(transparent)]
    Log(#[from] JournalError),
    /// The index was lost again and again.
    #[error("{} cannot be indexed; start tailchat again", dir.display())]
    Index {
        /// The room's folder.
        dir: PathBuf,
    },
}

/// Reads a room and opens it. If the index is lost in the middle, again for the next one.
fn read_room(
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

/// Reads what the index does not know, and opens the room; nothing if the index was lost meanwhile.
fn finish(
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
    })
}

fn mark_of(clean: Option<&CleanStop>, dir: &Path) -> Option<CleanRoom> {
    let name = dir.file_name()?.to_str()?;
    clean?.rooms.iter().find(|mark| mark.alias == name).cloned()
}

/// Our actor in a room, if the log ends where it ended at the last clean stop. A caller that found something torn
/// or damaged does not ask: the tips may not be where they were.
fn continued(mark: &CleanRoom, state: &RoomState) -> Option<ActorId> {
    let tip = state.tip(mark.actor);
    (tip.seq == mark.seq && tip.hash == mark.tip).then_some(mark.actor)
}

fn identity(folder: &mut Folder, name: Option<&str>, default_name: &str) -> Result<Identity, Failure> {
    let fact = folder
        .read_fact(IDENTITY)
        .map_err(|err| Failure::new(Code::Damaged, unknown_self(folder, &err)))?;
    let known = match fact {
        Some(fact) => Some(
            serde_json::from_slice::<IdentityFact>(&fact)
                .map_err(|err| Failure::new(Code::Damaged, unknown_self(folder, &err)))?,
        ),
        None => None,
    };
    let renamed = name.is_some_and(|name| known.as_ref().is_none_or(|known| known.name != name));
    let fresh = known.is_none();
    let mut fact = known.unwrap_or_else(|| IdentityFact {
        person: PersonId(random()),
        device: DeviceId(random()),
        name: default_name.to_owned(),
    });
    if let Some(name) = name {
        name.clone_into(&mut fact.name);
    }
    if fresh || renamed {
        save_identity(folder, &fact).map_err(|why| Failure::new(Code::Failed, why))?;
    }
    Ok(Identity {
        person: fact.person,
        device: fact.device,
        name: fact.name,
    })
}

fn unknown_self(folder: &Folder, err: &dyn std::error::Error) -> String {
    format!(
        "who you are cannot be read ({err}); restore the file from a backup, or remove it from {} to go on with your \
         rooms as a new member",
        folder.path().join("facts").display()
    )
}

fn save_identity(folder: &mut Folder, fact: &IdentityFact) -> Result<(), String> {
    let bytes = serde_json::to_vec(fact).map_err(|err| err.to_string())?;
    folder.write_fact(IDENTITY, &bytes).map_err(|err| err.to_string())
}

fn code_of(err: &FolderError) -> Code {
    match err {
        FolderError::NotOurs { .. } | FolderError::Newer { .. } => Code::Damaged,
        _ => Code::Failed,
    }
}

impl FolderHandle {
    fn start(folder: Folder, index: IndexHandle) -> Self {
        let (work, mut waiting) = mpsc::channel(WORK_MAX);
        tokio::spawn(async move {
            let mut folder = Some(folder);
            while let Some(work) = waiting.recv().await {
                let Some(mut own) = folder.take() else { return };
                let index = index.clone();
                let done = spawn_blocking(move || {
                    let answer = carry_out(&mut own, &index, work);
                    (own, answer)
                });
                let Ok((own, answer)) = done.await else { return };
                folder = Some(own);
                if let Some((to, done)) = answer {
                    let _ = to.send(done).await;
                }
            }
        });
        Self {
            work,
            remembered: Vec::new(),
        }
    }

    /// Keeps the addresses over a restart; a list that is refused comes again with the next change.
    pub(crate) fn remember(&mut self, addrs: Vec<String>) {
        if addrs != self.remembered
            && self
                .work
                .try_send(Work::Remember { addrs: addrs.clone() })
                .is_ok()
        {
            self.remembered = addrs;
        }
    }

    /// Makes or opens a room; [`Done::RoomReady`] follows. Whether it could be asked for.
    pub(crate) fn open_room(
        &self,
        room: RoomId,
        device: DeviceId,
        session: Option<SessionId>,
        done: mpsc::Sender<Done>,
    ) -> bool {
        self.work
            .try_send(Work::OpenRoom {
                room,
                device,
                session,
                done,
            })
            .is_ok()
    }

    /// Opens a room again that is being closed; [`Done::RoomReady`] follows once its disk was at rest.
    pub(crate) fn reopen_room(
        &self,
        room: RoomId,
        device: DeviceId,
        session: Option<SessionId>,
        at_rest: oneshot::Receiver<()>,
        done: mpsc::Sender<Done>,
    ) {
        let work = self.work.clone();
        tokio::spawn(async move {
            let _ = at_rest.await;
            let open = Work::OpenRoom {
                room,
                device,
                session,
                done,
            };
            let _ = work.send(open).await;
        });
    }

    /// Reads a room that the index does not know; [`Done::RoomReady`] follows.
    pub(crate) fn read_room(&self, later: Later, device: DeviceId, done: mpsc::Sender<Done>) {
        let work = self.work.clone();
        tokio::spawn(async move {
            let _ = work.send(Work::ReadRoom { later, device, done }).await;
        });
    }

    /// Deletes a room that is closed; [`Done::RoomRemoved`] follows once its disk is at rest.
    pub(crate) fn remove_room(
        &self,
        room: RoomId,
        at_rest: oneshot::Receiver<()>,
        session: SessionId,
        done: mpsc::Sender<Done>,
    ) {
        let work = self.work.clone();
        tokio::spawn(async move {
            let _ = at_rest.await;
            let _ = work.send(Work::RemoveRoom { room, session, done }).await;
        });
    }

    /// Saves the name; [`Done::NameSaved`] follows. Whether it could be asked for.
    pub(crate) fn save_name(
        &self,
        identity: &Identity,
        name: String,
        session: SessionId,
        done: mpsc::Sender<Done>,
    ) -> bool {
        let identity = IdentityFact {
            person: identity.person,
            device: identity.device,
            name,
        };
        self.work
            .try_send(Work::SaveName {
                identity,
                session,
                done,
            })
            .is_ok()
    }

    /// Leaves the mark of a clean stop and lets go of the folder.
    pub(crate) async fn mark_clean_stop(self, stop: CleanStop, wall_ms: i64) -> Result<(), String> {
        let (sender, done) = oneshot::channel();
        let _ = self
            .work
            .send(Work::MarkCleanStop {
                stop,
                wall_ms,
                done: sender,
            })
            .await;
        done.await
            .unwrap_or_else(|_| Err("the data folder is gone".into()))
    }
}

fn carry_out(folder: &mut Folder, index: &IndexHandle, work: Work) -> Option<(mpsc::Sender<Done>, Done)> {
    match work {
        Work::Remember { addrs } => {
            let bytes = serde_json::to_vec(&addrs).unwrap_or_default();
            if let Err(err) = folder.write_fact(ADDRESSES, &bytes) {
                tracing::warn!("the addresses are not saved: {err}");
            }
            None
        }
        Work::SaveName {
            identity,
            session,
            done,
        } => {
            let result = save_identity(folder, &identity);
            Some((done, Done::NameSaved { session, result }))
        }
        Work::OpenRoom {
            room,
            device,
            session,
            done,
        } => {
            let result = open_room(folder, index, room, device)
                .map(Box::new)
                .map_err(|err| err.to_string());
            Some((done, Done::RoomReady { session, result }))
        }
        Work::ReadRoom { later, device, done } => {
            let session = None;
            let result = read_room(folder, &later.dir, index, later.mark.as_ref(), device)
                .map(Box::new)
                .map_err(|err| err.to_string());
            Some((done, Done::RoomReady { session, result }))
        }
        Work::RemoveRoom { room, session, done } => {
            index.forget(room);
            let result = folder.remove_room(&room_dir(room)).map_err(|err| err.to_string());
            Some((done, Done::RoomRemoved { session, result }))
        }
        Work::MarkCleanStop { stop, wall_ms, done } => {
            let _ = done.send(folder.write_marker(&stop, wall_ms).map_err(|err| err.to_string()));
            None
        }
    }
}

/// Opens a room that is on disk, or makes it.
fn open_room(
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
    let facts = RoomFacts { left: false };
    if RoomFacts::decode(loaded.journal.facts()) != facts || loaded.journal.facts().is_none() {
        loaded.journal.set_facts(facts.encode())?;
    }
    Ok(loaded)
}
