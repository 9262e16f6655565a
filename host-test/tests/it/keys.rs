//! An API key that the host holds: with the real component, and with guests that misuse it.

mod attack;
mod echo;
mod length;
mod methods;
mod observer;
mod secrecy;
mod settings;

pub(crate) use attack::CLIP;

use std::num::NonZeroU32;
use std::time::Duration;

use http::StatusCode;
use meraki_mock::{Authorization, MockConfig, RecordedRequest, Redirect, Scripted, Target};
use mv_clip_host::{
    ApiKey, ClipHost, FailureKind, KeyMode, Policy, RateLimit, RateLimiter, Settings,
};
use tokio::time::Instant;

use crate::guest::{self, DENIED, failed};
use crate::outbound::reach::recording;
use crate::simulated::{STEP, Simulated};
use crate::support::{SERIAL, World, footage, permanent, tenant};
use crate::transfer::bucket::Bucket;

const KEY: &str = "MERAKI_DASHBOARD_API_KEY";

const MODES: [KeyMode; 2] = [KeyMode::Injection, KeyMode::Placeholder];

fn api_requests(world: &World) -> Vec<RecordedRequest> {
    let mut requests = world.mock.requests();
    requests.retain(|request| request.target == Target::Api);
    requests
}

#[tokio::test]
async fn the_key_is_sent_in_each_mode() {
    let plain = World::new().await;
    plain.get().await.unwrap();
    assert_eq!(api_requests(&plain)[0].authorization, Authorization::Right);
    for mode in MODES {
        // With a key in the settings, which the host removes, and without one.
        for world in [World::new().await, World::new().await.unset(KEY)] {
            let host = world.host_with_key(mode);
            let result = host.request_clip(world.settings(), &footage(SERIAL)).await;
            result.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
            assert_eq!(api_requests(&world)[0].authorization, Authorization::Right);
        }
    }
}

/// The mock rejects a key at the URL of a clip, although the API has the same origin.
#[tokio::test]
async fn media_hosts_and_destinations_get_no_key() {
    for mode in MODES {
        let bucket = Bucket::new([]).await;
        let world = World::new().await.also(&bucket.origin()).unset(KEY);
        let host = world.host_with_key(mode);
        let request = footage(SERIAL);
        let saved = host
            .save_clip(world.settings(), &request, &bucket.url())
            .await;
        saved.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
        assert!(!bucket.puts()[0].headers.contains_key("authorization"));
        for request in world.mock.requests() {
            let expected = match request.target {
                Target::Api => Authorization::Right,
                _ => Authorization::Missing,
            };
            assert_eq!(request.authorization, expected, "{mode:?}");
        }
    }
}

#[tokio::test]
async fn the_key_follows_redirects_only_within_the_api() {
    for mode in MODES {
        let config = MockConfig::default().redirect(Redirect::SamePort);
        let world = World::with(config).await.unset(KEY);
        let host = world.host_with_key(mode);
        let request = footage(SERIAL);
        host.request_clip(world.settings(), &request).await.unwrap();
        let requests = api_requests(&world);
        assert_eq!(requests.len(), 2);
        assert!(
            requests
                .iter()
                .all(|request| request.authorization == Authorization::Right)
        );

        let (foreign, mut heads) = recording().await;
        let world = World::new().await.also(&foreign.origin()).unset(KEY);
        let host = world.host_with_key(mode);
        let elsewhere = format!("{}/devices/Q2XX-ABCD-1234/camera/clip", foreign.origin());
        let redirect = http::Response::builder()
            .status(307)
            .header("location", elsewhere);
        world
            .mock
            .script([Scripted::Reply(redirect.body(bytes::Bytes::new()).unwrap())]);
        let result = host.request_clip(world.settings(), &request).await;
        // Here the component rejects the redirect. `outbound::key::tests` check the host.
        assert!(heads.try_recv().is_err(), "{mode:?}: {result:?}");
    }
}

/// A test guest on a host that holds a key for `api` and may also reach `others`.
async fn hostile(mode: KeyMode, api: &str, others: &[String]) -> ClipHost {
    let others = others.iter().map(|other| other.parse().unwrap());
    let policy = Policy::new([api.parse().unwrap()]).allow(others);
    let key = ApiKey::new("5ec2e7-key").unwrap();
    let builder = ClipHost::builder().policy(policy).key(key, mode);
    builder.load_bytes(guest::by_serial()).await.unwrap()
}

async fn order(host: &ClipHost, order: &str, authority: &str, value: &str) -> String {
    let answer = host
        .get_clip(&Settings::default(), order, authority, value)
        .await
        .unwrap();
    answer.expose().to_owned()
}

#[tokio::test]
async fn in_injection_mode_a_guest_that_sets_authorization_is_denied() {
    let (api, mut heads) = recording().await;
    let (other, mut others) = recording().await;
    let host = hostile(KeyMode::Injection, &api.origin(), &[other.origin()]).await;
    for server in [&api, &other] {
        let authority = server.address.to_string();
        let answer = order(&host, "request", &authority, "Bearer mine").await;
        assert_eq!(answer, failed(DENIED));
    }
    assert_eq!((api.connected().await, other.connected().await), (0, 0));
    // Without the header the request is sent, but without a key: it is not the component's API operation.
    for (server, heads) in [(&api, &mut heads), (&other, &mut others)] {
        let authority = server.address.to_string();
        assert_eq!(order(&host, "request", &authority, "").await, "Y");
        let head = heads.recv().await.unwrap();
        assert!(!head.contains("authorization"), "{head}");
    }
}

#[tokio::test]
async fn in_placeholder_mode_a_guest_that_sends_its_token_elsewhere_is_denied() {
    let (api, _) = recording().await;
    let (other, mut heads) = recording().await;
    let host = hostile(KeyMode::Placeholder, &api.origin(), &[other.origin()]).await;
    for server in [&api, &other] {
        let answer = order(&host, "k", &server.address.to_string(), "").await;
        assert_eq!(answer, failed(DENIED));
    }
    assert_eq!((api.connected().await, other.connected().await), (0, 0));
    // The guest's own token is not a secret.
    let authority = other.address.to_string();
    assert_eq!(
        order(&host, "request", &authority, "Bearer mine").await,
        "Y"
    );
    let head = heads.recv().await.unwrap();
    assert!(head.contains("authorization: Bearer mine"), "{head}");
}

#[tokio::test]
async fn requests_with_a_key_held_by_the_host_are_rate_limited() {
    let _time = Simulated::time();
    for mode in MODES {
        let world = World::new().await.unset(KEY);
        let one = NonZeroU32::MIN;
        let limit = RateLimit {
            per_second: one,
            burst: one,
        };
        let limiter = RateLimiter::new(limit);
        let key = ApiKey::new(world.mock.key()).unwrap();
        let builder = world.host.tenant().key(key, mode).rate_limiter(limiter);
        let host = tenant(builder);
        let started = Instant::now();
        for _ in 0..3 {
            let result = host.request_clip(world.settings(), &footage(SERIAL)).await;
            result.unwrap();
        }
        let took = started.elapsed();
        let least = Duration::from_secs(2) - STEP;
        let allowed = least..least + 20 * STEP;
        assert!(allowed.contains(&took), "{mode:?}: {took:?}");
    }
}

/// The component removes a key that it knows. Here it knows none.
#[tokio::test]
async fn a_key_echoed_by_a_server_does_not_reach_the_guest() {
    for mode in MODES {
        let world = World::new().await.unset(KEY);
        let host = world.host_with_key(mode);
        let echo = format!("What is Bearer {}?", world.mock.key());
        world
            .mock
            .script([Scripted::error(StatusCode::FORBIDDEN, &echo)]);
        let result = host.request_clip(world.settings(), &footage(SERIAL)).await;
        let failure = permanent(result, FailureKind::Forbidden);
        assert!(
            !failure.message.contains(world.mock.key()),
            "{}",
            failure.message
        );
        assert!(failure.message.contains("What is"), "{}", failure.message);
    }
}
