//! Under construction.

pub mod outbound;
