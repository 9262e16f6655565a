//! [`ClipHost`] and its calls.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::{ClipPlugin, ClipPluginPre};
use crate::clip::{CallError, Clip, ClipRequest, ClipUrl, LoadError};
use crate::engine;
use crate::limits::{Limits, Meter};
use crate::outbound::{Outbound, OutboundHooks};

/// A component that is ready to be called, any number of times and from any number of tasks.
///
/// All that can be done once is done here; each call then gets an instance of its own, so nothing
/// passes from call to call. Cloning is cheap, and shares everything.
#[derive(Clone)]
pub struct ClipHost {
    pre: ClipPluginPre<State>,
    outbound: Outbound,
    limits: Arc<Limits>,
    turns: Arc<Semaphore>,
}

/// What the store of one call holds.
struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    hooks: OutboundHooks,
    meter: Meter,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

impl ClipHost {
    /// Loads a component from a file. See [`ClipHost::new`].
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn from_file(path: &Path, outbound: Outbound, limits: Limits) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|error| LoadError::Read {
            path: path.to_owned(),
            error,
        })?;
        Self::new(&bytes, outbound, limits)
    }

    /// Loads a component: compiles it, and links it to the interfaces of the world `wasi:http/proxy`
    /// and to `wasi:cli/environment`. Neither files nor sockets are there to be linked.
    ///
    /// `outbound` is all that the guest can reach. Compiling takes a good part of a second; do it
    /// once.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn new(component: &[u8], outbound: Outbound, limits: Limits) -> Result<Self, LoadError> {
        let engine = engine::new(&limits).map_err(LoadError::Engine)?;
        let turns = usize::try_from(limits.concurrent_calls).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            pre: link(&engine, component).map_err(LoadError::Component)?,
            outbound,
            limits: Arc::new(limits),
            turns: Arc::new(Semaphore::new(turns)),
        })
    }

    /// The same component, compiled once, under another policy: for a second tenant. Turns are
    /// shared.
    #[must_use]
    pub fn with_outbound(&self, outbound: Outbound) -> Self {
        Self {
            outbound,
            ..self.clone()
        }
    }

    /// What the guest can reach.
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Gets the URL of one clip; the arguments are described in `wit/clips.wit`. `variables` are the
    /// settings of this call, as environment variables: two organisations can share a host.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_clip(
        &self,
        variables: &[(String, String)],
        serial: &str,
        start: &str,
        end: &str,
    ) -> Result<ClipUrl, CallError> {
        self.instance(variables)
            .await?
            .get_clip(serial, start, end)
            .await
    }

    /// Gets one clip with all that is known of it. See [`ClipHost::get_clip`].
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn request_clip(
        &self,
        variables: &[(String, String)],
        request: &ClipRequest,
    ) -> Result<Clip, CallError> {
        self.instance(variables).await?.request_clip(request).await
    }

    /// A fresh instance for one call, once it is its turn ([`Limits::concurrent_calls`]).
    ///
    /// # Errors
    ///
    /// [`CallError::Trap`] where the component cannot be instantiated within the limits.
    pub async fn instance(&self, variables: &[(String, String)]) -> Result<Instance, CallError> {
        // The semaphore is never closed, so there is always a turn to wait for.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let state = State {
            wasi: WasiCtx::builder().envs(variables).build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
            hooks: self.outbound.hooks(),
            meter: Meter::new(&self.limits),
        };
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.meter);
        // Yields at each tick, so that a guest that computes for ever can be stopped at the wall time.
        store.epoch_deadline_async_yield_and_update(1);
        let plugin = self
            .pre
            .instantiate_async(&mut store)
            .await
            .map_err(CallError::Trap)?;
        Ok(Instance {
            store,
            plugin,
            limits: Arc::clone(&self.limits),
            _turn: turn,
        })
    }
}

fn link(engine: &Engine, component: &[u8]) -> wasmtime::Result<ClipPluginPre<State>> {
    let component = Component::new(engine, component)?;
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p2::bindings::cli::environment::add_to_linker::<State, WasiCli>(
        &mut linker,
        State::cli,
    )?;
    ClipPluginPre::new(linker.instantiate_pre(&component)?)
}

/// An instance of the component, with a store of its own.
pub struct Instance {
    store: Store<State>,
    plugin: ClipPlugin,
    limits: Arc<Limits>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Instance {
    /// See [`ClipHost::get_clip`].
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_clip(
        &mut self,
        serial: &str,
        start: &str,
        end: &str,
    ) -> Result<ClipUrl, CallError> {
        let clips = self.plugin.meraki_mv_clips_clips();
        let call = clips.call_get_clip(&mut self.store, serial, start, end);
        within(&self.limits, call).await.map(ClipUrl::from)
    }

    /// See [`ClipHost::request_clip`].
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn request_clip(&mut self, request: &ClipRequest) -> Result<Clip, CallError> {
        let clips = self.plugin.meraki_mv_clips_clips();
        let call = clips.call_request_clip(&mut self.store, request);
        within(&self.limits, call).await.map(Clip::from)
    }

    /// By how much the guest's memory has grown since it started, in bytes.
    pub fn memory_growth(&self) -> usize {
        self.store.data().meter.growth()
    }
}

async fn within<T>(
    limits: &Limits,
    call: impl Future<Output = wasmtime::Result<Result<T, crate::clip::ClipError>>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(limits.wall_time, call).await {
        Ok(Ok(result)) => result.map_err(CallError::Clip),
        Ok(Err(trap)) => Err(CallError::Trap(trap)),
        Err(_) => Err(CallError::WallTime(limits.wall_time)),
    }
}
