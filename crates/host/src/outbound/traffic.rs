//! Counts the requests, bytes and waits of one call.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::DATE;
use tokio::time::Instant;

/// The counters of one call, over all its requests.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    requests: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    /// In nanoseconds.
    waited: AtomicU64,
    /// In seconds.
    clock_offset: Mutex<Option<i64>>,
}

impl Traffic {
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_received
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Compares the clock of a server with this machine's.
    pub(super) fn response(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return;
        };
        let found = seconds_between(SystemTime::now(), theirs);
        if let Ok(mut smallest) = self.clock_offset.lock()
            && smallest.is_none_or(|offset| found.unsigned_abs() < offset.unsigned_abs())
        {
            *smallest = Some(found);
        }
    }

    pub(crate) fn clock_offset(&self) -> Option<i64> {
        self.clock_offset.lock().ok().and_then(|offset| *offset)
    }

    /// Counts the time until the guard is dropped, also if the request is dropped while it waits.
    pub(super) fn waiting(&self) -> Waiting<'_> {
        Waiting {
            traffic: self,
            since: Instant::now(),
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    pub(crate) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }
}

/// Negative if the second time is earlier.
fn seconds_between(first: SystemTime, second: SystemTime) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match second.duration_since(first) {
        Ok(later) => seconds(later),
        Err(earlier) => -seconds(earlier.duration()),
    }
}

/// A wait for the limiter.
pub(super) struct Waiting<'a> {
    traffic: &'a Traffic,
    since: Instant,
}

impl Waiting<'_> {
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.traffic.waited.fetch_add(waited, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_difference_of_the_clocks_counts() {
        let traffic = Traffic::default();
        let response = |date: &str| {
            let headers = [(DATE, date.parse().unwrap())].into_iter().collect();
            traffic.response(&headers);
        };
        let hours_from_now = |hours: u64, sign: i8| {
            let hours = Duration::from_secs(hours * 3_600);
            let now = SystemTime::now();
            httpdate::fmt_http_date(if sign < 0 { now - hours } else { now + hours })
        };
        response("yesterday");
        assert_eq!(traffic.clock_offset(), None);
        response(&hours_from_now(3, -1));
        let found = traffic.clock_offset().unwrap();
        assert!((-10_802..=-10_800).contains(&found), "{found}");
        response(&hours_from_now(2, 1));
        let found = traffic.clock_offset().unwrap();
        assert!((7_198..=7_200).contains(&found), "{found}");
        response("Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(traffic.clock_offset(), Some(found));
    }
}
