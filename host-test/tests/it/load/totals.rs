//! What it all comes to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mv_clip_host::RateLimit;

use crate::simulated::STEP;

#[derive(Debug, Default)]
pub struct Totals {
    pub calls: usize,
    /// How many calls came to what.
    pub outcomes: BTreeMap<&'static str, usize>,
    /// Requests for the API.
    pub api: usize,
    /// Requests for clips.
    pub media: usize,
    /// Requests whose reply went wrong.
    pub mishaps: usize,
    /// Requests for the API, in the second that saw most of them.
    pub most_in_a_second: usize,
    pub slowest: Duration,
    /// Clips at their destination.
    pub stored: u32,
}

impl Totals {
    /// The calls took no longer than this, the API was asked as fast as it may be and no faster, and as many of a
    /// hundred replies went wrong, which some calls did not get over.
    pub fn assert_within(&self, limit: RateLimit, mishaps: u8, slowest: Duration) {
        assert!(self.slowest < slowest, "{:?}", self.slowest);
        let (rate, burst) = (limit.per_second.get() as usize, limit.burst.get() as usize);
        let most = self.most_in_a_second;
        // A fifth of the burst stays unused. Simulated time moves in steps, and a request is up to two late.
        let late = (2 * STEP.as_millis() as usize * rate).div_ceil(1_000);
        let allowed = rate + burst - burst.div_ceil(5) + late;
        assert!(most <= allowed, "too fast: {most} in a second");
        assert!(
            most > rate,
            "never as fast as it may be: {most} in a second"
        );
        let percent = 100 * self.mishaps / (self.api + self.media);
        let off = percent.abs_diff(mishaps.into());
        assert!(off <= 5, "{percent} % went wrong");
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
            mishaps,
            most_in_a_second,
            slowest,
            stored,
        } = self;
        let outcomes = outcomes.iter();
        let outcomes = outcomes.map(|(name, count)| format!("{count} {name}"));
        let outcomes = outcomes.collect::<Vec<_>>().join(", ");
        write!(
            f,
            "{calls} calls, the slowest in {slowest:.1?}: {outcomes}\n\
             {api} API requests, at most {most_in_a_second} in a second; {media} media requests; \
             {mishaps} replies went wrong; {stored} clips stored"
        )
    }
}
