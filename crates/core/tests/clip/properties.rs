//! Properties that hold for any behavior of the server.

use std::time::Duration;

use mv_clip_core::transport::TransportError;
use proptest::prelude::*;

use crate::simulation::*;

/// The API key, at the position where a message is cut.
const ECHO: &str = r#"{"errors":["                                                                                                         k3y-0f-s0mebody"]}"#;

/// Bodies of a 2xx response.
pub(crate) const BODIES: &[&str] = &[
    "",
    "<html>",
    "{}",
    r#"{"url":"https://h/x"}"#,
    r#"{"url":"http://h/x"}"#,
    r#"{"errors":["No video for specified timestamp"]}"#,
    r#"{"errors":["API rate limit exceeded for organization"]}"#,
    ECHO,
];

/// Targets of redirects, allowed and not.
pub(crate) const LOCATIONS: &[&str] = &[
    "/x",
    "https://n1.meraki.com/x",
    "https://meraki.ca/x",
    "https://api.meraki.cn/x",
    "https://API.Meraki.In/x",
    "https://n1.gov-meraki.com/x",
    "https://evil.com/x",
    "https://meraki.com.evil.com/x",
    "https://evilmeraki.com/x",
    "https://not-gov-meraki.com/x",
    "https://api.gov-meraki.com:8443/x",
    "http://api.meraki.com/x",
    "//evil.com",
    "https://n1.meraki.com@evil.com/x",
    "https://k3y-0f-s0mebody.evil.com/x",
    "?",
    "\u{0}",
];

pub(crate) fn exchange() -> impl Strategy<Value = Exchange> {
    let status = prop_oneof![
        4 => prop::sample::select(vec![200_u16, 302, 400, 408, 429, 500, 503, 504]),
        1 => 100_u16..600,
    ];
    let body = prop::sample::select(BODIES);
    let location = prop::option::of(prop::sample::select(LOCATIONS));
    let wait = prop::option::of(prop_oneof![
        (0_u32..200).prop_map(|seconds| seconds.to_string()),
        prop::sample::select(vec![
            "soon".to_owned(),
            "99999999999999".to_owned(),
            "Thu, 12 Mar 2026 15:00:30 GMT".to_owned(),
        ]),
    ]);
    let answered = (status, body, location, wait).prop_map(|(status, body, location, wait)| {
        let mut exchange = reply(status, body);
        let reply = exchange.outcome.as_mut().unwrap();
        reply.location = location.map(str::to_owned);
        reply.retry_after = wait;
        reply.request_id = Some(format!("{}{KEY}", " ".repeat(usize::from(status % 140))));
        exchange
    });
    let failed = prop::sample::select(vec![
        TransportError::Connection("refused"),
        TransportError::Certificate,
        TransportError::TimedOut,
        TransportError::Denied,
        TransportError::TooLarge,
    ]);
    let exchange = prop_oneof![
        8 => answered,
        2 => failed.prop_map(fault),
        1 => Just(silence()),
    ];
    // Most responses arrive quickly, as real ones do.
    let takes = prop_oneof![3 => 0_u64..300, 1 => 0_u64..40_000];
    (exchange, takes).prop_map(|(exchange, ms)| match exchange.takes {
        Duration::MAX => exchange,
        _ => Exchange {
            takes: Duration::from_millis(ms),
            ..exchange
        },
    })
}

prop_compose! {
    fn simulation()(
        deadline in prop_oneof![1_u64..5, 1_u64..300],
        timeout in 1_u64..100,
        attempts in 1_u32..=10,
        rate in prop_oneof![1_u32..5, 1_u32..=100],
        lag in 0_u32..200,
        ahead_ms in 0_u64..400_000,
        random: u64,
    ) -> (Simulation, u32, u64, u32) {
        let simulation = Simulation::new()
            .set("MV_CLIP_DEADLINE_SECONDS", &deadline.to_string())
            .set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", &timeout.to_string())
            .set("MV_CLIP_MAX_ATTEMPTS", &attempts.to_string())
            .set("MV_CLIP_REQUESTS_PER_SECOND", &rate.to_string())
            .set("MV_CLIP_LAG_SECONDS", &lag.to_string())
            .random(random);
        let mut simulation = simulation.started("2026-03-12T14:30:00Z");
        simulation.started = simulation.started + Duration::from_millis(ahead_ms);
        (simulation, attempts, deadline, rate)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_call_keeps_its_limits(
        (simulation, attempts, deadline, rate) in simulation(),
        exchanges in prop::collection::vec(exchange(), 60),
    ) {
        let mut exchanges = exchanges.into_iter().cycle();
        let call = simulation.run_against(|_| exchanges.next().unwrap());
        let deadline = Duration::from_secs(deadline);

        prop_assert!(call.took <= deadline, "{:?} of {deadline:?}", call.took);
        for (at, request) in &call.sent {
            prop_assert!(*at < deadline && request.attempt_deadline <= deadline);
        }

        // An attempt is a request and at most three redirects.
        prop_assert!(call.sent.len() <= usize::try_from(attempts).unwrap() * 4);
        if let Err(error) = &call.result {
            let failure = error.failure();
            prop_assert!(failure.attempts <= attempts);
            prop_assert!(failure.attempts > 0 || call.sent.is_empty());
            prop_assert!(!format!("{failure:?}").contains("k3y"), "{failure:?}");
            prop_assert!(failure.retry_after_seconds != Some(0));
        }

        for (_, request) in &call.sent {
            prop_assert!(request.url.is_meraki(), "{:?}", request.url);
        }

        let interval = Duration::from_secs(1) / rate;
        let first = call.sent.first().map(|(_, request)| request.url.clone());
        let attempts = call.sent.iter().filter(|(_, request)| Some(&request.url) == first.as_ref());
        let attempts: Vec<_> = attempts.map(|(at, _)| *at).collect();
        for pair in attempts.windows(2) {
            prop_assert!(pair[1] - pair[0] >= interval, "{attempts:?}");
        }
    }

    #[test]
    fn a_failure_with_zero_attempts_has_sent_no_request((simulation, ..) in simulation()) {
        let call = simulation.run_against(|_| silence());
        if call.result.as_ref().is_err_and(|error| error.failure().attempts == 0) {
            prop_assert!(call.sent.is_empty() && call.took.is_zero());
        }
    }
}
