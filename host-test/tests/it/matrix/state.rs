//! The shared state of one cell's servers.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use super::cell::Cell;

/// How a server treats one arrival at the place of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Before the attempt with the fault: a 503.
    Busy,
    Faulty,
    Healthy,
}

pub struct State {
    pub cell: Cell,
    pub clip_url: String,
    arrivals: AtomicU32,
    /// Open connections without a fault.
    healthy: AtomicUsize,
    stored: Mutex<Vec<u8>>,
}

impl State {
    pub fn new(cell: Cell, clip_url: String) -> Self {
        Self {
            cell,
            clip_url,
            arrivals: AtomicU32::new(0),
            healthy: AtomicUsize::new(0),
            stored: Mutex::default(),
        }
    }

    /// Counts an attempt that has reached the place of the fault.
    pub fn arrive(&self) -> Action {
        self.action_for(self.arrivals.fetch_add(1, SeqCst) + 1)
    }

    /// How many attempts reached the place of the fault.
    pub fn arrivals(&self) -> u32 {
        self.arrivals.load(SeqCst)
    }

    /// The action for a request of the attempt that arrived last, if that attempt got past the place of the fault.
    pub fn current_action(&self) -> Action {
        match self.action_for(self.arrivals()) {
            Action::Busy => Action::Busy,
            Action::Faulty | Action::Healthy => Action::Healthy,
        }
    }

    fn action_for(&self, attempt: u32) -> Action {
        match attempt.cmp(&self.cell.when.attempt()) {
            Ordering::Less => Action::Busy,
            Ordering::Equal => Action::Faulty,
            Ordering::Greater => Action::Healthy,
        }
    }

    pub fn store(&self, clip: Vec<u8>) {
        *self.stored.lock().unwrap() = clip;
    }

    pub fn stored(&self) -> Vec<u8> {
        self.stored.lock().unwrap().clone()
    }

    /// Counts a connection as healthy until the guard is dropped.
    pub fn healthy(self: &Arc<Self>) -> Healthy {
        self.healthy.fetch_add(1, SeqCst);
        Healthy(Arc::clone(self))
    }

    pub fn healthy_connections(&self) -> usize {
        self.healthy.load(SeqCst)
    }
}

pub struct Healthy(Arc<State>);

impl Drop for Healthy {
    fn drop(&mut self) {
        self.0.healthy.fetch_sub(1, SeqCst);
    }
}
