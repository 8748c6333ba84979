//! Where peers may be, told by a file with rubbish, with far too much, with doors behind which nobody speaks; and two
//! nodes of one copied folder. Real processes, real sockets.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod running;

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rig::{Machine, finish};
use running::{Running, joined, serve};
use serde_json::Value;

/// Longer than anything here takes on an idle machine, for one that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
    began.elapsed()
}

fn connected(machine: &Machine) -> usize {
    let status = machine.run(&["status", "--json"]).json().remove(0);
    let peers = status["peers"].as_array().expect("a list");
    peers.iter().filter(|peer| peer["connected"] == true).count()
}

fn messages(machine: &Machine) -> Value {
    machine.run(&["status", "--json"]).json().remove(0)["messages"].clone()
}

fn send(machine: &Machine, text: &str) {
    machine.run(&["send", "kitchen", text, "--quiet"]).ok();
}

/// Forgets all addresses, so that only the hosts file leads anywhere.
fn forget_addresses(machine: &Machine) {
    let known = machine.run(&["peers", "--json"]).json();
    for addr in known.iter().filter_map(|known| known["addr"].as_str()) {
        machine.run(&["peers", "forget", addr]).ok();
    }
}

fn hosts(machine: &Machine, lines: &str) {
    fs::write(machine.path("data/hosts"), lines).expect("a file");
}

/// ann serves at this address; bob has been in the room, is not online, and knows no address.
fn apart() -> (Machine, Running, String, Machine) {
    let (ann, anns, bob) = joined();
    let node = ann.run(&["doctor", "--json"]).json();
    let listens = node.iter().filter_map(|finding| finding["what"].as_str());
    let address = listens
        .filter_map(|what| what.strip_prefix("listens at "))
        .find_map(|what| what.split(',').next())
        .expect("an address")
        .to_owned();
    forget_addresses(&bob);
    // She would dial bob otherwise, if he took the same port again.
    forget_addresses(&ann);
    (ann, anns, address, bob)
}

/// A command that asks the node for little is answered at once.
#[track_caller]
fn is_responsive(machine: &Machine) {
    let began = Instant::now();
    machine.run(&["rooms"]).ok();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn rubbish_in_the_hosts_file_costs_nothing_and_is_told() {
    let (_ann, _anns, address, bob) = apart();
    hosts(
        &bob,
        &format!("\u{1b}[31m rubbish\nana:x\n[::1\n:80\n\0\0\n{address}\n# end\n"),
    );
    let (_bobs, own) = serve(&bob);
    until("a meeting", || connected(&bob) == 1);
    is_responsive(&bob);
    let sources = bob.run(&["peers", "--json"]).json();
    let source = sources
        .iter()
        .find(|item| item["source"] == "hosts")
        .expect("the file");
    assert_eq!(source["standing"], "failing", "{source}");
    let why = source["why"].as_str().expect("a reason");
    assert!(why.contains("line 1") && !why.contains('\u{1b}'), "{why:?}");

    // Our own address is nobody's, and is not dialled.
    hosts(&bob, &format!("{own}\n{address}\n"));
    until("the file is read again", || {
        let sources = bob.run(&["peers", "--json"]).json();
        sources.iter().any(|item| item["standing"] == "working")
    });
    let known = bob.run(&["peers", "--json"]).json();
    assert!(
        known.iter().all(|known| known["addr"] != own.as_str()),
        "{known:#?}"
    );
    assert_eq!(connected(&bob), 1);
}

#[test]
fn of_ten_thousand_lines_the_first_ones_count_and_the_node_stays_awake() {
    let (_ann, _anns, address, bob) = apart();
    let mut lines = format!("{address}\n");
    // Loopback refuses at once; names would ask the machine's resolver.
    (0..10_000).for_each(|n| writeln!(lines, "127.1.{}.{}:9", n / 250, n % 250 + 1).expect("memory"));
    hosts(&bob, &lines);
    let (_bobs, _) = serve(&bob);
    let took = until("a meeting", || {
        is_responsive(&bob);
        connected(&bob) == 1
    });
    println!("connected after {took:?}");
    let sources = bob.run(&["peers", "--json"]).json();
    let source = sources
        .iter()
        .find(|item| item["source"] == "hosts")
        .expect("the file");
    assert!(
        source["why"]
            .as_str()
            .is_some_and(|why| why.contains("shorten it")),
        "{source}"
    );
}

#[test]
fn fifty_doors_behind_which_nobody_speaks_keep_nobody_from_the_good_one() {
    let (ann, _anns, address, bob) = apart();
    let silent = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = silent.local_addr().expect("it is bound").port();
    // Accepts and keeps.
    thread::spawn(move || silent.incoming().collect::<Vec<_>>());
    let mut lines = String::new();
    (1..=50).for_each(|n| writeln!(lines, "127.0.1.{n}:{port}").expect("memory"));
    hosts(&bob, &(lines + &address + "\n"));
    let (_bobs, _) = serve(&bob);
    let took = until("a meeting", || {
        is_responsive(&bob);
        connected(&bob) == 1
    });
    assert!(took < Duration::from_secs(5), "{took:?}");
    send(&ann, "through");
    until("a message", || messages(&bob) == 1);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a kind").is_dir() {
            true => copy(&entry.path(), &to),
            false => _ = fs::copy(entry.path(), to).expect("a copy"),
        }
    }
}

#[test]
fn a_folder_and_its_copy_see_each_other_and_doctor_says_so() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    send(&ann, "before");
    let clone = Machine::new("ann");
    copy(&ann.path("data"), &clone.path("data"));
    let ((_anns, address), (_clones, _)) = (serve(&ann), serve(&clone));
    send(&ann, "of the one");
    send(&clone, "of the other");
    clone.run(&["peers", "add", &address]).ok();
    let texts = |machine: &Machine| {
        let lines = machine.run(&["log", "kitchen", "--json"]).json();
        let texts = lines
            .iter()
            .filter_map(|line| line["text"].as_str().map(str::to_owned));
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        texts
    };
    let all = ["before", "of the one", "of the other"];
    for machine in [&ann, &clone] {
        until("all messages", || texts(machine) == all);
    }
    // And what is written from now on.
    send(&ann, "one more");
    until("one more", || texts(&clone).len() == 4);
    for machine in [&ann, &clone] {
        let findings = finish(machine.command(&["doctor", "--json"]).spawn().expect("it starts")).json();
        let told = |finding: &Value| {
            finding["what"]
                .as_str()
                .is_some_and(|what| what.contains("a copy of this"))
        };
        assert!(findings.iter().any(told), "{findings:#?}");
    }
}
