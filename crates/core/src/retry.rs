//! What may be tried again, and after how long. Decisions only: nothing here waits.

use std::time::{Duration, UNIX_EPOCH};

use crate::api::TransportError;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::time::Timestamp;

/// The ceiling of the first backoff.
pub(crate) const BASE: Duration = Duration::from_millis(500);
/// The ceiling of the first backoff after a 429 that does not say how long to wait.
pub(crate) const BASE_RATE_LIMITED: Duration = Duration::from_secs(1);
/// The ceiling of the first backoff while footage is on its way: at 500 ms all attempts would be over
/// in a few seconds, and footage takes 30 to 60.
pub(crate) const BASE_NOT_YET: Duration = Duration::from_secs(4);
/// No backoff is longer.
const CAP: Duration = Duration::from_secs(30);

/// When the same request may be worth sending again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// In this call, after a backoff that starts below this ceiling.
    Soon(Duration),
    /// In a later call.
    Later,
    /// Never, as long as nothing else changes.
    Never,
}

/// When to ask again after a refusal.
pub fn again(refusal: &Refusal) -> Again {
    match refusal {
        Refusal::Status(429) => Again::Soon(BASE_RATE_LIMITED),
        Refusal::Status(408 | 500 | 502 | 503 | 504)
        | Refusal::NoReply(
            TransportError::Connection(_) | TransportError::TimedOut | TransportError::TooLarge,
        )
        | Refusal::Unusable(_)
        | Refusal::OutOfTime => Again::Soon(BASE),
        Refusal::NotYet => Again::Soon(BASE_NOT_YET),
        // Not implemented, and HTTP version not supported: what this client sends will not change.
        Refusal::Status(501 | 505) => Again::Never,
        // A status that is not known is to be taken for 500 (RFC 9110, section 15), but proxies
        // use these for faults that outlast a call.
        Refusal::Status(500..) => Again::Later,
        Refusal::Status(_)
        | Refusal::NoVideo
        | Refusal::NoReply(TransportError::Certificate | TransportError::Denied)
        | Refusal::Redirect(_) => Again::Never,
    }
}

/// What becomes of a call, now that an attempt has come to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another attempt, not before this long after the start of the call.
    Retry(Duration),
    /// The end: the same call will fail again.
    Permanent,
    /// The end: the same call may succeed later, after this long where it is known.
    Transient(Ending, Option<Duration>),
}

/// Why an attempt is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing would change by another one.
    Final,
    /// As many were made as may be.
    OutOfAttempts,
    /// There is no time for another one.
    PastDeadline,
}

impl Ending {
    /// What is to be said of it, after what happened. `attempts` were made.
    pub fn words(self, settings: &Settings, attempts: u32) -> String {
        match self {
            Self::Final => String::new(),
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

/// Decides what follows an attempt that came to nothing after `elapsed`. `attempts` were made so far,
/// and the server asked to be left alone for `asked_for`. `random` is called where a retry is to be
/// spread; what it gives is uniform over all of `u64`.
pub fn judge(
    settings: &Settings,
    again: Again,
    attempts: u32,
    elapsed: Duration,
    asked_for: Option<Duration>,
    random: impl FnOnce() -> u64,
) -> Verdict {
    match again {
        Again::Never => Verdict::Permanent,
        Again::Later => Verdict::Transient(Ending::Final, asked_for),
        Again::Soon(_) if attempts >= settings.max_attempts => {
            Verdict::Transient(Ending::OutOfAttempts, asked_for)
        }
        Again::Soon(base) => {
            let wait = delay(base, attempts.saturating_sub(1), asked_for, random());
            Verdict::Retry(elapsed.saturating_add(wait))
        }
    }
}

/// How long to wait before retry number `retry` (the first is 0): what the server asked for and up
/// to a tenth more, or else anything below a ceiling that doubles with each retry ("full jitter").
///
/// `random` is uniform over all of `u64`.
pub fn delay(base: Duration, retry: u32, asked_for: Option<Duration>, random: u64) -> Duration {
    match asked_for {
        Some(least) if !least.is_zero() => least.saturating_add(fraction(least / 10, random)),
        _ => {
            let ceiling = base.saturating_mul(2_u32.saturating_pow(retry)).min(CAP);
            fraction(ceiling, random)
        }
    }
}

/// `random` as a share of `whole`: zero gives nothing, the largest value nearly all.
fn fraction(whole: Duration, random: u64) -> Duration {
    let share = (whole.as_nanos() * u128::from(random >> 32)) >> 32;
    Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX))
}

/// Rounded up, so that whoever waits for it does not come too early.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Reads a `Retry-After` header (RFC 9110, section 10.2.3): seconds, or an HTTP date in any of its
/// three forms, which counts from `now`. None where it is neither; zero where the date is past.
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
    use crate::redirect::RedirectError;
    use crate::refusal::Unusable;
    use crate::url::UrlError;

    #[test]
    fn every_status_but_six_is_final_for_the_call() {
        let retried: Vec<u16> = (100..600)
            .filter(|status| matches!(again(&Refusal::Status(*status)), Again::Soon(_)))
            .collect();
        assert_eq!(retried, [408, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn other_server_errors_may_pass_by_the_next_call() {
        let later: Vec<u16> = (100..600)
            .filter(|status| again(&Refusal::Status(*status)) == Again::Later)
            .collect();
        assert_eq!(later, (506..600).collect::<Vec<u16>>());
    }

    #[test]
    fn what_is_tried_again() {
        for refusal in [
            Refusal::NoReply(TransportError::Connection("refused")),
            Refusal::NoReply(TransportError::TimedOut),
            Refusal::Unusable(Unusable::NotJson),
            Refusal::Unusable(Unusable::NoUrl),
            Refusal::NoReply(TransportError::TooLarge),
            Refusal::Unusable(Unusable::Url(UrlError::Insecure)),
        ] {
            assert_eq!(again(&refusal), Again::Soon(BASE), "{refusal:?}");
        }
        assert_eq!(again(&Refusal::Status(429)), Again::Soon(BASE_RATE_LIMITED));
        assert_eq!(again(&Refusal::NotYet), Again::Soon(BASE_NOT_YET));
    }

    #[test]
    fn an_untrusted_certificate_stays_untrusted() {
        assert_eq!(
            again(&Refusal::NoReply(TransportError::Certificate)),
            Again::Never
        );
    }

    #[test]
    fn what_the_host_denies_stays_denied() {
        assert_eq!(
            again(&Refusal::NoReply(TransportError::Denied)),
            Again::Never
        );
    }

    #[test]
    fn old_footage_that_is_not_there_will_not_come() {
        assert_eq!(again(&Refusal::NoVideo), Again::Never);
    }

    #[test]
    fn a_refused_redirect_would_be_refused_again() {
        for error in [
            RedirectError::NoLocation,
            RedirectError::TooMany,
            RedirectError::Foreign("h".into()),
            RedirectError::Insecure("h".into()),
            RedirectError::UserInfo("h".into()),
        ] {
            assert_eq!(again(&Refusal::Redirect(error)), Again::Never);
        }
    }

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let ceilings = |base| (0..8).map(move |n| delay(base, n, None, u64::MAX).as_millis() + 1);
        let from_500: Vec<_> = ceilings(BASE).collect();
        assert_eq!(
            from_500,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
        );
        let from_1000: Vec<_> = ceilings(BASE_RATE_LIMITED).take(3).collect();
        assert_eq!(from_1000, [1_000, 2_000, 4_000]);
        assert!(delay(BASE, u32::MAX, None, u64::MAX) <= CAP);
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(delay(BASE, 3, None, 0), Duration::ZERO);
        assert_eq!(delay(BASE, 3, None, 1 << 63), Duration::from_secs(2));
    }

    #[test]
    fn what_the_server_asks_for_is_the_least() {
        let asked_for = Some(Duration::from_secs(20));
        assert_eq!(delay(BASE, 0, asked_for, 0), Duration::from_secs(20));
        assert_eq!(delay(BASE, 0, asked_for, 1 << 63), Duration::from_secs(21));
        assert!(delay(BASE, 0, asked_for, u64::MAX) < Duration::from_secs(22));
    }

    #[test]
    fn the_cap_does_not_shorten_what_the_server_asks_for() {
        assert_eq!(
            delay(BASE, 0, Some(Duration::from_secs(90)), 0),
            Duration::from_secs(90)
        );
    }

    #[test]
    fn zero_leaves_the_backoff_as_it_is() {
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
