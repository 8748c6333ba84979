//! `cargo xtask soak`: real peers write to each other for a long time, while some are stopped or killed and come back.
//! Those that stay are watched: their memory, descriptors and threads have to stay as they are. What was acknowledged must
//! be on all disks in the end, once.

mod watched;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use serde_json::Value;

use crate::peers::{self, Peer, Process};
use crate::room::{Written, below, compare, equal, meet};
use watched::Watched;

const PEERS: usize = 5;
/// The first so many never end, and are watched. The others come and go.
const STAY: usize = 2;
/// How long who comes and goes stays, in milliseconds: the least, and how much may be added.
const HERE_MS: (u64, u64) = (2_000, 14_000);
/// How long it is away.
const AWAY_MS: (u64, u64) = (500, 6_000);
/// Between two samples of the watched processes.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Between two commands beside a watched peer that read.
const READ_EVERY: Duration = Duration::from_secs(5);
/// Between two lines that say how it stands.
const SAY_EVERY: Duration = Duration::from_secs(300);
/// How long the follower may take to print what its peer has.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(30);
/// Where ports are chosen. Not where the system takes one for who dials: who is away has to find its own free again.
const PORTS: std::ops::Range<u16> = 21_000..31_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long
    #[arg(long, default_value_t = 2.0, value_parser = minutes)]
    minutes: f64,
    /// How many messages are there before: with more than some 40,000 the index's cache is full, and grows no more
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    history: u32,
    /// How many messages a second, of all together
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    rate: u32,
    /// Who writes, and who ends when and how, follows from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The program, where it is not to be built
    #[arg(long, hide = true)]
    program: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64> {
    let minutes: f64 = text.parse()?;
    ensure!((0.1..=100_000.0).contains(&minutes), "that is not 0.1 to 100000");
    Ok(minutes)
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let program = match &args.program {
        Some(program) => program.clone(),
        None => peers::build()?,
    };
    let scratch = tempfile::tempdir()?;
    let peers = start(&program, scratch.path())?;
    let room = meet(&peers, "soak")?;
    let follower = Follower::start(&peers, &room, scratch.path().join("followed"))?;
    let mut soak = Soak {
        peers,
        room,
        rng: ChaCha8Rng::seed_from_u64(args.seed),
        turns: BTreeMap::new(),
        written: Written::default(),
        said: 0,
        stops: 0,
        kills: 0,
    };
    soak.begin(args.history, &follower)?;
    let mut watched = vec![
        Watched::new("a peer with a follower", soak.peer(0)?.process()?)?,
        Watched::new("a peer", soak.peer(1)?.process()?)?,
        Watched::new("the follower", Process(follower.child.id()))?,
    ];
    let length = Duration::from_secs_f64(args.minutes * 60.0);
    soak.go_on(length, args.rate, &mut watched)
        .with_context(|| format!("seed {}", args.seed))?;
    soak.end(follower, &watched)?;
    println!(
        "soak: {} min, {PEERS} peers, {} messages acknowledged, {} cut off; {} restarts, {} of them after SIGKILL; none lost, \
         none doubled",
        args.minutes,
        soak.written.acknowledged.len(),
        soak.written.unknown.len(),
        soak.stops + soak.kills,
        soak.kills
    );
    watched::judge(&watched, length)
}

fn start(program: &Path, scratch: &Path) -> Result<Vec<Peer>> {
    // Not from the seed: two runs of the same go side by side.
    let mut ports = PORTS
        .cycle()
        .skip(usize::try_from(std::process::id())? * 16 % PORTS.len());
    (0..PEERS)
        .map(|n| {
            let free = ports
                .by_ref()
                .take(PORTS.len())
                .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
            let mut peer = Peer::new(program, scratch.join(format!("peer{n}")));
            peer.listening = format!("127.0.0.1:{}", free.context("no port is free")?);
            peer.serve()?;
            Ok(peer)
        })
        .collect()
}

/// Somebody who reads along at the first peer, from its first message on.
struct Follower {
    child: Child,
    prints: PathBuf,
}

impl Follower {
    fn start(peers: &[Peer], room: &str, prints: PathBuf) -> Result<Self> {
        let peer = peers.first().context("no peer")?;
        let child = peer
            .command(&["log", room, "--follow", "--json"])
            .stdin(Stdio::null())
            .stdout(File::create(&prints)?)
            .spawn()?;
        Ok(Self { child, prints })
    }

    /// Waits until it has printed what was written, and nothing else.
    fn has(&self, written: &Written) -> Result<()> {
        let began = Instant::now();
        while let Err(why) = written.hold(&self.printed()?) {
            if began.elapsed() > FOLLOWS_WITHIN {
                bail!("what the follower printed is not what was written: {why:#}");
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn printed(&self) -> Result<Vec<Value>> {
        let printed = fs::read_to_string(&self.prints)?;
        let whole = printed.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Soak {
    peers: Vec<Peer>,
    room: String,
    rng: ChaCha8Rng,
    /// When each of those that come and go does so next.
    turns: BTreeMap<usize, Duration>,
    written: Written,
    /// How many messages, for each to be another.
    said: u64,
    stops: u32,
    kills: u32,
}

impl Soak {
    /// Has everything done once, so that all is open that stays open.
    fn begin(&mut self, history: u32, follower: &Follower) -> Result<()> {
        if history > 0 {
            let texts: Vec<_> = (0..history).map(|_| self.text(0)).collect();
            self.peer(0)?.send_lines(&self.room, &texts)?;
            self.written.acknowledged.extend(texts);
        }
        self.write()?;
        for n in 0..STAY {
            self.read(n)?;
        }
        equal(&self.peers)?;
        follower.has(&self.written)
    }

    fn go_on(&mut self, length: Duration, rate: u32, watched: &mut [Watched]) -> Result<()> {
        for n in STAY..PEERS {
            let turn = self.draw(HERE_MS);
            self.turns.insert(n, turn);
        }
        let began = Instant::now();
        let (mut sampled, mut read, mut told) = (Duration::ZERO, Duration::ZERO, SAY_EVERY);
        while began.elapsed() < length {
            let now = began.elapsed();
            self.write()?;
            self.come_and_go(now)?;
            if now >= sampled {
                for one in watched.iter_mut() {
                    one.sample(now)?;
                }
                sampled = now + SAMPLE_EVERY;
            }
            if now >= read {
                let n = usize::try_from(below(&mut self.rng, STAY as u64))?;
                self.read(n)?;
                read = now + READ_EVERY;
            }
            if now >= told {
                println!(
                    "soak: after {:.0} min: {}",
                    now.as_secs_f64() / 60.0,
                    watched::now(watched)
                );
                told += SAY_EVERY;
            }
            thread::sleep((now + Duration::from_secs(1) / rate).saturating_sub(began.elapsed()));
        }
        Ok(())
    }

    /// One of those that are there writes.
    fn write(&mut self) -> Result<()> {
        let here: Vec<usize> = (0..PEERS).filter(|n| self.serves(*n)).collect();
        let at = usize::try_from(below(&mut self.rng, here.len() as u64))?;
        let n = here.get(at).copied().context("nobody is there")?;
        let text = self.text(n);
        self.peer(n)?.run(&["send", &self.room, &text])?;
        self.written.acknowledged.push(text);
        Ok(())
    }

    /// What people do beside a peer that serves.
    fn read(&self, n: usize) -> Result<()> {
        let peer = self.peer(n)?;
        let newest = self.written.acknowledged.last().map_or("peer", String::as_str);
        peer.json(&["log", &self.room, "--last", "20"])?;
        peer.json(&["search", newest])?;
        peer.json(&["members", &self.room])?;
        // It fails while somebody is away, which says nothing of the peer.
        peer.status()?;
        Ok(())
    }

    /// Ends whose time is up, and brings back who was away long enough.
    fn come_and_go(&mut self, now: Duration) -> Result<()> {
        for n in STAY..PEERS {
            if self.turns.get(&n).is_some_and(|turn| *turn > now) {
                continue;
            }
            let next = if self.serves(n) {
                if below(&mut self.rng, 2) == 0 {
                    self.peers.get_mut(n).context("no such peer")?.stop()?;
                    self.stops += 1;
                } else {
                    self.kill_while_it_writes(n)?;
                    self.kills += 1;
                }
                self.draw(AWAY_MS)
            } else {
                self.peers.get_mut(n).context("no such peer")?.serve()?;
                self.draw(HERE_MS)
            };
            self.turns.insert(n, now + next);
        }
        Ok(())
    }

    fn kill_while_it_writes(&mut self, n: usize) -> Result<()> {
        let text = self.text(n);
        let mut sends = self.peer(n)?.spawn(&["send", &self.room, &text])?;
        thread::sleep(Duration::from_micros(below(&mut self.rng, 20_000)));
        self.peers.get_mut(n).context("no such peer")?.kill()?;
        let acknowledged = sends.wait()?.success();
        let those = if acknowledged {
            &mut self.written.acknowledged
        } else {
            &mut self.written.unknown
        };
        those.push(text);
        Ok(())
    }

    /// All come back and are equal; nothing is lost, doubled or damaged, and nothing more is open than at first.
    fn end(&mut self, mut follower: Follower, watched: &[Watched]) -> Result<()> {
        for peer in &mut self.peers {
            if peer.pid().is_none() {
                peer.serve()?;
            }
        }
        equal(&self.peers)?;
        watched::calm(watched)?;
        compare(&self.peers, &self.room, &self.written)?;
        let ended = follower.child.try_wait()?;
        ensure!(ended.is_none(), "the follower ended: {ended:?}");
        follower.has(&self.written)
    }

    fn peer(&self, n: usize) -> Result<&Peer> {
        self.peers.get(n).context("no such peer")
    }

    fn serves(&self, n: usize) -> bool {
        self.peers.get(n).is_some_and(|peer| peer.pid().is_some())
    }

    /// Another message, as short as most are.
    fn text(&mut self, n: usize) -> String {
        self.said += 1;
        format!("message {} of peer {n}", self.said)
    }

    fn draw(&mut self, (least, more): (u64, u64)) -> Duration {
        Duration::from_millis(least + below(&mut self.rng, more))
    }
}
