//! The clock of one call. The wall clock is read once; from then on the monotonic clock counts, so
//! that setting the wall clock cannot stretch or cut a call.

use std::time::Duration;

use mv_clip_core::time::Timestamp;

use crate::wasi::clocks::monotonic_clock::{now, subscribe_instant};
use crate::wasi::clocks::wall_clock;
use crate::wasi::io::poll::{Pollable, poll};

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

    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.origin))
    }

    /// Waits until one of these is ready, and until it is time at most. Gives the positions of those
    /// that are ready.
    pub(crate) fn wait(&self, pollables: &[&Pollable], until: Duration) -> Vec<usize> {
        let alarm = subscribe_instant(self.origin.saturating_add(nanoseconds(until)));
        let all: Vec<&Pollable> = pollables.iter().copied().chain([&alarm]).collect();
        let ready = poll(&all).into_iter();
        ready
            .filter_map(|position| usize::try_from(position).ok())
            .collect()
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
