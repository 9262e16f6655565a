//! Holds one call to its [`Limits`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use wasmtime::component::ResourceTableError;
use wasmtime::{ResourceLimiter, Result, Trap};
use wasmtime_wasi_http::FieldMapError;

use crate::error::{CallError, EngineError};
use crate::limits::{Limit, Limits};
use crate::outbound::{InFlight, Traffic};

/// The limits of one call, and what it has used so far. Shared by all parts that enforce or report them.
#[derive(Debug)]
pub(crate) struct Bounds {
    limits: Arc<Limits>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) traffic: Arc<Traffic>,
    /// In bytes.
    peak_memory: AtomicUsize,
    /// The first growth that was refused. The guest may continue without it.
    refused: OnceLock<Limit>,
}

impl Bounds {
    pub(crate) fn new(limits: &Arc<Limits>) -> Arc<Self> {
        Arc::new(Self {
            limits: Arc::clone(limits),
            in_flight: Arc::new(InFlight::at_most(limits.requests)),
            traffic: Arc::default(),
            peak_memory: AtomicUsize::new(0),
            refused: OnceLock::new(),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The largest size of the guest's memory so far, in bytes. WebAssembly memory never shrinks.
    pub(crate) fn peak_memory(&self) -> usize {
        self.peak_memory.load(Ordering::Relaxed)
    }

    /// Waits until the guest exceeds a limit that does not make it trap.
    pub(crate) async fn exceeded(&self) -> CallError {
        self.in_flight.exceeded().await;
        self.too_many_requests()
    }

    /// Converts the engine's result to the result of the call.
    ///
    /// # Errors
    ///
    /// The guest exceeded a limit, or trapped.
    pub(crate) fn check<T>(&self, result: Result<T>) -> Result<T, CallError> {
        // Checked first: the guest may run on for a moment, so an error of its own is a later one.
        if self.in_flight.is_exceeded() {
            return Err(self.too_many_requests());
        }
        result.map_err(|error| self.explain(error))
    }

    fn too_many_requests(&self) -> CallError {
        CallError::Limit(Limit::Requests(self.limits.requests))
    }

    /// Why the guest trapped.
    fn explain(&self, error: wasmtime::Error) -> CallError {
        let limit = if matches!(error.downcast_ref(), Some(ResourceTableError::Full))
            || says(&error, "store handle limit exceeded")
        {
            Some(Limit::Resources(self.limits.resources))
        } else if let Some(FieldMapError::TotalSizeTooBig | FieldMapError::TooManyFields) =
            error.downcast_ref()
        {
            Some(Limit::HeaderBytes(self.limits.header_bytes))
        } else if says(&error, "fuel allocated for hostcalls has been exhausted") {
            Some(Limit::HostcallBytes(self.limits.hostcall_bytes))
        } else if error.is::<Trap>() {
            self.refused.get().copied()
        } else {
            None
        };
        match limit {
            Some(limit) => CallError::Limit(limit),
            None => CallError::Trap(EngineError::new(error)),
        }
    }

    fn refuse(&self, limit: Limit) {
        // Only the first refusal counts.
        let _ = self.refused.set(limit);
    }
}

/// For what wasmtime has no error type, only a message.
fn says(error: &wasmtime::Error, words: &str) -> bool {
    error.root_cause().to_string().contains(words)
}

/// Refuses a store more memory and larger tables than the limits allow.
#[derive(Debug)]
pub(crate) struct Meter {
    bounds: Arc<Bounds>,
}

impl Meter {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        Self { bounds }
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.bounds.limits()
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let most = self.bounds.limits.memory;
        let allowed = desired <= most;
        if allowed {
            self.bounds.peak_memory.store(desired, Ordering::Relaxed);
        } else {
            self.bounds.refuse(Limit::Memory(most));
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let most = self.bounds.limits.table_elements;
        let allowed = desired <= most;
        if !allowed {
            self.bounds.refuse(Limit::TableElements(most));
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(memory: usize) -> Meter {
        Meter::new(Bounds::new(&Arc::new(Limits::default().memory(memory))))
    }

    #[test]
    fn memory_is_refused_above_the_limit_and_its_peak_is_known() {
        let mut meter = meter(300);
        assert!(meter.memory_growing(0, 100, None).unwrap());
        assert!(meter.memory_growing(100, 300, None).unwrap());
        assert!(!meter.memory_growing(300, 301, None).unwrap());
        assert_eq!(meter.bounds.peak_memory(), 300);
    }

    #[test]
    fn tables_are_refused_above_the_limit() {
        let mut meter = meter(300);
        assert!(meter.table_growing(0, 4_096, None).unwrap());
        assert!(!meter.table_growing(0, 4_097, None).unwrap());
    }

    #[tokio::test]
    async fn an_exceeded_limit_of_requests_stays_exceeded() {
        let bounds = Bounds::new(&Arc::new(Limits::default().requests(1)));
        let first = bounds.in_flight.begin();
        assert!(first.is_some() && bounds.check(Ok(())).is_ok());
        assert!(bounds.in_flight.begin().is_none());
        drop(first);
        for error in [
            bounds.check(Ok(())).unwrap_err(),
            bounds
                .check::<()>(Err(ResourceTableError::Full.into()))
                .unwrap_err(),
            bounds.exceeded().await,
            bounds.exceeded().await,
        ] {
            assert!(
                matches!(error, CallError::Limit(Limit::Requests(1))),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_trap_is_explained_by_the_growth_that_was_refused() {
        let mut meter = meter(300);
        let trap = || wasmtime::Error::from(Trap::UnreachableCodeReached);
        let before = meter.bounds.explain(trap());
        assert!(matches!(before, CallError::Trap(_)), "{before:?}");
        meter.memory_growing(0, 301, None).unwrap();
        let after = meter.bounds.explain(trap()).to_string();
        assert_eq!(
            after,
            "the component was stopped: it needs more than 300 bytes of memory (Limits::memory)"
        );
        let other = meter.bounds.explain(wasmtime::Error::msg("not the guest"));
        assert!(matches!(other, CallError::Trap(_)), "{other:?}");
    }
}
