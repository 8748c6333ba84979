//! A disk that gives back other bytes than were written: each bit of a room flipped, each of its files cut at each length,
//! opened by the production log and engine and healed by one peer that has all. Draws nothing but links and clocks.

use std::path::PathBuf;

use tailchat_core::engine::{Draft, Event, Ticket};
use tailchat_core::entry::{Body, Text};
use tailchat_core::ids::RoomId;
use tailchat_store::error::Finding;
use tailchat_store::log::{Log, check, room_dir};
use tailchat_store::sim_disk::{Fault, SimDisk};

use crate::Plan;
use crate::history::History;
use crate::peer::Peer;
use crate::world::{Accepted, Checked, Posted, World};

/// Messages in the room.
const MESSAGES: u64 = 100;
/// What the room is written from.
const SEED: u64 = 2_026;
/// Whose disk is damaged, and who heals it.
const VICTIM: usize = 0;
const HEALER: usize = 1;

/// A room of 100 messages by two people, half of them sealed, on both disks, and nobody running.
pub struct Damages {
    room: RoomId,
    peers: Vec<Peer>,
    accepted: Vec<Accepted>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// What a damage came to. In each case all is as it was after the peers have met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healed {
    /// The file and the place were named.
    Named,
    /// The file ended between two records: nobody can tell it from one that was never longer.
    Unnoticed,
}

/// Something that is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Flip(usize),
    Cut(usize),
}

impl Damages {
    /// Writes the room.
    ///
    /// # Errors
    /// What does not hold while it is written.
    pub fn new() -> Result<Self, String> {
        let mut world = quiet(SEED);
        let room = RoomId(world.dice.bytes());
        world.rooms.push(room);
        for no in [VICTIM, HEALER] {
            let mut peer = Peer::new(no, world.dice.seed(), None);
            peer.shelves.entry(room).or_default().wanted = true;
            let addr = world.peers.first().map(Peer::addr);
            addr.into_iter().for_each(|addr| peer.knows(addr));
            world.peers.push(peer);
            world.start(no)?;
        }
        for message in 0..MESSAGES {
            let half = message == MESSAGES / 2;
            if half {
                // A sync that fails ends a tail early, so that the block stays small.
                world.peer(VICTIM).disk.sim.fail(1..2, Fault::Io);
            }
            let writer = if message.is_multiple_of(2) { VICTIM } else { HEALER };
            say(&mut world, writer, room, format!("message {message}"))?;
            world.settle()?;
            if half {
                world.seal(VICTIM)?;
            }
        }
        for no in [VICTIM, HEALER] {
            world.stop(no)?;
        }
        let files: Vec<_> = world.peer(VICTIM).disk.sim.files().into_iter().collect();
        let sealed = files.iter().filter(|(path, _)| is_block(path)).count();
        if (world.accepted.len() as u64, sealed, files.len()) != (MESSAGES, 1, 2) {
            return Err(format!("{sealed} of {} files are sealed", files.len()));
        }
        Ok(Self {
            room,
            peers: world.peers,
            accepted: world.accepted,
            files,
        })
    }

    /// How many bits all files have.
    #[must_use]
    pub fn flips(&self) -> u64 {
        self.cuts() * 8
    }

    /// To how many lengths files can be cut.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Flips the bit of that number, and lets the peers meet.
    ///
    /// # Errors
    /// What does not hold then.
    pub fn flip(&self, bit: u64) -> Result<Healed, String> {
        let (path, place) = self.place(bit / 8)?;
        self.harm(
            path,
            Harm::Flip(place * 8 + usize::try_from(bit % 8).unwrap_or(0)),
            bit,
        )
    }

    /// Cuts a file to one of its lengths, and lets the peers meet.
    ///
    /// # Errors
    /// What does not hold then.
    pub fn cut(&self, number: u64) -> Result<Healed, String> {
        let (path, len) = self.place(number)?;
        self.harm(path, Harm::Cut(len), number)
    }

    /// The byte of that number: its file, and where in it.
    fn place(&self, byte: u64) -> Result<(&PathBuf, usize), String> {
        let mut byte = usize::try_from(byte).unwrap_or(usize::MAX);
        for (path, bytes) in &self.files {
            if byte < bytes.len() {
                return Ok((path, byte));
            }
            byte -= bytes.len();
        }
        Err("there is no such byte".into())
    }

    fn harm(&self, path: &PathBuf, harm: Harm, seed: u64) -> Result<Healed, String> {
        let healed = self.heal(path, harm, seed);
        healed.map_err(|what| format!("{} after {harm:?}: {what}", path.display()))
    }

    fn heal(&self, path: &PathBuf, harm: Harm, seed: u64) -> Result<Healed, String> {
        let mut world = quiet(seed);
        world.rooms.push(self.room);
        world.accepted.clone_from(&self.accepted);
        world.next_ticket = MESSAGES;
        for (no, peer) in self.peers.iter().enumerate() {
            let seed = world.dice.seed();
            world.peers.push(peer.copy(no, seed));
        }
        let sim = world.peer(VICTIM).disk.sim.clone();
        let mut bytes = sim.files().remove(path).ok_or("it is not there")?;
        match harm {
            Harm::Flip(bit) => bytes
                .get_mut(bit / 8)
                .into_iter()
                .for_each(|byte| *byte ^= 1 << (bit % 8)),
            Harm::Cut(len) => bytes.truncate(len),
        }
        sim.plant(path, &bytes);
        let healed = self.named(&sim, path, harm)?;
        let shelf = world.peer(VICTIM).shelves.entry(self.room).or_default();
        // What it had is what the log says now.
        (shelf.disk, shelf.shown) = (History::default(), tailchat_core::timeline::Timeline::default());
        world.start(VICTIM)?;
        // Before anybody told it what it lacks.
        say(&mut world, VICTIM, self.room, "at once".into())?;
        world.start(HEALER)?;
        world.settle()?;
        world.compare()?;
        say(&mut world, VICTIM, self.room, "after it".into())?;
        say(&mut world, HEALER, self.room, "well again".into())?;
        world.settle()?;
        world.compare()?;
        if world.accepted.len() != self.accepted.len() + 3 {
            return Err("it takes no more posts".into());
        }
        world.reopen()?;
        self.remains(&sim.fork(), path)?;
        Ok(healed)
    }

    /// Whether the file and the place are named by what a person reads.
    fn named(&self, sim: &SimDisk, path: &PathBuf, harm: Harm) -> Result<Healed, String> {
        let report = check(sim, &room_dir(self.room)).map_err(|error| error.to_string())?;
        let place = match harm {
            Harm::Flip(bit) => bit / 8,
            Harm::Cut(len) => len,
        } as u64;
        let there = |finding: &Finding| match finding {
            Finding::Damaged { file, range, .. } | Finding::Torn { file, range, .. } => {
                let cut = matches!(harm, Harm::Cut(_)) && range.end == place;
                file == path && (cut || range.contains(&place))
            }
            Finding::Foreign { .. } | Finding::ReadOnly { .. } => false,
        };
        let elsewhere = |finding: &&Finding| !there(finding);
        match (report.findings.iter().any(there), harm) {
            (true, _) => Ok(Healed::Named),
            (false, Harm::Cut(_)) if report.findings.is_empty() && !is_block(path) => Ok(Healed::Unnoticed),
            (false, Harm::Cut(0)) => Ok(Healed::Unnoticed),
            (false, _) => {
                let found = report.findings.iter().find(elsewhere);
                Err(format!("it is not named; found was {found:?}"))
            }
        }
    }

    /// What a check still names is the damaged file alone, and nothing of a block that is no longer used.
    fn remains(&self, sim: &SimDisk, path: &PathBuf) -> Checked {
        let dir = room_dir(self.room);
        let (mut log, _) = Log::open(sim.clone(), &dir, [3; 32]).map_err(|error| error.to_string())?;
        for number in log.blocks().collect::<Vec<_>>() {
            if log.read_block(number).is_err() {
                log.retire_block(number).map_err(|error| error.to_string())?;
            }
        }
        let report = check(sim, &dir).map_err(|error| error.to_string())?;
        let is_of_it = |finding: &Finding| match finding {
            Finding::Damaged { file, .. } | Finding::Torn { file, .. } => file == path,
            Finding::Foreign { file } => file == path,
            Finding::ReadOnly { .. } => false,
        };
        let other = report.findings.iter().find(|finding| !is_of_it(finding));
        other.map_or(Ok(()), |other| {
            Err(format!("after all is healed, a check finds {other}"))
        })
    }
}

fn is_block(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "blk")
}

/// A world in which nothing happens by itself.
fn quiet(seed: u64) -> World {
    let mut world = World::new(&Plan::new(seed));
    world.trouble = false;
    world
}

fn say(world: &mut World, no: usize, room: RoomId, text: String) -> Checked {
    let ticket = Ticket(world.next_ticket);
    world.next_ticket += 1;
    let texts = vec![Some(text.clone())];
    world.posted.insert(ticket, Posted { room, texts });
    let body = Body::Text(Text { text, reply_to: None });
    let drafts = vec![Draft { body, stamp: None }];
    world.tell(no, Event::Posted { room, ticket, drafts })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few of very many; `cargo xtask damage` tries all.
    #[test]
    fn a_damaged_room_is_named_and_healed_by_one_peer() {
        let damages = Damages::new().unwrap();
        for bit in (0..damages.flips()).step_by(1_999) {
            assert_eq!(damages.flip(bit), Ok(Healed::Named));
        }
        for cut in (0..damages.cuts()).step_by(499) {
            damages.cut(cut).unwrap();
        }
    }
}
