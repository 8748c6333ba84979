//! The node that is attacked, and the peer that attacks it.

use std::path::Path;
use std::time::{Duration, Instant};

use tailchat_core::block::SeqRange;
use tailchat_core::handshake::{Hello, Role, Session, Slots, Tag};
use tailchat_core::ids::{ActorId, ChangeHash, DeviceId, RoomId};
use tailchat_core::state::{Change, Row};
use tailchat_core::wire::{Arrived, Bye, Claim, ConnFrame, RoomFrame, decode, encode_conn};
use tailchat_fuzz::by_hand::{self, Member};
pub(crate) use tailchat_fuzz::by_hand::{block, chain, hello_of, push, text, vector};
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Item, LogRequest, MessageItem, Request, RoomItem, StatusItem, Wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the node takes for anything here, on a busy machine too; less than any of its own time-outs that would
/// hide a fault, but for the 5 s of a handshake.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A node in this process.
pub(crate) struct Ann {
    pub(crate) client: Client,
    pub(crate) addr: String,
    pub(crate) room: RoomId,
    pub(crate) invite: String,
    pub(crate) _folder: tempfile::TempDir,
}

impl Ann {
    pub(crate) async fn with_a_room() -> Self {
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

    pub(crate) async fn send(&mut self, text: &str) -> String {
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

    pub(crate) async fn log(&mut self) -> Vec<MessageItem> {
        messages(&mut self.client).await
    }

    pub(crate) async fn status(&mut self) -> StatusItem {
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
    pub(crate) async fn has(&mut self, text: &str) {
        let began = Instant::now();
        while !self.log().await.iter().any(|message| message.text == text) {
            assert!(began.elapsed() < PATIENCE, "{text:?} does not arrive");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The time, as the node's own messages say it.
    pub(crate) async fn log_stamp(&mut self) -> i64 {
        self.send("now").await;
        self.log().await.last().unwrap().sent_at_ms
    }

    /// Whether the node still does what it is there for.
    pub(crate) async fn is_well(&mut self) {
        let id = self.send("still here").await;
        assert!(self.log().await.iter().any(|message| message.id == id));
        self.status().await;
    }
}

pub(crate) async fn messages(client: &mut Client) -> Vec<MessageItem> {
    let message = |item| match item {
        Item::Message(message) => *message,
        other => panic!("{other:?}"),
    };
    read(client, false).await.into_iter().map(message).collect()
}

/// What peers only tell of.
pub(crate) async fn previews(client: &mut Client) -> Vec<MessageItem> {
    let preview = |item| match item {
        Item::Preview(message) => Some(*message),
        _ => None,
    };
    read(client, true).await.into_iter().filter_map(preview).collect()
}

async fn read(client: &mut Client, preview: bool) -> Vec<Item> {
    let request = Request::Log(LogRequest {
        room: "kitchen".into(),
        preview,
        ..LogRequest::default()
    });
    timeout(PATIENCE, client.ask(request)).await.unwrap().unwrap()
}

pub(crate) async fn serve(data: &Path, name: &str) -> Client {
    let config = Config {
        data: data.to_owned(),
        listen: Some("127.0.0.1:0".into()),
        name: None,
        default_name: name.into(),
        online: true,
        discovery: false,
    };
    Client::serve(config).await.unwrap()
}

/// Random enough for nonces and names.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand_core::TryRngCore::try_fill_bytes(&mut rand_core::OsRng, &mut bytes).unwrap();
    bytes
}

pub(crate) fn hello() -> Hello {
    by_hand::hello(random(), random())
}

/// A peer that says what a test wants, and nothing by itself.
pub(crate) struct Mallory {
    pub(crate) stream: TcpStream,
    /// What came before the end, for a look at it.
    pub(crate) heard: Vec<ConnFrame>,
    pub(crate) session: Option<Session>,
    pub(crate) member: Option<Member>,
}

/// Mallory offers the room among other tags, ann her only one first.
const SLOTS: Slots = Slots {
    dialler: 1,
    listener: 0,
};

impl Mallory {
    pub(crate) async fn dial(ann: &Ann) -> Self {
        Self::on(TcpStream::connect(&ann.addr).await.unwrap())
    }

    pub(crate) fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            heard: Vec::new(),
            session: None,
            member: None,
        }
    }

    /// Past the Hellos.
    pub(crate) async fn met(ann: &Ann) -> Self {
        Self::met_as(ann, hello()).await
    }

    pub(crate) async fn met_as(ann: &Ann, ours: Hello) -> Self {
        let mut own = Self::dial(ann).await;
        assert!(own.meet(ours).await);
        own
    }

    pub(crate) async fn meet(&mut self, ours: Hello) -> bool {
        self.conn(&ConnFrame::Hello(ours)).await;
        let Some(frame) = self.frame().await else {
            return false;
        };
        self.session = Some(Session::new(&ours, &hello_of(&frame).unwrap()));
        true
    }

    pub(crate) async fn their_hello(&mut self) -> Hello {
        let frame = self.frame().await.unwrap();
        hello_of(&frame).unwrap()
    }

    /// A member of ann's room that has greeted and was greeted; what it holds is said to be nothing.
    pub(crate) async fn member(ann: &Ann) -> Self {
        let mut own = Self::proved(ann).await;
        own.greet(0).await;
        own
    }

    /// Known as a member, but silent yet.
    pub(crate) async fn proved(ann: &Ann) -> Self {
        Self::proved_as(ann, hello()).await
    }

    pub(crate) async fn proved_as(ann: &Ann, ours: Hello) -> Self {
        let mut own = Self::met_as(ann, ours).await;
        own.prove(ann.room).await;
        assert!(own.is_greeted().await);
        own
    }

    pub(crate) async fn prove(&mut self, room: RoomId) {
        let session = self.session.unwrap();
        let tag = session.tag(room, Role::Dialler);
        self.offer(vec![random(), tag, random(), random()]).await;
        self.member = Some(Member::new(&session, room, SLOTS));
    }

    /// A member, unless the node has no place for one more connection now.
    pub(crate) async fn try_member(addr: &str, room: RoomId) -> Option<Self> {
        let mut own = Self::on(TcpStream::connect(addr).await.ok()?);
        if !own.meet(hello()).await {
            return None;
        }
        own.prove(room).await;
        own.greet(0).await;
        Some(own)
    }

    pub(crate) async fn greet(&mut self, listen_port: u16) {
        self.greet_as("mallory", listen_port).await;
    }

    pub(crate) async fn greet_as(&mut self, name: &str, listen_port: u16) {
        let speaker = by_hand::speaker(DeviceId(random()), name, listen_port, 0);
        let greeting = self.member.as_ref().unwrap().greet(speaker, [0; 8]);
        self.conn(&greeting).await;
    }

    /// Says that these changes are on its disk.
    pub(crate) async fn claim(&mut self, changes: &[Change]) {
        let last = changes.last().unwrap();
        self.room(&vector(vec![Claim::of(last.parts.actor, &last.tip)]))
            .await;
    }

    pub(crate) async fn serve(&mut self, changes: &[Change]) {
        self.room(&block(changes)).await;
    }

    /// Waits until it is asked for changes by name; for whatever it has, it has nothing.
    pub(crate) async fn asked(&mut self) -> Vec<SeqRange> {
        loop {
            match self.heard_in_room().await {
                Some(RoomFrame::Want(wanted)) => return wanted,
                Some(RoomFrame::Vector { asks: true, .. }) => self.room(&RoomFrame::Block(vec![])).await,
                Some(_) => {}
                None => panic!("closed instead of asked"),
            }
        }
    }

    /// Whether ann is silent but for her own offer: whom she takes for a member, she greets before she answers a ping.
    pub(crate) async fn is_no_member(&mut self) -> bool {
        self.conn(&ConnFrame::Ping).await;
        while let Some(frame) = self.frame().await {
            match decode(&frame) {
                Ok(Arrived::Conn(ConnFrame::Pong)) => return true,
                Ok(Arrived::Conn(ConnFrame::Greet(_)) | Arrived::Room { .. }) => return false,
                _ => {}
            }
        }
        true
    }

    /// Waits for ann's greeting.
    async fn is_greeted(&mut self) -> bool {
        while let Some(frame) = self.frame().await {
            if matches!(decode(&frame), Ok(Arrived::Conn(ConnFrame::Greet(_)))) {
                return true;
            }
        }
        false
    }

    pub(crate) async fn offer(&mut self, tags: Vec<Tag>) {
        self.conn(&ConnFrame::Offer(tags)).await;
    }

    pub(crate) async fn conn(&mut self, frame: &ConnFrame) {
        self.framed(&encode_conn(frame)).await;
    }

    pub(crate) async fn room(&mut self, frame: &RoomFrame) {
        let member = self.member.as_mut().unwrap();
        let bytes = member.seal(frame);
        self.framed(&bytes).await;
    }

    pub(crate) async fn framed(&mut self, frame: &[u8]) {
        self.raw(&by_hand::framed(frame)).await;
    }

    /// A closed connection is what some of these are for.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next frame; none once the connection is closed.
    pub(crate) async fn frame(&mut self) -> Option<Vec<u8>> {
        let read = async {
            let len = self.stream.read_u32().await.ok()?;
            let mut frame = vec![0; len as usize];
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(frame)
        };
        timeout(PATIENCE, read).await.unwrap()
    }

    /// The next frame in the room; none once the connection is closed. Frames of the connection are kept.
    pub(crate) async fn heard_in_room(&mut self) -> Option<RoomFrame> {
        loop {
            let frame = self.frame().await?;
            match decode(&frame).unwrap() {
                Arrived::Conn(frame) => self.heard.push(frame),
                Arrived::Room { sealed, .. } => {
                    return Some(self.member.as_mut().unwrap().open(sealed).unwrap());
                }
            }
        }
    }

    /// Waits for the end, and gives the last word.
    pub(crate) async fn closed(&mut self) -> Option<Bye> {
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
    pub(crate) async fn stands(&mut self) -> bool {
        self.conn(&ConnFrame::Ping).await;
        while let Some(frame) = self.frame().await {
            if matches!(decode(&frame), Ok(Arrived::Conn(ConnFrame::Pong))) {
                return true;
            }
        }
        false
    }
}

pub(crate) fn row(seq: u64, entries: Vec<Vec<u8>>) -> Row {
    Row {
        actor: ActorId(random()),
        seq,
        hash: ChangeHash(random()),
        entries,
    }
}
