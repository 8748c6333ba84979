//! Blocks from the outside: the bytes of every version that was ever written, and what a block may come
//! to at most.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use tailchat_core::block::{Arrival, Block, SeqRange, select};
use tailchat_core::change::{Encoded, Parts, encode};
use tailchat_core::entry::{Body, Entry, Imported, Profile, Repeat, Stamp, Text};
use tailchat_core::ids::{ActorId, ChangeHash, DeviceId, MessageId, PersonId};
use tailchat_core::limits::{BLOCK_CHANGES_LEN_MAX, BLOCK_ENTRIES_MAX, BLOCK_ROWS_MAX, FRAME_MAX};
use tailchat_core::state::{Change, RoomState};

const ANN: ActorId = ActorId([0xaa; 16]);
const BOB: ActorId = ActorId([0xbb; 16]);
const T: u64 = 1_700_000_000_000;

fn at(order: u64, sent_at_ms: u64, body: Body) -> Vec<u8> {
    let stamp = Stamp {
        order,
        sent_at_ms: sent_at_ms.cast_signed(),
    };
    Entry { stamp, body }.encode()
}

fn text(text: &str, reply_to: Option<MessageId>) -> Text {
    Text {
        text: text.into(),
        reply_to,
    }
}

fn profile(name: &str, n: u8) -> Body {
    Body::Profile(Profile {
        person: PersonId([n; 32]),
        device: DeviceId([n; 16]),
        name: name.into(),
    })
}

fn imported(ago: u64, nick: &str, said: &str) -> Vec<u8> {
    let body = Imported {
        nick: nick.into(),
        action: false,
        text: said.into(),
    };
    at(T - ago, T - ago, Body::Imported(body))
}

/// Every kind of entry, changes of one entry and of several, and bytes that are no entry.
fn history() -> (Vec<Change>, Vec<Arrival>) {
    let id = MessageId { actor: ANN, index: 2 };
    let repeat = Repeat {
        of: id,
        entry: vec![5, 1, 0],
    };
    let steps = [
        (ANN, vec![at(T, T, profile("ann", 1))]),
        (BOB, vec![at(T + 5, T + 5, profile("bob", 2))]),
        (ANN, vec![at(T + 900, T + 900, Body::RoomName("kitchen".into()))]),
        (ANN, vec![at(T + 1000, T + 1000, Body::Text(text("hello", None)))]),
        (
            BOB,
            vec![at(
                T + 2500,
                T + 2400,
                Body::Text(text("hello yourself ☕", Some(id))),
            )],
        ),
        (
            BOB,
            vec![at(T + 3000, T + 3000, Body::Action(text("waves", None)))],
        ),
        (
            ANN,
            vec![
                imported(90_000, "carl", "from elsewhere"),
                imported(80_000, "dora", "so am I"),
                imported(70_000, "carl", "again"),
            ],
        ),
        (ANN, vec![vec![200, 5, 0, 1, 2, 3], vec![2, 0xff]]),
        (BOB, vec![at(T + 4000, T + 4000, Body::Repeat(repeat))]),
        (BOB, vec![at(T + 5000, T + 5000, Body::Leave)]),
    ];
    let mut room = RoomState::default();
    let changes: Vec<_> = steps
        .into_iter()
        .map(|(actor, entries)| room.author(actor, entries))
        .collect();
    let arrival = |(n, change): (i64, &Change)| Arrival {
        at_ms: T.cast_signed() + n * 1500 + 40,
        via: if change.parts.actor == ANN {
            DeviceId::NONE
        } else {
            DeviceId([2; 16])
        },
    };
    let arrivals = (0..).zip(&changes).map(arrival).collect();
    (changes, arrivals)
}

/// The same without Bob's second change, so that he has two spans.
fn history_with_a_gap() -> (Vec<Change>, Vec<Arrival>) {
    let (mut changes, mut arrivals) = history();
    changes.remove(4);
    // Time passed only for what came.
    arrivals.remove(4);
    for arrival in arrivals.iter_mut().skip(4) {
        arrival.at_ms -= 1500;
    }
    (changes, arrivals)
}

/// A block tells nothing of the messages before it, so tips are left out.
fn encoded(change: &Change) -> (Parts, Encoded) {
    (change.parts.clone(), change.encoded.clone())
}

fn block_of(changes: &[Change]) -> Block {
    Block::of(changes.iter().map(|change| (&change.parts, change.encoded.hash)))
}

fn golden(file: &str) -> BTreeMap<String, Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file);
    let text = std::fs::read_to_string(file).unwrap();
    let line = |line: &str| {
        let (name, digits) = line.split_once(' ').unwrap();
        let digits = digits.trim();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (name.to_owned(), (0..digits.len()).step_by(2).map(byte).collect())
    };
    text.lines().map(line).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}

#[test]
fn blocks_of_every_version_open_to_the_same_changes() {
    let (changes, arrivals) = history_with_a_gap();
    for file in ["block_v1.hex", "block_v2.hex"] {
        let golden = golden(file);
        let block = Block::decode(&golden["block"]).unwrap();
        assert_eq!(block, block_of(&changes), "{file}");
        let opened = block.changes().unwrap();
        assert!(
            opened.iter().map(encoded).eq(changes.iter().map(encoded)),
            "{file}"
        );
        assert_eq!(block.decode_arrivals(&golden["arrivals"]).unwrap(), arrivals);
        assert_eq!(Block::spans_of(&golden["block"]).unwrap(), block.spans());
    }
}

#[test]
fn the_bytes_of_version_2_are_golden() {
    let golden = golden("block_v2.hex");
    let (changes, arrivals) = history_with_a_gap();
    let block = block_of(&changes);
    assert_eq!(hex(&block.encode()), hex(&golden["block"]));
    assert_eq!(hex(&block.encode_arrivals(&arrivals)), hex(&golden["arrivals"]));
    let whole = block_of(&history().0);
    assert_eq!(hex(&whole.encode()), hex(&golden["whole"]));
    assert_eq!(Block::decode(&golden["whole"]).unwrap(), whole);
    assert_eq!(hex(&example().encode()), hex(&golden["example"]));
}

/// The chain that PROTOCOL.md shows.
fn example() -> Block {
    let profile = Profile {
        person: PersonId([1; 32]),
        device: DeviceId([2; 16]),
        name: "ann".into(),
    };
    let mut room = RoomState::default();
    let first = room.author(ANN, vec![at(1000, 1000, Body::Profile(profile))]);
    let second = room.author(ANN, vec![at(1000, 999, Body::Text(text("hi", None)))]);
    block_of(&[first, second])
}

#[test]
fn a_part_of_an_old_block_is_sent_as_a_new_one() {
    let (changes, _) = history_with_a_gap();
    let wanted = [SeqRange {
        actor: ANN,
        from: 3,
        to: 4,
    }];
    let part = select(golden("block_v1.hex").remove("block").unwrap(), &wanted).unwrap();
    assert_eq!(part[0], 2);
    let sent = Block::decode(&part).unwrap().changes().unwrap();
    let expected = [&changes[3], &changes[5]].map(encoded);
    assert!(sent.iter().map(encoded).eq(expected));
}

fn noise(seed: &mut u64) -> u8 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 56) as u8
}

/// So many entries of so many bytes, with nothing in them that can be compressed.
fn parts(actor: ActorId, seq: u64, count: usize, len: usize, seed: &mut u64) -> Parts {
    let entry = |_| (0..len).map(|_| noise(seed)).collect();
    Parts {
        actor,
        seq,
        first_index: (seq - 1) * count as u64,
        previous: (seq > 1).then_some(ChangeHash([7; 32])),
        entries: (0..count).map(entry).collect(),
    }
}

/// The greatest block of such changes, by one actor or by as many as there are changes.
fn greatest(count: usize, len: usize, alone: bool) -> Block {
    let mut seed = 1;
    let least = [1, 2].map(|seq| encode(&parts(ANN, seq, count, len, &mut seed)).bytes.len());
    let changes = BLOCK_CHANGES_LEN_MAX / least[0].min(least[1]);
    let all: Vec<_> = (1..=changes as u64)
        .map(|n| {
            if alone {
                return (parts(ANN, n, count, len, &mut seed), ChangeHash([7; 32]));
            }
            let actor = ActorId([(); 16].map(|()| noise(&mut seed)));
            let hash = ChangeHash([(); 32].map(|()| noise(&mut seed)));
            (parts(actor, 1, count, len, &mut seed), hash)
        })
        .collect();
    Block::of(all.iter().map(|(parts, hash)| (parts, *hash)))
}

#[test]
fn the_greatest_tail_is_within_the_limits_of_a_block() {
    for count in 1..=256 {
        let least = [1, 2].map(|seq| {
            let mut parts = parts(ANN, seq, count, 1, &mut 1);
            parts.entries.fill(vec![0]);
            encode(&parts).bytes.len()
        });
        let changes = BLOCK_CHANGES_LEN_MAX / least[0].min(least[1]);
        assert!(changes < BLOCK_ROWS_MAX, "{changes} changes of {count} entries");
        let entries = changes * count;
        assert!(entries < BLOCK_ENTRIES_MAX, "{entries} entries, {count} a change");
    }
}

#[test]
fn the_greatest_blocks_of_noise_fit_a_frame_and_open() {
    for (count, len) in [(1, 1), (256, 1), (2, 7), (1, 100), (1, 4096), (3, 66 * 1024)] {
        for alone in [true, false] {
            let block = greatest(count, len, alone);
            if block.spans().len() > 8192 {
                // A room has no more actors.
                continue;
            }
            let bytes = block.encode();
            assert!(
                bytes.len() + 256 <= FRAME_MAX,
                "{} bytes of {count} x {len}",
                bytes.len()
            );
            assert_eq!(Block::decode(&bytes).unwrap(), block, "{count} x {len}");
        }
    }
}
