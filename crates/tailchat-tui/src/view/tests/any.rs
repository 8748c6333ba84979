//! Whatever is pressed, pasted and resized, a screen is drawn and what is sent is what was written.

use proptest::prelude::*;

use super::conversation;
use crate::command::{Command, Question};
use crate::event::Event;
use crate::stage::Stage;

/// Something that a person or a terminal does.
#[derive(Clone, Debug)]
enum Does {
    Presses(&'static str),
    Types(&'static str),
    Pastes(String),
    Resizes(u16, u16),
    Waits(i64),
}

const CHORDS: [&str; 47] = [
    "enter",
    "alt-enter",
    "tab",
    "shift-tab",
    "left",
    "right",
    "alt-b",
    "alt-f",
    "home",
    "end",
    "up",
    "down",
    "ctrl-p",
    "ctrl-n",
    "backspace",
    "delete",
    "ctrl-w",
    "alt-backspace",
    "alt-d",
    "ctrl-u",
    "alt-k",
    "ctrl-y",
    "alt-y",
    "ctrl-t",
    "alt-t",
    "ctrl-_",
    "alt-_",
    "pageup",
    "pagedown",
    "shift-up",
    "shift-down",
    "ctrl-home",
    "ctrl-end",
    "alt-u",
    "alt-n",
    "alt-l",
    "alt-g",
    "ctrl-r",
    "alt-p",
    "alt-i",
    "f5",
    "alt-s",
    "r",
    "e",
    "f1",
    "esc",
    "ctrl-k",
];

const PIECES: [&str; 14] = [
    "a",
    " ",
    "word",
    "/",
    "/me ",
    "@",
    ":sm",
    "e\u{301}",
    "漢字",
    "👩\u{200d}👧",
    "🇨",
    "\u{200d}",
    "`",
    "*",
];

fn does() -> impl Strategy<Value = Does> {
    let pasted = prop_oneof![
        proptest::collection::vec(prop::sample::select(&PIECES[..]), 0..30).prop_map(|all| all.concat()),
        ".{0,40}",
        Just("\u{1b}[2J\r\n\u{202e}x\ty\n\n\n".to_owned()),
        Just("漢".repeat(500)),
    ];
    let small = (1..20_u16, 1..8_u16);
    let size = prop_oneof![2 => (1..160_u16, 1..60_u16), 1 => small];
    prop_oneof![
        8 => prop::sample::select(&CHORDS[..]).prop_map(Does::Presses),
        4 => prop::sample::select(&PIECES[..]).prop_map(Does::Types),
        2 => pasted.prop_map(Does::Pastes),
        2 => size.prop_map(|(columns, rows)| Does::Resizes(columns, rows)),
        1 => (0..3_000_i64).prop_map(Does::Waits),
    ]
}

fn sent(stage: &Stage) -> Vec<&str> {
    let sent = stage.done.iter().filter_map(|command| match command {
        Command::Ask(Question::Send { text, .. }) => Some(&**text),
        _ => None,
    });
    sent.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_is_done_a_screen_is_drawn_and_what_is_sent_is_what_was_written(
        size in (1..100_u16, 1..40_u16),
        all in proptest::collection::vec(does(), 1..40),
    ) {
        let mut stage = Stage::in_kitchen(size.0, size.1, conversation());
        for does in all {
            let written = stage.model.writing.composer.text().to_owned();
            let before = sent(&stage).len();
            match does {
                Does::Presses(chord) => stage.press(chord),
                Does::Types(text) => stage.types(text),
                Does::Pastes(text) => stage.event(Event::Pasted(text)),
                Does::Resizes(columns, rows) => stage.event(Event::Resized { columns, rows }),
                Does::Waits(ms) => stage.waits(ms),
            }
            for text in &sent(&stage)[before..] {
                // `/me` and a doubled slash are what is left out.
                let plain = written == *text;
                prop_assert!(plain || written.starts_with('/') && written.trim_end().ends_with(text), "{written:?} sent {text:?}");
            }
            let screen = stage.screen();
            prop_assert!(screen.chars().all(|c| c == '\n' || !c.is_control()), "{screen:?}");
            let wide = screen.lines().map(tailchat_core::text::columns).max();
            prop_assert!(wide <= Some(usize::from(stage.model.columns)), "{wide:?} of {}", stage.model.columns);
        }
    }
}
