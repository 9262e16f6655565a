//! [`ClipHost`]: a component that is ready to be called.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use tracing::info;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};

use crate::bindings::Exports;
use crate::bounds::Bounds;
use crate::cache::CodeCache;
use crate::calls::{Calls, Shutdown};
use crate::deadline::Deadline;
use crate::error::{CallError, EngineError, LoadError, Phase, TlsError};
use crate::instance::Instance;
use crate::limits::Limits;
use crate::media::MediaClient;
use crate::metrics::CallMetrics;
use crate::outbound::{Outbound, Policy};
use crate::post::{PostClient, PostError};
use crate::settings::Settings;
use crate::store::{self, State};
use crate::{component_check, engine, http_limits};

/// A component that is ready to be called, any number of times and from any number of tasks.
///
/// [`ClipHost::builder`] makes one, and compiles and links the component once. Each call gets an instance of its own,
/// so no state passes from call to call. Cloning is cheap, and shares everything.
///
/// Each function of the component is a method here, which gives its result. [`ClipHost::call`] also gives a
/// report of what the call used.
#[derive(Clone)]
pub struct ClipHost {
    pre: InstancePre<State>,
    pub(crate) exports: Exports,
    outbound: Outbound,
    pub(crate) limits: Arc<Limits>,
    calls: Calls,
    pub(crate) metrics: CallMetrics,
    component_sha256: Arc<str>,
}

impl fmt::Debug for ClipHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClipHost")
            .field("outbound", &self.outbound)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl ClipHost {
    /// Compiles a component of the world `clip-plugin` or `clips-only`, and links it to the interfaces of the world
    /// `wasi:http/proxy` and to `wasi:cli/environment`. It gets neither files nor sockets.
    ///
    /// The guest can reach only what `outbound` allows. This blocks for most of a second, unless the component is in
    /// `cache`. It is not an error if the cache cannot be read or written.
    pub(crate) fn compile(
        component: &[u8],
        outbound: Outbound,
        limits: Limits,
        cache: Option<&CodeCache>,
        metrics: CallMetrics,
    ) -> Result<Self, LoadError> {
        let started = Instant::now();
        let compiled_since = SystemTime::now();
        let failed = |error: wasmtime::Error| LoadError::Component(EngineError::new(error));
        component_check::check(component, &limits).map_err(failed)?;
        let engine = engine::new(&limits, cache)
            .map_err(|error| LoadError::Engine(EngineError::new(error)))?;
        let (pre, exports) = link(&engine, component).map_err(|error| {
            if let Some(cache) = cache {
                cache.forget(compiled_since);
            }
            failed(error)
        })?;
        let calls = usize::try_from(limits.concurrent_calls.get()).unwrap_or(usize::MAX);
        info!(bytes = component.len(), elapsed = ?started.elapsed(), "component loaded");
        Ok(Self {
            pre,
            exports,
            outbound,
            limits: Arc::new(limits),
            calls: Calls::at_most(calls),
            metrics,
            component_sha256: hex::encode(Sha256::digest(component)).into(),
        })
    }

    /// The same component with another [`Outbound`].
    #[doc(hidden)]
    #[must_use]
    pub fn with_outbound(&self, outbound: Outbound) -> Self {
        Self {
            outbound,
            ..self.clone()
        }
    }

    /// Sends the guest's requests.
    #[doc(hidden)]
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// The SHA-256 of the component, in hexadecimal.
    #[must_use]
    pub fn component_sha256(&self) -> &str {
        &self.component_sha256
    }

    /// What the guest can reach.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.outbound.policy()
    }

    /// A client that fetches the clips behind the URLs of this host's calls, with connections of its own.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if TLS cannot be set up.
    pub fn media_client(&self) -> Result<MediaClient, TlsError> {
        MediaClient::new(&self.outbound)
    }

    /// A client that sends requests to one server, which the operator names: see [`PostClient`].
    ///
    /// # Errors
    ///
    /// [`PostError::Url`], or [`PostError::Tls`].
    pub fn post_client(&self, url: &str) -> Result<PostClient, PostError> {
        PostClient::new(&self.outbound, url)
    }

    /// Stops accepting calls, and gives those that are under way `grace` to finish. Then it stops the rest: their
    /// requests break off, as they do when a call is dropped, and a clip is not stored, unless its destination had
    /// all of it already. Calls that are stopped, that wait, or that come later get
    /// [`CallError::ShuttingDown`]. The future is done when no call is left; after that, the process can end.
    ///
    /// A call is under way until its future is done or dropped. A future that is kept and not polled delays
    /// this by some seconds and then counts as [left](Shutdown::left). So await this in a task
    /// of its own, or beside the calls with `join!`, and not in another branch of the `select!` that a call is in.
    ///
    /// It also applies to all clones of the host and to its [tenants](ClipHost::tenant), and it is final: to go on,
    /// load the component again. Dropping the future leaves the host closed, and does not stop calls that are under
    /// way. If it is called more than once, the shortest grace counts, and each call gives the same [`Shutdown`].
    ///
    /// With a grace as long as [`Limits::wall_time`] every call that is under way ends by itself.
    pub async fn shut_down(&self, grace: Duration) -> Shutdown {
        info!(?grace, "shutting down");
        let done = self.calls.shut_down(grace).await;
        let Shutdown { ended, cut, left } = done;
        info!(ended, cut, left, "shut down");
        done
    }

    /// A fresh instance, which counts as a running call. For tests: calls have no span, report or metrics.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    #[doc(hidden)]
    pub async fn instance(&self, settings: &Settings) -> Result<Instance, CallError> {
        let deadline = Deadline::after(self.limits.wall_time);
        self.start(settings, deadline, Bounds::new(&self.limits))
            .await
    }

    /// A fresh instance for one call, as soon as it may run ([`Limits::concurrent_calls`]).
    pub(crate) async fn start(
        &self,
        settings: &Settings,
        deadline: Deadline,
        bounds: Arc<Bounds>,
    ) -> Result<Instance, CallError> {
        let call = self.calls.begin(deadline).await?;
        let mut store = store::new(self.pre.engine(), &bounds, &self.outbound, settings);
        let starting = self.pre.instantiate_async(&mut store);
        let instance = call.bound(Phase::Starting, starting).await?;
        Ok(Instance {
            instance: bounds.check(instance)?,
            store,
            exports: self.exports.clone(),
            bounds,
            call,
        })
    }
}

fn link(engine: &Engine, component: &[u8]) -> wasmtime::Result<(InstancePre<State>, Exports)> {
    let component = Component::new(engine, component)?;
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
    http_limits::add_to_linker(&mut linker)?;
    wasmtime_wasi::p2::bindings::cli::environment::add_to_linker::<State, WasiCli>(
        &mut linker,
        State::cli,
    )?;
    let pre = linker.instantiate_pre(&component)?;
    let exports = Exports::of(&pre)?;
    Ok((pre, exports))
}
