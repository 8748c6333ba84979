//! What the scripts are played with: peers whose disk is instant, and one whose frames are made by hand.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tailchat_core::block::{Block, SeqRange};
use tailchat_core::engine::{
    ArrivedChange, ConnId, Draft, Effect, Engine, Event, Identity, Merged, Now, Opened, PeerState,
    Remembered, RoomStatus, Ticket,
};
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::handshake::{
    FrameKey, GreetKey, Hello, MAGIC, PROTOCOL_VERSION, Role, Session, Slots, Speaker,
};
use tailchat_core::ids::{DeviceId, Instance, PersonId, RoomId};
use tailchat_core::limits::BLOCK_CHANGES_LEN;
use tailchat_core::timeline::{Says, Timeline};
use tailchat_core::wire::{
    Arrived, Claim, ConnFrame, Greet, PreviewLine, RoomFrame, RoomGreet, decode, encode_conn, encode_room,
    open_room,
};

pub(crate) const ROOM: RoomId = RoomId([9; 16]);

/// A peer whose disk is instant unless it is told to fail.
pub(crate) struct Peer {
    pub(crate) engine: Engine,
    pub(crate) disk: Vec<ArrivedChange>,
    pub(crate) timeline: Timeline,
    pub(crate) disk_fails: bool,
    /// Writes that are answered later, if the disk is slow.
    pub(crate) writing: Option<Vec<Event>>,
    /// Effects so far, in words.
    pub(crate) did: Vec<String>,
    pub(crate) sent: VecDeque<(ConnId, Vec<u8>)>,
    pub(crate) closed: Vec<String>,
    /// Connections that were made.
    pub(crate) connected: usize,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) uptime: Duration,
    /// What peers asked of the past.
    pub(crate) loads: Vec<Vec<SeqRange>>,
    /// Whether the past is never told.
    pub(crate) forgetful: bool,
    /// Previews that were to be shown.
    pub(crate) previewed: Vec<Vec<PreviewLine>>,
    /// What came of what was brought.
    pub(crate) merged: Vec<Merged>,
    /// The addresses that were to be kept last.
    pub(crate) remembered: Vec<Remembered>,
}

impl Peer {
    pub(crate) fn new(n: u8) -> Self {
        let identity = Identity {
            person: PersonId([n; 32]),
            device: DeviceId([n; 16]),
            name: format!("p{n}"),
        };
        let mut peer = Self {
            engine: Engine::new(identity, Instance([n; 16])),
            disk: Vec::new(),
            timeline: Timeline::default(),
            disk_fails: false,
            writing: None,
            did: Vec::new(),
            sent: VecDeque::new(),
            closed: Vec::new(),
            connected: 0,
            rng: ChaCha8Rng::from_seed([n; 32]),
            uptime: Duration::from_secs(1),
            loads: Vec::new(),
            forgetful: false,
            previewed: Vec::new(),
            merged: Vec::new(),
            remembered: Vec::new(),
        };
        peer.open(ROOM);
        peer
    }

    /// The same folder in another process.
    pub(crate) fn restart_as(&mut self, instance: u8) {
        let identity = self.engine.identity().clone();
        self.engine = Engine::new(identity, Instance([instance; 16]));
        self.open(ROOM);
    }

    pub(crate) fn open(&mut self, room: RoomId) {
        let opened = Opened::default();
        self.feed(Event::RoomOpened { room, opened });
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            wall_ms: 1_000_000 + i64::try_from(self.uptime.as_millis()).unwrap(),
            uptime: self.uptime,
        }
    }

    pub(crate) fn feed(&mut self, event: Event) {
        let mut effects = VecDeque::from(self.engine.handle(event, self.now(), &mut self.rng));
        while let Some(effect) = effects.pop_front() {
            if let Some(event) = self.carry_out(effect) {
                effects.extend(self.engine.handle(event, self.now(), &mut self.rng));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Append { room, batch, changes } => {
                self.did.push("append".into());
                if self.disk_fails {
                    return Some(Event::AppendFailed {
                        room,
                        batch,
                        why: "disk full".into(),
                    });
                }
                self.disk.extend(changes.iter().cloned());
                let appended = Event::Appended { room, batch };
                match &mut self.writing {
                    Some(writing) => writing.push(appended),
                    None => return Some(appended),
                }
            }
            Effect::Show { changes, .. } => {
                self.did.push("show".into());
                changes
                    .iter()
                    .for_each(|arrived| self.timeline.fold(&arrived.change.parts, arrived.arrival));
            }
            Effect::Accepted { .. } => self.did.push("accepted".into()),
            Effect::Merged { merged, .. } => {
                self.did.push("merged".into());
                self.merged.push(merged);
            }
            Effect::Rejected { why, .. } => self.did.push(format!("rejected: {why}")),
            Effect::Send { conn, frame } => {
                self.did.push("send".into());
                self.sent.push_back((conn, frame));
            }
            Effect::Load { load, wanted, .. } => {
                self.loads.push(wanted.clone());
                if self.forgetful {
                    return None;
                }
                return Some(Event::Loaded {
                    load,
                    block: self.past(&wanted),
                });
            }
            Effect::Close { why, .. } => self.closed.push(why),
            Effect::LoadPreview { load, lines, .. } => {
                return Some(Event::PreviewLoaded {
                    load,
                    lines: self.newest(lines),
                });
            }
            Effect::Preview { lines, .. } => self.previewed.push(lines),
            Effect::PreviewEnded { .. } => self.did.push("preview ended".into()),
            Effect::Dial { addr } => self.did.push(format!("dial {addr}")),
            Effect::Remember { addrs } => self.remembered = addrs,
            Effect::Trust { .. } | Effect::Heard { .. } | Effect::Present { .. } => {}
        }
        None
    }

    pub(crate) fn past(&self, wanted: &[SeqRange]) -> Vec<u8> {
        let changes = self.disk.iter().map(|arrived| &arrived.change);
        let wanted = changes.filter(|c| wanted.iter().any(|range| range.holds(c.parts.actor, c.parts.seq)));
        let mut len = 0;
        let wanted = wanted.take_while(|change| {
            len += change.encoded.bytes.len();
            len <= BLOCK_CHANGES_LEN
        });
        Block::of(wanted.map(|change| (&change.parts, change.encoded.hash))).encode()
    }

    pub(crate) fn post(&mut self, text: &str) {
        self.post_in(ROOM, text);
    }

    pub(crate) fn post_in(&mut self, room: RoomId, text: &str) {
        let body = Body::Text(Text {
            text: text.into(),
            reply_to: None,
        });
        self.feed(Event::Posted {
            room,
            ticket: Ticket(1),
            drafts: vec![Draft { body, stamp: None }],
        });
    }

    /// Posts so many messages at once: they share changes.
    pub(crate) fn post_many(&mut self, texts: impl IntoIterator<Item = String>) {
        let drafts = texts.into_iter().map(|text| Draft {
            body: Body::Text(Text { text, reply_to: None }),
            stamp: None,
        });
        self.feed(Event::Posted {
            room: ROOM,
            ticket: Ticket(1),
            drafts: drafts.collect(),
        });
    }

    pub(crate) fn status(&self) -> RoomStatus {
        self.engine.room_status(ROOM).unwrap()
    }

    fn newest(&self, most: usize) -> Vec<PreviewLine> {
        let lines = self.timeline.lines().rev().take(most);
        let mut lines: Vec<_> = lines
            .map(|(place, line)| {
                let Says::Message { text, reply_to, .. } = &line.says else {
                    panic!("{line:?}")
                };
                let text = text.to_string();
                let entry = Entry {
                    stamp: Stamp {
                        order: place.order,
                        sent_at_ms: line.sent_at_ms,
                    },
                    body: Body::Text(Text {
                        text,
                        reply_to: *reply_to,
                    }),
                };
                PreviewLine {
                    id: place.id,
                    entry: entry.encode(),
                    author: self.timeline.roster().profile(line.author).unwrap().name.clone(),
                }
            })
            .collect();
        lines.reverse();
        lines
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |says: &Says| match says {
            Says::Message { text, .. } => text.to_string(),
            other => panic!("{other:?}"),
        };
        self.timeline.lines().map(|(_, line)| text(&line.says)).collect()
    }

    pub(crate) fn tick_for(&mut self, time: Duration) {
        let end = self.uptime + time;
        while self.uptime < end {
            self.uptime += Duration::from_millis(250);
            self.feed(Event::Ticked);
        }
    }

    pub(crate) fn connect(&mut self, conn: ConnId, role: Role) {
        self.connected += 1;
        let dialled = (role == Role::Dialler).then(|| "elsewhere:1".to_owned());
        self.feed(Event::Connected {
            conn,
            role,
            host: "127.0.0.1".into(),
            dialled,
        });
    }

    pub(crate) fn says_on(&mut self, conn: ConnId) -> Option<Vec<u8>> {
        let at = self.sent.iter().position(|(on, _)| *on == conn)?;
        self.sent.remove(at).map(|(_, frame)| frame)
    }

    pub(crate) fn standing(&self) -> Vec<PeerState> {
        self.engine
            .room_status(ROOM)
            .unwrap()
            .peers
            .iter()
            .map(|peer| peer.state)
            .collect()
    }
}

/// A peer's word of what its disk holds, without a question.
pub(crate) fn vector(claims: Vec<Claim>) -> RoomFrame {
    RoomFrame::Vector { claims, asks: false }
}

/// Connects two peers and lets them talk until both are silent; frames and bytes that went over.
pub(crate) fn meet(one: &mut Peer, other: &mut Peer, conn: ConnId) -> (usize, usize) {
    one.connect(conn, Role::Dialler);
    other.connect(conn, Role::Listener);
    talk(one, other, conn)
}

/// Lets two peers talk on a connection until both are silent on it; what they say on others waits.
pub(crate) fn talk(one: &mut Peer, other: &mut Peer, conn: ConnId) -> (usize, usize) {
    let mut over = (0, 0);
    loop {
        let (frame, to) = if let Some(frame) = one.says_on(conn) {
            (frame, &mut *other)
        } else if let Some(frame) = other.says_on(conn) {
            (frame, &mut *one)
        } else {
            return over;
        };
        over = (over.0 + 1, over.1 + frame.len());
        to.feed(Event::Received { conn, frame });
    }
}

pub(crate) fn part(one: &mut Peer, other: &mut Peer, conn: ConnId) {
    for peer in [one, other] {
        peer.feed(Event::Disconnected {
            conn,
            why: "cut".into(),
        });
        peer.sent.clear();
    }
}

/// A member of [`ROOM`] whose frames are made by hand, on a connection that it dialled.
pub(crate) struct Scripted {
    conn: ConnId,
    session: Session,
    slot: u16,
    keys: (FrameKey, FrameKey),
    key: GreetKey,
}

impl Scripted {
    /// Connects and greets.
    pub(crate) fn meet(peer: &mut Peer, conn: ConnId) -> Self {
        let scripted = Self::prove(peer, conn);
        scripted.greet(peer, "by hand", |_| {});
        scripted
    }

    /// The same as another process.
    pub(crate) fn meet_as(peer: &mut Peer, conn: ConnId, n: u8) -> Self {
        let scripted = Self::prove_as(peer, conn, n);
        scripted.greet(peer, "by hand", |_| {});
        scripted
    }

    /// Connects and shows that it knows the room.
    pub(crate) fn prove(peer: &mut Peer, conn: ConnId) -> Self {
        Self::prove_as(peer, conn, 66)
    }

    fn prove_as(peer: &mut Peer, conn: ConnId, n: u8) -> Self {
        peer.connect(conn, Role::Listener);
        Self::begin(peer, conn, n)
    }

    /// Shows that it knows the room, on a connection that stands.
    pub(crate) fn begin(peer: &mut Peer, conn: ConnId, n: u8) -> Self {
        let hello = Hello {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            nonce: [6; 32],
            instance: Instance([n; 16]),
        };
        let Ok(Arrived::Conn(ConnFrame::Hello(theirs))) = decode(&peer.says_on(conn).unwrap()) else {
            panic!("no Hello")
        };
        let session = Session::new(&hello, &theirs);
        let hello = encode_conn(&ConnFrame::Hello(hello));
        peer.feed(Event::Received { conn, frame: hello });
        Self::offer(peer, conn, session, 3)
    }

    /// Offers the room with four tags, of which the last counts.
    fn offer(peer: &mut Peer, conn: ConnId, session: Session, slot: u16) -> Self {
        let tag = session.tag(ROOM, Role::Dialler);
        let frame = encode_conn(&ConnFrame::Offer(vec![tag; 4]));
        peer.feed(Event::Received { conn, frame });
        // The peer's only room is its first.
        let slots = Slots {
            dialler: slot,
            listener: 0,
        };
        let (ours, theirs) = (Role::Dialler, Role::Listener);
        let keys = (session.key(ROOM, ours, slots), session.key(ROOM, theirs, slots));
        let key = session.greet_key(ROOM, ours, slots);
        Self {
            conn,
            session,
            slot,
            keys,
            key,
        }
    }

    /// Leaves the room and is back at once.
    pub(crate) fn come_again(&mut self, peer: &mut Peer) {
        self.say(peer, &RoomFrame::Leave);
        *self = Self::offer(peer, self.conn, self.session, self.slot + 4);
        self.greet(peer, "by hand", |_| {});
    }

    /// Greets as one that holds nothing, after something was altered.
    pub(crate) fn greet(&self, peer: &mut Peer, name: &str, alter: impl Fn(&mut Greet)) {
        let mut greet = self.greeting(peer, name, [6; 8], false);
        alter(&mut greet);
        self.say_greet(peer, greet);
    }

    /// Greets as one that holds what the peer holds and has links enough.
    pub(crate) fn greet_settled(&self, peer: &mut Peer) {
        let held = self.key.held(&peer.status().durable.digest());
        self.say_greet(peer, self.greeting(peer, "settled", held, true));
    }

    fn greeting(&self, peer: &Peer, name: &str, held: [u8; 8], settled: bool) -> Greet {
        let speaker = Speaker {
            device: DeviceId([66; 16]),
            name: name.into(),
            listen_port: 0,
            program: "by hand".into(),
            clock_ms: peer.now().wall_ms,
        };
        let room = RoomGreet {
            slot: self.slot,
            held,
            proof: self.key.proof(held, settled, &speaker),
        };
        Greet {
            speaker,
            rooms: vec![room],
            settled: if settled { vec![self.slot] } else { Vec::new() },
        }
    }

    fn say_greet(&self, peer: &mut Peer, greet: Greet) {
        let frame = encode_conn(&ConnFrame::Greet(greet));
        peer.feed(Event::Received {
            conn: self.conn,
            frame,
        });
    }

    pub(crate) fn say(&mut self, peer: &mut Peer, frame: &RoomFrame) {
        let frame = encode_room(self.slot, &mut self.keys.0, frame);
        peer.feed(Event::Received {
            conn: self.conn,
            frame,
        });
    }

    /// What the peer has said in the room since.
    pub(crate) fn hears(&mut self, peer: &mut Peer) -> Vec<RoomFrame> {
        let mut heard = Vec::new();
        while let Some(frame) = peer.says_on(self.conn) {
            if let Ok(Arrived::Room { sealed, .. }) = decode(&frame) {
                heard.push(open_room(sealed, &mut self.keys.1).unwrap());
            }
        }
        heard
    }
}
