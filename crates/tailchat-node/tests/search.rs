//! Searches as programs ask them: over all rooms or one, by people's names, found the moment a message is shown.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use tailchat_node::client::Client;
use tailchat_node::control::{
    Code, Failure, FoundItem, Import, Item, Query, Remaining, Request, SearchRequest, SearchedItem, Wait,
};

use rig::{PATIENCE, config, equal, join, new_room, send, serve};

fn query(text: &str) -> Query {
    Query::parse(text, &|_| None).unwrap()
}

async fn ask(client: &mut Client, query: Query, limit: u32) -> Result<Vec<Item>, Failure> {
    client.ask(Request::Search(SearchRequest { query, limit })).await
}

async fn search(client: &mut Client, text: &str) -> (Vec<FoundItem>, SearchedItem) {
    let mut items = ask(client, query(text), 50).await.unwrap();
    let Some(Item::Searched(searched)) = items.pop() else {
        panic!("no end")
    };
    let found = |item| match item {
        Item::Found(found) => *found,
        other => panic!("{other:?}"),
    };
    (items.into_iter().map(found).collect(), searched)
}

async fn texts(client: &mut Client, text: &str) -> Vec<String> {
    let (found, _) = search(client, text).await;
    found.into_iter().map(|found| found.message.text).collect()
}

async fn say(client: &mut Client, room: &str, text: &str) {
    let request = Request::Send {
        room: room.into(),
        texts: vec![text.into()],
        action: false,
        reply_to: None,
        on: 0,
        wait: Wait::No,
    };
    client.ask(request).await.unwrap();
}

async fn import(client: &mut Client, room: &str, nick: &str, text: &str) {
    let message = Import {
        sent_at_ms: 1_000,
        rank: 0,
        nick: nick.into(),
        action: false,
        text: text.into(),
    };
    let request = Request::Import {
        room: room.into(),
        messages: vec![message],
    };
    client.ask(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_is_found_by_words_by_whom_and_where() {
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut ann = serve(dirs[0].path(), "Ann Lee").await;
    let invite = new_room(&mut ann, "kitchen").await.invite;
    new_room(&mut ann, "attic").await;
    send(&mut ann, &["the Kernel boots"]).await;
    say(&mut ann, "attic", "an old kernel").await;
    import(&mut ann, "attic", "annette", "kernel of before").await;
    let mut bob = serve(dirs[1].path(), "bob").await;
    join(&mut bob, &invite, PATIENCE).await;
    equal(&mut bob).await;
    say(&mut bob, "kitchen", "my kernel does not, see http://a.example").await;
    equal(&mut bob).await;

    let bobs = "my kernel does not, see http://a.example";
    let (found, searched) = search(&mut ann, "kernel").await;
    let said: Vec<_> = found.iter().map(|found| &*found.message.text).collect();
    assert_eq!(
        said,
        [bobs, "an old kernel", "the Kernel boots", "kernel of before"]
    );
    assert_eq!(
        (searched.remaining, searched.unread_rooms),
        (Remaining::None, vec![])
    );
    assert_eq!(
        (found[0].room_name.as_str(), found[1].room_name.as_str()),
        ("kitchen", "attic")
    );
    assert_eq!(found[2].at, [(4, 10)]);
    assert_eq!(found[3].message.author, "annette");

    assert_eq!(texts(&mut ann, "from:bob").await, [bobs]);
    assert_eq!(
        texts(&mut ann, "from:ANN kernel in:kit").await,
        ["the Kernel boots"]
    );
    assert_eq!(
        texts(&mut ann, "from:\"ann lee\" in:attic").await,
        ["an old kernel"]
    );
    assert_eq!(texts(&mut ann, "from:annette").await, ["kernel of before"]);
    assert_eq!(texts(&mut ann, "has:link").await, [bobs]);
    assert_eq!(texts(&mut bob, "kernel -my").await, ["the Kernel boots"]);

    ann.ask(Request::Leave {
        room: "attic".into(),
        forget: false,
    })
    .await
    .unwrap();
    assert_eq!(texts(&mut ann, "kernel").await, [bobs, "the Kernel boots"]);
}

#[tokio::test]
async fn what_cannot_be_searched_is_refused_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = serve(dir.path(), "ann").await;
    new_room(&mut ann, "kitchen").await;
    let why = ask(&mut ann, query("tea in:attic"), 50).await.unwrap_err();
    assert_eq!(why.code, Code::NotFound);
    assert!(why.why.contains("tailchat rooms"), "{why}");
    let why = ask(&mut ann, Query::default(), 50).await.unwrap_err();
    assert_eq!(why.code, Code::Usage);
    assert!(why.why.contains("from:NAME"), "{why}");
    let why = ask(&mut ann, query("tea"), u32::MAX).await.unwrap_err();
    assert_eq!(why.code, Code::Usage);
    let long = Query {
        from: vec!["x".repeat(5000)],
        ..Query::default()
    };
    assert_eq!(ask(&mut ann, long, 50).await.unwrap_err().code, Code::Usage);
}

#[tokio::test]
async fn of_more_than_are_asked_for_the_newest_are_told_and_found_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = serve(dir.path(), "ann").await;
    new_room(&mut ann, "kitchen").await;
    send(&mut ann, &["tea one", "tea two", "tea three"]).await;
    for _ in 0..2 {
        let mut items = ask(&mut ann, query("te*"), 2).await.unwrap();
        let Some(Item::Searched(searched)) = items.pop() else {
            panic!("no end")
        };
        assert_eq!((items.len(), searched.remaining), (2, Remaining::More));
        assert!(matches!(&items[0], Item::Found(found) if found.message.text == "tea three"));
        ann.close().await.unwrap();
        ann = Client::open(config(dir.path(), "ann")).await.unwrap();
    }
}
