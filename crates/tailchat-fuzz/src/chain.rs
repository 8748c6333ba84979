//! Changes: the gate that takes them in, beside Automerge as the judge; blocks and bundles that carry many.

use std::collections::BTreeMap;

use tailchat_core::block::{Arrival, Block};
use tailchat_core::bundle::{Binder, Cutter, Head, Part, Piece};
use tailchat_core::document::Document;
use tailchat_core::entry::Entry;
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::state::{RoomState, Row, Vetted};
use tailchat_core::timeline::Timeline;

const ROOM: RoomId = RoomId([9; 16]);
/// Changes in one input; what follows is not looked at.
const CHANGES_MAX: usize = 16;

/// An input's changes: an author, a number of entries, and each with its length.
fn changes(data: &[u8]) -> Vec<(ActorId, Vec<Vec<u8>>)> {
    let mut rest = data.iter().copied();
    let mut changes = Vec::new();
    while let (Some(author), true) = (rest.next(), changes.len() < CHANGES_MAX) {
        let entries = rest.next().unwrap_or(0) % 5;
        let entry = |_| {
            let len = usize::from(rest.next().unwrap_or(0)) * (1 + usize::from(author >> 6));
            rest.by_ref().take(len).collect()
        };
        changes.push((ActorId([author % 4; 16]), (0..entries).map(entry).collect()));
    }
    changes
}

/// Any entries of anybody: of what is taken in Automerge makes a document with the same heads and the same entries, which
/// it saves and loads; and what it says is folded.
pub(crate) fn gate(data: &[u8]) {
    let mut state = RoomState::default();
    let mut timeline = Timeline::default();
    let (mut bytes, mut said) = (Vec::new(), BTreeMap::<ActorId, Vec<Vec<u8>>>::new());
    for (actor, entries) in changes(data) {
        let (_, authored) = state.tip(actor).extend(actor, entries);
        match state.vet(Row::from(&authored)) {
            Ok(Vetted::New(change)) => {
                bytes.extend_from_slice(&change.encoded.bytes);
                said.entry(actor)
                    .or_default()
                    .extend(change.parts.entries.iter().cloned());
                let arrival = Arrival {
                    at_ms: 0,
                    via: DeviceId([0; 16]),
                };
                timeline.fold(&change.parts, arrival);
                let again = state.vet(Row::from(&authored));
                assert!(matches!(again, Ok(Vetted::Known)), "the same again is news");
            }
            Ok(other) => panic!("the next change is {other:?}"),
            Err(_) => {}
        }
    }
    let document = Document::from_changes(&bytes).expect("Automerge takes what the gate took");
    let loaded = Document::load(&document.save()).expect("what Automerge saved it loads");
    let mut heads = state.heads();
    heads.sort_unstable();
    for document in [document, loaded] {
        assert_eq!(document.heads(), heads);
        for (actor, entries) in &said {
            assert_eq!(document.entries(*actor), *entries);
        }
    }
}

pub(crate) fn gate_seeds() -> Vec<Vec<u8>> {
    vec![
        vec![1, 1, 3, 1, 2, 3, 2, 2, 1, 9, 2, 8, 8],
        vec![0, 1, 2, 5, 5, 0, 1, 1, 7, 0, 0, 3, 1, 0],
        [vec![200, 2, 255], vec![0; 1020], vec![40], vec![255; 160]].concat(),
    ]
}

/// Bytes as a block: what decodes says the same of itself in each way, and is taken in or refused.
pub(crate) fn block(data: &[u8]) {
    let spans = Block::spans_of(data);
    let Ok(block) = Block::decode(data) else { return };
    assert_eq!(spans.as_deref(), Ok(block.spans()));
    let changes: u64 = block
        .spans()
        .iter()
        .map(|span| span.last_seq - span.first_seq + 1)
        .sum();
    assert_eq!(block.parts().count() as u64, changes);
    let mut state = RoomState::default();
    if let Ok(taken) = state.take(&block) {
        assert_eq!(taken.changes.len() as u64, state.changes());
    }
}

pub(crate) fn block_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for seed in gate_seeds() {
        let mut state = RoomState::default();
        let authored: Vec<_> = changes(&seed)
            .into_iter()
            .filter(|(_, entries)| tailchat_core::state::fits(entries))
            .map(|(actor, entries)| state.author(actor, entries))
            .collect();
        let block = Block::of(authored.iter().map(|change| (&change.parts, change.encoded.hash)));
        seeds.push(block.encode());
    }
    seeds
}

/// Bytes as a bundle, in portions: it is cut or refused, however it comes.
pub(crate) fn bundle(data: &[u8]) {
    let read = |portion: usize| {
        let mut cutter = Cutter::default();
        let mut parts = Vec::new();
        for bytes in data.chunks(portion.max(1)) {
            cutter.push(bytes);
            loop {
                match cutter.cut() {
                    Ok(Some(part)) => parts.push(part),
                    Ok(None) => break,
                    Err(error) => return (parts, Err(error)),
                }
            }
        }
        let end = cutter.finish();
        (parts, end)
    };
    let (whole, end) = read(data.len());
    assert_eq!((whole.clone(), end), read(7), "portions make a difference");
    let mut head = None;
    for part in whole {
        match part {
            Part::Head(found) => head = Some(found),
            Part::Piece(sealed) => {
                if let Some(head) = &head
                    && let Ok(Some(Piece::Block(bytes))) = head.open(ROOM, &sealed)
                {
                    block(&bytes);
                }
            }
        }
    }
    // Whatever an entry is, it is read as something.
    let _ = Entry::decode(data);
}

pub(crate) fn bundle_seeds() -> Vec<Vec<u8>> {
    let bundles = block_seeds().into_iter().map(|block| {
        let head = Head::new(ROOM, [4; 32], DeviceId([7; 16]));
        let mut binder = Binder::new(&head, ROOM);
        let pieces = [Piece::Vector(Vec::new()), Piece::Block(block)];
        let mut bytes = head.encode();
        pieces.iter().for_each(|piece| bytes.extend(binder.piece(piece)));
        bytes.extend(binder.end());
        bytes
    });
    bundles.collect()
}
