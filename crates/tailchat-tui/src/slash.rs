//! Commands that are typed into the input: one table, of which reading, help and completion are made. Knows the words
//! of the command line, not how a command is carried out.

use crate::nearest::nearest;

/// What a line in the input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slash {
    /// No command: to be sent as it stands here.
    Text(String),
    /// To be sent as an action.
    Me(String),
    /// Take part in a room.
    Join {
        /// An ID or an invite, without white space.
        invite: String,
        /// Addresses to look at beside those in the invite, `HOST[:PORT]`.
        peers: Vec<String>,
    },
    /// Make a room of this name.
    New(String),
    /// Leave a room.
    Leave {
        /// Which; this one if none.
        room: Option<String>,
        /// Whether its history is to be deleted here.
        forget: bool,
    },
    /// Give one's newest message, or the selected one, another text; the old one to begin with if none.
    Edit(Option<String>),
    /// Delete one's newest message, or the selected one.
    Delete,
    /// React to the newest message, or the selected one.
    React(String),
    /// Pin the newest message, or the selected one; or take the newest pin away.
    Pin {
        /// Whether it is pinned from now on.
        on: bool,
    },
    /// What is pinned in this room.
    Pins,
    /// Say what this room is about, or nothing if empty; show what was said if none.
    Topic(Option<String>),
    /// Give this room another name, for everybody.
    Rename(String),
    /// Call this room by another name here, or as everybody does if empty.
    Alias(String),
    /// Fold away what somebody writes here.
    Ignore {
        /// Who.
        name: String,
        /// Whether they are ignored from now on.
        on: bool,
    },
    /// Show what ignored people wrote, or fold it away again.
    Ignored,
    /// Take another name.
    Name(String),
    /// Go to a room.
    Rooms {
        /// Which; to be chosen from the list if none.
        room: Option<String>,
    },
    /// Who is in this room.
    Members,
    /// Which addresses are known, who is connected.
    Peers,
    /// Dial an address from now on.
    AddPeer(String),
    /// Dial an address no longer.
    ForgetPeer(String),
    /// How others get into this room.
    Invite,
    /// Mark as read.
    Read {
        /// Every room, not only this one.
        all: bool,
    },
    /// Look for messages by what they say; for what was looked for last if there is nothing.
    Search(String),
    /// Go to a date or message, as it was typed.
    Goto(String),
    /// How this or all rooms stand with peers.
    Status,
    /// No notices from this room, or again.
    Mute,
    /// Keys and commands.
    Help,
    /// End the program.
    Quit,
}

/// Whose names may follow a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// People's.
    People,
    /// Those of members who are not ignored.
    Heard,
    /// Those of members who are.
    Ignored,
    /// Rooms'.
    Rooms,
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What is typed behind the `/`.
    pub name: &'static str,
    /// Other names, for fingers that are used to them.
    pub aliases: &'static [&'static str],
    /// What follows; empty if nothing does.
    pub form: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Words that may follow, for completion.
    pub words: &'static [&'static str],
    /// Whose names may follow, for completion.
    pub names: Names,
}

impl Command {
    /// As it is typed: `/leave [ROOM] [--forget]`.
    #[must_use]
    pub fn usage(&self) -> String {
        format!("/{} {}", self.name, self.form).trim_end().to_owned()
    }
}

const fn plain(
    name: &'static str,
    aliases: &'static [&'static str],
    form: &'static str,
    help: &'static str,
) -> Command {
    Command {
        name,
        aliases,
        form,
        help,
        words: &[],
        names: Names::People,
    }
}

const fn of(names: Names, command: Command) -> Command {
    Command { names, ..command }
}

const fn with(command: Command, words: &'static [&'static str]) -> Command {
    Command { words, ..command }
}

/// All commands, in the order of the help.
pub const COMMANDS: &[Command] = &[
    plain("me", &[], "TEXT", "Say it in the third person: /me waves"),
    plain("edit", &["s"], "[TEXT]", "Give your newest message another text"),
    plain("delete", &["del"], "", "Delete your newest message for everybody"),
    plain(
        "react",
        &[],
        "EMOJI",
        "React to the newest message: /react :tada:",
    ),
    plain("pin", &[], "", "Pin the newest message for everybody"),
    plain("unpin", &[], "", "Take the newest pin away"),
    plain("pins", &["pinned"], "", "What is pinned in this room"),
    with(
        plain(
            "join",
            &["j"],
            "ID|INVITE [--peer HOST[:PORT]]...",
            "Take part in a room",
        ),
        &["--peer"],
    ),
    plain("new", &["create"], "NAME", "Make a room"),
    with(
        of(
            Names::Rooms,
            plain(
                "leave",
                &["part"],
                "[ROOM] [--forget]",
                "Leave a room; its history stays here unless forgotten",
            ),
        ),
        &["--forget"],
    ),
    of(
        Names::Rooms,
        plain("rooms", &["room", "switch", "go"], "[ROOM]", "Go to a room"),
    ),
    plain(
        "topic",
        &[],
        "[TEXT]",
        "What this room is about, for everybody; \"\" takes it away",
    ),
    plain(
        "rename",
        &[],
        "NAME",
        "Give this room another name, for everybody",
    ),
    plain(
        "alias",
        &[],
        "[NAME]",
        "Call this room so yourself; without a name, as everybody does",
    ),
    plain("members", &["who", "names"], "", "Who is in this room"),
    with(
        plain(
            "peers",
            &[],
            "[add HOST[:PORT] | forget HOST]",
            "Connected peers and known addresses",
        ),
        &["add", "forget"],
    ),
    plain("invite", &[], "", "Show how others get into this room"),
    with(
        plain("read", &[], "[all]", "Mark this room as read, or all rooms"),
        &["all"],
    ),
    plain(
        "search",
        &["find", "grep"],
        "[WORDS]",
        "Find messages in all rooms: words, from:NAME in:ROOM before:DATE",
    ),
    plain(
        "goto",
        &["date"],
        "DATE|MESSAGE",
        "Go to a date (2026-11-22, yesterday, \"2 days ago\") or message",
    ),
    plain("status", &[], "", "How rooms stand with peers"),
    plain("mute", &["unmute"], "", "No notices from this room, or again"),
    of(
        Names::Heard,
        plain("ignore", &[], "NAME", "Fold away what somebody writes here"),
    ),
    of(
        Names::Ignored,
        plain("unignore", &[], "NAME", "Ignore somebody no longer"),
    ),
    plain(
        "ignored",
        &[],
        "",
        "Show what ignored people wrote here, or fold it away",
    ),
    plain("name", &["nick"], "NAME", "Take another name"),
    plain("help", &["?", "h"], "", "Keys and commands"),
    plain(
        "quit",
        &["q", "exit"],
        "",
        "Quit; what you wrote stays as a draft",
    ),
];

/// Why a line that begins with `/` is no command. Nothing of it is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlashError {
    /// There is only a `/`.
    #[error("write the command's name behind the /; /help lists them, // sends a text that begins with /")]
    Nameless,
    /// There is no such command.
    #[error("there is no /{name}{}; /help lists them, //{name} sends it as text", did_you_mean(*.meant))]
    Unknown {
        /// What was typed, made visible.
        name: String,
        /// What is probably meant.
        meant: Option<&'static str>,
    },
    /// Something is missing, or too much.
    #[error("/{} {why}; write {}", .command.name, .command.usage())]
    Form {
        /// Which command.
        command: &'static Command,
        /// What is wrong.
        why: &'static str,
    },
}

fn did_you_mean(meant: Option<&str>) -> String {
    meant
        .map(|meant| format!("; did you mean /{meant}?"))
        .unwrap_or_default()
}

/// The command of a name or alias, with or without its `/`.
#[must_use]
pub fn command(name: &str) -> Option<&'static Command> {
    let name = name.strip_prefix('/').unwrap_or(name).to_lowercase();
    COMMANDS
        .iter()
        .find(|command| command.name == name || command.aliases.contains(&name.as_str()))
}

/// Reads what was typed: a command, or a text. `//text` is the text `/text`.
///
/// # Errors
/// [`SlashError`], with what would be right.
pub fn parse(typed: &str) -> Result<Slash, SlashError> {
    let Some(line) = typed.strip_prefix('/') else {
        return Ok(Slash::Text(typed.to_owned()));
    };
    if line.starts_with('/') {
        return Ok(Slash::Text(line.to_owned()));
    }
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if name.is_empty() {
        return Err(SlashError::Nameless);
    }
    let Some(command) = command(name) else {
        let known = COMMANDS.iter().map(|command| command.name);
        return Err(SlashError::Unknown {
            name: tailchat_core::text::name(name),
            meant: nearest(name, known),
        });
    };
    let rest = rest.trim();
    let wrong = |why| Err(SlashError::Form { command, why });
    if rest.contains('\n') && !matches!(command.name, "me" | "edit") {
        return wrong("takes one line");
    }
    if rest.is_empty() && !command.form.is_empty() && !command.form.starts_with('[') {
        return wrong("says too little");
    }
    if !rest.is_empty() && command.form.is_empty() {
        return wrong("takes nothing more");
    }
    read(command, rest).map_or_else(wrong, Ok)
}

/// The command with what follows it, which is there if it must be.
fn read(command: &Command, rest: &str) -> Result<Slash, &'static str> {
    let text = || rest.to_owned();
    Ok(match command.name {
        "me" => Slash::Me(text()),
        "edit" => Slash::Edit((!rest.is_empty()).then(text)),
        "delete" => Slash::Delete,
        "react" => match rest.contains(char::is_whitespace) {
            false => Slash::React(text()),
            true => return Err("takes one emoji or word"),
        },
        "pin" | "unpin" => Slash::Pin {
            on: command.name == "pin",
        },
        "pins" => Slash::Pins,
        "topic" if rest == "\"\"" => Slash::Topic(Some(String::new())),
        "topic" => Slash::Topic((!rest.is_empty()).then(text)),
        "rename" => Slash::Rename(text()),
        "alias" => Slash::Alias(text()),
        "ignore" | "unignore" => Slash::Ignore {
            name: text(),
            on: command.name == "ignore",
        },
        "ignored" => Slash::Ignored,
        "join" => join(rest)?,
        "new" => Slash::New(text()),
        "leave" => leave(rest)?,
        "rooms" => Slash::Rooms {
            room: (!rest.is_empty()).then(text),
        },
        "members" => Slash::Members,
        "peers" => peers(rest)?,
        "invite" => Slash::Invite,
        "read" => match rest {
            "" => Slash::Read { all: false },
            "all" | "--all" => Slash::Read { all: true },
            _ => return Err("takes \"all\" or nothing"),
        },
        "search" => Slash::Search(text()),
        "goto" => Slash::Goto(rest.trim_matches('"').to_owned()),
        "status" => Slash::Status,
        "mute" => Slash::Mute,
        "name" => Slash::Name(text()),
        "help" => Slash::Help,
        "quit" => Slash::Quit,
        // A test reads every line of the table.
        _ => return Err("is not there yet"),
    })
}

fn join(rest: &str) -> Result<Slash, &'static str> {
    let mut invite = String::new();
    let mut peers = Vec::new();
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        match word.strip_prefix("--peer") {
            Some("") => peers.push(words.next().ok_or("names no peer")?.to_owned()),
            Some(peer) => peers.push(peer.strip_prefix('=').ok_or("knows only --peer")?.to_owned()),
            None if word.starts_with("--") => return Err("knows only --peer"),
            // Spaces get into an ID when it is copied over several lines.
            None => invite.push_str(word),
        }
    }
    match invite.is_empty() {
        true => Err("names no room"),
        false => Ok(Slash::Join { invite, peers }),
    }
}

fn leave(rest: &str) -> Result<Slash, &'static str> {
    let (options, words): (Vec<&str>, Vec<&str>) =
        rest.split_whitespace().partition(|word| word.starts_with("--"));
    if options.iter().any(|option| *option != "--forget") {
        return Err("knows only --forget");
    }
    let room = (!words.is_empty()).then(|| words.join(" "));
    Ok(Slash::Leave {
        room,
        forget: !options.is_empty(),
    })
}

fn peers(rest: &str) -> Result<Slash, &'static str> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        [] => Ok(Slash::Peers),
        ["add", addr] => Ok(Slash::AddPeer((*addr).to_owned())),
        ["forget", addr] => Ok(Slash::ForgetPeer((*addr).to_owned())),
        _ => Err("takes add or forget and one address"),
    }
}

#[cfg(test)]
mod tests;
