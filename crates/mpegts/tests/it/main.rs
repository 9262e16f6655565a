//! Tests of the public interface.

// So that clippy treats helpers as test code.
#![cfg(test)]

mod check;
mod mp4;
mod mux;
mod oracle;
mod properties;
mod remux;
mod writer;
