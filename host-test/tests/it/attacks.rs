//! Attacks that belong to no single feature.

mod guests;
