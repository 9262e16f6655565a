//! A destination that only counts how often the clip of each call was stored.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use meraki_mock::CLIP;
use tokio::net::TcpStream;

use crate::outbound::server::Server;

/// The number of uploads by URL path.
type Stored = Arc<Mutex<HashMap<String, u32>>>;

pub struct Sink {
    server: Server,
    stored: Stored,
}

impl Sink {
    pub async fn start() -> Self {
        let stored = Stored::default();
        let shared = Arc::clone(&stored);
        let server = Server::start(move |stream| serve(stream, Arc::clone(&shared))).await;
        Self { server, stored }
    }

    pub fn origin(&self) -> String {
        self.server.origin()
    }

    /// The destination URL of this call.
    pub fn url(&self, call: usize) -> String {
        self.origin() + &path(call)
    }

    /// The number of times that the clip of this call was stored.
    pub fn stored(&self, call: usize) -> u32 {
        let stored = self.stored.lock().unwrap();
        stored.get(&path(call)).copied().unwrap_or_default()
    }
}

fn path(call: usize) -> String {
    format!("/{call}.ts")
}

async fn serve(stream: TcpStream, stored: Stored) {
    let service = service_fn(move |request| store(request, Arc::clone(&stored)));
    // A disconnected client is not an error here.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Stores a complete body, which must be the clip. An interrupted upload is not stored.
async fn store(
    request: Request<Incoming>,
    stored: Stored,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await;
    let status = match body.map(|body| body.to_bytes()) {
        Ok(body) if body == CLIP => {
            *stored.lock().unwrap().entry(path).or_default() += 1;
            StatusCode::OK
        }
        Ok(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}
