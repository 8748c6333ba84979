//! What a block file holds comes back, and nothing else does. Uses no disk but simulated ones.

use super::*;

fn block() -> Block {
    let span = |n, first_seq, last_seq| Span {
        actor: ActorId([n; 16]),
        first_seq,
        last_seq,
    };
    let spans = vec![span(1, 1, 9), span(2, 4, 4)];
    Block {
        spans,
        summary: b"sum".to_vec(),
        shared: b"shared".to_vec(),
        local: b"local".to_vec(),
    }
}

fn encoded() -> Vec<u8> {
    block()
        .encode(StretchNumber(5), RoomId([0x22; 16]), FileId([0x11; 16]))
        .unwrap()
}

#[test]
fn a_block_has_these_bytes_for_ever() {
    let hex: String = encoded().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("../golden/block.hex").trim());
}

#[test]
fn a_block_survives_its_file() {
    let (read, head) = Block::decode(&encoded()).unwrap();
    let BlockHead { head, bad_copy } = head;
    assert_eq!(
        (read, head.number, head.room, bad_copy),
        (block(), 5, RoomId([0x22; 16]), None)
    );
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let bytes = encoded();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match Block::decode(&flipped) {
            Ok((read, head)) => assert_eq!((read, head.bad_copy.is_some()), (block(), true), "bit {bit}"),
            Err(_) => assert!(bit / 8 >= HEAD_LEN, "bit {bit}"),
        }
    }
    for len in 0..bytes.len() {
        assert!(Block::decode(&bytes[..len]).is_err(), "length {len}");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(Block::decode(&longer).is_err());
}

#[test]
fn what_is_over_a_limit_is_not_written() {
    let shared = vec![0; SECTION_LEN_MAX + 1];
    let large = Block {
        shared,
        ..Block::default()
    };
    let refused = large.encode(StretchNumber(1), RoomId([0; 16]), FileId([0; 16]));
    assert_eq!(
        refused,
        Err(("a section of a block", SECTION_LEN_MAX + 1, SECTION_LEN_MAX))
    );
}
