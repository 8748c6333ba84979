//! Bundles and running nodes: what is merged goes on to peers, several merges at once are one, and a program that goes
//! away in the middle costs nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod rig;

use rig::{PATIENCE, equal, join, messages, new_room, send, serve, texts};
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Bundled, Code, Import, Item, MergeRequest, Request, Wait, hex};
use tailchat_node::merge::Merge;

async fn bundle(client: &mut Client, what: Bundled) -> Vec<u8> {
    let room = "kitchen".into();
    let items = client.ask(Request::Bundle { room, what }).await.unwrap();
    let bytes = items.iter().filter_map(|item| match item {
        Item::Bytes(piece) => hex::decode(piece),
        _ => None,
    });
    bytes.flatten().collect()
}

async fn merge(client: &mut Client, bundle: &[u8]) -> (u64, u64) {
    let mut merge = Merge::default();
    for portion in bundle.chunks(10_000) {
        merge.push(client, portion).await.unwrap();
    }
    merge.finish().unwrap();
    let [section] = merge.sections() else {
        panic!("{:?}", merge.sections())
    };
    assert!(section.whole, "{section:?}");
    (section.added, section.known)
}

/// Messages of a channel that nobody else has, some hundred KiB of them.
async fn fill(client: &mut Client, count: u64) {
    let import = |n: u64| Import {
        sent_at_ms: 1_700_000_000_000 + i64::try_from(n).unwrap(),
        rank: 0,
        nick: format!("nick{}", n % 9),
        action: false,
        text: format!("line {n} {:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(3),
    };
    for from in (0..count).step_by(4000) {
        let messages = (from..count.min(from + 4000)).map(import).collect();
        let room = "kitchen".into();
        client.ask(Request::Import { room, messages }).await.unwrap();
    }
}

#[tokio::test]
async fn what_one_peer_merges_goes_on_to_those_it_is_connected_with() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [ann, bob, cid] = &folders;
    let mut ann = serve(ann.path(), "ann").await;
    let mut bob = serve(bob.path(), "bob").await;
    let mut cid = serve(cid.path(), "cid").await;
    let room = new_room(&mut ann, "kitchen").await;
    join(&mut bob, &room.invite, PATIENCE).await;
    // cid has the room from a file alone.
    join(&mut cid, &room.room, Wait::No).await;
    send(&mut ann, &["one"]).await;
    merge(&mut cid, &bundle(&mut ann, Bundled::All).await).await;
    send(&mut cid, &["two"]).await;
    let of_cid = bundle(&mut cid, Bundled::All).await;
    assert_eq!(merge(&mut bob, &of_cid).await, (1, 1));
    equal(&mut bob).await;
    equal(&mut ann).await;
    assert_eq!(texts(&mut ann).await, ["one", "two"]);
    let via: Vec<_> = messages(&mut bob)
        .await
        .into_iter()
        .map(|message| message.via)
        .collect();
    assert_eq!(via, [Some("ann".to_owned()), Some("cid".to_owned())]);
}

#[tokio::test]
async fn the_same_from_a_peer_and_from_two_bundles_at_once_is_there_once() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [ann, bob] = &folders;
    let mut ann = serve(ann.path(), "ann").await;
    let mut bob = serve(bob.path(), "bob").await;
    let room = new_room(&mut ann, "kitchen").await;
    fill(&mut ann, 9000).await;
    let all = bundle(&mut ann, Bundled::All).await;
    let (mut one, mut other) = (bob.another().await.unwrap(), bob.another().await.unwrap());
    join(&mut bob, &room.room, Wait::No).await;
    let (one, other, _) = tokio::join!(
        merge(&mut one, &all),
        merge(&mut other, &all),
        join(&mut bob, &room.invite, PATIENCE)
    );
    assert_eq!((one.0 + one.1, other.0 + other.1), (9000, 9000));
    let status = equal(&mut bob).await;
    assert_eq!(status.first().unwrap().messages, 9000);
    assert_eq!(texts(&mut bob).await, texts(&mut ann).await);
}

#[tokio::test]
async fn a_program_that_leaves_in_the_middle_of_a_bundle_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut ann = serve(folder.path(), "ann").await;
    let room = new_room(&mut ann, "kitchen").await;
    fill(&mut ann, 9000).await;
    let request = || Request::Bundle {
        room: "kitchen".into(),
        what: Bundled::All,
    };
    for answers in [1, 3, 5] {
        let mut leaves = ann.another().await.unwrap();
        leaves.request(request()).await.unwrap();
        ann.request(request()).await.unwrap();
        for _ in 0..answers {
            assert!(matches!(leaves.next().await, Ok(Answer::Item(Item::Bytes(_)))));
            assert!(matches!(ann.next().await, Ok(Answer::Item(Item::Bytes(_)))));
        }
        drop(leaves);
    }
    // The last request was left in the middle; the next one on the same connection has all of it, and nothing else.
    let again = bundle(&mut ann, Bundled::All).await;
    let other = tempfile::tempdir().unwrap();
    let mut bob = serve(other.path(), "bob").await;
    join(&mut bob, &room.room, Wait::No).await;
    assert_eq!(merge(&mut bob, &again).await, (9000, 0));
}

#[tokio::test]
async fn a_request_that_is_no_piece_is_refused_and_the_node_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut ann = serve(folder.path(), "ann").await;
    new_room(&mut ann, "kitchen").await;
    send(&mut ann, &["one"]).await;
    let all = bundle(&mut ann, Bundled::All).await;
    let head = hex::encode(&all[..85]);
    let piece = |head: &str, number, code: &str, body: &str| {
        Request::Merge(MergeRequest {
            head: head.into(),
            number,
            code: code.into(),
            body: body.into(),
        })
    };
    let code = "00".repeat(16);
    for (request, expected) in [
        (piece("", 0, "", ""), Code::Usage),
        (piece("zz", 0, &code, ""), Code::Usage),
        (piece(&head, 0, "00", ""), Code::Usage),
        (piece(&head, 0, &code, "0"), Code::Usage),
        (piece(&head, 0, &code, ""), Code::Failed),
        (piece(&head, u64::MAX, &code, "00"), Code::Failed),
    ] {
        let failure = ann.ask(request.clone()).await.unwrap_err();
        assert_eq!(failure.code, expected, "{request:?}: {failure}");
    }
    assert_eq!(merge(&mut ann, &all).await, (0, 1));
}
