//! What has to hold whatever is read: for a fuzzer to contradict (`cargo xtask fuzz`), and for the
//! inputs in `seeds` to hold on to (`cargo test`, without a fuzzer).
//!
//! Each module has one function `check`, which panics where something does not hold. `targets` hands
//! them to libFuzzer.

pub mod arguments;
pub mod call;
pub mod destination;
pub mod expiry;
pub mod footage;
pub mod mpegts;
pub mod pieces;
pub mod redirect;
mod reference;
pub mod reply;
pub mod retry_after;
mod sees;
mod server;
pub mod transfer;
mod words;
