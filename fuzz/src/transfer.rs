//! A whole transfer of one clip, between a media host and a destination that answer anything.

use std::fmt::Debug;
use std::time::Duration;

use arbitrary::Arbitrary;
use mv_clip_core::api::{Clip, ClipUrl, TransportError};
use mv_clip_core::error::FailureKind;
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transfer::{Destination, Footage, Head, PutError, Side, Step, Transfer};

use crate::sees::assert_sendable;
use crate::server::{Exchange, Outcome, Text, failure, status};
use crate::words::{KEY, TOKEN, assert_fit};

const DEADLINE: Duration = Duration::from_secs(120);
const ATTEMPTS: u32 = 5;
const DESTINATION: &str = "https://b.s3.amazonaws.com/f00tage.ts?X-Amz-Signature=0123456789abcdef";
/// What is secret in it.
const SECRETS: [&str; 2] = ["f00tage.ts", "0123456789abcdef"];

/// A transfer.
#[derive(Arbitrary, Debug)]
pub struct Saving {
    url: Text,
    random: u64,
    /// What the media host does, and then the destination, again from the first after the last.
    media: Vec<Exchange>,
    destination: Vec<Exchange>,
}

/// Checks that a transfer keeps its bounds and its secrets.
pub fn check(saving: Saving) {
    // Its URL is known to the destination alone: a media host cannot be named after it. Nor can a host be
    // named after the token of a clip.
    let known = format!("{:?}{:?}", saving.url, saving.media);
    let mut exchanges = saving.media.iter().chain(&saving.destination);
    if SECRETS.iter().any(|secret| known.contains(secret))
        || saving.url.has_token()
        || exchanges.any(|exchange| exchange.outcome.tells_token())
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
            return assert_fit(&error.failure().message);
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
                assert!(now < get.give_up_at && get.give_up_at <= DEADLINE);
                assert_sendable(&get.url);
                let head = head(media.next(), &mut now, get.give_up_at);
                transfer.fetched(now, head, || saving.random)
            }
            Step::Put(put) => {
                assert!(now < put.give_up_at && put.give_up_at <= DEADLINE);
                let outcome = stored(store.next(), &mut now, put.give_up_at);
                transfer.stored(now, outcome, || saving.random)
            }
            Step::Done(Ok(saved)) => {
                assert_eq!(saved.digest.bytes, 188);
                assert_secret(&saved);
                break;
            }
            Step::Done(Err(error)) => {
                let failure = error.failure();
                assert_fit(&failure.message);
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

/// Neither the URL of the clip nor that of the destination is printed, nor is the key.
#[track_caller]
fn assert_secret(what: &impl Debug) {
    let printed = format!("{what:?}");
    let mut secrets = SECRETS.into_iter().chain([KEY, TOKEN]);
    assert_eq!(secrets.find(|secret| printed.contains(secret)), None);
}

/// Lets the time pass that an exchange takes, and says whether it comes to an end by then.
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
    .then_some(188);
    let reply = outcome.reply().unwrap_or(Err(TransportError::TimedOut))?;
    // Where a redirect leads there is the clip, most often.
    let location = match &outcome {
        Outcome::Redirect { location, .. } => location.as_ref().map(Text::write_url),
        _ => None,
    };
    Ok(Head {
        status: reply.status,
        location,
        retry_after: reply.retry_after,
        length,
    })
}

fn stored(
    exchange: Option<&Exchange>,
    now: &mut Duration,
    until: Duration,
) -> Result<mv_clip_core::transfer::Digest, PutError> {
    let timed_out = PutError::NoReply(Side::Destination, TransportError::TimedOut);
    let mut footage = Footage::new(None);
    match pass(exchange, now, until) {
        None | Some(Outcome::Silence) => Err(timed_out),
        Some(Outcome::Clip { .. }) => footage
            .push(&[b'G'; 188])
            .and_then(|()| footage.finish())
            .map_err(PutError::NotFootage),
        Some(Outcome::Redirect { .. }) => Err(footage.finish().unwrap_err().into()),
        Some(Outcome::Failed(which)) => Err(PutError::NoReply(Side::Media, failure(which))),
        Some(Outcome::Refused {
            status,
            errors,
            retry_after,
            ..
        }) => {
            let words: Vec<_> = errors.iter().map(Text::write).collect();
            Err(PutError::Refused {
                status: self::status(status),
                retry_after: retry_after.as_ref().map(Text::write),
                body: words.join(DESTINATION).into_bytes(),
            })
        }
        Some(Outcome::Other { status, body }) => Err(PutError::Refused {
            status: self::status(status),
            retry_after: None,
            body,
        }),
    }
}
