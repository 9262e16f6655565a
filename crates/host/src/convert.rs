//! Converts between the types generated from the contract and those of this library.
//!
//! All text from a guest goes through here. Characters that could control a terminal, forge a log line or reorder text
//! are replaced.

use std::borrow::Cow;

use mv_clip_core::error::FailureKind;
use mv_clip_core::text;

use crate::bindings::exports::meraki_mv::clips::{transfer, types};
use crate::clip::{Clip, ClipOutcome, ClipRequest, ClipUrl, SavedClip};
use crate::error::{ClipError, Failure, shortened};

impl From<&ClipRequest> for types::ClipRequest {
    fn from(request: &ClipRequest) -> Self {
        let ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request.clone();
        Self {
            serial,
            start,
            end,
            imager_id,
        }
    }
}

impl From<types::ClipRequest> for ClipRequest {
    fn from(request: types::ClipRequest) -> Self {
        let types::ClipRequest {
            serial,
            start,
            end,
            imager_id,
        } = request;
        Self {
            serial: printable(serial),
            start: printable(start),
            end: printable(end),
            imager_id,
        }
    }
}

impl From<types::Clip> for Clip {
    fn from(clip: types::Clip) -> Self {
        let types::Clip {
            serial,
            imager_id,
            start,
            end,
            url,
            expires_at,
            request_id,
        } = clip;
        Self {
            serial: printable(serial),
            imager_id,
            start: printable(start),
            end: printable(end),
            url: clip_url(url),
            expires_at: expires_at.map(printable),
            request_id: request_id.map(printable),
        }
    }
}

impl From<types::ClipOutcome> for ClipOutcome {
    fn from(outcome: types::ClipOutcome) -> Self {
        let types::ClipOutcome { request, outcome } = outcome;
        Self {
            request: request.into(),
            outcome: outcome.map(Clip::from).map_err(ClipError::from),
        }
    }
}

impl From<transfer::SavedClip> for SavedClip {
    fn from(saved: transfer::SavedClip) -> Self {
        let transfer::SavedClip {
            clip,
            bytes,
            sha256,
        } = saved;
        Self {
            clip: clip.into(),
            bytes,
            sha256: printable(sha256),
        }
    }
}

impl From<types::ClipError> for ClipError {
    fn from(error: types::ClipError) -> Self {
        match error {
            types::ClipError::Permanent(failure) => Self::Permanent(failure.into()),
            types::ClipError::Transient(failure) => Self::Transient(failure.into()),
            types::ClipError::ExecutionFailed => Self::ExecutionFailed,
        }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        let types::Failure {
            kind,
            message,
            status,
            request_id,
            attempts,
            retry_after_seconds,
        } = failure;
        Self {
            kind: self::kind(kind),
            message: shortened(&printable(message)),
            status,
            request_id: request_id.map(printable),
            attempts,
            retry_after_seconds,
        }
    }
}

fn kind(kind: types::FailureKind) -> FailureKind {
    use types::FailureKind as Kind;
    match kind {
        Kind::InvalidSerial => FailureKind::InvalidSerial,
        Kind::InvalidTime => FailureKind::InvalidTime,
        Kind::InvalidWindow => FailureKind::InvalidWindow,
        Kind::InvalidDestination => FailureKind::InvalidDestination,
        Kind::InvalidSetting => FailureKind::InvalidSetting,
        Kind::TooEarly => FailureKind::TooEarly,
        Kind::OutsideRetention => FailureKind::OutsideRetention,
        Kind::Unauthorized => FailureKind::Unauthorized,
        Kind::Forbidden => FailureKind::Forbidden,
        Kind::NotFound => FailureKind::NotFound,
        Kind::Rejected => FailureKind::Rejected,
        Kind::RateLimited => FailureKind::RateLimited,
        Kind::DestinationRefused => FailureKind::DestinationRefused,
        Kind::Unavailable => FailureKind::Unavailable,
        Kind::ConnectionFailed => FailureKind::ConnectionFailed,
        Kind::TimedOut => FailureKind::TimedOut,
        Kind::BadResponse => FailureKind::BadResponse,
    }
}

/// A URL from the guest, as `get-clip` gives it.
pub(crate) fn clip_url(url: String) -> ClipUrl {
    printable(url).into()
}

fn printable(text: String) -> String {
    match text::printable(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(replaced) => replaced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CallError;

    #[test]
    fn text_from_a_guest_does_not_control_a_terminal() {
        let failure = types::Failure {
            kind: types::FailureKind::NotFound,
            message: "no\u{1b}[2Jsuch \"camera\"\r\u{202e}".to_owned(),
            status: None,
            request_id: Some("a\nb".to_owned()),
            attempts: 1,
            retry_after_seconds: None,
        };
        let error = CallError::Clip(types::ClipError::Permanent(failure).into());
        let words = error.to_string();
        assert_eq!(words, "no\u{fffd}[2Jsuch \"camera\"\u{fffd}\u{fffd}");
        let request_id = error.failure().unwrap().request_id.as_deref();
        assert_eq!(request_id, Some("a\u{fffd}b"));
    }
}
