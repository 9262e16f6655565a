//! The progress of a request, which its timeouts count from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When a request last made progress: it got a connection, or the connection took a piece of its body.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    started: Instant,
    nanoseconds: Arc<AtomicU64>,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            nanoseconds: Arc::default(),
        }
    }

    pub(super) fn moved(&self) {
        let elapsed = self.started.elapsed().as_nanos();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.nanoseconds.store(elapsed, Ordering::Relaxed);
    }

    /// How long ago that was.
    pub(super) fn rest(&self) -> Duration {
        let last = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }
}
