//! Faults by chance: a bad day, for as long as the mock runs.

use std::sync::Mutex;

use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Response};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use http_body_util::BodyExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::api::Refusal;
use crate::lock;
use crate::record::Target;
use crate::wire::{Point, WireFault};

/// How many replies go wrong, of the API and of media URLs alike.
///
/// What happens to one is drawn from what clients meet: 500, 502, 503 and 504, a page of HTML with status 200,
/// a connection that is closed, reset or goes silent before or within the reply, bytes that are not HTTP;
/// from the API also a 429, with `Retry-After` or without, and JSON that breaks off. The mock has done its work
/// by then, so the request counts for the call budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// So many of a hundred, on average. All from 100 on.
    pub percent: u8,
    /// With the same seed the same happens to the first request for the API, to the second, and so on; for media
    /// URLs likewise.
    pub seed: u64,
}

/// What happens to one reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// An error in Meraki's form.
    Error(StatusCode),
    /// A 429 that says how long to wait.
    Wait,
    /// What a proxy says in HTML.
    Page(StatusCode),
    /// Half of the body, as if that were all.
    Half,
    Wire(WireFault),
}

const ANYWHERE: [Mishap; 12] = [
    Mishap::Error(StatusCode::INTERNAL_SERVER_ERROR),
    Mishap::Error(StatusCode::SERVICE_UNAVAILABLE),
    Mishap::Page(StatusCode::BAD_GATEWAY),
    Mishap::Page(StatusCode::GATEWAY_TIMEOUT),
    Mishap::Page(StatusCode::OK),
    Mishap::Wire(WireFault::Close(Point::BeforeReply)),
    Mishap::Wire(WireFault::Close(Point::InBody)),
    Mishap::Wire(WireFault::Reset(Point::InHeaders)),
    Mishap::Wire(WireFault::Reset(Point::InBody)),
    Mishap::Wire(WireFault::Silent),
    Mishap::Wire(WireFault::StallInBody),
    Mishap::Wire(WireFault::Garbage),
];

/// Half of a clip would not be seen to be one, so this is no mishap of media.
const OF_THE_API: [Mishap; 3] = [
    Mishap::Error(StatusCode::TOO_MANY_REQUESTS),
    Mishap::Wait,
    Mishap::Half,
];

/// Draws what happens, request by request.
#[derive(Debug)]
pub(crate) struct Chance {
    probability: f64,
    api: Mutex<StdRng>,
    media: Mutex<StdRng>,
}

impl Chance {
    pub(crate) fn new(faults: Faults) -> Self {
        let draws = || Mutex::new(StdRng::seed_from_u64(faults.seed));
        Self {
            probability: f64::from(faults.percent.min(100)) / 100.0,
            api: draws(),
            media: draws(),
        }
    }

    /// What happens to the next reply of `target`, if anything.
    pub(crate) fn draw(&self, target: Target) -> Option<Mishap> {
        let (draws, own) = match target {
            Target::Api => (&self.api, OF_THE_API.as_slice()),
            Target::Media => (&self.media, [].as_slice()),
            Target::Other => return None,
        };
        let mut draws = lock(draws);
        if !draws.random_bool(self.probability) {
            return None;
        }
        let mishaps: Vec<_> = ANYWHERE.iter().chain(own).copied().collect();
        mishaps.choose(&mut draws).copied()
    }
}

impl Mishap {
    /// The reply that takes the place of the mock's `own`, or what happens to that on the wire.
    pub(crate) async fn befall(self, own: Response) -> (Response, Option<WireFault>) {
        let reply = match self {
            Self::Error(status) => Refusal::new(status, "A fault of the mock").into_response(),
            Self::Wait => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut reply = Refusal::new(status, "A fault of the mock").into_response();
                let second = HeaderValue::from_static("1");
                reply.headers_mut().insert(RETRY_AFTER, second);
                reply
            }
            Self::Page(status) => {
                (status, Html("<title>A fault of the mock</title>")).into_response()
            }
            Self::Half => half(own).await,
            Self::Wire(fault) => return (own, Some(fault)),
        };
        (reply, None)
    }
}

async fn half(own: Response) -> Response {
    let (mut parts, body) = own.into_parts();
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

    fn drawn(percent: u8, seed: u64, target: Target) -> Vec<Option<Mishap>> {
        let chance = Chance::new(Faults { percent, seed });
        (0..2_000).map(|_| chance.draw(target)).collect()
    }

    #[test]
    fn as_many_go_wrong_as_it_says() {
        for (percent, expected) in [
            (0, 0..=0),
            (20, 340..=460),
            (100, 2_000..=2_000),
            (255, 2_000..=2_000),
        ] {
            for target in [Target::Api, Target::Media] {
                let wrong = drawn(percent, 7, target).into_iter().flatten().count();
                assert!(expected.contains(&wrong), "{percent} %: {wrong}");
            }
        }
        assert!(drawn(100, 7, Target::Other).iter().all(Option::is_none));
    }

    #[test]
    fn a_seed_repeats_whatever_is_asked_of_the_other_host_in_between() {
        let faults = Faults {
            percent: 50,
            seed: 7,
        };
        let chance = Chance::new(faults);
        let found: Vec<_> = (0..2_000)
            .map(|_| {
                chance.draw(Target::Media);
                chance.draw(Target::Api)
            })
            .collect();
        assert_eq!(found, drawn(50, 7, Target::Api));
        assert_ne!(found, drawn(50, 8, Target::Api));
    }

    #[test]
    fn everything_happens_to_the_api_and_to_media_what_can_be_seen() {
        let happens = |target, mishap| drawn(100, 7, target).contains(&Some(mishap));
        for mishap in ANYWHERE {
            assert!(
                happens(Target::Api, mishap) && happens(Target::Media, mishap),
                "{mishap:?}"
            );
        }
        for mishap in OF_THE_API {
            assert!(
                happens(Target::Api, mishap) && !happens(Target::Media, mishap),
                "{mishap:?}"
            );
        }
    }
}
