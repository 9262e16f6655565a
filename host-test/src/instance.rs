//! [`Instance`]: one call.

use std::fmt;

use tokio::sync::OwnedSemaphorePermit;
use tracing::info;
use wasmtime::Store;

use crate::bindings::ClipPlugin;
use crate::clip::{CallError, Clip, ClipError, ClipRequest, ClipUrl, Phase, kind_name};
use crate::deadline::Deadline;
use crate::store::State;

/// An instance of the component, with a store of its own, for one call.
///
/// It holds one of the host's turns, and its wall time ([`Limits::wall_time`](crate::Limits)) has
/// been counting since [`ClipHost::instance`](crate::ClipHost::instance) was called, so call it at
/// once. After [`CallError::WallTime`] or [`CallError::Trap`] it is spent, because the guest was left
/// in the middle of its work: another call of it would only trap.
pub struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) plugin: ClipPlugin,
    pub(crate) deadline: Deadline,
    /// Held for its drop, which lets the next call in.
    pub(crate) _turn: Option<OwnedSemaphorePermit>,
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
        let clips = self.plugin.meraki_mv_clips_clips();
        let call = clips.call_get_clip(&mut self.store, serial, start, end);
        run(&self.deadline, call).await.map(ClipUrl::from)
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
        let clips = self.plugin.meraki_mv_clips_clips();
        let call = clips.call_request_clip(&mut self.store, request);
        run(&self.deadline, call).await.map(Clip::from)
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
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

async fn run<T>(
    deadline: &Deadline,
    call: impl Future<Output = wasmtime::Result<Result<T, ClipError>>>,
) -> Result<T, CallError> {
    let result = match deadline.bound(Phase::Running, call).await {
        Ok(Ok(result)) => result.map_err(CallError::Clip),
        Ok(Err(trap)) => Err(CallError::Trap(trap)),
        Err(wall_time) => Err(wall_time),
    };
    log_end(deadline, result.as_ref().err());
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
        Some(CallError::Trap(_)) => ("trap", None),
    };
    let elapsed = deadline.elapsed();
    info!(outcome, attempts, ?elapsed, "call ended");
}
