//! What can be typed of files that come and go. Knows none of their forms.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// Files, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What the files are
    #[arg(long)]
    pub(crate) format: ImportFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// An IRC log of any of these forms, told by its first lines
    Irc,
    /// A log of WeeChat's
    Weechat,
    /// A log of irssi's
    Irssi,
    /// One JSON object a line
    Jsonl,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// What to write
    #[arg(long)]
    pub(crate) format: ExportFormat,
    /// Where to; standard output if not given, or `-`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Markdown, for people
    Md,
    /// One JSON object a line
    Jsonl,
    /// One page for a browser that needs nothing else
    Html,
    /// The room's Automerge document
    Automerge,
}

#[derive(Args)]
pub(crate) struct BundleArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// Only what this member's disks are not known to have
    #[arg(long = "for", value_name = "PEER", conflicts_with = "since")]
    pub(crate) member: Option<String>,
    /// Only what arrived here, or was sent, at that time or later
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Where to; standard output if not given, or `-`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct MergeArgs {
    /// A bundle; `-` reads it from standard input
    pub(crate) file: PathBuf,
}
