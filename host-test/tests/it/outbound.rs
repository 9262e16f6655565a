//! Outbound requests of the host, to real servers on loopback.

mod beside;
mod connect;
mod failures;
mod limiter;
mod pool;
pub(crate) mod proxy;
pub(crate) mod reach;
mod route;
pub mod server;
mod table;
pub(crate) mod tls;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use mv_clip_host::outbound::{Outbound, OutboundBuilder};
use mv_clip_host::{OriginPattern, Policy};
use wasmtime_wasi_http::{Error, WasiBody};

/// Much longer than any request here takes.
const LONG: Duration = Duration::from_secs(300);

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future)
        .await
        .expect("the request ends in time")
}

pub(crate) fn allowing(destinations: &[String]) -> OutboundBuilder {
    let parse = |text: &String| text.parse::<OriginPattern>().unwrap();
    Outbound::builder().policy(destinations.iter().map(parse).collect::<Policy>())
}

pub(crate) fn request(uri: &str) -> Request<WasiBody> {
    let body = Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .boxed_unsync();
    Request::get(uri).body(body).unwrap()
}

async fn get(outbound: &Outbound, uri: &str) -> Result<Response<WasiBody>, Error> {
    in_time(outbound.send(request(uri), None)).await
}

/// Sends a request that must succeed, and reads the whole body.
async fn fetch(outbound: &Outbound, uri: &str) -> Bytes {
    let response = get(outbound, uri).await.unwrap();
    assert_eq!(response.status(), 200);
    in_time(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes()
}
