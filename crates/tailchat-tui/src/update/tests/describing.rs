//! A room's topic and its names.

use tailchat_node::control::Describing;

use super::asked;
use crate::command::{Command, Question};
use crate::stage::{Stage, messages};

fn described(stage: &Stage) -> Vec<Describing> {
    let asked = stage.done.iter().filter_map(|command| match command {
        Command::Ask(Question::Describe { what, .. }) => Some(what.clone()),
        _ => None,
    });
    asked.collect()
}

fn command(stage: &mut Stage, typed: &str) {
    stage.types(typed);
    stage.press("enter");
    stage.tells(0);
}

#[test]
fn a_topic_stands_above_the_messages_and_is_cut_where_the_row_ends() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    command(
        &mut stage,
        &format!("/topic who cooks{}, and when", " what".repeat(30)),
    );
    let screen = stage.screen();
    let first = screen.lines().next().unwrap();
    assert!(
        first.contains("kitchen · who cooks what") && first.ends_with('…'),
        "{screen}"
    );
    assert!(screen.contains("everybody sees this topic"), "{screen}");
    stage.waits(20_000);
    command(&mut stage, "/topic");
    assert!(
        stage.screen().contains("what, and when"),
        "the whole of it:\n{}",
        stage.screen()
    );
    command(&mut stage, "/topic \"\"");
    assert!(!stage.screen().contains("who cooks"), "{}", stage.screen());
    assert_eq!(described(&stage)[1..], [Describing::Topic(String::new())]);
    command(&mut stage, "/topic");
    assert!(
        stage.screen().contains("/topic TEXT gives it one"),
        "{}",
        stage.screen()
    );
}

#[test]
fn a_topic_that_comes_or_goes_moves_no_message() {
    let mut stage = Stage::in_kitchen(80, 24, messages(300));
    stage.press("pageup pageup");
    let row = |stage: &Stage| {
        let screen = stage.screen();
        let at = screen
            .lines()
            .position(|line| line.contains("message 250\u{20}") || line.ends_with("message 250"));
        at.unwrap_or_else(|| panic!("{screen}"))
    };
    let before = row(&stage);
    for topic in ["tea", ""] {
        stage.rooms[0].item.topic = topic.into();
        stage.tells(0);
        assert_eq!(row(&stage), before, "{topic}");
    }
}

#[test]
fn a_small_screen_has_no_row_for_the_topic() {
    let mut stage = Stage::in_kitchen(40, 10, messages(30));
    let before = stage.screen();
    stage.rooms[0].item.topic = "tea".into();
    stage.tells(0);
    assert_eq!(stage.screen(), before);
}

#[test]
fn a_topic_that_the_status_line_cannot_hold_is_read_on_a_screen_of_its_own() {
    let mut stage = Stage::in_kitchen(40, 10, messages(30));
    stage.rooms[0].item.topic = format!("begin{} end", " and so on".repeat(20));
    stage.tells(0);
    command(&mut stage, "/topic");
    assert!(stage.screen().contains("kitchen is about"), "{}", stage.screen());
    assert!(stage.screen().contains("begin and so on"), "{}", stage.screen());
    stage.press("pagedown");
    assert!(stage.screen().contains("on end"), "{}", stage.screen());
}

#[test]
fn what_a_peer_made_of_a_topic_drives_no_terminal() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    stage.rooms[0].item.topic = "one\ntwo\u{1b}[2J\u{202e}three".into();
    stage.tells(0);
    let screen = stage.screen();
    assert!(
        screen.lines().next().unwrap().contains("one two<U+001B>[2J"),
        "{screen}"
    );
}

#[test]
fn a_room_has_a_name_for_everybody_and_one_of_ones_own() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    command(&mut stage, "/rename canteen");
    assert_eq!(described(&stage), [Describing::Name("canteen".into())]);
    assert!(
        stage.screen().contains("everybody calls this room canteen"),
        "{}",
        stage.screen()
    );
    stage.types("/alias home");
    stage.press("enter");
    assert!(
        stage.screen().contains("you call this room home here"),
        "{}",
        stage.screen()
    );
    stage.rooms[0].item.name = "home".into();
    stage.rooms[0].item.known_as = Some("canteen".into());
    stage.tells(0);
    stage.press("f6");
    assert!(
        stage.screen().contains("everybody else calls it canteen"),
        "{}",
        stage.screen()
    );
    stage.press("esc");
    stage.types("/alias");
    stage.press("enter");
    let back = |question: &Question| matches!(question, Question::Alias { name, .. } if name.is_empty());
    assert_eq!(asked(&stage, back), 1);
}
