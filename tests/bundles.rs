//! Rooms that travel as files: data folders that never meet over TCP have the same in the end, whatever the order, and
//! what was damaged on the way is told. The real binary, no network.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

mod rig;

use std::fs;
use std::process::Stdio;

use rig::{Machine, Ran, finish};
use serde_json::Value;

/// A room of ann's that the others take part in, though nobody was ever met.
fn apart<const N: usize>(names: [&'static str; N]) -> [Machine; N] {
    let machines = names.map(Machine::new);
    let [ann, others @ ..] = &machines[..] else {
        return machines;
    };
    let room = ann.run(&["new", "kitchen", "--json"]).json()[0]["room"].clone();
    let room = room.as_str().expect("an ID");
    for other in others {
        join(other, room);
    }
    machines
}

fn join(machine: &Machine, room: &str) {
    let mut join = machine.online(&["join", room, "--wait", "0"]);
    let ran = finish(join.spawn().expect("the binary starts"));
    assert_eq!(ran.code, 4, "nobody is there, and the join stands: {}", ran.err);
}

fn room_id(machine: &Machine) -> String {
    let rooms = machine.run(&["rooms", "--json"]).json();
    rooms[0]["room"].as_str().expect("an ID").to_owned()
}

fn send(machine: &Machine, text: &str) -> String {
    let room = room_id(machine);
    machine.run(&["send", &room, text]).ok().trim().to_owned()
}

/// Writes a bundle of the only room to a file of this machine, and gives its path.
fn bundle(machine: &Machine, name: &str, how: &[&str]) -> String {
    let path = machine.path(name).display().to_string();
    let room = room_id(machine);
    let args = [&["bundle", &room, "-o", &path], how].concat();
    machine.run(&args).ok();
    path
}

fn merge(machine: &Machine, file: &str) -> Ran {
    machine.run(&["merge", file, "--json"])
}

#[track_caller]
fn merged(machine: &Machine, file: &str) -> (u64, u64) {
    let ran = merge(machine, file);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let sections = ran.json();
    let sum = |field: &str| {
        let numbers = sections.iter().map(|section| section[field].as_u64());
        numbers.map(|number| number.expect("a number")).sum()
    };
    (sum("added"), sum("known"))
}

/// What everybody shares of the room.
fn shared(machine: &Machine) -> String {
    let room = room_id(machine);
    machine.run(&["export", &room, "--format", "jsonl"]).ok()
}

fn heads(machine: &Machine) -> Value {
    let status = machine.run(&["status", "--json"]);
    let line = status.out.lines().next().expect("a room").to_owned();
    let status: Value = serde_json::from_str(&line).expect("JSON");
    status["heads"].clone()
}

#[test]
fn three_that_never_meet_have_the_same_by_files_in_any_order_and_twice() {
    let [ann, bob, cid] = apart(["ann", "bob", "cid"]);
    let tea = send(&ann, "tea is ready");
    let first = bundle(&ann, "first", &[]);
    assert_eq!(merged(&bob, &first), (1, 0));
    assert_eq!(merged(&cid, &first), (1, 0));
    let coffee = send(&bob, "cofee, please");
    send(&cid, "and biscuits");
    bob.run(&["edit", "kitchen", &coffee, "coffee, please"]).ok();
    cid.run(&["react", "kitchen", &tea, "👍"]).ok();
    let gone = send(&ann, "never mind");
    ann.run(&["delete", "kitchen", &gone]).ok();

    let of = [
        bundle(&ann, "ann", &[]),
        bundle(&bob, "bob", &[]),
        bundle(&cid, "cid", &[]),
    ];
    for (machine, order) in [(&ann, [1, 2, 1, 2]), (&bob, [2, 0, 0, 2]), (&cid, [1, 0, 1, 0])] {
        for at in order {
            assert_eq!(merge(machine, &of[at]).code, 0);
        }
    }
    let all = shared(&ann);
    assert_eq!((shared(&bob), shared(&cid)), (all.clone(), all.clone()));
    assert_eq!((heads(&bob), heads(&cid)), (heads(&ann), heads(&ann)));
    assert!(all.contains("coffee, please") && all.contains("👍"), "{all}");
    assert!(!all.contains("cofee") && !all.contains("never mind"), "{all}");
    assert_eq!(merged(&bob, &of[0]).0, 0, "nothing is new the third time");
}

#[test]
fn two_bundles_one_behind_the_other_are_a_bundle_also_of_several_rooms() {
    let [ann, bob] = apart(["ann", "bob"]);
    let attic = ann.run(&["new", "attic", "--json"]).json()[0]["room"].clone();
    join(&bob, attic.as_str().expect("an ID"));
    ann.run(&["send", "kitchen", "one"]).ok();
    ann.run(&["send", "attic", "two"]).ok();
    let write = |room| {
        let path = ann.path(room).display().to_string();
        ann.run(&["bundle", room, "-o", &path]).ok();
        fs::read(path).expect("a bundle")
    };
    let both = [write("kitchen"), write("attic")].concat();
    let ran = bob.run_with(&["merge", "-", "--json"], &both);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let names: Vec<_> = ran.json().iter().map(|section| section["name"].clone()).collect();
    assert_eq!(names, ["kitchen", "attic"]);
    assert!(bob.run(&["log", "attic"]).ok().contains("two"));
}

#[test]
fn a_bundle_goes_through_a_pipe() {
    let [ann, bob] = apart(["ann", "bob"]);
    send(&ann, "through a pipe");
    let mut writer = ann
        .command(&["bundle", "kitchen"])
        .spawn()
        .expect("the binary starts");
    let pipe = writer.stdout.take().expect("a pipe");
    let reader = bob.command(&["merge", "-"]).stdin(Stdio::from(pipe)).spawn();
    let ran = finish(reader.expect("the binary starts"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(finish(writer).code, 0);
    assert_eq!(shared(&bob), shared(&ann));
}

#[test]
fn wherever_it_is_cut_and_whichever_byte_is_altered_that_is_told() {
    let [ann, bob] = apart(["ann", "bob"]);
    (0..3).for_each(|n| drop(send(&ann, &format!("message {n}"))));
    let good = fs::read(bundle(&ann, "good", &[])).expect("a bundle");
    let len = good.len();
    for cut in [
        0,
        1,
        16,
        17,
        84,
        85,
        86,
        100,
        len / 2,
        len - 21,
        len - 20,
        len - 1,
    ] {
        let ran = bob.run_with(&["merge", "-"], &good[..cut]);
        let why = ran.refused(1);
        assert!(
            why.contains("cut short") || cut == 0 && why.contains("no bundle"),
            "{cut}: {why}"
        );
    }
    for at in [0, 16, 20, 60, 70, 82, 85, 87, 90, 110, len / 2, len - 20, len - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        let why = bob.run_with(&["merge", "-"], &bytes).refused(1);
        assert!(
            why.starts_with("tailchat: ") || why.contains("\ntailchat: "),
            "{at}: {why}"
        );
    }
    assert_eq!(bob.run_with(&["merge", "-"], &good).code, 0);
    assert_eq!(shared(&bob), shared(&ann), "what was damaged did no harm");
}

#[test]
fn what_is_no_bundle_is_refused_in_words() {
    let [ann] = apart(["ann"]);
    let missing = ann.path("missing").display().to_string();
    assert!(ann.run(&["merge", &missing]).refused(1).contains("missing"));
    let folder = ann.folder.path().display().to_string();
    assert!(!ann.run(&["merge", &folder]).refused(1).is_empty());
    let mut good = fs::read(bundle(&ann, "good", &[])).expect("a bundle");
    let huge = [&good[..85], &[255; 40][..]].concat();
    good.extend(b"PS: see you soon");
    let newer = [&good[..16], &[9], &good[17..]].concat();
    let garbage: Vec<u8> = (0..100_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (bytes, says) in [
        (&b""[..], "no bundle"),
        (b"hello, this is a text\n", "no bundle"),
        (&garbage, "no bundle"),
        (&huge, "altered"),
        (&newer, "update tailchat"),
        (&good, "what follows the bundle is no bundle"),
    ] {
        let why = ann.run_with(&["merge", "-"], bytes).refused(1);
        assert!(why.contains(says), "{says}: {why}");
    }
}

#[test]
fn a_room_that_is_not_here_is_told_with_how_to_join_and_the_rest_is_taken_in() {
    let [ann, bob] = apart(["ann", "bob"]);
    ann.run(&["new", "attic"]).ok();
    ann.run(&["send", "kitchen", "for bob"]).ok();
    ann.run(&["send", "attic", "not for bob"]).ok();
    let write = |room| {
        let path = ann.path(room).display().to_string();
        ann.run(&["bundle", room, "-o", &path]).ok();
        fs::read(path).expect("a bundle")
    };
    let (attic, kitchen) = (write("attic"), write("kitchen"));
    let why = bob.run_with(&["merge", "-"], &attic).refused(3);
    assert!(why.contains("tailchat join"), "{why}");
    let ran = bob.run_with(&["merge", "-"], &[attic.clone(), kitchen].concat());
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(bob.run(&["log", "kitchen"]).ok().contains("for bob"));
    let id = ann.run(&["rooms", "--json"]).json();
    let id = id.iter().find(|room| room["name"] == "attic").expect("the attic");
    assert!(
        !attic
            .windows(16)
            .any(|bytes| id["room"].as_str().expect("an ID").as_bytes() == bytes)
    );
    join(&bob, id["room"].as_str().expect("an ID"));
    assert_eq!(bob.run_with(&["merge", "-"], &attic).code, 0);
}

#[test]
fn a_bundle_for_somebody_has_what_their_bundle_says_they_lack() {
    let [ann, bob, cid] = apart(["ann", "bob", "cid"]);
    send(&ann, "one");
    let all = bundle(&ann, "all", &[]);
    merged(&bob, &all);
    send(&bob, "two");
    // ann learns from bob's bundle what bob holds.
    assert_eq!(merged(&ann, &bundle(&bob, "bobs", &[])), (1, 1));
    send(&ann, "three");
    let ran = ann.run(&[
        "bundle",
        "kitchen",
        "--for",
        "bob",
        "-o",
        &ann.path("for").display().to_string(),
    ]);
    assert!(ran.err.contains("1 message for bob"), "{}", ran.err);
    let for_bob = ann.path("for").display().to_string();
    let why = merge(&cid, &for_bob);
    assert_eq!(why.code, 1, "cid lacks what comes before: {}", why.err);
    assert!(why.err.contains("begin later than what is here"), "{}", why.err);
    assert_eq!(merged(&bob, &for_bob), (1, 0), "only what bob lacks");
    assert_eq!(shared(&bob), shared(&ann));
    merged(&ann, &bundle(&bob, "again", &["--for", "ann"]));
    let ran = ann.run(&["bundle", "kitchen", "--for", "bob", "-o", &for_bob]);
    assert!(ran.err.contains("known to have all"), "{}", ran.err);
    assert_eq!(merged(&bob, &for_bob), (0, 0));
}

#[test]
fn nobody_and_somebody_of_many_are_told_with_who_there_is() {
    let [ann, bob, bob_too] = apart(["ann", "bob", "bob"]);
    let refused = |name, code| ann.run(&["bundle", "kitchen", "--for", name]).refused(code);
    assert!(refused("bob", 3).contains("nobody in the room is called"));
    assert!(refused("ann", 2).contains("is you"));
    for other in [&bob, &bob_too] {
        merged(other, &bundle(&ann, "all", &[]));
        send(other, "hello");
        merged(&ann, &bundle(other, "theirs", &[]));
    }
    assert!(refused("zoe", 3).contains("tailchat members"));
    let candidates = refused("bob", 2);
    let one = candidates
        .split(": ")
        .last()
        .and_then(|names| names.split(", ").next());
    let digits = one.expect("a name of several");
    assert!(digits.starts_with("bob~"), "{candidates}");
    let path = ann.path("for").display().to_string();
    ann.run(&["bundle", "kitchen", "--for", digits, "-o", &path]).ok();
    assert_eq!(
        ann.run(&["bundle", "kitchen", "--for", "bob", "--since", "today"])
            .code,
        2
    );
    assert_eq!(ann.run(&["bundle", "attic", "-o", &path]).code, 3);
    assert_eq!(
        ann.run(&["bundle", "kitchen", "--since", "tomorrowish", "-o", &path])
            .code,
        2
    );
}

#[test]
fn a_bundle_since_some_time_has_what_arrived_or_was_sent_since() {
    let [ann, bob] = apart(["ann", "bob"]);
    send(&ann, "before");
    merged(&bob, &bundle(&ann, "all", &[]));
    let now = jiff_now();
    send(&ann, "after");
    let since = bundle(&ann, "since", &["--since", &now]);
    let all = bundle(&ann, "all", &[]);
    assert!(fs::metadata(&since).expect("a file").len() < fs::metadata(&all).expect("a file").len());
    assert_eq!(merged(&bob, &since), (1, 0));
    assert_eq!(shared(&bob), shared(&ann));
    let none = bundle(&ann, "none", &["--since", "2100-01-01"]);
    assert_eq!(merged(&bob, &none), (0, 0), "empty, and a bundle");
}

/// This moment, once the clock has gone on from whatever was written before.
fn jiff_now() -> String {
    std::thread::sleep(std::time::Duration::from_millis(20));
    let since_1970 = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    let now = jiff::Timestamp::from_millisecond(i64::try_from(since_1970.as_millis()).expect("milliseconds"));
    now.expect("a time").to_string()
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let [ann] = apart(["ann"]);
    let path = ann.path("bundle").display().to_string();
    fs::write(&path, "good").expect("a file");
    ann.run(&["bundle", "attic", "-o", &path]).refused(3);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "good");
    let object = ann
        .run(&["bundle", "kitchen", "-o", &path, "--json"])
        .json()
        .remove(0);
    assert_eq!(object["bytes"], fs::metadata(&path).expect("the file").len());
    let inside = fs::read_dir(ann.folder.path()).expect("the folder");
    assert!(
        inside
            .flatten()
            .all(|entry| !entry.file_name().to_string_lossy().ends_with(".new"))
    );
}
