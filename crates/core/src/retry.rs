//! Whether and when to retry. Decisions only: nothing here waits.

use std::time::{Duration, UNIX_EPOCH};

use crate::settings::Settings;
use crate::time::Timestamp;

/// The limit of the first backoff.
pub const BASE: Duration = Duration::from_millis(500);
/// The limit of the first backoff after a 429 without `Retry-After`.
pub const BASE_RATE_LIMITED: Duration = Duration::from_secs(1);
/// The limit of the first backoff while footage is not available yet. That takes 30 to 60 s, and with
/// [`BASE`] all attempts would be over in a few seconds.
pub const BASE_NOT_YET: Duration = Duration::from_secs(4);
/// The longest backoff.
const CAP: Duration = Duration::from_secs(30);

/// Whether another attempt may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryability {
    /// In this call, after a backoff whose first limit this is: see [`delay`].
    Soon(Duration),
    /// In a later call.
    Later,
    /// Not as long as nothing else changes.
    Never,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Make another attempt, not before this long after the start of the call.
    Retry(Duration),
    /// End the call: the same call will fail again.
    Permanent,
    /// End the call: the same call may succeed later, after this long if that is known.
    Transient(StopReason, Option<Duration>),
}

/// Why no further attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Another attempt would not help.
    NotRetryable,
    /// The limit of attempts is reached ([`Settings::max_attempts`]).
    OutOfAttempts,
    /// The next attempt would start after the deadline ([`Settings::deadline`]).
    PastDeadline,
}

impl StopReason {
    /// The sentence that a message has about this reason, with a space before it; empty for
    /// [`StopReason::NotRetryable`]. `attempts` is the number of attempts made.
    pub fn message(self, settings: &Settings, attempts: u32) -> String {
        match self {
            Self::NotRetryable => String::new(),
            Self::OutOfAttempts if attempts == 1 => " Gave up after 1 attempt.".to_owned(),
            Self::OutOfAttempts => format!(" Gave up after {attempts} attempts."),
            Self::PastDeadline => format!(
                " The next attempt would come after the call's deadline of {} s \
                 (MV_CLIP_DEADLINE_SECONDS).",
                settings.deadline.as_secs(),
            ),
        }
    }
}

/// Decides what to do after an attempt that failed `elapsed` after the start of the call.
///
/// `attempts` is the number of attempts made so far, this one included, and `retry_after` the time that the
/// server asks to wait. `random` returns a number that is uniform over all of `u64`; it is called only if
/// there is a retry.
pub fn decide(
    settings: &Settings,
    retryability: Retryability,
    attempts: u32,
    elapsed: Duration,
    retry_after: Option<Duration>,
    random: impl FnOnce() -> u64,
) -> RetryDecision {
    match retryability {
        Retryability::Never => RetryDecision::Permanent,
        Retryability::Later => RetryDecision::Transient(StopReason::NotRetryable, retry_after),
        Retryability::Soon(_) if attempts >= settings.max_attempts => {
            RetryDecision::Transient(StopReason::OutOfAttempts, retry_after)
        }
        Retryability::Soon(base) => {
            let wait = delay(base, attempts.saturating_sub(1), retry_after, random());
            RetryDecision::Retry(elapsed.saturating_add(wait))
        }
    }
}

/// Returns the time to wait before retry number `retry`, where the first is 0.
///
/// If the server asks for a wait (`retry_after` is greater than zero), that time and up to a tenth more.
/// Otherwise a time from zero to a limit, which is `base` for the first retry, doubles with each, and is at
/// most 30 s: exponential backoff with full jitter. `random` is uniform over all of `u64`.
pub fn delay(base: Duration, retry: u32, retry_after: Option<Duration>, random: u64) -> Duration {
    match retry_after {
        Some(least) if !least.is_zero() => least.saturating_add(fraction(least / 10, random)),
        _ => {
            let limit = base.saturating_mul(2_u32.saturating_pow(retry)).min(CAP);
            fraction(limit, random)
        }
    }
}

/// `random` as a share of `whole`: zero gives zero, the largest value nearly `whole`.
fn fraction(whole: Duration, random: u64) -> Duration {
    let share = (whole.as_nanos() * u128::from(random >> 32)) >> 32;
    Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
}

/// Whole seconds, rounded up, so that a caller that waits that long is not early.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Parses the value of the header `Retry-After` (RFC 9110, section 10.2.3): whole seconds, or an HTTP date in
/// any of its three forms.
///
/// Returns the time to wait from `now`: zero if the date is past, at most `u32::MAX` seconds if the value is
/// in seconds, and `None` if the value is neither seconds nor a date.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim_ascii();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(
            value.parse::<u32>().unwrap_or(u32::MAX).into(),
        ));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(Timestamp::from_unix(date.duration_since(UNIX_EPOCH).ok()?).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_double_up_to_the_cap() {
        let limits = |base| (0..8).map(move |n| delay(base, n, None, u64::MAX).as_millis() + 1);
        let from_500: Vec<_> = limits(BASE).collect();
        assert_eq!(
            from_500,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
        );
        let from_1000: Vec<_> = limits(BASE_RATE_LIMITED).take(3).collect();
        assert_eq!(from_1000, [1_000, 2_000, 4_000]);
        assert!(delay(BASE, u32::MAX, None, u64::MAX) <= CAP);
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(delay(BASE, 3, None, 0), Duration::ZERO);
        assert_eq!(delay(BASE, 3, None, 1 << 63), Duration::from_secs(2));
    }

    #[test]
    fn retry_after_is_the_shortest_wait() {
        let retry_after = Some(Duration::from_secs(20));
        assert_eq!(delay(BASE, 0, retry_after, 0), Duration::from_secs(20));
        assert_eq!(
            delay(BASE, 0, retry_after, 1 << 63),
            Duration::from_secs(21)
        );
        assert!(delay(BASE, 0, retry_after, u64::MAX) < Duration::from_secs(22));
    }

    #[test]
    fn the_cap_does_not_shorten_retry_after() {
        assert_eq!(
            delay(BASE, 0, Some(Duration::from_secs(90)), 0),
            Duration::from_secs(90)
        );
    }

    #[test]
    fn a_retry_after_of_zero_does_not_change_the_backoff() {
        assert_eq!(
            delay(BASE, 3, Some(Duration::ZERO), 1 << 63),
            Duration::from_secs(2)
        );
    }

    #[track_caller]
    fn header(value: &str) -> Option<u64> {
        let now = Timestamp::parse("2026-03-12T14:30:00Z").unwrap();
        retry_after(value, now).map(|duration| duration.as_secs())
    }

    #[test]
    fn seconds() {
        assert_eq!(header("0"), Some(0));
        assert_eq!(header(" 17 "), Some(17));
        assert_eq!(header("99999999999999999999999"), Some(u64::from(u32::MAX)));
    }

    #[test]
    fn http_dates_in_all_three_forms() {
        assert_eq!(header("Thu, 12 Mar 2026 14:30:25 GMT"), Some(25));
        assert_eq!(header("Thursday, 12-Mar-26 14:30:25 GMT"), Some(25));
        assert_eq!(header("Thu Mar 12 14:30:25 2026"), Some(25));
    }

    #[test]
    fn a_past_date_asks_for_no_wait() {
        assert_eq!(header("Thu, 12 Mar 2026 14:29:00 GMT"), Some(0));
        assert_eq!(header("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
    }

    #[test]
    fn malformed_is_none() {
        for value in [
            "",
            " ",
            "-1",
            "1.5",
            "1s",
            "+1",
            "soon",
            "2026-03-12T14:30:25Z",
            "１",
        ] {
            assert_eq!(header(value), None, "{value:?}");
        }
    }
}
