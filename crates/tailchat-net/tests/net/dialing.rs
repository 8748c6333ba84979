//! Opening: names, addresses and ports, and what a person is told when they do not work.

use std::net::{Ipv4Addr, SocketAddr};

use tailchat_net::{EVENTS_CAPACITY, Limits, Listen, Net, NetEvent, Role};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::rig::{Peer, start};

async fn why_dial_fails(peer: &mut Peer, addr: &str) -> String {
    peer.net.dial(addr.to_owned());
    match peer.next().await {
        NetEvent::DialFailed { addr: failed, why } => {
            assert_eq!(failed, addr);
            why
        }
        other => unreachable!("expected DialFailed, got {other:?}"),
    }
}

#[tokio::test]
async fn a_name_is_resolved_and_all_its_addresses_are_tried() {
    // Listens on IPv4 alone, while localhost may well be IPv6 first.
    let (mut a, mut b) = (Peer::new(), Peer::new());
    let name = format!("localhost:{}", b.addr().port());
    a.net.dial(name.clone());
    let NetEvent::Connected {
        role, remote, dialed, ..
    } = a.next().await
    else {
        unreachable!("the peer listens");
    };
    assert_eq!((role, remote, dialed), (Role::Dialed, b.addr(), Some(name)));
    let NetEvent::Connected {
        role, remote, dialed, ..
    } = b.next().await
    else {
        unreachable!("the peer dialed");
    };
    assert_eq!(
        (role, remote.ip(), dialed),
        (Role::Accepted, Ipv4Addr::LOCALHOST.into(), None)
    );
}

#[tokio::test]
async fn a_closed_port_is_told_with_its_address() {
    let vacated = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = vacated.local_addr().expect("it is bound").to_string();
    drop(vacated);
    let why = why_dial_fails(&mut Peer::new(), &addr).await;
    assert!(why.starts_with(&addr) && why.contains("refused"), "{why}");
}

#[tokio::test]
async fn what_is_no_address_is_told_without_trying() {
    let why = why_dial_fails(&mut Peer::new(), "ana:port").await;
    assert!(why.contains("HOST:PORT"), "{why}");
}

#[tokio::test]
async fn dials_beyond_those_at_a_time_take_their_turn() {
    let (mut a, mut b) = (Peer::new(), Peer::new());
    for _ in 0..30 {
        a.net.dial(b.addr().to_string());
    }
    for _ in 0..30 {
        a.connected().await;
        b.connected().await;
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_what_to_do() {
    let first = Peer::new();
    let (sender, _events) = mpsc::channel(EVENTS_CAPACITY);
    let taken = Net::start(&Listen::At(vec![first.addr()]), Limits::default(), sender);
    let text = taken.err().expect("the port is taken").to_string();
    assert!(text.contains(&first.addr().to_string()), "{text}");
    assert!(text.contains("--listen") && text.contains("port 0"), "{text}");
}

#[tokio::test]
async fn listening_everywhere_takes_one_port_and_shows_ipv4_peers_as_such() {
    let mut peer = start(
        &Listen::Everywhere { port: 0 },
        Limits::default(),
        EVENTS_CAPACITY,
    );
    let port = peer.addr().port();
    assert!(
        peer.net
            .listening()
            .iter()
            .all(|addr| addr.port() == port && port != 0)
    );
    let mut other = start(&Listen::Nowhere, Limits::default(), EVENTS_CAPACITY);
    assert!(other.net.listening().is_empty());
    other
        .net
        .dial(SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string());
    other.connected().await;
    let NetEvent::Connected { remote, .. } = peer.next().await else {
        unreachable!("the other dialed");
    };
    assert_eq!(remote.ip(), Ipv4Addr::LOCALHOST);

    let (sender, _events) = mpsc::channel(EVENTS_CAPACITY);
    let again = Net::start(&Listen::Everywhere { port }, Limits::default(), sender);
    assert!(
        again
            .err()
            .expect("the port is taken")
            .to_string()
            .contains("taken")
    );
}
