//! Moments as people and programs write them. Knows the clock and the time zone, no messages.

use anyhow::Result;
use jiff::{Timestamp, Zoned};
use tailchat_node::control::{Code, Failure};
use tailchat_tui::time;
pub(crate) use tailchat_tui::time::{ago, day_and_minute, day_and_second, day_in_words, moment};

/// Milliseconds since 1970 as RFC 3339 in UTC with milliseconds.
pub(crate) fn utc(ms: i64) -> String {
    moment(ms).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// What a person means by a time: RFC 3339, a date or a local time, "yesterday", "2 days ago".
///
/// # Errors
/// A [`Failure`] that says what can be written.
pub(crate) fn parse(text: &str, now: &Zoned) -> Result<i64> {
    match time::parse(text, now.timestamp().as_millisecond(), now.time_zone()) {
        Some(ms) => Ok(ms),
        None => Err(Failure::new(
            Code::Usage,
            format!(
                "\"{text}\" is not a time; write 2026-11-22, 2026-11-22T15:04:05Z, yesterday or \"2 days ago\""
            ),
        )
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-22T15:04:05+01:00[Europe/Zurich]".parse().unwrap()
    }

    #[test]
    fn times_are_understood_as_people_write_them() {
        for (written, meant) in [
            ("2026-11-22T15:04:05Z", "2026-11-22T15:04:05.000Z"),
            ("2026-11-22T15:04:05.25+02:00", "2026-11-22T13:04:05.250Z"),
            ("2026-11-22", "2026-11-21T23:00:00.000Z"),
            ("2026-07-01", "2026-06-30T22:00:00.000Z"),
            ("2026-11-22 08:30", "2026-11-22T07:30:00.000Z"),
            ("2 days ago", "2026-11-20T14:04:05.000Z"),
            ("3h ago", "2026-11-22T11:04:05.000Z"),
            ("90 min", "2026-11-22T12:34:05.000Z"),
            ("1 week ago", "2026-11-15T14:04:05.000Z"),
            (" yesterday ", "2026-11-20T23:00:00.000Z"),
            ("today", "2026-11-21T23:00:00.000Z"),
            ("now", "2026-11-22T14:04:05.000Z"),
        ] {
            assert_eq!(utc(parse(written, &now()).unwrap()), meant, "{written}");
        }
        for wrong in ["", "tomorrowish", "2026-13-01", "12", "99999999 years ago"] {
            assert!(parse(wrong, &now()).is_err(), "{wrong}");
        }
    }
}
