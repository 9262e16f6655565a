//! Random choices.

use proptest::prelude::*;
use proptest::test_runner::TestRng;

/// One of these values, all with the same probability.
pub fn pick<T: Clone>(rng: &mut TestRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())].clone()
}
