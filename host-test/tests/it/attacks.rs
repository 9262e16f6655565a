//! Attacks that belong to no single feature.

mod guests;
mod host_calls;
mod load;
mod other_answers;
mod other_clips;
