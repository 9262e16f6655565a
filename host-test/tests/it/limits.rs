//! What the host allows a call, whatever the guest does.

use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use host_test::{CallError, ClipHost, Limits, Phase, Policy};

use crate::guest;
use crate::support::outbound;

const SHORT: Duration = Duration::from_millis(300);

const ONE_AT_A_TIME: NonZeroU32 = NonZeroU32::MIN;

fn host(guest: &[u8], limits: Limits) -> ClipHost {
    ClipHost::new(guest, outbound(Policy::default()), limits).unwrap()
}

async fn call(host: &ClipHost, order: &str) -> Result<String, CallError> {
    let url = host.get_clip(&[], order, "", "").await?;
    Ok(url.expose().to_owned())
}

#[track_caller]
fn out_of_time<T>(result: Result<T, CallError>) -> Phase {
    match result.map(drop) {
        Err(CallError::WallTime { phase, .. }) => phase,
        other => panic!("not out of time: {other:?}"),
    }
}

/// On one thread, so that the guest computes in the way of everything else.
#[tokio::test(flavor = "current_thread")]
async fn a_guest_that_computes_for_ever_is_stopped_and_holds_nothing_up() {
    let limits = Limits {
        wall_time: Duration::from_secs(2),
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let mut instance = host.instance(&[]).await.unwrap();
    let spinning = tokio::spawn(async move { instance.get_clip("spin", "", "").await });
    tokio::task::yield_now().await;

    assert_eq!(call(&host, "answer").await.unwrap(), "u");
    assert!(!spinning.is_finished());
    assert_eq!(out_of_time(spinning.await.unwrap()), Phase::Running);
}

#[tokio::test(flavor = "current_thread")]
async fn a_guest_that_never_starts_is_stopped() {
    let limits = Limits {
        wall_time: SHORT,
        ..Limits::default()
    };
    let host = host(&guest::never_starts(), limits);
    assert_eq!(out_of_time(host.instance(&[]).await), Phase::Starting);
}

#[tokio::test]
async fn memory_grows_up_to_the_limit_and_no_further() {
    let limits = Limits {
        memory: 1 << 20,
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let mut instance = host.instance(&[]).await.unwrap();
    assert_eq!(instance.memory_growth(), 0);
    instance.get_clip("grow", "", "").await.unwrap();
    let page = 1 << 16;
    assert_eq!(instance.memory_growth(), (1 << 20) - page);
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_for_their_turn() {
    let limits = Limits {
        concurrent_calls: ONE_AT_A_TIME,
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let first = host.instance(&[]).await.unwrap();
    let mut second = pin!(call(&host, "answer"));
    let polled = second
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "{polled:?}");
    drop(first);
    assert_eq!(second.await.unwrap(), "u");
}

#[tokio::test]
async fn waiting_for_a_turn_is_within_the_wall_time() {
    let limits = Limits {
        concurrent_calls: ONE_AT_A_TIME,
        wall_time: SHORT,
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let first = host.instance(&[]).await.unwrap();
    assert_eq!(out_of_time(call(&host, "answer").await), Phase::Waiting);
    // Whoever gave up takes no turn.
    drop(first);
    assert_eq!(call(&host, "answer").await.unwrap(), "u");
}

#[tokio::test]
async fn the_wall_time_of_a_call_that_waited_is_no_longer() {
    let wall_time = Duration::from_secs(2);
    let limits = Limits {
        concurrent_calls: ONE_AT_A_TIME,
        wall_time,
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let first = host.instance(&[]).await.unwrap();
    let busy = wall_time * 3 / 4;
    tokio::spawn(async move {
        tokio::time::sleep(busy).await;
        drop(first);
    });
    let started = Instant::now();
    assert_eq!(out_of_time(call(&host, "spin").await), Phase::Running);
    let took = started.elapsed();
    assert!(took < wall_time + busy, "{took:?}");
}

#[tokio::test]
async fn the_wall_time_counts_from_the_instance() {
    let limits = Limits {
        wall_time: SHORT,
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let mut instance = host.instance(&[]).await.unwrap();
    // The caller's own time is what this is about.
    tokio::time::sleep(SHORT).await;
    let started = Instant::now();
    let result = instance.get_clip("spin", "", "").await;
    assert_eq!(out_of_time(result), Phase::Running);
    assert!(started.elapsed() < SHORT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_instance_that_trapped_is_spent_and_the_host_is_not() {
    let host = host(&guest::obedient(), Limits::default());
    let mut instance = host.instance(&[]).await.unwrap();
    for order in ["trap", "answer"] {
        let result = instance.get_clip(order, "", "").await;
        assert!(matches!(result, Err(CallError::Trap(_))), "{result:?}");
    }
    assert_eq!(call(&host, "answer").await.unwrap(), "u");
}

#[test]
fn debug_says_what_a_host_allows() {
    let printed = format!("{:?}", host(&guest::obedient(), Limits::default()));
    assert!(printed.contains("concurrent_calls: 100"), "{printed}");
}
