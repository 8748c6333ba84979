//! The terminal UI as a person has it: the real program in a real pseudo-terminal.

#[expect(dead_code, reason = "parts of it are for tests of commands")]
mod rig;
#[path = "rig/screen.rs"]
mod screen;

use std::process::Command;

use rig::Machine;
use screen::Screen;

const SMALL: (u16, u16) = (80, 24);

/// A UI with one room, opened.
fn in_kitchen(machine: &Machine) -> Screen {
    machine.run(&["new", "kitchen"]).ok();
    let screen = Screen::run(&machine.online(&[]), SMALL);
    screen.until_text("you can write now");
    screen
}

#[test]
fn the_first_run_asks_a_name_then_creates_a_room_and_shows_its_invite() {
    let machine = Machine::new("ann");
    let mut screen = Screen::run(&machine.online(&[]), SMALL);
    screen.until_text("name: ann");
    screen.types("ika\r");
    screen.until_text("Hello annika");
    screen.types("\r");
    screen.until_text("room:");
    screen.types("kitchen\r");
    screen.until_text("tailchat join 'tailchat:room1");
    screen.types("\x1b");
    screen.until_text("What you write is kept");
    screen.types("the kettle is on\r");
    screen.until_durable("the kettle is on");
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
    screen.is_restored();
    assert!(
        machine
            .run(&["log", "kitchen"])
            .ok()
            .contains("<annika> the kettle is on")
    );
}

#[test]
fn a_paste_sends_nothing_and_what_was_written_survives_a_restart() {
    let machine = Machine::new("ann");
    let mut screen = in_kitchen(&machine);
    screen.types("\x1b[200~first\rsecond\nthird\x1b[201~");
    screen.until("three rows in the input", |text| {
        text.contains("> first\n  second\n  third")
    });
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
    assert_eq!(machine.run(&["log", "kitchen"]).ok(), "");
    let screen = Screen::run(&machine.online(&[]), SMALL);
    screen.until("the draft", |text| text.contains("> first\n  second\n  third"));
}

#[test]
fn a_screen_that_becomes_small_and_large_again_stays_whole() {
    let machine = Machine::new("ann");
    let mut screen = in_kitchen(&machine);
    screen.types("hello\r");
    screen.until_durable("hello");
    for (columns, rows) in [(40, 10), (3, 1), (16, 3), (200, 60), SMALL] {
        screen.resize(columns, rows);
        screen.types("x");
    }
    // A key that comes in the same moment as another size may be read with the next one.
    screen.until("the message again", |text| text.contains("hello"));
    screen.types("y");
    screen.until("everything again", |text| {
        text.contains("hello") && text.contains("> xxxxxy")
    });
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
    screen.is_restored();
}

#[test]
fn answers_are_counted_as_they_come_and_keys_lead_to_them_and_back() {
    let machine = Machine::new("ann");
    let mut screen = in_kitchen(&machine);
    screen.types("tea or coffee?\r");
    screen.until_durable("tea or coffee?");
    screen.types("\x1bsr");
    screen.until_text("reply to ann: tea or coffee?");
    screen.types("tea\r");
    screen.until_text("1 answer ·");
    let id = |at: usize| {
        let log = machine.run(&["log", "kitchen", "--json"]).json();
        let message = log.get(at).expect("a message");
        message["id"].as_str().expect("an ID").to_owned()
    };
    let question = id(0);
    machine
        .run(&["send", "kitchen", "coffee", "--reply-to", &question])
        .ok();
    screen.until_text("2 answers ·");
    let selected = |text: &'static str| {
        move |screen: &str| {
            screen
                .lines()
                .any(|line| line.contains('▌') && line.contains(text))
        }
    };
    // The newest message is selected first, and it answers the question.
    screen.types("\x1bs<");
    screen.until("the question", selected(" tea or coffee?"));
    screen.types(">");
    screen.until("its first answer", |text| {
        selected(" tea")(text) && !selected(" tea or")(text)
    });
    screen.types(">");
    screen.until("the next answer", selected(" coffee "));
    machine.run(&["delete", "kitchen", &id(1)]).ok();
    screen.until_text("1 answer ·");
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn a_signal_ends_it_with_the_terminal_restored_and_the_draft_kept() {
    for (name, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let machine = Machine::new("ann");
        let mut screen = in_kitchen(&machine);
        screen.types("half a thought");
        screen.until_text("> half a thought");
        screen.signal(name);
        assert_eq!(screen.ends(), code, "{name}");
        screen.is_restored();
        let again = Screen::run(&machine.online(&[]), SMALL);
        again.until_text("> half a thought");
    }
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back() {
    let machine = Machine::new("ann");
    machine.run(&["new", "kitchen"]).ok();
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "--noediting", "-i"]);
    let program = machine.online(&[]);
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
        .env("PS1", "shell% ")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut screen = Screen::run(&shell, SMALL);
    screen.until_text("shell%");
    screen.types(&format!("{}\n", env!("CARGO_BIN_EXE_tailchat")));
    screen.until_text("you can write now");
    screen.types("before");
    screen.until_text("> before");
    screen.types("\x1a");
    screen.until_text("Stopped");
    screen.types("echo in the $((1+1))nd place\n");
    screen.until_text("in the 2nd place");
    screen.is_restored();
    screen.types("fg\n");
    screen.until_text("> before");
    screen.types(" after");
    screen.until_text("> before after");
    screen.types("\x11");
    screen.until("the shell again", |text| {
        text.contains("shell%") && !text.contains("> before after")
    });
}

/// Ann's screen and bob's, in one room; ann has written something.
fn side_by_side(ann: &Machine, bob: &Machine) -> (Screen, Screen) {
    let mut first = in_kitchen(ann);
    first.types("from ann\r");
    first.until_durable("from ann");
    let rooms = ann.run(&["rooms", "--json"]).json();
    let invite = rooms.first().and_then(|room| room.get("invite")?.as_str());
    let invite = invite.expect("an invite");
    let mut second = Screen::run(&bob.online(&[]), SMALL);
    second.until_text("name: bob");
    second.types("\r");
    second.until_text("Join a room");
    second.types("\x1b[B\r");
    second.until_text("join:");
    second.types(&format!("{invite}\r"));
    second.until_text("from ann");
    (first, second)
}

#[test]
fn two_programs_side_by_side_converge() {
    let (ann, bob) = (Machine::new("ann"), Machine::new("bob"));
    let (first, mut second) = side_by_side(&ann, &bob);
    second.types("from bob\r");
    for screen in [&first, &second] {
        screen.until("both messages on both disks", |text| {
            text.contains("from ann") && text.contains("from bob") && text.contains("on all 2")
        });
    }
    first.until_text("all equal with bob");
}

#[test]
fn who_types_is_seen_by_the_other_until_it_is_sent_or_rests() {
    let (ann, bob) = (Machine::new("ann"), Machine::new("bob"));
    let (mut first, mut second) = side_by_side(&ann, &bob);
    first.until_text("all equal with bob");
    second.types("on my");
    first.until_text("bob is typing");
    assert!(!second.text().contains("is typing"), "{}", second.text());
    second.types(" way\r");
    first.until("the message and no typing", |text| {
        text.contains("on my way") && !text.contains("is typing")
    });
    second.types("and then");
    first.until_text("bob is typing");
    first.until("rest", |text| !text.contains("is typing"));
    second.types("\x15/topic tea");
    second.until_text("> /topic tea");
    first.types("hm");
    second.until_text("ann is typing");
    assert!(!first.text().contains("is typing"), "{}", first.text());
}

#[test]
fn a_topic_and_a_pin_are_for_everybody_and_whom_one_ignores_is_ones_own_matter() {
    let (ann, bob) = (Machine::new("ann"), Machine::new("bob"));
    let (mut first, mut second) = side_by_side(&ann, &bob);
    first.types("/topic who cooks what\r");
    second.until_text("kitchen · who cooks what");
    second.types("/pin\r");
    for screen in [&first, &second] {
        screen.until("the pin", |text| {
            text.lines()
                .any(|line| line.contains("from ann") && line.contains("pinned"))
        });
    }
    second.types("noise\r");
    first.until_text("noise");
    first.types("/ignore bob\r");
    first.until("bob folded away", |text| {
        text.contains("1 message of bob, ignored") && !text.contains("noise")
    });
    second.types("more noise\r");
    first.until_text("2 messages of bob, ignored");
    first.types("/ignored\r");
    first.until_text("more noise");
    second.until("nothing of that", |text| {
        text.contains("more noise") && !text.contains("ignored")
    });
}

#[test]
fn a_panic_leaves_the_terminal_restored_and_says_what_happened() {
    let machine = Machine::new("ann");
    let mut command = machine.online(&[]);
    let this = std::env::current_exe().expect("this test's program");
    let mut child = Command::new(this);
    child.args(["--exact", "panics_while_it_draws", "--ignored", "--nocapture"]);
    for (name, value) in command.env("TAILCHAT_DATA", machine.path("data")).get_envs() {
        if let Some(value) = value {
            child.env(name, value);
        }
    }
    let mut screen = Screen::run(&child, SMALL);
    screen.until_text("name: ann");
    screen.types("\r");
    screen.until_text("Create a room");
    screen.types("\r");
    screen.until_text("room:");
    screen.types("kitchen\r");
    screen.until_text("the picture is broken");
    screen.ends();
    screen.is_restored();
}

/// The program of the test above: its UI panics when it draws an invite.
#[test]
#[ignore = "a program for another test, in a terminal"]
fn panics_while_it_draws() {
    let config = tailchat_node::client::Config {
        data: std::env::var_os("TAILCHAT_DATA").expect("a folder").into(),
        listen: Some("127.0.0.1:0".into()),
        name: None,
        default_name: "ann".into(),
        online: true,
        discovery: false,
    };
    let settings = tailchat_tui::Settings {
        attach: Box::new(move || Box::pin(tailchat_node::client::Client::open(config.clone()))),
        preferences: tailchat_tui::preferences::Preferences::default(),
        channel: tailchat_tui::notice::Channel::default(),
        utf8: true,
        zone: jiff::tz::TimeZone::UTC,
        edit: None,
        picture: |_| panic!("the picture is broken"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(tailchat_tui::run(settings)).expect("a UI");
}

#[test]
fn the_persons_own_editor_writes_what_the_input_then_holds() {
    let machine = Machine::new("ann");
    machine.run(&["new", "kitchen"]).ok();
    let mut command = machine.online(&[]);
    command.env(
        "EDITOR",
        "sh -c 'printf \"%s, and more\" \"$(cat \"$1\")\" > \"$1\"' editor",
    );
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let mut screen = Screen::run(&command, SMALL);
    screen.until_text("you can write now");
    screen.types("begun");
    screen.until_text("> begun");
    screen.types("\x1be");
    screen.until_text("> begun, and more");
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
    screen.is_restored();
}

#[test]
fn settings_that_are_wrong_are_explained_and_keys_can_be_bound_anew() {
    let machine = Machine::new("ann");
    machine.run(&["new", "kitchen"]).ok();
    let folder = machine.path(".config").join("tailchat");
    std::fs::create_dir_all(&folder).expect("a folder");
    let settings = folder.join("settings.toml");
    std::fs::write(&settings, "[keys]\n\"ctrl-o\" = \"halp\"\n").expect("written");
    let mut screen = Screen::run(&machine.online(&[]), SMALL);
    screen.until_text("did you mean");
    assert_eq!(screen.ends(), 2);
    std::fs::write(&settings, "theme = \"mono\"\n[keys]\n\"ctrl-o\" = \"help\"\n").expect("written");
    let mut screen = Screen::run(&machine.online(&[]), SMALL);
    screen.until_text("you can write now");
    screen.types("\x0f");
    screen.until_text("Break the line");
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn without_a_terminal_it_says_what_to_do_first() {
    let machine = Machine::new("ann");
    assert!(machine.run(&[]).ok().contains("tailchat new kitchen"));
}

#[test]
fn it_attaches_to_a_node_that_runs_and_takes_its_place_when_it_ends() {
    let machine = Machine::new("ann");
    machine.run(&["new", "kitchen"]).ok();
    let mut serve = Screen::run(&machine.online(&["serve"]), SMALL);
    serve.until_text("Online as");
    let mut screen = Screen::run(&machine.online(&[]), SMALL);
    screen.until_text("you can write now");
    screen.types("through the socket\r");
    screen.until_durable("through the socket");
    assert!(
        machine
            .run(&["log", "kitchen"])
            .ok()
            .contains("through the socket")
    );
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    screen.types("on its");
    screen.until_text("> on its");
    // What was typed in the last moments is with no node yet.
    serve.signal("KILL");
    serve.ends();
    screen.until_text("a node is there again");
    screen.until_text("through the socket");
    screen.types(" own\r");
    screen.until_durable("on its own");
    assert!(
        machine.run(&["log", "kitchen"]).ok().contains("on its own"),
        "it is the node"
    );
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
    screen.is_restored();
}

#[test]
fn what_was_said_is_found_as_it_is_typed_and_enter_goes_there() {
    let machine = Machine::new("ann");
    let mut screen = in_kitchen(&machine);
    screen.types("the kettle is on\r");
    screen.until_durable("the kettle is on");
    screen.types("never mind\r");
    screen.until_durable("never mind");
    screen.types("\x12ket");
    screen.until("the hit", |text| {
        text.contains("search: ket") && text.contains("1 message") && text.contains("kitchen  20")
    });
    screen.types("\r");
    screen.until("the message, selected", |text| {
        !text.contains("search:") && text.contains("never mind") && text.contains("reply")
    });
    screen.types("\x11");
    assert_eq!(screen.ends(), 0);
}
