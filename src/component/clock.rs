//! The clock of one call. The wall clock is read once; from then on the monotonic clock counts, so
//! that setting the wall clock cannot stretch or cut a call.

use std::time::Duration;

use waki::bindings::wasi::clocks::monotonic_clock::{now, subscribe_instant};
use waki::bindings::wasi::io::poll::Pollable;

use crate::time::Timestamp;

pub(super) struct Clock {
    started: Timestamp,
    origin: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let wall = wasi::clocks::wall_clock::now();
        let started = Timestamp::from_unix(Duration::new(wall.seconds, wall.nanoseconds));
        Self {
            started,
            origin: now(),
        }
    }

    pub(super) fn started(&self) -> Timestamp {
        self.started
    }

    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.origin))
    }

    /// Becomes ready `at` this long after the start.
    pub(super) fn alarm(&self, at: Duration) -> Pollable {
        subscribe_instant(self.origin.saturating_add(nanoseconds(at)))
    }
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
