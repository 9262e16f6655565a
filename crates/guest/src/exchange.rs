//! [`Exchange`]: one HTTP exchange with Meraki's API over `wasi:http`. It does not block: it says what to poll, and
//! is advanced when that is ready.
//!
//! It uses the bindings that waki exports and not its `send` and `body`, which block without a deadline. It also
//! sets the three timeouts of `request-options`, but some hosts do not apply them to the TLS handshake, and others
//! reject them.

use std::ops::ControlFlow;
use std::time::Duration;

use mv_clip_core::operation::ACCEPT;
use mv_clip_core::redirect::is_redirect;
use mv_clip_core::settings::ApiKey;
use mv_clip_core::transport::{MAX_BODY, Request, Response, TransportError};

use crate::error_code::transport_error;
use crate::incoming::{self, PendingResponse, header};
use crate::outgoing::{self, NOT_COMPRESSED};
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::Method;
use crate::wasi::io::poll::Pollable;

/// How much of a body is read at a time, in bytes. Meraki's bodies fit.
const CHUNK: usize = 16 * 1024;

/// How an exchange ends.
pub(crate) type Outcome = Result<Response, TransportError>;

/// A request that is in flight.
pub(crate) struct Exchange {
    deadline: Duration,
    stage: Stage,
}

enum Stage {
    Head(PendingResponse),
    Body(Body),
}

impl Exchange {
    /// Sends a request, `now` after the start of the call.
    pub(crate) fn start(request: &Request, now: Duration) -> Result<Self, TransportError> {
        let deadline = request.attempt_deadline;
        let left = deadline.saturating_sub(now);
        let mut fields = vec![("accept", ACCEPT), NOT_COMPRESSED];
        let key = request.api_key.as_ref().map(ApiKey::authorization);
        fields.extend(key.as_ref().map(|key| ("authorization", key.as_str())));
        let outgoing = outgoing::request(&Method::Get, &request.url, &fields)?;
        let options = outgoing::options(left, left, left);
        let future = outgoing_handler::handle(outgoing, Some(options))
            .map_err(|code| transport_error(&code))?;
        Ok(Self {
            deadline,
            stage: Stage::Head(PendingResponse::of(future)),
        })
    }

    /// When this times out, counted from the start of the call.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Is ready when [`Exchange::advance`] has something to do.
    pub(crate) fn pollable(&self) -> &Pollable {
        match &self.stage {
            Stage::Head(response) => response.pollable(),
            Stage::Body(body) => body.incoming.pollable(),
        }
    }

    /// Reads what has arrived if the pollable is `ready`, and breaks with the outcome. Past the deadline the
    /// exchange times out even if it is ready: otherwise a server that sends single bytes would never time out.
    pub(crate) fn advance(self, now: Duration, ready: bool) -> ControlFlow<Outcome, Self> {
        let Self { deadline, stage } = self;
        let timed_out = now >= deadline;
        let stage = match stage {
            Stage::Head(_) if timed_out => {
                return ControlFlow::Break(Err(TransportError::TimedOut));
            }
            Stage::Body(body) if timed_out => {
                return ControlFlow::Break(Ok(body.end(Err(TransportError::TimedOut))));
            }
            stage if !ready => stage,
            Stage::Head(response) => head(response)?,
            Stage::Body(body) => body.advance()?,
        };
        ControlFlow::Continue(Self { deadline, stage })
    }
}

fn head(response: PendingResponse) -> ControlFlow<Outcome, Stage> {
    let incoming = match response.take() {
        Some(Ok(incoming)) => incoming,
        Some(Err(error)) => return ControlFlow::Break(Err(error)),
        None => return ControlFlow::Continue(Stage::Head(response)),
    };
    let headers = incoming.headers();
    let status = incoming.status();
    let header_if = |condition: bool, name| condition.then(|| header(&headers, name)).flatten();
    let head = Response {
        status,
        location: header_if(is_redirect(status), "location"),
        retry_after: header_if(status >= 300, "retry-after"),
        request_id: header_if(true, "x-request-id"),
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
        Err(error) => ControlFlow::Break(Ok(Response {
            body: Err(error),
            ..head
        })),
    }
}

/// A body that is being read.
struct Body {
    incoming: incoming::Body,
    head: Response,
    chunks: Vec<Vec<u8>>,
    length: usize,
}

impl Body {
    /// Reads all that has arrived: most bodies arrive with their head.
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

    /// Stores a piece of the body in chunks of up to [`CHUNK`] bytes. One growing vector, or one vector for each
    /// small read, would take several times the memory.
    fn append(&mut self, chunk: Vec<u8>) {
        self.length += chunk.len();
        match self.chunks.last_mut() {
            Some(last) if last.len() + chunk.len() <= CHUNK => last.extend_from_slice(&chunk),
            _ => self.chunks.push(chunk),
        }
    }

    fn end(self, body: Result<Vec<u8>, TransportError>) -> Response {
        Response { body, ..self.head }
    }
}
