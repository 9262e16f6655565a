//! One HTTP exchange over `wasi:http`, without blocking: it says what to poll, and is advanced when
//! that is ready.
//!
//! The messages go through the bindings that waki exports: its own `send` and `body` block without a
//! deadline. The three timeouts of `request-options` are set too, but they leave out the TLS handshake
//! in some hosts, and others refuse them.

use std::ops::ControlFlow;
use std::time::Duration;

use mv_clip_core::api::{MAX_BODY, Reply, Request, TransportError};
use mv_clip_core::redirect::is_redirect;
use mv_clip_core::settings::ApiKey;

use crate::error_code::transport_error;
use crate::incoming::{self, Response, text};
use crate::outgoing;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::Method;
use crate::wasi::io::poll::Pollable;

/// How much of a body is read at a time, in bytes: a real one fits.
const CHUNK: usize = 16 * 1024;

/// What an exchange comes to.
pub(crate) type Outcome = Result<Reply, TransportError>;

/// A request that is on its way.
pub(crate) struct Exchange {
    give_up_at: Duration,
    stage: Stage,
}

enum Stage {
    Response(Response),
    Body(Body),
}

impl Exchange {
    pub(crate) fn start(request: &Request, now: Duration) -> Result<Self, TransportError> {
        let give_up_at = request.give_up_at;
        let left = give_up_at.saturating_sub(now);
        let mut fields = vec![("accept", "application/json")];
        let key = request.api_key.as_ref().map(ApiKey::authorization);
        fields.extend(key.as_ref().map(|key| ("authorization", key.as_str())));
        let outgoing = outgoing::request(&Method::Get, &request.url, &fields)?;
        let options = outgoing::options(left, left, left);
        let future = outgoing_handler::handle(outgoing, Some(options))
            .map_err(|code| transport_error(&code))?;
        Ok(Self {
            give_up_at,
            stage: Stage::Response(Response::of(future)),
        })
    }

    /// When this has to be over, counted from the start of the call.
    pub(crate) fn give_up_at(&self) -> Duration {
        self.give_up_at
    }

    /// Ready when there is something to [`Exchange::advance`].
    pub(crate) fn pollable(&self) -> &Pollable {
        match &self.stage {
            Stage::Response(response) => response.pollable(),
            Stage::Body(body) => body.incoming.pollable(),
        }
    }

    /// Takes what has come, where the pollable is `ready`, and breaks with the outcome. Once it is
    /// time to give up nothing else counts: a server that sends a byte now and then would keep the
    /// call for ever.
    pub(crate) fn advance(self, now: Duration, ready: bool) -> ControlFlow<Outcome, Self> {
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
            Stage::Response(response) => head(response)?,
            Stage::Body(body) => body.advance()?,
        };
        ControlFlow::Continue(Self { give_up_at, stage })
    }
}

fn head(response: Response) -> ControlFlow<Outcome, Stage> {
    let incoming = match response.take() {
        Some(Ok(incoming)) => incoming,
        Some(Err(error)) => return ControlFlow::Break(Err(error)),
        None => return ControlFlow::Continue(Stage::Response(response)),
    };
    let headers = incoming.headers();
    let status = incoming.status();
    let field_of = |concerned: bool, name| concerned.then(|| text(&headers, name)).flatten();
    let head = Reply {
        status,
        location: field_of(is_redirect(status), "location"),
        retry_after: field_of(status >= 300, "retry-after"),
        request_id: field_of(true, "x-request-id"),
        body: Ok(Vec::new()),
    };
    if is_redirect(status) {
        return ControlFlow::Break(Ok(head));
    }
    match incoming::Body::of(&incoming) {
        Ok(incoming) => Body {
            incoming,
            head,
            chunks: Vec::new(),
            length: 0,
        }
        .advance(),
        Err(error) => ControlFlow::Break(Ok(Reply {
            body: Err(error),
            ..head
        })),
    }
}

/// Reads the body whole.
struct Body {
    incoming: incoming::Body,
    head: Reply,
    chunks: Vec<Vec<u8>>,
    length: usize,
}

impl Body {
    /// Takes all that has come: most replies come with their head, and need not be waited for.
    fn advance(mut self) -> ControlFlow<Outcome, Stage> {
        let end = loop {
            match self.incoming.read(CHUNK) {
                Ok(Some(chunk)) if self.length + chunk.len() > MAX_BODY => {
                    break Err(TransportError::TooLarge);
                }
                Ok(Some(chunk)) if chunk.is_empty() => {
                    return ControlFlow::Continue(Stage::Body(self));
                }
                Ok(Some(chunk)) => self.append(chunk),
                Ok(None) => break Ok(self.chunks.concat()),
                Err(error) => break Err(error),
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
