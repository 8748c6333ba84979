//! What is said to the terminal beside the screen: notices, the bell, the window's title, its clipboard, as bytes.
//! Knows terminals' sequences; writes nothing and reads no environment itself.
//!
//! What others wrote may be in it. It goes through `tailchat_core::text::visible` and loses its line breaks, so none
//! of it can end a sequence and begin another.

use tailchat_core::text::visible;

/// Bytes that can be copied: xterm and others take 100,000 characters of base64, these are 99,992. A message always
/// fits.
pub const COPY_LEN_MAX: usize = 74_994;
/// Keeps the window's title aside, at the program's start.
pub const TITLE_KEEP: &[u8] = b"\x1b[22;2t";
/// Brings back the title that was kept aside, at the program's end.
pub const TITLE_RESTORE: &[u8] = b"\x1b[23;2t";
/// Characters of a notice or title; the rest is cut off.
const WORDS_MAX: usize = 240;

/// In which form a notice reaches the person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// OSC 9: one text (iTerm2, kitty, Ghostty).
    Osc9,
    /// OSC 777: title and text (WezTerm, foot, rxvt-unicode).
    Osc777,
    /// Only the bell, which terminals and tmux make a mark of.
    #[default]
    Bell,
    /// None.
    Off,
}

/// The way to the person's terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// How notices are given.
    pub form: Form,
    /// Whether tmux is in between; it hands on what is wrapped for it, if its `allow-passthrough` is on.
    pub tmux: bool,
    /// Whether the terminal takes titles and copies at all; a bare console does not.
    pub window: bool,
}

/// A text is too long to be copied through the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not copied: {} KiB are more than terminals take ({}); `tailchat log` prints them",
    .len.div_ceil(1024),
    COPY_LEN_MAX / 1024
)]
pub struct TooLong {
    /// Bytes of the text.
    pub len: usize,
}

impl Channel {
    /// The way that follows from the environment, whose values `value` gives by their names.
    #[must_use]
    pub fn of(value: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| value(name).is_some_and(|value| !value.is_empty());
        let is =
            |name: &str, wanted: &str| value(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        let term = value("TERM").unwrap_or_default();
        let tmux = set("TMUX");
        // Inside tmux, TERM and TERM_PROGRAM are tmux's; what else the terminal sets comes through.
        let form = if is("LC_TERMINAL", "iTerm2")
            || is("TERM_PROGRAM", "iTerm.app")
            || set("KITTY_WINDOW_ID")
            || term == "xterm-kitty"
        {
            Form::Osc9
        } else if set("WEZTERM_PANE")
            || set("GHOSTTY_RESOURCES_DIR")
            || is("TERM_PROGRAM", "WezTerm")
            || is("TERM_PROGRAM", "ghostty")
            || term.starts_with("foot")
            || term.starts_with("rxvt-unicode")
        {
            Form::Osc777
        } else {
            Form::Bell
        };
        // Screen passes nothing on of what it does not know.
        let form = if set("STY") && !tmux { Form::Bell } else { form };
        let window = !matches!(term.as_str(), "" | "dumb" | "linux" | "vt100" | "vt220");
        Self {
            form: if window { form } else { Form::Bell },
            tmux,
            window,
        }
    }

    /// A notice: who and where, and what.
    #[must_use]
    pub fn notice(&self, title: &str, body: &str) -> Vec<u8> {
        let (title, body) = (line(title), line(body));
        match self.form {
            // A text that begins with a number is a command of ConEmu's.
            Form::Osc9 => self.wrapped(&format!("\x1b]9; {title}: {body}\x07")),
            Form::Osc777 => self.wrapped(&format!(
                "\x1b]777;notify;{};{}\x07",
                title.replace(';', ","),
                body.replace(';', ",")
            )),
            Form::Bell => vec![7],
            Form::Off => Vec::new(),
        }
    }

    /// The title of the window; in tmux, of its pane.
    #[must_use]
    pub fn title(&self, title: &str) -> Vec<u8> {
        if !self.window {
            return Vec::new();
        }
        format!("\x1b]2;{}\x07", line(title)).into_bytes()
    }

    /// Puts a text into the clipboard of the person's terminal, also through SSH. Nothing tells whether it did.
    ///
    /// # Errors
    /// [`TooLong`] for more than [`COPY_LEN_MAX`] bytes.
    pub fn copy(&self, text: &str) -> Result<Vec<u8>, TooLong> {
        if text.len() > COPY_LEN_MAX {
            return Err(TooLong { len: text.len() });
        }
        if !self.window {
            return Ok(Vec::new());
        }
        let copy = format!("\x1b]52;c;{}\x07", base64(text.as_bytes()));
        let mut bytes = Vec::new();
        if self.tmux {
            // For tmux itself, whose `set-clipboard` may be on; the wrapped one is for the terminal.
            bytes.extend_from_slice(copy.as_bytes());
        }
        bytes.extend(self.wrapped(&copy));
        Ok(bytes)
    }

    /// A sequence for the terminal behind tmux, if tmux is there.
    fn wrapped(&self, sequence: &str) -> Vec<u8> {
        if !self.tmux {
            return sequence.as_bytes().to_vec();
        }
        format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")).into_bytes()
    }
}

/// A text on one line that drives nothing.
fn line(text: &str) -> String {
    let shown = visible(text);
    let mut line = String::new();
    for (at, c) in shown.chars().enumerate() {
        if at == WORDS_MAX {
            line.push('…');
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | three.get(at).map_or(0, |byte| usize::from(*byte))
        });
        for at in 0..4 {
            let digit = DIGITS.get(bits >> (18 - 6 * at) & 63).copied().unwrap_or(b'=');
            out.push(char::from(if at > three.len() { b'=' } else { digit }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(environment: &[(&str, &str)]) -> Channel {
        Channel::of(|name| {
            environment
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_form_follows_from_the_terminal() {
        for (environment, form, tmux) in [
            (vec![("TERM", "xterm-256color")], Form::Bell, false),
            (vec![("TERM", "xterm-kitty")], Form::Osc9, false),
            (vec![("TERM", "foot")], Form::Osc777, false),
            (
                vec![("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")],
                Form::Osc9,
                false,
            ),
            (
                vec![("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")],
                Form::Osc777,
                false,
            ),
            (
                vec![
                    ("TERM", "tmux-256color"),
                    ("TMUX", "/tmp/x"),
                    ("WEZTERM_PANE", "0"),
                ],
                Form::Osc777,
                true,
            ),
            (
                vec![
                    ("TERM", "tmux-256color"),
                    ("TMUX", "/tmp/x"),
                    ("LC_TERMINAL", "iTerm2"),
                ],
                Form::Osc9,
                true,
            ),
            (
                vec![("TERM", "screen"), ("STY", "1.x"), ("KITTY_WINDOW_ID", "1")],
                Form::Bell,
                false,
            ),
            (vec![("TERM", "linux")], Form::Bell, false),
            (vec![], Form::Bell, false),
        ] {
            let channel = found(&environment);
            assert_eq!((channel.form, channel.tmux), (form, tmux), "{environment:?}");
        }
        assert_eq!(found(&[("TERM", "linux")]).title("x"), b"");
    }

    #[test]
    fn sequences_are_as_terminals_know_them() {
        let channel = Channel {
            form: Form::Osc777,
            tmux: false,
            window: true,
        };
        assert_eq!(
            channel.notice("ann; kitchen", "tea\n?"),
            b"\x1b]777;notify;ann, kitchen;tea ?\x07"
        );
        assert_eq!(channel.title("(3) kitchen"), b"\x1b]2;(3) kitchen\x07");
        assert_eq!(channel.copy("tea").unwrap(), b"\x1b]52;c;dGVh\x07");
        let tmux = Channel {
            form: Form::Osc9,
            tmux: true,
            window: true,
        };
        assert_eq!(tmux.notice("4", "1"), b"\x1bPtmux;\x1b\x1b]9; 4: 1\x07\x1b\\");
        assert_eq!(
            tmux.copy("a").unwrap(),
            b"\x1b]52;c;YQ==\x07\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\"
        );
        assert_eq!(Channel::default().notice("a", "b"), b"\x07");
        assert_eq!(
            Channel {
                form: Form::Off,
                ..channel
            }
            .notice("a", "b"),
            b""
        );
    }

    #[test]
    fn base64_is_the_standard_s() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("\u{ff}\u{3ff}", "w7/Pvw=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn too_much_is_not_copied_and_it_is_said() {
        let channel = Channel {
            window: true,
            ..Channel::default()
        };
        assert!(
            channel
                .copy(&"x".repeat(tailchat_core::limits::TEXT_LEN_MAX))
                .is_ok()
        );
        assert_eq!(
            channel
                .copy(&"x".repeat(COPY_LEN_MAX + 1))
                .unwrap_err()
                .to_string(),
            "not copied: 74 KiB are more than terminals take (73); `tailchat log` prints them"
        );
        assert!(base64(&[0; COPY_LEN_MAX]).len() <= 100_000);
    }

    /// Text with every control character there is.
    fn hostile() -> impl Strategy<Value = String> {
        let control = prop_oneof![(0u32..0x20), (0x7fu32..0xa0), Just(0x9c), Just(0x202e)];
        let piece = prop_oneof![
            control.prop_map(|c| char::from_u32(c).unwrap().to_string()),
            ".{0,4}",
            Just("\x1b\\".to_owned()),
            Just(";".to_owned())
        ];
        prop::collection::vec(piece, 0..300).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_that_was_received_ends_a_sequence(title in hostile(), body in hostile(), tmux: bool) {
            for form in [Form::Osc9, Form::Osc777] {
                let channel = Channel { form, tmux, window: true };
                for bytes in [channel.notice(&title, &body), channel.title(&title), channel.copy(&title).unwrap()] {
                    let text = String::from_utf8(bytes).unwrap();
                    let text = text.replace("\x1bPtmux;\x1b\x1b]", "\x1b]").replace("\x07\x1b\\", "\x07");
                    for sequence in text.split_inclusive('\x07') {
                        let inside = sequence.strip_prefix("\x1b]").unwrap().strip_suffix('\x07').unwrap();
                        prop_assert!(!inside.chars().any(char::is_control), "{inside:?}");
                        prop_assert!(inside.chars().count() <= 2 * WORDS_MAX + 24 || inside.starts_with("52;"));
                    }
                }
            }
            prop_assert_eq!(Channel::default().notice(&title, &body), vec![7]);
        }
    }
}
