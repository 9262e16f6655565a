//! Each behaviour of a call for one clip, once, end to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use http::{Response, StatusCode};
use meraki_mock::{Authorization, MockConfig, RecordedRequest, Redirect, Scripted, Target};
use mv_clip_host::{CallError, ClipHost, ClipRequest, FailureKind, Limits, Phase, RateLimit};
use mv_clip_mpegts as mpegts;

use crate::simulated::{STEP, Simulated};
use crate::support::{SERIAL, World, component_file, ending, footage, permanent, transient};

const NO_VIDEO: &str = "No video for specified timestamp";

fn retry_after(status: u16, value: &str) -> Scripted {
    let reply = Response::builder()
        .status(status)
        .header("retry-after", value);
    reply.body(Bytes::new()).unwrap().into()
}

/// The intervals between requests.
fn intervals(requests: &[RecordedRequest]) -> Vec<Duration> {
    requests
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect()
}

#[tokio::test]
async fn the_url_serves_a_clip() {
    let world = World::new().await;
    let ClipRequest {
        serial, start, end, ..
    } = footage(SERIAL);
    let url = world
        .host
        .get_clip(world.settings(), &serial, &start, &end)
        .await
        .unwrap();
    let summary = mpegts::scan(&world.fetch(&url).await.unwrap()).unwrap();
    assert_eq!(summary.programs.len(), 1);

    let requests = world.mock.requests();
    let [api, fetched] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!((api.target, fetched.target), (Target::Api, Target::Media));
    assert_eq!(api.path, format!("/api/v1/devices/{SERIAL}/camera/clip"));
    assert_eq!(
        api.query,
        Some(format!("startTimestamp={start}&endTimestamp={end}"))
    );
    assert_eq!(api.authorization, Authorization::Right);
    assert_eq!(api.accept.as_deref(), Some("application/json"));
    let name = concat!("mv-clip/", env!("CARGO_PKG_VERSION"), " ");
    let user_agent = api.user_agent.as_deref().unwrap_or_default();
    assert!(user_agent.starts_with(name), "{user_agent}");
    assert_eq!(fetched.authorization, Authorization::Missing);
}

#[tokio::test]
async fn the_record_contains_the_request() {
    let world = World::with(MockConfig::default().success(StatusCode::ACCEPTED));
    let world = world.await;
    let request = ClipRequest {
        imager_id: Some(3),
        ..footage("Q2MV-MOCK-0004")
    };
    let clip = world.request(&request).await.unwrap();
    assert_eq!((clip.serial, clip.imager_id), (request.serial, Some(3)));
    assert_eq!((clip.start, clip.end), (request.start, request.end));
    let expires_at = chrono::DateTime::parse_from_rfc3339(&clip.expires_at.unwrap()).unwrap();
    assert!(expires_at > Utc::now());
    assert!(
        world.mock.requests()[0]
            .query
            .as_ref()
            .unwrap()
            .ends_with("&imagerId=3")
    );
}

mod refusals {
    use super::*;

    #[tokio::test]
    async fn a_wrong_key() {
        let world = World::new().await.set("MERAKI_DASHBOARD_API_KEY", "wrong");
        let failure = permanent(world.get().await, FailureKind::Unauthorized);
        assert!(
            failure.message.contains("Check the key"),
            "{}",
            failure.message
        );
        assert!(failure.request_id.is_some());
        assert_eq!((failure.status, failure.attempts), (Some(401), 1));
    }

    #[tokio::test]
    async fn a_key_without_rights() {
        let world = World::new().await;
        world
            .mock
            .script([Scripted::error(StatusCode::FORBIDDEN, "no access")]);
        let failure = permanent(world.get().await, FailureKind::Forbidden);
        assert!(
            failure.message.ends_with("Meraki says: \"no access\"."),
            "{}",
            failure.message
        );
    }

    #[tokio::test]
    async fn an_unknown_camera() {
        let world = World::new().await;
        let result = world.request(&footage("Q2XX-NONE-0000")).await;
        let failure = permanent(result, FailureKind::NotFound);
        assert!(
            failure.message.contains("Check the serial"),
            "{}",
            failure.message
        );
        assert_eq!(world.statuses(), [Some(404)]);
    }

    #[tokio::test]
    async fn a_camera_that_wants_an_imager() {
        let world = World::new().await;
        let failure = permanent(
            world.request(&footage("Q2MV-MOCK-0004")).await,
            FailureKind::Rejected,
        );
        assert!(
            failure
                .message
                .contains("Name one of a camera with several"),
            "{}",
            failure.message
        );
        assert_eq!(failure.status, Some(400));
    }

    #[tokio::test]
    async fn a_camera_that_was_offline() {
        let world = World::new().await;
        let failure = permanent(
            world.request(&footage("Q2MV-MOCK-0000")).await,
            FailureKind::Rejected,
        );
        assert!(
            failure.message.contains("The camera was offline"),
            "{}",
            failure.message
        );
    }

    #[tokio::test]
    async fn footage_from_before_the_retention() {
        let world = World::new().await.set("MV_CLIP_RETENTION_DAYS", "30");
        let old = ending(SERIAL, Utc::now() - TimeDelta::days(30));
        permanent(world.request(&old).await, FailureKind::OutsideRetention);
        assert!(world.mock.requests().is_empty());
    }
}

mod footage_near_live {
    use super::*;

    #[tokio::test]
    async fn is_waited_for() {
        let config = MockConfig::default().lag(Duration::from_secs(1));
        let world = World::with(config).await.set("MV_CLIP_LAG_SECONDS", "1");
        let started = Instant::now();
        world.request(&ending(SERIAL, Utc::now())).await.unwrap();
        assert!(
            started.elapsed() >= Duration::from_millis(900),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(world.statuses(), [Some(200)]);
    }

    #[tokio::test]
    async fn is_requested_again() {
        let _time = Simulated::time();
        let world = World::new().await;
        let no_video = || Scripted::error(StatusCode::BAD_REQUEST, NO_VIDEO);
        world.mock.script([no_video(), no_video(), Scripted::Pass]);
        world
            .request(&ending(SERIAL, Utc::now() - TimeDelta::minutes(2)))
            .await
            .unwrap();
        assert_eq!(world.statuses(), [Some(400), Some(400), Some(200)]);
    }

    #[tokio::test]
    async fn is_too_early_beyond_the_deadline() {
        let world = World::new().await;
        let started = Instant::now();
        let ahead = ending(SERIAL, Utc::now() + TimeDelta::minutes(10));
        let failure = transient(world.request(&ahead).await, FailureKind::TooEarly);
        let seconds = failure.retry_after_seconds.unwrap();
        // Ten minutes and the lag, less the duration of the call.
        let least = 659 - started.elapsed().as_secs();
        assert!((least..=661).contains(&seconds.into()), "{seconds}");
        assert!(world.mock.requests().is_empty());
    }
}

mod retries {
    use super::*;

    #[tokio::test]
    async fn end_in_a_clip() {
        let _time = Simulated::time();
        let world = World::new().await;
        let html = Response::builder()
            .status(502)
            .body("<html>Bad Gateway</html>")
            .unwrap();
        let empty = Response::builder().status(200).body("").unwrap();
        world.mock.script([
            Scripted::error(StatusCode::SERVICE_UNAVAILABLE, "maintenance"),
            html.into(),
            empty.into(),
            Scripted::Pass,
        ]);
        world.get().await.unwrap();
        assert_eq!(
            world.statuses(),
            [Some(503), Some(502), Some(200), Some(200)]
        );
    }

    #[tokio::test]
    async fn are_four() {
        let _time = Simulated::time();
        let world = World::new().await;
        let error = || Scripted::error(StatusCode::GATEWAY_TIMEOUT, "x");
        world
            .mock
            .script([error(), error(), error(), error(), error()]);
        let failure = transient(world.get().await, FailureKind::Unavailable);
        assert_eq!((failure.status, failure.attempts), (Some(504), 5));
    }

    #[tokio::test]
    async fn wait_as_long_as_the_server_asks_for() {
        let _time = Simulated::time();
        let world = World::new().await;
        world.mock.script([retry_after(429, "2"), Scripted::Pass]);
        world.get().await.unwrap();
        let intervals = intervals(&world.mock.requests());
        let asked = Duration::from_secs(2);
        assert!((asked..2 * asked).contains(&intervals[0]), "{intervals:?}");
    }

    #[tokio::test]
    async fn that_would_miss_the_deadline_end_the_call() {
        let _time = Simulated::time();
        let world = World::new().await;
        world.mock.script([retry_after(429, "600")]);
        let failure = transient(world.get().await, FailureKind::RateLimited);
        assert!((600..=660).contains(&failure.retry_after_seconds.unwrap()));
        assert_eq!(failure.attempts, 1);
    }

    #[tokio::test]
    async fn succeed_under_a_limit_that_others_exhaust() {
        let _time = Simulated::time();
        let one = std::num::NonZeroU32::MIN;
        let limit = RateLimit {
            per_second: one,
            burst: one,
        };
        let world = World::with(MockConfig::default().rate_limit(limit)).await;
        for _ in 0..4 {
            world.get().await.unwrap();
        }
        let statuses = world.statuses();
        assert!(statuses.contains(&Some(429)), "{statuses:?}");
        assert_eq!(
            statuses
                .iter()
                .filter(|status| **status == Some(200))
                .count(),
            4
        );
    }
}

mod redirects {
    use super::*;

    #[tokio::test]
    async fn are_followed_with_the_key() {
        let redirect = Some(Redirect::SamePort);
        let world = World::with(MockConfig::default().redirect(redirect)).await;
        world.get().await.unwrap();
        let requests = world.mock.requests();
        assert_eq!(world.statuses(), [Some(302), Some(200)]);
        assert!(
            requests
                .iter()
                .all(|request| request.authorization == Authorization::Right)
        );
    }

    #[tokio::test]
    async fn to_another_origin_are_refused_by_its_name() {
        let redirect = Some(Redirect::OtherPort);
        let world = World::with(MockConfig::default().redirect(redirect)).await;
        let failure = permanent(world.get().await, FailureKind::Rejected);
        assert!(
            failure.message.contains(" redirects to 127.0.0.1:"),
            "{}",
            failure.message
        );
        assert_eq!(world.statuses(), [Some(302)]);
    }

    #[tokio::test]
    async fn are_limited() {
        let world = World::new().await;
        let hop = || {
            let reply = Response::builder()
                .status(307)
                .header("location", "/api/v1/again");
            Scripted::from(reply.body("").unwrap())
        };
        world.mock.script([hop(), hop(), hop(), hop()]);
        let failure = permanent(world.get().await, FailureKind::Rejected);
        assert!(
            failure.message.contains("more than 3 times"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn calls_run_concurrently() {
    let _time = Simulated::time();
    const CALLS: usize = 20;
    let config = MockConfig::default()
        .rate_limit(None)
        // Long enough for the last request to arrive before the first reply.
        .latency(20 * STEP);
    let world = Arc::new(World::with(config).await);
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.get().await.map(drop) })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.mock.max_concurrency(), CALLS);
}

#[tokio::test]
async fn the_host_stops_a_guest_that_exceeds_its_wall_time() {
    let _time = Simulated::time();
    let world = World::new().await.set("MV_CLIP_LAG_SECONDS", "3600");
    let world = world.set("MV_CLIP_DEADLINE_SECONDS", "86400");
    let limits = Limits::default().wall_time(Duration::from_secs(1));
    let builder = ClipHost::builder().limits(limits);
    let host = builder.load(component_file()).await.unwrap();
    let request = ending(SERIAL, Utc::now());
    let error = host
        .request_clip(world.settings(), &request)
        .await
        .unwrap_err();
    let phase = match error {
        CallError::WallTime { phase, .. } => phase,
        other => panic!("{other}"),
    };
    assert_eq!(phase, Phase::Running);
}
