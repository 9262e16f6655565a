//! Bodies with time limits, and counts of their bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use tracing::Span;
use wasmtime_wasi_http::{Error, WasiBody};

use super::client::Held;
use super::error;
use super::progress::Progress;
use super::traffic::Traffic;

/// A request body that records its progress. Its trailers are not sent.
pub(super) struct SentBody {
    body: WasiBody,
    progress: Progress,
    traffic: Arc<Traffic>,
}

impl SentBody {
    pub(super) fn watch(body: WasiBody, traffic: Arc<Traffic>) -> (Self, Progress) {
        let progress = Progress::start();
        let sent = Self {
            body,
            progress: progress.clone(),
            traffic,
        };
        (sent, progress)
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            self.progress.moved();
            if matches!(&frame, Some(Ok(frame)) if !frame.is_data()) {
                continue;
            }
            if let Some(data) = frame.as_ref().and_then(data) {
                self.traffic.sent(data.len());
            }
            return Poll::Ready(frame);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn data(frame: &Result<Frame<Bytes>, Error>) -> Option<&Bytes> {
    frame.as_ref().ok()?.data_ref()
}

/// A request body that fails if its store is dropped. wasmtime would end it as if the guest had finished it.
pub(super) struct OwnedBody {
    body: WasiBody,
    gone: Arc<AtomicBool>,
}

impl OwnedBody {
    pub(super) fn new(body: WasiBody, gone: Arc<AtomicBool>) -> Self {
        Self { body, gone }
    }
}

impl Body for OwnedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            None if self.gone.load(Ordering::Acquire) => {
                Poll::Ready(Some(Err(Error::ConnectionTerminated)))
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Limits the wait for each frame of a response. Time in which the guest does not read does not count: a slow reader
/// is not a slow server.
pub(super) struct TimedBody {
    incoming: Incoming,
    connection: Held,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
    waiting: bool,
    traffic: Arc<Traffic>,
    /// That of the request: the task that reads the body is in another span or in none.
    span: Span,
}

impl TimedBody {
    /// Belongs to the current span.
    pub(super) fn new(
        incoming: Incoming,
        connection: Held,
        limit: Duration,
        traffic: Arc<Traffic>,
    ) -> Self {
        let timer = Box::pin(sleep(limit));
        Self {
            incoming,
            connection,
            limit,
            timer,
            waiting: false,
            traffic,
            span: Span::current(),
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
            let of_body = |error| self.span.in_scope(|| error::of_body(&error));
            let frame = frame.map(|frame| frame.map_err(of_body));
            if !matches!(frame, Some(Ok(_))) {
                self.connection.ended();
            }
            if let Some(data) = frame.as_ref().and_then(data) {
                self.traffic.received(data.len());
            }
            return Poll::Ready(frame);
        }
        if !self.waiting {
            // `Sleep::reset` needs a sum, which would overflow for a limit of years.
            let timer = sleep(self.limit);
            self.timer.set(timer);
            self.waiting = true;
        }
        ready!(self.timer.as_mut().poll(context));
        self.connection.retire();
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        // The reader need not ask for the end of a body if it knows the length.
        if self.incoming.is_end_stream() {
            self.connection.ended();
        }
    }
}
