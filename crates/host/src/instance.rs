//! [`Instance`]: one call.

use std::fmt;
use std::sync::Arc;

use mv_clip_core::events::incident;
use tracing::info;
use wasmtime::{Store, component};

use crate::answer;
use crate::bindings::Exports;
use crate::bindings::exports::meraki_mv::clips::{events, transfer, types};
use crate::bounds::Bounds;
use crate::calls::RunningCall;
use crate::clip::{Clip, ClipOutcome, ClipRequest, ClipUrl, SavedClip};
use crate::convert::clip_url;
use crate::error::{CallError, EngineError, Phase};
use crate::store::State;

/// An instance of the component, with a store of its own, for one call.
///
/// It counts as a running call until it is dropped. Its wall time includes its own creation. After
/// [`CallError::WallTime`], [`CallError::Limit`] or [`CallError::Trap`] it cannot be called again: the guest was
/// stopped in the middle of its work, and would trap.
pub struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) instance: component::Instance,
    pub(crate) exports: Exports,
    pub(crate) bounds: Arc<Bounds>,
    /// Dropped after the store: a call is over when all its requests are.
    pub(crate) call: RunningCall,
}

impl Instance {
    /// See [`ClipHost::get_clip`](crate::ClipHost::get_clip).
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
        info!(start, end, "call started");
        let guest = self.exports.clips.load(&mut self.store, &self.instance);
        let guest = guest.map_err(trap)?;
        let call = guest.call_get_clip(&mut self.store, serial, start, end);
        let url = run(&self.call, &self.bounds, call).await?;
        Ok(clip_url(url).checked(self.store.data().named()))
    }

    pub(crate) async fn request_clip(&mut self, request: &ClipRequest) -> Result<Clip, CallError> {
        log_start(request);
        let guest = self.exports.clips.load(&mut self.store, &self.instance);
        let (guest, asked) = (guest.map_err(trap)?, request.into());
        let call = guest.call_request_clip(&mut self.store, &asked);
        let clip = run(&self.call, &self.bounds, call).await?;
        answer::one(answer::asked(request), self.clip(clip))
    }

    pub(crate) async fn get_range(
        &mut self,
        request: &ClipRequest,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        log_start(request);
        let (guest, asked) = (self.events()?, request.into());
        let call = guest.call_get_range(&mut self.store, &asked);
        let outcomes = run(&self.call, &self.bounds, call).await?;
        answer::range(request, self.outcomes(outcomes))
    }

    pub(crate) async fn get_incident(
        &mut self,
        serial: &str,
        at: &str,
        pre_roll_seconds: Option<u32>,
        post_roll_seconds: Option<u32>,
    ) -> Result<Clip, CallError> {
        info!(at, pre_roll_seconds, post_roll_seconds, "call started");
        let guest = self.events()?;
        let call = guest.call_get_incident(
            &mut self.store,
            serial,
            at,
            pre_roll_seconds,
            post_roll_seconds,
        );
        let clip = run(&self.call, &self.bounds, call).await?;
        let asked = incident(serial, at, pre_roll_seconds, post_roll_seconds);
        answer::one(asked, self.clip(clip))
    }

    pub(crate) async fn get_coverage(
        &mut self,
        serials: &[String],
        at: &str,
        duration_seconds: Option<u32>,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        let cameras = serials.len();
        info!(cameras, at, duration_seconds, "call started");
        let guest = self.events()?;
        let call = guest.call_get_coverage(&mut self.store, serials, at, duration_seconds);
        let outcomes = run(&self.call, &self.bounds, call).await?;
        answer::coverage(serials, at, duration_seconds, self.outcomes(outcomes))
    }

    pub(crate) async fn save_clip(
        &mut self,
        request: &ClipRequest,
        destination: &str,
    ) -> Result<SavedClip, CallError> {
        log_start(request);
        let (guest, asked) = (self.transfer()?, request.into());
        let call = guest.call_save_clip(&mut self.store, &asked, destination);
        let saved = run(&self.call, &self.bounds, call).await?;
        let saved = SavedClip::from(saved);
        Ok(SavedClip {
            clip: answer::one(answer::asked(request), self.checked(saved.clip))?,
            ..saved
        })
    }

    fn clip(&self, clip: types::Clip) -> Clip {
        self.checked(clip.into())
    }

    fn outcomes(&self, outcomes: Vec<types::ClipOutcome>) -> Vec<ClipOutcome> {
        let outcomes = outcomes.into_iter().map(ClipOutcome::from);
        let checked = outcomes.map(|ClipOutcome { request, outcome }| ClipOutcome {
            request,
            outcome: outcome.map(|clip| self.checked(clip)),
        });
        checked.collect()
    }

    /// The clip, whose URL knows whether the API named it.
    fn checked(&self, clip: Clip) -> Clip {
        let url = clip.url.checked(self.store.data().named());
        Clip { url, ..clip }
    }

    fn events(&mut self) -> Result<events::Guest, CallError> {
        let found = self.exports.events()?.load(&mut self.store, &self.instance);
        found.map_err(trap)
    }

    fn transfer(&mut self) -> Result<transfer::Guest, CallError> {
        let found = self
            .exports
            .transfer()?
            .load(&mut self.store, &self.instance);
        found.map_err(trap)
    }

    /// Calls an export that gives bytes, for tests that look into a guest. `None` if there is none, or it traps.
    pub async fn call_for_bytes(&mut self, export: &str) -> Option<Vec<u8>> {
        let found = self.instance.get_func(&mut self.store, export)?;
        let function = found.typed::<(), (Vec<u8>,)>(&self.store).ok()?;
        let (bytes,) = function.call_async(&mut self.store, ()).await.ok()?;
        Some(bytes)
    }

    /// The largest size of the guest's memory so far, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.bounds.peak_memory()
    }
}

impl fmt::Debug for Instance {
    /// Omits the store, which holds the settings of the call and so the API key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("deadline", &self.call.deadline)
            .finish_non_exhaustive()
    }
}

fn trap(error: wasmtime::Error) -> CallError {
    CallError::Trap(EngineError::new(error))
}

fn log_start(request: &ClipRequest) {
    let ClipRequest {
        serial: _,
        start,
        end,
        imager_id,
    } = request;
    info!(start, end, imager_id, "call started");
}

async fn run<T>(
    call: &RunningCall,
    bounds: &Bounds,
    work: impl Future<Output = wasmtime::Result<Result<T, types::ClipError>>>,
) -> Result<T, CallError> {
    let bounded = async {
        tokio::select! {
            biased;
            exceeded = bounds.exceeded() => Err(exceeded),
            result = work => {
                bounds.check(result)?.map_err(|error| CallError::Clip(error.into()))
            }
        }
    };
    call.bound(Phase::Running, bounded).await.flatten()
}
