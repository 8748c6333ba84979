//! `tailchat` alone: the terminal UI where there is a terminal. Decides what the UI is given, not what it does.

use std::io::{self, IsTerminal as _};

use anyhow::Result;
use etcetera::BaseStrategy as _;
use jiff::tz::TimeZone;
use tailchat_node::client::Client;
use tailchat_node::control::{Code, Failure};
use tailchat_tui::notice::Channel;
use tailchat_tui::preferences::Preferences;
use tailchat_tui::theme::Theme;
use tailchat_tui::{Attach, Settings, TuiError, run};

use crate::args::Everywhere;
use crate::reach::{Online, Stopped, config};
use crate::{editor, qr};

/// Whether there is a person at a terminal.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// `tailchat`.
pub(crate) async fn ui(everywhere: &Everywhere) -> Result<()> {
    let config = config(everywhere, Online::Yes)?;
    let settings = settings(Box::new(move || Box::pin(Client::open(config.clone()))))?;
    match run(settings).await {
        Err(TuiError::Stopped(signal)) => Err(Stopped::by(signal).into()),
        Err(TuiError::Node(failure)) => Err(failure.into()),
        done => Ok(done?),
    }
}

fn settings(attach: Attach) -> Result<Settings> {
    let mut preferences = preferences()?;
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if value("NO_COLOR").is_some() {
        preferences.theme = Theme::mono();
    }
    let mut channel = Channel::of(value);
    channel.form = preferences.notices.unwrap_or(channel.form);
    Ok(Settings {
        attach,
        preferences,
        channel,
        utf8: shows_utf8(value),
        zone: TimeZone::system(),
        edit: Some(Box::new(editor::edit)),
        picture: |invite| qr::picture(&[invite], false),
    })
}

/// What the person chose in `tailchat/settings.toml` of the XDG configuration folder; nothing has to be there.
fn preferences() -> Result<Preferences> {
    let Ok(places) = etcetera::base_strategy::Xdg::new() else {
        return Ok(Preferences::default());
    };
    let path = places.config_dir().join("tailchat").join("settings.toml");
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Preferences::default()),
        Err(error) => {
            let why = format!("your settings cannot be read: {error}; mend or remove that file");
            return Err(Failure::new(Code::Usage, why).into());
        }
    };
    Preferences::parse(&text).map_err(|error| {
        let why = format!("{}: {error}", path.display());
        Failure::new(Code::Usage, why).into()
    })
}

/// As the C library decides it: by the first of these that says anything.
fn shows_utf8(value: impl Fn(&str) -> Option<String>) -> bool {
    // Where nothing is said, as in a container, terminals of today show UTF-8.
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(value)
        .is_none_or(|said| {
            let said = said.to_lowercase();
            said.contains("utf-8") || said.contains("utf8")
        })
}
