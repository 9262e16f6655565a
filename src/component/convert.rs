//! The crate's values as the contract's records. Named alike on both sides, on purpose.

use super::bindings::exports::meraki_mv::clips::{transfer, types};
use crate::api::Clip;
use crate::error::{ClipError, Failure, FailureKind};
use crate::request::{ClipRequest, Window};
use crate::transfer::{Digest, SavedClip};

impl From<Clip> for types::Clip {
    fn from(clip: Clip) -> Self {
        let Clip {
            request,
            url,
            expires_at,
            request_id,
        } = clip;
        Self {
            serial: request.serial.to_string(),
            imager_id: request.imager_id,
            start: request.window.start().to_string(),
            end: request.window.end().to_string(),
            url: url.into_string(),
            expires_at: expires_at.map(|at| at.to_string()),
            request_id,
        }
    }
}

impl From<SavedClip> for transfer::SavedClip {
    fn from(saved: SavedClip) -> Self {
        let SavedClip {
            clip,
            digest: Digest { bytes, sha256 },
        } = saved;
        Self {
            clip: clip.into(),
            bytes,
            sha256,
        }
    }
}

impl From<&ClipRequest> for types::ClipRequest {
    fn from(request: &ClipRequest) -> Self {
        let ClipRequest {
            serial,
            window,
            imager_id,
        } = request;
        Self {
            imager_id: *imager_id,
            ..refused_request(serial.to_string(), *window)
        }
    }
}

/// A request whose serial was refused, as it was given.
pub(super) fn refused_request(serial: String, window: Window) -> types::ClipRequest {
    types::ClipRequest {
        serial,
        start: window.start().to_string(),
        end: window.end().to_string(),
        imager_id: None,
    }
}

/// What one of several clips came to, as the contract has it.
pub(super) fn outcome(
    request: types::ClipRequest,
    result: Result<Clip, ClipError>,
) -> types::ClipOutcome {
    let outcome = result.map(Into::into).map_err(Into::into);
    types::ClipOutcome { request, outcome }
}

impl From<ClipError> for types::ClipError {
    fn from(error: ClipError) -> Self {
        match error {
            ClipError::Permanent(failure) => Self::Permanent(failure.into()),
            ClipError::Transient(failure) => Self::Transient(failure.into()),
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        let Failure {
            kind,
            message,
            status,
            request_id,
            attempts,
            retry_after_seconds,
        } = failure;
        Self {
            kind: kind.into(),
            message,
            status,
            request_id,
            attempts,
            retry_after_seconds,
        }
    }
}

impl From<FailureKind> for types::FailureKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::InvalidSerial => Self::InvalidSerial,
            FailureKind::InvalidTime => Self::InvalidTime,
            FailureKind::InvalidWindow => Self::InvalidWindow,
            FailureKind::InvalidDestination => Self::InvalidDestination,
            FailureKind::InvalidSetting => Self::InvalidSetting,
            FailureKind::TooEarly => Self::TooEarly,
            FailureKind::OutsideRetention => Self::OutsideRetention,
            FailureKind::Unauthorized => Self::Unauthorized,
            FailureKind::Forbidden => Self::Forbidden,
            FailureKind::NotFound => Self::NotFound,
            FailureKind::Rejected => Self::Rejected,
            FailureKind::RateLimited => Self::RateLimited,
            FailureKind::DestinationRefused => Self::DestinationRefused,
            FailureKind::Unavailable => Self::Unavailable,
            FailureKind::ConnectionFailed => Self::ConnectionFailed,
            FailureKind::TimedOut => Self::TimedOut,
            FailureKind::BadResponse => Self::BadResponse,
        }
    }
}
