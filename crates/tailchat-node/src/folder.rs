//! The data folder of a running node: opened once, then owned by a task of its own, since its writes may
//! block. Knows names of facts; decides nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tailchat_core::engine::{Identity, Remembered};
use tailchat_core::ids::{DeviceId, RoomId};
use tailchat_store::error::StoreError;
use tailchat_store::folder::{Folder, FolderError};
use tailchat_store::log::room_dir;
use tailchat_store::marker::CleanStop;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::control::{Code, Failure};
use crate::finding;
use crate::identity::{self, Known, KnownLink};
use crate::indexing::{self, IndexHandle, Told};
use crate::node::Done;
use crate::opening::{self, Begun, Later, Loaded, Unread};
use crate::session::SessionId;

/// Work for the folder that may wait. One more is refused: `Remember` comes again, a command is told.
const WORK_MAX: usize = 64;

/// The fact that lists addresses.
const ADDRESSES: &str = "addresses";

/// What a folder holds at the start.
pub(crate) struct Start {
    pub(crate) folder: FolderHandle,
    pub(crate) identity: Identity,
    pub(crate) links: Vec<KnownLink>,
    pub(crate) rooms: Vec<Loaded>,
    /// Rooms that the index does not know, so that reading them takes a while.
    pub(crate) later: Vec<Later>,
    pub(crate) index: IndexHandle,
    pub(crate) told: mpsc::Receiver<Told>,
    pub(crate) addresses: Vec<Remembered>,
    /// Why rooms that are here are not open, by folder.
    pub(crate) closed: BTreeMap<PathBuf, String>,
    /// What else a person should know of.
    pub(crate) warnings: Vec<String>,
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
        addrs: Vec<Remembered>,
    },
    SaveIdentity {
        identity: Known,
        session: Option<SessionId>,
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
    ReadAgain {
        dir: PathBuf,
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
    remembered: Vec<Remembered>,
}

/// Opens the folder and everything in it. Blocks.
pub(crate) fn open(path: &Path, name: Option<&str>, default_name: &str) -> Result<Start, Refused> {
    let mut folder = Folder::open(path).map_err(|err| Refused {
        locked: matches!(err, FolderError::Locked { .. }),
        failure: Failure::new(code_of(&err), err.to_string()),
    })?;
    let known = identity::open(&mut folder, name, default_name)?;
    let (identity, links) = (known.identity(), known.links);
    let damaged = |err: StoreError| Failure::new(Code::Damaged, err.to_string());
    let mut warnings = Vec::new();
    let addresses = match folder.read_fact(ADDRESSES) {
        Ok(fact) => fact.map(|fact| finding::decode(&fact)).unwrap_or_default(),
        Err(err) => {
            warnings.push(format!("the remembered addresses of peers are lost: {err}"));
            Vec::new()
        }
    };
    let clean = folder.take_marker().unwrap_or_else(|err| {
        tracing::warn!("the mark of the last stop cannot be read: {err}");
        None
    });
    let index = indexing::start(folder.path(), identity.device)
        .map_err(|err| Failure::new(Code::Failed, format!("the index cannot be opened: {err}")))?;
    warnings.extend(index.warning);
    let (mut rooms, mut later, mut closed) = (Vec::new(), Vec::new(), BTreeMap::new());
    for dir in folder.room_dirs().map_err(damaged)? {
        let mark = opening::mark_of(clean.as_ref(), &dir);
        match opening::begin(&folder, &dir, &index.handle) {
            Ok(Begun::Long) => later.push(Later { dir, mark }),
            Ok(Begun::Short(begun)) => {
                let (replay, known) = *begun;
                match opening::finish(replay, known, &index.handle, mark.as_ref(), identity.device) {
                    Some(loaded) => {
                        warnings.extend(loaded.findings.iter().cloned());
                        rooms.push(loaded);
                    }
                    None => later.push(Later { dir, mark }),
                }
            }
            Err(Unread::Left) => {}
            // One damaged room never keeps the others from opening.
            Err(err) => drop(closed.insert(dir, err.to_string())),
        }
    }
    Ok(Start {
        folder: FolderHandle::start(folder, index.handle.clone()),
        identity,
        links,
        rooms,
        later,
        index: index.handle,
        told: index.told,
        addresses,
        closed,
        warnings,
    })
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
    pub(crate) fn remember(&mut self, addrs: Vec<Remembered>) {
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

    /// Reads a room again that could not be opened, or is being closed; [`Done::RoomReady`] follows once its disk was at
    /// rest. Nothing is made in its place if it is gone.
    pub(crate) fn read_again(
        &self,
        dir: PathBuf,
        device: DeviceId,
        at_rest: Option<oneshot::Receiver<()>>,
        done: mpsc::Sender<Done>,
    ) {
        let work = self.work.clone();
        tokio::spawn(async move {
            if let Some(at_rest) = at_rest {
                let _ = at_rest.await;
            }
            let _ = work.send(Work::ReadAgain { dir, device, done }).await;
        });
    }

    /// Waits for a room that is being closed, and deletes it if it is to be forgotten; [`Done::RoomLeft`] follows.
    pub(crate) fn leave_room(
        &self,
        room: RoomId,
        forget: bool,
        at_rest: oneshot::Receiver<()>,
        session: SessionId,
        done: mpsc::Sender<Done>,
    ) {
        let work = self.work.clone();
        tokio::spawn(async move {
            let _ = at_rest.await;
            if forget {
                let _ = work.send(Work::RemoveRoom { room, session, done }).await;
            } else {
                let (dir, result) = (room_dir(room), Ok(()));
                let _ = done.send(Done::RoomLeft { dir, session, result }).await;
            }
        });
    }

    /// Saves who writes here; [`Done::Identified`] follows. Whether it could be asked for.
    pub(crate) fn save_identity(
        &self,
        identity: Known,
        session: Option<SessionId>,
        done: mpsc::Sender<Done>,
    ) -> bool {
        let work = Work::SaveIdentity {
            identity,
            session,
            done,
        };
        self.work.try_send(work).is_ok()
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
            if let Err(err) = folder.write_fact(ADDRESSES, &finding::encode(&addrs)) {
                tracing::warn!("the addresses are not saved: {err}");
            }
            None
        }
        Work::SaveIdentity {
            identity,
            session,
            done,
        } => {
            let result = identity.save(folder);
            let known = Box::new(identity);
            Some((
                done,
                Done::Identified {
                    session,
                    known,
                    result,
                },
            ))
        }
        Work::OpenRoom {
            room,
            device,
            session,
            done,
        } => {
            let dir = room_dir(room);
            let result = opening::open_room(folder, index, room, device).map(Box::new);
            Some((done, Done::RoomReady { dir, session, result }))
        }
        Work::ReadRoom { later, device, done } => {
            let Later { dir, mark } = later;
            let session = None;
            let result = opening::read_room(folder, &dir, index, mark.as_ref(), device).map(Box::new);
            Some((done, Done::RoomReady { dir, session, result }))
        }
        Work::ReadAgain { dir, device, done } => {
            let session = None;
            let result = opening::read_again(folder, &dir, index, device).map(Box::new);
            Some((done, Done::RoomReady { dir, session, result }))
        }
        Work::RemoveRoom { room, session, done } => {
            index.forget(room);
            let dir = room_dir(room);
            let result = folder.remove_room(&dir).map_err(|err| err.to_string());
            Some((done, Done::RoomLeft { dir, session, result }))
        }
        Work::MarkCleanStop { stop, wall_ms, done } => {
            let _ = done.send(folder.write_marker(&stop, wall_ms).map_err(|err| err.to_string()));
            None
        }
    }
}
