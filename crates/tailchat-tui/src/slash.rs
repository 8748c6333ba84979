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
    /// Whether a room's name may follow, for completion.
    pub room: bool,
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
        room: false,
    }
}

const fn of_room(command: Command) -> Command {
    Command {
        room: true,
        ..command
    }
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
        of_room(plain(
            "leave",
            &["part"],
            "[ROOM] [--forget]",
            "Leave a room; its history stays here unless forgotten",
        )),
        &["--forget"],
    ),
    of_room(plain(
        "rooms",
        &["room", "switch", "go"],
        "[ROOM]",
        "Go to a room",
    )),
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn a_line_is_what_it_says() {
        for (typed, slash) in [
            ("tea?", Slash::Text(text("tea?"))),
            (" /join", Slash::Text(text(" /join"))),
            ("//etc/hosts", Slash::Text(text("/etc/hosts"))),
            ("/me waves\nat all", Slash::Me(text("waves\nat all"))),
            (
                "/join room1a b --peer 10.0.0.1",
                Slash::Join {
                    invite: text("room1ab"),
                    peers: vec![text("10.0.0.1")],
                },
            ),
            (
                "/J room1a --peer=a:1",
                Slash::Join {
                    invite: text("room1a"),
                    peers: vec![text("a:1")],
                },
            ),
            ("/new tea room", Slash::New(text("tea room"))),
            (
                "/leave",
                Slash::Leave {
                    room: None,
                    forget: false,
                },
            ),
            (
                "/leave tea room --forget",
                Slash::Leave {
                    room: Some(text("tea room")),
                    forget: true,
                },
            ),
            (
                "/rooms kit",
                Slash::Rooms {
                    room: Some(text("kit")),
                },
            ),
            ("/rooms", Slash::Rooms { room: None }),
            ("/who", Slash::Members),
            ("/peers", Slash::Peers),
            ("/peers add a:1", Slash::AddPeer(text("a:1"))),
            ("/peers forget a", Slash::ForgetPeer(text("a"))),
            ("/read all", Slash::Read { all: true }),
            ("/goto \"2 days ago\"", Slash::Goto(text("2 days ago"))),
            ("/QUIT ", Slash::Quit),
        ] {
            assert_eq!(parse(typed), Ok(slash), "{typed}");
        }
    }

    #[test]
    fn what_is_no_command_is_refused_with_what_would_be_right() {
        for (typed, said) in [
            (
                "/",
                "write the command's name behind the /; /help lists them, // sends a text that begins with /",
            ),
            (
                "/jion room1a",
                "there is no /jion; did you mean /join?; /help lists them, //jion sends it as text",
            ),
            (
                "/etc/hosts is gone",
                "there is no /etc/hosts; /help lists them, //etc/hosts sends it as text",
            ),
            (
                "/join",
                "/join says too little; write /join ID|INVITE [--peer HOST[:PORT]]...",
            ),
            (
                "/join --peer a",
                "/join names no room; write /join ID|INVITE [--peer HOST[:PORT]]...",
            ),
            ("/me ", "/me says too little; write /me TEXT"),
            (
                "/leave --all",
                "/leave knows only --forget; write /leave [ROOM] [--forget]",
            ),
            ("/quit now", "/quit takes nothing more; write /quit"),
            (
                "/peers add",
                "/peers takes add or forget and one address; write /peers [add HOST[:PORT] | forget HOST]",
            ),
            ("/name a\nb", "/name takes one line; write /name NAME"),
        ] {
            assert_eq!(parse(typed).unwrap_err().to_string(), said, "{typed}");
        }
    }

    #[test]
    fn every_command_of_the_table_can_be_read_and_has_one_name() {
        let mut seen = Vec::new();
        for command in COMMANDS {
            for name in command.aliases.iter().chain([&command.name]) {
                assert!(!seen.contains(name), "{name}");
                seen.push(name);
                let typed = format!(
                    "/{name} {}",
                    if command.form.is_empty() || command.form.starts_with('[') {
                        ""
                    } else {
                        "x"
                    }
                );
                assert!(!matches!(parse(&typed), Err(_) | Ok(Slash::Text(_))), "{typed}");
            }
            assert!(command.help.len() <= 72);
        }
    }

    proptest! {
        #[test]
        fn no_command_is_ever_sent_as_text(typed in "/[^/].{0,20}") {
            prop_assert!(!matches!(parse(&typed), Ok(Slash::Text(_))));
        }

        #[test]
        fn every_text_can_be_sent(text in "(?s).{0,20}") {
            let typed = if text.starts_with('/') { format!("/{text}") } else { text.clone() };
            prop_assert_eq!(parse(&typed), Ok(Slash::Text(text)));
        }
    }
}
