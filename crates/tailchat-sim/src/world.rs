//! All peers in one virtual time: takes the next thing that is due, tells a peer's engine of it, and sees to what
//! it answers, strictly in order. Knows no details of disks and links; what goes wrong is drawn in `happenings`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tailchat_core::block::{SeqRange, Span};
use tailchat_core::engine::{ConnId, Effect, Event, Load, Ticket};
use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::limits::TICK;

use crate::dice::Dice;
use crate::happenings::Style;
use crate::network::{Network, PeerNo};
use crate::peer::Peer;
use crate::plant::Plant;
use crate::trace::Trace;
use crate::witness::{Ever, Witness};
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
    /// The time that a peer's engine wants to be told besides.
    Wake {
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
    PreviewLoaded {
        peer: PeerNo,
        life: u64,
        room: RoomId,
        load: Load,
        lines: usize,
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
    /// A bundle arrives, as far as it was not cut off.
    Carried {
        peer: PeerNo,
        room: RoomId,
        bytes: Vec<u8>,
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
#[derive(Clone)]
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
    /// Blocks that bundles brought and that are not durable yet.
    pub(crate) merging: BTreeMap<Ticket, (RoomId, Vec<Span>)>,
    /// Actors that were wrongly continued, so that they have two chains.
    pub(crate) forked: BTreeSet<ActorId>,
    /// Whether one of these goes on from an image that was put back.
    pub(crate) put_back: bool,
    /// Images of machines, and the next post when they were made.
    pub(crate) images: BTreeMap<PeerNo, (Peer, Ticket)>,
    pub(crate) counts: Counts,
    pub(crate) trace: Trace,
    pub(crate) next_ticket: u64,
    pub(crate) witness: Witness,
    pub(crate) ever: Ever,
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
            merging: BTreeMap::new(),
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

    pub(crate) fn is_alive(&self, no: PeerNo, life: u64) -> bool {
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
            Due::Wake { peer, life } if self.is_alive(peer, life) => {
                self.peer(peer).wakes = false;
                self.tell(peer, Event::Ticked)
            }
            Due::Written { peer, life, room } if self.is_alive(peer, life) => self.written(peer, room),
            Due::Loaded {
                peer,
                life,
                room,
                load,
                wanted,
            } if self.is_alive(peer, life) => self.loaded(peer, room, load, &wanted),
            Due::PreviewLoaded {
                peer,
                life,
                room,
                load,
                lines,
            } if self.is_alive(peer, life) => self.preview_loaded(peer, room, load, lines),
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
            Due::Carried { peer, room, bytes } => self.merge(peer, room, &bytes),
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
        self.wake(no, now.uptime);
        Ok(())
    }

    /// Sees to it that a peer is told the time when it wants to be.
    fn wake(&mut self, no: PeerNo, uptime: Duration) {
        let peer = self.peer(no);
        let life = peer.life;
        let due = peer.running.as_ref().and_then(|running| running.engine.due());
        if let Some(due) = due.filter(|_| !peer.wakes) {
            peer.wakes = true;
            let late = self.dice.between(100, 5_000);
            let in_us = u64::try_from(due.saturating_sub(uptime).as_micros()).unwrap_or(u64::MAX);
            self.schedule(in_us.min(1_000_000) + late, Due::Wake { peer: no, life });
        }
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
            Effect::Merged { ticket, merged } => self.merged(no, ticket, &merged),
            Effect::Rejected { ticket, why } => {
                self.posted.remove(&ticket);
                self.merging.remove(&ticket);
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
            Effect::LoadPreview { room, load, lines } => {
                let delay = self.style.read_delay(&mut self.dice);
                self.schedule(
                    delay,
                    Due::PreviewLoaded {
                        peer: no,
                        life,
                        room,
                        load,
                        lines,
                    },
                );
                Ok(())
            }
            Effect::Preview { room, conn, lines } => self.previewed(no, room, conn, lines),
            Effect::PreviewEnded { room } => self.preview_ended(no, room),
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
                let addrs = addrs.into_iter().map(|kept| (kept.addr.clone(), kept));
                self.peer(no).addrs = addrs.collect();
                Ok(())
            }
            Effect::Heard { .. } | Effect::Present { .. } => Ok(()),
        }
    }
}
