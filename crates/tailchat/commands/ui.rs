//! `tailchat` alone: the terminal UI where there is a terminal. Decides what the UI is given, not what it does.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use etcetera::BaseStrategy as _;
use jiff::tz::TimeZone;
use tailchat_node::client::Client;
use tailchat_node::control::{Code, Failure};
use tailchat_tui::notice::Channel;
use tailchat_tui::preferences::Preferences;
use tailchat_tui::theme::Theme;
use tailchat_tui::{Settings, TuiError, run};

use crate::args::Everywhere;
use crate::reach::{Online, Stopped, config};
use crate::{editor, qr};

/// A node that is gone sooner is not waited for.
const ATTACHED_MIN: Duration = Duration::from_secs(1);

/// Whether there is a person at a terminal.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// `tailchat`.
pub(crate) async fn ui(everywhere: &Everywhere) -> Result<()> {
    loop {
        let settings = settings()?;
        let client = Client::open(config(everywhere, Online::Yes)?).await?;
        let (attached, began) = (client.is_remote(), Instant::now());
        return match run(client, settings).await {
            // The node that it was attached to was stopped: another one takes its place, or this process does.
            Err(TuiError::Node(_)) if attached && began.elapsed() > ATTACHED_MIN => continue,
            Err(TuiError::Stopped(signal)) => Err(Stopped::by(signal).into()),
            Err(TuiError::Node(failure)) => Err(failure.into()),
            done => Ok(done?),
        };
    }
}

fn settings() -> Result<Settings> {
    let mut preferences = preferences()?;
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if value("NO_COLOR").is_some() {
        preferences.theme = Theme::mono();
    }
    let mut channel = Channel::of(value);
    channel.form = preferences.notices.unwrap_or(channel.form);
    Ok(Settings {
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
        Err(error) => return Err(error).context("your settings cannot be read"),
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
