//! What typed lines come to. Knows no screen.

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
        ("/topic", Slash::Topic(None)),
        ("/topic \"\"", Slash::Topic(Some(text("")))),
        ("/topic who cooks?", Slash::Topic(Some(text("who cooks?")))),
        ("/alias", Slash::Alias(text(""))),
        ("/unpin", Slash::Pin { on: false }),
        (
            "/ignore ann lee ",
            Slash::Ignore {
                name: text("ann lee"),
                on: true,
            },
        ),
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
