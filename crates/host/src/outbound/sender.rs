//! [`Outbound`]: sends requests where the policy allows it.

use std::fmt;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy::connect::capture_connection;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tracing::{Instrument, debug, debug_span};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::admission;
use super::body::{Progress, SentBody, TimedBody};
use super::client::{self, retire};
use super::error;
use super::key::{CallKey, KeptKey, KeyMode};
use super::limiter::RateLimiter;
use super::policy::Policy;
use super::redact;
use super::resolve::{CheckedResolver, Resolve, SystemResolver};
use super::timeouts::Timeouts;
use super::tls::{self, Roots};
use super::traffic::Traffic;
use crate::api_key::ApiKey;
use crate::error::TlsError;
use crate::metrics::RequestMetrics;

/// A policy with its pool of connections. Cloning is cheap and shares both: one value serves all stores of an
/// embedder.
///
/// Needs a running tokio runtime with time and I/O enabled when it sends.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

struct Inner {
    policy: Arc<Policy>,
    timeouts: Timeouts,
    limiter: Option<RateLimiter>,
    key: Option<KeptKey>,
    client: client::PooledClient,
    metrics: RequestMetrics,
    roots: Vec<Roots>,
    resolver: Arc<dyn Resolve>,
}

impl Outbound {
    /// Starts with a policy that allows nothing, default timeouts, Mozilla's root certificates
    /// and the system's resolver.
    pub fn builder() -> OutboundBuilder {
        OutboundBuilder::default()
    }

    /// Starts with the policy, the timeouts, the root certificates and the resolver of this one, and without key
    /// and limiter.
    pub(crate) fn like(&self) -> OutboundBuilder {
        OutboundBuilder {
            policy: (*self.inner.policy).clone(),
            timeouts: self.inner.timeouts,
            roots: self.inner.roots.clone(),
            resolver: Some(Arc::clone(&self.inner.resolver)),
            ..OutboundBuilder::default()
        }
    }

    /// What may be reached.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    pub(super) fn kept_key(&self) -> Option<&KeptKey> {
        self.inner.key.as_ref()
    }

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
    /// | `HttpRequestDenied` | the policy does not allow the origin, or the method is CONNECT |
    /// | `HttpRequestUriInvalid` | the URI has no usable host or port |
    /// | `DestinationIpProhibited` | the host resolves only to prohibited addresses |
    /// | `DnsError` | the lookup failed or found nothing |
    /// | `ConnectionRefused` | the server does not listen on this port |
    /// | `DestinationIpUnroutable`, `DestinationUnavailable` | there is no route to the server |
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
    /// This is for the host's own requests, so it adds no API key: only [`OutboundHooks`](super::OutboundHooks)
    /// do.
    pub async fn send(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, Error> {
        let sender = CallSender::default();
        self.dispatch(request, options, None, &sender).await
    }

    /// Checks, sends and logs one request.
    pub(super) async fn dispatch(
        &self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        key: Option<&CallKey>,
        call: &CallSender,
    ) -> Result<Response<WasiBody>, Error> {
        let origin = admission::admit(&self.inner.policy, &request)?;
        let secret = match key {
            Some(key) => admission::put_key(key, &mut request, &origin)?,
            None => None,
        };
        // The fields are those of OpenTelemetry's HTTP client spans. No path and no query: they may be secret, as a
        // clip's URL is.
        let span = debug_span!(
            "request",
            "http.request.method" = %request.method(),
            "url.scheme" = %origin.scheme(),
            "server.address" = %origin.host(),
            "server.port" = origin.port(),
        );
        let exchange = async {
            if request.headers().contains_key(AUTHORIZATION) {
                self.wait_for_limit(call).await;
            }
            call.traffic.request();
            let limits = self.inner.timeouts.limit(options);
            let request = admission::canonical(request, &origin)?;
            let started = Instant::now();
            let result = self.exchange(request, limits, &call.traffic).await;
            let elapsed = started.elapsed();
            self.inner
                .metrics
                .ended(result.as_ref().ok().map(Response::status));
            match &result {
                Ok(response) => {
                    call.traffic.response(response.headers());
                    let status = response.status().as_u16();
                    debug!("http.response.status_code" = status, ?elapsed, "response");
                }
                Err(error) => debug!("error.type" = %error, ?elapsed, "no response"),
            }
            result
        };
        let response = exchange.instrument(span).await?;
        Ok(match secret {
            Some(secret) => redact::without(response, secret),
            None => response,
        })
    }

    async fn wait_for_limit(&self, call: &CallSender) {
        let Some(limiter) = &self.inner.limiter else {
            return;
        };
        // Otherwise a call with many requests would delay all other calls.
        let _next = call.next.lock().await;
        let waiting = call.traffic.waiting();
        limiter.until_ready().await;
        let waited = waiting.elapsed();
        self.inner.metrics.waited(waited);
        if waited >= NOTABLE_WAIT {
            debug!(?waited, "waited for the rate limit");
        }
    }

    async fn exchange(
        &self,
        request: Request<WasiBody>,
        limits: Timeouts,
        traffic: &Arc<Traffic>,
    ) -> Result<Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let (body, progress) = SentBody::watch(body, Arc::clone(traffic));
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
        let traffic = Arc::clone(traffic);
        Ok(response.map(|body| {
            TimedBody::new(body, connection, limits.between_bytes, traffic).boxed_unsync()
        }))
    }
}

/// Shorter waits are not logged: there would be a line for each request.
const NOTABLE_WAIT: Duration = Duration::from_millis(1);

/// What the requests of one call share.
#[derive(Debug, Default)]
pub(super) struct CallSender {
    pub(super) traffic: Arc<Traffic>,
    /// Held by the one request of the call that is in the queue of the limiter.
    next: Mutex<()>,
}

impl CallSender {
    pub(super) fn new(traffic: Arc<Traffic>) -> Self {
        Self {
            traffic,
            ..Self::default()
        }
    }
}

/// Waits for a response while the request is being sent, and for `limit` after that. None if it does not arrive.
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

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("policy", &self.inner.policy)
            .field("timeouts", &self.inner.timeouts)
            .field("limiter", &self.inner.limiter)
            .field("key", &self.inner.key)
            .finish_non_exhaustive()
    }
}

/// Makes an [`Outbound`]: see [`Outbound::builder`]. Its methods are described at
/// [`ClipHostBuilder`](crate::ClipHostBuilder).
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct OutboundBuilder {
    policy: Policy,
    timeouts: Timeouts,
    limiter: Option<RateLimiter>,
    key: Option<(ApiKey, KeyMode)>,
    roots: Vec<Roots>,
    resolver: Option<Arc<dyn Resolve>>,
}

impl OutboundBuilder {
    /// What may be reached.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The longest timeouts that a guest can get.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Keeps API requests below the limit of their organisation.
    pub fn rate_limiter(mut self, limiter: RateLimiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// Keeps the API key here.
    pub fn key(mut self, key: ApiKey, mode: KeyMode) -> Self {
        self.key = Some((key, mode));
        self
    }

    /// Trusts the certificates in a PEM file.
    pub fn root_certificates(mut self, pem_file: impl Into<PathBuf>) -> Self {
        self.roots.push(Roots::File(pem_file.into()));
        self
    }

    /// Trusts the certificates in PEM text.
    pub fn root_certificates_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(Roots::Bytes(pem.into()));
        self
    }

    /// Resolves names with this instead of [`SystemResolver`].
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Reads the root certificates and makes the client, whose pool is empty.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if a file of root certificates cannot be used.
    pub fn build(self) -> Result<Outbound, TlsError> {
        let tls = tls::client_config(&self.roots)?;
        let resolver = self.resolver.unwrap_or_else(|| Arc::new(SystemResolver));
        let policy = Arc::new(self.policy);
        let checked = CheckedResolver::new(Arc::clone(&resolver), Arc::clone(&policy));
        let max_connect = self.timeouts.limit(None).connect;
        let kept = |(key, mode)| KeptKey::new(key, mode, Arc::clone(&policy));
        let inner = Inner {
            timeouts: self.timeouts,
            limiter: self.limiter,
            key: self.key.and_then(kept),
            client: client::pooled(tls, checked, max_connect),
            metrics: RequestMetrics::new(),
            roots: self.roots,
            resolver,
            policy,
        };
        Ok(Outbound {
            inner: Arc::new(inner),
        })
    }
}
