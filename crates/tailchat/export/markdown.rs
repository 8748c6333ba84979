//! A room as Markdown: the room's name, days as headings, a paragraph for each message. Whatever people wrote stays
//! text: of their marks only fences of code and addresses of the web mean something. Knows CommonMark and GitHub's
//! additions to it.

use tailchat_core::text;
use tailchat_node::control::{MessageItem, MessageKind, ReactionItem};

use super::blocks::{Block, blocks};
use super::links::{Piece, pieces};
use super::written::{Written, clock, is_action, is_from_elsewhere};

/// Ends a line, and not the paragraph.
const BREAK: &str = "\\\n";

/// A page that is being written.
#[derive(Default)]
pub(crate) struct Page {
    written: Written,
}

/// A part of a message, with a blank line before the next one.
enum Part {
    /// Lines one below the other.
    Lines(Vec<String>),
    /// A quote, or code.
    Whole(String),
}

impl Page {
    pub(super) fn begin(name: &str, topic: &str) -> String {
        let title = escaped(&text::name(name)).replace('#', "\\#");
        let topic = text::visible(topic);
        let topic: Vec<String> = topic
            .split('\n')
            .filter(|line| !line.trim().is_empty())
            .map(begun)
            .collect();
        let end = if topic.is_empty() { "" } else { "\n\n" };
        let topic = topic.join(BREAK) + end;
        format!(
            "# {title}\n\n{topic}Times are UTC. Names in bold are members'; the other names are of people elsewhere, whose \
             messages were brought in.\n\n"
        )
    }

    pub(super) fn message(&mut self, message: &MessageItem) -> String {
        let mut out = String::new();
        if let Some(day) = self.written.new_day(message) {
            out.push_str(&format!("## {day}\n\n"));
        }
        for part in self.parts(message) {
            match part {
                Part::Lines(lines) => out.push_str(&lines.join(BREAK)),
                Part::Whole(whole) => out.push_str(&whole),
            }
            out.push_str("\n\n");
        }
        self.written.remember(message);
        out
    }

    fn parts(&self, message: &MessageItem) -> Vec<Part> {
        let time = clock(message);
        let author = author(&message.author, is_from_elsewhere(message));
        let head = match is_action(message) {
            true => format!("{time} \\* {author}"),
            false => format!("{time} {author}:"),
        };
        let mut parts = vec![Part::Lines(vec![head])];
        if let Some(answered) = &message.reply_to {
            parts.push(Part::Whole(match self.written.beginning(answered) {
                Some(begin) => {
                    let quote = format!("{}: {}", escaped(&begin.author), inline(&begin.text));
                    format!("> {}", without_mark(&quote))
                }
                None => "> *(an earlier message)*".to_owned(),
            }));
        }
        if message.deleted {
            say(&mut parts, "*(deleted)*");
        } else if message.kind == MessageKind::Unreadable {
            say(
                &mut parts,
                "*(an entry that this version of tailchat cannot read)*",
            );
        } else {
            put_text(&mut parts, &text::visible(&message.text));
        }
        if message.edited {
            say(&mut parts, "*(edited)*");
        }
        if message.pinned {
            say(&mut parts, "*(pinned)*");
        }
        if !message.reactions.is_empty() {
            let felt: Vec<String> = message.reactions.iter().map(reaction).collect();
            let felt = format!("({})", felt.join("; "));
            match parts.last_mut() {
                Some(Part::Lines(lines)) => lines.push(felt),
                _ => parts.push(Part::Lines(vec![felt])),
            }
        }
        parts
    }
}

/// Adds words of our own to the last line.
fn say(parts: &mut Vec<Part>, words: &str) {
    match parts.last_mut() {
        Some(Part::Lines(lines)) => match lines.last_mut() {
            Some(line) => *line = format!("{line} {words}"),
            None => lines.push(words.to_owned()),
        },
        _ => parts.push(Part::Lines(vec![words.to_owned()])),
    }
}

fn put_text(parts: &mut Vec<Part>, shown: &str) {
    for (at, block) in blocks(shown).into_iter().enumerate() {
        match (block, parts.as_mut_slice()) {
            // What is said begins right behind who says it.
            (Block::Paragraph(lines), [Part::Lines(head)]) if at == 0 => {
                let mut lines = lines.into_iter();
                if let (Some(head), Some(line)) = (head.first_mut(), lines.next()) {
                    *head = format!("{head} {}", inline(line.trim()));
                }
                head.extend(lines.map(begun));
            }
            (Block::Paragraph(lines), _) => parts.push(Part::Lines(lines.into_iter().map(begun).collect())),
            (Block::Code { language, lines }, _) => parts.push(Part::Whole(code(&language, &lines))),
        }
    }
}

fn author(author: &str, elsewhere: bool) -> String {
    let name = escaped(&text::name(author));
    if elsewhere { name } else { format!("**{name}**") }
}

fn reaction(felt: &ReactionItem) -> String {
    let mut names: Vec<String> = felt.by.iter().map(|name| escaped(&text::name(name))).collect();
    let unnamed = felt.count.saturating_sub(felt.by.len() as u64);
    if unnamed > 0 {
        names.push(format!("{unnamed} more"));
    }
    format!("{} {}", escaped(&text::name(&felt.with)), names.join(", "))
}

/// A block of code, between fences longer than any run of backticks in it.
fn code(language: &str, lines: &[&str]) -> String {
    let runs = lines.iter().flat_map(|line| line.split(|c| c != '`'));
    let fence = "`".repeat(runs.map(str::len).max().unwrap_or(0).max(2) + 1);
    let mut out = format!("{fence}{language}\n");
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    out + &fence
}

/// A line of a text at the beginning of a line. Spaces there would be left out or make code of it, so they are such
/// as do not break.
fn begun(line: &str) -> String {
    let rest = line.trim_start();
    let indent = "\u{a0}".repeat(line.chars().count() - rest.chars().count());
    indent + &without_mark(&inline(rest.trim_end()))
}

/// A written line that begins with no heading, list, quote, rule or definition.
fn without_mark(line: &str) -> String {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = line.split_at(digits);
    let marks = match digits {
        0 => after.starts_with(['#', '+', '-', '=', '>', ':']),
        _ => after.starts_with(['.', ')']),
    };
    if marks {
        format!("{number}\\{after}")
    } else {
        line.to_owned()
    }
}

/// A line of a text within a line.
fn inline(line: &str) -> String {
    let written = pieces(line).into_iter().map(|piece| match piece {
        Piece::Text(text) => escaped(text),
        Piece::Link(url) => format!("<{url}>"),
    });
    written.collect()
}

/// A text of which nothing is a mark. What could begin an address of another scheme is none any more either.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let marks = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '~' | '|' | '$' | '^' => true,
            '&' => after.starts_with(|c: char| c == '#' || c.is_ascii_alphanumeric()),
            ':' => after.starts_with("//"),
            _ => false,
        };
        if marks {
            out.push('\\');
        }
        out.push(c);
        rest = after;
    }
    out
}
