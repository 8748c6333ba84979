//! Whoever is ignored: every other line is to be seen, and the screen stays where it is held. Knows no node.

use proptest::prelude::*;

use super::*;
use crate::stage::message;

/// A line for each letter: `i` of an ignored person, else of somebody else; so many rows as that has lines.
fn window(authors: &[(bool, u8)], more: bool) -> Window {
    let lines = authors.iter().zip(0u32..).map(|((ignored, rows), at)| {
        let mut item = message(at * 300, &"x\n".repeat(usize::from(*rows)));
        item.ignored = *ignored;
        Line::new(&item)
    });
    Window::new(lines.collect(), (more, more), None, false)
}

fn wrap(line: &Line, _: u16) -> Vec<Styled<'static>> {
    line.text.lines().map(|row| Styled::raw(row.to_owned())).collect()
}

fn laid(window: &mut Window, position: &Position, rows: u16, new_from: Option<&Place>) -> Screen {
    let sheet = Sheet {
        text_columns: 20,
        rows,
        zone: &TimeZone::UTC,
        new_from,
        wrap: &wrap,
    };
    lay(window, position, &sheet)
}

/// Where a line's text begins on the screen, or the row that it is folded into.
fn row_of(window: &Window, screen: &Screen, place: &Place) -> Option<i32> {
    let run = window.run_at(place)?;
    let at = screen.rows.iter().position(|row| row.text() == Some((run, 0)))?;
    Some(count(at + screen.empty))
}

fn authors() -> impl Strategy<Value = Vec<(bool, u8)>> {
    let run = (any::<bool>(), 1usize..40, 1u8..4);
    prop::collection::vec(run, 1..60).prop_map(|runs| {
        let lines = runs
            .into_iter()
            .flat_map(|(ignored, len, rows)| std::iter::repeat_n((ignored, rows), len));
        lines.take(900).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_line_that_is_not_ignored_is_shown_and_each_run_of_the_others_is_one_row(
        authors in authors(),
        more: bool,
    ) {
        let mut window = window(&authors, more);
        let screen = laid(&mut window, &Position::Newest, u16::MAX, None);
        let shown: Vec<usize> = screen.rows.iter().filter_map(|row| match row.text() {
            Some((line, 0)) => Some(line),
            _ => None,
        }).collect();
        let mut wanted = Vec::new();
        for (index, line) in window.iter().enumerate() {
            let continues = line.ignored && index > 0 && window.get(index - 1).is_some_and(|before| before.ignored);
            if !continues {
                wanted.push(index);
            }
        }
        prop_assert_eq!(shown, wanted);
        let runs = authors.iter().zip(authors.iter().skip(1)).filter(|(a, b)| !(a.0 && b.0)).count() + 1;
        if runs <= crate::window::LINES_MAX {
            prop_assert_eq!(window.count(0..window.len()), authors.len(), "a run stands for all its lines");
        }
    }

    #[test]
    fn the_screen_stays_where_it_is_held_whoever_is_shown_or_ignored(
        authors in authors(),
        more: bool,
        at in 0usize..900,
        row in -30i32..60,
        rows in 1u16..50,
        new_from in prop::option::of(0u32..900),
        toggles in 0usize..4,
    ) {
        let mut window = window(&authors, more);
        let new_from = new_from.map(|at| Place::new(&message(at * 300, "").place));
        let place = Place::new(&message(u32::try_from(at).expect("small") * 300, "").place);
        let mut screen = laid(&mut window, &Position::At { place, row }, rows, new_from.as_ref());
        prop_assert!(screen.rows.len() + screen.empty <= usize::from(rows));
        for toggle in 0..toggles {
            let before = screen.position.clone();
            window.show_ignored(toggle % 2 == 0);
            screen = laid(&mut window, &before, rows, new_from.as_ref());
            prop_assert!(screen.rows.len() + screen.empty <= usize::from(rows));
            let Position::At { place, row } = before else { continue };
            let stays = row_of(&window, &screen, &place);
            // An end of what is loaded gives way, so that no row stays empty.
            let pulled = screen.first() == Some(0)
                || screen.last().is_some_and(|last| window.run(last).end == window.len());
            if (0..i32::from(rows)).contains(&row) && !pulled {
                prop_assert_eq!(stays, Some(row));
            }
        }
    }
}
