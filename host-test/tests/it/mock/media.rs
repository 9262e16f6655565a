//! Media URLs.

use std::time::Duration;

use chrono::TimeDelta;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, RANGE};
use http::{Request, StatusCode};
use http_body_util::Empty;
use meraki_mock::{CLIP, MockConfig};

use super::{ask, clip_of, get, json, media_url, send, start, start_with_footage};

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
    let config = MockConfig::default().media_ttl(Duration::ZERO);
    let mock = start(config).await;
    let url = media_url(&mock).await;
    assert_eq!(get(&url, None).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_clip_can_appear_after_some_requests() {
    let mock = start(MockConfig::default().media_not_ready(2)).await;
    let url = media_url(&mock).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(get(&url, None).await.status().as_u16());
    }
    assert_eq!(found, [404, 404, 200]);
}

#[tokio::test]
async fn a_range_of_a_clip_can_be_requested() {
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
async fn footage_is_as_long_as_the_window_and_is_the_same_in_parts() {
    for media_length in [true, false] {
        let mock = start_with_footage(MockConfig::default().media_length(media_length)).await;
        let (ago, length) = (TimeDelta::minutes(10), TimeDelta::seconds(7));
        let window = clip_of("Q2MV-FOUR-EYES", ago, length) + "&imagerId=3";
        let url = json(&ask(&mock, &window).await)["url"].clone();
        let url = url.as_str().unwrap();

        let reply = get(url, None).await;
        let clip = reply.body();
        let summary = mv_clip_mpegts::scan(clip).unwrap();
        assert_eq!(summary.covered(), Duration::from_secs(7));
        let announced = reply.headers().get(CONTENT_LENGTH);
        let expected = media_length.then(|| clip.len().to_string());
        assert_eq!(
            announced.map(|value| value.to_str().unwrap()),
            expected.as_deref()
        );

        for (range, part) in [
            ("bytes=0-187", &clip[..188]),
            ("bytes=100001-150000", &clip[100_001..150_001]),
            ("bytes=-1000", &clip[clip.len() - 1000..]),
        ] {
            let request = Request::get(url).header(RANGE, range);
            let reply = send(request.body(Empty::new()).unwrap()).await;
            assert_eq!(reply.status(), StatusCode::PARTIAL_CONTENT);
            assert_eq!(reply.headers()[CONTENT_LENGTH], part.len().to_string());
            assert!(reply.body() == part, "{range}");
        }
    }
}
