//! How many requests one call may have in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The requests of one call: each from its start until its reply is read or dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    free: Arc<Semaphore>,
    exceeded: AtomicBool,
    told: Notify,
}

impl InFlight {
    pub(crate) fn at_most(requests: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))),
            exceeded: AtomicBool::new(false),
            told: Notify::new(),
        }
    }

    /// A place for one more. None where there is none, which ends the wait in [`InFlight::exceeded`].
    pub(crate) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.free).try_acquire_owned().ok();
        if place.is_none() {
            self.exceeded.store(true, Ordering::Release);
            self.told.notify_one();
        }
        place
    }

    /// Whether there was no place for a request, at any time.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    /// Waits until there was no place for a request.
    pub(crate) async fn exceeded(&self) {
        while !self.is_exceeded() {
            self.told.notified().await;
        }
    }
}
