//! What those do who do not know the room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tailchat_core::handshake::{Hello, Role};
use tailchat_core::ids::Instance;
use tailchat_core::limits::{FRAME_HELLO_MAX, FRAME_UNPROVED_MAX};
use tailchat_core::wire::{Bye, ConnFrame, encode_conn};
use tailchat_fuzz::by_hand;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::mallory::{Mallory, Target, hello, random};
use crate::peers::Peer;

/// Connections that are kept up side by side, of which the victim lets in some.
const SIDE_BY_SIDE: usize = 128;
/// Connections at once of those who make as many as they can. A process may have 1,024 descriptors by default.
const AT_ONCE: usize = 512;
/// How soon who sends what cannot be a frame is cut off.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(2);

/// What a dialler and a listener said to each other.
pub(super) type Recorded = [Vec<u8>; 2];

/// Runs so many side by side until the end, each with its number; what each counted, in sum.
async fn side_by_side<F>(target: Target, count: usize, one: impl Fn(Target, usize) -> F) -> Result<usize>
where
    F: Future<Output = Result<usize>> + Send + 'static,
{
    let mut set = JoinSet::new();
    for n in 0..count {
        set.spawn(one(target, n));
    }
    let mut sum = 0;
    while let Some(done) = set.join_next().await {
        sum += done??;
    }
    Ok(sum)
}

/// Connections that say nothing, a part of a Hello, or a Hello and nothing more.
pub(super) async fn half_open(target: Target) -> Result<String> {
    let made = side_by_side(target, SIDE_BY_SIDE, |target, n| async move {
        let mut made = 0;
        while !target.over() {
            // The victim's queue may be full.
            let Ok(mut mallory) = Mallory::dial(&target).await else {
                continue;
            };
            made += 1;
            let hello = by_hand::framed(&encode_conn(&ConnFrame::Hello(hello()?)));
            let said = [0, 2, 5, hello.len() / 2, hello.len()];
            let said = said.get(n % said.len()).copied().unwrap_or_default();
            let _ = mallory.mouth.raw(hello.get(..said).unwrap_or_default()).await;
            // Until the victim ends it; who is turned away at once comes again at once.
            let _ = timeout(target.left(), mallory.ear.ends_unproved())
                .await
                .unwrap_or(Ok(None))?;
            sleep(Duration::from_millis(5)).await;
        }
        Ok(made)
    });
    Ok(format!("{} connections half open", made.await?))
}

/// A Hello, one byte a second.
pub(super) async fn drip(target: Target) -> Result<String> {
    let bytes = side_by_side(target, SIDE_BY_SIDE, |target, _| async move {
        let mut bytes = 0;
        while !target.over() {
            let Ok(mut mallory) = Mallory::dial(&target).await else {
                continue;
            };
            for byte in by_hand::framed(&encode_conn(&ConnFrame::Hello(hello()?))) {
                if mallory.mouth.raw(&[byte]).await.is_err() || target.over() {
                    break;
                }
                bytes += 1;
                sleep(target.left().min(Duration::from_secs(1))).await;
            }
        }
        Ok(bytes)
    });
    Ok(format!("{} bytes, one a second on each connection", bytes.await?))
}

/// As many connections as can be made, some hundred at once.
pub(super) async fn connections(target: Target) -> Result<String> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let greeted = Arc::new(AtomicUsize::new(0));
    let (began, mut set) = (Instant::now(), JoinSet::new());
    for _ in 0..target.connections {
        let place = Arc::clone(&places).acquire_owned().await?;
        let greeted = Arc::clone(&greeted);
        set.spawn(async move {
            let mut mallory = Mallory::dial(&target).await?;
            // Who is let in stays for a while, so that there are many at once.
            let stay = Duration::from_millis(100);
            if let Ok(Ok(Some(_))) = timeout(stay, mallory.ear.frame()).await {
                greeted.fetch_add(1, Ordering::Relaxed);
                sleep(stay).await;
            }
            drop(place);
            anyhow::Ok(())
        });
    }
    let mut made = 0;
    while let Some(done) = set.join_next().await {
        made += usize::from(done?.is_ok());
    }
    let took = began.elapsed();
    // The others see the whole attack, however fast it was.
    sleep(target.left()).await;
    Ok(format!(
        "{made} connections in {:.1} s, {AT_ONCE} at once, {} heard a Hello",
        took.as_secs_f64(),
        greeted.load(Ordering::Relaxed)
    ))
}

/// Lengths at which things end, and bytes that are cut.
pub(super) async fn frames(target: Target) -> Result<String> {
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    let body = |announced: usize, sent: usize| [len(announced), vec![0; sent]].concat();
    let wrong_first = [
        ("no bytes", len(0)),
        ("one byte", body(1, 1)),
        ("the longest Hello", body(FRAME_HELLO_MAX, FRAME_HELLO_MAX)),
        ("one byte more", len(FRAME_HELLO_MAX + 1)),
        ("4 GiB", len(usize::MAX)),
        ("random bytes", random::<4096>()?.to_vec()),
    ];
    let wrong_later = [
        ("no bytes", len(0)),
        ("one byte", body(1, 1)),
        ("the longest", body(FRAME_UNPROVED_MAX, FRAME_UNPROVED_MAX)),
        ("one byte more", len(FRAME_UNPROVED_MAX + 1)),
        ("4 GiB", len(usize::MAX)),
    ];
    let (mut sent, mut turned_away) = (0, 0);
    while !target.over() {
        for (later, wrong) in [(false, &wrong_first[..]), (true, &wrong_later[..])] {
            for (what, bytes) in wrong {
                let mut mallory = Mallory::dial(&target).await?;
                // Who comes while many have to go is turned away, which is as good.
                if later && mallory.meet(hello()?).await.is_err() {
                    turned_away += 1;
                    continue;
                }
                let began = Instant::now();
                let _ = mallory.mouth.raw(bytes).await;
                mallory.ear.ends_unproved().await?;
                ensure!(
                    began.elapsed() < CUT_OFF_WITHIN,
                    "{what} (after a Hello: {later}) was cut off only after {:?}",
                    began.elapsed()
                );
                sent += 1;
            }
        }
        // A Hello that is cut at each place.
        let whole = by_hand::framed(&encode_conn(&ConnFrame::Hello(hello()?)));
        for cut in 0..whole.len() {
            let mut mallory = Mallory::dial(&target).await?;
            let _ = mallory.mouth.raw(whole.get(..cut).unwrap_or_default()).await;
            sent += 1;
        }
    }
    ensure!(sent > turned_away, "all were turned away");
    Ok(format!(
        "{sent} frames of wrong lengths, {turned_away} more were turned away"
    ))
}

/// Everything that two honest processes said to each other when they met, said again; and the victim's own words.
pub(super) async fn replays(target: Target, recorded: &Recorded) -> Result<String> {
    let mut played = 0;
    while !target.over() {
        for recorded in recorded {
            let mut mallory = Mallory::dial(&target).await?;
            let _ = mallory.mouth.raw(recorded).await;
            let _ = mallory.mouth.conn(&ConnFrame::Ping).await;
            let said = mallory.ear.ends_unproved().await?;
            ensure!(
                said == Some(Bye::Protocol) || said == Some(Bye::Ourselves) || said.is_none(),
                "{said:?} to what was recorded"
            );
            played += 1;
        }
        reflect(target).await?;
        played += 2;
    }
    let bytes: usize = recorded.iter().map(Vec::len).sum();
    Ok(format!(
        "{played} handshakes replayed or reflected, {bytes} bytes recorded"
    ))
}

/// What the victim says is said back to it, with its instance and with another.
async fn reflect(target: Target) -> Result<()> {
    for instance in [None, Some(Instance(random()?))] {
        let mut mallory = Mallory::dial(&target).await?;
        let first = mallory.ear.frame().await?.context("no Hello")?;
        let theirs = by_hand::hello_of(&first).context("no Hello")?;
        let ours = Hello {
            instance: instance.unwrap_or(theirs.instance),
            ..theirs
        };
        mallory.mouth.conn(&ConnFrame::Hello(ours)).await?;
        if instance.is_none() {
            let said = mallory.ear.ends_unproved().await?;
            ensure!(said == Some(Bye::Ourselves), "{said:?} to its own Hello");
            continue;
        }
        let offer = mallory.ear.frame().await?.context("no Offer")?;
        mallory.mouth.framed(&offer).await?;
        mallory.mouth.conn(&ConnFrame::Ping).await?;
        let said = mallory.ear.ends_unproved().await?;
        ensure!(said.is_none(), "{said:?} to its own Offer");
    }
    Ok(())
}

/// Lets a newcomer meet the victim through a proxy, and gives all that the dialler and the listener said.
pub(super) async fn record(listening: &str, newcomer: &Peer, room: &str) -> Result<Recorded> {
    let proxy = TcpListener::bind("127.0.0.1:0").await?;
    let address = proxy.local_addr()?.to_string();
    let mut joins = newcomer.spawn(&["join", room, "--peer", &address, "--wait", "20"])?;
    let (near, _) = proxy.accept().await?;
    let far = TcpStream::connect(listening).await?;
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let there = tokio::spawn(pass_on(near_read, far_write));
    let back = tokio::spawn(pass_on(far_read, near_write));
    let joined = tokio::task::spawn_blocking(move || joins.wait()).await??;
    ensure!(
        joined.success(),
        "the newcomer whose handshake is recorded is not let in"
    );
    let recorded = [there.await??, back.await??];
    for (bytes, role) in recorded.iter().zip([Role::Dialler, Role::Listener]) {
        ensure!(bytes.len() > 300, "the {role:?} said only {} bytes", bytes.len());
    }
    Ok(recorded)
}

/// Passes bytes on for a moment, and gives them.
async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
) -> Result<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    let until = Instant::now() + Duration::from_secs(1);
    while let Ok(Ok(len @ 1..)) = timeout(
        until.saturating_duration_since(Instant::now()),
        from.read(&mut buffer),
    )
    .await
    {
        let bytes = buffer.get(..len).unwrap_or_default();
        to.write_all(bytes).await?;
        all.extend_from_slice(bytes);
    }
    Ok(all)
}
