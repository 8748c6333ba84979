//! Each example as people would run it: attached to a real node that meets another on loopback. Knows nothing of how the
//! examples are written, but that each fits in a hundred lines.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that finds something else has failed"
)]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;
#[path = "rig/running.rs"]
mod running;

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rig::Machine;
use running::{Running, equal, joined, serve};
use rusqlite::Connection;
use serde_json::Value;

const LINES_MAX: usize = 100;
/// Longer than anything of these tests takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An example on somebody's machine. `cargo test` builds them, `cargo test --test examples` does not.
fn example(name: &str, machine: &Machine, args: &[&str]) -> Running {
    let test = std::env::current_exe().expect("the test's own place");
    let built = test.parent().and_then(Path::parent).expect("a target folder");
    let built = built.join("examples").join(name);
    assert!(
        built.is_file(),
        "there is no {}; build it by `cargo build --examples`",
        built.display()
    );
    let mut command = Command::new(built);
    let like = machine.command(&[]);
    let envs = like.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command
        .env_clear()
        .envs(envs)
        .arg(machine.path("data"))
        .args(args);
    command.stdout(Stdio::piped());
    Running::start(&mut command)
}

#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "never saw {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn send(machine: &Machine, text: &str) -> String {
    let sent = machine.run_with(&["send", "kitchen", "-", "--quiet"], text.as_bytes());
    sent.ok().trim().to_owned()
}

fn log(machine: &Machine) -> Vec<Value> {
    machine.run(&["log", "kitchen", "--json"]).json()
}

/// What answers a message.
fn replies(machine: &Machine, to: &str) -> Vec<String> {
    let all = log(machine).into_iter();
    all.filter(|message| message["reply_to"] == to)
        .map(|message| format!("{} {}", message["author"], message["text"]))
        .collect()
}

/// Sends until an example is seen to follow: it says nowhere that it does.
fn poke(machine: &Machine, text: &str, mut seen: impl FnMut(&str) -> bool) -> String {
    let mut sent = None;
    until("that the example follows", || {
        let id = sent.get_or_insert_with(|| send(machine, text)).clone();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) {
            if seen(&id) {
                return Some(id);
            }
            thread::sleep(Duration::from_millis(50));
        }
        sent = None;
        None
    })
}

#[test]
fn the_answering_bot_answers_what_is_asked_from_its_start_on_and_survives_its_node() {
    let (ann, _anns, bob) = joined();
    let (bobs, _) = serve(&bob);
    let old = send(&ann, "!ping");
    equal(&bob);
    let _bot = example("answer", &bob, &["kitchen"]);
    let ping = poke(&ann, "!ping", |id| !replies(&ann, id).is_empty());
    let echo = send(&ann, "!echo  tea, anybody?");
    let nothing = send(&ann, "say !ping");
    let answered = |id: &str| {
        until("a reply", || {
            Some(replies(&ann, id)).filter(|replies| !replies.is_empty())
        })
    };
    assert_eq!(answered(&ping), ["\"bob\" \"pong\""]);
    assert_eq!(answered(&echo), ["\"bob\" \"tea, anybody?\""]);
    // A message that comes again is not answered again.
    ann.run(&["react", "kitchen", &ping, "+1"]).ok();
    assert_eq!(bobs.stop("TERM"), 0);
    let time = send(&ann, "!time");
    assert!(answered(&time)[0].starts_with("\"bob\" \"20"));
    for (id, count) in [(&old, 0), (&nothing, 0), (&ping, 1), (&echo, 1), (&time, 1)] {
        assert_eq!(replies(&ann, id).len(), count);
    }
}

/// The lines that the bridge wrote.
fn written(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn bridged(bob: &Machine, ann: &Machine, input: &Path) {
    let (_bobs, _) = serve(bob);
    let out = bob.path("out");
    let _bridge = example(
        "bridge",
        bob,
        &["kitchen", input.to_str().unwrap(), out.to_str().unwrap()],
    );
    poke(ann, "hello", |_| written(&out).contains(&"ann: hello".to_owned()));
    let mut file = OpenOptions::new().append(true).open(input).unwrap();
    file.write_all(b"from a fi").unwrap();
    file.write_all(b"le\n\nanother\n").unwrap();
    let here = |text: &'static str| move || log(ann).into_iter().find(|message| message["text"] == text);
    assert_eq!(until("a line", here("from a file"))["author"], "bob");
    until("the next line", here("another"));
    send(ann, "two\nlines \u{1b}[31m");
    let line = "ann: two⏎lines <U+001B>[31m".to_owned();
    until("its line", || written(&out).contains(&line).then_some(()));
    let own = |line: &String| line.contains("another");
    assert!(!written(&out).iter().any(own), "{:?}", written(&out));
}

#[test]
fn the_bridge_posts_what_a_fifo_says_and_writes_what_others_say() {
    let (ann, _anns, bob) = joined();
    let fifo = bob.path("in");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    bridged(&bob, &ann, &fifo);
}

#[test]
fn the_bridge_posts_what_is_added_to_a_file() {
    let (ann, _anns, bob) = joined();
    let file = bob.path("in");
    fs::write(&file, "written long ago\n").unwrap();
    bridged(&bob, &ann, &file);
    assert!(
        log(&ann)
            .iter()
            .all(|message| message["text"] != "written long ago")
    );
}

/// Takes a request's head and body.
fn request(mut stream: TcpStream) -> (String, Value) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    loop {
        let len = stream.read(&mut piece).unwrap();
        assert!(len > 0, "{text}");
        text.push_str(std::str::from_utf8(&piece[..len]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let len = head.split_once("Content-Length: ").unwrap().1;
        let len: usize = len.lines().next().unwrap().parse().unwrap();
        if body.len() == len {
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            return (head.to_owned(), serde_json::from_str(body).unwrap());
        }
    }
}

/// The next connection, within a time.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let (stream, _) = until("a request", || listener.accept().ok());
    stream.set_nonblocking(false).unwrap();
    stream
}

#[test]
fn the_notifier_posts_what_mentions_the_person_and_outlives_a_receiver_that_is_dead() {
    let (ann, _anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?for=bob", listener.local_addr().unwrap());
    let _notify = example("notify", &bob, &["kitchen", &url]);
    listener.set_nonblocking(true).unwrap();
    // Each of these goes to a receiver that hangs up.
    poke(&ann, "@bob, are you there?", |_| listener.accept().is_ok());
    send(&ann, "nothing for him");
    let id = send(&ann, "tea, @bob?");
    let (head, body) = until("the last mention", || {
        let (head, body) = request(accept(&listener));
        (body["id"] == id).then_some((head, body))
    });
    assert!(head.starts_with("POST /hook?for=bob HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        (&body["author"], &body["text"]),
        (&"ann".into(), &"tea, @bob?".into())
    );
}

fn rows(file: &Path) -> Vec<(String, String, bool, bool)> {
    let Ok(sqlite) = Connection::open(file) else {
        return Vec::new();
    };
    let query = "SELECT author, text, edited, deleted FROM messages ORDER BY sent_at, rowid";
    let Ok(mut found) = sqlite.prepare(query) else {
        return Vec::new();
    };
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let rows = found.query_map([], row).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn the_logger_keeps_history_and_what_comes_and_what_is_amended_once_each() {
    let (ann, _anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    let first = send(&ann, "first");
    let second = send(&bob, "second");
    equal(&bob);
    let file: PathBuf = bob.path("log.sqlite");
    let start = || example("logger", &bob, &["kitchen", file.to_str().unwrap()]);
    let is = |expected: &[(&str, &str, bool, bool)]| {
        until(&format!("{expected:?}"), || {
            let rows = rows(&file);
            let rows: Vec<_> = rows
                .iter()
                .map(|(author, text, edited, deleted)| (author.as_str(), text.as_str(), *edited, *deleted))
                .collect();
            (rows == expected).then_some(())
        });
    };
    let logger = start();
    is(&[("ann", "first", false, false), ("bob", "second", false, false)]);
    send(&ann, "third");
    ann.run(&["edit", "kitchen", &first, "first of all"]).ok();
    let live = [
        ("ann", "first of all", true, false),
        ("bob", "second", false, false),
        ("ann", "third", false, false),
    ];
    is(&live);
    logger.kill();
    bob.run(&["delete", "kitchen", &second]).ok();
    let _logger = start();
    let deleted = ("bob", "", false, true);
    is(&[live[0], deleted, live[2]]);
}

#[test]
fn no_example_is_longer_than_a_hundred_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 4);
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
    }
}
