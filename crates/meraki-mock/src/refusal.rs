//! Error replies in Meraki's form.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::json;

/// An error reply: `{"errors": ["…"]}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) messages: Vec<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            messages: vec![message.into()],
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(messages: Vec<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            messages,
            retry_after: None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "errors": self.messages }));
        let mut response = (self.status, body).into_response();
        if let Some(wait) = self.retry_after {
            // Rounded up to whole seconds, at least 1: after a shorter wait the client is refused again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(RETRY_AFTER, seconds.max(1).into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        for (wait, expected) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (2999, "3")] {
            let refusal = Refusal {
                retry_after: Some(Duration::from_millis(wait)),
                ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, "")
            };
            let reply = refusal.into_response();
            assert_eq!(reply.headers()[RETRY_AFTER], expected, "{wait} ms");
        }
    }
}
