//! `cargo xtask bench`: what the documents claim, measured on release builds and real processes, next to what
//! the same machine needs in the same run. Knows the parts and what they share; each figure is taken in a file
//! of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::corpus::{self, Said};
use crate::peers::{self, Peer, client, follow, send};

mod amended;
mod disk;
mod import;
mod live;
mod meet;
mod memory;
mod meter;
mod newcomer;
mod probe;
mod report;
mod rooms;
mod screen;
mod search;
mod ui;

use probe::Probe;
use report::Table;
use rooms::{Form, Made};

/// Days of the made corpus: some 196,000 messages.
const DAYS: u32 = 300;
/// Seconds that a peer may take to have what another has.
const EQUAL_WITHIN: &str = "300";
/// How long a node may go on computing after its start, and how long it is looked at to know that it does not.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
const IDLE_FOR: Duration = Duration::from_millis(300);
/// Rooms of the figures about many rooms.
const ROOMS: usize = 100;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder of IRC logs named YYYY-MM-DD.txt; without one, a made corpus
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Messages in a room; goals are judged at the most of them
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        default_value = report::SIZES,
        value_parser = report::size
    )]
    sizes: Vec<usize>,
    /// Only this part; may be given several times
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Only print; leave docs/BENCHMARKS.md as it is
    #[arg(long)]
    dry_run: bool,
}

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The first screen of a room
    Screen,
    /// A live message between two peers
    Live,
    /// Peers that meet again with nothing new
    Reconnect,
    /// Peers that meet again and both wrote
    Apart,
    /// An empty peer catches up
    Newcomer,
    /// Messages brought in from elsewhere
    Import,
    /// What a node holds in memory
    Memory,
    /// Bytes on disk
    Disk,
    /// Messages found by what they say
    Search,
    /// A room in which much was edited and reacted to
    Amended,
    /// The terminal UI before a person
    Ui,
}

impl Part {
    fn run(self, bench: &mut Bench) -> Result<()> {
        match self {
            Self::Screen => screen::run(bench),
            Self::Live => live::run(bench),
            Self::Reconnect => meet::reconnect(bench),
            Self::Apart => meet::apart(bench),
            Self::Newcomer => newcomer::run(bench),
            Self::Import => import::run(bench),
            Self::Memory => memory::run(bench),
            Self::Disk => disk::run(bench),
            Self::Search => search::run(bench),
            Self::Amended => amended::run(bench),
            Self::Ui => ui::run(bench),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let began = Instant::now();
    let mut bench = Bench::new(args)?;
    let wanted = |part: &&Part| args.only.is_empty() || args.only.contains(part);
    let mut failed = Vec::new();
    for part in Part::value_variants().iter().filter(wanted) {
        eprintln!(
            "bench: {part:?}, {:.0} s after the start",
            began.elapsed().as_secs_f64()
        );
        // The others' figures are worth having all the same.
        if let Err(error) = part.run(&mut bench) {
            eprintln!("bench: {part:?} failed: {error:#}");
            failed.push(format!("{part:?}"));
        }
    }
    let text = bench.text(args, began.elapsed())?;
    println!("{text}");
    ensure!(failed.is_empty(), "these parts failed: {}", failed.join(", "));
    if args.dry_run {
        return Ok(());
    }
    let whole = args.only.is_empty() && report::are_all(&args.sizes);
    ensure!(
        whole,
        "docs/BENCHMARKS.md takes a run of all parts and sizes; add --dry-run"
    );
    report::write(&text)
}

/// What all parts use.
struct Bench {
    program: PathBuf,
    sizes: Vec<usize>,
    said: Vec<Said>,
    probe: Probe,
    table: Table,
    runtime: Runtime,
    /// Rooms are made once for all parts; peers get copies.
    made: RefCell<BTreeMap<(Form, usize, usize), Rc<Made>>>,
    scratch: TempDir,
}

impl Bench {
    fn new(args: &Args) -> Result<Self> {
        let program = peers::build()?;
        let scratch = tempfile::tempdir()?;
        let files = corpus::files(args.corpus.as_deref(), DAYS, scratch.path())?;
        let mut sizes = args.sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Self {
            program,
            sizes,
            said: corpus::said(&files)?,
            probe: Probe::new(scratch.path())?,
            table: Table::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            made: RefCell::default(),
            scratch,
        })
    }

    fn text(&self, args: &Args, took: Duration) -> Result<String> {
        let source = match args.corpus {
            Some(_) => "the #ubuntu corpus",
            None => "a made corpus",
        };
        Ok(format!(
            "On {}, with {source}, in {:.0} minutes. In the same run: {}.\n\n{}\n{}",
            report::machine(),
            took.as_secs_f64() / 60.0,
            self.probe.told()?,
            self.table.text(&self.sizes)?,
            report::METHOD
        ))
    }

    /// A folder for the peers of one figure, which goes with them.
    fn place(&self) -> Result<TempDir> {
        Ok(tempfile::tempdir_in(self.scratch.path())?)
    }

    /// So many rooms with so many messages in all.
    fn rooms(&self, form: Form, rooms: usize, messages: usize) -> Result<Rc<Made>> {
        let key = (form, rooms, messages);
        if let Some(made) = self.made.borrow().get(&key) {
            return Ok(Rc::clone(made));
        }
        eprintln!("bench: making {messages} messages, {form}, in rooms: {rooms}");
        let folder = self
            .scratch
            .path()
            .join(format!("made-{form:?}-{rooms}-{messages}"));
        let made = Rc::new(Made::make(&folder, form, &self.said, rooms, messages)?);
        self.made.borrow_mut().insert(key, Rc::clone(&made));
        Ok(made)
    }

    /// A peer that has the rooms and was never opened since it has them.
    fn peer(&self, place: &TempDir, name: &str, made: &Made) -> Result<Peer> {
        let peer = Peer::new(&self.program, place.path().join(name));
        peer.run(&["rooms", "--quiet"])?;
        copy(&made.folder.join("rooms"), &peer.data.join("rooms"))?;
        Ok(peer)
    }

    /// The same, opened once, so that it has whatever it derives from its logs.
    fn opened_peer(&self, place: &TempDir, name: &str, made: &Made) -> Result<Peer> {
        let peer = self.peer(place, name, made)?;
        first_opening(&peer, made)?;
        Ok(peer)
    }

    /// Two peers that have the rooms, serve and are not connected.
    fn two(&self, place: &TempDir, made: &Made) -> Result<(Peer, Peer)> {
        let mut ann = self.peer(place, "ann", made)?;
        let mut bob = self.peer(place, "bob", made)?;
        // Both at once, since at a million messages that takes a while, and nothing is measured.
        std::thread::scope(|scope| {
            let opening = scope.spawn(|| first_opening(&bob, made));
            first_opening(&ann, made)?;
            let opened = opening.join();
            opened.unwrap_or_else(|_| bail!("the opening panicked"))
        })?;
        for peer in [&mut ann, &mut bob] {
            peer.serve()?;
            settle(peer)?;
        }
        Ok((ann, bob))
    }

    /// Two peers that have the rooms and are connected.
    fn pair(&self, place: &TempDir, made: &Made) -> Result<(Peer, Peer)> {
        let (ann, bob) = self.two(place, made)?;
        bob.run(&["peers", "add", &ann.listening])?;
        bob.run(&["status", "--wait", EQUAL_WITHIN])?;
        ann.run(&["status", "--wait", EQUAL_WITHIN])?;
        Ok((ann, bob))
    }
}

/// Opens a folder for the first time and says how long that takes until the newest message is told.
fn first_opening(peer: &Peer, made: &Made) -> Result<Duration> {
    let began = Instant::now();
    peer.run(&["rooms", "--quiet"])?;
    let said = peer.run(&["log", made.first()?, "--last", "1", "--quiet"])?;
    let took = began.elapsed();
    ensure!(rooms::shows_newest(&said), "the newest message is not told");
    Ok(took)
}

/// Waits until a node has done whatever it does after its start.
fn settle(peer: &Peer) -> Result<()> {
    let began = Instant::now();
    let mut before = peer.cpu()?;
    while began.elapsed() < SETTLED_WITHIN {
        std::thread::sleep(IDLE_FOR);
        let now = peer.cpu()?;
        if now.since(&before) < IDLE_FOR / 20 {
            return Ok(());
        }
        before = now;
    }
    bail!("a node that nobody asks anything goes on computing")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be listed", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to)?;
        } else {
            bail!("{} is neither file nor folder", entry.path().display());
        }
    }
    Ok(())
}
