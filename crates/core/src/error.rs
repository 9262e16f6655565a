//! [`ClipError`]: the error of a call.

use std::fmt;

/// Why a call failed, and whether the same call can succeed later.
///
/// It stays exhaustive: there is no third answer to that.
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

/// The kinds of failure: the enum `failure-kind` of the contract, which describes each.
///
/// `Display` gives the contract's name, such as `rate-limited`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// In a component, its conversion to the contract has to name each kind.
#[cfg_attr(not(target_family = "wasm"), non_exhaustive)]
pub enum FailureKind {
    /// The serial is not three groups of four letters or digits.
    InvalidSerial,
    /// A time is not RFC 3339 with an offset.
    InvalidTime,
    /// The window is too short, too long, or ends before it starts.
    InvalidWindow,
    /// The destination of `save_clip` is not a URL that can be used.
    InvalidDestination,
    /// A setting has a value that cannot be used; the message names it.
    InvalidSetting,
    /// The footage is not available yet.
    TooEarly,
    /// The window starts before the camera's retention.
    OutsideRetention,
    /// Meraki answered 401: the API key is missing, wrong or revoked.
    Unauthorized,
    /// Meraki answered 403: the key may not read this camera's video.
    Forbidden,
    /// Meraki answered 404: no such camera for this key.
    NotFound,
    /// Rejected for another reason, by Meraki or by the host's policy.
    Rejected,
    /// Meraki answered 429: the organisation's request limit is used up.
    RateLimited,
    /// The destination of `save_clip` refused the clip.
    DestinationRefused,
    /// Meraki or the destination cannot answer now, or the clip's URL does not work.
    Unavailable,
    /// No connection, or it broke off.
    ConnectionFailed,
    /// No full reply in time.
    TimedOut,
    /// The reply holds no usable clip.
    BadResponse,
}

impl FailureKind {
    /// The name in the contract, such as `rate-limited`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidSerial => "invalid-serial",
            Self::InvalidTime => "invalid-time",
            Self::InvalidWindow => "invalid-window",
            Self::InvalidDestination => "invalid-destination",
            Self::InvalidSetting => "invalid-setting",
            Self::TooEarly => "too-early",
            Self::OutsideRetention => "outside-retention",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate-limited",
            Self::DestinationRefused => "destination-refused",
            Self::Unavailable => "unavailable",
            Self::ConnectionFailed => "connection-failed",
            Self::TimedOut => "timed-out",
            Self::BadResponse => "bad-response",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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
