//! What there is to know of a message; a second device of the same person.

use super::asked;
use crate::command::Question;
use crate::stage::{Stage, messages};

#[test]
fn a_message_says_who_has_it() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    stage.press("alt-s i");
    let screen = stage.screen();
    assert!(screen.contains("1 of 3 members have it: you, cleo"), "{screen}");
}

#[test]
fn who_pastes_the_code_of_another_device_is_in_its_rooms() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.rooms.clear();
    stage.event(crate::event::Event::Watched(
        tailchat_node::control::Item::Changed {
            room: "room1kitchen".into(),
            what: tailchat_node::control::Change::Left,
        },
    ));
    stage.press("down enter");
    stage.types("Tailchat-LINK:link1xyz?name=616e6e");
    stage.press("enter");
    let code = |question: &Question| matches!(question, Question::Link(code) if code.contains("link1xyz"));
    let kitchen = |question: &Question| matches!(question, Question::Join { invite, .. } if invite == "tailchat:room1kitchen");
    assert_eq!((asked(&stage, code), asked(&stage, kitchen)), (1, 1));
}
