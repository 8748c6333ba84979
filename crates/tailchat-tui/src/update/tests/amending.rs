//! Messages get another text, go, and are reacted to.

use tailchat_node::control::{Amending, Code, Failure, Item, MessageItem, ReactionItem, ShownItem};

use super::asked;
use crate::command::{Command, Question};
use crate::event::Event;
use crate::stage::{MadeUp, Stage, message};

fn own(at: u32, text: &str) -> MessageItem {
    MessageItem {
        author: "ann".into(),
        mine: true,
        ..message(at, text)
    }
}

fn amends(stage: &Stage) -> Vec<(String, Amending)> {
    let asked = stage.done.iter().filter_map(|command| match command {
        Command::Ask(Question::Amend { message, what, .. }) => Some((message.to_string(), what.clone())),
        _ => None,
    });
    asked.collect()
}

fn tell(stage: &mut Stage, message: MessageItem) {
    stage.event(Event::Watched(Item::Amended(ShownItem {
        room: "room1kitchen".into(),
        lines: 1,
        messages: vec![message],
    })));
}

#[test]
fn a_message_is_edited_in_the_input_and_the_draft_comes_back() {
    let mut stage = Stage::in_kitchen(80, 24, vec![message(1, "hello"), own(2, "tee is redy")]);
    stage.types("half a thought");
    stage.press("alt-s e");
    assert_eq!(stage.model.writing.composer.text(), "tee is redy");
    assert!(stage.screen().contains("editing"), "{}", stage.screen());
    stage.waits(10_000);
    assert_eq!(stage.rooms[0].draft, "half a thought");
    stage.types("!");
    stage.press("enter");
    assert_eq!(
        amends(&stage),
        [("b0b/2".into(), Amending::Edit("tee is redy!".into()))]
    );
    assert_eq!(stage.model.writing.composer.text(), "half a thought");
    stage.press("alt-s e esc");
    assert_eq!(stage.model.writing.composer.text(), "half a thought");
    assert_eq!(amends(&stage).len(), 1);
}

#[test]
fn a_message_tells_its_earlier_texts_and_whose_its_reactions_are() {
    let mut tea = own(1, "tea is ready");
    tea.edited = true;
    tea.reactions = vec![ReactionItem {
        with: "+1".into(),
        count: 3,
        by: vec!["bob".into(), "cleo".into()],
        mine: false,
    }];
    let mut stage = Stage::in_kitchen(80, 24, vec![tea]);
    stage.versions = vec!["tee is redy".into(), "tea is ready".into()];
    stage.press("alt-s i");
    let screen = stage.screen();
    assert!(screen.contains("+1  bob, cleo and 1 more"), "{screen}");
    assert!(screen.contains("tee is redy"), "{screen}");
}

#[test]
fn what_others_wrote_is_neither_edited_nor_deleted() {
    let mut stage = Stage::in_kitchen(80, 24, vec![own(1, "mine"), message(2, "bob's")]);
    for key in ["e", "d"] {
        stage.press("alt-s");
        stage.press(key);
        assert!(stage.screen().contains("only bob can"), "{}", stage.screen());
        stage.press("esc");
    }
    assert!(amends(&stage).is_empty());
}

#[test]
fn a_deletion_is_asked_first_and_the_text_goes_when_the_node_tells() {
    let mut stage = Stage::in_kitchen(80, 24, vec![own(1, "a secret"), message(2, "hello")]);
    stage.press("alt-s up d");
    assert!(stage.screen().contains("for everybody?"), "{}", stage.screen());
    stage.types("n");
    stage.press("enter");
    assert!(amends(&stage).is_empty());
    stage.press("esc");
    stage.types("/delete");
    stage.press("enter");
    stage.types("y");
    stage.press("enter");
    assert_eq!(amends(&stage), [("b0b/1".into(), Amending::Delete)]);
    assert!(stage.model.overlay.is_none());
    let gone = MessageItem {
        deleted: true,
        text: String::new(),
        ..own(1, "")
    };
    tell(&mut stage, gone);
    assert!(stage.screen().contains("[deleted]"), "{}", stage.screen());
    assert!(!stage.screen().contains("secret"));
    stage.types("/edit again");
    stage.press("enter");
    assert!(
        stage.screen().contains("you wrote nothing here"),
        "{}",
        stage.screen()
    );
}

#[test]
fn the_same_reaction_again_takes_it_back() {
    let mut stage = Stage::in_kitchen(80, 24, vec![message(1, "tea?")]);
    stage.press("alt-s +");
    stage.types(":tea:");
    stage.press("enter");
    let felt = |on| {
        let with = "🍵".into();
        ("b0b/1".to_owned(), Amending::React { with, on })
    };
    assert_eq!(amends(&stage), [felt(true)]);
    let mut tea = message(1, "tea?");
    tea.reactions = vec![ReactionItem {
        with: "🍵".into(),
        count: 2,
        by: vec!["ann".into(), "cleo".into()],
        mine: true,
    }];
    tell(&mut stage, tea);
    assert!(stage.screen().contains("🍵 2"), "{}", stage.screen());
    stage.types("/react :tea:");
    stage.press("enter");
    assert_eq!(amends(&stage), [felt(true), felt(false)]);
}

#[test]
fn what_the_node_refuses_is_said_where_it_was_asked() {
    let mut stage = Stage::in_kitchen(80, 24, vec![message(1, "tea?")]);
    stage.refuses = Some(Failure::new(Code::Usage, "a reaction is an emoji or one word"));
    stage.press("alt-s +");
    stage.types("two words");
    stage.press("enter");
    assert!(stage.screen().contains("one word"), "{}", stage.screen());
    assert!(stage.model.overlay.is_some(), "it can be mended there");
    assert_eq!(
        asked(&stage, |question| matches!(question, Question::Amend { .. })),
        1
    );
}

#[test]
fn an_edit_that_fails_is_in_the_input_again_and_one_given_up_in_the_history() {
    let mut stage = Stage::in_kitchen(80, 24, vec![own(1, "tee is redy")]);
    stage.types("draft");
    stage.press("alt-s e");
    stage.types("!");
    stage.refuses = Some(Failure::new(Code::Failed, "the node is gone"));
    stage.press("enter");
    assert!(
        stage.screen().contains("not done: the node is gone"),
        "{}",
        stage.screen()
    );
    assert_eq!(stage.model.writing.composer.text(), "tee is redy!");
    stage.press("esc");
    assert_eq!(stage.model.writing.composer.text(), "draft");
    stage.press("ctrl-p");
    assert_eq!(stage.model.writing.composer.text(), "tee is redy!");
}

#[test]
fn an_edit_that_fails_in_a_room_left_meanwhile_waits_there() {
    let mut stage = Stage::new(80, 24);
    stage
        .rooms
        .push(MadeUp::new("kitchen", vec![own(1, "tee is redy")]));
    stage.rooms.push(MadeUp::new("garden", Vec::new()));
    stage.start();
    stage.press("alt-2");
    stage.types("draft");
    stage.press("alt-s e");
    stage.types("!");
    stage.slow = true;
    stage.refuses = Some(Failure::new(Code::Failed, "the disk is full"));
    stage.press("enter alt-1");
    stage.slow = false;
    stage.answer_all();
    assert_eq!(stage.model.open.as_ref().unwrap().key.to_string(), "room1garden");
    stage.press("ctrl-p");
    assert_eq!(stage.model.writing.composer.text(), "", "it is the kitchen's");
    stage.press("alt-2");
    assert_eq!(stage.model.writing.composer.text(), "tee is redy!");
    stage.press("esc");
    assert_eq!(stage.model.writing.composer.text(), "draft");
}

#[test]
fn what_was_deleted_is_on_no_screen_that_stood_open() {
    let secret = message(1, "a secret");
    let mut stage = Stage::in_kitchen(80, 24, vec![secret, message(2, "hello")]);
    let gone = || MessageItem {
        deleted: true,
        text: String::new(),
        ..message(1, "")
    };
    stage.press("alt-s up r");
    assert!(
        stage.screen().contains("reply to bob: a secret"),
        "{}",
        stage.screen()
    );
    stage.rooms[0].lines[0] = gone();
    tell(&mut stage, gone());
    assert!(!stage.screen().contains("secret"), "{}", stage.screen());
    stage.press("alt-s up i");
    assert!(stage.model.overlay.is_some());
    tell(&mut stage, gone());
    assert!(stage.model.overlay.is_none());
}

#[test]
fn nothing_is_sent_while_there_is_no_node() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.event(Event::Orphaned(None));
    stage.event(Event::Orphaned(Some(Failure::new(
        Code::Failed,
        "the port is taken",
    ))));
    stage.types("one");
    stage.press("enter");
    assert_eq!(stage.model.writing.composer.text(), "one");
    stage.press("ctrl-q");
    assert!(stage.screen().contains("quits without it"), "{}", stage.screen());
    assert!(!stage.done.contains(&Command::Quit));
    stage.event(Event::Rejoined);
    stage.press("enter");
    assert_eq!(
        asked(&stage, |question| matches!(question, Question::Send { .. })),
        1
    );
}
