//! An hour of one organisation, drawn from a seed: who asks for what, and when.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const SEED: u64 = 20_260_312;

/// Calls a minute that come one by one.
const BACKGROUND: f64 = 100.0;
/// Events a minute that several cameras see.
const EVENTS: f64 = 2.0;
/// Calls of a rush, such as a fire alarm: more at once than the organisation may ask.
const RUSH: usize = 300;
const RUSH_LASTS: Duration = Duration::from_secs(10);
/// A rush comes every so often, beside those that this test needs.
const BETWEEN_RUSHES: Duration = Duration::from_secs(600);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One clip.
    Clip,
    /// One clip around an instant.
    Incident,
    /// One clip around an instant so recent that its footage has to be waited for.
    Recent,
    /// One clip, stored.
    Save,
    /// So many clips that follow each other.
    Range(usize),
    /// What so many cameras saw.
    Coverage(usize),
    /// Of a camera that there is not.
    Unknown,
    /// Of a camera that is offline.
    Offline,
    /// With a key that was revoked.
    Revoked,
    /// A serial that is none.
    BadSerial,
    /// A time without an offset.
    BadTime,
    /// A window that ends before it starts.
    BadWindow,
    /// A destination without encryption.
    BadDestination,
}

/// What comes one by one, by how often.
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

/// One call, and how long after the start it is made.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Duration,
    pub kind: Kind,
}

/// The calls of so long a time, in their order. Rushes begin in the first quarter, just before the middle and in
/// the last quarter.
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
    let needed = [length / 10, length / 2 - RUSH_LASTS / 2, length * 4 / 5];
    let usual = (0..)
        .map(|n| BETWEEN_RUSHES * n + BETWEEN_RUSHES / 3)
        .take_while(|at| *at < length);
    for at in usual.chain(needed) {
        let kinds = [Kind::Clip, Kind::Incident];
        arrivals.extend(together(draws, at, RUSH_LASTS, RUSH, &kinds));
    }
    arrivals.retain(|arrival| arrival.at < length);
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// Moments without memory, so many a minute on average.
fn moments(draws: &mut StdRng, length: Duration, a_minute: f64) -> Vec<Duration> {
    let mut moments = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        let minutes = -(1.0 - draws.random::<f64>()).ln() / a_minute;
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
