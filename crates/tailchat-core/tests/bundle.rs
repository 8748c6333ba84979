//! Bundles from the outside: their bytes, and what becomes of them on the way. Whatever is cut off, altered, moved or
//! left out is told, and nothing of it costs more memory than a piece.
#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use tailchat_core::block::Block;
use tailchat_core::bundle::{Binder, BundleError, Cutter, Head, Part, Piece};
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::limits::BUNDLE_PIECE_LEN_MAX;
use tailchat_core::state::RoomState;
use tailchat_core::wire::Claim;

const ROOM: RoomId = RoomId([3; 16]);
const OTHER: RoomId = RoomId([4; 16]);
const ANN: ActorId = ActorId([0xaa; 16]);

fn pieces() -> Vec<Piece> {
    let mut state = RoomState::default();
    let change = state.author(ANN, vec![vec![5, 1, 0]]);
    let block = Block::of([(&change.parts, change.encoded.hash)]).encode();
    let claims = state.tips().map(|(actor, tip)| Claim::of(actor, &tip)).collect();
    vec![Piece::Vector(claims), Piece::Block(block)]
}

fn section(room: RoomId, nonce: u8, pieces: &[Piece]) -> Vec<u8> {
    let head = Head::new(room, [nonce; 32], DeviceId([2; 16]));
    let mut binder = Binder::new(&head, room);
    let mut bytes = head.encode();
    pieces.iter().for_each(|piece| bytes.extend(binder.piece(piece)));
    bytes.extend(binder.end());
    bytes
}

/// The pieces of every section for the room, read in portions; none stands for an end.
fn read(bytes: &[u8], portion: usize) -> Result<Vec<Option<Piece>>, BundleError> {
    let (mut cutter, mut head, mut found) = (Cutter::default(), None, Vec::new());
    for bytes in bytes.chunks(portion) {
        cutter.push(bytes);
        while let Some(part) = cutter.cut()? {
            match part {
                Part::Head(next) => head = Some(next).filter(|head| head.is_for(ROOM)),
                Part::Piece(sealed) => found.extend(head.map(|head| head.open(ROOM, &sealed)).transpose()?),
            }
        }
    }
    cutter.finish()?;
    Ok(found)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn the_bytes_of_version_1_are_what_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bundle_v1.hex");
    let written = section(ROOM, 1, &pieces());
    let golden = std::fs::read_to_string(path).unwrap();
    assert_eq!(hex(&written), golden.trim());
}

#[test]
fn two_bundles_in_one_file_are_a_bundle_and_another_rooms_section_is_passed_over() {
    let [vector, block] = pieces().try_into().unwrap();
    let bytes = [
        section(ROOM, 1, std::slice::from_ref(&vector)),
        section(OTHER, 2, &pieces()),
        section(ROOM, 3, std::slice::from_ref(&block)),
    ]
    .concat();
    let all = vec![Some(vector), None, Some(block), None];
    for portion in [1, 7, 1000] {
        assert_eq!(read(&bytes, portion), Ok(all.clone()));
    }
}

#[test]
fn the_room_is_nowhere_in_it_and_no_two_bundles_have_a_tag_in_common() {
    let (one, other) = (section(ROOM, 1, &pieces()), section(ROOM, 2, &pieces()));
    assert!(!one.windows(16).any(|bytes| bytes == ROOM.0));
    let tag = |bytes: &[u8]| bytes[65..81].to_vec();
    assert_ne!(tag(&one), tag(&other));
    let head = Head::decode(&one[..85]).unwrap();
    assert!(head.is_for(ROOM) && !head.is_for(OTHER));
}

#[test]
fn wherever_it_is_cut_that_is_told() {
    let bytes = section(ROOM, 1, &pieces());
    for len in 1..bytes.len() {
        assert_eq!(read(&bytes[..len], 64), Err(BundleError::Cut), "{len}");
    }
    assert_eq!(read(&[], 64), Err(BundleError::Empty));
}

#[test]
fn whichever_bit_is_flipped_that_is_told() {
    let bytes = section(ROOM, 1, &pieces());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(read(&bytes, 64).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn pieces_that_were_left_out_moved_or_taken_from_another_bundle_are_told() {
    let [vector, block] = pieces().try_into().unwrap();
    let head = |nonce| Head::new(ROOM, [nonce; 32], DeviceId([2; 16]));
    let (one, other) = (head(1), head(2));
    let mut binder = Binder::new(&one, ROOM);
    let parts = [binder.piece(&vector), binder.piece(&block), binder.end()];
    let mut binder = Binder::new(&other, ROOM);
    let foreign = binder.piece(&vector);
    let [vector, block, end] = &parts;
    let told = |parts: &[&Vec<u8>]| {
        let mut bytes = one.encode();
        parts.iter().for_each(|part| bytes.extend(*part));
        read(&bytes, 4096)
    };
    assert!(told(&[vector, block, end]).is_ok());
    assert_eq!(told(&[vector, end]), Err(BundleError::Altered(1)));
    assert_eq!(told(&[block, vector, end]), Err(BundleError::Altered(0)));
    assert_eq!(told(&[vector, vector, end]), Err(BundleError::Altered(1)));
    assert_eq!(told(&[&foreign, block, end]), Err(BundleError::Altered(0)));
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_is_held() {
    let mut bytes = Head::new(ROOM, [1; 32], DeviceId([2; 16])).encode();
    let len = u32::try_from(BUNDLE_PIECE_LEN_MAX).unwrap() + 1;
    bytes.extend(len.to_be_bytes());
    assert_eq!(read(&bytes, 4096), Err(BundleError::Altered(0)));
    let whole = Piece::Block(vec![7; BUNDLE_PIECE_LEN_MAX - 4]);
    let bytes = section(ROOM, 1, std::slice::from_ref(&whole));
    assert_eq!(read(&bytes, 65_536), Ok(vec![Some(whole), None]));
}

#[test]
fn a_newer_version_and_what_is_no_bundle_are_told_apart() {
    let mut bytes = section(ROOM, 1, &pieces());
    bytes[16] = 2;
    assert_eq!(read(&bytes, 64), Err(BundleError::Version(2)));
    assert_eq!(read(b"tea", 64), Err(BundleError::Foreign), "shorter than a head");
    assert_eq!(read(b"tailchat bundles are nice", 64), Err(BundleError::Foreign));
    let mut bytes = section(ROOM, 1, &pieces());
    bytes.extend(b"and more");
    assert_eq!(read(&bytes, 64), Err(BundleError::Foreign));
    let mut bytes = Head::new(ROOM, [1; 32], DeviceId([2; 16])).encode();
    bytes[70] ^= 1;
    assert_eq!(read(&bytes, 64), Err(BundleError::Head), "not another room's");
}

proptest! {
    #[test]
    fn rubbish_is_told_and_panics_nowhere(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(read(&bytes, 61).is_err());
        let behind_a_head = [Head::new(ROOM, [1; 32], DeviceId([2; 16])).encode(), bytes].concat();
        prop_assert!(read(&behind_a_head, 61).is_err());
    }

    #[test]
    fn what_is_written_is_read_in_whatever_portions(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
        portion in 1_usize..400,
    ) {
        let pieces: Vec<_> = bodies.into_iter().map(Piece::Block).collect();
        let read = read(&section(ROOM, 1, &pieces), portion).unwrap();
        let written: Vec<_> = pieces.into_iter().map(Some).chain([None]).collect();
        prop_assert_eq!(read, written);
    }
}
