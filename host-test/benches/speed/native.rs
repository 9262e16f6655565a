//! The project's own core as a native client: the same validation, retry and parsing, over reqwest.

use std::time::Duration;

use anyhow::{Result, anyhow};
use mv_clip_core::fetch::{Fetch, Step};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::time::Timestamp;
use mv_clip_core::transport::{Request, Response, TransportError};
use reqwest::{Client, header};
use tokio::time::{Instant, sleep_until};

pub async fn get_clip(
    client: &Client,
    settings: &Settings,
    serial: &str,
    (start, end): &(String, String),
) -> Result<String> {
    let request = ClipRequest::parse(serial, start, end, None)?;
    let (origin, wall) = (Instant::now(), std::time::SystemTime::now());
    let started = Timestamp::from_unix(wall.duration_since(std::time::UNIX_EPOCH)?);
    let mut fetch = Fetch::new(settings, request, started)?;
    let mut step = fetch.resume(Duration::ZERO);
    loop {
        step = match step {
            Step::Wait(until) => {
                sleep_until(origin + until).await;
                fetch.resume(origin.elapsed())
            }
            Step::Send(request) => {
                let exchange = exchange(client, &request);
                let outcome =
                    tokio::time::timeout_at(origin + request.attempt_deadline, exchange).await;
                let outcome = outcome.unwrap_or(Err(TransportError::TimedOut));
                fetch.receive(origin.elapsed(), outcome, rand::random)
            }
            Step::Done(result) => {
                return Ok(result.map_err(|error| anyhow!(error))?.url.into_string());
            }
        }
    }
}

async fn exchange(client: &Client, request: &Request) -> Result<Response, TransportError> {
    let broken = |_| TransportError::Connection("reqwest failed");
    let mut sent = client
        .get(request.url.expose())
        .header(header::ACCEPT, "application/json");
    if let Some(key) = &request.api_key {
        sent = sent.header(header::AUTHORIZATION, key.authorization());
    }
    let response = sent.send().await.map_err(broken)?;
    Ok(Response {
        status: response.status().as_u16(),
        location: text(&response, "location"),
        retry_after: text(&response, "retry-after"),
        request_id: text(&response, "x-request-id"),
        body: response.bytes().await.map(Vec::from).map_err(broken),
    })
}

fn text(response: &reqwest::Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(value.to_str().ok()?.to_owned())
}
