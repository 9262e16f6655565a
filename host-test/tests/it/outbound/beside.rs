//! Two calls side by side, one of them hostile: the other gets its reply at once, as it does alone.

mod bodies;
mod bursts;
mod disliked;
mod floods;
mod http2;
mod look_ups;
mod pacing;
mod proxy;
mod sockets;

use std::future::{pending, ready};
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use mv_clip_host::outbound::{Outbound, OutboundBuilder, OutboundHooks};
use mv_clip_host::{ApiKey, KeyMode, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpHooks};

use super::{allowing, request};
use crate::keys::CLIP;
use crate::simulated::STEP;

/// How long a request takes in simulated time if nothing holds it up.
const AT_ONCE: Duration = STEP.saturating_mul(10);

const SECOND: Duration = Duration::from_secs(1);

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

/// Keeps a key for this API: requests for a clip share connections.
fn with_key(origin: &str) -> OutboundBuilder {
    let key = ApiKey::new("5ec2e70b9f41d7a3").unwrap();
    allowing(&[origin.to_owned()]).key(key, KeyMode::Injection)
}

/// What the host writes the request for.
fn clip(origin: &str) -> String {
    format!("{origin}{CLIP}")
}

/// One call.
struct Call(OutboundHooks);

type Reply = Result<Response<WasiBody>, Error>;

impl Call {
    fn new(outbound: &Outbound) -> Self {
        Self(OutboundHooks::of(outbound, &Settings::default()))
    }

    fn send(&mut self, request: Request<WasiBody>) -> impl Future<Output = Reply> + Send + use<> {
        let processed = Box::new(ready(Ok(())));
        let sent = Box::into_pin(self.0.send_request(request, None, processed));
        async move { sent.await.map(|(response, _)| response) }
    }

    /// Sends many requests, and holds what comes without reading it.
    fn hold(&mut self, count: usize, uri: &str) -> JoinSet<()> {
        let mut held = JoinSet::new();
        for _ in 0..count {
            let reply = self.send(request(uri));
            held.spawn(async move {
                let _reply = reply.await;
                pending::<()>().await;
            });
        }
        held
    }

    /// A request that must be answered at once, in simulated time.
    async fn fetch_at_once(&mut self, uri: &str) -> Bytes {
        let started = Instant::now();
        let reply = self.send(request(uri)).await.unwrap();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let took = started.elapsed();
        assert!(took <= AT_ONCE, "it took {took:?}");
        body
    }
}

/// Waits until every task is idle, in simulated time.
async fn settle() {
    sleep(SECOND).await;
}

fn with_body(method: Method, uri: &str, body: impl Into<Bytes>) -> Request<WasiBody> {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let request = Request::builder().method(method).uri(uri);
    request.body(body.boxed_unsync()).unwrap()
}
