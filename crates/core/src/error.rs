//! [`ClipError`]: the error of a call.

use std::fmt;

/// Why a call failed, and whether the same call can succeed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClipError {
    /// The same call will fail again.
    Permanent(Failure),
    /// The same call may succeed later.
    Transient(Failure),
}

impl ClipError {
    /// The failure, permanent or transient.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Permanent(failure) | Self::Transient(failure) => failure,
        }
    }
}

impl fmt::Display for ClipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure().fmt(f)
    }
}

impl std::error::Error for ClipError {}

/// A failure. The fields are those of the record `failure` in `wit/clips.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind, for programs to branch on.
    pub kind: FailureKind,
    /// One or two sentences for people, without secrets.
    pub message: String,
    /// The HTTP status of the response to the last attempt; none if there was no response.
    pub status: Option<u16>,
    /// The header `X-Request-Id` of Meraki's last response.
    pub request_id: Option<String>,
    /// The number of attempts, redirects not counted: to get the clip's URL, or, once there is one, to save the
    /// clip. 0 if no request was sent.
    pub attempts: u32,
    /// After how many seconds the same call may succeed: at least 1. None if that is not known.
    pub retry_after_seconds: Option<u32>,
}

impl Failure {
    /// A failure before any request was sent.
    pub fn before_request(kind: FailureKind, message: String) -> Self {
        Self {
            kind,
            message,
            status: None,
            request_id: None,
            attempts: 0,
            retry_after_seconds: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The kinds of failure: the enum `failure-kind` in `wit/clips.wit`, which documents each.
#[expect(
    missing_docs,
    reason = "documented in wit/clips.wit, where callers look"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    InvalidSerial,
    InvalidTime,
    InvalidWindow,
    InvalidDestination,
    InvalidSetting,
    TooEarly,
    OutsideRetention,
    Unauthorized,
    Forbidden,
    NotFound,
    Rejected,
    RateLimited,
    DestinationRefused,
    Unavailable,
    ConnectionFailed,
    TimedOut,
    BadResponse,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_print_their_message() {
        let failure = Failure::before_request(FailureKind::InvalidTime, "no time".into());
        assert_eq!(failure.to_string(), "no time");
        assert_eq!(ClipError::Permanent(failure).to_string(), "no time");
    }
}
