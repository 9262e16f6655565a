//! The shutdown of a host, end to end: every call gets an answer, and nothing continues to run.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use meraki_mock::MockConfig;
use mv_clip_host::{CallError, Limits, Policy, Settings, Shutdown};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::advance;

use crate::guest;
use crate::limits::watched;
use crate::simulated::{Simulated, Stopped, at_once};
use crate::support::{SERIAL, World, component_file, footage, load, tenant, try_load};
use crate::transfer::bucket::{Act, Bucket};
use crate::transfer::long_clip;

const LONG: Duration = Duration::from_secs(600);

fn outcome(ended: usize, cut: usize, left: usize) -> Shutdown {
    Shutdown { ended, cut, left }
}

#[track_caller]
fn assert_shutting_down<T>(result: Result<T, CallError>) {
    let error = result.map(drop).unwrap_err();
    assert!(matches!(error, CallError::ShuttingDown), "{error:?}");
}

/// A world with its own host, so that a shutdown does not affect other tests.
async fn world(config: MockConfig) -> World {
    let mut world = World::with(config).await;
    let policy = world.host.policy().clone();
    world.host = tenant(load(&component_file()).tenant().policy(policy));
    world
}

#[tokio::test]
async fn a_running_call_finishes_and_later_calls_are_rejected_for_any_policy() {
    let _time = Simulated::time();
    let config = MockConfig::default().latency(Duration::from_secs(1));
    let world = world(config).await;
    let other = tenant(world.host.tenant().policy(Policy::default()));
    let later = async {
        while world.mock.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let done = world.host.shut_down(LONG);
        let late = async {
            assert_shutting_down(world.get().await);
            assert_shutting_down(
                other
                    .request_clip(&Settings::default(), &footage(SERIAL))
                    .await,
            );
        };
        tokio::join!(done, late).0
    };
    let (clip, done) = tokio::join!(world.get(), later);
    clip.unwrap();
    assert_eq!(done, outcome(1, 0, 0));
    assert_eq!(world.mock.requests().len(), 1);
}

#[tokio::test]
async fn a_transfer_past_the_grace_period_is_cancelled_and_not_stored() {
    let _time = Simulated::time();
    let slowly = Act::StoreSlowly(Duration::from_millis(20));
    let bucket = Bucket::new([slowly]).await;
    let config = MockConfig::default().clip(long_clip(400));
    let world = World::with(config).await.also(&bucket.origin());
    let policy = world.host.policy().clone();
    let host = tenant(load(&component_file()).tenant().policy(policy));
    let (request, url) = (footage(SERIAL), bucket.url());
    let saving = host.save_clip(world.settings(), &request, &url);
    let shutting_down = async {
        while bucket.puts().first().is_none_or(|put| put.body.is_empty()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        host.shut_down(Duration::from_millis(50)).await
    };
    let (saved, done) = tokio::join!(saving, shutting_down);
    assert_shutting_down(saved);
    assert_eq!(done, outcome(0, 1, 0));
    // The bucket still reads the data in transit.
    let read = async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        bucket.puts()[0].body.len()
    };
    let mut before = read().await;
    loop {
        let now = read().await;
        if now == before {
            break;
        }
        before = now;
    }
    assert!(!bucket.puts()[0].whole, "{before} bytes");
}

/// On one thread, so that the guest blocks everything else, and with paused time, so that real computation takes no
/// simulated time.
#[test]
fn running_waiting_and_unstarted_calls_all_get_an_answer() {
    let grace = Duration::from_millis(200);
    watched(1, async move {
        let _time = Stopped::now();
        let limits = Limits::default().concurrent_calls(NonZeroU32::new(2).unwrap());
        let host = try_load(&guest::by_serial(), Policy::default(), limits).unwrap();
        let call = |order: &'static str| {
            let host = host.clone();
            tokio::spawn(async move { host.get_clip(&Settings::default(), order, "", "").await })
        };
        let calls = ["spin", "wait", "answer", "spin"].map(call);
        // The first two start, the others wait in the queue.
        yield_now().await;
        let end = async {
            yield_now().await;
            assert!(!calls.iter().take(2).any(JoinHandle::is_finished));
            advance(2 * grace).await;
        };
        let (done, ()) = at_once(async { tokio::join!(host.shut_down(grace), end) }).await;
        assert_eq!(done, outcome(0, 2, 0));
        for call in calls {
            assert_shutting_down(at_once(call).await.unwrap());
        }
    });
    watched(1, async move {
        let _time = Stopped::now();
        let limits = Limits::default();
        let never = guest::never_starts();
        let host = try_load(&never, Policy::default(), limits).unwrap();
        let settings = Settings::default();
        let starting = host.get_clip(&settings, "", "", "");
        let done = async { tokio::join!(starting, host.shut_down(grace), advance(2 * grace)) };
        let (result, done, ()) = at_once(done).await;
        assert_shutting_down(result);
        assert_eq!(done, outcome(0, 1, 0));
    });
}

/// The other shutdown tests have one thread, for simulated time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_on_many_threads_get_one_answer_each() {
    const CALLS: usize = 100;
    let world = world(MockConfig::default().rate_limit(None));
    let world = world.await.set("MV_CLIP_DEADLINE_SECONDS", "600");
    let world = Arc::new(world.set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "600"));
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let world = Arc::clone(&world);
        calls.spawn(async move { world.get().await });
    }
    // Shuts down after the first result.
    let mut results = vec![calls.join_next().await.unwrap().unwrap()];
    let done = world.host.shut_down(LONG).await;
    results.extend(calls.join_all().await);
    assert_eq!(results.len(), CALLS);
    let clips = results.iter().filter(|result| result.is_ok()).count();
    for result in results.into_iter().filter(Result::is_err) {
        assert_shutting_down(result);
    }
    assert_eq!(world.mock.requests().len(), clips);
    assert_eq!(
        (done.cut, done.left),
        (0, 0),
        "no call is cancelled within the grace period"
    );
    assert!(done.ended < clips, "{done:?}: the first call ended before");
}

/// No data is in transit in a socket, so tokio's auto-advance suffices.
#[tokio::test(start_paused = true)]
async fn an_instance_counts_as_running_until_dropped_and_shutdown_does_not_wait_forever() {
    let limits = Limits::default();
    let host = try_load(&guest::by_serial(), Policy::default(), limits).unwrap();
    let mut instance = host.instance(&Settings::default()).await.unwrap();
    let done = host.shut_down(Duration::from_millis(100)).await;
    assert_eq!(done, outcome(0, 0, 1));
    assert_shutting_down(instance.get_clip("answer", "", "").await);
    drop(instance);
    assert_eq!(host.shut_down(LONG).await, outcome(0, 1, 0));
}
