//! A whole call for one clip, with a server that may send any response.

use std::time::Duration;

use arbitrary::Arbitrary;
use mv_clip_core::fetch::{Fetch, Step};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transport::TransportError;

use crate::browser::{assert_safe, browser, may_have_key};
use crate::message::{KEY, TOKEN, assert_printable};
use crate::server::Exchange;

/// A call.
#[derive(Arbitrary, Debug)]
pub struct Call {
    is_meraki: bool,
    attempts: u8,
    deadline: u8,
    timeout: u8,
    lag: u8,
    random: u64,
    /// The server's responses, in a cycle.
    exchanges: Vec<Exchange>,
}

/// Checks that a call keeps its limits and does not print secrets.
pub fn check(call: Call) {
    let leaks_token = |exchange: &Exchange| exchange.outcome.leaks_token();
    if call.exchanges.iter().any(leaks_token) {
        return;
    }
    let base = match call.is_meraki {
        true => "https://api.meraki.com/api/v1",
        false => "http://127.0.0.1:8080/api/v1",
    };
    let attempts = u32::from(call.attempts) % 10 + 1;
    let deadline = u64::from(call.deadline) + 1;
    let variables = [
        ("MERAKI_DASHBOARD_API_KEY", KEY.to_owned()),
        ("MERAKI_BASE_URL", base.to_owned()),
        ("MV_CLIP_MAX_ATTEMPTS", attempts.to_string()),
        ("MV_CLIP_DEADLINE_SECONDS", deadline.to_string()),
        (
            "MV_CLIP_ATTEMPT_TIMEOUT_SECONDS",
            (u64::from(call.timeout) + 1).to_string(),
        ),
        ("MV_CLIP_LAG_SECONDS", call.lag.to_string()),
    ];
    let settings = Settings::from_variables(variables).unwrap();
    let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
    let request = ClipRequest::parse("Q2XX-ABCD-1234", start, end, None).unwrap();
    let started = Timestamp::parse("2026-03-12T14:33:00Z").unwrap();
    let mut exchanges = call.exchanges.iter().cycle();

    let mut fetch = match Fetch::new(&settings, request, started) {
        Ok(fetch) => fetch,
        Err(error) => return assert_printable(&error.failure().message),
    };
    let deadline = Duration::from_secs(deadline);
    let (mut now, mut sent) = (Duration::ZERO, 0);
    let mut step = fetch.resume(now);
    loop {
        step = match step {
            Step::Wait(until) => {
                assert!(until < deadline);
                now = now.max(until);
                fetch.resume(now)
            }
            Step::Send(request) => {
                sent += 1;
                assert!(now < request.attempt_deadline && request.attempt_deadline <= deadline);
                assert_safe(request.url.expose());
                assert!(may_have_key(&browser(base), &browser(request.url.expose())));
                let exchange = exchanges.next();
                let takes = exchange.map_or(0, |exchange| u64::from(exchange.takes) * 50);
                let response = exchange.and_then(|exchange| exchange.outcome.response());
                let at = now + Duration::from_millis(takes);
                let outcome = match response {
                    Some(outcome) if at < request.attempt_deadline => {
                        now = at;
                        outcome
                    }
                    _ => {
                        now = request.attempt_deadline;
                        Err(TransportError::TimedOut)
                    }
                };
                fetch.receive(now, outcome, || call.random)
            }
            Step::Done(Ok(clip)) => {
                assert_safe(clip.url.expose());
                let printed = format!("{clip:?}");
                assert!(!printed.contains(KEY) && !printed.contains(TOKEN));
                return;
            }
            Step::Done(Err(error)) => {
                let failure = error.failure();
                assert_printable(&failure.message);
                let printed = format!("{failure:?}");
                assert!(!printed.contains(KEY) && !printed.contains(TOKEN));
                assert!(failure.attempts <= attempts);
                assert_ne!(failure.retry_after_seconds, Some(0));
                assert!(now <= deadline);
                // An attempt is a request and at most three redirects.
                assert!(sent <= attempts * 4);
                return;
            }
        };
    }
}
