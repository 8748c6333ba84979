//! The loop of a running peer: everything that can wake it becomes an event for the engine or a question of a
//! client, and the engine's effects are carried out in their order. Translates; decides nothing.

mod stopping;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rand_core::{OsRng, TryRngCore};
use tailchat_core::engine::{ArrivedChange, ConnId, Effect, Engine, Event, Now, Ticket};
use tailchat_core::handshake::Role;
use tailchat_core::ids::{Instance, PersonId, RoomId};
use tailchat_core::limits::{FRAME_MAX, TICK};
use tailchat_core::roster::{self, Roster};
use tailchat_core::timeline::Told::{Amendment, Line, News};
use tailchat_core::timeline::told_by;
use tailchat_index::Position;
use tailchat_net::{Net, NetEvent};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::facts::RoomFacts;
use crate::finding::Sources;
use crate::folder::{FolderHandle, Start};
use crate::heard::Hearing;
use crate::identity::{Known, KnownLink};
use crate::indexing::{AskedIndex, BACKLOG_MAX, IndexHandle, Life, Question, Told};
use crate::opening::{Loaded, Unread};
use crate::preview::Previewed;
use crate::room::{Job, Outcome};
use crate::session::{Ask, Session, SessionId};
use crate::unread::{Counted, ReaderOf};

/// Questions of clients that may wait for the loop; a client whose question does not fit waits.
pub(crate) const ASKS_MAX: usize = 64;
/// Outcomes of disks that may wait for the loop; a disk whose outcome does not fit waits.
const OUTCOMES_MAX: usize = 64;

/// A room that is open.
pub(crate) struct OpenRoom {
    pub(crate) roster: Roster,
    pub(crate) findings: Vec<String>,
    pub(crate) disk_bytes: u64,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) facts: RoomFacts,
    /// Since when the facts are other than on disk.
    pub(crate) unkept_since: Option<Duration>,
    pub(crate) counted: Counted,
    pub(crate) hearing: Hearing,
    /// Where the log ends with what was shown last.
    pub(crate) end: Position,
    /// The newest page as a peer tells it, while most of the room is missing.
    pub(crate) preview: Vec<Previewed>,
    /// Whether a write failed since the room was opened: then its actor must not be continued.
    pub(crate) failed: bool,
    /// Since when nothing is written any more, because the disk failed.
    pub(crate) read_only_since: Option<Instant>,
}

/// A folder's work that is done.
pub(crate) enum Done {
    /// A room was made, or opened again.
    RoomReady {
        dir: PathBuf,
        session: Option<SessionId>,
        result: Result<Box<Loaded>, Unread>,
    },
    /// A room that was left is at rest; its folder was removed if that was asked for.
    RoomLeft {
        dir: PathBuf,
        session: SessionId,
        result: Result<(), String>,
    },
    /// Who writes here was saved.
    Identified {
        session: Option<SessionId>,
        known: Box<Known>,
        result: Result<(), String>,
    },
}

/// A running peer.
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) rooms: BTreeMap<RoomId, OpenRoom>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) folder: FolderHandle,
    /// Our other devices.
    pub(crate) links: Vec<KnownLink>,
    /// Who is being saved as who writes here: until that is done nobody else is.
    pub(crate) becoming: Option<PersonId>,
    pub(crate) listening: Vec<SocketAddr>,
    pub(crate) serving: bool,
    /// The host of a peer that dialled us from elsewhere.
    pub(crate) dialled_by: Option<String>,
    /// What the ways in which addresses are found give now.
    pub(crate) sources: Sources,
    /// Why rooms that are in the folder are not open, by the folder of each.
    pub(crate) closed: BTreeMap<PathBuf, String>,
    /// When these were tried last.
    pub(crate) closed_tried: Instant,
    /// What else was found when the folder was opened.
    pub(crate) warnings: Vec<String>,
    pub(crate) next_ticket: u64,
    /// Who waits for a post's outcome.
    pub(crate) tickets: BTreeMap<Ticket, SessionId>,
    pub(crate) done: mpsc::Sender<Done>,
    pub(crate) index: IndexHandle,
    last_asked: AskedIndex,
    /// The last count that was answered.
    pub(crate) last_counted: AskedIndex,
    /// Folders of rooms that are being made, read, closed or removed. A log has one owner at a time, so whoever wants
    /// such a room waits.
    pub(crate) moving: BTreeSet<PathBuf>,
    /// Which index the open rooms are in.
    pub(crate) life: Life,
    /// Imports that wait for the disk, and whither.
    pub(crate) imports: BTreeMap<Ticket, RoomId>,
    /// Writes that the index has not taken in yet.
    backlog: usize,
    /// Whether the index was handed something that its file may lack.
    unkept: bool,
    /// Outcomes of writes that wait for the index.
    held: VecDeque<(RoomId, Outcome)>,
    net: Option<Net>,
    pub(crate) outcomes: mpsc::Sender<(RoomId, Outcome)>,
    started: Instant,
}

/// What a node is woken by, beside ticks.
pub(crate) struct Wakes {
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) net: mpsc::Receiver<NetEvent>,
    done: mpsc::Receiver<Done>,
    outcomes: mpsc::Receiver<(RoomId, Outcome)>,
    told: mpsc::Receiver<Told>,
}

impl Node {
    /// Puts a node together from what its folder holds.
    pub(crate) fn new(
        start: Start,
        net: Option<Net>,
        net_events: mpsc::Receiver<NetEvent>,
        asks: mpsc::Receiver<Ask>,
        serving: bool,
    ) -> (Self, Wakes) {
        let (outcome_sender, outcomes) = mpsc::channel(OUTCOMES_MAX);
        let (done_sender, done) = mpsc::channel(OUTCOMES_MAX);
        let instance = Instance(random());
        let mut node = Self {
            engine: Engine::new(start.identity, instance),
            rooms: BTreeMap::new(),
            sessions: BTreeMap::new(),
            folder: start.folder,
            links: start.links,
            becoming: None,
            listening: net.as_ref().map(Net::listening).unwrap_or_default(),
            serving,
            dialled_by: None,
            sources: Sources::new(),
            closed: start.closed,
            closed_tried: Instant::now(),
            warnings: start.warnings,
            next_ticket: 0,
            tickets: BTreeMap::new(),
            done: done_sender,
            index: start.index,
            last_asked: AskedIndex::default(),
            last_counted: AskedIndex::default(),
            moving: BTreeSet::new(),
            life: Life::default(),
            imports: BTreeMap::new(),
            backlog: 0,
            unkept: false,
            held: VecDeque::new(),
            net,
            outcomes: outcome_sender,
            started: Instant::now(),
        };
        if let Some(addr) = node.listening.first() {
            node.feed(Event::Listening { port: addr.port() });
        }
        for loaded in start.rooms {
            node.open_room(loaded);
        }
        for later in start.later {
            node.read_room(later);
        }
        node.feed(Event::AddressesRemembered {
            addrs: start.addresses,
        });
        (
            node,
            Wakes {
                asks,
                net: net_events,
                done,
                outcomes,
                told: start.told,
            },
        )
    }

    /// Runs until `stop`; then stops cleanly.
    pub(crate) async fn run(mut self, mut wakes: Wakes, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let due = self.engine.due().map(|due| self.started + due);
            let asks = async { tokio::time::sleep_until(due.unwrap_or(self.started).into()).await };
            tokio::select! {
                () = asks, if due.is_some() => self.feed(Event::Ticked),
                Some(event) = wakes.net.recv() => self.heard(event),
                Some((room, outcome)) = wakes.outcomes.recv() => self.disk_did(room, outcome),
                Some(told) = wakes.told.recv() => self.index_told(told),
                Some(done) = wakes.done.recv() => self.folder_did(done),
                Some(ask) = wakes.asks.recv() => self.asked(ask),
                _ = ticks.tick() => self.ticked(),
                () = stop.cancelled() => break,
            }
            self.serve_sessions();
        }
        self.stop(wakes).await;
    }

    fn ticked(&mut self) {
        self.feed(Event::Ticked);
        self.tick_disks();
        self.tick_facts();
        self.tick_unopened();
        if self.unkept && self.backlog == 0 {
            self.unkept = !self.index.keep();
        }
    }

    pub(crate) fn now(&self) -> Now {
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            wall_ms: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
            uptime: self.started.elapsed(),
        }
    }

    /// One event in, its effects out.
    pub(crate) fn feed(&mut self, event: Event) {
        let now = self.now();
        let effects = self.engine.handle(event, now, &mut OsRng.unwrap_err());
        effects.into_iter().for_each(|effect| self.carry_out(effect));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append { room, batch, changes } => self.job(room, Job::Append { batch, changes }),
            Effect::Load { room, load, wanted } => self.job(room, Job::Load { load, wanted }),
            Effect::Show { room, changes } => self.show(room, changes),
            Effect::Accepted { ticket, ids } => self.posted(ticket, Ok(ids)),
            Effect::Rejected { ticket, why } => self.posted(ticket, Err(why)),
            Effect::Merged { ticket, merged } => self.merged(ticket, merged),
            Effect::Remember { addrs } => self.folder.remember(addrs),
            Effect::LoadPreview { room, load, lines } => self.load_preview(room, load, lines),
            Effect::Preview { room, lines, .. } => self.show_preview(room, lines),
            Effect::PreviewEnded { room } => self.end_preview(room),
            Effect::Present { room } => self.room_changed(room),
            Effect::Heard { room } => {
                self.disks_heard(room);
                self.settle_in(room);
                self.disks_changed(room);
            }
            Effect::Dial { addr } => self.net(|net| net.dial(addr)),
            Effect::Trust { conn } => self.net(|net| net.raise_limit(net_id(conn), FRAME_MAX)),
            Effect::Send { conn, frame } => self.net(|net| net.send(net_id(conn), frame)),
            Effect::Close { conn, why } => {
                tracing::debug!("{conn:?} is closed: {why}");
                self.net(|net| net.close(net_id(conn)));
            }
        }
    }

    fn net(&mut self, command: impl FnOnce(&mut Net)) {
        if let Some(net) = &mut self.net {
            command(net);
        }
    }

    /// Hands a job to a room's disk. There is always room for a write; a question may be refused.
    pub(crate) fn job(&mut self, room: RoomId, job: Job) {
        let (given, why) = match self.rooms.get(&room) {
            Some(open) => (
                open.jobs.try_send(job),
                "the room's disk does not answer; restart tailchat and run `tailchat check`",
            ),
            None => (
                Err(mpsc::error::TrySendError::Closed(job)),
                "the room was closed meanwhile; try again",
            ),
        };
        let refused = match given {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job)) => job,
        };
        match refused {
            Job::Append { batch, .. } => self.feed(Event::AppendFailed {
                room,
                batch,
                why: why.into(),
            }),
            Job::Load { load, .. } => self.feed(Event::Loaded {
                load,
                block: Vec::new(),
            }),
            Job::SetFacts { session, .. } => self.facts_set(session, room, Err(why.into())),
            Job::Export { session }
            | Job::Check { session, .. }
            | Job::Bundle { session, .. }
            | Job::Begins { session, .. } => {
                self.fail(session, crate::control::Code::Failed, why);
            }
            Job::Sealed(_) | Job::Close { .. } => {}
        }
    }

    fn heard(&mut self, event: NetEvent) {
        let event = match event {
            NetEvent::Connected {
                conn,
                role,
                remote,
                dialed,
            } => Event::Connected {
                conn: ConnId(conn.0),
                role: match role {
                    tailchat_net::Role::Dialed => Role::Dialler,
                    tailchat_net::Role::Accepted => Role::Listener,
                },
                host: host(remote.ip()),
                dialled: dialed,
            },
            NetEvent::Frame { conn, bytes } => Event::Received {
                conn: ConnId(conn.0),
                frame: bytes,
            },
            NetEvent::Piece { conn } => Event::Receiving { conn: ConnId(conn.0) },
            NetEvent::Closed { conn, why } => Event::Disconnected {
                conn: ConnId(conn.0),
                why: why.to_string(),
            },
            NetEvent::DialFailed { addr, why } => Event::DialFailed { addr, why },
            found @ (NetEvent::Found { .. } | NetEvent::NetworkChanged) => {
                return self.found_addresses(found);
            }
        };
        self.feed(event);
    }

    /// A disk is done. What it wrote goes no further while the index lags: then nothing more is asked of peers, and
    /// what waits stays bounded.
    fn disk_did(&mut self, room: RoomId, outcome: Outcome) {
        if self.backlog >= BACKLOG_MAX && matches!(outcome, Outcome::Appended { .. }) {
            self.held.push_back((room, outcome));
        } else {
            self.take_outcome(room, outcome);
        }
    }

    /// Asks the index for a session; nothing if it cannot be asked now.
    pub(crate) fn ask_index(
        &mut self,
        session: SessionId,
        room: RoomId,
        question: Question,
    ) -> Option<AskedIndex> {
        let asked = self.next_asked();
        self.index.ask(session, asked, room, question).then_some(asked)
    }

    /// Asks the index how much is unread; nothing if it cannot be asked now.
    pub(crate) fn count_with_index(&mut self, room: RoomId, reader: ReaderOf) -> Option<AskedIndex> {
        let asked = self.next_asked();
        self.index.count(asked, room, reader).then_some(asked)
    }

    pub(crate) fn next_asked(&mut self) -> AskedIndex {
        self.last_asked.0 += 1;
        self.last_asked
    }

    fn index_told(&mut self, told: Told) {
        match told {
            Told::Answer {
                session,
                asked,
                found,
            } => self.found(session, asked, found),
            Told::Counted { room, asked, counts } => self.counted(room, asked, counts),
            Told::Folded { room, changed } => {
                self.amended(room, &changed);
                self.backlog = self.backlog.saturating_sub(1);
                if let Some((room, outcome)) = self.held.pop_front() {
                    self.take_outcome(room, outcome);
                }
            }
            Told::Newest { room, load, found } => self.newest_found(room, load, &found),
            Told::Lost { life, why } => {
                self.life = life;
                self.index_lost(&why);
            }
        }
    }

    fn take_outcome(&mut self, room: RoomId, outcome: Outcome) {
        let mut set_size = |bytes| {
            if let Some(open) = self.rooms.get_mut(&room) {
                open.disk_bytes = bytes;
            }
        };
        match outcome {
            Outcome::Appended {
                batch,
                result: Ok(end),
                disk_bytes,
                read_only: _,
            } => {
                set_size(disk_bytes);
                if let Some(open) = self.rooms.get_mut(&room) {
                    open.end = end;
                }
                self.feed(Event::Appended { room, batch });
            }
            Outcome::Appended {
                batch,
                result: Err(why),
                disk_bytes,
                read_only,
            } => {
                set_size(disk_bytes);
                tracing::error!("{why}");
                if let Some(open) = self.rooms.get_mut(&room) {
                    open.failed = true;
                    if read_only && open.read_only_since.is_none() {
                        open.read_only_since = Some(Instant::now());
                        open.findings.push(why.clone());
                    }
                }
                self.feed(Event::AppendFailed { room, batch, why });
            }
            Outcome::Loaded { load, block } => self.feed(Event::Loaded { load, block }),
            Outcome::Sealed { disk_bytes, problem } => {
                set_size(disk_bytes);
                if let Some(problem) = problem {
                    tracing::warn!("sealing failed: {problem}");
                }
            }
            Outcome::FactsSet { session, result } => self.facts_set(session, room, result),
            Outcome::Bundled { session, ask, result } => self.bundled(session, ask, result),
            Outcome::Begin {
                session,
                since_ms,
                result,
            } => self.bundle_from(session, (room, since_ms), result),
            Outcome::Exported { session, result } => self.exported(session, result),
            Outcome::Checked { session, result } => self.checked(session, room, result),
        }
    }

    fn show(&mut self, room: RoomId, changes: Arc<[ArrivedChange]>) {
        let Some(open) = self.rooms.get_mut(&room) else {
            return;
        };
        let (mut lines, mut linked, mut regrouped) = (Vec::new(), false, false);
        for arrived in changes.iter() {
            for told in told_by(&arrived.change.parts, arrived.arrival) {
                match told {
                    Line(place, line) => lines.push((place, line)),
                    News(news) => {
                        linked |= matches!(news, roster::News::Link { .. });
                        regrouped |= open.roster.hear(news) == roster::Heard::Regrouped;
                    }
                    // The index says what it comes to.
                    Amendment(_) => {}
                }
            }
        }
        self.backlog += 1;
        self.unkept = true;
        if !self.index.fold(room, open.end, changes) {
            self.backlog -= 1;
            // It cannot be full, so its thread is gone; what it lacks is read at the next opening.
            tracing::error!("the index does not answer; restart tailchat");
        }
        self.unread_changed(room);
        self.follow(room, &lines);
        self.tell_watchers(room, &lines);
        if regrouped {
            self.lines_changed(room);
        }
        if linked {
            self.links_heard(room);
        }
    }
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand_core::RngCore::fill_bytes(&mut OsRng.unwrap_err(), &mut bytes);
    bytes
}

fn net_id(conn: ConnId) -> tailchat_net::ConnId {
    tailchat_net::ConnId(conn.0)
}

/// A host as it stands before `:PORT`.
pub(crate) fn host(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
