//! What one call may use.

use std::num::NonZeroU32;
use std::time::Duration;

use wasmtime::{ResourceLimiter, Result};

/// What one call may use of the host. [`Limits::default`] suits the component: it needs a fraction
/// of it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The guest's linear memory, in bytes. 16 MiB.
    pub memory: usize,
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
            wall_time: Duration::from_secs(180),
            concurrent_calls: HUNDRED,
        }
    }
}

/// The elements that a table of the guest may have: the component's has under 200.
pub(crate) const TABLE_ELEMENTS: usize = 4_096;

/// Holds a store to its limits, and remembers how much memory the guest took.
#[derive(Debug)]
pub(crate) struct Meter {
    most: usize,
    first: usize,
    last: usize,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.memory,
            first: 0,
            last: 0,
        }
    }

    /// By how much the guest's memory has grown since it started, in bytes.
    pub(crate) fn growth(&self) -> usize {
        self.last - self.first
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let allowed = desired <= self.most;
        if allowed {
            if current == 0 {
                self.first = desired;
            }
            self.last = desired;
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_refused_above_the_limit_and_growth_counts_from_the_start() {
        let mut meter = Meter::new(&Limits {
            memory: 300,
            ..Limits::default()
        });
        assert!(meter.memory_growing(0, 100, None).unwrap());
        assert!(meter.memory_growing(100, 300, None).unwrap());
        assert!(!meter.memory_growing(300, 301, None).unwrap());
        assert_eq!(meter.growth(), 200);
    }

    #[test]
    fn tables_are_refused_above_the_limit() {
        let mut meter = Meter::new(&Limits::default());
        assert!(meter.table_growing(0, TABLE_ELEMENTS, None).unwrap());
        assert!(!meter.table_growing(0, TABLE_ELEMENTS + 1, None).unwrap());
    }
}
