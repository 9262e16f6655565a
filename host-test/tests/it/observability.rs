//! What an embedder can observe: spans, reports and metrics.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use meraki_mock::{Camera, MockConfig};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use mv_clip_host::{ClipHost, FailureKind, Policy, RateLimit, RateLimiter, Reply, Settings};
use tokio::time::timeout;
use tracing::Level;

use crate::simulated::{STEP, Simulated};
use crate::support::{Log, SERIAL, World, component_file, footage, permanent};

const SERIALS: [&str; 2] = ["Q2AA-AAAA-AAAA", "Q2BB-BBBB-BBBB"];

/// The span of a log line, such as `call{id=7 function="request-clip" serial="Q2AA-AAAA-AAAA"}`.
fn call_of(line: &str) -> Option<&str> {
    let from = line.get(line.find("call{")?..)?;
    from.get(..=from.find('}')?)
}

/// On one thread, so that all events go to the subscriber of this test.
#[tokio::test(flavor = "current_thread")]
async fn concurrent_calls_are_distinct_in_a_log() {
    let _time = Simulated::time();
    let world = World::with(
        MockConfig::default()
            .cameras(SERIALS.map(Camera::new).into())
            .latency(Duration::from_secs(1)),
    );
    let world = world.await;
    let log = Log::default();
    let guard = log.collect(Level::DEBUG);
    let [one, other] = SERIALS.map(footage);
    let (one, other) = tokio::join!(world.request(&one), world.request(&other));
    one.and(other).unwrap();
    drop(guard);
    assert_eq!(world.mock.max_concurrency(), 2, "not side by side");

    let log = log.text();
    let own: Vec<_> = log
        .lines()
        .filter(|line| line.contains("mv_clip_host::"))
        .collect();
    let mut events: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in &own {
        let call = call_of(line).unwrap_or_else(|| panic!("not in a call: {line}"));
        events.entry(call).or_default().push(line);
    }
    assert_eq!(events.len(), 2, "{own:#?}");
    for serial in SERIALS {
        let field = format!("serial=\"{serial}\"");
        let (_, lines) = events
            .iter()
            .find(|(call, _)| call.contains(&field) && call.contains("function=\"request-clip\""))
            .unwrap_or_else(|| panic!("no call with {field} in {own:#?}"));
        let [started, response, ended] = lines[..] else {
            panic!("expected three events: {lines:#?}")
        };
        assert!(started.contains("call started"), "{started}");
        for field in [
            "http.request.method=GET",
            "url.scheme=http",
            "server.address=127.0.0.1",
            "server.port=",
            "http.response.status_code=200",
        ] {
            assert!(response.contains(field), "no {field} in {response}");
        }
        assert!(ended.contains("outcome=\"ok\" requests=1"), "{ended}");
    }
}

#[tokio::test]
async fn a_report_comes_with_a_clip_and_with_a_failure() {
    let world = World::new().await;
    let Reply { result, report, .. } = world
        .host
        .call(world.settings())
        .request_clip(&footage(SERIAL))
        .await;
    result.unwrap();
    assert_eq!((report.requests, report.bytes_sent), (1, 0), "{report:?}");
    assert!(report.bytes_received > 0, "{report:?}");
    assert!(report.peak_memory > 1 << 16, "{report:?}");
    assert!(report.duration > Duration::ZERO, "{report:?}");
    assert_eq!(report.rate_limit_wait, Duration::ZERO);

    let request = footage("Q2XX-NONE-0000");
    let call = world.host.call(world.settings());
    let Reply { result, report, .. } = call.request_clip(&request).await;
    permanent(result, FailureKind::NotFound);
    assert_eq!(report.requests, 1, "{report:?}");

    let call = world.host.call(world.settings());
    let Reply { result, report, .. } = call.get_clip("none", "", "").await;
    permanent(result, FailureKind::InvalidSerial);
    assert_eq!((report.requests, report.bytes_received), (0, 0));
}

#[tokio::test]
async fn a_report_says_how_long_the_call_waited_for_the_limiter() {
    let _time = Simulated::time();
    let world = World::new().await;
    let one = NonZeroU32::MIN;
    let host = world.limited(&RateLimiter::new(RateLimit {
        per_second: one,
        burst: one,
    }));
    let (second, slack) = (Duration::from_secs(1), 100 * STEP);
    for least in [Duration::ZERO, second - slack] {
        let call = host.call(world.settings());
        let Reply { result, report, .. } = call.request_clip(&footage(SERIAL)).await;
        result.unwrap();
        let waited = report.rate_limit_wait;
        assert!((least..least + 2 * slack).contains(&waited), "{report:?}");
        assert!(waited <= report.duration, "{report:?}");
    }
}

/// Counters and gauges as `name{label=value,…}`, and the number of values of each histogram.
fn metrics(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let snapshot = snapshotter.snapshot().into_vec().into_iter();
    let value = |value| match value {
        DebugValue::Counter(count) => count as f64,
        DebugValue::Gauge(value) => value.into_inner(),
        DebugValue::Histogram(values) => values.len() as f64,
    };
    let entry = snapshot.map(|(key, _, _, found)| {
        let labels = key.key().labels();
        let labels: Vec<_> = labels
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.key().name(), labels.join(","));
        (name, value(found))
    });
    entry.collect()
}

/// On one thread, because the recorder is installed only for this thread.
#[tokio::test(flavor = "current_thread")]
async fn calls_and_requests_are_counted() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    let component = std::fs::read(component_file()).unwrap();
    let host = ClipHost::builder()
        .policy(Policy::new([world.origin().parse().unwrap()]))
        .rate_limiter(RateLimiter::new(RateLimit::default()))
        .load_bytes(component)
        .await
        .unwrap();
    let settings = world.settings();
    host.request_clip(settings, &footage(SERIAL)).await.unwrap();
    let missing = footage("Q2XX-NONE-0000");
    permanent(
        host.request_clip(settings, &missing).await,
        FailureKind::NotFound,
    );
    // Footage that is available in an hour: the caller cancels the call.
    let waiting = Settings::default().deadline(Duration::from_secs(3_600));
    let end = chrono::Utc::now() + chrono::TimeDelta::minutes(30);
    let request = crate::support::ending(SERIAL, end);
    let waiting = host.request_clip(&waiting, &request);
    let given_up = timeout(Duration::ZERO, waiting).await;
    assert!(given_up.is_err(), "{given_up:?}");

    let found = metrics(&recorder.snapshotter());
    eprintln!("{found:#?}");
    let function = "function=request-clip";
    for (name, expected) in [
        (format!("mv_clip_calls_total{{{function},outcome=ok}}"), 1.0),
        (
            format!("mv_clip_calls_total{{{function},outcome=not-found}}"),
            1.0,
        ),
        (
            format!("mv_clip_calls_total{{{function},outcome=cancelled}}"),
            1.0,
        ),
        ("mv_clip_calls_running{}".to_owned(), 0.0),
        (format!("mv_clip_call_duration_seconds{{{function}}}"), 3.0),
        ("mv_clip_requests_total{status_class=2xx}".to_owned(), 1.0),
        ("mv_clip_requests_total{status_class=4xx}".to_owned(), 1.0),
        ("mv_clip_requests_total{status_class=error}".to_owned(), 0.0),
        ("mv_clip_rate_limit_wait_seconds{}".to_owned(), 2.0),
    ] {
        assert_eq!(found.get(&name), Some(&expected), "{name} in {found:#?}");
    }
}
