//! The index beside the logs, over the real binary: whatever happens to it, the messages are there and it heals; and
//! with it nothing in daily use reads what is sealed. Knows nothing of how the index is made.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod running;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rig::{Machine, finish};
use running::serve;

/// Enough imported lines for a few sealed stretches of the log.
const LINES: usize = 24_000;

/// ann with a room of [`LINES`] imported messages.
fn ann() -> Machine {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let mut lines = String::new();
    for n in 0..LINES {
        let (hour, minute) = (n / 60 % 24, n % 60);
        writeln!(
            lines,
            "[{hour:02}:{minute:02}] <nick{}> line {n} of what was said long ago, {}",
            n % 7,
            n * 7919
        )
        .expect("memory");
    }
    let file = ann.path("2020-01-01.txt");
    std::fs::write(&file, lines).expect("written");
    let file = file.to_string_lossy().into_owned();
    ann.run(&["import", "kitchen", &file, "--format", "irc"]).ok();
    ann
}

fn count(machine: &Machine) -> usize {
    machine.run(&["log", "kitchen", "--json"]).json().len()
}

fn newest(machine: &Machine) -> String {
    let found = machine.run(&["log", "kitchen", "--last", "1", "--json"]).json();
    found[0]["text"].as_str().expect("a text").to_owned()
}

fn index(machine: &Machine) -> PathBuf {
    machine.path("data/index.db")
}

fn blocks(machine: &Machine) -> Vec<PathBuf> {
    let rooms = std::fs::read_dir(machine.path("data/rooms")).expect("rooms");
    let files = rooms.flat_map(|room| std::fs::read_dir(room.expect("a room").path()).expect("files"));
    let paths = files.map(|file| file.expect("a file").path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "blk"))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("cp starts").success());
}

#[test]
fn an_index_that_is_gone_cut_short_altered_or_newer_is_built_again() {
    let ann = ann();
    let path = index(&ann);
    let whole = std::fs::read(&path).expect("an index");
    let harms: [fn(&Path, &[u8]); 5] = [
        |path, _| std::fs::remove_file(path).expect("removed"),
        |path, whole| std::fs::write(path, &whole[..whole.len() / 2]).expect("written"),
        |path, _| std::fs::write(path, "rubbish").expect("written"),
        |path, whole| {
            let mut bytes = whole.to_vec();
            // The version, in SQLite's header.
            bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
            std::fs::write(path, bytes).expect("written");
        },
        |path, whole| {
            let mut bytes = whole.to_vec();
            let len = bytes.len();
            bytes[4096..len / 3].fill(0xa5);
            std::fs::write(path, bytes).expect("written");
        },
    ];
    for (n, harm) in harms.into_iter().enumerate() {
        harm(&path, &whole);
        assert_eq!(count(&ann), LINES + n, "harm {n}");
        let text = format!("after harm {n}");
        ann.run_with(&["send", "kitchen", "-"], text.as_bytes()).ok();
        assert_eq!(newest(&ann), text);
        ann.run(&["log", "cellar"]).refused(3);
        assert!(std::fs::metadata(&path).expect("an index").len() > whole.len() as u64 / 2);
    }
}

#[test]
fn an_index_of_another_past_is_not_believed() {
    let ann = ann();
    let (rooms, backup) = (ann.path("data/rooms"), ann.path("backup"));
    copy(&rooms, &backup);
    ann.run(&["send", "kitchen", "not in the backup"]).ok();
    // The rooms are brought back from a backup, the index is not.
    std::fs::remove_dir_all(&rooms).expect("removed");
    copy(&backup, &rooms);
    assert_eq!(count(&ann), LINES);
    ann.run(&["send", "kitchen", "after the backup"]).ok();
    assert_eq!(newest(&ann), "after the backup");
    assert_eq!(count(&ann), LINES + 1);
}

#[test]
fn where_the_index_finds_no_space_the_messages_are_read_all_the_same() {
    let ann = ann();
    std::fs::remove_file(index(&ann)).expect("removed");
    // A limit for files stands in for a full disk; without the trap the system would kill. The log's files are
    // shorter than that, the index is longer.
    let limited = |kib: u32, args: &[&str]| {
        let command = ann.command(&[]);
        let program = command.get_program().to_owned();
        let mut shell = Command::new("sh");
        let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
        let envs = command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        shell
            .args(["-c", &limit])
            .arg(program)
            .args(args)
            .env_clear()
            .envs(envs)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        finish(shell.spawn().expect("a shell"))
    };
    // Too little even for its tables, then for its lines.
    for kib in [16, 800] {
        let read = limited(kib, &["log", "kitchen", "--json"]);
        assert_eq!(
            (read.code, read.out.lines().count()),
            (0, LINES),
            "{kib} KiB: {}",
            read.err
        );
    }
    assert_eq!(count(&ann), LINES);
    let size = std::fs::metadata(index(&ann)).expect("an index").len();
    assert!(size > 1 << 20, "it healed: {size} bytes");
}

#[test]
fn with_an_index_nothing_in_daily_use_reads_what_is_sealed() {
    let ann = ann();
    let bob = Machine::new("bob");
    let (node, at) = serve(&ann);
    let rooms = ann.run(&["rooms", "--json"]).json();
    let room = rooms[0]["room"].as_str().expect("an ID");
    bob.run(&["join", room, "--peer", &at, "--wait", "30"]).ok();
    drop(node);
    assert_eq!(count(&bob), LINES);
    for machine in [&ann, &bob] {
        let sealed = blocks(machine);
        assert!(sealed.len() >= 2, "{sealed:?}");
        for block in sealed {
            let len = std::fs::metadata(&block).expect("a block").len();
            std::fs::write(&block, vec![0xa5; usize::try_from(len).expect("fits")]).expect("written");
        }
    }
    // Opening, reading, writing.
    assert_eq!(count(&ann), LINES);
    assert_eq!(ann.run(&["members", "kitchen", "--json"]).json().len(), 2);
    ann.run(&["send", "kitchen", "apart"]).ok();
    // Reconnecting, catching up with what is new, receiving.
    let (_ann, at) = serve(&ann);
    bob.run(&["peers", "add", &at]).ok();
    let (_bob, _) = serve(&bob);
    bob.run(&["status", "--wait", "30"]).ok();
    assert_eq!(newest(&bob), "apart");
    bob.run(&["send", "kitchen", "live", "--wait", "1", "--timeout", "30"])
        .ok();
    assert_eq!(newest(&ann), "live");
    assert_eq!(count(&bob), LINES + 2);
}

#[test]
fn the_index_of_another_folder_is_not_believed() {
    // Two folders with the same room, each with messages that the other lacks.
    let (ann, bob) = (Machine::new("ann"), Machine::new("bob"));
    ann.run(&["new", "kitchen"]).ok();
    ann.run(&["send", "kitchen", "to both"]).ok();
    let (node, at) = serve(&ann);
    let rooms = ann.run(&["rooms", "--json"]).json();
    let room = rooms[0]["room"].as_str().expect("an ID");
    bob.run(&["join", room, "--peer", &at, "--wait", "30"]).ok();
    drop(node);
    ann.run(&["send", "kitchen", "ann alone"]).ok();
    for text in ["bob alone", "bob alone still"] {
        bob.run(&["send", "kitchen", text]).ok();
    }
    std::fs::copy(index(&ann), index(&bob)).expect("copied");
    assert_eq!(newest(&bob), "bob alone still");
    let (_ann, at) = serve(&ann);
    bob.run(&["peers", "add", &at]).ok();
    let (_bob, _) = serve(&bob);
    bob.run(&["status", "--wait", "30"]).ok();
    assert_eq!((count(&ann), count(&bob)), (4, 4));
}

#[test]
fn a_block_that_could_not_be_read_for_a_while_is_missed_no_longer_than_that() {
    let ann = ann();
    let rooms = ann.run(&["rooms", "--json"]).json();
    // Its name may be in the block.
    let room = rooms[0]["room"].as_str().expect("an ID");
    let count = || ann.run(&["log", room, "--json"]).json().len();
    let block = blocks(&ann).into_iter().max().expect("sealed");
    let aside = ann.path("aside");
    std::fs::rename(&block, &aside).expect("moved");
    std::fs::create_dir(&block).expect("made");
    std::fs::remove_file(index(&ann)).expect("removed");
    assert!(count() < LINES);
    ann.run(&["send", room, "meanwhile"]).ok();
    assert!(count() < LINES);
    std::fs::remove_dir(&block).expect("removed");
    std::fs::rename(&aside, &block).expect("moved back");
    assert_eq!(count(), LINES + 1);
    ann.run(&["send", room, "after"]).ok();
    assert_eq!(count(), LINES + 2);
}
