//! What a log costs on the disk of this machine: appending, opening, answering. Knows no room, no peer, and no
//! figure that it would have to meet.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_store::block::Block;
use tailchat_store::change::{ChangeRecord, Span};
use tailchat_store::disk::RealDisk;
use tailchat_store::log::{Log, room_dir};
use tempfile::TempDir;

const ROOM: RoomId = RoomId([7; 16]);
/// The length of a change with one short message.
const CHANGE_LEN: usize = 200;
/// People who talk in turn.
const ACTORS: u64 = 50;
/// So many changes fill a tail.
const TAIL_CHANGES: u64 = (512 << 10) / CHANGE_LEN as u64 + 1;

/// The n-th change of a room.
fn change(n: u64) -> ChangeRecord {
    let actor = n % ACTORS;
    let mut id = [0; 16];
    id[..8].copy_from_slice(&actor.to_le_bytes());
    ChangeRecord {
        actor: ActorId(id),
        seq: n / ACTORS + 1,
        arrived_at_ms: 1,
        via: DeviceId([3; 16]),
        change: vec![0xa5; CHANGE_LEN],
    }
}

fn changes(from: u64, count: u64) -> Vec<ChangeRecord> {
    (from..from + count).map(change).collect()
}

/// A block of the size that real chat comes to: ~27 bytes a change.
fn block_of(changes: &[ChangeRecord]) -> Block {
    let mut spans: Vec<Span> = Vec::new();
    for change in changes {
        match spans.iter_mut().find(|span| span.actor == change.actor) {
            Some(span) => span.last_seq = change.seq,
            None => spans.push(Span {
                actor: change.actor,
                first_seq: change.seq,
                last_seq: change.seq,
            }),
        }
    }
    Block {
        spans,
        summary: Vec::new(),
        shared: vec![1; changes.len() * 24],
        local: vec![2; changes.len() * 3],
    }
}

/// A room on disk with so many sealed blocks and one full tail. The folder goes with the first item.
fn room(blocks: u64) -> (TempDir, RealDisk) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = RealDisk::new(folder.path());
    let mut log = Log::create(disk.clone(), ROOM, [1; 32]).expect("a new log");
    for stretch in 0..=blocks {
        let changes = changes(stretch * TAIL_CHANGES, TAIL_CHANGES);
        let (first, last) = changes.split_at(changes.len() - 1);
        log.append(first).expect("space");
        log.append(last).expect("space");
        if let Some(number) = log.ripe() {
            let records = log.read_tail(number).expect("a readable tail");
            log.seal(number, &block_of(&records)).expect("a sound block");
        }
    }
    (folder, disk)
}

fn open(disk: &RealDisk) -> Log<RealDisk> {
    let (log, opened) = Log::open(disk.clone(), &room_dir(ROOM), [2; 32]).expect("a sound log");
    assert!(opened.findings.is_empty(), "{:?}", opened.findings);
    log
}

fn appending(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for count in [1, 1_000] {
        group.throughput(Throughput::Elements(count));
        let (_folder, disk) = room(0);
        let mut log = open(&disk);
        let mut next = 2 * TAIL_CHANGES;
        group.bench_function(BenchmarkId::from_parameter(count), |bench| {
            bench.iter_batched(
                || {
                    next += count;
                    changes(next, count)
                },
                |changes| log.append(&changes).expect("space"),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn opening(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    for blocks in [0, 400] {
        let (_folder, disk) = room(blocks);
        group.bench_function(BenchmarkId::from_parameter(blocks), |bench| {
            bench.iter(|| open(&disk));
        });
        group.bench_function(BenchmarkId::new("and size", blocks), |bench| {
            bench.iter(|| open(&disk).disk_bytes());
        });
    }
    group.finish();
}

/// The last so many changes of everybody, who wrote in turn.
fn last(count: u64, end: u64) -> Vec<Span> {
    let last = changes(end - count, count);
    block_of(&last).spans
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    let (_folder, disk) = room(400);
    let end = 401 * TAIL_CHANGES;
    group.bench_function("the first question", |bench| {
        let wanted = last(1, end);
        bench.iter_batched(
            || open(&disk),
            |log| log.read(&wanted, 1 << 20).expect("sound"),
            BatchSize::LargeInput,
        );
    });
    let log = open(&disk);
    for count in [1, 1_000] {
        let wanted = last(count, end);
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::new("of a tail", count), |bench| {
            bench.iter(|| log.read(black_box(&wanted), 1 << 20).expect("sound"));
        });
    }
    group.throughput(Throughput::Elements(1));
    // One change each, far apart: what somebody with many holes asks for.
    let holes: Vec<Span> = (0..4_000)
        .flat_map(|n| block_of(&[change(end - TAIL_CHANGES + (n * 7) % TAIL_CHANGES)]).spans)
        .collect();
    group.bench_function("4,000 ranges of a tail", |bench| {
        bench.iter(|| log.read(black_box(&holes), 1 << 20).expect("sound"));
    });
    let middle = block_of(&[change(200 * TAIL_CHANGES)]).spans;
    group.bench_function("a block in the middle", |bench| {
        bench.iter(|| log.read(black_box(&middle), 1 << 20).expect("sound"));
    });
    let none = [Span {
        actor: ActorId([9; 16]),
        first_seq: 1,
        last_seq: 9,
    }];
    group.bench_function("nothing", |bench| {
        bench.iter(|| log.read(black_box(&none), 1 << 20).expect("sound"));
    });
    group.finish();
}

fn main() {
    let criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    let mut criterion = criterion.configure_from_args();
    appending(&mut criterion);
    opening(&mut criterion);
    reading(&mut criterion);
    criterion.final_summary();
}
