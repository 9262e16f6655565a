//! The behaviour of one clip, in simulated time.

mod behaviour;
mod properties;
mod simulation;
