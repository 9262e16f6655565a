//! A destination with scripted behaviour that records what it receives.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::outbound::server::Server;

/// The behaviour for one PUT.
#[derive(Clone)]
pub enum Act {
    /// Stores the body, with this pause before each read.
    StoreSlowly(Duration),
    /// Reads the whole body, then sends this response.
    Answer(Response<&'static str>),
    /// Sends this response before it reads the body.
    AnswerEarly(Response<&'static str>),
    /// Closes the connection after this number of bytes.
    CloseAfter(usize),
    /// Stops reading after this number of bytes.
    StallAfter(usize),
}

/// One PUT and the part of its body that was read.
#[derive(Clone, Debug)]
pub struct Put {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Whether the body is complete.
    pub whole: bool,
}

#[derive(Default)]
struct State {
    acts: VecDeque<Act>,
    puts: Vec<Put>,
}

pub struct Bucket {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Bucket {
    /// Applies one act to each PUT in order, and stores the later ones.
    pub async fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let state = Arc::new(Mutex::new(State {
            acts: acts.into_iter().collect(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |stream| serve(stream, Arc::clone(&shared))).await;
        Self { server, state }
    }

    pub fn origin(&self) -> String {
        self.server.origin()
    }

    /// A URL that contains a secret.
    pub fn url(&self) -> String {
        format!("{}/incident.ts?X-Amz-Signature={SIGNATURE}", self.origin())
    }

    /// The PUTs so far.
    pub fn puts(&self) -> Vec<Put> {
        self.state.lock().unwrap().puts.clone()
    }
}

pub const SIGNATURE: &str = "0123456789abcdef0123456789abcdef";

impl Drop for Bucket {
    /// Detects acts whose PUT never arrived.
    fn drop(&mut self) {
        let left = self.state.lock().unwrap().acts.len();
        assert!(
            left == 0 || std::thread::panicking(),
            "{left} PUTs are missing"
        );
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request| put(request, Arc::clone(&state)));
    // A disconnected client is not an error here.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn put(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> io::Result<Response<Full<Bytes>>> {
    let act = state.lock().unwrap().acts.pop_front();
    let (parts, mut body) = request.into_parts();
    let index = {
        let mut state = state.lock().unwrap();
        state.puts.push(Put {
            method: parts.method,
            target: parts.uri.to_string(),
            headers: parts.headers,
            body: Vec::new(),
            whole: false,
        });
        state.puts.len() - 1
    };
    let (limit, pause) = match &act {
        Some(Act::CloseAfter(limit) | Act::StallAfter(limit)) => (*limit, Duration::ZERO),
        Some(Act::AnswerEarly(_)) => (0, Duration::ZERO),
        Some(Act::StoreSlowly(pause)) => (usize::MAX, *pause),
        Some(Act::Answer(_)) | None => (usize::MAX, Duration::ZERO),
    };
    let mut read = 0;
    while read < limit {
        sleep(pause).await;
        match body.frame().await {
            Some(frame) => {
                let data = frame
                    .map_err(io::Error::other)?
                    .into_data()
                    .unwrap_or_default();
                read += data.len();
                state.lock().unwrap().puts[index].body.extend(data);
            }
            None => {
                state.lock().unwrap().puts[index].whole = true;
                break;
            }
        }
    }
    let answer = |response: Response<&'static str>| response.map(Full::from);
    match act {
        Some(Act::StoreSlowly(_)) | None => Ok(answer(Response::new(""))),
        Some(Act::Answer(response) | Act::AnswerEarly(response)) => Ok(answer(response)),
        Some(Act::CloseAfter(_)) => Err(io::ErrorKind::ConnectionReset.into()),
        Some(Act::StallAfter(_)) => pending::<Result<_, Infallible>>()
            .await
            .map_err(|e| match e {}),
    }
}
