//! A room as one page of HTML that needs nothing else: no script, no picture, no font, no other address. Knows what a
//! browser takes for a mark, and lets nothing of what people wrote become one.

use std::borrow::Cow;
use std::fmt::Write as _;

use tailchat_core::text;
use tailchat_node::control::{MessageItem, MessageKind, ReactionItem};

use super::blocks::{Block, blocks};
use super::links::{Piece, pieces};
use super::written::{Written, clock, is_action, is_from_elsewhere};
use crate::time;

/// Colours of names; the page's style has one each.
const COLOURS: u64 = 12;
/// Nothing is fetched and nothing runs, whatever stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A page that is being written.
#[derive(Default)]
pub(crate) struct Page {
    written: Written,
    /// Whether a day was begun.
    in_day: bool,
}

impl Page {
    pub(super) fn begin(name: &str, topic: &str) -> String {
        let title = text::name(name);
        let title = escaped(&title);
        let topic = match topic.trim() {
            "" => String::new(),
            topic => format!("<p dir=\"auto\">{}</p>\n", inline(&text::visible(topic))),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n\
             <h1 dir=\"auto\">{title}</h1>\n{topic}\
             <p class=\"n\">Times are UTC. Names in italics are of people elsewhere, whose messages were brought in.</p>\n",
            include_str!("page.css")
        )
    }

    pub(super) fn message(&mut self, message: &MessageItem) -> String {
        let mut out = String::new();
        if let Some(day) = self.written.new_day(message) {
            let end = if self.in_day { "</section>\n" } else { "" };
            self.in_day = true;
            let _ = writeln!(out, "{end}<section>\n<h2>{day}</h2>");
        }
        let anchor = anchor(&message.id);
        let _ = write!(
            out,
            "<div class=\"m\" id=\"{anchor}\"><a class=\"t\" href=\"#{anchor}\"><time datetime=\"{}\">{}</time></a>",
            time::utc(message.sent_at_ms),
            clock(message)
        );
        out.push_str("<div>");
        if is_action(message) {
            out.push_str("* ");
        }
        let class = match is_from_elsewhere(message) {
            true => format!("e c{}", colour(message)),
            false => format!("c{}", colour(message)),
        };
        let name = text::name(&message.author);
        let _ = write!(out, "<b class=\"{class}\" dir=\"auto\">{}</b> ", escaped(&name));
        if let Some(answered) = &message.reply_to {
            out.push_str(&self.answered(answered));
        }
        out.push_str(&says(message));
        for felt in &message.reactions {
            out.push_str(&reaction(felt));
        }
        out.push_str("</div></div>\n");
        self.written.remember(message);
        out
    }

    fn answered(&self, id: &str) -> String {
        let anchor = anchor(id);
        let (author, text) = match self.written.beginning(id) {
            Some(begin) => (escaped(&begin.author), escaped(&begin.text)),
            None => ("".into(), "an earlier message".into()),
        };
        format!("<a class=\"q\" dir=\"auto\" href=\"#{anchor}\"><b>{author}</b> {text}</a>")
    }

    pub(super) fn end(&self) -> &'static str {
        match self.in_day {
            true => "</section>\n</main>\n</body>\n</html>\n",
            false => "</main>\n</body>\n</html>\n",
        }
    }
}

fn says(message: &MessageItem) -> String {
    if message.deleted {
        return "<i>deleted</i>".to_owned();
    }
    if message.kind == MessageKind::Unreadable {
        return "<i>an entry that this version of tailchat cannot read</i>".to_owned();
    }
    let shown = text::visible(&message.text);
    let mut out = String::new();
    for block in blocks(&shown) {
        match block {
            Block::Paragraph(lines) => {
                let lines: Vec<String> = lines.into_iter().map(inline).collect();
                let _ = write!(out, "<p dir=\"auto\">{}</p>", lines.join("\n"));
            }
            // A browser leaves out a line break right behind the tag.
            Block::Code { lines, .. } => {
                let _ = write!(out, "<pre>\n{}</pre>", escaped(&lines.join("\n")));
            }
        }
    }
    if message.edited {
        out.push_str(" <i>edited</i>");
    }
    if message.pinned {
        out.push_str(" <i>pinned</i>");
    }
    out
}

fn reaction(felt: &ReactionItem) -> String {
    let mut names: Vec<String> = felt.by.iter().map(|name| text::name(name)).collect();
    let unnamed = felt.count.saturating_sub(felt.by.len() as u64);
    if unnamed > 0 {
        names.push(format!("{unnamed} more"));
    }
    format!(
        "<details><summary>{} {}</summary>{}</details>",
        escaped(&text::name(&felt.with)),
        felt.count,
        escaped(&names.join(", "))
    )
}

fn inline(line: &str) -> String {
    let written = pieces(line).into_iter().map(|piece| match piece {
        Piece::Text(text) => escaped(text),
        Piece::Link(url) => {
            let url = escaped(url);
            format!("<a href=\"{url}\" rel=\"noopener noreferrer nofollow\">{url}</a>").into()
        }
    });
    written.collect::<Vec<_>>().concat()
}

/// Safe between tags and between double quotes.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Where a message stands in the page. Its ID has digits, letters and one stroke.
fn anchor(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    std::iter::once('m').chain(id.chars().map(plain)).collect()
}

/// The same for one person in every room and page; a nick's is that of its letters.
fn colour(message: &MessageItem) -> u64 {
    let who = message.person.as_ref().unwrap_or(&message.author);
    // FNV-1a.
    let hash = who.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32) % COLOURS
}
