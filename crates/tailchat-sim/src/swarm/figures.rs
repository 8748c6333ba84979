//! What is measured of a swarm, and what must hold of it.

use std::collections::BTreeSet;
use std::fmt;

use tailchat_core::ids::ActorId;
use tailchat_core::limits::{ROOM_LINKS_MAX, ROOM_LINKS_MIN};

use super::{ROOM, Swarm, SwarmPlan, WRITER_EACH};
use crate::network::PeerNo;

/// Steps by which a message may travel at most.
const STEPS_MAX: u32 = 8;
/// How often a message may be received beyond once by each, as a share of the peers.
const REDUNDANCY_MAX: f64 = 0.2;
/// Messages that are measured after many have left.
const AFTER: usize = 20;
/// How long a message is given to reach everybody.
const SPREAD_US: u64 = 2_500_000;
/// How long the network is cut in two.
const CUT_US: u64 = 60_000_000;
/// How long the peers are given to find together again.
const HEAL_US: u64 = 120_000_000;
/// How long they rest before messages are measured again.
const REST_US: u64 = 30_000_000;
/// How often they are looked at.
const LOOK_US: u64 = 500_000;

/// How a message travelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    /// How often it was received beyond once by each, as a share of the peers.
    pub redundancy: f64,
    /// Steps to whoever is furthest.
    pub steps: u32,
    /// Milliseconds until everybody had it.
    pub ms: u64,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            redundancy,
            steps,
            ms,
        } = self;
        let twice = redundancy * 100.0;
        write!(f, "{steps} steps, {ms} ms, {twice:.1} % received twice")
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Swarmed {
    /// The run.
    pub plan: SwarmPlan,
    /// Seconds from the start until all were connected and equal.
    pub joined_s: f64,
    /// The fewest, the mean and the most links of a peer.
    pub degree: (usize, f64, usize),
    /// The first messages of their authors.
    pub first: Vec<Spread>,
    /// Later ones.
    pub later: Vec<Spread>,
    /// How many left at once, and the seconds until the others were connected and equal again.
    pub left: (usize, f64),
    /// Their authors' first messages after that.
    pub mending: Vec<Spread>,
    /// Later ones.
    pub after: Vec<Spread>,
    /// Seconds from the end of the cut until all were connected and equal again.
    pub cut_s: f64,
    /// Frames that were sent.
    pub frames: u64,
    /// Virtual seconds.
    pub virtual_s: u64,
}

impl Swarmed {
    pub(super) fn new(plan: &SwarmPlan, joined_s: f64) -> Self {
        Self {
            plan: *plan,
            joined_s,
            degree: (0, 0.0, 0),
            first: Vec::new(),
            later: Vec::new(),
            left: (0, 0.0),
            mending: Vec::new(),
            after: Vec::new(),
            cut_s: 0.0,
            frames: 0,
            virtual_s: 0,
        }
    }
}

impl fmt::Display for Swarmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, mean, most) = self.degree;
        let peers = self.plan.peers;
        writeln!(
            f,
            "{peers} peers joined in 60 s and were equal after {:.1} s",
            self.joined_s
        )?;
        writeln!(f, "links of a peer: {least} to {most}, {mean:.1} on average")?;
        for (what, spreads) in [
            ("an author's first message", &self.first),
            ("a later message", &self.later),
            ("an author's first message after many left", &self.mending),
            ("a later one", &self.after),
        ] {
            if !spreads.is_empty() {
                writeln!(f, "{what}: {} at most, of {}", worst(spreads), spreads.len())?;
            }
        }
        let (left, left_s) = self.left;
        writeln!(
            f,
            "{left} peers left at once: the others equal again after {left_s:.1} s, nothing lost"
        )?;
        writeln!(f, "cut in two for 60 s: equal again {:.1} s after", self.cut_s)?;
        write!(
            f,
            "{} frames in {} s of virtual time",
            self.frames, self.virtual_s
        )
    }
}

fn worst(spreads: &[Spread]) -> Spread {
    spreads.iter().fold(Spread::default(), |worst, spread| Spread {
        redundancy: worst.redundancy.max(spread.redundancy),
        steps: worst.steps.max(spread.steps),
        ms: worst.ms.max(spread.ms),
    })
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

impl Swarm {
    /// Lets time pass until all are connected and equal; seconds it took.
    pub(super) fn until_calm(&mut self, within_us: u64, what: &str) -> Result<f64, String> {
        let began = self.now_us;
        loop {
            self.run_until(self.now_us + LOOK_US)?;
            match self.unrest()? {
                None => return Ok(seconds(self.now_us - began)),
                Some(unrest) if self.now_us - began > within_us => {
                    return Err(format!("{what}: after {} s {unrest}", seconds(within_us)));
                }
                Some(_) => {}
            }
        }
    }

    /// The peers that a peer is linked with.
    fn neighbours(&self, no: PeerNo) -> Vec<PeerNo> {
        let status = self.peers.get(no).and_then(|peer| peer.engine.room_status(ROOM));
        let devices = status
            .into_iter()
            .flat_map(|status| status.peers)
            .filter_map(|peer| peer.device);
        devices
            .filter_map(|device| self.devices.get(&device).copied())
            .collect()
    }

    /// Why the peers are not connected and equal, if so. Too many links are a fault at any time.
    fn unrest(&self) -> Result<Option<String>, String> {
        let alive = self.alive();
        let enough = ROOM_LINKS_MIN.min(alive.len().saturating_sub(1));
        let (mut lonely, mut few) = (0, 0);
        for no in &alive {
            let links = self.neighbours(*no).len();
            if links > ROOM_LINKS_MAX {
                return Err(format!("peer {no} has {links} links"));
            }
            lonely += usize::from(links == 0);
            few += usize::from(links < enough);
        }
        let started = alive.len() + self.gone;
        if started < self.peers.len() {
            return Ok(Some(format!("only {started} have started")));
        }
        if lonely > 0 || few * 50 > alive.len() {
            return Ok(Some(format!("{lonely} have no link and {few} have few")));
        }
        let apart = alive.len() - self.component(&alive).len();
        if apart > 0 {
            return Ok(Some(format!("{apart} are apart from the rest")));
        }
        let digest = |no: &PeerNo| {
            let peer = self.peers.get(*no)?;
            Some(peer.engine.room_status(ROOM)?.durable.digest())
        };
        let unequal = alive
            .iter()
            .filter(|no| digest(no) != alive.first().and_then(digest))
            .count();
        Ok((unequal > 0).then(|| format!("{unequal} are not equal")))
    }

    /// The peers that are connected with the first one, by however many steps.
    fn component(&self, alive: &[PeerNo]) -> BTreeSet<PeerNo> {
        let mut seen: BTreeSet<PeerNo> = alive.first().copied().into_iter().collect();
        let mut next: Vec<PeerNo> = seen.iter().copied().collect();
        while let Some(no) = next.pop() {
            for neighbour in self.neighbours(no) {
                if self.is_alive(neighbour) && seen.insert(neighbour) {
                    next.push(neighbour);
                }
            }
        }
        seen
    }

    pub(super) fn measure_degree(&mut self, figures: &mut Swarmed) -> Result<(), String> {
        let degrees: Vec<_> = self.alive().iter().map(|no| self.neighbours(*no).len()).collect();
        let sum: usize = degrees.iter().sum();
        let least = degrees.iter().min().copied().ok_or("there is nobody")?;
        let most = degrees.iter().max().copied().ok_or("there is nobody")?;
        figures.degree = (least, sum as f64 / degrees.len() as f64, most);
        Ok(())
    }

    fn writers(&self) -> Vec<PeerNo> {
        let alive = self.alive().into_iter();
        alive.filter(|no| no.is_multiple_of(WRITER_EACH)).collect()
    }

    /// A message each, and how each travelled.
    pub(super) fn write_messages(&mut self, messages: usize, figures: &mut Swarmed) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for n in 0..messages {
            let writer = self.dice.pick(&self.writers()).ok_or("nobody writes")?;
            match seen.insert(writer) {
                true => figures.first.push(self.measure(writer, n)?),
                false => figures.later.push(self.measure(writer, n)?),
            }
        }
        Ok(())
    }

    /// Writes a message and sees how it travels.
    fn measure(&mut self, writer: PeerNo, n: usize) -> Result<Spread, String> {
        let began = self.now_us;
        let change = self.write(writer, &format!("message {n}"))?;
        self.run_until(began + SPREAD_US)?;
        let spread = self.spread(change, began)?;
        if spread.steps > STEPS_MAX || spread.redundancy > REDUNDANCY_MAX {
            return Err(format!("message {n} of peer {writer}: {spread}"));
        }
        Ok(spread)
    }

    fn spread(&self, change: (ActorId, u64), began_us: u64) -> Result<Spread, String> {
        let alive = self.alive();
        let mut spread = Spread::default();
        for no in &alive {
            let came = self
                .peers
                .get(*no)
                .and_then(|peer| peer.came.get(&change).copied());
            let (steps, at_us) = came.ok_or_else(|| format!("peer {no} did not get a message"))?;
            spread.steps = spread.steps.max(steps);
            spread.ms = spread.ms.max((at_us - began_us) / 1000);
        }
        let sent = self.sent.get(&change).copied().unwrap_or(0);
        spread.redundancy = sent as f64 / (alive.len() as f64 - 1.0) - 1.0;
        Ok(spread)
    }

    /// Three in ten go at once, in the middle of a conversation: half of them are killed, the others lose power.
    pub(super) fn many_leave(&mut self, figures: &mut Swarmed) -> Result<(), String> {
        let mut alive = self.alive();
        let leave = alive.len() * 3 / 10;
        for n in 0..3 {
            let writer = self.dice.pick(&self.writers()).ok_or("nobody writes")?;
            self.write(writer, &format!("before they leave {n}"))?;
        }
        self.run_until(self.now_us + 60_000)?;
        for n in 0..leave {
            let drawn = usize::try_from(self.dice.below(alive.len() as u64)).unwrap_or(0);
            let goes = alive.swap_remove(drawn);
            self.vanish(goes, n % 2 == 0);
        }
        self.gone += leave;
        let mut written = Vec::new();
        for n in 0..3 {
            let writer = self.dice.pick(&self.writers()).ok_or("nobody writes")?;
            written.push(self.write(writer, &format!("while they leave {n}"))?);
            self.run_until(self.now_us + 100_000)?;
        }
        let took = self.until_calm(HEAL_US, "after many left")?;
        for change in written {
            self.spread(change, 0)?;
        }
        figures.left = (leave, took);
        self.run_until(self.now_us + REST_US)?;
        let mut seen = BTreeSet::new();
        for n in 0..AFTER {
            let writer = self.dice.pick(&self.writers()).ok_or("nobody writes")?;
            match seen.insert(writer) {
                true => figures.mending.push(self.measure(writer, n)?),
                false => figures.after.push(self.measure(writer, n)?),
            }
        }
        Ok(())
    }

    /// The network falls into two halves for a while; people write in both.
    pub(super) fn cut_in_two(&mut self, figures: &mut Swarmed) -> Result<(), String> {
        let mut half = BTreeSet::new();
        for no in self.alive() {
            if self.dice.one_in(2) {
                half.insert(no);
            }
        }
        self.cut = Some(half);
        let mut written = Vec::new();
        for n in 0..6 {
            self.run_until(self.now_us + CUT_US / 6)?;
            let writer = self.dice.pick(&self.writers()).ok_or("nobody writes")?;
            written.push(self.write(writer, &format!("apart {n}"))?);
        }
        self.cut = None;
        figures.cut_s = self.until_calm(HEAL_US, "after the cut")?;
        for change in written {
            self.spread(change, 0)?;
        }
        Ok(())
    }
}
