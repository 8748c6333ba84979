//! `tailchat search` as a person types it: with and without a node that runs, for eyes and for programs.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;

use std::io::{BufRead as _, BufReader};

use rig::Machine;

fn house() -> Machine {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    ann.run(&["new", "attic"]).ok();
    ann.run(&["send", "kitchen", "tea is ready"]).ok();
    ann.run(&["send", "kitchen", "the Té of\nyesterday"]).ok();
    ann.run(&["send", "attic", "no tea here; see http://a.example"])
        .ok();
    ann
}

/// What is printed, without the minutes.
fn found(ann: &Machine, args: &[&str]) -> Vec<String> {
    let args = [&["search"], args].concat();
    let out = ann.run(&args).ok();
    let without = |line: &str| {
        let parts: Vec<&str> = line.splitn(3, "  ").collect();
        format!("{} {}", parts[0], parts[2])
    };
    out.lines()
        .filter(|line| !line.starts_with(' '))
        .map(without)
        .collect()
}

#[test]
fn what_was_said_is_found_in_any_room_the_newest_first() {
    let ann = house();
    let all = [
        "attic <ann> no tea here; see http://a.example",
        "kitchen <ann> tea is ready",
    ];
    assert_eq!(found(&ann, &["TEA"]), all);
    assert_eq!(
        found(&ann, &["te*", "in:kit"]),
        ["kitchen <ann> the Té of", all[1]]
    );
    assert_eq!(found(&ann, &["tea", "--room", "kitchen"]), [all[1]]);
    assert_eq!(found(&ann, &["--from", "ANN", "has:link"]), [all[0]]);
    assert_eq!(found(&ann, &["--", "tea -ready"]), [all[0]]);
    assert_eq!(found(&ann, &["\"is tea\""]), [""; 0]);
    assert_eq!(found(&ann, &["tea", "--until", "2020-01-01"]), [""; 0]);
    assert_eq!(found(&ann, &["tea", "--since", "yesterday"]), all);
}

#[test]
fn a_node_that_runs_is_asked_and_says_the_same() {
    let ann = house();
    let alone = found(&ann, &["tea"]);
    let mut node = ann
        .online(&["serve", "--json"])
        .spawn()
        .expect("the binary starts");
    let mut listening = String::new();
    let out = node.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut listening).expect("it listens");
    let beside = found(&ann, &["tea"]);
    // What was said a moment ago is found at once.
    ann.run(&["send", "kitchen", "more tea"]).ok();
    let newest = found(&ann, &["tea", "--limit", "1"]);
    node.kill().expect("the child can be killed");
    node.wait().expect("the child can be waited for");
    assert!(!listening.is_empty());
    assert_eq!(beside, alone);
    assert_eq!(newest, ["kitchen <ann> more tea"]);
}

#[test]
fn for_programs_it_prints_what_log_prints() {
    let ann = house();
    let logged = ann.run(&["log", "attic", "--json"]).ok();
    assert_eq!(ann.run(&["search", "here", "--json"]).ok(), logged);
}

#[test]
fn nothing_found_is_no_failure_and_what_is_left_out_is_said() {
    let ann = house();
    let ran = ann.run(&["search", "coffee"]);
    assert!(ran.err.contains("Nothing was found"), "{}", ran.err);
    assert_eq!(ran.ok(), "");
    let ran = ann.run(&["search", "tea", "--limit", "1"]);
    assert!(ran.err.contains("--limit"), "{}", ran.err);
    assert_eq!(ran.ok().lines().count(), 1);
    let ran = ann.run(&["search", "coffee", "--quiet"]);
    assert_eq!(ran.err, "");
}
