//! What the binary decides for the UI before it starts. Knows no file: the binary reads settings and runs editors.

use jiff::tz::TimeZone;

use crate::keys::KeyMap;
use crate::model::Taste;
use crate::notice;
use crate::theme::Theme;

/// Lets the person write in a program of their own: from the text to the text, or why there is none.
pub type Edit = Box<dyn FnMut(&str) -> Result<String, String> + Send>;

/// How the UI is to be.
pub struct Settings {
    pub(crate) taste: Taste,
    pub(crate) mouse: bool,
    pub(crate) edit: Option<Edit>,
    pub(crate) notices: notice::Channel,
}

/// What the binary finds in its settings and in the environment.
pub struct Choices {
    /// The keys.
    pub keys: KeyMap,
    /// The colours.
    pub theme: Theme,
    /// Whether the mouse is the UI's; text is then selected with Shift in most terminals.
    pub mouse: bool,
    /// Whether messages bring notices while the person looks elsewhere.
    pub notify: bool,
    /// How notices, titles and the clipboard reach the terminal.
    pub notices: notice::Channel,
    /// Whether the terminal shows more than ASCII.
    pub utf8: bool,
    /// Where days begin.
    pub zone: TimeZone,
    /// Runs the person's editor.
    pub edit: Option<Edit>,
    /// An invite as rows of half blocks, dark on light; none if it is too long for a screen.
    pub picture: fn(&str) -> Option<Vec<String>>,
}

impl From<Choices> for Settings {
    fn from(choices: Choices) -> Self {
        Self {
            taste: Taste {
                keys: choices.keys,
                theme: choices.theme,
                zone: choices.zone,
                utf8: choices.utf8,
                notices: choices.notify,
                picture: choices.picture,
            },
            mouse: choices.mouse,
            edit: choices.edit,
            notices: choices.notices,
        }
    }
}
