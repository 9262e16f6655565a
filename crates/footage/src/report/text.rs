//! Times, lengths and sizes, for people.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

use crate::footage::text;

/// A time that the script can show in another time zone.
pub(super) fn time(time: DateTime<Utc>) -> Markup {
    html! { time datetime=(text(time)) { (time.format("%Y-%m-%d %H:%M:%S UTC")) } }
}

/// `2026-03-12 14:30:00 to 14:32:00 UTC`: the date once, and fractions of seconds only if there are any.
pub(super) fn span_of(start: DateTime<Utc>, end: DateTime<Utc>) -> String {
    let clock = |time: DateTime<Utc>| match time.timestamp_subsec_millis() {
        0 => time.format("%H:%M:%S"),
        _ => time.format("%H:%M:%S%.3f"),
    };
    let date = |time: DateTime<Utc>| time.format("%Y-%m-%d");
    if start.date_naive() == end.date_naive() {
        format!("{} {} to {} UTC", date(start), clock(start), clock(end))
    } else {
        format!(
            "{} {} to {} {} UTC",
            date(start),
            clock(start),
            date(end),
            clock(end)
        )
    }
}

pub(super) fn seconds(length: TimeDelta) -> String {
    format!("{:.1} s", length.num_milliseconds() as f64 / 1_000.0)
}

pub(super) fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        ..1e3 => format!("{bytes} B"),
        ..1e6 => format!("{:.1} kB", bytes / 1e3),
        ..1e9 => format!("{:.1} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_name_the_date_once() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (start, end) = (time("2026-03-12T23:59:00Z"), time("2026-03-12T23:59:30.5Z"));
        assert_eq!(
            span_of(start, end),
            "2026-03-12 23:59:00 to 23:59:30.500 UTC"
        );
        let end = time("2026-03-13T00:01:00Z");
        assert_eq!(
            span_of(start, end),
            "2026-03-12 23:59:00 to 2026-03-13 00:01:00 UTC"
        );
    }
}
