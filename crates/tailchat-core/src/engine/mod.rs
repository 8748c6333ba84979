//! What a peer does next: one event in, ordered effects out. Knows no clock, no randomness, no disk and no
//! socket; the caller carries out the effects strictly in their order, drains them all before the next
//! event, and answers `Append` and `Load` by an event when they are done.
//!
//! The order is the promise: a change is shown only after [`Event::Appended`] said that it is durable, and
//! sent or acknowledged only after it was shown.

mod catch_up;
mod conn;
mod dial;
mod disks;
mod fork;
mod greet;
mod link;
mod merge;
mod offers;
mod overlay;
mod pending;
mod presence;
mod preview;
mod promise;
mod room;
mod status;
mod sync;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand_core::RngCore;

use crate::block::{Arrival, SeqRange};
use crate::entry::Body;
use crate::handshake::Role;
use crate::ids::{ActorId, DeviceId, Instance, MessageId, PersonId, RoomId};
use crate::limits::LOADS_MAX;
use crate::order::OrderClock;
use crate::state::{Change, RoomState};
use crate::wire::{Claim, PreviewLine};

pub use dial::{AddressStatus, Fares, Remembered, Source};
pub use link::Missing;
pub use merge::Merged;
pub use presence::Here;
pub use status::{CatchUp, DiskStatus, PeerState, PeerStatus, RoomStatus, Strangers};

use conn::Conn;
use dial::AddressBook;
use room::Room;

/// One connection of this process, numbered by the caller, never twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// One post, or one block that was brought, numbered by the caller, to tell its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// One write to a room's log, numbered by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Batch(pub u64);

/// One question about the past, numbered by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(pub u64);

/// What the clocks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, in milliseconds since 1970; may jump.
    pub wall_ms: i64,
    /// Time since some start; never goes back.
    pub uptime: Duration,
}

/// Who writes here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The human being.
    pub person: PersonId,
    /// This data folder.
    pub device: DeviceId,
    /// The name to show.
    pub name: String,
}

/// A room as it was found on disk, or made new.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// What the disk holds without a gap.
    pub state: RoomState,
    /// Our actor, if the last stop was clean; otherwise the first post makes a fresh one.
    pub actor: Option<ActorId>,
    /// The orders of the entries on disk.
    pub clock: OrderClock,
    /// Every actor that this device has written with, by the profiles on disk.
    pub ours: BTreeSet<ActorId>,
    /// What was posted again because of a fork, by ID and [`crate::entry::entry_sum`].
    pub repeated: BTreeSet<(MessageId, u32)>,
}

/// Something to post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it says.
    pub body: Body,
    /// For imports: the stamp that it had elsewhere. Otherwise it is written now.
    pub stamp: Option<crate::entry::Stamp>,
}

/// A durable or soon durable change with its arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivedChange {
    /// The change.
    pub change: Change,
    /// When it came, and whence.
    pub arrival: Arrival,
}

/// Everything that can happen to a peer.
#[derive(Debug)]
pub enum Event {
    /// A room is on disk and durable as far as `opened` says.
    RoomOpened {
        /// Which.
        room: RoomId,
        /// What the disk holds.
        opened: Opened,
    },
    /// The room is no longer to be kept in touch.
    RoomClosed {
        /// Which.
        room: RoomId,
    },
    /// Somebody wrote here.
    Posted {
        /// Where.
        room: RoomId,
        /// Names the post in its outcome.
        ticket: Ticket,
        /// What, in order. Only if the disk fails in between, a first part may be in the room all the same.
        drafts: Vec<Draft>,
    },
    /// Somebody brought what a member's disk held when a bundle was made.
    VectorBrought {
        /// Where.
        room: RoomId,
        /// Whose disk.
        device: DeviceId,
        /// What it held.
        claims: Vec<Claim>,
    },
    /// Somebody brought changes in a bundle. Answered by `Merged` or `Rejected`.
    BlockBrought {
        /// Where.
        room: RoomId,
        /// Names it in the answer.
        ticket: Ticket,
        /// Who made the bundle.
        via: DeviceId,
        /// A [`crate::block::Block`]'s bytes.
        block: Vec<u8>,
    },
    /// The person took another name, or this device turned out to be somebody's.
    Identified {
        /// Who they are.
        person: PersonId,
        /// The name.
        name: String,
    },
    /// We can be dialled.
    Listening {
        /// Where.
        port: u16,
    },
    /// An address at which a peer may be.
    AddressAdded {
        /// `HOST:PORT`.
        addr: String,
    },
    /// Addresses that were kept over a restart.
    AddressesRemembered {
        /// Which.
        addrs: Vec<Remembered>,
    },
    /// A discovery source gives these addresses now, and no others.
    AddressesFound {
        /// Which source.
        source: Source,
        /// `HOST:PORT`.
        addrs: BTreeSet<String>,
    },
    /// The network of this machine is another one than it was.
    NetworkChanged,
    /// Somebody is writing something here.
    Typed {
        /// Where.
        room: RoomId,
    },
    /// An address that is not to be dialled again.
    AddressForgotten {
        /// As it was added.
        addr: String,
    },
    /// An [`Effect::Append`] is durable.
    Appended {
        /// Where.
        room: RoomId,
        /// Which.
        batch: Batch,
    },
    /// An [`Effect::Append`] failed; nothing of it counts.
    AppendFailed {
        /// Where.
        room: RoomId,
        /// Which.
        batch: Batch,
        /// For people.
        why: String,
    },
    /// The answer to an [`Effect::Load`].
    Loaded {
        /// Which question.
        load: Load,
        /// A [`crate::block::Block`]'s bytes, empty if there is nothing.
        block: Vec<u8>,
    },
    /// The answer to an [`Effect::LoadPreview`].
    PreviewLoaded {
        /// Which question.
        load: Load,
        /// The newest lines, the newest last; more than fit are cut off in front.
        lines: Vec<PreviewLine>,
    },
    /// A connection stands.
    Connected {
        /// Its number.
        conn: ConnId,
        /// Which end we are.
        role: Role,
        /// The other end's host, without its port.
        host: String,
        /// The address as it was dialled.
        dialled: Option<String>,
    },
    /// A frame arrived.
    Received {
        /// Whence.
        conn: ConnId,
        /// The frame, without its length.
        frame: Vec<u8>,
    },
    /// A frame is arriving, as fast as a thin line takes it.
    Receiving {
        /// Whence.
        conn: ConnId,
    },
    /// A connection is gone.
    Disconnected {
        /// Which.
        conn: ConnId,
        /// For people.
        why: String,
    },
    /// Dialling an address did not lead to a connection.
    DialFailed {
        /// As it was dialled.
        addr: String,
        /// For people.
        why: String,
    },
    /// Time passed; wanted every [`crate::limits::TICK`], and at [`Engine::due`].
    Ticked,
    /// The program stops: peers are told.
    Stopping,
}

/// What is to be done, in order.
#[derive(Debug)]
pub enum Effect {
    /// Make the changes durable, then answer with `Appended` or `AppendFailed`.
    Append {
        /// Where.
        room: RoomId,
        /// Names it in the answer.
        batch: Batch,
        /// What.
        changes: Arc<[ArrivedChange]>,
    },
    /// Show changes that are durable now.
    Show {
        /// Where.
        room: RoomId,
        /// What.
        changes: Arc<[ArrivedChange]>,
    },
    /// A post is durable and shown.
    Accepted {
        /// Which.
        ticket: Ticket,
        /// Its entries, in the order of its drafts.
        ids: Vec<MessageId>,
    },
    /// What could be taken of a [`Event::BlockBrought`] is durable and shown.
    Merged {
        /// Which.
        ticket: Ticket,
        /// What came of it.
        merged: Merged,
    },
    /// A post, or what was brought, was not taken.
    Rejected {
        /// Which.
        ticket: Ticket,
        /// For people.
        why: String,
    },
    /// Read the wanted changes, the oldest first and not more than
    /// [`crate::limits::BLOCK_CHANGES_LEN`] bytes of them, and answer with `Loaded`.
    Load {
        /// Where.
        room: RoomId,
        /// Names it in the answer.
        load: Load,
        /// What.
        wanted: Vec<SeqRange>,
    },
    /// Read the newest lines that are shown, for a peer that is far behind, and answer with `PreviewLoaded`:
    /// texts, actions and imported messages, a repeated one under the ID that it repeats and as it was.
    LoadPreview {
        /// Where.
        room: RoomId,
        /// Names it in the answer.
        load: Load,
        /// How many at most.
        lines: usize,
    },
    /// Show the newest lines of a peer that is far ahead, until `PreviewEnded`. They are the peer's word alone:
    /// keep them in memory, mark them, count, notify, search and export none of them, and leave out each
    /// whose own line is shown. A room has one preview at most.
    Preview {
        /// Where.
        room: RoomId,
        /// Who gave them.
        conn: ConnId,
        /// In order, the newest last; at least one.
        lines: Vec<PreviewLine>,
    },
    /// Drop the room's preview: its giver is gone, or all that it had then is here. A room that is closed
    /// drops its own without a word.
    PreviewEnded {
        /// Where.
        room: RoomId,
    },
    /// Dial an address; answer with `Connected` or `DialFailed`.
    Dial {
        /// `HOST:PORT`.
        addr: String,
    },
    /// Let frames of up to [`crate::limits::FRAME_MAX`] in.
    Trust {
        /// Where.
        conn: ConnId,
    },
    /// Send a frame; never waits.
    Send {
        /// Whither.
        conn: ConnId,
        /// The frame, without its length.
        frame: Vec<u8>,
    },
    /// Close once what was sent is out.
    Close {
        /// Which.
        conn: ConnId,
        /// For people.
        why: String,
    },
    /// Keep these addresses over a restart.
    Remember {
        /// All that are worth it.
        addrs: Vec<Remembered>,
    },
    /// Who is there, or types, changed: [`Engine::here`].
    Present {
        /// Where.
        room: RoomId,
    },
    /// What peers hold of a room, or who is there, changed.
    Heard {
        /// Where.
        room: RoomId,
    },
}

/// One peer: its rooms, its connections, the addresses it dials.
pub struct Engine {
    identity: Identity,
    instance: Instance,
    listen_port: u16,
    rooms: BTreeMap<RoomId, Room>,
    conns: BTreeMap<ConnId, Conn>,
    book: AddressBook,
    loads: BTreeMap<Load, LoadFor>,
    next_load: u64,
    /// Never used twice, so that a write from before a room was closed is none of the room opened anew.
    next_batch: u64,
    last_tick: Option<Now>,
    /// The greatest beat by which this device has said that it is there.
    our_beat: u64,
}

/// Who asked for a load.
#[derive(Clone, Copy, Debug)]
enum LoadFor {
    /// A peer's `Want`.
    Peer { conn: ConnId, room: RoomId },
    /// A peer's `WantPreview` of so many lines.
    Preview {
        conn: ConnId,
        room: RoomId,
        lines: usize,
    },
    /// Our own look at a forked chain.
    Fork { room: RoomId },
    /// A peer whose link is gone: the disk is at it all the same.
    Nobody { room: RoomId },
}

impl LoadFor {
    fn room(self) -> RoomId {
        match self {
            Self::Peer { room, .. }
            | Self::Preview { room, .. }
            | Self::Fork { room }
            | Self::Nobody { room } => room,
        }
    }

    fn is_for(self, peer: ConnId, of: RoomId) -> bool {
        match self {
            Self::Peer { conn, room } | Self::Preview { conn, room, .. } => (conn, room) == (peer, of),
            Self::Fork { .. } | Self::Nobody { .. } => false,
        }
    }
}

/// One turn: what the event's arguments were, and the effects so far.
struct Turn<'a> {
    now: Now,
    rng: &'a mut dyn RngCore,
    effects: Vec<Effect>,
}

impl Turn<'_> {
    fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

impl Engine {
    /// A peer without rooms. `instance` is random, new for each process.
    #[must_use]
    pub fn new(identity: Identity, instance: Instance) -> Self {
        Self {
            identity,
            instance,
            listen_port: 0,
            rooms: BTreeMap::new(),
            conns: BTreeMap::new(),
            book: AddressBook::default(),
            loads: BTreeMap::new(),
            next_load: 0,
            next_batch: 0,
            last_tick: None,
            our_beat: 0,
        }
    }

    /// Takes in one event. Never panics, whatever a peer sent.
    pub fn handle(&mut self, event: Event, now: Now, rng: &mut dyn RngCore) -> Vec<Effect> {
        let mut turn = Turn {
            now,
            rng,
            effects: Vec::new(),
        };
        let t = &mut turn;
        match event {
            Event::RoomOpened { room, opened } => self.open_room(room, opened, t),
            Event::RoomClosed { room } => self.close_room(room, t),
            Event::Posted { room, ticket, drafts } => self.post(room, ticket, drafts, t),
            Event::VectorBrought { room, device, claims } => self.vector_brought(room, device, &claims, t),
            Event::BlockBrought {
                room,
                ticket,
                via,
                block,
            } => self.block_brought(room, ticket, via, &block, t),
            Event::Identified { person, name } => {
                self.identity.person = person;
                self.identity.name = name;
            }
            Event::Listening { port } => self.listen_port = port,
            Event::AddressAdded { addr } => self.book.add(addr, t),
            Event::AddressesRemembered { addrs } => self.book.remembered(addrs, t),
            Event::AddressesFound { source, addrs } => self.book.found(source, addrs, t),
            Event::NetworkChanged => self.network_changed(t),
            Event::Typed { room } => self.typed(room, t),
            Event::AddressForgotten { addr } => self.book.forget(&addr, t),
            Event::Appended { room, batch } => self.appended(room, batch, t),
            Event::AppendFailed { room, batch, why } => self.append_failed(room, batch, &why, t),
            Event::Loaded { load, block } => self.loaded(load, block, t),
            Event::PreviewLoaded { load, lines } => self.preview_loaded(load, lines, t),
            Event::Connected {
                conn,
                role,
                host,
                dialled,
            } => self.connected(conn, role, host, dialled, t),
            Event::Received { conn, frame } => self.received(conn, &frame, t),
            Event::Receiving { conn } => self.receiving(conn, t),
            Event::Disconnected { conn, why } => self.disconnected(conn, &why, t),
            Event::DialFailed { addr, why } => self.book.failed(&addr, why, t),
            Event::Ticked => self.tick(t),
            Event::Stopping => self.stop(t),
        }
        turn.effects
    }

    /// Who writes here.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    fn load(&mut self, room: RoomId, load_for: LoadFor, wanted: Vec<SeqRange>, t: &mut Turn<'_>) {
        let load = self.next_load(load_for);
        t.emit(Effect::Load { room, load, wanted });
    }

    fn next_load(&mut self, load_for: LoadFor) -> Load {
        let load = Load(self.next_load);
        self.next_load += 1;
        self.loads.insert(load, load_for);
        load
    }

    /// Whether the disk has enough to read in a room, so that peers' questions are answered with nothing.
    fn reads_much(&self, room: RoomId) -> bool {
        self.loads.values().filter(|load| load.room() == room).count() >= LOADS_MAX
    }

    fn loaded(&mut self, load: Load, block: Vec<u8>, t: &mut Turn<'_>) {
        match self.loads.remove(&load) {
            Some(LoadFor::Peer { conn, room }) => self.answer_want(conn, room, block, t),
            Some(LoadFor::Fork { room }) => self.fork_loaded(room, &block, t),
            // The question's connection or room is gone.
            Some(LoadFor::Preview { .. } | LoadFor::Nobody { .. }) | None => {}
        }
    }

    fn preview_loaded(&mut self, load: Load, newest: Vec<PreviewLine>, t: &mut Turn<'_>) {
        if let Some(LoadFor::Preview { conn, room, lines }) = self.loads.remove(&load) {
            self.answer_preview(conn, room, newest, lines, t);
        }
    }

    fn tick(&mut self, t: &mut Turn<'_>) {
        self.tick_conns(t);
        self.tick_rooms(t);
        self.tick_sync(t);
        self.tick_tree(t);
        self.tick_presence(t);
        self.tick_overlay(t);
        self.last_tick = Some(t.now);
    }
}
