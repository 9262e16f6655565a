//! The usual time between two pictures, and where it is exceeded.

use std::time::Duration;

use crate::clock::{HERTZ, duration};
use crate::summary::Hole;

/// The most holes that are listed.
const MAX_HOLES: usize = 1024;
/// The most long steps that are kept until the usual one is known.
const MAX_LONG: usize = 16 << 10;
/// The ticks of a millisecond.
const MILLISECOND: i64 = HERTZ / 1000;
/// What a step may exceed the usual one by.
const TOLERANCE: i64 = 100 * MILLISECOND;

/// Where the steps are counted that last a second or more.
const OVER_A_SECOND: usize = 1000;

/// Collects the steps from picture to picture. Holds less than 300 KiB.
#[derive(Default)]
pub(crate) struct Steps {
    first: Option<i64>,
    last: i64,
    count: u64,
    /// The number and the sum of the steps of each length in milliseconds; the last are all longer ones.
    lengths: Vec<(u64, i64)>,
    /// The steps that may be holes: where they start, and how long they are.
    long: Vec<(i64, i64)>,
    /// The number and sum of those that are not in `long`.
    more: (i64, i64),
}

/// What the steps come to.
pub(crate) struct Measured {
    pub(crate) interval: i64,
    pub(crate) duration: Duration,
    pub(crate) holes: Vec<Hole>,
    pub(crate) missing: Duration,
}

impl Steps {
    /// Adds the time of the next picture.
    pub(crate) fn add(&mut self, time: i64) {
        let Some(first) = self.first else {
            self.first = Some(time);
            self.last = time;
            self.lengths = vec![(0, 0); OVER_A_SECOND + 1];
            return;
        };
        let step = time - self.last;
        let bucket = usize::try_from(step / MILLISECOND)
            .unwrap_or(0)
            .min(OVER_A_SECOND);
        if let Some(bucket) = self.lengths.get_mut(bucket) {
            bucket.0 += 1;
            bucket.1 += step;
        }
        if step > TOLERANCE {
            if self.long.len() < MAX_LONG {
                self.long.push((self.last - first, step));
            } else {
                self.more.0 += 1;
                self.more.1 += step;
            }
        }
        self.count += 1;
        self.last = time;
    }

    pub(crate) fn measure(&self) -> Measured {
        let span = self.first.map_or(0, |first| self.last - first);
        let interval = self.usual();
        let longest = interval + TOLERANCE;
        let is_hole = |step: &&(i64, i64)| step.1 > longest;
        let mean = self.more.1.checked_div(self.more.0).unwrap_or(0);
        let more = if mean > longest { self.more } else { (0, 0) };
        let holes = self.long.iter().filter(is_hole);
        let missing = holes.clone().map(|(_, step)| step - interval).sum::<i64>()
            + (more.1 - more.0 * interval);
        let list = holes.take(MAX_HOLES).map(|(start, step)| Hole {
            start: duration(start + interval),
            length: duration(step - interval),
        });
        Measured {
            interval,
            duration: duration(span + interval),
            holes: list.collect(),
            missing: duration(missing),
        }
    }

    /// The usual step: the mean of those that are about as long as the median.
    fn usual(&self) -> i64 {
        let mut seen = 0;
        let median = self.lengths.iter().position(|(count, _)| {
            seen += count;
            seen * 2 >= self.count
        });
        let median = median.unwrap_or(0);
        // Longer steps are not told apart.
        let last = if median == OVER_A_SECOND {
            median
        } else {
            median + median / 4
        };
        let first = median - median / 4;
        let around = self
            .lengths
            .get(first..=last.min(OVER_A_SECOND))
            .unwrap_or_default();
        let count = around.iter().map(|(count, _)| *count).sum::<u64>();
        let sum = around.iter().map(|(_, sum)| sum).sum::<i64>();
        sum.checked_div(i64::try_from(count).unwrap_or(i64::MAX))
            .unwrap_or(0)
    }
}
