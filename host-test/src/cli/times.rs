//! Times and windows in the arguments.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use mv_clip_core::time::Timestamp;

use super::exit::Usage;

/// Checks that an argument is a time that the component accepts.
pub(super) fn time(text: &str) -> Result<String, String> {
    match Timestamp::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "it {}, such as 2026-03-12T14:31:00Z",
            error.reason()
        )),
    }
}

/// An argument that was checked, as a time.
pub(super) fn timestamp(text: &str) -> Result<Timestamp, Usage> {
    Timestamp::parse(text).map_err(|error| Usage(format!("{text} {}", error.reason())))
}

/// A time for a person, to the second.
pub(super) fn text(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The length of a window. Zero if the times are not in order, which the component reports.
pub(super) fn length(start: &str, end: &str) -> Duration {
    let parse = |text| DateTime::parse_from_rfc3339(text).ok();
    let length = parse(start).zip(parse(end)).map(|(start, end)| end - start);
    length
        .and_then(|length| length.to_std().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_the_component_accepts() {
        assert!(time("2026-03-12T14:31:00Z").is_ok());
        for text in [
            "",
            "yesterday",
            "2026-03-12T14:31:00",
            "2026-02-30T00:00:00Z",
            "1999-01-01T00:00:00Z",
        ] {
            let error = time(text).unwrap_err();
            assert!(error.contains("2026-03-12T14:31:00Z"), "{error}");
        }
    }

    #[test]
    fn the_length_of_a_window_is_known_before_the_call() {
        let length = |start, end| length(start, end).as_secs();
        assert_eq!(
            length("2026-03-12T14:31:00Z", "2026-03-12T15:32:00+01:00"),
            60
        );
        assert_eq!(length("2026-03-12T14:31:00Z", "2026-03-12T14:30:00Z"), 0);
        assert_eq!(length("x", "2026-03-12T14:30:00Z"), 0);
    }
}
