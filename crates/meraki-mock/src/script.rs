//! Scripted replies: a queue of outcomes for the next requests.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::record::Target;
use crate::wire::WireFault;

/// The outcome of one request, in place of the mock's own.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Scripted {
    /// The mock's own reply.
    Pass,
    /// This reply, whatever the request is, even with a wrong key. The mock adds `X-Request-Id` if it is
    /// missing.
    Reply(http::Response<Bytes>),
    /// The mock's own reply, with this fault on the wire.
    Fault(WireFault),
}

impl Scripted {
    /// An error reply in Meraki's form, `{"errors": [message]}`.
    pub fn error(status: StatusCode, message: &str) -> Self {
        let body = json!({ "errors": [message] }).to_string();
        let mut reply = http::Response::new(Bytes::from(body));
        *reply.status_mut() = status;
        let json = http::HeaderValue::from_static("application/json");
        reply.headers_mut().insert(http::header::CONTENT_TYPE, json);
        Self::Reply(reply)
    }
}

impl<B: Into<Bytes>> From<http::Response<B>> for Scripted {
    fn from(reply: http::Response<B>) -> Self {
        Self::Reply(reply.map(Into::into))
    }
}

impl From<WireFault> for Scripted {
    fn from(fault: WireFault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Reply(reply) => write!(f, "reply {}", reply.status()),
            Self::Fault(fault) => write!(f, "{fault:?}"),
        }
    }
}

/// Scripted entries that no request used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the client made fewer requests than the script expects; unused: {}. Correct the script, or find out \
     why the client stopped",
    .left.join(", ")
)]
#[non_exhaustive]
pub struct UnusedScript {
    /// The unused entries in order, as in `API: reply 503 Service Unavailable`.
    pub left: Vec<String>,
}

/// The entries that no request has used yet.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) api: VecDeque<Scripted>,
    pub(crate) media: VecDeque<Scripted>,
}

impl Script {
    /// The entry for the next request to `target`, if there is one.
    pub(crate) fn next(&mut self, target: Target) -> Option<Scripted> {
        match target {
            Target::Api => self.api.pop_front(),
            Target::Media => self.media.pop_front(),
            Target::Other => None,
        }
    }

    /// Empties the script.
    ///
    /// # Errors
    ///
    /// If entries were left.
    pub(crate) fn finish(&mut self) -> Result<(), UnusedScript> {
        let api = self.api.drain(..).map(|entry| format!("API: {entry}"));
        let media = self.media.drain(..).map(|entry| format!("media: {entry}"));
        let left: Vec<String> = api.chain(media).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(UnusedScript { left })
        }
    }
}
