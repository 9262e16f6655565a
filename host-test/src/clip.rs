//! What a call takes and gives, and how it fails.

use std::fmt;
use std::time::Duration;

use crate::bindings::exports::meraki_mv::clips::types;

pub use types::{ClipError, ClipRequest, Failure, FailureKind};

/// A clip that can be fetched now. The fields are those of the record `clip` in `wit/clips.wit`.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The camera's serial number.
    pub serial: String,
    /// The imager of a multi-imager camera.
    pub imager_id: Option<u32>,
    /// The start of the window, in UTC with milliseconds.
    pub start: String,
    /// The end of the window, in UTC with milliseconds.
    pub end: String,
    /// Where the clip is.
    pub url: ClipUrl,
    /// When the URL stops working, in UTC with milliseconds.
    pub expires_at: Option<String>,
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
        } = clip;
        Self {
            serial,
            imager_id,
            start,
            end,
            url: ClipUrl(url),
            expires_at,
        }
    }
}

/// Where a clip is. Whoever has the URL has the video, so `Debug` does not print it.
#[derive(Clone)]
pub struct ClipUrl(String);

impl ClipUrl {
    /// The URL itself: to fetch it or to hand it to a person, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClipUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for ClipUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClipUrl(hidden)")
    }
}

/// The name of a kind as the contract spells it, such as `rate-limited`.
pub fn kind_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidSerial => "invalid-serial",
        FailureKind::InvalidTime => "invalid-time",
        FailureKind::InvalidWindow => "invalid-window",
        FailureKind::InvalidSetting => "invalid-setting",
        FailureKind::TooEarly => "too-early",
        FailureKind::OutsideRetention => "outside-retention",
        FailureKind::Unauthorized => "unauthorized",
        FailureKind::Forbidden => "forbidden",
        FailureKind::NotFound => "not-found",
        FailureKind::Rejected => "rejected",
        FailureKind::RateLimited => "rate-limited",
        FailureKind::Unavailable => "unavailable",
        FailureKind::ConnectionFailed => "connection-failed",
        FailureKind::TimedOut => "timed-out",
        FailureKind::BadResponse => "bad-response",
    }
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The component ran and says why there is no clip.
    #[error("{}", words(.0))]
    Clip(ClipError),
    /// The guest was still running when the host's wall time was over.
    #[error(
        "the component was stopped after {} s (Limits::wall_time); its own deadline, \
         MV_CLIP_DEADLINE_SECONDS, is to be shorter than that",
        .0.as_secs()
    )]
    WallTime(Duration),
    /// The guest broke off: a trap, or a limit of [`crate::Limits`].
    #[error("the component broke off: {0:#}")]
    Trap(wasmtime::Error),
}

fn words(error: &ClipError) -> String {
    match error {
        ClipError::Permanent(failure) => failure.message.clone(),
        ClipError::Transient(failure) => match failure.retry_after_seconds {
            Some(seconds) => format!("{} Worth another try in {seconds} s.", failure.message),
            None => failure.message.clone(),
        },
        ClipError::ExecutionFailed => "the execution was lost.".into(),
    }
}

/// Why a component cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the component {path}: {error}. `cargo xtask build` makes it")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The engine cannot be set up with these limits.
    #[error("cannot set up the engine: {0:#}")]
    Engine(wasmtime::Error),
    /// The bytes are not a component, or one that asks for more than the world `clip-plugin` has, or
    /// gives less.
    #[error("not a component of the world meraki-mv:clips/clip-plugin: {0:#}")]
    Component(wasmtime::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_url() {
        assert_eq!(
            format!("{:?}", ClipUrl::from("https://h/t0ken".to_owned())),
            "ClipUrl(hidden)"
        );
    }
}
