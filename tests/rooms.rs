//! What is set of rooms and of people in them: topics, names, pins, aliases, whom one ignores. Two machines that meet,
//! where others see it. Knows nothing of screens.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that finds something else has failed"
)]

mod rig;
#[path = "rig/running.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod running;

use rig::Machine;
use running::{equal, joined, serve};
use serde_json::Value;

fn send(machine: &Machine, text: &str) -> String {
    let sent = machine.run(&["send", "kitchen", text, "--quiet"]);
    sent.ok().trim().to_owned()
}

fn room(machine: &Machine) -> Value {
    machine.run(&["rooms", "--json"]).json().remove(0)
}

#[test]
fn what_is_said_of_a_room_everybody_sees_and_what_one_keeps_nobody_else() {
    let (ann, _anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    ann.run(&["topic", "kitchen", "who", "cooks"]).ok();
    let pinned = send(&bob, "the rules");
    send(&bob, "something else");
    bob.run(&["pin", "kitchen", &pinned]).ok();
    bob.run(&["alias", "kitchen", "home"]).ok();
    equal(&ann);
    ann.run(&["rename", "kitchen", "canteen"]).ok();
    equal(&bob);
    assert_eq!(bob.run(&["topic", "home"]).ok(), "who cooks\n");
    let pins = ann.run(&["pins", "canteen", "--json"]).json();
    assert_eq!(pins.len(), 1);
    assert_eq!(
        (&pins[0]["text"], &pins[0]["pinned"]),
        (&"the rules".into(), &true.into())
    );
    // Their own name for it is theirs alone, and everybody's still means it.
    assert_eq!(room(&bob)["name"], "home");
    assert_eq!(room(&bob)["known_as"], "canteen");
    assert_eq!(room(&ann)["name"], "canteen");
    bob.run(&["alias", "canteen"]).ok();
    assert_eq!(room(&bob)["name"], "canteen");
    // Anybody takes a pin off and a topic away.
    ann.run(&["pin", "canteen", &pinned, "--remove"]).ok();
    ann.run(&["topic", "canteen", ""]).ok();
    equal(&ann);
    assert_eq!(bob.run(&["pins", "canteen"]).ok(), "");
    assert_eq!(room(&bob)["topic"], "");
}

#[test]
fn whoever_is_ignored_counts_nowhere_and_is_shown_on_demand() {
    let (ann, _anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    send(&bob, "@ann listen");
    equal(&ann);
    assert_eq!(
        (&room(&ann)["unread"], &room(&ann)["mentions"]),
        (&1.into(), &1.into())
    );
    ann.run(&["ignore", "kitchen", "bob"]).ok();
    assert_eq!(
        (&room(&ann)["unread"], &room(&ann)["mentions"]),
        (&0.into(), &0.into())
    );
    send(&bob, "and again");
    equal(&ann);
    assert_eq!(room(&ann)["unread"], 0);
    let log = ann.run(&["log", "kitchen"]);
    assert!(
        log.err.contains("2 messages of people whom you ignore"),
        "{}",
        log.err
    );
    assert_eq!(log.ok(), "");
    assert!(
        ann.run(&["log", "kitchen", "--ignored"])
            .ok()
            .contains("and again")
    );
    assert!(ann.run(&["members", "kitchen"]).ok().contains("ignored"));
    ann.run(&["ignore", "kitchen", "bob", "--off"]).ok();
    assert_eq!(room(&ann)["unread"], 2);
    ann.run(&["ignore", "kitchen", "ann"]).refused(2);
    ann.run(&["ignore", "kitchen", "nobody"]).refused(3);
}

#[test]
fn a_linked_device_writes_as_the_same_person_once_both_have_said_so() {
    let (ann, anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    let first = send(&ann, "from the desk");
    let code = ann.run(&["link", "--quiet"]).ok();
    let laptop = Machine::new("someone");
    // Of two codes only the last one is good; and nobody takes it who is somebody already.
    bob.run(&["link", code.trim()]).refused(2);
    ann.run(&["link", code.trim()]).refused(2);
    laptop.run(&["link", &code.trim()[..80]]).refused(2);
    // What it says of itself counts for nothing as long as the other one does not say the same.
    assert_eq!(anns.stop("TERM"), 0);
    laptop.run_with(&["link", "-"], code.as_bytes()).ok();
    let (_laptops, address) = serve(&laptop);
    bob.run(&["peers", "add", &address]).ok();
    equal(&laptop);
    let apart = |machine: &Machine| machine.run(&["members", "kitchen", "--json"]).json();
    assert_eq!(apart(&bob).len(), 3);
    assert!(
        apart(&bob)
            .iter()
            .filter(|member| member["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("ann~")))
            .count()
            == 2
    );
    laptop.run(&["edit", "kitchen", &first, "forged"]).refused(2);

    let (_anns, address) = serve(&ann);
    laptop.run(&["peers", "add", &address]).ok();
    let both = |machine: &Machine| {
        let members = machine.run(&["members", "kitchen", "--json"]).json();
        members.len() == 2
            && members
                .iter()
                .any(|member| member["name"] == "ann" && member["devices"] == 2)
    };
    let began = std::time::Instant::now();
    while !(both(&ann) && both(&bob) && both(&laptop)) {
        assert!(
            began.elapsed() < std::time::Duration::from_secs(30),
            "{}",
            bob.run(&["members", "kitchen"]).out
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    laptop.run(&["edit", "kitchen", &first, "from the sofa"]).ok();
    equal(&ann);
    assert!(
        ann.run(&["log", "kitchen"])
            .ok()
            .contains("<ann> from the sofa (edited)")
    );
    // It is used now: no third one comes in by it.
    let third = Machine::new("third");
    third.run(&["link", code.trim()]).ok();
    let (_thirds, address) = serve(&third);
    ann.run(&["peers", "add", &address]).ok();
    equal(&third);
    assert_eq!(ann.run(&["members", "kitchen", "--json"]).json().len(), 3);
}

#[test]
fn two_people_of_one_name_are_told_apart() {
    let (ann, _anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    send(&ann, "it is I");
    send(&bob, "hello");
    bob.run(&["name", "Ann"]).ok();
    equal(&ann);
    let people: Vec<Value> = ann.run(&["members", "kitchen", "--json"]).json();
    let called = |name: &str| {
        let person = people
            .iter()
            .find(|person| person["name"].as_str().is_some_and(|of| of.starts_with(name)));
        let person = person.expect("a member");
        let told_apart = person["name"].as_str().expect("a name");
        assert_eq!(told_apart.len(), name.len() + 5, "{told_apart}");
        told_apart.to_owned()
    };
    let (anns, bobs) = (called("ann"), called("Ann"));
    for machine in [&ann, &bob] {
        let log = machine.run(&["log", "kitchen"]).ok();
        assert!(log.contains(&format!("<{anns}> it is I")), "{log}");
        assert!(log.contains(&format!("<{bobs}> hello")), "{log}");
    }
    ann.run(&["ignore", "kitchen", &bobs]).ok();
    assert!(!ann.run(&["log", "kitchen"]).ok().contains("hello"));
}

#[test]
fn the_past_and_where_a_message_comes_from_can_be_looked_at() {
    let (ann, _anns, bob) = joined();
    let (_bobs, _) = serve(&bob);
    let id = send(&bob, "tee");
    equal(&ann);
    let first = ann.run(&["log", "kitchen", "--json"]).json().remove(0);
    let then = first["arrived_at"].as_str().expect("a time");
    bob.run(&["edit", "kitchen", &id, "tea"]).ok();
    bob.run(&["react", "kitchen", &id, "+1"]).ok();
    send(&bob, "later");
    equal(&ann);
    let past = ann.run(&["log", "kitchen", "--at", then, "--json"]).json();
    assert_eq!(past.len(), 1);
    assert_eq!(
        (&past[0]["text"], &past[0]["edited"]),
        (&"tee".into(), &false.into())
    );
    assert_eq!(past[0]["reactions"], serde_json::json!({}));
    assert_eq!(ann.run(&["log", "kitchen", "--at", "2001-01-01"]).ok(), "");
    ann.run(&["log", "kitchen", "--at", then, "--follow"]).refused(2);

    let shown = ann.run(&["show", "kitchen", &id, "--json"]).json().remove(0);
    assert_eq!((&shown["text"], &shown["via"]), (&"tea".into(), &"bob".into()));
    assert_eq!(shown["on_disks"], serde_json::json!(["ann", "bob"]));
    assert_eq!(shown["versions"][0]["text"], "tee");
    let shown = ann.run(&["show", "kitchen", &id]).ok();
    for part in ["2 of 2: ann, bob", "from bob", "tee", "+1 bob"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    ann.run(&["show", "kitchen", "f00/1"]).refused(3);
}

#[test]
fn what_is_set_wrongly_is_refused_with_the_reason() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    send(&ann, "the only one");
    let long = "x".repeat(600);
    for (args, code, why) in [
        (&["topic", "kitchen", &long][..], 2, "at most 512"),
        (&["topic", "kitchen", "two\nlines"], 2, "one line"),
        (&["rename", "kitchen", " "], 2, "cannot be empty"),
        (&["alias", "kitchen", &long], 2, "at most 64"),
        (&["alias", "attic", "x"], 3, "no room"),
        (
            &["alias", "kitchen", "room1c0jun5pu2zjd5gnfhp584cwttu5pxsx7"],
            2,
            "a room's ID",
        ),
        (&["send", "", "x"], 3, "no room"),
        (&["leave", ""], 3, "no room"),
        (&["delete", "kitchen", ""], 3, "no message"),
        (&["show", "kitchen", ""], 3, "no message"),
        (&["pin", "kitchen", "f00/1"], 3, "no message"),
        (&["pins", "attic"], 3, "no room"),
    ] {
        let said = ann.run(args).refused(code);
        assert!(said.contains(why), "{args:?}: {said}");
    }
}

#[test]
fn a_code_that_was_taken_and_not_all_its_rooms_is_taken_again() {
    let ann = Machine::new("ann");
    for room in ["kitchen", "attic"] {
        ann.run(&["new", room]).ok();
    }
    let code = ann.run(&["link", "--quiet"]).ok();
    let laptop = Machine::new("someone");
    laptop.run(&["link", code.trim()]).ok();
    let rooms = laptop.run(&["rooms", "--json"]).json();
    assert_eq!(rooms.len(), 2);
    // As after a crash between the two.
    let one = rooms[0]["room"].as_str().expect("an ID");
    laptop.run(&["leave", one, "--forget"]).ok();
    laptop.run(&["link", code.trim()]).ok();
    assert_eq!(laptop.run(&["rooms", "--json"]).json().len(), 2);
}

#[test]
fn nobody_takes_ones_own_name_of_a_room_away() {
    let ann = Machine::new("ann");
    ann.run(&["new", "kitchen"]).ok();
    ann.run(&["alias", "kitchen", "home"]).ok();
    // Another room is called that by its members.
    ann.run(&["new", "home"]).ok();
    ann.run(&["send", "home", "in the kitchen"]).ok();
    assert!(ann.run(&["log", "kitchen"]).ok().contains("in the kitchen"));
}
