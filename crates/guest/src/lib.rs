//! Gets clips of Meraki MV cameras from inside a WebAssembly component, over WASI 0.2.
//!
//! `Call` runs the state machines of `mv-clip-core` with WASI's clocks, randomness, environment variables and
//! HTTP. The crate is empty on targets other than WebAssembly.

#![cfg(target_family = "wasm")]
#![forbid(unsafe_code)]

mod call;
mod clock;
mod drive;
mod error_code;
mod exchange;
mod incoming;
mod outgoing;
mod transfer;
pub mod wasi;

pub use call::Call;
