//! One organisation on a day with many faults: its mock, its destination, its hosts, and all calls.

use std::sync::Arc;
use std::time::Duration;

use meraki_mock::{CLIP, Faults, MockConfig, MockMeraki};
use mv_clip_host::{ClipHost, Policy, RateLimit, RateLimiter, Setting, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use super::call::{Answer, Outcome, cameras};
use super::ledger::Ledger;
use super::process::{Held, Least};
use super::sink::Sink;
use super::traffic::{Arrival, Kind};
use crate::support::{component_file, load, tenant};

/// The speed-up: all rates are multiplied by this, so an hour takes three minutes. Waits inside the guest are not
/// shortened, which makes the test harder than reality.
pub const FACTOR: u32 = 20;

/// The percentage of replies with a random fault.
pub const FAULTS: u8 = 20;
const SEED: u64 = 1;

/// The deadline of a call, counted from its start in the component.
const DEADLINE_SECONDS: &str = "15";

/// The interval between samples of memory and descriptors.
const SAMPLE: Duration = Duration::from_millis(50);

/// How long to wait for the last answers, requests and open connections.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Day {
    pub ledger: Ledger,
    pub sink: Arc<Sink>,
    /// In the second host, after its first rush.
    pub at_first: Least,
    /// In the same host, near its end.
    pub at_last: Least,
    /// The number of calls that were made before the shutdown and rejected because of it.
    pub overtaken: usize,
    /// The number of calls that were made after the start of the shutdown.
    pub late: usize,
    mock: MockMeraki,
    limiter: RateLimiter,
    settings: Settings,
    calls: JoinSet<Returned>,
    length: Duration,
    started: Instant,
    sampled: Instant,
    tick: Interval,
    is_closing: bool,
}

/// A finished call.
struct Returned {
    number: usize,
    /// Whether the call was made after the start of the shutdown.
    late: bool,
    answer: Answer,
    took: Duration,
}

impl Day {
    /// Prepares a day with this number of calls and this duration.
    pub async fn start(calls: usize, length: Duration) -> Self {
        let limit = rate_limit();
        let mock = MockMeraki::start(
            MockConfig::default()
                .cameras(cameras())
                .clip(CLIP)
                // The mock's wall clock does not follow simulated time.
                .lag(Duration::ZERO)
                .retention(Duration::from_secs(10 * 365 * 24 * 3600))
                .rate_limit(limit)
                .faults(Faults::new(FAULTS).seed(SEED)),
        );
        let mock = mock.await.unwrap();
        let base_url = mock.base_url();
        let settings = Settings::default()
            .base_url(base_url)
            .text(Setting::ApiKey, mock.key())
            .text(Setting::Deadline, DEADLINE_SECONDS)
            .attempt_timeout(Duration::from_secs(2))
            .lag(Duration::from_secs(1))
            .requests_per_second(100);
        let started = Instant::now();
        let mut tick = interval(Duration::from_millis(5));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ledger: Ledger::with_capacity(calls),
            sink: Arc::new(Sink::start().await),
            at_first: Least::within(0.6..0.72),
            at_last: Least::within(0.88..1.0),
            sampled: started,
            overtaken: 0,
            late: 0,
            mock,
            limiter: RateLimiter::new(limit),
            settings,
            calls: JoinSet::new(),
            length,
            started,
            tick,
            is_closing: false,
        }
    }

    /// A new host with the organisation's limiter.
    pub fn host(&mut self) -> ClipHost {
        let base_url = self.mock.base_url();
        let api = base_url.trim_end_matches("/api/v1");
        let allowed = [api, &self.sink.origin()].map(|origin| origin.parse().unwrap());
        self.is_closing = false;
        let host = load(&component_file());
        let builder = host.tenant().policy(Policy::new(allowed));
        tenant(builder.rate_limiter(self.limiter.clone()))
    }

    /// Records that the shutdown of the host starts now.
    pub fn closing(&mut self) {
        self.is_closing = true;
    }

    /// Begins the day now.
    pub fn begin(&mut self) {
        self.started = Instant::now();
    }

    /// Waits for the next tick, makes the calls that are due, and records finished calls.
    pub async fn step(&mut self, arrivals: &mut &[Arrival], host: &ClipHost) {
        self.tick.tick().await;
        let now = self.started.elapsed() * FACTOR;
        while let Some((next, rest)) = arrivals.split_first()
            && next.at <= now
        {
            self.make(next.kind, host);
            *arrivals = rest;
        }
        while let Some(returned) = self.calls.try_join_next() {
            self.enter(returned.unwrap());
        }
        for request in self.mock.take_requests() {
            self.ledger.requested(&request);
        }
        if self.sampled.elapsed() >= SAMPLE
            && let Some(held) = Held::now()
        {
            self.sampled = Instant::now();
            let part = now.div_duration_f64(self.length);
            self.at_first.record(part, held);
            self.at_last.record(part, held);
        }
    }

    fn make(&mut self, kind: Kind, host: &ClipHost) {
        let call = self.ledger.open(kind);
        let (host, sink, late) = (host.clone(), Arc::clone(&self.sink), self.is_closing);
        let mut settings = self.settings.clone().max_attempts(call.max_attempts());
        if kind == Kind::Revoked {
            settings = settings.text(Setting::ApiKey, "revoked");
        }
        self.calls.spawn(async move {
            let started = Instant::now();
            let answer = call.make(&host, &settings, &sink.url(call.number)).await;
            Returned {
                number: call.number,
                late,
                answer,
                took: started.elapsed(),
            }
        });
    }

    fn enter(&mut self, returned: Returned) {
        let Returned {
            number,
            late,
            answer,
            took,
        } = returned;
        let outcome = self.ledger.close(number, &answer, took);
        let rejected = outcome == Outcome::ShuttingDown;
        assert!(
            rejected || !late,
            "accepted after the shutdown: {outcome:?}"
        );
        assert!(!rejected || self.is_closing, "rejected before the shutdown");
        self.overtaken += usize::from(rejected && !late);
        self.late += usize::from(late);
    }

    /// Waits for all answers after the shutdown of the host.
    pub async fn drain(&mut self) {
        while let Ok(Some(returned)) = timeout(DRAIN_TIMEOUT, self.calls.join_next()).await {
            self.enter(returned.unwrap());
        }
    }

    /// Ends the day and records the remaining answers and requests. The mock continues to listen.
    pub async fn end(mut self) -> (Ledger, Arc<Sink>, MockMeraki) {
        self.drain().await;
        // The mock may still process a request whose call was cancelled.
        let until = Instant::now() + DRAIN_TIMEOUT;
        while !self.mock.requests().is_empty() && Instant::now() < until {
            self.tick.tick().await;
            for request in self.mock.take_requests() {
                self.ledger.requested(&request);
            }
        }
        (self.ledger, self.sink, self.mock)
    }
}

/// The organisation's rate limit.
pub fn rate_limit() -> RateLimit {
    let RateLimit { per_second, burst } = RateLimit::default();
    let factor = FACTOR.try_into().unwrap();
    RateLimit {
        per_second: per_second.saturating_mul(factor),
        burst: burst.saturating_mul(factor),
    }
}
