//! A room's ID as a canary: it stands in no frame, in no log however much is logged, in no process's arguments and in no
//! name of a file. Real processes, a recorder between them.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "rig/running.rs"]
mod running;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;

use rig::Machine;
use running::{Running, equal};

/// What went over the wire, both ways.
type Tape = Arc<Mutex<Vec<u8>>>;

/// Listens, passes on to `target` whatever comes, and back, and records it. Ends with the test's process.
fn recorder(target: String) -> (String, Tape) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address").to_string();
    let tape = Tape::default();
    let kept = tape.clone();
    thread::spawn(move || {
        for from in listener.incoming().flatten() {
            let Ok(to) = TcpStream::connect(&target) else {
                continue;
            };
            let both = [(from.try_clone(), to.try_clone()), (Ok(to), Ok(from))];
            for (from, to) in both {
                if let (Ok(from), Ok(to)) = (from, to) {
                    let tape = tape.clone();
                    thread::spawn(move || pass_on(from, to, &tape));
                }
            }
        }
    });
    (at, kept)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, tape: &Tape) {
    let mut bytes = [0; 4096];
    while let Ok(len) = from.read(&mut bytes) {
        let Some(read) = bytes.get(..len).filter(|read| !read.is_empty()) else {
            break;
        };
        tape.lock().expect("nobody panicked").extend_from_slice(read);
        if to.write_all(read).is_err() {
            break;
        }
    }
    // The other end may have closed.
    let _ = to.shutdown(Shutdown::Both);
}

/// The ID in every form in which it could be betrayed.
fn forms(room: &str) -> Vec<Vec<u8>> {
    let id: tailchat_core::ids::RoomId = room.parse().expect("an ID");
    let hex: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let letters = room.trim_start_matches("room1");
    // The alias is for people, who may read it in a log: it tells four bytes at most.
    let part = letters.get(..20).expect("an ID is longer").to_owned();
    vec![
        id.0.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        part.to_uppercase().into_bytes(),
        part.into_bytes(),
    ]
}

fn betrays(bytes: &[u8], forms: &[Vec<u8>]) -> bool {
    forms
        .iter()
        .any(|form| bytes.windows(form.len()).any(|window| window == form))
}

/// All names below a folder.
fn names(folder: &Path, all: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        all.extend_from_slice(entry.path().as_os_str().as_encoded_bytes());
        if entry.path().is_dir() {
            names(&entry.path(), all);
        }
    }
}

/// A peer that says all that it can of what it does.
fn serve(machine: &Machine) -> (Running, String) {
    let said = fs::File::create(machine.path("said")).expect("a file");
    let mut command = machine.online(&["serve", "--json"]);
    command.env("TAILCHAT_LOG", "trace").stderr(Stdio::from(said));
    let running = Running::start(&mut command);
    let listening = running.line()["listening"]
        .as_str()
        .expect("an address")
        .to_owned();
    (running, listening)
}

#[test]
fn a_rooms_id_is_told_to_nobody_by_the_way() {
    let (ann, bob) = (Machine::new("ann"), Machine::new("bob"));
    let room = ann.run(&["new", "kitchen", "--json"]).json().remove(0)["room"].clone();
    let room = room.as_str().expect("an ID").to_owned();
    let forms = forms(&room);
    let (anns, at) = serve(&ann);
    let (recorded, tape) = recorder(at);
    let (bobs, _) = serve(&bob);
    // From standard input, as who wants it in no list of processes does.
    let joined = bob.run_with(&["join", "-"], room.as_bytes());
    assert_eq!(joined.code, 0, "{}", joined.err);
    bob.run(&["peers", "add", &recorded]).ok();
    for (machine, text) in [(&ann, "hello"), (&bob, "and hello to you")] {
        machine
            .run(&["send", "kitchen", text, "--wait", "1", "--timeout", "30"])
            .ok();
    }
    equal(&ann);

    for (who, running) in [("ann", &anns), ("bob", &bobs)] {
        let arguments = fs::read(format!("/proc/{}/cmdline", running.child.id())).unwrap_or_default();
        assert!(!betrays(&arguments, &forms), "in {who}'s arguments");
    }
    for running in [anns, bobs] {
        assert_eq!(running.stop("TERM"), 0);
    }
    for machine in [&ann, &bob] {
        let said = fs::read(machine.path("said")).expect("what was said");
        assert!(said.len() > 100, "nothing was logged: the test sees nothing");
        assert!(!betrays(&said, &forms), "{}", String::from_utf8_lossy(&said));
        let mut all = Vec::new();
        names(machine.folder.path(), &mut all);
        assert!(!betrays(&all, &forms), "{}", String::from_utf8_lossy(&all));
    }
    let tape = tape.lock().expect("nobody panicked");
    assert!(
        tape.len() > 500,
        "{} bytes were recorded: the test sees nothing",
        tape.len()
    );
    assert!(!betrays(&tape, &forms), "on the wire");
    assert!(betrays(&forms.concat(), &forms), "the test sees nothing");
}
