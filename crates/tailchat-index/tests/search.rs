//! The search beside a plain look at every line of a timeline, which says what it has to find.

#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

#[expect(dead_code, reason = "other tests use more of it")]
mod rig;

use proptest::prelude::*;
use proptest::sample::{Index as Pick, select};
use tailchat_core::change::Parts;
use tailchat_core::entry::{Body, Edit, Imported, Text};
use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::timeline::{Line, Place, Says, Timeline};
use tailchat_index::{Folded, Hit, Hits, Index, Rest, Search, Term};

use rig::{HERE, ROOM, change, entry, id, text};

const OTHER: RoomId = RoomId([8; 16]);
const LIMIT: usize = 50;

fn into(index: &mut Index, room: RoomId, changes: &[Parts]) {
    let changes: Vec<_> = changes.iter().map(|parts| (parts, HERE)).collect();
    let folded = Folded {
        changes: &changes,
        ..Folded::default()
    };
    index.fold(room, folded).unwrap();
}

fn for_words(words: &str) -> Search {
    let terms = words.split(' ').map(|word| Term {
        text: word
            .trim_start_matches('-')
            .trim_end_matches('*')
            .replace('_', " "),
        prefix: word.ends_with('*'),
        not: word.starts_with('-'),
    });
    Search {
        rooms: vec![ROOM, OTHER],
        terms: terms.collect(),
        limit: LIMIT,
        ..Search::default()
    }
}

fn texts(hits: &Hits) -> Vec<&str> {
    hits.hits.iter().map(|hit| says(&hit.line)).collect()
}

fn stand_out(hit: &Hit) -> Vec<&str> {
    let parts = hit.at.iter();
    parts.map(|at| says(&hit.line).get(at.clone()).unwrap()).collect()
}

fn says(line: &Line) -> &str {
    match &line.says {
        Says::Message { text, .. } | Says::Imported { text, .. } => text,
        _ => "",
    }
}

/// An index in which these were said, one after the other, and how many of them the tree of words has.
fn with(said: &[&str], worded: u32) -> Index {
    let mut index = Index::in_memory().unwrap();
    let said = (0..).zip(said).map(|(order, said)| text(order, said)).collect();
    into(&mut index, ROOM, &[change(1, 0, said)]);
    index.take_words(worded).unwrap();
    index
}

/// The words of the texts below, without a tokenizer.
fn words(text: &str) -> Vec<String> {
    let folded = text.to_lowercase().replace('ä', "a");
    let mut words = vec![String::new()];
    for c in folded.chars() {
        match c {
            '会' | '議' => words.extend([c.to_string(), String::new()]),
            c if c.is_alphanumeric() => words.last_mut().unwrap().push(c),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn has(text: &str, term: &Term) -> bool {
    let (there, wanted) = (words(text), words(&term.text));
    if wanted.is_empty() {
        return text.contains(&term.text);
    }
    let last = wanted.len() - 1;
    let fits = |there: &[String]| {
        there
            .iter()
            .zip(&wanted)
            .enumerate()
            .all(|(at, (there, wanted))| {
                there == wanted || term.prefix && at == last && there.starts_with(wanted.as_str())
            })
    };
    there.windows(wanted.len()).any(fits)
}

fn fits(search: &Search, line: &Line) -> bool {
    let text = says(line);
    let name = |actor: ActorId| {
        search
            .names
            .iter()
            .find(|(of, _)| *of == actor)
            .map(|(_, name)| words(name))
    };
    let wrote = |called: &String| match &line.says {
        Says::Imported { nick, .. } => words(nick).starts_with(&words(called)),
        _ => name(line.author).is_some_and(|name| name.starts_with(&words(called))),
    };
    !text.is_empty()
        && search.terms.iter().all(|term| has(text, term) != term.not)
        && (search.writers.is_empty() || search.writers.iter().any(wrote))
        && search.since_ms.is_none_or(|since| line.sent_at_ms >= since)
        && search.until_ms.is_none_or(|until| line.sent_at_ms < until)
        && (!search.links || text.contains("http://"))
}

/// What has to be found.
fn expected(search: &Search, rooms: &[(RoomId, Timeline)]) -> Vec<(Place, RoomId)> {
    let mut fit: Vec<(Place, RoomId)> = Vec::new();
    for (room, timeline) in rooms.iter().filter(|(room, _)| search.rooms.contains(room)) {
        let lines = timeline.lines().filter(|(_, line)| fits(search, line));
        fit.extend(lines.map(|(place, _)| (*place, *room)));
    }
    fit.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    fit
}

const WORDS: [&str; 12] = [
    "kernel",
    "Kern",
    "KERNEL",
    "ark",
    "Ärk",
    "会議",
    "議会",
    "http://a.b",
    "🎉",
    "don't",
    "…",
    "r1",
];

fn said() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(&WORDS[..]), 1..5).prop_map(|words| words.join(" "))
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        said().prop_map(|text| Body::Text(Text { text, reply_to: None })),
        (select(&["ann", "Ann-Lee", "kernel", "会", "*"][..]), said()).prop_map(|(nick, text)| {
            let (nick, action) = (nick.to_owned(), false);
            Body::Imported(Imported { nick, action, text })
        }),
        (id(), said()).prop_map(|(of, text)| Body::Edit(Edit { of, text })),
        id().prop_map(Body::Delete),
    ];
    (0..20_u64, body).prop_map(|(order, body)| entry(order, order.cast_signed(), body))
}

fn terms() -> impl Strategy<Value = Vec<Term>> {
    let words = prop_oneof![
        3 => select(&WORDS[..]).prop_map(str::to_owned),
        1 => said(),
        1 => select(&["ker", "k", "議", "h", "d"][..]).prop_map(str::to_owned),
    ];
    let term = (words, any::<bool>(), proptest::bool::weighted(0.2));
    proptest::collection::vec(term, 0..3).prop_map(|terms| {
        terms
            .into_iter()
            .map(|(text, prefix, not)| Term { text, prefix, not })
            .collect()
    })
}

fn writers() -> impl Strategy<Value = Vec<String>> {
    let called = select(&["ann", "ANN lee", "lee", "KERNEL", "会", "nobody"][..]);
    proptest::collection::vec(called.prop_map(str::to_owned), 0..3)
}

fn names() -> Vec<(ActorId, String)> {
    let names = (0..3).zip(["Ann", "Kernel Lee", "lee"]);
    names
        .map(|(actor, name)| (ActorId([actor; 16]), name.to_owned()))
        .collect()
}

fn searches() -> impl Strategy<Value = Search> {
    let rooms = select(vec![vec![ROOM, OTHER], vec![ROOM], vec![OTHER]]);
    let time = || proptest::option::weighted(0.2, 0..20_i64);
    let limit = prop_oneof![Just(LIMIT), Just(2)];
    let links = proptest::bool::weighted(0.1);
    (rooms, terms(), writers(), time(), time(), links, limit).prop_map(
        |(rooms, terms, writers, since_ms, until_ms, links, limit)| Search {
            rooms,
            terms,
            writers,
            names: names(),
            since_ms,
            until_ms,
            links,
            limit,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_finds_what_a_look_at_every_line_finds(
        chains in proptest::collection::vec((any::<bool>(), proptest::collection::vec(lines(), 1..12)), 4),
        swaps in proptest::collection::vec(any::<(Pick, Pick)>(), 0..9),
        worded in 0..60_u32,
        searches in proptest::collection::vec(searches(), 1..6),
    ) {
        let mut changes: Vec<(RoomId, Parts)> = (0..).zip(chains).flat_map(|(actor, (here, chain))| {
            let room = if here { ROOM } else { OTHER };
            (0..).zip(chain).map(move |(index, entry)| (room, change(actor, index, vec![entry])))
        }).collect();
        let mut rooms = [(ROOM, Timeline::default()), (OTHER, Timeline::default())];
        for (of, change) in &changes {
            let of = rooms.iter_mut().find(|(room, _)| room == of);
            of.unwrap().1.fold(change, HERE);
        }
        for (one, other) in swaps {
            let (one, other) = (one.index(changes.len()), other.index(changes.len()));
            changes.swap(one, other);
        }
        let mut index = Index::in_memory().unwrap();
        let half = changes.len() / 2;
        for (at, (room, change)) in changes.into_iter().enumerate() {
            if at == half {
                index.take_words(worded).unwrap();
            }
            into(&mut index, room, &[change]);
        }
        index.take_words(worded).unwrap();
        for search in searches {
            let wanted = expected(&search, &rooms);
            let found = index.search(&search).unwrap();
            let places: Vec<_> = found.hits.iter().map(|hit| (hit.place, hit.room)).collect();
            prop_assert_eq!(&places[..], &wanted[..wanted.len().min(search.limit)], "{:?}", search);
            let rest = if wanted.len() > search.limit { Rest::More } else { Rest::None };
            prop_assert_eq!(found.rest, rest);
            for hit in &found.hits {
                prop_assert!(stand_out(hit).iter().all(|part| !part.is_empty()));
            }
        }
    }

    #[test]
    fn no_text_is_a_question_of_its_own_to_the_tables(
        said in "\\PC{0,20}",
        term in "(\\PC|[\"*^:+(){}\u{0}-]|NOT|AND|OR|NEAR| ){0,20}",
        nick in "(\\PC|[\"*^:]){0,8}",
        prefix in any::<bool>(),
        not in any::<bool>(),
        worded in 0..2_u32,
    ) {
        prop_assume!(!term.trim().is_empty());
        let index = with(&[&said, &term], worded);
        let writers = vec![nick.clone()];
        let names = vec![(ActorId([1; 16]), nick.clone())];
        let terms = vec![Term { text: term.clone(), prefix, not }];
        for writers in [Vec::new(), writers] {
            let search = Search { rooms: vec![ROOM], terms: terms.clone(), writers, names: names.clone(), limit: LIMIT, ..Search::default() };
            let found = index.search(&search).unwrap();
            let itself = found.hits.iter().any(|hit| says(&hit.line) == term);
            let by_nobody = nick.trim().is_empty() && !search.writers.is_empty();
            prop_assert_eq!(itself, !not && !by_nobody);
        }
    }
}

#[test]
fn a_line_is_found_whether_its_words_are_in_the_tree_or_not() {
    for worded in 0..=3 {
        let index = with(&["the kernel", "a laptop", "Kernel again"], worded);
        let found = index.search(&for_words("kernel")).unwrap();
        assert_eq!(texts(&found), ["Kernel again", "the kernel"], "{worded}");
        assert_eq!(stand_out(&found.hits[0]), ["Kernel"]);
        assert_eq!(stand_out(&found.hits[1]), ["kernel"]);
    }
}

#[test]
fn what_was_edited_is_found_by_its_new_words_and_what_was_deleted_by_none() {
    for worded in [0, 100] {
        let mut index = with(&["tee is redy", "a secret"], worded);
        let of = |index| MessageId {
            actor: ActorId([1; 16]),
            index,
        };
        let edit = Body::Edit(Edit {
            of: of(0),
            text: "tea is ready".into(),
        });
        let amends = [edit, Body::Delete(of(1))].map(|body| entry(90, 90, body));
        into(&mut index, ROOM, &[change(1, 50, amends.to_vec())]);
        let found = |words: &str| texts(&index.search(&for_words(words)).unwrap()).len();
        assert_eq!(
            (found("tea"), found("tee"), found("secret")),
            (1, 0, 0),
            "{worded}"
        );
    }
}

#[test]
fn what_is_newest_is_found_above_a_history_that_came_later() {
    for worded in [0, 10_000] {
        let mut index = Index::in_memory().unwrap();
        into(
            &mut index,
            ROOM,
            &[change(1, 0, vec![text(90_000, "kiwi today")])],
        );
        let history = (0..3_000).map(|n| text(n, &format!("kiwi {n}")));
        into(&mut index, ROOM, &[change(2, 0, history.collect())]);
        index.take_words(worded).unwrap();
        let search = Search {
            limit: 3,
            ..for_words("kiwi")
        };
        let found = index.search(&search).unwrap();
        assert_eq!(texts(&found), ["kiwi today", "kiwi 2999", "kiwi 2998"]);
    }
}

#[test]
fn words_phrases_beginnings_and_signs() {
    let said = [
        "new kernel for the laptop",
        "the kernels of today",
        "laptop with a new kernel",
        "今日は会議です",
        "🎉 it boots",
    ];
    let index = with(&said, 5);
    let found = |words: &str| {
        let found = index.search(&for_words(words)).unwrap();
        found.hits.iter().map(|hit| hit.place.order).collect::<Vec<_>>()
    };
    assert_eq!(found("laptop kernel"), [2, 0]);
    assert_eq!(found("new_kernel for"), [0]);
    assert_eq!(found("kern*"), [2, 1, 0]);
    assert_eq!(found("kernel -today -with"), [0]);
    assert_eq!(found("会議"), [3]);
    assert_eq!(found("議会"), [0; 0]);
    assert_eq!(found("🎉"), [4]);
    assert_eq!(found("-kernel -kernels -boots"), [3]);
}

#[test]
fn a_room_that_was_forgotten_is_not_found_in_before_it_is_swept() {
    let mut index = with(&["one kernel", "two kernels"], 1);
    into(&mut index, OTHER, &[change(2, 0, vec![text(1, "other kernel")])]);
    index.forget(ROOM).unwrap();
    let found = index.search(&for_words("kernel*")).unwrap();
    assert_eq!(texts(&found), ["other kernel"]);
    while index.sweep().unwrap() {}
    let found = index.search(&for_words("kernel")).unwrap();
    assert_eq!(texts(&found), ["other kernel"]);
}

#[test]
fn of_many_that_fit_the_newest_are_told_and_that_there_are_more() {
    let said: Vec<String> = (0..5_000).map(|n| format!("kernel {n} says {}", n % 7)).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let index = with(&said, 4_900);
    for words in ["kernel", "kernel says", "k*", "says_3", "-laptop"] {
        let found = index.search(&for_words(words)).unwrap();
        assert_eq!((found.hits.len(), found.rest), (LIMIT, Rest::More), "{words}");
        assert!(found.hits.is_sorted_by_key(|hit| std::cmp::Reverse(hit.place)));
        assert!(found.hits.iter().all(|hit| hit.place.order >= 4_600), "{words}");
    }
    for limit in [4_999, 5_000] {
        let all = Search {
            limit,
            ..for_words("kernel")
        };
        let found = index.search(&all).unwrap();
        let rest = if limit < 5_000 { Rest::More } else { Rest::None };
        assert_eq!((found.hits.len(), found.rest), (limit, rest));
    }
    let old = Search {
        until_ms: Some(700),
        ..for_words("kernel")
    };
    let found = index.search(&old).unwrap();
    assert_eq!(found.hits[0].place.order, 699);
}

#[test]
fn a_search_that_did_not_look_at_everything_says_so() {
    const APART_MS: u64 = 1_000_000;
    let said = (0..20_000).map(|n| text(n * APART_MS, if n == 0 { "🎉 once" } else { "kernel" }));
    let mut index = Index::in_memory().unwrap();
    into(&mut index, ROOM, &[change(1, 0, said.collect())]);
    index.take_words(u32::MAX).unwrap();
    let found = index.search(&for_words("🎉")).unwrap();
    assert_eq!((found.hits.len(), found.rest), (0, Rest::Unseen));
    // From the side of the time it is near.
    let old = Search {
        until_ms: Some(1_000_000_000),
        ..for_words("🎉")
    };
    let found = index.search(&old).unwrap();
    assert_eq!((found.hits.len(), found.rest), (1, Rest::None));
}

#[test]
fn a_long_question_is_asked_like_a_short_one() {
    let mut index = with(&["kernel"], 1);
    let rooms: Vec<RoomId> = (0..300_u16)
        .map(|room| {
            let mut id = [9; 16];
            id[..2].copy_from_slice(&room.to_be_bytes());
            RoomId(id)
        })
        .collect();
    let actor = |actor: u16| {
        let mut id = [1; 16];
        id[..2].copy_from_slice(&actor.to_be_bytes());
        ActorId(id)
    };
    for (number, room) in (0..).zip(&rooms) {
        let mut said = change(1, 0, vec![text(number, "kernel panic")]);
        said.actor = actor(u16::try_from(number).unwrap());
        into(&mut index, *room, &[said]);
    }
    index.take_words(u32::MAX).unwrap();
    let search = Search {
        rooms,
        writers: vec!["ann".into(); 64],
        names: (0..5_000).map(|number| (actor(number), "ann".into())).collect(),
        ..for_words("kernel")
    };
    assert_eq!(index.search(&search).unwrap().hits.len(), LIMIT);
    let phrase = "kernel ".repeat(140);
    let terms = vec![
        Term {
            text: phrase,
            ..Term::default()
        };
        64
    ];
    let search = Search { terms, ..search };
    assert_eq!(index.search(&search).unwrap().hits.len(), 0);
}

#[test]
fn a_name_without_letters_is_found_by_its_signs() {
    let index = with(&["hello"], 0);
    let search = Search {
        writers: vec![" !".to_owned()],
        names: vec![(ActorId([1; 16]), " !?".to_owned())],
        ..for_words("hello")
    };
    assert_eq!(texts(&index.search(&search).unwrap()), ["hello"]);
}
