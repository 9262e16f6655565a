//! Accepted and rejected API requests.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use meraki_mock::{Authorization, CLIP, MockConfig, MockMeraki, Redirect, Scripted, Target};
use mv_clip_host::RateLimit;
use mv_clip_mpegts as mpegts;
use tokio::time::Instant;

use super::{SERIAL, ask, clip_of, errors, get, good, json, media_url, send, start, unlimited};
use crate::simulated::{STEP, Simulated};

#[tokio::test]
async fn a_valid_request_gets_a_url_that_serves_a_clip() {
    let mock = start(MockConfig::default()).await;
    let reply = ask(&mock, &good()).await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(reply.headers()[CONTENT_TYPE], "application/json");

    let body = json(&reply);
    let expiry = body["expiry"].as_str().unwrap();
    let expires = expiry
        .strip_prefix("Access to the clip will expire at ")
        .unwrap();
    let expires: DateTime<Utc> = expires.strip_suffix('.').unwrap().parse().unwrap();
    let left = expires - Utc::now();
    assert!(
        TimeDelta::minutes(14) < left && left <= TimeDelta::minutes(15),
        "{left}"
    );

    let clip = get(body["url"].as_str().unwrap(), None).await;
    assert_eq!(clip.status(), StatusCode::OK);
    assert_eq!(clip.headers()[CONTENT_TYPE], "video/MP2T");
    assert_eq!(clip.headers()[CONTENT_LENGTH], CLIP.len().to_string());
    assert_eq!(clip.body(), CLIP);
    mpegts::scan(clip.body()).unwrap();
}

#[tokio::test]
async fn requests_that_meraki_rejects_are_rejected() {
    let mock = unlimited().await;
    let (ago, length) = (TimeDelta::minutes(10), TimeDelta::minutes(2));
    let four_eyes = clip_of("Q2MV-FOUR-EYES", ago, length);
    let cases: [(&str, String, u16, &str); 14] = [
        (
            "an unknown serial",
            clip_of("Q2MV-NONE-HERE", ago, length),
            404,
            "Not found",
        ),
        (
            "a serial in lower case",
            clip_of("q2mv-abcd-1234", ago, length),
            404,
            "Not found",
        ),
        (
            "a serial that is not UTF-8",
            clip_of("%FF", ago, length),
            404,
            "Not found",
        ),
        (
            "another operation",
            format!("/devices/{SERIAL}/camera/video"),
            404,
            "Not found",
        ),
        (
            "no timestamps",
            format!("/devices/{SERIAL}/camera/clip"),
            400,
            "startTimestamp is required",
        ),
        (
            "reversed",
            clip_of(SERIAL, ago, -length),
            400,
            "endTimestamp must be after startTimestamp",
        ),
        (
            "too long",
            clip_of(SERIAL, ago, TimeDelta::milliseconds(300_001)),
            400,
            "Clip duration must not exceed 5 minutes",
        ),
        (
            "too short",
            clip_of(SERIAL, ago, TimeDelta::milliseconds(999)),
            400,
            "Clip duration must be at least 1 second",
        ),
        (
            "no imager of four",
            four_eyes.clone(),
            400,
            "imagerId is required for this camera",
        ),
        (
            "no such imager",
            format!("{four_eyes}&imagerId=5"),
            400,
            "imagerId must be between 1 and 4",
        ),
        (
            "an imager of one",
            format!("{}&imagerId=1", good()),
            400,
            "imagerId must be omitted or set to 0 for this camera",
        ),
        (
            "not uploaded yet",
            clip_of(SERIAL, TimeDelta::seconds(20), length),
            400,
            "No video for specified timestamp",
        ),
        (
            "not kept any more",
            clip_of(SERIAL, TimeDelta::days(91), length),
            400,
            "No video for specified timestamp",
        ),
        (
            "offline",
            clip_of("Q2MV-DEAD-BEEF", ago, length),
            400,
            "No video for specified timestamp",
        ),
    ];
    for (name, resource, status, message) in cases {
        let reply = ask(&mock, &resource).await;
        assert_eq!(reply.status(), status, "{name}");
        assert_eq!(errors(&reply)[0], message, "{name}");
    }
    let imager = ask(&mock, &format!("{four_eyes}&imagerId=4")).await;
    assert_eq!(imager.status(), StatusCode::OK);
}

#[tokio::test]
async fn only_the_right_key_has_access() {
    let mock = unlimited().await;
    let url = format!("{}{}", mock.base_url(), good());
    for key in [None, Some("another-key"), Some("")] {
        let reply = get(&url, key).await;
        assert_eq!(reply.status(), StatusCode::UNAUTHORIZED, "{key:?}");
        assert_eq!(
            errors(&reply),
            serde_json::json!(["Invalid API key"]),
            "{key:?}"
        );
    }
}

#[tokio::test]
async fn other_paths_are_not_found_and_other_methods_not_allowed() {
    let mock = unlimited().await;
    let root = mock.base_url().replace("/api/v1", "");
    for path in ["/", "/api/v0/devices", "/media", "/media/0123"] {
        let reply = get(&format!("{root}{path}"), None).await;
        assert_eq!(reply.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(errors(&reply), serde_json::json!(["Not found"]), "{path}");
    }
    let url = format!("{}{}", mock.base_url(), good());
    let post = Request::post(url).body(Empty::new()).unwrap();
    assert_eq!(send(post).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn requests_over_the_limit_get_retry_after() {
    let _time = Simulated::time();
    let limit = RateLimit {
        per_second: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    for (retry_after, expected) in [(true, Some("1")), (false, None)] {
        let config = MockConfig::default()
            .rate_limit(limit)
            .retry_after(retry_after);
        let mock = start(config).await;
        let reply = ask(&mock, &good()).await;
        assert_eq!(reply.status(), StatusCode::OK);
        let reply = ask(&mock, &good()).await;
        assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
        let message = "API rate limit exceeded for organization";
        assert_eq!(errors(&reply), serde_json::json!([message]));
        let header = reply
            .headers()
            .get(RETRY_AFTER)
            .map(|value| value.to_str().unwrap());
        assert_eq!(header, expected);
    }
}

#[tokio::test]
async fn the_key_is_checked_before_the_rate_limit() {
    let limit = RateLimit {
        per_second: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    let mock = start(MockConfig::default().rate_limit(limit)).await;
    let url = format!("{}{}", mock.base_url(), good());
    for _ in 0..3 {
        assert_eq!(
            get(&url, Some("wrong")).await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(ask(&mock, &good()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_redirect_leads_to_a_shard_that_requires_the_key() {
    for (redirect, same_port) in [(Redirect::SamePort, true), (Redirect::OtherPort, false)] {
        let mock = start(MockConfig::default().redirect(redirect)).await;
        let resource = good();
        let base: Uri = mock.base_url().parse().unwrap();

        let reply = ask(&mock, &resource).await;
        assert_eq!(reply.status(), StatusCode::FOUND, "{redirect:?}");
        let location = reply.headers()[LOCATION].to_str().unwrap();
        let shard: Uri = location.parse().unwrap();
        assert_eq!(shard.host(), base.host(), "{redirect:?}");
        assert_eq!(
            shard.port_u16() == base.port_u16(),
            same_port,
            "{redirect:?}"
        );
        let expected = format!("/api/v1{resource}");
        assert_eq!(
            shard.path_and_query().unwrap().as_str(),
            expected,
            "{redirect:?}"
        );

        assert_eq!(
            get(location, None).await.status(),
            StatusCode::UNAUTHORIZED,
            "{redirect:?}"
        );
        let clip = get(location, Some(mock.key())).await;
        assert_eq!(clip.status(), StatusCode::OK, "{redirect:?}");
        let url = json(&clip)["url"].as_str().unwrap().to_owned();
        assert_eq!(get(&url, None).await.body(), CLIP, "{redirect:?}");
    }
}

#[tokio::test]
async fn each_api_reply_has_its_own_request_id() {
    let mock = unlimited().await;
    mock.script([
        Scripted::error(StatusCode::BAD_GATEWAY, "Bad gateway"),
        Response::builder()
            .header("X-Request-Id", "mine")
            .body("{}")
            .unwrap()
            .into(),
    ]);
    let mut ids = Vec::new();
    for resource in [good(), good(), good(), "/nothing/here".to_owned()] {
        let reply = ask(&mock, &resource).await;
        ids.push(reply.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    assert_eq!(ids[1], "mine");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn status_and_latency_are_as_configured() {
    let _time = Simulated::time();
    let latency = Duration::from_millis(50);
    let config = MockConfig::default()
        .success(StatusCode::ACCEPTED)
        .latency(latency);
    let mock = start(config).await;
    let sent = Instant::now();
    let reply = ask(&mock, &good()).await;
    assert_eq!(reply.status(), StatusCode::ACCEPTED);
    let took = sent.elapsed();
    assert!((latency..latency + 200 * STEP).contains(&took), "{took:?}");
}

#[tokio::test]
async fn requests_are_recorded_without_secrets() {
    let mock = unlimited().await;
    let url = media_url(&mock).await;
    get(&url, None).await;
    get(&format!("{}/nothing", mock.base_url()), Some("stray-key")).await;
    let requests = mock.requests();

    let seen: Vec<_> = requests
        .iter()
        .map(|request| {
            (
                request.target,
                request.authorization,
                request.status.unwrap().as_u16(),
            )
        })
        .collect();
    let expected = [
        (Target::Api, Authorization::Right, 200),
        (Target::Media, Authorization::Missing, 200),
        (Target::Api, Authorization::Wrong, 404),
    ];
    assert_eq!(seen, expected);
    assert_eq!(requests[0].method, Method::GET);
    assert_eq!(
        requests[0].path,
        format!("/api/v1/devices/{SERIAL}/camera/clip")
    );
    assert!(
        requests[0]
            .query
            .as_deref()
            .unwrap()
            .starts_with("startTimestamp=")
    );
    assert!(requests[0].at <= requests[1].at);

    let token = url.rsplit('/').next().unwrap();
    let shown = format!("{requests:?} {mock:?}");
    for secret in [token, mock.key(), "stray-key"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let config = MockConfig::default().listen("0.0.0.0:0".parse().unwrap());
    let refused = MockMeraki::start(config).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    let config = MockConfig::default().listen("[::1]:0".parse().unwrap());
    let mock = start(config).await;
    assert!(
        mock.base_url().starts_with("http://[::1]:"),
        "{}",
        mock.base_url()
    );
    assert_eq!(get(&media_url(&mock).await, None).await.body(), CLIP);
}
