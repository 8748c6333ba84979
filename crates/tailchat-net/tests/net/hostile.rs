//! Peers that break the rules: each costs its own connection and nothing else.

use std::time::Duration;

use tailchat_net::{CloseReason, Limits, NetEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::rig::{PATIENCE, Peer, RAISED, join};

#[tokio::test]
async fn a_frame_that_drips_in_is_cut_off_at_its_deadline() {
    let limits = Limits {
        frame_complete_within: Duration::from_millis(150),
        ..Limits::default()
    };
    let mut peer = Peer::with(limits);
    let mut slow = peer.raw().await;
    let conn = peer.connected().await;
    let drip = tokio::spawn(async move {
        for byte in [0, 0, 0, 100].into_iter().chain([7; 96]) {
            if slow.write_u8(byte).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(peer.closed().await, (conn, CloseReason::FrameTooSlow));
    drip.abort();
}

#[tokio::test]
async fn four_announced_gibibytes_are_refused_at_once() {
    let mut peer = Peer::new();
    let mut liar = peer.raw().await;
    let conn = peer.connected().await;
    liar.write_all(&[0xff; 4]).await.expect("the peer listens");
    let why = CloseReason::FrameTooLong {
        len: 0xffff_ffff,
        max: 256,
    };
    assert_eq!(peer.closed().await, (conn, why));
    let end = timeout(PATIENCE, liar.read_u8())
        .await
        .expect("the connection is closed in time");
    assert!(end.is_err());
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_with_both_numbers() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let (in_a, in_b) = join(&mut a, &mut b).await;
    a.net.send(in_a, vec![1; RAISED + 1]);
    let why = CloseReason::FrameTooLong {
        len: RAISED + 1,
        max: RAISED,
    };
    assert_eq!(b.closed().await, (in_b, why));
    assert_eq!(a.closed().await.0, in_a);
}

#[tokio::test]
async fn who_never_reads_fills_the_own_outbox_and_leaves_others_alone() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let _deaf = a.raw().await;
    let in_deaf = a.connected().await;
    let (in_a, _) = join(&mut a, &mut b).await;
    let mut sent = 0;
    while a.events.is_empty() {
        a.net.send(in_deaf, vec![0; 256 * 1024]);
        sent += 1;
        assert!(sent < 1_000, "256 MiB are not bounded");
        yield_now().await;
    }
    assert_eq!(a.closed().await, (in_deaf, CloseReason::OutboxFull));
    a.net.send(in_a, vec![5; 1024 * 1024]);
    assert_eq!(b.frame().await.len(), 1024 * 1024);
}

#[tokio::test]
async fn who_takes_nothing_for_long_is_given_up() {
    let mut peer = Peer::with(Limits {
        write_stalled_after: Duration::from_millis(100),
        outbox_bytes_max: 64 * 1024 * 1024,
        ..Limits::default()
    });
    let _deaf = peer.raw().await;
    let conn = peer.connected().await;
    for _ in 0..40 {
        peer.net.send(conn, vec![0; 1024 * 1024]);
    }
    assert_eq!(peer.closed().await, (conn, CloseReason::WriteStalled));
}

#[tokio::test]
async fn strangers_beyond_the_limit_make_place_and_whoever_proved_a_room_does_not() {
    let mut peer = Peer::with(Limits {
        unproved_loopback_max: 2,
        ..Limits::default()
    });
    let mut silent = peer.raw().await;
    let first = peer.connected().await;
    let _proving = peer.raw().await;
    let proving = peer.connected().await;

    let _third = peer.raw().await;
    let two = [peer.next().await, peer.next().await];
    let made_place = |event: &NetEvent| matches!(event, NetEvent::Closed { conn, why: CloseReason::MadePlace } if *conn == first);
    assert_eq!(two.iter().filter(|event| made_place(event)).count(), 1, "{two:?}");
    assert_eq!(
        timeout(PATIENCE, silent.read(&mut [0]))
            .await
            .expect("in time")
            .ok(),
        Some(0)
    );

    peer.net.raise_limit(proving, RAISED);
    let fourth = peer.raw().await;
    peer.connected().await;
    drop(fourth);
    assert_eq!(peer.closed().await.1, CloseReason::PeerClosed);
    let _fifth = peer.raw().await;
    peer.connected().await;
    assert!(peer.events.is_empty());
}

#[tokio::test]
async fn connections_are_limited_in_all_whoever_opens_them() {
    let mut peer = Peer::with(Limits {
        connections_max: 1,
        ..Limits::default()
    });
    let _first = peer.raw().await;
    peer.connected().await;
    let mut second = peer.raw().await;
    assert_eq!(
        timeout(PATIENCE, second.read(&mut [0]))
            .await
            .expect("in time")
            .ok(),
        Some(0)
    );

    let other = Peer::new();
    peer.net.dial(other.addr().to_string());
    let failed = format!("{:?}", peer.next().await);
    assert!(
        failed.contains("DialFailed") && failed.contains("all 1 places"),
        "{failed}"
    );
}
