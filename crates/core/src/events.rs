//! Ranges, incidents and coverage: their arguments, as requests for one clip each.

use std::time::Duration;

use crate::error::{Failure, FailureKind};
use crate::request::{ClipRequest, Serial, Window, time};

/// The longest range: 24 h.
pub const MAX_RANGE: Duration = Duration::from_secs(86_400);
/// The most serial numbers in one coverage, duplicates included.
pub const MAX_CAMERAS: usize = 100;

/// Seconds before and after an incident.
const DEFAULT_ROLL: u32 = 30;
/// Seconds of one coverage.
const DEFAULT_COVERAGE: u32 = 120;

/// Splits a range of 1 s to 24 h into windows without gaps or overlaps. There are as few windows as possible, and
/// their lengths differ by at most a millisecond, so that none is too short.
///
/// Arguments are as in [`ClipRequest::parse`].
///
/// # Errors
///
/// As [`ClipRequest::parse`], but [`FailureKind::InvalidWindow`] for a range longer than 24 h instead of 300 s.
pub fn range(
    serial: &str,
    start: &str,
    end: &str,
    imager_id: Option<u32>,
) -> Result<Vec<ClipRequest>, Failure> {
    let serial = Serial::parse(serial)?;
    let (start, end) = (time("start", start)?, time("end", end)?);
    let length = end.since(start);
    if length <= Window::MAX_LENGTH {
        return Ok(vec![ClipRequest {
            serial,
            window: Window::new(start, end)?,
            imager_id,
        }]);
    }
    if length > MAX_RANGE {
        let message = format!(
            "the range is {} s long: at most 24 h; ask for ranges that follow each other \
             (start {start}, end {end}).",
            length.as_secs(),
        );
        return Err(Failure::before_request(FailureKind::InvalidWindow, message));
    }
    let count = u32::try_from(length.as_millis().div_ceil(Window::MAX_LENGTH.as_millis()));
    let count = count.unwrap_or(u32::MAX);
    let cut = |index: u32| start + length * index / count;
    (0..count)
        .map(|index| {
            let window = Window::new(cut(index), cut(index + 1))?;
            Ok(ClipRequest {
                serial: serial.clone(),
                window,
                imager_id,
            })
        })
        .collect()
}

/// The request for the window around an incident: from `pre_roll_seconds` before `at` to `post_roll_seconds` after
/// it. Each defaults to 30 s, and together they are 1 s to 300 s. `at` is an RFC 3339 time with an offset.
///
/// # Errors
///
/// As [`ClipRequest::parse`].
pub fn incident(
    serial: &str,
    at: &str,
    pre_roll_seconds: Option<u32>,
    post_roll_seconds: Option<u32>,
) -> Result<ClipRequest, Failure> {
    let serial = Serial::parse(serial)?;
    let at = time("incident's", at)?;
    let roll = |seconds: Option<u32>| Duration::from_secs(seconds.unwrap_or(DEFAULT_ROLL).into());
    let window = Window::new(at - roll(pre_roll_seconds), at + roll(post_roll_seconds))?;
    Ok(ClipRequest {
        serial,
        window,
        imager_id: None,
    })
}

/// The requests for one event and several cameras.
#[derive(Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The window of all requests.
    pub window: Window,
    /// One request for each camera, or the failure for a serial number that cannot be used.
    pub requests: Vec<Result<ClipRequest, Failure>>,
    /// For each serial number in the arguments, in order, the index of its request in `requests`.
    pub request_indices: Vec<usize>,
}

/// The requests for up to 100 cameras and one window with the event `at` in its middle. `duration_seconds` is 1 s to
/// 300 s and defaults to 120 s. A serial number that cannot be used does not affect the others, and a camera that is
/// named twice gets one request.
///
/// # Errors
///
/// As [`ClipRequest::parse`] for the window, and [`FailureKind::InvalidSerial`] for more than 100 serial numbers.
pub fn coverage(
    serials: &[String],
    at: &str,
    duration_seconds: Option<u32>,
) -> Result<Coverage, Failure> {
    if serials.len() > MAX_CAMERAS {
        let message = format!(
            "{} cameras are too many for one call: at most {MAX_CAMERAS}. Ask for them in parts.",
            serials.len(),
        );
        return Err(Failure::before_request(FailureKind::InvalidSerial, message));
    }
    let at = time("event's", at)?;
    let length = Duration::from_secs(duration_seconds.unwrap_or(DEFAULT_COVERAGE).into());
    let start = at - length / 2;
    let window = Window::new(start, start + length)?;
    let (mut requests, mut request_indices) = (Vec::new(), Vec::new());
    for serial in serials {
        let request = Serial::parse(serial).map(|serial| ClipRequest {
            serial,
            window,
            imager_id: None,
        });
        let index = requests.iter().position(|other| other == &request);
        request_indices.push(index.unwrap_or(requests.len()));
        if index.is_none() {
            requests.push(request);
        }
    }
    Ok(Coverage {
        window,
        requests,
        request_indices,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIAL: &str = "Q2XX-ABCD-1234";

    fn cut(start: &str, end: &str) -> Vec<(String, String)> {
        let windows = range(SERIAL, start, end, Some(1)).unwrap().into_iter();
        windows
            .map(|r| (r.window.start().to_string(), r.window.end().to_string()))
            .collect()
    }

    #[test]
    fn a_short_range_is_one_window() {
        assert_eq!(cut("2026-03-12T14:30:00Z", "2026-03-12T14:35:00Z").len(), 1);
    }

    #[test]
    fn a_millisecond_too_long_makes_two_equal_windows() {
        let windows = cut("2026-03-12T14:30:00Z", "2026-03-12T14:35:00.001Z");
        let middle = "2026-03-12T14:32:30.000Z".to_owned();
        assert_eq!(windows.len(), 2);
        assert_eq!((&windows[0].1, &windows[1].0), (&middle, &middle));
    }

    #[test]
    fn a_day_is_288_windows() {
        let windows = cut("2026-03-12T00:00:00Z", "2026-03-13T00:00:00Z");
        assert_eq!(windows.len(), 288);
        assert_eq!(windows[287].0, "2026-03-12T23:55:00.000Z");
        let failure = range(
            SERIAL,
            "2026-03-12T00:00:00Z",
            "2026-03-13T00:00:00.001Z",
            None,
        )
        .unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidWindow);
        assert!(failure.message.contains("at most 24 h"), "{failure}");
    }

    #[test]
    fn a_range_is_split_in_utc() {
        // 29 March 2026, 02:00 in Berlin is 03:00: one hour by the clock, and none in between.
        let windows = cut("2026-03-29T01:55:00+01:00", "2026-03-29T03:05:00+02:00");
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[1].0, "2026-03-29T01:00:00.000Z");
        assert_eq!(
            cut("2026-03-12T23:57:30Z", "2026-03-13T00:07:30Z")[1].0,
            "2026-03-13T00:02:30.000Z"
        );
    }

    #[test]
    fn a_bad_range_is_rejected() {
        for (start, end, kind) in [
            (
                "2026-03-12T14:30:00Z",
                "2026-03-12T14:30:00Z",
                FailureKind::InvalidWindow,
            ),
            (
                "2026-03-12T14:30:00Z",
                "2026-03-11T14:30:00Z",
                FailureKind::InvalidWindow,
            ),
            (
                "2026-03-12T14:30:00Z",
                "2026-03-12T14:30:00.999Z",
                FailureKind::InvalidWindow,
            ),
            (
                "2026-03-12T14:30:00",
                "2026-03-12T15:30:00Z",
                FailureKind::InvalidTime,
            ),
        ] {
            assert_eq!(
                range(SERIAL, start, end, None).unwrap_err().kind,
                kind,
                "{start} {end}"
            );
        }
    }

    #[test]
    fn an_incident_has_half_a_minute_on_each_side() {
        let window = incident(SERIAL, "2026-03-12T14:31:00Z", None, None)
            .unwrap()
            .window;
        assert_eq!(window.start().to_string(), "2026-03-12T14:30:30.000Z");
        assert_eq!(window.end().to_string(), "2026-03-12T14:31:30.000Z");
    }

    #[test]
    fn an_incident_has_the_requested_rolls() {
        let roll = |pre, post| incident(SERIAL, "2026-03-12T14:31:00Z", Some(pre), Some(post));
        let window = roll(0, 1).unwrap().window;
        assert_eq!(window.end().since(window.start()), Duration::from_secs(1));
        for (pre, post) in [(0, 0), (200, 101), (u32::MAX, u32::MAX)] {
            assert_eq!(
                roll(pre, post).unwrap_err().kind,
                FailureKind::InvalidWindow
            );
        }
    }

    fn serials(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn coverage_has_the_event_in_its_middle() {
        let window = |seconds| {
            coverage(&[], "2026-03-12T14:31:00Z", seconds)
                .unwrap()
                .window
        };
        assert_eq!(window(None).start().to_string(), "2026-03-12T14:30:00.000Z");
        assert_eq!(window(None).end().to_string(), "2026-03-12T14:32:00.000Z");
        assert_eq!(
            window(Some(3)).start().to_string(),
            "2026-03-12T14:30:58.500Z"
        );
        assert_eq!(
            window(Some(3)).end().to_string(),
            "2026-03-12T14:31:01.500Z"
        );
    }

    #[test]
    fn a_duplicate_camera_gets_one_request() {
        let names = serials(&[
            "Q2XX-ABCD-1234",
            "bad",
            "q2xx-abcd-1234",
            "Q2XX-ABCD-9999",
            "bad",
        ]);
        let coverage = coverage(&names, "2026-03-12T14:31:00Z", None).unwrap();
        assert_eq!(coverage.request_indices, [0, 1, 0, 2, 1]);
        assert_eq!(coverage.requests.len(), 3);
        assert!(coverage.requests[1].is_err());
    }

    #[test]
    fn a_hundred_cameras_are_the_most() {
        let names = serials(&["Q2XX-ABCD-1234"; 101]);
        let at = "2026-03-12T14:31:00Z";
        assert!(coverage(&names[1..], at, None).is_ok());
        let failure = coverage(&names, at, None).unwrap_err();
        assert_eq!(failure.kind, FailureKind::InvalidSerial);
        assert!(failure.message.contains("at most 100"), "{failure}");
    }
}
