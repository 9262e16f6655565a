//! One rate limit for all calls of an organisation, end to end.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use meraki_mock::{Camera, MockConfig};
use mv_clip_host::{
    CallError, ClipHost, ClipRequest, ClipUrl, FailureKind, RateLimit, RateLimiter,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::simulated::Simulated;
use crate::support::{SERIAL, World, ending, footage, transient};
use crate::transfer::bucket::Bucket;

/// Gets a clip with each of these hosts, concurrently.
async fn get_all(
    world: &World,
    hosts: impl IntoIterator<Item = ClipHost>,
) -> Vec<Result<ClipUrl, CallError>> {
    let mut calls = JoinSet::new();
    for host in hosts {
        let (settings, footage) = (world.settings().clone(), footage(SERIAL));
        calls.spawn(async move {
            let (start, end) = (&footage.start, &footage.end);
            host.get_clip(&settings, SERIAL, start, end).await
        });
    }
    calls.join_all().await
}

/// Every call got its clip, and no request got a 429.
fn assert_not_limited(world: &World, results: &[Result<ClipUrl, CallError>]) {
    let failed = results.iter().find(|result| result.is_err());
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(world.statuses(), vec![Some(200); results.len()]);
}

fn one_per_second() -> RateLimiter {
    let one = NonZeroU32::MIN;
    RateLimiter::new(RateLimit {
        per_second: one,
        burst: one,
    })
}

/// When each request reached the mock, relative to the first one.
fn arrivals(world: &World) -> Vec<Duration> {
    let requests = world.mock.requests();
    let first = requests[0].at;
    requests.iter().map(|request| request.at - first).collect()
}

/// How late a request may be in simulated time: timers have a step, and a request takes some steps itself.
const TOLERANCE: Duration = Duration::from_millis(20);

/// The first `burst` requests came at once. Each later one came `min_interval` after the previous one.
#[track_caller]
fn assert_paced(arrivals: &[Duration], burst: u32, min_interval: Duration) {
    for (request, at) in (1..).zip(arrivals) {
        let due = min_interval * u32::saturating_sub(request, burst);
        // The first one may have been late itself.
        let allowed = due.saturating_sub(TOLERANCE)..due + TOLERANCE;
        assert!(allowed.contains(at), "request {request}: {arrivals:?}");
    }
}

/// A fifth of the default burst of 10 stays unused. Then the rate is 10 requests per second.
#[track_caller]
fn assert_default_pace(arrivals: &[Duration]) {
    assert_paced(arrivals, 8, Duration::from_millis(100));
}

#[tokio::test]
async fn a_hundred_concurrent_calls_get_no_429() {
    let _time = Simulated::time();
    let world = World::new().await;
    let host = world.limited(&RateLimiter::new(RateLimit::default()));
    let results = get_all(&world, vec![host; 100]).await;
    assert_not_limited(&world, &results);
    assert_default_pace(&arrivals(&world));
}

/// The control for the other tests: without a limiter there are 429s.
#[tokio::test]
async fn without_a_limiter_calls_exhaust_the_shared_limit() {
    let _time = Simulated::time();
    let world = World::new().await.set("MV_CLIP_MAX_ATTEMPTS", "1");
    let results = get_all(&world, vec![world.host.clone(); 60]).await;
    let refused = results.into_iter().filter(Result::is_err);
    for result in refused {
        transient(result, FailureKind::RateLimited);
    }
    assert!(world.statuses().contains(&Some(429)));
}

#[tokio::test]
async fn hosts_with_a_shared_limiter_keep_one_limit() {
    let _time = Simulated::time();
    let world = World::new().await;
    let limiter = RateLimiter::new(RateLimit::default());
    let hosts = [(); 2].map(|()| world.limited(&limiter));
    let results = get_all(&world, hosts.iter().cycle().take(40).cloned()).await;
    assert_not_limited(&world, &results);
    assert_default_pace(&arrivals(&world));
}

/// The limiter is fair: a call with many requests does not delay another call.
#[tokio::test]
async fn a_call_with_many_requests_does_not_starve_another() {
    let _time = Simulated::time();
    let other = "Q2MV-MOCK-0002";
    let config = MockConfig::default().cameras([SERIAL, other].map(Camera::new).into());
    let world = World::with(config).await;
    let world = world.set("MV_CLIP_REQUESTS_PER_SECOND", "100");
    let host = world.limited(&RateLimiter::new(RateLimit::default()));
    let end = Utc::now() - TimeDelta::hours(1);
    let day = ClipRequest {
        start: (end - TimeDelta::hours(24)).to_rfc3339(),
        ..ending(SERIAL, end)
    };
    let (greedy, settings) = (host.clone(), world.settings().clone());
    let greedy = tokio::spawn(async move { greedy.get_range(&settings, &day).await });
    // Now many requests wait for the limiter.
    while world.mock.requests().len() < 16 {
        sleep(Duration::from_millis(10)).await;
    }
    let before = world.mock.requests().len();
    host.request_clip(world.settings(), &footage(other))
        .await
        .unwrap();
    let requests = world.mock.requests();
    let place = requests
        .iter()
        .position(|request| request.path.contains(other));
    let overtaken_by = place.unwrap() - before;
    eprintln!("{overtaken_by} requests of the greedy call came first");
    assert!(overtaken_by <= 2, "{overtaken_by}");
    assert!(!greedy.is_finished());
    greedy.abort();
}

#[tokio::test]
async fn organisations_do_not_slow_each_other_down() {
    let _time = Simulated::time();
    let (one, other) = (World::new().await, World::new().await);
    let limited = |world: &World| vec![world.limited(&RateLimiter::new(RateLimit::default())); 30];
    let (ones, others) = tokio::join!(
        get_all(&one, limited(&one)),
        get_all(&other, limited(&other))
    );
    assert_not_limited(&one, &ones);
    assert_not_limited(&other, &others);
    assert_default_pace(&arrivals(&one));
    assert_default_pace(&arrivals(&other));
}

#[tokio::test]
async fn a_cancelled_call_does_not_count() {
    let _time = Simulated::time();
    let world = World::new().await;
    let host = world.limited(&one_per_second());
    let patient = get_all(&world, vec![host.clone(); 3]);
    let hurried = async {
        sleep(Duration::from_millis(300)).await;
        let settings = world.settings().clone().deadline(Duration::from_secs(1));
        host.request_clip(&settings, &footage(SERIAL)).await
    };
    let late = async {
        sleep(Duration::from_millis(600)).await;
        get_all(&world, [host.clone()]).await
    };
    let (patient, hurried, late) = tokio::join!(patient, hurried, late);
    let failure = transient(hurried, FailureKind::TimedOut);
    assert_eq!(failure.status, None);
    let results: Vec<_> = patient.into_iter().chain(late).collect();
    assert_not_limited(&world, &results);
    // The cancelled call left no gap between the other four.
    assert_paced(&arrivals(&world), 1, Duration::from_secs(1));
}

/// The mock serves its clips on the origin of its API, where every request counts.
#[tokio::test]
async fn destinations_are_not_rate_limited() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = World::new().await.also(&bucket.origin());
    let host = world.limited(&one_per_second());
    let started = Instant::now();
    let saved = host
        .save_clip(world.settings(), &footage(SERIAL), &bucket.url())
        .await;
    let took = started.elapsed();
    assert_eq!(saved.unwrap().bytes, bucket.puts()[0].body.len() as u64);
    // Of the three requests, the first two count. Otherwise it would take two seconds.
    assert!(took < Duration::from_millis(1_950), "{took:?}");
}
