//! What members do to chains, their own and others': forged changes, forks, gaps, times that cannot be.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tailchat_core::block::{Block, SeqRange};
use tailchat_core::ids::ActorId;
use tailchat_core::limits::ORDER_MAX;
use tailchat_core::state::{Change, RoomState, Row};
use tailchat_core::wire::{Claim, ConnFrame, RoomFrame};
use tailchat_fuzz::by_hand::{self, text, text_at};
use tokio::time::{Duration, sleep};

use super::mallory::{Heard, Mallory, Target, random};
use super::members::now_ms;

/// Between two rounds of attacks that need the victim to say something first.
const ROUND: Duration = Duration::from_millis(20);
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;

/// A member that has what the victim has, and keeps up with it.
struct Reader {
    mallory: Mallory,
    state: RoomState,
    /// How far the victim says that its chains go.
    told: BTreeMap<ActorId, u64>,
}

impl Reader {
    async fn new(target: &Target) -> Result<Self> {
        let mut own = Self {
            mallory: Mallory::member(target).await?,
            state: RoomState::default(),
            told: BTreeMap::new(),
        };
        let all = RoomFrame::Vector {
            claims: Vec::new(),
            asks: true,
        };
        own.mallory.mouth.room(&all).await?;
        own.catch_up().await?;
        Ok(own)
    }

    /// Hears until a ping is answered and all that the victim told of is here.
    async fn catch_up(&mut self) -> Result<()> {
        self.mallory.mouth.conn(&ConnFrame::Ping).await?;
        let mut answered = false;
        while !answered || self.lacks() {
            match self.mallory.ear.heard().await? {
                Heard::Conn(ConnFrame::Pong) => answered = true,
                Heard::Room(RoomFrame::Vector { claims, .. }) => self.note(&claims),
                Heard::Room(RoomFrame::Block(bytes)) if !bytes.is_empty() => {
                    self.state.take(&Block::decode(&bytes)?)?;
                }
                Heard::Room(RoomFrame::Push(rows)) => {
                    for pushed in rows {
                        let _ = self.state.vet(pushed.row);
                    }
                }
                Heard::Room(RoomFrame::Have(told)) => {
                    let claims: Vec<_> = told.iter().map(|told| told.claim).collect();
                    self.note(&claims);
                    self.want(&claims).await?;
                }
                Heard::End => bail!("the reader is cut off"),
                _ => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, claims: &[Claim]) {
        for claim in claims {
            let told = self.told.entry(claim.actor).or_default();
            *told = claim.seq.max(*told);
        }
    }

    fn lacks(&self) -> bool {
        let mut told = self.told.iter();
        told.any(|(actor, seq)| self.state.tip(*actor).seq < *seq)
    }

    async fn want(&mut self, claims: &[Claim]) -> Result<()> {
        let lacking = claims.iter().filter_map(|claim| {
            let (actor, from) = (claim.actor, self.state.tip(claim.actor).seq + 1);
            let to = claim.seq;
            (from <= to).then_some(SeqRange { actor, from, to })
        });
        let wanted: Vec<_> = lacking.collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.mallory.mouth.room(&RoomFrame::Want(wanted)).await
    }

    /// The next change of an actor, forged.
    fn forge(&self, actor: ActorId, words: &str) -> Change {
        let (_, change) = self.state.tip(actor).extend(actor, vec![text(now_ms(), words)]);
        change
    }
}

/// Changes in the name of one honest actor, at its end and before.
pub(super) async fn impostor(target: Target, actor: ActorId) -> Result<String> {
    let mut reader = Reader::new(&target).await?;
    let mut forged = 0;
    while !target.over() {
        let next = reader.forge(actor, "forged");
        let first = by_hand::chain(actor, [vec![text(now_ms(), "forged, too")]]);
        let rows = [Row::from(&next)].into_iter().chain(first.iter().map(Row::from));
        reader.mallory.mouth.room(&by_hand::push(rows)).await?;
        forged += 2;
        sleep(ROUND).await;
        // Whoever's change came first, the reader goes on from what the victim has.
        reader = Reader::new(&target).await?;
    }
    Ok(format!("{forged} changes forged in another's name"))
}

/// Two chains for each of many actors of the attacker's own: one for the victim, the other for an honest peer.
pub(super) async fn forks(target: Target, honest: SocketAddr) -> Result<String> {
    let there = Target {
        addr: honest,
        ..target
    };
    let (mut here, mut there) = (
        Mallory::heedless(&target).await?,
        Mallory::heedless(&there).await?,
    );
    let mut forked = 0;
    while !target.over() {
        let actor = ActorId(random()?);
        let branch = |words: &str| by_hand::chain(actor, (0..3).map(|n| vec![text(now_ms() + n, words)]));
        for (mouth, changes) in [(&mut here, branch("one")), (&mut there, branch("other"))] {
            mouth.room(&by_hand::push(changes.iter().map(Row::from))).await?;
        }
        // And both to the same.
        here.room(&by_hand::push(branch("other").iter().map(Row::from)))
            .await?;
        forked += 1;
        sleep(ROUND).await;
    }
    Ok(format!("{forked} forked actors"))
}

/// Claims of changes that never come, of honest actors, too, and changes without those before them.
pub(super) async fn gaps(target: Target) -> Result<String> {
    let Mallory { mut mouth, ear } = Mallory::member(&target).await?;
    let reader = Reader::new(&target).await?;
    let claim = |actor, seq| -> Result<Claim> {
        Ok(Claim {
            actor,
            seq,
            entries: seq,
            messages: seq,
            hash: random()?,
        })
    };
    let listening = tokio::spawn(forget(ear));
    let (mut claimed, mut sent) = (0, 0);
    while !target.over() {
        let mut claims = Vec::new();
        for n in 0..500 {
            claims.push(claim(ActorId(random()?), 1 + (1 << (n % 32)))?);
        }
        for (actor, tip) in reader.state.tips() {
            claims.push(claim(actor, tip.seq + 1_000_000)?);
        }
        claimed += claims.len();
        mouth.room(&by_hand::vector(claims)).await?;
        let chain = by_hand::chain(
            ActorId(random()?),
            (0..20).map(|n| vec![text(now_ms() + n, "late")]),
        );
        let late = chain.iter().skip(1).map(Row::from);
        sent += late.len();
        mouth.room(&by_hand::push(late)).await?;
        sleep(ROUND).await;
    }
    listening.abort();
    Ok(format!(
        "{claimed} claims that nothing follows, {sent} changes without the first"
    ))
}

async fn forget(mut ear: super::mallory::Ear) -> Result<()> {
    while !matches!(ear.heard().await?, Heard::End) {}
    Ok(())
}

/// Messages from the ends of time, and from next year.
pub(super) async fn clocks(target: Target) -> Result<String> {
    let mut mouth = Mallory::heedless(&target).await?;
    let ahead = now_ms() + YEAR_MS;
    let times = [
        (0, 0),
        (1, i64::MIN),
        (ahead, ahead.cast_signed()),
        (ORDER_MAX, i64::MAX),
        (ORDER_MAX, 0),
        (ORDER_MAX + 1, -1),
        (u64::MAX, i64::MAX),
        (u64::MAX, i64::MIN),
    ];
    let mut sent = 0;
    while !target.over() {
        for (order, at) in times {
            let changes = by_hand::chain(
                ActorId(random()?),
                [vec![text_at(order, at, "from another time")]],
            );
            mouth.room(&by_hand::push(changes.iter().map(Row::from))).await?;
            sent += 1;
        }
        sleep(ROUND).await;
    }
    Ok(format!("{sent} messages from other times"))
}

/// The actor of a message, by its ID as programs are told it.
pub(super) fn actor_of(id: &str) -> Result<ActorId> {
    let (actor, _) = id.split_once('/').context("the message's ID names no actor")?;
    actor
        .parse()
        .map_err(|_| anyhow::anyhow!("{actor:?} is no actor"))
}
