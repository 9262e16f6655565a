//! Scripted replies: a queue of what happens to the next requests.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::record::Target;
use crate::wire::WireFault;

/// What happens to one request in place of what the mock would do by itself.
#[derive(Debug, Clone)]
pub enum Scripted {
    /// Nothing special: the mock answers by itself.
    Pass,
    /// This reply, whatever the request says; its key is not even looked at. An `X-Request-Id` is
    /// added where it has none.
    Reply(http::Response<Bytes>),
    /// The mock works out its own reply, and this happens to it on the wire.
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
    "the client made fewer requests than the script expects; not used: {}. Correct the script, or \
     find out why the client stopped",
    .left.join(", ")
)]
pub struct UnusedScript {
    /// What was not used, in order, as in `API: reply 503 Service Unavailable`.
    pub left: Vec<String>,
}

/// The entries that wait for their requests.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) api: VecDeque<Scripted>,
    pub(crate) media: VecDeque<Scripted>,
}

impl Script {
    /// What happens to the next request for `target`, if the script has a say in it.
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
    /// If there was anything left in it.
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
