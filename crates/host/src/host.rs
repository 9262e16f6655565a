//! [`ClipHost`] and its calls.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::info;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};

use crate::bindings::Exports;
use crate::cache::CodeCache;
use crate::calls::{Calls, Shutdown};
use crate::clip::{
    CallError, Clip, ClipOutcome, ClipRequest, ClipUrl, LoadError, Phase, SavedClip,
};
use crate::deadline::Deadline;
use crate::instance::{Instance, log_end};
use crate::limits::{Bounds, Limits};
use crate::outbound::Outbound;
use crate::store::{self, State};
use crate::{engine, file, shadow};

/// A component that is ready to be called, any number of times and from any number of tasks.
///
/// All that can be done once is done here; each call then gets an instance of its own, so nothing
/// passes from call to call. Cloning is cheap, and shares everything.
#[derive(Clone)]
pub struct ClipHost {
    pre: InstancePre<State>,
    exports: Exports,
    outbound: Outbound,
    limits: Arc<Limits>,
    calls: Calls,
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
    /// Loads a component from a file. See [`ClipHost::new`], which also says that this blocks.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn from_file(path: &Path, outbound: Outbound, limits: Limits) -> Result<Self, LoadError> {
        Self::new(&file::read(path)?, outbound, limits)
    }

    /// Loads a component of the world `clip-plugin` or `clips-only`: compiles it, and links it to the
    /// interfaces of the world `wasi:http/proxy` and to `wasi:cli/environment`. Neither files nor sockets
    /// are there to be linked.
    ///
    /// `outbound` is all that the guest can reach. Compiling takes a good part of a second and blocks:
    /// do it once, and within `tokio::task::spawn_blocking` where other tasks are running already.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn new(component: &[u8], outbound: Outbound, limits: Limits) -> Result<Self, LoadError> {
        Self::load(component, outbound, limits, None)
    }

    /// Loads a component as [`ClipHost::new`] does, but compiles it only where that is not in `cache`
    /// yet: a process that starts is ready in milliseconds.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]. A cache that cannot be read or written is none.
    pub fn cached(
        component: &[u8],
        outbound: Outbound,
        limits: Limits,
        cache: &CodeCache,
    ) -> Result<Self, LoadError> {
        Self::load(component, outbound, limits, Some(cache))
    }

    fn load(
        component: &[u8],
        outbound: Outbound,
        limits: Limits,
        cache: Option<&CodeCache>,
    ) -> Result<Self, LoadError> {
        let started = Instant::now();
        let engine = engine::new(&limits, cache).map_err(LoadError::Engine)?;
        let pre = link(&engine, component).map_err(LoadError::Component)?;
        let exports = Exports::of(&pre).map_err(LoadError::Component)?;
        let turns = usize::try_from(limits.concurrent_calls.get()).unwrap_or(usize::MAX);
        info!(bytes = component.len(), elapsed = ?started.elapsed(), "component loaded");
        Ok(Self {
            pre,
            exports,
            outbound,
            limits: Arc::new(limits),
            calls: Calls::at_most(turns),
        })
    }

    /// The same component, compiled once, under another policy: for a second tenant. Turns are
    /// shared, and [`ClipHost::shut_down`] is for all.
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
    /// settings of this call, as environment variables: two organisations can share a host. Where
    /// [`Outbound`] keeps the API key, a key among them is left out.
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

    /// Gets footage of up to 24 h, in clips that follow each other; the arguments and the outcomes are
    /// described in `wit/clips.wit`, as those of the two calls below.
    ///
    /// # Errors
    ///
    /// See [`CallError`]: only where the call as a whole cannot be made.
    pub async fn get_range(
        &self,
        variables: &[(String, String)],
        request: &ClipRequest,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        self.exports.events()?;
        self.instance(variables).await?.get_range(request).await
    }

    /// Gets one clip around an incident.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_incident(
        &self,
        variables: &[(String, String)],
        serial: &str,
        at: &str,
        pre_roll_seconds: Option<u32>,
        post_roll_seconds: Option<u32>,
    ) -> Result<Clip, CallError> {
        self.exports.events()?;
        let mut instance = self.instance(variables).await?;
        instance
            .get_incident(serial, at, pre_roll_seconds, post_roll_seconds)
            .await
    }

    /// Gets what up to 100 cameras saw of one event: one outcome for each serial.
    ///
    /// # Errors
    ///
    /// See [`CallError`]: only where the call as a whole cannot be made.
    pub async fn get_coverage(
        &self,
        variables: &[(String, String)],
        serials: &[String],
        at: &str,
        duration_seconds: Option<u32>,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        self.exports.events()?;
        let mut instance = self.instance(variables).await?;
        instance.get_coverage(serials, at, duration_seconds).await
    }

    /// Gets one clip and streams it to `destination`, a URL that takes it with one PUT. Both the media
    /// host and the destination have to be among what may be reached.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn save_clip(
        &self,
        variables: &[(String, String)],
        request: &ClipRequest,
        destination: &str,
    ) -> Result<SavedClip, CallError> {
        self.exports.transfer()?;
        let mut instance = self.instance(variables).await?;
        instance.save_clip(request, destination).await
    }

    /// Lets no call in any more, and gives those that are under way `grace` to end by themselves. What is
    /// left then is ended: its requests break off, as they do when a call is dropped; a clip is not stored,
    /// unless its destination had all of it already. Calls that are ended, that waited for their turn, or
    /// that come later are answered with [`CallError::ShuttingDown`]. Done when no call is left; after that,
    /// the process can end.
    ///
    /// A call is under way until its future, or its [`Instance`], is done or dropped: one that is kept, and
    /// not polled, holds this up for some seconds and is then [left](Shutdown::left). So await this in a task
    /// of its own, or beside the calls, and not in another branch of the `select!` that a call is in.
    ///
    /// It is for all clones of the host and for those with another policy ([`ClipHost::with_outbound`]), and
    /// for good: load the component anew to go on. Dropping the future leaves the host closed, and does not
    /// end what is under way. Called more than once, the grace that ends first counts, and each gives the
    /// same [`Shutdown`].
    ///
    /// With a grace as long as [`Limits::wall_time`] every call that is under way comes to its own end.
    pub async fn shut_down(&self, grace: Duration) -> Shutdown {
        info!(?grace, "shutting down");
        let done = self.calls.shut_down(grace).await;
        let Shutdown { ended, cut, left } = done;
        info!(ended, cut, left, "shut down");
        done
    }

    /// A fresh instance for one call, once it is its turn ([`Limits::concurrent_calls`]). The wall
    /// time of that call counts from here: see [`Instance`].
    ///
    /// # Errors
    ///
    /// [`CallError::WallTime`] where it is not there in time, [`CallError::ShuttingDown`] where the host shuts
    /// down before it is, [`CallError::Trap`] or [`CallError::Limit`] where the component cannot be
    /// instantiated within the limits.
    pub async fn instance(&self, variables: &[(String, String)]) -> Result<Instance, CallError> {
        let deadline = Deadline::after(self.limits.wall_time);
        let result = self.start(variables, deadline).await;
        if let Err(error) = &result {
            log_end(&deadline, Some(error));
        }
        result
    }

    async fn start(
        &self,
        variables: &[(String, String)],
        deadline: Deadline,
    ) -> Result<Instance, CallError> {
        let call = self.calls.begin(deadline).await?;
        let bounds = Bounds::new(&self.limits);
        let hooks = self.outbound.hooks();
        let mut store = store::new(self.pre.engine(), &bounds, hooks, variables);
        let starting = self.pre.instantiate_async(&mut store);
        let instance = call.bound(Phase::Starting, starting).await?;
        Ok(Instance {
            instance: bounds.judge(instance)?,
            store,
            exports: self.exports.clone(),
            bounds,
            call,
        })
    }
}

fn link(engine: &Engine, component: &[u8]) -> wasmtime::Result<InstancePre<State>> {
    let component = Component::new(engine, component)?;
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
    shadow::shadow(&mut linker)?;
    wasmtime_wasi::p2::bindings::cli::environment::add_to_linker::<State, WasiCli>(
        &mut linker,
        State::cli,
    )?;
    linker.instantiate_pre(&component)
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
