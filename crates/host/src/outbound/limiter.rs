//! The request limit of one organisation, over all calls.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter as Governor};
use mv_clip_core::rate::RateLimit;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// Keeps all requests of one organisation to the API below its [`RateLimit`]. Meraki counts them over all
/// calls and applications together, and a call that limits itself knows of no other call.
///
/// Make one for each organisation and give it to the hosts of its calls, by
/// [`ClipHostBuilder::rate_limiter`](crate::ClipHostBuilder::rate_limiter). Clones share the budget:
///
/// ```
/// use mv_clip_host::{ClipHost, RateLimit, RateLimiter};
///
/// let limiter = RateLimiter::new(RateLimit::default());
/// let one = ClipHost::builder().rate_limiter(limiter.clone());
/// let other = ClipHost::builder().rate_limiter(limiter);
/// ```
///
/// # What waits
///
/// Requests with an `Authorization` field, because Meraki counts those: the API key
/// goes to the API and its shards, and nowhere else. What is sent to a media host or to the destination
/// of `save_clip` has none, and never waits. (If something behind this host adds the key, such as a
/// proxy, that has to keep the limit.) A request that the policy denies does not count.
///
/// # How they wait
///
/// In the order of their arrival, and before the [`Timeouts`](crate::Timeouts) of the request start. Of each
/// call one request is in the queue, and its other requests wait behind that. So a call of many requests does
/// not hold up another call. The guest's own time runs, and a request that it gives up leaves the queue and
/// does not count. An attempt lasts 30 s unless `MV_CLIP_ATTEMPT_TIMEOUT_SECONDS` says otherwise, so with the
/// default limit 300 calls can queue before the last of them time out and begin anew. A call that waits counts
/// for its host's [`Limits::concurrent_calls`](crate::Limits::concurrent_calls), which organisations may share.
///
/// A fifth of the burst, rounded up, stays unused: Meraki counts requests as they arrive, and one that
/// makes a connection first takes longer than those that follow it. With the default limit they may
/// catch up by 200 ms before one of them is refused. A burst of 1 has nothing to spare.
///
/// # What it does not know
///
/// Other programs that send requests for the same organisation. Give it what they leave: a smaller
/// [`RateLimit`]. It does not slow down after a 429 either, because the guest does so for its own call. Holding
/// back all calls for the time of `Retry-After` was tried on 100 calls beside another client that sent 8
/// requests a second: they took twice as long and more of them failed, because a client that pauses leaves the
/// budget to one that does not.
#[derive(Clone)]
pub struct RateLimiter {
    shared: Arc<Shared>,
}

struct Shared {
    limit: RateLimit,
    /// Held by the request that is next. Without it the request that wakes first would go
    /// first; tokio's mutex is fair.
    next: Mutex<()>,
    bucket: Bucket<Uptime>,
}

type Bucket<C> = Governor<NotKeyed, InMemoryState, C, NoOpMiddleware<Nanos>>;

impl RateLimiter {
    /// A limiter whose whole burst is there to be used.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        let shared = Shared {
            limit,
            next: Mutex::default(),
            bucket: bucket(limit, Uptime(Instant::now())),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Waits until one more request may be sent. A host does so by itself. Call it before requests of your own to
    /// the API for the same organisation.
    ///
    /// Dropping the future gives up the place in the queue. Once it is done, the request is counted.
    pub async fn until_ready(&self) {
        let Shared { next, bucket, .. } = &*self.shared;
        let _next = next.lock().await;
        while let Err(early) = bucket.check() {
            sleep(early.wait_time_from(bucket.clock().now())).await;
        }
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("limit", &self.shared.limit)
            .finish_non_exhaustive()
    }
}

fn bucket<C: Clock<Instant = Nanos>>(limit: RateLimit, clock: C) -> Bucket<C> {
    let unused = limit.burst.get().div_ceil(5);
    let burst = NonZeroU32::new(limit.burst.get() - unused).unwrap_or(NonZeroU32::MIN);
    Bucket::direct_with_clock(
        Quota::per_second(limit.per_second).allow_burst(burst),
        clock,
    )
}

/// The clock that tokio sleeps by.
struct Uptime(Instant);

impl Clock for Uptime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;
    use tokio::time::{advance, timeout};

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn limit(per_second: u32, burst: u32) -> RateLimit {
        RateLimit {
            per_second: NonZeroU32::new(per_second).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
        }
    }

    /// When each of `count` requests that are there from the start has its turn.
    fn turns(limit: RateLimit, count: usize) -> Vec<Duration> {
        let clock = FakeRelativeClock::default();
        let bucket = bucket(limit, clock.clone());
        let turn = |_| {
            while let Err(early) = bucket.check() {
                clock.advance(early.wait_time_from(clock.now()));
            }
            clock.now().into()
        };
        (0..count).map(turn).collect()
    }

    #[test]
    fn a_burst_less_a_fifth_and_then_one_after_another() {
        let cases: [(u32, u32, &[u64]); 4] = [
            (10, 10, &[0, 0, 0, 0, 0, 0, 0, 0, 100, 200]),
            (10, 4, &[0, 0, 0, 100, 200]),
            (5, 2, &[0, 200, 400]),
            (1, 1, &[0, 1_000, 2_000]),
        ];
        for (per_second, burst, expected) in cases {
            let found = turns(limit(per_second, burst), expected.len());
            let expected: Vec<_> = expected
                .iter()
                .copied()
                .map(Duration::from_millis)
                .collect();
            assert_eq!(found, expected, "{per_second}/s, burst {burst}");
        }
    }

    #[test]
    fn debug_shows_the_limit() {
        assert_eq!(
            format!("{:?}", RateLimiter::new(limit(5, 2))),
            "RateLimiter { limit: RateLimit { per_second: 5, burst: 2 }, .. }"
        );
    }

    #[test]
    fn the_largest_limit_is_none() {
        let last = turns(limit(u32::MAX, u32::MAX), 1_000).pop();
        assert_eq!(last, Some(Duration::ZERO));
    }

    /// Whether the server refuses any of many requests if it takes so long to connect to it: what is
    /// sent until then arrives together, and what is sent later without delay.
    fn is_refused(connecting: Duration) -> bool {
        let limit = RateLimit::default();
        let sent = turns(limit, 100);
        let arrivals = sent.into_iter().map(|sent| sent.max(connecting));
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        let clock = FakeRelativeClock::default();
        let server = Bucket::direct_with_clock(quota, clock.clone());
        arrivals.into_iter().any(|arrival| {
            clock.advance(arrival - Duration::from(clock.now()));
            server.check().is_err()
        })
    }

    #[test]
    fn requests_may_catch_up_on_slow_ones_by_200_ms() {
        assert!(!is_refused(Duration::ZERO));
        assert!(!is_refused(200 * MILLISECOND));
        assert!(
            is_refused(300 * MILLISECOND),
            "a server that refuses nothing"
        );
    }

    /// A timer is late by up to a millisecond, and so is a request that waits for it.
    fn milliseconds(since: Instant) -> u128 {
        since.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_a_turn_is_free_does_not_push_in() {
        let limiter = RateLimiter::new(limit(20, 1));
        limiter.until_ready().await;
        let waiting = limiter.clone();
        let waiting = tokio::spawn(async move { waiting.until_ready().await });
        tokio::task::yield_now().await;
        // It is late: the one that waits could go, and has not noticed yet.
        let mut late = pin!(advance(80 * MILLISECOND));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(late.as_mut().poll(context).is_pending());
        let mut pushing_in = pin!(limiter.until_ready());
        assert!(pushing_in.as_mut().poll(context).is_pending());
        assert!(!waiting.is_finished());
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_uses_up_nothing() {
        let limiter = RateLimiter::new(limit(2, 1));
        limiter.until_ready().await;
        let started = Instant::now();
        // The first of them is next in the queue, the others wait behind it.
        let give_up = || timeout(50 * MILLISECOND, limiter.until_ready());
        let (first, second, third) = tokio::join!(give_up(), give_up(), give_up());
        assert!(first.is_err() && second.is_err() && third.is_err());
        limiter.until_ready().await;
        let waited = milliseconds(started);
        assert!((500..=501).contains(&waited), "{waited}");
    }

    /// The same as with a clock of its own, by the one that tokio sleeps by.
    #[tokio::test(start_paused = true)]
    async fn turns_come_by_the_clock_that_is_slept_by() {
        let limiter = RateLimiter::new(limit(10, 10));
        let started = Instant::now();
        for expected in [0, 0, 0, 0, 0, 0, 0, 0, 100, 200, 300] {
            limiter.until_ready().await;
            let found = milliseconds(started);
            assert!((expected..=expected + 1).contains(&found), "{found}");
        }
    }
}
