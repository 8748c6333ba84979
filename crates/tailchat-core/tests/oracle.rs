//! Automerge as the oracle: for random histories, what core makes without a document is what Automerge
//! makes with one.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed test may panic"
)]

use std::collections::BTreeMap;

use automerge::sync::{State, SyncDoc};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjType, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;
use tailchat_core::block::Block;
use tailchat_core::change::{decode, list_key};
use tailchat_core::document::Document;
use tailchat_core::ids::{ActorId, ChangeHash};
use tailchat_core::state::{Change, Refusal, RoomState, Row, Vetted};

/// One change: which of four actors writes, and how many entries of which length.
type Step = (u8, usize, usize);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let entries = prop_oneof![4 => 1..4_usize, 1 => 100..=256_usize];
    proptest::collection::vec((0..4_u8, entries, 1..60_usize), 1..24)
}

fn entries(step: &Step, salt: usize) -> Vec<Vec<u8>> {
    (0..step.1)
        .map(|n| {
            (0..step.2)
                .map(|byte| ((byte * 7 + n * 13 + salt) % 256) as u8)
                .collect()
        })
        .collect()
}

fn actor(n: u8) -> ActorId {
    ActorId([n + 1; 16])
}

fn author_all(steps: &[Step]) -> (RoomState, Vec<Change>) {
    let mut room = RoomState::default();
    let changes = steps
        .iter()
        .enumerate()
        .map(|(salt, step)| room.author(actor(step.0), entries(step, salt)))
        .collect();
    (room, changes)
}

/// The same history by Automerge's own transactions, in one document an actor.
fn transact_all(steps: &[Step]) -> BTreeMap<ActorId, AutoCommit> {
    let mut docs = BTreeMap::new();
    let mut lists = BTreeMap::new();
    let mut written = BTreeMap::<ActorId, u64>::new();
    for (salt, step) in steps.iter().enumerate() {
        let id = actor(step.0);
        let doc = docs
            .entry(id)
            .or_insert_with(|| AutoCommit::new().with_actor(id.0.to_vec().into()));
        for entry in entries(step, salt) {
            let index = written.entry(id).or_default();
            if index.is_multiple_of(256) {
                let list = doc
                    .put_object(ROOT, list_key(id, *index / 256), ObjType::List)
                    .unwrap();
                lists.insert(id, list);
            }
            doc.insert(&lists[&id], (*index % 256) as usize, ScalarValue::Bytes(entry))
                .unwrap();
            *index += 1;
        }
        doc.commit_with(automerge::transaction::CommitOptions::default().with_time(0));
    }
    docs
}

fn rows(changes: &[Change]) -> Vec<Row> {
    changes.iter().map(Row::from).collect()
}

/// Offers the rows again and again, as peers do, until nothing is new.
fn arrive(rows: &[Row]) -> (RoomState, Vec<Change>) {
    let (mut room, mut taken) = (RoomState::default(), Vec::new());
    loop {
        let before = taken.len();
        for row in rows {
            if let Vetted::New(change) = room.vet(row.clone()).unwrap() {
                taken.push(*change);
            }
        }
        if taken.len() == before {
            return (room, taken);
        }
    }
}

fn bytes(changes: &[Change]) -> Vec<u8> {
    changes
        .iter()
        .flat_map(|change| change.encoded.bytes.clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn each_actors_changes_are_automerges_own_byte_for_byte(steps in steps()) {
        let (_, changes) = author_all(&steps);
        for (id, mut doc) in transact_all(&steps) {
            let theirs: Vec<_> = doc.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect();
            let ours: Vec<_> = changes.iter().filter(|change| change.parts.actor == id).collect();
            prop_assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.into_iter().zip(theirs) {
                prop_assert_eq!(&ours.encoded.bytes, &theirs);
                let (parts, hash) = decode(&theirs).unwrap();
                prop_assert_eq!(&parts, &ours.parts);
                prop_assert_eq!(hash, ours.encoded.hash);
            }
        }
    }

    #[test]
    fn the_document_has_our_heads_and_entries_in_any_order_of_arrival(steps in steps(), seed in any::<u64>()) {
        let (room, changes) = author_all(&steps);
        let mut shuffled = rows(&changes);
        shuffle(&mut shuffled, seed);
        let (arrived, taken) = arrive(&shuffled);
        prop_assert_eq!(&arrived, &room);
        let doc = Document::from_changes(&bytes(&taken)).unwrap();
        prop_assert_eq!(doc.heads(), room.heads());
        let saved = Document::load(&doc.save()).unwrap();
        prop_assert_eq!(saved.heads(), room.heads());
        for (id, tip) in room.tips() {
            let written: Vec<_> = changes.iter().filter(|change| change.parts.actor == id)
                .flat_map(|change| change.parts.entries.clone()).collect();
            prop_assert_eq!(written.len() as u64, tip.entries);
            prop_assert_eq!(doc.entries(id), written.clone());
            prop_assert_eq!(saved.entries(id), written);
        }
    }

    #[test]
    fn automerges_own_sync_between_our_documents_ends_in_our_heads(steps in steps(), split in any::<u64>()) {
        let (room, changes) = author_all(&steps);
        // Each side has a prefix of every actor's chain, as peers that met the author at other times do.
        let side = |which: u64| {
            let kept: Vec<_> = changes.iter().filter(|change| {
                let keep = (split >> (which * 8 + u64::from(change.parts.actor.0[0]) * 2)) % 8;
                change.parts.seq <= keep || which == u64::from(change.parts.actor.0[0]) % 2
            }).cloned().collect();
            let mut doc = AutoCommit::new();
            doc.load_incremental(&bytes(&kept)).unwrap();
            doc
        };
        let (mut left, mut right) = (side(0), side(1));
        let (mut to_right, mut to_left) = (State::new(), State::new());
        for _ in 0..50 {
            let one = left.sync().generate_sync_message(&mut to_right);
            let other = right.sync().generate_sync_message(&mut to_left);
            if one.is_none() && other.is_none() {
                break;
            }
            one.into_iter().for_each(|message| right.sync().receive_sync_message(&mut to_left, message).unwrap());
            other.into_iter().for_each(|message| left.sync().receive_sync_message(&mut to_right, message).unwrap());
        }
        for mut doc in [left, right] {
            let mut heads: Vec<_> = doc.get_heads().iter().map(|hash| ChangeHash(hash.0)).collect();
            heads.sort_unstable();
            prop_assert_eq!(heads, room.heads());
            prop_assert!(doc.get_missing_deps(&[]).is_empty());
        }
    }

    #[test]
    fn blocks_carry_any_stretch_and_overlap_harmlessly(steps in steps(), cut in any::<prop::sample::Index>()) {
        let (room, changes) = author_all(&steps);
        let at = cut.index(changes.len());
        let pack = |changes: &[Change]| {
            let block = Block::of(changes.iter().map(|change| (&change.parts, change.encoded.hash)));
            Block::decode(&block.encode()).unwrap()
        };
        let (mut arrived, mut taken) = (RoomState::default(), Vec::new());
        for block in [pack(&changes[..at]), pack(&changes), pack(&changes[at..])] {
            taken.extend(arrived.take(&block).unwrap().changes);
        }
        prop_assert_eq!(&arrived, &room);
        prop_assert_eq!(taken, changes);
    }

    #[test]
    fn a_fork_freezes_its_actor_and_nothing_else(steps in steps(), other in 1..50_usize) {
        let (mut room, changes) = author_all(&steps);
        let last = changes.last().unwrap();
        let id = last.parts.actor;
        // A clone of the device went on from before the last change with something else.
        let mut clone = RoomState::default();
        for row in rows(&changes[..changes.len() - 1]) {
            clone.vet(row).unwrap();
        }
        let second = clone.author(id, vec![vec![0xff; other + 60]]);
        let third = clone.author(id, vec![vec![0xfe; 3]]);
        let before = room.clone();
        let fork = Err(Refusal::Fork { actor: id, seq: second.parts.seq });
        prop_assert_eq!(room.vet(Row::from(&second)), fork);
        prop_assert_eq!(room.vet(Row::from(&third)), Err(Refusal::Fork { actor: id, seq: third.parts.seq }));
        prop_assert_eq!(&room, &before);
        let elsewhere = clone.author(actor(9), vec![vec![1]]);
        let block = Block::of([&second, &third, &elsewhere].map(|change| (&change.parts, change.encoded.hash)));
        let taken = room.take(&block).unwrap();
        prop_assert_eq!(taken.changes, vec![elsewhere]);
        prop_assert_eq!(taken.refused.len(), 1);
        prop_assert_eq!(room.tip(id), before.tip(id));
    }

    #[test]
    fn no_altered_row_is_ever_taken(steps in steps(), at in any::<prop::sample::Index>(), flip in any::<u16>()) {
        let (_, changes) = author_all(&steps);
        let mut rows = rows(&changes);
        let index = at.index(rows.len());
        let row = &mut rows[index];
        match flip % 4 {
            0 => row.entries[0][0] ^= 1,
            1 => row.entries.push(vec![flip as u8]),
            2 => row.hash.0[usize::from(flip / 4 % 32)] ^= 1,
            _ => { row.entries.pop(); }
        }
        let altered = row.clone();
        let mut room = RoomState::default();
        for row in rows.into_iter().take(index) {
            room.vet(row).unwrap();
        }
        prop_assert!(room.vet(altered).is_err());
    }
}

fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for at in (1..items.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        items.swap(at, (seed >> 33) as usize % (at + 1));
    }
}

#[test]
fn bytes_that_are_no_change_are_refused() {
    let (_, changes) = author_all(&[(0, 3, 10)]);
    let good = &changes[0].encoded.bytes;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(decode(&bad).is_err(), "bit {bit} of byte {at}");
        }
        assert!(decode(&good[..at]).is_err());
    }
    let mut doc = AutoCommit::new().with_actor(vec![1; 16].into());
    doc.put(ROOT, "title", "not a room").unwrap();
    assert!(decode(doc.get_changes(&[])[0].raw_bytes()).is_err());
}

#[test]
fn a_block_that_lies_is_refused_whole() {
    let (_, changes) = author_all(&[(0, 3, 10), (1, 2, 5), (0, 1, 1)]);
    let block = Block::of(changes.iter().map(|change| (&change.parts, ChangeHash([7; 32]))));
    let mut room = RoomState::default();
    assert!(room.take(&block).is_err());
    assert_eq!(room, RoomState::default());
}
