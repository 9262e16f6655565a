//! What the real component needs, which is less than the limits.

use std::time::Duration;

use meraki_mock::MockConfig;
use mv_clip_host::{ClipHost, ClipRequest, Limits, Policy};

use crate::simulated::Simulated;
use crate::support::{SERIAL, World, component_file, footage, outbound};
use crate::transfer::bucket::Bucket;

/// What docs/SECURITY.md says to those whose guests are strangers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clip_and_a_transfer_stay_within_a_fraction_of_the_limits() {
    let bucket = Bucket::new([]).await;
    let world = World::new().await;
    let limits = Limits {
        requests: 8,
        resources: 32,
        ..Limits::default()
    };
    let component = std::fs::read(component_file()).unwrap();
    let allowed = [world.origin(), bucket.origin()].map(|origin| origin.parse().unwrap());
    let host = ClipHost::new(&component, outbound(Policy::new(allowed)), limits).unwrap();
    let (variables, footage) = (world.variables(), footage(SERIAL));
    host.request_clip(variables, &footage).await.unwrap();
    let saved = host.save_clip(variables, &footage, &bucket.url()).await;
    assert!(saved.unwrap().bytes > 0);
}

/// What `Limits` says of its defaults: the component's largest call, with all of it in flight at once,
/// needs little more than half of the resources.
#[tokio::test]
async fn the_largest_range_stays_within_the_limits() {
    let _time = Simulated::time();
    let config = MockConfig {
        rate_limit: None,
        latency: Duration::from_secs(10),
        ..MockConfig::default()
    };
    let world = World::with(config).await;
    let world = world
        .set("MV_CLIP_REQUESTS_PER_SECOND", "100")
        .set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "60");
    let limits = Limits {
        requests: 288,
        resources: 1_200,
        ..Limits::default()
    };
    let component = std::fs::read(component_file()).unwrap();
    let policy = Policy::new([world.origin().parse().unwrap()]);
    let host = ClipHost::new(&component, outbound(policy), limits).unwrap();
    let end = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    let text = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339();
    let day = ClipRequest {
        start: text(end - chrono::TimeDelta::hours(24)),
        end: text(end),
        ..footage(SERIAL)
    };
    let outcomes = host.get_range(world.variables(), &day).await.unwrap();
    assert_eq!(outcomes.len(), 288);
    let failed = outcomes.iter().find(|outcome| outcome.outcome.is_err());
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(world.mock.requests().len(), 288, "some were tried again");
    assert_eq!(world.mock.most_at_once(), 288);
}
