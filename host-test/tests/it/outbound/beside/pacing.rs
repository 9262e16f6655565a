//! The rate limiter.

use std::num::NonZeroU32;

use http::{HeaderValue, Method};
use mv_clip_host::outbound::Outbound;
use mv_clip_host::{RateLimit, RateLimiter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{AT_ONCE, Call, SECOND, with_body};
use crate::outbound::server::{OK, Server, read_head};
use crate::outbound::{allowing, request};
use crate::simulated::Simulated;

/// Whatever the guest sends to the API, it cannot bypass the limiter.
#[tokio::test]
async fn every_request_to_the_api_is_paced_and_other_calls_take_turns() {
    let _time = Simulated::time();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream| {
        let arrived = arrived.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                arrived.send(head).unwrap();
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
            let _ = stream.read(&mut []).await;
        }
    })
    .await;
    let one = NonZeroU32::MIN;
    let limiter = RateLimiter::new(RateLimit {
        per_second: one,
        burst: one,
    });
    let outbound = allowing(&[server.origin()]).rate_limiter(limiter);
    let outbound = outbound.build().unwrap();
    let origin = server.origin();
    let mut hostile = Call::new(&outbound);
    let mut held = JoinSet::new();
    for index in 0..300 {
        let uri = format!("{origin}/clip{index}?x#y");
        let method = [
            Method::GET,
            Method::HEAD,
            Method::DELETE,
            Method::OPTIONS,
            Method::PUT,
        ];
        held.spawn(hostile.send(with_body(method[index % 5].clone(), &uri, "")));
    }
    sleep(5 * SECOND).await;
    let before = std::iter::from_fn(|| arrivals.try_recv().ok()).count();
    assert!((5..=6).contains(&before), "{before}");
    // One second for at most one request of the other call, and one for its own.
    let started = Instant::now();
    let reply = Call::new(&outbound).send(request(&origin)).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert!(started.elapsed() <= 2 * SECOND + AT_ONCE);
}

#[tokio::test]
async fn requests_to_other_origins_than_the_api_are_not_paced() {
    let _time = Simulated::time();
    let (api, media) = (Server::well_behaved().await, Server::well_behaved().await);
    let one = NonZeroU32::MIN;
    let limiter = RateLimiter::new(RateLimit {
        per_second: one,
        burst: one,
    });
    let policy = mv_clip_host::Policy::new([api.origin().parse().unwrap()])
        .allow([media.origin().parse().unwrap()]);
    let outbound = Outbound::builder().policy(policy).rate_limiter(limiter);
    let outbound = outbound.build().unwrap();
    let started = Instant::now();
    for _ in 0..10 {
        let mut call = Call::new(&outbound);
        let mut keyed = request(&media.origin());
        let field = HeaderValue::from_static("Bearer x");
        keyed.headers_mut().insert("authorization", field);
        assert_eq!(call.send(keyed).await.unwrap().status(), 200);
    }
    assert!(started.elapsed() < SECOND);
}
