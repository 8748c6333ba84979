//! Lines as they were known at a time, beside a timeline of what had come by then.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;

use proptest::prelude::*;
use tailchat_core::block::Arrival;
use tailchat_core::change::Parts;
use tailchat_core::entry::{Body, Edit, Entry};
use tailchat_core::ids::{ActorId, MessageId};
use tailchat_core::timeline::{Line, Place, Says, Timeline};
use tailchat_index::{Asked, Folded, From, Index};

use rig::{ALL, HERE, ROOM, chains, change, entry, lines, text};

fn at(at_ms: i64) -> Arrival {
    Arrival { at_ms, ..HERE }
}

fn into(index: &mut Index, parts: &Parts, at_ms: i64) {
    let folded = Folded {
        changes: &[(parts, at(at_ms))],
        whole: true,
        ..Folded::default()
    };
    index.fold(ROOM, folded).unwrap();
}

fn as_of(known_ms: i64) -> Asked {
    Asked {
        known_ms: Some(known_ms),
        ..ALL
    }
}

fn said(lines: &[(Place, Line)]) -> String {
    let texts = lines.iter().map(|(_, line)| match &line.says {
        Says::Message { text, .. } | Says::Imported { text, .. } => &**text,
        Says::Unreadable { .. } => "?",
    });
    texts.collect::<Vec<_>>().join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_past_is_what_had_come_by_then_but_for_what_was_deleted_since(
        chains in proptest::collection::vec(chains(), 4),
        turns in proptest::collection::vec(any::<prop::sample::Index>(), 24),
        known in 0..20_i64,
        newest in 1..9_u64,
    ) {
        // A repeat and its original are one line, which came when the one did that is shown. Whose a device is, is known of
        // the past as of now.
        let plain = |entry: &Vec<u8>| !matches!(Entry::decode(entry).body, Body::Repeat(_) | Body::Link(_));
        let mut chains: Vec<_> = (0..).zip(chains).map(|(actor, chain)| {
            let chain = chain.into_iter().filter(plain);
            (0..).zip(chain).map(move |(index, entry)| change(actor, index, vec![entry])).collect::<Vec<_>>().into_iter()
        }).collect();
        let (mut now, mut then) = (Timeline::default(), Timeline::default());
        let mut index = Index::in_memory().unwrap();
        for (at_ms, turn) in (0..).zip(turns) {
            let left: Vec<_> = (0..4).filter(|chain: &usize| chains[*chain].len() > 0).collect();
            if left.is_empty() { break }
            let Some(parts) = chains[left[turn.index(left.len())]].next() else { break };
            into(&mut index, &parts, at_ms);
            now.fold(&parts, at(at_ms));
            if at_ms <= known {
                then.fold(&parts, at(at_ms));
            }
        }
        let mut wanted: Vec<_> = then.lines().map(|(place, line)| {
            let gone = now.line(place).filter(|line| line.since.deleted);
            (*place, gone.unwrap_or(line).clone())
        }).collect();
        // What was deleted since answers nothing any more, whenever one looks.
        let answering: Vec<_> = wanted.iter().filter_map(|(_, line)| line.reply_to()).collect();
        for (place, line) in &mut wanted {
            line.since.answers = answering.iter().filter(|of| **of == place.id).count() as u64;
        }
        prop_assert_eq!(&lines(&index, &as_of(known)), &wanted);
        let page = Asked { from: From::Newest(newest), ..as_of(known) };
        let tail = wanted.len().saturating_sub(usize::try_from(newest).unwrap());
        prop_assert_eq!(&lines(&index, &page)[..], &wanted[tail..]);
    }
}

#[test]
fn an_edited_message_had_its_earlier_texts_and_a_deleted_one_has_none() {
    let mut index = Index::in_memory().unwrap();
    let of = MessageId {
        actor: ActorId([1; 16]),
        index: 0,
    };
    let edit = |order, text: &str| {
        let text = text.into();
        entry(order, 1, Body::Edit(Edit { of, text }))
    };
    into(&mut index, &change(1, 0, vec![text(1, "one")]), 10);
    into(&mut index, &change(1, 1, vec![edit(2, "two")]), 20);
    into(&mut index, &change(1, 2, vec![edit(3, "three")]), 30);
    let known = |index: &Index, known_ms| said(&lines(index, &as_of(known_ms)));
    assert_eq!(known(&index, 9), "");
    assert_eq!(known(&index, 10), "one");
    assert_eq!(known(&index, 29), "two");
    assert_eq!(known(&index, 30), "three");
    into(&mut index, &change(1, 3, vec![entry(4, 1, Body::Delete(of))]), 40);
    assert_eq!(known(&index, 10), "");
    assert!(lines(&index, &as_of(10))[0].1.since.deleted);
}
