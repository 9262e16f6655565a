//! Makes connections, to permitted addresses only.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Executor, Read, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connection as Stream, HttpConnector};
use hyper_util::rt::TokioTimer;
use rustls::ClientConfig;
use tokio::sync::Notify;
use tokio::time::Instant;
use tower_service::Service;
use tracing::debug;
use wasmtime_wasi_http::Error;

use super::budget::WINDOW;
use super::elsewhere::Elsewhere;
use super::error;
use super::fair::Share;
use super::pool::{Http1, Http2, MAX_STREAMS, UNSETTLED};
use super::proxy::Routes;
use super::resolve::{BoxError, CheckedResolver, OperatorsResolver};
use super::socket::{Counted, Socket};
use super::tunnel::Tunnels;

/// An HTTP/2 connection in use whose other end vanished is noticed within the sum of these. For
/// HTTP/1.1 no such thing is needed: there a request that gives up closes its connection.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The read buffer for an HTTP/1.1 response, in bytes; up to twice as much is held while nobody reads it. A longer
/// header section is refused.
const BUFFER: usize = 64 << 10;

/// Holds the windows of all streams: replies that nobody reads leave room for all others.
const CONNECTION_WINDOW: u32 = WINDOW * (MAX_STREAMS as u32 + 1);

/// How much of a request's body waits to be sent over HTTP/2.
const SEND_BUFFER: usize = 128 << 10;

/// Makes connections for one policy.
pub(super) struct Connector {
    tls: Arc<ClientConfig>,
    /// For proxies, which take requests over HTTP/1.1.
    tls_to_proxy: Arc<ClientConfig>,
    resolver: CheckedResolver,
    proxy: Option<Routes>,
    /// How long a name is looked up here before a proxy gets it unchecked.
    lookup: Duration,
}

pub(super) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

impl Connector {
    pub(super) fn new(
        mut tls: ClientConfig,
        resolver: CheckedResolver,
        proxy: Option<Routes>,
        lookup: Duration,
    ) -> Self {
        let tls_to_proxy = Arc::new(tls.clone());
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self {
            tls: Arc::new(tls),
            tls_to_proxy,
            resolver,
            proxy,
            lookup,
        }
    }

    /// Connects, TLS included. Dropping the future ends the look-up and the attempt.
    pub(super) async fn connect(
        &self,
        destination: &Uri,
        socket: Arc<Socket>,
        lookups: &Share,
        deadline: Instant,
    ) -> Result<Connection, Error> {
        let checked = self.resolver.check_literal(destination);
        checked.map_err(|error| error::of_connect(&error))?;
        let resolver = self.resolver.of(lookups);
        match self.proxy.as_ref().and_then(|proxy| proxy.to(destination)) {
            Some(proxy) => {
                let tcp = tcp(OperatorsResolver(resolver.clone()), deadline);
                let connector = HttpsConnector::from((tcp, Arc::clone(&self.tls_to_proxy)));
                let tunnels = Tunnels::through(&proxy, connector, resolver, self.lookup, deadline);
                self.connect_over(tunnels, destination, socket).await
            }
            None => {
                let tcp = tcp(resolver.clone(), deadline);
                let elsewhere = Elsewhere { tcp, resolver };
                self.connect_over(elsewhere, destination, socket).await
            }
        }
    }

    async fn connect_over<C>(
        &self,
        transport: C,
        destination: &Uri,
        socket: Arc<Socket>,
    ) -> Result<Connection, Error>
    where
        C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static>,
        C::Response: Stream + Read + Write + Unpin + Send + 'static,
    {
        let failed = |error| error::of_connect(&error);
        let mut https = HttpsConnector::from((transport, Arc::clone(&self.tls)));
        poll_fn(|context| https.poll_ready(context))
            .await
            .map_err(failed)?;
        let stream = https.call(destination.clone()).await.map_err(failed)?;
        let is_http2 = stream.connected().is_negotiated_h2();
        let stream = Counted::new(stream, is_http2, Arc::clone(&socket));
        let made = match is_http2 {
            true => http2(stream, socket).await.map(Connection::Http2),
            false => http1(stream, socket).await.map(Connection::Http1),
        };
        made.map_err(|error| error::of_exchange(&error))
    }
}

fn tcp<R: Clone>(resolver: R, deadline: Instant) -> HttpConnector<R> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Divided among the addresses of a name, so that an unreachable one leaves time for the next.
    let left = deadline.saturating_duration_since(Instant::now());
    tcp.set_connect_timeout(Some(left));
    tcp
}

async fn http1<S>(stream: S, socket: Arc<Socket>) -> hyper::Result<Http1>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER);
    let (sender, driver) = builder.handshake(stream).await?;
    drive(driver.with_upgrades(), &socket);
    Ok(Http1 { sender, socket })
}

async fn http2<S>(stream: S, socket: Arc<Socket>) -> hyper::Result<Http2>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let progress = Arc::<Notify>::default();
    let tasks = Tasks {
        socket: Arc::clone(&socket),
        progress: Arc::clone(&progress),
    };
    let mut builder = http2::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .initial_max_send_streams(UNSETTLED)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let (sender, driver) = builder.handshake(stream).await?;
    // What the server takes changes while nobody polls the driver.
    let driver = Arc::new(Mutex::new(driver));
    let known = Arc::clone(&driver);
    let most = move || lock(&known).current_max_send_streams();
    drive(
        poll_fn(move |context| Pin::new(&mut *lock(&driver)).poll(context)),
        &socket,
    );
    Ok(Http2::new(sender, socket, most, progress))
}

/// Runs what hyper spawns for a connection over HTTP/2. The first task is the one that has the socket.
#[derive(Clone)]
struct Tasks {
    socket: Arc<Socket>,
    /// Told when something may have come from the server.
    progress: Arc<Notify>,
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        if self.socket.is_driven() {
            tokio::spawn(task);
            return;
        }
        let progress = Arc::clone(&self.progress);
        let mut task = Box::pin(task);
        let task = tokio::spawn(poll_fn(move |context| {
            let polled = task.as_mut().poll(context);
            progress.notify_waiters();
            polled
        }));
        self.socket.driven_by(task.abort_handle());
    }
}

fn lock<T>(driver: &Mutex<T>) -> MutexGuard<'_, T> {
    driver.lock().unwrap_or_else(PoisonError::into_inner)
}

fn drive(driver: impl Future<Output = hyper::Result<()>> + Send + 'static, socket: &Socket) {
    let task = tokio::spawn(async move {
        if let Err(error) = driver.await {
            debug!(cause = error::innermost(&error), "connection ended");
        }
    });
    socket.driven_by(task.abort_handle());
}
