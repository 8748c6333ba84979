//! Real processes with real sockets on one machine: they meet, part, die and come back. Knows nothing of what they say
//! to each other; the engine's own tests and the simulation do.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

mod rig;
#[path = "rig/running.rs"]
mod running;

use std::thread;
use std::time::Duration;

use rig::{Machine, finish};
use running::{Running, equal, joined, send_signal, serve};
use serde_json::Value;

fn send(machine: &Machine, text: &str) -> String {
    machine.run(&["send", "kitchen", text]).ok().trim().to_owned()
}

fn texts(machine: &Machine) -> Vec<String> {
    let objects = machine.run(&["log", "kitchen", "--json"]).json();
    let text = |object: &Value| format!("{} {}", object["author"], object["text"]);
    objects.iter().map(text).collect()
}

#[test]
fn two_peers_that_wrote_apart_converge() {
    let (ann, _anns, bob) = joined();
    for at in 0..5 {
        send(&ann, &format!("ann {at}"));
        let offline = bob.run(&["send", "kitchen", &format!("bob {at}")]);
        assert!(offline.err.contains("Nobody else has it yet"), "{}", offline.err);
    }
    assert_eq!(texts(&bob).len(), 5);

    let (_bobs, _) = serve(&bob);
    let (anns_status, bobs_status) = (equal(&ann), equal(&bob));
    assert_eq!(anns_status["messages"], 10);
    assert_eq!(anns_status["heads"], bobs_status["heads"]);
    assert_eq!(bobs_status["peers"][0]["peer"], "ann");
    assert_eq!(texts(&ann), texts(&bob));
    let members = ann.run(&["members", "kitchen", "--json"]).json();
    assert_eq!(members.len(), 2);
}

#[test]
fn a_killed_peer_comes_back_with_all_it_acknowledged() {
    let (ann, _anns, bob) = joined();
    let (bobs, _) = serve(&bob);
    equal(&bob);
    send(&bob, "before");
    bobs.kill();
    send(&ann, "meanwhile");
    assert!(texts(&bob).contains(&"\"bob\" \"before\"".to_owned()));

    let (_bobs, _) = serve(&bob);
    send(&bob, "after");
    let (anns_status, bobs_status) = (equal(&ann), equal(&bob));
    assert_eq!(anns_status["heads"], bobs_status["heads"]);
    assert_eq!(anns_status["messages"], 3);
    assert_eq!(anns_status["forks"], Value::Array(Vec::new()));
    assert_eq!(texts(&ann), texts(&bob));
}

#[test]
fn who_follows_sees_what_others_write_as_it_comes() {
    let (ann, _anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    send(&ann, "old");
    equal(&bob);
    let follower = Running::start(&mut bob.command(&["log", "kitchen", "--follow", "--json"]));
    assert_eq!(follower.line()["text"], "old");
    let id = send(&ann, "new");
    let object = follower.line();
    assert_eq!((&object["text"], &object["id"]), (&"new".into(), &id.into()));
    assert_eq!(follower.stop("INT"), 0);
}

#[test]
fn what_others_wrote_is_unread_until_it_is_marked_beside_a_node_and_without_one() {
    let (ann, _serving, bob) = joined();
    send(&ann, "one");
    send(&ann, "@bob, two");
    let (serving, _) = serve(&bob);
    equal(&bob);
    let unread = || bob.run(&["log", "kitchen", "--unread"]).ok().lines().count();
    let listed = || bob.run(&["rooms"]).ok();
    assert_eq!(unread(), 2);
    assert!(listed().contains("2 unread, 1 to you"), "{}", listed());
    bob.run(&["read", "kitchen"]).ok();
    assert_eq!(unread(), 0);
    send(&bob, "mine");
    drop(serving);
    assert_eq!(unread(), 0);
    assert!(!listed().contains("unread"), "{}", listed());
}

#[test]
fn waiting_for_other_disks_ends_when_they_have_it_or_time_is_up() {
    let (ann, anns, bob) = joined();
    let alone = ann.run(&["send", "kitchen", "anybody?", "--wait", "1", "--timeout", "0.3"]);
    assert_eq!(alone.code, 4, "{}", alone.err);
    assert_eq!(texts(&ann).len(), 1, "it is written all the same");

    let (_bobs, address) = serve(&bob);
    equal(&ann);
    let sent = ann
        .run(&["send", "kitchen", "now", "--wait", "1", "--timeout", "30"])
        .ok();
    assert_eq!(sent.lines().count(), 1);
    let last = &ann.run(&["log", "kitchen", "--last", "1", "--json"]).json()[0];
    assert_eq!((&last["on"], &last["of"]), (&2.into(), &2.into()));

    // Without a node, the command goes online itself; bob dials no address of ann's now, she dials his.
    assert_eq!(anns.stop("TERM"), 0);
    ann.run(&["peers", "add", &address]).ok();
    let mut alone = ann.online(&["send", "kitchen", "on my own", "--wait", "1", "--timeout", "30"]);
    finish(alone.spawn().expect("the binary starts")).ok();
}

#[test]
fn peers_are_listed_with_where_their_addresses_come_from_and_when_they_were_met() {
    let (_ann, anns, bob) = joined();
    std::fs::write(bob.path("data").join("hosts"), "127.0.0.1:9\n").expect("a hosts file");
    let (_bobs, _) = serve(&bob);
    equal(&bob);
    let fails = |ran: &str| ran.contains("127.0.0.1:9 ") && ran.contains("refused");
    let listed = until(|| Some(bob.run(&["peers"])).filter(|ran| fails(&ran.out)));
    let rows: Vec<_> = listed.out.lines().collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    let cells = rows[0].split("  ").map(str::trim);
    let cells: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[1..], ["ann", "kitchen", "connected", "by hand, met before"]);
    assert!(rows[1].contains("not connected: Connection refused"), "{rows:?}");
    assert!(rows[1].ends_with("hosts file"), "{rows:?}");
    assert_eq!(listed.err, "hosts: 1 address\n");
    assert_eq!(bob.run(&["peers", "--quiet"]).err, "");

    let objects = bob.run(&["peers", "--json"]).json();
    assert_eq!(objects[0]["peer"], "ann");
    assert_eq!(objects[0]["sources"], Value::from(vec!["hand", "before"]));
    assert!(
        objects[0]["worked_ms"].as_i64() > Some(1_700_000_000_000),
        "{objects:?}"
    );
    assert_eq!(objects[1]["sources"], Value::from(vec!["hosts"]));
    assert_eq!(
        (&objects[2]["source"], &objects[2]["addresses"]),
        (&"hosts".into(), &1.into())
    );

    drop(anns);
    let away = until(|| Some(bob.run(&["peers"]).out).filter(|out| !out.contains("  connected")));
    assert!(away.contains("not connected, last met just now"), "{away}");
}

/// What comes of a question once it is what is waited for.
#[track_caller]
fn until<T>(ask: impl Fn() -> Option<T>) -> T {
    for _ in 0..150 {
        match ask() {
            Some(answer) => return answer,
            None => thread::sleep(Duration::from_millis(200)),
        }
    }
    unreachable!("not so within 30 s")
}

#[test]
fn a_signal_stops_cleanly_and_the_same_actor_goes_on() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let mut actors = Vec::new();
    for signal in ["TERM", "INT", "HUP"] {
        let (running, _) = serve(&ann);
        actors.push(send(&ann, signal).split('/').next().map(str::to_owned));
        assert_eq!(running.stop(signal), 0, "{signal}");
    }
    actors.dedup();
    assert_eq!(actors.len(), 1);
}

#[test]
fn a_second_node_for_a_folder_is_refused() {
    let ann = Machine::new("ann");
    let (_running, address) = serve(&ann);
    let why = ann.run(&["serve"]).refused(1);
    assert!(why.contains("already"), "{why}");
    let why = ann.run(&["rooms", "--listen", "127.0.0.1:1"]).refused(2);
    assert!(why.contains(&address), "{why}");
}

#[test]
fn joining_waits_and_stands_whatever_ends_the_wait() {
    let (ann, bob) = (Machine::new("ann"), Machine::new("bob"));
    let room = ann.run(&["new", "kitchen", "--json"]).json()[0]["room"].clone();
    let room = room.as_str().expect("an ID");
    let mut impatient = bob.online(&["join", room, "--wait", "0.3"]);
    let time_up = finish(impatient.spawn().expect("the binary starts"));
    assert_eq!(time_up.code, 4, "{}", time_up.err);
    assert_eq!(bob.run(&["rooms", "--json"]).json()[0]["room"], room);

    let waiting = bob
        .online(&["join", &room.to_uppercase()])
        .spawn()
        .expect("the binary starts");
    thread::sleep(Duration::from_millis(1500));
    send_signal(&waiting, "INT");
    let ran = finish(waiting);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("Waiting for others") && ran.err.contains("all the same"),
        "{}",
        ran.err
    );

    let carl = Machine::new("carl");
    let (_carls, _) = serve(&carl);
    let beside = carl.run(&["join", room]);
    assert!(beside.err.contains("goes on looking"), "{}", beside.err);
    beside.ok();
}

#[test]
fn commands_work_the_same_beside_a_node_and_without_one() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let (running, _) = serve(&ann);
    let sent = ann.run_with(
        &["send", "kitchen", "--lines", "--quiet"],
        "x\n".repeat(3000).as_bytes(),
    );
    assert_eq!(sent.ok().lines().count(), 3000);
    ann.run(&["name", "anna"]).ok();
    let beside = [
        ann.run(&["log", "kitchen", "--json"]).ok(),
        ann.run(&["export", "kitchen", "--format", "jsonl"]).ok(),
        ann.run(&["members", "kitchen", "--json"]).ok(),
        ann.run(&["check"]).ok().lines().count().to_string(),
    ];
    assert_eq!(running.stop("TERM"), 0);
    let without = [
        ann.run(&["log", "kitchen", "--json"]).ok(),
        ann.run(&["export", "kitchen", "--format", "jsonl"]).ok(),
        ann.run(&["members", "kitchen", "--json"]).ok(),
        ann.run(&["check"]).ok().lines().count().to_string(),
    ];
    assert_eq!(beside, without);
}

#[test]
fn the_demo_converges_without_a_terminal_and_leaves_nothing() {
    let ann = Machine::new("ann");
    let temporary = ann.path("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let mut demo = ann.command(&["demo"]);
    let ran = finish(demo.env("TMPDIR", &temporary).spawn().expect("the binary starts"));
    assert!(ran.ok().contains("Equal."));
    assert_eq!(std::fs::read_dir(&temporary).expect("the folder").count(), 0);
}
