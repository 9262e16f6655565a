//! The open connections of one policy that requests without a body share.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use wasmtime_wasi_http::WasiBody;

use super::origin::Origin;
use super::socket::Socket;

/// Shorter than the 60 s or more that common servers and load balancers keep idle connections,
/// so that it is this side that closes them, and a request seldom meets one closed just then.
const IDLE: Duration = Duration::from_secs(50);

const MAX_IDLE_PER_ORIGIN: usize = 32;

/// How many requests share a connection over HTTP/2. More take another connection, and so they do where the server
/// takes fewer: a request never waits for the end of another one.
pub(super) const MAX_STREAMS: usize = 100;

/// How many requests a connection over HTTP/2 takes until the server's settings are there. It may refuse more.
pub(super) const UNSETTLED: usize = 1;

/// How long a request waits for a connection that another request is making. That one's call is not to be trusted: it
/// may do so slowly.
const PATIENCE: Duration = Duration::from_millis(250);

/// Of how many origins it is remembered that they speak HTTP/2.
const MAX_KNOWN: usize = 1_024;

/// A connection that carries one request after another.
pub(super) struct Http1 {
    pub(super) sender: http1::SendRequest<WasiBody>,
    pub(super) socket: Arc<Socket>,
}

/// A connection that carries several requests at once.
#[derive(Clone)]
pub(super) struct Http2 {
    pub(super) sender: http2::SendRequest<WasiBody>,
    pub(super) socket: Arc<Socket>,
    streams: Arc<Streams>,
}

/// The requests on a connection over HTTP/2.
struct Streams {
    socket: Arc<Socket>,
    open: AtomicUsize,
    /// How many the server takes now.
    most: Box<dyn Fn() -> usize + Send + Sync>,
    /// Told when that may have changed.
    progress: Arc<Notify>,
    /// When the last one ended.
    idle: Mutex<Instant>,
}

/// One request on a connection over HTTP/2.
pub(super) struct Stream(Arc<Streams>);

impl Http2 {
    /// `most` says how many requests at once the server takes now, and `progress` that this may have changed.
    pub(super) fn new(
        sender: http2::SendRequest<WasiBody>,
        socket: Arc<Socket>,
        most: impl Fn() -> usize + Send + Sync + 'static,
        progress: Arc<Notify>,
    ) -> Self {
        let streams = Streams {
            socket: Arc::clone(&socket),
            open: AtomicUsize::new(0),
            most: Box::new(most),
            progress,
            idle: Mutex::new(Instant::now()),
        };
        Self {
            sender,
            socket,
            streams: Arc::new(streams),
        }
    }

    /// Starts a request, unless the connection has as many as it takes.
    pub(super) fn stream(&self) -> Option<Stream> {
        let most = (self.streams.most)().clamp(1, MAX_STREAMS);
        let more = |open: usize| (open < most).then_some(open + 1);
        let counted = self
            .streams
            .open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        counted.ok()?;
        self.socket.expect_heads();
        Some(Stream(Arc::clone(&self.streams)))
    }

    /// Waits until the server's settings are there.
    async fn settled(&self) {
        loop {
            let mut progress = pin!(self.streams.progress.notified());
            progress.as_mut().enable();
            if (self.streams.most)() != UNSETTLED {
                return;
            }
            progress.await;
        }
    }

    fn is_usable(&self) -> bool {
        !self.socket.is_retired() && self.sender.is_ready()
    }

    /// Since when no request is on it. None if there is one.
    fn idle_since(&self) -> Option<Instant> {
        let is_idle = self.streams.open.load(Ordering::Acquire) == 0;
        is_idle.then(|| *lock(&self.streams.idle))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        *lock(&self.0.idle) = Instant::now();
        let left = self.0.open.fetch_sub(1, Ordering::AcqRel) - 1;
        self.0.socket.expect_heads_of(left);
        // Otherwise the server could go on sending until the pool is swept.
        if left == 0 && self.0.socket.is_retired() {
            self.0.socket.close();
        }
    }
}

/// A connection for the next request.
pub(super) enum Ready {
    Http1(Http1),
    Http2(Http2, Stream),
}

/// What a request does that needs a connection.
pub(super) enum Turn {
    Take(Ready),
    Make(Making),
}

/// A connection that a request is making. Others wait for it where the server speaks HTTP/2.
pub(super) struct Making {
    pool: Weak<Pool>,
    origin: Origin,
}

impl Making {
    /// Lets other requests share the connection.
    pub(super) fn share(self, connection: Http2) {
        let Some(pool) = self.pool.upgrade() else {
            return;
        };
        pool.connections().speaks_http2(&self.origin);
        pool.keep(self.origin.clone(), |shared| {
            shared.http2.push(connection.clone());
        });
        tokio::spawn(async move {
            // Until then it has no room for those who wait.
            let _ = timeout(PATIENCE, connection.settled()).await;
            drop(self);
        });
    }

    /// The connection carries one request at a time.
    pub(super) fn keep_apart(self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.connections().multiplexed.remove(&self.origin);
        }
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.connections().is_made(&self.origin);
            pool.returned.notify_waiters();
        }
    }
}

/// The connections by their origin.
#[derive(Default)]
pub(super) struct Pool {
    connections: Mutex<Connections>,
    returned: Notify,
}

#[derive(Default)]
struct Connections {
    of: HashMap<Origin, Shared>,
    /// How many connections are being made.
    makers: HashMap<Origin, usize>,
    /// The origins that spoke HTTP/2 last time.
    multiplexed: HashSet<Origin>,
    /// Whether a task closes those that are idle for too long.
    is_swept: bool,
}

#[derive(Default)]
struct Shared {
    /// The one that was used last is at the end.
    http1: Vec<(Instant, Http1)>,
    http2: Vec<Http2>,
}

impl Shared {
    fn take(&mut self) -> Option<Ready> {
        self.http2.retain(Http2::is_usable);
        for connection in &self.http2 {
            if let Some(stream) = connection.stream() {
                return Some(Ready::Http2(connection.clone(), stream));
            }
        }
        while let Some((since, connection)) = self.http1.pop() {
            // Its server may have closed it, or sent what nobody asked for.
            if since.elapsed() < IDLE && connection.sender.is_ready() {
                return Some(Ready::Http1(connection));
            }
        }
        None
    }

    fn idle(&self) -> impl Iterator<Item = (Instant, &Arc<Socket>)> {
        let http1 = self.http1.iter().map(|(since, one)| (*since, &one.socket));
        let http2 = self.http2.iter();
        http1.chain(http2.filter_map(|one| Some((one.idle_since()?, &one.socket))))
    }

    fn remove(&mut self, is_gone: impl Fn(&Arc<Socket>) -> bool) {
        self.http1.retain(|(_, one)| !is_gone(&one.socket));
        self.http2.retain(|one| !is_gone(&one.socket));
    }
}

impl Pool {
    /// A connection to this origin that takes a request now.
    pub(super) fn take(&self, origin: &Origin) -> Option<Ready> {
        self.connections().take(origin)
    }

    /// Waits for such a connection.
    pub(super) async fn wait(&self, origin: &Origin) -> Ready {
        loop {
            let mut returned = pin!(self.returned.notified());
            returned.as_mut().enable();
            if let Some(ready) = self.take(origin) {
                return ready;
            }
            returned.await;
        }
    }

    /// Says what a request does that found no connection. Where all requests can share one that is being made, this waits
    /// for it.
    pub(super) async fn turn(self: &Arc<Self>, origin: &Origin) -> Turn {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut returned = pin!(self.returned.notified());
            returned.as_mut().enable();
            let is_patient = Instant::now() < until;
            if let Some(turn) = self.try_turn(origin, is_patient) {
                return turn;
            }
            // Over or not: the next round tells.
            let _ = timeout_at(until, returned).await;
        }
    }

    fn try_turn(self: &Arc<Self>, origin: &Origin, is_patient: bool) -> Option<Turn> {
        let mut connections = self.connections();
        if let Some(ready) = connections.take(origin) {
            return Some(Turn::Take(ready));
        }
        let is_shared = connections.multiplexed.contains(origin);
        let makers = connections.makers.entry(origin.clone()).or_default();
        if is_patient && is_shared && *makers > 0 {
            return None;
        }
        *makers += 1;
        Some(Turn::Make(Making {
            pool: Arc::downgrade(self),
            origin: origin.clone(),
        }))
    }

    /// Keeps a connection that is idle.
    pub(super) fn put(self: &Arc<Self>, origin: Origin, connection: Http1) {
        self.keep(origin, |shared| {
            shared.http1.push((Instant::now(), connection));
            let excess = shared.http1.len().saturating_sub(MAX_IDLE_PER_ORIGIN);
            drop(shared.http1.drain(..excess));
        });
    }

    fn keep(self: &Arc<Self>, origin: Origin, add: impl FnOnce(&mut Shared)) {
        let sweep = {
            let mut connections = self.connections();
            add(connections.of.entry(origin).or_default());
            !std::mem::replace(&mut connections.is_swept, true)
        };
        self.returned.notify_waiters();
        if sweep {
            tokio::spawn(Sweep(Arc::downgrade(self)).run());
        }
    }

    /// Since when the connection that has been idle for longest is idle.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let connections = self.connections();
        let idle = connections.of.values().flat_map(Shared::idle);
        idle.map(|(since, _)| since).min()
    }

    /// Closes that connection.
    pub(super) fn evict(&self) {
        let mut connections = self.connections();
        let idle = connections.of.values().flat_map(Shared::idle);
        let Some((_, oldest)) = idle.min_by_key(|(since, _)| *since) else {
            return;
        };
        let oldest = Arc::clone(oldest);
        connections.remove(|socket| Arc::ptr_eq(socket, &oldest));
        oldest.close();
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        lock(&self.connections)
    }
}

impl Connections {
    fn take(&mut self, origin: &Origin) -> Option<Ready> {
        self.of.get_mut(origin)?.take()
    }

    fn is_made(&mut self, origin: &Origin) {
        if let Entry::Occupied(mut makers) = self.makers.entry(origin.clone()) {
            *makers.get_mut() -= 1;
            if *makers.get() == 0 {
                makers.remove();
            }
        }
    }

    fn speaks_http2(&mut self, origin: &Origin) {
        if self.multiplexed.len() == MAX_KNOWN {
            self.multiplexed.clear();
        }
        self.multiplexed.insert(origin.clone());
    }

    fn remove(&mut self, is_gone: impl Fn(&Arc<Socket>) -> bool) {
        for shared in self.of.values_mut() {
            shared.remove(&is_gone);
        }
        self.of
            .retain(|_, shared| !(shared.http1.is_empty() && shared.http2.is_empty()));
    }

    /// Closes those that are idle for too long, and says when the next one is.
    fn sweep(&mut self, now: Instant) -> Option<Instant> {
        let idle = self.of.values().flat_map(Shared::idle);
        let old = idle.filter(|(since, _)| *since + IDLE <= now);
        let old: Vec<_> = old.map(|(_, socket)| Arc::clone(socket)).collect();
        self.remove(|socket| socket.is_retired() || old.iter().any(|old| Arc::ptr_eq(old, socket)));
        old.iter().for_each(|socket| socket.close());
        if self.of.is_empty() {
            self.is_swept = false;
            return None;
        }
        let idle = self.of.values().flat_map(Shared::idle);
        let oldest = idle.map(|(since, _)| since).min();
        Some(oldest.unwrap_or(now) + IDLE)
    }
}

/// Closes the idle connections of a pool until none is left.
struct Sweep(Weak<Pool>);

impl Sweep {
    async fn run(self) {
        while let Some(pool) = self.0.upgrade() {
            let next = pool.connections().sweep(Instant::now());
            drop(pool);
            let Some(next) = next else { return };
            sleep_until(next).await;
        }
    }
}

impl Drop for Sweep {
    /// The runtime may end before the pool does.
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.connections().is_swept = false;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
