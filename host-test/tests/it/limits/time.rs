//! Wall time and the queue for instances. Time is paused, so that real computation takes no simulated time.

use std::num::NonZeroU32;
use std::time::Duration;

use mv_clip_host::{CallError, ClipHost, Limits, Phase, Settings};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;

use super::{call, host, watched};
use crate::guest;
use crate::simulated::{Stopped, at_once};

const WALL_TIME: Duration = Duration::from_secs(180);

/// The resolution of tokio's timers.
const TICK: Duration = Duration::from_millis(1);

const ONE_AT_A_TIME: NonZeroU32 = NonZeroU32::MIN;

fn with_wall_time(guest: &[u8], concurrent_calls: NonZeroU32) -> ClipHost {
    let limits = Limits::default()
        .wall_time(WALL_TIME)
        .concurrent_calls(concurrent_calls);
    host(guest, limits)
}

#[track_caller]
fn out_of_time<T>(result: Result<T, CallError>) -> Phase {
    match result.map(drop) {
        Err(CallError::WallTime { phase, .. }) => phase,
        other => panic!("not out of time: {other:?}"),
    }
}

/// Starts a call. It runs, or waits in the queue, when this returns.
async fn started(host: &ClipHost, order: &'static str) -> JoinHandle<Result<String, CallError>> {
    let host = host.clone();
    let calling = tokio::spawn(async move { call(&host, order).await });
    yield_now().await;
    calling
}

/// Runs a guest until its wall time is over, while other calls start and finish.
async fn runs_out_of_time(order: &'static str) {
    let _time = Stopped::now();
    let host = with_wall_time(&guest::by_serial(), Limits::default().concurrent_calls);
    let lasting = started(&host, order).await;
    for _ in 0..5 {
        assert_eq!(call(&host, "quiet").await.unwrap(), "u");
        yield_now().await;
    }
    advance(WALL_TIME - TICK).await;
    for _ in 0..5 {
        yield_now().await;
    }
    assert!(!lasting.is_finished(), "stopped too early");
    advance(2 * TICK).await;
    assert_eq!(out_of_time(at_once(lasting).await.unwrap()), Phase::Running);
    assert_eq!(call(&host, "quiet").await.unwrap(), "u");
}

/// On one thread, so that the guest blocks everything else.
#[test]
fn a_guest_that_loops_forever_is_stopped_and_blocks_no_other_call() {
    watched(1, runs_out_of_time("spin"));
}

#[test]
fn a_guest_that_waits_forever_is_stopped_and_blocks_no_other_call() {
    watched(1, runs_out_of_time("wait"));
}

/// On one thread, which each of them keeps for as long as it may.
#[test]
fn many_guests_that_loop_forever_block_no_other_call() {
    watched(1, async {
        let _time = Stopped::now();
        let host = with_wall_time(&guest::by_serial(), Limits::default().concurrent_calls);
        let mut hostile = Vec::new();
        for _ in 0..20 {
            hostile.push(started(&host, "spin").await);
        }
        for _ in 0..3 {
            assert_eq!(call(&host, "quiet").await.unwrap(), "u");
        }
        assert!(!hostile.iter().any(JoinHandle::is_finished));
        advance(WALL_TIME + TICK).await;
        for spinning in hostile {
            let ended = at_once(spinning).await.unwrap();
            assert_eq!(out_of_time(ended), Phase::Running);
        }
    });
}

/// A host's calls wait in turn, those of its tenants too.
#[test]
fn a_guest_that_loops_forever_leaves_its_slot_to_the_call_that_waits_longest() {
    watched(1, async {
        let _time = Stopped::now();
        let host = with_wall_time(&guest::by_serial(), ONE_AT_A_TIME);
        let hostile = host.tenant().build().unwrap();
        let mut spinning = vec![started(&hostile, "spin").await];
        advance(WALL_TIME / 2).await;
        let other = started(&host, "answer").await;
        for _ in 0..20 {
            spinning.push(started(&hostile, "spin").await);
        }
        assert!(!other.is_finished());
        advance(WALL_TIME / 2 + TICK).await;
        assert_eq!(at_once(other).await.unwrap().unwrap(), "u");
        advance(WALL_TIME).await;
        for spinning in spinning {
            out_of_time(at_once(spinning).await.unwrap());
        }
    });
}

#[test]
fn a_guest_that_never_starts_is_stopped() {
    watched(1, async {
        let _time = Stopped::now();
        let host = with_wall_time(&guest::never_starts(), ONE_AT_A_TIME);
        let settings = Settings::default();
        let end = advance(WALL_TIME + TICK);
        let (result, ()) = at_once(async { tokio::join!(host.instance(&settings), end) }).await;
        assert_eq!(out_of_time(result), Phase::Starting);
    });
}

#[test]
fn calls_above_the_limit_wait() {
    watched(1, async {
        let _time = Stopped::now();
        let host = with_wall_time(&guest::by_serial(), ONE_AT_A_TIME);
        let first = host.instance(&Settings::default()).await.unwrap();
        let second = started(&host, "answer").await;
        yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(at_once(second).await.unwrap().unwrap(), "u");
    });
}

#[test]
fn time_in_the_queue_counts_towards_the_wall_time() {
    watched(1, async {
        let _time = Stopped::now();
        let host = with_wall_time(&guest::by_serial(), ONE_AT_A_TIME);
        let first = host.instance(&Settings::default()).await.unwrap();
        let second = started(&host, "answer").await;
        advance(WALL_TIME + TICK).await;
        assert_eq!(out_of_time(at_once(second).await.unwrap()), Phase::Waiting);
        // The call that timed out takes no slot.
        drop(first);
        assert_eq!(call(&host, "answer").await.unwrap(), "u");
    });
}

#[test]
fn time_in_the_queue_does_not_extend_the_wall_time() {
    watched(1, async {
        let _time = Stopped::now();
        let host = with_wall_time(&guest::by_serial(), ONE_AT_A_TIME);
        let first = host.instance(&Settings::default()).await.unwrap();
        let second = started(&host, "spin").await;
        let waited = WALL_TIME * 3 / 4;
        advance(waited).await;
        drop(first);
        for _ in 0..5 {
            yield_now().await;
        }
        advance(WALL_TIME + TICK - waited).await;
        assert_eq!(out_of_time(at_once(second).await.unwrap()), Phase::Running);
    });
}

#[test]
fn the_wall_time_starts_with_the_instance() {
    watched(1, async {
        let _time = Stopped::now();
        let host = with_wall_time(&guest::by_serial(), ONE_AT_A_TIME);
        let mut instance = host.instance(&Settings::default()).await.unwrap();
        // The time that the caller takes counts too.
        advance(WALL_TIME + TICK).await;
        let result = at_once(instance.get_clip("spin", "", "")).await;
        assert_eq!(out_of_time(result), Phase::Running);
    });
}
