//! A real node over real sockets, and a peer that keeps no rule: strangers, and members who hold the room's ID. Each
//! costs its own connection at most; the node goes on, others hear nothing of it, and no time or memory is lost.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::path::Path;
use std::time::{Duration, Instant};

use tailchat_core::block::{Block, SeqRange};
use tailchat_core::change::Parts;
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::handshake::{FrameKey, Hello, MAGIC, PROTOCOL_VERSION, Role, Session, Tag};
use tailchat_core::ids::{ActorId, ChangeHash, DeviceId, Instance, RoomId};
use tailchat_core::limits::{ENTRY_LEN_MAX, FRAME_MAX, ORDER_MAX, TAGS_MAX, WANT_RANGES_MAX};
use tailchat_core::state::{Change, Row, Tip};
use tailchat_core::wire::{
    Arrived, Bye, Claim, ConnFrame, Greet, RoomFrame, decode, encode_conn, encode_room, open_room,
};
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Item, MessageItem, MessageKind, Request, RoomItem, StatusItem, Wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the node takes for anything here, on a busy machine too; less than any of its own time-outs that would
/// hide a fault, but for the 5 s of a handshake.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node in this process.
struct Ann {
    client: Client,
    addr: String,
    room: RoomId,
    invite: String,
    _folder: tempfile::TempDir,
}

impl Ann {
    async fn with_a_room() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut client = serve(folder.path(), "ann").await;
        let addr = client.hello().await.unwrap().listening.remove(0);
        let made = client
            .ask(Request::New {
                name: "kitchen".into(),
            })
            .await
            .unwrap()
            .pop();
        let Some(Item::Room(RoomItem { room, invite, .. })) = made else {
            panic!("{made:?}")
        };
        Self {
            client,
            addr,
            room: room.parse().unwrap(),
            invite,
            _folder: folder,
        }
    }

    async fn send(&mut self, text: &str) -> String {
        let request = Request::Send {
            room: "kitchen".into(),
            texts: vec![text.into()],
            action: false,
            reply_to: None,
            on: 0,
            wait: Wait::No,
        };
        let items = timeout(PATIENCE, self.client.ask(request))
            .await
            .unwrap()
            .unwrap();
        let Some(Item::Posted { id, .. }) = items.into_iter().next() else {
            panic!("not posted")
        };
        id
    }

    async fn log(&mut self) -> Vec<MessageItem> {
        messages(&mut self.client).await
    }

    async fn status(&mut self) -> StatusItem {
        let request = Request::Status {
            room: None,
            wait: Wait::No,
        };
        let items = timeout(PATIENCE, self.client.ask(request))
            .await
            .unwrap()
            .unwrap();
        let Some(Item::Status(status)) = items.into_iter().next() else {
            panic!("no status")
        };
        status
    }

    /// Waits until a message is there.
    async fn has(&mut self, text: &str) {
        let began = Instant::now();
        while !self.log().await.iter().any(|message| message.text == text) {
            assert!(began.elapsed() < PATIENCE, "{text:?} does not arrive");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The time, as the node's own messages say it.
    async fn log_stamp(&mut self) -> i64 {
        self.send("now").await;
        self.log().await.last().unwrap().sent_at_ms
    }

    /// Whether the node still does what it is there for.
    async fn is_well(&mut self) {
        let id = self.send("still here").await;
        assert!(self.log().await.iter().any(|message| message.id == id));
        self.status().await;
    }
}

async fn messages(client: &mut Client) -> Vec<MessageItem> {
    let request = Request::Log {
        room: "kitchen".into(),
        last: None,
        since_ms: None,
        until_ms: None,
        follow: false,
    };
    let items = timeout(PATIENCE, client.ask(request)).await.unwrap().unwrap();
    let message = |item| match item {
        Item::Message(message) => *message,
        other => panic!("{other:?}"),
    };
    items.into_iter().map(message).collect()
}

async fn serve(data: &Path, name: &str) -> Client {
    let config = Config {
        data: data.to_owned(),
        listen: Some("127.0.0.1:0".into()),
        name: None,
        default_name: name.into(),
        online: true,
    };
    Client::serve(config).await.unwrap()
}

/// Random enough for nonces and names.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand_core::TryRngCore::try_fill_bytes(&mut rand_core::OsRng, &mut bytes).unwrap();
    bytes
}

fn hello() -> Hello {
    Hello {
        magic: MAGIC,
        version: PROTOCOL_VERSION,
        nonce: random(),
        instance: Instance(random()),
    }
}

/// A peer that says what a test wants, and nothing by itself.
struct Mallory {
    stream: TcpStream,
    /// What came before the end, for a look at it.
    heard: Vec<ConnFrame>,
    session: Option<Session>,
    member: Option<Member>,
}

/// What a peer is by knowing the room's ID.
struct Member {
    send_key: FrameKey,
    receive_key: FrameKey,
    slot: u16,
}

impl Mallory {
    async fn dial(ann: &Ann) -> Self {
        Self::on(TcpStream::connect(&ann.addr).await.unwrap())
    }

    fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            heard: Vec::new(),
            session: None,
            member: None,
        }
    }

    /// Past the Hellos.
    async fn met(ann: &Ann) -> Self {
        Self::met_as(ann, hello()).await
    }

    async fn met_as(ann: &Ann, ours: Hello) -> Self {
        let mut own = Self::dial(ann).await;
        assert!(own.meet(ours).await);
        own
    }

    async fn meet(&mut self, ours: Hello) -> bool {
        self.conn(&ConnFrame::Hello(ours)).await;
        let Some(frame) = self.frame().await else {
            return false;
        };
        self.session = Some(Session::new(&ours, &hello_of(&frame)));
        true
    }

    async fn their_hello(&mut self) -> Hello {
        let frame = self.frame().await.unwrap();
        hello_of(&frame)
    }

    /// A member of ann's room that has greeted and was greeted; what it holds is said to be nothing.
    async fn member(ann: &Ann) -> Self {
        let mut own = Self::proved(ann).await;
        own.greet(0).await;
        own
    }

    /// Known as a member, but silent yet.
    async fn proved(ann: &Ann) -> Self {
        Self::proved_as(ann, hello()).await
    }

    async fn proved_as(ann: &Ann, ours: Hello) -> Self {
        let mut own = Self::met_as(ann, ours).await;
        own.prove(ann.room).await;
        let first = own.heard_in_room().await;
        assert!(matches!(first, Some(RoomFrame::Greet(_))), "{first:?}");
        own
    }

    async fn prove(&mut self, room: RoomId) {
        let session = self.session.unwrap();
        let tag = session.tag(room, Role::Dialler);
        self.offer(vec![random(), tag, random(), random()]).await;
        self.member = Some(Member {
            send_key: session.key(room, Role::Dialler),
            receive_key: session.key(room, Role::Listener),
            slot: 1,
        });
    }

    /// A member, unless the node has no place for one more connection now.
    async fn try_member(addr: &str, room: RoomId) -> Option<Self> {
        let mut own = Self::on(TcpStream::connect(addr).await.ok()?);
        if !own.meet(hello()).await {
            return None;
        }
        own.prove(room).await;
        own.greet(0).await;
        Some(own)
    }

    async fn greet(&mut self, listen_port: u16) {
        self.greet_as("mallory".into(), listen_port).await;
    }

    async fn greet_as(&mut self, name: String, listen_port: u16) {
        let greet = Greet {
            device: DeviceId(random()),
            name,
            listen_port,
            digest: [0; 16],
        };
        self.room(&RoomFrame::Greet(greet)).await;
    }

    /// Says that these changes are on its disk.
    async fn claim(&mut self, changes: &[Change]) {
        let last = changes.last().unwrap();
        self.room(&RoomFrame::Vector(vec![Claim::of(last.parts.actor, &last.tip)]))
            .await;
    }

    async fn serve(&mut self, changes: &[Change]) {
        let block = Block::of(changes.iter().map(|change| (&change.parts, change.encoded.hash)));
        self.room(&RoomFrame::Block(block.encode())).await;
    }

    /// Waits until it is asked for changes.
    async fn asked(&mut self) -> Vec<SeqRange> {
        loop {
            match self.heard_in_room().await {
                Some(RoomFrame::Want(wanted)) => return wanted,
                Some(_) => {}
                None => panic!("closed instead of asked"),
            }
        }
    }

    /// Whether ann is silent but for her own offer: whom she takes for a member, she greets before she answers a ping.
    async fn is_no_member(&mut self) -> bool {
        self.conn(&ConnFrame::Ping).await;
        while let Some(frame) = self.frame().await {
            match decode(&frame) {
                Ok(Arrived::Conn(ConnFrame::Pong)) => return true,
                Ok(Arrived::Room { .. }) => return false,
                _ => {}
            }
        }
        true
    }

    async fn offer(&mut self, tags: Vec<Tag>) {
        self.conn(&ConnFrame::Offer(tags)).await;
    }

    async fn conn(&mut self, frame: &ConnFrame) {
        self.framed(&encode_conn(frame)).await;
    }

    async fn room(&mut self, frame: &RoomFrame) {
        let member = self.member.as_mut().unwrap();
        let bytes = encode_room(member.slot, &mut member.send_key, frame);
        self.framed(&bytes).await;
    }

    async fn framed(&mut self, frame: &[u8]) {
        let mut bytes = u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(frame);
        self.raw(&bytes).await;
    }

    /// A closed connection is what some of these are for.
    async fn raw(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next frame; none once the connection is closed.
    async fn frame(&mut self) -> Option<Vec<u8>> {
        let read = async {
            let len = self.stream.read_u32().await.ok()?;
            let mut frame = vec![0; len as usize];
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(frame)
        };
        timeout(PATIENCE, read).await.unwrap()
    }

    /// The next frame in the room; none once the connection is closed. Frames of the connection are kept.
    async fn heard_in_room(&mut self) -> Option<RoomFrame> {
        loop {
            let frame = self.frame().await?;
            match decode(&frame).unwrap() {
                Arrived::Conn(frame) => self.heard.push(frame),
                Arrived::Room { sealed, .. } => {
                    return Some(open_room(sealed, &mut self.member.as_mut().unwrap().receive_key).unwrap());
                }
            }
        }
    }

    /// Waits for the end, and gives the last word.
    async fn closed(&mut self) -> Option<Bye> {
        while let Some(frame) = self.frame().await {
            if let Ok(Arrived::Conn(frame)) = decode(&frame) {
                self.heard.push(frame);
            }
        }
        match self.heard.last() {
            Some(ConnFrame::Bye(bye)) => Some(*bye),
            _ => None,
        }
    }

    /// Whether the connection still stands, by a ping.
    async fn stands(&mut self) -> bool {
        self.conn(&ConnFrame::Ping).await;
        while let Some(frame) = self.frame().await {
            if matches!(decode(&frame), Ok(Arrived::Conn(ConnFrame::Pong))) {
                return true;
            }
        }
        false
    }
}

fn hello_of(frame: &[u8]) -> Hello {
    match decode(frame) {
        Ok(Arrived::Conn(ConnFrame::Hello(hello))) => hello,
        other => panic!("{other:?}"),
    }
}

fn text(order: u64, words: &str) -> Vec<u8> {
    let text = Text {
        text: words.into(),
        reply_to: None,
    };
    let stamp = Stamp {
        order,
        sent_at_ms: order.cast_signed(),
    };
    Entry {
        stamp,
        body: Body::Text(text),
    }
    .encode()
}

/// A chain of mallory's own, a change for each list of entries.
fn chain(actor: ActorId, entries: Vec<Vec<Vec<u8>>>) -> Vec<Change> {
    let mut tip = Tip::START;
    let extend = |entries| {
        let (next, change) = tip.extend(actor, entries);
        tip = next;
        change
    };
    entries.into_iter().map(extend).collect()
}

fn row(seq: u64, entries: Vec<Vec<u8>>) -> Row {
    Row {
        actor: ActorId(random()),
        seq,
        hash: ChangeHash(random()),
        entries,
    }
}

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
        RoomFrame::Vector(vec![]),
        RoomFrame::Want(vec![]),
        RoomFrame::Block(vec![]),
        RoomFrame::Push(vec![]),
        RoomFrame::Disk {
            device: DeviceId([1; 16]),
            claims: vec![],
        },
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_or_repeated_frame_of_a_room_ends_the_connection() {
    let mut ann = Ann::with_a_room().await;
    let leave = RoomFrame::Have(vec![]);
    for times in [1, 2] {
        let mut mallory = Mallory::member(&ann).await;
        let member = mallory.member.as_mut().unwrap();
        let mut bytes = encode_room(member.slot, &mut member.send_key, &leave);
        if times == 1 {
            *bytes.last_mut().unwrap() ^= 1;
        }
        for _ in 0..times {
            mallory.framed(&bytes).await;
        }
        assert_eq!(mallory.closed().await, Some(Bye::Protocol));
    }
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_claims_are_not_believed_and_keep_nobody_from_the_rest() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::member(&ann).await;
    let claim = |seq| Claim {
        actor: ActorId(random()),
        seq,
        entries: seq,
        messages: seq,
        hash: random(),
    };
    let mut claims: Vec<_> = (0..9000).map(|_| claim(1 << 30)).collect();
    claims.extend([claim(u64::MAX), claim(u64::MAX)]);
    mallory.room(&RoomFrame::Vector(claims.clone())).await;
    mallory.room(&RoomFrame::Have(claims)).await;
    assert!(mallory.stands().await);
    let status = ann.status().await;
    assert_eq!((status.peers.len(), status.messages), (1, 0));
    // She was asked and says nothing; who sends something is heard all the same.
    let mut bob = Mallory::member(&ann).await;
    let changes = chain(ActorId(random()), vec![vec![text(1, "from bob")]]);
    bob.room(&RoomFrame::Push(changes.iter().map(Row::from).collect()))
        .await;
    ann.has("from bob").await;
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_claims_much_and_serves_little_is_asked_last() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::member(&ann).await;
    let hers = chain(
        ActorId(random()),
        (0..50).map(|n| vec![text(n, "drip")]).collect(),
    );
    mallory.claim(&hers).await;
    assert!(matches!(
        mallory.asked().await[..],
        [SeqRange { from: 1, to: 50, .. }]
    ));
    let mut bob = Mallory::member(&ann).await;
    let his = chain(
        ActorId(random()),
        (0..5).map(|n| vec![text(n, "bob's")]).collect(),
    );
    bob.claim(&his).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    mallory.serve(&hers[..1]).await;
    assert!(matches!(bob.asked().await[..], [SeqRange { from: 1, to: 5, .. }]));
    bob.serve(&his).await;
    ann.has("bob's").await;
    assert!(matches!(
        mallory.asked().await[..],
        [SeqRange { from: 2, to: 50, .. }]
    ));
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_do_not_fit_are_refused_and_leave_nothing_behind() {
    let mut ann = Ann::with_a_room().await;
    for (what, row) in [
        ("a wrong hash", row(1, vec![text(5, "x")])),
        ("change 0", row(0, vec![text(5, "x")])),
    ] {
        let mut mallory = Mallory::member(&ann).await;
        mallory.room(&RoomFrame::Push(vec![row])).await;
        assert_eq!(mallory.closed().await, Some(Bye::Protocol), "{what}");
    }
    let limits = [
        ("no entries", row(1, vec![])),
        ("an empty entry", row(1, vec![vec![]])),
        ("a long entry", row(1, vec![vec![2; ENTRY_LEN_MAX + 1]])),
        ("many entries", row(1, vec![vec![2]; 257])),
        ("a gap", row(7, vec![text(5, "x")])),
        ("a gap as wide as can be", row(u64::MAX, vec![text(5, "x")])),
    ];
    for (what, row) in limits {
        let mut mallory = Mallory::member(&ann).await;
        mallory.room(&RoomFrame::Push(vec![row])).await;
        assert!(mallory.stands().await, "{what}");
    }
    let status = ann.status().await;
    assert_eq!((status.messages, status.forks.len()), (0, 0));
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_branch_of_another_member_is_marked_and_changes_nothing() {
    let mut ann = Ann::with_a_room().await;
    let actor = ActorId(random());
    let (bobs, forged) = (
        chain(actor, vec![vec![text(1, "bob's")]]),
        chain(actor, vec![vec![text(1, "forged")]]),
    );
    let mut bob = Mallory::member(&ann).await;
    bob.room(&RoomFrame::Push(bobs.iter().map(Row::from).collect()))
        .await;
    ann.has("bob's").await;
    let mut mallory = Mallory::member(&ann).await;
    for _ in 0..3 {
        mallory
            .room(&RoomFrame::Push(forged.iter().map(Row::from).collect()))
            .await;
    }
    assert!(mallory.stands().await && bob.stands().await);
    assert_eq!(ann.status().await.forks.len(), 1);
    let texts: Vec<_> = ann.log().await.into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["bob's"]);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_calls_our_own_chain_forked_costs_us_no_message() {
    let mut ann = Ann::with_a_room().await;
    let id = ann.send("mine").await;
    let actor: ActorId = id.split('/').next().unwrap().parse().unwrap();
    let mut mallory = Mallory::member(&ann).await;
    mallory.room(&RoomFrame::Forked { actor, seq: u64::MAX }).await;
    mallory.room(&RoomFrame::Forked { actor, seq: 0 }).await;
    mallory.asked().await;
    mallory.room(&RoomFrame::Block(random::<40>().to_vec())).await;
    assert!(mallory.stands().await);
    ann.send("mine, too").await;
    let texts: Vec<_> = ann.log().await.into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["mine", "mine, too"]);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_lies_ends_the_connection() {
    let mut ann = Ann::with_a_room().await;
    let actor = ActorId(random());
    let part = |seq, first_index| Parts {
        actor,
        seq,
        first_index,
        previous: None,
        entries: vec![text(1, "lie")],
    };
    let of = |parts: &[Parts]| Block::of(parts.iter().map(|parts| (parts, ChangeHash([7; 32])))).encode();
    let good = Block::of(
        chain(actor, vec![vec![text(1, "x")]])
            .iter()
            .map(|c| (&c.parts, c.encoded.hash)),
    )
    .encode();
    let cut = good.split_last().unwrap().1.to_vec();
    let newer = [vec![2], good].concat();
    let lies = [
        ("a wrong hash", of(&[part(1, 0)])),
        ("a chain from nowhere", of(&[part(1, 1 << 31)])),
        ("cut short", cut),
        ("another version", newer),
        ("rubbish", random::<100>().to_vec()),
    ];
    for (what, block) in lies {
        let mut mallory = Mallory::member(&ann).await;
        mallory
            .room(&RoomFrame::Vector(vec![Claim {
                actor,
                seq: 9,
                entries: 9,
                messages: 9,
                hash: random(),
            }]))
            .await;
        mallory.asked().await;
        mallory.room(&RoomFrame::Block(block)).await;
        assert_eq!(mallory.closed().await, Some(Bye::Protocol), "{what}");
    }
    assert_eq!(ann.status().await.messages, 0);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_too_much_is_cut_off() {
    let mut ann = Ann::with_a_room().await;
    let id = ann.send("one").await;
    let actor: ActorId = id.split('/').next().unwrap().parse().unwrap();
    let range = |from, to| SeqRange { actor, from, to };
    let mut mallory = Mallory::member(&ann).await;
    mallory.room(&RoomFrame::Want(vec![range(1, 1); 40_000])).await;
    assert_eq!(mallory.closed().await, Some(Bye::Protocol));

    let mut mallory = Mallory::member(&ann).await;
    for (from, to) in [(0, u64::MAX), (u64::MAX, 0), (1, u64::MAX)] {
        mallory
            .room(&RoomFrame::Want(vec![range(from, to); WANT_RANGES_MAX]))
            .await;
    }
    assert!(mallory.stands().await);
    for _ in 0..5000 {
        mallory.room(&RoomFrame::Want(vec![range(1, u64::MAX)])).await;
    }
    // She may be served as fast as she asks; what she does not read is not kept for her.
    mallory.stream.shutdown().await.unwrap();
    mallory.closed().await;
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_beyond_the_limit_ends_the_connection() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::proved(&ann).await;
    mallory.greet_as("\u{1b}]0;pwned\u{7}".repeat(10_000), 0).await;
    assert_eq!(mallory.closed().await, Some(Bye::Protocol));
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_from_another_time_stand_where_they_say_and_drag_nobody_along() {
    let mut ann = Ann::with_a_room().await;
    let now = ann.log_stamp().await;
    let entries = vec![
        vec![200, 5, 0, 1],
        vec![0],
        vec![255; ENTRY_LEN_MAX],
        text(ORDER_MAX, "at the end of time"),
        text(ORDER_MAX + 1, "beyond it"),
        text(u64::MAX, "far beyond it"),
    ];
    let mut mallory = Mallory::member(&ann).await;
    let changes = chain(ActorId(random()), vec![entries]);
    mallory
        .room(&RoomFrame::Push(changes.iter().map(Row::from).collect()))
        .await;
    ann.has("at the end of time").await;
    ann.send("after").await;
    let log = ann.log().await;
    let kinds: Vec<_> = log.iter().map(|message| message.kind).collect();
    let unreadable = kinds
        .iter()
        .filter(|kind| **kind == MessageKind::Unreadable)
        .count();
    assert_eq!((log.len(), unreadable), (8, 5));
    let after = log.iter().position(|message| message.text == "after").unwrap();
    assert_eq!(log[after + 1].text, "at the end of time");
    assert!(log[after].sent_at_ms - now < 60_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_other_disks_is_bounded() {
    let mut ann = Ann::with_a_room().await;
    let mut mallory = Mallory::member(&ann).await;
    let mut bob = Mallory::member(&ann).await;
    for _ in 0..20 {
        let claim = |_| Claim {
            actor: ActorId(random()),
            seq: 1,
            entries: 1,
            messages: 1,
            hash: [0; 8],
        };
        mallory
            .room(&RoomFrame::Disk {
                device: DeviceId(random()),
                claims: (0..8192).map(claim).collect(),
            })
            .await;
    }
    assert!(mallory.stands().await && bob.stands().await);
    ann.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_keep_the_rules_notice_nothing_of_one_that_does_not() {
    let mut ann = Ann::with_a_room().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bob = serve(folder.path(), "bob").await;
    let join = Request::Join {
        room: ann.invite.clone(),
        peers: vec![],
        wait: Wait::Millis(10_000),
    };
    timeout(PATIENCE, bob.ask(join)).await.unwrap().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let (stopped, addr, room) = (stop.clone(), ann.addr.clone(), ann.room);
    let attack = tokio::spawn(async move {
        let mut at = 0_u64;
        while !stopped.is_cancelled() {
            at += 1;
            let Some(mut mallory) = Mallory::try_member(&addr, room).await else {
                continue;
            };
            let range = SeqRange {
                actor: ActorId([0; 16]),
                from: 1,
                to: 9,
            };
            let frame = match at % 4 {
                0 => RoomFrame::Push(vec![row(1, vec![text(at, "x")]); 500]),
                1 => RoomFrame::Push(vec![row(9, vec![text(at, "x")]); 500]),
                2 => RoomFrame::Want(vec![range; 9999]),
                _ => RoomFrame::Block(random::<4096>().to_vec()),
            };
            mallory.room(&frame).await;
        }
        at
    });
    for at in 0..20 {
        let id = ann.send(&format!("message {at}")).await;
        let began = Instant::now();
        while !messages(&mut bob).await.iter().any(|message| message.id == id) {
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "message {at} does not arrive"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    stop.cancel();
    assert!(timeout(PATIENCE, attack).await.unwrap().unwrap() > 3);
    bob.close().await.unwrap();
}
