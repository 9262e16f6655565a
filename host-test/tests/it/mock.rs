//! The mock Meraki API, as its clients see it.

// True of every test binary; it tells clippy that the helpers here are test code too.
#![cfg(test)]

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use host_test::mock::{
    Authorization, CLIP, Camera, MockConfig, MockMeraki, Point, RateLimit, Redirect, Scripted,
    Target, WireFault,
};
use host_test::mpegts;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RANGE, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SERIAL: &str = "Q2MV-ABCD-1234";

async fn start(config: MockConfig) -> MockMeraki {
    let cameras = vec![
        Camera::new(SERIAL),
        Camera {
            imagers: 4,
            ..Camera::new("Q2MV-FOUR-EYES")
        },
        Camera {
            online: false,
            ..Camera::new("Q2MV-DEAD-BEEF")
        },
    ];
    MockMeraki::start(MockConfig { cameras, ..config })
        .await
        .unwrap()
}

/// A mock for tests of other things than the rate limit.
async fn unlimited() -> MockMeraki {
    start(MockConfig {
        rate_limit: None,
        ..MockConfig::default()
    })
    .await
}

/// The resource of a window of `length` that ended `ago`, as the API's paths and queries write it.
fn clip_of(serial: &str, ago: TimeDelta, length: TimeDelta) -> String {
    let end = Utc::now() - ago;
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (start, end) = (text(end - length), text(end));
    format!("/devices/{serial}/camera/clip?startTimestamp={start}&endTimestamp={end}")
}

/// A request that nothing is wrong with.
fn good() -> String {
    clip_of(SERIAL, TimeDelta::minutes(10), TimeDelta::minutes(2))
}

async fn send(request: Request<Empty<Bytes>>) -> Response<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

async fn get(url: &str, key: Option<&str>) -> Response<Bytes> {
    let mut request = Request::get(url).body(Empty::new()).unwrap();
    if let Some(key) = key {
        request
            .headers_mut()
            .insert(AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
    }
    send(request).await
}

/// A request to the API with the right key.
async fn ask(mock: &MockMeraki, resource: &str) -> Response<Bytes> {
    get(&format!("{}{resource}", mock.base_url()), Some(mock.key())).await
}

fn json(reply: &Response<Bytes>) -> serde_json::Value {
    serde_json::from_slice(reply.body()).unwrap()
}

fn errors(reply: &Response<Bytes>) -> serde_json::Value {
    json(reply)["errors"].clone()
}

async fn media_url(mock: &MockMeraki) -> String {
    let reply = ask(mock, &good()).await;
    assert_eq!(reply.status(), StatusCode::OK, "{:?}", reply.body());
    json(&reply)["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_good_request_gets_a_url_that_serves_a_clip() {
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
    mpegts::check(clip.body()).unwrap();
}

#[tokio::test]
async fn what_meraki_would_refuse_is_refused() {
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
    for path in [
        "/",
        "/api/v0/devices",
        "/media",
        "/media/0123",
        "/shard/n1/api/v1/devices",
    ] {
        let reply = get(&format!("{root}{path}"), None).await;
        assert_eq!(reply.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(errors(&reply), serde_json::json!(["Not found"]), "{path}");
    }
    let url = format!("{}{}", mock.base_url(), good());
    let post = Request::post(url).body(Empty::new()).unwrap();
    assert_eq!(send(post).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn requests_over_the_limit_are_told_when_to_come_back() {
    let limit = RateLimit {
        per_second: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    for (retry_after, expected) in [(true, Some("1")), (false, None)] {
        let config = MockConfig {
            rate_limit: Some(limit),
            retry_after,
            ..MockConfig::default()
        };
        let mock = start(config).await;
        assert_eq!(ask(&mock, &good()).await.status(), StatusCode::OK);
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
async fn the_key_is_checked_before_the_budget_is_touched() {
    let limit = RateLimit {
        per_second: NonZeroU32::MIN,
        burst: NonZeroU32::MIN,
    };
    let mock = start(MockConfig {
        rate_limit: Some(limit),
        ..MockConfig::default()
    })
    .await;
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
async fn a_redirect_leads_to_a_shard_that_wants_the_key_too() {
    for (redirect, same_port) in [(Redirect::SamePort, true), (Redirect::OtherPort, false)] {
        let mock = start(MockConfig {
            redirect: Some(redirect),
            ..MockConfig::default()
        })
        .await;
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
        let expected = format!("/shard/n1/api/v1{resource}");
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
async fn a_media_url_refuses_the_key() {
    let mock = start(MockConfig::default()).await;
    let url = media_url(&mock).await;
    for value in ["Bearer x", "Basic eDp5", ""] {
        let request = Request::get(&url)
            .header(AUTHORIZATION, value)
            .body(Empty::new())
            .unwrap();
        assert_eq!(
            send(request).await.status(),
            StatusCode::BAD_REQUEST,
            "{value:?}"
        );
    }
}

#[tokio::test]
async fn a_media_url_expires() {
    let config = MockConfig {
        media_ttl: Duration::ZERO,
        ..MockConfig::default()
    };
    let mock = start(config).await;
    let url = media_url(&mock).await;
    assert_eq!(get(&url, None).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_clip_can_take_some_requests_to_appear() {
    let mock = start(MockConfig {
        media_not_ready: 2,
        ..MockConfig::default()
    })
    .await;
    let url = media_url(&mock).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(get(&url, None).await.status().as_u16());
    }
    assert_eq!(found, [404, 404, 200]);
}

#[tokio::test]
async fn a_part_of_a_clip_can_be_had() {
    let mock = start(MockConfig::default()).await;
    let url = media_url(&mock).await;
    let request = Request::get(&url)
        .header(RANGE, "bytes=188-375")
        .body(Empty::new())
        .unwrap();
    let reply = send(request).await;
    assert_eq!(reply.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        reply.headers()["content-range"],
        format!("bytes 188-375/{}", CLIP.len())
    );
    assert_eq!(reply.body(), &CLIP[188..376]);

    let request = Request::get(&url)
        .header(RANGE, "bytes=99999999-")
        .body(Empty::new())
        .unwrap();
    assert_eq!(
        send(request).await.status(),
        StatusCode::RANGE_NOT_SATISFIABLE
    );
}

#[tokio::test]
async fn every_api_reply_has_a_request_id_of_its_own() {
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
    let latency = Duration::from_millis(50);
    let config = MockConfig {
        success: StatusCode::ACCEPTED,
        latency,
        ..MockConfig::default()
    };
    let mock = start(config).await;
    let sent = Instant::now();
    let reply = ask(&mock, &good()).await;
    assert_eq!(reply.status(), StatusCode::ACCEPTED);
    assert!(sent.elapsed() >= latency);
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
async fn a_script_answers_api_requests_in_order_and_then_the_mock_is_itself() {
    let mock = unlimited().await;
    let url = media_url(&mock).await;
    let html = Response::builder().status(503).header(RETRY_AFTER, "3");
    mock.script([
        html.body("<html>Down</html>").unwrap().into(),
        Scripted::Pass,
        Scripted::error(StatusCode::UNAUTHORIZED, "Scripted"),
    ]);

    let down = ask(&mock, &good()).await;
    assert_eq!(down.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(down.headers()[RETRY_AFTER], "3");
    assert_eq!(down.body(), "<html>Down</html>");
    assert_eq!(
        get(&url, None).await.body(),
        CLIP,
        "media requests use no API entry"
    );
    assert_eq!(ask(&mock, &good()).await.status(), StatusCode::OK);
    assert_eq!(
        errors(&ask(&mock, &good()).await),
        serde_json::json!(["Scripted"])
    );
    assert_eq!(ask(&mock, &good()).await.status(), StatusCode::OK);
    mock.finish().unwrap();
}

#[tokio::test]
async fn media_requests_have_a_script_of_their_own() {
    let mock = unlimited().await;
    mock.script_media([Response::builder()
        .status(502)
        .body("<html>Oops</html>")
        .unwrap()]);
    let url = media_url(&mock).await;
    assert_eq!(get(&url, None).await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(get(&url, None).await.status(), StatusCode::OK);
    mock.finish().unwrap();
}

#[tokio::test]
async fn what_is_left_of_a_script_is_named() {
    let mock = unlimited().await;
    mock.script([Scripted::Pass, Scripted::error(StatusCode::BAD_GATEWAY, "")]);
    mock.script_media([WireFault::Silent]);
    ask(&mock, &good()).await;
    let unused = mock.finish().unwrap_err();
    assert_eq!(unused.left, ["API: reply 502 Bad Gateway", "media: Silent"]);
    assert_eq!(
        unused.to_string(),
        "the client made fewer requests than the script expects; not used: API: reply 502 Bad \
         Gateway, media: Silent. Correct the script, or find out why the client stopped"
    );
}

#[tokio::test]
async fn a_script_cannot_be_left_unused_in_silence() {
    let mock = unlimited().await;
    mock.script([Scripted::Pass]);
    catch_unwind(AssertUnwindSafe(|| drop(mock))).unwrap_err();
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let config = MockConfig {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..MockConfig::default()
    };
    let refused = MockMeraki::start(config).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    let config = MockConfig {
        listen: "[::1]:0".parse().unwrap(),
        ..MockConfig::default()
    };
    let mock = start(config).await;
    assert!(
        mock.base_url().starts_with("http://[::1]:"),
        "{}",
        mock.base_url()
    );
    assert_eq!(get(&media_url(&mock).await, None).await.body(), CLIP);
}

/// How a raw connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
    /// It did not: nothing came for 100 ms, and the connection is still there.
    Open,
}

/// Sends a good request on a connection of its own.
async fn raw(mock: &MockMeraki) -> TcpStream {
    let base: Uri = mock.base_url().parse().unwrap();
    let mut stream = TcpStream::connect(base.authority().unwrap().as_str())
        .await
        .unwrap();
    write_request(mock, &mut stream).await;
    stream
}

async fn write_request(mock: &MockMeraki, stream: &mut TcpStream) {
    let request = format!(
        "GET /api/v1{} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer {}\r\n\r\n",
        good(),
        mock.key()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// All that comes on `stream`.
async fn drain(stream: &mut TcpStream) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let patience = Duration::from_millis(100);
    loop {
        match tokio::time::timeout(patience, stream.read_buf(&mut bytes)).await {
            Err(_) => return (bytes, End::Open),
            Ok(Ok(0)) => return (bytes, End::Closed),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                return (bytes, End::Reset);
            }
        }
    }
}

/// The head and the body of what came, if the head is whole.
fn split(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((
        String::from_utf8(bytes[..end].to_vec()).unwrap(),
        &bytes[end + 4..],
    ))
}

fn announced(head: &str) -> Option<usize> {
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    line.map(|length| length.parse().unwrap())
}

#[tokio::test]
async fn faults_that_end_the_connection_or_stall_it() {
    use Point::{BeforeReply, InBody, InHeaders};
    let cases = [
        (WireFault::Silent, BeforeReply, End::Open),
        (WireFault::StallInBody, InBody, End::Open),
        (WireFault::Close(BeforeReply), BeforeReply, End::Closed),
        (WireFault::Close(InHeaders), InHeaders, End::Closed),
        (WireFault::Close(InBody), InBody, End::Closed),
        (WireFault::Reset(BeforeReply), BeforeReply, End::Reset),
        (WireFault::Reset(InHeaders), InHeaders, End::Reset),
        (WireFault::Reset(InBody), InBody, End::Reset),
    ];
    let mock = unlimited().await;
    for (fault, point, end) in cases {
        mock.script([fault]);
        let (bytes, ended) = drain(&mut raw(&mock).await).await;
        assert_eq!(ended, end, "{fault:?}");
        match (point, split(&bytes)) {
            (BeforeReply, None) => assert_eq!(bytes, b"", "{fault:?}"),
            (InHeaders, None) => assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"), "{fault:?}"),
            (InBody, Some((head, body))) => {
                assert_eq!(body.len(), announced(&head).unwrap() / 2, "{fault:?}");
                assert!(body.starts_with(b"{\""), "{fault:?}");
            }
            (_, found) => panic!("{fault:?}: {found:?}"),
        }
    }
    assert!(
        mock.requests()
            .iter()
            .all(|request| request.status.is_none())
    );
    mock.finish().unwrap();
}

#[tokio::test]
async fn a_dripping_reply_is_good_and_slow() {
    let mock = unlimited().await;
    mock.script([WireFault::Drip {
        interval: Duration::from_millis(1),
    }]);
    let sent = Instant::now();
    let (bytes, end) = drain(&mut raw(&mock).await).await;
    assert_eq!(end, End::Closed);
    assert!(
        sent.elapsed() >= Duration::from_millis(bytes.len() as u64),
        "{:?}",
        sent.elapsed()
    );
    let (_, body) = split(&bytes).unwrap();
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(get(body["url"].as_str().unwrap(), None).await.body(), CLIP);
}

#[tokio::test]
async fn endless_headers_have_no_end() {
    let mock = unlimited().await;
    mock.script([WireFault::EndlessHeaders {
        interval: Duration::ZERO,
    }]);
    let mut bytes = vec![0; 1024 * 1024];
    raw(&mock).await.read_exact(&mut bytes).await.unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(bytes.windows(12).any(|window| window == b"X-Flood-1: 1"));
    assert!(split(&bytes).is_none());

    mock.script([WireFault::EndlessHeaders {
        interval: Duration::from_secs(3600),
    }]);
    let (bytes, end) = drain(&mut raw(&mock).await).await;
    assert_eq!(end, End::Open);
    assert!(bytes.ends_with(b"\r\n") && split(&bytes).is_none());
}

#[tokio::test]
async fn garbage_is_not_http() {
    let mock = unlimited().await;
    mock.script([WireFault::Garbage]);
    let (bytes, end) = drain(&mut raw(&mock).await).await;
    assert_eq!(end, End::Closed);
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP/"));
}

#[tokio::test]
async fn a_large_body_is_good_json_all_the_same() {
    const BYTES: u64 = 50 * 1000 * 1000;
    let mock = unlimited().await;
    for is_announced in [true, false] {
        mock.script([WireFault::LargeBody {
            bytes: BYTES,
            announced: is_announced,
        }]);
        let (bytes, end) = drain(&mut raw(&mock).await).await;
        assert_eq!(end, End::Closed);
        let (head, body) = split(&bytes).unwrap();
        assert_eq!(announced(&head), is_announced.then_some(BYTES as usize));
        assert_eq!(body.len() as u64, BYTES);
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert!(body["url"].is_string());
    }
    mock.finish().unwrap();
}

#[tokio::test]
async fn a_fault_strikes_on_a_kept_connection_too() {
    let mock = unlimited().await;
    mock.script([Scripted::Pass, WireFault::Reset(Point::BeforeReply).into()]);
    let mut stream = raw(&mock).await;
    let (bytes, end) = drain(&mut stream).await;
    assert_eq!(end, End::Open);
    let (head, body) = split(&bytes).unwrap();
    assert_eq!(Some(body.len()), announced(&head));

    write_request(&mock, &mut stream).await;
    assert_eq!(drain(&mut stream).await, (Vec::new(), End::Reset));
    assert_eq!(mock.connections(), 1);
    mock.finish().unwrap();
}

#[tokio::test]
async fn a_fault_can_cut_a_clip_off() {
    let mock = unlimited().await;
    mock.script_media([WireFault::Close(Point::InBody)]);
    let url: Uri = media_url(&mock).await.parse().unwrap();
    let mut stream = TcpStream::connect(url.authority().unwrap().as_str())
        .await
        .unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: mock\r\n\r\n", url.path());
    stream.write_all(request.as_bytes()).await.unwrap();
    let (bytes, end) = drain(&mut stream).await;
    assert_eq!(end, End::Closed);
    let (head, body) = split(&bytes).unwrap();
    assert_eq!(announced(&head), Some(CLIP.len()));
    assert_eq!(body, &CLIP[..CLIP.len() / 2]);
    mpegts::check(body).unwrap_err();
}

#[tokio::test]
async fn dropping_the_mock_ends_its_connections() {
    let mock = unlimited().await;
    mock.script([WireFault::Silent]);
    let mut stream = raw(&mock).await;
    assert_eq!(drain(&mut stream).await.1, End::Open);
    drop(mock);
    assert_eq!(drain(&mut stream).await.1, End::Closed);
}
