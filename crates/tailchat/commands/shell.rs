//! `completions` and `man`: the command line as shells and `man` want it, made from its own description. Knows no command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};
use clap_complete::{ArgValueCandidates, CompletionCandidate};
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{Item, Request, RoomItem};
use tokio::time::timeout;

use crate::args::{Cli, CompletionsArgs, Everywhere, ManArgs, Shell};
use crate::print::{Output, counted};
use crate::reach::{Online, config, gather};

/// The variable by which a shell's script asks this program to complete.
const ASKS: &str = "TAILCHAT_COMPLETE";
/// A person waits for a completion: without rooms it is one, too.
const ROOMS_WITHIN: Duration = Duration::from_millis(500);

/// Answers a shell that asks for completions, and ends then.
pub(crate) fn complete() {
    if std::env::var_os(ASKS).is_some() {
        CompleteEnv::with_factory(completed).var(ASKS).complete();
    }
}

/// `tailchat completions`.
pub(crate) fn completions(args: &CompletionsArgs, out: &mut Output) -> Result<()> {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    shell
        .write_registration(ASKS, "tailchat", "tailchat", "tailchat", &mut script)
        .context("the script cannot be made")?;
    out.raw(&script)
}

/// `tailchat man`.
pub(crate) fn man(args: &ManArgs, out: &mut Output) -> Result<()> {
    let command = Cli::command();
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return out.raw(&page);
    };
    fs_err::create_dir_all(folder)?;
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("the pages cannot be written to {}", folder.display()))
}

/// The command line with what completes the names of rooms.
fn completed() -> clap::Command {
    let fresh = ["new", "join"];
    Cli::command().mut_subcommands(|command| {
        if fresh.contains(&command.get_name()) {
            return command;
        }
        command.mut_args(|arg| match arg.get_id() == "room" {
            true => arg.add(ArgValueCandidates::new(rooms)),
            false => arg,
        })
    })
}

fn rooms() -> Vec<CompletionCandidate> {
    let typed: Vec<_> = std::env::args_os().collect();
    let everywhere = Everywhere {
        data: data_of(&typed).or_else(|| std::env::var_os("TAILCHAT_DATA").map(PathBuf::from)),
        ..Everywhere::default()
    };
    let rooms = known_rooms(&everywhere).unwrap_or_default();
    let names: Vec<_> = rooms.iter().map(|room| text::name(&room.name)).collect();
    let candidate = |room: RoomItem| {
        let name = text::name(&room.name);
        let unread = match (room.unread, room.mentions) {
            (0, _) => "nothing unread".to_owned(),
            (unread, 0) => format!("{} unread", counted(unread, "message")),
            (unread, names_you) => format!("{} unread, {names_you} name you", counted(unread, "message")),
        };
        // Others chose the name, and what is completed is run: a shell sees only words that it takes as they are.
        // And one that several have names none of them.
        let alone = names.iter().filter(|other| **other == name).count() == 1;
        match alone && is_plain(&name) {
            true => CompletionCandidate::new(name).help(Some(unread.into())),
            false => CompletionCandidate::new(room.room).help(Some(format!("{name}: {unread}").into())),
        }
    };
    rooms.into_iter().map(candidate).collect()
}

/// Whether no shell does anything with a word but take it.
fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    !word.is_empty() && !word.starts_with('-') && word.chars().all(plain)
}

fn known_rooms(everywhere: &Everywhere) -> Result<Vec<RoomItem>> {
    let config = config(everywhere, Online::No)?;
    // Whoever only types makes no folder.
    if !Path::new(&config.data).is_dir() {
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Opening takes no time; what was opened is closed in good order, or its actors would be given up as after a crash.
        let mut client = timeout(ROOMS_WITHIN, Client::open(config)).await??;
        let asked = gather(&mut client, Request::Rooms, |item| match item {
            Item::Room(room) => Some(room),
            _ => None,
        });
        let rooms = timeout(ROOMS_WITHIN, asked).await;
        client.close().await?;
        rooms?
    })
}

/// What was typed as `--data`, which the shell hands over as it stands.
fn data_of(typed: &[OsString]) -> Option<PathBuf> {
    let joined = typed.iter().rev().find_map(|word| {
        let word = word.to_str()?;
        word.strip_prefix("--data=").map(PathBuf::from)
    });
    let apart = typed.windows(2).rev().find_map(|pair| match pair {
        [option, folder] if option == "--data" => Some(PathBuf::from(folder)),
        _ => None,
    });
    apart.or(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_act_on_is_never_completed() {
        for name in [
            "$(reboot)",
            "a;b",
            "a b",
            "`x`",
            "-rf",
            "a'b",
            "~root",
            "a\nb",
            "",
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
        for name in ["kitchen", "k\u{fc}che", "a-b_c.d"] {
            assert!(is_plain(name), "{name:?}");
        }
    }

    #[test]
    fn the_data_folder_is_the_last_one_typed() {
        let typed = |words: &[&str]| data_of(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(typed(&["tailchat", "log"]), None);
        assert_eq!(typed(&["tailchat", "--data", "/a b", "log"]), Some("/a b".into()));
        assert_eq!(typed(&["tailchat", "--data=/c", "log"]), Some("/c".into()));
    }

    #[test]
    fn the_command_line_with_completers_is_sound() {
        completed().debug_assert();
    }
}
