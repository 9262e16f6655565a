//! The component. It exports the world `clip-plugin` or, without the feature of that name, `clips-only`.
//!
//! The rules are in `mv-clip-core`, and `mv-clip-guest` runs them over WASI. On targets other than WebAssembly the
//! crate is empty.

#![cfg(target_family = "wasm")]

mod bindings;
mod call;
mod clips;
mod convert;
#[cfg(feature = "clip-plugin")]
mod events;
#[cfg(feature = "clip-plugin")]
mod transfer;

use dlmalloc::GlobalDlmalloc;

/// The allocator of the standard library, in a version that starts with the memory that the module already has.
/// Growing the memory costs the host two system calls.
#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;
