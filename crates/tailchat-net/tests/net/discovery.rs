//! Peers find each other: on a LAN that is the loopback interface under a port of the test's own, in a tailnet
//! whose daemon is played, in a file. Nothing here is heard by another machine.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mdns_sd::{IfKind, ServiceDaemon, ServiceEvent};
use tailchat_net::{Discovery, EVENTS_CAPACITY, Limits, Listen, Mdns, NetEvent, Source, Standing, Tailscale};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use crate::rig::{PATIENCE, Peer, loopback, start};

/// What a question to a daemon may take, what it takes until the next look, and something on top.
const LONG_PATIENCE: Duration = Duration::from_secs(8);

type Found = (BTreeSet<String>, Standing);

fn nothing() -> Discovery {
    Discovery {
        mdns: None,
        tailscale: None,
        wireguard: false,
        hosts: None,
    }
}

/// A LAN of the test's own.
fn lan() -> Discovery {
    let unused = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    let port = unused.local_addr().expect("it is bound").port();
    Discovery {
        mdns: Some(Mdns { port, loopback: true }),
        ..nothing()
    }
}

fn tailnet(socket: PathBuf) -> Discovery {
    Discovery {
        tailscale: Some(Tailscale {
            socket,
            programs: Vec::new(),
        }),
        ..nothing()
    }
}

fn peer(how: &Discovery) -> Peer {
    let mut peer = Peer::new();
    peer.net.discover(how.clone());
    peer
}

impl Peer {
    /// The next news of a source.
    async fn found(&mut self, from: Source) -> Found {
        loop {
            let event = timeout(LONG_PATIENCE, self.events.recv()).await;
            match event.expect("an event in time").expect("the network runs") {
                NetEvent::Found {
                    source,
                    addrs,
                    standing,
                } if source == from => return (addrs, standing),
                NetEvent::NetworkChanged => (),
                other => unreachable!("expected news of {from}, got {other:?}"),
            }
        }
    }

    /// Waits until a source gives exactly these addresses.
    async fn finds(&mut self, from: Source, wanted: &[SocketAddr]) -> Standing {
        let wanted = wanted.iter().map(SocketAddr::to_string).collect();
        self.finds_at(from, &wanted).await
    }

    async fn finds_at(&mut self, from: Source, wanted: &BTreeSet<String>) -> Standing {
        loop {
            let (addrs, standing) = self.found(from).await;
            if addrs == *wanted {
                return standing;
            }
        }
    }
}

fn set(addrs: &[&str]) -> BTreeSet<String> {
    addrs.iter().map(|&addr| addr.to_owned()).collect()
}

#[tokio::test]
async fn two_peers_on_a_lan_see_each_other_and_that_one_has_left() {
    let lan = lan();
    let mut ana = peer(&lan);
    let (before, _) = ana.found(Source::Mdns).await;
    assert_eq!(before, set(&[]));
    // By now ana's own questions and announcements are past. Within a second of one, the same would not be
    // said again (RFC 6762, 6).
    sleep(Duration::from_millis(2500)).await;

    let begun = Instant::now();
    let mut bob = peer(&lan);
    let (ana_at, bob_at) = (ana.addr(), bob.addr());
    let running = async {
        let standing = ana.finds(Source::Mdns, &[bob_at]).await;
        (standing, begun.elapsed())
    };
    let newcomer = async {
        let standing = bob.finds(Source::Mdns, &[ana_at]).await;
        (standing, begun.elapsed())
    };
    let ((of_ana, running), (of_bob, newcomer)) = tokio::join!(running, newcomer);
    assert_eq!((of_ana, of_bob), (Standing::Working, Standing::Working));
    println!("a newcomer sees who was there after {newcomer:?}, and is seen after {running:?}");
    assert!(newcomer < PATIENCE && running < PATIENCE);

    bob.net.shutdown().await;
    let left = Instant::now();
    ana.finds(Source::Mdns, &[]).await;
    println!("a goodbye is heard after {:?}", left.elapsed());
    assert!(left.elapsed() < 2 * PATIENCE);
}

#[tokio::test]
async fn a_dropped_peer_says_goodbye_too() {
    let lan = lan();
    let mut ana = peer(&lan);
    let bob = peer(&lan);
    ana.finds(Source::Mdns, &[bob.addr()]).await;
    drop(bob);
    ana.finds(Source::Mdns, &[]).await;
}

#[tokio::test]
async fn a_lan_learns_an_address_and_a_port_and_nothing_else() {
    let lan = lan();
    let port = lan.mdns.as_ref().expect("it is asked for").port;
    let ana = peer(&lan);
    let stranger = ServiceDaemon::new_with_port(port).expect("a thread");
    stranger.disable_interface(IfKind::All).expect("it runs");
    stranger.enable_interface(IfKind::LoopbackV4).expect("it runs");
    let heard = stranger.browse("_tailchat._tcp.local.").expect("it runs");
    let service = loop {
        let event = timeout(PATIENCE, heard.recv_async()).await;
        if let ServiceEvent::ServiceResolved(service) = event.expect("in time").expect("it runs") {
            break service;
        }
    };
    let _ = stranger.shutdown();
    let of_chance = |name: &str| name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = service.get_fullname().strip_suffix("._tailchat._tcp.local.");
    assert!(name.is_some_and(of_chance), "{service:?}");
    let host = service.get_hostname().strip_suffix(".local.");
    assert!(host.is_some_and(of_chance), "{service:?}");
    assert!(service.get_properties().is_empty(), "{service:?}");
    assert_eq!(service.get_port(), ana.addr().port());
}

#[tokio::test]
async fn who_listens_to_this_machine_alone_or_to_nobody_stays_off_the_lan() {
    let production = Discovery {
        mdns: Some(Mdns::default()),
        ..nothing()
    };
    for listen in [loopback(), Listen::Nowhere] {
        let mut private = start(&listen, Limits::default(), EVENTS_CAPACITY);
        private.net.discover(production.clone());
        let (addrs, standing) = private.found(Source::Mdns).await;
        assert_eq!(addrs, set(&[]));
        assert!(matches!(standing, Standing::Absent(_)), "{standing:?}");
    }
}

#[tokio::test]
async fn a_crowd_of_strangers_on_a_lan_is_bounded_and_told() {
    let lan = lan();
    let port = lan.mdns.as_ref().expect("it is asked for").port;
    let mut ana = peer(&lan);
    ana.found(Source::Mdns).await;
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    for n in 0..2000 {
        let sent = stranger.send_to(&announcement(n), (Ipv4Addr::new(224, 0, 0, 251), port));
        sent.expect("loopback carries multicast");
        if n % 50 == 0 {
            sleep(Duration::from_millis(2)).await;
        }
    }
    loop {
        let (addrs, standing) = ana.found(Source::Mdns).await;
        assert!(addrs.len() <= 256, "{}", addrs.len());
        if matches!(&standing, Standing::Failing(text) if text.contains("more than 256")) {
            break;
        }
    }
    let mut bob = peer(&lan);
    bob.found(Source::Mdns).await;
    ana.net.shutdown().await;
}

/// A response of mDNS: the service `x<n>` at 127.0.0.1, port 10000 + n.
fn announcement(n: u16) -> Vec<u8> {
    fn name(packet: &mut Vec<u8>, labels: &str) {
        for label in labels.split('.') {
            packet.push(u8::try_from(label.len()).expect("a short label"));
            packet.extend(label.bytes());
        }
        packet.push(0);
    }
    let service = "_tailchat._tcp.local";
    let (instance, host) = (format!("x{n}.{service}"), format!("x{n}.local"));
    let mut packet = vec![0, 0, 0x84, 0, 0, 0, 0, 3, 0, 0, 0, 0];
    let mut record = |owner: &str, kind: u8, bytes: &[u8]| {
        name(&mut packet, owner);
        packet.extend([0, kind, 0, 1, 0, 0, 0, 120]);
        packet.extend(u16::try_from(bytes.len()).expect("short").to_be_bytes());
        packet.extend(bytes);
    };
    let mut pointer = Vec::new();
    name(&mut pointer, &instance);
    let mut place = vec![0, 0, 0, 0];
    place.extend((10_000 + n).to_be_bytes());
    name(&mut place, &host);
    record(service, 12, &pointer);
    record(&instance, 33, &place);
    record(&host, 1, &[127, 0, 0, 1]);
    packet
}

/// A daemon that answers each question in its own way. It lives as long as the test's runtime.
fn daemon<F>(socket: &Path, answer: impl Fn(UnixStream) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = UnixListener::bind(socket).expect("a free path");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
}

const HEAD: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";

#[tokio::test]
async fn online_peers_of_a_tailnet_are_found_by_its_daemon() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("sock");
    daemon(&socket, |mut stream| async move {
        let mut question = vec![0; 1000];
        let len = stream.read(&mut question).await.unwrap_or(0);
        let question = String::from_utf8_lossy(&question[..len]).into_owned();
        assert_eq!(
            question,
            "GET /localapi/v0/status HTTP/1.0\r\nHost: local-tailscaled.sock\r\n\r\n"
        );
        let json = br#"{"BackendState": "Running", "Self": {"TailscaleIPs": ["100.64.0.1"]}, "Peer": {
            "a": {"TailscaleIPs": ["100.64.0.2", "fd7a::2"], "Online": true},
            "b": {"TailscaleIPs": ["100.64.0.3"], "Online": false}}}"#;
        let _ = stream.write_all(&[HEAD, json].concat()).await;
    });
    let mut ana = peer(&tailnet(socket));
    let found = ana.found(Source::Tailscale).await;
    assert_eq!(found, (set(&["100.64.0.2:24242"]), Standing::Working));
}

#[tokio::test]
async fn without_a_daemon_tailscale_is_absent() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut ana = peer(&tailnet(folder.path().join("sock")));
    let (addrs, standing) = ana.found(Source::Tailscale).await;
    assert_eq!(addrs, set(&[]));
    assert!(matches!(standing, Standing::Absent(_)), "{standing:?}");
}

/// What a daemon of ill will or in trouble costs: its time-out, and a word.
async fn costs_its_time_out<F>(answer: impl Fn(UnixStream) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("sock");
    daemon(&socket, answer);
    let mut ana = peer(&tailnet(socket));
    let begun = Instant::now();
    // Frames and dials go on meanwhile: nothing waits for a source.
    ana.net.dial("127.0.0.1:1".into());
    let first = timeout(PATIENCE, ana.events.recv()).await.expect("in time");
    let early = match first.expect("it runs") {
        NetEvent::DialFailed { .. } => None,
        NetEvent::Found { addrs, standing, .. } => Some((addrs, standing)),
        other => unreachable!("{other:?}"),
    };
    let (addrs, standing) = match early {
        Some(found) => found,
        None => ana.found(Source::Tailscale).await,
    };
    assert_eq!(addrs, set(&[]));
    assert!(matches!(standing, Standing::Failing(_)), "{standing:?}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let begun = Instant::now();
    ana.net.shutdown().await;
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a_daemon_that_answers_rubbish_costs_a_word() {
    costs_its_time_out(|mut stream| async move {
        let _ = stream.write_all(b"\0\xff{}{}{}\r\n\r\n\r\n").await;
    })
    .await;
    costs_its_time_out(|mut stream| async move {
        let _ = stream.write_all(&[HEAD, b"{\"Peer\": 7"].concat()).await;
    })
    .await;
    costs_its_time_out(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.0 403 Forbidden\r\n\r\n{}").await;
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_never_stops_costs_its_limit() {
    costs_its_time_out(|mut stream| async move {
        let _ = stream.write_all(HEAD).await;
        while stream.write_all(&[b' '; 64 * 1024]).await.is_ok() {}
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_drips_costs_its_time_out() {
    costs_its_time_out(|mut stream| async move {
        for byte in HEAD.iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_never_answers_costs_its_time_out() {
    costs_its_time_out(|stream| async move {
        sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
}

#[tokio::test]
async fn a_hosts_file_is_followed_from_before_it_exists_and_we_are_not_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hosts");
    let mut ana = peer(&Discovery {
        hosts: Some(path.clone()),
        ..nothing()
    });
    let (_, standing) = ana.found(Source::Hosts).await;
    assert!(matches!(standing, Standing::Absent(_)), "{standing:?}");

    let own = ana.addr();
    std::fs::write(&path, format!("# ours\nana.local:7000\nbob\n{own}\n")).expect("a file");
    let wanted = set(&["ana.local:7000", "bob:24242"]);
    assert_eq!(ana.finds_at(Source::Hosts, &wanted).await, Standing::Working);

    std::fs::write(&path, "bob\n:\n").expect("a file");
    let standing = ana.finds_at(Source::Hosts, &set(&["bob:24242"])).await;
    assert!(
        matches!(&standing, Standing::Failing(text) if text.contains("line 2")),
        "{standing:?}"
    );

    std::fs::remove_file(&path).expect("it is there");
    let standing = ana.finds_at(Source::Hosts, &set(&[])).await;
    assert!(matches!(standing, Standing::Absent(_)), "{standing:?}");
}

#[tokio::test]
async fn what_is_asked_for_in_production_is_told_of_and_ends_with_the_network() {
    let mut ana = Peer::new();
    ana.net.discover(Discovery::default());
    let mut told = BTreeSet::new();
    while told.len() < 3 {
        let event = timeout(LONG_PATIENCE, ana.events.recv()).await;
        match event.expect("an event in time").expect("the network runs") {
            NetEvent::Found { source, .. } => _ = told.insert(source),
            NetEvent::NetworkChanged => (),
            other => unreachable!("{other:?}"),
        }
    }
    let begun = Instant::now();
    ana.net.shutdown().await;
    assert!(begun.elapsed() < Duration::from_millis(500));
    assert_eq!(ana.events.recv().await, None, "nobody is left who could tell");
}
