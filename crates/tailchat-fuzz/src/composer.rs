//! What a person types and pastes: any edits in any order, at any width.

use tailchat_core::limits::TEXT_LEN_MAX;
use tailchat_tui::composer::{Applied, Composer, Edit};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Steps in one input; what follows is not looked at. A step in a text of so many bytes counts for one more.
const STEPS_MAX: usize = 100;
const STEP_LEN: usize = 1_000;
/// Bytes of a paste that is repeated: more than a message holds.
const PASTED_LEN: usize = TEXT_LEN_MAX + 500;

/// Pieces of text in which widths and borders of characters are hard to tell.
const PIECES: [&str; 16] = [
    "a",
    " ",
    "word",
    "\n",
    "e\u{301}",
    "\u{301}",
    "漢",
    "👩\u{200d}👧",
    "\u{200d}",
    "🇨",
    "❤\u{fe0f}",
    "क\u{94d}\u{200d}ष",
    "\u{1b}[2J",
    "\t",
    "\u{202e}",
    "ลึ",
];

/// Bytes as keys and pastes: a width, then steps. After each the cursor stands between characters and on the screen, the
/// rows are the text, and nothing in it drives a terminal; at last all is undone and done again.
pub(crate) fn composer(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut width = usize::from(bytes.next().unwrap_or(20));
    let mut composer = Composer::default();
    let mut steps = 0;
    while let (Some(step), true) = (bytes.next(), steps < STEPS_MAX) {
        steps += 1 + composer.text().len() / STEP_LEN;
        take(&mut composer, step, &mut bytes, &mut width);
        holds(&composer, width);
    }
    undone_and_done(&mut composer, width);
}

fn take(composer: &mut Composer, step: u8, bytes: &mut impl Iterator<Item = u8>, width: &mut usize) {
    let before = composer.text().to_owned();
    let done = match step {
        0..100 => {
            let edit = Edit::ALL.get(usize::from(step) % Edit::ALL.len()).copied();
            composer.apply(edit.unwrap_or(Edit::Left), *width).map(|applied| {
                let changed = composer.text() != before;
                // What puts the same in the place of the same changes nothing, and says at most that it tried.
                assert!(
                    !changed || applied == Applied::Changed,
                    "{edit:?} changed what it left"
                );
            })
        }
        100..180 => {
            let piece = PIECES.get(usize::from(step) % PIECES.len());
            composer.insert(piece.copied().unwrap_or_default())
        }
        180..220 => {
            let len = usize::from(bytes.next().unwrap_or(0));
            let pasted: Vec<u8> = bytes.take(len).collect();
            let pasted = String::from_utf8_lossy(&pasted).into_owned();
            match step % 4 {
                0 => composer.replace_word(&pasted),
                1 => composer.rewrite(&pasted),
                // Up to what a message holds, and beyond.
                2 => {
                    composer.insert(&pasted.repeat((1 << (step % 16)).min(PASTED_LEN / pasted.len().max(1))))
                }
                _ => composer.insert(&pasted),
            }
        }
        220..230 => {
            let draft = format!("{before}\ndraft");
            composer.set(&draft)
        }
        230..240 => {
            let (row, column) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
            composer.point(usize::from(row), usize::from(column), *width);
            Ok(())
        }
        240..250 => {
            assert_eq!(composer.take(), before, "what is sent is not what was shown");
            assert!(composer.is_empty());
            Ok(())
        }
        _ => {
            *width = usize::from(bytes.next().unwrap_or(1));
            Ok(())
        }
    };
    if done.is_err() {
        assert_eq!(
            composer.text(),
            before,
            "too much was refused, and something changed"
        );
    }
}

fn holds(composer: &Composer, width: usize) {
    let (text, cursor) = (composer.text(), composer.cursor_byte());
    assert!(text.len() <= TEXT_LEN_MAX);
    let border = cursor == text.len() || text.grapheme_indices(true).any(|(at, _)| at == cursor);
    assert!(border, "{text:?}: the cursor at {cursor} is inside a character");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    let rows = composer.rows(width);
    let shown: String = rows
        .iter()
        .map(|row| format!("{}{}", row.text, if row.breaks { "\n" } else { "" }))
        .collect();
    assert_eq!(shown, text, "the rows are another text");
    assert_eq!(composer.row_count(width, usize::MAX), rows.len());
    for row in &rows {
        // A character that is wider than all columns has a row of its own, perhaps with marks that have no column.
        let alone = row
            .text
            .graphemes(true)
            .filter(|c| c.width() > 0)
            .nth(1)
            .is_none();
        assert!(row.text.width() <= width || alone, "{:?} in {width}", row.text);
    }
    let (row, column) = composer.cursor(&rows);
    assert!(row < rows.len(), "{text:?}: row {row} of {}", rows.len());
    // In fewer columns than a character has, nothing can be right.
    assert!(
        width < 2 || column < width,
        "{text:?}: column {column} of {width}"
    );
    if let Some(word) = composer.word() {
        assert_eq!(text.get(word.range.clone()), Some(word.text));
        assert_eq!(word.range.end, cursor);
    }
}

fn undone_and_done(composer: &mut Composer, width: usize) {
    let ended = composer.text().to_owned();
    let mut undone = 0;
    while composer.apply(Edit::Undo, width) == Ok(Applied::Changed) {
        undone += 1;
    }
    let mut done = 0;
    // What had been undone before the end stands behind it.
    while done < undone && composer.apply(Edit::Redo, width) == Ok(Applied::Changed) {
        done += 1;
    }
    assert_eq!(done, undone);
    assert_eq!(composer.text(), ended, "undone and done again it is another text");
    holds(composer, width);
}

pub(crate) fn composer_seeds() -> Vec<Vec<u8>> {
    let all: Vec<u8> = (0..=255).collect();
    let typed = [&[20][..], &[102, 103, 102, 102, 22, 22, 23, 23, 240, 8, 9]].concat();
    let pasted = [
        &[7, 183, 30][..],
        "漢字 and\r\nwords\t👩\u{200d}👧e\u{301}".as_bytes(),
        &[6, 7, 16, 18, 19, 20],
    ]
    .concat();
    let narrow: Vec<u8> = [1]
        .into_iter()
        .chain(100..180)
        .chain([251, 2, 6, 7, 251, 0, 6])
        .collect();
    let long = [
        &[80, 182, 200][..],
        &[b'x'; 200],
        &[182, 200],
        &[b'y'; 200],
        &[18, 22],
    ]
    .concat();
    vec![all, typed, pasted, narrow, long]
}
