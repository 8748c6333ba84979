//! The command line alone, on one machine: what it refuses and how, what it prints and counts. Knows nothing of what
//! peers say to each other.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

mod rig;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use rig::{Machine, finish};

fn kitchen() -> Machine {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    ann
}

fn log(machine: &Machine) -> String {
    machine.run(&["log", "kitchen"]).ok()
}

#[test]
fn alone_it_says_what_to_do_first() {
    let ann = Machine::new("ann");
    let first = ann.run(&[]).ok();
    for command in ["new", "join", "serve", "send", "log", "demo"] {
        assert!(first.contains(&format!("tailchat {command}")), "{command}");
    }
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let ann = Machine::new("ann");
    let commands = [
        "new", "join", "rooms", "leave", "members", "send", "mute", "edit", "delete", "react", "pin", "pins",
        "topic", "rename", "alias", "ignore", "log", "show", "search", "read", "import", "export", "bundle",
        "merge", "peers", "status", "serve", "check", "demo", "link", "name",
    ];
    for command in commands {
        let help = ann.run(&[command, "--help"]).ok();
        assert!(help.contains("Example"), "{command}: {help}");
    }
}

#[test]
fn wrong_usage_is_exit_2_and_prints_no_data() {
    let ann = kitchen();
    for args in [
        &["frobnicate"][..],
        &["join"],
        &["join", "house"],
        &["send", "kitchen", "x", "--timeout", "3"],
        &["send", "kitchen", " "],
        &["log", "kitchen", "--since", "when it rained"],
        &["search"],
        &["search", "from:"],
        &["search", "tea", "--until", "when it rained"],
        &["search", "tea", "--limit", "5000000"],
        &["log", "kitchen", "--unread", "--last", "3"],
        &["import", "kitchen", "x.txt"],
        &["import", "kitchen", "--format", "irc", "no-date.txt"],
        &["new", ""],
        &["peers", "add", "a b"],
        &["status", "--wait", "soon"],
    ] {
        let refused = ann.run(args).refused(2);
        assert!(!refused.is_empty(), "{args:?}");
    }
}

#[test]
fn what_is_not_there_is_exit_3() {
    let ann = kitchen();
    for args in [
        &["log", "attic"][..],
        &["send", "attic", "x"],
        &["send", "kitchen", "x", "--reply-to", "ffff"],
        &["members", "attic"],
        &["search", "tea", "--room", "attic"],
        &["read", "attic"],
        &["leave", "attic"],
        &["export", "attic", "--format", "jsonl"],
        &["peers", "forget", "nobody"],
    ] {
        ann.run(args).refused(3);
    }
}

#[test]
fn a_typo_in_a_room_id_is_named() {
    let ann = kitchen();
    let id = room_id(&ann);
    let meant = id.chars().nth(10).expect("a letter");
    let found = if meant == 'q' { 'p' } else { 'q' };
    let mut wrong = id.clone();
    wrong.replace_range(10..11, &found.to_string());
    let why = ann.run(&["join", &wrong]).refused(2);
    assert!(
        why.contains("place 11") && why.contains(&format!("did you mean '{meant}'")),
        "{why}"
    );
    let why = ann.run_with(&["join", "-"], b"room1bbb").refused(2);
    assert!(why.contains("'b' at place 6"), "{why}");
}

fn room_id(machine: &Machine) -> String {
    let rooms = machine.run(&["rooms", "--json"]).json();
    rooms[0]["room"].as_str().expect("an ID").to_owned()
}

#[test]
fn new_prints_the_id_and_the_invite_alone_on_stdout() {
    let ann = Machine::new("ann");
    let ran = ann.run(&["new", "kitchen"]);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.out);
    assert!(lines[0].starts_with("room1") && lines[0].len() == 37);
    assert!(lines[1].starts_with(&format!("tailchat:{}", lines[0])));
    assert!(ran.err.contains("tailchat serve"));

    let ran = ann.run(&["new", "attic", "--json", "--quiet"]);
    assert_eq!(ran.err, "");
    let object = &ran.json()[0];
    assert_eq!(object["name"], "attic");
    assert_eq!(
        object.as_object().expect("an object").keys().collect::<Vec<_>>(),
        ["invite", "name", "room"]
    );
}

#[test]
fn a_message_is_written_and_read_back() {
    let ann = kitchen();
    let ran = ann.run(&["send", "kitchen", "tea", "is", "ready"]);
    assert!(ran.err.contains("Nobody else has it yet"), "{}", ran.err);
    let id = ran.ok().trim().to_owned();
    ann.run(&["send", "kit", "/me pours", "--quiet"]).ok();
    ann.run(&["send", "kitchen", "thanks", "--reply-to", &id]).ok();

    let human = log(&ann);
    let said: Vec<_> = human.lines().map(|line| &line[17..]).collect();
    assert_eq!(
        said,
        ["<ann> tea is ready", "* ann pours", "<ann> (reply) thanks"]
    );

    let objects = ann.run(&["log", "kitchen", "--json"]).json();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[0]["id"], id);
    assert_eq!(objects[1]["kind"], "action");
    assert_eq!(objects[2]["reply_to"], id);
    assert_eq!(objects[2]["edited"], false);
    assert_eq!(objects[0]["of"], 1);
    let last = ann.run(&["log", "kitchen", "--last", "1", "--json"]).json();
    assert_eq!(last, objects[2..]);
    let none = ann.run(&["log", "kitchen", "--until", "yesterday"]).ok();
    assert_eq!(none, "");
    let all = ann.run(&["log", "kitchen", "--since", "2 hours ago"]).ok();
    assert_eq!(all, human);
}

#[test]
fn the_fields_of_a_message_stand_in_the_contracts_order() {
    let ann = kitchen();
    ann.run(&["send", "kitchen", "x"]).ok();
    let line = ann.run(&["log", "kitchen", "--json"]).ok();
    let fields = [
        "room",
        "id",
        "author",
        "sent_at",
        "arrived_at",
        "kind",
        "text",
        "reply_to",
        "edited",
        "deleted",
        "reactions",
        "on",
        "of",
        "pinned",
        "answers",
    ];
    let places: Vec<_> = fields
        .iter()
        .map(|field| line.find(&format!("\"{field}\":")))
        .collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{line}");
}

#[test]
fn a_pipe_is_one_message_or_one_a_line() {
    let ann = kitchen();
    let one = ann.run_with(&["send", "kitchen"], b"first\nsecond\n").ok();
    assert_eq!(one.lines().count(), 1);
    let many = ann
        .run_with(
            &["send", "kitchen", "-", "--lines", "--json"],
            b"a\n\n  \n/me b\nc",
        )
        .json();
    assert_eq!(many.len(), 3);
    assert_eq!(many[0]["room"], room_id(&ann));
    let said: Vec<_> = ann
        .run(&["log", "kitchen", "--json"])
        .json()
        .iter()
        .map(|object| object["text"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(said, ["first\nsecond", "a", "b", "c"]);
    let none = ann.run_with(&["send", "kitchen", "--lines"], b"\n\n").ok();
    assert_eq!(none, "");
}

#[test]
fn what_is_not_utf_8_or_too_long_is_refused_whole() {
    let ann = kitchen();
    let why = ann
        .run_with(&["send", "kitchen", "--lines"], b"good\nb\xffd\n")
        .refused(2);
    assert!(why.contains("byte 6"), "{why}");
    let why = ann.run_with(&["send", "kitchen", "-"], &[b'x'; 65537]).refused(2);
    assert!(why.contains("65537") && why.contains("65536"), "{why}");
    let mut lines = b"short\n".to_vec();
    lines.extend([b'x'; 65537]);
    ann.run_with(&["send", "kitchen", "--lines"], &lines).refused(2);
    assert_eq!(log(&ann), "");
    ann.run_with(&["send", "kitchen", "-"], &[b'x'; 65536]).ok();
}

#[test]
fn what_people_write_drives_no_terminal() {
    let ann = kitchen();
    let hostile = "a\u{1b}]52;c;AAAA\u{7}\u{9b}2J\u{202e}b\r\n2026-01-01 00:00 <bob> forged";
    ann.run_with(&["send", "kitchen", "-"], hostile.as_bytes()).ok();
    let human = log(&ann);
    assert!(
        !human.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'),
        "{human:?}"
    );
    assert!(
        human.contains("a<U+001B>]52;c;AAAA<U+0007><U+009B>2J<U+202E>b\n"),
        "{human:?}"
    );
    assert!(
        human.lines().nth(1).is_some_and(|line| line.starts_with(' ')),
        "{human:?}"
    );
    let json = ann.run(&["log", "kitchen", "--json"]).ok();
    assert!(
        !json.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'),
        "{json:?}"
    );
    let object: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(object["text"], hostile);
}

#[test]
fn a_channels_log_is_counted_and_adds_nothing_the_second_time() {
    let ann = kitchen();
    let logs = ann.path("logs");
    fs::create_dir(&logs).expect("a folder");
    let day =
        b"[09:14] <cy> one\n[09:14] <cy> one\n=== dee has joined\n[09:15]  * dee waves\n[09:15] <dee>\n\n\
                garbage\n[23:59] <cy> late\n[00:01] <j\xe9> back\n";
    fs::write(logs.join("2004-12-25.txt"), day).expect("a file");
    fs::write(logs.join("2004-12-26.txt"), "[00:00] <cy> next day\n").expect("a file");
    fs::write(logs.join("notes.md"), "not a log").expect("a file");
    let import = [
        "import",
        "kitchen",
        "--format",
        "irc",
        "--json",
        logs.to_str().expect("a path"),
    ];

    let first = ann.run(&import);
    assert!(first.err.contains("1 file passed over"), "{}", first.err);
    assert_eq!(
        first.ok(),
        "{\"files\":2,\"messages\":5,\"actions\":1,\"channel\":1,\"blank\":2,\"unparsable\":1,\"latin1\":1,\
         \"added\":6,\"known\":0,\"too_long\":0}\n"
    );
    let again = &ann.run(&import).json()[0];
    assert_eq!((&again["added"], &again["known"]), (&0.into(), &6.into()));

    assert_eq!(
        log(&ann),
        "2004-12-25 00:01 <jé> back\n2004-12-25 09:14 <cy> one\n2004-12-25 09:14 <cy> one\n\
         2004-12-25 09:15 * dee waves\n2004-12-25 23:59 <cy> late\n2004-12-26 00:00 <cy> next day\n"
    );
    let members = ann.run(&["members", "kitchen", "--json"]).json();
    assert_eq!(members.len(), 1, "nicks are no members");
    let status = &ann.run(&["status", "--json"]).json()[0];
    assert_eq!(status["messages"], 6);
}

#[test]
fn whoever_stops_reading_ends_a_command_without_a_word() {
    let ann = kitchen();
    // More than a pipe holds.
    let lines = "a line that is long enough for this\n".repeat(4_000);
    ann.run_with(&["send", "kitchen", "--lines"], lines.as_bytes())
        .ok();
    for args in [
        &["log", "kitchen"][..],
        &["log", "kitchen", "--json"],
        &["export", "kitchen", "--format", "jsonl"],
    ] {
        let mut child = ann.command(args).spawn().expect("the binary starts");
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0; 10]).expect("a beginning");
        drop(out);
        let ran = finish(child);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn nobody_else_may_look_whatever_the_mask_for_new_files_is() {
    let ann = Machine::new("ann");
    let under_no_mask = |args: &[&str]| {
        let command = ann.command(args);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "umask 0; exec \"$0\" \"$@\""])
            .arg(command.get_program())
            .args(args)
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    };
    let run = |args: &[&str]| finish(under_no_mask(args).spawn().expect("a shell")).ok();
    run(&["new", "kitchen"]);
    let mut serving = under_no_mask(&["serve", "--json", "--no-discovery"])
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    let out = serving.stdout.as_mut().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("it listens");
    run(&["send", "kitchen", "hello"]);
    run(&["peers", "add", "127.0.0.1:1"]);
    let (mut left, mut seen) = (vec![ann.path("data"), ann.path("run")], Vec::new());
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .expect("a folder")
                    .map(|entry| entry.expect("an entry").path()),
            );
        }
        seen.push((mode & 0o077, path));
    }
    serving.kill().expect("it can be killed");
    serving.wait().expect("it can be waited for");
    // The folder that the socket's folder is made in is the system's; here nobody made it before.
    let open: Vec<_> = seen.iter().filter(|(others, _)| *others != 0).collect();
    assert!(open.is_empty(), "{open:?}");
    assert!(seen.len() > 8, "{seen:?}");
}

#[test]
fn what_was_exported_can_be_imported_elsewhere() {
    let ann = kitchen();
    ann.run_with(&["send", "kitchen", "--lines"], b"a\n/me b\n\"c\"\n")
        .ok();
    let file = ann.path("out.jsonl");
    let file = file.to_str().expect("a path");
    fs::write(file, "what stood there").expect("a file");
    ann.run(&["export", "kitchen", "--format", "jsonl", "-o", file])
        .ok();
    let exported = fs::read_to_string(file).expect("the export");
    assert_eq!(
        exported,
        ann.run(&["export", "kitchen", "--format", "jsonl"]).ok()
    );
    assert!(
        !exported.contains("arrived") && !exported.contains("\"on\""),
        "{exported}"
    );
    let mode = fs::metadata(file).expect("the export").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let bob = Machine::new("bob");
    bob.run(&["new", "kitchen"]).ok();
    let counts = &bob
        .run(&["import", "kitchen", "--format", "jsonl", "--json", file])
        .json()[0];
    assert_eq!((&counts["messages"], &counts["actions"]), (&2.into(), &1.into()));
    assert_eq!(log(&bob), log(&ann));
}

#[test]
fn a_failed_export_leaves_the_good_file() {
    let ann = kitchen();
    let file = ann.path("out.am");
    fs::write(&file, "good").expect("a file");
    let path = file.to_str().expect("a path");
    ann.run(&["export", "attic", "--format", "automerge", "-o", path])
        .refused(3);
    assert_eq!(fs::read_to_string(&file).expect("the file"), "good");
    assert_eq!(
        fs::read_dir(ann.folder.path())
            .expect("the folder")
            .filter_map(Result::ok)
            .filter(|entry| { entry.file_name().to_string_lossy().ends_with(".new") })
            .count(),
        0
    );
    ann.run(&["export", "kitchen", "--format", "automerge", "-o", path])
        .ok();
    let document = fs::read(&file).expect("the export");
    assert_eq!(
        document[..4],
        [0x85, 0x6f, 0x4a, 0x83],
        "an Automerge chunk's magic"
    );
}

#[test]
fn a_name_is_set_durably_by_either_way() {
    let ann = Machine::new("ann");
    assert_eq!(ann.run(&["name"]).ok(), "ann\n");
    assert_eq!(ann.run(&["name", "anna"]).ok(), "anna\n");
    ann.run(&["--name", "annika", "new", "kitchen"]).ok();
    assert_eq!(ann.run(&["name", "--json"]).ok(), "{\"name\":\"annika\"}\n");
    ann.run(&["send", "kitchen", "hi"]).ok();
    assert!(log(&ann).contains("<annika> hi"));
    ann.run(&["name", "two\nlines"]).refused(2);
}

#[test]
fn an_ambiguous_room_is_exit_2_with_the_candidates() {
    let ann = kitchen();
    ann.run(&["new", "kitten"]).ok();
    let why = ann.run(&["log", "kit"]).refused(2);
    assert!(why.contains("kitchen") && why.contains("kitten"), "{why}");
    ann.run(&["log", "kitc"]).ok();
}

#[test]
fn following_without_a_node_says_what_is_there_and_ends() {
    let ann = kitchen();
    ann.run(&["send", "kitchen", "hi"]).ok();
    let ran = ann.run(&["log", "kitchen", "--follow"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.ends_with("<ann> hi\n"), "{}", ran.out);
    assert!(ran.err.contains("tailchat serve"), "{}", ran.err);
}

#[test]
fn leaving_asks_nothing_without_a_terminal() {
    let ann = kitchen();
    ann.run(&["leave", "kitchen", "--forget"]).ok();
    assert_eq!(ann.run(&["rooms"]).ok(), "");
}

#[test]
fn status_of_somebody_alone_is_not_equal() {
    let ann = kitchen();
    let ran = ann.run(&["status", "kitchen", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let status = &ran.json()[0];
    assert_eq!(status["peers"].as_array().map(Vec::len), Some(0));
    let waiting = ann.online(&["status", "--wait", "0.2"]).spawn();
    let ran = finish(waiting.expect("the binary starts"));
    assert_eq!(ran.code, 4, "{}", ran.err);
}

#[test]
fn a_check_of_good_records_is_exit_0_and_of_bad_ones_5() {
    let ann = kitchen();
    for text in ["a", "b", "c"] {
        ann.run(&["send", "kitchen", text]).ok();
    }
    let whole = &ann.run(&["check", "--json"]).json()[0];
    assert_eq!(
        (&whole["heads_match"], &whole["name"]),
        (&true.into(), &"kitchen".into())
    );

    damage(&ann);
    let ran = ann.run(&["check", "kitchen"]);
    assert_eq!(ran.code, 5, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("DAMAGED"), "{}", ran.out);
}

/// Turns a byte in the middle of the room's largest file.
fn damage(machine: &Machine) {
    let room = fs::read_dir(machine.path("data/rooms"))
        .expect("the rooms")
        .find_map(Result::ok)
        .expect("a room");
    let file = fs::read_dir(room.path())
        .expect("the room")
        .filter_map(Result::ok)
        .max_by_key(|entry| entry.metadata().map(|meta| meta.len()).unwrap_or(0))
        .expect("a file");
    let mut bytes = fs::read(file.path()).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(file.path(), bytes).expect("the file");
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let ann = kitchen();
    let lines = "x\n".repeat(20_000);
    ann.run_with(&["send", "kitchen", "--lines"], lines.as_bytes())
        .ok();
    let mut child = ann
        .command(&["log", "kitchen"])
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let ran = finish(child);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn what_is_said_of_a_message_changes_how_it_is_listed_and_exported() {
    let ann = kitchen();
    let id = |text: &str| {
        ann.run(&["send", "kitchen", text, "--quiet"])
            .ok()
            .trim()
            .to_owned()
    };
    let (first, second) = (id("tee is redy"), id("a secret"));
    ann.run(&["edit", "kitchen", &first, "tea", "is", "ready"]).ok();
    ann.run(&["react", "kitchen", &first, "👍"]).ok();
    ann.run(&["react", "kitchen", &first, "tea"]).ok();
    ann.run(&["react", "kitchen", &first, "tea", "--remove"]).ok();
    ann.run(&["delete", "kitchen", &second]).ok();
    let log = log(&ann);
    assert!(log.contains("<ann> tea is ready (edited) [👍 1]"), "{log}");
    assert!(
        log.contains("<ann> [deleted]") && !log.contains("secret"),
        "{log}"
    );
    let exported = ann.run(&["export", "kitchen", "--format", "jsonl"]).ok();
    assert!(
        !exported.contains("secret") && !exported.contains("redy"),
        "{exported}"
    );
    let message = ann.run(&["log", "kitchen", "--last", "2", "--json"]).ok();
    let message: serde_json::Value =
        serde_json::from_str(message.lines().next().expect("one")).expect("JSON");
    assert_eq!(message["edited"], true);
    assert_eq!(message["reactions"]["👍"][0], "ann");
    // It is all there after the index is built again.
    fs::remove_file(ann.path("data/index.db")).expect("removed");
    assert_eq!(self::log(&ann), log);
}

#[test]
fn what_may_not_be_said_of_a_message_is_refused_with_the_reason() {
    let ann = kitchen();
    let id = ann
        .run(&["send", "kitchen", "hello", "--quiet"])
        .ok()
        .trim()
        .to_owned();
    for (args, code, why) in [
        (&["edit", "kitchen", "f00/1", "x"][..], 3, "no message"),
        (&["edit", "kitchen", &id, " "], 2, "empty"),
        (&["react", "kitchen", &id, "two words"], 2, "one word"),
        (&["react", "kitchen", &id, "\u{1b}[31m"], 2, "one word"),
        (&["delete", "attic", &id], 3, "no room"),
    ] {
        let said = ann.run(args).refused(code);
        assert!(said.contains(why), "{args:?}: {said}");
    }
    ann.run(&["delete", "kitchen", &id]).ok();
    ann.run(&["delete", "kitchen", &id]).ok();
    let said = ann.run(&["edit", "kitchen", &id, "again"]).refused(2);
    assert!(said.contains("was deleted"), "{said}");
}
