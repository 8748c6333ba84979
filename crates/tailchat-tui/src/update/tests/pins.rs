//! Messages are pinned for everybody, and found again.

use tailchat_node::control::{Item, MessageItem, ShownItem};

use super::asked;
use crate::command::Question;
use crate::event::Event;
use crate::stage::{Stage, messages};

fn pinned(lines: &[u32], count: u32) -> Vec<MessageItem> {
    let mut messages = messages(count);
    for at in lines {
        messages[*at as usize].pinned = true;
    }
    messages
}

/// The node tells that a line changed.
fn tell(stage: &mut Stage, at: usize) {
    let messages = vec![stage.rooms[0].lines[at].clone()];
    stage.event(Event::Watched(Item::Amended(ShownItem {
        room: "room1kitchen".into(),
        lines: 1,
        messages,
    })));
}

#[test]
fn a_key_pins_the_selected_message_and_takes_that_back() {
    let mut stage = Stage::in_kitchen(80, 24, messages(30));
    for (on, says) in [(true, "pinned, for everybody"), (false, "no longer pinned")] {
        stage.press("alt-s up *");
        assert!(stage.screen().contains(says), "{}", stage.screen());
        assert_eq!(stage.rooms[0].lines[28].pinned, on);
        tell(&mut stage, 28);
        stage.waits(10_000);
        let marked = stage
            .screen()
            .lines()
            .any(|line| line.contains("message 28") && line.ends_with("pinned"));
        assert_eq!(marked, on, "{}", stage.screen());
    }
}

#[test]
fn commands_pin_the_newest_message_and_take_the_newest_pin_away() {
    let mut stage = Stage::in_kitchen(80, 24, pinned(&[3, 7], 10));
    let command = |stage: &mut Stage, typed: &str| {
        stage.types(typed);
        stage.press("enter");
        (0..stage.rooms[0].lines.len()).for_each(|at| tell(stage, at));
        let lines = stage.rooms[0].lines.iter().enumerate();
        lines
            .filter(|(_, line)| line.pinned)
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    assert_eq!(command(&mut stage, "/pin"), [3, 7, 9]);
    assert_eq!(command(&mut stage, "/pin"), [3, 7, 9]);
    assert!(
        stage.screen().contains("it is pinned already"),
        "{}",
        stage.screen()
    );
    assert_eq!(command(&mut stage, "/unpin"), [3, 7]);
    assert_eq!(command(&mut stage, "/unpin"), [3]);
    assert_eq!(command(&mut stage, "/unpin"), [0; 0]);
    assert_eq!(command(&mut stage, "/unpin"), [0; 0]);
    assert!(
        stage.screen().contains("no message that is loaded is pinned"),
        "{}",
        stage.screen()
    );
}

#[test]
fn the_list_of_pins_leads_to_one_and_leaves_the_screen_where_it_was() {
    let mut stage = Stage::in_kitchen(80, 24, pinned(&[5, 1_000, 2_990], 3_000));
    stage.press("pageup pageup pageup");
    let before = stage.screen();
    stage.press("alt-p");
    let screen = stage.screen();
    let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}:\n{screen}"));
    assert!(
        at("message 2990") < at("message 1000") && at("message 1000") < at("message 5"),
        "{screen}"
    );
    assert!(screen.contains("2026-11-22 15:05  bob"), "{screen}");
    stage.press("esc");
    assert_eq!(stage.screen(), before);
    stage.press("alt-p down down up enter");
    let screen = stage.screen();
    assert!(
        screen.contains("▌") && screen.contains("message 1000"),
        "{screen}"
    );
    let line = stage.model.open.as_ref().unwrap().selected_line().unwrap();
    assert_eq!(line.id.to_string(), "b0b/1000");
}

#[test]
fn who_pinned_nothing_reads_how_to_pin() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    stage.types("/pins");
    stage.press("enter");
    assert!(
        stage
            .screen()
            .contains("Alt-S selects a message, * pins it; /pin takes the"),
        "{}",
        stage.screen()
    );
    stage.press("enter down pageup ctrl-home esc");
    assert!(stage.screen().contains("message 2"));
}

#[test]
fn the_list_follows_what_others_pin_and_asks_one_question_at_a_time() {
    let mut stage = Stage::in_kitchen(80, 24, pinned(&[1, 2], 10));
    stage.press("alt-p down");
    stage.rooms[0].lines[9].pinned = true;
    stage.slow = true;
    (0..50).for_each(|_| tell(&mut stage, 9));
    let lists = |question: &Question| matches!(question, Question::Pins(_));
    assert_eq!(asked(&stage, lists), 2, "one answered, one under way");
    stage.answer_all();
    assert_eq!(asked(&stage, lists), 3, "and once more for what came meanwhile");
    assert!(stage.screen().contains("message 9"), "{}", stage.screen());
    stage.press("enter");
    stage.answer_all();
    let line = stage.model.open.as_ref().unwrap().selected_line().unwrap();
    assert_eq!(line.id.to_string(), "b0b/1", "what was chosen stays so");
}

#[test]
fn a_message_says_that_it_is_pinned_among_its_details() {
    let mut stage = Stage::in_kitchen(80, 24, pinned(&[2], 3));
    stage.press("alt-s i");
    assert!(
        stage.screen().contains("pinned   for everybody"),
        "{}",
        stage.screen()
    );
}
