//! Media URLs.

use std::time::Duration;

use http::header::{AUTHORIZATION, RANGE};
use http::{Request, StatusCode};
use http_body_util::Empty;
use meraki_mock::{CLIP, MockConfig};

use super::{get, media_url, send, start};

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
