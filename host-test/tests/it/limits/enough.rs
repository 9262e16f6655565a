//! The real component needs less than the limits.

use std::num::NonZeroU32;
use std::time::Duration;

use meraki_mock::{Camera, MockConfig};
use mv_clip_host::{ClipRequest, Limits, Policy};

use crate::simulated::Simulated;
use crate::support::{SERIAL, World, component_file, footage, try_load};
use crate::transfer::bucket::Bucket;

/// The figures for untrusted guests in docs/SECURITY.md.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clip_and_a_transfer_need_a_fraction_of_the_limits() {
    let bucket = Bucket::new([]).await;
    let world = World::new().await;
    let limits = Limits::default().requests(8).resources(32);
    let component = std::fs::read(component_file()).unwrap();
    let allowed = [world.origin(), bucket.origin()].map(|origin| origin.parse().unwrap());
    let host = try_load(&component, Policy::new(allowed), limits).unwrap();
    let (settings, footage) = (world.settings(), footage(SERIAL));
    host.request_clip(settings, &footage).await.unwrap();
    let saved = host.save_clip(settings, &footage, &bucket.url()).await;
    assert!(saved.unwrap().bytes > 0);
}

/// The documentation of `Limits`: the largest call, with all its requests in flight, needs little more than half of the
/// default number of resources.
#[tokio::test]
async fn the_largest_range_stays_within_the_limits() {
    let _time = Simulated::time();
    let config = MockConfig::default()
        .rate_limit(None)
        .latency(Duration::from_secs(10));
    let world = World::with(config).await;
    let world = world
        .set("MV_CLIP_REQUESTS_PER_SECOND", "100")
        .set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "60");
    let limits = Limits::default().requests(288).resources(1_200);
    let component = std::fs::read(component_file()).unwrap();
    let policy = Policy::new([world.origin().parse().unwrap()]);
    let host = try_load(&component, policy, limits).unwrap();
    let end = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    let text = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339();
    let day = ClipRequest {
        start: text(end - chrono::TimeDelta::hours(24)),
        end: text(end),
        ..footage(SERIAL)
    };
    let outcomes = host.get_range(world.settings(), &day).await.unwrap();
    assert_eq!(outcomes.len(), 288);
    let failed = outcomes.iter().find(|outcome| outcome.outcome.is_err());
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(
        world.mock.requests().len(),
        288,
        "some requests were retried"
    );
    assert_eq!(world.mock.max_concurrency(), 288);
}

/// The cameras share the few connections that the call gets, and none of the requests is refused.
#[tokio::test]
async fn coverage_of_a_hundred_cameras_works_with_few_sockets() {
    let _time = Simulated::time();
    let serials: Vec<_> = (0..100)
        .map(|index| format!("Q2MV-MOCK-{index:04}"))
        .collect();
    let config = MockConfig::default()
        .cameras(serials.iter().map(Camera::new).collect())
        .rate_limit(None);
    let world = World::with(config).await;
    let world = world.set("MV_CLIP_REQUESTS_PER_SECOND", "100");
    let limits = Limits::batch().sockets(NonZeroU32::new(42).unwrap());
    let component = std::fs::read(component_file()).unwrap();
    let policy = Policy::new([world.origin().parse().unwrap()]);
    let host = try_load(&component, policy, limits).unwrap();
    let at = &footage(SERIAL).start;
    let outcomes = host
        .get_coverage(world.settings(), &serials, at, None)
        .await;
    let failed = outcomes
        .unwrap()
        .into_iter()
        .find(|outcome| outcome.outcome.is_err());
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(
        world.mock.requests().len(),
        100,
        "some requests were retried"
    );
}

/// The table in the documentation of `Limits`.
#[tokio::test]
async fn a_preset_suffices_for_its_functions() {
    let bucket = Bucket::new([]).await;
    let world = World::new().await;
    let component = std::fs::read(component_file()).unwrap();
    let settings = &world.settings().clone().requests_per_second(100);
    let host = |limits| {
        let allowed = [world.origin(), bucket.origin()].map(|origin| origin.parse().unwrap());
        try_load(&component, Policy::new(allowed), limits).unwrap()
    };
    let one = footage(SERIAL);
    for limits in [Limits::one_clip(), Limits::transfer()] {
        let host = host(limits);
        let reply = host.call(settings).request_clip(&one).await;
        eprintln!("one clip: {:?}", reply.report);
        reply.result.unwrap();
        let incident = host.get_incident(settings, SERIAL, &one.start, None, None);
        incident.await.unwrap();
    }
    let reply = host(Limits::transfer())
        .call(settings)
        .save_clip(&one, &bucket.url())
        .await;
    eprintln!("transfer: {:?}", reply.report);
    reply.result.unwrap();
    let hour = chrono::Utc::now() - chrono::TimeDelta::hours(2);
    let hour = ClipRequest {
        start: hour.to_rfc3339(),
        end: (hour + chrono::TimeDelta::hours(1)).to_rfc3339(),
        ..one
    };
    let reply = host(Limits::batch()).call(settings).get_range(&hour).await;
    eprintln!("batch: {:?}", reply.report);
    assert_eq!(reply.result.unwrap().len(), 12);
}
