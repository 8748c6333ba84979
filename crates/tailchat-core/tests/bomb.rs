//! Blocks of some kilobytes that announce, or hold, 1.79 million entries. Alone in its process, since it looks at
//! the process's memory.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use tailchat_core::block::{Block, Span};
use tailchat_core::ids::{ActorId, ChangeHash};

const CHANGES: u64 = 7_000;
const ENTRIES: u64 = 256;

fn span(changes: u64) -> Span {
    Span {
        actor: ActorId([1; 16]),
        first_seq: 1,
        last_seq: changes,
        first_index: 0,
        entries: changes * ENTRIES,
        messages: 0,
        previous: ChangeHash([0; 32]),
        last: ChangeHash([7; 32]),
    }
}

fn number(number: u64) -> Vec<u8> {
    postcard::to_allocvec(&number).unwrap()
}

/// So many bytes, all the same.
fn deflated(byte: u8, len: u64) -> Vec<u8> {
    let mut deflater = DeflateEncoder::new(Vec::new(), Compression::best());
    std::io::copy(&mut std::io::repeat(byte).take(len), &mut deflater).unwrap();
    deflater.finish().unwrap()
}

/// Version 1, with a front for so many changes.
fn old(announced: u64) -> Vec<u8> {
    let row = [vec![0], number(ENTRIES), [1, 0].repeat(256)].concat();
    let front = postcard::to_extend(&[span(announced)].as_slice(), vec![1]).unwrap();
    let mut deflater = DeflateEncoder::new(front, Compression::best());
    deflater.write_all(&number(CHANGES)).unwrap();
    for _ in 0..CHANGES {
        deflater.write_all(&row).unwrap();
    }
    deflater.finish().unwrap()
}

/// Version 2, with a front for so many changes, and its table of lengths telling the truth or not.
fn new(announced: u64, modest_table: bool) -> Vec<u8> {
    let others = span(announced).entries - announced;
    let mut bytes = [vec![2, 1], vec![1; 16], number(1), number(announced)].concat();
    bytes.push(0);
    bytes.extend(number(others * 2));
    bytes.extend(number(announced * ENTRIES * 2 - 1));
    bytes.extend([7; 32]);
    let zeros = CHANGES * ENTRIES;
    let columns = [
        (CHANGES, deflated(0, CHANGES)),
        (CHANGES, deflated(99, CHANGES)),
        (zeros, deflated(0, zeros)),
        (0, vec![]),
        (0, vec![]),
        (0, vec![]),
        (0, vec![]),
        (0, vec![]),
        (0, vec![]),
        (0, vec![]),
        (zeros, deflated(1, zeros)),
        (zeros, deflated(0, zeros)),
    ];
    for (plain, packed) in &columns {
        let most = if modest_table { 20_000 } else { u64::MAX };
        bytes.extend(number((*plain).min(most)));
        bytes.extend(number(packed.len() as u64));
    }
    columns.iter().for_each(|(_, packed)| bytes.extend(packed));
    bytes
}

/// The most memory that this process ever had, where the system tells.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.map_or(0, |kib| kib.trim().parse::<u64>().unwrap() * 1024)
}

#[test]
fn a_bomb_is_refused_in_no_time_and_in_little_memory() {
    let bombs = [
        ("old", old(CHANGES)),
        ("old, modest front", old(2)),
        ("new", new(CHANGES, false)),
        ("new, modest front", new(2, false)),
        ("new, modest front and table", new(2, true)),
    ];
    // A modest block of the same making opens, so it is the size that is refused.
    assert!(Block::spans_of(&new(2, false)).unwrap() == [span(2)]);
    let before = peak_memory();
    for (what, bytes) in bombs {
        assert!(bytes.len() < 64 * 1024, "{what}: {}", bytes.len());
        let took = [(); 3].map(|()| {
            let began = Instant::now();
            assert!(Block::decode(&bytes).is_err(), "{what}");
            began.elapsed()
        });
        // The machine may have had something else to do meanwhile.
        assert!(
            took.iter().min() < Some(&Duration::from_millis(10)),
            "{what}: {took:?}"
        );
        assert!(peak_memory() - before < 4_000_000, "{what}");
    }
}
