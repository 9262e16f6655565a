//! The header `Retry-After`.

use std::time::{Duration, UNIX_EPOCH};

use chrono::{NaiveDateTime, Timelike};
use mv_clip_core::retry::retry_after;
use mv_clip_core::time::Timestamp;

/// The forms of a date in RFC 9110, section 5.6.7: the current one, and two that are obsolete.
const FORMS: [&str; 3] = [
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
];

/// 2000-01-01 and 2026-03-12T14:30:00Z, in seconds since 1970.
const NOW: [u64; 2] = [946_684_800, 1_773_325_800];

/// Checks the value of a header.
pub fn check(value: &str) {
    for now in NOW {
        check_at(value, now);
    }
}

fn check_at(value: &str, now: u64) {
    let given = |value: &str| retry_after(value, Timestamp::from_unix(Duration::from_secs(now)));
    let wait = given(value);
    let trimmed = value.trim_ascii();
    assert_eq!(given(trimmed), wait);

    if !trimmed.is_empty() && trimmed.chars().all(|c| c.is_ascii_digit()) {
        let seconds = trimmed.trim_start_matches('0');
        let seconds = if seconds.len() > 10 {
            u64::MAX
        } else {
            format!("0{seconds}").parse().unwrap()
        };
        assert_eq!(
            wait,
            Some(Duration::from_secs(seconds.min(u32::MAX.into())))
        );
        return;
    }

    for form in FORMS {
        if let Ok(date) = NaiveDateTime::parse_from_str(trimmed, form) {
            let seconds = date.and_utc().timestamp();
            let expected =
                Duration::from_secs(u64::try_from(seconds).unwrap_or(0).saturating_sub(now));
            assert!(
                wait.is_none_or(|wait| wait == expected),
                "{wait:?}, not {expected:?}"
            );
            // chrono also accepts numbers with fewer digits; what it writes itself is the exact form.
            // httpdate rejects leap seconds (more than 10^9 ns).
            let is_exact = date.format(form).to_string() == trimmed;
            let is_exact = is_exact && seconds >= 0 && date.nanosecond() < 1_000_000_000;
            assert!(wait.is_some() || !is_exact);
        }
    }

    if let Some(wait) = wait {
        assert_eq!(wait.subsec_nanos(), 0, "dates are whole seconds");
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now) + wait);
        assert_eq!(given(&date), Some(wait));
    }
}
