//! The requests that the rate limiter applies to.

use std::num::NonZeroU32;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use mv_clip_host::outbound::Outbound;
use mv_clip_host::{RateLimit, RateLimiter, Timeouts};
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, WasiBody};

use super::server::Server;
use super::{allowing, in_time, request};
use crate::simulated::{STEP, Simulated};

const SECOND: Duration = Duration::from_secs(1);

/// One request per second, with a connect timeout of a tenth of that.
fn slow(destination: String) -> Outbound {
    let one = NonZeroU32::MIN;
    let limit = RateLimit {
        per_second: one,
        burst: one,
    };
    let timeouts = Timeouts::default()
        .connect(SECOND / 10)
        .first_byte(SECOND / 2);
    let outbound = allowing(&[destination]).timeouts(timeouts);
    outbound
        .rate_limiter(RateLimiter::new(limit))
        .build()
        .unwrap()
}

fn with_key(uri: &str) -> Request<WasiBody> {
    let mut request = request(uri);
    let key = HeaderValue::from_static("Bearer key");
    request.headers_mut().insert(AUTHORIZATION, key);
    request
}

#[tokio::test]
async fn requests_to_the_api_wait_and_timeouts_exclude_the_wait() {
    let _time = Simulated::time();
    let server = Server::well_behaved().await;
    let outbound = slow(server.origin());
    let started = Instant::now();
    for _ in 0..2 {
        let response = in_time(outbound.send(with_key(&server.origin()), None)).await;
        assert_eq!(response.unwrap().status(), 200);
    }
    let took = started.elapsed();
    let least = SECOND - STEP;
    assert!((least..least + 20 * STEP).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_denied_request_does_not_count() {
    let _time = Simulated::time();
    let server = Server::well_behaved().await;
    let outbound = slow(server.origin());
    let started = Instant::now();
    for _ in 0..10 {
        let denied = in_time(outbound.send(with_key("https://api.meraki.com"), None)).await;
        assert!(
            matches!(denied, Err(Error::HttpRequestDenied)),
            "{denied:?}"
        );
    }
    in_time(outbound.send(with_key(&server.origin()), None))
        .await
        .unwrap();
    assert!(started.elapsed() < SECOND);
}
