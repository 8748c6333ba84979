//! What can be typed. Knows names, forms and help texts, not what a command does.

#[cfg(test)]
mod documents;
mod files;
mod machine;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};
use tailchat_node::control::Wait;

pub(crate) use files::{BundleArgs, ExportArgs, ExportFormat, ImportArgs, ImportFormat, MergeArgs};
pub(crate) use machine::{CompletionsArgs, ManArgs, ServeArgs, ServiceArgs, ServiceCommand, Shell};

/// Group chat for the terminal that needs no server
///
/// A room is a log that everybody in it keeps on disk. Whoever meets exchanges what the other lacks; nobody has to
/// be online at the same time as anybody in particular. The network itself has to be safe: a LAN you trust, or a
/// VPN such as Tailscale or WireGuard.
#[derive(Parser)]
#[command(
    name = "tailchat",
    version,
    after_help = "Begin with `tailchat new kitchen`, or with `tailchat join room1...` if somebody gave you a room ID.\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such room, peer or message, 4 time is up,\n\
                  5 the data folder is damaged or not ours."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Args, Default)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Everywhere {
    /// The data folder [default: tailchat in the XDG data folder]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "TAILCHAT_DATA",
        hide_env_values = true
    )]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen; port 0 picks a free one [default: all interfaces, one fixed port]
    #[arg(
        long,
        global = true,
        value_name = "ADDR[:PORT]",
        env = "TAILCHAT_LISTEN",
        hide_env_values = true
    )]
    pub(crate) listen: Option<String>,
    /// Look for no peers beyond the addresses that are known
    #[arg(long, global = true)]
    pub(crate) no_discovery: bool,
    /// Your name from now on, as `tailchat name` sets it
    #[arg(long = "name", id = "own_name", global = true, value_name = "NAME")]
    pub(crate) own_name: Option<String>,
    /// One JSON object a line on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No talk on standard error, only errors
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Log to standard error what happens inside; twice for more (TAILCHAT_LOG filters)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create a room and print its invite
    #[command(after_help = "Example: tailchat new kitchen")]
    New(NewArgs),
    /// Take part in a room: by its ID or an invite
    #[command(
        after_help = "Never fails because nobody is there: it waits, visibly, until somebody who has the room is met.\n\
                      Ctrl-C ends the waiting, not the taking part.\n\n\
                      Example: tailchat join room1... --peer 100.101.102.103"
    )]
    Join(JoinArgs),
    /// List your rooms
    #[command(after_help = "Example: tailchat rooms --json")]
    Rooms,
    /// Leave a room
    #[command(after_help = "Example: tailchat leave kitchen --forget")]
    Leave(LeaveArgs),
    /// List the people of a room
    #[command(after_help = "Example: tailchat members kitchen")]
    Members(RoomArgs),
    /// Post a message; it is on your disk when the command returns
    #[command(
        after_help = "A text that begins with \"/me \" is an action: /me waves. Prints the message's ID.\n\n\
                      Examples: tailchat send kitchen \"tea is ready\" --wait 1 --timeout 30\n          \
                      make 2>&1 | tailchat send builds -"
    )]
    Send(SendArgs),
    /// Give one of your messages another text
    #[command(
        after_help = "Everybody sees the new text, marked as edited. What you wrote before stays in the log of each \
                      member.\n\n\
                      Example: tailchat edit kitchen 9b11219d/1 \"tea is ready\""
    )]
    Edit(EditArgs),
    /// Take one of your messages back
    #[command(
        after_help = "Nobody sees its text any more, in no list, search or export. Its bytes stay in the log of each \
                      member: who wants to can still find them there.\n\n\
                      Example: tailchat delete kitchen 9b11219d/1"
    )]
    Delete(DeleteArgs),
    /// Say what you feel about a message, with an emoji or a word
    #[command(after_help = "Example: tailchat react kitchen 9b11219d/1 👍")]
    React(ReactArgs),
    /// Pin a message, so that everybody finds it at once
    #[command(
        after_help = "`tailchat pins` lists them; whoever is in the room may pin and unpin.\n\n\
                      Example: tailchat pin kitchen 9b11219d/1; tailchat pin kitchen 9b11219d/1 --remove"
    )]
    Pin(PinArgs),
    /// List a room's pinned messages
    #[command(after_help = "Example: tailchat pins kitchen --json")]
    Pins(RoomArgs),
    /// Print a room's messages, the oldest first
    #[command(
        after_help = "T is RFC 3339 (2026-11-22T15:04:05Z), a date, \"yesterday\" or \"2 days ago\". Times are local (TZ).\n\n\
                      Examples: tailchat log kitchen --since \"2 days ago\" --follow\n          \
                      tailchat log kitchen --at 2026-11-01\n          \
                      tailchat log kitchen --answers-to 9b11219d/1"
    )]
    Log(LogArgs),
    /// Say all that is known of a message
    #[command(
        after_help = "When it was written and when it arrived, by whom it came, on whose disks it is, its earlier texts.\n\n\
                      Example: tailchat show kitchen 9b11219d/1"
    )]
    Show(ShowArgs),
    /// Find messages by what they say, the newest first
    #[command(
        after_help = "WORDS may be: words, all of which have to be there, whatever their case and accents; \"words in a row\";\n\
                      beginnin*; -without; from:NAME; in:ROOM; before:T; after:T; has:link. T as for `log`.\n\
                      What begins with a minus goes behind `--`, a phrase into quotes of its own.\n\n\
                      Examples: tailchat search kernel panic --room kitchen --since \"2 days ago\"\n          \
                      tailchat search -- '\"blue screen\" from:ann -windows'"
    )]
    Search(SearchArgs),
    /// Mark all messages of a room as read
    #[command(after_help = "Example: tailchat log kitchen --unread && tailchat read kitchen")]
    Read(RoomArgs),
    /// Print what a room is about, or say it for everybody
    #[command(
        after_help = "An empty text takes it away. Whoever is in the room may say it; the last word holds.\n\n\
                      Example: tailchat topic kitchen \"who cooks what, and when\""
    )]
    Topic(TopicArgs),
    /// Give a room another name, for everybody
    #[command(
        after_help = "For a name that only you see: tailchat alias.\n\nExample: tailchat rename kitchen canteen"
    )]
    Rename(RenameArgs),
    /// Call a room by a name of your own; nobody else sees it
    #[command(
        after_help = "Without a name it is called again as everybody calls it, a name that works everywhere as before.\n\n\
                      Example: tailchat alias kitchen home"
    )]
    Alias(AliasArgs),
    /// Fold away what a member writes; nobody else hears of it
    #[command(
        after_help = "Their messages stay on your disk and are passed on, but count nowhere and bring no notice.\n\
                      `tailchat log --ignored` shows them, `tailchat members` says who is ignored.\n\n\
                      Example: tailchat ignore kitchen bob; tailchat ignore kitchen bob --off"
    )]
    Ignore(IgnoreArgs),
    /// Bring no notice of a room's messages any more
    #[command(
        after_help = "They still count as unread.\n\nExample: tailchat mute kitchen; tailchat mute kitchen --off"
    )]
    Mute(MuteArgs),
    /// Bring in messages from elsewhere; the same file again adds nothing
    #[command(after_help = "irc: told by a file's first lines, one of\n  \
                        `[HH:MM] <nick> text`, `[HH:MM]  * nick acts`: a channel's log of one day, its name beginning\n  \
                        with the date (YYYY-MM-DD.txt); `=== ...`, what the channel says, is left out\n  \
                        weechat: what its logger writes, `2024-03-01 12:34:56 @nick text` with tabs between\n  \
                        irssi: `12:34 <@nick> text` below `--- Log opened ...` and `--- Day changed ...`\n\
                      jsonl: one object a line with `author`, `sent_at` and `text`, as `export` writes it\n\n\
                      A folder stands for its files, `-` for standard input. Times without a zone are UTC. Signs of rank\n\
                      before a nick and the codes of colours are left out; joins, notices and whatever is no message\n\
                      are counted on standard error. UTF-8 and UTF-16 with its mark are read, and a line that is not UTF-8\n\
                      as Windows-1252, which is counted, too.\n\n\
                      Examples: tailchat import kitchen --format irc logs/2004-12-25.txt ~/.local/share/weechat/logs\n          \
                      zcat irssi.log.gz | tailchat import kitchen --format irssi -")]
    Import(ImportArgs),
    /// Write out everything that a room's members share
    #[command(
        after_help = "md: Markdown; whatever people wrote stays text, but for code between fences and links\n\
                      html: one page that needs nothing else, runs nothing, and is readable on a phone, too\n\
                      jsonl: one object a line, which `import` reads\n\
                      automerge: the room's document; any Automerge library opens it\n\n\
                      Times are UTC, and members who are equal write equal files. What stood in FILE is replaced when the\n\
                      new file is whole.\n\n\
                      Example: tailchat export kitchen --format html -o kitchen.html"
    )]
    Export(ExportArgs),
    /// Write what others lack of a room into a file that anything may carry
    #[command(
        after_help = "The file can be copied, mailed or piped; `tailchat merge` takes it in, again and in any order. Only who is in\n\
                      the room can take it in, but it is not encrypted: who gets the file can read what is in it.\n\
                      T as for `log`.\n\n\
                      Examples: tailchat bundle kitchen -o /media/stick/kitchen.bundle\n          \
                      tailchat bundle kitchen --for bob | ssh host tailchat merge -"
    )]
    Bundle(BundleArgs),
    /// Take in what `bundle` wrote
    #[command(
        after_help = "Several bundles in one file are a bundle, too. What is there already is passed over.\n\n\
                      Example: tailchat merge /media/stick/kitchen.bundle"
    )]
    Merge(MergeArgs),
    /// List the addresses of peers, add or forget one
    #[command(after_help = "Example: tailchat peers add 100.101.102.103")]
    Peers(PeersArgs),
    /// Say how rooms stand with others; exit 0 only if there are connected peers and all are equal
    #[command(after_help = "Example: tailchat status kitchen --wait 30 && echo everybody has everything")]
    Status(StatusArgs),
    /// Run a peer without a screen until it is told to stop
    #[command(after_help = "Example: tailchat serve --listen 100.101.102.103")]
    Serve(ServeArgs),
    /// Keep a peer without a screen running on this machine, from each login on
    #[command(
        after_help = "A user service of systemd, or an agent of launchd on macOS. It needs no root and touches nothing of others.\n\n\
                      Example: tailchat service install && tailchat service status"
    )]
    Service(ServiceArgs),
    /// Say what is wrong, and the command that mends it; exit 1 if something is
    #[command(
        after_help = "Looks at the tailchat that runs, its port and who came in by it, firewalls, addresses, peers, rooms, the disk\n\
                      and the data folder. Changes nothing: what it names as a mend is yours to type.\n\n\
                      Example: tailchat doctor --json | jq 'select(.level == \"wrong\")'"
    )]
    Doctor,
    /// Verify every record on disk; exit 5 if something is damaged
    #[command(after_help = "Example: tailchat check kitchen")]
    Check(CheckArgs),
    /// Watch two peers on this machine drift apart and converge
    #[command(after_help = "Takes about ten seconds and leaves nothing behind.\n\nExample: tailchat demo")]
    Demo,
    /// Let another device of yours write as you
    #[command(
        after_help = "Without a CODE this device prints one; take it on the other one, in a fresh folder, once: it is in your rooms\n\
                      then, under your name. Each says so in its log, so both have to meet in a room before others count\n\
                      them as one. Whoever has the code can be you: keep it to yourself. `-` reads it from standard input.\n\n\
                      Examples: tailchat link | ssh laptop tailchat link -\n          \
                      tailchat link tailchat-link:link1..."
    )]
    Link(LinkArgs),
    /// Print what a shell needs to complete commands, options and names of rooms
    #[command(after_help = "Rooms come with what is unread where the shell shows it.\n\n\
                      Examples: source <(tailchat completions bash)\n          \
                      tailchat completions fish > ~/.config/fish/completions/tailchat.fish")]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command
    #[command(
        after_help = "Examples: tailchat man | man -l -\n          tailchat man ~/.local/share/man/man1"
    )]
    Man(ManArgs),
    /// Print or set your name
    #[command(after_help = "Example: tailchat name ann")]
    Name(NameArgs),
}

#[derive(Args)]
pub(crate) struct NewArgs {
    /// What everybody will call the room
    #[arg(value_name = "NAME")]
    pub(crate) room: String,
}

#[derive(Args)]
pub(crate) struct JoinArgs {
    /// The room's ID or an invite, in any case; `-` reads it from standard input
    #[arg(value_name = "ID|INVITE")]
    pub(crate) room: Vec<String>,
    /// Where to look for a member, beside the invite's addresses; may be given again
    #[arg(long = "peer", value_name = "HOST[:PORT]")]
    pub(crate) peers: Vec<String>,
    /// Give up waiting after so many seconds, with exit code 4
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct RoomArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
}

#[derive(Args)]
pub(crate) struct MuteArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// Bring notices again
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Args)]
pub(crate) struct TopicArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// What it is about; prints it if not given
    pub(crate) topic: Vec<String>,
}

#[derive(Args)]
pub(crate) struct RenameArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// What everybody will call it
    #[arg(value_name = "NAME")]
    pub(crate) new_name: String,
}

#[derive(Args)]
pub(crate) struct AliasArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// What you will call it
    #[arg(value_name = "NAME")]
    pub(crate) alias: Option<String>,
}

#[derive(Args)]
pub(crate) struct IgnoreArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// A member's name, or the beginning of the ID that `members --json` prints
    pub(crate) member: String,
    /// Ignore them no longer
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Args)]
pub(crate) struct LeaveArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// Delete its history from this disk, too
    #[arg(long)]
    pub(crate) forget: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct SendArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// What to say; `-`, or nothing in a pipe, reads standard input
    pub(crate) text: Vec<String>,
    /// One message for each line that is not empty
    #[arg(long)]
    pub(crate) lines: bool,
    /// The message to answer: its ID or the beginning of it
    #[arg(long, value_name = "MSG")]
    pub(crate) reply_to: Option<String>,
    /// Wait until it is on the disks of so many other members
    #[arg(long, value_name = "N")]
    pub(crate) wait: Option<u32>,
    /// Give up waiting after so many seconds, with exit code 4
    #[arg(long, value_name = "SECS", value_parser = seconds, requires = "wait")]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct EditArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// The message's ID or the beginning of it
    pub(crate) message: String,
    /// The new text; `-`, or nothing in a pipe, reads standard input
    pub(crate) text: Vec<String>,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// The message's ID or the beginning of it
    pub(crate) message: String,
}

#[derive(Args)]
pub(crate) struct DeleteArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// The message's ID or the beginning of it
    pub(crate) message: String,
}

#[derive(Args)]
pub(crate) struct PinArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// The message's ID or the beginning of it
    pub(crate) message: String,
    /// Unpin it
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Args)]
pub(crate) struct ReactArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// The message's ID or the beginning of it
    pub(crate) message: String,
    /// An emoji or one word
    pub(crate) with: String,
    /// Take the reaction back
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Args)]
pub(crate) struct LogArgs {
    /// A room's name, the beginning of one, or its ID
    pub(crate) room: String,
    /// Only the newest N [default: 50 on a terminal if no time is given, otherwise all]
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<u64>,
    /// Only what was sent at that time or later
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only what was sent before that time
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// As this peer knew the room at that time; what was deleted since stays so
    #[arg(long, value_name = "T", conflicts_with_all = ["unread", "follow"])]
    pub(crate) at: Option<String>,
    /// Only what you have not read; `tailchat read` marks it as read
    #[arg(long, conflicts_with = "last")]
    pub(crate) unread: bool,
    /// Also what people write whom you ignore
    #[arg(long)]
    pub(crate) ignored: bool,
    /// Go on with new messages as they come; Ctrl-C ends it
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only this message and what answers it: its ID as `log --json` prints it, or the beginning of one
    #[arg(long, value_name = "MSG", conflicts_with_all = ["last", "since", "until", "at", "unread", "follow"])]
    pub(crate) answers_to: Option<String>,
}

#[derive(Args)]
pub(crate) struct SearchArgs {
    /// What to look for
    pub(crate) words: Vec<String>,
    /// Only in this room: its name, the beginning of one, or its ID
    #[arg(long, value_name = "ROOM")]
    pub(crate) room: Option<String>,
    /// Only by this person, or by who had this nick elsewhere
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// Only what was sent at that time or later
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only what was sent before that time
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// So many at most, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
}

#[derive(Args)]
pub(crate) struct PeersArgs {
    #[command(subcommand)]
    pub(crate) command: Option<PeersCommand>,
}

#[derive(Subcommand)]
pub(crate) enum PeersCommand {
    /// Dial an address from now on
    #[command(after_help = "Example: tailchat peers add ann-laptop")]
    Add {
        /// Where a peer listens
        #[arg(value_name = "HOST[:PORT]")]
        addr: String,
    },
    /// Dial an address no longer
    #[command(after_help = "Example: tailchat peers forget ann-laptop")]
    Forget {
        /// As it was added; a host alone stands for all its ports
        #[arg(value_name = "HOST")]
        addr: String,
    },
}

#[derive(Args)]
pub(crate) struct StatusArgs {
    /// A room's name, the beginning of one, or its ID; all rooms if not given
    pub(crate) room: Option<String>,
    /// Wait until all are equal, at most so many seconds, then exit with 4
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// A room's name, the beginning of one, or its ID; all rooms if not given
    pub(crate) room: Option<String>,
    /// Set damaged blocks aside, so that peers fill the gap
    #[arg(long)]
    pub(crate) repair: bool,
}

#[derive(Args)]
pub(crate) struct LinkArgs {
    /// What `tailchat link` printed on your other device; `-` reads it from standard input
    pub(crate) code: Option<String>,
}

#[derive(Args)]
pub(crate) struct NameArgs {
    /// Your name from now on; prints the present one if not given
    #[arg(value_name = "NAME")]
    pub(crate) new_name: Option<String>,
}

/// Seconds as people write them: `30`, `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "seconds are needed, such as 30 or 0.5".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

/// How a node is told to wait at most so long.
pub(crate) fn at_most(time: Duration) -> Wait {
    Wait::Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
