//! The clocks of one call, drawn from the seed: when it starts, and how late the driver wakes up.

use std::time::Duration;

use mv_clip_core::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestRng;

use super::draw::pick;
use crate::simulation::STARTED;

/// The limits of calendars and counters, and leap days.
const EDGES: &[&str] = &[
    "2000-01-01T00:00:00Z",
    "2016-12-31T23:59:59.999Z",
    "2024-02-29T23:59:59.500Z",
    "2038-01-19T03:14:08Z",
    "2068-12-31T23:59:59Z",
    "2099-12-31T23:59:59.999Z",
];

/// A wall clock that is not set, and two that are far ahead.
const WRONG: &[Duration] = &[
    Duration::ZERO,
    Duration::from_secs(u32::MAX as u64),
    Duration::MAX,
];

pub fn started(rng: &mut TestRng) -> Timestamp {
    let near = Duration::from_millis(rng.random_range(0..200_000));
    match rng.random_range(0..10) {
        0..=3 => instant(STARTED) + near,
        4..=6 => any(rng),
        7 => instant(pick(rng, EDGES)) + near,
        8 => instant(pick(rng, EDGES)) - near,
        _ => Timestamp::from_unix(pick(rng, WRONG)),
    }
}

/// The time around which footage is requested: now, if it can be written, or any time.
pub fn asked_around(rng: &mut TestRng, started: Timestamp) -> Timestamp {
    let around = match rng.random_bool(0.9) {
        true => started,
        false => any(rng),
    };
    around.clamp(
        instant("2000-01-03T00:00:00Z"),
        instant("2099-12-31T20:00:00Z"),
    )
}

fn any(rng: &mut TestRng) -> Timestamp {
    instant("2000-01-01T00:00:00Z") + Duration::from_millis(rng.random_range(0..3_155_760_000_000))
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A host on which some wake-ups are late, most of them by a little.
pub struct Lateness {
    rng: TestRng,
    chance: f64,
}

impl Lateness {
    pub fn new(mut rng: TestRng) -> Self {
        let chance = pick(&mut rng, &[0.0, 0.0, 0.05, 0.4]);
        Self { rng, chance }
    }

    pub fn draw(&mut self) -> Duration {
        if !self.rng.random_bool(self.chance) {
            return Duration::ZERO;
        }
        let most = if self.rng.random_bool(0.7) { 50 } else { 8_000 };
        Duration::from_millis(self.rng.random_range(1..=most))
    }
}
