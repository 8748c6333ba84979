//! Where a room stands, also with people who are away: proof while they are connected, memory afterwards, over
//! restarts and crashes; and a join that waits. Real processes, real sockets.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[path = "rig/running.rs"]
mod running;

use std::thread;
use std::time::Duration;

use rig::{Machine, Ran, finish};
use running::{equal, joined, serve};
use serde_json::Value;

/// A little longer than news of others' disks waits for our own.
const KEPT_AFTER: Duration = Duration::from_millis(11_500);

fn send(machine: &Machine, text: &str) {
    machine.run(&["send", "kitchen", text, "--quiet"]).ok();
}

fn status(machine: &Machine) -> (i32, Value) {
    let ran = machine.run(&["status", "--json"]);
    (ran.code, ran.json().remove(0))
}

/// The other member, as `members` has them.
fn other(machine: &Machine) -> Value {
    let members = machine.run(&["members", "kitchen", "--json"]).json();
    members
        .into_iter()
        .find(|member| member["me"] == false)
        .expect("another member")
}

fn join(machine: &Machine, room: &str, more: &[&str]) -> Ran {
    let args = [&["join", room], more].concat();
    finish(machine.online(&args).spawn().expect("the binary starts"))
}

#[test]
fn the_fingerprint_is_the_same_where_the_changes_are() {
    let (ann, anns, bob) = joined();
    let (bobs, _) = serve(&bob);
    let (of_ann, of_bob) = (equal(&ann), equal(&bob));
    let words = of_ann["fingerprint"].as_str().expect("words");
    assert_eq!(words.split(' ').count(), 8);
    assert_eq!(of_ann["fingerprint"], of_bob["fingerprint"]);
    assert!(
        bob.run(&["status"])
            .ok()
            .contains(&format!("fingerprint: {words}"))
    );

    // The same without a connection, until somebody writes.
    drop((anns, bobs));
    assert_eq!(status(&ann).1["fingerprint"], status(&bob).1["fingerprint"]);
    send(&bob, "alone");
    assert_ne!(status(&ann).1["fingerprint"], status(&bob).1["fingerprint"]);
}

#[test]
fn who_is_away_is_told_as_memory_and_never_as_proof() {
    let (_ann, anns, bob) = joined();
    let (bobs, _) = serve(&bob);
    let proof = equal(&bob);
    assert_eq!(proof["peers"][0]["connected"], true);
    assert!(bob.run(&["status"]).ok().contains("compared now"));
    assert_eq!(anns.stop("TERM"), 0);
    send(&bob, "one");
    send(&bob, "two");
    // Beside the node that met ann, then without it.
    for bobs in [Some(bobs), None] {
        let (code, memory) = status(&bob);
        assert_eq!(code, 1, "memory is no proof");
        let peer = &memory["peers"][0];
        assert_eq!(
            (&peer["peer"], &peer["connected"]),
            (&"ann".into(), &false.into())
        );
        assert_eq!((&peer["state"], &peer["ahead"]), (&"ahead".into(), &2.into()));
        assert!(peer["last_seen"].is_string(), "{peer}");
        let told = bob.run(&["status"]).out;
        assert!(told.contains("nobody connected"), "{told}");
        assert!(
            told.contains("not connected  had less than we have  it lacked 2"),
            "{told}"
        );
        assert!(told.contains("as of"), "{told}");
        if let Some(bobs) = bobs {
            assert_eq!(bobs.stop("TERM"), 0);
        }
    }
}

#[test]
fn what_was_heard_of_others_outlives_a_stop_and_a_crash() {
    let (ann, anns, bob) = joined();
    let (bobs, _) = serve(&bob);
    send(&ann, "hello");
    equal(&bob);
    thread::sleep(KEPT_AFTER);
    anns.kill();
    bobs.kill();
    for machine in [&ann, &bob] {
        let other = other(machine);
        assert!(other["last_seen"].is_string(), "{other}");
        assert_eq!(
            (&other["online"], &other["disks"][0]["here"]),
            (&false.into(), &false.into())
        );
        assert!(machine.run(&["members", "kitchen"]).ok().contains("seen "));
        let (_, memory) = status(machine);
        assert_eq!(memory["peers"][0]["state"], "equal", "{memory}");
        let log = machine.run(&["log", "kitchen", "--json"]).json();
        assert_eq!((&log[0]["on"], &log[0]["of"]), (&2.into(), &2.into()));
    }
    // And a clean stop, which waits for nothing.
    let (anns, address) = serve(&ann);
    let (bobs, _) = serve(&bob);
    bob.run(&["peers", "add", &address]).ok();
    send(&bob, "again");
    equal(&ann);
    assert_eq!((anns.stop("TERM"), bobs.stop("TERM")), (0, 0));
    let log = bob.run(&["log", "kitchen", "--json"]).json();
    assert_eq!((&log[1]["on"], &log[1]["of"]), (&2.into(), &2.into()));
}

#[test]
fn disks_behind_another_peer_count_and_count_no_less_after_a_restart() {
    let (ann, anns, bob) = joined();
    let (bobs, address) = serve(&bob);
    equal(&bob);
    let carl = Machine::new("carl");
    let room = ann.run(&["rooms", "--json"]).json()[0]["room"].clone();
    let room = room.as_str().expect("an ID");
    let met = join(&carl, room, &["--peer", &address, "--wait", "30"]);
    assert_eq!(met.code, 0, "{}", met.err);
    let (carls, _) = serve(&carl);
    let wait = ["--wait", "2", "--timeout", "40"];
    let sent = ann.run(&[&["send", "kitchen", "to both"][..], &wait].concat());
    assert_eq!(sent.code, 0, "{}", sent.err);
    let on = || {
        let log = ann.run(&["log", "kitchen", "--json"]).json();
        (log[0]["on"].clone(), log[0]["of"].clone())
    };
    assert_eq!(on(), (3.into(), 3.into()));
    assert_eq!(anns.stop("TERM"), 0);
    drop((bobs, carls));
    assert_eq!(
        on(),
        (3.into(), 3.into()),
        "nobody is there, and they have it all the same"
    );
}

#[test]
fn a_join_waits_visibly_and_tells_a_wrong_room_from_an_absent_one_and_can_be_left() {
    let (ann, bob, carl) = (Machine::new("ann"), Machine::new("bob"), Machine::new("carl"));
    ann.run(&["new", "kitchen"]).ok();
    let elsewhere = carl.run(&["new", "elsewhere", "--json"]).json()[0]["room"].clone();
    let elsewhere = elsewhere.as_str().expect("an ID");
    let absent = join(&bob, elsewhere, &["--wait", "12"]);
    assert_eq!(absent.code, 4, "{}", absent.err);
    assert!(absent.err.contains("Nobody was found yet"), "{}", absent.err);
    assert!(absent.err.contains("tailchat doctor"), "{}", absent.err);

    let (_anns, address) = serve(&ann);
    let invite = format!("tailchat:{elsewhere}?peer={address}");
    let wrong = join(&bob, &invite, &["--wait", "13"]);
    assert_eq!(wrong.code, 4, "{}", wrong.err);
    let told = "1 tailchat peer answered and does not have this room: is the ID right";
    assert!(wrong.err.contains(told), "{}", wrong.err);
    assert!(
        wrong
            .err
            .contains(&format!("at {address}, which the invite names")),
        "{}",
        wrong.err
    );

    // It stands, and shows, until it is left.
    let rooms = bob.run(&["rooms"]).ok();
    assert!(rooms.contains("waiting for somebody who has the room"), "{rooms}");
    let ran = bob.run(&["status"]);
    assert!(
        ran.out.contains("waiting for somebody who has the room"),
        "{}",
        ran.out
    );
    assert_eq!(bob.run(&["rooms", "--json"]).json()[0]["waiting"]["answered"], 0);
    bob.run(&["leave", elsewhere]).ok();
    assert_eq!(bob.run(&["rooms", "--json"]).json().len(), 0);
    // Whoever made a room waits for nobody in particular.
    assert_eq!(ann.run(&["rooms", "--json"]).json()[0]["waiting"], Value::Null);
}
