//! Pages as they are written, and what nobody can write into them.
use insta::assert_snapshot;
use proptest::prelude::*;
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use tailchat_core::text;
use tailchat_node::control::{MessageItem, MessageKind, ReactionItem};

use super::*;

/// A second before midnight, in UTC.
const LATE_MS: i64 = 1_795_391_999_000;

fn message(index: u64, author: &str, text: &str) -> MessageItem {
    MessageItem {
        room: "room1secret".into(),
        id: format!("9b11219d64d1073f58f514bc973daa94/{index}"),
        author: author.into(),
        person: Some(author.into()),
        mine: true,
        sent_at_ms: LATE_MS,
        arrived_at_ms: 1,
        via: Some("via".into()),
        kind: MessageKind::Text,
        text: text.into(),
        reply_to: None,
        edited: false,
        deleted: false,
        answers: 0,
        reactions: Vec::new(),
        on: 77,
        of: 78,
        unread: true,
        ignored: true,
        pinned: false,
        place: "place".into(),
    }
}

fn felt(with: &str, count: u64, by: &[&str]) -> ReactionItem {
    ReactionItem {
        with: with.into(),
        count,
        by: by.iter().map(|name| (*name).to_owned()).collect(),
        mine: false,
    }
}

/// One message of each sort.
fn all_sorts() -> Vec<MessageItem> {
    let answer = |mut message: MessageItem, index: u64| {
        message.reply_to = Some(format!("9b11219d64d1073f58f514bc973daa94/{index}"));
        message
    };
    vec![
        message(
            1,
            "ann",
            "tea is ready\n\n  # in the *kitchen*\nsee https://a.example/?b&c=_d_.",
        ),
        MessageItem {
            kind: MessageKind::Action,
            edited: true,
            pinned: true,
            ..message(2, "bob", "pours")
        },
        MessageItem {
            reactions: vec![felt("👍", 2, &["ann", "b*b"]), felt("tea", 70, &["cy"])],
            sent_at_ms: LATE_MS + 1_000,
            ..answer(message(3, "ann", "thanks"), 1)
        },
        MessageItem {
            edited: true,
            ..message(4, "bob", "so:\n```rust\nlet a = \"</pre>```\";\n\n```")
        },
        MessageItem {
            deleted: true,
            ..answer(message(5, "ann", ""), 77)
        },
        MessageItem {
            kind: MessageKind::Imported,
            person: None,
            ..message(6, "<cy>", "1. & <b>not bold</b>\n---")
        },
        MessageItem {
            kind: MessageKind::ImportedAction,
            person: None,
            ..message(7, "cy", "")
        },
        MessageItem {
            kind: MessageKind::Unreadable,
            ..message(8, "dee", "")
        },
        answer(message(9, "ann", "```\ncode alone"), 4),
    ]
}

fn room(topic: &str) -> RoomItem {
    RoomItem {
        room: "room1secret".into(),
        name: "an alias".into(),
        invite: "tailchat:room1secret".into(),
        messages: 77,
        members: 78,
        connected: 0,
        behind: 0,
        here: 5,
        typing: vec!["eve".into()],
        met: false,
        unread: 0,
        mentions: 0,
        draft: false,
        muted: false,
        topic: topic.into(),
        known_as: Some("kit#chen <1>".into()),
        waiting: None,
    }
}

fn page(writer: Writer, messages: &[MessageItem]) -> String {
    page_about("of <tea>\n- and so on", writer, messages)
}

fn page_about(topic: &str, mut writer: Writer, messages: &[MessageItem]) -> String {
    let mut page = writer.begin(&room(topic));
    for message in messages {
        page.push_str(&writer.message(message).unwrap());
    }
    page + writer.end()
}

#[test]
fn markdown_reads_as_it_was_said() {
    assert_snapshot!(page(Writer::markdown(), &all_sorts()), @r###"
    # kit\#chen \<1>

    of \<tea>\
    \- and so on

    Times are UTC. Names in bold are members'; the other names are of people elsewhere, whose messages were brought in.

    ## Sunday, 22 November 2026

    23:59 **ann**: tea is ready

      \# in the \*kitchen\*\
    see <https://a.example/?b&c=_d_>.

    23:59 \* **bob** pours *(edited)* *(pinned)*

    ## Monday, 23 November 2026

    00:00 **ann**:

    > ann: tea is ready …

    thanks\
    (👍 ann, b\*b; tea cy, 69 more)

    ## Sunday, 22 November 2026

    23:59 **bob**: so:

    ````rust
    let a = "</pre>```";

    ````

    *(edited)*

    23:59 **ann**:

    > *(an earlier message)*

    *(deleted)*

    23:59 \<cy>: 1. & \<b>not bold\</b>\
    \---

    23:59 \* cy

    23:59 **dee**: *(an entry that this version of tailchat cannot read)*

    23:59 **ann**:

    > bob: so: …

    ```
    code alone
    ```
    "###);
}

#[test]
fn a_page_shows_all_sorts_of_messages() {
    let page = page(Writer::html(), &all_sorts());
    let body = page.split_once("<body>\n").map(|(_, body)| body);
    assert_snapshot!(body.unwrap(), @r###"
    <main>
    <h1 dir="auto">kit#chen &lt;1&gt;</h1>
    <p dir="auto">of &lt;tea&gt;
    - and so on</p>
    <p class="n">Times are UTC. Names in italics are of people elsewhere, whose messages were brought in.</p>
    <section>
    <h2>Sunday, 22 November 2026</h2>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-1"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-1"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div><b class="c5" dir="auto">ann</b> <p dir="auto">tea is ready</p><p dir="auto">  # in the *kitchen*
    see <a href="https://a.example/?b&amp;c=_d_" rel="noopener noreferrer nofollow">https://a.example/?b&amp;c=_d_</a>.</p></div></div>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-2"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-2"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div>* <b class="c5" dir="auto">bob</b> <p dir="auto">pours</p> <i>edited</i> <i>pinned</i></div></div>
    </section>
    <section>
    <h2>Monday, 23 November 2026</h2>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-3"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-3"><time datetime="2026-11-23T00:00:00.000Z">00:00</time></a><div><b class="c5" dir="auto">ann</b> <a class="q" dir="auto" href="#m9b11219d64d1073f58f514bc973daa94-1"><b>ann</b> tea is ready …</a><p dir="auto">thanks</p><details><summary>👍 2</summary>ann, b*b</details><details><summary>tea 70</summary>cy, 69 more</details></div></div>
    </section>
    <section>
    <h2>Sunday, 22 November 2026</h2>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-4"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-4"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div><b class="c5" dir="auto">bob</b> <p dir="auto">so:</p><pre>
    let a = &quot;&lt;/pre&gt;```&quot;;
    </pre> <i>edited</i></div></div>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-5"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-5"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div><b class="c5" dir="auto">ann</b> <a class="q" dir="auto" href="#m9b11219d64d1073f58f514bc973daa94-77"><b></b> an earlier message</a><i>deleted</i></div></div>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-6"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-6"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div><b class="e c5" dir="auto">&lt;cy&gt;</b> <p dir="auto">1. &amp; &lt;b&gt;not bold&lt;/b&gt;
    ---</p></div></div>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-7"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-7"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div>* <b class="e c11" dir="auto">cy</b> </div></div>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-8"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-8"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div><b class="c4" dir="auto">dee</b> <i>an entry that this version of tailchat cannot read</i></div></div>
    <div class="m" id="m9b11219d64d1073f58f514bc973daa94-9"><a class="t" href="#m9b11219d64d1073f58f514bc973daa94-9"><time datetime="2026-11-22T23:59:59.000Z">23:59</time></a><div><b class="c5" dir="auto">ann</b> <a class="q" dir="auto" href="#m9b11219d64d1073f58f514bc973daa94-4"><b>bob</b> so: …</a><pre>
    code alone</pre></div></div>
    </section>
    </main>
    </body>
    </html>
    "###);
}

#[test]
fn json_lines_have_what_all_members_share() {
    assert_snapshot!(page(Writer::Jsonl, &all_sorts()[1..3]), @r###"
    {"id":"9b11219d64d1073f58f514bc973daa94/2","author":"bob","sent_at":"2026-11-22T23:59:59.000Z","kind":"action","text":"pours","reply_to":null,"edited":true,"deleted":false,"reactions":{},"pinned":true}
    {"id":"9b11219d64d1073f58f514bc973daa94/3","author":"ann","sent_at":"2026-11-23T00:00:00.000Z","kind":"text","text":"thanks","reply_to":"9b11219d64d1073f58f514bc973daa94/1","edited":false,"deleted":false,"reactions":{"tea":["cy"],"👍":["ann","b*b"]},"pinned":false,"reactions_unnamed":{"tea":69}}
    "###);
}

#[test]
fn no_file_tells_what_one_member_alone_knows() {
    for writer in [Writer::Jsonl, Writer::markdown(), Writer::html()] {
        let file = page(writer, &all_sorts());
        for local in [
            "room1secret",
            "alias",
            "ignored",
            "1970-01-01",
            "77,",
            "78",
            "via",
            "place",
            "unread\"",
        ] {
            assert!(!file.contains(local), "{local}: {file}");
        }
    }
}

#[test]
fn a_page_needs_nothing_else_and_runs_nothing() {
    let page = page(Writer::html(), &[]);
    assert!(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    for foreign in [
        "<script", "<link", "<img", "url(", "@import", "src=", "http://", "https://",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.ends_with("</html>\n"));
}

#[test]
fn an_answer_to_what_was_said_long_ago_still_leads_there() {
    let mut writer = Writer::html();
    let mut page = String::new();
    for index in 0..5_000 {
        page.push_str(&writer.message(&message(index, "ann", "x")).unwrap());
    }
    let mut answer = message(5_000, "bob", "?");
    for (to, says) in [(1, "an earlier message"), (4_999, "<b>ann</b> x")] {
        answer.reply_to = Some(format!("9b11219d64d1073f58f514bc973daa94/{to}"));
        let shown = writer.message(&answer).unwrap();
        assert!(
            shown.contains(&format!("href=\"#m9b11219d64d1073f58f514bc973daa94-{to}\""))
                && shown.contains(says),
            "{shown}"
        );
    }
}

/// What means something to Markdown, HTML or a terminal.
const PIECES: &[&str] = &[
    "\n",
    "\n\n",
    "\n    ",
    "\n# ",
    "\n---\n",
    "\n===\n",
    "\n- ",
    "\n1. ",
    "\n> ",
    "\n| a | b |\n|---|---|\n",
    "\n:-\n",
    "\n: ",
    "```",
    "\n```\n",
    "\n~~~\n",
    "`",
    "*",
    "**",
    "_",
    "__",
    "~~",
    "$",
    "$$",
    "\\",
    "[",
    "]",
    "](javascript:alert(1))",
    "![",
    "[x]: ",
    "[^1]: ",
    "[[",
    "]]",
    "<",
    ">",
    "</p>",
    "<script>",
    "<!--",
    "-->",
    "<a href=",
    "\" onclick=\"",
    "'",
    "&lt;",
    "&#106;",
    "&",
    "http://",
    "https://a.example/",
    "javascript:",
    "ftp://a.example",
    "data:",
    "<javascript:x>",
    "{#id}",
    "{.c}",
    "\u{202e}",
    "\u{1b}",
    "\t",
    " ",
    "  ",
    "\r",
    "\u{a0}",
    "a",
    "b c",
    "+",
    "=",
    "^",
    "%%",
    "|",
    "||",
];

/// Text with more of what means something to Markdown and HTML than chance would bring.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn sorts() -> impl Strategy<Value = MessageItem> {
    let kinds = prop::sample::select(vec![
        MessageKind::Text,
        MessageKind::Action,
        MessageKind::Imported,
        MessageKind::ImportedAction,
    ]);
    let said = (
        kinds,
        hostile(),
        hostile(),
        hostile(),
        any::<(bool, bool, bool)>(),
    );
    said.prop_map(
        |(kind, author, text, with, (edited, reacted, answers))| MessageItem {
            kind,
            author: author.clone(),
            edited,
            reply_to: answers.then(|| "9b11219d64d1073f58f514bc973daa94/0".to_owned()),
            reactions: reacted.then(|| felt(&with, 3, &[&author])).into_iter().collect(),
            ..message(1, "", &text)
        },
    )
}

/// Everything that CommonMark's additions could make of a text, but what changes letters.
fn additions() -> Options {
    Options::all() - Options::ENABLE_SMART_PUNCTUATION
}

/// A page with one message that a second one may answer, and the events that a reader of Markdown makes of it.
fn events(message: &MessageItem) -> (String, Vec<Event<'static>>) {
    let mut begins = message.clone();
    begins.id = "9b11219d64d1073f58f514bc973daa94/0".into();
    begins.reply_to = None;
    let file = page_about(&message.text, Writer::markdown(), &[begins, message.clone()]);
    let events = Parser::new_ext(&file, additions())
        .map(Event::into_static)
        .collect();
    (file, events)
}

/// A text as lines without what Markdown never keeps: spaces at the ends of lines, and blank lines.
fn kept(text: &str) -> Vec<String> {
    let lines = text.split('\n').map(|line| line.trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Tags of the page's body, as far as they are ours.
fn tags(page: &str) -> Vec<&str> {
    let (_, body) = page.split_once("<body>").unwrap();
    let tags = body.split('<').skip(1);
    tags.map(|tag| {
        tag.split_once('>')
            .map(|(tag, _)| tag)
            .unwrap_or_else(|| panic!("an open tag: {tag}"))
    })
    .collect()
}

fn is_ours(tag: &str) -> bool {
    let address = |tag: &str| {
        let rest = tag.strip_prefix("a href=\"")?;
        let url = rest.strip_suffix("\" rel=\"noopener noreferrer nofollow\"")?;
        let lower = url.to_ascii_lowercase();
        let safe = lower.starts_with("http://") || lower.starts_with("https://");
        Some(safe && !url.contains(['"', '\'', '<', '>', ' ']))
    };
    let plain = [
        "main",
        "/main",
        "/body",
        "/html",
        "section",
        "/section",
        "h1 dir=\"auto\"",
        "/h1",
        "h2",
        "/h2",
        "p class=\"n\"",
        "p dir=\"auto\"",
        "/p",
        "div",
        "/div",
        "/a",
        "/time",
        "/b",
        "b",
        "i",
        "/i",
        "pre",
        "/pre",
        "details",
        "/details",
        "summary",
        "/summary",
        "time datetime=\"2026-11-22T23:59:59.000Z\"",
    ];
    plain.contains(&tag)
        || address(tag).unwrap_or(false)
        || (tag.starts_with("b class=\"") && tag.len() < 32 && tag.ends_with("\" dir=\"auto\""))
        || [
            "div class=\"m\" id=\"m",
            "a class=\"t\" href=\"#m",
            "a class=\"q\" dir=\"auto\" href=\"#m",
        ]
        .iter()
        .any(|begin| {
            let rest = tag.strip_prefix(begin).and_then(|rest| rest.strip_suffix('"'));
            rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_becomes_a_tag_an_attribute_or_another_scheme(message in sorts()) {
        let page = page_about(&message.text.clone(), Writer::html(), &[message.clone(), message]);
        for tag in tags(&page) {
            prop_assert!(is_ours(tag), "<{tag}> in {page}");
        }
        let (_, body) = page.split_once("<body>").unwrap();
        let drives = body.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
        prop_assert_eq!(drives, None);
    }

    #[test]
    fn no_text_becomes_structure_of_markdown(message in sorts()) {
        let (file, events) = events(&message);
        let mut headings = 0;
        for event in &events {
            match event {
                Event::Start(Tag::Heading { .. }) => headings += 1,
                Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                    let lower = dest_url.to_ascii_lowercase();
                    let safe = lower.starts_with("http://") || lower.starts_with("https://");
                    prop_assert!(*link_type == LinkType::Autolink && safe, "{dest_url} in {file}");
                }
                Event::Start(
                    Tag::Paragraph | Tag::Strong | Tag::Emphasis | Tag::CodeBlock(_) | Tag::BlockQuote(None),
                )
                | Event::End(_)
                | Event::Text(_)
                | Event::HardBreak => {}
                other => prop_assert!(false, "{other:?} in {file}"),
            }
        }
        prop_assert_eq!(headings, 2, "{}", file);
    }

    #[test]
    fn markdown_says_what_was_said(text in hostile()) {
        let text = text.replace("```", "`").replace("~~~", "~");
        let mut writer = Writer::markdown();
        let file = writer.message(&message(1, "ann", &text)).unwrap();
        let mut said = String::new();
        for event in Parser::new_ext(&file, additions()) {
            match event {
                Event::Text(text) => said.push_str(&text),
                Event::HardBreak | Event::End(TagEnd::Paragraph | TagEnd::CodeBlock | TagEnd::Heading(_)) => {
                    said.push('\n');
                }
                _ => {}
            }
        }
        let fence = |line: &String| line.starts_with("```") || line.starts_with("~~~");
        let shown = kept(&text::visible(&text));
        // What stands behind a fence names a language and is no line of the text.
        prop_assume!(!shown.iter().any(fence));
        let (_, said) = said.split_once("ann:").unwrap();
        prop_assert_eq!(kept(said), shown, "{}", file);
    }
}
