//! What is being written outlives rooms, nodes and answers that fail.

use tailchat_node::control::{Code, Failure};

use super::asked;
use crate::command::{Command, Question};
use crate::event::Event;
use crate::stage::{MadeUp, Stage};

#[test]
fn what_is_typed_before_a_kept_draft_is_here_stands_behind_it() {
    let mut stage = Stage::new(80, 24);
    for name in ["garden", "kitchen"] {
        stage.rooms.push(MadeUp::new(name, Vec::new()));
    }
    stage.rooms[1].draft = "IMPORTANT ".into();
    stage.start();
    stage.slow = true;
    stage.press("alt-2");
    stage.types("hey");
    stage.waits(60_000);
    assert!(
        asked(&stage, |question| matches!(question, Question::SetDraft { .. })) == 0,
        "what the node keeps is not replaced unseen"
    );
    stage.slow = false;
    stage.answer_all();
    assert_eq!(stage.model.writing.composer.text(), "IMPORTANT hey");
    stage.waits(10_000);
    assert_eq!(stage.rooms[1].draft, "IMPORTANT hey");
}

#[test]
fn a_draft_is_kept_while_the_typing_goes_on() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    for _ in 0..40 {
        stage.types("word ");
        stage.waits(200);
    }
    assert!(stage.rooms[0].draft.len() > 100, "{:?}", stage.rooms[0].draft);
}

#[test]
fn what_is_typed_before_the_first_room_is_open_is_in_its_input() {
    let mut stage = Stage::new(80, 24);
    stage.rooms.push(MadeUp::new("kitchen", Vec::new()));
    stage.slow = true;
    stage.start();
    stage.types("hey");
    assert!(stage.screen().contains("> hey"), "{}", stage.screen());
    stage.slow = false;
    stage.answer_all();
    stage.types("!");
    assert_eq!(stage.model.writing.composer.text(), "hey!");
}

#[test]
fn another_node_is_given_what_the_one_before_may_not_have_kept() {
    let mut stage = Stage::new(80, 24);
    for name in ["garden", "kitchen"] {
        stage.rooms.push(MadeUp::new(name, Vec::new()));
    }
    stage.start();
    stage.types("in the garden");
    stage.press("alt-2");
    stage.types("in the kitchen");
    stage.waits(10_000);
    for room in &mut stage.rooms {
        room.draft = "older".into();
    }
    stage.event(Event::Orphaned(None));
    stage.types("!");
    stage.event(Event::Rejoined);
    assert_eq!(stage.model.writing.composer.text(), "in the kitchen!");
    assert_eq!(stage.rooms[0].draft, "in the garden");
    assert_eq!(stage.rooms[1].draft, "in the kitchen!");
}

#[test]
fn a_post_that_fails_in_a_room_left_meanwhile_is_its_draft() {
    let mut stage = Stage::new(80, 24);
    for name in ["garden", "kitchen"] {
        stage.rooms.push(MadeUp::new(name, Vec::new()));
    }
    stage.start();
    stage.slow = true;
    stage.types("important");
    stage.press("enter alt-2");
    stage.slow = false;
    stage.refuses = Some(Failure::new(Code::Failed, "the disk is full"));
    stage.answer_all();
    assert_eq!(stage.rooms[0].draft, "important");
    assert!(stage.screen().contains("the disk is full"), "{}", stage.screen());
}

#[test]
fn a_draft_that_was_not_kept_is_kept_when_it_can_be() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.types("half");
    stage.refuses = Some(Failure::new(Code::Failed, "the disk is full"));
    stage.waits(4_000);
    assert!(
        stage.screen().contains("not kept: the disk is full"),
        "{}",
        stage.screen()
    );
    assert_eq!(stage.rooms[0].draft, "");
    stage.press("ctrl-q");
    assert_eq!(stage.rooms[0].draft, "half");
}

#[test]
fn that_no_draft_waited_moves_no_cursor() {
    let mut stage = Stage::new(80, 24);
    stage.rooms.push(MadeUp::new("kitchen", Vec::new()));
    stage.slow = true;
    stage.start();
    stage.types("one two");
    stage.press("left");
    let cursor = stage.model.writing.composer.cursor_byte();
    stage.slow = false;
    stage.answer_all();
    assert_eq!(stage.model.writing.composer.cursor_byte(), cursor);
}

#[test]
fn a_draft_stays_with_its_room_and_goes_to_the_node_soon() {
    let mut stage = Stage::new(80, 24);
    for name in ["garden", "kitchen"] {
        stage.rooms.push(MadeUp::new(name, Vec::new()));
    }
    stage.rooms[1].draft = "kept".into();
    stage.start();
    stage.types("half");
    stage.waits(2_000);
    assert_eq!(stage.rooms[0].draft, "");
    stage.waits(2_000);
    assert_eq!(stage.rooms[0].draft, "half");
    stage.types(" a");
    stage.press("alt-2");
    assert_eq!(stage.rooms[0].draft, "half a");
    assert_eq!(stage.model.writing.composer.text(), "kept");
    stage.press("alt-1");
    assert_eq!(stage.model.writing.composer.text(), "half a");
    stage.types("!");
    stage.press("ctrl-q");
    assert_eq!(stage.rooms[0].draft, "half a!");
    assert_eq!(stage.done.last(), Some(&Command::Quit));
}
