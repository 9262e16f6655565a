//! [`Upload`]: one `PUT` whose body is written piece by piece.

use mv_clip_core::transfer::{MAX_ERROR_BODY, Peer, Put, PutError};
use mv_clip_core::transport::TransportError;

use super::progress_timeout::ProgressTimeout;
use crate::clock::Clock;
use crate::error_code::{BROKEN, transport_error};
use crate::incoming::{Body, PendingResponse, header};
use crate::outgoing;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::{IncomingResponse, Method, OutgoingBody};
use crate::wasi::io::poll::Pollable;
use crate::wasi::io::streams::OutputStream;

/// The destination responded with success before the end of the clip.
const EARLY_RESPONSE: TransportError =
    TransportError::Connection("it answered before it had the whole clip");

/// A request whose body is being sent. The resources are dropped in this order: children before their parents. If it
/// is dropped before [`Upload::finish`], the body is incomplete, and the destination stores nothing.
pub(crate) struct Upload {
    ready: Pollable,
    stream: OutputStream,
    body: OutgoingBody,
    response: PendingResponse,
}

impl Upload {
    /// Sends the head of the request.
    pub(crate) fn start(clock: &Clock, put: &Put) -> Result<Self, PutError> {
        Self::send(clock, put).map_err(failed)
    }

    fn send(clock: &Clock, put: &Put) -> Result<Self, TransportError> {
        let mut fields: Vec<_> = put.destination.headers().collect();
        let length = put.length.map(|length| length.to_string());
        fields.extend(
            length
                .as_ref()
                .map(|length| ("content-length", length.as_str())),
        );
        let request = outgoing::request(&Method::Put, put.destination.url(), &fields)?;
        let body = request.body().map_err(|()| BROKEN)?;
        let stream = body.write().map_err(|()| BROKEN)?;
        // For hosts the time to the first byte includes the time to send the body.
        let left = put.attempt_deadline.saturating_sub(clock.elapsed());
        let timeout = put.progress_timeout.min(left);
        let options = outgoing::options(timeout, left, timeout);
        let future = outgoing_handler::handle(request, Some(options))
            .map_err(|code| transport_error(&code))?;
        Ok(Self {
            ready: stream.subscribe(),
            stream,
            body,
            response: PendingResponse::of(future),
        })
    }

    /// Is ready when the destination has responded.
    pub(crate) fn responded(&self) -> &Pollable {
        self.response.pollable()
    }

    /// Fails if the destination has responded already.
    pub(crate) fn check(&self, timeout: &ProgressTimeout<'_>) -> Result<(), PutError> {
        match self.response.take() {
            Some(response) => Err(early_response(response, timeout)),
            None => Ok(()),
        }
    }

    /// Sends the next bytes.
    pub(crate) fn write(
        &mut self,
        timeout: &mut ProgressTimeout<'_>,
        mut bytes: &[u8],
    ) -> Result<(), PutError> {
        while !bytes.is_empty() {
            let Some(room) = self.stream.check_write().ok() else {
                return Err(self.closed(timeout));
            };
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            if now.is_empty() {
                let wait = timeout.wait(&[&self.ready, self.responded()]);
                wait.map_err(failed)?;
                self.check(timeout)?;
                continue;
            }
            if self.stream.write(now).is_err() {
                return Err(self.closed(timeout));
            }
            bytes = later;
            timeout.reset().map_err(failed)?;
        }
        Ok(())
    }

    /// Why the destination closed the body: its response says so.
    fn closed(&self, timeout: &ProgressTimeout<'_>) -> PutError {
        early_response(timeout.take(&self.response), timeout)
    }

    /// Ends the body, and waits until the destination confirms that the clip is stored.
    pub(crate) fn finish(self, timeout: &mut ProgressTimeout<'_>) -> Result<(), PutError> {
        let Self {
            ready,
            stream,
            body,
            response,
        } = self;
        drop(ready);
        drop(stream);
        // An error here shows in the response too.
        let _ = OutgoingBody::finish(body, None);
        timeout.reset().map_err(failed)?;
        let response = timeout.take(&response);
        check_status(response, timeout)
    }
}

/// The error for a response before the end of the body, whatever its status.
fn early_response(
    response: Result<IncomingResponse, TransportError>,
    timeout: &ProgressTimeout<'_>,
) -> PutError {
    let result = check_status(response, timeout);
    result.err().unwrap_or(failed(EARLY_RESPONSE))
}

/// Fails for any status but 2xx.
fn check_status(
    response: Result<IncomingResponse, TransportError>,
    timeout: &ProgressTimeout<'_>,
) -> Result<(), PutError> {
    let response = response.map_err(failed)?;
    let status = response.status();
    if (200..300).contains(&status) {
        return Ok(());
    }
    let retry_after = header(&response.headers(), "retry-after");
    Err(PutError::Status {
        status,
        retry_after,
        body: error_body(&response, timeout.last()),
    })
}

/// The start of the body of an error response, as far as it arrives in time.
fn error_body(response: &IncomingResponse, mut timeout: ProgressTimeout<'_>) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(body) = Body::of(response) else {
        return read;
    };
    while read.len() < MAX_ERROR_BODY
        && let Ok(Some(more)) = timeout.read(&body, MAX_ERROR_BODY - read.len())
    {
        read.extend(more);
    }
    read
}

fn failed(error: TransportError) -> PutError {
    PutError::Transport(Peer::Destination, error)
}
