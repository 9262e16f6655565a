//! [`Clock`]: the clock of one call. It reads the wall clock once, and then the monotonic clock, so that a change of
//! the wall clock does not change the duration of a call.

use std::time::Duration;

use mv_clip_core::time::Timestamp;

use crate::wasi::clocks::monotonic_clock::{now, subscribe_instant};
use crate::wasi::clocks::wall_clock;
use crate::wasi::io::poll::{Pollable, poll};

/// The clock of one call.
pub(crate) struct Clock {
    started: Timestamp,
    origin: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = wall_clock::now();
        let started = Timestamp::from_unix(Duration::new(wall.seconds, wall.nanoseconds));
        Self {
            started,
            origin: now(),
        }
    }

    /// The wall clock at the start of the call.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    /// The time since the start of the call.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.origin))
    }

    /// Waits until one of these is ready, but not longer than `until`, which is counted from the start of the call.
    /// Returns the positions of those that are ready.
    pub(crate) fn wait(&self, pollables: &[&Pollable], until: Duration) -> Vec<usize> {
        let timer = subscribe_instant(self.origin.saturating_add(nanoseconds(until)));
        let all: Vec<&Pollable> = pollables.iter().copied().chain([&timer]).collect();
        let ready = poll(&all).into_iter();
        ready
            .filter_map(|position| usize::try_from(position).ok())
            .collect()
    }
}

/// A duration as WASI takes it; `u64::MAX` if it is too long.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
