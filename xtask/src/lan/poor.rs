//! What is tried on cables that lose packets or are thin. Knows peers by what their commands say.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::checks::{GIVE_UP, LOOK_EVERY, Member, Place, STARTED, both_connected, until};
use super::figures::Figures;
use super::network::Lan;

/// Of a hundred packets so many are lost, in each direction.
const LOST: u8 = 20;
/// Who is on such a cable is equal within this time, in 95 of 100 cases.
const EQUAL_DESPITE: Duration = Duration::from_secs(10);
/// Messages that each of the two writes before it is asked how soon they are equal.
const WRITTEN: u64 = 5;
const WRITE_EVERY: Duration = Duration::from_millis(200);

/// Kilobits a second of a thin cable.
const THIN: u32 = 64;
/// How long a newcomer behind it may take for the backlog of the short form, which the cable alone lets through in
/// about half of it.
const CATCHES_UP: Duration = Duration::from_secs(30);
/// For each message of a longer one so much is waited besides.
const EACH: Duration = Duration::from_millis(20);
/// How long a message may take meanwhile: one question to a peer waits for the other, so it may come after the backlog.
const LIVE: Duration = CATCHES_UP;
/// Between two messages that others write meanwhile.
const LIVE_EVERY: Duration = Duration::from_secs(1);

/// Two peers write to each other while packets are lost.
pub(super) fn losses(place: &Place, times: u32, figures: &mut Figures) -> Result<()> {
    let lan = Lan::new()?;
    let (one, other) = (lan.host("a", &["10.0.0.1/24"])?, lan.host("b", &["10.0.0.2/24"])?);
    let (ann, mut bob) = place.two(&one, &other)?;
    bob.serve(&[])?;
    until(Instant::now(), "a meeting", || both_connected(&ann, &bob))?;
    thread::sleep(STARTED);
    one.lose(LOST)?;
    other.lose(LOST)?;
    let mut all = 0;
    for _ in 0..times {
        for _ in 0..WRITTEN {
            thread::sleep(WRITE_EVERY);
            ann.send("most of this arrives")?;
            bob.send("most of this arrives")?;
            all += 2;
        }
        let took = until(Instant::now(), "equal despite losses", || {
            Ok(ann.has(all)? && bob.has(all)? && ann.heads()? == bob.heads()?)
        })?;
        figures.add_by_chance(
            7,
            "equal after the last message, 20 of 100 packets lost each way",
            EQUAL_DESPITE,
            took,
        );
    }
    for host in [&one, &other] {
        ensure!(
            times == 0 || host.lost()? > 0,
            "{} lost nothing at all",
            host.namespace
        );
    }
    Ok(())
}

/// A newcomer behind a thin cable catches up, while the others go on writing.
pub(super) fn thin(place: &Place, times: u32, backlog: u32, figures: &mut Figures) -> Result<()> {
    for seed in 0..times {
        thin_once(place, u64::from(seed), backlog, figures)?;
    }
    Ok(())
}

fn thin_once(place: &Place, seed: u64, backlog: u32, figures: &mut Figures) -> Result<()> {
    let lan = Lan::new()?;
    let (one, other) = (lan.host("a", &["10.0.0.1/24"])?, lan.host("b", &["10.0.0.2/24"])?);
    let far = lan.host("c", &["10.0.0.3/24"])?;
    let (ann, mut bob) = place.two(&one, &other)?;
    bob.serve(&[])?;
    until(Instant::now(), "a meeting", || both_connected(&ann, &bob))?;
    say_much(&ann, seed, backlog)?;
    until(Instant::now(), "equal", || bob.has(backlog.into()))?;

    far.thin(THIN)?;
    let mut carl = place.member("carl", &far)?;
    let room = ann.room()?;
    carl.join(&room)?;
    let began = Instant::now();
    carl.serve(&[])?;
    let mut live = Live::default();
    loop {
        let now = carl.peer.status()?;
        let caught_up = now["messages"].as_u64() >= Some(backlog.into());
        live.look(&carl, &room, figures)?;
        if caught_up {
            figures.add(
                8,
                "a newcomer behind 64 kbit/s has the backlog",
                CATCHES_UP,
                began.elapsed(),
            );
            break;
        }
        ensure!(
            began.elapsed() < GIVE_UP + EACH * backlog,
            "a newcomer behind a thin cable gets nowhere: {now}"
        );
        live.write(&[&ann, &bob])?;
        thread::sleep(LOOK_EVERY);
    }
    far.thick()?;
    let healed = Instant::now();
    let all = u64::from(backlog) + live.written;
    let took = until(healed, "equal after a thin cable", || {
        Ok(carl.has(all)? && ann.heads()? == carl.heads()? && bob.heads()? == carl.heads()?)
    })?;
    live.look(&carl, &room, figures)?;
    figures.add(10, "equal after the cable is thick again", EQUAL_DESPITE, took);
    Ok(())
}

/// Messages that are written while somebody catches up.
#[derive(Default)]
struct Live {
    written: u64,
    last: Option<Instant>,
    /// What who catches up does not show yet, and since when.
    missing: Vec<(String, Instant)>,
}

impl Live {
    /// Each of these writes one, if it is time.
    fn write(&mut self, members: &[&Member]) -> Result<()> {
        if self.last.is_some_and(|last| last.elapsed() < LIVE_EVERY) {
            return Ok(());
        }
        self.last = Some(Instant::now());
        for member in members {
            self.written += 1;
            let text = format!("live {}", self.written);
            self.missing.push((text.clone(), Instant::now()));
            member.send(&text)?;
        }
        Ok(())
    }

    fn look(&mut self, member: &Member, room: &str, figures: &mut Figures) -> Result<()> {
        let newest = member.peer.json(&["log", room, "--last", "100"])?;
        self.missing.retain(|(text, since)| {
            let there = newest.iter().any(|line| line["text"] == text.as_str());
            if there {
                figures.add(
                    9,
                    "a message is shown behind 64 kbit/s, while its peer catches up",
                    LIVE,
                    since.elapsed(),
                );
            }
            !there
        });
        Ok(())
    }
}

/// Writes so many messages of words that nobody could guess.
fn say_much(member: &Member, seed: u64, messages: u32) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut texts = Vec::new();
    for _ in 0..messages {
        let mut text = String::new();
        for _ in 0..8 {
            for _ in 0..2 + rng.next_u32() % 8 {
                text.push(char::from(b'a' + u8::try_from(rng.next_u32() % 26)?));
            }
            text.push(' ');
        }
        texts.push(text);
    }
    member.peer.send_lines("lan", &texts)
}
