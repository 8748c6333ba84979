//! Files of other programs: any bytes as a log to import, in each form and encoding that is told.

use std::io::BufReader;

use tailchat_core::entry::{Body, Entry, Imported, Stamp};
use tailchat_import::lines::{Line, Lines};
use tailchat_import::{Counts, Form, Message, Reader, date_of};

/// A name that tells the day, as logs of one day have it.
const NAMED: &str = "2024-03-01-kitchen.txt";
/// Bytes that a slow reader gives at a time.
const PORTION: usize = 7;

/// Bytes as a file to import: it is refused, or each line of it is read once and counted once, in whatever portions it
/// comes; what comes out a room takes, and reads it as it was.
pub(crate) fn import(data: &[u8]) {
    let Ok(whole) = lines(Lines::open(data)) else {
        assert!(lines(Lines::open(BufReader::with_capacity(PORTION, data))).is_err());
        return;
    };
    let portions = lines(Lines::open(BufReader::with_capacity(PORTION, data)));
    assert_eq!(portions.as_ref(), Ok(&whole), "portions make a difference");
    assert_eq!(whole.len(), lines_in(data), "lines are lost or made up");
    let first = Lines::open(data).map(|lines| lines.first()).unwrap_or_default();
    let day = date_of(NAMED);
    for has_day in [true, false] {
        if let Ok(form) = Form::told(&first, has_day) {
            read(|| Reader::irc(form, day.filter(|_| has_day)), &whole);
        }
    }
    for form in [Form::Channel, Form::Weechat, Form::Irssi] {
        read(|| Reader::irc(form, day), &whole);
    }
    read(Reader::jsonl, &whole);
}

fn lines<R: std::io::BufRead, E>(opened: Result<Lines<R>, E>) -> Result<Vec<Line>, ()> {
    let mut lines = opened.map_err(drop)?;
    let mut all = Vec::new();
    while let Some(line) = lines.next().map_err(drop)? {
        all.push(line);
    }
    Ok(all)
}

/// How many lines there are, counted by their ends alone.
fn lines_in(data: &[u8]) -> usize {
    let little = match data {
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some(true),
        [0xfe, 0xff, ..] => Some(false),
        _ => None,
    };
    let Some(little) = little else {
        let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
        let ends = text.iter().filter(|byte| **byte == b'\n').count();
        return ends + usize::from(text.last().is_some_and(|last| *last != b'\n'));
    };
    let end = if little { [b'\n', 0] } else { [0, b'\n'] };
    let units = data.get(2..).unwrap_or_default().chunks(2);
    let ends = units.clone().filter(|unit| **unit == end).count();
    ends + usize::from(units.last().is_some_and(|last| *last != end))
}

/// Reads the lines, and once more.
fn read(reader: impl Fn() -> Reader, lines: &[Line]) {
    let once = || {
        let (mut reader, mut counts) = (reader(), Counts::default());
        let read = lines.iter().map(copy);
        let messages: Vec<Message> = read.filter_map(|line| reader.line(line, &mut counts)).collect();
        (messages, counts)
    };
    let (messages, counts) = once();
    assert_eq!(once(), (messages.clone(), counts.clone()), "not the same again");
    let came = counts.messages + counts.actions;
    assert_eq!(came, messages.len() as u64);
    let left_out = counts.channel + counts.blank + counts.unparsable + counts.too_long;
    assert_eq!(
        came + left_out,
        lines.len() as u64,
        "a line is counted by no kind or by two"
    );
    messages.into_iter().for_each(taken);
}

fn copy(line: &Line) -> Line {
    match line {
        Line::Text(text) => Line::Text(text.clone()),
        Line::Guessed(text) => Line::Guessed(text.clone()),
        Line::TooLong => Line::TooLong,
    }
}

/// A room takes the message, within its limits, and reads it as it was.
fn taken(message: Message) {
    assert!(!message.nick.trim().is_empty(), "somebody without a name");
    let since_1970 = u64::try_from(message.sent_at_ms).expect("nobody chatted before 1970");
    let stamp = Stamp {
        order: since_1970 + message.rank,
        sent_at_ms: message.sent_at_ms,
    };
    let body = Body::Imported(Imported {
        nick: message.nick,
        action: message.action,
        text: message.text,
    });
    let entry = Entry { stamp, body };
    // What is over a limit decodes as an entry that nobody can read.
    assert_eq!(Entry::decode(&entry.encode()), entry);
}

pub(crate) fn import_seeds() -> Vec<Vec<u8>> {
    let channel = "=== ann [~ann@example.org] has joined #kitchen\n[09:14] <ann> who has the kettle?\n\
                   [09:15]  * bob points\n[09:15] <bob> there: caf\u{e9}\n[09:16] <cy>\n";
    let weechat = "2024-03-01 09:14:02\t-->\tann (~ann@example.org) has joined #kitchen\n\
                   2024-03-01 09:14:05\t@ann\twho has the kettle?\n2024-03-01 09:14:07\t *\tbob points\n\
                   2024-03-01T09:14:09.123456Z\tbob\t\u{2}there\u{f} \u{3}04,01red\n";
    let irssi = "--- Log opened Fri Mar 01 09:00:00 2024\n09:14 -!- ann [~ann@example.org] has joined #kitchen\n\
                 09:14 <@ann> who has the kettle?\n09:15  * bob points\n--- Day changed Sat Mar 02 2024\n\
                 00:01 < cy> \u{1b}[31mstill up\u{1b}[0m\n--- Log closed Sat Mar 02 00:02:00 2024\n";
    let jsonl = "{\"author\":\"ann\",\"sent_at\":\"2024-03-01T09:14:00Z\",\"kind\":\"text\",\"text\":\"who has it?\"}\n\
                 {\"nick\":\"bob\",\"time\":1709284500123,\"body\":\"points\",\"action\":true}\r\n\
                 {\"from\":\"cy\",\"date\":\"2024-03-01T09:16:00\",\"message\":\"\",\"deleted\":true}\n";
    let units = |text: &str| -> Vec<u16> { std::iter::once(0xfeff).chain(text.encode_utf16()).collect() };
    let latin: Vec<u8> = channel.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
    vec![
        channel.into(),
        weechat.into(),
        irssi.into(),
        jsonl.into(),
        latin,
        [&b"\xef\xbb\xbf"[..], irssi.as_bytes()].concat(),
        units(weechat).into_iter().flat_map(u16::to_le_bytes).collect(),
        units(jsonl).into_iter().flat_map(u16::to_be_bytes).collect(),
    ]
}
