//! From the bytes of a text file to its lines: UTF-8, UTF-16 with its mark, and what was no UTF-8 line by line as
//! Windows-1252, which is what IRC clients wrote before. Knows readers and letters; no file names, and nothing of what a
//! line says.

use std::io::{self, BufRead, Chain, Cursor, Read};

/// Bytes at the beginning of a file by which its encoding and its form are told.
const HEAD_LEN: usize = 64 * 1024;
/// Bytes of one line, or units of UTF-16 in it; a longer one is left out and counted. Our own export stays below: a
/// text of 64 KiB, every byte of it escaped, and who feels what about it.
pub const LINE_LEN_MAX: usize = 16 * 1024 * 1024;

/// What Windows-1252 has where Latin-1 has controls; the five places that it leaves open stay controls.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A line without its line break.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// As it was written.
    Text(String),
    /// It was no UTF-8 and was read as Windows-1252.
    Guessed(String),
    /// It is longer than [`LINE_LEN_MAX`].
    TooLong,
}

/// Why a file has no lines that can be read.
#[derive(Debug, thiserror::Error)]
pub enum NoText {
    /// It has a byte that no text has.
    #[error(
        "byte {place} is nought, so this is no text that can be read here: a compressed or another binary file, or UTF-16 \
         without its mark (`iconv -f UTF-16LE -t UTF-8` makes that readable)"
    )]
    Nought {
        /// Where, from 1.
        place: usize,
    },
    /// Its beginning cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Units {
    /// UTF-8, or nearly.
    Bytes,
    /// UTF-16, the less significant byte first.
    Little,
    /// UTF-16, the more significant byte first.
    Big,
}

/// A text's lines, one after the other.
pub struct Lines<R> {
    input: Chain<Cursor<Vec<u8>>, R>,
    units: Units,
}

impl<R: BufRead> Lines<R> {
    /// Looks at the beginning, and tells the encoding by it.
    ///
    /// # Errors
    /// If this is no text, or cannot be read.
    pub fn open(mut input: R) -> Result<Self, NoText> {
        let mut head = Vec::new();
        input.by_ref().take(HEAD_LEN as u64).read_to_end(&mut head)?;
        let (units, mark) = match head.as_slice() {
            [0xff, 0xfe, 0, 0, ..] => (Units::Bytes, 0),
            [0xff, 0xfe, ..] => (Units::Little, 2),
            [0xfe, 0xff, ..] => (Units::Big, 2),
            [0xef, 0xbb, 0xbf, ..] => (Units::Bytes, 3),
            _ => (Units::Bytes, 0),
        };
        if units == Units::Bytes
            && let Some(at) = head.iter().position(|byte| *byte == 0)
        {
            return Err(NoText::Nought { place: at + 1 });
        }
        let mut head = Cursor::new(head);
        head.set_position(mark);
        let input = head.chain(input);
        Ok(Self { input, units })
    }

    /// The lines at the beginning, of which the last may be cut short; the reading begins before them all the same.
    #[must_use]
    pub fn first(&self) -> Vec<String> {
        let (head, _) = self.input.get_ref();
        let units = self.units;
        let mut lines = Lines {
            input: head.clone().chain(io::empty()),
            units,
        };
        std::iter::from_fn(|| lines.next().ok().flatten())
            .filter_map(|line| match line {
                Line::Text(text) | Line::Guessed(text) => Some(text),
                Line::TooLong => None,
            })
            .collect()
    }

    /// The next line; none at the end.
    ///
    /// # Errors
    /// What the reader fails with.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would hide that reading can fail for good"
    )]
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        match self.units {
            Units::Bytes => self.next_of_bytes(),
            Units::Little | Units::Big => self.next_of_units(),
        }
    }

    fn next_of_bytes(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut read = 0_usize;
        loop {
            let buffer = self.input.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            let taken = piece.len() + usize::from(end.is_some());
            if read + piece.len() <= LINE_LEN_MAX {
                line.extend_from_slice(piece);
            }
            read += piece.len();
            self.input.consume(taken);
            if taken == 0 && read == 0 {
                return Ok(None);
            }
            if taken == 0 || end.is_some() {
                break;
            }
        }
        if read > LINE_LEN_MAX {
            return Ok(Some(Line::TooLong));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(match String::from_utf8(line) {
            Ok(text) => Line::Text(text),
            Err(other) => Line::Guessed(other.as_bytes().iter().copied().map(windows_1252).collect()),
        }))
    }

    fn next_of_units(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut too_long = false;
        let mut any = false;
        while let Some(unit) = self.unit()? {
            any = true;
            if unit == u16::from(b'\n') {
                break;
            }
            if line.len() < LINE_LEN_MAX {
                line.push(unit);
            } else {
                too_long = true;
            }
        }
        if too_long {
            return Ok(Some(Line::TooLong));
        }
        if line.last() == Some(&u16::from(b'\r')) {
            line.pop();
        }
        Ok(any.then(|| Line::Text(String::from_utf16_lossy(&line))))
    }

    /// The next unit of UTF-16; half a one at the end is none that can be read.
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let (Some(first), second) = (self.byte()?, self.byte()?) else {
            return Ok(None);
        };
        let Some(second) = second else {
            return Ok(Some(char::REPLACEMENT_CHARACTER as u16));
        };
        Ok(Some(match self.units {
            Units::Big => u16::from_be_bytes([first, second]),
            Units::Little | Units::Bytes => u16::from_le_bytes([first, second]),
        }))
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.input.fill_buf()?.first().copied();
        self.input.consume(usize::from(byte.is_some()));
        Ok(byte)
    }
}

fn windows_1252(byte: u8) -> char {
    let above = byte.checked_sub(0x80).map(usize::from);
    let there = above.and_then(|above| WINDOWS_1252.get(above));
    there.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Line> {
        let mut lines = Lines::open(bytes).unwrap();
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn text(line: &str) -> Line {
        Line::Text(line.to_owned())
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let units = std::iter::once('\u{feff}').chain(text.chars());
        let units: Vec<u16> = units.collect::<String>().encode_utf16().collect();
        let bytes = |unit: &u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        units.iter().flat_map(bytes).collect()
    }

    #[test]
    fn lines_end_in_either_way_and_the_last_one_may_have_no_end() {
        assert_eq!(read(b""), []);
        assert_eq!(read(b"a\r\n\nb"), [text("a"), text(""), text("b")]);
        assert_eq!(read("\u{feff}é\n".as_bytes()), [text("é")]);
    }

    #[test]
    fn utf_16_with_its_mark_is_read_in_either_order() {
        for big in [false, true] {
            let bytes = utf16("[09:14] <ann> Ċ ☕ 😀\r\nഊ\n", big);
            assert_eq!(read(&bytes), [text("[09:14] <ann> Ċ ☕ 😀"), text("ഊ")]);
            let cut = bytes.get(..bytes.len() - 1).unwrap();
            assert_eq!(read(cut).last(), Some(&text("ഊ\u{fffd}")));
        }
    }

    #[test]
    fn a_line_that_is_no_utf_8_is_windows_1252_and_the_next_one_is_not() {
        let lines = read(b"na\xefve \x80 5 \x96 \x93so\x94 \x81\nna\xc3\xafve\n");
        assert_eq!(
            lines,
            [Line::Guessed("naïve € 5 – “so” \u{81}".to_owned()), text("naïve")]
        );
    }

    #[test]
    fn what_is_no_text_is_refused_with_the_place() {
        for bytes in [
            &b"\x1f\x8b\x08\x00"[..],
            &b"a\0b"[..],
            &b"\xff\xfe\0\0a\0\0\0"[..],
        ] {
            let why = Lines::open(bytes).err().unwrap().to_string();
            assert!(why.contains("is nought"), "{why}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_left_out_and_costs_no_more_than_its_limit() {
        let endless = io::repeat(b'x').take(2 * LINE_LEN_MAX as u64);
        let input = io::BufReader::new(endless.chain(&b"\nshort\n"[..]));
        let mut lines = Lines::open(input).unwrap();
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().unwrap(), Some(text("short")));
        let full = vec![b'x'; LINE_LEN_MAX];
        assert!(matches!(read(&full).first(), Some(Line::Text(_))));
    }

    #[test]
    fn looking_at_the_beginning_takes_nothing_away() {
        let mut lines = Lines::open(&b"a\nb"[..]).unwrap();
        assert_eq!(lines.first(), ["a", "b"]);
        assert_eq!(lines.next().unwrap(), Some(text("a")));
    }
}
