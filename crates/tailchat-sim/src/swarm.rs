//! Very many peers in one room: how many links each keeps, by how many steps a message reaches everybody, how often it
//! is sent in vain, and what happens when many leave at once. The production engine over links with delays, from a
//! seed; disks are instant but for a delay, since `world` tries those.

mod carrying;
mod figures;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use tailchat_core::block::SeqRange;
use tailchat_core::engine::{
    ArrivedChange, Batch, ConnId, Draft, Effect, Engine, Event, Identity, Load, Now, Opened, Ticket,
};
use tailchat_core::entry::{Body, Text};
use tailchat_core::ids::{ActorId, DeviceId, Instance, PersonId, RoomId};
use tailchat_core::limits::TICK;
use tailchat_core::state::Change;

use crate::dice::Dice;
use crate::network::{Network, PeerNo};
use crate::witness::Witness;

pub use figures::{Spread, Swarmed};

/// The room that everybody is in.
const ROOM: RoomId = RoomId([77; 16]);
/// Of so many peers one writes; the others read.
const WRITER_EACH: usize = 50;
/// Peers come one after the other, in this time.
const JOIN_US: u64 = 60_000_000;
/// The wall clock at the start, in milliseconds since 1970.
const EPOCH_MS: i64 = 1_800_000_000_000;

/// A run.
#[derive(Clone, Copy, Debug)]
pub struct SwarmPlan {
    /// All that happens follows from it.
    pub seed: u64,
    /// How many peers.
    pub peers: usize,
    /// How many messages are measured.
    pub messages: usize,
}

/// What is due at some time.
enum Due {
    Start(PeerNo),
    Tick(PeerNo, bool),
    Written(PeerNo, Batch),
    Loaded(PeerNo, Load, Vec<SeqRange>),
    Dialled(PeerNo, String),
    Arrives(ConnId),
}

struct Peer {
    engine: Engine,
    rng: ChaCha8Rng,
    alive: bool,
    /// When it is woken besides ticks.
    woken_at_us: u64,
    /// By how many steps each change came, and when.
    came: BTreeMap<(ActorId, u64), (u32, u64)>,
}

/// All of them.
struct Swarm {
    dice: Dice,
    peers: Vec<Peer>,
    addrs: BTreeMap<String, PeerNo>,
    devices: BTreeMap<DeviceId, PeerNo>,
    net: Network,
    /// What is on disks, each change once.
    disk: BTreeMap<(ActorId, u64), Change>,
    writing: BTreeMap<(PeerNo, Batch), Arc<[ArrivedChange]>>,
    witness: Witness,
    /// How often each change was sent to somebody who is there, as far as it is measured.
    sent: BTreeMap<(ActorId, u64), u64>,
    frames: u64,
    now_us: u64,
    queue: BTreeMap<(u64, u64), Due>,
    queued: u64,
    /// Which half of the network a peer is in, while it is cut in two.
    cut: Option<BTreeSet<PeerNo>>,
    /// How many have gone.
    gone: usize,
}

/// Runs one swarm.
///
/// # Errors
/// What does not hold, in words.
pub fn swarm(plan: &SwarmPlan) -> Result<Swarmed, String> {
    let mut swarm = Swarm::new(plan);
    let joined_s = swarm.until_calm(JOIN_US + 120_000_000, "joining")?;
    let mut figures = Swarmed::new(plan, joined_s);
    swarm.measure_degree(&mut figures)?;
    swarm.write_messages(plan.messages, &mut figures)?;
    swarm.many_leave(&mut figures)?;
    swarm.cut_in_two(&mut figures)?;
    figures.frames = swarm.frames;

    figures.virtual_s = swarm.now_us / 1_000_000;
    Ok(figures)
}

impl Swarm {
    fn new(plan: &SwarmPlan) -> Self {
        let mut swarm = Self {
            dice: Dice::new(plan.seed),
            peers: Vec::new(),
            addrs: BTreeMap::new(),
            devices: BTreeMap::new(),
            net: Network::default(),
            disk: BTreeMap::new(),
            writing: BTreeMap::new(),
            witness: Witness::default(),
            sent: BTreeMap::new(),
            frames: 0,
            now_us: 0,
            queue: BTreeMap::new(),
            queued: 0,
            cut: None,
            gone: 0,
        };
        for no in 0..plan.peers {
            let device = DeviceId(swarm.dice.bytes());
            let identity = Identity {
                person: PersonId(swarm.dice.bytes()),
                device,
                name: format!("p{no}"),
            };
            let peer = Peer {
                engine: Engine::new(identity, Instance(swarm.dice.bytes())),
                rng: ChaCha8Rng::seed_from_u64(swarm.dice.seed()),
                alive: false,
                woken_at_us: u64::MAX,
                came: BTreeMap::new(),
            };
            swarm.peers.push(peer);
            swarm.addrs.insert(addr(no), no);
            swarm.devices.insert(device, no);
            let at = JOIN_US * no as u64 / plan.peers as u64;
            swarm.schedule(at, Due::Start(no));
        }
        swarm
    }

    fn schedule(&mut self, in_us: u64, due: Due) {
        self.queued += 1;
        self.queue.insert((self.now_us + in_us, self.queued), due);
    }

    fn peer(&mut self, no: PeerNo) -> &mut Peer {
        self.peers
            .get_mut(no)
            .expect("peers have numbers from 0 and stay")
    }

    fn is_alive(&self, no: PeerNo) -> bool {
        self.peers.get(no).is_some_and(|peer| peer.alive)
    }

    fn alive(&self) -> Vec<PeerNo> {
        (0..self.peers.len()).filter(|no| self.is_alive(*no)).collect()
    }

    /// Lets time pass.
    fn run_until(&mut self, until_us: u64) -> Result<(), String> {
        while let Some(((at_us, _), due)) = self.queue.pop_first() {
            if at_us > until_us {
                self.queued += 1;
                self.queue.insert((at_us, self.queued), due);
                break;
            }
            self.now_us = at_us;
            self.happen(due)?;
        }
        self.now_us = until_us;
        Ok(())
    }

    fn happen(&mut self, due: Due) -> Result<(), String> {
        match due {
            Due::Start(no) => self.start(no),
            Due::Tick(no, regular) if self.is_alive(no) => {
                if regular {
                    let tick = u64::try_from(TICK.as_micros()).unwrap_or(u64::MAX);
                    self.schedule(tick, Due::Tick(no, true));
                } else {
                    self.peer(no).woken_at_us = u64::MAX;
                }
                self.tell(no, Event::Ticked)
            }
            Due::Written(no, batch) => self.written(no, batch),
            Due::Loaded(no, load, wanted) if self.is_alive(no) => {
                let block = self.past(&wanted);
                self.tell(no, Event::Loaded { load, block })
            }
            Due::Dialled(no, addr) if self.is_alive(no) => self.dialled(no, addr),
            Due::Arrives(at) => self.arrives(at),
            Due::Tick(..) | Due::Loaded(..) | Due::Dialled(..) => Ok(()),
        }
    }

    /// A peer comes, with an invite of somebody who was there before.
    fn start(&mut self, no: PeerNo) -> Result<(), String> {
        self.peer(no).alive = true;
        self.tell(no, Event::Listening { port: PORT })?;
        let opened = Opened::default();
        self.tell(no, Event::RoomOpened { room: ROOM, opened })?;
        if no > 0 {
            let inviter = usize::try_from(self.dice.below(no as u64)).unwrap_or(0);
            let addr = addr(inviter);
            self.tell(no, Event::AddressAdded { addr })?;
        }
        if no.is_multiple_of(WRITER_EACH) {
            self.post(no, Vec::new())?;
        }
        let first = self.dice.below(250_000);
        self.schedule(first, Due::Tick(no, true));
        Ok(())
    }

    fn post(&mut self, no: PeerNo, drafts: Vec<Draft>) -> Result<(), String> {
        let event = Event::Posted {
            room: ROOM,
            ticket: Ticket(0),
            drafts,
        };
        self.tell(no, event)
    }

    /// Writes a message; gives its change.
    fn write(&mut self, no: PeerNo, text: &str) -> Result<(ActorId, u64), String> {
        let body = Body::Text(Text {
            text: text.to_owned(),
            reply_to: None,
        });
        self.post(no, vec![Draft { body, stamp: None }])?;
        let status = self.peer(no).engine.room_status(ROOM);
        let status = status.ok_or("a writer has no room")?;
        let actor = status.actor.ok_or("a writer has no actor")?;
        // It is on its way to the disk.
        let change = (actor, status.durable.tip(actor).seq + 1);
        self.sent.insert(change, 0);
        Ok(change)
    }

    fn tell(&mut self, no: PeerNo, event: Event) -> Result<(), String> {
        let now = Now {
            wall_ms: EPOCH_MS + i64::try_from(self.now_us / 1000).unwrap_or(0),
            uptime: std::time::Duration::from_micros(self.now_us + 1_000_000),
        };
        let Peer { engine, rng, .. } = self.peer(no);
        let effects = engine.handle(event, now, rng);
        for effect in effects {
            self.carry_out(no, effect)?;
        }
        self.wake(no);
        Ok(())
    }

    /// Sees to it that a peer is told the time when it wants to be.
    fn wake(&mut self, no: PeerNo) {
        let now_us = self.now_us;
        let peer = self.peer(no);
        let Some(due) = peer.engine.due() else { return };
        let due_us = u64::try_from(due.as_micros())
            .unwrap_or(u64::MAX)
            .saturating_sub(1_000_000);
        let at_us = due_us.max(now_us + 1000);
        if at_us < peer.woken_at_us {
            peer.woken_at_us = at_us;
            self.schedule(at_us - now_us, Due::Tick(no, false));
        }
    }

    fn carry_out(&mut self, no: PeerNo, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::Append { batch, changes, .. } => {
                let takes = self.dice.between(1_000, 6_000);
                self.writing.insert((no, batch), changes);
                self.schedule(takes, Due::Written(no, batch));
            }
            Effect::Load { load, wanted, .. } => self.schedule(300, Due::Loaded(no, load, wanted)),
            Effect::LoadPreview { load, .. } => {
                let lines = Vec::new();
                return self.tell(no, Event::PreviewLoaded { load, lines });
            }
            Effect::Dial { addr } => {
                let delay = self.delay(no, self.addrs.get(&addr).copied().unwrap_or(no)) * 2;
                self.schedule(delay, Due::Dialled(no, addr));
            }
            Effect::Trust { conn } => {
                if let Some(end) = self.net.ends.get_mut(&conn) {
                    end.trusted = true;
                }
            }
            Effect::Send { conn, frame } => return self.send(conn, frame),
            Effect::Close { conn, .. } => self.close(conn),
            Effect::Show { .. }
            | Effect::Accepted { .. }
            | Effect::Merged { .. }
            | Effect::Rejected { .. }
            | Effect::Preview { .. }
            | Effect::PreviewEnded { .. }
            | Effect::Remember { .. }
            | Effect::Present { .. }
            | Effect::Heard { .. } => {}
        }
        Ok(())
    }

    fn written(&mut self, no: PeerNo, batch: Batch) -> Result<(), String> {
        let Some(changes) = self.writing.remove(&(no, batch)) else {
            return Ok(());
        };
        if !self.is_alive(no) {
            return Ok(());
        }
        for ArrivedChange { change, arrival } in changes.iter() {
            let key = (change.parts.actor, change.parts.seq);
            let via = self.devices.get(&arrival.via).copied();
            let before = via.and_then(|via| self.peers.get(via)?.came.get(&key).copied());
            let steps = before.map_or(0, |(steps, _)| steps + 1);
            let now_us = self.now_us;
            self.peer(no).came.insert(key, (steps, now_us));
            self.disk.entry(key).or_insert_with(|| change.clone());
        }
        self.tell(no, Event::Appended { room: ROOM, batch })
    }
}

/// Where every peer listens.
const PORT: u16 = 24242;

fn host(no: PeerNo) -> String {
    format!("10.0.{}.{}", no / 250, no % 250 + 1)
}

fn addr(no: PeerNo) -> String {
    format!("{}:{PORT}", host(no))
}
