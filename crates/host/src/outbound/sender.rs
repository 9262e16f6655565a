//! [`Outbound`]: sends requests where the policy allows it.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{Instrument, debug, debug_span};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::admission;
use super::body::{SentBody, TimedBody};
use super::budget::{Budget, Shares};
use super::call_api::CallApi;
use super::client::{Client, Sending};
use super::connect::Connector;
use super::framing::{self, Author, Framing};
use super::key::{KeptKey, KeyMode};
use super::limiter::RateLimiter;
use super::origin::Origin;
use super::policy::Policy;
use super::proxy::Proxy;
use super::resolve::{CheckedResolver, Resolve};
use super::system::SystemResolver;
use super::timeouts::Timeouts;
use super::tls::{self, Roots};
use super::traffic::Traffic;
use crate::api_key::ApiKey;
use crate::error::{OpenFiles, TlsError};
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
    client: Client,
    budget: Arc<Budget>,
    /// For requests of the host itself.
    own: CallSender,
    metrics: RequestMetrics,
    roots: Vec<Roots>,
    resolver: Arc<dyn Resolve>,
    proxy: Option<Proxy>,
}

impl Outbound {
    /// Starts with a policy that allows nothing, default timeouts, Mozilla's root certificates
    /// and the system's resolver.
    pub fn builder() -> OutboundBuilder {
        OutboundBuilder::default()
    }

    /// Starts with the policy, the timeouts, the root certificates, the resolver, the proxy and the budget of this one,
    /// and without key and limiter.
    pub(crate) fn like(&self) -> OutboundBuilder {
        OutboundBuilder {
            policy: (*self.inner.policy).clone(),
            timeouts: self.inner.timeouts,
            roots: self.inner.roots.clone(),
            resolver: Some(Arc::clone(&self.inner.resolver)),
            proxy: self.inner.proxy.clone(),
            budget: Some(Arc::clone(&self.inner.budget)),
            ..OutboundBuilder::default()
        }
    }

    /// What may be reached.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// What one call sends its requests with.
    pub(super) fn call(&self, traffic: Arc<Traffic>) -> CallSender {
        CallSender::new(traffic, self.inner.budget.call())
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
    /// | `HttpRequestDenied` | the policy does not allow the origin, or the method is CONNECT or TRACE, or a body goes with a method that has none |
    /// | `HttpRequestUriInvalid` | the URI has no usable host or port |
    /// | `DestinationIpProhibited` | the host resolves only to prohibited addresses |
    /// | `DnsError` | the lookup failed or found nothing |
    /// | `ConnectionLimitReached` | other requests have all the connections that the host may open for this call, or the process may open no more files |
    /// | `ConfigurationError` | the proxy refused the connection, or cannot be reached |
    /// | `ConnectionRefused` | the server does not listen on this port |
    /// | `DestinationIpUnroutable`, `DestinationUnavailable` | there is no route to the server |
    /// | `ConnectionTimeout` | no connection, proxy and TLS included, within the connect timeout |
    /// | `TlsCertificateError` | the certificate is not trusted, expired, or another host's |
    /// | `TlsAlertReceived`, `TlsProtocolError` | TLS failed for another reason |
    /// | `HttpResponseTimeout` | no complete header section within the first-byte timeout |
    /// | `ConnectionReadTimeout` | the body stalled for longer than the between-bytes timeout |
    /// | `ConnectionTerminated` | the server closed or reset the connection |
    /// | `HttpResponseIncomplete` | the connection ended within the body |
    /// | `HttpResponseHeaderSectionSize` | the header section is too large |
    /// | `HttpResponseContentCoding`, `HttpResponseTransferCoding` | the API's reply is compressed |
    /// | `HttpResponseBodySize` | the API's reply to a request for a clip is larger than 192 KiB |
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
        let own = &self.inner.own;
        self.dispatch(request, options, None, own).await
    }

    /// Checks, sends and logs one request.
    pub(super) async fn dispatch(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        api: Option<&CallApi>,
        call: &CallSender,
    ) -> Result<Response<WasiBody>, Error> {
        let origin = admission::admit(&self.inner.policy, &request)?;
        let (request, author, filter) = match api {
            Some(api) => api.prepare(request, &self.inner.policy, &origin)?,
            None => (request, Author::Host, None),
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
            let limits = self.inner.timeouts.limit(options);
            let (request, framing) = framing::own(request, author, limits.connect).await?;
            // Whatever its fields, method and path: the server counts them all.
            if self.inner.policy.is_api(&origin) {
                self.wait_for_limit(call).await;
            }
            call.traffic.request();
            let request = admission::canonical(request, &origin)?;
            let started = Instant::now();
            let result = self.exchange(request, &origin, framing, limits, call).await;
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
        match filter {
            Some(filter) => filter.apply(response),
            None => Ok(response),
        }
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
        origin: &Origin,
        framing: Framing,
        limits: Timeouts,
        call: &CallSender,
    ) -> Result<Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let (body, progress) = SentBody::watch(body, Arc::clone(&call.traffic));
        let request = Request::from_parts(parts, body.boxed_unsync());
        let sending = Sending {
            origin,
            framing,
            limits,
            progress: &progress,
        };
        let sent = self.inner.client.send(request, &call.shares, sending);
        let (response, held) = sent.await?;
        let traffic = Arc::clone(&call.traffic);
        Ok(response
            .map(|body| TimedBody::new(body, held, limits.between_bytes, traffic).boxed_unsync()))
    }
}

/// Shorter waits are not logged: there would be a line for each request.
const NOTABLE_WAIT: Duration = Duration::from_millis(1);

/// What the requests of one call share.
#[derive(Debug)]
pub(super) struct CallSender {
    pub(super) traffic: Arc<Traffic>,
    shares: Shares,
    /// Held by the one request of the call that is in the queue of the limiter.
    next: Mutex<()>,
}

impl CallSender {
    fn new(traffic: Arc<Traffic>, shares: Shares) -> Self {
        Self {
            traffic,
            shares,
            next: Mutex::default(),
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
    proxy: Option<Proxy>,
    budget: Option<Arc<Budget>>,
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

    /// Connects through this proxy.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Shares this budget with others, in place of one of its own.
    pub(crate) fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(Arc::new(budget));
        self
    }

    /// Takes a budget of this many sockets, for so many calls at once.
    ///
    /// # Errors
    ///
    /// [`OpenFiles`] if the process may not open so many.
    pub fn sockets(self, calls: NonZeroU32, sockets: NonZeroU32) -> Result<Self, OpenFiles> {
        Ok(self.budget(Budget::new(calls, Some(sockets))?))
    }

    /// Reads the root certificates and makes the client, whose pool is empty.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if a file of root certificates cannot be used.
    pub fn build(self) -> Result<Outbound, TlsError> {
        let tls = tls::client_config(&self.roots)?;
        let resolver = self
            .resolver
            .unwrap_or_else(|| Arc::new(SystemResolver::default()));
        let policy = Arc::new(self.policy);
        let checked = CheckedResolver::new(Arc::clone(&resolver), Arc::clone(&policy));
        let budget = self.budget.unwrap_or_default();
        let routes = self.proxy.as_ref().map(Proxy::routes);
        let connector = Connector::new(tls, checked, routes, self.timeouts.lookup());
        let kept = |(key, mode)| KeptKey::new(key, mode);
        let inner = Inner {
            timeouts: self.timeouts,
            limiter: self.limiter,
            key: self.key.map(kept),
            client: Client::new(connector, Arc::clone(&budget)),
            own: CallSender::new(Arc::default(), budget.own()),
            budget,
            metrics: RequestMetrics::new(),
            roots: self.roots,
            resolver,
            proxy: self.proxy,
            policy,
        };
        Ok(Outbound {
            inner: Arc::new(inner),
        })
    }
}
