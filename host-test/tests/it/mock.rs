//! The mock Meraki API.

mod api;
mod media;
mod script;
mod wire;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use meraki_mock::{CLIP, Camera, MockConfig, MockMeraki};

const SERIAL: &str = "Q2MV-ABCD-1234";

/// A mock that serves the small clip, unless the configuration names another.
async fn start(mut config: MockConfig) -> MockMeraki {
    config.clip.get_or_insert(CLIP.into());
    start_with_footage(config).await
}

async fn start_with_footage(config: MockConfig) -> MockMeraki {
    let cameras = vec![
        Camera::new(SERIAL),
        Camera::new("Q2MV-FOUR-EYES").imagers(4),
        Camera::new("Q2MV-DEAD-BEEF").online(false),
    ];
    MockMeraki::start(config.cameras(cameras)).await.unwrap()
}

/// A mock without a rate limit.
async fn unlimited() -> MockMeraki {
    start(MockConfig::default().rate_limit(None)).await
}

/// The path and query of a window of `length` that ended `ago`.
fn clip_of(serial: &str, ago: TimeDelta, length: TimeDelta) -> String {
    let end = Utc::now() - ago;
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let (start, end) = (text(end - length), text(end));
    format!("/devices/{serial}/camera/clip?startTimestamp={start}&endTimestamp={end}")
}

/// A valid request.
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
