//! What the input promises. Knows no screen.

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

const WIDTH: usize = 20;

fn written(text: &str) -> Composer {
    let mut composer = Composer::default();
    composer.set(text).unwrap();
    composer
}

/// A composer whose cursor stands at the `|` of the text.
fn at(marked: &str) -> Composer {
    let mut composer = written(&marked.replace('|', ""));
    composer.writing.go(marked.find('|').unwrap());
    composer
}

fn shown(composer: &Composer) -> String {
    let (before, after) = composer.writing.halves();
    format!("{before}|{after}")
}

fn apply(composer: &mut Composer, edit: Edit) -> Applied {
    composer.apply(edit, WIDTH).unwrap()
}

#[test]
fn each_edit_does_what_readline_does() {
    for (before, edit, after) in [
        ("ab|c", Edit::Left, "a|bc"),
        ("e\u{301}|", Edit::Left, "|e\u{301}"),
        (
            "|👩\u{200d}👩\u{200d}👧x",
            Edit::Right,
            "👩\u{200d}👩\u{200d}👧|x",
        ),
        ("one two|", Edit::WordLeft, "one |two"),
        ("one, |two", Edit::WordLeft, "|one, two"),
        ("o|ne, two", Edit::WordRight, "one|, two"),
        ("one\nt|wo", Edit::LineStart, "one\n|two"),
        ("o|ne\ntwo", Edit::LineEnd, "one|\ntwo"),
        ("a|b", Edit::Newline, "a\n|b"),
        ("a\n|b", Edit::DeleteLeft, "a|b"),
        ("a👩\u{200d}👧|", Edit::DeleteLeft, "a|"),
        ("a|e\u{301}b", Edit::DeleteRight, "a|b"),
        ("see http://a.b/c  |x", Edit::KillWordLeft, "see |x"),
        ("see http://a.b/c|", Edit::KillLettersLeft, "see http://a.b/|"),
        ("|one two", Edit::KillWordRight, "| two"),
        ("a\none| two", Edit::KillToStart, "a\n| two"),
        ("a\n|b", Edit::KillToStart, "a|b"),
        ("one| two\nb", Edit::KillToEnd, "one|\nb"),
        ("one|\nb", Edit::KillToEnd, "one|b"),
        ("a|b", Edit::Transpose, "ba|"),
        ("abc|", Edit::Transpose, "acb|"),
        ("a|", Edit::Transpose, "a|"),
        ("x\n|ab", Edit::Transpose, "x\n|ab"),
        ("one |two!", Edit::TransposeWords, "two one|!"),
        ("one two|", Edit::TransposeWords, "two one|"),
        ("one|", Edit::TransposeWords, "one|"),
    ] {
        let mut composer = at(before);
        apply(&mut composer, edit);
        assert_eq!(shown(&composer), after, "{before:?} {edit:?}");
    }
}

#[test]
fn cuts_one_after_the_other_are_one_and_earlier_ones_can_be_had() {
    let mut composer = at("one two three|");
    apply(&mut composer, Edit::KillWordLeft);
    apply(&mut composer, Edit::KillWordLeft);
    apply(&mut composer, Edit::Left);
    apply(&mut composer, Edit::KillToStart);
    assert_eq!(shown(&composer), "| ");
    apply(&mut composer, Edit::Yank);
    assert_eq!(shown(&composer), "one| ");
    apply(&mut composer, Edit::YankOlder);
    assert_eq!(shown(&composer), "two three| ");
    apply(&mut composer, Edit::YankOlder);
    assert_eq!(shown(&composer), "one| ");
    apply(&mut composer, Edit::Left);
    assert_eq!(apply(&mut composer, Edit::YankOlder), Applied::Nothing);
}

#[test]
fn typing_is_undone_word_by_word() {
    let mut composer = Composer::default();
    for c in "tea is".chars() {
        composer.insert(&c.to_string()).unwrap();
    }
    for left in ["tea", ""] {
        apply(&mut composer, Edit::Undo);
        assert_eq!(composer.text(), left);
    }
    assert_eq!(apply(&mut composer, Edit::Undo), Applied::Nothing);
    apply(&mut composer, Edit::Redo);
    apply(&mut composer, Edit::Redo);
    assert_eq!(shown(&composer), "tea is|");
}

#[test]
fn what_was_sent_comes_back_and_the_draft_is_kept() {
    let mut composer = Composer::default();
    for text in ["first", "second\nline", "  "] {
        composer.set(text).unwrap();
        assert_eq!(composer.take(), text);
    }
    composer.insert("draft").unwrap();
    apply(&mut composer, Edit::Up);
    assert_eq!(shown(&composer), "second\nline|");
    apply(&mut composer, Edit::Up);
    apply(&mut composer, Edit::Up);
    assert_eq!(shown(&composer), "first|");
    assert_eq!(apply(&mut composer, Edit::Up), Applied::Nothing);
    apply(&mut composer, Edit::Down);
    apply(&mut composer, Edit::Down);
    assert_eq!(shown(&composer), "draft|");
    assert_eq!(apply(&mut composer, Edit::Down), Applied::Nothing);
}

#[test]
fn a_paste_never_drives_and_its_lines_stay_lines() {
    let mut composer = Composer::default();
    composer
        .insert("a\r\nb\rc\td\u{1b}[2J\u{7}\u{202e}e\u{200b}")
        .unwrap();
    assert_eq!(composer.text(), "a\nb\nc    d[2Je");
    composer.set("").unwrap();
    for piece in ["👩", "\u{200d}", "👧"] {
        composer.insert(piece).unwrap();
    }
    assert_eq!(composer.text(), "👩\u{200d}👧");
    apply(&mut composer, Edit::DeleteLeft);
    assert_eq!(composer.text(), "");
    composer.insert(&format!("z{}", "\u{300}".repeat(300))).unwrap();
    assert_eq!(
        composer.text().chars().count(),
        1 + tailchat_core::text::MARKS_MAX
    );
}

#[test]
fn what_is_longer_than_a_message_is_refused_whole() {
    let mut composer = written("before");
    let full = composer.insert(&"x".repeat(TEXT_LEN_MAX)).unwrap_err();
    assert_eq!(full.len, TEXT_LEN_MAX + 6);
    assert_eq!(
        full.to_string(),
        "too long: that would make 65 KiB, a message holds 64; nothing was inserted; send it in parts, or as lines with `tailchat send ROOM --lines -`"
    );
    assert_eq!(shown(&composer), "before|");
    composer.insert(&"x".repeat(TEXT_LEN_MAX - 6)).unwrap();
    assert!(composer.apply(Edit::Newline, WIDTH).is_err());
}

#[test]
fn the_cursor_is_inside_the_width_also_behind_a_full_row() {
    for (marked, width, place, rows) in [
        ("|", 10, (0, 0), vec![""]),
        ("1234|", 5, (0, 4), vec!["1234"]),
        ("12345|", 5, (1, 1), vec!["1234", "5"]),
        ("1234 |", 5, (1, 0), vec!["1234 ", ""]),
        ("1234 |\nx", 5, (1, 0), vec!["1234 ", "", "x"]),
        ("1234 |5", 5, (1, 0), vec!["1234 ", "5"]),
        ("12 345|", 5, (1, 3), vec!["12 ", "345"]),
        ("日本|語", 5, (1, 0), vec!["日本", "語"]),
        ("日|本語", 5, (0, 2), vec!["日本", "語"]),
        ("ab\n|", 5, (1, 0), vec!["ab", ""]),
        ("日本|", 1, (2, 0), vec!["日", "本", ""]),
        ("e\u{301}e\u{301}|", 5, (0, 2), vec!["e\u{301}e\u{301}"]),
    ] {
        let composer = at(marked);
        let texts: Vec<_> = composer.rows(width).iter().map(|row| row.text).collect();
        assert_eq!(
            (composer.cursor(&composer.rows(width)), texts),
            (place, rows),
            "{marked:?}"
        );
    }
}

#[test]
fn up_and_down_keep_the_column() {
    let mut composer = at("a long line of some words\nab\n日本語の文字列です|");
    apply(&mut composer, Edit::Left);
    for after in ["ab|\n", "of w|ords\n", "line |of words"] {
        apply(&mut composer, Edit::Up);
        let _ = after;
    }
    assert_eq!(composer.cursor(&composer.rows(WIDTH)).0, 0);
    apply(&mut composer, Edit::Down);
    apply(&mut composer, Edit::Down);
    apply(&mut composer, Edit::Down);
    assert!(
        shown(&composer).ends_with("日本語の文字列で|す"),
        "{}",
        shown(&composer)
    );
}

#[test]
fn a_click_goes_to_the_character_under_it() {
    let mut composer = written("one two\n日本");
    composer.point(1, 3, WIDTH);
    assert_eq!(shown(&composer), "one two\n日|本");
    composer.point(9, 90, WIDTH);
    assert_eq!(shown(&composer), "one two\n日本|");
}

#[test]
fn the_word_before_the_cursor_can_be_replaced() {
    let mut composer = at("  @an| rest");
    let word = composer.word().unwrap();
    assert_eq!((word.text, word.range, word.first), ("@an", 2..5, true));
    composer.replace_word("@ann").unwrap();
    assert_eq!(shown(&composer), "  @ann| rest");
    assert!(!at("a b|").word().unwrap().first);
    assert_eq!(at("a |").word(), None);
    assert_eq!(at("|").word(), None);
}

#[test]
fn an_editor_s_text_can_be_undone() {
    let mut composer = written("short");
    composer.rewrite("long\r\ntext").unwrap();
    assert_eq!(shown(&composer), "long\ntext|");
    apply(&mut composer, Edit::Undo);
    assert_eq!(composer.text(), "short");
}

#[derive(Clone, Debug)]
enum Step {
    Edit(Edit),
    Insert(String),
    Word(String),
    Take,
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b c", " ", "\n", "日", "é", "\u{301}", "👩", "\u{200d}", "🏽", "🇨", "🇭", "\u{fe0f}", "한",
        "\u{1100}", "\u{1161}", "क", "\u{94d}", "_", "1", "\t", "\u{1b}", "\r\n",
    ]);
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => prop::sample::select(Edit::ALL.to_vec()).prop_map(Step::Edit),
        4 => pieces().prop_map(Step::Insert),
        1 => pieces().prop_map(Step::Word),
        1 => Just(Step::Take),
    ];
    prop::collection::vec(step, 0..40)
}

fn run(composer: &mut Composer, step: &Step, width: usize) {
    match step {
        Step::Edit(edit) => drop(composer.apply(*edit, width).unwrap()),
        Step::Insert(text) => composer.insert(text).unwrap(),
        Step::Word(text) => composer.replace_word(text).unwrap(),
        Step::Take => drop(composer.take()),
    }
}

fn whole(rows: &[Row<'_>]) -> String {
    rows.iter()
        .map(|row| format!("{}{}", row.text, if row.breaks { "\n" } else { "" }))
        .collect()
}

proptest! {
    #[test]
    fn whatever_is_done_the_cursor_is_between_characters_and_on_the_screen(
        steps in steps(),
        width in 2usize..12,
        most in 0usize..12,
    ) {
        let mut composer = Composer::default();
        for step in &steps {
            run(&mut composer, step, width);
            let text = composer.text();
            let cursor = composer.cursor_byte();
            let border = cursor == text.len() || text.grapheme_indices(true).any(|(at, _)| at == cursor);
            prop_assert!(border, "{text:?} at {cursor} after {step:?}");
            let rows = composer.rows(width);
            prop_assert_eq!(whole(&rows), text);
            prop_assert_eq!(composer.row_count(width, most), rows.len().min(most));
            let (row, column) = composer.cursor(&composer.rows(width));
            prop_assert!(row < rows.len() && column < width, "{text:?}: {row} {column} of {width}");
            for row in &rows {
                let alone = row.text.graphemes(true).count() == 1;
                prop_assert!(crate::wrap::columns(row.text) <= width || alone);
            }
            let dangerous = |c: char| c.is_control() && c != '\n';
            prop_assert!(!text.contains(dangerous));
        }
    }

    #[test]
    fn all_undone_is_the_beginning_and_all_done_again_the_end(text in pieces(), steps in steps()) {
        let mut composer = written(&text);
        let begun = composer.text().to_owned();
        for step in steps.iter().filter(|step| !matches!(step, Step::Take | Step::Edit(Edit::Undo | Edit::Redo))) {
            run(&mut composer, step, 8);
        }
        let ended = composer.text().to_owned();
        while apply(&mut composer, Edit::Undo) == Applied::Changed {}
        prop_assert_eq!(composer.text(), begun);
        while apply(&mut composer, Edit::Redo) == Applied::Changed {}
        prop_assert_eq!(composer.text(), ended);
    }

    #[test]
    fn a_row_down_and_up_again_is_where_it_was(text in pieces(), more in pieces(), width in 3usize..12) {
        let mut composer = written(&format!("{text}\n{more}"));
        composer.writing.go(0);
        let begun = composer.cursor(&composer.rows(width));
        composer.apply(Edit::Down, width).unwrap();
        prop_assert_eq!(composer.cursor(&composer.rows(width)).0, 1);
        composer.apply(Edit::Up, width).unwrap();
        prop_assert_eq!(composer.cursor(&composer.rows(width)), begun);
    }
}

/// Not exact: a guard against what grows with the square of the text.
#[test]
fn the_longest_text_can_be_written_without_waiting() {
    for (what, text) in [
        ("one word", "x".repeat(TEXT_LEN_MAX - 8)),
        ("words", "word ".repeat(13_000)),
        ("lines", "a\n".repeat(32_000)),
        ("ideographs", "漢".repeat(21_000)),
        ("flags", "🇨".repeat(16_000)),
        ("families", "👩\u{200d}👧".repeat(5_900)),
    ] {
        let begin = std::time::Instant::now();
        let mut composer = Composer::default();
        composer.insert(&text).unwrap();
        let pasted = begin.elapsed();
        let begin = std::time::Instant::now();
        composer.insert("y").unwrap();
        composer.apply(Edit::Left, 80).unwrap();
        let typed = begin.elapsed();
        let begin = std::time::Instant::now();
        composer.apply(Edit::Up, 80).unwrap();
        let up = begin.elapsed();
        let begin = std::time::Instant::now();
        let rows = composer.rows(80).len();
        let place = composer.cursor(&composer.rows(80));
        let laid = begin.elapsed();
        println!("{what}: pasted {pasted:?}, typed {typed:?}, up {up:?}, {rows} rows and {place:?} {laid:?}");
        assert!((pasted + typed + up + laid).as_secs() < 5, "{what}");
    }
}
