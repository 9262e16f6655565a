//! A whole transfer of one clip, with a media host and a destination that may send any response.

use std::fmt::Debug;
use std::time::Duration;

use arbitrary::Arbitrary;
use mv_clip_core::api::{Clip, ClipUrl};
use mv_clip_core::error::FailureKind;
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transfer::{Destination, Head, Peer, PutError, Step, StreamChecker, Transfer};
use mv_clip_core::transport::TransportError;

use crate::browser::assert_sendable;
use crate::message::{KEY, TOKEN, assert_printable};
use crate::server::{Exchange, Outcome, Text, failure, status};

const DEADLINE: Duration = Duration::from_secs(120);
const ATTEMPTS: u32 = 5;
const DESTINATION: &str = "https://b.s3.amazonaws.com/f00tage.ts?X-Amz-Signature=0123456789abcdef";
/// The secrets in it.
const SECRETS: [&str; 2] = ["f00tage.ts", "0123456789abcdef"];

/// A transfer.
#[derive(Arbitrary, Debug)]
pub struct Saving {
    url: Text,
    random: u64,
    /// The responses of the media host and of the destination, each in a cycle.
    media: Vec<Exchange>,
    destination: Vec<Exchange>,
}

/// The smallest clip.
const PICTURE: &[u8] = include_bytes!("../../crates/core/src/transfer/picture.ts");

/// Checks that a transfer keeps its limits and does not print secrets.
pub fn check(saving: Saving) {
    // Only the destination knows its URL, so no media host has a name with it. No host has a name with a clip's
    // token either.
    let known = format!("{:?}{:?}", saving.url, saving.media);
    let mut exchanges = saving.media.iter().chain(&saving.destination);
    if SECRETS.iter().any(|secret| known.contains(secret))
        || saving.url.has_token()
        || exchanges.any(|exchange| exchange.outcome.leaks_token())
    {
        return;
    }
    let settings = Settings::from_variables([("MERAKI_DASHBOARD_API_KEY", KEY)]).unwrap();
    let Ok(url) = ClipUrl::parse(saving.url.write_url()) else {
        return;
    };
    let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
    let clip = Clip {
        request: ClipRequest::parse("Q2XX-ABCD-1234", start, end, None).unwrap(),
        url,
        expires_at: None,
        request_id: None,
    };
    let destination = Destination::parse(DESTINATION).unwrap();
    let started = Timestamp::parse("2026-03-12T15:00:00Z").unwrap();
    let mut transfer = match Transfer::new(&settings, started, clip, destination) {
        Ok(transfer) => transfer,
        Err(error) => {
            assert_eq!(error.failure().kind, FailureKind::BadResponse);
            assert_secret(error.failure());
            return assert_printable(&error.failure().message);
        }
    };
    let (mut media, mut store) = (
        saving.media.iter().cycle(),
        saving.destination.iter().cycle(),
    );
    let (mut now, mut gets) = (Duration::ZERO, 0);
    let mut step = transfer.resume(now);
    loop {
        step = match step {
            Step::Wait(until) => {
                assert!(until < DEADLINE);
                now = now.max(until);
                transfer.resume(now)
            }
            Step::Get(get) => {
                gets += 1;
                assert!(now < get.attempt_deadline && get.attempt_deadline <= DEADLINE);
                assert_sendable(&get.url);
                let head = head(media.next(), &mut now, get.attempt_deadline);
                transfer.receive_head(now, head, || saving.random)
            }
            Step::Put(put) => {
                assert!(now < put.attempt_deadline && put.attempt_deadline <= DEADLINE);
                let outcome = stored(store.next(), &mut now, put.attempt_deadline);
                transfer.receive_outcome(now, outcome, || saving.random)
            }
            Step::Done(Ok(saved)) => {
                assert_eq!(saved.digest.bytes, PICTURE.len() as u64);
                assert_secret(&saved);
                break;
            }
            Step::Done(Err(error)) => {
                let failure = error.failure();
                assert_printable(&failure.message);
                assert_secret(failure);
                assert!(failure.attempts <= ATTEMPTS);
                assert_ne!(failure.retry_after_seconds, Some(0));
                break;
            }
        };
    }
    assert!(now <= DEADLINE);
    assert!(gets <= ATTEMPTS * 4);
}

/// The output contains neither URL nor API key.
#[track_caller]
fn assert_secret(what: &impl Debug) {
    let printed = format!("{what:?}");
    let mut secrets = SECRETS.into_iter().chain([KEY, TOKEN]);
    assert_eq!(secrets.find(|secret| printed.contains(secret)), None);
}

/// Advances the clock by the duration of an exchange, and returns its outcome if it ends before `until`.
fn pass(exchange: Option<&Exchange>, now: &mut Duration, until: Duration) -> Option<Outcome> {
    let at = exchange.map(|exchange| *now + Duration::from_millis(u64::from(exchange.takes) * 50));
    let in_time = at.filter(|at| *at < until);
    *now = in_time.unwrap_or(until);
    in_time
        .and(exchange)
        .map(|exchange| exchange.outcome.clone())
}

fn head(
    exchange: Option<&Exchange>,
    now: &mut Duration,
    until: Duration,
) -> Result<Head, TransportError> {
    let outcome = pass(exchange, now, until).ok_or(TransportError::TimedOut)?;
    let length = matches!(
        &outcome,
        Outcome::Clip {
            expiry: Some(_),
            ..
        }
    )
    .then_some(PICTURE.len() as u64);
    let response = outcome
        .response()
        .unwrap_or(Err(TransportError::TimedOut))?;
    // Most redirects lead to the clip.
    let location = match &outcome {
        Outcome::Redirect { location, .. } => location.as_ref().map(Text::write_url),
        _ => None,
    };
    Ok(Head {
        status: response.status,
        location,
        retry_after: response.retry_after,
        length,
    })
}

fn stored(
    exchange: Option<&Exchange>,
    now: &mut Duration,
    until: Duration,
) -> Result<mv_clip_core::transfer::Digest, PutError> {
    let timed_out = PutError::Transport(Peer::Destination, TransportError::TimedOut);
    let mut checker = StreamChecker::new(None);
    match pass(exchange, now, until) {
        None | Some(Outcome::Silence) => Err(timed_out),
        Some(Outcome::Clip { .. }) => checker
            .push(PICTURE)
            .and_then(|()| checker.finish())
            .map_err(PutError::Stream),
        Some(Outcome::Redirect { .. }) => Err(checker.finish().unwrap_err().into()),
        Some(Outcome::Failed(which)) => Err(PutError::Transport(Peer::Media, failure(which))),
        Some(Outcome::Refused {
            status,
            errors,
            retry_after,
            ..
        }) => {
            let words: Vec<_> = errors.iter().map(Text::write).collect();
            Err(PutError::Status {
                status: self::status(status),
                retry_after: retry_after.as_ref().map(Text::write),
                body: words.join(DESTINATION).into_bytes(),
            })
        }
        Some(Outcome::Other { status, body }) => Err(PutError::Status {
            status: self::status(status),
            retry_after: None,
            body,
        }),
    }
}
