//! The index's hot ways: taking changes in, one and many, and the first screen. On a real disk, at a size given
//! by `LINES`.

#![expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench may panic, and criterion's main has no words"
)]

use std::collections::BTreeSet;

use criterion::{Criterion, criterion_group, criterion_main};
use tailchat_core::block::Arrival;
use tailchat_core::change::Parts;
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::read::ReadState;
use tailchat_index::{Asked, Folded, From, Index, Reader};

const ROOM: RoomId = RoomId([7; 16]);
const LINES: u64 = 200_000;
const PORTION: u64 = 1_000;

fn typed(n: u64) -> Parts {
    let order = 1_700_000_000_000 + n * 1_000;
    let words = [
        "kernel",
        "laptop",
        "boot",
        "yesterday",
        "driver",
        "sound",
        "update",
        "broken",
    ];
    let picked = words.iter().enumerate().filter(|(at, _)| n >> at & 1 == 0);
    let text = picked.fold(format!("message {n} about"), |text, (_, word)| text + " " + word);
    let body = Body::Text(Text { text, reply_to: None });
    let stamp = Stamp {
        order,
        sent_at_ms: order.cast_signed(),
    };
    Parts {
        actor: ActorId([u8::try_from(n % 50).unwrap(); 16]),
        seq: n / 50 + 1,
        first_index: n / 50,
        previous: None,
        entries: vec![Entry { stamp, body }.encode()],
    }
}

fn fold(index: &mut Index, changes: &[Parts]) {
    let arrival = Arrival {
        at_ms: 1,
        via: DeviceId([1; 16]),
    };
    let changes: Vec<_> = changes.iter().map(|parts| (parts, arrival)).collect();
    let folded = Folded {
        changes: &changes,
        ..Folded::default()
    };
    index.fold(ROOM, folded).unwrap();
    if changes.len() > 1 {
        index.keep().unwrap();
    }
    if index.unworded() >= 2_000 {
        index.take_words(2_000).unwrap();
    }
}

fn index(c: &mut Criterion) {
    let scratch = tempfile::tempdir().unwrap();
    let (mut index, _) = Index::open(&scratch.path().join("index.db")).unwrap();
    let mut next = 0;
    let mut some = |count: u64| -> Vec<Parts> {
        next += count;
        (next - count..next).map(typed).collect()
    };
    while index
        .lines(ROOM, &newest(1))
        .unwrap()
        .first()
        .is_none_or(|(place, _)| place.id.index < LINES / 50)
    {
        fold(&mut index, &some(10 * PORTION));
    }
    c.bench_function("fold 1,000 typed changes", |b| {
        b.iter_batched(
            || some(PORTION),
            |changes| fold(&mut index, &changes),
            criterion::BatchSize::LargeInput,
        );
    });
    c.bench_function("fold one typed change", |b| {
        b.iter_batched(
            || some(1),
            |changes| fold(&mut index, &changes),
            criterion::BatchSize::SmallInput,
        );
    });
    let (unread, own) = (ReadState::default(), BTreeSet::new());
    let mut half = ReadState::default();
    for actor in 0..50 {
        half.mark(ActorId([actor; 16]), 0..LINES / 100 + 7).unwrap();
    }
    for (what, read) in [("nothing was read", &unread), ("half was read", &half)] {
        let reader = Reader {
            read,
            own: &own,
            name: "ann",
        };
        c.bench_function(&format!("count the unread where {what}"), |b| {
            b.iter(|| index.unread(ROOM, reader).unwrap());
        });
        c.bench_function(&format!("first unread where {what}"), |b| {
            b.iter(|| index.unread_places(ROOM, reader, None, 1).unwrap());
        });
    }
    c.bench_function("newest 50 lines", |b| {
        b.iter(|| index.lines(ROOM, &newest(50)).unwrap());
    });
}

fn newest(count: u64) -> Asked {
    Asked {
        from: From::Newest(count),
        since_ms: None,
        until_ms: None,
        known_ms: None,
        limit: 512,
    }
}

criterion_group!(benches, index);
criterion_main!(benches);
