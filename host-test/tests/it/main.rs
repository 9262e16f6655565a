//! Tests of the real component in the real runtime, with the mock API. There is one binary, because each one links
//! wasmtime.

// So that clippy treats helpers as test code.
#![cfg(test)]
#![expect(
    clippy::disallowed_macros,
    reason = "tests print for developers, through the test harness"
)]

use std::alloc::System;

use cap::Cap;

mod attacks;
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
#[cfg(unix)]
mod terminal;
mod transfer;

/// Counts allocated bytes. The resident memory of a process is not precise enough, because it rarely shrinks.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);
