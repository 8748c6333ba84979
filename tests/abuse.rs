//! What disks, people and systems do to the real binary: damaged, foreign and newer files, a full disk, a taken port,
//! kills and signals at any moment, a copied folder. It says so, ends with the right code, never panics, and loses
//! nothing that it acknowledged. Knows nothing of peers that lie; the node's own tests do.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod running;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rig::{Machine, Ran, finish};
use running::{Running, serve};

/// ann with two rooms; five messages in the first.
fn ann() -> Machine {
    let ann = Machine::new("ann");
    for room in ["kitchen", "cellar"] {
        ann.run(&["new", room]).ok();
    }
    ann.run_with(&["send", "kitchen", "--lines"], b"one\ntwo\nthree\nfour\nfive\n")
        .ok();
    ann
}

/// The one file of the room with the most bytes, or the least.
fn tail_of(machine: &Machine, largest: bool) -> PathBuf {
    let mut tails: Vec<PathBuf> = Vec::new();
    for room in std::fs::read_dir(machine.path("data/rooms")).expect("rooms") {
        let inside = std::fs::read_dir(room.expect("a room").path()).expect("a room's folder");
        tails.extend(inside.map(|file| file.expect("a file").path()));
    }
    tails.sort_by_key(|path| len(path));
    let tail = if largest { tails.last() } else { tails.first() };
    tail.expect("a tail").clone()
}

fn len(path: &Path) -> u64 {
    std::fs::metadata(path).expect("a file").len()
}

fn texts(machine: &Machine) -> Vec<String> {
    let objects = machine.run(&["log", "kitchen", "--json"]).json();
    objects
        .iter()
        .map(|object| object["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// That it ended with this code, in words, and not by a panic.
#[track_caller]
fn said(ran: &Ran, code: i32, word: &str) {
    assert_eq!(ran.code, code, "{}\n{}", ran.out, ran.err);
    assert!(ran.err.contains(word), "{word:?} is not in: {}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn a_room_that_cannot_be_opened_is_told_of_and_keeps_no_other_from_it() {
    type Harm = fn(&Path);
    let newer: Harm = |tail| {
        let mut bytes = std::fs::read(tail).expect("a tail");
        (bytes[8], bytes[88]) = (2, 2);
        std::fs::write(tail, bytes).expect("written");
    };
    let rubbish: Harm = |tail| std::fs::write(tail, "rubbish".repeat(100)).expect("written");
    let empty: Harm = |tail| std::fs::write(tail, "").expect("written");
    let gone: Harm = |tail| std::fs::remove_file(tail).expect("removed");
    for (harm, word) in [
        (newer, "use a newer tailchat, nothing was changed"),
        (rubbish, "no readable log"),
        (empty, "no readable log"),
        (gone, "no readable log"),
    ] {
        let ann = ann();
        let tail = tail_of(&ann, true);
        harm(&tail);
        let harmed = std::fs::read(&tail).ok();
        let rooms = ann.run(&["rooms"]);
        said(&rooms, 5, word);
        assert!(rooms.out.contains("cellar"), "{}", rooms.out);
        said(&ann.run(&["check"]), 5, word);
        said(&ann.run(&["status"]), 5, word);
        said(&ann.run(&["log", "kitchen"]), 5, word);
        said(&ann.run(&["send", "kitchen", "lost?"]), 5, word);
        said(&ann.run(&["send", "cellar", "here"]), 0, word);
        if word.contains("newer") {
            assert_eq!(std::fs::read(&tail).ok(), harmed, "nothing was changed");
        }
    }
}

#[test]
fn a_room_that_could_not_be_opened_is_open_once_it_can_be() {
    let ann = ann();
    let tail = tail_of(&ann, true);
    let aside = ann.path("aside");
    std::fs::rename(&tail, &aside).expect("renamed");
    let serving = Running::start(&mut ann.command(&["serve", "--json", "--no-discovery"]));
    serving.line();
    said(&ann.run(&["send", "kitchen", "lost?"]), 5, "no readable log");
    std::fs::rename(&aside, &tail).expect("renamed");
    let began = Instant::now();
    while ann.run(&["send", "kitchen", "here again"]).code != 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "it is not opened");
        std::thread::sleep(Duration::from_millis(100));
    }
    let texts = texts(&ann);
    assert_eq!(
        (texts.len(), texts.last().map(String::as_str)),
        (6, Some("here again"))
    );
    assert!(!ann.run(&["doctor"]).out.contains("could not be opened"));
    assert_eq!(serving.stop("TERM"), 0);
}

#[test]
fn the_files_of_another_room_are_left_alone() {
    let ann = ann();
    let (kitchen, cellar) = (tail_of(&ann, true), tail_of(&ann, false));
    let between = ann.path("between");
    for (from, to) in [(&kitchen, &between), (&cellar, &kitchen), (&between, &cellar)] {
        std::fs::rename(from, to).expect("renamed");
    }
    said(&ann.run(&["rooms"]), 5, "holds the files of another room");
    said(
        &ann.run(&["leave", "kitchen", "--forget", "--yes"]),
        5,
        "another room",
    );
    for (from, to) in [(&kitchen, &between), (&cellar, &kitchen), (&between, &cellar)] {
        std::fs::rename(from, to).expect("renamed");
    }
    assert_eq!(texts(&ann).len(), 5);
}

#[test]
fn a_lost_end_is_told_of_once_and_what_stands_before_it_is_there() {
    let harms: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.truncate(bytes.len() - 30),
        |bytes| {
            let at = bytes.len() - 200;
            bytes[at..].fill(0);
        },
        |bytes| {
            let at = bytes.len() - 1;
            bytes[at] ^= 1;
        },
    ];
    for harm in harms {
        let ann = Machine::new("ann");
        ann.run(&["new", "kitchen"]).ok();
        for text in ["one", "two", "three"] {
            ann.run(&["send", "kitchen", text]).ok();
        }
        let tail = tail_of(&ann, true);
        let mut bytes = std::fs::read(&tail).expect("a tail");
        harm(&mut bytes);
        std::fs::write(&tail, bytes).expect("written");
        let first = ann.run(&["log", "kitchen", "--json"]);
        assert!(first.err.contains("no whole record"), "{}", first.err);
        let objects = first.json();
        assert_eq!((objects.len(), &objects[1]["text"]), (2, &"two".into()));
        let again = ann.run(&["send", "kitchen", "four"]);
        assert!(!again.err.contains("no whole record"), "{}", again.err);
        assert_eq!(texts(&ann), ["one", "two", "four"]);
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_at_most_what_it_hit() {
    let ann = ann();
    let tail = tail_of(&ann, true);
    let good = std::fs::read(&tail).expect("a tail");
    for at in (0..good.len()).step_by(good.len() / 12) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&tail, bad).expect("written");
        let check = ann.run(&["check"]);
        assert!(!check.err.contains("panicked"), "byte {at}: {}", check.err);
        assert!(
            check.code == 5 || check.err.contains("no whole record"),
            "byte {at}: {}{}",
            check.out,
            check.err
        );
        std::fs::write(&tail, &good).expect("written");
    }
    assert_eq!(texts(&ann).len(), 5);
}

#[test]
fn an_unreadable_identity_says_what_to_do() {
    let ann = ann();
    let fact = ann.path("data/facts/identity.fact");
    std::fs::write(&fact, "rubbish").expect("written");
    let why = ann.run(&["rooms"]).refused(5);
    assert!(why.contains("restore the file from a backup"), "{why}");
    std::fs::remove_file(&fact).expect("removed");
    assert_eq!(texts(&ann).len(), 5);
}

#[test]
fn a_full_disk_refuses_and_what_was_acknowledged_stands() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    // A limit for files stands in for a full disk; without the trap the system would kill.
    let limited = |text: &str| {
        let command = ann.command(&[]);
        let program = command.get_program().to_owned();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' XFSZ; ulimit -f 60; exec \"$0\" \"$@\""])
            .arg(program)
            .args(["send", "kitchen", text])
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        finish(shell.spawn().expect("a shell"))
    };
    let long = "x".repeat(8_000);
    let (mut acknowledged, mut refused) = (0, 0);
    for _ in 0..6 {
        let ran = limited(&long);
        match ran.code {
            0 => acknowledged += 1,
            _ => {
                said(&ran, 1, "nothing was saved");
                refused += 1;
            }
        }
    }
    assert!(acknowledged > 0 && refused > 0, "{acknowledged} {refused}");
    let whole = ann.run(&["check"]);
    said(&whole, 0, "");
    assert_eq!(texts(&ann).len(), acknowledged);
    ann.run(&["send", "kitchen", "there is space again"]).ok();
    assert_eq!(texts(&ann).len(), acknowledged + 1);
}

#[test]
fn a_taken_port_is_told_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let ann = ann();
    let why = ann.run(&["serve", "--listen", &address]).refused(1);
    assert!(
        why.contains("the port is taken") && why.contains("--listen"),
        "{why}"
    );
}

#[test]
fn a_dead_node_leaves_nothing_in_the_way() {
    let ann = ann();
    for round in 0..3 {
        let (node, _) = serve(&ann);
        ann.run(&["send", "kitchen", "beside"]).ok();
        node.kill();
        ann.run(&["send", "kitchen", "alone"]).ok();
        assert_eq!(texts(&ann).len(), 5 + 2 * (round + 1));
    }
}

#[test]
fn a_socket_that_others_could_use_is_told_of() {
    let ann = ann();
    std::fs::create_dir_all(ann.path("run/tailchat")).expect("a folder");
    let open_to_all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(ann.path("run/tailchat"), open_to_all).expect("set");
    let mut node = ann
        .online(&["serve", "--json"])
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    BufReader::new(node.stderr.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    node.kill().expect("the child can be killed");
    node.wait().expect("the child can be waited for");
    assert!(line.contains("other commands cannot reach this one"), "{line}");
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let mut acknowledged = BTreeSet::new();
    for round in 0..5 {
        // The node that writes is killed, or the command that is its own node.
        let node = (round % 2 == 0).then(|| serve(&ann).0);
        let mut sender = ann
            .command(&["send", "kitchen", "--lines", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = sender.stdin.take().expect("a pipe");
        let lines: String = (0..20_000)
            .map(|n| format!("round {round}, line {n}\n"))
            .collect();
        stdin.write_all(lines.as_bytes()).expect("written");
        drop(stdin);
        let mut out = BufReader::new(sender.stdout.take().expect("a pipe"));
        let mut id = String::new();
        for _ in 0..=(round * 700) {
            id.clear();
            out.read_line(&mut id).expect("an ID");
            acknowledged.insert(id.trim().to_owned());
        }
        match node {
            Some(node) => node.kill(),
            None => sender.kill().expect("the child can be killed"),
        }
        for id in out.lines() {
            acknowledged.insert(id.expect("an ID"));
        }
        sender.wait().expect("the child can be waited for");
    }
    acknowledged.retain(|id| id.contains('/'));
    let log = ann.run(&["log", "kitchen", "--json"]).json();
    let there: BTreeSet<_> = log
        .iter()
        .map(|object| object["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(acknowledged.len() > 5000, "{}", acknowledged.len());
    assert_eq!(there.len(), log.len(), "nothing is there twice");
    assert_eq!(acknowledged.difference(&there).next(), None);
    said(&ann.run(&["check"]), 0, "");
}

#[test]
fn an_import_that_was_stopped_goes_on_where_it_was() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let lines: String = (0..20_000)
        .map(|n| format!("[{:02}:{:02}] <nick{}> line {n}\n", n / 60 % 24, n % 60, n % 7))
        .collect();
    let file = ann.path("2024-02-29.txt");
    std::fs::write(&file, lines).expect("written");
    let file = file.to_str().expect("UTF-8");
    let import = ["import", "kitchen", file, "--format", "irc", "--json"];
    for signal in ["TERM", "KILL", "INT"] {
        let importing = ann.command(&import).spawn().expect("the binary starts");
        std::thread::sleep(Duration::from_millis(150));
        let sent = Command::new("kill")
            .args([format!("-{signal}"), importing.id().to_string()])
            .status()
            .expect("kill starts");
        assert!(sent.success());
        let ran = finish(importing);
        assert_ne!(ran.code, 0, "{signal}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }
    let counts = ann.run(&import).json().remove(0);
    let (added, known) = (counts["added"].as_u64(), counts["known"].as_u64());
    assert_eq!(added.zip(known).map(|(added, known)| added + known), Some(20_000));
    let texts = texts(&ann);
    assert_eq!(texts.len(), 20_000);
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), 20_000);
}

/// As `cp -a` does it.
fn copy(from: &Machine, to: &Machine) {
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from.path("data"))
        .arg(to.path("data"))
        .status()
        .expect("cp starts");
    assert!(copied.success());
}

/// ann's folder is copied, while she is online or not; then both write and meet a third, who was there before.
fn copied_while(online: bool) {
    let (ann, copied, carl) = (Machine::new("ann"), Machine::new("ann"), Machine::new("carl"));
    let room = ann.run(&["new", "kitchen", "--json"]).json()[0]["room"].clone();
    let (_carls, address) = serve(&carl);
    carl.run(&["join", room.as_str().expect("an ID")]).ok();
    ann.run(&["peers", "add", &address]).ok();
    let (before, _) = serve(&ann);
    ann.run(&["send", "kitchen", "before"]).ok();
    if !online {
        let stopped = Command::new("kill").arg(before.child.id().to_string()).status();
        assert!(stopped.expect("kill starts").success());
        let mut before = before;
        before.child.wait().expect("it stops");
        copy(&ann, &copied);
    } else {
        copy(&ann, &copied);
        before.kill();
    }
    let _both = (serve(&ann), serve(&copied));
    for at in 0..3 {
        ann.run(&["send", "kitchen", &format!("ann {at}")]).ok();
        copied.run(&["send", "kitchen", &format!("copy {at}")]).ok();
        carl.run(&["send", "kitchen", &format!("carl {at}")]).ok();
    }
    let wanted: BTreeSet<String> = ["before".to_owned()]
        .into_iter()
        .chain((0..3).flat_map(|at| ["ann", "copy", "carl"].map(|who| format!("{who} {at}"))))
        .collect();
    for machine in [&ann, &copied, &carl] {
        let began = Instant::now();
        loop {
            let there = texts(machine);
            if there.len() == wanted.len() && there.iter().cloned().collect::<BTreeSet<_>>() == wanted {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{there:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let status = machine.run(&["status", "kitchen", "--wait", "30", "--json"]);
        assert!(!status.err.contains("panicked"), "{}", status.err);
        let forks = status.json().remove(0)["forks"].clone();
        assert_eq!(
            forks,
            serde_json::Value::Array(vec![]),
            "a copy takes an actor of its own"
        );
    }
}

#[test]
fn a_copy_of_a_stopped_folder_is_a_device_of_its_own() {
    copied_while(false);
}

#[test]
fn a_copy_of_a_running_folder_is_a_device_of_its_own() {
    copied_while(true);
}
