//! What a caller is told when there is no clip.

use std::fmt;

/// Why there is no clip, sorted by whether the same call can succeed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClipError {
    /// The same call will fail again.
    Permanent(Failure),
    /// The same call may succeed later.
    Transient(Failure),
}

impl ClipError {
    /// What went wrong, in either case.
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

/// What went wrong. The fields are those of the record `failure` in `wit/clips.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind, for programs.
    pub kind: FailureKind,
    /// The words, for people.
    pub message: String,
    /// The HTTP status of the last reply.
    pub status: Option<u16>,
    /// The `X-Request-Id` of Meraki's last reply.
    pub request_id: Option<String>,
    /// How often Meraki was asked, redirects not counted; in a transfer, how often that was tried.
    pub attempts: u32,
    /// After how many seconds the same call may succeed.
    pub retry_after_seconds: Option<u32>,
}

impl Failure {
    /// A failure that was found before any request.
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

/// The kinds of failure: the enum `failure-kind` in `wit/clips.wit`, which says what each means.
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
