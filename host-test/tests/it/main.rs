//! The real component in the real runtime, against the mock of the API. One binary, because each one
//! links wasmtime.

// For clippy, which knows helpers as test code by this alone.
#![cfg(test)]
#![expect(
    clippy::disallowed_macros,
    reason = "tests print for developers, through the test harness"
)]

use std::alloc::System;

use cap::Cap;

mod behaviour;
mod cache;
mod cli;
mod clips_only;
#[path = "../component/mod.rs"]
mod component;
mod contract;
mod docs;
mod events;
mod evidence;
mod faults;
mod guest;
mod input;
mod keys;
mod limiter;
mod limits;
mod load;
mod matrix;
mod media;
mod memory;
mod mock;
mod observability;
mod outbound;
mod secrets;
mod shutdown;
mod simulated;
mod stale;
mod support;
mod transfer;

/// Counts what is allocated, which the resident memory of a process does not tell: it rarely shrinks.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);
