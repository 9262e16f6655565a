//! The system resources of this process.

use std::fmt;
use std::ops::Range;

use crate::HEAP;

/// The resources in use at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Resident memory in MiB.
    pub memory: f64,
    /// Allocated heap in KiB, exact to the byte.
    pub heap: f64,
    /// Open file descriptors.
    pub descriptors: usize,
}

impl Held {
    #[cfg(target_os = "linux")]
    pub fn now() -> Option<Self> {
        use procfs_core::FromRead;
        use procfs_core::process::Status;

        let status = Status::from_file("/proc/self/status").unwrap();
        let kib = u32::try_from(status.vmrss.unwrap()).unwrap();
        let heap = u32::try_from(HEAP.allocated()).unwrap();
        Some(Self {
            memory: f64::from(kib) / 1024.0,
            heap: f64::from(heap) / 1024.0,
            // The descriptor that reads the folder does not count.
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count() - 1,
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Option<Self> {
        None
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} MiB, {:.1} KiB allocated, {} descriptors",
            self.memory, self.heap, self.descriptors
        )
    }
}

/// The minimum within a part of the test. It excludes what running calls use and includes what finished calls leak.
#[derive(Debug)]
pub struct Least {
    part: Range<f64>,
    held: Option<Held>,
}

impl Least {
    pub fn within(part: Range<f64>) -> Self {
        Self { part, held: None }
    }

    pub fn record(&mut self, now: f64, held: Held) {
        if self.part.contains(&now) {
            let least = self.held.get_or_insert(held);
            least.memory = least.memory.min(held.memory);
            least.heap = least.heap.min(held.heap);
            least.descriptors = least.descriptors.min(held.descriptors);
        }
    }

    pub fn held(&self) -> Option<Held> {
        self.held
    }
}
