//! What is said of messages between nodes: it converges, whoever watches or follows is told, and nobody changes what
//! another wrote.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Amending, Code, Failure, Item, MessageItem, Request};

use rig::{PATIENCE, config, equal, join, looking, messages, new_room, next, send, send_on, serve};

async fn amend(client: &mut Client, message: &str, what: Amending) -> Result<(), Failure> {
    let request = Request::Amend {
        room: "kitchen".into(),
        message: message.into(),
        what,
    };
    client.ask(request).await.map(|_| ())
}

fn feel(with: &str, on: bool) -> Amending {
    let with = with.into();
    Amending::React { with, on }
}

async fn amended(watch: &mut Client) -> MessageItem {
    loop {
        if let Item::Amended(told) = next(watch).await {
            return told.messages.into_iter().next().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_reaches_everybody_and_whoever_looks_is_told() {
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut ann = serve(dirs[0].path(), "ann").await;
    let invite = new_room(&mut ann, "kitchen").await.invite;
    let mut bob = serve(dirs[1].path(), "bob").await;
    join(&mut bob, &invite, PATIENCE).await;
    send_on(&mut ann, &["tee is redy"], 1, PATIENCE).await.unwrap();
    let id = messages(&mut bob).await.pop().unwrap().id;

    let (mut watch, mut follow) = looking(&bob).await;
    assert!(matches!(next(&mut follow).await, Item::Message(message) if message.text == "tee is redy"));

    amend(&mut ann, &id, Amending::Edit("tea is ready".into()))
        .await
        .unwrap();
    let told = amended(&mut watch).await;
    assert_eq!(
        (told.text.as_str(), told.edited, &told.id),
        ("tea is ready", true, &id)
    );
    assert!(matches!(next(&mut follow).await, Item::Message(message) if message.text == "tea is ready"));

    let request = Request::Versions {
        room: "kitchen".into(),
        message: id.clone(),
    };
    let texts = bob
        .ask(request)
        .await
        .unwrap()
        .into_iter()
        .map(|item| match item {
            Item::Version { text, .. } => text,
            other => panic!("{other:?}"),
        });
    assert_eq!(texts.collect::<Vec<_>>(), ["tee is redy", "tea is ready"]);

    amend(&mut bob, &id, feel("👍", true)).await.unwrap();
    amend(&mut bob, &id, feel("👍", true)).await.unwrap();
    let told = amended(&mut watch).await;
    let felt = told.reactions.first().unwrap();
    assert_eq!(
        (felt.count, felt.mine, felt.by.as_slice()),
        (1, true, &["bob".to_owned()][..])
    );
    amend(&mut bob, &id, feel("👍", false)).await.unwrap();
    assert!(amended(&mut watch).await.reactions.is_empty());

    let failure = amend(&mut bob, &id, Amending::Edit("mine".into()))
        .await
        .unwrap_err();
    assert_eq!(failure.code, Code::Usage);
    assert!(failure.why.contains("only ann"), "{}", failure.why);
    assert_eq!(
        amend(&mut bob, &id, Amending::Delete).await.unwrap_err().code,
        Code::Usage
    );

    amend(&mut ann, &id, Amending::Delete).await.unwrap();
    let told = amended(&mut watch).await;
    assert!(told.deleted && told.text.is_empty(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_while_apart_is_the_same_everywhere_and_after_a_restart() {
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut ann = serve(dirs[0].path(), "ann").await;
    let invite = new_room(&mut ann, "kitchen").await.invite;
    let mut bob = serve(dirs[1].path(), "bob").await;
    join(&mut bob, &invite, PATIENCE).await;
    send(&mut ann, &["one", "two"]).await;
    equal(&mut ann).await;
    let ids: Vec<_> = messages(&mut ann)
        .await
        .into_iter()
        .map(|message| message.id)
        .collect();
    bob.close().await.unwrap();
    amend(&mut ann, &ids[0], Amending::Edit("one, edited".into()))
        .await
        .unwrap();
    amend(&mut ann, &ids[1], Amending::Delete).await.unwrap();
    let mut bob = Client::open(Config {
        online: false,
        ..config(dirs[1].path(), "bob")
    })
    .await
    .unwrap();
    amend(&mut bob, &ids[0], feel("+1", true)).await.unwrap();
    amend(&mut bob, &ids[1], feel("+1", true)).await.unwrap();
    bob.close().await.unwrap();
    let mut bob = serve(dirs[1].path(), "bob").await;
    equal(&mut bob).await;
    let shown = |messages: Vec<MessageItem>| -> Vec<_> {
        let shown = messages.into_iter();
        shown
            .map(|message| {
                (
                    message.text,
                    message.edited,
                    message.deleted,
                    message.reactions.len(),
                )
            })
            .collect()
    };
    let both = (shown(messages(&mut ann).await), shown(messages(&mut bob).await));
    assert_eq!(
        both.0,
        [
            ("one, edited".into(), true, false, 1),
            (String::new(), false, true, 0)
        ]
    );
    assert_eq!(both.0, both.1);
}
