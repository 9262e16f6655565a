//! The limits of a call, whatever the guest does.

mod enough;
mod hostile;
mod process;
mod requests;
mod size;
mod time;

use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use mv_clip_host::{CallError, ClipHost, Limit, Limits, Policy, Settings};
use tokio::runtime;

use crate::guest;
use crate::support::try_load;

fn host(guest: &[u8], limits: Limits) -> ClipHost {
    try_load(guest, Policy::default(), limits).unwrap()
}

async fn call(host: &ClipHost, order: &str) -> Result<String, CallError> {
    call_with(host, order, "").await
}

async fn call_with(host: &ClipHost, order: &str, start: &str) -> Result<String, CallError> {
    call_to(host, order, start, "").await
}

async fn call_to(
    host: &ClipHost,
    order: &str,
    start: &str,
    end: &str,
) -> Result<String, CallError> {
    let url = host
        .get_clip(&Settings::default(), order, start, end)
        .await?;
    Ok(url.expose().to_owned())
}

/// Much longer than any test here takes, even on a busy machine.
pub const LONG: Duration = Duration::from_secs(300);

/// Runs a test with this number of threads for its guests. The timeout is on another thread, because a guest that
/// blocks the runtime also blocks its timers.
pub fn watched(threads: usize, test: impl Future<Output = ()> + Send + 'static) {
    let (done, end) = mpsc::channel();
    let running = thread::spawn(move || {
        let mut runtime = match threads {
            1 => runtime::Builder::new_current_thread(),
            _ => runtime::Builder::new_multi_thread(),
        };
        let runtime = runtime.enable_all().worker_threads(threads).build();
        runtime.unwrap().block_on(test);
        done.send(()).unwrap();
    });
    match end.recv_timeout(LONG) {
        Err(RecvTimeoutError::Timeout) => panic!("the test does not end"),
        _ => running
            .join()
            .unwrap_or_else(|failure| resume_unwind(failure)),
    }
}

/// The error of a hostile call. Concurrent calls and a later call must succeed as usual.
async fn hostile(host: &ClipHost, order: &str, start: &str) -> CallError {
    let result = beside(host, [order, start, ""], ["quiet", "", ""], "u").await;
    result.unwrap_err()
}

/// The result of a hostile call. Calls of the `quiet` kind, concurrent ones and a later one, must return `expected`.
async fn beside(
    host: &ClipHost,
    hostile: [&str; 3],
    quiet: [&str; 3],
    expected: &str,
) -> Result<String, CallError> {
    let [order, start, end] = hostile.map(str::to_owned);
    let other = host.clone();
    let ended = tokio::spawn(async move { call_to(&other, &order, &start, &end).await });
    let mut concurrent = 0;
    let [order, start, end] = quiet;
    let result = loop {
        assert_eq!(call_to(host, order, start, end).await.unwrap(), expected);
        // Not a timer: a thread that is busy with a guest rarely polls it.
        tokio::task::yield_now().await;
        if ended.is_finished() {
            break ended.await.unwrap();
        }
        concurrent += 1;
    };
    assert_eq!(call_to(host, order, start, end).await.unwrap(), expected);
    let what = match &result {
        Ok(answer) => format!("{:?} ends with {answer:?}", hostile[0]),
        Err(error) => format!("{:?}: {error}", hostile[0]),
    };
    eprintln!("{what}; {concurrent} calls beside it");
    result
}

#[track_caller]
fn limit(error: CallError) -> (Limit, String) {
    match error {
        CallError::Limit(limit) => (limit, error.to_string()),
        other => panic!("not a limit: {other:?}"),
    }
}

#[tokio::test]
async fn an_instance_is_unusable_after_a_trap_but_the_host_is_not() {
    let host = host(&guest::by_serial(), Limits::default());
    let mut instance = host.instance(&Settings::default()).await.unwrap();
    for order in ["trap", "answer"] {
        let result = instance.get_clip(order, "", "").await;
        assert!(matches!(result, Err(CallError::Trap(_))), "{result:?}");
    }
    assert_eq!(call(&host, "answer").await.unwrap(), "u");
}

#[test]
fn debug_shows_the_limits_of_a_host() {
    let printed = format!("{:?}", host(&guest::by_serial(), Limits::default()));
    assert!(printed.contains("concurrent_calls: 100"), "{printed}");
}

#[test]
fn each_limit_stops_the_call_that_exceeds_it_and_is_named() {
    let headers = (
        Limit::HeaderBytes(16 << 10),
        "16384 bytes of header fields, method or authority (Limits::header_bytes)",
    );
    let hostcall = (
        Limit::HostcallBytes(2 << 20),
        "2097152 bytes in one host call (Limits::hostcall_bytes)",
    );
    let cases = [
        (
            "devour",
            Limit::Memory(16 << 20),
            "16777216 bytes of memory (Limits::memory)",
        ),
        (
            "b",
            Limit::TableElements(4_096),
            "4096 elements in a table (Limits::table_elements)",
        ),
        (
            "lists",
            Limit::Resources(2_048),
            "2048 resources at once (Limits::resources)",
        ),
        ("headers", headers.0, headers.1),
        ("name", headers.0, headers.1),
        ("u", headers.0, headers.1),
        ("memory", hostcall.0, hostcall.1),
        ("vast", hostcall.0, hostcall.1),
    ];
    watched(2, async move {
        for limits in [Limits::default(), Limits::default().compact(true)] {
            let host = host(&guest::by_serial(), limits);
            for (order, expected, words) in cases {
                let (found, message) = limit(hostile(&host, order, "").await);
                assert_eq!(found, expected, "{order}");
                let message =
                    message.strip_prefix("the component was stopped: it needs more than ");
                assert_eq!(message, Some(words));
            }
        }
    });
}

#[test]
fn a_guest_with_endless_recursion_overflows_its_own_stack() {
    watched(2, async {
        let host = host(&guest::by_serial(), Limits::default());
        let error = hostile(&host, "endless", "").await;
        assert!(matches!(error, CallError::Trap(_)), "{error:?}");
        assert!(
            error.to_string().contains("call stack exhausted"),
            "{error}"
        );
    });
}
