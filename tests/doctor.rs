//! `doctor` beside a healthy node and without one, with a damaged room, another port, a firewall that is made up, and a
//! folder that cannot be opened. The real binary.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod running;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use rig::{Machine, Ran, finish};
use running::{Running, equal, joined, serve};
use serde_json::Value;

fn doctor(machine: &Machine) -> (i32, Vec<Value>) {
    told(machine.run(&["doctor", "--json"]))
}

fn told(ran: Ran) -> (i32, Vec<Value>) {
    let code = ran.code;
    let findings = ran.json();
    for finding in &findings {
        let fields: Vec<_> = finding.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["area", "level", "mend", "what", "why"], "{finding}");
    }
    let wrong = findings.iter().any(|finding| finding["level"] == "wrong");
    assert_eq!(code, i32::from(wrong), "{findings:#?}");
    (code, findings)
}

/// The first finding of this kind whose words have these.
#[track_caller]
fn one<'a>(findings: &'a [Value], (area, level): (&str, &str), words: &str) -> &'a Value {
    let fits = |finding: &&Value| {
        let what = finding["what"].as_str().unwrap_or_default();
        finding["area"] == area && finding["level"] == level && what.contains(words)
    };
    let found = findings.iter().find(fits);
    assert!(
        found.is_some(),
        "no {level} {area} with \"{words}\": {findings:#?}"
    );
    found.expect("a finding")
}

#[test]
fn beside_a_healthy_node_nothing_is_wrong_and_another_port_is_noted() {
    let (ann, _anns, bob) = joined();
    let (_bobs, address) = serve(&bob);
    equal(&bob);
    let (code, findings) = doctor(&bob);
    assert_eq!(code, 0);
    one(&findings, ("node", "fine"), "runs for this data folder");
    one(&findings, ("folder", "fine"), "yours alone");
    one(&findings, ("rooms", "fine"), "nothing was found wrong");
    one(&findings, ("peers", "fine"), "ann is connected");
    one(&findings, ("disk", "fine"), "free");
    one(&findings, ("listening", "note"), "no other machine reaches");
    let port = address.rsplit(':').next().expect("a port");
    let noted = one(
        &findings,
        ("listening", "note"),
        &format!("the port is {port} instead of"),
    );
    assert_eq!(noted["mend"], "tailchat serve --listen :24242");
    // Loopback is no proof of an open port.
    one(
        &findings,
        ("listening", "note"),
        "nobody has dialled in from elsewhere",
    );

    let ran = ann.run(&["doctor"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("ok    a tailchat runs"), "{}", ran.out);
    assert!(ran.err.contains("Nothing is wrong."), "{}", ran.err);
}

#[test]
fn without_a_node_it_names_the_command_that_starts_one() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let (code, findings) = doctor(&ann);
    assert_eq!(code, 1);
    let none = one(&findings, ("node", "wrong"), "no tailchat runs");
    assert_eq!(none["mend"], "tailchat serve");
    let ran = ann.run(&["doctor"]);
    assert!(ran.out.contains("mend: tailchat serve"), "{}", ran.out);
    assert!(ran.err.contains("1 thing is wrong."), "{}", ran.err);
}

#[test]
fn a_damaged_room_and_an_open_folder_have_commands_that_mend_them() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    for n in 0..9 {
        ann.run(&["send", "kitchen", &format!("message {n}"), "--quiet"])
            .ok();
    }
    let room = fs::read_dir(ann.path("data/rooms")).expect("rooms").next();
    let room = room.expect("a room").expect("a folder").path();
    let tail = fs::read_dir(room)
        .expect("files")
        .next()
        .expect("a file")
        .expect("a file")
        .path();
    let mut bytes = fs::read(&tail).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&tail, bytes).expect("the file");
    fs::set_permissions(ann.path("data"), Permissions::from_mode(0o755)).expect("permissions");
    let (code, findings) = doctor(&ann);
    assert_eq!(code, 1);
    let damaged = one(&findings, ("rooms", "wrong"), "");
    let mend = damaged["mend"].as_str().expect("a command");
    assert!(
        mend.starts_with("tailchat check") && mend.ends_with("--repair"),
        "{mend}"
    );
    let open = one(&findings, ("folder", "wrong"), "may look into");
    let mend = open["mend"].as_str().expect("a command");
    assert!(mend.starts_with("chmod -R go= "), "{mend}");
}

#[test]
fn a_firewall_that_does_not_name_the_port_is_wrong_and_one_that_does_is_fine() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let mut serve = ann.command(&["serve", "--json"]);
    let serving = Running::start(serve.env("TAILCHAT_LISTEN", ":0"));
    let listening = serving.line()["listening"]
        .as_str()
        .expect("an address")
        .to_owned();
    let port = listening.rsplit(':').next().expect("a port");
    let tools = ann.path("tools");
    fs::create_dir(&tools).expect("a folder");
    let beside = |script: &str| {
        let ufw = tools.join("ufw");
        fs::write(&ufw, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&ufw, Permissions::from_mode(0o755)).expect("permissions");
        let mut doctor = ann.command(&["doctor", "--json"]);
        doctor.env("TAILCHAT_LISTEN", ":0").env("PATH", &tools);
        told(finish(doctor.spawn().expect("the binary starts")))
    };
    let active = "echo 'Status: active'; echo 'Default: deny (incoming), allow (outgoing)'";
    let (code, findings) = beside(active);
    assert_eq!(code, 1);
    let closed = one(&findings, ("firewall", "wrong"), "ufw is on and lets nobody in");
    assert_eq!(closed["mend"], format!("sudo ufw allow {port}/tcp"));
    let (_, findings) = beside(&format!("{active}; echo '{port}/tcp ALLOW IN Anywhere'"));
    one(&findings, ("firewall", "fine"), "ufw lets TCP port");
    let (_, findings) = beside("echo 'ERROR: You need to be root to run this script' >&2; exit 1");
    one(&findings, ("firewall", "note"), "cannot be read without root");
    // One that hangs is as good as none.
    let (_, findings) = beside("exec /bin/sleep 60");
    assert!(
        findings
            .iter()
            .all(|finding| finding["what"].as_str().is_none_or(|what| !what.contains("ufw")))
    );
}

#[test]
fn a_folder_that_cannot_be_opened_is_a_finding_too() {
    let ann = Machine::new("ann");
    fs::write(ann.path("data"), "no folder").expect("a file");
    let (code, findings) = doctor(&ann);
    assert_eq!(code, 1);
    let unopened = findings
        .iter()
        .find(|finding| finding["level"] == "wrong" && finding["why"].is_string());
    assert!(unopened.is_some(), "{findings:#?}");
}
