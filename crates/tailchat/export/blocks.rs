//! A message's text as paragraphs, lines and blocks of code. Knows the fences that people type; knows no format in
//! which they are written down.

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block<'a> {
    /// Lines one below the other, none of them blank.
    Paragraph(Vec<&'a str>),
    /// What stood between fences, line by line.
    Code {
        /// The language that was named, in plain letters; empty if none.
        language: String,
        lines: Vec<&'a str>,
    },
}

/// Letters of a language's name.
const LANGUAGE_LEN_MAX: usize = 20;

/// The parts of a text that is safe to show. A fence that is never closed holds all the rest, as people see it while
/// they chat.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut paragraph = Vec::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        let fence = fence(line);
        if (fence.is_some() || line.trim().is_empty()) && !paragraph.is_empty() {
            blocks.push(Block::Paragraph(std::mem::take(&mut paragraph)));
        }
        match fence {
            Some((mark, len, language)) => {
                let code = lines.by_ref().take_while(|line| !closes(line, mark, len));
                blocks.push(Block::Code {
                    language: plain(language),
                    lines: code.collect(),
                });
            }
            None if line.trim().is_empty() => {}
            None => paragraph.push(line),
        }
    }
    if !paragraph.is_empty() {
        blocks.push(Block::Paragraph(paragraph));
    }
    blocks
}

/// The sign of which a fence is made, how many there are, and what stands behind them.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let begin = line.trim_start_matches(' ');
    let mark = begin.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = begin.trim_start_matches(mark);
    let len = begin.len() - rest.len();
    let opens = line.len() - begin.len() <= 3 && len >= 3 && !(mark == '`' && rest.contains('`'));
    opens.then_some((mark, len, rest))
}

fn closes(line: &str, mark: char, len: usize) -> bool {
    fence(line).is_some_and(|(of, there, rest)| of == mark && there >= len && rest.trim().is_empty())
}

fn plain(language: &str) -> String {
    let word = language.split_whitespace().next().unwrap_or_default();
    let letters = word
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "+#-.".contains(*c));
    letters.take(LANGUAGE_LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_paragraphs_and_code() {
        let code = |language: &str, lines: &[&'static str]| Block::Code {
            language: language.to_owned(),
            lines: lines.to_vec(),
        };
        for (text, parts) in [
            ("", vec![]),
            (
                "a\n b\n\n \nc",
                vec![Block::Paragraph(vec!["a", " b"]), Block::Paragraph(vec!["c"])],
            ),
            (
                "a\n```rust ignore\n\nfn\n  ````\nb",
                vec![
                    Block::Paragraph(vec!["a"]),
                    code("rust", &["", "fn"]),
                    Block::Paragraph(vec!["b"]),
                ],
            ),
            ("~~~\n```\n~~~", vec![code("", &["```"])]),
            ("```<b>\nnever closed", vec![code("", &["never closed"])]),
            ("``` no `fence`", vec![Block::Paragraph(vec!["``` no `fence`"])]),
            ("    ```", vec![Block::Paragraph(vec!["    ```"])]),
        ] {
            assert_eq!(blocks(text), parts, "{text:?}");
        }
    }
}
