//! That somebody writes is told others, and theirs is shown; neither moves anything.

use tailchat_node::control::{Code, Failure};

use super::asked;
use crate::command::Question;
use crate::event::Event;
use crate::stage::{MadeUp, Stage, messages};

fn told(stage: &Stage) -> usize {
    asked(stage, |question| matches!(question, Question::Typing(_)))
}

#[test]
fn others_are_told_at_once_and_then_every_three_seconds_while_it_goes_on() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.types("h");
    assert_eq!(told(&stage), 1);
    for _ in 0..29 {
        stage.waits(100);
        stage.types("a");
    }
    assert_eq!(told(&stage), 1);
    stage.waits(100);
    stage.types("!");
    assert_eq!(told(&stage), 2);
    stage.waits(60_000);
    assert_eq!(told(&stage), 2, "who rests is told of no more");
    stage.press("left home");
    assert_eq!(told(&stage), 2, "a cursor that moves writes nothing");
    stage.press("enter");
    stage.types("n");
    assert_eq!(told(&stage), 3, "a message ends it, and the next one begins");
    stage.event(Event::Pasted("pasted".into()));
    stage.waits(3_000);
    stage.press("ctrl-u");
    assert_eq!(told(&stage), 3, "nothing is written any more");
}

#[test]
fn what_is_no_new_message_is_told_nobody() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    stage.types("/topic tea");
    stage.press("ctrl-u");
    stage.types("   ");
    stage.press("ctrl-u ctrl-r");
    stage.types("tea");
    stage.press("esc ctrl-k");
    stage.types("kit");
    stage.press("esc alt-g");
    stage.types("today");
    stage.press("esc esc");
    assert_eq!(told(&stage), 0);
    stage.types("//home is a folder");
    assert_eq!(told(&stage), 1);
}

#[test]
fn another_text_for_an_old_message_is_told_nobody() {
    let mut own = messages(1);
    own[0].mine = true;
    let mut stage = Stage::in_kitchen(80, 24, own);
    stage.press("alt-s e");
    assert!(stage.model.writing.editing.is_some());
    stage.types("better");
    assert_eq!(told(&stage), 0);
}

#[test]
fn each_room_is_told_for_itself_and_none_if_the_person_wants_it_so() {
    let mut stage = Stage::new(80, 24);
    for name in ["garden", "kitchen"] {
        stage.rooms.push(MadeUp::new(name, Vec::new()));
    }
    stage.start();
    stage.types("a");
    stage.press("alt-2");
    stage.types("b");
    assert_eq!(told(&stage), 2);
    stage.model.taste.typing = false;
    stage.waits(10_000);
    stage.types("c");
    assert_eq!(told(&stage), 2);
}

#[test]
fn a_node_that_knows_nothing_of_it_is_no_trouble_and_none_is_not_asked() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.event(Event::Orphaned(None));
    stage.types("a");
    assert_eq!(told(&stage), 0);
    stage.event(Event::Rejoined);
    stage.waits(20_000);
    stage.slow = true;
    stage.types("b");
    let (question, _) = stage.waiting.pop_back().unwrap();
    assert!(matches!(question, Question::Typing(_)), "{question:?}");
    let before = stage.screen();
    let answer = Err(Failure::new(Code::Usage, "unknown variant `typing`"));
    stage.event(Event::Answered { question, answer });
    assert_eq!(stage.screen(), before);
}

#[test]
fn who_types_is_told_in_the_status_line_and_no_row_moves() {
    let mut stage = Stage::in_kitchen(80, 24, messages(100));
    stage.press("pageup");
    let above = |stage: &Stage| stage.screen().lines().take(22).collect::<Vec<_>>().join("\n");
    let before = above(&stage);
    let around = |stage: &Stage| asked(stage, |question| matches!(question, Question::Members(_)));
    let asked_before = around(&stage);
    for (names, said) in [
        (&["cleo"][..], "all equal with bob · cleo is typing"),
        (&["bob", "cleo"], "all equal with bob · bob and cleo are typing"),
        (&["bob", "cleo", "dora"], "several people are typing"),
    ] {
        stage.rooms[0].item.typing = names.iter().map(|name| (*name).to_owned()).collect();
        stage.tells(0);
        let screen = stage.screen();
        assert!(screen.contains(said), "{screen}");
        assert_eq!(above(&stage), before);
    }
    stage.event(Event::Resized {
        columns: 40,
        rows: 24,
    });
    stage.rooms[0].item.typing = vec!["bob".into()];
    stage.tells(0);
    let screen = stage.screen();
    assert!(screen.contains(" kitchen · 2 here · bob is typing"), "{screen}");
    stage.rooms[0].item.behind = 7;
    stage.tells(0);
    let screen = stage.screen();
    assert!(
        screen.contains(" kitchen · 2 here · catching up, 7 to go\n"),
        "{screen}"
    );
    stage.rooms[0].item.behind = 0;
    stage.rooms[0].item.typing.clear();
    stage.tells(0);
    assert!(!stage.screen().contains("typing"), "{}", stage.screen());
    // The two are for what is behind and what is not.
    assert_eq!(around(&stage), asked_before + 2, "nothing else follows from it");
}

#[test]
fn a_hostile_name_that_types_drives_no_terminal_and_takes_no_room_from_how_it_stands() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    stage.rooms[0].item.typing = vec!["\u{1b}[2J".into()];
    stage.tells(0);
    let screen = stage.screen();
    assert!(
        screen.contains("is typing") && !screen.contains('\u{1b}'),
        "{screen}"
    );
    stage.event(Event::Resized {
        columns: 40,
        rows: 24,
    });
    stage.rooms[0].item.typing = vec!["m".repeat(500)];
    stage.tells(0);
    let screen = stage.screen();
    assert!(
        screen.contains("all equal with bob") && !screen.contains("typing"),
        "{screen}"
    );
}

#[test]
fn people_who_are_heard_of_through_others_are_counted_apart_from_connections() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.rooms[0].item.here = 3;
    stage.tells(0);
    let screen = stage.screen();
    assert!(
        screen.contains("4 people here, 1 connected · all equal"),
        "{screen}"
    );
    stage.event(Event::Resized {
        columns: 40,
        rows: 10,
    });
    let screen = stage.screen();
    assert!(screen.contains("kitchen · 4 here, 1 connected · all"), "{screen}");
    stage.rooms[0].item.here = 0;
    stage.tells(0);
    assert!(stage.screen().contains("1 peer here"), "{}", stage.screen());
    (stage.rooms[0].item.connected, stage.rooms[0].item.here) = (0, 0);
    stage.tells(0);
    assert!(stage.screen().contains("offline · you can"), "{}", stage.screen());
}
