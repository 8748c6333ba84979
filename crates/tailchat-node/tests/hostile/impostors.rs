//! Who knows the room and would be somebody else: forged names, forged people, words of somebody who left.

use tailchat_core::entry::{Body, Entry, Profile, Stamp};
use tailchat_core::ids::{ActorId, DeviceId, PersonId};
use tailchat_core::state::Row;
use tailchat_node::client::Client;
use tailchat_node::control::{Item, MemberItem, Request};

use crate::rig::*;

fn entry(order: u64, body: Body) -> Vec<u8> {
    let sent_at_ms = order.cast_signed();
    Entry {
        stamp: Stamp { order, sent_at_ms },
        body,
    }
    .encode()
}

fn profile(person: PersonId, device: DeviceId, name: &str) -> Vec<u8> {
    let name = name.into();
    entry(1, Body::Profile(Profile { person, device, name }))
}

async fn writes(ann: &mut Ann, entries: Vec<Vec<u8>>, until: &str) {
    let mut mallory = Mallory::member(ann).await;
    let changes = chain(ActorId(random()), vec![entries]);
    mallory.room(&push(changes.iter().map(Row::from))).await;
    ann.has(until).await;
}

async fn members(client: &mut Client) -> Vec<MemberItem> {
    let room = "kitchen".into();
    let items = client.ask(Request::Members { room }).await.unwrap();
    let member = |item| match item {
        Item::Member(member) => Some(member),
        _ => None,
    };
    items.into_iter().filter_map(member).collect()
}

async fn ignore(ann: &mut Ann, member: &str, on: bool) {
    let (room, member) = ("kitchen".into(), member.into());
    ann.client
        .ask(Request::Ignore { room, member, on })
        .await
        .unwrap();
}

impl Ann {
    async fn line(&mut self, text: &str) -> tailchat_node::control::MessageItem {
        let lines = self.log().await;
        lines.into_iter().find(|line| line.text == text).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_names_somebodys_person_is_ignored_alone() {
    let mut ann = Ann::with_a_room().await;
    ann.send("mine").await;
    let own = members(&mut ann.client).await.remove(0).person;
    let person: PersonId = own.parse().unwrap();
    let device = DeviceId(random());
    writes(
        &mut ann,
        vec![profile(person, device, "ann"), text(2, "not hers")],
        "not hers",
    )
    .await;
    let shown = ann.line("not hers").await;
    assert!(!shown.mine);
    ignore(&mut ann, &shown.author, true).await;
    assert!(ann.line("not hers").await.ignored);
    assert!(!ann.line("mine").await.ignored);
    ignore(&mut ann, &shown.author, false).await;
    assert!(!ann.line("not hers").await.ignored);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_that_they_left_and_writes_on_can_be_ignored() {
    let mut ann = Ann::with_a_room().await;
    let (person, device) = (PersonId(random()), DeviceId(random()));
    let entries = vec![
        profile(person, device, "mallory"),
        entry(2, Body::Leave),
        text(3, "still here"),
    ];
    writes(&mut ann, entries, "still here").await;
    assert_eq!(members(&mut ann.client).await.len(), 1);
    for on in [true, false] {
        ignore(&mut ann, "mallory", on).await;
        assert_eq!(ann.line("still here").await.ignored, on);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_shown_as_somebody_else_is() {
    let mut ann = Ann::with_a_room().await;
    ann.send("mine").await;
    let namesake = vec![
        profile(PersonId(random()), DeviceId(random()), "ann"),
        text(2, "namesake"),
    ];
    writes(&mut ann, namesake, "namesake").await;
    let anns = ann.line("mine").await.author;
    assert!(anns.starts_with("ann~"), "{anns}");
    for (spelt, said) in [(anns.clone(), "exactly"), (format!(" {anns} "), "with spaces")] {
        let forged = vec![
            profile(PersonId(random()), DeviceId(random()), &spelt),
            text(3, said),
        ];
        writes(&mut ann, forged, said).await;
        let shown = tailchat_core::text::name(&ann.line(said).await.author);
        assert_ne!(shown, anns);
    }
    // Whose first entry does not say who they are has no device to be told apart by.
    let late = vec![
        text(4, "first"),
        profile(PersonId(random()), DeviceId(random()), "bob"),
    ];
    writes(&mut ann, late, "first").await;
    let bob = vec![
        profile(PersonId(random()), DeviceId(random()), "bob"),
        text(5, "bob's"),
    ];
    writes(&mut ann, bob, "bob's").await;
    let nobodys = ann.line("first").await.author;
    assert_ne!(nobodys, ann.line("bob's").await.author);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_names_are_told_apart_within_what_is_shown() {
    let mut ann = Ann::with_a_room().await;
    for said in ["one", "two"] {
        let name = "x".repeat(60);
        let entries = vec![
            profile(PersonId(random()), DeviceId(random()), &name),
            text(2, said),
        ];
        writes(&mut ann, entries, said).await;
    }
    let shown = async |ann: &mut Ann, said| tailchat_core::text::name(&ann.line(said).await.author);
    assert_ne!(shown(&mut ann, "one").await, shown(&mut ann, "two").await);
}
