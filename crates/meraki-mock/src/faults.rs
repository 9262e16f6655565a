//! Random faults.

use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::record::Target;
use crate::refusal::Refusal;
use crate::sync::lock;
use crate::wire::{Point, WireFault};

/// How many replies fail at random, from the API and from media URLs.
///
/// Each fault is drawn from those that clients meet in practice: statuses 500, 502, 503 and 504; an HTML page
/// with status 200; a connection that is closed, reset or silent before or within the reply; bytes that are not
/// HTTP. Replies of the API also fail with 429, with or without `Retry-After`, and with truncated JSON. The mock
/// processes the request first, so it counts against the rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// The average percentage of replies that fail. All fail from 100 on.
    pub percent: u8,
    /// Selects the sequence of faults. With the same seed, the n-th request to the API always meets the same
    /// fault, and so does the n-th request to media URLs. Default: 0.
    pub seed: u64,
}

impl Faults {
    /// Faults of a percentage of all replies.
    pub fn new(percent: u8) -> Self {
        Self { percent, seed: 0 }
    }

    /// Sets [`seed`](Faults#structfield.seed).
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// A fault of one reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error in Meraki's form.
    Error(StatusCode),
    /// A 429 with `Retry-After`.
    RateLimited,
    /// An HTML page, as from a proxy.
    Page(StatusCode),
    /// The first half of the body, sent as a complete reply.
    TruncatedBody,
    Wire(WireFault),
}

/// The faults of the API and of media URLs.
const COMMON: [Fault; 12] = [
    Fault::Error(StatusCode::INTERNAL_SERVER_ERROR),
    Fault::Error(StatusCode::SERVICE_UNAVAILABLE),
    Fault::Page(StatusCode::BAD_GATEWAY),
    Fault::Page(StatusCode::GATEWAY_TIMEOUT),
    Fault::Page(StatusCode::OK),
    Fault::Wire(WireFault::Close(Point::BeforeReply)),
    Fault::Wire(WireFault::Close(Point::InBody)),
    Fault::Wire(WireFault::Reset(Point::InHeaders)),
    Fault::Wire(WireFault::Reset(Point::InBody)),
    Fault::Wire(WireFault::Silent),
    Fault::Wire(WireFault::StallInBody),
    Fault::Wire(WireFault::Garbage),
];

/// The faults of the API alone. No client can recognise half of a clip, so media URLs do not truncate bodies.
const API_ONLY: [Fault; 3] = [
    Fault::Error(StatusCode::TOO_MANY_REQUESTS),
    Fault::RateLimited,
    Fault::TruncatedBody,
];

/// Draws the fault of each request.
#[derive(Debug)]
pub(crate) struct FaultInjector {
    probability: f64,
    api: Mutex<StdRng>,
    media: Mutex<StdRng>,
}

impl FaultInjector {
    pub(crate) fn new(faults: Faults) -> Self {
        let rng = || Mutex::new(StdRng::seed_from_u64(faults.seed));
        Self {
            probability: f64::from(faults.percent.min(100)) / 100.0,
            api: rng(),
            media: rng(),
        }
    }

    /// The fault of the next reply of `target`, if it has one.
    pub(crate) fn draw(&self, target: Target) -> Option<Fault> {
        let (rng, own) = match target {
            Target::Api => (&self.api, API_ONLY.as_slice()),
            Target::Media => (&self.media, [].as_slice()),
            Target::Other => return None,
        };
        let mut rng = lock(rng);
        if !rng.random_bool(self.probability) {
            return None;
        }
        let faults: Vec<_> = COMMON.iter().chain(own).copied().collect();
        faults.choose(&mut rng).copied()
    }
}

impl Fault {
    /// Applies the fault to a reply: gives the reply to send, and the fault to apply to it on the wire.
    pub(crate) async fn apply(self, reply: Response) -> (Response, Option<WireFault>) {
        let error = |status| Refusal::new(status, "A fault of the mock");
        let reply = match self {
            Self::Error(status) => error(status).into_response(),
            Self::RateLimited => Refusal {
                retry_after: Some(Duration::from_secs(1)),
                ..error(StatusCode::TOO_MANY_REQUESTS)
            }
            .into_response(),
            Self::Page(status) => {
                (status, Html("<title>A fault of the mock</title>")).into_response()
            }
            Self::TruncatedBody => truncated(reply).await,
            Self::Wire(fault) => return (reply, Some(fault)),
        };
        (reply, None)
    }
}

async fn truncated(reply: Response) -> Response {
    let (mut parts, body) = reply.into_parts();
    // The mock's own bodies do not fail.
    let body = body.collect().await.map(|body| body.to_bytes());
    let mut body = body.unwrap_or_default();
    body.truncate(body.len() / 2);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(percent: u8, seed: u64, target: Target) -> Vec<Option<Fault>> {
        let injector = FaultInjector::new(Faults::new(percent).seed(seed));
        (0..2_000).map(|_| injector.draw(target)).collect()
    }

    #[test]
    fn the_percentage_of_faults_is_as_configured() {
        for (percent, expected) in [
            (0, 0..=0),
            (20, 340..=460),
            (100, 2_000..=2_000),
            (255, 2_000..=2_000),
        ] {
            for target in [Target::Api, Target::Media] {
                let failed = drawn(percent, 7, target).into_iter().flatten().count();
                assert!(expected.contains(&failed), "{percent} %: {failed}");
            }
        }
        assert!(drawn(100, 7, Target::Other).iter().all(Option::is_none));
    }

    #[test]
    fn a_seed_repeats_its_sequence_whatever_the_other_target_gets() {
        let injector = FaultInjector::new(Faults::new(50).seed(7));
        let found: Vec<_> = (0..2_000)
            .map(|_| {
                injector.draw(Target::Media);
                injector.draw(Target::Api)
            })
            .collect();
        assert_eq!(found, drawn(50, 7, Target::Api));
        assert_ne!(found, drawn(50, 8, Target::Api));
    }

    #[test]
    fn the_api_meets_all_faults_and_media_urls_the_common_ones() {
        let occurs = |target, fault| drawn(100, 7, target).contains(&Some(fault));
        for fault in COMMON {
            assert!(
                occurs(Target::Api, fault) && occurs(Target::Media, fault),
                "{fault:?}"
            );
        }
        for fault in API_ONLY {
            assert!(
                occurs(Target::Api, fault) && !occurs(Target::Media, fault),
                "{fault:?}"
            );
        }
    }
}
