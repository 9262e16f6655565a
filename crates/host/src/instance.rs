//! [`Instance`]: one call.

use std::fmt;
use std::sync::Arc;

use tracing::info;
use wasmtime::{Store, component};

use crate::bindings::Exports;
use crate::bindings::exports::meraki_mv::clips::{clips, events, transfer, types};
use crate::calls::Call;
use crate::clip::{
    CallError, Clip, ClipError, ClipOutcome, ClipRequest, ClipUrl, Phase, SavedClip, kind_name,
};
use crate::deadline::Deadline;
use crate::limits::Bounds;
use crate::store::State;

/// An instance of the component, with a store of its own, for one call.
///
/// It holds one of the host's turns, and its wall time ([`Limits::wall_time`](crate::Limits)) has
/// been counting since [`ClipHost::instance`](crate::ClipHost::instance) was called, so call it at
/// once. After [`CallError::WallTime`], [`CallError::Limit`] or [`CallError::Trap`] it is spent, because the guest was left
/// in the middle of its work: another call of it would only trap. Until it is dropped it counts as a call under
/// way, which [`ClipHost::shut_down`](crate::ClipHost::shut_down) waits for.
pub struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) instance: component::Instance,
    pub(crate) exports: Exports,
    pub(crate) bounds: Arc<Bounds>,
    /// After the store: a call is over when what it had under way is.
    pub(crate) call: Call,
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
        info!(serial, start, end, "call started");
        let clips = self.clips()?;
        let call = clips.call_get_clip(&mut self.store, serial, start, end);
        run(&self.call, &self.bounds, call).await.map(ClipUrl::from)
    }

    /// See [`ClipHost::request_clip`](crate::ClipHost::request_clip).
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn request_clip(&mut self, request: &ClipRequest) -> Result<Clip, CallError> {
        let ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request;
        info!(serial, start, end, imager_id, "call started");
        let clips = self.clips()?;
        let call = clips.call_request_clip(&mut self.store, request);
        run(&self.call, &self.bounds, call).await.map(Clip::from)
    }

    /// See [`ClipHost::get_range`](crate::ClipHost::get_range).
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_range(
        &mut self,
        request: &ClipRequest,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        let ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request;
        info!(serial, start, end, imager_id, "range started");
        let events = self.events()?;
        let call = events.call_get_range(&mut self.store, request);
        run(&self.call, &self.bounds, call).await.map(outcomes)
    }

    /// See [`ClipHost::get_incident`](crate::ClipHost::get_incident).
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_incident(
        &mut self,
        serial: &str,
        at: &str,
        pre_roll_seconds: Option<u32>,
        post_roll_seconds: Option<u32>,
    ) -> Result<Clip, CallError> {
        info!(
            serial,
            at, pre_roll_seconds, post_roll_seconds, "incident started"
        );
        let events = self.events()?;
        let call = events.call_get_incident(
            &mut self.store,
            serial,
            at,
            pre_roll_seconds,
            post_roll_seconds,
        );
        run(&self.call, &self.bounds, call).await.map(Clip::from)
    }

    /// See [`ClipHost::get_coverage`](crate::ClipHost::get_coverage).
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_coverage(
        &mut self,
        serials: &[String],
        at: &str,
        duration_seconds: Option<u32>,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        info!(
            cameras = serials.len(),
            at, duration_seconds, "coverage started"
        );
        let events = self.events()?;
        let call = events.call_get_coverage(&mut self.store, serials, at, duration_seconds);
        run(&self.call, &self.bounds, call).await.map(outcomes)
    }

    /// See [`ClipHost::save_clip`](crate::ClipHost::save_clip).
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn save_clip(
        &mut self,
        request: &ClipRequest,
        destination: &str,
    ) -> Result<SavedClip, CallError> {
        let ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request;
        info!(serial, start, end, imager_id, "transfer started");
        let transfer = self.transfer()?;
        let call = transfer.call_save_clip(&mut self.store, request, destination);
        run(&self.call, &self.bounds, call)
            .await
            .map(SavedClip::from)
    }

    fn clips(&mut self) -> Result<clips::Guest, CallError> {
        let found = self.exports.clips.load(&mut self.store, &self.instance);
        found.map_err(CallError::Trap)
    }

    fn events(&mut self) -> Result<events::Guest, CallError> {
        let found = self.exports.events()?.load(&mut self.store, &self.instance);
        found.map_err(CallError::Trap)
    }

    fn transfer(&mut self) -> Result<transfer::Guest, CallError> {
        let found = self
            .exports
            .transfer()?
            .load(&mut self.store, &self.instance);
        found.map_err(CallError::Trap)
    }

    /// By how much the guest's memory has grown since it started, in bytes.
    pub fn memory_growth(&self) -> usize {
        self.store.data().meter.growth()
    }
}

impl fmt::Debug for Instance {
    /// Not its store, which holds the settings of the call, and so the API key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("deadline", &self.call.deadline)
            .finish_non_exhaustive()
    }
}

fn outcomes(outcomes: Vec<types::ClipOutcome>) -> Vec<ClipOutcome> {
    outcomes.into_iter().map(ClipOutcome::from).collect()
}

async fn run<T>(
    call: &Call,
    bounds: &Bounds,
    work: impl Future<Output = wasmtime::Result<Result<T, ClipError>>>,
) -> Result<T, CallError> {
    let bounded = async {
        tokio::select! {
            biased;
            exceeded = bounds.exceeded() => Err(exceeded),
            result = work => bounds.judge(result).and_then(|result| result.map_err(CallError::Clip)),
        }
    };
    let result = call.bound(Phase::Running, bounded).await.flatten();
    log_end(&call.deadline, result.as_ref().err());
    result
}

/// Says how a call ended, in words that hold nothing of the reply.
pub(crate) fn log_end(deadline: &Deadline, error: Option<&CallError>) {
    let (outcome, attempts) = match error {
        None => ("ok", None),
        Some(CallError::Clip(ClipError::Permanent(failure) | ClipError::Transient(failure))) => {
            (kind_name(failure.kind), Some(failure.attempts))
        }
        Some(CallError::Clip(ClipError::ExecutionFailed)) => ("execution-failed", None),
        Some(CallError::WallTime { .. }) => ("wall-time", None),
        Some(CallError::ShuttingDown) => ("shutting-down", None),
        Some(CallError::Limit(_)) => ("limit", None),
        Some(CallError::Trap(_)) => ("trap", None),
        Some(CallError::NotExported(_)) => ("not-exported", None),
    };
    let elapsed = deadline.elapsed();
    info!(outcome, attempts, ?elapsed, "call ended");
}
