//! `cargo xtask bench`: what the documents claim, measured on release builds and real processes, next to what
//! the same machine's disk and loopback need in the same run.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tailchat_core::block::Arrival;
use tailchat_core::engine::ArrivedChange;
use tailchat_core::entry::{Body, Entry, Stamp, Text};
use tailchat_core::ids::{ActorId, DeviceId, RoomId};
use tailchat_core::state::RoomState;
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Item, Request, Wait};
use tailchat_node::journal::Journal;
use tailchat_store::disk::RealDisk;

use crate::peers::{self, Meter, Peer};
use crate::{corpus, workspace};

/// Messages timed one by one for each latency.
const SAMPLES: usize = 300;
/// Days of the made corpus: some 196,000 messages.
const DAYS: u32 = 300;
/// Messages of the small room.
const SMALL: usize = 1_000;
/// Typed messages whose size at rest is taken, and the actors that write them.
const TYPED: usize = 50_000;
const TYPISTS: u8 = 50;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder of IRC logs named YYYY-MM-DD.txt; without one, a made corpus of about the same size
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Only print; leave docs/BENCHMARKS.md as it is
    #[arg(long)]
    dry_run: bool,
}

/// One line of the table.
struct Figure {
    what: String,
    measured: String,
    goal: &'static str,
    met: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let program = peers::build()?;
    let scratch = tempfile::tempdir()?;
    let files = corpus::files(args.corpus.as_deref(), DAYS, scratch.path())?;
    let texts = corpus::texts(&files)?;
    let mut figures = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    figures.push(at_rest(&texts, scratch.path())?);
    let small = pair(&program, scratch.path(), "small")?;
    runtime.block_on(async {
        let mut ann = client(&small.0).await?;
        for some in texts.get(..SMALL).unwrap_or(&texts).chunks(100) {
            send(&mut ann, some.to_vec()).await?;
        }
        latencies(&small, scratch.path(), "1,000 messages", &mut figures).await
    })?;
    drop(small);
    let large = pair(&program, scratch.path(), "large")?;
    let messages = import(&large.0, &files, &mut figures)?;
    runtime.block_on(latencies(
        &large,
        scratch.path(),
        &format!("{} messages", grouped(messages)),
        &mut figures,
    ))?;
    catch_up(&program, &large.0, scratch.path(), &mut figures)?;
    report(args, &figures)
}

/// Two peers in one room, connected.
fn pair(program: &Path, scratch: &Path, name: &str) -> Result<(Peer, Peer)> {
    let ann = Peer::start(program, scratch.join(format!("{name}-a")))?;
    let bob = Peer::start(program, scratch.join(format!("{name}-b")))?;
    let room = invite(&ann, "bench")?;
    bob.run(&["join", &room, "--wait", "20"])?;
    Ok((ann, bob))
}

fn invite(peer: &Peer, name: &str) -> Result<String> {
    let made = peer.json(&["new", name])?;
    let invite = made.first().and_then(|room| room["invite"].as_str());
    invite.map(ToOwned::to_owned).context("no room was made")
}

async fn client(peer: &Peer) -> Result<Client> {
    let config = Config {
        data: peer.data.clone(),
        listen: None,
        name: None,
        default_name: "bench".into(),
        online: false,
    };
    let client = Client::open(config).await?;
    ensure!(client.is_remote(), "the peer does not answer on its socket");
    Ok(client)
}

async fn send(client: &mut Client, texts: Vec<String>) -> Result<()> {
    let request = Request::Send {
        room: "bench".into(),
        texts,
        action: false,
        reply_to: None,
        on: 0,
        wait: Wait::No,
    };
    client.ask(request).await?;
    Ok(())
}

/// From request to reply, and from request to the other peer's screen.
async fn latencies(pair: &(Peer, Peer), scratch: &Path, size: &str, figures: &mut Vec<Figure>) -> Result<()> {
    pair.0.run(&["status", "--wait", "120"])?;
    let (mut ann, mut bob) = (client(&pair.0).await?, client(&pair.1).await?);
    let log = Request::Log {
        room: "bench".into(),
        last: Some(0),
        since_ms: None,
        until_ms: None,
        follow: true,
    };
    bob.request(log).await?;
    let mut probe = Probe::new(scratch)?;
    let (mut replies, mut arrivals, mut syncs, mut trips) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..SAMPLES {
        let text = format!("measured {n}");
        syncs.push(probe.sync()?);
        trips.push(probe.round_trip()?);
        let began = Instant::now();
        send(&mut ann, vec![text.clone()]).await?;
        replies.push(began.elapsed());
        match bob.next().await? {
            Answer::Item(Item::Message(message)) if message.text == text => arrivals.push(began.elapsed()),
            other => bail!("expected \"{text}\", got {other:?}"),
        }
    }
    let (sync, trip) = (middle(syncs), middle(trips));
    let mut figure = |what: &str, times: Vec<Duration>, unit: Duration, of: &str, goal, most: f64| {
        let p50 = middle(times);
        let ratio = p50.as_secs_f64() / unit.as_secs_f64();
        figures.push(Figure {
            what: format!("{what}, room of {size}"),
            measured: format!("p50 {} = {ratio:.2} x {of} ({})", millis(p50), millis(unit)),
            goal,
            met: ratio <= most,
        });
    };
    figure(
        "one `send`, control request to reply",
        replies,
        sync,
        "one fsync",
        "<= 3 fsyncs",
        3.0,
    );
    let unit = sync + trip;
    figure(
        "one live message, control request at A to shown at B",
        arrivals,
        unit,
        "(fsync + loopback round trip)",
        "<= 3 x",
        3.0,
    );
    Ok(())
}

fn import(peer: &Peer, files: &[PathBuf], figures: &mut Vec<Figure>) -> Result<u64> {
    let files: Vec<_> = files
        .iter()
        .map(|file| file.to_string_lossy().into_owned())
        .collect();
    let mut args = vec!["import", "bench", "--format", "irc"];
    args.extend(files.iter().map(String::as_str));
    let began = Instant::now();
    let told = peer.json(&args)?;
    let time = began.elapsed();
    let added = told
        .first()
        .and_then(|told| told["added"].as_u64())
        .context("the import says nothing")?;
    let rate = per_second(added, time);
    figures.push(Figure {
        what: format!(
            "import of {} messages, durable, a connected peer catching up meanwhile",
            grouped(added)
        ),
        measured: format!("{} messages a second", grouped(rate)),
        goal: ">= 20,000 a second",
        met: rate >= 20_000,
    });
    Ok(added)
}

/// A newcomer fetches everything through a meter.
fn catch_up(program: &Path, from: &Peer, scratch: &Path, figures: &mut Vec<Figure>) -> Result<()> {
    let newcomer = Peer::start(program, scratch.join("newcomer"))?;
    let rooms = from.json(&["rooms"])?;
    let room = rooms
        .first()
        .and_then(|room| room["room"].as_str())
        .context("no room")?;
    let meter = Meter::to(&from.listening)?;
    let began = Instant::now();
    newcomer.run(&["join", room, "--peer", &meter.address, "--wait", "120"])?;
    let time = began.elapsed();
    let wire = meter.bytes();
    newcomer.run(&["status", "--wait", "60"])?;
    let status = newcomer.status()?;
    let messages = status["messages"].as_u64().context("no count")?;
    let seconds = time.as_secs_f64();
    figures.push(Figure {
        what: format!(
            "catch-up of {} messages to an empty peer, durable",
            grouped(messages)
        ),
        measured: format!(
            "{seconds:.2} s, {} messages a second",
            grouped(per_second(messages, time))
        ),
        goal: "<= 15 s",
        met: seconds <= 15.0,
    });
    figures.push(ratio_figure(
        "the same on the wire, both directions".into(),
        wire,
        messages,
        "<= 100 bytes a message",
        100.0,
    ));
    for (who, peer) in [
        ("the peer that had it (import, all clients)", from),
        ("the newcomer", &newcomer),
    ] {
        if let Some(bytes) = peer.peak_memory() {
            let mib = bytes / 1024 / 1024;
            figures.push(Figure {
                what: format!("peak memory of {who}"),
                measured: format!("{mib} MiB"),
                goal: "<= 250 MB",
                met: bytes <= 250_000_000,
            });
        }
    }
    let disk = status["disk_bytes"].as_u64().context("no size")?;
    figures.push(ratio_figure(
        "the imported room at rest, tail included".into(),
        disk,
        messages,
        "-",
        f64::INFINITY,
    ));
    Ok(())
}

/// Typed messages, a change each, through the production log and its sealing.
fn at_rest(texts: &[String], scratch: &Path) -> Result<Figure> {
    let folder = scratch.join("typed");
    fs::create_dir_all(&folder)?;
    let mut journal = Journal::create(RealDisk::new(&folder), RoomId([1; 16]), [2; 32])?;
    let mut state = RoomState::default();
    let mut batch = Vec::new();
    for (n, text) in (0_u64..).zip(texts.iter().cycle().take(TYPED)) {
        let typist = u8::try_from(n * 7 % u64::from(TYPISTS)).unwrap_or(0);
        // Somebody writes every eleven seconds, on average.
        let order = 1_700_000_000_000 + n * 11_000 + n * 7919 % 9000;
        let stamp = Stamp {
            order,
            sent_at_ms: order.cast_signed(),
        };
        let entry = Entry {
            stamp,
            body: Body::Text(Text {
                text: text.clone(),
                reply_to: None,
            }),
        };
        let change = state.author(ActorId([typist.wrapping_mul(37); 16]), vec![entry.encode()]);
        let arrival = Arrival {
            at_ms: order.cast_signed() + 40,
            via: DeviceId([typist; 16]),
        };
        batch.push(ArrivedChange { change, arrival });
        if batch.len() == 512 {
            journal.append(&batch)?;
            batch.clear();
        }
    }
    journal.append(&batch)?;
    let tail = journal.disk_bytes().tails;
    let mut sealed = 0;
    while let Some(sealing) = journal.sealing()? {
        let done = sealing.run()?;
        sealed += done
            .info()
            .spans
            .iter()
            .map(|span| span.last_seq - span.first_seq + 1)
            .sum::<u64>();
        journal.sealed(done);
    }
    let bytes = journal.disk_bytes().blocks;
    ensure!(sealed > 0 && tail > 0, "nothing was sealed");
    let what = format!(
        "at rest, sealed: {} typed messages by {TYPISTS} actors, a change each",
        grouped(sealed)
    );
    Ok(ratio_figure(what, bytes, sealed, "<= 100 bytes a message", 100.0))
}

fn ratio_figure(what: String, bytes: u64, messages: u64, goal: &'static str, most: f64) -> Figure {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let ratio = bytes as f64 / messages as f64;
    Figure {
        what,
        measured: format!("{ratio:.1} bytes a message"),
        goal,
        met: ratio <= most,
    }
}

/// What the machine itself needs for a message: taken turn by turn with what is measured, since these machines
/// are shared.
struct Probe {
    file: File,
    near: TcpStream,
}

impl Probe {
    fn new(scratch: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(scratch.join("probe"))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        std::thread::spawn(move || {
            let mut buffer = [0; 200];
            while far.read_exact(&mut buffer).is_ok() && far.write_all(&buffer).is_ok() {}
        });
        Ok(Self { file, near })
    }

    /// One append of 200 bytes, made durable.
    fn sync(&mut self) -> Result<Duration> {
        let began = Instant::now();
        self.file.write_all(&[7; 200])?;
        self.file.sync_data()?;
        Ok(began.elapsed())
    }

    /// 200 bytes there and back over loopback.
    fn round_trip(&mut self) -> Result<Duration> {
        let mut buffer = [7; 200];
        let began = Instant::now();
        self.near.write_all(&buffer)?;
        self.near.read_exact(&mut buffer)?;
        Ok(began.elapsed())
    }
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn per_second(count: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1000) / millis
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn report(args: &Args, figures: &[Figure]) -> Result<()> {
    let mut table = String::from("| what | measured | goal | met |\n|---|---|---|---|\n");
    for figure in figures {
        let met = if figure.met { "yes" } else { "**no**" };
        writeln!(
            table,
            "| {} | {} | {} | {met} |",
            figure.what, figure.measured, figure.goal
        )?;
    }
    println!("{table}");
    if args.dry_run {
        return Ok(());
    }
    let file = workspace::root()?.join("docs/BENCHMARKS.md");
    let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let (begin, end) = ("<!-- bench: begin -->\n", "<!-- bench: end -->");
    let (head, rest) = text
        .split_once(begin)
        .context("docs/BENCHMARKS.md has lost its mark for the table's begin")?;
    let (_, foot) = rest
        .split_once(end)
        .context("docs/BENCHMARKS.md has lost its mark for the table's end")?;
    let source = if args.corpus.is_some() {
        "the #ubuntu corpus"
    } else {
        "a made corpus"
    };
    let machine = machine_name();
    fs::write(
        &file,
        format!("{head}{begin}On {machine}, with {source}:\n\n{table}{end}{foot}"),
    )?;
    Ok(())
}

fn machine_name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": an unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores of {}", model.trim_start_matches(['\t', ' ', ':']))
}
