//! Accepts connections, and records and answers their requests.

use std::future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{self, Extension, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower_service::Service as _;

use crate::api;
use crate::media;
use crate::record::{API, MEDIA, Target};
use crate::refusal::Refusal;
use crate::script::Scripted;
use crate::state::State;
use crate::sync::lock;
use crate::wire::{self, WireFault};

/// Identifies a request to Meraki's support.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes of the mock.
pub(crate) fn router(state: Arc<State>) -> Router {
    routes(state, get(api::entry_point))
}

/// The routes of a shard with a port of its own.
pub(crate) fn shard_router(state: Arc<State>) -> Router {
    routes(state, get(api::clip))
}

fn routes(state: Arc<State>, clip: MethodRouter<Arc<State>>) -> Router {
    Router::new()
        .route(&format!("{API}/devices/{{serial}}/camera/clip"), clip)
        .route(&format!("{MEDIA}/{{token}}"), get(media::get))
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "Not found"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&state), handle))
        .with_state(state)
}

/// Accepts connections until it is dropped, which also closes them.
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
                    // Tests drop connections all the time.
                    if let Err(error) = serve(stream, router).await {
                        tracing::debug!(%error, "connection ended");
                    }
                });
            }
            Err(error) => {
                // For example, no file descriptors are left: wait until other connections end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one connection until it ends or a wire fault takes it over.
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
            // The request has been read, and no byte of its reply written: `handle` is still waiting, and is
            // dropped together with hyper's part of the connection.
            let stream = connection.into_parts().io.into_inner();
            wire::send_with_fault(fault, reply, stream).await
        }
    }
}

/// Lets a request take over its connection from hyper.
#[derive(Clone)]
struct Takeover(mpsc::Sender<(WireFault, Response)>);

/// Records a request, answers it by the script, a random fault or the mock's own rules, and logs it.
async fn handle(
    extract::State(state): extract::State<Arc<State>>,
    Extension(Takeover(takeover)): Extension<Takeover>,
    request: Request,
    next: Next,
) -> Response {
    let _guard = state.concurrency.enter();
    let target = Target::of(request.uri().path());
    let scripted = lock(&state.script).next(target);
    let injector = state.faults.as_ref().filter(|_| scripted.is_none());
    let random_fault = injector.and_then(|injector| injector.draw(target));
    let entry = state
        .log
        .arrived(&request, &state.config.key, random_fault.is_some());
    if !state.config.latency.is_zero() {
        // tokio rounds up to its next millisecond, even from zero.
        tokio::time::sleep(state.config.latency).await;
    }

    let (mut reply, mut fault) = match scripted {
        Some(Scripted::Reply(reply)) => (reply.map(Body::from), None),
        Some(Scripted::Fault(fault)) => (next.run(request).await, Some(fault)),
        Some(Scripted::Pass) | None => (next.run(request).await, None),
    };
    if let Some(random_fault) = random_fault {
        (reply, fault) = random_fault.apply(reply).await;
    }
    if target == Target::Api {
        reply
            .headers_mut()
            .entry(X_REQUEST_ID)
            .or_insert_with(request_id);
    }
    if let Some(fault) = fault {
        tracing::info!(?fault, "fault");
        // If the receiver is gone, so is the connection, and this future is dropped with it.
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
