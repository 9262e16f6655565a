//! Replies on their way in.

use std::cell::OnceCell;

use mv_clip_core::api::TransportError;

use crate::error_code::{BROKEN, transport_error};
use crate::wasi::http::types::{
    FutureIncomingResponse, Headers, IncomingBody, IncomingResponse, http_error_code,
};
use crate::wasi::io::poll::Pollable;
use crate::wasi::io::streams::{InputStream, StreamError};

/// A reply that is waited for. The pollable stands first, to be dropped before its parent.
pub(crate) struct Response {
    ready: Pollable,
    future: FutureIncomingResponse,
}

impl Response {
    pub(crate) fn of(future: FutureIncomingResponse) -> Self {
        Self {
            ready: future.subscribe(),
            future,
        }
    }

    pub(crate) fn pollable(&self) -> &Pollable {
        &self.ready
    }

    /// The reply's head, once it is there. To be taken once.
    pub(crate) fn take(&self) -> Option<Result<IncomingResponse, TransportError>> {
        Some(match self.future.get()? {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(code)) => Err(transport_error(&code)),
            // Taken for the second time.
            Err(()) => Err(BROKEN),
        })
    }
}

/// The first value of a header field, where it is text.
pub(crate) fn text(headers: &Headers, name: &str) -> Option<String> {
    let values = headers.get(&name.to_owned());
    let first = values.into_iter().next()?;
    String::from_utf8(first).ok()
}

/// The body of a reply. Each resource stands before the one that it is a child of, to be dropped first.
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

    /// Made when it is first asked for: most bodies need not be waited for.
    pub(crate) fn pollable(&self) -> &Pollable {
        self.ready.get_or_init(|| self.stream.subscribe())
    }

    /// The next bytes: at most so many, none where there are none yet, and nothing after the last.
    pub(crate) fn read(&self, most: usize) -> Result<Option<Vec<u8>>, TransportError> {
        match self.stream.read(most as u64) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(error)) => {
                Err(http_error_code(&error).map_or(BROKEN, |code| transport_error(&code)))
            }
        }
    }
}
