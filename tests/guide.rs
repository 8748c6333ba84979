//! The guide's recipes, typed as they stand: each is a session of bash in an empty folder and has to end well.

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, clippy::indexing_slicing, reason = "other tests use more of it")]
mod running;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rig::{Machine, finish};
use running::{lines_of, serve};

const BEGIN: &str = "<!-- run: begin -->";
const END: &str = "<!-- run: end -->";

/// The recipes of a document: under which heading, and what is typed.
fn recipes(text: &str) -> Vec<(String, String)> {
    let mut recipes = Vec::new();
    let (mut heading, mut typed, mut within, mut block) = (String::new(), String::new(), false, false);
    for line in text.lines() {
        match line {
            BEGIN => within = true,
            END => {
                recipes.push((heading.clone(), std::mem::take(&mut typed)));
                within = false;
            }
            "```sh" if within => block = true,
            "```" => block = false,
            line if block => {
                typed.push_str(line);
                typed.push('\n');
            }
            line if line.starts_with("## ") => line.trim_start_matches("## ").clone_into(&mut heading),
            _ => {}
        }
    }
    assert!(!within && !block, "a recipe has no end");
    recipes
}

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    fs::read_to_string(path).expect("a document")
}

/// Types a recipe; whatever fails ends it, and whatever it left running ends with it.
fn type_in(heading: &str, recipe: &str) {
    let machine = Machine::new("reader");
    let program = Path::new(env!("CARGO_BIN_EXE_tailchat"));
    let beside = program.parent().expect("a folder").display();
    let script = format!("set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{recipe}");
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(machine.folder.path())
        .env_clear()
        .env("HOME", machine.folder.path())
        .env("XDG_RUNTIME_DIR", machine.path("run"))
        .env("PATH", format!("{beside}:/usr/bin:/bin"))
        .env("USER", "reader")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = finish(command.spawn().expect("bash starts"));
    assert_eq!(ran.code, 0, "{heading}\n{recipe}\n{}\n{}", ran.out, ran.err);
}

#[test]
fn every_recipe_of_the_guide_works_as_it_is_typed() {
    let recipes = recipes(&document("GUIDE.md"));
    assert!(recipes.len() >= 9, "{} recipes", recipes.len());
    std::thread::scope(|scope| {
        for (heading, recipe) in &recipes {
            scope.spawn(|| type_in(heading, recipe));
        }
    });
}

/// The client that CONTROL.md shows for another language: it reads what is there, and follows.
#[test]
fn the_client_of_the_control_protocols_document_works() {
    let text = document("CONTROL.md");
    let program = text
        .split_once("```python\n")
        .and_then(|(_, rest)| rest.split_once("```"));
    let (program, _) = program.expect("a program in Python");
    let machine = Machine::new("ann");
    machine.run(&["new", "kitchen"]).ok();
    machine.run(&["send", "kitchen", "before"]).ok();
    let (node, _) = serve(&machine);
    let socket = fs::read_dir(machine.path("run/tailchat")).expect("a folder of sockets");
    let socket = socket.flatten().next().expect("a socket").path();
    let mut command = Command::new("python3");
    command
        .args(["-u", "-c", program])
        .arg(socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut client) = command.spawn() else {
        // Not everywhere; CI has it.
        return;
    };
    let lines = lines_of(client.stdout.take().expect("a pipe"));
    let next = || lines.recv_timeout(Duration::from_secs(20)).expect("a line");
    assert_eq!(next(), "ann 'before'");
    machine.run(&["send", "kitchen", "now"]).ok();
    assert_eq!(next(), "ann 'now'");
    assert_eq!(node.stop("TERM"), 0);
    // It ends with the node, and says why.
    let ended = client.wait_with_output().expect("it can be waited for");
    assert!(!ended.status.success() && String::from_utf8_lossy(&ended.stderr).contains("the node is gone"));
}

#[test]
fn a_recipe_that_fails_is_told() {
    let typed =
        recipes("## It fails\n<!-- run: begin -->\n```sh\ntailchat log nowhere\n```\n<!-- run: end -->\n");
    let failed =
        std::panic::catch_unwind(|| typed.iter().for_each(|(heading, typed)| type_in(heading, typed)));
    assert!(failed.is_err());
}
