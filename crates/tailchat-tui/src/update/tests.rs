//! Keys and news in, state and commands out.

mod amending;
mod answers;
mod describing;
mod detailing;
mod drafts;
mod ignoring;
mod pins;
mod searching;
mod typing;

use tailchat_node::control::{Code, Failure};

use crate::command::{Command, Question};
use crate::event::Event;
use crate::layout::Position;
use crate::model::overlay::Overlay;
use crate::stage::{MadeUp, Stage, message, messages};

fn asked(stage: &Stage, wanted: impl Fn(&Question) -> bool) -> usize {
    let is_it = |command: &&Command| matches!(command, Command::Ask(question) if wanted(question));
    stage.done.iter().filter(is_it).count()
}

fn sent(stage: &Stage) -> Vec<String> {
    let texts = stage.done.iter().filter_map(|command| match command {
        Command::Ask(Question::Send { text, .. }) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

fn notices(stage: &Stage) -> Vec<String> {
    let notices = stage.done.iter().filter_map(|command| match command {
        Command::Notify { title, body } => Some(format!("{title}: {body}")),
        _ => None,
    });
    notices.collect()
}

#[test]
fn enter_sends_and_alt_enter_breaks_the_line() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.types("one");
    stage.press("alt-enter");
    stage.types("two");
    stage.press("enter");
    assert_eq!(sent(&stage), ["one\ntwo"]);
    assert_eq!(stage.model.writing.composer.text(), "");
    stage.press("enter");
    stage.types("  ");
    stage.press("enter");
    assert_eq!(sent(&stage).len(), 1, "nothing is no message");
}

#[test]
fn a_post_that_fails_comes_back_with_its_reason_before_what_was_typed_since() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.slow = true;
    stage.refuses = Some(Failure::new(Code::Failed, "the disk is full; make room"));
    stage.types("precious");
    stage.press("enter");
    stage.types("next");
    stage.answer_all();
    assert_eq!(stage.model.writing.composer.text(), "precious\nnext");
    assert!(
        stage.screen().contains("not sent: the disk is full; make room"),
        "{}",
        stage.screen()
    );
}

#[test]
fn a_paste_never_sends() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.event(Event::Pasted("rm -rf /\r\nnow\n".into()));
    assert_eq!(sent(&stage), Vec::<String>::new());
    assert_eq!(
        stage.model.writing.composer.text().lines().collect::<Vec<_>>(),
        ["rm -rf /", "now"]
    );
}

#[test]
fn what_is_on_a_looked_at_screen_is_read_and_nothing_else() {
    let mut lines = messages(100);
    for line in &mut lines[20..] {
        line.unread = true;
    }
    let mut stage = Stage::in_kitchen(80, 24, lines);
    assert!(stage.screen().contains("new messages"), "{}", stage.screen());
    stage.waits(1_000);
    let unread = stage.rooms[0].item.unread;
    assert!((55..80).contains(&unread), "{unread}");
    assert_eq!(
        asked(&stage, |question| matches!(question, Question::Read { .. })),
        1,
        "one word for a screen"
    );
    stage.event(Event::Focused(false));
    stage.press("pagedown");
    stage.waits(1_000);
    assert_eq!(stage.rooms[0].item.unread, unread, "nobody looks");
    stage.event(Event::Focused(true));
    stage.waits(1_000);
    assert!(stage.rooms[0].item.unread < unread);
    stage.press("esc");
    assert_eq!(stage.rooms[0].item.unread, 0, "all is read with one key");
    assert_eq!(stage.model.open.as_ref().unwrap().position, Position::Newest);
}

#[test]
fn the_next_unread_message_is_reached_by_one_key_also_one_that_came_in_late() {
    let mut stage = Stage::in_kitchen(80, 24, messages(2_000));
    let mut late = message(100, "you missed this");
    late.place = "00000100b".into();
    late.arrived_at_ms += 500 * 60_000_000;
    late.via = Some("cleo".into());
    late.unread = true;
    stage.arrives("kitchen", late);
    assert!(
        stage.screen().contains("1 message arrived above"),
        "{}",
        stage.screen()
    );
    stage.press("alt-l");
    let screen = stage.screen();
    assert!(
        screen.contains("you missed this") && screen.contains("late, via cleo"),
        "{screen}"
    );
    assert!(
        !screen.contains("arrived above"),
        "it is no news any more:\n{screen}"
    );
    stage.press("ctrl-end");
    assert!(stage.screen().contains("message 1999"));
    stage.press("alt-u");
    assert!(
        stage.screen().contains("nothing is unread") || stage.screen().contains("everything here is read")
    );
}

#[test]
fn a_date_an_answered_message_and_the_ends_are_jumped_to() {
    let mut lines = messages(5_000);
    lines[4_999].reply_to = Some("b0b/12".into());
    let mut stage = Stage::in_kitchen(80, 24, lines);
    stage.press("alt-s p");
    assert!(stage.screen().contains("message 12\n"), "{}", stage.screen());
    stage.press("esc ctrl-home");
    assert!(stage.screen().contains("the room begins here"));
    stage.press("alt-g");
    stage.types("nonsense");
    stage.press("enter");
    assert!(
        stage.screen().contains("yesterday, 2 days ago"),
        "{}",
        stage.screen()
    );
    stage.press("ctrl-u");
    stage.types("2026-11-23");
    stage.press("enter");
    let screen = stage.screen();
    assert!(
        screen.contains("Monday, 23 November 2026") && screen.contains("message 540"),
        "{screen}"
    );
}

#[test]
fn a_message_names_nobody_twice_and_the_next_mention_is_found() {
    let mut lines = messages(3_000);
    for at in [10, 2_000] {
        lines[at].text = "ann, are you there?".into();
        lines[at].unread = true;
    }
    let mut stage = Stage::in_kitchen(80, 24, lines);
    stage.press("ctrl-home");
    stage.waits(1_000);
    stage.press("alt-n");
    let screen = stage.screen();
    assert!(
        screen.contains("message 1999") && screen.contains("ann, are you there?"),
        "{screen}"
    );
}

#[test]
fn rooms_are_switched_by_letters_numbers_and_what_is_unread() {
    let mut stage = Stage::new(80, 24);
    for name in ["kitchen", "garden", "garage"] {
        stage.rooms.push(MadeUp::new(name, Vec::new()));
    }
    stage.start();
    let open = |stage: &Stage| stage.model.room().map(|room| room.name.clone()).unwrap();
    assert_eq!(open(&stage), "garage", "the first of the list");
    stage.press("ctrl-k");
    stage.types("kit");
    stage.press("enter");
    assert_eq!(open(&stage), "kitchen");
    stage.press("alt-2");
    assert_eq!(open(&stage), "garden");
    let mut news = message(1, "news");
    news.unread = true;
    news.room = "room1garage".into();
    stage.arrives("garage", news);
    assert!(stage.screen().contains("●1"), "{}", stage.screen());
    stage.press("alt-a");
    assert_eq!(open(&stage), "garage");
    stage.press("alt-down alt-down");
    assert_eq!(open(&stage), "kitchen");
}

#[test]
fn who_left_the_last_room_elsewhere_is_offered_another() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.rooms.clear();
    stage.event(Event::Watched(tailchat_node::control::Item::Changed {
        room: "room1kitchen".into(),
        what: tailchat_node::control::Change::Left,
    }));
    assert!(stage.screen().contains("Join"), "{}", stage.screen());
}

#[test]
fn notices_come_only_when_nobody_looks_and_once_after_a_catch_up() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    let news = |at: u32, author: &str| {
        let mut news = message(at, "tea?\nor coffee");
        news.unread = true;
        news.author = author.into();
        news
    };
    stage.arrives("kitchen", news(1, "bob"));
    assert_eq!(notices(&stage), Vec::<String>::new());
    stage.event(Event::Focused(false));
    stage.arrives("kitchen", news(2, "bob"));
    assert_eq!(notices(&stage), ["bob in kitchen: tea? or coffee"]);
    stage.rooms[0].item.behind = 12;
    stage.tells(0);
    for at in 3..15 {
        stage.arrives("kitchen", news(at, ["bob", "cleo", "dora"][at as usize % 3]));
        stage.waits(300);
    }
    assert_eq!(notices(&stage).len(), 1, "none during the catch-up");
    stage.rooms[0].item.behind = 0;
    stage.tells(0);
    stage.waits(3_000);
    assert_eq!(
        notices(&stage)[1..],
        ["tailchat: 12 messages from 3 people, merged from bob"]
    );
    stage.event(Event::Focused(true));
    assert!(
        stage.screen().contains("●2"),
        "what scrolled by unseen is unread:\n{}",
        stage.screen()
    );
    stage.press("alt-u");
    assert!(stage.screen().contains("new messages"), "{}", stage.screen());
}

#[test]
fn a_muted_room_tells_nobody_until_it_is_no_longer() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    let comes = |stage: &mut Stage, at| {
        let mut news = message(at, "psst @ann");
        news.unread = true;
        stage.event(Event::Focused(false));
        stage.arrives("kitchen", news);
        notices(stage).len()
    };
    stage.press("alt-m");
    assert!(stage.rooms[0].item.muted, "it is the node's to keep");
    assert_eq!(comes(&mut stage, 1), 0);
    assert!(stage.model.title.starts_with("kitchen"), "{}", stage.model.title);
    stage.press("alt-m");
    assert_eq!(comes(&mut stage, 2), 1);
}

#[test]
fn the_title_tells_what_is_unread() {
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.event(Event::Focused(false));
    let mut news = message(1, "news");
    news.unread = true;
    stage.arrives("kitchen", news);
    assert!(
        stage
            .done
            .contains(&Command::Title("(1) kitchen · tailchat".into())),
        "{:?}",
        stage.done
    );
    stage.event(Event::Focused(true));
    assert_eq!(
        stage
            .done
            .iter()
            .rfind(|command| matches!(command, Command::Title(_))),
        Some(&Command::Title("kitchen · tailchat".into()))
    );
}

#[test]
fn the_first_run_leads_to_a_room_and_a_wrong_invite_is_explained() {
    let mut stage = Stage::new(80, 24);
    stage.start();
    assert!(stage.screen().contains("name: ann"), "{}", stage.screen());
    stage.press("enter down enter");
    assert!(stage.screen().contains("Paste the room's ID"));
    stage.press("esc");
    assert!(stage.screen().contains("› Create a room"), "{}", stage.screen());
    stage.press("enter");
    stage.types("kitchen");
    stage.press("enter");
    assert!(matches!(stage.model.overlay, Some(Overlay::Invite)));
    assert!(stage.screen().contains("tailchat join 'tailchat:room1kitchen'"));
}

#[test]
fn a_bulk_of_lines_and_a_lost_index_are_asked_for_again_without_a_jump() {
    use tailchat_node::control::{Change, Item, ShownItem};
    let mut stage = Stage::in_kitchen(80, 24, messages(3_000));
    stage.press("pageup pageup pageup");
    let before = stage.screen();
    for event in [
        Item::Shown(ShownItem {
            room: "room1kitchen".into(),
            lines: 9_000,
            messages: Vec::new(),
        }),
        Item::Changed {
            room: "room1kitchen".into(),
            what: Change::Lines,
        },
    ] {
        stage.event(Event::Watched(event));
        assert_eq!(
            stage.screen().lines().take(20).collect::<Vec<_>>(),
            before.lines().take(20).collect::<Vec<_>>()
        );
    }
}

#[test]
fn own_messages_say_on_how_many_disks_they_are() {
    use tailchat_node::control::{Change, Item};
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    let mut own = message(1, "mine");
    (own.mine, own.author) = (true, "ann".into());
    stage.arrives("kitchen", own);
    assert!(stage.screen().contains(" here\n"), "{}", stage.screen());
    stage.event(Event::Watched(Item::Changed {
        room: "room1kitchen".into(),
        what: Change::Disks,
    }));
    assert_eq!(
        asked(&stage, |question| matches!(question, Question::Disks { .. })),
        1
    );
}

#[test]
fn a_selected_message_is_copied_and_answered() {
    let mut stage = Stage::in_kitchen(80, 24, messages(30));
    stage.press("alt-s up up c");
    assert!(
        stage.done.contains(&Command::Copy("message 27".into())),
        "{:?}",
        stage.done.last()
    );
    stage.press("alt-s up r");
    stage.types("yes");
    assert!(
        stage.screen().contains("reply to bob: message 28"),
        "{}",
        stage.screen()
    );
    stage.press("enter");
    let reply = |question: &Question| matches!(question, Question::Send { reply_to: Some((id, _)), .. } if id.to_string() == "b0b/28");
    assert_eq!(asked(&stage, reply), 1);
}

#[test]
fn tab_goes_through_names_commands_and_emoji() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    let text = |stage: &Stage| stage.model.writing.composer.text().to_owned();
    stage.types("b");
    stage.press("tab");
    assert_eq!(text(&stage), "@bob: ");
    stage.types("/");
    stage.press("ctrl-u");
    stage.types("hello :tada");
    stage.press("tab");
    assert_eq!(text(&stage).trim_end(), "hello 🎉");
    stage.press("ctrl-u");
    stage.types("/m");
    stage.press("tab");
    assert_eq!(text(&stage), "/me ");
    assert!(
        stage.screen().contains("[/me Say it in the third person"),
        "{}",
        stage.screen()
    );
    stage.press("tab");
    assert_eq!(text(&stage), "/members");
    stage.press("tab tab");
    assert_eq!(text(&stage), "/me ", "round and round");
}

#[test]
fn commands_mirror_the_command_line_and_a_wrong_one_stays_in_the_input() {
    let mut stage = Stage::in_kitchen(80, 24, messages(3));
    stage.types("/membres");
    stage.press("enter");
    assert!(
        stage.screen().contains("did you mean /members?"),
        "{}",
        stage.screen()
    );
    assert_eq!(stage.model.writing.composer.text(), "/membres");
    stage.press("ctrl-u");
    stage.types("/members");
    stage.press("enter");
    assert!(stage.screen().contains("cleo"), "{}", stage.screen());
    stage.press("esc");
    stage.types("/me waves");
    stage.press("enter");
    stage.types("//home is a folder");
    stage.press("enter");
    assert_eq!(sent(&stage), ["waves", "/home is a folder"]);
    stage.types("/new garden");
    stage.press("enter");
    assert!(
        stage.screen().contains("tailchat join 'tailchat:room1garden'"),
        "{}",
        stage.screen()
    );
    stage.press("esc");
    stage.types("/leave kitchen --forget");
    stage.press("enter");
    assert!(
        stage.screen().contains("delete its history"),
        "{}",
        stage.screen()
    );
    stage.types("y");
    stage.press("enter");
    assert_eq!(
        asked(&stage, |question| matches!(
            question,
            Question::Leave { forget: true, .. }
        )),
        1
    );
    assert!(!stage.screen().contains("kitchen"), "{}", stage.screen());
}

#[test]
fn a_first_history_is_no_news_but_a_long_absence_is() {
    use tailchat_node::control::{Item, ShownItem};
    let bulk = || {
        Event::Watched(Item::Shown(ShownItem {
            room: "room1kitchen".into(),
            lines: 500,
            messages: Vec::new(),
        }))
    };
    let catch_up = |stage: &mut Stage, unread: u64, at_last: u64| {
        for (behind, unread) in [(900, 0), (400, unread), (0, at_last)] {
            (stage.rooms[0].item.behind, stage.rooms[0].item.unread) = (behind, unread);
            stage.event(bulk());
            stage.tells(0);
        }
        stage.waits(5_000);
    };
    let mut stage = Stage::in_kitchen(80, 24, Vec::new());
    stage.event(Event::Focused(false));
    catch_up(&mut stage, 500, 0);
    assert_eq!(notices(&stage), Vec::<String>::new());
    catch_up(&mut stage, 500, 500);
    assert_eq!(notices(&stage), ["tailchat: 500 messages"]);
}

#[test]
fn news_of_disks_that_comes_while_they_are_asked_for_is_asked_for_again() {
    use tailchat_node::control::{Change, Item};
    let mut own = message(1, "mine");
    (own.mine, own.author) = (true, "ann".into());
    let mut stage = Stage::in_kitchen(80, 24, vec![own]);
    stage.slow = true;
    let news = || {
        Event::Watched(Item::Changed {
            room: "room1kitchen".into(),
            what: Change::Disks,
        })
    };
    for wanted in [1, 2, 3] {
        stage.event(news());
        stage.event(news());
        stage.answer_one();
        stage.answer_one();
        let disks = |question: &Question| matches!(question, Question::Disks { .. });
        assert!(asked(&stage, disks) >= wanted);
        stage.answer_all();
    }
}

#[test]
fn what_was_brought_in_from_elsewhere_is_not_our_own() {
    let mut imported = message(1, "long ago");
    (imported.mine, imported.kind) = (true, tailchat_node::control::MessageKind::Imported);
    imported.arrived_at_ms += 1_000_000_000;
    let stage = Stage::in_kitchen(80, 24, vec![imported, message(2, "since then")]);
    let screen = stage.screen();
    assert!(
        !screen.contains(" here\n") && !screen.contains("late"),
        "{screen}"
    );
}
