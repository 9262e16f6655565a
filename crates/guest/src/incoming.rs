//! Incoming responses.

use std::cell::OnceCell;

use mv_clip_core::transport::TransportError;

use crate::error_code::{BROKEN, transport_error};
use crate::wasi::http::types::{
    FutureIncomingResponse, Headers, IncomingBody, IncomingResponse, http_error_code,
};
use crate::wasi::io::poll::Pollable;
use crate::wasi::io::streams::{InputStream, StreamError};

/// A response that may not have arrived yet. The pollable is dropped before its parent, the future.
pub(crate) struct PendingResponse {
    ready: Pollable,
    future: FutureIncomingResponse,
}

impl PendingResponse {
    pub(crate) fn of(future: FutureIncomingResponse) -> Self {
        Self {
            ready: future.subscribe(),
            future,
        }
    }

    /// Is ready when [`PendingResponse::take`] has something to return.
    pub(crate) fn pollable(&self) -> &Pollable {
        &self.ready
    }

    /// The head of the response, if it has arrived. Can be taken once.
    pub(crate) fn take(&self) -> Option<Result<IncomingResponse, TransportError>> {
        Some(match self.future.get()? {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(code)) => Err(transport_error(&code)),
            // Taken for the second time.
            Err(()) => Err(BROKEN),
        })
    }
}

/// The first value of a header field, if it is UTF-8.
pub(crate) fn header(headers: &Headers, name: &str) -> Option<String> {
    let values = headers.get(&name.to_owned());
    let first = values.into_iter().next()?;
    String::from_utf8(first).ok()
}

/// The body of a response. The resources are dropped in this order: children before their parents.
pub(crate) struct Body {
    ready: OnceCell<Pollable>,
    stream: InputStream,
    _body: IncomingBody,
}

impl Body {
    pub(crate) fn of(response: &IncomingResponse) -> Result<Self, TransportError> {
        let body = response.consume().map_err(|()| BROKEN)?;
        let stream = body.stream().map_err(|()| BROKEN)?;
        Ok(Self {
            ready: OnceCell::new(),
            stream,
            _body: body,
        })
    }

    /// Is ready when [`Body::read`] has something to return. Created on first use: most bodies arrive with their
    /// head.
    pub(crate) fn pollable(&self) -> &Pollable {
        self.ready.get_or_init(|| self.stream.subscribe())
    }

    /// Reads at most `max` bytes: an empty vector if none have arrived yet, `None` after the last.
    pub(crate) fn read(&self, max: usize) -> Result<Option<Vec<u8>>, TransportError> {
        match self.stream.read(max as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(error)) => {
                Err(http_error_code(&error).map_or(BROKEN, |code| transport_error(&code)))
            }
        }
    }
}
