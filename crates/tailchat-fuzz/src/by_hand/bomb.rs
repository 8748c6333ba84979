//! Blocks of some kilobytes that announce, or hold, 1.79 million entries.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use tailchat_core::block::Span;
use tailchat_core::ids::{ActorId, ChangeHash};

/// Why writing to it does not fail.
const IN_MEMORY: &str = "writing to memory cannot fail";
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
    postcard::to_allocvec(&number).expect(IN_MEMORY)
}

/// So many bytes, all the same.
fn deflated(byte: u8, len: u64) -> Vec<u8> {
    let mut deflater = DeflateEncoder::new(Vec::new(), Compression::best());
    std::io::copy(&mut std::io::repeat(byte).take(len), &mut deflater).expect(IN_MEMORY);
    deflater.finish().expect(IN_MEMORY)
}

/// Version 1, with a front for so many changes.
fn old(announced: u64) -> Vec<u8> {
    let row = [vec![0], number(ENTRIES), [1, 0].repeat(256)].concat();
    let front = postcard::to_extend(&[span(announced)].as_slice(), vec![1]).expect(IN_MEMORY);
    let mut deflater = DeflateEncoder::new(front, Compression::best());
    deflater.write_all(&number(CHANGES)).expect(IN_MEMORY);
    for _ in 0..CHANGES {
        deflater.write_all(&row).expect(IN_MEMORY);
    }
    deflater.finish().expect(IN_MEMORY)
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

/// All that there are, by how they lie.
#[must_use]
pub fn bombs() -> [(&'static str, Vec<u8>); 5] {
    [
        ("old", old(CHANGES)),
        ("old, modest front", old(2)),
        ("new", new(CHANGES, false)),
        ("new, modest front", new(2, false)),
        ("new, modest front and table", new(2, true)),
    ]
}

/// The front of a modest block of the same making, and the one span that it has.
#[must_use]
pub fn modest() -> (Vec<u8>, Span) {
    (new(2, false), span(2))
}
