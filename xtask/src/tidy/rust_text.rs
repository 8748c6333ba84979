//! Rust source as text with its comments, literals and test modules told apart. Knows tokens, not grammar:
//! enough to look for words without being fooled by prose.

use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The text with comments and literals blanked; every byte that stays keeps its offset.
pub(super) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (kind, span) in spans(text) {
        match kind {
            Kind::Code => out.push_str(span),
            Kind::Comment | Kind::Literal => blank(span, &mut out),
        }
    }
    out
}

/// The text with every `#[cfg(test)]` module blanked; every byte that stays keeps its offset.
pub(super) fn without_tests(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept_to = 0;
    for module in test_modules(&code(text)) {
        out.push_str(text.get(kept_to..module.start).unwrap_or_default());
        blank(text.get(module.clone()).unwrap_or_default(), &mut out);
        kept_to = module.end;
    }
    out.push_str(text.get(kept_to..).unwrap_or_default());
    out
}

/// The text as the compiler sees it: no comments, no white space but what keeps two words apart.
pub(super) fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for (kind, span) in spans(text) {
        match kind {
            Kind::Comment => gap = true,
            Kind::Literal => {
                out.push_str(span);
                gap = false;
            }
            Kind::Code => {
                for c in span.chars() {
                    if c.is_whitespace() {
                        gap = true;
                        continue;
                    }
                    if gap && is_word(c) && out.ends_with(is_word) {
                        out.push(' ');
                    }
                    out.push(c);
                    gap = false;
                }
            }
        }
    }
    out
}

/// Offsets at which `needle` stands in `code` as words of its own: `rand::` is not found in `operand::`.
pub(super) fn find_words<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(needle).map(|(at, _)| at).filter(move |&at| {
        let before = code.get(..at).unwrap_or_default();
        let after = code.get(at + needle.len()..).unwrap_or_default();
        !(needle.starts_with(is_word) && before.ends_with(is_word)
            || needle.ends_with(is_word) && after.starts_with(is_word))
    })
}

/// The line, counted from 1, of a byte offset.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

/// The length of the text up to and with the bracket that closes the first one, or all of it.
pub(super) fn bracketed(code: &str, open: char, close: char) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + c.len_utf8();
            }
        }
    }
    code.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Pushes as many bytes as `span` has, with its line ends kept.
fn blank(span: &str, out: &mut String) {
    out.extend(span.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

fn test_modules(code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        if found.last().is_some_and(|last| start < last.end) {
            continue;
        }
        let item_at = after_attributes(code, start);
        let item = code.get(item_at..).unwrap_or_default();
        let declared = item.find([';', '{']).unwrap_or(item.len());
        let (declaration, body) = item.split_at(declared);
        if find_words(declaration, "mod").next().is_some() {
            let body_len = if body.starts_with('{') {
                bracketed(body, '{', '}')
            } else {
                body.len().min(1)
            };
            found.push(start..item_at + declared + body_len);
        }
    }
    found
}

/// The offset of the first item at or after `at` that is not an attribute.
fn after_attributes(code: &str, mut at: usize) -> usize {
    loop {
        let rest = code.get(at..).unwrap_or_default();
        let item = rest.trim_start();
        at += rest.len() - item.len();
        if !item.starts_with("#[") {
            return at;
        }
        at += bracketed(item, '[', ']');
    }
}

fn spans(text: &str) -> Vec<(Kind, &str)> {
    let mut spans = Vec::new();
    let (mut code_from, mut at) = (0, 0);
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let Some((kind, len)) = comment(rest).or_else(|| literal(rest)) else {
            at += c.len_utf8();
            continue;
        };
        spans.push((Kind::Code, text.get(code_from..at).unwrap_or_default()));
        spans.push((kind, text.get(at..at + len).unwrap_or_default()));
        at += len;
        code_from = at;
    }
    spans.push((Kind::Code, text.get(code_from..).unwrap_or_default()));
    spans
}

fn comment(rest: &str) -> Option<(Kind, usize)> {
    if rest.starts_with("//") {
        return Some((Kind::Comment, rest.find('\n').unwrap_or(rest.len())));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    // Block comments nest.
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = rest.get(at..).filter(|next| !next.is_empty()) {
        if next.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if next.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += next.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some((Kind::Comment, at))
}

fn literal(rest: &str) -> Option<(Kind, usize)> {
    let len = match rest.chars().next()? {
        '"' => quoted_len(rest, '"'),
        'r' => raw_string_len(rest)?,
        '\'' if is_char_literal(rest) => quoted_len(rest, '\''),
        _ => return None,
    };
    Some((Kind::Literal, len))
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    chars.next() == Some('\\') || chars.next() == Some('\'')
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of `r"..."`, `r#"..."#` and so on; `None` for a name that begins with `r`.
fn raw_string_len(rest: &str) -> Option<usize> {
    let hashes = rest.chars().skip(1).take_while(|&c| c == '#').count();
    let body = rest.get(1 + hashes..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(
        body.find(&close)
            .map_or(rest.len(), |at| 1 + hashes + 1 + at + close.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_offsets_stay() {
        let text = "let a = \"// tokio\"; // tokio\n/* a /* b */ tokio */ let b = r#\"to\"kio\"#; let c: &'x str = '\"';\n";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        assert!(!code.contains("kio"), "{code}");
        assert_eq!(code.find("let c: &'x str ="), text.find("let c: &'x str ="));
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_literal() {
        assert_eq!(code(r#"f("\"tokio\\"); g('\'')"#).replace(' ', ""), "f();g()");
    }

    #[test]
    fn only_test_modules_are_taken_out() {
        let text = "fn a() {}\n#[cfg(test)]\n#[expect(x, reason = \"]\")]\nmod tests {\n fn b() { c(\"}\") }\n}\nfn d() {}\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nfn e() {}\n";
        let left = without_tests(text);
        assert_eq!(left.len(), text.len());
        assert!(!left.contains("fn b") && !left.contains("mod tests"), "{left}");
        assert!(
            left.contains("fn a") && left.contains("fn d") && left.contains("fn e"),
            "{left}"
        );
    }

    #[test]
    fn layout_and_comments_do_not_change_the_normal_form_and_code_does() {
        let tidy = "/// Doc.\nfn a( x: u8 ) -> u8 {\n    x // same\n}\n";
        assert_eq!(normalised(tidy), "fn a(x:u8)->u8{x}");
        assert_eq!(normalised(tidy), normalised("fn a(x: u8)->u8 { x }"));
        assert_ne!(normalised(tidy), normalised("fn a(x: u8) -> u8 { x + 1 }"));
        assert_ne!(
            normalised("f(\"a b\")"),
            normalised("f(\"ab\")"),
            "white space in a literal is content"
        );
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        let code = "operand::x(rand::y, rand_core::z)";
        assert_eq!(
            find_words(code, "rand::").collect::<Vec<_>>(),
            [code.find("rand::y").unwrap()]
        );
        assert_eq!(find_words("my_async asyncs async", "async").count(), 1);
    }
}
