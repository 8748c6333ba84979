//! What may come into a text that is being written: a paste is other people's text, too. Knows characters only.

use std::borrow::Cow;

use tailchat_core::text::{MARKS_MAX, visible};
use unicode_width::UnicodeWidthChar;

/// Spaces that a tab is.
const TAB: &str = "    ";

/// The text with every line break as `\n`, tabs as spaces, and without what drives a terminal, hides or reorders.
/// Joiners and variation selectors stay: an emoji may come in pieces, one key event each. Of combining marks stay
/// as many as are shown on one character; `marks` stand before it already.
pub(super) fn clean(pasted: &str, marks: usize) -> Cow<'_, str> {
    if pasted
        .bytes()
        .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    {
        return Cow::Borrowed(pasted);
    }
    let mut out = String::with_capacity(pasted.len());
    let mut marks = marks;
    let mut rest = pasted.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push_str(TAB),
            _ if c.width().unwrap_or(0) > 0 || c.is_control() => {
                if is_shown(c) {
                    out.push(c);
                }
            }
            _ if marks >= MARKS_MAX => continue,
            _ if joins(c) || is_shown(c) => {
                out.push(c);
                marks += 1;
                continue;
            }
            _ => continue,
        }
        marks = 0;
    }
    Cow::Owned(out)
}

/// Characters without a column at the end of a text.
pub(super) fn marks_at_end(text: &str) -> usize {
    text.chars()
        .rev()
        .take_while(|c| *c != '\n' && c.width().unwrap_or(0) == 0)
        .take(MARKS_MAX)
        .count()
}

/// Whether a character is shown as itself wherever it stands.
fn is_shown(c: char) -> bool {
    let mut bytes = [0; 4];
    let alone: &str = c.encode_utf8(&mut bytes);
    c.is_ascii_graphic() || c == ' ' || visible(alone) == *alone
}

/// Characters that mean something between or after others.
fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}')
}
