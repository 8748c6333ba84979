//! What goes wrong, and what people do, drawn from the seed. Each seed has a style of its own: some things never
//! happen in it, others often. Knows no check.

use tailchat_core::engine::{Draft, Event, Ticket};
use tailchat_core::entry::{Body, Edit, Imported, Pin, Reaction, Stamp, Text};
use tailchat_core::ids::RoomId;
use tailchat_store::sim_disk::Fault;

use crate::dice::Dice;
use crate::history::seal;
use crate::network::PeerNo;
use crate::peer::Peer;
use crate::world::{Checked, Due, Posted, World};

/// Peers in a run, copies included.
pub(crate) const PEERS_MAX: usize = 8;

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Post,
    Burst,
    LongText,
    Import,
    EmptyPost,
    NameRoom,
    /// A message is edited, deleted or reacted to, one's own or another's.
    Amend,
    Rename,
    Partition,
    OneWay,
    Cut,
    HalfOpen,
    PowerCut,
    Kill,
    CleanRestart,
    Copy,
    /// The image of a whole machine is started twice: nobody can tell that its clean stop is not the last one.
    Twin,
    /// The image of a whole machine is put back: it goes on from an earlier clean stop.
    Rollback,
    LeaveAndReturn,
    DiskFull,
    DiskFails,
    ClockJump,
    Seal,
    WorstCase,
    Address,
    /// A bundle of a room is made and carried to another peer, where it arrives later, perhaps twice, perhaps cut off.
    Carry,
}

use Happening::*;

/// What may happen, and how often it does when it does.
const USUAL: [(Happening, u64); 25] = [
    (Burst, 6),
    (LongText, 3),
    (Import, 1),
    (EmptyPost, 1),
    (NameRoom, 1),
    (Amend, 4),
    (Rename, 1),
    (Partition, 4),
    (OneWay, 4),
    (Cut, 6),
    (HalfOpen, 2),
    (PowerCut, 6),
    (Kill, 6),
    (CleanRestart, 6),
    (Copy, 1),
    (Twin, 1),
    (Rollback, 2),
    (LeaveAndReturn, 2),
    (DiskFull, 3),
    (DiskFails, 3),
    (ClockJump, 2),
    (Seal, 4),
    (WorstCase, 3),
    (Address, 1),
    (Carry, 4),
];

/// How a seed's run feels.
pub(crate) struct Style {
    pub(crate) peers: usize,
    rooms: usize,
    /// The mean time between happenings.
    pace_us: u64,
    link_us: u64,
    sync_us: u64,
    /// What happens, as often as it stands here.
    lots: Vec<Happening>,
    /// Whether texts and imports are large enough to fill tails.
    heavy: bool,
}

impl Style {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let peers = dice.between(3, 6);
        let mut lots = vec![Post; usize::try_from(dice.between(8, 40)).unwrap_or(8)];
        for (happening, often) in USUAL {
            // These leave a fork behind, which blurs other checks, so few seeds have them.
            let rare = if matches!(happening, Twin | Rollback) {
                6
            } else {
                2
            };
            if dice.one_in(rare) {
                for _ in 0..often * dice.between(1, 2) {
                    lots.push(happening);
                }
            }
        }
        Self {
            peers: usize::try_from(peers).unwrap_or(3),
            rooms: 1 + usize::from(dice.one_in(4)),
            pace_us: 1 << dice.between(15, 20),
            link_us: 1 << dice.between(9, 18),
            sync_us: 1 << dice.between(8, 17),
            lots,
            heavy: dice.one_in(12),
        }
    }

    pub(crate) fn link_delay(&self, dice: &mut Dice) -> u64 {
        self.link_us / 2 + dice.below(self.link_us)
    }

    pub(crate) fn sync_delay(&self, dice: &mut Dice) -> u64 {
        let stalled = if dice.one_in(50) { 40 } else { 1 };
        stalled * (self.sync_us / 2 + dice.below(self.sync_us))
    }

    pub(crate) fn read_delay(&self, dice: &mut Dice) -> u64 {
        dice.below(self.sync_us) / 4
    }
}

impl World {
    /// Makes the peers and starts most of them.
    pub(crate) fn begin(&mut self) -> Checked {
        for _ in 0..self.style.rooms {
            let room = RoomId(self.dice.bytes());
            self.rooms.push(room);
        }
        for no in 0..self.style.peers {
            let mut peer = Peer::new(no, self.dice.seed(), self.plant);
            peer.skew_ms = self.skew();
            for (place, room) in self.rooms.clone().into_iter().enumerate() {
                if place > 0 && self.dice.one_in(2) {
                    continue;
                }
                peer.shelves.entry(room).or_default().wanted = true;
                // Everybody knows a member who came before, so that all can find each other in the end.
                let others = self.peers.iter();
                let members = others.filter(|peer| peer.shelves.contains_key(&room));
                let addrs: Vec<_> = members.map(Peer::addr).collect();
                let known = self.dice.below(addrs.len() as u64);
                let known = addrs.into_iter().nth(usize::try_from(known).unwrap_or(0));
                known.into_iter().for_each(|addr| peer.knows(addr));
            }
            self.peers.push(peer);
            let late = if self.dice.one_in(4) { 20_000_000 } else { 500_000 };
            let delay = self.dice.below(late);
            self.schedule(delay, Due::Start { peer: no });
        }
        self.schedule(0, Due::Happening);
        Ok(())
    }

    /// How far a clock is wrong: mostly a little, sometimes minutes, seldom a year.
    fn skew(&mut self) -> i64 {
        let span_ms: u64 = match self.dice.below(20) {
            0 => 366 * 24 * 3_600_000,
            1..5 => 10 * 60_000,
            _ => 2_000,
        };
        self.dice.below(2 * span_ms).cast_signed() - span_ms.cast_signed()
    }

    pub(crate) fn happen(&mut self) -> Checked {
        if !self.trouble {
            return Ok(());
        }
        let pause = self.dice.below(2 * self.style.pace_us);
        self.schedule(pause, Due::Happening);
        let peers: Vec<PeerNo> = (0..self.peers.len()).collect();
        let what = self.dice.pick(&self.style.lots).unwrap_or(Post);
        let Some(no) = self.dice.pick(&peers) else {
            return Ok(());
        };
        if self.peer(no).running.is_none() {
            return Ok(());
        }
        self.note(no, "meets", what as u64, format_args!("{what:?}"));
        match what {
            Post | Burst | LongText | Import | EmptyPost | NameRoom | Amend => self.post(no, what),
            Rename => {
                let name = format!("peer {no}, {}", self.dice.below(100));
                let person = self.peer(no).identity.person;
                self.tell(no, Event::Identified { person, name })
            }
            Partition | OneWay => {
                self.partition(what);
                Ok(())
            }
            Cut | HalfOpen => {
                self.cut(no, what);
                Ok(())
            }
            PowerCut | Kill => {
                self.crash(no, what == PowerCut);
                self.start_later(no);
                Ok(())
            }
            CleanRestart => {
                self.stop(no)?;
                self.start_later(no);
                Ok(())
            }
            Copy => {
                self.copy(no);
                Ok(())
            }
            Twin => self.twin(no),
            Rollback => self.roll_back(no),
            LeaveAndReturn => self.leave(no),
            DiskFull | DiskFails => {
                self.spoil_disk(no, what);
                Ok(())
            }
            ClockJump => {
                self.peer(no).skew_ms = self.skew();
                Ok(())
            }
            Seal => self.seal(no),
            Carry => self.carry(no),
            WorstCase => {
                let seed = Some(self.dice.seed()).filter(|seed| seed % 2 == 0);
                let checked = self.peer(no).check_worst_case(seed);
                checked.map_err(|what| format!("peer {no} {what}"))
            }
            Address => {
                let addr = self.dice.pick(&peers).map(|peer| self.peer(peer).addr());
                let Some(addr) = addr else { return Ok(()) };
                self.tell(no, Event::AddressAdded { addr })
            }
        }
    }

    fn post(&mut self, no: PeerNo, what: Happening) -> Checked {
        let rooms = self.rooms.clone();
        let Some(room) = self.dice.pick(&rooms) else {
            return Ok(());
        };
        let posts = if what == Burst {
            self.dice.between(2, 20)
        } else {
            1
        };
        for _ in 0..posts {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            let drafts = self.drafts(what, room, ticket);
            let texts = drafts.iter().map(|draft| line_of(&draft.body)).collect();
            self.posted.insert(ticket, Posted { room, texts });
            self.tell(no, Event::Posted { room, ticket, drafts })?;
        }
        Ok(())
    }

    fn drafts(&mut self, what: Happening, room: RoomId, ticket: Ticket) -> Vec<Draft> {
        let now = |body| Draft { body, stamp: None };
        let name = format!("post {}", ticket.0);
        match what {
            EmptyPost => Vec::new(),
            NameRoom => {
                let topic = self.dice.below(2) == 0;
                vec![now(if topic {
                    Body::Topic(name)
                } else {
                    Body::RoomName(name)
                })]
            }
            Amend => {
                let here = self.accepted.iter().filter(|accepted| accepted.room == room);
                let here: Vec<_> = here.map(|accepted| accepted.id).collect();
                let Some(of) = self.dice.pick(&here) else {
                    return Vec::new();
                };
                let with = format!("r{}", ticket.0 % 3);
                vec![now(match self.dice.below(6) {
                    0 => Body::Delete(of),
                    1 => Body::Edit(Edit { of, text: name }),
                    roll @ 4.. => Body::Pin(Pin { of, on: roll == 4 }),
                    roll => Body::Reaction(Reaction {
                        of,
                        with,
                        on: roll == 2,
                    }),
                })]
            }
            Import => {
                let lines = self.dice.between(300, if self.style.heavy { 3000 } else { 600 });
                let start = 1_600_000_000_000 + self.dice.below(1 << 36);
                let import = |line: u64| Draft {
                    body: Body::Imported(Imported {
                        nick: format!("nick {}", line % 7),
                        action: line.is_multiple_of(31),
                        text: format!("{name}, line {line}"),
                    }),
                    stamp: Some(Stamp {
                        order: start + line,
                        sent_at_ms: (start + line / 3).cast_signed(),
                    }),
                };
                (0..lines).map(import).collect::<Vec<_>>()
            }
            _ => {
                let len = match what {
                    LongText if self.style.heavy => self.dice.between(20_000, 60_000),
                    LongText => self.dice.below(3_000),
                    _ => 0,
                };
                let mut text = name;
                while (text.len() as u64) < len {
                    text.push_str(&format!(" {:016x}", self.dice.seed()));
                }
                vec![now(Body::Text(Text { text, reply_to: None }))]
            }
        }
    }

    pub(crate) fn open_rooms(&mut self, no: PeerNo) -> Vec<RoomId> {
        let running = self.peer(no).running.as_ref();
        running
            .map(|running| running.rooms.keys().copied().collect())
            .unwrap_or_default()
    }

    fn leave(&mut self, no: PeerNo) -> Checked {
        let rooms = self.open_rooms(no);
        let Some(room) = self.dice.pick(&rooms) else {
            return Ok(());
        };
        if self.dice.one_in(2) {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            let texts = vec![None];
            self.posted.insert(ticket, Posted { room, texts });
            let drafts = vec![Draft {
                body: Body::Leave,
                stamp: None,
            }];
            self.tell(no, Event::Posted { room, ticket, drafts })?;
        }
        // What was handed to the disk before gets there.
        let clean = self.write(no, room)?.is_none();
        let peer = self.peer(no);
        let Some(running) = &mut peer.running else {
            return Ok(());
        };
        let status = running.engine.room_status(room).filter(|_| clean);
        if let Some((actor, durable)) = status.and_then(|status| Some((status.actor?, status.durable))) {
            peer.marker.insert(room, (actor, durable.tip(actor)));
        }
        running.rooms.remove(&room);
        let life = peer.life;
        self.tell(no, Event::RoomClosed { room })?;
        let delay = 1 << self.dice.between(10, 24);
        self.schedule(delay, Due::Open { peer: no, life, room });
        Ok(())
    }

    fn spoil_disk(&mut self, no: PeerNo, what: Happening) {
        self.counts.disk_faults += 1;
        self.peer(no).disk_ails = true;
        let sim = self.peer(no).disk.sim.clone();
        if what == DiskFull {
            let left = 1 << self.dice.between(0, 14);
            sim.set_capacity(Some(sim.used() + left));
        } else {
            let (from, many) = (self.dice.below(6), self.dice.between(1, 3));
            let faults = [Fault::Io, Fault::Short, Fault::Full];
            let fault = self.dice.pick(&faults).unwrap_or(Fault::Io);
            sim.fail(from..from + many, fault);
        }
        let lasts = 1 << self.dice.between(16, 24);
        self.schedule(lasts, Due::DiskWell { peer: no });
    }

    /// Begins to seal a tail; the block is put to use a little later.
    pub(crate) fn seal(&mut self, no: PeerNo) -> Checked {
        for room in self.open_rooms(no) {
            let life = self.peer(no).life;
            let Some(open) = self.peer(no).room(room).filter(|open| open.sealed.is_none()) else {
                continue;
            };
            match seal(&mut open.log) {
                Ok(None) => {}
                Ok(Some(sealed)) => {
                    open.sealed = Some(sealed);
                    self.counts.sealed += 1;
                    let delay = self.style.sync_delay(&mut self.dice);
                    self.schedule(delay, Due::Sealed { peer: no, life, room });
                }
                Err(crate::history::HistoryError::Store(_)) => {}
                Err(error) => return Err(format!("peer {no} cannot seal: {error}")),
            }
        }
        Ok(())
    }
}

/// The text of a line, to find it again.
fn line_of(body: &Body) -> Option<String> {
    match body {
        Body::Text(text) | Body::Action(text) => Some(text.text.clone()),
        Body::Imported(imported) => Some(imported.text.clone()),
        _ => None,
    }
}
