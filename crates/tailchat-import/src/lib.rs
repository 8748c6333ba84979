//! Messages from elsewhere, read line by line: IRC logs and JSON lines. Pure: knows readers, text and dates, no files
//! and no rooms.

mod irc;
pub mod lines;

use std::collections::HashMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use tailchat_core::limits::{NAME_LEN_MAX, ORDER_MAX, TEXT_LEN_MAX};

pub use irc::Form;
use irc::Log;

/// What was found, and what became of it; the fields are what `--json` prints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Files read.
    pub files: u64,
    /// Texts, the empty ones that somebody sent included.
    pub messages: u64,
    /// Messages in the third person.
    pub actions: u64,
    /// Lines in which the channel, a notice or the IRC program speaks; left out.
    pub channel: u64,
    /// Lines without anything, or with a nick and nothing else, and messages that were deleted; left out.
    pub blank: u64,
    /// Lines of another form, or of a time that no room takes; left out.
    pub unparsable: u64,
    /// Lines that were not UTF-8 and were read as Windows-1252, the larger Latin-1.
    pub latin1: u64,
    /// Messages that are new in the room.
    pub added: u64,
    /// Messages that the room had already.
    pub known: u64,
    /// Messages whose text or nick is longer than a room takes, and lines without an end; left out.
    pub too_long: u64,
}

/// A message as it goes into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was sent there, in milliseconds since 1970.
    pub sent_at_ms: i64,
    /// How many messages of the same file had the same time before it.
    pub rank: u64,
    /// Who sent it there.
    pub nick: String,
    /// Whether it is an action.
    pub action: bool,
    /// What it says.
    pub text: String,
}

/// Reads one file's lines, in order.
pub struct Reader {
    source: Source,
    /// How many messages of this file had a time.
    ranks: HashMap<i64, u64>,
}

/// What the lines are.
enum Source {
    Irc(Log),
    Jsonl,
}

/// A message as a line says it.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    sent_at_ms: i64,
    nick: String,
    action: bool,
    text: String,
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Said(Said),
    Channel,
    Blank,
    Unparsable,
}

impl Reader {
    /// For a log of that form. `day` is the day of lines that tell none.
    #[must_use]
    pub fn irc(form: Form, day: Option<Date>) -> Self {
        Self::new(Source::Irc(Log::new(form, day)))
    }

    /// For JSON lines.
    #[must_use]
    pub fn jsonl() -> Self {
        Self::new(Source::Jsonl)
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            ranks: HashMap::new(),
        }
    }

    /// Reads a line, and counts it.
    pub fn line(&mut self, line: lines::Line, counts: &mut Counts) -> Option<Message> {
        let line = match line {
            lines::Line::Text(line) => line,
            lines::Line::Guessed(line) => {
                counts.latin1 += 1;
                line
            }
            lines::Line::TooLong => {
                counts.too_long += 1;
                return None;
            }
        };
        let read = match &mut self.source {
            Source::Irc(log) => log.line(&line),
            Source::Jsonl => jsonl(&line),
        };
        let said = match read {
            Line::Said(said) => said,
            Line::Channel => {
                counts.channel += 1;
                return None;
            }
            Line::Blank => {
                counts.blank += 1;
                return None;
            }
            Line::Unparsable => {
                counts.unparsable += 1;
                return None;
            }
        };
        self.message(said, counts)
    }

    fn message(&mut self, said: Said, counts: &mut Counts) -> Option<Message> {
        // Before 1970 nobody chatted. Nor after what a room's order can say: such a time was written in another unit.
        let Some(since_1970) = u64::try_from(said.sent_at_ms).ok().filter(|at| *at <= ORDER_MAX) else {
            counts.unparsable += 1;
            return None;
        };
        let rank = self.ranks.entry(said.sent_at_ms).or_default();
        if since_1970 + *rank > ORDER_MAX {
            counts.unparsable += 1;
            return None;
        }
        let message = Message {
            sent_at_ms: said.sent_at_ms,
            rank: *rank,
            nick: said.nick,
            action: said.action,
            text: said.text,
        };
        *rank += 1;
        if message.nick.len() > NAME_LEN_MAX || message.text.len() > TEXT_LEN_MAX {
            counts.too_long += 1;
            return None;
        }
        if message.action {
            counts.actions += 1;
        } else {
            counts.messages += 1;
        }
        Some(message)
    }
}

/// The date that a log's name begins with, `YYYY-MM-DD`.
#[must_use]
pub fn date_of(file_name: &str) -> Option<Date> {
    file_name.get(..10)?.parse().ok()
}

/// A line of our own export, or of something like it.
#[derive(Deserialize)]
struct Object {
    #[serde(alias = "nick", alias = "from", alias = "name")]
    author: String,
    #[serde(alias = "time", alias = "timestamp", alias = "date")]
    sent_at: Moment,
    #[serde(alias = "body", alias = "message")]
    text: String,
    #[serde(default)]
    action: bool,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    /// Since 1970.
    Millis(i64),
    /// RFC 3339; UTC if it names no zone.
    Written(String),
}

fn jsonl(line: &str) -> Line {
    if line.trim().is_empty() {
        return Line::Blank;
    }
    json_message(line).unwrap_or(Line::Unparsable)
}

fn json_message(line: &str) -> Option<Line> {
    let object: Object = serde_json::from_str(line).ok()?;
    let kind = object.kind.as_deref().unwrap_or("text");
    if kind == "unreadable" || object.author.trim().is_empty() {
        return None;
    }
    if object.deleted {
        return Some(Line::Blank);
    }
    let sent_at_ms = match object.sent_at {
        Moment::Millis(ms) => ms,
        Moment::Written(text) => match text.parse::<Timestamp>() {
            Ok(moment) => moment.as_millisecond(),
            Err(_) => utc_ms(text.parse().ok()?)?,
        },
    };
    Some(Line::Said(Said {
        sent_at_ms,
        nick: object.author,
        action: object.action || matches!(kind, "action" | "imported_action"),
        text: object.text,
    }))
}

fn utc_ms(moment: DateTime) -> Option<i64> {
    let zoned: Zoned = moment.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut reader: Reader, lines: &[&[u8]]) -> (Vec<Message>, Counts) {
        let mut counts = Counts::default();
        let file = lines.join(&b'\n');
        let mut lines = lines::Lines::open(file.as_slice()).unwrap();
        let lines = std::iter::from_fn(|| lines.next().unwrap());
        let imports = lines.filter_map(|line| reader.line(line, &mut counts)).collect();
        (imports, counts)
    }

    fn day(name: &str) -> Reader {
        Reader::irc(Form::Channel, date_of(name))
    }

    fn irc_day() -> Reader {
        day("2004-12-25.txt")
    }

    #[test]
    fn a_channels_log_is_read_and_counted_by_kind() {
        let (imports, counts) = read(
            irc_day(),
            &[
                b"[09:14] <crimsun> kleedrac: <hm> no > yes",
                b"=== spiv [~a@b]  has joined #ubuntu",
                b"[09:14] <|QuaD-> ",
                b"[09:14]  * genii sips a coffee\r",
                b"[09:14] <drcode>",
                b"[09:15]  * TheHawk",
                b"",
                b"[05:12] -gfx:#ubuntu- spam",
                b"[25:00] <a> b",
                b"[09:15] <j> caf\xe9",
            ],
        );
        let shown: Vec<_> = imports
            .iter()
            .map(|m| (m.rank, m.nick.as_str(), m.action, m.text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (0, "crimsun", false, "kleedrac: <hm> no > yes"),
                (1, "|QuaD-", false, ""),
                (2, "genii", true, "sips a coffee"),
                (0, "j", false, "café"),
            ]
        );
        assert_eq!(imports.first().unwrap().sent_at_ms, 1_103_966_040_000);
        let expected = Counts {
            messages: 3,
            actions: 1,
            channel: 1,
            blank: 3,
            unparsable: 2,
            latin1: 1,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_clock_that_goes_back_stays_in_the_files_day() {
        let (imports, _) = read(irc_day(), &[b"[23:59] <a> x", b"[00:00] <a> y", b"[23:59] <a> z"]);
        let times: Vec<_> = imports.iter().map(|m| (m.sent_at_ms, m.rank)).collect();
        let midnight = 1_103_932_800_000;
        let late = midnight + 86_340_000;
        assert_eq!(times, [(late, 0), (midnight, 0), (late, 1)]);
    }

    #[test]
    fn what_is_older_than_1970_is_left_out_and_counted() {
        let old = day("1960-02-29.txt");
        assert_eq!(read(old, &[b"[23:59] <a> x"]).1.unparsable, 1);
        let line = br#"{"author":"ann","sent_at":-1,"text":"hi"}"#;
        assert_eq!(read(Reader::jsonl(), &[line]).1.unparsable, 1);
        let (imports, counts) = read(day("1970-01-01.txt"), &[b"[00:00] <a> x"]);
        assert_eq!((imports.len(), counts.unparsable), (1, 0));
    }

    #[test]
    fn a_time_that_no_room_takes_costs_its_line_and_not_the_file() {
        let (imports, counts) = read(
            Reader::jsonl(),
            &[
                br#"{"author":"ann","sent_at":1709284500123456789,"text":"in nanoseconds"}"#,
                br#"{"author":"ann","sent_at":9007199254740992,"text":"the last moment"}"#,
                br#"{"author":"ann","sent_at":9007199254740992,"text":"and one behind it"}"#,
                br#"{"author":"ann","sent_at":1709284500123,"text":"in milliseconds"}"#,
            ],
        );
        let said: Vec<_> = imports.iter().map(|message| &*message.text).collect();
        assert_eq!(said, ["the last moment", "in milliseconds"]);
        assert_eq!(counts.unparsable, 2);
    }

    #[test]
    fn what_no_room_takes_is_left_out_and_counted() {
        let long = format!("[00:00] <a> {}", "x".repeat(TEXT_LEN_MAX + 1));
        let nick = format!("[00:00] <{}> x", "n".repeat(NAME_LEN_MAX + 1));
        let (imports, counts) = read(irc_day(), &[long.as_bytes(), nick.as_bytes()]);
        assert_eq!(imports, []);
        assert_eq!((counts.messages, counts.too_long), (0, 2));
    }

    #[test]
    fn our_own_export_and_its_cousins_are_read() {
        let (imports, counts) = read(
            Reader::jsonl(),
            &[
                br#"{"id":"a/1","author":"ann","sent_at":"2026-11-22T15:04:05.123Z","kind":"text","text":"hi","reply_to":null}"#,
                br#"{"nick":"bob","time":1795359845123,"body":"ho","action":true}"#,
                br#"{"from":"cy","timestamp":"2026-11-22T15:04:05","text":"","kind":"imported_action"}"#,
                br#"{"author":"ann","sent_at":"2026-11-22T15:04:05Z","kind":"unreadable","text":""}"#,
                br#"{"author":"ann"}"#,
                br#"nonsense"#,
                br#"{"author":"ann","sent_at":"2026-11-22T15:04:05Z","kind":"text","text":"","deleted":true}"#,
                b" ",
            ],
        );
        let shown: Vec<_> = imports
            .iter()
            .map(|m| (m.sent_at_ms, m.rank, m.nick.as_str(), m.action))
            .collect();
        assert_eq!(
            shown,
            [
                (1_795_359_845_123, 0, "ann", false),
                (1_795_359_845_123, 1, "bob", true),
                (1_795_359_845_000, 0, "cy", true),
            ]
        );
        assert_eq!((counts.unparsable, counts.blank), (3, 2));
    }
}
