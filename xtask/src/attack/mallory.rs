//! The attacker's end of a connection: carries the bytes of a peer made by hand over a real socket. Knows no attack.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rand_core::{OsRng, TryRngCore};
use tailchat_core::handshake::{Hello, Role, Session, Slots};
use tailchat_core::ids::{DeviceId, RoomId};
use tailchat_core::wire::{Arrived, Bye, ConnFrame, RoomFrame, decode, encode_conn};
use tailchat_fuzz::by_hand::{self, Member};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than the victim takes for anything here, its time-outs for strangers among it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The room's tag is offered first, as the victim's only one is.
const SLOTS: Slots = Slots {
    dialler: 0,
    listener: 0,
};

/// Where an attack goes, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) addr: SocketAddr,
    pub(super) room: RoomId,
    pub(super) until: Instant,
    /// Connections that are made in all, by the attack that makes many.
    pub(super) connections: usize,
}

impl Target {
    pub(super) fn over(&self) -> bool {
        Instant::now() >= self.until
    }

    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// Random enough for nonces and names.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
    Ok(bytes)
}

pub(super) fn hello() -> Result<Hello> {
    Ok(by_hand::hello(random()?, random()?))
}

/// What is heard.
#[derive(Debug)]
pub(super) enum Heard {
    Conn(ConnFrame),
    Room(RoomFrame),
    /// The connection is over.
    End,
}

/// A connection to the victim.
pub(super) struct Mallory {
    pub(super) mouth: Mouth,
    pub(super) ear: Ear,
}

/// The half that speaks.
pub(super) struct Mouth {
    half: OwnedWriteHalf,
    member: Option<Member>,
}

/// The half that listens.
pub(super) struct Ear {
    half: OwnedReadHalf,
    /// Its receiving key is the one that is used.
    member: Option<Member>,
}

impl Mallory {
    /// Connects, from another address of loopback each time.
    pub(super) async fn dial(target: &Target) -> Result<Self> {
        let [a, b] = random()?;
        Self::dial_from(target, Ipv4Addr::new(127, 1, a, b.clamp(1, 254))).await
    }

    async fn dial_from(target: &Target, from: Ipv4Addr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        let from = IpAddr::V4(from);
        socket.bind(SocketAddr::new(from, 0))?;
        Self::on(socket.connect(target.addr).await?)
    }

    pub(super) fn on(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Self {
            mouth: Mouth {
                half: write,
                member: None,
            },
            ear: Ear {
                half: read,
                member: None,
            },
        })
    }

    /// Says Hello and hears one.
    pub(super) async fn meet(&mut self, ours: Hello) -> Result<Session> {
        self.mouth.conn(&ConnFrame::Hello(ours)).await?;
        let frame = self.ear.frame().await?.context("closed before a Hello")?;
        let theirs = by_hand::hello_of(&frame).context("the first frame is no Hello")?;
        Ok(Session::new(&ours, &theirs))
    }

    /// Proves that it knows the room, greets, and waits to be greeted. All members come from one host: who has many can
    /// take a small room's links, which SECURITY says.
    pub(super) async fn member(target: &Target) -> Result<Self> {
        let mut own = Self::dial_from(target, Ipv4Addr::new(127, 2, 0, 1)).await?;
        let session = own.meet(hello()?).await?;
        own.prove(&session, target.room).await?;
        loop {
            match own.ear.heard().await? {
                Heard::Conn(ConnFrame::Greet(_)) => return Ok(own),
                Heard::End => bail!("closed instead of greeted"),
                Heard::Conn(ConnFrame::Bye(bye)) => bail!("sent away: {bye:?}"),
                _ => {}
            }
        }
    }

    async fn prove(&mut self, session: &Session, room: RoomId) -> Result<()> {
        let tag = session.tag(room, Role::Dialler);
        let offer = ConnFrame::Offer(vec![tag, random()?, random()?, random()?]);
        self.mouth.conn(&offer).await?;
        let member = || Member::new(session, room, SLOTS);
        let speaker = by_hand::speaker(DeviceId(random()?), "mallory", 0, 0);
        self.mouth.conn(&member().greet(speaker, [0; 8])).await?;
        self.mouth.member = Some(member());
        self.ear.member = Some(member());
        Ok(())
    }

    /// A member that listens to nothing but for the end; what it hears is forgotten.
    pub(super) async fn heedless(target: &Target) -> Result<Mouth> {
        let Self { mouth, mut ear } = Self::member(target).await?;
        tokio::spawn(async move { while !matches!(ear.heard().await, Ok(Heard::End) | Err(_)) {} });
        Ok(mouth)
    }
}

impl Mouth {
    pub(super) async fn conn(&mut self, frame: &ConnFrame) -> Result<()> {
        self.framed(&encode_conn(frame)).await
    }

    pub(super) async fn room(&mut self, frame: &RoomFrame) -> Result<()> {
        let member = self.member.as_mut().context("no member")?;
        let bytes = member.seal(frame);
        self.framed(&bytes).await
    }

    pub(super) async fn framed(&mut self, frame: &[u8]) -> Result<()> {
        self.raw(&by_hand::framed(frame)).await
    }

    /// For as long as the victim takes to read, within bounds.
    pub(super) async fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(timeout(PATIENCE, self.half.write_all(bytes)).await??)
    }
}

impl Ear {
    /// The next frame; none once the connection is closed.
    pub(super) async fn frame(&mut self) -> Result<Option<Vec<u8>>> {
        let read = async {
            let len = self.half.read_u32().await.ok()?;
            let mut frame = vec![0; len as usize];
            self.half.read_exact(&mut frame).await.ok()?;
            Some(frame)
        };
        timeout(PATIENCE, read)
            .await
            .context("the victim neither speaks nor closes")
    }

    pub(super) async fn heard(&mut self) -> Result<Heard> {
        let Some(frame) = self.frame().await? else {
            return Ok(Heard::End);
        };
        match decode(&frame)? {
            Arrived::Conn(frame) => Ok(Heard::Conn(frame)),
            Arrived::Room { sealed, .. } => {
                let member = self.member.as_mut().context("a room's frame without a room")?;
                Ok(Heard::Room(member.open(sealed)?))
            }
        }
    }

    /// Waits until it is asked for changes by name; for whatever it has, it has nothing.
    pub(super) async fn asked(&mut self, mouth: &mut Mouth) -> Result<()> {
        loop {
            match self.heard().await? {
                Heard::Room(RoomFrame::Want(_)) => return Ok(()),
                Heard::Room(RoomFrame::Vector { asks: true, .. }) => {
                    mouth.room(&RoomFrame::Block(Vec::new())).await?;
                }
                Heard::End => bail!("closed instead of asked"),
                _ => {}
            }
        }
    }

    /// Waits for the end, or for the answer to a ping, and gives the last word; fails if the victim proved a room to us or
    /// opened one. Whom it takes for a member it greets before it answers a ping.
    pub(super) async fn ends_unproved(&mut self) -> Result<Option<Bye>> {
        let mut last = None;
        while let Some(frame) = self.frame().await? {
            match decode(&frame)? {
                Arrived::Conn(ConnFrame::Bye(bye)) => last = Some(bye),
                Arrived::Conn(ConnFrame::Pong) => return Ok(None),
                Arrived::Conn(ConnFrame::Greet(_)) | Arrived::Room { .. } => {
                    bail!("the victim takes a stranger for a member")
                }
                Arrived::Conn(_) => {}
            }
        }
        Ok(last)
    }

    /// Waits for the end, whatever is said before; gives the last word.
    pub(super) async fn ends(&mut self) -> Result<Option<Bye>> {
        let mut last = None;
        loop {
            match self.heard().await? {
                Heard::Conn(ConnFrame::Bye(bye)) => last = Some(bye),
                Heard::End => return Ok(last),
                _ => {}
            }
        }
    }
}

/// An honest newcomer, who comes again as a node does until it is greeted; how long that took from the first dial.
pub(super) async fn newcomer(target: Target, pauses: (Duration, Duration)) -> Result<Duration> {
    let (began, (mut pause, most)) = (Instant::now(), pauses);
    loop {
        match Mallory::member(&target).await {
            Ok(_) => return Ok(began.elapsed()),
            Err(error) => {
                ensure!(!target.over(), "an honest newcomer is not let in: {error:#}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(most);
            }
        }
    }
}
