//! With a faulty server, network or host, a call ends by its deadline with the correct error.

use std::time::Duration;

use meraki_mock::{Point, Scripted, WireFault};
use mv_clip_host::FailureKind::{self, BadResponse, ConnectionFailed, TimedOut};
use mv_clip_host::{CallError, Clip, Policy, Reply};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::outbound::reach::Fixed;
use crate::outbound::tls;
use crate::simulated::{STEP, Simulated};
use crate::support::{
    SERIAL, World, closed_port, footage, host, memory_at_rest, permanent, tenant, transient,
};

const DEADLINE: Duration = Duration::from_secs(3);

/// How long a call may take beyond its deadline.
const SLACK: Duration = STEP.saturating_mul(200);

/// A world with an attempt timeout of 1 s and a deadline of 3 s.
async fn world() -> World {
    let world = World::new().await;
    let world = world.set("MV_CLIP_DEADLINE_SECONDS", &DEADLINE.as_secs().to_string());
    world
        .set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "1")
        .set("MV_CLIP_REQUESTS_PER_SECOND", "100")
}

async fn in_time(world: &World) -> Result<Clip, CallError> {
    let started = Instant::now();
    let result = world.get().await;
    assert!(
        started.elapsed() < DEADLINE + SLACK,
        "{:?}: {result:?}",
        started.elapsed()
    );
    result
}

/// A call recovers from one fault, and fails with this kind after two.
async fn ends_by_the_deadline(fault: WireFault, kind: FailureKind) {
    let world = world().await;
    world.mock.script([Scripted::Fault(fault), Scripted::Pass]);
    in_time(&world)
        .await
        .unwrap_or_else(|error| panic!("{fault:?}: {error}"));

    let world = world.set("MV_CLIP_MAX_ATTEMPTS", "2");
    world.mock.script([fault, fault]);
    let failure = transient(in_time(&world).await, kind);
    assert_eq!(failure.attempts, 2, "{fault:?}");
}

#[tokio::test]
async fn silence() {
    let _time = Simulated::time();
    ends_by_the_deadline(WireFault::Silent, TimedOut).await;
}

#[tokio::test]
async fn silence_for_longer_than_the_deadline() {
    let _time = Simulated::time();
    let world = world().await.set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "600");
    world.mock.script([WireFault::Silent]);
    let failure = transient(in_time(&world).await, TimedOut);
    assert_eq!(failure.attempts, 1);
}

#[tokio::test]
async fn a_byte_a_second() {
    let _time = Simulated::time();
    let interval = Duration::from_secs(1);
    ends_by_the_deadline(WireFault::Drip { interval }, TimedOut).await;
}

#[tokio::test]
async fn a_drip_within_every_timeout_except_the_deadline() {
    let _time = Simulated::time();
    let world = world().await.set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "600");
    world.mock.script([WireFault::Drip {
        interval: Duration::from_millis(20),
    }]);
    transient(in_time(&world).await, TimedOut);
}

#[tokio::test]
async fn headers_without_end() {
    let _time = Simulated::time();
    let interval = Duration::from_millis(100);
    ends_by_the_deadline(WireFault::EndlessHeaders { interval }, TimedOut).await;
}

#[tokio::test]
async fn a_flood_of_headers() {
    let _time = Simulated::time();
    let interval = Duration::ZERO;
    ends_by_the_deadline(WireFault::EndlessHeaders { interval }, ConnectionFailed).await;
}

#[tokio::test]
async fn a_body_that_stops() {
    let _time = Simulated::time();
    ends_by_the_deadline(WireFault::StallInBody, TimedOut).await;
}

#[tokio::test]
async fn a_connection_that_closes() {
    let _time = Simulated::time();
    for point in [Point::BeforeReply, Point::InHeaders, Point::InBody] {
        ends_by_the_deadline(WireFault::Close(point), ConnectionFailed).await;
    }
}

#[tokio::test]
async fn a_connection_that_resets() {
    let _time = Simulated::time();
    for point in [Point::BeforeReply, Point::InHeaders, Point::InBody] {
        ends_by_the_deadline(WireFault::Reset(point), ConnectionFailed).await;
    }
}

#[tokio::test]
async fn bytes_that_are_not_http() {
    let _time = Simulated::time();
    ends_by_the_deadline(WireFault::Garbage, ConnectionFailed).await;
}

#[tokio::test]
async fn fifty_megabytes_do_not_grow_the_guest() {
    for announced in [true, false] {
        let world = world().await.set("MV_CLIP_MAX_ATTEMPTS", "1");
        world.mock.script([WireFault::LargeBody {
            bytes: 50_000_000,
            announced,
        }]);
        let world = with_long_timeouts(world);
        let (result, growth) = growth(&world).await;
        transient(result, BadResponse);
        assert!(growth < SMALL, "the guest grew by {growth} bytes");
    }
}

#[tokio::test]
async fn a_body_in_tiny_chunks_does_not_grow_the_guest() {
    let world = with_long_timeouts(world().await);
    let bytes = 1 << 16;
    world.mock.script([WireFault::TinyChunks { bytes }]);
    let (result, growth) = growth(&world).await;
    // Without merging, the chunks would take three times the memory.
    assert!(growth < SMALL / 4, "the guest grew by {growth} bytes");
    result.unwrap();
}

/// How far the guest's memory may grow, in bytes.
const SMALL: usize = 4 << 20;

/// For slow tests that do not check time, in a debug build on a busy machine.
fn with_long_timeouts(world: World) -> World {
    let world = world.set("MV_CLIP_DEADLINE_SECONDS", "3600");
    world.set("MV_CLIP_ATTEMPT_TIMEOUT_SECONDS", "600")
}

/// The result of a call, and the growth of the guest's memory.
async fn growth(world: &World) -> (Result<Clip, CallError>, usize) {
    let call = world.host.call(world.settings());
    let Reply { result, report, .. } = call.request_clip(&footage(SERIAL)).await;
    let growth = report.peak_memory - memory_at_rest(&world.host).await;
    eprintln!("the guest's memory grew by {growth} bytes");
    (result, growth)
}

#[tokio::test]
async fn a_port_that_nobody_listens_on() {
    let _time = Simulated::time();
    let (_held, address) = closed_port();
    let origin = format!("http://{address}");
    let mut world = world()
        .await
        .set("MERAKI_BASE_URL", &format!("{origin}/api/v1"));
    world.host = host(&[&origin]);
    let failure = transient(in_time(&world).await, ConnectionFailed);
    assert!(
        failure.message.contains("the connection was refused"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_tls_handshake_that_stalls() {
    let _time = Simulated::time();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let mut world = world()
        .await
        .set("MERAKI_BASE_URL", &format!("{origin}/api/v1"));
    world.host = host(&[&origin]);
    transient(in_time(&world).await, TimedOut);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted() {
    let _time = Simulated::time();
    let server = tls::serve(&tls::certificate("127.0.0.1"), &["http/1.1"]).await;
    let origin = tls::origin(&server);
    let mut world = world()
        .await
        .set("MERAKI_BASE_URL", &format!("{origin}/api/v1"));
    world.host = host(&[&origin]);
    let failure = permanent(in_time(&world).await, ConnectionFailed);
    assert!(
        failure.message.contains("is not trusted"),
        "{}",
        failure.message
    );
    assert_eq!(failure.attempts, 1);
}

/// Resolves every host name to these addresses.
async fn resolving_to(addresses: &[&str]) -> World {
    let base_url = "https://api.meraki.com/api/v1";
    let mut world = world().await.set("MERAKI_BASE_URL", base_url);
    let addresses = addresses.iter().map(|address| address.parse().unwrap());
    let builder = world.host.tenant().policy(Policy::meraki());
    world.host = tenant(builder.resolver(Fixed(addresses.collect())));
    world
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    let _time = Simulated::time();
    let failure = transient(in_time(&resolving_to(&[]).await).await, ConnectionFailed);
    assert!(
        failure.message.contains("cannot be resolved"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address() {
    let _time = Simulated::time();
    for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"] {
        let world = resolving_to(&[address]).await;
        let failure = permanent(in_time(&world).await, FailureKind::Rejected);
        assert!(
            failure.message.contains("api.meraki.com"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn a_destination_that_the_host_denies() {
    let _time = Simulated::time();
    let mut world = world().await;
    world.host = host(&["https://*.meraki.com"]);
    let failure = permanent(in_time(&world).await, FailureKind::Rejected);
    assert!(
        failure
            .message
            .contains("does not let it send to 127.0.0.1:"),
        "{}",
        failure.message
    );
    assert_eq!((failure.status, failure.attempts), (None, 1));
    assert!(world.mock.requests().is_empty());
}
