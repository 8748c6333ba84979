//! The keys as data: from one table come what a key does, the help, the footer's hints and the README's table, so
//! that none of them can say what is not so. Knows no screen and carries nothing out.

mod action;
mod chord;
mod table;

use crossterm::event::KeyEvent;

pub use action::{Action, Mode, Section};
pub use chord::{Chord, ChordError};

use crate::nearest::nearest;
use table::{Line, TABLE};

/// What takes a chord's meaning away, written in place of an action.
const NOTHING: &str = "none";

/// Which key does what.
#[derive(Clone, Debug)]
pub struct KeyMap {
    /// In the order in which help names an action's chords.
    bound: Vec<Bound>,
}

#[derive(Clone, Debug)]
struct Bound {
    chord: Chord,
    modes: Vec<Mode>,
    action: Action,
}

/// Why a key could not be bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key.
    #[error(transparent)]
    Chord(#[from] ChordError),
    /// The action.
    #[error("\"{written}\" is not an action{}", suggestion(.meant))]
    NoSuchAction {
        /// What was written instead.
        written: String,
        /// What is probably meant.
        meant: Option<String>,
    },
    /// The key types a character where the action is wanted.
    #[error("{chord} types itself where {action} is wanted; use alt-{chord} or a key like f7 or ctrl-o")]
    TypesItself {
        /// The key.
        chord: Chord,
        /// The action's name.
        action: String,
    },
}

fn suggestion(meant: &Option<String>) -> String {
    match meant {
        Some(meant) => format!("; did you mean \"{meant}\"?"),
        None => "; the help (F1) names them all, and \"none\" frees a key".to_owned(),
    }
}

/// One line of the help: an action and its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Under which heading.
    pub section: Section,
    /// Labels of the keys, the usual one first; empty if none is left.
    pub keys: Vec<String>,
    /// What they do.
    pub help: &'static str,
    /// The action's name in settings; of the first, where a row stands for several.
    pub name: &'static str,
}

/// A key for the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key's label.
    pub key: String,
    /// What it does, in a word or two.
    pub word: &'static str,
    /// What that is.
    pub action: Action,
}

impl Default for KeyMap {
    fn default() -> Self {
        let bound = |line: &Line| {
            let (modes, action) = (line.modes.to_vec(), line.action);
            // A test reads every chord of the table.
            line.chords
                .iter()
                .filter_map(|chord| chord.parse().ok())
                .map(move |chord| Bound {
                    chord,
                    modes: modes.clone(),
                    action,
                })
        };
        Self {
            bound: TABLE.iter().flat_map(bound).collect(),
        }
    }
}

impl KeyMap {
    /// What a key does in a mode; none for what types a character or means nothing.
    #[must_use]
    pub fn lookup(&self, mode: Mode, event: KeyEvent) -> Option<Action> {
        let chord = Chord::of(event)?;
        let found = self.find(mode, chord);
        match mode {
            Mode::Empty => found.or_else(|| self.find(Mode::Compose, chord)),
            _ => found,
        }
    }

    fn find(&self, mode: Mode, chord: Chord) -> Option<Action> {
        let hit = |bound: &&Bound| bound.chord == chord && bound.modes.contains(&mode);
        self.bound.iter().find(hit).map(|bound| bound.action)
    }

    /// Gives an action a further key, wherever the action has a meaning; the key loses its meaning there. With
    /// `none` for the action the key loses every meaning.
    ///
    /// # Errors
    /// [`KeyError`], with what would be right; the map is then as it was.
    pub fn rebind(&mut self, chord: &str, action: &str) -> Result<(), KeyError> {
        let chord: Chord = chord.parse()?;
        let wanted = action.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        if wanted == NOTHING {
            self.bound.retain(|bound| bound.chord != chord);
            return Ok(());
        }
        let lines = || TABLE.iter().filter(|line| line.name == wanted);
        let Some(first) = lines().next() else {
            let written = tailchat_core::text::name(action);
            let meant = nearest(&wanted, TABLE.iter().map(|line| line.name)).map(str::to_owned);
            return Err(KeyError::NoSuchAction { written, meant });
        };
        let mut modes: Vec<Mode> = Vec::new();
        for mode in lines().flat_map(|line| line.modes) {
            if !modes.contains(mode) {
                modes.push(*mode);
            }
        }
        if modes.contains(&Mode::Compose) {
            // A key for the written input is one for the empty input, too.
            modes.push(Mode::Empty);
        }
        let types = modes
            .iter()
            .any(|mode| matches!(mode, Mode::Compose | Mode::List));
        if types && chord.typed().is_some() {
            return Err(KeyError::TypesItself {
                chord,
                action: wanted,
            });
        }
        for bound in self.bound.iter_mut().filter(|bound| bound.chord == chord) {
            bound.modes.retain(|mode| !modes.contains(mode));
        }
        self.bound.retain(|bound| !bound.modes.is_empty());
        self.bound.insert(
            0,
            Bound {
                chord,
                modes,
                action: first.action,
            },
        );
        Ok(())
    }

    /// The label of an action's usual key in a mode.
    #[must_use]
    pub fn key(&self, mode: Mode, action: Action) -> Option<String> {
        let found = |mode| {
            let hit = |bound: &&Bound| bound.action == action && bound.modes.contains(&mode);
            self.bound.iter().find(hit).map(|bound| bound.chord.label())
        };
        match mode {
            Mode::Empty => found(Mode::Empty).or_else(|| found(Mode::Compose)),
            _ => found(mode),
        }
    }

    /// The footer's hints in a mode, in the order of their worth.
    #[must_use]
    pub fn hints(&self, mode: Mode) -> Vec<Hint> {
        let mut hints: Vec<Hint> = Vec::new();
        let here = |line: &&Line| {
            let falls_back = mode == Mode::Empty && line.modes.contains(&Mode::Compose);
            !line.hint.is_empty() && (falls_back || line.modes.contains(&mode))
        };
        for line in TABLE.iter().filter(here) {
            let known = hints.iter().any(|hint| hint.word == line.hint);
            let Some(key) = self.key(mode, line.action).filter(|_| !known) else {
                continue;
            };
            hints.push(Hint {
                key,
                word: line.hint,
                action: line.action,
            });
        }
        hints
    }

    /// Every action with its keys, in the order of the help; what has the same explanation is one row.
    #[must_use]
    pub fn rows(&self) -> Vec<KeyRow> {
        let mut rows: Vec<(KeyRow, Vec<Action>)> = Vec::new();
        for line in TABLE {
            match rows.iter_mut().find(|(row, _)| row.help == line.help) {
                Some((_, actions)) if actions.contains(&line.action) => {}
                Some((_, actions)) => actions.push(line.action),
                None => {
                    let (section, help, name) = (line.section, line.help, line.name);
                    rows.push((
                        KeyRow {
                            section,
                            keys: Vec::new(),
                            help,
                            name,
                        },
                        vec![line.action],
                    ));
                }
            }
        }
        for (row, actions) in &mut rows {
            for bound in self.bound.iter().filter(|bound| actions.contains(&bound.action)) {
                let label = bound.chord.label();
                if !row.keys.contains(&label) {
                    row.keys.push(label);
                }
            }
        }
        let mut rows: Vec<KeyRow> = rows.into_iter().map(|(row, _)| row).collect();
        rows.sort_by_key(|row| row.section);
        rows
    }

    /// The README's table of keys, in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let mut last = None;
        for row in self.rows() {
            if last != Some(row.section) {
                let gap = if last.is_some() { "\n" } else { "" };
                out.push_str(&format!("{gap}| {} | | |\n|---|---|---|\n", row.section.title()));
                last = Some(row.section);
            }
            let keys: Vec<String> = row
                .keys
                .iter()
                .map(|key| format!("`{}`", key.replace('|', "\\|")))
                .collect();
            out.push_str(&format!(
                "| {} | {} | `{}` |\n",
                keys.join(" "),
                row.help,
                row.name
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests;
