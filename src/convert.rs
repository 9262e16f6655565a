//! Conversion of `mv-clip-core`'s types to the records of `wit/clips.wit`, which have the same names.

use mv_clip_core::api::Clip;
use mv_clip_core::error::{ClipError, Failure, FailureKind};
use mv_clip_core::time::Timestamp;

use crate::bindings::exports::meraki_mv::clips::types;

impl From<Clip> for types::Clip {
    fn from(clip: Clip) -> Self {
        let Clip {
            request,
            url,
            expires_at,
            request_id,
        } = clip;
        Self {
            serial: request.serial.into_string(),
            imager_id: request.imager_id,
            start: request.window.start().to_rfc3339(),
            end: request.window.end().to_rfc3339(),
            url: url.into_string(),
            expires_at: expires_at.map(Timestamp::to_rfc3339),
            request_id,
        }
    }
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
