//! Counts the open sockets of a host.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::fair::Permit;

/// All sockets of a host.
#[derive(Clone, Debug)]
pub(super) struct Sockets(Arc<Count>);

#[derive(Debug)]
struct Count {
    most: usize,
    open: Mutex<usize>,
    closed: Notify,
}

impl Sockets {
    pub(super) fn at_most(most: usize) -> Self {
        Self(Arc::new(Count {
            most,
            open: Mutex::default(),
            closed: Notify::new(),
        }))
    }

    /// Waits until one more socket may be open, and counts it. `evict` closes an idle one.
    pub(super) async fn open(&self, evict: impl Fn()) -> Arc<Socket> {
        loop {
            let mut closed = pin!(self.0.closed.notified());
            closed.as_mut().enable();
            if self.try_count() {
                return Arc::new(Socket {
                    count: Arc::clone(&self.0),
                    request: Mutex::default(),
                    drivers: Mutex::default(),
                    is_retired: AtomicBool::new(false),
                });
            }
            evict();
            closed.await;
        }
    }

    fn try_count(&self) -> bool {
        let mut open = lock(&self.0.open);
        let fits = *open < self.0.most;
        if fits {
            *open += 1;
        }
        fits
    }
}

/// One open socket. It counts until all clones are dropped: the connection has one.
#[derive(Debug)]
pub(super) struct Socket {
    count: Arc<Count>,
    /// The request that has this connection to itself. It counts as in flight until the connection is idle or closed,
    /// whatever the guest does with the reply.
    request: Mutex<Option<Permit>>,
    /// The tasks that drive the connection: one over HTTP/1.1, two over HTTP/2.
    drivers: Mutex<Vec<AbortHandle>>,
    is_retired: AtomicBool,
}

impl Socket {
    pub(super) fn driven_by(&self, driver: AbortHandle) {
        lock(&self.drivers).push(driver);
    }

    pub(super) fn is_driven(&self) -> bool {
        !lock(&self.drivers).is_empty()
    }

    /// Keeps the permit of the request that uses this connection.
    pub(super) fn hold(&self, request: Permit) {
        *lock(&self.request) = Some(request);
    }

    pub(super) fn release(&self) -> Option<Permit> {
        lock(&self.request).take()
    }

    /// Takes no new requests from now on.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }

    /// Closes the connection at once.
    pub(super) fn close(&self) {
        self.retire();
        lock(&self.drivers)
            .drain(..)
            .for_each(|driver| driver.abort());
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        *lock(&self.count.open) -= 1;
        self.count.closed.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream that counts as a socket until it is closed.
pub(super) struct Counted<S> {
    stream: S,
    /// After the stream: it is closed when this is dropped.
    _socket: Arc<Socket>,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, socket: Arc<Socket>) -> Self {
        Self {
            stream,
            _socket: socket,
        }
    }
}

impl<S: Read + Unpin> Read for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }
}
