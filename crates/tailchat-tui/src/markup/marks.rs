//! What of a text is emphasis, code, a link or a name, as byte ranges of the text as it was typed. Knows Markdown,
//! no rows and no screen.
//!
//! Only marks that were surely meant are taken: `2*3*4`, `snake_case`, `__init__`, `*.rs,*.toml` stay as they are
//! typed. Everything that is not found here is shown as it is, so nothing can get lost.

use std::ops::Range;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};
use tailchat_core::mention;

/// What a range of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Bold,
    Italic,
    Struck,
    Code,
    Link,
    Mention,
    /// A mark of emphasis or code, which is not shown.
    Hidden,
}

impl Mark {
    /// How many kinds there are.
    pub(super) const COUNT: usize = Self::Hidden as usize + 1;
}

/// A fenced block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    /// All of it, the fences included.
    pub(super) range: Range<usize>,
    /// Whether its last line is a fence.
    pub(super) closed: bool,
}

/// Where a mark begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Border {
    pub(super) at: usize,
    pub(super) begins: bool,
    pub(super) mark: Mark,
}

#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Ordered by place, ends first. Marks may overlap and be nested.
    pub(super) borders: Vec<Border>,
    /// Ordered.
    pub(super) fences: Vec<Fence>,
}

/// Schemes of links that may be opened: none that runs something or reads a file.
const SCHEMES: [&str; 5] = ["https://", "http://", "gemini://", "gopher://", "ftp://"];
/// How an invite begins.
const INVITE: &str = "tailchat:room1";
/// Signs that can begin a mark of Markdown.
const SIGNS: [char; 4] = ['*', '_', '~', '`'];

impl Marks {
    /// The marks of a text; `names` and `words` are those of the reader.
    pub(super) fn of(text: &str, names: &[String], words: &[String]) -> Self {
        let mut marks = Self::default();
        let links = links(text);
        let mut code = Vec::new();
        if text.contains(SIGNS) {
            marks.read(text, &links, &mut code);
        }
        for range in links {
            marks.add(range, Mark::Link);
        }
        for range in named(text, names, words).filter(|range| holding(&code, range.start).is_none()) {
            marks.add(range, Mark::Mention);
        }
        marks.borders.sort_unstable();
        marks
    }

    fn add(&mut self, range: Range<usize>, mark: Mark) {
        self.borders.push(Border {
            at: range.start,
            begins: true,
            mark,
        });
        self.borders.push(Border {
            at: range.end,
            begins: false,
            mark,
        });
    }

    fn read(&mut self, text: &str, links: &[Range<usize>], code: &mut Vec<Range<usize>>) {
        for (event, range) in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                    let fence = fence(text, range);
                    code.extend(fence.iter().map(|fence| fence.range.clone()));
                    self.fences.extend(fence);
                }
                Event::Code(_) => {
                    let taken = self.enclosed(text, range.clone(), Mark::Code, links);
                    code.extend(taken.then_some(range));
                }
                Event::Start(Tag::Emphasis) => drop(self.enclosed(text, range, Mark::Italic, links)),
                Event::Start(Tag::Strong) => drop(self.enclosed(text, range, Mark::Bold, links)),
                Event::Start(Tag::Strikethrough) => drop(self.enclosed(text, range, Mark::Struck, links)),
                _ => {}
            }
        }
    }

    /// Takes a mark with its signs, if both ends stand where nobody writes them for anything else.
    fn enclosed(&mut self, text: &str, range: Range<usize>, mark: Mark, links: &[Range<usize>]) -> bool {
        let Some(typed) = text.get(range.clone()) else {
            return false;
        };
        let sign = match mark {
            Mark::Bold => "**",
            Mark::Struck => "~~",
            Mark::Italic if typed.starts_with('_') => "_",
            Mark::Italic => "*",
            _ => typed
                .get(..typed.len() - typed.trim_start_matches('`').len())
                .unwrap_or_default(),
        };
        let ends = !sign.is_empty()
            && typed.len() > 2 * sign.len()
            && typed.starts_with(sign)
            && typed.ends_with(sign);
        if !ends || mark != Mark::Code && !stands_apart(text, &range) {
            return false;
        }
        // Emphasis may contain a link; its signs may not be part of one.
        if holding(links, range.start).is_some() || holding(links, range.end - 1).is_some() {
            return false;
        }
        let inside = range.start + sign.len()..range.end - sign.len();
        self.add(range.start..inside.start, Mark::Hidden);
        self.add(inside.end..range.end, Mark::Hidden);
        self.add(inside, mark);
        true
    }
}

/// Which of some ordered ranges, none of which overlap, holds a byte.
fn holding(ranges: &[Range<usize>], byte: usize) -> Option<&Range<usize>> {
    let after = ranges.partition_point(|range| range.start <= byte);
    ranges
        .get(after.checked_sub(1)?)
        .filter(|range| range.contains(&byte))
}

/// Where the reader is named or a highlight word stands.
fn named<'a>(
    text: &'a str,
    names: &'a [String],
    words: &'a [String],
) -> impl Iterator<Item = Range<usize>> + 'a {
    let names = names.iter().flat_map(|name| mention::places(text, name));
    names.chain(words.iter().flat_map(|word| whole(text, word)))
}

/// The links in a text that may be opened, and invites.
pub(super) fn links(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text.contains("://") {
        let mut finder = LinkFinder::new();
        finder.kinds(&[LinkKind::Url]);
        let safe = |url: &str| {
            SCHEMES.iter().any(|scheme| {
                url.get(..scheme.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
            })
        };
        found.extend(
            finder
                .links(text)
                .filter(|link| safe(link.as_str()))
                .map(|link| link.start()..link.end()),
        );
    }
    for (at, _) in text.match_indices(INVITE) {
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '`'));
        let len = rest
            .get(..end.unwrap_or(rest.len()))
            .unwrap_or_default()
            .trim_end_matches(['.', ',', ')', '!', ';'])
            .len();
        found.push(at..at + len);
    }
    found.sort_by_key(|range| range.start);
    found
}

/// A fence that begins a line of its own and stands in no quote and no list; others stay as they are typed.
fn fence(text: &str, range: Range<usize>) -> Option<Fence> {
    let (before, rest) = text.split_at_checked(range.start)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    let block = text.get(range.clone())?.trim_end_matches('\n');
    let sign = rest.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let last = block.rsplit_once('\n').map(|(_, last)| last.trim());
    let closed = last.is_some_and(|last| last.len() >= 3 && last.chars().all(|c| c == sign));
    line.trim().is_empty().then_some(Fence {
        range: range.start - line.len()..range.start + block.len(),
        closed,
    })
}

/// Whether signs of emphasis begin after and end before white space, but for the punctuation of ordinary writing.
fn stands_apart(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).unwrap_or_default().chars().rev();
    let after = text.get(range.end..).unwrap_or_default().chars();
    ends_a_word(before, &BEFORE_EMPHASIS) && ends_a_word(after, &AFTER_EMPHASIS)
}

const BEFORE_EMPHASIS: [char; 9] = ['(', '[', '"', '\'', '“', '«', '*', '_', '~'];
const AFTER_EMPHASIS: [char; 14] = [
    '.', ',', ';', ':', '!', '?', ')', ']', '"', '\'', '”', '*', '_', '~',
];
/// Signs that may stand between emphasis and white space.
const PUNCTUATION_MAX: usize = 8;

fn ends_a_word(outward: impl Iterator<Item = char>, passed: &[char]) -> bool {
    let mut outward = outward.take(PUNCTUATION_MAX + 1).enumerate();
    match outward.find(|(_, c)| !passed.contains(c)) {
        Some((_, c)) => c.is_whitespace() || is_cjk(c) || !c.is_ascii() && !c.is_alphanumeric(),
        // The text ends, or there is more punctuation than anybody means.
        None => outward.next().is_none(),
    }
}

/// Scripts that are written without spaces between words.
fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3fffd}')
}

/// Where a word stands whole, in any case.
fn whole<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let first = word.chars().next().map(char::to_lowercase);
    let is_first = move |c: char| {
        first
            .as_ref()
            .is_some_and(|first| c.to_lowercase().eq(first.clone()))
    };
    text.char_indices()
        .filter(move |(_, c)| is_first(*c))
        .filter_map(move |(at, _)| {
            let len = same_length(text.get(at..)?, word)?;
            let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let before = text.get(..at)?.chars().next_back();
            let after = text.get(at + len..)?.chars().next();
            (!letter(before) && !letter(after)).then_some(at..at + len)
        })
}

/// The bytes of `text` that are `word` in any case, if it begins with it.
fn same_length(text: &str, word: &str) -> Option<usize> {
    let mut rest = text.chars();
    for w in word.chars() {
        let c = rest.next()?;
        if c != w && !c.to_lowercase().eq(w.to_lowercase()) {
            return None;
        }
    }
    Some(text.len() - rest.as_str().len())
}

/// Whether a text names the reader, or has one of the reader's highlight words.
pub(super) fn mentions(text: &str, names: &[String], words: &[String]) -> bool {
    named(text, names, words).next().is_some()
}
