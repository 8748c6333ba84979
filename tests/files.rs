//! History in and out, over the real binary: logs of other programs and encodings in, every format out. Knows nothing
//! of how a format is written; what nobody can write into one is for the writers' own tests.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

mod rig;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use automerge::{Automerge, ROOT, ReadDoc, ScalarValue, Value};
use rig::{Machine, finish};

/// Logs as WeeChat and irssi write them.
const LOGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/logs");
/// The JavaScript Automerge, once `npm ci` was run there.
const AUTOMERGE_JS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/automerge-js");

fn kitchen() -> Machine {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    ann
}

fn log(machine: &Machine) -> String {
    machine.run(&["log", "kitchen"]).ok()
}

/// Brings a file in; gives what was counted.
fn import(machine: &Machine, format: &str, file: &Path) -> serde_json::Value {
    let file = file.to_str().expect("a path");
    let ran = machine.run(&["import", "kitchen", "--format", format, "--json", file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.json()[0].clone()
}

fn export(machine: &Machine, format: &str) -> String {
    machine.run(&["export", "kitchen", "--format", format]).ok()
}

fn send(machine: &Machine, text: &str) -> String {
    let sent = machine.run_with(&["send", "kitchen", "-", "--quiet"], text.as_bytes());
    sent.ok().trim().to_owned()
}

/// A room with a message of every sort.
fn all_sorts() -> Machine {
    let ann = kitchen();
    import(&ann, "irssi", &Path::new(LOGS).join("irssi.log"));
    let tea = send(&ann, "tee is <b>ready</b>\nsee https://a.example/?b&c");
    ann.run(&[
        "edit",
        "kitchen",
        &tea,
        "tea is <b>ready</b>\nsee https://a.example/?b&c",
    ])
    .ok();
    ann.run(&["send", "kitchen", "thanks", "--reply-to", &tea]).ok();
    ann.run(&["react", "kitchen", &tea, "👍"]).ok();
    let secret = send(&ann, "a secret");
    ann.run(&["delete", "kitchen", &secret]).ok();
    send(&ann, "/me pours");
    ann.run(&["topic", "kitchen", "tea, and <b>more</b>"]).ok();
    ann.run(&["pin", "kitchen", &tea]).ok();
    send(&ann, "```\n<i>code</i>\n```");
    ann
}

#[test]
fn a_log_of_weechats_is_read_and_adds_nothing_the_second_time() {
    let ann = kitchen();
    let file = Path::new(LOGS).join("tea.weechatlog");
    let counts = import(&ann, "weechat", &file);
    assert_eq!(
        counts.to_string(),
        "{\"actions\":1,\"added\":5,\"blank\":0,\"channel\":4,\"files\":1,\"known\":0,\"latin1\":0,\"messages\":4,\
         \"too_long\":0,\"unparsable\":0}"
    );
    assert_eq!(
        log(&ann),
        "2024-03-01 12:34 <ann> hello    all\n2024-03-01 12:34 <bob> hello\n2024-03-01 12:34 <bob> hello\n\
         2024-03-01 12:34 * bob waves\n2026-07-24 13:32 <ann> two years later\n"
    );
    let again = import(&ann, "irc", &file);
    assert_eq!((&again["added"], &again["known"]), (&0.into(), &5.into()));
}

#[test]
fn a_log_of_irssis_is_read_and_adds_nothing_the_second_time() {
    let ann = kitchen();
    let file = Path::new(LOGS).join("irssi.log");
    let ran = ann.run(&[
        "import",
        "kitchen",
        "--format",
        "irc",
        file.to_str().expect("a path"),
    ]);
    assert!(
        ran.err.contains("3 messages; 1 action") && ran.err.contains("5 lines of the channel"),
        "{}",
        ran.err
    );
    assert_eq!(
        log(&ann),
        "2024-03-01 12:34 <ann> hello\n2024-03-01 12:34 <bob> hello\n2024-03-01 12:35 * bob waves\n\
         2024-03-02 00:01 <ann> good night\n"
    );
    let again = import(&ann, "irssi", &file);
    assert_eq!((&again["added"], &again["known"]), (&0.into(), &4.into()));
}

#[test]
fn a_folder_of_logs_of_all_forms_is_read_by_what_is_in_them() {
    let ann = kitchen();
    let logs = ann.path("logs");
    fs::create_dir(&logs).expect("a folder");
    for name in ["tea.weechatlog", "irssi.log"] {
        fs::copy(Path::new(LOGS).join(name), logs.join(name)).expect("a copy");
    }
    fs::write(logs.join("2004-12-25.txt"), "[09:14] <cy> hi\n").expect("a file");
    fs::write(logs.join("notes.txt"), "nothing of the sort\n").expect("a file");
    fs::write(logs.join("2004-12-26.log"), b"\x1f\x8b\x08\x00").expect("a file");
    let ran = ann.run(&[
        "import",
        "kitchen",
        "--format",
        "irc",
        "--json",
        logs.to_str().expect("a path"),
    ]);
    for passed_over in [
        "notes.txt: none of its first lines",
        "2004-12-26.log: byte 4 is nought",
    ] {
        assert!(ran.err.contains(passed_over), "{}", ran.err);
    }
    let counts = &ran.json()[0];
    assert_eq!((&counts["files"], &counts["added"]), (&3.into(), &10.into()));
}

#[test]
fn files_of_other_encodings_say_the_same() {
    let said = "[09:14] <zoë> “na\u{ef}ve” – 5 €\r\n[09:15]  * zoë waves\r\n";
    let utf16 = |to: fn(u16) -> [u8; 2]| format!("\u{feff}{said}").encode_utf16().flat_map(to).collect();
    let windows = said.chars().map(|c| match c {
        '“' => 0x93,
        '”' => 0x94,
        '–' => 0x96,
        '€' => 0x80,
        other => u8::try_from(u32::from(other)).expect("Latin-1"),
    });
    let files: [(Vec<u8>, i32); 5] = [
        (said.into(), 0),
        (format!("\u{feff}{said}").into(), 0),
        (utf16(u16::to_le_bytes), 0),
        (utf16(u16::to_be_bytes), 0),
        (windows.collect(), 2),
    ];
    let ann = kitchen();
    let file = ann.path("2024-03-01.txt");
    for (at, (bytes, guessed)) in files.into_iter().enumerate() {
        fs::write(&file, bytes).expect("a file");
        let counts = import(&ann, "irc", &file);
        assert_eq!(counts["latin1"], guessed, "file {at}");
        assert_eq!(counts["added"], if at == 0 { 2 } else { 0 }, "file {at}");
    }
    assert_eq!(
        log(&ann),
        "2024-03-01 09:14 <zoë> “naïve” – 5 €\n2024-03-01 09:15 * zoë waves\n"
    );
}

#[test]
fn what_is_no_chat_is_refused_before_anything_is_brought_in() {
    let ann = kitchen();
    let good = Path::new(LOGS).join("irssi.log");
    let good = good.to_str().expect("a path");
    let bad = |name: &str, bytes: &[u8]| {
        let path = ann.path(name);
        fs::write(&path, bytes).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let utf16: Vec<u8> = "[09:14] <ann> hi\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (file, why) in [
        (bad("2024-03-01.txt", b"PK\x03\x04\0\0"), "byte 5 is nought"),
        (bad("2024-03-02.txt", &utf16), "iconv"),
        (bad("tea.txt", b"[09:14] <ann> hi\n"), "YYYY-MM-DD"),
        (bad("notes.txt", b"hi\n"), "none of its first lines"),
        (
            ann.path("missing.txt").to_str().expect("a path").to_owned(),
            "missing.txt",
        ),
    ] {
        let said = ann
            .run(&["import", "kitchen", "--format", "irc", good, &file])
            .refused(2);
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(log(&ann), "");
    let empty = bad("empty.txt", b"\n");
    ann.run(&["import", "kitchen", "--format", "irc", good, &empty])
        .ok();
}

#[test]
fn a_log_of_another_form_than_was_named_fails() {
    let ann = kitchen();
    let file = Path::new(LOGS).join("irssi.log");
    let file = file.to_str().expect("a path");
    for format in ["weechat", "jsonl"] {
        let ran = ann.run(&["import", "kitchen", "--format", format, file]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("9 lines of another form"), "{}", ran.err);
    }
    assert_eq!(log(&ann), "");
}

#[test]
fn what_is_too_long_is_told_and_the_rest_comes_in() {
    let ann = kitchen();
    let mut file = b"12:00 <ann> of no day\n--- Log opened Fri Mar 01 12:00:00 2024\n12:00 <ann> ".to_vec();
    file.extend([b'x'; 65_537]);
    file.extend(b"\n12:01 <ann> ");
    file.extend(vec![b'y'; 17 * 1024 * 1024]);
    file.extend(b"\n12:02 <ann> short");
    let path = ann.path("irssi.log");
    fs::write(&path, file).expect("a file");
    let counts = import(&ann, "irc", &path);
    let count = |name: &str| counts[name].as_u64();
    assert_eq!(
        (count("added"), count("too_long"), count("unparsable")),
        (Some(1), Some(2), Some(1))
    );
}

#[test]
fn a_pipe_is_a_file_like_any_other() {
    let ann = kitchen();
    let log = fs::read(Path::new(LOGS).join("tea.weechatlog")).expect("a log");
    let import = ["import", "kitchen", "--format", "irc", "--json", "-"];
    let counts = &ann.run_with(&import, &log).json()[0];
    assert_eq!(counts["added"], 5);
}

#[test]
fn markdown_has_every_sort_of_message() {
    let page = export(&all_sorts(), "md");
    for part in [
        "# kitchen\n\ntea, and \\<b>more\\</b>\n\nTimes are UTC.",
        "\n## Friday, 1 March 2024\n\n12:34 ann: hello\n\n12:34 bob: hello\n\n12:35 \\* bob waves\n\n",
        "\n## Saturday, 2 March 2024\n\n00:01 ann: good night\n\n",
        " **ann**: tea is \\<b>ready\\</b>\\\nsee <https://a.example/?b&c> *(edited)* *(pinned)*\\\n(👍 ann)\n\n",
        " **ann**:\n\n> ann: tea is \\<b>ready\\</b> …\n\nthanks\n\n",
        " **ann**: *(deleted)*\n\n",
        " \\* **ann** pours\n\n",
        " **ann**:\n\n```\n<i>code</i>\n```\n\n",
    ] {
        assert!(page.contains(part), "{part}\n---\n{page}");
    }
    assert!(!page.contains("secret") && !page.contains("tee"), "{page}");
}

#[test]
fn a_page_for_browsers_has_every_sort_of_message() {
    let page = export(&all_sorts(), "html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for part in [
        "<title>kitchen</title>",
        "<p dir=\"auto\">tea, and &lt;b&gt;more&lt;/b&gt;</p>",
        "<i>pinned</i>",
        "<h2>Friday, 1 March 2024</h2>",
        "tea is &lt;b&gt;ready&lt;/b&gt;\n",
        "<a href=\"https://a.example/?b&amp;c\" rel=\"noopener noreferrer nofollow\">",
        "<summary>👍 1</summary>ann</details>",
        "<pre>\n&lt;i&gt;code&lt;/i&gt;</pre>",
        "<i>deleted</i>",
        "<i>edited</i>",
    ] {
        assert!(page.contains(part), "{part}\n---\n{page}");
    }
    assert!(!page.contains("secret") && !page.contains("<script"), "{page}");
    // An answer leads to what it answers.
    let (_, link) = page
        .split_once("<a class=\"q\" dir=\"auto\" href=\"#")
        .expect("an answer");
    let (to, _) = link.split_once('"').expect("an address");
    assert_eq!(page.matches(&format!("id=\"{to}\"")).count(), 1);
}

/// A process that is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn members_that_are_equal_write_equal_files() {
    let ann = all_sorts();
    let serve = ann.online(&["serve", "--json"]).spawn();
    let mut serve = Running(serve.expect("the binary starts"));
    let mut first = String::new();
    let out = serve.0.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut first).expect("a line");
    let listening: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    let invite = ann.run(&["rooms", "--json"]).json()[0]["room"].clone();
    let bob = Machine::new("bob");
    let addr = listening["listening"].as_str().expect("an address");
    let room = invite.as_str().expect("an ID");
    bob.run(&["join", room, "--peer", addr, "--wait", "30"]).ok();
    // What bob calls the room and whom he ignores is his alone; by now ann has his profile, too.
    bob.run(&["alias", "kitchen", "cellar"]).ok();
    bob.run(&["ignore", "cellar", "ann"]).ok();
    let formats = ["jsonl", "md", "html"];
    let anns = formats.map(|format| export(&ann, format));
    let bobs = formats.map(|format| bob.run(&["export", "cellar", "--format", format]).ok());
    assert_eq!(bobs, anns);
    assert!(
        !anns.concat().contains(room),
        "a file tells the way into the room"
    );
}

#[test]
fn a_file_is_whole_or_what_it_was() {
    let ann = all_sorts();
    let path = ann.path("out.html");
    fs::write(&path, "good").expect("a file");
    let file = path.to_str().expect("a path");
    ann.run(&["export", "attic", "--format", "html", "-o", file])
        .refused(3);
    assert_eq!(fs::read_to_string(&path).expect("the file"), "good");
    let ran = ann.run(&["export", "kitchen", "--format", "html", "-o", file]);
    assert!(ran.err.contains("Written to"), "{}", ran.err);
    assert_eq!(ran.ok(), "");
    assert_eq!(fs::read_to_string(&path).expect("the file"), export(&ann, "html"));
}

#[test]
fn what_was_exported_is_read_again_without_what_was_deleted() {
    let ann = all_sorts();
    let path = ann.path("out.jsonl");
    fs::write(&path, export(&ann, "jsonl")).expect("a file");
    let bob = Machine::new("bob");
    bob.run(&["new", "kitchen"]).ok();
    let counts = import(&bob, "jsonl", &path);
    assert_eq!((&counts["added"], &counts["blank"]), (&8.into(), &1.into()));
    let again = import(&bob, "jsonl", &path);
    assert_eq!(again["added"], 0);
}

/// An exported document, and its entries by ID.
fn document(machine: &Machine) -> (std::path::PathBuf, BTreeMap<String, Vec<u8>>) {
    let path = machine.path("kitchen.automerge");
    let file = path.to_str().expect("a path");
    machine
        .run(&["export", "kitchen", "--format", "automerge", "-o", file])
        .ok();
    let document = Automerge::load(&fs::read(&path).expect("the export")).expect("a document");
    let mut entries = BTreeMap::new();
    for key in document.keys(ROOT) {
        let (actor, list) = key.split_once('/').expect("an actor and a number");
        let first = 256 * list.parse::<u64>().expect("a number");
        let (_, list) = document.get(ROOT, &key).expect("a value").expect("a list");
        for at in 0..document.length(&list) {
            let (value, _) = document.get(&list, at).expect("a value").expect("an entry");
            let Value::Scalar(scalar) = value else { continue };
            if let ScalarValue::Bytes(bytes) = scalar.as_ref() {
                entries.insert(format!("{actor}/{}", first + at as u64), bytes.clone());
            }
        }
    }
    (path, entries)
}

/// A room of more than one list and of every sort of message.
fn long_room() -> Machine {
    let ann = all_sorts();
    let lines: String = (0..600).map(|n| format!("line {n} ☕\n")).collect();
    ann.run_with(&["send", "kitchen", "--lines", "--quiet"], lines.as_bytes())
        .ok();
    ann
}

#[test]
fn the_exported_document_has_every_message_for_the_crate() {
    let ann = long_room();
    let (_, entries) = document(&ann);
    let messages = export(&ann, "jsonl");
    let mut checked = 0;
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let entry = entries
            .get(message["id"].as_str().expect("an ID"))
            .expect("an entry");
        let entry = tailchat_core::entry::Entry::decode(entry);
        let (kind, text) = match entry.body {
            tailchat_core::entry::Body::Text(text) => ("text", text.text),
            tailchat_core::entry::Body::Action(text) => ("action", text.text),
            tailchat_core::entry::Body::Imported(said) if said.action => ("imported_action", said.text),
            tailchat_core::entry::Body::Imported(said) => ("imported", said.text),
            other => ("another", format!("{other:?}")),
        };
        assert_eq!(message["kind"], kind);
        // The document keeps what was written first; what was said of it later are entries of their own.
        if message["edited"] == false && message["deleted"] == false {
            assert_eq!(message["text"], text);
        }
        checked += 1;
    }
    assert_eq!(checked, 609);
    assert!(entries.len() > checked);
}

#[test]
fn the_exported_document_has_the_same_entries_for_javascript() {
    let installed = Path::new(AUTOMERGE_JS).join("node_modules/@automerge/automerge");
    let node = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if node.is_err() || !installed.is_dir() {
        let why =
            "skipped: Node is needed, and `npm ci --prefix tests/automerge-js`, which `cargo xtask ci` runs";
        // Written past the test harness, which keeps what a passing test prints to itself.
        writeln!(std::io::stderr(), "{why}").expect("told");
        return;
    }
    let ann = long_room();
    let (path, entries) = document(&ann);
    let read = Command::new("node")
        .arg(Path::new(AUTOMERGE_JS).join("entries.mjs"))
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let read = finish(read.expect("node starts"));
    assert_eq!(read.code, 0, "{}", read.err);
    let mut texts = BTreeMap::new();
    let mut found = BTreeMap::new();
    for entry in read.json() {
        let id = entry["id"].as_str().expect("an ID").to_owned();
        if let Some(text) = entry["text"].as_str() {
            texts.insert(id.clone(), text.to_owned());
        }
        found.insert(id, entry["bytes"].as_str().expect("bytes").to_owned());
    }
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let expected: BTreeMap<_, _> = entries
        .iter()
        .map(|(id, bytes)| (id.clone(), hex(bytes)))
        .collect();
    assert!(
        found == expected,
        "{} entries, {} in the crate",
        found.len(),
        expected.len()
    );
    let lines = texts
        .values()
        .filter(|text| text.starts_with("line ") && text.ends_with(" ☕"));
    assert_eq!(lines.count(), 600);
}
