//! One HTTP exchange over `wasi:http`, without blocking: it says what to poll, and is advanced when
//! that is ready.
//!
//! The messages go through the bindings that waki exports: its own `send` and `body` block without a
//! deadline. The three timeouts of `request-options` are set too, but they leave out the TLS handshake
//! in some hosts, and others refuse them.

use std::ops::ControlFlow;
use std::time::Duration;

use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    FieldValue, Fields, FutureIncomingResponse, IncomingBody, OutgoingRequest, RequestOptions,
    Scheme, http_error_code,
};
use waki::bindings::wasi::io::poll::Pollable;
use waki::bindings::wasi::io::streams::{InputStream, StreamError};

use super::clock::{Clock, nanoseconds};
use super::error_code::{BROKEN, transport_error};
use crate::api::{MAX_BODY, Reply, Request, TransportError};
use crate::redirect::is_redirect;

/// Meraki asks applications to name themselves: "ApplicationName/1.0 VendorName".
const USER_AGENT: &str = concat!("mv-clip/", env!("CARGO_PKG_VERSION"), " mv-clip");

/// How much of a body is read at a time, in bytes: a real one fits.
const CHUNK: usize = 16 * 1024;

/// RUSTSEC-2026-0320: a timeout of zero makes some hosts panic.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(1);

/// What an exchange comes to.
pub(super) type Outcome = Result<Reply, TransportError>;

/// A request that is on its way.
pub(super) struct Exchange {
    give_up_at: Duration,
    stage: Stage,
}

enum Stage {
    Response(Response),
    Body(Body),
}

impl Exchange {
    pub(super) fn start(clock: &Clock, request: &Request) -> Result<Self, TransportError> {
        let give_up_at = request.give_up_at;
        let left = give_up_at
            .saturating_sub(clock.elapsed())
            .max(SHORTEST_TIMEOUT);
        let future = outgoing_handler::handle(outgoing(request)?, Some(options(left)))
            .map_err(|code| transport_error(&code))?;
        let stage = Stage::Response(Response {
            ready: future.subscribe(),
            future,
        });
        Ok(Self { give_up_at, stage })
    }

    /// When this has to be over, counted from the start of the call.
    pub(super) fn give_up_at(&self) -> Duration {
        self.give_up_at
    }

    /// Ready when there is something to [`Exchange::advance`].
    pub(super) fn pollable(&self) -> &Pollable {
        match &self.stage {
            Stage::Response(response) => &response.ready,
            Stage::Body(body) => &body.ready,
        }
    }

    /// Takes what has come, where the pollable is `ready`, and breaks with the outcome. Once it is
    /// time to give up nothing else counts: a server that sends a byte now and then would keep the
    /// call for ever.
    pub(super) fn advance(self, now: Duration, ready: bool) -> ControlFlow<Outcome, Self> {
        let Self { give_up_at, stage } = self;
        let timed_out = now >= give_up_at;
        let stage = match stage {
            Stage::Response(_) if timed_out => {
                return ControlFlow::Break(Err(TransportError::TimedOut));
            }
            Stage::Body(body) if timed_out => {
                return ControlFlow::Break(Ok(body.end(Err(TransportError::TimedOut))));
            }
            stage if !ready => stage,
            Stage::Response(response) => response.advance()?,
            Stage::Body(body) => body.advance()?,
        };
        ControlFlow::Continue(Self { give_up_at, stage })
    }
}

/// Awaits the header section. The pollable stands first, to be dropped before its parent.
struct Response {
    ready: Pollable,
    future: FutureIncomingResponse,
}

impl Response {
    fn advance(self) -> ControlFlow<Outcome, Stage> {
        let response = match self.future.get() {
            Some(Ok(Ok(response))) => response,
            Some(Ok(Err(code))) => return ControlFlow::Break(Err(transport_error(&code))),
            // Taken for the first time: the interface rules this out.
            Some(Err(())) => return ControlFlow::Break(Err(BROKEN)),
            None => return ControlFlow::Continue(Stage::Response(self)),
        };
        let status = response.status();
        let headers = response.headers();
        let header = |name: &str| first_text(headers.get(&name.to_owned()));
        let head = Reply {
            status,
            location: header("location"),
            retry_after: header("retry-after"),
            request_id: header("x-request-id"),
            body: Ok(Vec::new()),
        };
        if is_redirect(status) {
            return ControlFlow::Break(Ok(head));
        }
        match response
            .consume()
            .and_then(|body| Ok((body.stream()?, body)))
        {
            Ok((stream, body)) => ControlFlow::Continue(Stage::Body(Body {
                ready: stream.subscribe(),
                stream,
                _body: body,
                head,
                chunks: Vec::new(),
                length: 0,
            })),
            Err(()) => ControlFlow::Break(Ok(Reply {
                body: Err(BROKEN),
                ..head
            })),
        }
    }
}

/// Reads the body. Each resource stands before the one that it is a child of, to be dropped first.
struct Body {
    ready: Pollable,
    stream: InputStream,
    _body: IncomingBody,
    head: Reply,
    chunks: Vec<Vec<u8>>,
    length: usize,
}

impl Body {
    fn advance(mut self) -> ControlFlow<Outcome, Stage> {
        let end = match self.stream.read(CHUNK as u64) {
            Ok(chunk) if self.length + chunk.len() > MAX_BODY => Err(TransportError::TooLarge),
            Ok(chunk) => {
                self.append(chunk);
                return ControlFlow::Continue(Stage::Body(self));
            }
            Err(StreamError::Closed) => Ok(self.chunks.concat()),
            Err(StreamError::LastOperationFailed(error)) => {
                Err(http_error_code(&error).map_or(BROKEN, |code| transport_error(&code)))
            }
        };
        ControlFlow::Break(Ok(self.end(end)))
    }

    /// Keeps the body in pieces of up to a chunk: in one growing vector, and in a vector for each of
    /// many small reads, it would take several times the memory.
    fn append(&mut self, chunk: Vec<u8>) {
        self.length += chunk.len();
        match self.chunks.last_mut() {
            Some(last) if last.len() + chunk.len() <= CHUNK => last.extend_from_slice(&chunk),
            _ => self.chunks.push(chunk),
        }
    }

    fn end(self, body: Result<Vec<u8>, TransportError>) -> Reply {
        Reply { body, ..self.head }
    }
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, TransportError> {
    let mut headers = vec![
        ("accept".to_owned(), b"application/json".to_vec()),
        ("user-agent".to_owned(), USER_AGENT.as_bytes().to_vec()),
    ];
    if let Some(key) = &request.api_key {
        headers.push(("authorization".to_owned(), key.authorization().into_bytes()));
    }
    let headers = Fields::from_list(&headers).map_err(|_| TransportError::Denied)?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if request.url.is_https() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing
        .set_scheme(Some(&scheme))
        .and_then(|()| outgoing.set_authority(Some(request.url.authority())))
        .and_then(|()| outgoing.set_path_with_query(Some(&request.url.path_and_query())))
        .map_err(|()| TransportError::Denied)?;
    Ok(outgoing)
}

/// Hosts may refuse a timeout; the alarm holds all the same.
fn options(left: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let left = Some(nanoseconds(left));
    let _ = options.set_connect_timeout(left);
    let _ = options.set_first_byte_timeout(left);
    let _ = options.set_between_bytes_timeout(left);
    options
}

fn first_text(values: Vec<FieldValue>) -> Option<String> {
    values
        .into_iter()
        .next()
        .and_then(|value| String::from_utf8(value).ok())
}
