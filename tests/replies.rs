//! Answers as a person asks for them on the command line: with and without a node that runs, for eyes and for programs.

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;

use rig::Machine;

/// A question with two answers, something else between them, and the IDs of the three.
fn kitchen() -> (Machine, [String; 3]) {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    let say = |args: &[&str]| {
        let args = [&["send", "kitchen"], args].concat();
        ann.run(&args).ok().trim().to_owned()
    };
    let question = say(&["tea or\ncoffee?"]);
    let tea = say(&["tea", "--reply-to", &question]);
    say(&["it rains"]);
    let coffee = say(&["coffee", "--reply-to", &question]);
    (ann, [question, tea, coffee])
}

/// What is printed, without the minutes.
fn printed(out: &str) -> Vec<&str> {
    out.lines()
        .map(|line| line.trim_start_matches(|c: char| " -:".contains(c) || c.is_ascii_digit()))
        .collect()
}

#[test]
fn a_message_is_listed_with_what_answers_it_and_nothing_else() {
    let (ann, [question, tea, _]) = kitchen();
    let out = ann.run(&["log", "kitchen", "--answers-to", &question]).ok();
    assert_eq!(
        printed(&out),
        [
            "<ann> tea or",
            "coffee?",
            "<ann> (reply) tea",
            "<ann> (reply) coffee"
        ]
    );
    let shown = ann.run(&["show", "kitchen", &question]).ok();
    assert!(shown.contains("answered  by 2 messages"), "{shown}");
    let out = ann.run(&["log", "kitchen", "--answers-to", &tea]).ok();
    assert_eq!(printed(&out), ["<ann> (reply) tea"]);
}

#[test]
fn programs_get_the_number_of_answers_with_every_message() {
    let (ann, [question, tea, coffee]) = kitchen();
    let counts = |args: &[&str]| -> Vec<(String, u64)> {
        let messages = ann.run(&[args, &["--json"]].concat()).json().into_iter();
        let count = messages.map(|message| {
            let id = message["id"].as_str().unwrap_or_default().to_owned();
            (id, message["answers"].as_u64().unwrap_or(u64::MAX))
        });
        count.collect()
    };
    let log = counts(&["log", "kitchen"]);
    assert_eq!(
        log.iter().map(|(_, count)| *count).collect::<Vec<_>>(),
        [2, 0, 0, 0]
    );
    let asked = ["log", "kitchen", "--answers-to", &question];
    let all = [(question.clone(), 2), (tea.clone(), 0), (coffee.clone(), 0)];
    assert_eq!(counts(&asked), all);
    let mut node = ann.online(&["serve"]).spawn().expect("the binary starts");
    ann.run(&["send", "kitchen", "both", "--reply-to", &tea]).ok();
    ann.run(&["delete", "kitchen", &coffee]).ok();
    assert_eq!(counts(&asked), [(question.clone(), 1), (tea.clone(), 1)]);
    node.kill().expect("it can be ended");
    node.wait().expect("it ends");
    assert_eq!(counts(&asked), [(question.clone(), 1), (tea, 1)], "after a crash");
}

#[test]
fn what_cannot_be_asked_for_is_refused_with_its_reason() {
    let (ann, [question, ..]) = kitchen();
    let why = ann.run(&["log", "kitchen", "--answers-to", "zz/1"]).refused(3);
    assert!(why.contains("no message \"zz/1\""), "{why}");
    let actor = question.split('/').next().unwrap_or_default();
    let why = ann.run(&["log", "kitchen", "--answers-to", actor]).refused(2);
    assert!(why.contains("may be any of"), "{why}");
    for more in [
        "--follow",
        "--unread",
        "--last=3",
        "--since=yesterday",
        "--at=yesterday",
    ] {
        let why = ann
            .run(&["log", "kitchen", "--answers-to", &question, more])
            .refused(2);
        assert!(why.contains("cannot be used with"), "{why}");
    }
}
