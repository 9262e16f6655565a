//! The pooled HTTP client: HTTP/1.1 and, where TLS negotiates it, HTTP/2.

use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;
use wasmtime_wasi_http::WasiBody;

use super::resolve::{BoxError, CheckedResolver, ConnectFailure};

/// Shorter than the 60 s or more that common servers and load balancers keep idle connections,
/// so that it is this side that closes them, and a request seldom meets one closed just then.
const IDLE: Duration = Duration::from_secs(50);

const MAX_IDLE_PER_HOST: usize = 32;

/// An HTTP/2 connection in use whose other end vanished is noticed within the sum of these. For
/// HTTP/1.1 no such thing is needed: there a request that gives up closes its connection.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The read buffer for an HTTP/1.1 response, in bytes; up to twice as much is held while nobody reads it. A longer
/// header section is refused.
const BUFFER: usize = 64 << 10;

pub(super) type PooledClient = Client<Connector, WasiBody>;

/// Makes a client with a pool of its own. It belongs to one policy, because a request that
/// finds an open connection in the pool passes no check of addresses.
///
/// The client sends a request again, on a new connection, only if a pooled connection turned out
/// to be closed before any of the request was written. If the request may have reached the server, only
/// the guest repeats it: its rules know what is safe, and its attempts are counted.
pub(super) fn pooled(
    tls: ClientConfig,
    resolver: CheckedResolver,
    max_connect: Duration,
) -> PooledClient {
    let mut tcp = HttpConnector::new_with_resolver(resolver.clone());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    // Divided among the addresses of a name, so that an unreachable one leaves time for the next.
    tcp.set_connect_timeout(Some(max_connect));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .http1_max_buf_size(BUFFER)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .retry_canceled_requests(true)
        .build(Connector {
            https,
            resolver,
            max_connect,
        })
}

/// Connects to permitted addresses only, TLS included, within the host's time limit.
///
/// The limit is needed here beside that of each request, because the pool goes on with a
/// connection whose request found another one in the meantime.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<HttpConnector<CheckedResolver>>,
    resolver: CheckedResolver,
    max_connect: Duration,
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        if let Err(error) = self.resolver.check_literal(&destination) {
            return Box::pin(ready(Err(error)));
        }
        let connecting = tokio::time::timeout(self.max_connect, self.https.call(destination));
        Box::pin(async move { connecting.await.map_err(|_| ConnectFailure::TimedOut)? })
    }
}

/// Closes a connection to new requests after one timed out on it. HTTP/2 would go on sharing it, and every retry
/// would wait on a dead connection.
pub(super) fn retire(connection: &CaptureConnection) {
    if let Some(connection) = connection.connection_metadata().as_ref() {
        connection.poison();
    }
}
