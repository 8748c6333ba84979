//! What the binary gives the UI before it starts. Knows no file: the binary reads preferences and runs editors.

use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use tailchat_node::client::Client;
use tailchat_node::control::Failure;

use crate::notice::Channel;
use crate::preferences::Preferences;

/// Lets the person write in a program of their own: from the text to the text, or why there is none.
pub type Edit = Box<dyn FnMut(&str) -> Result<String, String> + Send>;

/// Connects to the node of the data folder, or becomes it; asked again when that was another program and ended.
pub type Attach = Box<dyn Fn() -> BoxFuture<'static, Result<Client, Failure>> + Send>;

/// What the UI is given.
pub struct Settings {
    /// The way to a node.
    pub attach: Attach,
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
