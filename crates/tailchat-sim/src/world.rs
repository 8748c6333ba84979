//! All peers in one virtual time: takes the next thing that is due, tells a peer's engine of it, and carries out
//! what it answers, strictly in order. Knows how to drive; what goes wrong when is drawn in `happenings`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tailchat_core::block::SeqRange;
use tailchat_core::engine::{ArrivedChange, Batch, ConnId, Effect, Event, Load, Ticket};
use tailchat_core::handshake::Role;
use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::limits::TICK;
use tailchat_core::wire::RoomFrame;
use tailchat_store::error::StoreError;

use crate::dice::Dice;
use crate::happenings::Style;
use crate::history::{answer, records};
use crate::network::{Network, Parcel, PeerNo, other};
use crate::peer::{OpenRoom, Opening, Peer};
use crate::plant::Plant;
use crate::trace::Trace;
use crate::witness::{Ever, Read, Witness, check_frame, check_length};
use crate::{Counts, Failure, Outcome, Plan};

/// Something that does not hold, in words.
pub(crate) type Checked<T = ()> = Result<T, String>;

/// What is due at some time. A peer's `life` tells whether it is still about the same process.
#[derive(Debug)]
pub(crate) enum Due {
    Tick {
        peer: PeerNo,
        life: u64,
    },
    Written {
        peer: PeerNo,
        life: u64,
        room: RoomId,
    },
    Loaded {
        peer: PeerNo,
        life: u64,
        room: RoomId,
        load: Load,
        wanted: Vec<SeqRange>,
    },
    Arrives {
        at: ConnId,
    },
    Dialled {
        peer: PeerNo,
        life: u64,
        addr: String,
    },
    Sealed {
        peer: PeerNo,
        life: u64,
        room: RoomId,
    },
    Start {
        peer: PeerNo,
    },
    Open {
        peer: PeerNo,
        life: u64,
        room: RoomId,
    },
    DiskWell {
        peer: PeerNo,
    },
    Unblock,
    Happening,
}

/// A post that waits for its outcome.
pub(crate) struct Posted {
    pub(crate) room: RoomId,
    /// The text of each draft that is a line.
    pub(crate) texts: Vec<Option<String>>,
}

/// A line that its author was told is safe.
pub(crate) struct Accepted {
    pub(crate) ticket: Ticket,
    pub(crate) peer: PeerNo,
    pub(crate) room: RoomId,
    pub(crate) id: MessageId,
    pub(crate) text: String,
}

pub(crate) struct World {
    pub(crate) plant: Option<Plant>,
    pub(crate) steps_max: u64,
    pub(crate) peers: Vec<Peer>,
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) net: Network,
    pub(crate) dice: Dice,
    pub(crate) style: Style,
    pub(crate) now_us: u64,
    /// Whether things still go wrong.
    pub(crate) trouble: bool,
    pub(crate) posted: BTreeMap<Ticket, Posted>,
    pub(crate) accepted: Vec<Accepted>,
    /// Actors that were wrongly continued, so that they have two chains.
    pub(crate) forked: BTreeSet<ActorId>,
    /// Whether one of these goes on from an image that was put back.
    pub(crate) put_back: bool,
    /// Images of machines, and the next post when they were made.
    pub(crate) images: BTreeMap<PeerNo, (Peer, Ticket)>,
    pub(crate) counts: Counts,
    pub(crate) trace: Trace,
    pub(crate) next_ticket: u64,
    witness: Witness,
    ever: Ever,
    queue: BTreeMap<(u64, u64), Due>,
    queued: u64,
}

impl World {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut dice = Dice::new(plan.seed);
        let style = Style::draw(&mut dice);
        Self {
            plant: plan.plant,
            steps_max: plan.steps,
            peers: Vec::new(),
            rooms: Vec::new(),
            net: Network::default(),
            dice,
            style,
            now_us: 0,
            trouble: true,
            posted: BTreeMap::new(),
            accepted: Vec::new(),
            forked: BTreeSet::new(),
            put_back: false,
            images: BTreeMap::new(),
            counts: Counts::default(),
            trace: Trace::new(plan.trace),
            next_ticket: 0,
            witness: Witness::default(),
            ever: Ever::new(),
            queue: BTreeMap::new(),
            queued: 0,
        }
    }

    /// The whole run.
    pub(crate) fn live(&mut self) -> Checked {
        self.begin()?;
        while self.counts.steps < self.steps_max {
            self.step()?;
        }
        self.heal()?;
        self.settle()?;
        self.compare()?;
        self.idle()?;
        self.reopen()
    }

    pub(crate) fn end(self, plan: &Plan, lived: Checked) -> Result<Outcome, Box<Failure>> {
        let counts = Counts {
            virtual_ms: self.now_us / 1000,
            forks: self.forked.len() as u64,
            ..self.counts
        };
        let sum = self.trace.sum();
        let trace = self.trace.into_lines();
        match lived {
            Ok(()) => Ok(Outcome { counts, sum, trace }),
            Err(what) => Err(Box::new(Failure {
                seed: plan.seed,
                step: counts.steps,
                what,
                trace,
            })),
        }
    }

    pub(crate) fn peer(&mut self, no: PeerNo) -> &mut Peer {
        self.peers
            .get_mut(no)
            .expect("peers have numbers from 0 and stay")
    }

    fn is_alive(&self, no: PeerNo, life: u64) -> bool {
        let peer = self.peers.get(no);
        peer.is_some_and(|peer| peer.life == life && peer.running.is_some())
    }

    pub(crate) fn schedule(&mut self, in_us: u64, due: Due) {
        self.queued += 1;
        self.queue.insert((self.now_us + in_us, self.queued), due);
    }

    pub(crate) fn note(
        &mut self,
        peer: PeerNo,
        what: &'static str,
        datum: u64,
        text: std::fmt::Arguments<'_>,
    ) {
        self.trace.note(self.now_us, peer, what, datum, text);
    }

    /// Lets the next thing happen.
    pub(crate) fn step(&mut self) -> Checked {
        let Some(((at_us, _), due)) = self.queue.pop_first() else {
            return Err("nothing is ever going to happen any more".into());
        };
        self.now_us = at_us;
        self.counts.steps += 1;
        match due {
            Due::Tick { peer, life } => self.tick(peer, life),
            Due::Written { peer, life, room } if self.is_alive(peer, life) => self.written(peer, room),
            Due::Loaded {
                peer,
                life,
                room,
                load,
                wanted,
            } if self.is_alive(peer, life) => self.loaded(peer, room, load, &wanted),
            Due::Arrives { at } => self.arrives(at),
            Due::Dialled { peer, life, addr } if self.is_alive(peer, life) => self.dialled(peer, life, addr),
            Due::Sealed { peer, life, room } if self.is_alive(peer, life) => {
                if let Some(open) = self.peer(peer).room(room)
                    && let Some(sealed) = open.sealed.take()
                {
                    open.log.sealed(sealed);
                }
                Ok(())
            }
            Due::Start { peer } => self.start(peer),
            Due::Open { peer, life, room } if self.is_alive(peer, life) => self.open(peer, room),
            Due::DiskWell { peer } => {
                self.peer(peer).disk.sim.set_capacity(None);
                self.peer(peer).disk.sim.heal();
                self.peer(peer).disk_ails = false;
                Ok(())
            }
            Due::Unblock => {
                self.net.blocked.clear();
                Ok(())
            }
            Due::Happening => self.happen(),
            // About a process that is gone.
            _ => Ok(()),
        }
    }

    fn tick(&mut self, peer: PeerNo, life: u64) -> Checked {
        if !self.is_alive(peer, life) {
            return Ok(());
        }
        let period = u64::try_from(TICK.as_micros()).unwrap_or(u64::MAX);
        let late = self.dice.below(20_000);
        self.schedule(period + late, Due::Tick { peer, life });
        self.tell(peer, Event::Ticked)
    }

    /// Tells a peer's engine of something and carries out what it answers.
    pub(crate) fn tell(&mut self, no: PeerNo, event: Event) -> Checked {
        let now_us = self.now_us;
        let peer = self.peer(no);
        let now = peer.now(now_us);
        let Some(running) = &mut peer.running else {
            return Ok(());
        };
        let effects = running.engine.handle(event, now, peer.dice.rng());
        for effect in effects {
            self.carry_out(no, effect)
                .map_err(|what| format!("peer {no} {what}"))?;
        }
        Ok(())
    }

    fn carry_out(&mut self, no: PeerNo, effect: Effect) -> Checked {
        let life = self.peer(no).life;
        match effect {
            Effect::Append { room, batch, changes } => self.append(no, room, batch, changes),
            Effect::Show { room, changes } => {
                self.show(no, room, &changes);
                Ok(())
            }
            Effect::Accepted { ticket, ids } => self.accept(no, ticket, ids),
            Effect::Rejected { ticket, why } => {
                self.posted.remove(&ticket);
                self.note(no, "rejects", ticket.0, format_args!("post {}: {why}", ticket.0));
                Ok(())
            }
            Effect::Load { room, load, wanted } => {
                let delay = self.style.read_delay(&mut self.dice);
                self.schedule(
                    delay,
                    Due::Loaded {
                        peer: no,
                        life,
                        room,
                        load,
                        wanted,
                    },
                );
                Ok(())
            }
            Effect::Dial { addr } => {
                let delay = self.style.link_delay(&mut self.dice);
                self.schedule(delay, Due::Dialled { peer: no, life, addr });
                Ok(())
            }
            Effect::Trust { conn } => {
                if let Some(end) = self.net.ends.get_mut(&conn) {
                    end.trusted = true;
                }
                Ok(())
            }
            Effect::Send { conn, frame } => self.send(no, conn, frame),
            Effect::Close { conn, why } => {
                self.note(no, "closes", conn.0, format_args!("{}: {why}", conn.0));
                self.close(conn);
                Ok(())
            }
            Effect::Remember { addrs } => {
                self.peer(no).addrs = addrs.into_iter().collect();
                Ok(())
            }
            Effect::Heard { .. } => Ok(()),
        }
    }

    fn append(&mut self, no: PeerNo, room: RoomId, batch: Batch, changes: Arc<[ArrivedChange]>) -> Checked {
        let (life, plant) = (self.peer(no).life, self.plant);
        if plant == Some(Plant::ShowBeforeFsync) {
            self.show(no, room, &changes);
        }
        let Some(open) = self.peer(no).room(room) else {
            return Err("writes to a room that is not open".into());
        };
        open.writing.push_back((batch, changes));
        let early = plant == Some(Plant::AcknowledgeBeforeFsync);
        if open.writing.len() > 1 && !early {
            return Err("begins a second write before the first is done".into());
        }
        let delay = self.style.sync_delay(&mut self.dice);
        self.schedule(delay, Due::Written { peer: no, life, room });
        if early {
            return self.tell(no, Event::Appended { room, batch });
        }
        Ok(())
    }

    /// A write is done, well or badly.
    fn written(&mut self, no: PeerNo, room: RoomId) -> Checked {
        let plant = self.plant;
        let Some((batch, done)) = self.write(no, room)? else {
            return Ok(());
        };
        if plant == Some(Plant::AcknowledgeBeforeFsync) {
            return Ok(());
        }
        match done {
            Err(why) if plant != Some(Plant::AcknowledgeFailure) => {
                self.tell(no, Event::AppendFailed { room, batch, why })
            }
            _ => self.tell(no, Event::Appended { room, batch }),
        }
    }

    /// Does the write that waits the longest in a room.
    pub(crate) fn write(&mut self, no: PeerNo, room: RoomId) -> Checked<Option<(Batch, Result<(), String>)>> {
        let peer = self.peer(no);
        let Some(open) = peer
            .running
            .as_mut()
            .and_then(|running| running.rooms.get_mut(&room))
        else {
            return Ok(None);
        };
        let Some((batch, changes)) = open.writing.pop_front() else {
            return Ok(None);
        };
        let written = open.log.append(&records(&changes));
        let poisoned = open.log.poisoned().is_some();
        peer.suspect |= poisoned;
        let device = peer.identity.device;
        let done = match written {
            Ok(()) => {
                let shelf = peer.shelves.entry(room).or_default();
                for ArrivedChange { change, .. } in changes.iter() {
                    shelf.disk.add(&change.parts, change.tip);
                }
                let held = changes.iter().map(|ArrivedChange { change, .. }| {
                    (
                        device,
                        room,
                        change.parts.actor,
                        change.tip.seq,
                        change.tip.hash.short(),
                    )
                });
                self.ever.extend(held);
                Ok(())
            }
            Err(error @ StoreError::TooLarge { .. }) => {
                return Err(format!("peer {no} asks for a write that no log takes: {error}"));
            }
            Err(error) => Err(error.to_string()),
        };
        if poisoned {
            // The person reads the banner, sees to the disk and starts again.
            let delay = self.dice.between(1_000_000, 10_000_000);
            self.note(no, "is read-only", 0, format_args!(""));
            self.schedule(delay, Due::Start { peer: no });
        }
        self.note(
            no,
            "wrote",
            changes.len() as u64,
            format_args!("{} changes: {done:?}", changes.len()),
        );
        Ok(Some((batch, done)))
    }

    fn show(&mut self, no: PeerNo, room: RoomId, changes: &[ArrivedChange]) {
        if let Some(shelf) = self.peer(no).shelves.get_mut(&room) {
            for ArrivedChange { change, arrival } in changes {
                shelf.shown.fold(&change.parts, *arrival);
            }
        }
    }

    fn accept(&mut self, no: PeerNo, ticket: Ticket, ids: Vec<MessageId>) -> Checked {
        // What the engine itself posts again has a ticket of its own.
        let Some(posted) = self.posted.remove(&ticket) else {
            return Ok(());
        };
        self.counts.accepted += 1;
        self.counts.entries += ids.len() as u64;
        if ids.len() != posted.texts.len() {
            return Err(format!("accepted {} of {} drafts", ids.len(), posted.texts.len()));
        }
        let room = posted.room;
        for (id, text) in ids.into_iter().zip(posted.texts) {
            let shelf = self.peer(no).shelves.entry(room).or_default();
            if shelf.disk.state.tip(id.actor).entries <= id.index {
                return Err(format!("accepted {id} before it is durable"));
            }
            if let Some(text) = text {
                self.accepted.push(Accepted {
                    ticket,
                    peer: no,
                    room,
                    id,
                    text,
                });
            }
        }
        Ok(())
    }

    fn loaded(&mut self, no: PeerNo, room: RoomId, load: Load, wanted: &[SeqRange]) -> Checked {
        let Some(open) = self.peer(no).room(room) else {
            return Ok(());
        };
        let block = match answer(&open.log, wanted) {
            Ok(block) => block,
            Err(error) if !self.trouble => return Err(format!("peer {no} cannot read: {error}")),
            Err(_) => Vec::new(),
        };
        self.tell(no, Event::Loaded { load, block })
    }

    fn send(&mut self, no: PeerNo, conn: ConnId, frame: Vec<u8>) -> Checked {
        self.counts.frames += 1;
        let read = self.witness.read(conn, &frame, &self.rooms)?;
        let mut gossip = false;
        if let Read::Room(room, said) = &read {
            let disk = self.peers.get(no).and_then(|peer| peer.shelves.get(room));
            let disk = disk.ok_or("speaks of a room that it has not joined")?;
            check_frame(said, *room, &disk.disk, &self.ever)?;
            gossip = matches!(said, RoomFrame::Disk { .. });
        }
        self.trace.add(&frame);
        match &read {
            Read::Conn(said) => self.note(no, "says", conn.0, format_args!("on {}: {said:?}", conn.0)),
            Read::Room(_, said) => self.note(no, "says", conn.0, format_args!("on {}: {said:?}", conn.0)),
        }
        if let Some(end) = self.net.ends.get_mut(&conn) {
            end.sent += u64::from(!gossip);
        }
        self.ship(conn, Parcel::Frame(frame));
        Ok(())
    }

    /// Puts something on its way from one end of a connection to the other.
    pub(crate) fn ship(&mut self, from: ConnId, parcel: Parcel) {
        let at_us = self.now_us + self.style.link_delay(&mut self.dice);
        if let Some(at_us) = self.net.post(other(from), parcel, at_us) {
            self.schedule(at_us - self.now_us, Due::Arrives { at: other(from) });
        }
    }

    /// This end closes: the other hears of it after all that was sent.
    pub(crate) fn close(&mut self, conn: ConnId) {
        if let Some(end) = self.net.ends.get_mut(&conn).filter(|end| end.open) {
            end.open = false;
            end.inbox.clear();
            self.ship(conn, Parcel::End);
        }
        self.sweep(conn);
    }

    fn sweep(&mut self, conn: ConnId) {
        self.net.sweep(conn);
        if !self.net.ends.contains_key(&conn) {
            self.witness.forget(conn);
        }
    }

    fn arrives(&mut self, at: ConnId) -> Checked {
        let sender = self.net.ends.get(&other(at)).map(|end| end.peer);
        let Some(end) = self.net.ends.get(&at) else {
            return Ok(());
        };
        let (to, life) = (end.peer, end.life);
        if sender.is_some_and(|from| self.net.is_blocked(from, to)) {
            // The kernel sends it again until it gets through or the connection is given up.
            let again = self.dice.between(50_000, 400_000);
            self.schedule(again, Due::Arrives { at });
            return Ok(());
        }
        let alive = self.is_alive(to, life);
        let Some(end) = self.net.ends.get_mut(&at).filter(|end| !end.dead) else {
            return Ok(());
        };
        let Some(parcel) = end.inbox.pop_front() else {
            return Ok(());
        };
        if !end.open || !alive {
            // A machine that is up again knows nothing of the connection and says so.
            let up = self.peers.get(to).is_some_and(|peer| peer.running.is_some());
            if up && matches!(parcel, Parcel::Frame(_)) {
                self.ship(at, Parcel::End);
            }
            return Ok(());
        }
        match parcel {
            Parcel::Frame(frame) => {
                check_length(frame.len(), end).map_err(|what| format!("peer {to} {what}"))?;
                end.received += 1;
                self.note(
                    to,
                    "gets",
                    frame.len() as u64,
                    format_args!("{} bytes on {}", frame.len(), at.0),
                );
                self.tell(to, Event::Received { conn: at, frame })
            }
            Parcel::End => {
                end.open = false;
                self.note(to, "loses", at.0, format_args!("{}", at.0));
                self.sweep(at);
                self.tell(
                    to,
                    Event::Disconnected {
                        conn: at,
                        why: "closed by the peer".into(),
                    },
                )
            }
        }
    }

    fn dialled(&mut self, no: PeerNo, life: u64, addr: String) -> Checked {
        let target = self.peers.iter().position(|peer| peer.addr() == addr);
        let up = |target: &PeerNo| self.peers.get(*target).is_some_and(|peer| peer.running.is_some());
        let reached = target
            .filter(up)
            .filter(|target| !self.net.is_blocked(no, *target) && !self.net.is_blocked(*target, no));
        let Some(target) = reached else {
            let why = "nobody answers".to_owned();
            return self.tell(no, Event::DialFailed { addr, why });
        };
        let (dialler_host, host) = (self.peer(no).host.clone(), self.peer(target).host.clone());
        let listener = (target, self.peer(target).life);
        let id = self.net.connect((no, life), listener);
        self.note(
            no,
            "dials",
            target as u64,
            format_args!("peer {target} on {}", id.0),
        );
        let listener = Event::Connected {
            conn: other(id),
            role: Role::Listener,
            host: dialler_host,
            dialled: None,
        };
        self.tell(target, listener)?;
        let dialler = Event::Connected {
            conn: id,
            role: Role::Dialler,
            host,
            dialled: Some(addr),
        };
        self.tell(no, dialler)
    }

    /// A process starts; one that still runs is ended for it.
    pub(crate) fn start(&mut self, no: PeerNo) -> Checked {
        if self.peer(no).running.is_some() {
            self.crash(no, false);
        }
        let peer = self.peer(no);
        peer.start();
        let (life, port) = (peer.life, peer.port);
        let rooms: Vec<_> = peer
            .shelves
            .iter()
            .filter(|(_, shelf)| shelf.wanted)
            .map(|(room, _)| *room)
            .collect();
        let addrs = peer.addrs.clone();
        self.note(no, "starts", life, format_args!("for the {life}. time"));
        self.schedule(0, Due::Tick { peer: no, life });
        self.tell(no, Event::Listening { port })?;
        for room in rooms {
            self.open(no, room)?;
        }
        self.peer(no).marker.clear();
        for addr in addrs {
            self.tell(no, Event::AddressAdded { addr })?;
        }
        Ok(())
    }

    /// Opens a room on a running peer.
    pub(crate) fn open(&mut self, no: PeerNo, room: RoomId) -> Checked {
        let plant = self.plant;
        let peer = self.peer(no);
        if peer.room(room).is_some() || peer.suspect {
            return Ok(());
        }
        let (log, history) = match peer.open_log(room).map_err(|what| format!("peer {no} {what}"))? {
            Opening::Open(log, history) => (*log, *history),
            Opening::Later => {
                let life = peer.life;
                self.schedule(2_000_000, Due::Open { peer: no, life, room });
                return Ok(());
            }
        };
        let marked = peer.marker.remove(&room);
        let actor = marked.filter(|(actor, tip)| history.state.tip(*actor) == *tip);
        let mut actor = actor.map(|(actor, _)| actor);
        let device = peer.identity.device;
        let shelf = peer.shelves.entry(room).or_default();
        if plant == Some(Plant::SameActor) {
            actor = shelf.last_actor.filter(|actor| history.state.tip(*actor).seq > 0);
        }
        let opened = history.opened(device, actor);
        let mut held = Vec::new();
        for (actor, chain) in &history.chains {
            let chain = (1..).zip(chain);
            held.extend(chain.map(|(seq, hash)| (device, room, *actor, seq, hash.short())));
        }
        shelf.disk = history;
        shelf.shown = std::mem::take(&mut shelf.disk.timeline);
        let open = OpenRoom {
            log,
            writing: std::collections::VecDeque::new(),
            sealed: None,
        };
        if let Some(running) = &mut peer.running {
            running.rooms.insert(room, open);
        }
        self.ever.extend(held);
        self.tell(no, Event::RoomOpened { room, opened })
    }
}
