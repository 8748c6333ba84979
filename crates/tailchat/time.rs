//! Moments as people and programs write them. Knows the clock and the time zone, no messages.

use anyhow::Result;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _, Zoned};
use tailchat_node::control::{Code, Failure};

/// Milliseconds since 1970 as RFC 3339 in UTC with milliseconds.
pub(crate) fn utc(ms: i64) -> String {
    moment(ms).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The local day and minute.
pub(crate) fn local_minute(ms: i64, zone: &TimeZone) -> String {
    moment(ms)
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}

/// The local day, with its name.
pub(crate) fn local_day(ms: i64, zone: &TimeZone) -> String {
    moment(ms)
        .to_zoned(zone.clone())
        .strftime("%A, %-d %B %Y")
        .to_string()
}

/// How long ago, roughly.
pub(crate) fn ago(ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(ms) / 1000;
    match seconds {
        ..5 => "just now".to_owned(),
        5..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86400),
    }
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
    match understood(text.trim(), now) {
        Some(moment) => Ok(moment.as_millisecond()),
        None => Err(Failure::new(
            Code::Usage,
            format!(
                "\"{text}\" is not a time; write 2026-11-22, 2026-11-22T15:04:05Z, yesterday or \"2 days ago\""
            ),
        )
        .into()),
    }
}

fn understood(text: &str, now: &Zoned) -> Option<Timestamp> {
    let midnight = |days_back: i64| {
        let day = now.checked_sub(days_back.days()).ok()?;
        Some(day.start_of_day().ok()?.timestamp())
    };
    match text {
        "now" => return Some(now.timestamp()),
        "today" => return midnight(0),
        "yesterday" => return midnight(1),
        _ => {}
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return Some(local.to_zoned(now.time_zone().clone()).ok()?.timestamp());
    }
    let back: Span = text.parse().ok()?;
    Some(now.checked_sub(back.abs()).ok()?.timestamp())
}

/// A clock may say anything; what no calendar holds stands at its end.
fn moment(ms: i64) -> Timestamp {
    let end = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(end)
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

    #[test]
    fn a_clock_that_says_anything_breaks_nothing() {
        assert_eq!(utc(i64::MAX), "9999-12-30T22:00:00.999Z");
        assert!(local_minute(i64::MIN, &TimeZone::UTC).starts_with("-9999"));
        assert_eq!(ago(i64::MIN, i64::MAX), ago(0, i64::MAX));
        assert_eq!(ago(10, 0), "just now");
    }

    #[test]
    fn a_day_changes_at_local_midnight() {
        let zurich = now().time_zone().clone();
        assert_eq!(local_minute(1_795_388_400_000, &zurich), "2026-11-23 00:00");
        assert_eq!(local_day(1_795_388_400_000, &zurich), "Monday, 23 November 2026");
        assert_eq!(local_day(1_795_388_399_999, &zurich), "Sunday, 22 November 2026");
    }
}
