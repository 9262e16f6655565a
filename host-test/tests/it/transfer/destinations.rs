//! The behaviour of destinations, and the resulting errors.

use std::time::Duration;

use http::Response;
use meraki_mock::{MockConfig, WireFault};
use mv_clip_host::{Failure, FailureKind};
use tokio::time::Instant;

use super::bucket::{Act, Bucket, SIGNATURE};
use super::{PROGRESS_TIMEOUT, long_clip, save, sha256, world};
use crate::simulated::Simulated;
use crate::support::{closed_port, permanent, transient};

fn response(status: u16, body: &'static str) -> Response<&'static str> {
    Response::builder().status(status).body(body).unwrap()
}

/// An error as from S3: several lines, with the signature.
pub fn forbidden() -> Response<&'static str> {
    response(
        403,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
         <Message>No PUT to /incident.ts with 0123456789abcdef0123456789abcdef</Message></Error>",
    )
}

#[track_caller]
fn hides_the_secret(failure: &Failure) {
    assert!(!failure.message.contains(SIGNATURE), "{}", failure.message);
    assert!(!failure.message.contains("incident"), "{}", failure.message);
}

#[tokio::test]
async fn a_refusal_quotes_the_destination() {
    let _time = Simulated::time();
    for act in [Act::Answer(forbidden()), Act::AnswerEarly(forbidden())] {
        let bucket = Bucket::new([act]).await;
        let config = MockConfig::default().clip(long_clip(200));
        let world = world(config, &bucket).await;
        let result = save(&world, &bucket.url()).await;
        let failure = permanent(result, FailureKind::DestinationRefused);
        assert_eq!((failure.status, failure.attempts), (Some(403), 1));
        let authority = bucket.origin().replace("http://", "");
        let expected = format!(
            "{authority}, the destination, refused the clip (403): \"AccessDenied: No PUT to \
             /(hidden) with (hidden)\". Check that"
        );
        assert!(
            failure.message.starts_with(&expected),
            "{}",
            failure.message
        );
        hides_the_secret(&failure);
        assert_eq!(bucket.puts().len(), 1);
    }
}

#[tokio::test]
async fn the_destination_may_refuse_while_the_media_host_stalls() {
    let _time = Simulated::time();
    let bucket = Bucket::new([Act::AnswerEarly(forbidden())]).await;
    let world = world(MockConfig::default(), &bucket).await;
    world.mock.script_media([WireFault::StallInBody]);
    let result = save(&world, &bucket.url()).await;
    permanent(result, FailureKind::DestinationRefused);
}

/// Without `Content-Length`, only the end of the body tells a destination that the clip is complete.
#[tokio::test]
async fn a_dropped_call_does_not_complete_its_upload() {
    let _time = Simulated::time();
    let bucket = Bucket::new([Act::StoreSlowly(Duration::from_millis(50))]).await;
    let config = MockConfig::default()
        .clip(long_clip(600))
        .media_length(false);
    let world = world(config, &bucket).await;
    let destination = bucket.url();
    for wait in [300, 600] {
        let call = save(&world, &destination);
        let cut = tokio::time::timeout(Duration::from_millis(wait), call).await;
        assert!(cut.is_err(), "{cut:?}");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let puts = bucket.puts();
    assert!(
        puts.iter().any(|put| !put.body.is_empty()),
        "no upload was in progress"
    );
    assert!(puts.iter().all(|put| !put.whole));
}

#[tokio::test]
async fn a_redirect_is_a_refusal() {
    let _time = Simulated::time();
    let redirect = Response::builder()
        .status(307)
        .header("location", "/elsewhere");
    let bucket = Bucket::new([Act::Answer(redirect.body("").unwrap())]).await;
    let world = world(MockConfig::default(), &bucket).await;
    let result = save(&world, &bucket.url()).await;
    let failure = permanent(result, FailureKind::DestinationRefused);
    assert_eq!(failure.status, Some(307));
    assert!(
        failure.message.contains("right region"),
        "{}",
        failure.message
    );
}

/// S3 requires it, but the S3 server in these tests does not.
#[tokio::test]
async fn a_destination_may_require_content_length() {
    let _time = Simulated::time();
    let refusal = response(411, "<Error><Code>MissingContentLength</Code></Error>");
    let bucket = Bucket::new([Act::Answer(refusal)]).await;
    let config = MockConfig::default().media_length(false);
    let world = world(config, &bucket).await;
    let result = save(&world, &bucket.url()).await;
    let failure = permanent(result, FailureKind::DestinationRefused);
    assert!(
        failure.message.contains("It wants the length"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_busy_destination_is_retried() {
    let _time = Simulated::time();
    for status in [408, 429, 500, 502, 503, 504] {
        let bucket = Bucket::new([Act::Answer(response(status, "SlowDown"))]).await;
        let world = world(MockConfig::default(), &bucket).await;
        let saved = save(&world, &bucket.url()).await;
        saved.unwrap_or_else(|error| panic!("{status}: {error}"));
        assert_eq!(bucket.puts().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn a_destination_that_stays_busy_is_transient() {
    let _time = Simulated::time();
    let slow_down = Response::builder().status(503).header("retry-after", "7");
    let slow_down = slow_down.body("SlowDown").unwrap();
    let bucket = Bucket::new([Act::Answer(slow_down)]).await;
    let world = world(MockConfig::default(), &bucket).await;
    let world = world.set("MV_CLIP_MAX_ATTEMPTS", "1");
    let failure = transient(save(&world, &bucket.url()).await, FailureKind::Unavailable);
    assert_eq!(
        (failure.status, failure.retry_after_seconds),
        (Some(503), Some(7))
    );
    assert!(
        failure
            .message
            .contains("(503): \"SlowDown\". Try again later.")
    );
}

#[tokio::test]
async fn a_broken_connection_is_retried() {
    let _time = Simulated::time();
    let clip = long_clip(100);
    let bucket = Bucket::new([Act::CloseAfter(0), Act::CloseAfter(1_000_000)]).await;
    let config = MockConfig::default().clip(clip.clone());
    let world = world(config, &bucket).await;
    let saved = save(&world, &bucket.url()).await.unwrap();
    assert_eq!(saved.sha256, sha256(&clip));
    let puts = bucket.puts();
    let whole: Vec<_> = puts.iter().map(|put| put.whole).collect();
    assert_eq!(whole, [false, false, true]);
    assert_eq!(puts[2].body, clip);
}

#[tokio::test]
async fn a_stalled_destination_is_given_up() {
    let _time = Simulated::time();
    let clip = long_clip(200);
    for (after, at) in [(0, "start"), (1_000_000, "middle"), (usize::MAX, "end")] {
        let bucket = Bucket::new([Act::StallAfter(after)]).await;
        let config = MockConfig::default().clip(clip.clone());
        let world = world(config, &bucket).await;
        let world = world.set("MV_CLIP_MAX_ATTEMPTS", "1");
        let started = Instant::now();
        let failure = transient(save(&world, &bucket.url()).await, FailureKind::TimedOut);
        // The timeout starts at the last byte that the socket accepted. How much it accepts, and when, depends on the
        // operating system, whose timers use real time. The deadline is two minutes.
        let took = started.elapsed();
        let allowed = PROGRESS_TIMEOUT..20 * PROGRESS_TIMEOUT;
        assert!(allowed.contains(&took), "{at}: {took:?}");
        assert!(failure.message.contains("the destination, stalled"), "{at}");
        hides_the_secret(&failure);
    }
}

#[tokio::test]
async fn a_slow_destination_with_progress_is_not_given_up() {
    let _time = Simulated::time();
    let clip = long_clip(150);
    let bucket = Bucket::new([Act::StoreSlowly(Duration::from_millis(50))]).await;
    let config = MockConfig::default().clip(clip.clone());
    let world = world(config, &bucket).await;
    let started = Instant::now();
    let saved = save(&world, &bucket.url()).await.unwrap();
    assert!(
        started.elapsed() > PROGRESS_TIMEOUT,
        "{:?}",
        started.elapsed()
    );
    assert_eq!(saved.bytes, clip.len() as u64);
}

#[tokio::test]
async fn an_early_success_response_is_not_trusted() {
    let _time = Simulated::time();
    let bucket = Bucket::new([Act::AnswerEarly(response(200, ""))]).await;
    let config = MockConfig::default().clip(long_clip(200));
    let world = world(config, &bucket).await;
    let world = world.set("MV_CLIP_MAX_ATTEMPTS", "1");
    let result = save(&world, &bucket.url()).await;
    let failure = transient(result, FailureKind::ConnectionFailed);
    assert!(
        failure.message.contains("before it had the whole clip"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_closed_port_at_the_destination_is_reported() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = world(MockConfig::default(), &bucket).await;
    let (_held, address) = closed_port();
    let nobody = format!("http://{address}");
    let world = world.also(&nobody);
    let world = world.set("MV_CLIP_MAX_ATTEMPTS", "2");
    let result = save(
        &world,
        &format!("{nobody}/incident.ts?X-Amz-Signature={SIGNATURE}"),
    )
    .await;
    let failure = transient(result, FailureKind::ConnectionFailed);
    assert_eq!((failure.attempts, world.media_requests().len()), (2, 2));
    assert!(failure.message.contains("the connection was refused"));
    hides_the_secret(&failure);
}

#[tokio::test]
async fn a_destination_that_is_not_allowed_is_named() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = world(MockConfig::default(), &bucket).await;
    let result = save(
        &world,
        "https://bucket.example/clip.ts?sig=0123456789abcdef",
    )
    .await;
    let failure = permanent(result, FailureKind::Rejected);
    assert_eq!(failure.status, None);
    assert!(
        failure
            .message
            .contains("does not let it send to bucket.example")
    );
}

#[tokio::test]
async fn an_invalid_destination_is_rejected_before_any_request() {
    let _time = Simulated::time();
    let bucket = Bucket::new([]).await;
    let world = world(MockConfig::default(), &bucket).await;
    for destination in [
        "",
        "clip.ts",
        "s3://bucket/clip.ts",
        "http://bucket.example/clip.ts",
    ] {
        let failure = permanent(
            save(&world, destination).await,
            FailureKind::InvalidDestination,
        );
        assert_eq!(failure.attempts, 0, "{destination}");
    }
    assert!(world.mock.requests().is_empty());
}
