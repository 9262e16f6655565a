//! [`ClipHostBuilder`]: makes hosts.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use tokio::task::{JoinError, spawn_blocking};

use crate::api_key::ApiKey;
use crate::cache::CodeCache;
use crate::component_file::read_component;
use crate::error::{LoadError, TlsError};
use crate::host::ClipHost;
use crate::limits::Limits;
use crate::metrics::CallMetrics;
use crate::outbound::{
    Budget, KeyMode, OutboundBuilder, Policy, Proxy, RateLimiter, Resolve, Timeouts,
};

/// Makes a [`ClipHost`]: see [`ClipHost::builder`] and [`ClipHost::tenant`].
///
/// `For` is what the builder makes: a host from a component ([`NewHost`]), or one that shares the component
/// of another host ([`Tenant`]).
#[must_use = "a builder does nothing until `load` or `build`"]
pub struct ClipHostBuilder<For = NewHost> {
    outbound: OutboundBuilder,
    made_for: For,
}

/// A [`ClipHostBuilder`] that loads a component.
#[derive(Default)]
pub struct NewHost {
    limits: Limits,
    cache: Option<CodeCache>,
}

/// A [`ClipHostBuilder`] that shares a loaded component.
pub struct Tenant {
    host: ClipHost,
}

impl ClipHost {
    /// Starts with a policy that allows nothing, no key, [`Limits::default`], no cache, no rate limiter,
    /// [`Timeouts::default`], the system's resolver, Mozilla's root certificates and no proxy. Nothing is read from the
    /// environment.
    pub fn builder() -> ClipHostBuilder {
        ClipHostBuilder {
            outbound: OutboundBuilder::default(),
            made_for: NewHost::default(),
        }
    }

    /// Makes a host with the same compiled component for another organisation. It starts with the policy, the
    /// timeouts, the resolver, the root certificates and the proxy of this one, and **without its key and its rate limiter**.
    /// It has connections of its own, and shares [`Limits::concurrent_calls`], [`Limits::sockets`] and
    /// [`ClipHost::shut_down`].
    ///
    /// ```
    /// # fn example(host: mv_clip_host::ClipHost) -> Result<(), Box<dyn std::error::Error>> {
    /// use mv_clip_host::{ApiKey, KeyMode, RateLimit, RateLimiter};
    ///
    /// let other = host
    ///     .tenant()
    ///     .key(ApiKey::new("0123456789abcdef")?, KeyMode::Injection)
    ///     .rate_limiter(RateLimiter::new(RateLimit::default()))
    ///     .build()?;
    /// # drop(other);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tenant(&self) -> ClipHostBuilder<Tenant> {
        ClipHostBuilder {
            outbound: self.outbound().like(),
            made_for: Tenant { host: self.clone() },
        }
    }
}

impl<For> ClipHostBuilder<For> {
    /// The origins that the guest may send requests to. By default none.
    pub fn policy(self, policy: Policy) -> Self {
        self.outbound(|outbound| outbound.policy(policy))
    }

    /// Keeps the API key in the host, so that the guest never has it: see [`KeyMode`]. The key goes to the
    /// origins of the API in the policy. By default the host has no key, and the guest gets one from
    /// [`Settings::api_key`](crate::Settings::api_key).
    pub fn key(self, key: ApiKey, mode: KeyMode) -> Self {
        self.outbound(|outbound| outbound.key(key, mode))
    }

    /// Keeps requests to the API below the limit of the organisation, over all calls. By default each call limits
    /// only itself ([`Settings::requests_per_second`](crate::Settings::requests_per_second)).
    pub fn rate_limiter(self, limiter: RateLimiter) -> Self {
        self.outbound(|outbound| outbound.rate_limiter(limiter))
    }

    /// The longest waits of a request.
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        self.outbound(|outbound| outbound.timeouts(timeouts))
    }

    /// Also trusts the certificates in this PEM file, such as those of a private certificate authority. May be
    /// called more than once.
    pub fn root_certificates(self, pem_file: impl Into<PathBuf>) -> Self {
        self.outbound(|outbound| outbound.root_certificates(pem_file))
    }

    /// Also trusts the certificates in this PEM text. May be called more than once.
    pub fn root_certificates_pem(self, pem: impl Into<Vec<u8>>) -> Self {
        self.outbound(|outbound| outbound.root_certificates_pem(pem))
    }

    /// Looks up names with this resolver, in place of [`SystemResolver`](crate::SystemResolver).
    pub fn resolver(self, resolver: impl Resolve) -> Self {
        self.outbound(|outbound| outbound.resolver(resolver))
    }

    /// Connects to https servers through this proxy. By default there is none: only
    /// [`Proxy::from_env`](crate::Proxy::from_env) reads variables such as `HTTPS_PROXY`.
    pub fn proxy(self, proxy: Proxy) -> Self {
        self.outbound(|outbound| outbound.proxy(proxy))
    }

    fn outbound(self, set: impl FnOnce(OutboundBuilder) -> OutboundBuilder) -> Self {
        Self {
            outbound: set(self.outbound),
            ..self
        }
    }
}

impl ClipHostBuilder {
    /// What each call may use, and how many calls run at once.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.made_for.limits = limits;
        self
    }

    /// Keeps the compiled component on disk, so that the next process does not compile it. By default each process
    /// does.
    pub fn cache(mut self, cache: CodeCache) -> Self {
        self.made_for.cache = Some(cache);
        self
    }

    /// Loads a component from a file. See [`read_component`] and [`ClipHostBuilder::load_bytes`].
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn load(self, component: impl AsRef<Path>) -> Result<ClipHost, LoadError> {
        let path = component.as_ref().to_owned();
        let read = spawn_blocking(move || read_component(&path)).await;
        self.load_bytes(joined(read)?).await
    }

    /// Loads a component of the world `clip-plugin` or `clips-only`: compiles it, which keeps all cores busy for most
    /// of a second, and links it. This runs on a thread for blocking work, so other tasks go on.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]. It is not an error if the cache cannot be read or written.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn load_bytes(
        self,
        component: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<ClipHost, LoadError> {
        let compile = self.compile()?;
        joined(spawn_blocking(move || compile(component.as_ref())).await)
    }

    /// Loads a component as [`ClipHostBuilder::load_bytes`] does, on this thread: for programs that load it before
    /// they have a tokio runtime. Calls need one.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load_bytes_blocking(self, component: &[u8]) -> Result<ClipHost, LoadError> {
        self.compile()?(component)
    }

    /// Prepares the host on this thread, for which a test may have installed a recorder of metrics, and gives the
    /// step that compiles the component.
    fn compile(
        self,
    ) -> Result<impl FnOnce(&[u8]) -> Result<ClipHost, LoadError> + Send, LoadError> {
        let NewHost { limits, cache } = self.made_for;
        let budget = Budget::new(limits.concurrent_calls, limits.sockets)?;
        let outbound = self.outbound.budget(budget).build()?;
        let metrics = CallMetrics::new();
        Ok(move |component: &[u8]| {
            ClipHost::compile(component, outbound, limits, cache.as_ref(), metrics)
        })
    }
}

impl ClipHostBuilder<Tenant> {
    /// Makes the host.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if a file of root certificates cannot be used.
    pub fn build(self) -> Result<ClipHost, TlsError> {
        Ok(self.made_for.host.with_outbound(self.outbound.build()?))
    }
}

fn joined<T>(result: Result<T, JoinError>) -> T {
    // Nothing aborts the task, so it can only have panicked.
    result.unwrap_or_else(|error| resume_unwind(error.into_panic()))
}
