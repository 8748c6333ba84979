//! What markup promises. Knows no message but its own.

use proptest::prelude::*;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::wrap::{columns, wide};

fn look(theme: &Theme, width: usize) -> Look<'_> {
    Look {
        theme,
        base: theme.text,
        width,
        indent: 0,
        names: &[],
        words: &[],
        fold: None,
    }
}

fn texts(laid: &Laid) -> Vec<String> {
    laid.lines.iter().map(ToString::to_string).collect()
}

fn shown(text: &str, width: usize) -> Vec<String> {
    texts(&lay_out(text, &look(&Theme::mono(), width)))
}

/// What stands in a style that is not the plain one.
fn styled(text: &str, style: Style) -> Vec<String> {
    let theme = Theme::auto();
    let names = ["ann".to_owned(), "Ann Lee".to_owned()];
    let words = ["tea".to_owned()];
    let laid = lay_out(
        text,
        &Look {
            names: &names,
            words: &words,
            ..look(&theme, 200)
        },
    );
    let spans = laid.lines.iter().flat_map(|line| line.spans.clone());
    spans
        .filter(|span| span.style == theme.text.patch(style))
        .map(|span| span.content.into_owned())
        .collect()
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const ITALIC: Style = Style::new().add_modifier(Modifier::ITALIC);
const STRUCK: Style = Style::new().add_modifier(Modifier::CROSSED_OUT);

#[test]
fn what_is_surely_meant_is_styled_and_its_signs_are_gone() {
    let code = Theme::auto().code;
    for (typed, style, inside, whole) in [
        ("a **bold** word", BOLD, "bold", "a bold word"),
        ("*so*, it _is_!", ITALIC, "so", "so, it is!"),
        ("~~no~~ yes", STRUCK, "no", "no yes"),
        ("run `rm -rf *`, ok", code, "rm -rf *", "run rm -rf *, ok"),
        ("(**a**)", BOLD, "a", "(a)"),
        ("这是**重要**的", BOLD, "重要", "这是重要的"),
        ("`` a`b ``", code, " a`b ", " a`b "),
        ("**two\nlines**", BOLD, "two", "two"),
    ] {
        assert_eq!(
            styled(typed, style).first().map(String::as_str),
            Some(inside),
            "{typed}"
        );
        assert_eq!(shown(typed, 80)[0], whole);
    }
    assert_eq!(styled("***both***", BOLD.patch(ITALIC)), ["both"]);
}

#[test]
fn everything_else_stays_as_it_was_typed() {
    for typed in [
        "snake_case_name and __init__ and _GNU_SOURCE",
        "2*3*4 = 24, 2 * 3 * 4",
        "Vec<T> &amp; &lt; <b>bold</b>",
        "# not a heading",
        "#channel",
        "a\n===\nb\n---",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "![alt](https://a.example/x.png)",
        "[text](https://a.example)",
        "[foo]: https://a.example",
        "C:\\_dir_\\*.rs and \\\\server\\share",
        "ls *.rs,*.toml",
        "/* comment */",
        "f(*args, **kwargs)",
        "a\\\nb",
        ">_< >:( >text",
        "~tilde~ ~/.config",
        "    indented\n\tcode",
        "1) one\n7. seven\n- minus\n+ plus",
        "https://a.example/_foo_/*bar*?x=**y**",
        "<!-- no comment -->",
        "***",
        "* * *",
        "**",
        "** **",
        "``",
        "a  b   c",
        "\n\nblank lines before",
    ] {
        let typed = typed.replace('\t', "    ");
        assert_eq!(shown(&typed, 200).join("\n").replace('•', "*"), typed);
    }
}

#[test]
fn code_blocks_have_a_bar_and_keep_their_spaces() {
    assert_eq!(
        shown("see\n```rust\nfn  a() {\n    *b* // long\n}\n```\nso", 14),
        [
            "see",
            "│ rust",
            "│ fn  a() {",
            "│     *b* // l",
            "│ ong",
            "│ }",
            "so"
        ]
    );
    assert_eq!(shown("```\nopen *end*", 40), ["│ open *end*"]);
    assert_eq!(shown("```\n```", 40), [""]);
}

#[test]
fn quotes_and_lists_hang() {
    assert_eq!(
        shown("> quoted text here\nanswer", 12),
        ["│ quoted", "│ text here", "answer"]
    );
    assert_eq!(
        shown("> > twice\n>\n>> x\n>>x", 20),
        ["│ │ twice", "│ ", "│ │ x", ">>x"]
    );
    assert_eq!(
        shown("* one two three\n  - four", 9),
        ["• one two", "  three", "  - four"]
    );
    assert_eq!(shown("10. one two", 9), ["10. one", "    two"]);
}

#[test]
fn a_mark_that_stands_on_nothing_is_seen() {
    assert_eq!(shown("\u{301}a", 9), ["◌\u{301}a"]);
    assert_eq!(shown("> \u{301}", 9), ["│ ◌\u{301}"]);
    assert_eq!(shown("**e**\u{301}", 9), ["e\u{301}"]);
}

#[test]
fn rows_after_the_first_are_indented() {
    let theme = Theme::mono();
    let laid = lay_out(
        "one two three",
        &Look {
            indent: 4,
            ..look(&theme, 11)
        },
    );
    assert_eq!(texts(&laid), ["one two", "    three"]);
}

#[test]
fn links_are_underlined_and_only_safe_ones_are_collected() {
    let text = "see https://a.example/x_(y), http://日本.example or file:///etc/passwd javascript:alert(1) tailchat:room1abc?peer=10.0.0.1. https://a.example/x_(y)";
    let found = [
        "https://a.example/x_(y)",
        "http://日本.example",
        "tailchat:room1abc?peer=10.0.0.1",
    ];
    assert_eq!(links(text), found);
    let underlined = styled(text, Theme::auto().link);
    assert_eq!(&underlined[..3], found);
    assert_eq!(styled("**see https://a.example/**", BOLD), ["see "]);
}

#[test]
fn the_reader_s_name_and_words_stand_out() {
    let mention = Theme::auto().mention;
    for (text, found) in [
        ("hi @ann!", vec!["@ann"]),
        ("@Ann: tea?", vec!["@Ann", "tea"]),
        ("@ANN's", vec!["@ANN"]),
        ("@ann lee", vec!["@ann lee"]),
        ("ann: annex @anna x@ann @ann-marie steam", vec![]),
        ("`@ann` and ```tea```", vec![]),
        ("```\n@ann\n```", vec![]),
    ] {
        assert_eq!(styled(text, mention), found, "{text}");
        let expected = !found.is_empty();
        let names = ["ann".to_owned()];
        if !text.contains('`') {
            assert_eq!(mentions(text, &names, &["tea".to_owned()]), expected, "{text}");
        }
    }
    assert!(!mentions("ünn", &["".to_owned()], &["".to_owned()]));
}

fn folded(text: &str, fold: usize) -> Vec<String> {
    let theme = Theme::mono();
    texts(&lay_out(
        text,
        &Look {
            fold: Some(fold),
            ..look(&theme, 24)
        },
    ))
}

#[test]
fn a_long_message_folds_and_says_what_is_left_out() {
    let lines: Vec<String> = (1..=40).map(|line| format!("line {line}")).collect();
    assert_eq!(
        folded(&lines.join("\n"), 3),
        ["line 1", "line 2", "line 3", "… 37 more lines"]
    );
    assert_eq!(
        folded(&lines[..5].join("\n"), 3).len(),
        5,
        "two rows are not worth folding"
    );
    assert_eq!(
        folded(&"word ".repeat(40), 2).last().unwrap(),
        "… 151 more characters"
    );
    assert_eq!(folded(&"x".repeat(65536), 2).last().unwrap(), "… 63 KiB more");
    assert_eq!(folded(&"\n".repeat(65536), 2), [""]);
    assert_eq!(
        folded(&"a\n".repeat(50_000), 2).last().unwrap(),
        "… 49998 more lines"
    );
}

/// Signs that may be taken for marks, and spaces where rows break.
fn is_sign(c: char) -> bool {
    matches!(c, '*' | '_' | '~' | '`' | '>' | '│' | '•' | '◌' | ' ' | '\n')
}

/// A row as ratatui draws it.
fn drawn(line: &Line<'_>) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 1));
    buffer.set_line(0, 0, line, 60);
    let mut out = String::new();
    let mut column = 0;
    while let Some(cell) = buffer.cell((column, 0)) {
        out.push_str(cell.symbol());
        column += cell.cell_width().max(1);
    }
    out
}

fn typed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "*",
            "**",
            "_",
            "~~",
            "`",
            "```",
            "\n",
            "\n\n",
            " ",
            "> ",
            ">",
            "- ",
            "1. ",
            "# ",
            "[",
            "](",
            ")",
            "<b>",
            "\\",
            "&amp;",
            "---",
            "|",
            "https://a.example/x_y",
            "@ann",
            "ann:",
            "日本",
            "e\u{301}",
            "👩\u{200d}🚀",
            "\u{301}",
            "\u{200d}🚀",
            "🇨",
            "🇭",
            "ﾊﾟ",
            "    ",
            "<U+202E>",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,8}",
    ];
    prop::collection::vec(piece, 0..30)
        .prop_map(|pieces| tailchat_core::text::visible(&pieces.concat()).into_owned())
}

proptest! {
    #[test]
    fn nothing_that_was_typed_is_lost_and_no_row_is_too_wide(
        text in typed(), width in 6usize..40, indent in 0usize..3, fold in prop::option::of(1usize..5),
    ) {
        let theme = Theme::auto();
        let names = ["ann".to_owned()];
        let look = Look { indent, fold, names: &names, ..look(&theme, width) };
        let laid = lay_out(&text, &look);
        let rows = texts(&laid);
        prop_assert!(!rows.is_empty());
        for (line, row) in laid.lines.iter().zip(&rows) {
            // What takes no column by itself, as a vowel of Hangul alone, is not drawn.
            let row: String = row.graphemes(true).filter(|cluster| wide(cluster) > 0).collect();
            let drawn = drawn(line);
            prop_assert_eq!(drawn.trim_end(), row.trim_end());
        }
        for (at, row) in rows.iter().enumerate() {
            let room = if at == 0 { width - indent } else { width };
            prop_assert!(columns(row) <= room, "{row:?} in {room}");
        }
        let only = |text: &str| text.chars().filter(|c| !is_sign(*c)).collect::<String>();
        if !laid.folded {
            prop_assert_eq!(only(&rows.concat()), only(&text));
        } else {
            let kept = only(&rows[..rows.len() - 1].concat());
            prop_assert!(only(&text).starts_with(&kept));
            prop_assert!(rows.len() <= fold.unwrap() + 1);
        }
    }

    #[test]
    fn plain_words_are_shown_as_they_are(text in "[a-zA-Z0-9_.,;:!?()' -]{0,60}") {
        let signs = |text: &str| text.split_whitespace().collect::<String>();
        if !text.contains('_') {
            prop_assert_eq!(signs(&shown(&text, 30).concat()), signs(&text));
        }
    }
}

/// Not exact: a guard against what grows with the square of the text.
#[test]
fn hostile_texts_are_cheap() {
    let theme = Theme::auto();
    let names = ["ann".to_owned()];
    for (what, text) in [
        ("quotes", ">".repeat(10_000)),
        ("spaced quotes", "> ".repeat(30_000)),
        ("quote lines", format!("{}\n", ">".repeat(250)).repeat(260)),
        ("stars", "*".repeat(65_536)),
        ("star letters", "*a ".repeat(21_000)),
        (
            "closed star letters",
            format!("{}{}", "*a ".repeat(10_000), "a* ".repeat(10_000)),
        ),
        (
            "nested stars",
            format!("{}a{}", "*".repeat(10_000), "*".repeat(10_000)),
        ),
        ("underscores", "_a__".repeat(16_000)),
        ("ticks", (1..350).map(|n| "`".repeat(n) + " ").collect()),
        ("brackets", "[".repeat(65_536)),
        ("links", "[a](".repeat(16_000)),
        ("images", "![".repeat(32_000)),
        (
            "lists",
            (0..350).map(|n| format!("{}- a\n", " ".repeat(n))).collect(),
        ),
        ("html", "<a ".repeat(20_000)),
        ("urls", "http://a.b/ ".repeat(5_000)),
        ("schemes", "http://".repeat(9_000)),
        ("names", "@ann ".repeat(13_000)),
        ("bold lines", format!("**{}**", "`b`\n".repeat(16_000))),
        ("fences", "```\na\n```\n".repeat(6_000)),
        ("references", "[a]: b\n".repeat(9_000)),
    ] {
        let begin = std::time::Instant::now();
        let laid = lay_out(
            &text,
            &Look {
                names: &names,
                ..look(&theme, 80)
            },
        );
        let whole = begin.elapsed();
        let begin = std::time::Instant::now();
        let folded = lay_out(
            &text,
            &Look {
                names: &names,
                fold: Some(20),
                ..look(&theme, 80)
            },
        );
        let fold = begin.elapsed();
        println!(
            "{what}: {} rows in {whole:?}, folded {} in {fold:?}",
            laid.lines.len(),
            folded.lines.len()
        );
        assert!(
            whole.as_secs() < 5 && fold.as_secs() < 1,
            "{what}: {whole:?} {fold:?}"
        );
    }
}

/// Not exact either: what a screen of ordinary messages costs.
#[test]
fn a_screen_of_messages_is_cheap() {
    let theme = Theme::auto();
    let names = ["ann".to_owned()];
    let text = "@ann have you seen **this**? https://a.example/some/page `code` and then 日本語 🎉, so it goes on for two rows.";
    let begin = std::time::Instant::now();
    for _ in 0..50 {
        let look = Look {
            names: &names,
            indent: 12,
            fold: Some(20),
            ..look(&theme, 80)
        };
        assert_eq!(lay_out(text, &look).lines.len(), 2);
    }
    let took = begin.elapsed();
    println!("50 messages in {took:?}");
    assert!(took.as_millis() < 500, "{took:?}");
}
