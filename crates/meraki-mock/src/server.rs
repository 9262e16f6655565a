//! Connections and the way of a request: recorded, scripted, answered.

use std::future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_service::Service as _;

use crate::api::{self, Refusal};
use crate::record::{API, MEDIA, SHARD, Target};
use crate::script::Scripted;
use crate::wire::{self, WireFault};
use crate::{Shared, lock, media};

/// By this, Meraki's support finds a request.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes of the mock.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    const CLIP: &str = "/devices/{serial}/camera/clip";
    let mut router = Router::new()
        .route(&format!("{API}{CLIP}"), get(api::front_door))
        .route(&format!("{MEDIA}/{{token}}"), get(media::get));
    if shared.shard.is_some() {
        router = router.route(&format!("{SHARD}{API}{CLIP}"), get(api::clip));
    }
    router
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "Not found"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), oversee))
        .with_state(shared)
}

/// Accepts connections until it is dropped, and drops them with itself.
pub(crate) async fn accept(listener: TcpListener, router: Router, accepted: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            connection = listener.accept() => connection,
            Some(_) = connections.join_next() => continue,
        };
        match stream {
            Ok((stream, _)) => {
                accepted.fetch_add(1, Ordering::Relaxed);
                let router = router.clone();
                connections.spawn(async move {
                    // A client that goes away is no event: tests do it all the time.
                    if let Err(error) = serve(stream, router).await {
                        tracing::debug!(%error, "connection ended");
                    }
                });
            }
            Err(error) => {
                // Such as no file descriptors left: give the other connections time to end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one connection, until it ends or a wire fault takes it from HTTP.
async fn serve(stream: TcpStream, router: Router) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (takeover, mut taken) = mpsc::channel(1);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Takeover(takeover.clone()));
        router.clone().call(request)
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = &mut connection => ended.map_err(io::Error::other),
        Some((fault, reply)) = taken.recv() => {
            // The request has been read and no byte of its reply written: the exchange is still in
            // `oversee`, and goes away together with hyper's part of the connection.
            let stream = connection.into_parts().io.into_inner();
            wire::inflict(fault, reply, stream).await
        }
    }
}

/// The way for a request to take its connection from HTTP.
#[derive(Clone)]
struct Takeover(mpsc::Sender<(WireFault, Response)>);

/// Records each request, lets the script speak first, and logs what became of it.
async fn oversee(
    State(shared): State<Arc<Shared>>,
    Extension(Takeover(takeover)): Extension<Takeover>,
    request: Request,
    next: Next,
) -> Response {
    let _in_hand = shared.in_hand.enter();
    let target = Target::of(request.uri().path());
    let scripted = lock(&shared.script).next(target);
    let chance = shared.chance.as_ref().filter(|_| scripted.is_none());
    let mishap = chance.and_then(|chance| chance.draw(target));
    let entry = shared
        .log
        .arrived(&request, &shared.config.key, mishap.is_some());
    if !shared.config.latency.is_zero() {
        // tokio rounds up to its next millisecond, even from zero.
        tokio::time::sleep(shared.config.latency).await;
    }

    let (mut reply, mut fault) = match scripted {
        Some(Scripted::Reply(reply)) => (reply.map(Body::from), None),
        Some(Scripted::Fault(fault)) => (next.run(request).await, Some(fault)),
        Some(Scripted::Pass) | None => (next.run(request).await, None),
    };
    if let Some(mishap) = mishap {
        (reply, fault) = mishap.befall(reply).await;
    }
    if target == Target::Api {
        reply
            .headers_mut()
            .entry(X_REQUEST_ID)
            .or_insert_with(request_id);
    }
    if let Some(fault) = fault {
        tracing::info!(?fault, "fault");
        // If nobody takes it, the connection is gone already, and so is this.
        let _ = takeover.send((fault, reply)).await;
        return future::pending().await;
    }
    if let Some(done) = entry.answered(reply.status()) {
        tracing::info!(
            method = %done.method,
            path = done.path,
            query = done.query,
            authorization = ?done.authorization,
            status = reply.status().as_u16(),
            "request"
        );
    }
    reply
}

fn request_id() -> HeaderValue {
    let id = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("none"))
}
