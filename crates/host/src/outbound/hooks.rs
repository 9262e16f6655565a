//! What wasmtime calls when a guest sends a request.

use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy::connect::capture_connection;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::{OwnedBody, Progress, SentBody, TimedBody};
use super::client::retire;
use super::in_flight::{self, InFlight};
use super::key::CallKey;
use super::timeouts::Timeouts;
use super::{Outbound, admission, error, redact};

/// So many bytes of a body are taken from a guest at once, and so many more wait to be sent.
const CHUNK: usize = 64 << 10;

/// The hooks of one store, made by [`Outbound::hooks`]: the shared [`Outbound`], and what belongs to the
/// call, such as the word that the store is there.
///
/// In the data of a store they belong before its `ResourceTable`. A request whose body is under way when
/// the store goes, because the guest trapped or the call was dropped, then breaks off. Otherwise the
/// body would look as if it had come to its end.
#[derive(Debug)]
pub struct OutboundHooks {
    outbound: Outbound,
    key: Option<Arc<CallKey>>,
    in_flight: Arc<InFlight>,
    /// Held by the one request of the call that waits for its turn among those of other calls.
    next: Arc<Mutex<()>>,
    gone: Arc<AtomicBool>,
}

impl OutboundHooks {
    pub(super) fn new(outbound: Outbound) -> Self {
        let key = outbound.inner.key.clone();
        Self {
            outbound,
            key: key.map(|key| Arc::new(CallKey::new(key))),
            in_flight: Arc::new(InFlight::at_most(usize::MAX)),
            next: Arc::default(),
            gone: Arc::default(),
        }
    }

    /// The settings that the guest of this store may have: those `given`, but where the host keeps the
    /// API key, the placeholder in its place or nothing. See [`key`](super::key).
    #[must_use]
    pub fn settings(&self, given: &[(String, String)]) -> Vec<(String, String)> {
        match &self.key {
            Some(key) => key.settings(given),
            None => given.to_vec(),
        }
    }

    pub(crate) fn within(mut self, in_flight: Arc<InFlight>) -> Self {
        self.in_flight = in_flight;
        self
    }
}

impl Drop for OutboundHooks {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}

type Completion = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for OutboundHooks {
    /// No: the client writes it, from the URI that the policy judged.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Completion,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Completion), Error>> + Send> {
        let Some(place) = self.in_flight.begin() else {
            return Box::new(ready(Err(Error::ConnectionLimitReached)));
        };
        let outbound = self.outbound.clone();
        let key = self.key.clone();
        let next = Arc::clone(&self.next);
        let gone = Arc::clone(&self.gone);
        let request = request.map(|body| OwnedBody::new(body, gone).boxed_unsync());
        Box::new(async move {
            let response = outbound.dispatch(request, options, key.as_deref(), &next);
            let response = response.await?;
            let response = response.map(|body| in_flight::counted(body, place));
            // The client's own tasks drive the connection: nothing is left to be polled.
            Ok((response, Box::new(ready(Ok(()))) as Completion))
        })
    }
}

impl Outbound {
    /// Sends one request and gives the response once its header section is there; the body
    /// follows as it is read. Redirects are not followed. Dropping the future, or the response's
    /// body before its end, ends the exchange: over HTTP/1.1 that closes the connection.
    ///
    /// `request` needs an absolute URI. Its `Host` field and version are replaced by those that
    /// belong to the URI and the connection. `options` can shorten the [`Timeouts`].
    ///
    /// # Errors
    ///
    /// | error | meaning |
    /// | --- | --- |
    /// | `HttpRequestDenied` | the policy does not allow the destination, or the method is CONNECT |
    /// | `HttpRequestUriInvalid` | the URI has no usable host or port |
    /// | `DestinationIpProhibited` | the host leads only to addresses that may not be reached |
    /// | `DnsError` | the look-up failed or found nothing |
    /// | `ConnectionRefused` | nobody listens there |
    /// | `DestinationIpUnroutable`, `DestinationUnavailable` | the network does not lead there |
    /// | `ConnectionTimeout` | no connection, TLS included, within the connect timeout |
    /// | `TlsCertificateError` | the certificate is not trusted, expired, or another host's |
    /// | `TlsAlertReceived`, `TlsProtocolError` | TLS failed for another reason |
    /// | `HttpResponseTimeout` | no complete header section within the first-byte timeout |
    /// | `ConnectionReadTimeout` | the body stalled for longer than the between-bytes timeout |
    /// | `ConnectionTerminated` | the server closed or reset the connection |
    /// | `HttpResponseIncomplete` | the connection ended within the body |
    /// | `HttpResponseHeaderSectionSize` | the header section is too large |
    /// | `HttpProtocolError` | the reply is not HTTP |
    ///
    /// Errors in the body come from the body.
    ///
    /// This is for the host's own requests, so it adds no API key: only [`OutboundHooks`] do.
    pub async fn send(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, Error> {
        self.dispatch(request, options, None, &Mutex::default())
            .await
    }

    async fn dispatch(
        &self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        key: Option<&CallKey>,
        next: &Mutex<()>,
    ) -> Result<Response<WasiBody>, Error> {
        let origin = admission::admit(&self.inner.policy, &request)?;
        let secret = match key {
            Some(key) => admission::put_key(key, &mut request, &origin)?,
            None => None,
        };
        if let Some(limiter) = &self.inner.limiter
            && request.headers().contains_key(AUTHORIZATION)
        {
            // Otherwise a call with many requests would keep all others waiting.
            let _next = next.lock().await;
            limiter.turn().await;
        }
        let limits = self.inner.timeouts.limit(options);
        let method = request.method().clone();
        let started = Instant::now();
        let result = self
            .exchange(admission::canonical(request, &origin)?, limits)
            .await;
        // Path, query, header fields and body may be secret: a clip's URL is.
        let (scheme, host, port) = (origin.scheme(), origin.host(), origin.port());
        let elapsed = started.elapsed();
        match &result {
            Ok(response) => {
                let status = response.status().as_u16();
                debug!(%method, %scheme, %host, port, status, ?elapsed, "outbound response");
            }
            Err(error) => {
                debug!(%method, %scheme, %host, port, %error, ?elapsed, "outbound failure")
            }
        }
        result.map(|response| match secret {
            Some(secret) => redact::without(response, secret),
            None => response,
        })
    }

    async fn exchange(
        &self,
        request: Request<WasiBody>,
        limits: Timeouts,
    ) -> Result<Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let (body, progress) = SentBody::watch(body);
        let mut request = Request::from_parts(parts, body.boxed_unsync());
        let connection = capture_connection(&mut request);
        let mut response = pin!(self.inner.client.request(request));
        let mut connected = connection.clone();
        let connected = async move { drop(connected.wait_for_connection_metadata().await) };
        let early = tokio::select! {
            biased;
            response = &mut response => Some(response),
            () = connected => None,
            () = sleep(limits.connect) => return Err(Error::ConnectionTimeout),
        };
        let response = match early {
            Some(response) => response,
            None => {
                progress.moved();
                let response = first_byte(response, &progress, limits.first_byte).await;
                response.ok_or_else(|| {
                    retire(&connection);
                    Error::HttpResponseTimeout
                })?
            }
        };
        let response = response.map_err(|error| error::of_request(&error))?;
        Ok(response
            .map(|body| TimedBody::new(body, connection, limits.between_bytes).boxed_unsync()))
    }
}

/// Awaits a response for as long as the request is being sent, and for `limit` after that. None where
/// it does not come.
async fn first_byte<T>(
    mut response: Pin<&mut impl Future<Output = T>>,
    progress: &Progress,
    limit: Duration,
) -> Option<T> {
    loop {
        let left = limit.checked_sub(progress.rest())?;
        if let Ok(response) = timeout(left, response.as_mut()).await {
            return Some(response);
        }
    }
}
