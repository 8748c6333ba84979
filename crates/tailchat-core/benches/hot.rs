//! Core's hot functions, on typed messages of a realistic length. Knows no disk and no network.

#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench may panic, and criterion's main has no words"
)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tailchat_core::block::{Arrival, Block};
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::ids::{ActorId, DeviceId};
use tailchat_core::state::{Change, RoomState, Row};
use tailchat_core::timeline::Timeline;

const CHANGES: u64 = 2_500;
const ACTORS: u64 = 50;
const WORDS: [&str; 16] = [
    "the",
    "disk",
    "kernel",
    "reboot",
    "try",
    "again",
    "sudo",
    "works",
    "here",
    "somewhere",
    "which",
    "version",
    "thanks",
    "for",
    "your",
    "help",
];

/// A number below `end`; Knuth's MMIX generator.
fn chance(seed: &mut u64, end: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % end
}

/// A text of 58 bytes on average, written some 11 seconds after the one before.
fn typed(n: u64, seed: &mut u64) -> Vec<u8> {
    let words = 1 + chance(seed, 21);
    let word = |_| {
        let at = usize::try_from(chance(seed, 16)).unwrap();
        *WORDS.get(at).unwrap()
    };
    let text = (0..words).map(word).collect::<Vec<_>>().join(" ");
    let order = 1_700_000_000_000 + n * 11_000 + chance(seed, 9_000);
    let stamp = Stamp {
        order,
        sent_at_ms: order.cast_signed(),
    };
    let body = Body::Text(Text { text, reply_to: None });
    Entry { stamp, body }.encode()
}

fn actor(n: u64, seed: &mut u64) -> ActorId {
    // Everybody begins once, then who writes is chance.
    let n = if n < ACTORS { n } else { chance(seed, ACTORS) };
    ActorId(
        u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .pow(2)
            .to_le_bytes(),
    )
}

fn history() -> (RoomState, Vec<Change>) {
    let (mut room, mut seed) = (RoomState::default(), 1);
    let changes = (0..CHANGES)
        .map(|n| {
            let actor = actor(n, &mut seed);
            room.author(actor, vec![typed(n, &mut seed)])
        })
        .collect();
    (room, changes)
}

fn block_of(changes: &[Change]) -> Block {
    Block::of(changes.iter().map(|change| (&change.parts, change.encoded.hash)))
}

fn changes(criterion: &mut Criterion) {
    let (room, changes) = history();
    let mut next = room.clone();
    let by = changes.first().unwrap().parts.actor;
    let entry = typed(CHANGES, &mut 2);
    criterion.bench_function("author a change", |bencher| {
        bencher.iter(|| next.author(by, vec![entry.clone()]));
    });
    let row = Row::from(&room.clone().author(by, vec![entry.clone()]));
    let ready = || (room.clone(), row.clone());
    criterion.bench_function("vet a change", |bencher| {
        bencher.iter_batched_ref(ready, |(room, row)| room.vet(row.clone()), BatchSize::SmallInput);
    });
    criterion.bench_function("digest of 50 actors", |bencher| bencher.iter(|| room.digest()));
}

fn blocks(criterion: &mut Criterion) {
    let (_, changes) = history();
    let block = block_of(&changes);
    let bytes = block.encode();
    let mut group = criterion.benchmark_group("a block of 2,500 changes");
    group.throughput(Throughput::Elements(CHANGES));
    group.bench_function("make", |bencher| bencher.iter(|| block_of(&changes)));
    group.bench_function("encode", |bencher| bencher.iter(|| block.encode()));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Block::decode(&bytes).unwrap());
    });
    group.bench_function("read its spans", |bencher| {
        bencher.iter(|| Block::spans_of(&bytes).unwrap());
    });
    group.bench_function("take", |bencher| {
        bencher.iter_batched_ref(
            RoomState::default,
            |room| room.take(&block).unwrap(),
            BatchSize::LargeInput,
        );
    });
    let arrival = Arrival {
        at_ms: 1_700_000_000_000,
        via: DeviceId::NONE,
    };
    group.bench_function("fold", |bencher| {
        bencher.iter_batched_ref(
            Timeline::default,
            |timeline| block.parts().for_each(|parts| timeline.fold(&parts, arrival)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(hot, changes, blocks);
criterion_main!(hot);
