//! A response body that does not keep its reader waiting for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::CaptureConnection;
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

use super::{client, error};

/// Limits the wait for each frame. Time in which the guest does not ask for one does not count:
/// a slow reader is no slow server.
pub(super) struct TimedBody {
    incoming: Incoming,
    connection: CaptureConnection,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl TimedBody {
    pub(super) fn new(incoming: Incoming, connection: CaptureConnection, limit: Duration) -> Self {
        let timer = Box::pin(sleep(limit));
        Self {
            incoming,
            connection,
            limit,
            timer,
            waiting: false,
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) {
            self.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| error::of_body(&error))));
        }
        if !self.waiting {
            // `Sleep::reset` would need a sum that overflows for a limit of years.
            let timer = sleep(self.limit);
            self.timer.set(timer);
            self.waiting = true;
        }
        ready!(self.timer.as_mut().poll(context));
        client::retire(&self.connection);
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
