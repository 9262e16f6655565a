//! Counts the open sockets of a host, and the heads that arrive on one over HTTP/2.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::fair::Permit;
use super::heads::Heads;

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
                    heads: AtomicUsize::new(INTERIM),
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

/// How many interim responses a connection over HTTP/2 may send beyond [`HEADS`].
const INTERIM: usize = 8;

/// How many heads may answer a request over HTTP/2: that of the response, and trailers or an interim response.
const HEADS: usize = 2;

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
    /// How many more heads may arrive.
    heads: AtomicUsize,
}

impl Socket {
    /// A request is going to be sent over HTTP/2.
    pub(super) fn expect_heads(&self) {
        self.heads.fetch_add(HEADS, Ordering::AcqRel);
    }

    /// A request ended, and so many are left. What it did not use is not for later interim responses.
    pub(super) fn expect_heads_of(&self, requests: usize) {
        let most = INTERIM + HEADS * requests;
        self.heads.fetch_min(most, Ordering::AcqRel);
    }

    /// Whether so many heads may arrive.
    fn takes_heads(&self, count: usize) -> bool {
        let fewer = |heads: usize| heads.checked_sub(count);
        let taken = self
            .heads
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer);
        taken.is_ok()
    }

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
    stream: TokioIo<S>,
    /// Over HTTP/2.
    heads: Option<Heads>,
    /// After the stream: it is closed when this is dropped.
    socket: Arc<Socket>,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, is_http2: bool, socket: Arc<Socket>) -> TokioIo<Self> {
        TokioIo::new(Self {
            stream: TokioIo::new(stream),
            heads: is_http2.then(Heads::default),
            socket,
        })
    }
}

impl<S: hyper::rt::Read + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let heads = self.heads.as_mut().map_or(0, |heads| heads.count(read));
        if heads > 0 && !self.socket.takes_heads(heads) {
            let what = "the server sends interim responses without an end";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: hyper::rt::Write + Unpin> AsyncWrite for Counted<S> {
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
