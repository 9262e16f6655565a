//! The behaviour of one clip, in simulated time.

// For clippy, which knows helpers as test code by this alone.
#![cfg(test)]

mod batch;
mod behaviour;
mod properties;
mod ranges;
mod seeds;
mod simulation;
mod transfer;
