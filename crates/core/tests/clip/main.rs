//! The behavior of the state machines, in simulated time.

// So that clippy treats helpers as test code.
#![cfg(test)]

mod batch;
mod behaviour;
mod properties;
mod ranges;
mod seeds;
mod simulation;
mod transfer;
