//! What each command asks of a node and prints of its answer; a file a theme. Knows the control protocol, not how a
//! node does what it is asked.

pub(crate) mod amend;
pub(crate) mod bundle;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod hooks;
pub(crate) mod import;
pub(crate) mod join;
pub(crate) mod link;
pub(crate) mod log;
mod new_file;
pub(crate) mod peers;
pub(crate) mod room;
pub(crate) mod rooms;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod service;
pub(crate) mod shell;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod ui;

use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, Result};
use serde_json::json;
use tailchat_node::control::{Code, Failure, Request};

use crate::args::{Everywhere, NameArgs};
use crate::print::Output;
use crate::reach::{Online, config, with_node};

const FIRST_MINUTE: &str = "\
tailchat: group chat for the terminal that needs no server

  tailchat new kitchen             create a room; prints the ID that others join with
  tailchat join room1...           take part in a room that somebody told you about
  tailchat serve                   stay online, so that others find you (in another terminal)
  tailchat send kitchen \"hello\"    say something
  tailchat log kitchen --follow    read, and go on reading
  tailchat demo                    watch two peers on this machine converge

`tailchat COMMAND --help` explains each, with an example; `tailchat --help` lists them all.";

/// `tailchat` alone: what to do first.
pub(crate) fn first_minute(out: &mut Output) -> Result<()> {
    out.line(FIRST_MINUTE)
}

/// `tailchat name`.
pub(crate) async fn name(args: NameArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    with_node(config(everywhere, Online::No)?, async |client| {
        if let Some(name) = args.new_name {
            client.ask(Request::Name { name }).await?;
        }
        let name = client.hello().await?.name;
        if out.is_json() {
            out.object(&json!({ "name": name }))
        } else {
            out.line(&tailchat_core::text::name(&name))
        }
    })
    .await
}

/// What was typed as words or, for `-` or in a pipe, comes from standard input, without its last line break.
///
/// # Errors
/// A [`Failure`] with `usage` where a person at a terminal typed nothing.
fn typed_or_piped(words: &[String], usage: &str) -> Result<String> {
    let piped = match words {
        [dash] if dash == "-" => true,
        [] if std::io::stdin().is_terminal() => return Err(Failure::new(Code::Usage, usage).into()),
        words => words.is_empty(),
    };
    if !piped {
        return Ok(words.join(" "));
    }
    let text = stdin_text()?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// All of stdin, which has to be UTF-8.
fn stdin_text() -> Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("standard input cannot be read")?;
    String::from_utf8(bytes).map_err(|error| {
        let why = format!(
            "standard input is not UTF-8 at byte {}; nothing was done with it; iconv converts other encodings",
            error.utf8_error().valid_up_to()
        );
        Failure::new(Code::Usage, why).into()
    })
}
