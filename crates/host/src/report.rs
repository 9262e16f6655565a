//! The report of a call.

use std::time::Duration;

use crate::error::CallError;

/// The result of a call, with a report of what the call used. The report is there whether the call succeeded
/// or failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reply<T> {
    /// The result of the call.
    pub result: Result<T, CallError>,
    /// What the call used.
    pub report: CallReport,
}

/// What one call used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallReport {
    /// The time from the start of the call to its end, waiting included.
    pub duration: Duration,
    /// The time that requests of the call waited for the [`RateLimiter`](crate::RateLimiter). At most one
    /// request of a call waits there at once, so this is never longer than `duration`.
    pub rate_limit_wait: Duration,
    /// How many HTTP requests the call sent, retries and redirects included. Requests that the policy denied
    /// do not count.
    pub requests: u64,
    /// The bytes of request bodies that the connections took.
    pub bytes_sent: u64,
    /// The bytes of response bodies that the guest read.
    pub bytes_received: u64,
    /// The largest size of the guest's memory, in bytes. 0 if it never started.
    pub peak_memory: usize,
    /// How many seconds the servers' clocks are ahead of this machine's, by the `Date` fields of their responses; a
    /// negative number if they are behind. Of several servers, the one with the smallest difference counts. None if no
    /// response had that field.
    ///
    /// If this machine's clock is off, the guest waits for footage that is there, or refuses it.
    pub clock_offset_seconds: Option<i64>,
}
