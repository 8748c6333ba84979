//! What holds for every block: exactness, proof, parts of it, and bytes that only look like one.

use proptest::prelude::*;

use super::*;
use crate::entry::{Body, Entry, Imported, Stamp, Text};
use crate::ids::{DeviceId, MessageId};
use crate::state::{Change, RoomState};

fn actor(n: u8) -> ActorId {
    ActorId([n; 16])
}

fn stamps() -> impl Strategy<Value = Stamp> {
    let order = prop_oneof![1_700_000_000_000..1_700_000_100_000_u64, any::<u64>()];
    let lag = prop_oneof![3 => Just(0_i64), 1 => -5000..5000_i64, 1 => any::<i64>()];
    (order, lag).prop_map(|(order, lag)| Stamp {
        order,
        sent_at_ms: order.cast_signed().wrapping_sub(lag),
    })
}

fn bodies() -> impl Strategy<Value = Body> {
    let text = (".{0,40}", proptest::option::of((0..6_u8, 0..40_u64)));
    let text = text.prop_map(|(text, reply_to)| Text {
        text,
        reply_to: reply_to.map(|(n, index)| MessageId {
            actor: actor(n),
            index,
        }),
    });
    let imported = ("[a-c]{0,2}", any::<bool>(), ".{0,20}");
    let imported = imported.prop_map(|(nick, action, text)| Body::Imported(Imported { nick, action, text }));
    prop_oneof![
        4 => text.clone().prop_map(Body::Text),
        1 => text.prop_map(Body::Action),
        2 => imported,
        1 => Just(Body::Leave),
        1 => ".{0,9}".prop_map(Body::RoomName),
    ]
}

/// Entries as people write them, with one byte of them altered now and then, and bytes that are no entry at all.
fn entries() -> impl Strategy<Value = Vec<u8>> {
    let real = (stamps(), bodies())
        .prop_map(|(stamp, body)| Entry { stamp, body }.encode())
        .boxed();
    let altered = (real.clone(), any::<prop::sample::Index>(), any::<u8>());
    let altered = altered.prop_map(|(mut entry, at, with)| {
        let at = at.index(entry.len());
        entry[at] = with;
        entry
    });
    prop_oneof![
        4 => real,
        1 => altered,
        1 => proptest::collection::vec(any::<u8>(), 1..40),
    ]
}

/// Changes of four actors, some of which are missing.
fn stretches() -> impl Strategy<Value = Vec<Change>> {
    let step = (1..5_u8, proptest::collection::vec(entries(), 1..4), 0..8_u8);
    proptest::collection::vec(step, 0..24).prop_map(|steps| {
        let mut room = RoomState::default();
        let authored = steps.into_iter().map(|(by, entries, keep)| {
            let change = room.author(actor(by), entries);
            (keep > 0).then_some(change)
        });
        authored.collect::<Vec<_>>().into_iter().flatten().collect()
    })
}

fn block_of(changes: &[Change]) -> Block {
    Block::of(changes.iter().map(|change| (&change.parts, change.encoded.hash)))
}

/// A block tells nothing of the messages before it.
fn without_tip(change: &Change) -> (Parts, Vec<u8>) {
    (change.parts.clone(), change.encoded.bytes.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_block_comes_back_bit_for_bit(changes in stretches()) {
        let block = block_of(&changes);
        let bytes = block.encode();
        let again = Block::decode(&bytes).unwrap();
        prop_assert_eq!(&again, &block);
        prop_assert_eq!(again.spans(), Block::spans_of(&bytes).unwrap());
        let rebuilt: Vec<_> = again.changes().unwrap().iter().map(without_tip).collect();
        prop_assert_eq!(rebuilt, changes.iter().map(without_tip).collect::<Vec<_>>());
        let parts = changes.iter().map(|change| Parts { previous: None, ..change.parts.clone() });
        prop_assert!(again.parts().eq(parts));
    }

    #[test]
    fn a_part_is_the_wanted_changes_and_proves_itself(
        changes in stretches(),
        wanted in proptest::collection::vec((1..6_u8, 0..12_u64, 0..12_u64), 0..6),
    ) {
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(n, from, more)| SeqRange { actor: actor(n), from, to: from + more })
            .collect();
        let part = select(block_of(&changes).encode(), &wanted).unwrap();
        let part = Block::decode(&part).unwrap().changes().unwrap();
        let expected = changes.iter().filter(|change| {
            wanted.iter().any(|range| range.holds(change.parts.actor, change.parts.seq))
        });
        let expected: Vec<_> = expected.map(without_tip).collect();
        prop_assert_eq!(part.iter().map(without_tip).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_room_takes_of_a_block_what_it_would_take_of_its_rows(
        changes in stretches(),
        known in any::<prop::sample::Index>(),
    ) {
        let known = known.index(changes.len() + 1);
        let (mut by_block, mut by_row) = (RoomState::default(), RoomState::default());
        by_block.take(&block_of(&changes[..known])).unwrap();
        for change in &changes[..known] {
            let _ = by_row.vet(change.into());
        }
        prop_assert_eq!(&by_block, &by_row);
        let taken = by_block.take(&block_of(&changes)).unwrap();
        prop_assert!(taken.refused.is_empty());
        for change in &changes {
            let _ = by_row.vet(change.into());
        }
        prop_assert_eq!(by_block, by_row);
    }

    #[test]
    fn arrivals_come_back(
        changes in stretches(),
        arrivals in proptest::collection::vec((any::<i64>(), 0..4_u8), 40),
        near in any::<bool>(),
    ) {
        let block = block_of(&changes);
        let arrivals: Vec<_> = changes.iter().zip(arrivals).map(|(_, (at_ms, via))| Arrival {
            at_ms: if near { 1_700_000_000_000 + at_ms % 1000 } else { at_ms },
            via: DeviceId([via; 16]),
        }).collect();
        let bytes = block.encode_arrivals(&arrivals);
        prop_assert_eq!(block.decode_arrivals(&bytes).unwrap(), arrivals);
    }

    #[test]
    fn bytes_that_are_no_block_are_refused_without_a_panic(
        changes in stretches(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        noise in proptest::collection::vec(any::<u8>(), 0..80),
        version in 1..3_u8,
    ) {
        let mut bytes = block_of(&changes).encode();
        for (at, with) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        let noise = [vec![version], noise].concat();
        for bytes in [bytes, noise] {
            if let Ok(block) = Block::decode(&bytes) {
                prop_assert_eq!(Block::decode(&block.encode()).unwrap(), block.clone());
                let _ = RoomState::default().take(&block);
            }
            let _ = block_of(&changes).decode_arrivals(&bytes);
        }
    }
}

#[test]
fn a_column_that_is_longer_than_it_says_is_refused() {
    let (long, short) = (vec![0; 5000], vec![0; 50]);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    packed::pack([&long], &mut one);
    packed::pack([&short], &mut other);
    assert_eq!(packed::unpack::<1>(&one).unwrap(), [long]);
    // The short column's length, then what the long one deflates to.
    let (length, stream) = (&other[..1], &one[2..]);
    let lies = [length, stream].concat();
    assert_eq!(packed::unpack::<1>(&lies), Err(BlockError::Malformed));
    let mut huge = Vec::new();
    numbers::put(&mut huge, 1 << 40);
    huge.extend_from_slice(stream);
    assert_eq!(packed::unpack::<1>(&huge), Err(BlockError::TooLong));
}
