//! What the binary gives the UI before it starts. Knows no file: the binary reads preferences and runs editors.

use jiff::tz::TimeZone;

use crate::notice::Channel;
use crate::preferences::Preferences;

/// Lets the person write in a program of their own: from the text to the text, or why there is none.
pub type Edit = Box<dyn FnMut(&str) -> Result<String, String> + Send>;

/// What the UI is given.
pub struct Settings {
    /// What the person chose.
    pub preferences: Preferences,
    /// How notices, titles and copies reach the terminal.
    pub channel: Channel,
    /// Whether the terminal shows more than ASCII.
    pub utf8: bool,
    /// Where days begin.
    pub zone: TimeZone,
    /// Runs the person's editor.
    pub edit: Option<Edit>,
    /// An invite as rows of half blocks, light on dark; none if it is too long for a screen.
    pub picture: fn(&str) -> Option<Vec<String>>,
}
