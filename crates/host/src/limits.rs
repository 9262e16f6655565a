//! What one call may use, and what becomes of one that wants more.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use wasmtime::component::ResourceTableError;
use wasmtime::{ResourceLimiter, Result, Trap};
use wasmtime_wasi_http::FieldMapError;

use crate::clip::CallError;
use crate::outbound::in_flight::InFlight;

/// What one call may use of the host. [`Limits::default`] suits the component: it needs a fraction
/// of it.
///
/// A component with more or larger core modules, memories or tables than the host has room for is not loaded at
/// all; one that wants more than 4 KiB of random bytes at once breaks off. What a guest wants beyond the others ends its call, as [`CallError::Limit`] says, and no other.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The guest's linear memory, in bytes. 16 MiB.
    pub memory: usize,
    /// The elements of each of the guest's tables. 4096; the component's has under 200.
    pub table_elements: usize,
    /// The core instances that the component may consist of. 3: its code, and two small ones through
    /// which the component linker ties its imports to it.
    pub core_instances: u32,
    /// The tables of the component. 2: its own, and one through which it calls its imports.
    pub tables: u32,
    /// What the guest holds of the host's things at once: requests, replies, bodies, streams, field
    /// lists, timers. 2048; a range of 288 clips, all of them in flight, needs under 1200.
    pub resources: usize,
    /// The requests in flight at once, each until its reply is read or dropped. 512; a range of 24 h is
    /// 288 clips.
    pub requests: usize,
    /// One list of header fields that the guest makes, in bytes, with about 60 more for each field. Of a
    /// request also its method and its authority, each. 16 KiB.
    pub fields: usize,
    /// What the guest hands over in one call of the host, and as its result, in bytes. 2 MiB; the host
    /// makes a copy of it.
    pub handover: usize,
    /// How long a call takes at most, whatever the guest does: waiting for its turn, starting and
    /// running. Longer than the guest's own deadline (`MV_CLIP_DEADLINE_SECONDS`), which ends a call
    /// with a better error. 180 s.
    pub wall_time: Duration,
    /// How many calls run at once; more wait for their turn. 100.
    pub concurrent_calls: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        const HUNDRED: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
        Self {
            memory: 16 << 20,
            table_elements: 4_096,
            core_instances: 3,
            tables: 2,
            resources: 2_048,
            requests: 512,
            fields: 16 << 10,
            handover: 2 << 20,
            wall_time: Duration::from_secs(180),
            concurrent_calls: HUNDRED,
        }
    }
}

/// Which of the [`Limits`] a guest went beyond, with what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::memory`]: the guest broke off after it was refused more.
    Memory(usize),
    /// [`Limits::table_elements`]: the guest broke off after it was refused more.
    TableElements(usize),
    /// [`Limits::resources`].
    Resources(usize),
    /// [`Limits::requests`].
    Requests(usize),
    /// [`Limits::fields`].
    Fields(usize),
    /// [`Limits::handover`].
    Handover(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(most) => write!(f, "{most} bytes of memory (Limits::memory)"),
            Self::TableElements(most) => {
                write!(f, "{most} elements in a table (Limits::table_elements)")
            }
            Self::Resources(most) => write!(f, "{most} resources at once (Limits::resources)"),
            Self::Requests(most) => write!(f, "{most} requests in flight (Limits::requests)"),
            Self::Fields(most) => write!(
                f,
                "{most} bytes of header fields, method or authority (Limits::fields)"
            ),
            Self::Handover(most) => {
                write!(f, "{most} bytes handed over in one call (Limits::handover)")
            }
        }
    }
}

/// The limits of one call, known to all that hold it to them.
#[derive(Debug)]
pub(crate) struct Bounds {
    limits: Arc<Limits>,
    pub(crate) in_flight: Arc<InFlight>,
    /// The first growth that the guest was refused. It may well go on without.
    refused: OnceLock<Limit>,
}

impl Bounds {
    pub(crate) fn new(limits: &Arc<Limits>) -> Arc<Self> {
        Arc::new(Self {
            limits: Arc::clone(limits),
            in_flight: Arc::new(InFlight::at_most(limits.requests)),
            refused: OnceLock::new(),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Waits until the guest goes beyond a limit that does not make it trap.
    pub(crate) async fn exceeded(&self) -> CallError {
        self.in_flight.exceeded().await;
        self.too_many_requests()
    }

    /// What became of the guest's work.
    ///
    /// # Errors
    ///
    /// The guest went beyond a limit, or broke off.
    pub(crate) fn judge<T>(&self, result: Result<T>) -> Result<T, CallError> {
        // First, because the guest goes on for a moment after that: what ended it came later.
        if self.in_flight.is_exceeded() {
            return Err(self.too_many_requests());
        }
        result.map_err(|error| self.explain(error))
    }

    fn too_many_requests(&self) -> CallError {
        CallError::Limit(Limit::Requests(self.limits.requests))
    }

    /// Why the guest broke off.
    fn explain(&self, error: wasmtime::Error) -> CallError {
        let limit = if let Some(ResourceTableError::Full) = error.downcast_ref() {
            Some(Limit::Resources(self.limits.resources))
        } else if let Some(FieldMapError::TotalSizeTooBig | FieldMapError::TooManyFields) =
            error.downcast_ref()
        {
            Some(Limit::Fields(self.limits.fields))
        } else if is_handover(&error) {
            Some(Limit::Handover(self.limits.handover))
        } else if error.is::<Trap>() {
            self.refused.get().copied()
        } else {
            None
        };
        match limit {
            Some(limit) => CallError::Limit(limit),
            None => CallError::Trap(error),
        }
    }

    fn refuse(&self, limit: Limit) {
        // The first one counts.
        let _ = self.refused.set(limit);
    }
}

/// wasmtime has words for this, and no type.
fn is_handover(error: &wasmtime::Error) -> bool {
    let words = error.root_cause().to_string();
    words.contains("fuel allocated for hostcalls has been exhausted")
}

/// Holds a store to its limits, and remembers how much memory the guest took.
#[derive(Debug)]
pub(crate) struct Meter {
    bounds: Arc<Bounds>,
    first: usize,
    last: usize,
}

impl Meter {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        Self {
            bounds,
            first: 0,
            last: 0,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.bounds.limits()
    }

    /// By how much the guest's memory has grown since it started, in bytes.
    pub(crate) fn growth(&self) -> usize {
        self.last - self.first
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let most = self.bounds.limits.memory;
        let allowed = desired <= most;
        if allowed {
            if current == 0 {
                self.first = desired;
            }
            self.last = desired;
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
        let limits = Limits {
            memory,
            ..Limits::default()
        };
        Meter::new(Bounds::new(&Arc::new(limits)))
    }

    #[test]
    fn memory_is_refused_above_the_limit_and_growth_counts_from_the_start() {
        let mut meter = meter(300);
        assert!(meter.memory_growing(0, 100, None).unwrap());
        assert!(meter.memory_growing(100, 300, None).unwrap());
        assert!(!meter.memory_growing(300, 301, None).unwrap());
        assert_eq!(meter.growth(), 200);
    }

    #[test]
    fn tables_are_refused_above_the_limit() {
        let mut meter = meter(300);
        assert!(meter.table_growing(0, 4_096, None).unwrap());
        assert!(!meter.table_growing(0, 4_097, None).unwrap());
    }

    #[tokio::test]
    async fn a_request_too_many_is_not_forgotten() {
        let limits = Limits {
            requests: 1,
            ..Limits::default()
        };
        let bounds = Bounds::new(&Arc::new(limits));
        let first = bounds.in_flight.begin();
        assert!(first.is_some() && bounds.judge(Ok(())).is_ok());
        assert!(bounds.in_flight.begin().is_none());
        drop(first);
        for error in [
            bounds.judge(Ok(())).unwrap_err(),
            bounds
                .judge::<()>(Err(ResourceTableError::Full.into()))
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
            "the component was stopped: it wanted more than 300 bytes of memory (Limits::memory)"
        );
        let other = meter.bounds.explain(wasmtime::Error::msg("not the guest"));
        assert!(matches!(other, CallError::Trap(_)), "{other:?}");
    }
}
