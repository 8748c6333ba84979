//! One key with its modifiers, as settings write it (`alt-enter`) and as help shows it (`Alt-Enter`). Knows which
//! keys terminals tell apart, not what they do.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::nearest::nearest;

/// A key that every terminal delivers as itself.
///
/// Two presses that terminals send as the same bytes are the same chord: the letters' Ctrl chords have no Shift,
/// Ctrl-/ is Ctrl-_, and Ctrl-H is Backspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Why a text names no chord.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{written} is not a key here: {why}")]
pub struct ChordError {
    written: String,
    why: String,
}

const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("tab", KeyCode::Tab),
    ("esc", KeyCode::Esc),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("space", KeyCode::Char(' ')),
    ("minus", KeyCode::Char('-')),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("f1", KeyCode::F(1)),
    ("f2", KeyCode::F(2)),
    ("f3", KeyCode::F(3)),
    ("f4", KeyCode::F(4)),
    ("f5", KeyCode::F(5)),
    ("f6", KeyCode::F(6)),
    ("f7", KeyCode::F(7)),
    ("f8", KeyCode::F(8)),
    ("f9", KeyCode::F(9)),
    ("f10", KeyCode::F(10)),
    ("f11", KeyCode::F(11)),
    ("f12", KeyCode::F(12)),
];

/// Other names that people write.
const ALIASES: &[(&str, &str)] = &[
    ("return", "enter"),
    ("escape", "esc"),
    ("del", "delete"),
    ("ins", "insert"),
    ("pgup", "pageup"),
    ("page-up", "pageup"),
    ("pgdn", "pagedown"),
    ("pgdown", "pagedown"),
    ("page-down", "pagedown"),
    ("backtab", "shift-tab"),
];

/// Characters beside letters that Ctrl makes a key of its own of.
const CTRL_SIGNS: [char; 5] = [' ', '\\', ']', '^', '_'];

impl Chord {
    /// The chord that a terminal's event is; none for a release and for what no chord can name.
    #[must_use]
    pub fn of(event: KeyEvent) -> Option<Self> {
        let beyond = KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
        if event.kind == KeyEventKind::Release || event.modifiers.intersects(beyond) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let mut modifiers = event.modifiers;
        let code = match event.code {
            KeyCode::BackTab => {
                modifiers |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            KeyCode::Char('h' | 'H') if ctrl => {
                modifiers -= KeyModifiers::CONTROL | KeyModifiers::SHIFT;
                KeyCode::Backspace
            }
            KeyCode::Char(c) if ctrl => {
                modifiers -= KeyModifiers::SHIFT;
                KeyCode::Char(with_ctrl(c))
            }
            KeyCode::Char(c) => {
                let c = if modifiers.contains(KeyModifiers::SHIFT) {
                    c.to_ascii_uppercase()
                } else {
                    c
                };
                modifiers -= KeyModifiers::SHIFT;
                KeyCode::Char(c)
            }
            other => other,
        };
        Some(Self { code, modifiers })
    }

    /// The character that this key types, if it types one.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }

    /// As help and footer show it: `Ctrl-K`, `Alt-Shift-U`, `PageUp`, `?`.
    #[must_use]
    pub fn label(self) -> String {
        if let Some(c) = self.typed().filter(|c| !matches!(c, ' ' | '-')) {
            return c.to_string();
        }
        self.to_string()
            .split('-')
            .map(|part| match part {
                "pageup" => "PageUp".to_owned(),
                "pagedown" => "PageDown".to_owned(),
                _ => capital(part),
            })
            .collect::<Vec<_>>()
            .join("-")
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The character by which Ctrl and `c` are known: terminals send the digits 4 to 7 for four signs.
fn with_ctrl(c: char) -> char {
    match c {
        '4' => '\\',
        '5' => ']',
        '6' => '^',
        '7' | '/' | '-' => '_',
        '2' | '@' => ' ',
        _ => c.to_ascii_lowercase(),
    }
}

/// As settings write it; reads back as the same chord.
impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("alt-")?;
        }
        let capital = matches!(self.code, KeyCode::Char(c) if c.is_ascii_uppercase());
        if capital || self.modifiers.contains(KeyModifiers::SHIFT) {
            f.write_str("shift-")?;
        }
        let name = NAMED.iter().find(|(_, code)| *code == self.code);
        match (name, self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{}", c.to_ascii_lowercase()),
            (None, code) => write!(f, "{code:?}"),
        }
    }
}

impl FromStr for Chord {
    type Err = ChordError;

    fn from_str(written: &str) -> Result<Self, ChordError> {
        let fail = |why: String| ChordError {
            written: format!("\"{}\"", tailchat_core::text::name(written)),
            why,
        };
        let (mut modifiers, key) = split(written.trim()).map_err(fail)?;
        let mut code = code(key).map_err(fail)?;
        if let KeyCode::Char(c) = code {
            if c.is_ascii_uppercase() && !modifiers.is_empty() {
                // "Ctrl-K" means the key with a K on it.
                code = KeyCode::Char(c.to_ascii_lowercase());
            }
            if modifiers.contains(KeyModifiers::SHIFT) {
                code = KeyCode::Char(shifted(c, modifiers).map_err(fail)?);
                modifiers -= KeyModifiers::SHIFT;
            }
            if modifiers.contains(KeyModifiers::CONTROL) && matches!(code, KeyCode::Char('/')) {
                code = KeyCode::Char('_');
            }
        }
        if key.eq_ignore_ascii_case("backtab") {
            modifiers |= KeyModifiers::SHIFT;
        }
        let chord = Self { code, modifiers };
        match undeliverable(chord) {
            Some(why) => Err(fail(why)),
            None => Ok(chord),
        }
    }
}

/// Modifiers and the rest.
fn split(written: &str) -> Result<(KeyModifiers, &str), String> {
    let mut modifiers = KeyModifiers::empty();
    let mut rest = written;
    // A single character left is the key, also when it is the hyphen itself.
    while let Some(at) = rest.find(['-', '+']).filter(|at| *at > 0 && at + 1 < rest.len()) {
        let (word, after) = rest.split_at(at);
        let modifier = match word.to_ascii_lowercase().as_str() {
            "ctrl" | "control" | "c" => KeyModifiers::CONTROL,
            "alt" | "meta" | "m" | "option" => KeyModifiers::ALT,
            "shift" | "s" => KeyModifiers::SHIFT,
            "super" | "cmd" | "win" | "hyper" => {
                return Err(format!("terminals do not send {word}; use ctrl, alt or shift"));
            }
            // "page-up" is a key's name.
            _ => break,
        };
        modifiers |= modifier;
        rest = after.get(1..).unwrap_or_default();
    }
    if rest.is_empty() {
        return Err("the key is missing; write for example alt-enter, ctrl-o or f5".to_owned());
    }
    Ok((modifiers, rest))
}

fn code(key: &str) -> Result<KeyCode, String> {
    let mut characters = key.chars();
    if let (Some(c), None) = (characters.next(), characters.next()) {
        if c.is_control() {
            return Err("write the key's name, for example tab or enter".to_owned());
        }
        return Ok(KeyCode::Char(c));
    }
    let lower = key.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == lower);
    let name = alias.map_or(lower.as_str(), |(_, name)| name.trim_start_matches("shift-"));
    if let Some((_, code)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Ok(*code);
    }
    let modifiers = ["ctrl-", "alt-", "shift-"];
    let known = NAMED.iter().map(|(known, _)| *known);
    Err(match nearest(&lower, known.chain(modifiers)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "a key is a character, enter, tab, esc, space, up, pageup, f1 and so on, after ctrl-, alt- or shift-"
            .to_owned(),
    })
}

/// The character that Shift makes, where one chord is enough to say so.
fn shifted(c: char, modifiers: KeyModifiers) -> Result<char, String> {
    if modifiers.contains(KeyModifiers::CONTROL) {
        let c = c.to_ascii_lowercase();
        return Err(format!(
            "terminals send the same for ctrl-shift-{c} as for ctrl-{c}; did you mean ctrl-{c} or alt-shift-{c}?"
        ));
    }
    if c.is_ascii_alphabetic() {
        return Ok(c.to_ascii_uppercase());
    }
    Err("write the character that Shift makes, for example ? or alt-<".to_owned())
}

/// Why terminals do not deliver a chord as itself; none if they do.
fn undeliverable(chord: Chord) -> Option<String> {
    let ctrl = chord.modifiers.contains(KeyModifiers::CONTROL);
    let alt = chord.modifiers.contains(KeyModifiers::ALT);
    let shift = chord.modifiers.contains(KeyModifiers::SHIFT);
    let same = |as_what: &str| Some(format!("terminals send the same for it as for {as_what}"));
    match chord.code {
        KeyCode::Char('i') if ctrl => same("tab; write tab"),
        KeyCode::Char('m') if ctrl => same("enter; write enter"),
        KeyCode::Char('h') if ctrl => same("backspace; write backspace"),
        KeyCode::Char('[') if ctrl => same("esc; write esc"),
        KeyCode::Char(c) if ctrl && !c.is_ascii_lowercase() && !CTRL_SIGNS.contains(&c) => Some(format!(
            "terminals send nothing of its own for ctrl with {c}; use ctrl with a letter, or alt-{c}"
        )),
        KeyCode::Char('[' | 'O' | ']' | 'P') if alt && !ctrl => {
            Some("terminals begin other keys and answers with these bytes; use another letter".to_owned())
        }
        KeyCode::Enter if ctrl || shift => same("enter; alt-enter is a key of its own"),
        KeyCode::Tab if ctrl || alt => Some("terminals keep it or send tab; use shift-tab".to_owned()),
        KeyCode::Esc if !chord.modifiers.is_empty() => same("esc"),
        KeyCode::Backspace if ctrl || shift => same("backspace; alt-backspace is a key of its own"),
        KeyCode::Char(' ') if alt => Some("window managers keep it; use ctrl-space".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chord(written: &str) -> Chord {
        written.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn press(code: KeyCode, modifiers: KeyModifiers) -> Chord {
        Chord::of(KeyEvent::new(code, modifiers)).unwrap()
    }

    #[test]
    fn what_terminals_send_is_what_settings_name() {
        let (none, ctrl, alt, shift) = (
            KeyModifiers::NONE,
            KeyModifiers::CONTROL,
            KeyModifiers::ALT,
            KeyModifiers::SHIFT,
        );
        for (code, modifiers, written) in [
            (KeyCode::Char('k'), ctrl, "Ctrl-K"),
            (KeyCode::Char('K'), ctrl | shift, "ctrl-k"),
            (KeyCode::Char('7'), ctrl, "ctrl-_"),
            (KeyCode::Char('/'), ctrl, "ctrl-/"),
            (KeyCode::Char('h'), ctrl, "backspace"),
            (KeyCode::Char('h'), ctrl | alt, "alt-backspace"),
            (KeyCode::BackTab, shift, "shift-tab"),
            (KeyCode::BackTab, none, "backtab"),
            (KeyCode::Char('U'), alt | shift, "alt-shift-u"),
            (KeyCode::Char('G'), shift, "G"),
            (KeyCode::Char('?'), shift, "?"),
            (KeyCode::Char(' '), ctrl, "ctrl-space"),
            (KeyCode::Char('-'), none, "-"),
            (KeyCode::Char('-'), alt, "alt--"),
            (KeyCode::PageUp, none, "PgUp"),
            (KeyCode::Enter, alt, "alt+enter"),
        ] {
            assert_eq!(press(code, modifiers), chord(written), "{written}");
        }
    }

    #[test]
    fn a_key_that_terminals_do_not_deliver_is_refused_with_what_would_do() {
        for (written, why) in [
            ("ctrl-shift-j", "did you mean ctrl-j or alt-shift-j?"),
            ("ctrl-enter", "alt-enter is a key of its own"),
            ("ctrl-i", "write tab"),
            ("ctrl-m", "write enter"),
            ("ctrl-,", "alt-,"),
            ("cmd-k", "use ctrl, alt or shift"),
            ("alt-shift-o", "use another letter"),
            ("pagup", "did you mean pageup?"),
            ("shift-1", "write the character that Shift makes"),
            ("ctrl-", "ctrl"),
            ("", "the key is missing"),
            ("knob", "a key is a character"),
        ] {
            let error = written.parse::<Chord>().unwrap_err().to_string();
            assert!(error.contains(why), "{written}: {error}");
        }
        let error = "\u{1b}[2J".parse::<Chord>().unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'));
    }

    #[test]
    fn labels_are_for_people() {
        for (written, label) in [
            ("ctrl-k", "Ctrl-K"),
            ("alt-shift-u", "Alt-Shift-U"),
            ("shift-g", "G"),
            ("?", "?"),
            ("pageup", "PageUp"),
            ("-", "Minus"),
            ("f1", "F1"),
            ("space", "Space"),
        ] {
            assert_eq!(chord(written).label(), label);
        }
    }

    #[test]
    fn a_release_is_no_press() {
        let release = KeyEvent::new_with_kind(KeyCode::Enter, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(Chord::of(release), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_the_same(event in any_event()) {
            if let Some(chord) = Chord::of(event).filter(|chord| undeliverable(*chord).is_none()) {
                prop_assert_eq!(chord.to_string().parse::<Chord>(), Ok(chord));
            }
        }

        #[test]
        fn any_text_is_a_chord_or_a_reason(text in ".{0,12}") {
            if let Ok(chord) = text.parse::<Chord>() {
                prop_assert_eq!(chord.to_string().parse::<Chord>(), Ok(chord));
            }
        }
    }

    fn any_event() -> impl Strategy<Value = KeyEvent> {
        let named = prop::sample::select(NAMED.iter().map(|(_, code)| *code).collect::<Vec<_>>());
        let code = prop_oneof![
            named,
            "[!-~äß漢]".prop_map(|c| KeyCode::Char(c.chars().next().unwrap()))
        ];
        (code, 0u8..8).prop_map(|(code, bits)| KeyEvent::new(code, KeyModifiers::from_bits_truncate(bits)))
    }
}
