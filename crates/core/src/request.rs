//! [`ClipRequest`]: which camera and which window of its footage. These types cannot hold an invalid value.

use std::fmt;
use std::time::Duration;

use crate::error::{Failure, FailureKind};
use crate::text::excerpt;
use crate::time::Timestamp;

/// A request for one clip: one camera, or one imager of it, and one window of its footage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipRequest {
    /// The camera.
    pub serial: Serial,
    /// The window.
    pub window: Window,
    /// The imager of a multi-imager camera; none for other cameras.
    pub imager_id: Option<u32>,
}

impl ClipRequest {
    /// Parses the fields of the record `clip-request` in `wit/clips.wit`: a serial number as in [`Serial::parse`],
    /// and two times as in [`Timestamp::parse`], 1 s to 300 s apart.
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidSerial`], [`FailureKind::InvalidTime`] or [`FailureKind::InvalidWindow`], for the first
    /// field that is invalid.
    pub fn parse(
        serial: &str,
        start: &str,
        end: &str,
        imager_id: Option<u32>,
    ) -> Result<Self, Failure> {
        let serial = Serial::parse(serial)?;
        let window = Window::new(time("start", start)?, time("end", end)?)?;
        Ok(Self {
            serial,
            window,
            imager_id,
        })
    }
}

/// Parses a time, whose `name` is in the message of an error.
pub(crate) fn time(name: &str, text: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse(text).map_err(|error| {
        let message = format!(
            "the {name} time \"{}\" {}. Write it like 2026-03-12T14:30:00Z or \
             2026-03-12T15:30:00.250+01:00.",
            excerpt(text),
            error.reason(),
        );
        Failure::before_request(FailureKind::InvalidTime, message)
    })
}

/// A camera's serial number: `XXXX-XXXX-XXXX`, in upper-case letters and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serial(String);

impl Serial {
    /// Parses a serial number; lower case becomes upper case.
    ///
    /// The prefix is not checked: Meraki publishes no pattern, and new prefixes keep arriving.
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidSerial`] for anything but three groups of four ASCII letters or digits, joined by
    /// hyphens.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let well_formed = text.len() == 14
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 9 => byte == b'-',
                _ => byte.is_ascii_alphanumeric(),
            });
        if well_formed {
            return Ok(Self(text.to_ascii_uppercase()));
        }
        let message = format!(
            "the serial \"{}\" is not a camera's serial number. It takes three groups of four \
             letters or digits, such as Q2XX-ABCD-1234; the Dashboard shows it on the camera's page.",
            excerpt(text),
        );
        Err(Failure::before_request(FailureKind::InvalidSerial, message))
    }

    /// The serial number, in upper case.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A window of footage, 1 s to 300 s long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// The shortest window of one clip.
    pub const MIN_LENGTH: Duration = Duration::from_secs(1);
    /// The longest window of one clip.
    pub const MAX_LENGTH: Duration = Duration::from_secs(300);

    /// The window between two times.
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidWindow`] if the end is not after the start, or the length is not 1 s to 300 s.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, Failure> {
        let invalid = |what: String| {
            let message = format!("{what} (start {start}, end {end}).");
            Err(Failure::before_request(FailureKind::InvalidWindow, message))
        };
        if end < start {
            return invalid("the end is before the start: swap the two".into());
        }
        let length = end.since(start);
        if length < Self::MIN_LENGTH {
            return invalid(format!(
                "the window is {} ms long: a clip takes at least 1 s",
                length.subsec_millis()
            ));
        }
        if length > Self::MAX_LENGTH {
            return invalid(format!(
                "the window is {}.{:03} s long: one clip takes at most 300 s; a range takes up to \
                 24 h",
                length.as_secs(),
                length.subsec_millis()
            ));
        }
        Ok(Self { start, end })
    }

    /// The start.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The end, 1 s to 300 s after the start.
    pub fn end(self) -> Timestamp {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "2026-03-12T14:30:00Z";

    #[track_caller]
    fn fails(serial: &str, start: &str, end: &str) -> (FailureKind, String) {
        let failure = ClipRequest::parse(serial, start, end, None).unwrap_err();
        assert_eq!((failure.attempts, failure.status), (0, None));
        (failure.kind, failure.message)
    }

    #[track_caller]
    fn bad_serial(serial: &str) {
        let (kind, message) = fails(serial, START, "2026-03-12T14:32:00Z");
        assert_eq!(kind, FailureKind::InvalidSerial, "{serial:?}");
        assert!(message.contains("such as Q2XX-ABCD-1234"), "{message}");
        assert!(
            message.chars().all(|c| (' '..='~').contains(&c)),
            "{message:?}"
        );
    }

    #[test]
    fn serials_are_accepted_in_either_case() {
        assert_eq!(
            Serial::parse("q2xx-AbCd-1234").unwrap().to_string(),
            "Q2XX-ABCD-1234"
        );
    }

    #[test]
    fn any_prefix_is_accepted() {
        assert!(Serial::parse("ZZZZ-0000-0000").is_ok());
    }

    #[test]
    fn other_serials_are_rejected() {
        for serial in [
            "",
            "Q2XX",
            "Q2XXABCD1234",
            "Q2XX-ABCD-123",
            "Q2XX-ABCD-12345",
            "Q2XX_ABCD_1234",
            "Q2XX-ABCD-12/4",
            "../../-..-.../",
            "Q2XX-ABCD-12.4",
            "Q2XX-ABCD-123\n",
            "Q2XX-ABCD-12\r\n",
            "Q2XX-ABCD-12%4",
            "Q2XX-ABCD-12?4",
            " Q2XX-ABCD-123",
            "Q2XX-ABCD-12é4",
            "Q2XX-ABCD-12é",
            "Ｑ2XX-ABCD-1234",
            "-Q2X-ABCD-1234",
        ] {
            bad_serial(serial);
        }
        bad_serial(&"Q".repeat(100_000));
    }

    #[test]
    fn the_message_names_the_serial() {
        let (_, message) = fails("Q2XX-ABCD-12\n4", START, START);
        assert_eq!(
            message,
            "the serial \"Q2XX-ABCD-12\\n4\" is not a camera's serial number. It takes three groups \
             of four letters or digits, such as Q2XX-ABCD-1234; the Dashboard shows it on the \
             camera's page."
        );
    }

    #[test]
    fn the_message_names_and_explains_the_bad_time() {
        assert_eq!(
            fails("Q2XX-ABCD-1234", START, "2026-03-12T14:32:00"),
            (
                FailureKind::InvalidTime,
                "the end time \"2026-03-12T14:32:00\" has no UTC offset; add Z for UTC, or an \
                 offset like +01:00. Write it like 2026-03-12T14:30:00Z or \
                 2026-03-12T15:30:00.250+01:00."
                    .to_owned()
            )
        );
    }

    #[track_caller]
    fn window(end: &str) -> Result<Window, Failure> {
        ClipRequest::parse("Q2XX-ABCD-1234", START, end, None).map(|request| request.window)
    }

    #[track_caller]
    fn bad_window(end: &str, words: &str) {
        let failure = window(end).unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidWindow, "{end}");
        assert!(failure.message.contains(words), "{}", failure.message);
        assert!(
            failure.message.contains("start 2026-03-12T14:30:00.000Z"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn shortest_and_longest_window() {
        assert!(window("2026-03-12T14:30:01Z").is_ok());
        assert!(window("2026-03-12T14:35:00Z").is_ok());
    }

    #[test]
    fn fractions_of_a_millisecond_do_not_count() {
        assert!(window("2026-03-12T14:35:00.0009Z").is_ok());
        bad_window("2026-03-12T14:30:00.9999Z", "999 ms");
    }

    #[test]
    fn windows_with_different_offsets_are_compared_in_utc() {
        assert!(window("2026-03-12T15:32:00+01:00").is_ok());
        bad_window("2026-03-12T14:32:00+01:00", "before the start");
    }

    #[test]
    fn reversed_empty_short_and_long_windows_are_rejected() {
        bad_window("2026-03-12T14:29:59Z", "before the start: swap the two");
        bad_window(START, "0 ms long: a clip takes at least 1 s");
        bad_window("2026-03-12T14:30:00.999Z", "999 ms long");
        bad_window(
            "2026-03-12T14:35:00.001Z",
            "300.001 s long: one clip takes at most 300 s",
        );
        bad_window("2099-03-12T14:30:00Z", "at most 300 s");
    }
}
