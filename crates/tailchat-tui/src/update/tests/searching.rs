//! The search: what is asked while somebody types, and where a hit leads.

use tailchat_node::control::{Item, MessageItem, ShownItem};

use super::asked;
use crate::command::Question;
use crate::event::Event;
use crate::keys::Mode;
use crate::model::overlay::Overlay;
use crate::stage::{MadeUp, Stage, message, messages};

fn house() -> Stage {
    let mut stage = Stage::new(80, 24);
    let mut lines = messages(700);
    lines[3].text = "the old kettle".into();
    stage.rooms.push(MadeUp::new("kitchen", lines));
    let garden = |at, text| MessageItem {
        room: "room1garden".into(),
        ..message(at, text)
    };
    let lines = vec![garden(1, "a kettle grill"), garden(900, "grilled")];
    stage.rooms.push(MadeUp::new("garden", lines));
    stage.start();
    stage
}

fn searches(stage: &Stage) -> usize {
    asked(stage, |question| matches!(question, Question::Search { .. }))
}

fn rooms(stage: &Stage) -> Vec<&str> {
    let hits = stage.model.search.hits.iter();
    hits.map(|hit| hit.room_name.as_str()).collect()
}

#[test]
fn one_question_at_a_time_and_the_newest_text_wins() {
    let mut stage = house();
    stage.press("ctrl-f");
    assert_eq!(searches(&stage), 0, "nothing is asked for nothing");
    stage.slow = true;
    stage.types("kettle");
    assert_eq!(searches(&stage), 1);
    assert!(stage.answer_one());
    assert_eq!(searches(&stage), 2, "what was typed meanwhile is asked at once");
    assert_eq!(stage.waiting.len(), 1);
    stage.answer_all();
    assert_eq!(searches(&stage), 2);
    assert_eq!(rooms(&stage), ["kitchen", "garden"]);
    stage.press("ctrl-u");
    assert_eq!((searches(&stage), rooms(&stage).len()), (2, 0));
}

#[test]
fn enter_goes_to_the_message_in_its_room_and_selects_it() {
    let mut stage = house();
    stage.types("/search kettle");
    stage.press("enter");
    assert!(matches!(stage.model.overlay, Some(Overlay::Search)));
    stage.press("down up enter");
    let open = stage.model.open.as_ref().unwrap();
    assert_eq!(open.key.to_string(), "room1kitchen");
    assert_eq!(open.selected_line().unwrap().text, "the old kettle");
    assert_eq!(stage.model.mode(), Mode::Select);
    assert!(stage.screen().contains("the old kettle"));

    // The key leads back to the list, and further down in it.
    stage.press("ctrl-r ctrl-r enter");
    let open = stage.model.open.as_ref().unwrap();
    assert_eq!(open.key.to_string(), "room1garden");
    assert_eq!(open.selected_line().unwrap().text, "a kettle grill");
}

#[test]
fn esc_leads_back_to_where_one_was_with_what_one_was_writing() {
    let mut stage = house();
    stage.types("half a sentence");
    stage.press("pageup");
    let before = stage.screen();
    stage.press("ctrl-r");
    stage.types("kettle");
    stage.press("down esc");
    assert_eq!(stage.screen(), before);
    assert_eq!(stage.model.writing.composer.text(), "half a sentence");
}

#[test]
fn what_was_typed_last_stands_there_and_goes_when_something_else_is_typed() {
    let mut stage = house();
    stage.press("ctrl-f");
    stage.types("kettle");
    stage.press("esc ctrl-f");
    assert_eq!(stage.model.search.typed.text(), "kettle");
    assert_eq!(searches(&stage), 7, "more may have been said since");
    stage.types("gr");
    assert_eq!(stage.model.search.typed.text(), "gr");
    stage.press("esc ctrl-f end");
    stage.types("ill");
    assert_eq!(stage.model.search.typed.text(), "grill");
}

#[test]
fn what_is_no_query_is_said_and_not_asked() {
    let mut stage = house();
    stage.press("ctrl-f");
    stage.types("before:");
    let before = searches(&stage);
    stage.types("when it rained");
    assert!(stage.screen().contains("is not a time"), "{}", stage.screen());
    assert_eq!(searches(&stage), before);
}

#[test]
fn while_lines_change_all_the_time_the_list_is_asked_for_once_at_a_time_and_shown() {
    let mut stage = house();
    stage.press("ctrl-f");
    stage.slow = true;
    stage.types("kettle");
    stage.slow = false;
    stage.answer_all();
    stage.slow = true;
    let changes = |stage: &mut Stage| {
        stage.rooms[1].lines.remove(0);
        for _ in 0..100 {
            stage.event(Event::Watched(Item::Amended(ShownItem {
                room: "room1garden".into(),
                lines: 1,
                messages: Vec::new(),
            })));
        }
    };
    assert_eq!(rooms(&stage), ["kitchen", "garden"]);
    changes(&mut stage);
    assert_eq!(stage.waiting.len(), 1);
    assert!(stage.answer_one());
    assert_eq!(rooms(&stage), ["kitchen"]);
    assert_eq!(stage.waiting.len(), 1, "it changed while it was asked for");
    stage.answer_all();
    stage.press("esc");
    changes(&mut stage);
    assert!(stage.waiting.is_empty(), "nobody looks at the list");
}

#[test]
fn another_node_is_asked_again() {
    let mut stage = house();
    stage.press("ctrl-f");
    stage.slow = true;
    stage.types("k");
    stage.waiting.clear();
    stage.event(Event::Rejoined);
    stage.answer_all();
    assert_eq!(rooms(&stage).len(), 2);
}

#[test]
fn pages_and_ends_of_the_list_are_reached() {
    let mut stage = house();
    stage.press("ctrl-f");
    stage.types("message");
    let chosen = |stage: &Stage| stage.model.search.chosen;
    stage.press("pagedown");
    assert_eq!(chosen(&stage), 10);
    stage.press("ctrl-end");
    assert_eq!(chosen(&stage), 49);
    stage.press("down ctrl-home");
    assert_eq!(chosen(&stage), 0);
    assert!(stage.screen().contains("the newest 50"));
}
