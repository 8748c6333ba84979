//! What was said of lines later: what stays of it, what goes, and what it costs.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

mod rig;

use tailchat_core::entry::{Body, Edit, Profile, Reaction};
use tailchat_core::ids::{ActorId, DeviceId, MessageId, PersonId};
use tailchat_core::timeline::Says;
use tailchat_index::Index;

use rig::{ALL, ROOM, change, entry, fold, lines, text};

const FIRST: MessageId = MessageId {
    actor: ActorId([1; 16]),
    index: 1,
};

fn profile(who: u8) -> Vec<u8> {
    let profile = Profile {
        person: PersonId([who; 32]),
        device: DeviceId([who; 16]),
        name: "ann".into(),
    };
    entry(1, 1, Body::Profile(profile))
}

fn edit(order: u64, text: &str) -> Vec<u8> {
    let text = text.into();
    entry(order, 1, Body::Edit(Edit { of: FIRST, text }))
}

fn said(index: &Index) -> Vec<String> {
    let texts = lines(index, &ALL).into_iter().map(|(_, line)| match line.says {
        Says::Message { text, .. } | Says::Imported { text, .. } => text.to_string(),
        Says::Unreadable { .. } => "?".into(),
    });
    texts.collect()
}

fn versions(index: &Index) -> Vec<String> {
    let versions = index.versions(ROOM, FIRST).unwrap();
    versions.into_iter().map(|version| version.text.into()).collect()
}

#[test]
fn every_text_that_a_message_had_is_kept_until_it_is_deleted() {
    let mut index = Index::in_memory().unwrap();
    fold(&mut index, &[change(1, 0, vec![profile(1), text(10, "one")])], 1);
    assert!(versions(&index).is_empty());
    fold(&mut index, &[change(1, 2, vec![edit(30, "three")])], 2);
    fold(&mut index, &[change(2, 0, vec![profile(1), edit(20, "two")])], 3);
    fold(
        &mut index,
        &[change(3, 0, vec![profile(3), edit(40, "not mine")])],
        4,
    );
    assert_eq!(said(&index), ["three"]);
    assert_eq!(versions(&index), ["one", "two", "three"]);
    fold(
        &mut index,
        &[change(1, 3, vec![entry(50, 1, Body::Delete(FIRST))])],
        5,
    );
    fold(&mut index, &[change(2, 2, vec![edit(60, "late")])], 6);
    assert_eq!(said(&index), [""]);
    assert!(
        versions(&index).iter().all(String::is_empty),
        "{:?}",
        versions(&index)
    );
}

#[test]
fn what_is_amended_before_it_comes_comes_amended_and_is_told() {
    let mut index = Index::in_memory().unwrap();
    fold(&mut index, &[change(2, 0, vec![profile(1), edit(20, "two")])], 1);
    let changes = [change(1, 0, vec![profile(1), text(10, "one")])];
    let changes: Vec<_> = changes.iter().map(|parts| (parts, rig::HERE)).collect();
    let folded = tailchat_index::Folded {
        changes: &changes,
        ..Default::default()
    };
    let told = index.fold(ROOM, folded).unwrap();
    assert_eq!(
        told.into_iter().map(|place| place.id).collect::<Vec<_>>(),
        [FIRST]
    );
    assert_eq!(said(&index), ["two"]);
}

#[test]
fn ten_thousand_reactions_to_one_message_are_one_line() {
    let mut index = Index::in_memory().unwrap();
    fold(&mut index, &[change(1, 0, vec![profile(1), text(10, "tea?")])], 1);
    let feel = |order| {
        let (with, on) = ("+1".into(), order % 2 == 0);
        entry(order, 1, Body::Reaction(Reaction { of: FIRST, with, on }))
    };
    let mut all = vec![profile(2)];
    all.extend((0..10_000).map(|n| feel(20 + n)));
    fold(&mut index, &[change(2, 0, all)], 2);
    let lines = lines(&index, &ALL);
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].1.since.reactions.is_empty(),
        "the last word was that it is taken back"
    );
    fold(&mut index, &[change(2, 10_001, vec![feel(20_000)])], 3);
    let lines = rig::lines(&index, &ALL);
    assert_eq!(lines[0].1.since.reactions[0].by, [ActorId([2; 16])]);
}
