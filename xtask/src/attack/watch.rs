//! Honest peers who write all the time, and what is seen of it at each of the three. Knows nothing of attacks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tailchat_node::control::{Answer, Item};
use tokio::task::JoinHandle;

use super::scene::Scene;
use crate::peers::{Peer, client, follow, send};

/// Between two messages of one honest peer.
const WRITES_EVERY: Duration = Duration::from_millis(40);
/// How long the last messages may take to be everywhere.
const ALL_WITHIN: Duration = Duration::from_secs(20);
/// The places where messages are seen: the victim, then the honest peers.
const PLACES: usize = 3;

/// A message of an honest peer: whose, and the how many of theirs.
type Message = (usize, u32);

#[derive(Default)]
struct Noted {
    sent: BTreeMap<Message, Instant>,
    /// When each was shown at each place first, and how often.
    seen: [BTreeMap<Message, (Instant, u32)>; PLACES],
}

/// Writers and followers at work.
pub(super) struct Watch {
    noted: Arc<Mutex<Noted>>,
    over: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Result<()>>>,
    followers: Vec<JoinHandle<Result<()>>>,
}

/// How long messages took, from before they were sent until they were shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    victim: Vec<Duration>,
    through: Vec<Duration>,
}

/// In what part of a run a message was sent.
pub(super) type Part = (Instant, Instant);

impl Watch {
    /// Begins. Each writes on a control connection of its own, each place is followed on another.
    pub(super) async fn start(scene: &Scene) -> Result<Self> {
        let (noted, over) = (Arc::<Mutex<Noted>>::default(), Arc::<AtomicBool>::default());
        let [ann, bob] = &scene.honest;
        let mut followers = Vec::new();
        for (place, peer) in [&scene.victim, ann, bob].into_iter().enumerate() {
            let mut client = client(peer).await?;
            follow(&mut client, &scene.room).await?;
            let noted = Arc::clone(&noted);
            followers.push(tokio::spawn(async move {
                loop {
                    match client.next().await? {
                        Answer::Item(Item::Message(message)) => lock(&noted).see(place, &message.text),
                        Answer::Item(_) => {}
                        other => bail!("a follower at place {place} was told {other:?}"),
                    }
                }
            }));
        }
        let mut writers = Vec::new();
        for (who, peer) in [ann, bob].into_iter().enumerate() {
            writers.push(writer(who, peer, &scene.room, (&noted, &over)).await?);
        }
        Ok(Self {
            noted,
            over,
            writers,
            followers,
        })
    }

    /// Ends the writing, waits until all is everywhere, and gives what each part's messages took. Of an author who
    /// was attacked under their own name messages may come late, but they come.
    pub(super) async fn finish(self, parts: [Part; 2], spared: &[usize]) -> Result<[Latencies; 2]> {
        self.over.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await?.context("an honest peer could not write")?;
        }
        let began = Instant::now();
        let missing = loop {
            let missing = lock(&self.noted).missing();
            if missing.is_empty() || began.elapsed() > ALL_WITHIN {
                break missing;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        for follower in self.followers {
            if follower.is_finished() {
                follower.await??;
            } else {
                follower.abort();
            }
        }
        ensure!(
            missing.is_empty(),
            "{} messages are not everywhere, the first of them (place, (author, number)) {:?}",
            missing.len(),
            missing.first()
        );
        let noted = lock(&self.noted);
        noted.none_twice()?;
        Ok(parts.map(|part| noted.latencies(part, spared)))
    }
}

async fn writer(
    who: usize,
    peer: &Peer,
    room: &str,
    (noted, over): (&Arc<Mutex<Noted>>, &Arc<AtomicBool>),
) -> Result<JoinHandle<Result<()>>> {
    let mut client = client(peer).await?;
    let (noted, over, room) = (Arc::clone(noted), Arc::clone(over), room.to_owned());
    Ok(tokio::spawn(async move {
        for number in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let due = Instant::now() + WRITES_EVERY;
            lock(&noted).sent.insert((who, number), Instant::now());
            send(&mut client, &room, format!("honest {who} {number}")).await?;
            tokio::time::sleep_until(due.into()).await;
        }
        Ok(())
    }))
}

/// What was noted is sound after a panic, too.
fn lock(noted: &Mutex<Noted>) -> MutexGuard<'_, Noted> {
    noted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Noted {
    fn see(&mut self, place: usize, text: &str) {
        let words = text.strip_prefix("honest ").and_then(|rest| rest.split_once(' '));
        let message = words.and_then(|(who, number)| Some((who.parse().ok()?, number.parse().ok()?)));
        if let (Some(message), Some(seen)) = (message, self.seen.get_mut(place)) {
            let (_, times) = seen.entry(message).or_insert_with(|| (Instant::now(), 0));
            *times += 1;
        }
    }

    fn missing(&self) -> Vec<(usize, Message)> {
        let places = self.seen.iter().enumerate();
        let missing = places.flat_map(|(place, seen)| {
            let missing = self.sent.keys().filter(|message| !seen.contains_key(*message));
            missing.map(move |message| (place, *message))
        });
        missing.collect()
    }

    fn none_twice(&self) -> Result<()> {
        let twice = self.seen.iter().flatten().find(|(_, (_, times))| *times > 1);
        ensure!(
            twice.is_none(),
            "a message was shown twice at one place: {twice:?}"
        );
        Ok(())
    }

    fn latencies(&self, (from, to): Part, spared: &[usize]) -> Latencies {
        let mut latencies = Latencies::default();
        let sent = self.sent.iter().filter(|(_, at)| (from..to).contains(at));
        for (message, at) in sent.filter(|((who, _), _)| spared.contains(who)) {
            let took = |place: usize| {
                let (seen, _) = self.seen.get(place)?.get(message)?;
                Some(seen.saturating_duration_since(*at))
            };
            latencies.victim.extend(took(0));
            latencies.through.extend(took(2 - message.0));
        }
        latencies.victim.sort_unstable();
        latencies.through.sort_unstable();
        latencies
    }
}

impl Latencies {
    /// How many messages it were.
    pub(super) fn count(&self) -> usize {
        self.victim.len()
    }

    /// What so many of a hundred took at most, until they were shown at the victim, and behind it.
    pub(super) fn of_hundred(&self, share: usize) -> (Duration, Duration) {
        let at = |all: &[Duration]| {
            let place = (all.len() * share).div_ceil(100).saturating_sub(1);
            all.get(place).copied().unwrap_or_default()
        };
        (at(&self.victim), at(&self.through))
    }
}
