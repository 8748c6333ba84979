//! Answers between nodes: counted on whoever's disk they are, told to who watches, found by what they answer.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use tailchat_node::client::Client;
use tailchat_node::control::{ANSWERS_MAX, Amending, At, Code, Failure, Item, MessageItem, Request, Wait};

use rig::{PATIENCE, join, looking, messages, new_room, next, send, send_on, serve};

/// Answers a message, all texts in one request; gives their IDs.
async fn reply(client: &mut Client, to: &str, texts: Vec<String>) -> Vec<String> {
    let request = Request::Send {
        room: "kitchen".into(),
        texts,
        action: false,
        reply_to: Some(to.into()),
        on: 0,
        wait: Wait::No,
    };
    let posted = client.ask(request).await.unwrap().into_iter();
    let ids = posted.map(|item| match item {
        Item::Posted { id, .. } => id,
        other => panic!("{other:?}"),
    });
    ids.collect()
}

fn messages_in(items: Vec<Item>) -> Vec<MessageItem> {
    let messages = items.into_iter().filter_map(|item| match item {
        Item::Message(message) => Some(*message),
        _ => None,
    });
    messages.collect()
}

async fn answers(
    client: &mut Client,
    message: &str,
    after: Option<String>,
) -> Result<Vec<MessageItem>, Failure> {
    let request = Request::Answers {
        room: "kitchen".into(),
        message: message.into(),
        after,
    };
    Ok(messages_in(client.ask(request).await?))
}

/// The message and its answers, once the watch has told that these are so many.
async fn told(watch: &mut Client, answers: u64) -> MessageItem {
    loop {
        if let Item::Amended(told) = next(watch).await
            && let Some(message) = told.messages.into_iter().find(|told| told.answers == answers)
        {
            return message;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_is_told_the_count_and_who_follows_the_answer_alone() {
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut ann = serve(dirs[0].path(), "ann").await;
    let invite = new_room(&mut ann, "kitchen").await.invite;
    let mut bob = serve(dirs[1].path(), "bob").await;
    join(&mut bob, &invite, PATIENCE).await;
    send_on(&mut ann, &["tea?"], 1, PATIENCE).await.unwrap();
    let id = messages(&mut bob).await.pop().unwrap().id;
    let (mut watch, mut follow) = looking(&bob).await;

    let yes = reply(&mut ann, &id, vec!["yes".into()]).await.pop().unwrap();
    assert_eq!(told(&mut watch, 1).await.id, id);
    reply(&mut bob, &id, vec!["no".into()]).await;
    assert_eq!(told(&mut watch, 2).await.id, id);
    send(&mut ann, &["well"]).await;
    for text in ["tea?", "yes", "no", "well"] {
        assert!(matches!(next(&mut follow).await, Item::Message(message) if message.text == text));
    }

    let what = Amending::Delete;
    let request = Request::Amend {
        room: "kitchen".into(),
        message: yes,
        what,
    };
    ann.ask(request).await.unwrap();
    assert_eq!(told(&mut watch, 1).await.id, id);
    let found = answers(&mut bob, &id, None).await.unwrap();
    let texts: Vec<_> = found.iter().map(|message| message.text.as_str()).collect();
    assert_eq!((texts, found[0].answers), (vec!["tea?", "no"], 1));
    let failure = answers(&mut bob, "0123", None).await.unwrap_err();
    assert_eq!(failure.code, Code::NotFound);
    let failure = answers(&mut bob, &id, Some("here".into())).await.unwrap_err();
    assert_eq!(failure.code, Code::Usage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_answers_come_in_portions_and_a_page_goes_from_one_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut ann = serve(dir.path(), "ann").await;
    new_room(&mut ann, "kitchen").await;
    send(&mut ann, &["tea?"]).await;
    let id = messages(&mut ann).await.pop().unwrap().id;
    let all: Vec<String> = (0..ANSWERS_MAX + 3)
        .map(|number| format!("answer {number}"))
        .collect();
    reply(&mut ann, &id, all.clone()).await;

    let first = answers(&mut ann, &id, None).await.unwrap();
    assert_eq!(first.len(), 1 + ANSWERS_MAX);
    assert_eq!(first[0].answers, all.len() as u64);
    let last = first.last().unwrap().place.clone();
    let rest = answers(&mut ann, &id, Some(last)).await.unwrap();
    let texts = first[1..].iter().chain(&rest[1..]).map(|message| &message.text);
    assert!(texts.eq(&all));

    let mut after = None;
    for text in ["answer 0", "answer 1"] {
        let request = Request::Page {
            room: "kitchen".into(),
            at: At::Answer {
                of: id.clone(),
                after,
            },
            before: 0,
            after: 1,
        };
        let found = messages_in(ann.ask(request).await.unwrap()).pop().unwrap();
        assert_eq!(found.text, text);
        after = Some(found.place);
    }
}
