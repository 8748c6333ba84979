//! Moments as people read and write them, in a time zone that is given. Knows no clock: now is an argument.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};

/// The local day.
pub(crate) fn day(ms: i64, zone: &TimeZone) -> Date {
    moment(ms).to_zoned(zone.clone()).date()
}

/// The local day, with its name.
#[must_use]
pub fn day_in_words(ms: i64, zone: &TimeZone) -> String {
    written(ms, zone, "%A, %-d %B %Y")
}

/// The local time of day, in the form of `strftime`.
pub(crate) fn clock(ms: i64, zone: &TimeZone, form: &str) -> String {
    written(ms, zone, form)
}

/// The local day and minute.
#[must_use]
pub fn day_and_minute(ms: i64, zone: &TimeZone) -> String {
    written(ms, zone, "%Y-%m-%d %H:%M")
}

/// The local day and time, to the second.
#[must_use]
pub fn day_and_second(ms: i64, zone: &TimeZone) -> String {
    written(ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// How long ago, roughly.
#[must_use]
pub fn ago(ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(ms) / 1000;
    match seconds {
        ..60 => "just now".to_owned(),
        60..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86400),
    }
}

fn written(ms: i64, zone: &TimeZone, form: &str) -> String {
    moment(ms).to_zoned(zone.clone()).strftime(form).to_string()
}

/// A clock may say anything; what no calendar holds stands at its end.
#[must_use]
pub fn moment(ms: i64) -> Timestamp {
    let end = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(end)
}

/// What a person means by a time, in milliseconds since 1970: RFC 3339, a date or a local time, "yesterday",
/// "2 days ago".
#[must_use]
pub fn parse(text: &str, now_ms: i64, zone: &TimeZone) -> Option<i64> {
    let now = moment(now_ms).to_zoned(zone.clone());
    let text = text.trim();
    let midnight = |days_back: i64| {
        let day = now.checked_sub(days_back.days()).ok()?;
        Some(day.start_of_day().ok()?.timestamp())
    };
    let found = match text {
        "now" => Some(now.timestamp()),
        "today" => midnight(0),
        "yesterday" => midnight(1),
        _ => None,
    };
    let local = || {
        Some(
            text.parse::<DateTime>()
                .ok()?
                .to_zoned(zone.clone())
                .ok()?
                .timestamp(),
        )
    };
    let back = || {
        Some(
            now.checked_sub(text.parse::<Span>().ok()?.abs())
                .ok()?
                .timestamp(),
        )
    };
    let found = found.or_else(|| text.parse().ok()).or_else(local).or_else(back)?;
    Some(found.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_says_anything_breaks_nothing() {
        assert!(day_and_minute(i64::MIN, &TimeZone::UTC).starts_with("-9999"));
        assert!(day_and_minute(i64::MAX, &TimeZone::UTC).starts_with("9999"));
        assert_eq!(ago(i64::MIN, i64::MAX), ago(0, i64::MAX));
        assert_eq!(ago(10, 0), "just now");
    }

    #[test]
    fn a_day_changes_at_local_midnight() {
        let zurich = TimeZone::get("Europe/Zurich").unwrap();
        assert_eq!(day_and_minute(1_795_388_400_000, &zurich), "2026-11-23 00:00");
        assert_eq!(
            day_in_words(1_795_388_400_000, &zurich),
            "Monday, 23 November 2026"
        );
        assert_eq!(
            day_in_words(1_795_388_399_999, &zurich),
            "Sunday, 22 November 2026"
        );
    }
}
