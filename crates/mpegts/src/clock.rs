//! One time line for counters that wrap, jump and are set back.
//!
//! An epoch is a stretch in which the clock of the stream runs on. Pictures and sound are written side by side, so
//! one of them meets a new epoch first: it goes on where it was, and the other takes its place beside it.

use std::time::Duration;

use crate::summary::{ClockJump, Direction};
use crate::transport::pes::WRAP;

/// The ticks of a second.
pub(crate) const HERTZ: i64 = 90_000;
/// A longer step forward is a clock that was set. It is the length of the longest clip of a camera.
const LONGEST_STEP: i64 = 300 * HERTZ;
/// How far from its expected place a stream may join an epoch of another.
const NEAR: i64 = 10 * HERTZ;
/// The most jumps that are kept.
const MAX_JUMPS: usize = 256;

/// The clock that all streams share.
#[derive(Default)]
pub(crate) struct Clock {
    epoch: Epoch,
    pub(crate) jumps: Vec<ClockJump>,
    /// Those that are not in `jumps`.
    pub(crate) more_jumps: u64,
}

/// A counter's value, and its place on the time line.
#[derive(Clone, Copy, Default)]
struct Epoch {
    number: u64,
    raw: i64,
    time: i64,
}

/// Where one stream is on the time line.
pub(crate) struct Line {
    epoch: u64,
    raw: i64,
    time: i64,
    /// How far the stream may step back within an epoch.
    tolerance: i64,
    is_started: bool,
}

impl Line {
    /// Each stamp is later than the one before.
    pub(crate) fn of_pictures() -> Self {
        Self::new(0)
    }

    /// Stamps may be imprecise.
    pub(crate) fn of_sound() -> Self {
        Self::new(HERTZ / 10)
    }

    /// The place of the last stamp.
    pub(crate) fn time(&self) -> Option<i64> {
        self.is_started.then_some(self.time)
    }

    fn new(tolerance: i64) -> Self {
        Self {
            epoch: 0,
            raw: 0,
            time: 0,
            tolerance,
            is_started: false,
        }
    }
}

/// From one counter to another, the short way around.
pub(crate) fn distance(from: i64, to: i64) -> i64 {
    (to - from + WRAP / 2).rem_euclid(WRAP) - WRAP / 2
}

impl Clock {
    /// The place of the counter `raw`. Without a jump the stream is at `expected` now.
    pub(crate) fn place(
        &mut self,
        line: &mut Line,
        raw: i64,
        expected: Option<i64>,
        is_discontinuity: bool,
    ) -> i64 {
        let beside = self.epoch.time + distance(self.epoch.raw, raw);
        let time = match (line.is_started, expected) {
            (true, Some(expected)) => self.next(line, raw, expected, beside, is_discontinuity),
            _ => self.first(line, raw, beside),
        };
        line.is_started = true;
        line.raw = raw;
        line.time = time;
        time
    }

    fn first(&mut self, line: &mut Line, raw: i64, beside: i64) -> i64 {
        line.epoch = self.epoch.number;
        if self.epoch.number == 0 {
            self.epoch = Epoch {
                number: 1,
                raw,
                time: 0,
            };
            line.epoch = 1;
            return 0;
        }
        if beside.abs() > LONGEST_STEP {
            // The stream has a clock of its own.
            self.begin(line, raw, self.epoch.time, beside - self.epoch.time);
            return line.time;
        }
        beside
    }

    fn next(
        &mut self,
        line: &mut Line,
        raw: i64,
        expected: i64,
        beside: i64,
        is_discontinuity: bool,
    ) -> i64 {
        let step = distance(line.raw, raw);
        let onward = line.time + step;
        let runs_on = (1 - line.tolerance..=LONGEST_STEP).contains(&step) && !is_discontinuity;
        let off = |time: i64| (time - expected).abs();
        if line.epoch != self.epoch.number
            && off(beside) <= NEAR
            && !(runs_on && off(onward) <= off(beside))
        {
            line.epoch = self.epoch.number;
            if beside + line.tolerance <= line.time {
                // The streams ended apart, so this one would overlap itself: all wait for it.
                self.epoch.time += expected - beside;
                return expected;
            }
            return beside;
        }
        if runs_on {
            return onward;
        }
        self.begin(line, raw, expected, onward - expected);
        expected
    }

    fn begin(&mut self, line: &mut Line, raw: i64, time: i64, by: i64) {
        self.epoch = Epoch {
            number: self.epoch.number + 1,
            raw,
            time,
        };
        line.epoch = self.epoch.number;
        line.time = time;
        // A discontinuity that was announced may change nothing.
        if by == 0 {
            return;
        }
        if self.jumps.len() == MAX_JUMPS {
            self.more_jumps += 1;
            return;
        }
        self.jumps.push(ClockJump {
            at: duration(time),
            by: duration(by.abs()),
            direction: if by < 0 {
                Direction::Back
            } else {
                Direction::Forward
            },
        });
    }
}

/// Ticks as a duration; none below zero.
pub(crate) fn duration(ticks: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ticks).unwrap_or(0).saturating_mul(100_000) / 9)
}
