//! How ranges are split.

use std::time::Duration;

use mv_clip_core::events::{MAX_RANGE, range};
use mv_clip_core::request::Window;
use mv_clip_core::time::Timestamp;
use proptest::prelude::*;

const SERIAL: &str = "Q2XX-ABCD-1234";
const DAY_MS: u64 = 86_400_000;

/// The local time of a clock with this offset from UTC in minutes.
fn shown(at: Timestamp, minutes: i16) -> String {
    let offset = Duration::from_secs(u64::from(minutes.unsigned_abs()) * 60);
    let local = if minutes < 0 {
        at - offset
    } else {
        at + offset
    };
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
    let local = local.to_string();
    format!("{}{sign}{hours:02}:{rest:02}", local.trim_end_matches('Z'))
}

/// Days on which Europe and North America change their clocks, and others before a new year or month.
const DAYS: &[&str] = &[
    "2026-03-08T10:00:00Z",
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-11-01T09:00:00Z",
    "2026-12-31T23:59:59.999Z",
    "2028-02-29T00:00:00Z",
];
const LENGTHS: &[u64] = &[1_000, 300_000, 300_001, 600_000, 600_001, DAY_MS];

fn start() -> impl Strategy<Value = Timestamp> {
    (prop::sample::select(DAYS), 0..2 * DAY_MS).prop_map(|(day, ms)| {
        let day = Timestamp::parse(day).unwrap();
        day - Duration::from_millis(DAY_MS) + Duration::from_millis(ms)
    })
}

fn length() -> impl Strategy<Value = Duration> {
    prop_oneof![prop::sample::select(LENGTHS), 1_000..=DAY_MS].prop_map(Duration::from_millis)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_range_is_split_into_the_fewest_windows_without_gaps(
        start in start(),
        length in length(),
        // The offset may change between start and end.
        offsets in (-720_i16..=840, -720_i16..=840),
    ) {
        let end = start + length;
        let windows = range(SERIAL, &shown(start, offsets.0), &shown(end, offsets.1), Some(3)).unwrap();
        let fewest = length.as_millis().div_ceil(Window::MAX_LENGTH.as_millis());
        prop_assert_eq!(windows.len() as u128, fewest);
        let mut next = start;
        for request in &windows {
            let (from, to) = (request.window.start(), request.window.end());
            prop_assert_eq!(from, next);
            let long = to.since(from);
            prop_assert!(long >= Window::MIN_LENGTH && long <= Window::MAX_LENGTH, "{:?}", long);
            prop_assert_eq!(request.imager_id, Some(3));
            next = to;
        }
        prop_assert_eq!(next, end);
    }

    #[test]
    fn a_longer_range_is_rejected(start in start(), over in 1_u64..DAY_MS) {
        let end = start + MAX_RANGE + Duration::from_millis(over);
        prop_assert!(range(SERIAL, &start.to_string(), &end.to_string(), None).is_err());
    }
}
