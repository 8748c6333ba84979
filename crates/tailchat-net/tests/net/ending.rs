//! Ends: what was sent still arrives, nobody waits for long, and the port is free again.

use std::time::Duration;

use tailchat_net::{CloseReason, Limits, Listen, Net};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::rig::{PATIENCE, Peer, join, loopback, start};

#[tokio::test]
async fn what_was_sent_before_a_close_arrives_even_while_the_peer_talks() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let (in_a, in_b) = join(&mut a, &mut b).await;
    for number in 0..3 {
        a.net.send(in_a, vec![number; 1024 * 1024]);
        b.net.send(in_b, vec![number; 1024 * 1024]);
    }
    a.net.close(in_a);
    for number in 0..3 {
        assert_eq!(b.frame().await.first(), Some(&number));
    }
    assert_eq!(b.closed().await, (in_b, CloseReason::PeerClosed));
    assert_eq!(a.closed().await, (in_a, CloseReason::ClosedByUs));
}

#[tokio::test]
async fn commands_for_a_connection_that_is_over_do_nothing() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let (in_a, in_b) = join(&mut a, &mut b).await;
    b.net.close(in_b);
    assert_eq!(a.closed().await, (in_a, CloseReason::PeerClosed));
    a.net.send(in_a, vec![1]);
    a.net.raise_limit(in_a, 1);
    a.net.close(in_a);
    let (again, _) = join(&mut a, &mut Peer::new()).await;
    assert_ne!(again, in_a);
}

#[tokio::test]
async fn shutdown_flushes_what_was_sent() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let (in_a, in_b) = join(&mut a, &mut b).await;
    for number in 0..3 {
        a.net.send(in_a, vec![number; 1024 * 1024]);
    }
    let begun = Instant::now();
    let (mut a_events, shutdown) = (a.events, a.net.shutdown());
    let receive = async {
        for number in 0..3 {
            assert_eq!(b.frame().await.first(), Some(&number));
        }
        assert_eq!(b.closed().await, (in_b, CloseReason::PeerClosed));
    };
    tokio::join!(shutdown, receive);
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "nobody had to be waited for"
    );
    assert!(
        a_events.recv().await.is_some(),
        "the end of the connection is told"
    );
    assert_eq!(a_events.recv().await, None);
}

#[tokio::test]
async fn shutdown_waits_neither_for_a_deaf_peer_nor_for_a_reader_of_events() {
    let limits = Limits {
        flush_within: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut peer = start(&loopback(), limits, 1);
    let _deaf = peer.raw().await;
    let conn = peer.connected().await;
    let _others = (peer.raw().await, peer.raw().await, peer.raw().await);
    for _ in 0..3 {
        peer.net.send(conn, vec![0; 1024 * 1024]);
    }
    timeout(Duration::from_millis(600), peer.net.shutdown())
        .await
        .expect("in time");
}

#[tokio::test]
async fn shutdown_is_quick_while_nobody_reads_events() {
    let mut peer = start(&loopback(), Limits::default(), 1);
    let mut others = [Peer::new(), Peer::new(), Peer::new()];
    for other in &mut others {
        join(other, &mut peer).await;
    }
    let begun = Instant::now();
    peer.net.shutdown().await;
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_port_can_be_had_again_at_once_after_shutdown() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    join(&mut a, &mut b).await;
    let addr = b.addr();
    // The side that closes first is the one whose port lingers in the kernel.
    b.net.shutdown().await;
    let (sender, _events) = mpsc::channel(1);
    let again = Net::start(&Listen::At(vec![addr]), Limits::default(), sender);
    assert_eq!(again.expect("the port is free").listening(), [addr]);
}

#[tokio::test]
async fn dropping_ends_all_tasks_and_frees_the_port() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    join(&mut a, &mut b).await;
    b.net.dial("10.255.255.1:9".to_owned());
    let addr = b.addr();
    drop(b.net);
    let end = timeout(PATIENCE, async { while b.events.recv().await.is_some() {} }).await;
    end.expect("no task holds the channel any more");
    assert_eq!(a.closed().await.1, CloseReason::PeerClosed);
    sleep(Duration::from_millis(1)).await;
    let (sender, _events) = mpsc::channel(1);
    assert!(Net::start(&Listen::At(vec![addr]), Limits::default(), sender).is_ok());
}
