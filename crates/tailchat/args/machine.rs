//! What can be typed of this machine: its service, its shells, its manual. Knows none of them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Log there what happens, not to standard error; at 8 MiB it becomes FILE.1 and begins anew
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

#[derive(Subcommand)]
pub(crate) enum ServiceCommand {
    /// Run `tailchat serve` now and from each login on, with the --data, --listen and --no-discovery given here
    #[command(after_help = "Example: tailchat service install --log ~/tailchat.log")]
    Install(ServeArgs),
    /// Stop it, and run it no more; what it kept stays
    #[command(after_help = "Example: tailchat service remove")]
    Remove,
    /// Say whether it is installed and runs; exit 3 if it is not installed, 1 if it does not run
    #[command(after_help = "Example: tailchat service status --json")]
    Status,
}

#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// Whose
    pub(crate) shell: Shell,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// bash 4 or later
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

#[derive(Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}
