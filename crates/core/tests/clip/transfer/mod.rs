//! Saving one clip, in simulated time.

mod property;
mod simulation;

use std::time::Duration;

use mv_clip_core::error::{ClipError, FailureKind};
use mv_clip_core::transfer::{Head, MAX_ERROR_BODY, Peer, PutError, StreamError};
use mv_clip_core::transport::TransportError;

use self::simulation::*;
pub(crate) use self::simulation::{DESTINATION, drive};
use crate::simulation::{KEY, MEDIA};

/// The largest jitter.
const MOST: u64 = u64::MAX;

#[test]
fn a_clip_is_saved_in_the_first_attempt() {
    let call = Simulation::new().run([head(200), outcome(Outcome::Stored)]);
    let saved = call.result.unwrap();
    assert_eq!((saved.clip.url.expose(), saved.digest), (MEDIA, digest()));
    assert_eq!((call.puts, call.took), (1, Duration::from_millis(1_100)));
}

#[test]
fn a_clip_that_is_not_available_yet_has_a_longer_backoff() {
    let mut simulation = Simulation::new();
    simulation.random = MOST;
    let call = simulation.run([head(404), head(503), head(200), outcome(Outcome::Stored)]);
    // Up to 4 s for the first retry, up to 1 s for the second.
    assert_eq!(call.times(), [0, 4_099, 5_199]);
    assert!(call.result.is_ok());
}

#[test]
fn each_attempt_starts_at_the_clip_url() {
    let elsewhere = "https://cdn.example/clip";
    let call = Simulation::new().run([
        redirect(elsewhere),
        head(200),
        outcome(Outcome::Transport(
            Peer::Media,
            TransportError::Connection("broke"),
        )),
        head(200),
        outcome(Outcome::Stored),
    ]);
    let urls: Vec<_> = call.asked.iter().map(|(_, url)| url.as_str()).collect();
    assert_eq!(urls, [MEDIA, elsewhere, MEDIA]);
}

#[test]
fn redirects_are_at_most_three_per_attempt() {
    let again = || redirect("/again");
    let call = Simulation::new().run([again(), again(), again(), again()]);
    let failure = call.permanent(FailureKind::Rejected);
    assert_eq!((failure.status, failure.attempts), (Some(302), 1));
}

#[test]
fn attempts_have_the_limit_of_the_setting() {
    let simulation = Simulation::new().set("MV_CLIP_MAX_ATTEMPTS", "3");
    let broken = outcome(Outcome::Transport(
        Peer::Destination,
        TransportError::Connection("x"),
    ));
    let call = simulation.run([
        head(200),
        broken.clone(),
        head(200),
        broken.clone(),
        head(200),
        broken,
    ]);
    let failure = call.transient(FailureKind::ConnectionFailed);
    assert_eq!((failure.attempts, failure.retry_after_seconds), (3, None));
    assert!(
        failure.message.ends_with("Gave up after 3 attempts."),
        "{}",
        failure.message
    );
    assert_eq!(failure.request_id.as_deref(), Some("r1"));
}

#[test]
fn the_deadline_also_covers_the_time_before_the_transfer() {
    let mut simulation = Simulation::new().set("MV_CLIP_DEADLINE_SECONDS", "10");
    simulation.begins = Duration::from_secs(10);
    let call = simulation.run([]);
    let failure = call.transient(FailureKind::TimedOut);
    assert_eq!((failure.attempts, failure.retry_after_seconds), (0, None));
    assert!(
        failure.message.contains("left no time to save the clip"),
        "{}",
        failure.message
    );

    simulation.begins = Duration::from_secs(9);
    let slow = Event::Stored(Duration::from_secs(60), Outcome::Stored);
    let call = simulation.run([head(200), slow]);
    assert_eq!(call.took, Duration::from_secs(10));
    let failure = call.transient(FailureKind::TimedOut);
    assert!(
        failure
            .message
            .contains("the transfer from spn49.meraki.com to b.example"),
        "{}",
        failure.message
    );
    assert_eq!(failure.retry_after_seconds, None);
}

#[test]
fn retry_after_of_the_destination_applies() {
    let busy = |wait| outcome(Outcome::Refused(503, Some(wait), "<Code>SlowDown</Code>"));
    for (wait, again) in [("7", 8_100), ("Thu, 12 Mar 2026 15:00:20 GMT", 20_000)] {
        let stored = outcome(Outcome::Stored);
        let call = Simulation::new().run([head(200), busy(wait), head(200), stored]);
        assert_eq!(call.times(), [0, again], "{wait}");
    }

    let call = Simulation::new().run([head(200), busy("600")]);
    let failure = call.transient(FailureKind::Unavailable);
    assert_eq!(
        (failure.status, failure.retry_after_seconds),
        (Some(503), Some(600))
    );
}

#[test]
fn a_wait_until_the_deadline_ends_the_call() {
    let mut simulation = Simulation::new();
    simulation.begins = Duration::from_millis(900);
    let busy = outcome(Outcome::Refused(503, Some("118"), ""));
    let call = simulation.run([head(200), busy]);
    assert_eq!(call.took, Duration::from_secs(2));
    let failure = call.transient(FailureKind::Unavailable);
    assert_eq!(failure.retry_after_seconds, Some(118));
}

/// The error of a call with one attempt, and its retryability.
fn once(events: impl IntoIterator<Item = Event>) -> (FailureKind, &'static str) {
    let simulation = Simulation::new().set("MV_CLIP_MAX_ATTEMPTS", "1");
    match simulation.run(events).result.unwrap_err() {
        ClipError::Permanent(failure) => (failure.kind, "never"),
        ClipError::Transient(failure) if failure.message.ends_with("Gave up after 1 attempt.") => {
            (failure.kind, "soon")
        }
        ClipError::Transient(failure) => (failure.kind, "later"),
    }
}

#[test]
fn when_a_destination_is_retried() {
    use FailureKind::{DestinationRefused, Unavailable};
    for status in (100..200).chain(300..600) {
        let found = once([head(200), outcome(Outcome::Refused(status, None, ""))]);
        let expected = match status {
            408 | 429 | 500 | 502 | 503 | 504 => (Unavailable, "soon"),
            501 | 505 => (DestinationRefused, "never"),
            500.. => (Unavailable, "later"),
            _ => (DestinationRefused, "never"),
        };
        assert_eq!(found, expected, "{status}");
    }
    let idle = "<?xml version=\"1.0\"?>\n<Error><Code>RequestTimeout</Code></Error>";
    let malformed = "<Error><Code>MalformedXML</Code></Error>";
    for (words, expected) in [
        (idle, (Unavailable, "soon")),
        (malformed, (DestinationRefused, "never")),
    ] {
        let found = once([head(200), outcome(Outcome::Refused(400, None, words))]);
        assert_eq!(found, expected, "{words}");
    }
}

#[test]
fn when_a_media_host_is_retried() {
    for status in (100..200).chain([202, 204, 205, 206]).chain(300..600) {
        let expected = match status {
            206 => (FailureKind::BadResponse, "soon"),
            202 | 204 | 205 => (FailureKind::Unavailable, "soon"),
            301 | 302 | 303 | 307 | 308 => (FailureKind::BadResponse, "never"),
            404 | 408 | 425 | 429 | 500.. => (FailureKind::Unavailable, "soon"),
            _ => (FailureKind::Unavailable, "later"),
        };
        assert_eq!(once([head(status)]), expected, "{status}");
    }
}

#[test]
fn an_invalid_stream_is_retried() {
    for error in [
        StreamError::Empty,
        StreamError::NotTransportStream,
        StreamError::LostSync(7),
        StreamError::Truncated,
        StreamError::NoPicture,
    ] {
        let found = once([head(200), outcome(Outcome::Stream(error))]);
        assert_eq!(found, (FailureKind::BadResponse, "soon"), "{error:?}");
    }
}

#[test]
fn when_a_transport_error_is_retried() {
    for side in [Peer::Media, Peer::Destination] {
        for (error, expected) in [
            (
                TransportError::Connection("x"),
                (FailureKind::ConnectionFailed, "soon"),
            ),
            (TransportError::TimedOut, (FailureKind::TimedOut, "soon")),
            (
                TransportError::Certificate,
                (FailureKind::ConnectionFailed, "never"),
            ),
            (TransportError::Denied, (FailureKind::Rejected, "never")),
            (TransportError::TooLarge, (FailureKind::Rejected, "never")),
        ] {
            let found = once([head(200), outcome(Outcome::Transport(side, error))]);
            assert_eq!(found, expected, "{side:?} {error:?}");
        }
    }
}

#[test]
fn the_status_is_that_of_the_server_that_failed() {
    let status = |event| {
        let result = Simulation::new()
            .set("MV_CLIP_MAX_ATTEMPTS", "1")
            .run([head(203), event]);
        result.result.unwrap_err().failure().status
    };
    let broken = |side| outcome(Outcome::Transport(side, TransportError::TimedOut));
    assert_eq!(status(broken(Peer::Media)), Some(203));
    assert_eq!(status(broken(Peer::Destination)), None);
    assert_eq!(
        status(outcome(Outcome::Stream(StreamError::Empty))),
        Some(203)
    );
    assert_eq!(status(outcome(Outcome::Refused(403, None, ""))), Some(403));
}

#[test]
fn the_message_never_contains_the_key_from_a_host_name() {
    let call = Simulation::new().run([redirect(&format!("https://{KEY}.example/x")), head(410)]);
    let message = &call.transient(FailureKind::Unavailable).message;
    assert!(
        message.starts_with("(API key).example did not send the clip"),
        "{message}"
    );
}

#[test]
fn debug_hides_locations_and_bodies() {
    let head = Head {
        status: 302,
        location: Some("https://h/s3cret".into()),
        retry_after: Some("7".into()),
        length: Some(188),
    };
    assert_eq!(
        format!("{head:?}"),
        r#"Head { status: 302, retry_after: Some("7"), length: Some(188), .. }"#
    );
    let refused = PutError::Status {
        status: 403,
        retry_after: None,
        body: b"s3cret".to_vec(),
    };
    assert_eq!(format!("{refused:?}"), "Status(403)");
}

#[test]
fn the_error_body_limit_is_four_kibibytes() {
    assert_eq!(MAX_ERROR_BODY, 4_096);
}
