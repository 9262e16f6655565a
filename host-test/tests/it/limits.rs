//! What the host allows a call, whatever the guest does.

use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use host_test::mock::MockConfig;
use host_test::{CallError, ClipHost, ClipRequest, Limit, Limits, LoadError, Phase, Policy};
use tokio::io::AsyncReadExt;

use crate::guest;
use crate::outbound::server::Server;
use crate::support::{SERIAL, World, component_file, footage, outbound};

const SHORT: Duration = Duration::from_millis(300);

const ONE_AT_A_TIME: NonZeroU32 = NonZeroU32::MIN;

fn host(guest: &[u8], limits: Limits) -> ClipHost {
    ClipHost::new(guest, outbound(Policy::default()), limits).unwrap()
}

async fn call(host: &ClipHost, order: &str) -> Result<String, CallError> {
    call_with(host, order, "").await
}

async fn call_with(host: &ClipHost, order: &str, start: &str) -> Result<String, CallError> {
    let url = host.get_clip(&[], order, start, "").await?;
    Ok(url.expose().to_owned())
}

/// A call of a guest that behaves takes milliseconds. One that takes longer than this, beside one that does
/// not, was held up: a busy machine is not so slow.
const USUAL: Duration = Duration::from_secs(10);

/// How a hostile call ends, while calls beside it, before its end and after it, end as they always do.
async fn hostile(host: &ClipHost, order: &str, start: &str) -> CallError {
    let (other, order, start) = (host.clone(), order.to_owned(), start.to_owned());
    let mut ended = tokio::spawn(async move { call_with(&other, &order, &start).await });
    let mut slowest = Duration::ZERO;
    let mut beside = 0;
    let result = loop {
        let started = Instant::now();
        assert_eq!(call(host, "quiet").await.unwrap(), "u");
        slowest = slowest.max(started.elapsed());
        beside += 1;
        match tokio::time::timeout(Duration::from_millis(1), &mut ended).await {
            Ok(result) => break result.unwrap(),
            Err(_) => assert!(beside < 100_000, "this never ends"),
        }
    };
    assert_eq!(call(host, "quiet").await.unwrap(), "u");
    let error = result.unwrap_err();
    eprintln!("{error}; {beside} calls beside it took {slowest:?} at most");
    assert!(slowest < USUAL, "{slowest:?}");
    error
}

#[track_caller]
fn limit(error: CallError) -> (Limit, String) {
    match error {
        CallError::Limit(limit) => (limit, error.to_string()),
        other => panic!("not a limit: {other:?}"),
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_limit_ends_the_call_that_goes_beyond_it_and_says_which() {
    let host = host(&guest::obedient(), Limits::default());
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
        (
            "headers",
            Limit::Fields(16 << 10),
            "16384 bytes of header fields (Limits::fields)",
        ),
        (
            "memory",
            Limit::Handover(2 << 20),
            "2097152 bytes handed over in one call (Limits::handover)",
        ),
    ];
    for (order, expected, words) in cases {
        let (found, told) = limit(hostile(&host, order, "").await);
        assert_eq!(found, expected, "{order}");
        let told = told.strip_prefix("the component was stopped: it wanted more than ");
        assert_eq!(told, Some(words));
    }
}

/// Each would have a connection of its own, and a place in this server's memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_flight_are_limited_and_end_with_their_call() {
    let server = Server::start(|mut stream| async move {
        // Never answers.
        while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
    })
    .await;
    let most = 20;
    let limits = Limits {
        requests: most,
        ..Limits::default()
    };
    let policy = Policy::new([server.origin().parse().unwrap()]);
    let host = ClipHost::new(&guest::obedient(), outbound(policy), limits).unwrap();
    let (found, told) = limit(hostile(&host, "open", &server.address.to_string()).await);
    assert_eq!(found, Limit::Requests(most));
    assert!(
        told.ends_with("20 requests in flight (Limits::requests)"),
        "{told}"
    );
    assert!(server.accepted() <= most, "{}", server.accepted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_waits_for_ever_is_stopped() {
    let limits = Limits {
        wall_time: SHORT,
        ..Limits::default()
    };
    let host = host(&guest::obedient(), limits);
    let error = hostile(&host, "wait", "").await;
    assert_eq!(out_of_time(Err::<(), _>(error)), Phase::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_recurses_for_ever_overflows_its_own_stack() {
    let host = host(&guest::obedient(), Limits::default());
    let error = hostile(&host, "endless", "").await;
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
    assert!(
        error.to_string().contains("call stack exhausted"),
        "{error}"
    );
}

#[test]
fn a_component_of_too_many_parts_is_not_loaded() {
    let cases = [
        ("(table 1 funcref)", "table"),
        ("(table 5000 funcref)", "table"),
        ("(memory 1)", "memor"),
    ];
    for (part, named) in cases {
        let loaded = ClipHost::new(
            &guest::too_many(part),
            outbound(Policy::default()),
            Limits::default(),
        );
        match loaded {
            Err(LoadError::Component(error)) => {
                let words = format!("{error:#}");
                assert!(words.contains(named), "{part}: {words}");
            }
            other => panic!("{part}: {other:?}"),
        }
    }
    let limits = Limits {
        core_instances: 2,
        ..Limits::default()
    };
    let loaded = ClipHost::new(&guest::obedient(), outbound(Policy::default()), limits);
    let words = loaded.unwrap_err().to_string();
    assert!(words.contains("core module instances"), "{words}");
}

/// What `Limits` says of its defaults: the component's largest call, with all of it in flight at once,
/// needs little more than half of the resources.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_range_stays_within_the_limits() {
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
}
