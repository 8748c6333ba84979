//! Whatever arrives in whatever order while somebody scrolls: the window is a stretch of the room's sorted lines, and
//! the screen stays where it is held.

use proptest::prelude::*;
use tailchat_node::control::MessageItem;

use super::*;
use crate::layout::Position;
use crate::stage::{Stage, message, messages};

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    /// A line, and whether it is of an ignored person.
    Arrives(u32, bool),
    Press(&'static str),
    /// So many questions are answered.
    Answers(u8),
    /// From now on answers are made when the question comes, or when they are given.
    Early(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let keys = prop::sample::select(vec![
        "pageup",
        "pageup",
        "pageup",
        "pagedown",
        "shift-up",
        "shift-down",
        "ctrl-home",
        "ctrl-end",
        "alt-u",
        "alt-l",
        "alt-n",
        "alt-i",
    ]);
    prop_oneof![
        4 => (0u32..40_000, any::<bool>()).prop_map(|(at, ignored)| Step::Arrives(at, ignored)),
        4 => keys.prop_map(Step::Press),
        3 => (1u8..4).prop_map(Step::Answers),
        2 => any::<bool>().prop_map(Step::Early),
    ]
}

/// The line that the screen is held by, and its row. While the loaded lines do not fill it, nothing holds it: lines fill
/// it up first.
fn held(stage: &Stage) -> Option<(Place, i32)> {
    let room = stage.model.open.as_ref().filter(|room| room.screen.empty == 0)?;
    let (line, row) = room.screen.topmost()?;
    Some((room.window.get(line)?.place.clone(), row))
}

fn row_of(stage: &Stage, place: &Place) -> Option<i32> {
    let room = stage.model.open.as_ref()?;
    let wanted = room.window.index_of(place);
    let rows = room.screen.rows.iter().enumerate();
    let at = rows.into_iter().find_map(|(at, row)| match row {
        crate::layout::Row::Text { line, row: 0 } if *line == wanted => Some(at),
        crate::layout::Row::Folded { line } if room.window.run(*line).contains(&wanted) => Some(at),
        _ => None,
    })?;
    i32::try_from(at + room.screen.empty).ok()
}

fn is_a_stretch(stage: &Stage) {
    let room = stage.model.open.as_ref().expect("a room");
    let loaded: Vec<String> = room.window.iter().map(|line| line.place.to_string()).collect();
    let all: Vec<&String> = stage.rooms[0].lines.iter().map(|line| &line.place).collect();
    assert!(loaded.len() <= LINES_MAX);
    let Some(first) = loaded.first() else { return };
    let start = all
        .iter()
        .position(|place| *place == first)
        .expect("a line of the room");
    let count = room.window.count(0..room.window.len());
    let stretch = stage.rooms[0]
        .lines
        .get(start..start + count)
        .expect("no more than there is");
    let mut loaded = loaded.into_iter().peekable();
    for line in stretch {
        let here = loaded.next_if(|place| *place == line.place).is_some();
        // Only what is folded into a row with others is let go.
        assert!(here || line.ignored, "{} is missing", line.place);
    }
    assert_eq!(loaded.next(), None);
    assert_eq!(room.window.has_more(Edge::Oldest), start > 0);
    assert_eq!(room.window.has_more(Edge::Newest), start + count < all.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_window_is_a_stretch_of_the_room_and_the_screen_stays(
        count in 0u32..1500,
        ignored in prop::collection::vec((0usize..1500, 0usize..700), 0..4),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let lines = messages(count).into_iter().map(|mut line| {
            line.place = format!("{:08}", line.place.parse::<u32>().expect("a number") * 20);
            line
        });
        let mut lines: Vec<_> = lines.collect();
        for (start, len) in ignored {
            lines.iter_mut().skip(start).take(len).for_each(|line| line.ignored = true);
        }
        let mut stage = Stage::in_kitchen(80, 24, lines);
        stage.slow = true;
        for step in steps {
            let before = held(&stage);
            let follows = stage.model.open.as_ref().is_some_and(|room| room.position == Position::Newest);
            match step {
                Step::Arrives(at, ignored) => {
                    let place = at * 20 + 7;
                    if stage.rooms[0].lines.iter().any(|line| line.place == format!("{place:08}")) {
                        continue;
                    }
                    let text = "a line that merges in, perhaps longer than one row of the screen";
                    stage.arrives("kitchen", MessageItem { ignored, ..message(place, text) });
                    if let Some((place, row)) = before.filter(|_| !follows) {
                        prop_assert_eq!(row_of(&stage, &place), Some(row));
                    }
                }
                Step::Early(early) => stage.early = early,
                Step::Press(key) => stage.press(key),
                Step::Answers(count) => for _ in 0..count { stage.answer_one(); },
            }
        }
        stage.answer_all();
        // What has to be asked for again is, after a while.
        stage.waits(1_000);
        stage.answer_all();
        is_a_stretch(&stage);
        // Nothing is left to load as long as the screen is near an end of what is loaded.
        let room = stage.model.open.as_ref().expect("a room");
        prop_assert!(!room.pages.under_way());
    }
}

#[test]
fn a_million_messages_are_scrolled_through_with_a_bounded_window() {
    let mut stage = Stage::in_kitchen(80, 24, messages(20_000));
    let mut pages = 0;
    let newest = stage
        .model
        .open
        .as_ref()
        .expect("a room")
        .window
        .last()
        .map(|line| line.place.clone());
    while stage
        .model
        .open
        .as_ref()
        .expect("a room")
        .window
        .first()
        .map(|line| line.place.to_string())
        != Some("00000000".into())
    {
        stage.press("pageup");
        pages += 1;
        assert!(stage.model.open.as_ref().expect("a room").window.len() <= LINES_MAX);
        assert!(pages < 2_000, "it stands still");
    }
    stage.press("ctrl-home");
    assert!(
        stage.screen().contains("the room begins here"),
        "{}",
        stage.screen()
    );
    for _ in 0..pages + 40 {
        stage.press("pagedown");
    }
    let room = stage.model.open.as_ref().expect("a room");
    assert_eq!(room.window.last().map(|line| line.place.clone()), newest);
    assert_eq!(room.position, Position::Newest);
}
