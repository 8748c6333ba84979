//! `cargo xtask attack`: a peer made by hand attacks a real one over real sockets, while two honest peers write to each
//! other through it. They must notice nothing. Knows what is measured and what must hold; each attack is in a file of
//! its theme.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use tailchat_core::ids::ActorId;

use crate::peers::{self, Peer};

mod chains;
mod mallory;
mod members;
mod scene;
mod strangers;
mod watch;

use mallory::Target;
use scene::Scene;
use watch::{Latencies, Watch};

/// What the victim may hold in memory at any time, whatever is done to it.
const MEMORY_MAX: u64 = 256_000_000;
/// What 99 of 100 messages between honest peers may take during an attack: what a person still takes for at once.
const NOTICED_AFTER: Duration = Duration::from_secs(1);
/// So many messages of honest peers must have been measured in each part, or the run says nothing.
const MEASURED_MIN: usize = 10;
/// Pauses between an honest newcomer's attempts: those of a node that was given the address.
const NEWCOMER_PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(3));

/// How long strangers come at least. Most attempts of a newcomer succeed among them, not each: it has time for five.
const STRANGERS_MIN: Duration = Duration::from_secs(6);

/// Options of `cargo xtask attack`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each attack takes, and the calm before it; strangers come for 6 at least
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Only this attack; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<Attack>,
    /// How many connections are made by the attack that makes many
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
}

/// What is done to the victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Attack {
    /// Connections that say nothing, or half a Hello
    HalfOpen,
    /// A Hello, one byte a second
    Drip,
    /// Very many connections, many at once
    Connections,
    /// A stranger's frames of each wrong length
    Frames,
    /// Handshakes of others, said again, and the victim's own
    Replays,
    /// A member's frames of each wrong length
    LongFrames,
    /// Small blocks that become large ones
    Bombs,
    /// Changes in the name of an honest peer
    Impostor,
    /// Actors with two chains
    Forks,
    /// Claims that nothing follows, and changes without those before them
    Gaps,
    /// Messages from the ends of time
    Clocks,
    /// Messages as fast as the wire takes them
    Flood,
    /// More authors than a room takes
    Crowd,
    /// Signs of life of devices that there are not
    Signs,
    /// Addresses at which nobody is
    Addresses,
    /// Members that ask and never read
    Deaf,
}

/// What an attack came to.
struct Figures {
    did: String,
    calm: Latencies,
    attacked: Latencies,
    newcomer: Duration,
    memory: peers::Memory,
    /// Of one processor.
    cpu: f64,
    /// Before, at most during, and after.
    descriptors: (usize, usize, usize),
}

/// Runs the attacks, one after the other, each on peers of its own.
pub(crate) fn run(args: &Args) -> Result<()> {
    let program = peers::build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let wanted = |attack: &&Attack| args.only.is_empty() || args.only.contains(attack);
    let mut failed = Vec::new();
    for attack in Attack::value_variants().iter().filter(wanted) {
        // What the others come to is worth knowing all the same.
        if let Err(error) = runtime.block_on(attack.measure(args, &program)) {
            eprintln!("attack: {}: {error:#}", attack.name());
            failed.push(attack.name());
        }
    }
    ensure!(
        failed.is_empty(),
        "the victim or others suffered from {}",
        failed.join(", ")
    );
    Ok(())
}

impl Attack {
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    async fn measure(self, args: &Args, program: &Path) -> Result<()> {
        let scene = Scene::start(program)?;
        let recorded = match self {
            Self::Replays => {
                let newcomer = Peer::start(program, scene.place.path().join("newcomer"))?;
                strangers::record(&scene.victim.listening, &newcomer, &scene.room).await?
            }
            _ => strangers::Recorded::default(),
        };
        let watch = Watch::start(&scene).await?;
        let (calm, lasts) = self.parts(args.seconds);
        tokio::time::sleep(calm).await;
        let (links, before) = (scene.links()?, scene.victim.process()?.descriptors()?.len());
        let cpu = scene.victim.cpu()?;
        let began = Instant::now();
        let target = Target {
            addr: scene.addr()?,
            room: scene.id,
            until: began + lasts,
            connections: usize::try_from(args.connections)?,
        };
        let sampled = tokio::spawn(most_descriptors(scene.victim.process()?, target));
        let comes = tokio::spawn(newcomer(target, calm / 4));
        let did = self.act(target, &scene, &recorded).await;
        let took = began.elapsed();
        let cpu = scene.victim.cpu()?.since(&cpu);
        let did = did.context("the attack itself")?;
        let parts = [
            (began.checked_sub(calm).unwrap_or(began), began),
            (began, began + took),
        ];
        let [calmly, attacked] = watch.finish(parts, self.spared()).await?;
        let newcomer = comes.await??;
        ensure!(
            began + calm / 4 + newcomer < target.until,
            "an honest newcomer was not let in before the attack was over"
        );
        for (before, after) in links.iter().zip(scene.links()?) {
            ensure!(
                !before.is_empty(),
                "an honest peer was not connected before the attack"
            );
            ensure!(
                before.is_subset(&after),
                "an honest peer's connection was dropped"
            );
        }
        let after = scene.settled(before)?;
        // Before `check`, which builds the room's whole document for whoever asks.
        let memory = scene.victim.memory()?;
        self.look_afterwards(&scene)?;
        self.judge(&Figures {
            did,
            calm: calmly,
            attacked,
            newcomer,
            memory,
            cpu: cpu.as_secs_f64() / took.as_secs_f64(),
            descriptors: (before, sampled.await??, after),
        })
    }

    /// How long the calm and the attack last.
    fn parts(self, seconds: u64) -> (Duration, Duration) {
        let calm = Duration::from_secs(seconds);
        match self {
            Self::HalfOpen | Self::Drip | Self::Connections | Self::Frames | Self::Replays => {
                (calm, calm.max(STRANGERS_MIN))
            }
            _ => (calm, calm),
        }
    }

    async fn act(self, target: Target, scene: &Scene, recorded: &strangers::Recorded) -> Result<String> {
        match self {
            Self::HalfOpen => strangers::half_open(target).await,
            Self::Drip => strangers::drip(target).await,
            Self::Connections => strangers::connections(target).await,
            Self::Frames => strangers::frames(target).await,
            Self::Replays => strangers::replays(target, recorded).await,
            Self::LongFrames => members::frames(target).await,
            Self::Bombs => members::bombs_thrown(target).await,
            Self::Impostor => chains::impostor(target, impersonated(scene)?).await,
            Self::Forks => chains::forks(target, scene.honest[0].listening.parse()?).await,
            Self::Gaps => chains::gaps(target).await,
            Self::Clocks => chains::clocks(target).await,
            Self::Flood => members::flood(target).await,
            Self::Crowd => members::crowd(target).await,
            Self::Signs => members::signs(target).await,
            Self::Addresses => members::addresses(target).await,
            Self::Deaf => members::deaf(target).await,
        }
    }

    /// The honest peers who must notice nothing: all but the one in whose name somebody writes.
    fn spared(self) -> &'static [usize] {
        match self {
            Self::Impostor => &[1],
            _ => &[0, 1],
        }
    }

    /// What must be so when it is over.
    fn look_afterwards(self, scene: &Scene) -> Result<()> {
        scene
            .victim
            .run(&["check", &scene.room])
            .context("the victim's room is damaged")?;
        let named = |peer: &Peer| -> Result<usize> {
            let status = peer.status()?;
            Ok(status["forks"].as_array().map_or(0, Vec::len))
        };
        let forks = named(&scene.victim)?;
        match self {
            // Whoever is robbed of an actor before it wrote more with it knows alone.
            Self::Impostor => {
                let robbed = named(&scene.honest[0])?;
                ensure!(
                    forks + robbed > 0,
                    "neither the victim nor the impersonated name it"
                );
            }
            Self::Forks => ensure!(forks > 0, "the victim's status names no fork"),
            Self::Clocks => sorted(&scene.victim, &scene.room)?,
            // It is claimed that somebody has more of the victim's own chain than it wrote: it goes on with another.
            Self::Gaps => ensure!(
                forks == 1,
                "the victim's status names {forks} forks, not its own chain"
            ),
            _ => ensure!(forks == 0, "the victim's status names {forks} forks"),
        }
        Ok(())
    }

    /// Tells the figures, and fails if one is beyond what it may be.
    fn judge(self, figures: &Figures) -> Result<()> {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (calm, through_calm) = figures.calm.of_hundred(50);
        let (attacked, through) = figures.attacked.of_hundred(50);
        let (late, late_through) = figures.attacked.of_hundred(99);
        let (before, during, after) = figures.descriptors;
        println!(
            "attack: {}: {}; {} honest messages, at the victim {:.1} ms (calm {:.1}, x {:.1}), through it {:.1} ms (calm \
             {:.1}, x {:.1}), 99 of 100 in {:.0} and {:.0} ms; a newcomer in after {:.0} ms; memory {:.0} MB, at most \
             {:.0}; {:.0} % of a processor; {during} descriptors at most, {after} after, {before} before",
            self.name(),
            figures.did,
            figures.attacked.count(),
            ms(attacked),
            ms(calm),
            attacked.as_secs_f64() / calm.as_secs_f64(),
            ms(through),
            ms(through_calm),
            through.as_secs_f64() / through_calm.as_secs_f64(),
            ms(late),
            ms(late_through),
            ms(figures.newcomer),
            figures.memory.resident as f64 / 1e6,
            figures.memory.peak as f64 / 1e6,
            figures.cpu * 100.0
        );
        for (part, latencies) in [("calm", &figures.calm), ("attack", &figures.attacked)] {
            let count = latencies.count();
            ensure!(
                count >= MEASURED_MIN,
                "only {count} honest messages in the {part}"
            );
        }
        let peak = figures.memory.peak;
        ensure!(
            peak <= MEMORY_MAX,
            "the victim held {peak} bytes, above {MEMORY_MAX}"
        );
        let late = late.max(late_through);
        ensure!(
            late <= NOTICED_AFTER,
            "99 of 100 messages took {late:?}, above {NOTICED_AFTER:?}"
        );
        Ok(())
    }
}

/// The most descriptors that the victim has open while it is attacked.
async fn most_descriptors(victim: peers::Process, target: Target) -> Result<usize> {
    let mut most = 0;
    while !target.over() {
        most = most.max(victim.descriptors()?.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(most)
}

/// Comes when the attack has begun in earnest.
async fn newcomer(target: Target, begins: Duration) -> Result<Duration> {
    tokio::time::sleep(begins).await;
    mallory::newcomer(target, NEWCOMER_PAUSES).await
}

/// The actor with which the first honest peer writes now.
fn impersonated(scene: &Scene) -> Result<ActorId> {
    let log = scene.victim.json(&["log", &scene.room, "--last", "50"])?;
    let theirs = |line: &&serde_json::Value| {
        line["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("honest 0 "))
    };
    let last = log
        .iter()
        .rev()
        .find(theirs)
        .context("the honest peer wrote nothing")?;
    chains::actor_of(last["id"].as_str().context("a message has no ID")?)
}

/// Messages of honest peers stand in the order in which each of them wrote, whatever time others claim.
fn sorted(victim: &Peer, room: &str) -> Result<()> {
    let mut last = [None, None];
    let log = victim.json(&["log", room])?;
    for line in &log {
        let text = line["text"].as_str().unwrap_or_default();
        let Some((who, number)) = text.strip_prefix("honest ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let (who, number) = (who.parse::<usize>()?, number.parse::<u32>()?);
        let Some(last) = last.get_mut(who) else {
            bail!("a message of nobody: {text:?}")
        };
        ensure!(Some(number) > *last, "{text:?} stands behind {last:?}");
        *last = Some(number);
        let at = line["sent_at"].as_str().context("a message has no time")?;
        // Both are of one machine's clock, and a clock can only be dragged ahead.
        let arrived = line["arrived_at"].as_str().context("a message never arrived")?;
        ensure!(
            at <= arrived,
            "{text:?} was sent at {at}, it says, and arrived at {arrived}"
        );
    }
    ensure!(
        last.iter().all(Option::is_some),
        "the victim shows no honest messages"
    );
    Ok(())
}
