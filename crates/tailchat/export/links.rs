//! Links in a text, of the two kinds that a page may offer. Knows no format.

use linkify::{LinkFinder, LinkKind};

const SCHEMES: [&str; 2] = ["http://", "https://"];

/// A piece of a text; all of them together are the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Letters.
    Text(&'a str),
    /// An address that begins with `http://` or `https://`, in any case, and has no space, quote or angle bracket.
    Link(&'a str),
}

pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    // The finder looks at every letter; most messages have nothing for it.
    if !text.contains("://") {
        return vec![Piece::Text(text)];
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let spans = finder.spans(text).map(|span| match span.kind() {
        Some(_) if is_safe(span.as_str()) => Piece::Link(span.as_str()),
        _ => Piece::Text(span.as_str()),
    });
    spans.collect()
}

fn is_safe(url: &str) -> bool {
    let begins = |scheme: &&str| {
        url.get(..scheme.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    SCHEMES.iter().any(begins)
        && !url.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_links() {
        for (text, links) in [
            (
                "see https://a.example/b?c=d&e#f.",
                vec!["https://a.example/b?c=d&e#f"],
            ),
            (
                "HTTP://A.example and (http://b.example)",
                vec!["HTTP://A.example", "http://b.example"],
            ),
            ("javascript://a.example/%0aalert(1) data:text/html,x", vec![]),
            (
                "ftp://a.example file:///etc mailto:a@b.example www.a.example",
                vec![],
            ),
            ("https://a.example/\"onclick=x", vec!["https://a.example/"]),
            ("https://a.example<U+202E>moc", vec!["https://a.example"]),
        ] {
            let found = pieces(text);
            let whole: String = found
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) | Piece::Link(text) => *text,
                })
                .collect();
            assert_eq!(whole, text);
            let found: Vec<_> = found
                .into_iter()
                .filter_map(|piece| match piece {
                    Piece::Link(url) => Some(url),
                    Piece::Text(_) => None,
                })
                .collect();
            assert_eq!(found, links, "{text}");
        }
    }
}
