//! [`Timestamp`]: a time of the wall clock.

use std::time::Duration;

use chrono::format::ParseErrorKind;
use chrono::{DateTime, SecondsFormat};

/// 2000-01-01T00:00:00Z: an earlier year is a mistake, as no footage is older.
const MIN_MS: i64 = 946_684_800_000;
/// 2100-01-01T00:00:00Z.
const MAX_MS: i64 = 4_102_444_800_000;

/// A time in UTC, to the millisecond.
///
/// [`Timestamp::parse`] accepts the years 2000 to 2099.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    unix_ms: i64,
}

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// Not in the form of RFC 3339.
    Malformed,
    /// RFC 3339, but without an offset.
    NoOffset,
    /// A date or time of day that does not exist, such as 30 February.
    Impossible,
    /// A leap second (`:60`).
    LeapSecond,
    /// Outside the years 2000 to 2099.
    OutOfRange,
}

impl TimeError {
    /// What is wrong: a clause to follow the text, such as "is not an RFC 3339 time".
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "is not an RFC 3339 time",
            Self::NoOffset => "has no UTC offset; add Z for UTC, or an offset like +01:00",
            Self::Impossible => "is a date or time that does not exist",
            Self::LeapSecond => "is a leap second, which Meraki does not have; use :59",
            Self::OutOfRange => "lies outside the years 2000 to 2099",
        }
    }
}

impl std::fmt::Display for TimeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the text {}", self.reason())
    }
}

impl std::error::Error for TimeError {}

impl Timestamp {
    /// Parses an RFC 3339 time with an offset or `Z`. Digits after the millisecond are dropped.
    ///
    /// # Errors
    ///
    /// [`TimeError`] for any other text, for a leap second, and for a year outside 2000 to 2099.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        // chrono also accepts the Unicode minus sign in an offset, RFC 3339 does not.
        if !text.is_ascii() {
            return Err(TimeError::Malformed);
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(|error| match error.kind() {
            ParseErrorKind::OutOfRange | ParseErrorKind::Impossible => TimeError::Impossible,
            _ if DateTime::parse_from_rfc3339(&format!("{text}Z")).is_ok() => TimeError::NoOffset,
            _ => TimeError::Malformed,
        })?;
        // chrono represents a leap second as second 59 with 1,000 ms or more.
        if time.timestamp_subsec_millis() >= 1_000 {
            return Err(TimeError::LeapSecond);
        }
        match time.timestamp_millis() {
            unix_ms @ MIN_MS..MAX_MS => Ok(Self { unix_ms }),
            _ => Err(TimeError::OutOfRange),
        }
    }

    /// The time so long after 1970-01-01T00:00:00Z.
    pub fn from_unix(since_epoch: Duration) -> Self {
        Self {
            unix_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// The time in UTC, as RFC 3339 writes it, to the millisecond: `2026-03-12T14:30:00.000Z`.
    pub fn to_rfc3339(self) -> String {
        let time = DateTime::from_timestamp_millis(self.unix_ms).unwrap_or(DateTime::UNIX_EPOCH);
        time.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// The duration since `earlier`; zero if `earlier` is later than this time.
    pub fn since(self, earlier: Self) -> Duration {
        let ms = self.unix_ms.saturating_sub(earlier.unix_ms);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self {
            unix_ms: self.unix_ms.saturating_add(ms),
        }
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self {
            unix_ms: self.unix_ms.saturating_sub(ms),
        }
    }
}

/// UTC with milliseconds, as in requests to Meraki: `2026-03-12T14:30:00.000Z`.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn accepted(text: &str, utc: &str) {
        assert_eq!(
            Timestamp::parse(text).map(|t| t.to_string()),
            Ok(utc.to_owned()),
            "{text}"
        );
    }

    #[track_caller]
    fn fails(text: &str, error: TimeError) {
        assert_eq!(Timestamp::parse(text), Err(error), "{text}");
    }

    #[test]
    fn utc() {
        accepted("2026-03-12T14:30:00Z", "2026-03-12T14:30:00.000Z");
        accepted("2026-03-12t14:30:00z", "2026-03-12T14:30:00.000Z");
        accepted("2026-03-12 14:30:00Z", "2026-03-12T14:30:00.000Z");
    }

    #[test]
    fn offsets() {
        accepted("2026-03-12T15:30:00+01:00", "2026-03-12T14:30:00.000Z");
        accepted("2026-03-12T00:00:00-05:30", "2026-03-12T05:30:00.000Z");
        accepted("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z");
    }

    #[test]
    fn any_precision_down_to_the_millisecond() {
        accepted("2026-03-12T14:30:00.5Z", "2026-03-12T14:30:00.500Z");
        accepted("2026-03-12T14:30:00.123456789Z", "2026-03-12T14:30:00.123Z");
        accepted(
            "2026-03-12T14:30:00.9999999999999999Z",
            "2026-03-12T14:30:00.999Z",
        );
    }

    #[test]
    fn first_and_last_time() {
        accepted("2000-01-01T00:00:00Z", "2000-01-01T00:00:00.000Z");
        accepted("2099-12-31T23:59:59.999Z", "2099-12-31T23:59:59.999Z");
        fails("1999-12-31T23:59:59.999Z", TimeError::OutOfRange);
        fails("2100-01-01T00:00:00Z", TimeError::OutOfRange);
        fails("2000-01-01T00:30:00+01:00", TimeError::OutOfRange);
    }

    #[test]
    fn years_0_and_9999() {
        fails("0000-01-01T00:00:00Z", TimeError::OutOfRange);
        fails("9999-12-31T23:59:59Z", TimeError::OutOfRange);
        fails("9999-12-31T23:59:59-23:59", TimeError::OutOfRange);
    }

    #[test]
    fn missing_offset() {
        fails("2026-03-12T14:30:00", TimeError::NoOffset);
        fails("2026-03-12T14:30:00.250", TimeError::NoOffset);
    }

    #[test]
    fn impossible_dates_and_times() {
        fails("2026-02-30T00:00:00Z", TimeError::Impossible);
        fails("2025-02-29T00:00:00Z", TimeError::Impossible);
        fails("2026-13-01T00:00:00Z", TimeError::Impossible);
        fails("2026-03-12T24:00:00Z", TimeError::Impossible);
        fails("2026-03-12T14:60:00Z", TimeError::Impossible);
        fails("2026-03-12T14:30:61Z", TimeError::Impossible);
        accepted("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z");
    }

    #[test]
    fn leap_seconds() {
        fails("2016-12-31T23:59:60Z", TimeError::LeapSecond);
        fails("2016-12-31T23:59:60.5Z", TimeError::LeapSecond);
        fails("2026-03-12T14:30:60Z", TimeError::LeapSecond);
    }

    #[test]
    fn other_texts() {
        for text in [
            "",
            "now",
            "1773325800",
            "2026-03-12",
            "2026-3-12T14:30:00Z",
            "12/03/2026 14:30",
            "2026-03-12T14:30Z",
            "2026-03-12T14:30:00Z ",
            " 2026-03-12T14:30:00Z",
            "2026-03-12T14:30:00Z\n",
            "2026-03-12T14:30:00+0100",
            "2026-03-12T14:30:00 Europe/Paris",
            "2026-03-12T14:30:00\u{2212}05:00",
            "２026-03-12T14:30:00Z",
            "+2026-03-12T14:30:00Z",
            "12026-03-12T14:30:00Z",
        ] {
            fails(text, TimeError::Malformed);
        }
    }

    #[test]
    fn since_is_never_negative() {
        let earlier = Timestamp::parse("2026-03-12T14:30:00Z").unwrap();
        let later = earlier + Duration::from_millis(1_500);
        assert_eq!(later.since(earlier), Duration::from_millis(1_500));
        assert_eq!(earlier.since(later), Duration::ZERO);
    }
}
