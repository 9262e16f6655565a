//! The traffic of one organisation, drawn from a seed: which calls are made, and when.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const SEED: u64 = 20_260_312;

/// Independent calls per minute.
const BACKGROUND: f64 = 100.0;
/// Events per minute that several cameras record.
const EVENTS: f64 = 2.0;
/// Calls of a rush, such as after a fire alarm: more than the rate limit allows.
const RUSH: usize = 300;
const RUSH_DURATION: Duration = Duration::from_secs(10);
/// The interval between rushes, in addition to those at fixed points of the test.
const BETWEEN_RUSHES: Duration = Duration::from_secs(600);

/// The kind of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One clip.
    Clip,
    /// One clip around an instant.
    Incident,
    /// One clip around an instant so recent that the call waits for its footage.
    Recent,
    /// One clip, stored.
    Save,
    /// This number of consecutive clips.
    Range(usize),
    /// The same event from this number of cameras.
    Coverage(usize),
    /// For an unknown camera.
    Unknown,
    /// For a camera that is offline.
    Offline,
    /// With a revoked key.
    Revoked,
    /// With an invalid serial.
    BadSerial,
    /// With a time without an offset.
    BadTime,
    /// With a window that ends before it starts.
    BadWindow,
    /// With a destination without TLS.
    BadDestination,
}

/// The kinds of independent calls, and their weights.
const MIX: [(Kind, u32); 16] = [
    (Kind::Clip, 60),
    (Kind::Incident, 12),
    (Kind::Recent, 4),
    (Kind::Save, 6),
    (Kind::Range(2), 2),
    (Kind::Range(6), 2),
    (Kind::Range(1), 1),
    (Kind::Coverage(2), 2),
    (Kind::Coverage(10), 2),
    (Kind::Unknown, 1),
    (Kind::Offline, 1),
    (Kind::Revoked, 1),
    (Kind::BadSerial, 1),
    (Kind::BadTime, 1),
    (Kind::BadWindow, 1),
    (Kind::BadDestination, 1),
];

/// One call, and its time after the start.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Duration,
    pub kind: Kind,
}

/// The calls of this duration, in order. Rushes start in the first quarter, just before the middle and in the last
/// quarter.
pub fn draw(length: Duration) -> Vec<Arrival> {
    let draws = &mut StdRng::seed_from_u64(SEED);
    let mut arrivals = Vec::new();
    for at in moments(draws, length, BACKGROUND) {
        let (kind, _) = MIX.choose_weighted(draws, |(_, weight)| *weight).unwrap();
        arrivals.push(Arrival { at, kind: *kind });
    }
    for at in moments(draws, length, EVENTS) {
        let cameras = draws.random_range(3..=12);
        arrivals.push(Arrival {
            at,
            kind: Kind::Coverage(cameras),
        });
        let within = Duration::from_secs(2);
        arrivals.extend(together(draws, at, within, cameras, &[Kind::Incident]));
    }
    let needed = [length / 10, length / 2 - RUSH_DURATION / 2, length * 4 / 5];
    let usual = (0..)
        .map(|n| BETWEEN_RUSHES * n + BETWEEN_RUSHES / 3)
        .take_while(|at| *at < length);
    for at in usual.chain(needed) {
        let kinds = [Kind::Clip, Kind::Incident];
        arrivals.extend(together(draws, at, RUSH_DURATION, RUSH, &kinds));
    }
    arrivals.retain(|arrival| arrival.at < length);
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// The moments of a Poisson process with this rate per minute.
fn moments(draws: &mut StdRng, length: Duration, per_minute: f64) -> Vec<Duration> {
    let mut moments = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        let minutes = -(1.0 - draws.random::<f64>()).ln() / per_minute;
        at += Duration::from_secs_f64(60.0 * minutes);
        if at >= length {
            return moments;
        }
        moments.push(at);
    }
}

fn together(
    draws: &mut StdRng,
    at: Duration,
    within: Duration,
    calls: usize,
    kinds: &[Kind],
) -> Vec<Arrival> {
    let mut arrival = || Arrival {
        at: at + within.mul_f64(draws.random()),
        kind: *kinds.choose(draws).unwrap(),
    };
    (0..calls).map(|_| arrival()).collect()
}
