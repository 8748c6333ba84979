//! What was written by versions that people have used: their folders and bundles are opened by this one and say the
//! same. A format that is left needs a folder of its own beside `tests/fixtures/format-1`, which stays as it is.

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;

use std::fs;
use std::path::{Path, PathBuf};

use rig::{Machine, finish};
use serde_json::Value;

/// Messages in the room: one block of them, and a tail.
const MESSAGES: usize = 12_208;
/// What stands of a message whoever asks, and whatever they call the room.
const OF_A_MESSAGE: [&str; 9] = [
    "room", "id", "sent_at", "kind", "text", "reply_to", "edited", "deleted", "pinned",
];

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures/format-1").join(name)
}

/// The newest messages as they were printed when the folder was made: imported, answered, edited, deleted, reacted to,
/// pinned, by two people of whom one took another name.
fn expected() -> Vec<Value> {
    let lines = fs::read_to_string(fixture("last.jsonl")).expect("the fixture is there");
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

fn of_messages(lines: &[Value]) -> Vec<Vec<Value>> {
    let of = |line: &Value| OF_A_MESSAGE.map(|field| line[field].clone()).to_vec();
    lines.iter().map(of).collect()
}

#[test]
fn a_folder_of_format_1_is_what_it_was_and_goes_on() {
    let ann = Machine::new("ann");
    copy(&fixture("folder"), &ann.path("data"));
    let (expected, found) = (expected(), ann.run(&["log", "home", "--json"]).json());
    assert_eq!(found.len(), MESSAGES);
    for (old, new) in expected.iter().zip(&found[MESSAGES - expected.len()..]) {
        for (field, value) in old.as_object().expect("an object") {
            assert_eq!(new[field], *value, "{field} of {new}");
        }
    }
    ann.run(&["check"]).ok();
    let rooms = ann.run(&["rooms", "--json"]).json();
    assert_eq!(rooms[0]["muted"], true, "{rooms:?}");
    let topic = ann.run(&["topic", "home"]).ok();
    assert!(topic.contains("what is kept"), "{topic}");
    let sent = ann.run(&["send", "home", "written later"]).ok();
    assert!(sent.contains('/'), "{sent}");
    ann.run(&["check"]).ok();
    let last = ann.run(&["log", "home", "--json", "--last", "2"]).json();
    assert_eq!(of_messages(&last[..1]), of_messages(&expected[11..]));
    assert_eq!(
        (&last[1]["text"], &last[1]["author"]),
        (&"written later".into(), &"ann".into())
    );
}

#[test]
fn a_bundle_of_format_1_brings_what_it_holds() {
    let cay = Machine::new("cay");
    let expected = expected();
    let room = expected[0]["room"].as_str().expect("an ID").to_owned();
    let mut join = cay.online(&["join", &room, "--wait", "0"]);
    let joined = finish(join.spawn().expect("the binary starts"));
    assert_eq!(joined.code, 4, "nobody is there: {}", joined.err);
    let bundle = fixture("room.bundle").display().to_string();
    cay.run(&["merge", &bundle]).ok();
    let found = cay.run(&["log", &room, "--json"]).json();
    assert_eq!(found.len(), MESSAGES);
    let last = &found[MESSAGES - expected.len()..];
    assert_eq!(of_messages(last), of_messages(&expected));
    let authors = |lines: &[Value]| {
        lines
            .iter()
            .map(|line| line["author"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(authors(last), authors(&expected));
}
