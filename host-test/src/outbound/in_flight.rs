//! How many requests one call may have in flight.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The requests of one call: each from its start until its reply is read or dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    free: Arc<Semaphore>,
    exceeded: Notify,
}

impl InFlight {
    pub(crate) fn at_most(requests: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))),
            exceeded: Notify::new(),
        }
    }

    /// A place for one more. None where there is none, which ends the wait in [`InFlight::exceeded`].
    pub(super) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.free).try_acquire_owned().ok();
        if place.is_none() {
            self.exceeded.notify_one();
        }
        place
    }

    /// Waits until there was no place for a request.
    pub(crate) async fn exceeded(&self) {
        self.exceeded.notified().await;
    }
}
