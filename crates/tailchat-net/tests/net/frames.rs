//! Frames of honest peers: they arrive whole, in order, and none is lost to a slow reader.

use std::time::Duration;

use tailchat_net::{CloseReason, Limits, NetEvent};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use crate::rig::{Peer, join, loopback, start};

#[tokio::test]
async fn a_mebibyte_goes_both_ways() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let (in_a, in_b) = join(&mut a, &mut b).await;
    let frame: Vec<u8> = (0..=u8::MAX).cycle().take(1024 * 1024).collect();
    a.net.send(in_a, frame.clone());
    b.net.send(in_b, frame.iter().rev().copied().collect());
    assert!(b.frame().await == frame);
    assert!(a.frame().await.iter().rev().eq(&frame));
}

#[tokio::test]
async fn many_small_frames_keep_their_order() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let (in_a, _) = join(&mut a, &mut b).await;
    for number in 0..5_000_u32 {
        a.net.send(in_a, number.to_be_bytes().to_vec());
    }
    for number in 0..5_000_u32 {
        assert_eq!(b.frame().await, number.to_be_bytes());
    }
}

#[tokio::test]
async fn a_full_channel_of_events_slows_the_peer_and_loses_nothing() {
    let limits = Limits {
        frame_complete_within: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut a = start(&loopback(), limits, 1);
    let mut b = start(&loopback(), limits, 1);
    let (in_a, _) = join(&mut a, &mut b).await;
    for number in 0..100_u8 {
        a.net.send(in_a, vec![number; 40_000]);
    }
    // Longer than a frame may take: the wait is the engine's, not the peer's.
    sleep(Duration::from_millis(300)).await;
    for number in 0..100_u8 {
        assert_eq!(b.frame().await, vec![number; 40_000]);
    }
}

#[tokio::test]
async fn a_frame_that_an_answer_permits_is_never_too_early() {
    for _ in 0..50 {
        let (mut a, mut b) = (Peer::new(), Peer::new());
        a.net.dial(b.addr().to_string());
        let (in_a, in_b) = (a.connected().await, b.connected().await);
        a.net.send(in_a, vec![1]);
        assert_eq!(b.frame().await, [1]);
        b.net.raise_limit(in_b, 100_000);
        b.net.send(in_b, vec![2]);
        assert_eq!(a.frame().await, [2]);
        a.net.send(in_a, vec![3; 100_000]);
        assert_eq!(b.frame().await.len(), 100_000);
    }
}

#[tokio::test]
async fn an_empty_frame_is_left_out() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let (in_a, _) = join(&mut a, &mut b).await;
    a.net.send(in_a, Vec::new());
    a.net.send(in_a, vec![1]);
    assert_eq!(b.frame().await, [1]);
}

#[tokio::test]
async fn a_flood_from_one_peer_does_not_starve_another() {
    let mut b = Peer::new();
    let mut flooder = b.raw().await;
    let flooding = b.connected().await;
    let flood = tokio::spawn(async move {
        let frames = [0, 0, 0, 1, 9].repeat(10_000);
        while flooder.write_all(&frames).await.is_ok() {}
    });
    let mut a = Peer::new();
    a.net.dial(b.addr().to_string());
    let in_a = a.connected().await;
    for number in 0..20_u8 {
        a.net.send(in_a, vec![number, number]);
        let mut flooded = 0;
        loop {
            match b.next().await {
                NetEvent::Frame { bytes, .. } if bytes == [number, number] => break,
                NetEvent::Frame { conn, .. } => {
                    assert_eq!(conn, flooding);
                    flooded += 1;
                    assert!(flooded < 5_000, "the polite frame is still not here");
                }
                NetEvent::Connected { .. } => (),
                other => unreachable!("{other:?}"),
            }
        }
    }
    b.net.close(flooding);
    loop {
        if let NetEvent::Closed { conn, why } = b.next().await {
            assert_eq!((conn, why), (flooding, CloseReason::ClosedByUs));
            break;
        }
    }
    flood.await.expect("the flooder notices that it is alone");
}
