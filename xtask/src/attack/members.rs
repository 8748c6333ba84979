//! What members do who know the room and keep no rule: greed, floods, bombs, deaf ears.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tailchat_core::block::SeqRange;
use tailchat_core::ids::{ActorId, DeviceId};
use tailchat_core::limits::{ACTORS_MAX, BLOCK_CHANGES_LEN, FRAME_MAX, PEERS_TOLD_MAX, PRESENCE_MAX};
use tailchat_core::state::{Change, Row, Tip};
use tailchat_core::wire::{Bye, Claim, ConnFrame, PeerAt, Presence, RoomFrame, Sign};
use tailchat_fuzz::by_hand::{self, bombs, text};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::mallory::{Ear, Heard, Mallory, Mouth, Target, random};

/// Changes that a flood sends in one frame.
const FLOOD_CHANGES: u64 = 100;
/// Members at once that never read.
const DEAF: usize = 8;
/// Bytes of a message that makes history.
const LONG: usize = 32 * 1024;

/// The time as entries say it.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}

/// Blocks of some kilobytes that hold a hundred times as much, as answers to questions.
pub(super) async fn bombs_thrown(target: Target) -> Result<String> {
    let mut thrown = 0;
    while !target.over() {
        for (what, bomb) in bombs() {
            let Mallory { mut mouth, mut ear } = Mallory::member(&target).await?;
            let claim = Claim {
                actor: ActorId(random()?),
                seq: 9,
                entries: 9,
                messages: 9,
                hash: random()?,
            };
            mouth.room(&by_hand::vector(vec![claim])).await?;
            ear.asked(&mut mouth).await?;
            mouth.room(&RoomFrame::Block(bomb)).await?;
            let said = ear.ends().await?;
            ensure!(said == Some(Bye::Protocol), "{said:?} to a bomb ({what})");
            thrown += 1;
        }
    }
    Ok(format!("{thrown} bombs"))
}

/// Frames of a member at the limit, beyond it, and cut.
pub(super) async fn frames(target: Target) -> Result<String> {
    let mut sent = 0;
    let mut cut = Vec::new();
    while !target.over() {
        for (len, bytes) in [
            (0, 0),
            (FRAME_MAX, FRAME_MAX),
            (FRAME_MAX + 1, 0),
            (u32::MAX as usize, 0),
        ] {
            let Mallory { mut mouth, mut ear } = Mallory::member(&target).await?;
            let len = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
            // The victim may close before all of it is there.
            let _ = mouth.raw(&[&len[..], &vec![9; bytes]].concat()).await;
            ear.ends().await?;
            sent += 1;
        }
        // Half of the greatest frame, which never ends.
        if cut.len() < DEAF / 2 {
            let mut mouth = Mallory::heedless(&target).await?;
            let len = u32::try_from(FRAME_MAX).unwrap_or(u32::MAX).to_be_bytes();
            mouth.raw(&[&len[..], &vec![9; FRAME_MAX / 2]].concat()).await?;
            cut.push(mouth);
        }
    }
    Ok(format!(
        "{sent} frames of wrong lengths, {} that never end",
        cut.len()
    ))
}

/// Messages of an actor of the attacker's own, as fast as the wire takes them; questions are answered, too.
pub(super) async fn flood(target: Target) -> Result<String> {
    let Mallory { mut mouth, ear } = Mallory::member(&target).await?;
    let (sender, mut asked) = mpsc::channel(16);
    let listening = tokio::spawn(questions(ear, sender));
    let (actor, mut tip, mut chain) = (ActorId(random()?), Tip::START, Vec::<Change>::new());
    while !target.over() {
        let from = chain.len();
        for n in 0..FLOOD_CHANGES {
            let words = format!("flood {}", from as u64 + n);
            let (next, change) = tip.extend(actor, vec![text(now_ms(), &words)]);
            tip = next;
            chain.push(change);
        }
        let rows = chain.iter().skip(from).map(Row::from);
        mouth
            .room(&by_hand::push(rows))
            .await
            .context("the flooder is cut off")?;
        while let Ok(wanted) = asked.try_recv() {
            mouth.room(&answer(&chain, actor, &wanted)).await?;
        }
    }
    listening.abort();
    Ok(format!("{} messages of one member", chain.len()))
}

/// What the victim asks for, for whoever speaks.
async fn questions(mut ear: Ear, sender: mpsc::Sender<Vec<SeqRange>>) -> Result<()> {
    loop {
        let wanted = match ear.heard().await? {
            Heard::Room(RoomFrame::Want(wanted)) => wanted,
            Heard::Room(RoomFrame::Vector { asks: true, .. }) => Vec::new(),
            Heard::End => return Ok(()),
            _ => continue,
        };
        sender.send(wanted).await?;
    }
}

fn answer(chain: &[Change], actor: ActorId, wanted: &[SeqRange]) -> RoomFrame {
    let Some(range) = wanted.iter().find(|range| range.actor == actor) else {
        return RoomFrame::Block(Vec::new());
    };
    let from = usize::try_from(range.from.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut len = 0;
    let some = chain.iter().skip(from).take_while(|change| {
        len += change.encoded.bytes.len();
        len < BLOCK_CHANGES_LEN && change.parts.seq <= range.to
    });
    let to = from + some.count();
    by_hand::block(chain.get(from..to).unwrap_or_default())
}

/// One message each of more actors than a room takes.
pub(super) async fn crowd(target: Target) -> Result<String> {
    let mut mouth = Mallory::heedless(&target).await?;
    let mut sent = 0;
    while !target.over() && sent < ACTORS_MAX + 1000 {
        let mut rows = Vec::new();
        for _ in 0..FLOOD_CHANGES {
            let changes = by_hand::chain(ActorId(random()?), [vec![text(now_ms(), "one of many")]]);
            rows.extend(changes.iter().map(Row::from));
        }
        sent += rows.len();
        mouth.room(&by_hand::push(rows)).await?;
    }
    tokio::time::sleep(target.left()).await;
    Ok(format!("{sent} authors of one message each"))
}

/// Signs of devices that there are not, as fast as the wire takes them.
pub(super) async fn signs(target: Target) -> Result<String> {
    let mut mouth = Mallory::heedless(&target).await?;
    let mut told = 0;
    while !target.over() {
        let mut signs = Vec::new();
        for _ in 0..PRESENCE_MAX {
            let [which] = random()?;
            let sign = [Sign::Here, Sign::Typing, Sign::Lost, Sign::Gone];
            let sign = sign.get(usize::from(which % 4)).copied().unwrap_or(Sign::Here);
            signs.push(Presence {
                device: DeviceId(random()?),
                beat: now_ms(),
                lasts_s: u16::MAX,
                sign,
            });
        }
        mouth.room(&RoomFrame::Presence(signs)).await?;
        told += PRESENCE_MAX;
    }
    Ok(format!("{told} signs of life of devices that there are not"))
}

/// Addresses at which nobody is, as fast as the wire takes them. All of them are loopback's, at a port that is
/// reserved for nobody.
pub(super) async fn addresses(target: Target) -> Result<String> {
    let mut mouth = Mallory::heedless(&target).await?;
    let mut told = 0;
    while !target.over() {
        let mut peers = Vec::new();
        for _ in 0..PEERS_TOLD_MAX {
            let [a, b, c] = random()?;
            peers.push(PeerAt {
                device: DeviceId(random()?),
                addr: format!("127.{a}.{b}.{c}:1"),
            });
        }
        mouth.room(&RoomFrame::Peers(peers)).await?;
        told += PEERS_TOLD_MAX;
    }
    Ok(format!("{told} addresses at which nobody is"))
}

/// Members that ask for all there is and never read the answers.
pub(super) async fn deaf(target: Target) -> Result<String> {
    history(&target).await?;
    let mut asked = 0;
    let mut ended = 0;
    let mut all = Vec::new();
    while !target.over() {
        while all.len() < DEAF {
            all.push(Mallory::member(&target).await?);
        }
        let mut kept = Vec::new();
        for mut mallory in all {
            match ask_much(&mut mallory.mouth).await {
                Ok(questions) => {
                    asked += questions;
                    kept.push(mallory);
                }
                Err(_) => ended += 1,
            }
        }
        all = kept;
    }
    Ok(format!(
        "{asked} questions by members that never read, {ended} were cut off"
    ))
}

async fn ask_much(mouth: &mut Mouth) -> Result<usize> {
    let all = RoomFrame::Vector {
        claims: Vec::new(),
        asks: true,
    };
    timeout(Duration::from_secs(1), async {
        mouth.room(&all).await?;
        for _ in 0..500 {
            mouth.conn(&ConnFrame::Ping).await?;
        }
        Ok(501)
    })
    .await?
}

/// Gives the room some megabytes to tell.
async fn history(target: &Target) -> Result<()> {
    let mut mouth = Mallory::heedless(target).await?;
    let entries = (0..64).map(|n| vec![text(now_ms(), &format!("{n} {}", "long ".repeat(LONG / 5)))]);
    for changes in by_hand::chain(ActorId(random()?), entries).chunks(8) {
        mouth.room(&by_hand::push(changes.iter().map(Row::from))).await?;
    }
    Ok(())
}
