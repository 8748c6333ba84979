//! What a peer may send: bytes that may be frames, a stranger who answers the handshake with anything, and a member
//! whose frames are authentic and say anything.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use serde::Serialize;
use tailchat_core::block::{Block, SeqRange};
use tailchat_core::engine::{ConnId, Draft, Effect, Engine, Event, Identity, Now, Opened, Ticket};
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::handshake::{FrameKey, Hello, Role, Session, Slots, Speaker};
use tailchat_core::ids::{ActorId, DeviceId, Instance, MessageId, PersonId, RoomId};
use tailchat_core::state::{Change, RoomState, Row};
use tailchat_core::wire::{
    Arrived, Bye, Claim, ConnFrame, Disk, Greet, PeerAt, Presence, PreviewLine, Pushed, RoomFrame, RoomGreet,
    Sign, Told, decode, encode_conn, encode_room, open_room,
};

use crate::by_hand::{self, Member, conn_frame, room_frame};

const ROOM: RoomId = RoomId([9; 16]);
const CONN: ConnId = ConnId(1);
/// The wall clock at the start, in milliseconds since 1970.
const EPOCH_MS: i64 = 1_800_000_000_000;
/// Steps in one input; what follows is not looked at.
const STEPS_MAX: usize = 64;

/// A peer whose disk is instant, with one connection that somebody else dialled.
struct Host {
    engine: Engine,
    rng: ChaCha8Rng,
    uptime: Duration,
    said: VecDeque<Vec<u8>>,
    open: bool,
}

impl Host {
    fn new() -> Self {
        let identity = Identity {
            person: PersonId([1; 32]),
            device: DeviceId([1; 16]),
            name: "host".into(),
        };
        let mut host = Self {
            engine: Engine::new(identity, Instance([1; 16])),
            rng: ChaCha8Rng::from_seed([1; 32]),
            uptime: Duration::from_secs(1),
            said: VecDeque::new(),
            open: true,
        };
        let opened = Opened::default();
        host.feed(Event::RoomOpened { room: ROOM, opened });
        host.post("hello");
        host.feed(Event::Connected {
            conn: CONN,
            role: Role::Listener,
            host: "10.0.0.7".into(),
            dialled: None,
        });
        host
    }

    fn feed(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let uptime_ms = i64::try_from(self.uptime.as_millis()).unwrap_or(i64::MAX);
            let now = Now {
                wall_ms: EPOCH_MS.saturating_add(uptime_ms),
                uptime: self.uptime,
            };
            for effect in self.engine.handle(event, now, &mut self.rng) {
                events.extend(self.carry_out(effect));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Append { room, batch, .. } => Some(Event::Appended { room, batch }),
            Effect::Load { load, .. } => Some(Event::Loaded {
                load,
                block: Vec::new(),
            }),
            Effect::LoadPreview { load, .. } => Some(Event::PreviewLoaded {
                load,
                lines: Vec::new(),
            }),
            Effect::Dial { addr } => Some(Event::DialFailed {
                addr,
                why: "refused".into(),
            }),
            Effect::Send { frame, .. } => {
                self.said.push_back(frame);
                None
            }
            Effect::Close { .. } => {
                self.open = false;
                None
            }
            _ => None,
        }
    }

    fn post(&mut self, what: &str) {
        let draft = Draft {
            body: text(what),
            stamp: None,
        };
        self.feed(Event::Posted {
            room: ROOM,
            ticket: Ticket(0),
            drafts: vec![draft],
        });
    }

    fn receive(&mut self, frame: Vec<u8>) {
        self.feed(Event::Received { conn: CONN, frame });
    }

    fn pass(&mut self, quarters: u8) {
        for _ in 0..quarters {
            self.uptime += Duration::from_millis(250);
            self.feed(Event::Ticked);
        }
    }

    /// Whatever was sent, the peer goes on: it takes what its user writes.
    fn goes_on(&mut self) {
        let before = self.messages();
        self.post("still here");
        self.pass(2);
        assert!(self.messages() > before, "a post was not taken");
    }

    fn messages(&self) -> u64 {
        let status = self.engine.room_status(ROOM);
        status.map_or(0, |status| status.durable.messages())
    }
}

fn text(text: &str) -> Body {
    Body::Text(Text {
        text: text.into(),
        reply_to: None,
    })
}

/// An input's steps: a byte that says what, a length, and so many bytes.
fn steps(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data;
    let step = move || {
        let (head, behind) = rest.split_first_chunk::<3>()?;
        let [what, low, high] = *head;
        let len = usize::from(u16::from_le_bytes([low, high])).min(behind.len());
        let (body, behind) = behind.split_at(len);
        rest = behind;
        Some((what, body))
    };
    std::iter::from_fn(step).take(STEPS_MAX)
}

fn step(what: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&[what][..], &len.to_le_bytes(), body].concat()
}

/// A step after which time passes.
const WAITS: u8 = 0x80;

fn encoded<T: Serialize>(frame: &T) -> Vec<u8> {
    postcard::to_allocvec(frame).expect("writing to memory cannot fail")
}

fn hello(instance: u8) -> Hello {
    by_hand::hello([instance; 32], [instance; 16])
}

fn room_key() -> FrameKey {
    let slots = Slots {
        dialler: 0,
        listener: 0,
    };
    Session::new(&hello(1), &hello(2)).key(ROOM, Role::Dialler, slots)
}

/// Bytes as a frame, and as the body of an authentic one: what decodes comes back as it is when it is written again.
pub(crate) fn frame(data: &[u8]) {
    for bytes in [data.to_vec(), conn_frame(data)] {
        if let Ok(Arrived::Conn(frame)) = decode(&bytes) {
            let again = encode_conn(&frame);
            assert!(decode(&again) == Ok(Arrived::Conn(frame)));
        }
    }
    let bytes = room_frame(7, &mut room_key(), data);
    let Ok(Arrived::Room { slot: 7, sealed }) = decode(&bytes) else {
        panic!("a room's frame is none");
    };
    if let Ok(frame) = open_room(sealed, &mut room_key()) {
        let again = encode_room(7, &mut room_key(), &frame);
        let Ok(Arrived::Room { sealed, .. }) = decode(&again) else {
            panic!("a room's frame is none when it is written again");
        };
        assert!(open_room(sealed, &mut room_key()) == Ok(frame));
    }
}

pub(crate) fn frame_seeds() -> Vec<Vec<u8>> {
    let conn = conn_frames().into_iter().map(|frame| encoded(&frame));
    conn.chain(room_frames().iter().map(encoded)).collect()
}

/// Who says all that is said.
fn speaker() -> Speaker {
    by_hand::speaker(DeviceId([66; 16]), "eve", 7, EPOCH_MS)
}

fn conn_frames() -> Vec<ConnFrame> {
    let greet = Greet {
        speaker: speaker(),
        rooms: vec![RoomGreet {
            slot: 0,
            held: [6; 8],
            proof: [5; 8],
        }],
        settled: vec![0],
    };
    vec![
        ConnFrame::Hello(hello(6)),
        ConnFrame::Offer(vec![[3; 16]; 4]),
        ConnFrame::Greet(greet),
        ConnFrame::Ping,
        ConnFrame::Pong,
        ConnFrame::Bye(Bye::Full),
    ]
}

/// Somebody's first changes.
fn changes() -> Vec<Change> {
    let mut state = RoomState::default();
    let entry = |index| {
        let stamp = Stamp {
            order: u64::try_from(EPOCH_MS).unwrap_or(0) + index,
            sent_at_ms: EPOCH_MS,
        };
        let body = text("from afar");
        Entry { stamp, body }.encode()
    };
    (0..3)
        .map(|n| state.author(ActorId([8; 16]), vec![entry(n)]))
        .collect()
}

fn room_frames() -> Vec<RoomFrame> {
    let changes = changes();
    let actor = ActorId([8; 16]);
    let claims: Vec<_> = changes
        .iter()
        .map(|change| Claim::of(actor, &change.tip))
        .collect();
    let block = Block::of(changes.iter().map(|change| (&change.parts, change.encoded.hash)));
    let wanted = vec![SeqRange {
        actor,
        from: 1,
        to: 3,
    }];
    let sign = |sign| Presence {
        device: DeviceId([7; 16]),
        beat: u64::try_from(EPOCH_MS).unwrap_or(0),
        lasts_s: 180,
        sign,
    };
    let line = PreviewLine {
        id: MessageId { actor, index: 0 },
        entry: Entry {
            stamp: Stamp {
                order: 1,
                sent_at_ms: EPOCH_MS,
            },
            body: text("a line"),
        }
        .encode(),
        author: "eve".into(),
    };
    let device = DeviceId([7; 16]);
    let addr = "10.0.0.8:24242".to_owned();
    let mut frames: Vec<_> = changes
        .iter()
        .map(|change| {
            let row = Row::from(change);
            RoomFrame::Push(vec![Pushed { steps: 1, row }])
        })
        .collect();
    let told = claims.iter().map(|claim| Told {
        steps: 2,
        claim: *claim,
    });
    frames.extend([
        RoomFrame::Vector {
            claims: claims.clone(),
            asks: true,
        },
        RoomFrame::Have(told.collect()),
        RoomFrame::Want(wanted),
        RoomFrame::Block(block.encode()),
        RoomFrame::Disks(vec![Disk { device, claims }]),
        RoomFrame::Forked { actor, seq: 2 },
        RoomFrame::WantPreview(50),
        RoomFrame::Preview(vec![line]),
        RoomFrame::Graft(vec![actor]),
        RoomFrame::Prune(vec![actor]),
        RoomFrame::Peers(vec![PeerAt { device, addr }]),
        RoomFrame::Presence(
            [Sign::Here, Sign::Typing, Sign::Lost, Sign::Gone]
                .map(sign)
                .to_vec(),
        ),
        RoomFrame::Part,
        RoomFrame::Leave,
    ]);
    frames
}

/// A stranger answers the handshake with anything.
pub(crate) fn handshake(data: &[u8]) {
    let mut host = Host::new();
    for (what, body) in steps(data) {
        match what {
            0 => host.receive(body.to_vec()),
            WAITS.. => host.pass(what & 0x1f),
            _ => host.receive(conn_frame(body)),
        }
        if !host.open {
            break;
        }
    }
    let met = host
        .engine
        .room_status(ROOM)
        .is_some_and(|status| !status.peers.is_empty());
    assert!(!met, "who does not know the room came in");
    host.goes_on();
}

pub(crate) fn handshake_seeds() -> Vec<Vec<u8>> {
    let frames = conn_frames();
    let all = frames.iter().map(|frame| step(1, &encoded(frame)));
    let whole: Vec<u8> = all.clone().take(3).flatten().collect();
    let waits = [
        step(1, &encoded(&ConnFrame::Hello(hello(6)))),
        step(WAITS | 20, &[]),
    ]
    .concat();
    all.chain([whole, waits]).collect()
}

/// Meets the host and greets.
fn meet(host: &mut Host) -> Member {
    let ours = hello(6);
    let first = host.said.pop_front().unwrap_or_default();
    let Some(theirs) = by_hand::hello_of(&first) else {
        panic!("no Hello");
    };
    let session = Session::new(&ours, &theirs);
    let tag = session.tag(ROOM, Role::Dialler);
    // Of a tag offered four times the last slot counts.
    let slots = Slots {
        dialler: 3,
        listener: 0,
    };
    let member = Member::new(&session, ROOM, slots);
    let greeting = member.greet(speaker(), [6; 8]);
    for frame in [ConnFrame::Hello(ours), ConnFrame::Offer(vec![tag; 4]), greeting] {
        host.receive(encode_conn(&frame));
    }
    member
}

/// A member sends anything.
pub(crate) fn member(data: &[u8]) {
    let mut host = Host::new();
    let mut member = meet(&mut host);
    assert!(host.open, "a member was turned away");
    for (what, body) in steps(data) {
        match what {
            WAITS.. => host.pass(what & 0x1f),
            0 => host.receive(conn_frame(body)),
            _ => host.receive(room_frame(member.slot, &mut member.send_key, body)),
        }
        if !host.open {
            break;
        }
    }
    host.goes_on();
}

pub(crate) fn member_seeds() -> Vec<Vec<u8>> {
    let all: Vec<Vec<u8>> = room_frames()
        .iter()
        .map(|frame| step(1, &encoded(frame)))
        .collect();
    let waits = step(WAITS | 4, &[]);
    let talk: Vec<u8> = all
        .iter()
        .take(14)
        .flat_map(|frame| [frame.clone(), waits.clone()].concat())
        .collect();
    all.into_iter().chain([talk]).collect()
}
