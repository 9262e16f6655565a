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

/// Keeps all API requests of one organisation below its [`RateLimit`]. Meraki counts the requests of all calls and
/// applications together, and the limit inside one call does not know about other calls.
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
/// Every request of a guest to an origin of the API in the policy ([`Policy::new`](crate::Policy::new),
/// [`Policy::meraki`](crate::Policy::meraki)), whatever its fields, its method and its path: a guest cannot leave
/// anything out to get past the limit. Requests to other origins, such as the destination of `save_clip`, never wait, and
/// neither do those of a [`MediaClient`](crate::MediaClient). A request that the policy denies does not count.
///
/// # How they wait
///
/// In the order of their arrival, before the [`Timeouts`](crate::Timeouts) of the request start. Each call has at most
/// one request in the queue; its other requests wait behind that one. So a call with many requests does not delay
/// other calls. The guest's own timeout runs while a request waits. A request that the guest drops leaves the queue
/// and does not count. An attempt lasts 30 s unless `MV_CLIP_ATTEMPT_TIMEOUT_SECONDS` says otherwise, so with the
/// default limit 300 calls can queue before the last of them time out and try again. A call that waits counts towards
/// [`Limits::concurrent_calls`](crate::Limits::concurrent_calls) of its host, which organisations may share.
///
/// A fifth of the burst, rounded up, stays unused. Meraki counts requests when they arrive, and a request that has to
/// connect first arrives closer to those that follow it. With the default limit, a delay of up to 200 ms causes no 429.
/// A burst of 1 has no such reserve.
///
/// # What it does not know
///
/// Other programs that send requests for the same organisation. Reserve a share for them: set a smaller [`RateLimit`].
/// The limiter does not slow down after a 429 either; the guest does that for its own call. Pausing all calls for
/// `Retry-After` was tried, with 100 calls and another client that sent 8 requests a second. The calls took twice as
/// long and more of them failed, because the client that pauses leaves the budget to the one that does not.
#[derive(Clone)]
pub struct RateLimiter {
    shared: Arc<Shared>,
}

struct Shared {
    limit: RateLimit,
    /// Held by the request that is next, so that requests are sent in the order of their arrival: tokio's mutex is
    /// fair.
    next: Mutex<()>,
    bucket: Bucket<Uptime>,
}

type Bucket<C> = Governor<NotKeyed, InMemoryState, C, NoOpMiddleware<Nanos>>;

impl RateLimiter {
    /// A limiter with its whole burst available.
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

    /// Waits until one more request may be sent, and counts it. A host calls this for the requests of its calls. Call
    /// it before your own API requests for the same organisation.
    ///
    /// If you drop the future before it is done, the request leaves the queue and does not count.
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

/// tokio's clock, which tests can stop.
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

    /// When each of `count` requests that arrive at the start may be sent.
    fn times(limit: RateLimit, count: usize) -> Vec<Duration> {
        let clock = FakeRelativeClock::default();
        let bucket = bucket(limit, clock.clone());
        let time = |_| {
            while let Err(early) = bucket.check() {
                clock.advance(early.wait_time_from(clock.now()));
            }
            clock.now().into()
        };
        (0..count).map(time).collect()
    }

    #[test]
    fn four_fifths_of_the_burst_are_sent_at_once_and_the_rest_at_the_rate() {
        let cases: [(u32, u32, &[u64]); 4] = [
            (10, 10, &[0, 0, 0, 0, 0, 0, 0, 0, 100, 200]),
            (10, 4, &[0, 0, 0, 100, 200]),
            (5, 2, &[0, 200, 400]),
            (1, 1, &[0, 1_000, 2_000]),
        ];
        for (per_second, burst, expected) in cases {
            let found = times(limit(per_second, burst), expected.len());
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
        let last = times(limit(u32::MAX, u32::MAX), 1_000).pop();
        assert_eq!(last, Some(Duration::ZERO));
    }

    /// Whether the server refuses any of many requests if connecting takes `delay`: requests sent before that arrive
    /// together, and later ones without delay.
    fn is_refused(connecting: Duration) -> bool {
        let limit = RateLimit::default();
        let sent = times(limit, 100);
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
    fn a_connection_delay_of_200_ms_causes_no_429() {
        assert!(!is_refused(Duration::ZERO));
        assert!(!is_refused(200 * MILLISECOND));
        assert!(is_refused(300 * MILLISECOND), "this server refuses nothing");
    }

    /// A timer is late by up to a millisecond, and so is a request that waits for it.
    fn milliseconds(since: Instant) -> u128 {
        since.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_request_does_not_overtake_a_waiting_one() {
        let limiter = RateLimiter::new(limit(20, 1));
        limiter.until_ready().await;
        let waiting = limiter.clone();
        let waiting = tokio::spawn(async move { waiting.until_ready().await });
        tokio::task::yield_now().await;
        // The waiting request may be sent now, but its timer has not fired yet.
        let mut late = pin!(advance(80 * MILLISECOND));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(late.as_mut().poll(context).is_pending());
        let mut pushing_in = pin!(limiter.until_ready());
        assert!(pushing_in.as_mut().poll(context).is_pending());
        assert!(!waiting.is_finished());
        waiting.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_request_does_not_count() {
        let limiter = RateLimiter::new(limit(2, 1));
        limiter.until_ready().await;
        let started = Instant::now();
        // The first one is next in the queue; the others wait behind it.
        let give_up = || timeout(50 * MILLISECOND, limiter.until_ready());
        let (first, second, third) = tokio::join!(give_up(), give_up(), give_up());
        assert!(first.is_err() && second.is_err() && third.is_err());
        limiter.until_ready().await;
        let waited = milliseconds(started);
        assert!((500..=501).contains(&waited), "{waited}");
    }

    /// As above, with tokio's clock instead of a simulated one.
    #[tokio::test(start_paused = true)]
    async fn the_limiter_uses_tokios_clock() {
        let limiter = RateLimiter::new(limit(10, 10));
        let started = Instant::now();
        for expected in [0, 0, 0, 0, 0, 0, 0, 0, 100, 200, 300] {
            limiter.until_ready().await;
            let found = milliseconds(started);
            assert!((expected..=expected + 1).contains(&found), "{found}");
        }
    }
}
