//! One organisation with a bad day: its mock, its destination, its hosts, and all calls of them.

use std::sync::Arc;
use std::time::Duration;

use meraki_mock::{Faults, MockConfig, MockMeraki};
use mv_clip_host::{ClipHost, Policy, RateLimit, RateLimiter, Setting, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use super::call::{Answer, Outcome, cameras};
use super::ledger::Ledger;
use super::process::{Held, Least};
use super::sink::Sink;
use super::traffic::{Arrival, Kind};
use crate::support::{component_file, load, tenant};

/// All rates are so many times as high: an hour takes three minutes. Waits inside the guest stay as they are, which
/// is harder than real.
pub const FACTOR: u32 = 20;

/// Of a hundred replies.
pub const FAULTS: u8 = 20;
const SEED: u64 = 1;

/// A call of the component ends by its deadline, once it has its turn.
const DEADLINE_SECONDS: &str = "15";

/// How often memory and descriptors are looked at.
const SAMPLE: Duration = Duration::from_millis(50);

/// For what is left when nothing should be.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Day {
    pub ledger: Ledger,
    pub sink: Arc<Sink>,
    /// Under the second host, once the rush that it began with is over.
    pub at_first: Least,
    /// Under the same host, up to its end.
    pub at_last: Least,
    /// How many calls were made before their host was told to shut down, and answered with that.
    pub overtaken: usize,
    /// How many were made after it.
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

/// What comes back of a call.
struct Returned {
    number: usize,
    /// Whether the call was made after its host was told to shut down.
    late: bool,
    answer: Answer,
    took: Duration,
}

impl Day {
    /// For so many calls in so long a time.
    pub async fn start(calls: usize, length: Duration) -> Self {
        let limit = rate_limit();
        let mock = MockMeraki::start(MockConfig {
            cameras: cameras(),
            // The mock's wall clock does not know of simulated time.
            lag: Duration::ZERO,
            retention: Duration::from_secs(10 * 365 * 24 * 3600),
            rate_limit: Some(limit),
            faults: Some(Faults {
                percent: FAULTS,
                seed: SEED,
            }),
            ..MockConfig::default()
        });
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
            ledger: Ledger::with_room_for(calls),
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

    /// A host of its own, with the organisation's limiter.
    pub fn host(&mut self) -> ClipHost {
        let base_url = self.mock.base_url();
        let api = base_url.trim_end_matches("/api/v1");
        let allowed = [api, &self.sink.origin()].map(|origin| origin.parse().unwrap());
        self.is_closing = false;
        let host = load(&component_file());
        let builder = host.tenant().policy(Policy::new(allowed));
        tenant(builder.rate_limiter(self.limiter.clone()))
    }

    /// The host is told to shut down about now.
    pub fn closing(&mut self) {
        self.is_closing = true;
    }

    /// Begins the day now.
    pub fn begin(&mut self) {
        self.started = Instant::now();
    }

    /// Makes the calls that are due, and enters what came back. Done after a moment.
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
            self.at_first.see(part, held);
            self.at_last.see(part, held);
        }
    }

    fn make(&mut self, kind: Kind, host: &ClipHost) {
        let call = self.ledger.open(kind);
        let (host, sink, late) = (host.clone(), Arc::clone(&self.sink), self.is_closing);
        let mut settings = self.settings.clone().max_attempts(call.most_attempts());
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
        let turned_away = outcome == Outcome::ShuttingDown;
        assert!(
            turned_away || !late,
            "let in after the shutdown: {outcome:?}"
        );
        assert!(!turned_away || self.is_closing, "turned away before it");
        self.overtaken += usize::from(turned_away && !late);
        self.late += usize::from(late);
    }

    /// Waits for all answers, once the host says that no call is left.
    pub async fn drain(&mut self) {
        while let Ok(Some(returned)) = timeout(PATIENCE, self.calls.join_next()).await {
            self.enter(returned.unwrap());
        }
    }

    /// Ends the day: what is still to be entered is entered. The mock goes on listening.
    pub async fn end(mut self) -> (Ledger, Arc<Sink>, MockMeraki) {
        self.drain().await;
        // A request whose call was cut is in hand for a moment longer.
        let until = Instant::now() + PATIENCE;
        while !self.mock.requests().is_empty() && Instant::now() < until {
            self.tick.tick().await;
            for request in self.mock.take_requests() {
                self.ledger.requested(&request);
            }
        }
        (self.ledger, self.sink, self.mock)
    }
}

/// What the organisation may ask.
pub fn rate_limit() -> RateLimit {
    let RateLimit { per_second, burst } = RateLimit::default();
    let factor = FACTOR.try_into().unwrap();
    RateLimit {
        per_second: per_second.saturating_mul(factor),
        burst: burst.saturating_mul(factor),
    }
}
