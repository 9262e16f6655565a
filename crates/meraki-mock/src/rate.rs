//! The organisation's rate limit, as a token bucket.

use std::time::Duration;

use mv_clip_core::rate::RateLimit;
use tokio::time::Instant;

/// The remaining budget, kept as time and therefore exact: a request costs the time in which the bucket
/// refills by one.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    cost: Duration,
    full: Duration,
    credit: Duration,
    refilled: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(limit: RateLimit, now: Instant) -> Self {
        let cost = Duration::from_secs(1) / limit.per_second.get();
        let full = cost.saturating_mul(limit.burst.get());
        Self {
            cost,
            full,
            credit: full,
            refilled: now,
        }
    }

    /// Takes one request, or returns the time until the next one is available.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.refilled);
        self.credit = self.credit.saturating_add(elapsed).min(self.full);
        self.refilled = self.refilled.max(now);
        match self.credit.checked_sub(self.cost) {
            Some(rest) => {
                self.credit = rest;
                Ok(())
            }
            None => Err(self.cost - self.credit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limit(per_second: u32, burst: u32) -> RateLimit {
        RateLimit {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    /// How many of the requests sent every `every`, from 0 to `total`, pass.
    fn passed(limit: RateLimit, every: Duration, total: Duration) -> usize {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(limit, start);
        let times = (0..).map(|n| every * n).take_while(|at| *at <= total);
        times.filter(|at| bucket.take(start + *at).is_ok()).count()
    }

    #[test]
    fn merakis_own_figures() {
        let flood = Duration::from_millis(1);
        let cases = [(1, 20), (2, 30), (3, 40)];
        for (seconds, expected) in cases {
            let total = Duration::from_secs(seconds);
            assert_eq!(
                passed(RateLimit::default(), flood, total),
                expected,
                "{seconds} s"
            );
        }
    }

    #[test]
    fn a_client_at_the_rate_is_never_refused() {
        let minute = Duration::from_secs(60);
        assert_eq!(passed(limit(5, 1), Duration::from_millis(200), minute), 301);
    }

    #[test]
    fn a_refusal_says_when_the_next_request_passes() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(limit(4, 1), start);
        assert_eq!(bucket.take(start), Ok(()));
        let later = start + Duration::from_millis(50);
        let wait = bucket.take(later).unwrap_err();
        assert_eq!(wait, Duration::from_millis(200));
        assert_eq!(bucket.take(later + wait), Ok(()));
    }

    #[test]
    fn a_pause_saves_at_most_the_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(limit(10, 3), start);
        let later = start + Duration::from_secs(3600);
        let passed = (0..10).filter(|_| bucket.take(later).is_ok()).count();
        assert_eq!(passed, 3);
    }
}
