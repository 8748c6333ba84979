//! Whole screens as text, in three sizes, with what is hard to show.

mod any;

use crate::event::Event;
use crate::stage::{MadeUp, NOON_MS, Stage, message};
use tailchat_node::control::{
    AddressItem, Item, MessageItem, PeerItem, SourceItem, SourceStanding, Standing, WaitingItem,
};

const SIZES: [(u16, u16); 3] = [(80, 24), (40, 10), (120, 40)];

/// A conversation with everything in it that a terminal gets wrong.
fn conversation() -> Vec<MessageItem> {
    let by = |author: &str, mut line: MessageItem| {
        line.author = author.into();
        line.mine = author == "ann";
        line.on = 2;
        line
    };
    let mut late = by("cleo", message(7, "I was on a boat"));
    late.arrived_at_ms += 2 * 3_600_000;
    late.via = Some("bob".into());
    late.answers = 1;
    let mut reply = by("ann", message(9, "me too"));
    reply.reply_to = Some("b0b/7".into());
    let mut action = by("bob", message(10, "waves"));
    action.kind = tailchat_node::control::MessageKind::Action;
    vec![
        by("bob", message(1, "plain words")),
        by(
            "李雷",
            message(
                2,
                "漢字は二つの桁を取る、だから行の終わりで正しく折り返すことが大切です。",
            ),
        ),
        by("bob", message(3, "👩‍👩‍👧‍👦 family, 🇨🇭 flag, ❤️ heart, 👍🏽")),
        by("bob", message(4, &"https://example.org/".repeat(12))),
        by(
            "mallory",
            message(
                5,
                "\u{1b}[31mred\u{1b}[0m \u{202e}desrever\u{202c} \u{7}bell \u{9b}2J \u{200b}hidden",
            ),
        ),
        by(
            "zalgo\u{301}\u{302}\u{303}",
            message(6, &format!("a{} done", "\u{301}".repeat(300))),
        ),
        late,
        by(
            "ann",
            message(8, "```\nfn main() {}\n```\nand *that* is `it`, **really**"),
        ),
        reply,
        action,
        message(1_500, "the next day"),
    ]
}

fn sizes(name: &str, make: impl Fn(u16, u16) -> Stage) {
    for (columns, rows) in SIZES {
        let screen = make(columns, rows).screen();
        assert!(screen.chars().all(|c| c == '\n' || !c.is_control()), "{screen:?}");
        let wide = screen.lines().map(tailchat_core::text::columns).max();
        assert!(wide <= Some(usize::from(columns)), "{wide:?}");
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), screen);
    }
}

#[test]
fn a_conversation() {
    sizes("conversation", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.press("pageup pageup");
        stage
    });
}

#[test]
fn its_end_with_something_written() {
    sizes("written", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.types("a text that is long enough to take two rows of the input on every screen but the widest one of all");
        stage
    });
}

#[test]
fn an_empty_room() {
    sizes("empty", |columns, rows| {
        let mut stage = Stage::new(columns, rows);
        let mut room = MadeUp::new("kitchen", Vec::new());
        (room.item.met, room.item.connected) = (false, 0);
        room.peers.clear();
        stage.rooms.push(room);
        stage.start();
        stage.tells(0);
        stage.waits(11_000);
        stage
    });
}

#[test]
fn a_joined_room_says_for_whom_it_waits_and_who_answered_without_having_it() {
    let mut stage = Stage::new(100, 24);
    let mut room = MadeUp::new("kitchen", Vec::new());
    (room.item.met, room.item.connected) = (false, 0);
    room.item.waiting = Some(Box::default());
    room.peers.clear();
    stage.rooms.push(room);
    stage.start();
    stage.tells(0);
    assert!(stage.screen().contains("waiting for somebody who has the room"));
    let listed = stage.screen();
    assert!(
        listed
            .lines()
            .any(|row| row.starts_with("›kitchen") && row.contains("waiting"))
    );
    stage.waits(11_000);
    assert!(stage.screen().contains("`tailchat doctor`: why"));
    let told = WaitingItem {
        answered: 2,
        addrs: Vec::new(),
    };
    stage.rooms[0].item.waiting = Some(Box::new(told));
    stage.tells(0);
    let screen = stage.screen();
    assert!(
        screen.contains("2 peers answered, none has this room"),
        "{screen}"
    );
}

#[test]
fn unread_messages_in_several_rooms() {
    sizes("unread", |columns, rows| {
        let mut stage = Stage::new(columns, rows);
        for name in [
            "a room with a name that is longer than the pane",
            "kitchen",
            "garden",
        ] {
            let mut lines = conversation();
            lines
                .iter_mut()
                .skip(4)
                .for_each(|line| line.unread = name != "kitchen");
            let mut room = MadeUp::new(name, lines);
            room.item.mentions = u64::from(name == "garden");
            stage.rooms.push(room);
        }
        stage.start();
        stage.press("alt-3");
        stage
    });
}

#[test]
fn the_help() {
    sizes("help", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, Vec::new());
        stage.press("f1");
        stage
    });
}

/// What a node answers that looks for others everywhere.
fn known() -> Vec<Item> {
    use SourceStanding::{Absent, Failing, Working};
    let source = |source: &str, standing, addresses, why: Option<&str>| {
        Item::Source(SourceItem {
            source: source.into(),
            addresses,
            standing,
            why: why.map(ToOwned::to_owned),
        })
    };
    let address = |addr: &str, sources: &[&str], met_hours_ago: Option<i64>| AddressItem {
        addr: addr.into(),
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        worked_ms: met_hours_ago.map(|hours| NOON_MS - hours * 3_600_000),
        ..AddressItem::default()
    };
    let refused = "the connection was refused; is tailchat running there?";
    let addresses = [
        AddressItem {
            problem: Some(refused.into()),
            ..address("192.168.1.9:24242", &["mdns"], None)
        },
        address("100.64.0.7:24242", &["told", "before"], Some(30)),
        AddressItem {
            connected: true,
            peer: Some("bob".into()),
            rooms: vec!["kitchen".into()],
            ..address("192.168.1.8:24242", &["mdns", "before"], Some(3))
        },
        AddressItem {
            connected: true,
            peer: Some("cleo".into()),
            ..address("192.168.1.4", &[], None)
        },
    ];
    let sources = [
        source("mdns", Working, 2, None),
        source("tailscale", Failing, 0, Some("stopped; run `tailscale up`")),
        source("wireguard", Absent, 0, Some("there is no WireGuard here")),
        source("hosts", Failing, 1, Some("line 3 is no HOST[:PORT]; mend it")),
    ];
    sources.into_iter().chain(addresses.map(Item::Address)).collect()
}

#[test]
fn the_connections_and_a_message_selected() {
    sizes("connections", |columns, rows| {
        let mut stage = Stage::new(columns, rows);
        let mut room = MadeUp::new("kitchen", conversation());
        room.peers.push(PeerItem {
            peer: "cleo".into(),
            addr: String::new(),
            connected: false,
            state: Standing::Ahead,
            ahead: 2,
            behind: 0,
            last_seen_ms: Some(NOON_MS - 3 * 3_600_000),
        });
        stage.rooms.push(room);
        stage.start();
        stage.press("f4");
        stage
    });
    sizes("connections_known", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.known = known();
        stage.press("f4 end");
        stage
    });
    sizes("selected", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.press("alt-s up up");
        stage
    });
}

#[test]
fn somebody_who_types_and_people_heard_of_through_others() {
    sizes("typing", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.rooms[0].item.typing = vec!["bob".into(), "cleo".into()];
        stage.rooms[0].item.here = 3;
        stage.tells(0);
        stage
    });
}

#[test]
fn a_terminal_without_utf8_shows_ascii_alone() {
    let mut stage = Stage::in_kitchen(80, 24, conversation());
    stage.model.taste.utf8 = false;
    let screen = stage.screen();
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!("ascii_80x24", screen);
}

#[test]
fn no_size_is_too_small_to_be_drawn_and_none_breaks_it() {
    let mut stage = Stage::in_kitchen(80, 24, conversation());
    stage.rooms[0].item.topic = "tea".into();
    stage.tells(0);
    for key in [
        "esc", "f1", "ctrl-k", "f4", "f3", "f6", "alt-g", "f5", "alt-s", "alt-p",
    ] {
        stage.press("esc esc");
        stage.press(key);
        for (columns, rows) in [
            (0, 0),
            (1, 1),
            (2, 50),
            (16, 3),
            (17, 4),
            (24, 5),
            (63, 8),
            (64, 9),
            (100, 2),
            (300, 100),
        ] {
            stage.event(Event::Resized { columns, rows });
            stage.screen();
        }
        stage.event(Event::Resized {
            columns: 80,
            rows: 24,
        });
    }
}

#[test]
fn a_search_with_its_hits() {
    sizes("search", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        let mut garden = MadeUp::new("garden", conversation());
        garden.lines.push(message(
            1_600,
            &format!("{} words {}", "so many".repeat(30), "and more".repeat(9)),
        ));
        stage.rooms.push(garden);
        stage.tells(1);
        stage.press("ctrl-f");
        stage.types("words");
        stage.press("down");
        stage
    });
}

#[test]
fn a_search_before_anything_is_typed_and_one_that_finds_nothing() {
    sizes("search_begun", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.press("ctrl-r");
        stage
    });
    sizes("search_nothing", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.press("ctrl-r");
        stage.types("xyzzy");
        stage
    });
}

#[test]
fn a_room_with_a_topic_a_pin_and_somebody_ignored() {
    let kitchen = |columns, rows| {
        let mut lines = conversation();
        lines[0].pinned = true;
        lines[9].pinned = true;
        let ignored = lines.iter_mut().filter(|line| line.author == "mallory");
        ignored.for_each(|line| line.ignored = true);
        lines.insert(
            5,
            MessageItem {
                author: "李雷".into(),
                place: "00000005b".into(),
                ignored: true,
                ..message(5, "noise")
            },
        );
        let mut stage = Stage::new(columns, rows);
        let mut room = MadeUp::new("kitchen", lines);
        room.item.topic = "who cooks what and when, and who washes up after everybody has eaten".into();
        room.members[1].ignored = true;
        stage.rooms.push(room);
        stage.start();
        stage
    };
    sizes("described", |columns, rows| {
        let mut stage = kitchen(columns, rows);
        stage.press("pageup shift-down");
        stage
    });
    sizes("ignored_shown", |columns, rows| {
        let mut stage = kitchen(columns, rows);
        stage.press("pageup shift-down alt-i");
        stage.waits(20_000);
        stage
    });
    sizes("pins", |columns, rows| {
        let mut stage = kitchen(columns, rows);
        stage.press("alt-p down");
        stage
    });
}

#[test]
fn a_room_in_which_nothing_is_pinned() {
    sizes("pins_none", |columns, rows| {
        let mut stage = Stage::in_kitchen(columns, rows, conversation());
        stage.press("alt-p");
        stage
    });
}
