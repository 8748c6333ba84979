//! One peer of a simulation: the production engine and log, a disk that survives its process, clocks that may
//! be wrong, and what is known of it from outside. Knows nothing of other peers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tailchat_core::engine::{ArrivedChange, Batch, ConnId, Engine, Identity, Now, Remembered};
use tailchat_core::ids::{ActorId, DeviceId, Instance, PersonId, RoomId};
use tailchat_core::state::Tip;
use tailchat_core::timeline::{Line, Timeline};
use tailchat_store::disk::Disk;
use tailchat_store::error::{Finding, StoreError};
use tailchat_store::log::{Log, Sealed, room_dir};
use tailchat_store::sim_disk::{Fault, Keep, SimDisk};

use crate::dice::Dice;
use crate::disk::PeerDisk;
use crate::history::{History, records, seal};
use crate::network::PeerNo;
use crate::plant::Plant;

/// What the clocks of all peers show at the start of a run, give or take: some day in 2026.
const START_MS: i64 = 1_780_000_000_000;

pub(crate) struct Peer {
    pub(crate) identity: Identity,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) disk: PeerDisk,
    pub(crate) shelves: BTreeMap<RoomId, Shelf>,
    pub(crate) running: Option<Running>,
    /// What the last stop left, if it was clean: the actor of each room and its tip.
    pub(crate) marker: BTreeMap<RoomId, (ActorId, Tip)>,
    /// The addresses that the engine wants to be kept.
    pub(crate) addrs: BTreeMap<String, Remembered>,
    /// Whether its engine will be told the time besides ticks.
    pub(crate) wakes: bool,
    /// Whether a sync failed and the log gave up. The page cache still shows what was lost, and a new process
    /// cannot know; so the machine is started anew with it.
    pub(crate) suspect: bool,
    /// Whether operations of the disk may fail.
    pub(crate) disk_ails: bool,
    /// How far the wall clock is wrong.
    pub(crate) skew_ms: i64,
    pub(crate) uptime_from: Duration,
    /// How often it was started.
    pub(crate) life: u64,
    /// What the engine and the log draw from.
    pub(crate) dice: Dice,
}

/// A room that the peer has joined, as it is known from outside.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    /// Whether it is to be open.
    pub(crate) wanted: bool,
    /// What was made durable.
    pub(crate) disk: History,
    /// What was shown, over all lives.
    pub(crate) shown: Timeline,
    /// The actor that wrote last.
    pub(crate) last_actor: Option<ActorId>,
}

/// The running process.
pub(crate) struct Running {
    pub(crate) engine: Engine,
    pub(crate) rooms: BTreeMap<RoomId, OpenRoom>,
}

pub(crate) struct OpenRoom {
    pub(crate) log: Log<PeerDisk>,
    /// Writes that have begun. A sound driver has one at most.
    pub(crate) writing: VecDeque<(Batch, Arc<[ArrivedChange]>)>,
    /// A block that is durable and not yet in use.
    pub(crate) sealed: Option<Sealed>,
    /// Whose preview is shown, if any.
    pub(crate) preview: Option<ConnId>,
}

/// How opening a room ended.
pub(crate) enum Opening {
    Open(Box<Log<PeerDisk>>, Box<History>),
    /// Not now: the disk is full or fails.
    Later,
}

impl Peer {
    pub(crate) fn new(no: PeerNo, seed: u64, plant: Option<Plant>) -> Self {
        let mut dice = Dice::new(seed);
        let identity = Identity {
            person: PersonId(dice.bytes()),
            device: DeviceId(dice.bytes()),
            name: format!("peer {no}"),
        };
        let disk = PeerDisk {
            sim: SimDisk::new(),
            plant,
        };
        Self {
            identity,
            host: String::new(),
            port: 0,
            disk,
            shelves: BTreeMap::new(),
            running: None,
            marker: BTreeMap::new(),
            addrs: BTreeMap::new(),
            wakes: false,
            suspect: false,
            disk_ails: false,
            skew_ms: 0,
            uptime_from: Duration::from_secs(dice.below(1_000_000)),
            life: 0,
            dice,
        }
        .at(no)
    }

    fn at(mut self, no: PeerNo) -> Self {
        self.host = format!("10.0.0.{no}");
        self.port = 24242;
        self
    }

    /// A copy of its folder in another place, as programs see it.
    pub(crate) fn copy(&self, no: PeerNo, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let disk = PeerDisk {
            sim: SimDisk::new(),
            plant: self.disk.plant,
        };
        for (path, bytes) in self.disk.sim.files() {
            disk.sim.plant(&path, &bytes);
        }
        Self {
            identity: self.identity.clone(),
            host: String::new(),
            port: 0,
            disk,
            shelves: self.shelves.clone(),
            running: None,
            marker: self.marker.clone(),
            addrs: self.addrs.clone(),
            wakes: false,
            suspect: false,
            disk_ails: false,
            skew_ms: self.skew_ms,
            uptime_from: Duration::from_secs(dice.below(1_000_000)),
            life: 0,
            dice,
        }
        .at(no)
    }

    /// Makes it know where another peer was once.
    pub(crate) fn knows(&mut self, addr: String) {
        let kept = Remembered {
            addr: addr.clone(),
            by_hand: true,
            worked_ms: None,
        };
        self.addrs.insert(addr, kept);
    }

    pub(crate) fn addr(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn now(&self, at_us: u64) -> Now {
        let wall_ms = START_MS + self.skew_ms + (at_us / 1000).cast_signed();
        let uptime = self.uptime_from + Duration::from_micros(at_us);
        Now { wall_ms, uptime }
    }

    /// A new process without rooms.
    pub(crate) fn start(&mut self) {
        self.life += 1;
        self.wakes = false;
        if std::mem::take(&mut self.suspect) {
            self.disk.sim.crash(self.dice.seed());
        }
        let engine = Engine::new(self.identity.clone(), Instance(self.dice.bytes()));
        self.running = Some(Running {
            engine,
            rooms: BTreeMap::new(),
        });
    }

    pub(crate) fn room(&mut self, room: RoomId) -> Option<&mut OpenRoom> {
        self.running.as_mut()?.rooms.get_mut(&room)
    }

    /// Opens a room's log, or makes it, and holds what it says against what is known of it.
    pub(crate) fn open_log(&mut self, room: RoomId) -> Result<Opening, String> {
        let shelf = self.shelves.entry(room).or_default();
        let dir = room_dir(room);
        let torn = self.disk.plant == Some(Plant::AppendBehindTorn);
        let before = torn.then(|| self.disk.sim.files());
        let opened = Log::open(self.disk.clone(), &dir, self.dice.bytes());
        let (log, mut opened) = match opened {
            Ok(opened) => opened,
            Err(StoreError::NoLog { .. } | StoreError::Io { .. }) if shelf.disk.chains.is_empty() => {
                let created = Log::create(self.disk.clone(), room, self.dice.bytes());
                return match created {
                    Ok(log) => Ok(Opening::Open(Box::new(log), Box::default())),
                    Err(StoreError::Full { .. } | StoreError::Write { .. }) => Ok(Opening::Later),
                    Err(_) if self.disk_ails => Ok(Opening::Later),
                    Err(error) => Err(format!("cannot make its room: {error}")),
                };
            }
            Err(_) if self.disk_ails => return Ok(Opening::Later),
            Err(error) => return Err(format!("cannot open its room: {error}")),
        };
        match self.disk.plant {
            Some(Plant::AppendBehindTorn) => self.put_back(&before.unwrap_or_default()),
            Some(Plant::ForgetLast) => drop(opened.tail.last_mut().and_then(|(_, last)| last.pop())),
            _ => {}
        }
        let history =
            History::read(&log, &opened).map_err(|error| format!("cannot read its room: {error}"))?;
        #[cfg(test)]
        if !self.disk_ails && self.disk.plant.is_none() {
            let copy = PeerDisk {
                sim: self.disk.sim.fork(),
                plant: None,
            };
            crate::production::check(&copy, &log, room, self.identity.device, &history)?;
        }
        if self.disk_ails && self.check_history(room, &history).is_err() {
            // What cannot be read today may be read tomorrow.
            return Ok(Opening::Later);
        }
        self.check_history(room, &history)
            .map_err(|error| format!("{error}; {}", list(&opened.findings)))?;
        Ok(Opening::Open(Box::new(log), Box::new(history)))
    }

    /// The planted fault [`Plant::AppendBehindTorn`].
    fn put_back(&mut self, before: &BTreeMap<std::path::PathBuf, Vec<u8>>) {
        for (path, now) in self.disk.sim.files() {
            let torn = before.get(&path).and_then(|old| old.get(now.len()..));
            if let Some(torn) = torn.filter(|torn| torn.iter().any(|byte| *byte != 0)) {
                // If the disk refuses, there is no fault this time.
                let _ = self.disk.append(&path, torn).and_then(|()| self.disk.sync(&path));
            }
        }
    }

    /// Whether a log that was read anew holds all that was durable and all that was shown.
    pub(crate) fn check_history(&self, room: RoomId, history: &History) -> Result<(), String> {
        let Some(shelf) = self.shelves.get(&room) else {
            return Ok(());
        };
        for (actor, chain) in &shelf.disk.chains {
            let found = history.chains.get(actor).map_or(0, Vec::len);
            if !history
                .chains
                .get(actor)
                .is_some_and(|found| found.starts_with(chain))
            {
                return Err(format!(
                    "lost durable changes of {actor}: {} were there, {found} are found",
                    chain.len()
                ));
            }
        }
        for (place, line) in shelf.shown.lines() {
            // What was durable and not shown yet may have amended it.
            let later = |found: &Line| found.since.deleted || found.since.edited > line.since.edited;
            let found = history.timeline.line(place);
            if found.is_none_or(|found| found.says != line.says && !later(found)) {
                return Err(format!("lost the line {} that it had shown", place.id));
            }
        }
        Ok(())
    }

    /// What a power cut at this very moment would leave if nothing unsynced reached the disk.
    pub(crate) fn check_worst_case(&self, seed: Option<u64>) -> Result<(), String> {
        let sim = self.disk.sim.fork();
        match seed {
            None => sim.crash_with(|_| Keep::Nothing),
            Some(seed) => sim.crash(seed),
        }
        sim.set_capacity(None);
        let disk = PeerDisk { sim, plant: None };
        for (room, shelf) in &self.shelves {
            if shelf.disk.chains.is_empty() {
                continue;
            }
            let (log, opened) = Log::open(disk.clone(), &room_dir(*room), [7; 32])
                .map_err(|error| format!("could not open its room after a power cut now: {error}"))?;
            let history = History::read(&log, &opened)
                .map_err(|error| format!("could not read its room after a power cut now: {error}"))?;
            self.check_history(*room, &history)
                .map_err(|error| format!("{error}, after a power cut now; {}", list(&opened.findings)))?;
        }
        Ok(())
    }

    /// The process ends without warning, in the middle of whatever it writes; with `power`, the machine too.
    pub(crate) fn crash(&mut self, dice: &mut Dice, power: bool) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        self.marker.clear();
        for (room, open) in &mut running.rooms {
            if let Some(shelf) = self.shelves.get_mut(room) {
                let status = running.engine.room_status(*room);
                shelf.last_actor = status.and_then(|status| status.actor).or(shelf.last_actor);
            }
            self.disk.sim.heal();
            let cut = dice.below(7);
            self.disk.sim.fail(cut..u64::MAX, Fault::Off);
            // Whatever comes of it, nobody is told.
            if let Some((_, changes)) = open.writing.pop_front() {
                let _ = open.log.append(&records(&changes));
            } else {
                let _ = seal(&mut open.log);
            }
        }
        drop(running);
        self.disk.sim.heal();
        if power {
            self.disk.sim.crash(dice.seed());
        }
    }
}

fn list(findings: &[Finding]) -> String {
    let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
    format!("the log says: {findings:?}")
}
