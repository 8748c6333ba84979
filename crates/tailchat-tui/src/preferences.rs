//! What a person prefers, as the text of a settings file says it. Knows the words that may be written there, not
//! where the file is: the binary reads it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::keys::KeyMap;
use crate::nearest::nearest;
use crate::notice::Form;
use crate::theme::Theme;

/// Highlight words; more are refused.
pub const WORDS_MAX: usize = 100;
/// Rows of a folded message at least and at most.
const FOLD_ROWS: std::ops::RangeInclusive<usize> = 3..=1000;

/// What can be chosen. Without a file, the default.
#[derive(Clone, Debug)]
pub struct Preferences {
    /// The colours; the binary takes [`Theme::mono`] instead where NO_COLOR is set.
    pub theme: Theme,
    /// The keys.
    pub keys: KeyMap,
    /// Whether the mouse is the UI's; text is then selected with Shift in most terminals.
    pub mouse: bool,
    /// How messages are told to a person who looks elsewhere; as the terminal has it, if none.
    pub notices: Option<Form>,
    /// Which messages are told.
    pub notify: Notify,
    /// Words that stand out and count as mentions, beside the person's name.
    pub words: Vec<String>,
    /// Whether others see that the person writes something.
    pub typing: bool,
    /// How a message's time is shown.
    pub time: TimeFormat,
    /// Rows above which a message is folded.
    pub fold: usize,
}

/// Which messages are told to a person who looks elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// All.
    #[default]
    All,
    /// Those that name the person or have a highlight word.
    Mentions,
    /// None.
    None,
}

/// How a time of day is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// 15:04.
    #[default]
    Hours24,
    /// 3:04 PM.
    Hours12,
    /// 15:04:05.
    Seconds,
}

impl TimeFormat {
    /// As `strftime` has it.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Hours24 => "%H:%M",
            Self::Hours12 => "%I:%M %p",
            Self::Seconds => "%H:%M:%S",
        }
    }
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            keys: KeyMap::default(),
            mouse: false,
            notices: None,
            notify: Notify::default(),
            words: Vec::new(),
            typing: true,
            time: TimeFormat::default(),
            fold: 20,
        }
    }
}

/// What is wrong with a settings file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PreferenceError {
    /// From 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    theme: Option<Spanned<String>>,
    mouse: bool,
    notices: Option<Spanned<String>>,
    notify: Option<Spanned<String>>,
    highlight: Option<Spanned<Vec<String>>>,
    typing: Option<bool>,
    time: Option<Spanned<String>>,
    fold: Option<Spanned<i64>>,
    keys: BTreeMap<Spanned<String>, Spanned<String>>,
}

const FIELDS: [&str; 9] = [
    "theme",
    "mouse",
    "notices",
    "notify",
    "highlight",
    "typing",
    "time",
    "fold",
    "keys",
];
const NOTICES: [(&str, Option<Form>); 5] = [
    ("auto", None),
    ("osc9", Some(Form::Osc9)),
    ("osc777", Some(Form::Osc777)),
    ("bell", Some(Form::Bell)),
    ("off", Some(Form::Off)),
];
const NOTIFY: [(&str, Notify); 3] = [
    ("all", Notify::All),
    ("mentions", Notify::Mentions),
    ("none", Notify::None),
];
const TIMES: [(&str, TimeFormat); 3] = [
    ("24h", TimeFormat::Hours24),
    ("12h", TimeFormat::Hours12),
    ("seconds", TimeFormat::Seconds),
];

impl Preferences {
    /// Reads a settings file's text, which is TOML.
    ///
    /// # Errors
    /// [`PreferenceError`] with the line, what is wrong there and what would be right. Nothing is taken then.
    pub fn parse(text: &str) -> Result<Self, PreferenceError> {
        let written: Written = toml::from_str(text).map_err(|error| explained(text, &error))?;
        let mut chosen = Self {
            mouse: written.mouse,
            typing: written.typing.unwrap_or(true),
            ..Self::default()
        };
        let wrong = |at: usize, what: String| PreferenceError {
            line: line_at(text, at),
            what,
        };
        if let Some(name) = written.theme {
            chosen.theme =
                Theme::named(name.as_ref()).map_err(|error| wrong(name.span().start, error.to_string()))?;
        }
        if let Some(word) = written.notices {
            chosen.notices =
                one_of("notices", &word, &NOTICES).map_err(|what| wrong(word.span().start, what))?;
        }
        if let Some(word) = written.notify {
            chosen.notify =
                one_of("notify", &word, &NOTIFY).map_err(|what| wrong(word.span().start, what))?;
        }
        if let Some(word) = written.time {
            chosen.time = one_of("time", &word, &TIMES).map_err(|what| wrong(word.span().start, what))?;
        }
        if let Some(fold) = written.fold {
            let rows = usize::try_from(*fold.as_ref()).ok();
            chosen.fold = rows.filter(|rows| FOLD_ROWS.contains(rows)).ok_or_else(|| {
                let (rows, least, most) = (fold.as_ref(), FOLD_ROWS.start(), FOLD_ROWS.end());
                let what = format!("fold is {rows} rows; write {least} to {most}");
                wrong(fold.span().start, what)
            })?;
        }
        if let Some(words) = written.highlight {
            let at = words.span().start;
            chosen.words = highlight(words.into_inner()).map_err(|what| wrong(at, what))?;
        }
        let mut keys: Vec<_> = written.keys.into_iter().collect();
        keys.sort_by_key(|(chord, _)| chord.span().start);
        for (chord, action) in keys {
            let bound = chosen.keys.rebind(chord.as_ref(), action.as_ref());
            bound.map_err(|error| wrong(chord.span().start, error.to_string()))?;
        }
        Ok(chosen)
    }
}

fn highlight(words: Vec<String>) -> Result<Vec<String>, String> {
    if words.len() > WORDS_MAX {
        return Err(format!(
            "highlight has {} words; at most {WORDS_MAX} are looked for",
            words.len()
        ));
    }
    match words.iter().any(|word| word.trim().is_empty()) {
        true => Err("highlight has an empty word, which is everywhere; take it out".to_owned()),
        false => Ok(words.iter().map(|word| word.trim().to_owned()).collect()),
    }
}

fn one_of<T: Copy>(field: &str, word: &Spanned<String>, known: &[(&str, T)]) -> Result<T, String> {
    let written = word.as_ref();
    let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(written));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!(
            "\"{}\" is not a value of {field}; write one of {}",
            tailchat_core::text::name(written),
            names.join(", ")
        )
    })
}

/// What the TOML reader found, with the setting that was probably meant.
fn explained(text: &str, error: &toml::de::Error) -> PreferenceError {
    let at = error.span().map_or(0, |span| span.start);
    let said = tailchat_core::text::visible(error.message()).replace('\n', "; ");
    let unknown = said
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    let what = match unknown {
        None => said,
        Some(field) => {
            let meant = nearest(field, FIELDS)
                .map(|meant| format!("; did you mean {meant}?"))
                .unwrap_or_default();
            format!(
                "there is no setting \"{field}\"{meant}; there are {}",
                FIELDS.join(", ")
            )
        }
    };
    PreferenceError {
        line: line_at(text, at),
        what,
    }
}

/// The line of a byte, from 1.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Action, Mode};
    use proptest::prelude::*;

    #[test]
    fn everything_can_be_chosen() {
        let chosen = Preferences::parse(
            "# mine\ntheme = \"light\"\nmouse = true\nnotices = \"osc777\"\nnotify = \"mentions\"\n\
             highlight = [\"tea\", \" build \"]\ntyping = false\ntime = \"12h\"\nfold = 40\n\n[keys]\nf7 = \"goto-date\"\n\"ctrl-o\" = \"editor\"\n",
        )
        .unwrap();
        assert_eq!(chosen.theme, Theme::light());
        assert!(chosen.mouse);
        assert_eq!(chosen.notices, Some(Form::Osc777));
        assert_eq!(chosen.notify, Notify::Mentions);
        assert_eq!(chosen.words, ["tea", "build"]);
        assert!(!chosen.typing);
        assert_eq!(chosen.time.pattern(), "%I:%M %p");
        assert_eq!(chosen.fold, 40);
        assert_eq!(
            chosen.keys.key(Mode::Compose, Action::GotoDate),
            Some("F7".to_owned())
        );
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let chosen = Preferences::parse("").unwrap();
        assert_eq!(chosen.keys.rows(), KeyMap::default().rows());
        assert_eq!((chosen.theme, chosen.mouse), (Theme::default(), false));
        assert!(chosen.typing);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_is_right() {
        for (text, said) in [
            (
                "\nthem = \"dark\"\n",
                "line 2: there is no setting \"them\"; did you mean theme?; there are theme, mouse, notices, notify, highlight, typing, time, fold, keys",
            ),
            (
                "theme = \"drak\"",
                "line 1: \"drak\" is not a theme; there are auto, dark, light, mono; did you mean dark?",
            ),
            (
                "mouse = false\ntime = \"13h\"",
                "line 2: \"13h\" is not a value of time; write one of 24h, 12h, seconds",
            ),
            ("fold = 1", "line 1: fold is 1 rows; write 3 to 1000"),
            ("fold = -1", "line 1: fold is -1 rows; write 3 to 1000"),
            (
                "highlight = [\"\"]",
                "line 1: highlight has an empty word, which is everywhere; take it out",
            ),
            (
                "[keys]\nf7 = \"goto-date\"\n\"ctrl-enter\" = \"send\"",
                "line 3: \"ctrl-enter\" is not a key here: terminals send the same for it as for enter; alt-enter is a key of its own",
            ),
            (
                "[keys]\nf7 = \"sned\"",
                "line 2: \"sned\" is not an action; did you mean \"send\"?",
            ),
            (
                "mouse = 1",
                "line 1: invalid type: integer `1`, expected a boolean",
            ),
            (
                "fold = 9\ntyping = \"off\"",
                "line 2: invalid type: string \"off\", expected a boolean",
            ),
        ] {
            assert_eq!(Preferences::parse(text).unwrap_err().to_string(), said, "{text}");
        }
        let broken = Preferences::parse("mouse = true\ntheme = \"da\n").unwrap_err();
        assert_eq!(broken.line, 2);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(?s).{0,60}") {
            if let Err(error) = Preferences::parse(&text) {
                prop_assert!(error.line <= text.lines().count().max(1) + 1);
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
    }
}
