//! The totals of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mv_clip_host::RateLimit;

use crate::simulated::STEP;

#[derive(Debug, Default)]
pub struct Totals {
    pub calls: usize,
    /// The number of calls by outcome.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// API requests.
    pub api: usize,
    /// Requests for clips.
    pub media: usize,
    /// Replies with a random fault.
    pub faults: usize,
    /// The largest number of API requests within one second.
    pub max_per_second: usize,
    pub slowest: Duration,
    /// Clips at their destination.
    pub stored: u32,
}

impl Totals {
    /// Checks the maximum duration of a call, that the API request rate reaches the limit and does not exceed it, the
    /// percentage of faults, and that some calls fail because of them.
    pub fn assert_within(&self, limit: RateLimit, faults: u8, slowest: Duration) {
        assert!(self.slowest < slowest, "{:?}", self.slowest);
        let (rate, burst) = (limit.per_second.get() as usize, limit.burst.get() as usize);
        let most = self.max_per_second;
        // A fifth of the burst stays unused. Simulated time moves in steps, and a request is up to two steps late.
        let late = (2 * STEP.as_millis() as usize * rate).div_ceil(1_000);
        let allowed = rate + burst - burst.div_ceil(5) + late;
        assert!(most <= allowed, "above the limit: {most} in a second");
        assert!(
            most > rate,
            "the limit is never reached: {most} in a second"
        );
        let percent = 100 * self.faults / (self.api + self.media);
        let off = percent.abs_diff(faults.into());
        assert!(off <= 5, "{percent} % of replies are faulty");
        let count = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| self.outcomes.get(name))
                .sum::<usize>()
        };
        let passing = [
            "rate-limited",
            "unavailable",
            "connection-failed",
            "timed-out",
            "bad-response",
        ];
        let (failed, in_part) = (count(&passing), count(&["answered in part"]));
        assert!(
            failed > 0 && in_part > 0,
            "too few calls failed: {failed}, and {in_part} in part"
        );
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            outcomes,
            api,
            media,
            faults,
            max_per_second,
            slowest,
            stored,
        } = self;
        let outcomes = outcomes.iter();
        let outcomes = outcomes.map(|(name, count)| format!("{count} {name}"));
        let outcomes = outcomes.collect::<Vec<_>>().join(", ");
        write!(
            f,
            "{calls} calls, the slowest in {slowest:.1?}: {outcomes}\n\
             {api} API requests, at most {max_per_second} in a second; {media} media requests; \
             {faults} faults; {stored} clips stored"
        )
    }
}
