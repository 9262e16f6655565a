//! What the host allows a call, whatever the guest does.

use std::future::pending;
use std::num::NonZeroU32;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use host_test::mock::MockConfig;
use host_test::outbound::{Lookup, Resolve};
use host_test::{
    CallError, ClipHost, ClipRequest, Limit, Limits, LoadError, Outbound, Phase, Policy,
};
use tokio::io::AsyncWriteExt;
use tokio::runtime;

use crate::outbound::server::{Server, closed, read_head};
use crate::support::{SERIAL, World, component_file, footage, is_alone, outbound};
use crate::transfer::bucket::Bucket;
use crate::{HEAP, guest};

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

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Runs a test with so many threads for its guests. From another thread, because a guest that holds up those
/// holds up each timeout among them, too.
fn watched(threads: usize, test: impl Future<Output = ()> + Send + 'static) {
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
        Err(RecvTimeoutError::Timeout) => panic!("this never ends"),
        _ => running
            .join()
            .unwrap_or_else(|failure| resume_unwind(failure)),
    }
}

/// How a hostile call ends, while calls beside it, before its end and after it, end as they always do.
async fn hostile(host: &ClipHost, order: &str, start: &str) -> CallError {
    hostile_for(host, order, start, 0).await
}

/// As [`hostile`], where so many calls have to come to their end before the hostile one does.
async fn hostile_for(host: &ClipHost, order: &str, start: &str, least: usize) -> CallError {
    let (other, order, start) = (host.clone(), order.to_owned(), start.to_owned());
    let ended = tokio::spawn(async move { call_with(&other, &order, &start).await });
    let mut beside = 0;
    let result = loop {
        assert_eq!(call(host, "quiet").await.unwrap(), "u");
        // No timer, which one thread that computes for ever seldom looks at.
        tokio::task::yield_now().await;
        if ended.is_finished() {
            break ended.await.unwrap();
        }
        beside += 1;
    };
    assert_eq!(call(host, "quiet").await.unwrap(), "u");
    let error = result.unwrap_err();
    eprintln!("{error}; {beside} calls beside it");
    assert!(beside >= least, "{beside} calls were not held up");
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

#[test]
fn each_limit_ends_the_call_that_goes_beyond_it_and_says_which() {
    let fields = (
        Limit::Fields(16 << 10),
        "16384 bytes of header fields, method or authority (Limits::fields)",
    );
    let handover = (
        Limit::Handover(2 << 20),
        "2097152 bytes handed over in one call (Limits::handover)",
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
        ("headers", fields.0, fields.1),
        ("name", fields.0, fields.1),
        ("u", fields.0, fields.1),
        ("memory", handover.0, handover.1),
        ("vast", handover.0, handover.1),
    ];
    watched(2, async move {
        let host = host(&guest::obedient(), Limits::default());
        for (order, expected, words) in cases {
            let (found, told) = limit(hostile(&host, order, "").await);
            assert_eq!(found, expected, "{order}");
            let told = told.strip_prefix("the component was stopped: it wanted more than ");
            assert_eq!(told, Some(words));
        }
    });
}

/// What docs/SECURITY.md says of it, of requests that are not sent.
#[test]
fn what_a_guest_can_make_the_host_hold_has_one_bound() {
    let name = "limits::what_a_guest_can_make_the_host_hold_has_one_bound";
    watched(2, async {
        // What the tests beside it allocate would count, too.
        if !is_alone(name, LONG).await {
            return;
        }
        let resources = 512;
        let limits = Limits {
            resources,
            ..Limits::default()
        };
        let each = 9 * limits.fields + (192 << 10);
        let most = resources * each;
        let host = host(&guest::obedient(), limits);
        assert_eq!(call(&host, "quiet").await.unwrap(), "u");
        let before = HEAP.allocated();
        // It holds what the guest has left until it is dropped.
        let mut instance = host.instance(&[]).await.unwrap();
        let error = instance.get_clip("fill", "", "").await.unwrap_err();
        let held = HEAP.allocated() - before;
        assert_eq!(limit(error).0, Limit::Resources(resources));
        eprintln!("{resources} full requests: {held} bytes, of {most}");
        assert!(held < most, "{held}");
        drop(instance);
    });
}

#[test]
fn random_bytes_are_made_in_small_amounts() {
    watched(2, async {
        let host = host(&guest::obedient(), Limits::default());
        let error = hostile(&host, "chance", "").await;
        assert!(matches!(error, CallError::Trap(_)), "{error:?}");
        let words = error.to_string();
        assert!(words.contains("1048576 exceeds limit 4096"), "{words}");
    });
}

/// Each would have a connection of its own, and a place in this server's memory.
#[test]
fn requests_in_flight_are_limited_and_end_with_their_call() {
    watched(2, async {
        let open = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&open);
        let server = Server::start(move |mut stream| {
            let open = Arc::clone(&count);
            async move {
                open.fetch_add(1, Ordering::SeqCst);
                if read_head(&mut stream).await.is_some() {
                    // A body that never comes.
                    let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
                    stream.write_all(head.as_bytes()).await.unwrap();
                    closed(&mut stream).await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            }
        })
        .await;
        let most = 20;
        let limits = Limits {
            requests: most,
            ..Limits::default()
        };
        let policy = Policy::new([server.origin().parse().unwrap()]);
        let host = ClipHost::new(&guest::obedient(), outbound(policy), limits).unwrap();
        let (found, told) = limit(hostile(&host, "i", &server.address.to_string()).await);
        assert_eq!(found, Limit::Requests(most));
        assert!(
            told.ends_with("20 requests in flight (Limits::requests)"),
            "{told}"
        );
        let accepted = server.accepted();
        assert!((1..=most).contains(&accepted), "{accepted}");
        while open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Knows no name, and never says so.
struct Silent;

impl Resolve for Silent {
    fn resolve(&self, _: &str) -> Lookup {
        Box::pin(pending())
    }
}

/// Whose requests go nowhere, so that each is in flight for as long as its call.
fn going_nowhere(limits: Limits) -> ClipHost {
    let policy = Policy::new(["http://*.example.com".parse().unwrap()]);
    let outbound = Outbound::builder().policy(policy).resolver(Silent);
    ClipHost::new(&guest::obedient(), outbound.build().unwrap(), limits).unwrap()
}

#[test]
fn as_many_requests_as_a_guest_likes_are_not_in_flight() {
    watched(2, async {
        let host = going_nowhere(Limits::default());
        let (found, _) = limit(hostile(&host, "open", "camera.example.com").await);
        assert_eq!(found, Limit::Requests(512));
    });
}

/// The guest is stopped by the second limit before anybody notices that it went beyond the first one.
#[test]
fn of_two_limits_the_one_that_was_passed_first_is_named() {
    watched(1, async {
        let limits = Limits {
            requests: 1,
            resources: 64,
            ..Limits::default()
        };
        let host = going_nowhere(limits);
        let (found, _) = limit(hostile(&host, "join", "camera.example.com").await);
        assert_eq!(found, Limit::Requests(1));
    });
}

#[test]
fn a_guest_that_recurses_for_ever_overflows_its_own_stack() {
    watched(2, async {
        let host = host(&guest::obedient(), Limits::default());
        let error = hostile(&host, "endless", "").await;
        assert!(matches!(error, CallError::Trap(_)), "{error:?}");
        assert!(
            error.to_string().contains("call stack exhausted"),
            "{error}"
        );
    });
}

#[test]
fn a_component_of_too_many_or_too_large_parts_is_not_loaded() {
    let refused = |component: &[u8], limits| {
        let loaded = ClipHost::new(component, outbound(Policy::default()), limits);
        match loaded {
            Err(LoadError::Component(error)) => format!("{error:#}"),
            other => panic!("{other:?}"),
        }
    };
    for (component, words) in [
        (guest::too_many("(table 1 funcref)"), "tables"),
        (guest::too_many("(memory 1)"), "memories"),
        (guest::of_size(257, 1), "limit of 0x1000000 bytes"),
        (guest::of_size(1, 4_097), "limit of 4096"),
    ] {
        let told = refused(&component, Limits::default());
        eprintln!("{told}");
        assert!(told.contains(words), "{told}");
    }
    let limits = Limits {
        core_instances: 2,
        ..Limits::default()
    };
    let told = refused(&guest::obedient(), limits);
    assert!(told.contains("core module instances"), "{told}");
}

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
