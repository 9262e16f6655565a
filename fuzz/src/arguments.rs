//! A serial number and two times, one per line: which are accepted, and the errors for the others.

use mv_clip_core::error::FailureKind;
use mv_clip_core::request::{ClipRequest, Serial, Window};
use mv_clip_core::time::Timestamp;

use crate::message::assert_printable;
use crate::reference;

/// Checks a text of three lines: serial, start, end.
pub fn check(text: &str) {
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (serial, start, end) = (line(), line(), line());
    self::serial(serial);
    time(start);
    time(end);
    match ClipRequest::parse(serial, start, end, None) {
        Ok(ClipRequest { window, .. }) => {
            let length = window.end().since(window.start());
            assert!(Window::MIN_LENGTH <= length && length <= Window::MAX_LENGTH);
        }
        Err(failure) => {
            let expected = if Serial::parse(serial).is_err() {
                FailureKind::InvalidSerial
            } else if Timestamp::parse(start).is_err() || Timestamp::parse(end).is_err() {
                FailureKind::InvalidTime
            } else {
                FailureKind::InvalidWindow
            };
            assert_eq!(failure.kind, expected);
            assert_printable(&failure.message);
        }
    }
}

fn serial(text: &str) {
    let groups: Vec<_> = text.split('-').collect();
    let is_group =
        |group: &&str| group.len() == 4 && group.chars().all(|c| c.is_ascii_alphanumeric());
    let is_serial = groups.len() == 3 && groups.iter().all(is_group);
    let parsed = Serial::parse(text);
    assert_eq!(parsed.is_ok(), is_serial);
    if let Ok(serial) = parsed {
        let canonical = serial.to_string();
        assert_eq!(canonical, text.to_uppercase());
        assert_eq!(Serial::parse(&canonical), Ok(serial));
    }
}

fn time(text: &str) {
    let parsed = Timestamp::parse(text);
    let since_epoch = |time: Timestamp| {
        let ms = time
            .since(Timestamp::from_unix(Default::default()))
            .as_millis();
        i64::try_from(ms).unwrap()
    };
    assert_eq!(parsed.ok().map(since_epoch), reference::unix_ms(text));
    if let Ok(time) = parsed {
        let canonical = time.to_string();
        assert_eq!(canonical.len(), "2026-03-12T14:30:00.000Z".len());
        assert_eq!(Timestamp::parse(&canonical), Ok(time));
    }
}
