//! Everything that leaves the harness.
//!
//! A guest sends HTTP requests through `wasi:http`; where they may go, and how, is the host's to
//! say. [`Outbound`] is wasmtime's [`WasiHttpHooks`](wasmtime_wasi_http::WasiHttpHooks) on a
//! pooled client, in place of a default transport that goes anywhere, connects anew for each
//! request and sets no limit on the TLS handshake.
//!
//! # The life of one request
//!
//! 1. The guest calls `outgoing-handler.handle`; wasmtime calls the store's [`OutboundHooks`].
//! 2. [`Policy`] judges scheme, host and port. What is not listed ends here, as
//!    `HTTP-request-denied`: no name is looked up, no socket opened.
//! 3. The request gets the canonical form of the origin that was judged, in its URI and so in its
//!    `Host` field, which a guest cannot set.
//! 4. Where the host keeps the API key ([`key`]), it is put into a request for a clip to the
//!    API. A guest that brings its own, where the host adds it, or takes its placeholder elsewhere, is
//!    denied.
//! 5. A request with a key waits for its turn, where there is a [`RateLimiter`]: first for those that its
//!    own call sent before it, then with one request of each other call.
//! 6. The guest's timeouts are cut to the host's [`Timeouts`].
//! 7. The pool may have a connection to that origin. If not, the name is looked up ([`Resolve`]),
//!    the addresses are judged ([`address`]), and a connection is made to one of those that pass;
//!    if none does, the request ends as `destination-IP-prohibited`. TLS verifies the certificate
//!    and negotiates HTTP/2 or HTTP/1.1. All this is within the connect timeout.
//! 8. The request is sent, and the header section of the response awaited within the first-byte
//!    timeout. Redirects are the guest's to follow, so each hop passes steps 2 to 4.
//! 9. The guest reads the body frame by frame, each within the between-bytes timeout. At its end
//!    the connection returns to the pool.
//! 10. A line at debug level says method, scheme, host, port, status, and duration from its turn on.
//!     Paths, queries, header fields and bodies are never logged: the URL of a clip is a secret.
//!
//! An error on the way becomes the `wasi:http` error code that says most: see [`Outbound::send`].
//! A guest that gives up drops the request, which ends it at any step.
//!
//! # What deliberately does not happen here
//!
//! - No request is repeated after any of it was written: retrying is the guest's rule.
//! - No proxy is used, and nothing is read from the environment.
//! - No connection is shared between two [`Outbound`]s, so none is shared between two policies.
//!
//! # Example
//!
//! ```
//! use mv_clip_host::outbound::Outbound;
//! use mv_clip_host::outbound::policy::{Destination, Policy};
//!
//! let meraki: Destination = "https://*.meraki.com".parse()?;
//! let outbound = Outbound::builder().policy(Policy::new([meraki])).build()?;
//! // For each store, as `hooks` of its `WasiHttpCtxView`:
//! let hooks = outbound.hooks();
//! # drop(hooks);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
pub mod policy;

mod admission;
mod body;
mod client;
mod destination;
mod error;
mod hooks;
mod host;
pub(crate) mod in_flight;
pub mod key;
mod limiter;
mod origin;
mod redact;
mod resolve;
mod timeouts;
pub(crate) mod tls;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use hooks::OutboundHooks;
pub use host::{Host, HostError};
pub use key::{ApiKey, ApiKeyError, KeyMode};
pub use limiter::RateLimiter;
pub use policy::Policy;
pub use resolve::{Lookup, Resolve, SystemResolver};
pub use timeouts::Timeouts;
pub use tls::TlsError;

/// A policy, and the pool of connections that were made under it. Cloning is cheap and shares
/// both: one value serves all stores of an embedder.
///
/// Needs a running tokio runtime with time and I/O enabled when it sends.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

struct Inner {
    policy: Policy,
    timeouts: Timeouts,
    limiter: Option<RateLimiter>,
    key: Option<ApiKey>,
    client: client::PooledClient,
    roots: Vec<PathBuf>,
    resolver: Arc<dyn Resolve>,
}

impl Outbound {
    /// Starts with a policy that allows nothing, default timeouts, Mozilla's root certificates
    /// and the system's resolver.
    pub fn builder() -> OutboundBuilder {
        OutboundBuilder::default()
    }

    /// The hooks of one store.
    #[must_use]
    pub fn hooks(&self) -> OutboundHooks {
        OutboundHooks::new(self.clone())
    }

    /// Starts with the root certificates and the resolver of this one, and otherwise anew.
    pub(crate) fn like(&self) -> OutboundBuilder {
        OutboundBuilder {
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

/// Makes an [`Outbound`]: see [`Outbound::builder`].
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct OutboundBuilder {
    policy: Policy,
    timeouts: Timeouts,
    limiter: Option<RateLimiter>,
    key: Option<ApiKey>,
    roots: Vec<PathBuf>,
    resolver: Option<Arc<dyn Resolve>>,
}

impl OutboundBuilder {
    /// What may be reached: nothing by default.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The longest waits that are granted.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Lets requests to the API wait for their turn, at the pace of their organisation: see
    /// [`RateLimiter`]. By default none waits.
    pub fn rate_limiter(mut self, limiter: RateLimiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// Keeps the API key here, so that the guest never holds it: see [`key`]. By default the guest has it,
    /// among its settings.
    pub fn key(mut self, key: ApiKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Trusts the certificates in a PEM file beside Mozilla's, as a server with a private
    /// certificate authority needs. May be called more than once.
    pub fn root_certificates(mut self, pem_file: impl Into<PathBuf>) -> Self {
        self.roots.push(pem_file.into());
        self
    }

    /// Looks up names elsewhere than [`SystemResolver`] does.
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
        let max_connect = self.timeouts.limit(None).connect;
        let client = client::pooled(tls, Arc::clone(&resolver), max_connect);
        let inner = Inner {
            policy: self.policy,
            timeouts: self.timeouts,
            limiter: self.limiter,
            key: self.key,
            client,
            roots: self.roots,
            resolver,
        };
        Ok(Outbound {
            inner: Arc::new(inner),
        })
    }
}
