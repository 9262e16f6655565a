//! The HTTP client: HTTP/1.1 and, where TLS negotiates it, HTTP/2, on connections that are within the budget.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime_wasi_http::{Error, WasiBody};

use super::budget::{Budget, Shares};
use super::connect::{Connection, Connector};
use super::error;
use super::fair::Permit;
use super::framing::Framing;
use super::origin::Origin;
use super::pool::{Http1, Http2, Making, Pool, Ready, Stream, Turn};
use super::progress::Progress;
use super::socket::Socket;
use super::timeouts::Timeouts;

/// A client with a pool of its own. It belongs to one policy, because a request that finds an open connection in the
/// pool passes no check of addresses.
///
/// The client sends a request again, on another connection, only if a pooled connection turned out to be closed before
/// any of the request was written. If the request may have reached the server, only the guest repeats it: its rules know
/// what is safe, and its attempts are counted.
pub(super) struct Client {
    connector: Connector,
    pool: Arc<Pool>,
    budget: Arc<Budget>,
}

/// A request on its way: what the client needs to know of it beside the message.
pub(super) struct Sending<'a> {
    pub(super) origin: &'a Origin,
    pub(super) framing: Framing,
    pub(super) limits: Timeouts,
    pub(super) progress: &'a Progress,
}

impl Client {
    pub(super) fn new(connector: Connector, budget: Arc<Budget>) -> Self {
        let pool = Arc::default();
        budget.add(&pool);
        Self {
            connector,
            pool,
            budget,
        }
    }

    /// Sends one request, and gives the response once its header section is there.
    pub(super) async fn send(
        &self,
        mut request: Request<WasiBody>,
        shares: &Shares,
        mut sending: Sending<'_>,
    ) -> Result<(Response<Incoming>, Held), Error> {
        if shares.drops_many_requests() {
            sending.framing = Framing::Own;
        }
        let (mut permit, deadline) = place(shares, sending.limits.connect).await?;
        let uri = request.uri().clone();
        loop {
            let found = self.connection(&uri, shares, &sending, deadline);
            let (lease, is_reused) = timeout_at(deadline, found)
                .await
                .map_err(|_| Error::ConnectionTimeout)??;
            sending.progress.moved();
            *request.uri_mut() = uri.clone();
            let sent = self.exchange(lease, request, permit, shares, &sending);
            match sent.await? {
                Ok(done) => return Ok(done),
                Err(Unsent { message, of }) if is_reused => (request, permit) = (*message, of),
                Err(_) => return Err(Error::ConnectionTerminated),
            }
        }
    }

    async fn connection(
        &self,
        uri: &Uri,
        shares: &Shares,
        sending: &Sending<'_>,
        deadline: Instant,
    ) -> Result<(Ready, bool), Error> {
        let origin = sending.origin;
        if sending.framing == Framing::Own {
            let made = self.connect(uri, shares, None, deadline).await?;
            return Ok((made, false));
        }
        if let Some(ready) = self.pool.take(origin) {
            return Ok((ready, true));
        }
        // The connection of a reply that was read just now is about to be returned.
        yield_now().await;
        let making = match self.pool.turn(origin).await {
            Turn::Take(ready) => return Ok((ready, true)),
            Turn::Make(making) => Some(making),
        };
        tokio::select! {
            biased;
            ready = self.pool.wait(origin) => Ok((ready, true)),
            made = self.connect(uri, shares, making, deadline) => Ok((made?, false)),
        }
    }

    /// In a box: most requests find a connection, and their futures are smaller without this one.
    fn connect<'a>(
        &'a self,
        uri: &'a Uri,
        shares: &'a Shares,
        making: Option<Making>,
        deadline: Instant,
    ) -> Pin<Box<dyn Future<Output = Result<Ready, Error>> + Send + 'a>> {
        Box::pin(self.make(uri, shares, making, deadline))
    }

    /// Without `making`, the connection is for one request.
    async fn make(
        &self,
        uri: &Uri,
        shares: &Shares,
        making: Option<Making>,
        deadline: Instant,
    ) -> Result<Ready, Error> {
        let socket = self.budget.sockets.open(|| self.budget.evict()).await;
        let made = self
            .connector
            .connect(uri, socket, &shares.lookups, deadline)
            .await?;
        match made {
            Connection::Http1(one) => {
                if let Some(making) = making {
                    making.keep_apart();
                }
                Ok(Ready::Http1(one))
            }
            Connection::Http2(one) => {
                let stream = one.stream().ok_or(Error::ConnectionTerminated)?;
                if let Some(making) = making {
                    making.share(one.clone());
                }
                Ok(Ready::Http2(one, stream))
            }
        }
    }

    /// Sends the request on this connection. An inner error is that of a connection that took nothing of it.
    async fn exchange(
        &self,
        lease: Ready,
        request: Request<WasiBody>,
        permit: Permit,
        shares: &Shares,
        sending: &Sending<'_>,
    ) -> Result<Result<(Response<Incoming>, Held), Unsent>, Error> {
        match lease {
            Ready::Http1(one) => self.over_http1(one, request, permit, sending).await,
            Ready::Http2(one, stream) => {
                let is_shared = sending.framing == Framing::Shared;
                let dropped = Dropped(is_shared.then(|| Arc::clone(&shares.dropped)));
                over_http2(one, (stream, dropped), request, permit, sending).await
            }
        }
    }

    async fn over_http1(
        &self,
        mut one: Http1,
        request: Request<WasiBody>,
        permit: Permit,
        sending: &Sending<'_>,
    ) -> Result<Result<(Response<Incoming>, Held), Unsent>, Error> {
        let request = origin_form(request)?;
        one.socket.hold(permit);
        let response = one.sender.try_send_request(request);
        let response = sending.first_byte(response).await?;
        let response = match response {
            Ok(response) => response,
            Err(failed) => {
                let of = one.socket.release();
                return unsent(failed, of);
            }
        };
        let held = Held::Http1 {
            _socket: Arc::clone(&one.socket),
        };
        if sending.framing == Framing::Shared {
            self.keep(one, sending.origin.clone());
        }
        Ok(Ok((response, held)))
    }

    /// Returns a connection to the pool when it is idle.
    fn keep(&self, mut one: Http1, origin: Origin) {
        let pool = Arc::downgrade(&self.pool);
        tokio::spawn(async move {
            // If the reply is not read to its end, or is longer than it says, the connection closes instead.
            if one.sender.ready().await.is_err() {
                return;
            }
            let Some(pool) = pool.upgrade() else { return };
            let socket = Arc::clone(&one.socket);
            pool.put(origin, one);
            // Whoever waits for the permit finds the connection.
            drop(socket.release());
        });
    }
}

/// Waits until the call may have one more request in flight, and says when it must have a connection. That time starts
/// when it is the call's turn: before that, it waits for other requests of its own call.
async fn place(shares: &Shares, limit: Duration) -> Result<(Permit, Instant), Error> {
    let turn = shares.requests.turn().await;
    let deadline = Instant::now() + limit;
    let permit = timeout_at(deadline, turn.acquire()).await;
    Ok((permit.map_err(|_| Error::ConnectionLimitReached)?, deadline))
}

async fn over_http2(
    mut one: Http2,
    (stream, mut dropped): (Stream, Dropped),
    mut request: Request<WasiBody>,
    permit: Permit,
    sending: &Sending<'_>,
) -> Result<Result<(Response<Incoming>, Held), Unsent>, Error> {
    *request.version_mut() = Version::HTTP_2;
    // A body may still be sent when the guest has dropped the reply.
    let permit = match sending.framing {
        Framing::Shared => Some(permit),
        Framing::Own => {
            one.socket.hold(permit);
            None
        }
    };
    let response = one.sender.try_send_request(request);
    let response = sending.first_byte(response).await.inspect_err(|_| {
        // Otherwise every other request would wait on a dead connection too.
        one.socket.retire();
    })?;
    match response {
        Ok(response) => {
            let held = Held::Http2 {
                socket: one.socket,
                dropped,
                _stream: stream,
                _permit: permit,
            };
            Ok(Ok((response, held)))
        }
        Err(failed) => {
            one.socket.retire();
            dropped.not();
            let of = permit.or_else(|| one.socket.release());
            unsent(failed, of)
        }
    }
}

/// A request that its connection gave back.
struct Unsent {
    message: Box<Request<WasiBody>>,
    of: Permit,
}

fn unsent<T>(
    mut failed: TrySendError<Request<WasiBody>>,
    of: Option<Permit>,
) -> Result<Result<T, Unsent>, Error> {
    match (failed.take_message(), of) {
        (Some(message), Some(of)) => Ok(Err(Unsent {
            message: Box::new(message),
            of,
        })),
        _ => Err(error::of_exchange(&failed.into_error())),
    }
}

impl Sending<'_> {
    /// Waits for a response while the request is being sent, and for the limit after that.
    async fn first_byte<T>(&self, response: impl Future<Output = T>) -> Result<T, Error> {
        let mut response = pin!(response);
        loop {
            let left = self.limits.first_byte.checked_sub(self.progress.rest());
            let left = left.ok_or(Error::HttpResponseTimeout)?;
            if let Ok(response) = timeout(left, response.as_mut()).await {
                return Ok(response);
            }
        }
    }
}

/// Over HTTP/1.1 the host stands in a field.
fn origin_form(mut request: Request<WasiBody>) -> Result<Request<WasiBody>, Error> {
    let host = request.uri().authority();
    let host = host.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    let host = host.ok_or(Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(HOST, host);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    *request.version_mut() = Version::HTTP_11;
    Ok(request)
}

/// What a response holds until its body is dropped.
pub(super) enum Held {
    Http1 {
        _socket: Arc<Socket>,
    },
    Http2 {
        socket: Arc<Socket>,
        dropped: Dropped,
        _stream: Stream,
        _permit: Option<Permit>,
    },
}

impl Held {
    /// Closes the connection to new requests after one timed out on it. HTTP/2 would go on sharing it.
    pub(super) fn retire(&self) {
        if let Self::Http2 { socket, .. } = self {
            socket.retire();
        }
    }

    /// The body has ended, or the server broke it off.
    pub(super) fn ended(&mut self) {
        if let Self::Http2 { dropped, .. } = self {
            dropped.not();
        }
    }
}

/// Counts a request that its call drops before the end of the reply.
pub(super) struct Dropped(Option<Arc<AtomicUsize>>);

impl Dropped {
    fn not(&mut self) {
        self.0 = None;
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
