//! Wall time, and turns.

use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use mv_clip_host::{CallError, Limits, Phase};

use super::{call, host, hostile_for, watched};
use crate::guest;

const SHORT: Duration = Duration::from_millis(300);

const ONE_AT_A_TIME: NonZeroU32 = NonZeroU32::MIN;

#[track_caller]
fn out_of_time<T>(result: Result<T, CallError>) -> Phase {
    match result.map(drop) {
        Err(CallError::WallTime { phase, .. }) => phase,
        other => panic!("not out of time: {other:?}"),
    }
}

/// How a guest ends that lasts as long as it may, while others come and go beside it.
async fn lasting(order: &str) {
    let limits = Limits {
        wall_time: Duration::from_secs(2),
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let error = hostile_for(&host, order, "", 5).await;
    assert_eq!(out_of_time(Err::<(), _>(error)), Phase::Running);
}

/// On one thread, so that the guest computes in the way of everything else.
#[test]
fn a_guest_that_computes_for_ever_is_stopped_and_holds_nothing_up() {
    watched(1, lasting("spin"));
}

#[test]
fn a_guest_that_waits_for_ever_is_stopped_and_holds_nothing_up() {
    watched(1, lasting("wait"));
}

#[test]
fn a_guest_that_never_starts_is_stopped() {
    watched(1, async {
        let limits = Limits {
            wall_time: SHORT,
            ..Limits::default()
        };
        let host = host(&guest::never_starts(), limits);
        assert_eq!(out_of_time(host.instance(&[]).await), Phase::Starting);
    });
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
