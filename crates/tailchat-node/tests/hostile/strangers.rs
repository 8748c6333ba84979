//! Who does not know the room: rubbish, half frames, wrong versions, replayed proofs.

use std::time::{Duration, Instant};

use tailchat_core::handshake::{Hello, MAGIC, PROTOCOL_VERSION, Role};
use tailchat_core::ids::Instance;
use tailchat_core::limits::{FRAME_MAX, TAGS_MAX};
use tailchat_core::wire::{Bye, ConnFrame, RoomFrame, encode_conn};
use tailchat_node::control::Request;
use tokio::io::AsyncWriteExt;

use crate::rig::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_from_strangers_is_cut_off_at_once() {
    let mut ann = Ann::with_a_room().await;
    let unframed = encode_conn(&ConnFrame::Hello(hello()));
    let strangers = [
        ("random bytes", random::<512>().to_vec()),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: ann\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("empty frames", vec![0; 64]),
        ("an announced 4 GiB", vec![0xff; 4]),
        ("a Hello without its length", unframed),
    ];
    for (what, bytes) in strangers {
        let mut mallory = Mallory::dial(&ann).await;
        let began = Instant::now();
        mallory.raw(&bytes).await;
        assert_eq!(mallory.closed().await, None, "{what}");
        assert!(began.elapsed() < Duration::from_secs(2), "{what}");
    }
    let mut mallory = Mallory::met(&ann).await;
    mallory.framed(&random::<200>()).await;
    assert_eq!(mallory.closed().await, Some(Bye::Protocol));
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_frame_harms_nobody() {
    let mut ann = Ann::with_a_room().await;
    let mut halves = Vec::new();
    for bytes in [&b"\0"[..], b"\0\0\0\x48", b"\0\0\0\x48\0abc"] {
        let mut mallory = Mallory::dial(&ann).await;
        mallory.raw(bytes).await;
        halves.push(mallory);
    }
    let mut member = Mallory::member(&ann).await;
    member.raw(&u32::try_from(FRAME_MAX).unwrap().to_be_bytes()).await;
    ann.is_well().await;
    for mut mallory in halves {
        // 5 s after it came, as whoever shows no room.
        mallory.stream.shutdown().await.unwrap();
        mallory.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_is_told_ours() {
    let mut ann = Ann::with_a_room().await;
    for (version, said) in [
        (PROTOCOL_VERSION + 1, Some(Bye::Version(PROTOCOL_VERSION))),
        (PROTOCOL_VERSION, None),
    ] {
        let magic = if said.is_some() { MAGIC } else { *b"chattail" };
        let mut mallory = Mallory::dial(&ann).await;
        mallory
            .conn(&ConnFrame::Hello(Hello {
                magic,
                version,
                ..hello()
            }))
            .await;
        assert_eq!(mallory.closed().await, said);
    }
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_out_of_turn_ends_the_connection() {
    let mut ann = Ann::with_a_room().await;
    for frame in [ConnFrame::Offer(vec![random()]), ConnFrame::Ping, ConnFrame::Pong] {
        let mut mallory = Mallory::dial(&ann).await;
        mallory.conn(&frame).await;
        assert_eq!(mallory.closed().await, Some(Bye::Protocol), "{frame:?}");
    }
    for frame in [ConnFrame::Hello(hello()), ConnFrame::Offer(vec![])] {
        let mut mallory = Mallory::met(&ann).await;
        mallory.conn(&frame).await;
        assert_eq!(mallory.closed().await, Some(Bye::Protocol), "{frame:?}");
    }
    let early = [
        vector(vec![]),
        RoomFrame::Want(vec![]),
        RoomFrame::Block(vec![]),
        RoomFrame::Push(vec![]),
        RoomFrame::Disks(vec![]),
        RoomFrame::Part,
        RoomFrame::Graft(vec![]),
        RoomFrame::Prune(vec![]),
        RoomFrame::Peers(vec![]),
        RoomFrame::Presence(vec![]),
    ];
    for frame in early {
        let mut mallory = Mallory::proved(&ann).await;
        mallory.room(&frame).await;
        assert_eq!(
            mallory.closed().await,
            Some(Bye::Protocol),
            "before its Greet: {frame:?}"
        );
    }
    let mut mallory = Mallory::member(&ann).await;
    mallory.room(&RoomFrame::Block(vec![])).await;
    assert_eq!(
        mallory.closed().await,
        Some(Bye::Protocol),
        "history that nobody asked for"
    );
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_greet_fills_no_address_book() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::proved(&ann).await;
    for port in 1..300 {
        mallory.greet(port).await;
    }
    assert_eq!(mallory.closed().await, Some(Bye::Protocol));
    let addresses = ann.client.ask(Request::Peers).await.unwrap();
    assert!(addresses.len() <= 1, "{addresses:?}");
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ann_said_proves_nothing_when_it_is_sent_back() {
    let mut ann = Ann::with_a_room().await;
    let mut mirror = Mallory::dial(&ann).await;
    let theirs = mirror.their_hello().await;
    mirror.conn(&ConnFrame::Hello(theirs)).await;
    assert_eq!(mirror.closed().await, Some(Bye::Ourselves));

    let mut reflecting = Mallory::dial(&ann).await;
    let theirs = reflecting.their_hello().await;
    reflecting
        .conn(&ConnFrame::Hello(Hello {
            instance: Instance(random()),
            ..theirs
        }))
        .await;
    let offer = reflecting.frame().await.unwrap();
    reflecting.framed(&offer).await;
    assert!(reflecting.is_no_member().await);

    // What a member said once, said again on another connection.
    let ours = hello();
    let mut member = Mallory::met_as(&ann, ours).await;
    let tag = member.session.unwrap().tag(ann.room, Role::Dialler);
    member.offer(vec![tag]).await;
    let mut replaying = Mallory::met_as(&ann, ours).await;
    replaying.offer(vec![tag]).await;
    assert!(replaying.is_no_member().await);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_tags_end_the_connection() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::met(&ann).await;
    for _ in 0..=TAGS_MAX / 256 {
        mallory.offer((0..256).map(|_| random()).collect()).await;
    }
    assert_eq!(mallory.closed().await, Some(Bye::Protocol));
    let mut mallory = Mallory::met(&ann).await;
    let began = Instant::now();
    for _ in 0..TAGS_MAX {
        mallory.offer(vec![random()]).await;
    }
    assert!(mallory.stands().await);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_a_members_instance_takes_its_place_nowhere() {
    let mut ann = Ann::with_a_room().await;
    // Above ann's, so that it is ann who closes one of two connections.
    let instance = Instance([0xff; 16]);
    let mut bob = Mallory::proved_as(&ann, Hello { instance, ..hello() }).await;
    bob.greet(0).await;
    let mut stranger = Mallory::met_as(&ann, Hello { instance, ..hello() }).await;
    stranger.offer(vec![random(), random()]).await;
    assert!(stranger.stands().await && bob.stands().await);
    let mut bob_again = Mallory::proved_as(&ann, Hello { instance, ..hello() }).await;
    assert_eq!(bob.closed().await, Some(Bye::Duplicate));
    assert!(bob_again.stands().await);
    ann.is_well().await;
}
