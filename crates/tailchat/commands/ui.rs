//! `tailchat` alone: the terminal UI where there is a terminal. Decides what the UI is given, not what it does.

use std::io::{self, IsTerminal as _};

use anyhow::Result;
use jiff::tz::TimeZone;
use tailchat_node::client::Client;
use tailchat_tui::keys::KeyMap;
use tailchat_tui::notice::Channel;
use tailchat_tui::theme::Theme;
use tailchat_tui::{Choices, TuiError, run};

use crate::args::Everywhere;
use crate::qr;
use crate::reach::{Online, Stopped, config};

/// Whether there is a person at a terminal.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// `tailchat`.
pub(crate) async fn ui(everywhere: &Everywhere) -> Result<()> {
    let client = Client::open(config(everywhere, Online::Yes)?).await?;
    match run(client, choices().into()).await {
        Err(TuiError::Stopped(signal)) => Err(Stopped::by(signal).into()),
        Err(TuiError::Node(failure)) => Err(failure.into()),
        done => Ok(done?),
    }
}

fn choices() -> Choices {
    Choices {
        keys: KeyMap::default(),
        theme: Theme::default(),
        mouse: false,
        notify: true,
        notices: Channel::default(),
        utf8: shows_utf8(),
        zone: TimeZone::system(),
        edit: None,
        picture,
    }
}

/// As the C library decides it: the first of these that says anything.
fn shows_utf8() -> bool {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
    let said = variables
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|said| !said.is_empty());
    // Where nothing is said, as in a container, terminals of today show UTF-8.
    said.is_none_or(|said| {
        let said = said.to_lowercase();
        said.contains("utf-8") || said.contains("utf8")
    })
}

fn picture(invite: &str) -> Option<Vec<String>> {
    qr::picture(&[invite], false)
}
