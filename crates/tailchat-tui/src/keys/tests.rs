//! What the key map promises. Knows no screen.

use crossterm::event::{KeyCode, KeyModifiers};

use super::*;
use crate::composer::Edit;

fn event(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
    KeyEvent::new(code, modifiers)
}

fn ctrl(c: char) -> KeyEvent {
    event(KeyCode::Char(c), KeyModifiers::CONTROL)
}

fn alt(c: char) -> KeyEvent {
    event(KeyCode::Char(c), KeyModifiers::ALT)
}

fn plain(c: char) -> KeyEvent {
    event(KeyCode::Char(c), KeyModifiers::NONE)
}

#[test]
fn every_chord_of_the_table_can_be_delivered_and_means_one_thing() {
    let mut seen = Vec::new();
    for line in TABLE {
        for written in line.chords {
            let chord: Chord = written.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(chord.to_string(), *written, "as it is printed");
            for mode in line.modes {
                assert!(!seen.contains(&(*mode, chord)), "{written} twice in {mode:?}");
                seen.push((*mode, chord));
                let types = matches!(mode, Mode::Compose | Mode::List);
                assert!(!types || chord.typed().is_none(), "{written} types itself");
            }
        }
    }
}

#[test]
fn a_name_is_one_action_and_an_action_has_one_name_and_one_help() {
    for one in TABLE {
        for other in TABLE {
            assert_eq!(one.name == other.name, one.action == other.action, "{}", one.name);
            assert!(one.name != other.name || one.help == other.help, "{}", one.name);
        }
        assert!(one.help.len() <= 64, "{}", one.help);
        assert!(!one.help.contains('|'));
    }
}

#[test]
fn keys_do_what_the_contract_says() {
    let keys = KeyMap::default();
    for (mode, pressed, action) in [
        (
            Mode::Compose,
            event(KeyCode::Enter, KeyModifiers::NONE),
            Some(Action::Send),
        ),
        (
            Mode::Compose,
            event(KeyCode::Enter, KeyModifiers::ALT),
            Some(Action::Edit(Edit::Newline)),
        ),
        (Mode::Compose, ctrl('j'), Some(Action::Edit(Edit::Newline))),
        (Mode::Compose, ctrl('k'), Some(Action::SwitchRoom)),
        (Mode::Compose, ctrl('h'), Some(Action::Edit(Edit::DeleteLeft))),
        (Mode::Compose, ctrl('7'), Some(Action::Edit(Edit::Undo))),
        (Mode::Compose, alt('3'), Some(Action::Room(3))),
        (Mode::Compose, plain('?'), None),
        (Mode::Empty, plain('?'), Some(Action::Help)),
        (Mode::Empty, ctrl('q'), Some(Action::Quit)),
        (Mode::Empty, plain('r'), None),
        (Mode::Select, plain('r'), Some(Action::Reply)),
        (Mode::List, plain('r'), None),
        (Mode::Screen, plain('q'), Some(Action::Back)),
        (Mode::Compose, ctrl('c'), Some(Action::Interrupt)),
        (
            Mode::Compose,
            event(KeyCode::BackTab, KeyModifiers::SHIFT),
            Some(Action::CompleteBack),
        ),
    ] {
        assert_eq!(keys.lookup(mode, pressed), action, "{mode:?} {pressed:?}");
    }
}

#[test]
fn from_every_mode_there_is_a_way_back_and_out() {
    let keys = KeyMap::default();
    for mode in Mode::ALL {
        assert_eq!(
            keys.lookup(mode, event(KeyCode::Esc, KeyModifiers::NONE)),
            Some(Action::Back)
        );
        assert_eq!(keys.lookup(mode, ctrl('q')), Some(Action::Quit));
        assert_eq!(
            keys.lookup(mode, event(KeyCode::F(1), KeyModifiers::NONE)),
            Some(Action::Help)
        );
    }
}

#[test]
fn a_key_bound_anew_means_only_the_new_action_where_that_has_a_meaning() {
    let mut keys = KeyMap::default();
    keys.rebind("Ctrl-K", "kill-to-end").unwrap();
    assert_eq!(
        keys.lookup(Mode::Compose, ctrl('k')),
        Some(Action::Edit(Edit::KillToEnd))
    );
    assert_eq!(
        keys.lookup(Mode::Empty, ctrl('k')),
        Some(Action::Edit(Edit::KillToEnd))
    );
    assert_eq!(keys.lookup(Mode::Select, ctrl('k')), Some(Action::SwitchRoom));
    keys.rebind("alt-j", "switch_room").unwrap();
    assert_eq!(
        keys.key(Mode::Compose, Action::SwitchRoom),
        Some("Alt-J".to_owned())
    );
    keys.rebind("ctrl-q", "none").unwrap();
    assert_eq!(keys.lookup(Mode::Compose, ctrl('q')), None);
    let row = keys.rows().into_iter().find(|row| row.name == "quit").unwrap();
    assert_eq!(row.keys, Vec::<String>::new());
}

#[test]
fn a_wrong_binding_says_what_is_right_and_changes_nothing() {
    let mut keys = KeyMap::default();
    for (chord, action, said) in [
        (
            "ctrl-shift-j",
            "send",
            "\"ctrl-shift-j\" is not a key here: terminals send the same for ctrl-shift-j as for ctrl-j; did you mean ctrl-j or alt-shift-j?",
        ),
        (
            "f9",
            "next-unraed",
            "\"next-unraed\" is not an action; did you mean \"next-unread\"?",
        ),
        (
            "f9",
            "make coffee",
            "\"make coffee\" is not an action; the help (F1) names them all, and \"none\" frees a key",
        ),
        (
            "a",
            "send",
            "a types itself where send is wanted; use alt-a or a key like f7 or ctrl-o",
        ),
    ] {
        assert_eq!(keys.rebind(chord, action).unwrap_err().to_string(), said);
    }
    assert_eq!(keys.rows(), KeyMap::default().rows());
}

#[test]
fn the_footer_names_keys_that_are_bound() {
    let words = |mode| -> Vec<String> {
        let hints = KeyMap::default().hints(mode);
        hints
            .iter()
            .map(|hint| format!("{} {}", hint.key, hint.word))
            .collect()
    };
    assert_eq!(
        words(Mode::Empty),
        [
            "Enter send",
            "Alt-Enter new line",
            "Ctrl-K rooms",
            "? help",
            "Ctrl-Q quit"
        ]
    );
    assert_eq!(
        words(Mode::Select),
        [
            "R reply",
            "+ react",
            "> answers",
            "E edit",
            "D delete",
            "C copy",
            "O open",
            "U unread",
            "* pin",
            "Ctrl-K rooms",
            "? help",
            "Esc back",
            "Ctrl-Q quit"
        ]
        .map(|hint| if hint.chars().nth(1) == Some(' ') {
            hint.to_lowercase()
        } else {
            hint.to_owned()
        })
    );
}

#[test]
fn the_help_names_every_action_once_and_the_readme_has_the_same_rows() {
    let keys = KeyMap::default();
    let rows = keys.rows();
    let rooms: Vec<_> = rows.iter().filter(|row| row.name.starts_with("room-")).collect();
    assert_eq!(rooms.len(), 1);
    assert_eq!(rooms[0].keys.len(), 9);
    assert!(rows.iter().all(|row| !row.keys.is_empty()));
    let markdown = keys.markdown();
    for row in &rows {
        assert!(markdown.contains(row.help), "{}", row.help);
    }
    assert!(markdown.starts_with("| Writing | | |\n|---|---|---|\n| `Enter` | Send | `send` |\n"));
    assert_eq!(markdown.matches("|---|---|---|").count(), 7);
}
