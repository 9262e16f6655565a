//! Properties that hold for any input.
//!
//! Each module of a target has a function `check`, which panics if a property does not hold. The programs in
//! `targets` give it to libFuzzer, and `cargo test --no-default-features` replays the inputs in `seeds` without a
//! fuzzer.

#![forbid(unsafe_code)]

pub mod arguments;
mod browser;
pub mod call;
pub mod destination;
pub mod expiry;
mod message;
pub mod mpegts;
pub mod operation;
pub mod pieces;
pub mod redact;
pub mod redirect;
mod reference;
pub mod remux;
pub mod response;
pub mod retry_after;
mod server;
pub mod stream;
pub mod transfer;
