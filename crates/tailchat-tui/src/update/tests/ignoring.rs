//! What ignored people write is folded away, and comes back when somebody wants it.

use tailchat_node::control::{Change, Item, MessageItem};

use super::{asked, notices};
use crate::command::Question;
use crate::event::Event;
use crate::stage::{Stage, message, messages};

fn by(author: &str, at: u32, text: &str) -> MessageItem {
    MessageItem {
        author: author.into(),
        id: format!("{author}/{at}"),
        ignored: author == "mallory",
        ..message(at, text)
    }
}

/// Who wrote, a letter each, and what: their place.
fn conversation(authors: &str) -> Vec<MessageItem> {
    let lines = (0..).zip(authors.chars());
    let lines = lines.map(|(at, author)| match author {
        'm' => by("mallory", at, &format!("noise {at}")),
        _ => by("bob", at, &format!("word {at}")),
    });
    lines.collect()
}

fn relisted(stage: &mut Stage) {
    stage.event(Event::Watched(Item::Changed {
        room: "room1kitchen".into(),
        what: Change::Lines,
    }));
    stage.waits(1_000);
}

#[test]
fn a_run_of_messages_of_ignored_people_is_one_row() {
    let mut stage = Stage::in_kitchen(80, 24, conversation("bbmmmbm"));
    let screen = stage.screen();
    assert!(screen.contains("3 messages of mallory, ignored"), "{screen}");
    assert!(screen.contains("1 message of mallory, ignored"), "{screen}");
    assert!(screen.contains("word 5") && !screen.contains("noise"), "{screen}");
    stage.press("alt-i");
    let screen = stage.screen();
    assert!(
        screen.contains("noise 4") && !screen.contains("of mallory, ignored"),
        "{screen}"
    );
    let marked = screen.lines().find(|line| line.contains("noise 4")).unwrap();
    assert!(marked.ends_with("ignored"), "{screen}");
    stage.types("/ignored");
    stage.press("enter");
    assert!(!stage.screen().contains("noise"), "{}", stage.screen());
}

#[test]
fn a_folded_run_is_selected_as_one_and_enter_shows_it() {
    let mut stage = Stage::in_kitchen(80, 24, conversation("bmmmb"));
    stage.press("alt-s up c");
    assert!(stage.screen().contains("Space shows them"), "{}", stage.screen());
    stage.press("d e + * o i p u");
    assert!(stage.model.overlay.is_none());
    let about = |question: &Question| matches!(question, Question::Amend { .. } | Question::Unread { .. });
    assert_eq!(asked(&stage, about), 0, "none of it is meant for several");
    stage.press("up");
    let selected = |stage: &Stage| {
        let line = stage.model.open.as_ref().unwrap().selected_line();
        line.map(|line| line.text.clone())
    };
    assert_eq!(selected(&stage), Some("word 0".into()), "one key passes the run");
    stage.press("down enter");
    assert_eq!(selected(&stage), Some("noise 1".into()));
    stage.press("down down down");
    assert_eq!(selected(&stage), Some("word 4".into()));
}

#[test]
fn what_answers_an_ignored_message_does_not_quote_it() {
    let mut lines = conversation("bmb");
    lines[2].reply_to = Some("mallory/1".into());
    let mut stage = Stage::in_kitchen(80, 24, lines);
    assert!(
        stage.screen().contains("↳ mallory, ignored"),
        "{}",
        stage.screen()
    );
    stage.press("alt-i");
    assert!(
        stage.screen().contains("↳ mallory: noise 1"),
        "{}",
        stage.screen()
    );
}

#[test]
fn ignored_people_are_no_news() {
    let mut stage = Stage::in_kitchen(80, 24, messages(300));
    stage.event(Event::Focused(false));
    let mut noise = by("mallory", 400, "ann! ann!");
    // Whatever an older node makes of it.
    noise.unread = true;
    stage.arrives("kitchen", noise);
    assert_eq!(notices(&stage), Vec::<String>::new());
    stage.press("pageup");
    stage.arrives("kitchen", by("mallory", 401, "hello?"));
    let mut late = by("mallory", 402, "late");
    late.place = "00000000b".into();
    stage.arrives("kitchen", late);
    assert!(!stage.screen().contains("arrived"), "{}", stage.screen());
    stage.press("alt-l");
    assert!(
        stage.screen().contains("nothing came in late"),
        "{}",
        stage.screen()
    );
}

#[test]
fn people_are_ignored_by_name_and_marked_among_the_members() {
    let mut stage = Stage::in_kitchen(120, 24, conversation("bbb"));
    stage.types("/ignore c");
    stage.press("tab");
    assert_eq!(stage.model.writing.composer.text(), "/ignore cleo ");
    stage.press("ctrl-u");
    stage.types("/ignore @BOB");
    stage.press("enter");
    assert!(stage.screen().contains("/unignore ends it"), "{}", stage.screen());
    relisted(&mut stage);
    let screen = stage.screen();
    assert!(screen.contains("3 messages of bob, ignored"), "{screen}");
    assert!(
        screen
            .lines()
            .any(|line| line.contains("● bob") && line.ends_with("ignored")),
        "{screen}"
    );
    stage.types("/unignore ");
    stage.types("b");
    stage.press("tab enter");
    relisted(&mut stage);
    assert!(stage.screen().contains("word 2"), "{}", stage.screen());
    stage.types("/ignore nobody");
    stage.press("enter");
    assert!(
        stage.screen().contains("nobody is called so"),
        "{}",
        stage.screen()
    );
    stage.press("alt-i");
    assert!(
        stage.screen().contains("nobody is ignored here"),
        "{}",
        stage.screen()
    );
}

#[test]
fn a_run_over_several_days_is_one_row_and_what_follows_has_its_day() {
    let day = 24 * 60;
    let lines = vec![
        by("bob", 0, "first"),
        by("mallory", 1, "noise"),
        by("mallory", day, "noise"),
        by("mallory", 2 * day, "noise"),
        by("bob", 2 * day + 1, "last"),
    ];
    let stage = Stage::in_kitchen(80, 24, lines);
    let screen = stage.screen();
    assert!(screen.contains("3 messages of mallory"), "{screen}");
    assert!(!screen.contains("23 November"), "{screen}");
    let after = screen.split("24 November").nth(1).unwrap();
    assert!(after.contains("last"), "{screen}");
}

#[test]
fn more_ignored_messages_than_are_held_hide_nothing_else() {
    let authors = format!("{}{}{}", "b".repeat(300), "m".repeat(3_000), "bbb");
    let mut stage = Stage::in_kitchen(80, 24, conversation(&authors));
    let screen = stage.screen();
    assert!(screen.contains("3000 messages of mallory, ignored"), "{screen}");
    assert!(
        screen.contains("word 299") && screen.contains("word 3302"),
        "{screen}"
    );
    let asked_before = stage.done.len();
    stage.waits(10_000);
    assert!(stage.done.len() < asked_before + 3, "it comes to rest");
    stage.press("alt-s up up up up");
    assert_eq!(
        stage.model.open.as_ref().unwrap().selected_line().unwrap().text,
        "word 299"
    );
    stage.press("down enter esc");
    let screen = stage.screen();
    assert!(
        screen.contains("noise") && !screen.contains("3000 messages"),
        "{screen}"
    );
    stage.press("alt-i");
    stage.press("ctrl-home");
    assert!(stage.screen().contains("word 0"), "{}", stage.screen());
    for _ in 0..40 {
        stage.press("pagedown");
    }
    let screen = stage.screen();
    assert!(
        screen.contains("3000 messages of mallory") && screen.contains("word 3302"),
        "{screen}"
    );
}

#[test]
fn many_messages_that_come_back_leave_the_screen_where_it_is_held() {
    let authors = format!("{}{}{}", "b".repeat(300), "m".repeat(3_000), "bbb");
    let end = format!("{}{}", "b".repeat(300), "m".repeat(3_000));
    for (authors, last) in [(&authors, "word 3302"), (&end, "noise 3299")] {
        let mut stage = Stage::in_kitchen(80, 24, conversation(authors));
        stage.press("alt-i");
        stage.waits(1_000);
        let screen = stage.screen();
        assert!(screen.contains(last), "{last}:\n{screen}");
    }
    let mut stage = Stage::in_kitchen(80, 24, conversation(&authors));
    stage.press("shift-up shift-up");
    let row = |stage: &Stage| {
        let screen = stage.screen();
        let at = screen.lines().position(|line| line.ends_with("word 299"));
        at.unwrap_or_else(|| panic!("{screen}"))
    };
    let before = row(&stage);
    stage.rooms[0]
        .lines
        .iter_mut()
        .for_each(|line| line.ignored = false);
    relisted(&mut stage);
    assert!(stage.screen().contains("noise 300"), "{}", stage.screen());
    assert_eq!(row(&stage), before);
}

#[test]
fn a_message_that_was_asked_for_by_itself_is_shown_whoever_wrote_it() {
    let mut stage = Stage::in_kitchen(80, 24, conversation("bmmmb"));
    stage.press("ctrl-r");
    stage.types("noise");
    stage.press("down enter");
    let line = stage.model.open.as_ref().unwrap().selected_line().unwrap();
    assert_eq!(line.text, "noise 2");
    assert!(stage.screen().contains("noise 2"), "{}", stage.screen());
}
