//! What was read and what was not, over restarts and late arrivals; programs that show rooms.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use std::time::Duration;

use tailchat_node::client::Client;
use tailchat_node::control::{
    Answer, At, Change, Code, IMPORT_MAX, Import, Item, LogRequest, MessageItem, PageItem, Reading, Request,
    RoomItem, Wait,
};
use tokio::time::{sleep, timeout};

use rig::{PATIENCE, equal, join, messages, new_room, room, send, send_on, serve};

fn kitchen() -> String {
    "kitchen".into()
}

async fn unread(client: &mut Client) -> Vec<String> {
    let request = Request::Log(LogRequest {
        room: kitchen(),
        unread: true,
        ..LogRequest::default()
    });
    let items = client.ask(request).await.unwrap();
    let text = |item| match item {
        Item::Message(message) => message.text,
        other => panic!("{other:?}"),
    };
    items.into_iter().map(text).collect()
}

async fn read(client: &mut Client, what: Reading) {
    let room = kitchen();
    assert_eq!(client.ask(Request::Read { room, what }).await, Ok(vec![]));
}

async fn counts(client: &mut Client) -> (u64, u64) {
    let room = room(client).await;
    (room.unread, room.mentions)
}

/// The page's head and its messages.
async fn page(client: &mut Client, at: At, before: u32, after: u32) -> (PageItem, Vec<MessageItem>) {
    let room = kitchen();
    let request = Request::Page {
        room,
        at,
        before,
        after,
    };
    let mut items = client.ask(request).await.unwrap().into_iter();
    let Some(Item::Page(head)) = items.next() else {
        panic!("no head")
    };
    let message = |item| match item {
        Item::Message(message) => *message,
        other => panic!("{other:?}"),
    };
    (head, items.map(message).collect())
}

fn texts(messages: &[MessageItem]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_comes_to_a_newcomer_is_never_unread() {
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut ann = serve(dirs[0].path(), "ann").await;
    let invite = new_room(&mut ann, "kitchen").await.invite;
    let history: Vec<Import> = (0..20_000)
        .map(|n| Import {
            sent_at_ms: n,
            rank: 0,
            nick: "old".into(),
            action: false,
            text: format!("message {n}"),
        })
        .collect();
    for messages in history.chunks(IMPORT_MAX) {
        let request = Request::Import {
            room: kitchen(),
            messages: messages.to_vec(),
        };
        ann.ask(request).await.unwrap();
    }
    let mut bob = serve(dirs[1].path(), "bob").await;
    join(&mut bob, &invite, Wait::No).await;
    // Its counting is under way when the last of it comes.
    let mut messages = 0;
    while messages < history.len() as u64 {
        let room = room(&mut bob).await;
        assert_eq!(room.unread, 0, "of {}", room.messages);
        messages = room.messages;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_stays_read_and_what_comes_late_above_it_is_unread() {
    let dirs: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut ann = serve(dirs[0].path(), "ann").await;
    let invite = new_room(&mut ann, "kitchen").await.invite;
    send(&mut ann, &["history", "for @bob too"]).await;
    let mut bob = serve(dirs[1].path(), "bob").await;
    join(&mut bob, &invite, PATIENCE).await;
    assert_eq!(counts(&mut bob).await, (0, 0), "who joins has missed nothing");
    let mut cleo = serve(dirs[2].path(), "cleo").await;
    join(&mut cleo, &invite, PATIENCE).await;
    equal(&mut cleo).await;
    cleo.close().await.unwrap();
    // Cleo writes while nobody is there.
    let mut cleo = serve(dirs[2].path(), "cleo").await;
    cleo.ask(Request::ForgetPeer {
        addr: "127.0.0.1".into(),
    })
    .await
    .unwrap();
    send(&mut cleo, &["early, and known late"]).await;
    cleo.close().await.unwrap();

    send_on(&mut ann, &["one", "@Bob: two", "three"], 1, PATIENCE)
        .await
        .unwrap();
    send_on(&mut bob, &["mine"], 1, PATIENCE).await.unwrap();
    assert_eq!(counts(&mut bob).await, (3, 1));
    assert_eq!(unread(&mut bob).await, ["one", "@Bob: two", "three"]);
    let ids: Vec<_> = messages(&mut bob)
        .await
        .into_iter()
        .map(|message| message.id)
        .collect();
    read(&mut bob, Reading::These(ids[2..4].to_vec())).await;
    assert_eq!(unread(&mut bob).await, ["three"]);
    read(&mut bob, Reading::All).await;
    assert_eq!(counts(&mut bob).await, (0, 0));
    read(&mut bob, Reading::Not(ids[3].clone())).await;
    assert_eq!(counts(&mut bob).await, (1, 1));

    // It survives a restart, and a late message above what was read is unread.
    bob.close().await.unwrap();
    let mut bob = serve(dirs[1].path(), "bob").await;
    assert_eq!(unread(&mut bob).await, ["@Bob: two"]);
    let mut cleo = serve(dirs[2].path(), "cleo").await;
    join(&mut cleo, &room(&mut bob).await.invite, PATIENCE).await;
    // Each of them may be equal with ann for a moment, and not have met the other yet.
    let has_it = async {
        while texts(&messages(&mut bob).await)[2] != "early, and known late" {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), has_it).await.unwrap();
    assert_eq!(unread(&mut bob).await, ["early, and known late", "@Bob: two"]);
    let (head, found) = page(&mut bob, At::Unread(None), 2, 1).await;
    assert_eq!(
        texts(&found),
        ["history", "for @bob too", "early, and known late"]
    );
    assert!(found[2].unread && !head.more_before && head.more_after);
    let (_, found) = page(&mut bob, At::Unread(Some(found[2].place.clone())), 0, 1).await;
    assert_eq!(texts(&found), ["@Bob: two"]);
    let (_, found) = page(&mut bob, At::Mention(None), 1, 2).await;
    assert_eq!(texts(&found), ["one", "@Bob: two", "three"]);
    for client in [ann, bob, cleo] {
        client.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_survives_a_restart_and_a_page_goes_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = serve(dir.path(), "ann").await;
    new_room(&mut ann, "kitchen").await;
    let numbers: Vec<_> = (0..50).map(|n| n.to_string()).collect();
    send(&mut ann, &numbers.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let draft = |text: &str| Request::SetDraft {
        room: kitchen(),
        text: text.into(),
    };
    ann.ask(draft("half a\nsentence")).await.unwrap();
    assert!(room(&mut ann).await.draft);
    let too_long = ann.ask(draft(&"x".repeat(100_000))).await.unwrap_err();
    assert_eq!(too_long.code, Code::Usage);
    ann.close().await.unwrap();

    let mut ann = serve(dir.path(), "ann").await;
    let kept = ann.ask(Request::Draft { room: kitchen() }).await.unwrap();
    assert_eq!(kept, [Item::Draft("half a\nsentence".into())]);
    ann.ask(draft("")).await.unwrap();
    assert!(!room(&mut ann).await.draft);

    let (head, newest) = page(&mut ann, At::Newest, 3, 9).await;
    assert_eq!(texts(&newest), ["47", "48", "49"]);
    assert!(head.more_before && !head.more_after && head.at.is_none());
    let id = newest[0].id.clone();
    let (_, around) = page(&mut ann, At::Message(id), 1, 2).await;
    assert_eq!(texts(&around), ["46", "47", "48"]);
    let (_, around) = page(&mut ann, At::Place(newest[0].place.clone()), 2, 0).await;
    assert_eq!(texts(&around), ["45", "46"]);
    let (_, oldest) = page(&mut ann, At::Oldest, 5, 2).await;
    assert_eq!(texts(&oldest), ["0", "1"]);
    let (head, _) = page(&mut ann, At::Unread(None), 1, 1).await;
    assert_eq!(head.at, None, "one's own are never unread");
    for (at, code) in [
        (At::Message("ffff".into()), Code::NotFound),
        (At::Place("rubbish".into()), Code::Usage),
    ] {
        let (room, before, after) = (kitchen(), 1, 1);
        let request = Request::Page {
            room,
            at,
            before,
            after,
        };
        assert_eq!(ann.ask(request).await.unwrap_err().code, code);
    }
    let request = Request::Page {
        room: kitchen(),
        at: At::Newest,
        before: u32::MAX,
        after: 0,
    };
    assert_eq!(ann.ask(request).await.unwrap_err().code, Code::Usage);
    ann.close().await.unwrap();
}

fn has_changed(item: &Item, wanted: Change) -> Option<()> {
    matches!(item, Item::Changed { what, .. } if *what == wanted).then_some(())
}

/// What comes until something is found in it.
async fn until<T>(watch: &mut Client, mut find: impl FnMut(Item) -> Option<T>) -> T {
    let search = async {
        loop {
            match watch.next().await.unwrap() {
                Answer::Item(item) => {
                    if let Some(found) = find(item) {
                        return found;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(Duration::from_secs(20), search).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_is_told_of_rooms_lines_disks_and_of_a_room_that_was_left() {
    let (dir_a, dir_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut ann = serve(dir_a.path(), "ann").await;
    let invite = new_room(&mut ann, "kitchen").await.invite;
    let mut bob = serve(dir_b.path(), "bob").await;
    let mut watch = bob.another().await.unwrap();
    watch.request(Request::Watch).await.unwrap();
    join(&mut bob, &invite, PATIENCE).await;
    let is = |wanted: fn(&RoomItem) -> bool| {
        move |item| matches!(item, Item::Room(room) if wanted(&room)).then_some(())
    };
    until(
        &mut watch,
        is(|room| room.name == "kitchen" && room.connected == 1),
    )
    .await;

    send_on(&mut ann, &["hello @bob"], 1, PATIENCE).await.unwrap();
    let shown = until(&mut watch, |item| match item {
        Item::Shown(shown) if !shown.messages.is_empty() => Some(shown.messages),
        _ => None,
    })
    .await;
    assert_eq!(texts(&shown), ["hello @bob"]);
    assert!(shown[0].unread && !shown[0].place.is_empty());
    until(&mut watch, is(|room| (room.unread, room.mentions) == (1, 1))).await;
    read(&mut bob, Reading::These(vec![shown[0].id.clone()])).await;
    until(&mut watch, is(|room| (room.unread, room.mentions) == (0, 0))).await;

    let sent = send_on(&mut bob, &["there"], 1, PATIENCE).await.unwrap();
    let [Item::Posted { id, .. }] = &sent[..] else {
        panic!("{sent:?}")
    };
    until(&mut watch, |item| has_changed(&item, Change::Disks)).await;
    let request = Request::Disks {
        room: kitchen(),
        messages: vec![id.clone()],
    };
    let on = bob.ask(request).await.unwrap();
    assert_eq!(
        on,
        [Item::Disks {
            id: id.clone(),
            on: 2,
            of: 2
        }]
    );

    let leave = Request::Leave {
        room: kitchen(),
        forget: true,
    };
    bob.ask(leave).await.unwrap();
    until(&mut watch, |item| has_changed(&item, Change::Left)).await;
    drop(watch);
    for client in [ann, bob] {
        client.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_never_reads_costs_a_bounded_queue_and_is_told_to_look_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = serve(dir.path(), "ann").await;
    for name in ["kitchen", "hall"] {
        new_room(&mut ann, name).await;
    }
    let mut watch = ann.another().await.unwrap();
    watch.request(Request::Watch).await.unwrap();
    until(&mut watch, |item| matches!(item, Item::Room(_)).then_some(())).await;
    // Turn by turn, so that nothing is told together.
    for n in 0..1_200 {
        let request = Request::Send {
            room: if n % 2 == 0 { "kitchen" } else { "hall" }.into(),
            texts: vec![n.to_string()],
            action: false,
            reply_to: None,
            on: 0,
            wait: Wait::No,
        };
        ann.ask(request).await.unwrap();
    }
    until(&mut watch, |item| has_changed(&item, Change::Lines)).await;
    drop(watch);
    ann.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_rooms_with_something_to_keep_are_closed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = serve(dir.path(), "ann").await;
    for number in 0..100 {
        let room = format!("room {number}");
        new_room(&mut ann, &room).await;
        // It is kept within seconds, or at the end.
        let what = Reading::These(vec![format!("{:032x}/1", number)]);
        assert_eq!(ann.ask(Request::Read { room, what }).await, Ok(vec![]));
    }
    timeout(Duration::from_secs(10), ann.close())
        .await
        .unwrap()
        .unwrap();
}
