//! Queries as people write them, and whatever else somebody may type.

use super::*;

fn time(text: &str) -> Option<i64> {
    match text {
        "yesterday" => Some(1),
        "2 days ago" => Some(2),
        _ => None,
    }
}

fn parsed(text: &str) -> Query {
    Query::parse(text, &time).unwrap()
}

fn word(text: &str) -> Sought {
    Sought {
        text: text.into(),
        ..Sought::default()
    }
}

#[test]
fn words_phrases_beginnings_and_what_must_not_be_there() {
    let not = |text: &str| Sought {
        not: true,
        ..word(text)
    };
    let beginning = |text: &str| Sought {
        prefix: true,
        ..word(text)
    };
    let query = parsed(" new \"linux kernel\" boo* -windows -\"blue screen\" --release - * 12:30 http://a.b");
    let wanted = [
        word("new"),
        word("linux kernel"),
        beginning("boo"),
        not("windows"),
        not("blue screen"),
        word("--release"),
        word("12:30"),
        word("http://a.b"),
    ];
    assert_eq!(query.words, wanted);
    assert_eq!(parsed("\"not closed").words, [word("not closed")]);
    assert!(parsed(" \"\" ").is_empty());
}

#[test]
fn filters_in_any_order_and_case() {
    let query =
        parsed("From:\"Ann Lee\" kernel in:kitchen before:yesterday after:\"2 days ago\" has:LINK from:bob");
    let wanted = Query {
        words: vec![word("kernel")],
        from: vec!["Ann Lee".into(), "bob".into()],
        rooms: vec!["kitchen".into()],
        since_ms: Some(2),
        until_ms: Some(1),
        links: true,
    };
    assert_eq!(query, wanted);
}

#[test]
fn what_is_no_query_says_what_to_write() {
    for (typed, advice) in [
        ("from:", "from:ann"),
        ("in: kitchen", "in:kitchen"),
        ("before:soon", "before:2026-11-22"),
        ("has:cats", "has:link"),
        ("-from:ann", "-kernel"),
        (&"a ".repeat(QUERY_PARTS_MAX + 1), "fewer"),
        (&"a".repeat(QUERY_PART_LEN_MAX + 1), "shorter"),
    ] {
        let why = Query::parse(typed, &time).unwrap_err().to_string();
        assert!(why.contains(advice), "{typed}: {why}");
    }
}

#[test]
fn the_word_that_is_being_typed_may_go_on() {
    let typed = |text: &str| {
        Query::parse_typed(text, &time)
            .unwrap()
            .words
            .pop()
            .unwrap()
            .prefix
    };
    assert!(typed("new ker"));
    for whole in ["new ker ", "\"new ker", "\"ker\"", "ker from:ann"] {
        assert!(!typed(whole), "{whole}");
    }
}

#[test]
fn any_text_is_read_or_refused() {
    // Every string of a few of the signs that mean something.
    let signs = [
        "\"", "-", "*", ":", " ", "in", "from:", "has:", "a", "é", "\u{3000}", "会",
    ];
    let count = signs.len();
    for number in 0..count.pow(4) {
        let at = (0..4).map(|digit| signs[number / count.pow(digit) % count]);
        let text: String = at.collect();
        if let Ok(query) = Query::parse(&text, &time) {
            assert!(
                query.words.iter().all(|word| !word.text.trim().is_empty()),
                "{text:?}"
            );
            assert!(
                query
                    .from
                    .iter()
                    .chain(&query.rooms)
                    .all(|name| !name.trim().is_empty())
            );
        }
        let _ = Query::parse_typed(&text, &time);
    }
}
