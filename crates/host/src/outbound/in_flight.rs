//! How many requests one call may have in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::BodyExt;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::WasiBody;

/// The requests of one call: each from its start until its reply is read or dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    free: Arc<Semaphore>,
    exceeded: AtomicBool,
    notify: Notify,
}

impl InFlight {
    pub(crate) fn at_most(requests: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))),
            exceeded: AtomicBool::new(false),
            notify: Notify::new(),
        }
    }

    /// Starts one more request. None if the limit is reached, which also ends the wait in [`InFlight::exceeded`].
    pub(crate) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.free).try_acquire_owned().ok();
        if place.is_none() {
            self.exceeded.store(true, Ordering::Release);
            self.notify.notify_one();
        }
        place
    }

    /// Whether the limit was ever exceeded.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    /// Waits until the limit is exceeded.
    pub(crate) async fn exceeded(&self) {
        while !self.is_exceeded() {
            self.notify.notified().await;
        }
    }
}

/// A reply's body whose request counts as in flight until it is dropped.
pub(super) fn counted(body: WasiBody, place: OwnedSemaphorePermit) -> WasiBody {
    let held = move |frame| {
        let _held = &place;
        frame
    };
    body.map_frame(held).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_reply_counts_until_its_body_is_dropped() {
        let in_flight = InFlight::at_most(1);
        let place = in_flight.begin().unwrap();
        let body = Full::new(Bytes::from_static(b"clip")).map_err(|error| match error {});
        let mut body = counted(body.boxed_unsync(), place);
        assert!(in_flight.begin().is_none(), "before it is read");
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "clip");
        assert!(in_flight.begin().is_none(), "when it is read");
        drop(body);
        assert!(in_flight.begin().is_some(), "when it is dropped");
    }
}
