//! Commands that run when a message comes: what they are given, and that nothing they do or peers write does harm.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod running;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rig::Machine;
use running::{Running, equal, joined, serve};

/// Longer than a hook may take.
const WITHIN: Duration = Duration::from_secs(25);

fn hooks(machine: &Machine, text: &str) {
    let folder = machine.path(".config/tailchat");
    fs::create_dir_all(&folder).expect("it can be done");
    fs::write(folder.join("hooks.toml"), text).expect("it can be done");
}

#[track_caller]
fn wait_for(path: &Path, done: impl Fn(&str) -> bool) -> String {
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if done(&text) {
            return text;
        }
        assert!(began.elapsed() < WITHIN, "{} has only {text:?}", path.display());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hook_gets_what_others_write_as_data_and_nothing_of_before_or_our_own() {
    let (ann, anns, bob) = joined();
    assert_eq!(anns.stop("TERM"), 0);
    let (all, named) = (ann.path("all"), ann.path("named"));
    // What peers write is an argument here, and no part of this line.
    let script = |file: &Path| {
        format!(
            "printf '%s|%s|%s\\n' \"$1\" \"$2\" \"$3\" >> '{}'; cat >> '{}.json'",
            file.display(),
            file.display()
        )
    };
    let hook = |on: &str, file: &Path| {
        let script = script(file).replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "[[hook]]\non = \"{on}\"\nroom = \"kitchen\"\nrun = [\"sh\", \"-c\", \"{script}\", \"sh\", \"{{author}}\", \"{{room}}\", \"{{text}}\"]\n"
        )
    };
    hooks(&ann, &(hook("message", &all) + &hook("mention", &named)));
    bob.run(&["send", "kitchen", "before it began", "--quiet"]).ok();
    let (_anns, address) = serve(&ann);
    bob.run(&["peers", "add", &address]).ok();
    let (_bobs, _) = serve(&bob);
    equal(&bob);
    ann.run(&["send", "kitchen", "our own, @ann", "--quiet"]).ok();
    let hostile = "$(touch /tmp/never) `id` ; '\"{author} \u{1b}]0;x\u{7} @ann";
    bob.run(&["send", "kitchen", "first", "--quiet"]).ok();
    bob.run(&["send", "kitchen", hostile, "--quiet"]).ok();
    let told = wait_for(&all, |text| text.contains("@ann"));
    assert!(told.contains("bob|kitchen|first\n"), "{told}");
    assert!(
        told.contains("bob|kitchen|$(touch /tmp/never) `id` ; '\"{author} ") && !told.contains('\u{1b}'),
        "{told}"
    );
    assert!(!told.contains("our own"), "{told}");
    let told = wait_for(&named, |text| text.contains("@ann"));
    assert_eq!(told.lines().count(), 1, "{told}");
    let read = wait_for(&ann.path("named.json"), |text| text.ends_with('\n'));
    let message: serde_json::Value = serde_json::from_str(read.trim_end()).unwrap();
    assert_eq!(message["text"], hostile);

    ann.run(&["mute", "kitchen"]).ok();
    bob.run(&[
        "send",
        "kitchen",
        "quiet, @ann",
        "--wait",
        "1",
        "--timeout",
        "20",
        "--quiet",
    ])
    .ok();
    ann.run(&["mute", "kitchen", "--off"]).ok();
    bob.run(&["send", "kitchen", "the last", "--quiet"]).ok();
    let told = wait_for(&all, |text| text.contains("the last"));
    assert!(!told.contains("quiet"), "{told}");
}

#[test]
fn hooks_that_hang_or_fail_keep_nothing_back_and_are_told() {
    let (ann, anns, bob) = joined();
    assert_eq!(anns.stop("TERM"), 0);
    let path = ann.path("all");
    hooks(
        &ann,
        &format!(
            "[[hook]]\non = \"message\"\nrun = [\"sleep\", \"600\"]\n[[hook]]\non = \"message\"\nrun = [\"/no/such\", \"{{text}}\"]\n\
             [[hook]]\non = \"message\"\nrun = [\"sh\", \"-c\", \"echo \\\"$0\\\" >> '{}'; exit 3\", \"{{text}}\"]\n",
            path.display()
        ),
    );
    let log = ann.path("log");
    let node = Running::start(&mut ann.online(&["serve", "--json", "--log", log.to_str().unwrap()]));
    let address = node.line();
    bob.run(&["peers", "add", address["listening"].as_str().unwrap()])
        .ok();
    let (_bobs, _) = serve(&bob);
    equal(&bob);
    bob.run(&[
        "send",
        "kitchen",
        "one",
        "--wait",
        "1",
        "--timeout",
        "20",
        "--quiet",
    ])
    .ok();
    wait_for(&path, |text| text.contains("one"));
    let told = wait_for(&log, |text| text.contains("was killed"));
    assert!(
        told.contains("/no/such") && told.contains("exit status: 3") && told.contains("connected: bob at"),
        "{told}"
    );
    assert_eq!(node.stop("TERM"), 0);
}

#[test]
fn a_mistake_in_the_hooks_is_told_before_anything_runs() {
    let ann = Machine::new("ann");
    hooks(&ann, "[[hook]]\non = \"mention\"\nrun = \"notify-send {text}\"\n");
    let why = ann.run(&["serve"]).refused(2);
    assert!(why.contains("hooks.toml") && why.contains("run"), "{why}");
}
