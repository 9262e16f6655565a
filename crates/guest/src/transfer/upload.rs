//! One `PUT` whose body is written piece by piece.

use mv_clip_core::api::TransportError;
use mv_clip_core::transfer::{MAX_WORDS, Put, PutError, Side};

use super::patience::Patience;
use crate::clock::Clock;
use crate::error_code::{BROKEN, transport_error};
use crate::incoming::{Body, Response, text};
use crate::outgoing;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::{IncomingResponse, Method, OutgoingBody};
use crate::wasi::io::poll::Pollable;
use crate::wasi::io::streams::OutputStream;

/// A destination that has the end of the clip to come, and says that it is stored.
const TOO_SOON: TransportError =
    TransportError::Connection("it answered before it had the whole clip");

/// A request on its way. Each resource stands before the one that it is a child of, to be dropped
/// first. Dropped before [`Upload::finish`], the body has no end, and the destination stores nothing.
pub(crate) struct Upload {
    ready: Pollable,
    stream: OutputStream,
    body: OutgoingBody,
    response: Response,
}

impl Upload {
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
        // Hosts count the sending of the body as time to the first byte.
        let left = put.give_up_at.saturating_sub(clock.elapsed());
        let options = outgoing::options(put.patience.min(left), left, put.patience.min(left));
        let future = outgoing_handler::handle(request, Some(options))
            .map_err(|code| transport_error(&code))?;
        Ok(Self {
            ready: stream.subscribe(),
            stream,
            body,
            response: Response::of(future),
        })
    }

    /// Ready when the destination has answered.
    pub(crate) fn answered(&self) -> &Pollable {
        self.response.pollable()
    }

    /// Fails where the destination has answered already, with what it says.
    pub(crate) fn check(&self, patience: &Patience<'_>) -> Result<(), PutError> {
        match self.response.take() {
            Some(early) => Err(too_soon(early, patience)),
            None => Ok(()),
        }
    }

    /// Sends the next bytes.
    pub(crate) fn write(
        &mut self,
        patience: &mut Patience<'_>,
        mut bytes: &[u8],
    ) -> Result<(), PutError> {
        while !bytes.is_empty() {
            let Some(room) = self.stream.check_write().ok() else {
                return Err(self.closed(patience));
            };
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            if now.is_empty() {
                let wait = patience.wait(&[&self.ready, self.answered()]);
                wait.map_err(failed)?;
                self.check(patience)?;
                continue;
            }
            if self.stream.write(now).is_err() {
                return Err(self.closed(patience));
            }
            bytes = later;
            patience.moved().map_err(failed)?;
        }
        Ok(())
    }

    /// Why the body is taken no more: the reply says so.
    fn closed(&self, patience: &Patience<'_>) -> PutError {
        too_soon(patience.take(&self.response), patience)
    }

    /// Ends the body, and waits for the destination to say that it is stored.
    pub(crate) fn finish(self, patience: &mut Patience<'_>) -> Result<(), PutError> {
        let Self {
            ready,
            stream,
            body,
            response,
        } = self;
        drop(ready);
        drop(stream);
        // What went wrong here, the reply says too.
        let _ = OutgoingBody::finish(body, None);
        patience.moved().map_err(failed)?;
        let reply = patience.take(&response);
        judge(reply, patience)
    }
}

/// A reply before the end of the body: no success, whatever it says.
fn too_soon(reply: Result<IncomingResponse, TransportError>, patience: &Patience<'_>) -> PutError {
    judge(reply, patience).err().unwrap_or(failed(TOO_SOON))
}

fn judge(
    reply: Result<IncomingResponse, TransportError>,
    patience: &Patience<'_>,
) -> Result<(), PutError> {
    let response = reply.map_err(failed)?;
    let status = response.status();
    if (200..300).contains(&status) {
        return Ok(());
    }
    let retry_after = text(&response.headers(), "retry-after");
    Err(PutError::Refused {
        status,
        retry_after,
        body: words(&response, patience.last()),
    })
}

/// What the destination says, as far as it comes in time.
fn words(response: &IncomingResponse, mut patience: Patience<'_>) -> Vec<u8> {
    let mut words = Vec::new();
    let Ok(body) = Body::of(response) else {
        return words;
    };
    while words.len() < MAX_WORDS
        && let Ok(Some(more)) = patience.read(&body, MAX_WORDS - words.len())
    {
        words.extend(more);
    }
    words
}

fn failed(error: TransportError) -> PutError {
    PutError::NoReply(Side::Destination, error)
}
