//! Many clips at once, in simulated time.

use std::collections::VecDeque;
use std::time::Duration;

use mv_clip_core::api::Clip;
use mv_clip_core::batch::{Batch, Step};
use mv_clip_core::error::{ClipError, FailureKind};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transport::{Request, Response, TransportError};
use proptest::prelude::*;

use crate::simulation::*;

/// The outcome of a simulated batch.
pub(crate) struct Calls {
    pub(crate) results: Vec<Result<Clip, ClipError>>,
    sent: Vec<Sent>,
    pub(crate) took: Duration,
    /// How late the driver's last wake-up was.
    pub(crate) late: Duration,
}

/// The environment of a batch: a server, and a host that may be slow.
pub(crate) trait World {
    /// The exchange for a request that is sent now, for the clip with this index.
    fn answer(&mut self, now: Duration, index: usize, request: &Request) -> Exchange;

    /// The random number for the jitter of a retry.
    fn random(&mut self) -> u64 {
        0
    }

    /// How late the driver's next wake-up is.
    fn late(&mut self) -> Duration {
        Duration::ZERO
    }

    /// Is called with the outcome of a request when the driver wakes up for it, so late.
    fn back(
        &mut self,
        _now: Duration,
        _late: Duration,
        _index: usize,
        _outcome: &Result<Response, TransportError>,
    ) {
    }
}

impl<F: FnMut(Duration, usize, &Request) -> Exchange> World for F {
    fn answer(&mut self, now: Duration, index: usize, request: &Request) -> Exchange {
        self(now, index, request)
    }
}

/// A request: when it was sent, for which clip, and whether it follows a redirect.
pub(crate) struct Sent {
    at: Duration,
    index: usize,
    redirected: bool,
}

impl Calls {
    fn clips(&self) -> usize {
        self.results.iter().filter(|result| result.is_ok()).count()
    }
}

/// Runs a batch of `count` clips. The server gets the time, the index of the clip and the request.
fn run(
    count: usize,
    variables: &[(&'static str, &str)],
    mut server: impl FnMut(Duration, usize, &Request) -> Exchange,
) -> Calls {
    let settings = Settings::from_variables(variables.iter().copied()).unwrap();
    let started = Timestamp::parse(STARTED).unwrap();
    let request = window("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
    let requests = (0..count).map(|_| Ok(request.clone()));
    drive(Batch::new(&settings, requests, started), &mut server)
}

/// A request that is in flight.
struct Coming {
    index: usize,
    at: Duration,
    attempt_deadline: Duration,
    outcome: Result<Response, TransportError>,
}

/// Drives a batch as `mv-clip-guest` does.
pub(crate) fn drive(mut batch: Batch<'_>, world: &mut impl World) -> Calls {
    let (mut sent, mut wakes) = (Vec::new(), 0);
    let (mut now, mut late) = (Duration::ZERO, Duration::ZERO);
    let mut coming: Vec<Coming> = Vec::new();
    loop {
        let next_reply = coming
            .iter()
            .map(|one| one.at.min(one.attempt_deadline))
            .min();
        let until = match batch.resume(now) {
            Step::Send(index, request) => {
                assert!(sent.len() < 10_000, "endless requests");
                let Exchange { takes, outcome } = world.answer(now, index, &request);
                let redirected = !request.url.expose().contains("startTimestamp");
                sent.push(Sent {
                    at: now,
                    index,
                    redirected,
                });
                coming.push(Coming {
                    index,
                    at: now.saturating_add(takes),
                    attempt_deadline: request.attempt_deadline,
                    outcome,
                });
                continue;
            }
            Step::Wait(until) => {
                assert!(until > now, "endless waits");
                next_reply.unwrap_or(until).min(until)
            }
            Step::Await => next_reply.expect("a reply to await"),
            Step::Done(results) => {
                assert!(coming.is_empty(), "unawaited replies");
                return Calls {
                    results,
                    sent,
                    took: now,
                    late,
                };
            }
        };
        wakes += 1;
        assert!(wakes < 50_000, "endless waits");
        late = world.late();
        now = until + late;
        for one in std::mem::take(&mut coming) {
            // Past its deadline a request times out, even if the response arrived before.
            let outcome = if now >= one.attempt_deadline {
                Err(TransportError::TimedOut)
            } else if now >= one.at {
                one.outcome
            } else {
                coming.push(one);
                continue;
            };
            world.back(now, late, one.index, &outcome);
            batch.receive(one.index, now, outcome, || world.random());
        }
    }
}

fn after(ms: u64, exchange: Exchange) -> Exchange {
    Exchange {
        takes: Duration::from_millis(ms),
        ..exchange
    }
}

#[test]
fn an_empty_batch_is_done() {
    let calls = run(0, &[], |_, _, _| clip());
    assert_eq!((calls.results.len(), calls.took), (0, Duration::ZERO));
}

#[test]
fn requests_are_in_flight_together_and_sends_are_paced() {
    let calls = run(8, &[], |_, _, _| after(1_000, clip()));
    let times: Vec<_> = calls.sent.iter().map(|sent| sent.at.as_millis()).collect();
    assert_eq!(times, [0, 200, 400, 600, 800, 1_000, 1_200, 1_400]);
    assert_eq!(
        (calls.clips(), calls.took),
        (8, Duration::from_millis(2_400))
    );
}

#[test]
fn redirects_are_sent_at_once_and_delay_the_next_request() {
    let calls = run(3, &[], |_, _, request| match request.url.path() {
        "/shard" => clip(),
        _ => redirect("https://n7.meraki.com/shard"),
    });
    let times: Vec<_> = calls.sent.iter().map(|sent| sent.at.as_millis()).collect();
    assert_eq!(times, [0, 100, 400, 500, 800, 900]);
    assert_eq!(calls.clips(), 3);
}

#[test]
fn outcomes_stay_in_the_order_of_the_requests() {
    let calls = run(4, &[], |_, index, _| match index {
        1 => error(404, "x"),
        _ => after(3_000 - 900 * index as u64, clip()),
    });
    let failed: Vec<_> = calls.results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, true, false, false]);
}

#[test]
fn an_invalid_request_fails_at_once() {
    let settings = Settings::from_variables::<&str, &str>([]).unwrap();
    let bad = ClipRequest::parse("x", "", "", None);
    let mut batch = Batch::new(&settings, [bad], Timestamp::parse(STARTED).unwrap());
    let Step::Done(results) = batch.resume(Duration::ZERO) else {
        panic!("the batch is not done");
    };
    assert!(matches!(results.as_slice(), [Err(_)]));
}

#[test]
fn one_429_delays_all() {
    let calls = run(6, &[], |_, index, _| match index {
        0 => after(500, retry_after(429, "10")),
        _ => after(5_000, clip()),
    });
    // Three were sent before the response arrived; the others continue when the first may.
    assert_eq!(calls.sent[2].at, Duration::from_millis(400));
    assert!(
        calls.sent[3..]
            .iter()
            .all(|sent| sent.at >= Duration::from_millis(10_500))
    );
    let again = calls.sent.iter().filter(|sent| sent.index == 0).count();
    assert_eq!((again > 1, calls.clips()), (true, 5));
}

#[test]
fn a_429_past_the_deadline_fails_all_waiting_clips() {
    let calls = run(6, &[], |_, index, _| match index {
        0 => after(500, retry_after(429, "600")),
        _ => after(1_000, clip()),
    });
    assert_eq!(
        (calls.clips(), calls.took),
        (2, Duration::from_millis(1_400))
    );
    for result in &calls.results[3..] {
        let Err(ClipError::Transient(failure)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(
            (failure.kind, failure.attempts),
            (FailureKind::RateLimited, 0)
        );
        assert_eq!(failure.retry_after_seconds, Some(600));
    }
}

#[test]
fn one_deadline_applies_to_all() {
    let variables = [
        ("MV_CLIP_DEADLINE_SECONDS", "2"),
        ("MV_CLIP_REQUESTS_PER_SECOND", "1"),
    ];
    let calls = run(5, &variables, |_, _, _| clip());
    assert_eq!((calls.clips(), calls.took), (2, Duration::from_secs(2)));
    for result in &calls.results[2..] {
        let Err(ClipError::Transient(failure)) = result else {
            panic!("{result:?}")
        };
        assert_eq!((failure.kind, failure.attempts), (FailureKind::TimedOut, 0));
    }
}

#[test]
fn no_clip_is_lost_if_another_client_uses_half_of_the_limit() {
    // The mock's limit: 10/s with a burst of 10; another client uses 5/s of it.
    let mut tokens = VecDeque::from([Duration::ZERO; 10]);
    let mut next_token = Duration::from_millis(200);
    let calls = run(100, &[("MV_CLIP_REQUESTS_PER_SECOND", "8")], |now, _, _| {
        while next_token <= now && tokens.len() < 10 {
            tokens.push_back(next_token);
            next_token += Duration::from_millis(200);
        }
        next_token = next_token.max(now);
        match tokens.pop_front() {
            Some(_) => clip(),
            None => retry_after(429, "1"),
        }
    });
    assert!(calls.sent.len() > 100, "the limit was never met");
    assert_eq!(
        calls.clips(),
        100,
        "{:?}",
        calls.results.iter().find(|r| r.is_err())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_duration_is_the_pace_and_one_latency(
        count in 1_usize..120, rate in 1_u32..=100, latency in 0_u64..5_000,
    ) {
        let rate_setting = rate.to_string();
        let variables =
            [("MV_CLIP_REQUESTS_PER_SECOND", rate_setting.as_str()), ("MV_CLIP_DEADLINE_SECONDS", "600")];
        let calls = run(count, &variables, |_, _, _| after(latency, clip()));
        let ideal = Duration::from_secs(count as u64 - 1) / rate + Duration::from_millis(latency);
        prop_assert_eq!(calls.clips(), count);
        prop_assert!(calls.took <= ideal.mul_f64(1.05) && calls.took >= ideal.mul_f64(0.95));
    }

    #[test]
    fn pace_and_deadline_always_hold(
        count in 1_usize..40, rate in 1_u32..=50, deadline in 1_u64..60,
        exchanges in prop::collection::vec(crate::properties::exchange(), 60),
    ) {
        let (rate_setting, deadline_setting) = (rate.to_string(), deadline.to_string());
        let variables = [
            ("MV_CLIP_REQUESTS_PER_SECOND", rate_setting.as_str()),
            ("MV_CLIP_DEADLINE_SECONDS", deadline_setting.as_str()),
        ];
        let mut exchanges = exchanges.into_iter().cycle();
        let calls = run(count, &variables, |_, _, _| exchanges.next().unwrap());
        prop_assert_eq!(calls.results.len(), count);
        prop_assert!(calls.took <= Duration::from_secs(deadline));
        let interval = Duration::from_secs(1) / rate;
        let attempts: Vec<_> = calls.sent.iter().filter(|sent| !sent.redirected).collect();
        for pair in attempts.windows(2) {
            prop_assert!(pair[1].at - pair[0].at >= interval);
        }
    }
}
