//! What a call takes and gives, and how it fails.

use std::fmt;
use std::time::Duration;

use crate::bindings::exports::meraki_mv::clips::{transfer, types};
use crate::file::ReadError;
use crate::limits::Limit;

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
    /// By this, Meraki's support finds the request.
    pub request_id: Option<String>,
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
            serial: printable(&serial),
            imager_id,
            start: printable(&start),
            end: printable(&end),
            url: ClipUrl(printable(&url)),
            expires_at: expires_at.as_deref().map(printable),
            request_id: request_id.as_deref().map(printable),
        }
    }
}

/// What one of several clips came to. The fields are those of the record `clip-outcome` in
/// `wit/clips.wit`.
#[derive(Clone, Debug)]
pub struct ClipOutcome {
    /// Which footage.
    pub request: ClipRequest,
    /// The clip, or why there is none.
    pub outcome: Result<Clip, ClipError>,
}

impl From<types::ClipOutcome> for ClipOutcome {
    fn from(outcome: types::ClipOutcome) -> Self {
        let types::ClipOutcome { request, outcome } = outcome;
        Self {
            request,
            outcome: outcome.map(Clip::from),
        }
    }
}

/// A clip that is at its destination. The fields are those of the record `saved-clip` in
/// `wit/clips.wit`.
#[derive(Clone, Debug)]
pub struct SavedClip {
    /// The clip.
    pub clip: Clip,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
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
            sha256: printable(&sha256),
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
        FailureKind::InvalidDestination => "invalid-destination",
        FailureKind::InvalidSetting => "invalid-setting",
        FailureKind::TooEarly => "too-early",
        FailureKind::OutsideRetention => "outside-retention",
        FailureKind::Unauthorized => "unauthorized",
        FailureKind::Forbidden => "forbidden",
        FailureKind::NotFound => "not-found",
        FailureKind::Rejected => "rejected",
        FailureKind::RateLimited => "rate-limited",
        FailureKind::DestinationRefused => "destination-refused",
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
    /// The host's wall time, [`Limits::wall_time`](crate::Limits), was over before the call was.
    #[error("{} {limit:?} (Limits::wall_time){}", .phase.what_happened(), .phase.what_to_do())]
    WallTime {
        /// The wall time.
        limit: Duration,
        /// How far the call had come.
        phase: Phase,
    },
    /// The host was told to shut down ([`ClipHost::shut_down`](crate::ClipHost::shut_down)) before the call
    /// came to its end. A clip is not stored, unless its destination had all of it already; the same call may
    /// succeed elsewhere, or later.
    #[error(
        "the host shut down before the call came to its end; make the call again where a host runs, or once \
         this one is back"
    )]
    ShuttingDown,
    /// The guest wanted more than one of the [`Limits`](crate::Limits) gives it, which ended the call.
    #[error("the component was stopped: it wanted more than {0}")]
    Limit(Limit),
    /// The guest broke off of itself: a trap.
    #[error("the component broke off: {0:#}")]
    Trap(wasmtime::Error),
    /// The component lacks the interface that the call is in: it is one of the world `clips-only`.
    #[error(
        "this component has no interface meraki-mv:clips/{0}; load one of the world clip-plugin, such as \
         mv-clip.wasm"
    )]
    NotExported(&'static str),
}

/// How far a call had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waited for its turn, while as many calls were running as may
    /// ([`Limits::concurrent_calls`](crate::Limits)).
    Waiting,
    /// The component was being instantiated.
    Starting,
    /// The guest was running.
    Running,
}

impl Phase {
    fn what_happened(self) -> &'static str {
        match self {
            Self::Waiting => "the call got no turn within",
            Self::Starting => "the component did not start within",
            Self::Running => "the component was stopped after",
        }
    }

    fn what_to_do(self) -> &'static str {
        match self {
            Self::Waiting => {
                "; call again later, or let more calls run at once (Limits::concurrent_calls)"
            }
            Self::Starting => {
                "; let fewer calls run at once (Limits::concurrent_calls), or check the component"
            }
            Self::Running => {
                "; its own deadline, MV_CLIP_DEADLINE_SECONDS, is to be shorter than that"
            }
        }
    }
}

fn words(error: &ClipError) -> String {
    match error {
        ClipError::Permanent(failure) => printable(&failure.message),
        ClipError::Transient(failure) => match failure.retry_after_seconds {
            Some(seconds) => {
                let message = printable(&failure.message);
                format!("{message} Worth another try in {seconds} s.")
            }
            None => printable(&failure.message),
        },
        ClipError::ExecutionFailed => "the execution was lost.".into(),
    }
}

/// A guest's text, made safe for a terminal or a log.
fn printable(text: &str) -> String {
    mv_clip_core::text::printable(text).into_owned()
}

/// Why a component cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The engine cannot be set up with these limits.
    #[error("cannot set up the engine: {0:#}")]
    Engine(wasmtime::Error),
    /// The bytes are not a component, or one that asks for more than the world `clip-plugin` has, or
    /// gives less than the world `clips-only`, or has more or larger parts than its
    /// [`Limits`](crate::Limits) leave room for.
    #[error(
        "not a component of the world meraki-mv:clips/clip-plugin or clips-only that fits into its Limits: {0:#}"
    )]
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

    #[test]
    fn a_guests_words_do_not_steer_a_terminal() {
        let failure = Failure {
            kind: FailureKind::NotFound,
            message: "no\u{1b}[2Jsuch \"camera\"\r\n".to_owned(),
            status: None,
            request_id: None,
            attempts: 1,
            retry_after_seconds: None,
        };
        let words = CallError::Clip(ClipError::Permanent(failure)).to_string();
        assert_eq!(words, "no\u{fffd}[2Jsuch \"camera\"\u{fffd}\u{fffd}");
    }

    #[test]
    fn wall_time_is_told_exactly_and_with_the_phase() {
        let text = |phase| {
            let limit = Duration::from_millis(1_500);
            CallError::WallTime { limit, phase }.to_string()
        };
        assert_eq!(
            text(Phase::Waiting),
            "the call got no turn within 1.5s (Limits::wall_time); call again later, or let more \
             calls run at once (Limits::concurrent_calls)"
        );
        assert!(text(Phase::Starting).starts_with("the component did not start within 1.5s"));
        assert!(text(Phase::Running).starts_with("the component was stopped after 1.5s"));
    }
}
