//! What IRC programs write into their logs, line by line: channel logs of one day (`[09:14] <nick> text`), WeeChat's
//! logger, irssi. Knows lines and dates; no files, and nothing of rooms.
//!
//! The forms are those of the programs' sources: WeeChat's `logger-buffer.c` and `logger.c` (in the time format it
//! had until 2025 and the one since), irssi's `core/log.c` with its default theme.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use crate::{Line, Said, utc_ms};

/// Signs of rank before a nick: owner, admin, operator, half an operator, voice; a space for none.
const RANKS: &[char] = &['~', '&', '@', '%', '+', '!', ' '];
/// Lines by which a form is told.
const TELLING_MAX: usize = 256;

/// Who wrote a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A channel's log of one day; the lines have the hour alone.
    Channel,
    /// WeeChat's logger: time, prefix and text between tabs.
    Weechat,
    /// irssi: the hour on each line, the day on lines of its own.
    Irssi,
}

impl Form {
    /// The form of the first line that tells it.
    #[must_use]
    pub fn of(lines: &[String]) -> Option<Self> {
        lines
            .iter()
            .take(TELLING_MAX)
            .find_map(|line| Self::told_by(line))
    }

    /// The form of a log that begins with these lines; `has_day` is whether its name has the day.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn told(first: &[String], has_day: bool) -> Result<Self, &'static str> {
        match Self::of(first) {
            Some(form @ (Self::Weechat | Self::Irssi)) => Ok(form),
            Some(Self::Channel) | None if has_day => Ok(Self::Channel),
            Some(Self::Channel) => Err(
                "a channel's log says the hour only, so its name has to begin with the date, YYYY-MM-DD; nothing of it \
                 was brought in",
            ),
            // A log in which nothing was written yet.
            None if first.iter().all(|line| line.trim().is_empty()) => Ok(Self::Irssi),
            None => Err(
                "none of its first lines is one of an IRC log, and its name does not begin with a date; nothing of it \
                 was brought in",
            ),
        }
    }

    fn told_by(line: &str) -> Option<Self> {
        if line.starts_with("===") {
            return Some(Self::Channel);
        }
        if day_line(line).is_some() {
            return Some(Self::Irssi);
        }
        if line
            .split_once('\t')
            .is_some_and(|(time, _)| moment(time).is_some())
        {
            return Some(Self::Weechat);
        }
        let (_, _, rest) = stamped(line)?;
        match line.starts_with('[') {
            true => Some(Self::Channel),
            false => rest.starts_with(['<', '-', ' ']).then_some(Self::Irssi),
        }
    }
}

/// Reads the lines of one log, in order.
pub(crate) struct Log {
    form: Form,
    /// The day of the next line that has no day of its own.
    day: Option<Date>,
}

impl Log {
    /// `day` is the day of a log that tells none, or none before its first line.
    pub(crate) fn new(form: Form, day: Option<Date>) -> Self {
        Self { form, day }
    }

    pub(crate) fn line(&mut self, line: &str) -> Line {
        if line.trim().is_empty() {
            return Line::Blank;
        }
        let read = match self.form {
            Form::Channel if line.starts_with("===") => Some(Line::Channel),
            Form::Channel => channel(line, self.day),
            Form::Weechat => weechat(line),
            Form::Irssi => self.irssi(line),
        };
        read.unwrap_or(Line::Unparsable)
    }

    /// `12:34 <@nick> text`, `12:34  * nick acts`; `12:34 -!- ...` and notices; `--- Day changed Sat Mar 02 2024`.
    fn irssi(&mut self, line: &str) -> Option<Line> {
        if let Some(day) = day_line(line) {
            match day {
                DayLine::Begins(day) => self.day = day,
                DayLine::Ends => {}
            }
            return Some(Line::Channel);
        }
        let (day, time, rest) = stamped(line)?;
        if rest.starts_with(['-', '!']) {
            return Some(Line::Channel);
        }
        let sent_at_ms = utc_ms(day.or(self.day)?.to_datetime(time))?;
        if let Some(rest) = rest.strip_prefix('<') {
            let (nick, text) = rest.split_once('>')?;
            // In a window of several channels each nick has its channel.
            let nick = nick.split(':').next().unwrap_or(nick);
            return said(sent_at_ms, without_rank(nick), text, false);
        }
        let (nick, text) = action(rest)?;
        said(sent_at_ms, without_rank(nick), text, true)
    }
}

/// `[HH:MM] <nick> text`, `[HH:MM]  * nick acts`, or `=== ` and what the channel says. The date is the file's, also
/// where a clock goes back: the logs of a day begin and end in that day.
fn channel(line: &str, day: Option<Date>) -> Option<Line> {
    let (clock, rest) = line.strip_prefix('[')?.split_once("] ")?;
    let sent_at_ms = utc_ms(day?.to_datetime(clock_time(clock)?))?;
    match rest.strip_prefix('<') {
        Some(rest) => {
            let (nick, text) = rest.split_once('>')?;
            said(sent_at_ms, nick, text, false)
        }
        None => {
            let (nick, text) = action(rest)?;
            said(sent_at_ms, nick, text, true)
        }
    }
}

/// `time`, `@nick` and text, between tabs; ` *` for an action; `-->`, `<--`, `--` and `=!=` for what the channel and the
/// program say.
fn weechat(line: &str) -> Option<Line> {
    let (time, rest) = line.split_once('\t')?;
    let sent_at_ms = moment(time)?;
    let Some((prefix, text)) = rest.split_once('\t') else {
        // Beginning and end of the log.
        return Some(Line::Channel);
    };
    let prefix = plain(prefix);
    let prefix = prefix.trim();
    if prefix == "*" {
        let (nick, text) = cut(without_rank(text));
        return said(sent_at_ms, nick, text, true);
    }
    let nick = prefix.strip_prefix('<').and_then(|nick| nick.strip_suffix('>'));
    let nick = without_rank(nick.unwrap_or(prefix));
    // Whatever else a person chose for joins and errors: it has nothing that a nick is made of.
    if !nick.contains(|c: char| c.is_alphanumeric() || "[]\\`_^{|}".contains(c)) {
        return Some(Line::Channel);
    }
    said(sent_at_ms, nick, &format!(" {text}"), false)
}

/// What follows a nick begins with a space; nothing at all is a nick that said nothing, and other letters right after it
/// are of no form that we know.
fn said(sent_at_ms: i64, nick: &str, text: &str, action: bool) -> Option<Line> {
    let nick = plain(nick);
    if nick.trim().is_empty() {
        return None;
    }
    let Some(text) = text.strip_prefix(' ') else {
        return text.is_empty().then_some(Line::Blank);
    };
    Some(Line::Said(Said {
        sent_at_ms,
        nick: nick.into_owned(),
        action,
        text: plain(text).into_owned(),
    }))
}

/// `* nick acts`
fn action(rest: &str) -> Option<(&str, &str)> {
    rest.trim_start().strip_prefix("* ").map(cut)
}

/// A nick, and what follows it.
fn cut(text: &str) -> (&str, &str) {
    text.split_at(text.find(' ').unwrap_or(text.len()))
}

fn without_rank(nick: &str) -> &str {
    nick.trim_start_matches(RANKS)
}

/// `HH:MM text`, `[HH:MM:SS] text` or `YYYY-MM-DD HH:MM text`.
fn stamped(line: &str) -> Option<(Option<Date>, Time, &str)> {
    let (stamp, rest) = match line.strip_prefix('[') {
        Some(line) => line.split_once("] ")?,
        None => line.split_once(' ')?,
    };
    if let Some(time) = clock_time(stamp) {
        return Some((None, time, rest));
    }
    if let Some((day, clock)) = stamp.split_once([' ', 'T']) {
        return Some((Some(day.parse().ok()?), clock_time(clock)?, rest));
    }
    let (clock, rest) = rest.split_once(' ')?;
    Some((Some(stamp.parse().ok()?), clock_time(clock)?, rest))
}

/// `HH:MM` or `HH:MM:SS`.
fn clock_time(clock: &str) -> Option<Time> {
    let mut parts = clock.split(':').map(|part| part.parse::<i8>().ok());
    let hour = parts.next()??;
    let minute = parts.next()??;
    let second = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

/// A line that says which day it is.
enum DayLine {
    /// None if it is written in a language that we do not read: better no day than the wrong one.
    Begins(Option<Date>),
    /// The log was closed.
    Ends,
}

fn day_line(line: &str) -> Option<DayLine> {
    let line = line.strip_prefix("--- ")?;
    if line.starts_with("Log closed ") {
        return Some(DayLine::Ends);
    }
    let day = line
        .strip_prefix("Log opened ")
        .or_else(|| line.strip_prefix("Day changed "))?;
    Some(DayLine::Begins(english_day(day)))
}

/// `Fri Mar 01 12:00:00 2024`, the hour being left out on some lines.
fn english_day(text: &str) -> Option<Date> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (month, day, year) = match words.as_slice() {
        [_, month, day, year] | [_, month, day, _, year] => (month, day, year),
        _ => return None,
    };
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|name| name == month)? + 1;
    Date::new(year.parse().ok()?, i8::try_from(month).ok()?, day.parse().ok()?).ok()
}

/// A day and a time, in UTC if it names no zone.
fn moment(text: &str) -> Option<i64> {
    match text.parse::<Timestamp>() {
        Ok(moment) => Some(moment.as_millisecond()),
        Err(_) => utc_ms(text.parse::<DateTime>().ok()?),
    }
}

/// The text without the codes for bold, colour and the like, mIRC's and a terminal's.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_ascii_control()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match c {
            '\u{2}' | '\u{f}' | '\u{11}' | '\u{16}' | '\u{1d}' | '\u{1e}' | '\u{1f}' => after,
            '\u{3}' => without_colours(after, 1, 2, |c| c.is_ascii_digit()),
            '\u{4}' => without_colours(after, 6, 6, |c| c.is_ascii_hexdigit()),
            '\u{1b}' => match without_sequence(after) {
                Some(rest) => rest,
                None => {
                    out.push(c);
                    after
                }
            },
            _ => {
                out.push(c);
                after
            }
        };
    }
    Cow::Owned(out)
}

/// What stands behind a colour and perhaps, after a comma, that of the ground.
fn without_colours(text: &str, least: usize, most: usize, digit: impl Fn(char) -> bool) -> &str {
    let one = |text: &str| {
        let digits = text.chars().take(most).take_while(|c| digit(*c)).count();
        (digits >= least).then_some(digits)
    };
    let Some(digits) = one(text) else { return text };
    let rest = text.get(digits..).unwrap_or_default();
    let ground = rest
        .strip_prefix(',')
        .and_then(|ground| Some((ground, one(ground)?)));
    match ground {
        Some((ground, digits)) => ground.get(digits..).unwrap_or_default(),
        None => rest,
    }
}

/// What stands behind `[...m`, the only sequence by which a log is coloured.
fn without_sequence(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let rest = inside.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';' || c == ':');
    rest.strip_prefix('m')
}

#[cfg(test)]
mod tests;
