//! From a message to what answers it, from one answer to the next, and back.

use tailchat_node::control::{Item, MessageItem, ShownItem};

use crate::event::Event;
use crate::stage::{Stage, message, messages};

/// A question far above, three answers far apart, and an answer to the first of these.
fn discussion() -> Vec<MessageItem> {
    let mut lines = messages(3_000);
    for (at, text, to) in [
        (900, "tea", 12),
        (1_500, "with milk?", 900),
        (2_000, "coffee", 12),
        (2_999, "cocoa", 12),
    ] {
        let line: &mut MessageItem = &mut lines[at];
        line.text = text.into();
        line.reply_to = Some(format!("b0b/{to}"));
        lines[to].answers += 1;
    }
    lines[12].text = "tea or coffee?".into();
    lines
}

fn selected(stage: &Stage) -> &str {
    let open = stage.model.open.as_ref().unwrap();
    &open.selected_line().unwrap().text
}

fn said(stage: &Stage) -> &str {
    stage.model.said.as_ref().map_or("", |said| &said.words)
}

#[test]
fn a_key_leads_to_the_first_answer_and_on_to_the_next_and_another_back() {
    let mut stage = Stage::in_kitchen(80, 24, discussion());
    stage.press("alt-s <");
    assert_eq!(selected(&stage), "tea or coffee?");
    stage.press(">");
    assert_eq!(selected(&stage), "tea");
    stage.press("n");
    assert_eq!(selected(&stage), "coffee");
    // Nobody answered that, so the same key goes on.
    stage.press(">");
    assert_eq!(selected(&stage), "cocoa");
    stage.press(">");
    assert_eq!(
        (selected(&stage), said(&stage)),
        ("cocoa", "that was the last answer")
    );
    stage.press("p");
    assert_eq!(selected(&stage), "tea or coffee?");
    assert!(stage.screen().contains("tea or coffee?"), "{}", stage.screen());
}

#[test]
fn an_answer_that_was_answered_itself_leads_to_its_own_answers_first() {
    let mut stage = Stage::in_kitchen(80, 24, discussion());
    stage.press("alt-s < > >");
    assert_eq!(selected(&stage), "with milk?");
    stage.press("< n");
    assert_eq!(selected(&stage), "coffee");
}

#[test]
fn what_nobody_answered_and_what_answers_nothing_is_said() {
    let mut stage = Stage::in_kitchen(80, 24, vec![message(1, "plain")]);
    stage.press("alt-s >");
    assert_eq!(said(&stage), "nobody answered it");
    stage.press("n");
    assert_eq!(said(&stage), "it answers no other message");
    // The answers went while the key was pressed.
    let mut gone = message(1, "plain");
    gone.answers = 1;
    let mut stage = Stage::in_kitchen(80, 24, vec![gone]);
    stage.press("alt-s >");
    assert_eq!((selected(&stage), said(&stage)), ("plain", "nobody answered it"));
}

#[test]
fn messages_that_answer_each_other_or_themselves_lead_round_and_nowhere_else() {
    let mut lines = messages(3);
    for (at, to) in [(0, 1), (1, 0), (2, 2)] {
        lines[at].reply_to = Some(format!("b0b/{to}"));
        lines[at].answers = 1;
    }
    let mut stage = Stage::in_kitchen(80, 24, lines);
    stage.press("alt-s > >");
    assert_eq!(selected(&stage), "message 2");
    stage.press("up >");
    assert_eq!(selected(&stage), "message 0");
    stage.press("> >");
    assert_eq!(selected(&stage), "message 0");
}

#[test]
fn the_number_of_answers_stands_with_the_message_at_any_width_and_follows_what_the_node_tells() {
    for (columns, rows) in [(120, 40), (80, 24), (40, 10), (20, 8)] {
        let mut stage = Stage::in_kitchen(columns, rows, vec![message(1, "tea or coffee?")]);
        let tell = |stage: &mut Stage, answers| {
            let mut answered = message(1, "tea or coffee?");
            answered.answers = answers;
            stage.event(Event::Watched(Item::Amended(ShownItem {
                room: "room1kitchen".into(),
                lines: 1,
                messages: vec![answered],
            })));
            stage.screen()
        };
        assert!(!stage.screen().contains("answer"), "{}", stage.screen());
        for (answers, words) in [(1, " 1 answer"), (12_345, " 12345 answers"), (2, " 2 answers")] {
            let screen = tell(&mut stage, answers);
            assert!(screen.contains(words), "{screen}");
            assert_eq!(screen.contains("answers"), answers > 1, "{screen}");
        }
        let screen = tell(&mut stage, 0);
        assert!(!screen.contains("answer"), "{screen}");
    }
}

#[test]
fn details_and_hints_tell_of_answers_where_there_are_any() {
    let mut stage = Stage::in_kitchen(120, 40, discussion());
    stage.press("alt-s");
    assert!(!stage.screen().contains("> answers"), "{}", stage.screen());
    stage.press("<");
    assert!(stage.screen().contains("> answers"), "{}", stage.screen());
    stage.press("i");
    assert!(stage.screen().contains("answers  3"), "{}", stage.screen());
}
